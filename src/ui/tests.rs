//! The window on a session without a worker: closing, the start screen, and imports.

#![allow(clippy::unwrap_used)]

mod at_once;
mod cine;
mod click;
mod desktop;
mod header;
mod learning;
mod looks;
mod measure;
mod mouse;
mod narrow;
mod ortho;
mod pacs;
mod panes;
mod presentation;
mod screenshot;
mod second_choice;
mod sessions;

use super::*;
use crate::{
    Error, ErrorKind,
    session::{
        job::{Event, Job, StoreJob, WorkspaceSummary},
        settings::Settings,
    },
};
use egui::{
    Event as Input, Modifiers, PointerButton, Pos2, ViewportCommand, ViewportEvent, ViewportId,
};
use egui_kittest::{Harness, kittest::Queryable};
use labrum_core::{
    import::{ImportedMasks, MaskChoice, TakenLabel},
    label::Label,
};

struct App {
    window: WindowState,
    session: Session,
    actions: Vec<String>,
    jobs: Vec<Job>,
}

fn window(session: Session) -> Harness<'static, App> {
    let mut is_new = true;
    let frame = move |ui: &mut Ui, app: &mut App| {
        if std::mem::take(&mut is_new) {
            theme::install_themes(ui.ctx());
        }
        while let Some(actions) = app.window.handle_next_event(ui.ctx(), &app.session) {
            for action in actions {
                app.actions.push(format!("{action:?}"));
                app.session.apply_action(action);
            }
        }
        for action in app.window.show_frame(ui, &app.session) {
            app.actions.push(format!("{action:?}"));
            app.session.apply_action(action);
        }
        app.jobs.extend(app.session.take_jobs());
    };
    let app = App {
        window: WindowState::default(),
        session,
        actions: Vec::new(),
        jobs: Vec::new(),
    };
    let mut harness = Harness::builder()
        .with_size([1280.0, 800.0])
        .build_ui_state(frame, app);
    harness.run_steps(2);
    harness
}

/// Moves the pointer to a place, and drags it from there to another one.
fn drag(harness: &mut Harness<'static, App>, button: PointerButton, from: Pos2, to: Pos2) {
    let event = |pos, pressed| Input::PointerButton {
        pos,
        button,
        pressed,
        modifiers: Modifiers::NONE,
    };
    for event in [
        Input::PointerMoved(from),
        event(from, true),
        Input::PointerMoved(to),
        event(to, false),
    ] {
        harness.event(event);
        harness.step();
    }
    harness.run_steps(2);
}

fn unsaved(waiting: usize) -> Session {
    let mut session = Session::new(Settings::default());
    let full = Error::new("write the workspace", "no space left on device");
    (0..waiting).for_each(|n| session.apply_action(Action::RenameWorkspace(format!("Work {n}"))));
    session.on_event(Event::Stored {
        written: 0,
        trouble: Some(full),
    });
    session
}

/// True if the window closes within the next frames.
fn closes(harness: &mut Harness<'static, App>) -> bool {
    (0..4).fold(false, |closes, _| {
        harness.step();
        closes
            | harness.output().viewport_output[&ViewportId::ROOT]
                .commands
                .contains(&ViewportCommand::Close)
    })
}

/// Asks the window to close; returns its commands.
fn close(harness: &mut Harness<'static, App>) -> Vec<ViewportCommand> {
    harness
        .input_mut()
        .viewports
        .get_mut(&ViewportId::ROOT)
        .unwrap()
        .events
        .push(ViewportEvent::Close);
    harness.step();
    let commands = harness.output().viewport_output[&ViewportId::ROOT]
        .commands
        .clone();
    harness
        .input_mut()
        .viewports
        .get_mut(&ViewportId::ROOT)
        .unwrap()
        .events
        .clear();
    harness.run_steps(2);
    commands
}

#[test]
fn the_window_does_not_close_while_work_is_unsaved() {
    let mut harness = window(unsaved(3));
    assert!(close(&mut harness).contains(&ViewportCommand::CancelClose));
    assert!(
        harness
            .query_by_label_contains("3 changes are not saved")
            .is_some()
    );
    harness
        .get_all_by_label("Try again")
        .last()
        .unwrap()
        .click();
    harness.run_steps(2);
    assert!(
        harness
            .state()
            .jobs
            .iter()
            .any(|j| matches!(j, Job::Store(StoreJob::Retry)))
    );

    harness.get_by_label("Discard and quit").click();
    harness.run_steps(2);
    assert!(
        !close(&mut harness).contains(&ViewportCommand::CancelClose),
        "the user has confirmed it"
    );
}

#[test]
fn the_window_closes_once_all_work_is_saved() {
    let mut harness = window(unsaved(1));
    close(&mut harness);
    harness.state_mut().session.on_event(Event::Stored {
        written: 1,
        trouble: None,
    });
    assert!(closes(&mut harness));
    assert!(!close(&mut harness).contains(&ViewportCommand::CancelClose));
}

#[test]
fn the_window_closes_at_once_if_all_work_is_saved() {
    let mut harness = window(Session::new(Settings::default()));
    assert!(!close(&mut harness).contains(&ViewportCommand::CancelClose));
}

#[test]
fn the_status_bar_shows_unsaved_changes_and_the_reason() {
    let harness = window(unsaved(3));
    assert!(
        harness
            .query_by_label_contains("3 changes not saved: Cannot write the workspace")
            .is_some()
    );
}

#[test]
fn recent_workspaces_are_opened_from_the_start_screen() {
    let recent_workspaces = vec!["/work/Heads".into(), "/work/Gone".into()];
    let mut session = Session::new(Settings {
        recent_workspaces,
        ..Settings::default()
    });
    let workspace = |name: &str, cases, is_missing| WorkspaceSummary {
        folder: format!("/work/{name}").into(),
        name: name.into(),
        cases,
        is_missing,
    };
    session.on_event(Event::Workspaces(vec![
        workspace("Heads", Some((12, 5)), false),
        workspace("Gone", None, true),
    ]));
    let mut harness = window(session);
    harness.get_by_label("Open workspace Gone").click();
    harness.run_steps(2);
    assert!(
        harness
            .state()
            .actions
            .iter()
            .all(|a| !a.contains("OpenWorkspace")),
        "the button is disabled"
    );
    harness.get_by_label("Open workspace Heads").click();
    harness.run_steps(2);
    assert!(
        harness
            .state()
            .actions
            .iter()
            .any(|a| a == "OpenWorkspace(\"/work/Heads\")")
    );
}

#[test]
fn the_start_screen_does_not_move_when_workspace_summaries_arrive() {
    let folder = std::path::PathBuf::from("/work/Heads");
    let summary = WorkspaceSummary {
        folder: folder.clone(),
        name: "Heads".into(),
        cases: Some((12, 5)),
        is_missing: false,
    };
    for known in [Vec::new(), vec![folder.clone()]] {
        let mut harness = window(Session::new(Settings {
            recent_workspaces: known,
            ..Settings::default()
        }));
        let sample = harness.get_by_label("Open sample Heart").rect();
        let info = crate::session::job::WorkspaceInfo {
            folder: folder.clone(),
            ..Default::default()
        };
        harness
            .state_mut()
            .session
            .on_event(Event::Workspace(Ok(info)));
        harness
            .state_mut()
            .session
            .on_event(Event::Workspaces(vec![summary.clone()]));
        harness.run_steps(3);
        assert_eq!(
            harness.get_by_label("Open sample Heart").rect().left_top(),
            sample.left_top()
        );
    }
}

#[test]
fn overlapping_masks_are_chosen_and_ordered_by_the_user() {
    let mut session = Session::new(Settings::default());
    let of = |number, in_file, covered| TakenLabel {
        number,
        in_file,
        left: in_file - covered,
        covered,
    };
    let overlapping = ImportedMasks {
        labels: vec![
            Label::with_name("Lung", 0),
            Label::with_name("Nodule", 1),
            Label::with_name("Heart", 2),
        ],
        taken: vec![of(1, 4000, 9), of(2, 9, 0), of(3, 500, 0)],
        ..ImportedMasks::default()
    };
    let (paths, choice) = (Vec::new(), MaskChoice::default());
    session.on_event(Event::Imported {
        case: 1,
        paths,
        choice,
        result: Ok(overlapping),
    });
    let mut harness = window(session);
    assert!(
        harness
            .query_by_label_contains("9 covered by others")
            .is_some()
    );
    // The order is Nodule, Heart, Lung: the smallest on top.
    harness.get_by_label("Move up Lung").click();
    harness.run_steps(2);
    harness.get_by_label("Import Heart").click();
    harness.run_steps(2);
    harness.get_by_label("Import").click();
    harness.run_steps(2);
    assert!(
        harness
            .state()
            .actions
            .iter()
            .any(|a| a == "TakeOverlapping(Some([0, 2]))"),
        "{:?}",
        harness.state().actions
    );
    assert!(!harness.state().window.has_dialog());
}

/// A window with an import that needs an answer.
fn undecided_import(kind: ErrorKind, reason: &str) -> Harness<'static, App> {
    let mut session = Session::new(Settings::default());
    let error = Error::at_path("lay the masks", "/masks/liver.seg.dcm", reason).of_kind(kind);
    let (paths, choice) = (vec!["/masks/liver.seg.dcm".into()], MaskChoice::default());
    session.on_event(Event::ImportUndecided {
        case: 1,
        paths,
        choice,
        error,
    });
    let harness = window(session);
    assert!(harness.query_by_label_contains("liver.seg.dcm").is_some());
    harness
}

#[test]
fn masks_of_other_images_are_applied_by_position_only_if_the_user_agrees() {
    let reason = "it refers to series 1.2.3, this is 1.2.4";
    let mut harness = undecided_import(ErrorKind::NamesOtherImages, reason);
    assert!(
        harness
            .query_by_label_contains("It refers to series 1.2.3")
            .is_some()
    );
    harness.get_by_label("Apply by position").click();
    harness.run_steps(2);
    let answers = |harness: &Harness<'static, App>| {
        harness
            .state()
            .actions
            .iter()
            .filter(|a| a.starts_with("AnswerImport"))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(answers(&harness), ["AnswerImport(Some(ByPosition))"]);
    assert!(
        !harness.state().window.has_dialog()
            && harness.state().session.questions.undecided.is_none()
    );
    let mut harness = undecided_import(ErrorKind::NamesOtherImages, reason);
    harness.key_press(egui::Key::Escape);
    harness.run_steps(2);
    assert_eq!(answers(&harness), ["AnswerImport(None)"]);
    assert!(
        !harness.state().window.has_dialog()
            && harness.state().session.questions.undecided.is_none()
    );
}

#[test]
fn the_user_chooses_a_time_point_of_the_masks() {
    let mut harness = undecided_import(ErrorKind::TimeWanted(4), "4 frames lie at one place");
    assert!(harness.query_by_label("of 4").is_some());
    harness
        .get_by_role_and_label(egui::accesskit::Role::Slider, "Time point")
        .focus();
    harness.key_press(egui::Key::ArrowRight);
    harness.run_steps(2);
    harness.get_by_label("Import").click();
    harness.run_steps(2);
    assert!(
        harness
            .state()
            .actions
            .iter()
            .any(|a| a == "AnswerImport(Some(Time(2)))"),
        "{:?}",
        harness.state().actions
    );
}

#[test]
fn the_number_of_cpu_threads_is_a_setting() {
    let mut harness = window(Session::new(Settings::default()));
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::Comma);
    harness.run_steps(2);
    harness.get_by_role(egui::accesskit::Role::Slider).focus();
    harness.key_press(egui::Key::ArrowRight);
    harness.run_steps(2);
    assert_eq!(
        harness.state().session.settings.threads,
        1,
        "one step up from 0 (all cores) is one thread"
    );
}

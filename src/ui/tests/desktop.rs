//! The window on real desktops: small screens, large text, no file dialogs, keyboard only, a
//! second window.

use super::*;
use crate::session::{
    command::UserCommand,
    job::{Pick, WorkspaceInfo},
    learning::Running,
    notice::Severity,
    settings::Theme,
};
use egui::{Key, Modifiers, Order, Rect, vec2};
use std::time::Instant;

/// Sizes of windows in points: 1280x800 and 1024x768 at 100, 125 and 150 %.
const SIZES: [[f32; 2]; 6] = [
    [1280.0, 800.0],
    [1024.0, 768.0],
    [1024.0, 640.0],
    [853.0, 533.0],
    [819.0, 614.0],
    [683.0, 512.0],
];

/// Commands that open a dialog in a window without a case.
const DIALOGS: [UserCommand; 11] = [
    UserCommand::SaveScreenshot,
    UserCommand::OpenPath,
    UserCommand::OpenFromServer,
    UserCommand::SendQueue,
    UserCommand::Palette,
    UserCommand::Settings,
    UserCommand::Workspace,
    UserCommand::Versions,
    UserCommand::WorkReport,
    UserCommand::Keys,
    UserCommand::Messages,
];

fn sized(session: Session, size: [f32; 2]) -> Harness<'static, App> {
    let mut harness = window(session);
    harness.set_size(size.into());
    harness.run_steps(2);
    harness
}

fn empty() -> Session {
    Session::new(Settings::default())
}

/// The rectangles of all dialogs, menus and messages.
fn overlay_rects(harness: &Harness<'static, App>) -> Vec<Rect> {
    harness.ctx.memory(|m| {
        let layers = m
            .layer_ids()
            .filter(|l| l.order == Order::Foreground && m.areas().is_visible(l));
        layers
            .filter_map(|l| m.area_rect(l.id))
            .filter(|rect| rect.is_positive())
            .collect()
    })
}

#[test]
fn every_dialog_fits_every_screen_and_keeps_its_size() {
    for size in SIZES {
        for command in DIALOGS {
            let mut harness = sized(empty(), size);
            harness
                .state_mut()
                .window
                .dialogs
                .open_for_command(command, &empty());
            // The first frame only measures and is not shown.
            harness.run_steps(2);
            let first = overlay_rects(&harness);
            let room = Rect::from_min_size(egui::Pos2::ZERO, size.into()).expand(1.0);
            assert!(!first.is_empty(), "{command:?}");
            harness.run_steps(6);
            for rect in overlay_rects(&harness) {
                assert!(
                    room.contains_rect(rect),
                    "{command:?} at {size:?}: {rect:?}"
                );
            }
            for (before, after) in first.iter().zip(overlay_rects(&harness)) {
                let moved = (before.min - after.min)
                    .abs()
                    .max((before.max - after.max).abs());
                assert!(
                    moved.max_elem() <= 3.0,
                    "{command:?} at {size:?} grows: {before:?}, {after:?}"
                );
            }
            for button in ["Close", "Done", "Cancel"] {
                // The palette and the list of shortcuts contain commands with these names.
                for node in harness
                    .query_all_by_label(button)
                    .filter(|_| !matches!(command, UserCommand::Palette | UserCommand::Keys))
                {
                    assert!(
                        room.contains_rect(node.rect()),
                        "{button} of {command:?} at {size:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_menu_fits_every_screen() {
    for size in SIZES {
        let mut harness = sized(empty(), size);
        for menu in ["File", "Edit", "View", "Tools", "Model", "Review", "Help"] {
            harness.get_all_by_label(menu).next().unwrap().click();
            harness.run_steps(4);
            let shown = overlay_rects(&harness);
            assert!(!shown.is_empty(), "{menu}");
            let room = Rect::from_min_size(egui::Pos2::ZERO, size.into()).expand(1.0);
            assert!(
                shown.iter().all(|rect| room.contains_rect(*rect)),
                "{menu} at {size:?}: {shown:?}"
            );
            harness.key_press(Key::Escape);
            harness.run_steps(3);
        }
    }
}

#[test]
fn the_palette_keeps_its_height_and_also_searches_descriptions() {
    let mut harness = window(empty());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    harness.run_steps(3);
    let full = overlay_rects(&harness);
    harness.get_by_label("Find a command").type_text("dark");
    harness.run_steps(3);
    assert_eq!(overlay_rects(&harness), full);
    assert!(harness.query_by_label("Light theme").is_some());
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(harness.state().session.settings.theme, Theme::Light);
}

#[test]
fn without_file_dialogs_the_path_can_be_typed() {
    for (pick, heading, expected) in [
        (
            Pick::Folder,
            "Open a folder",
            "Picked(Folder, \"/scans/a b\")",
        ),
        (Pick::Files, "Open a file", "Picked(Files, \"/scans/a b\")"),
        (Pick::Masks, "Import masks", "Picked(Masks, \"/scans/a b\")"),
        (
            Pick::Measurements,
            "Import measurements",
            "Picked(Measurements, \"/scans/a b\")",
        ),
        (Pick::Model, "Open a model", "Picked(Model, \"/scans/a b\")"),
        (
            Pick::Workspace,
            "Open a workspace",
            "Picked(Workspace, \"/scans/a b\")",
        ),
    ] {
        let mut harness = window(empty());
        harness.state_mut().session.on_event(Event::NoDialog(pick));
        harness.run_steps(3);
        assert!(
            harness.query_all_by_label(heading).next().is_some(),
            "{heading}"
        );
        assert!(
            harness
                .query_by_label_contains("No file dialog is available on this desktop")
                .is_some()
        );
        assert!(harness.get_by_label("Path").is_focused());
        harness.get_by_label("Path").type_text("\"/scans/a b\"");
        harness.run_steps(2);
        harness.key_press(Key::Enter);
        harness.run_steps(3);
        assert!(
            harness.state().actions.iter().any(|a| a == expected),
            "{:?}",
            harness.state().actions
        );
        assert!(!harness.state().window.has_dialog());
    }
}

#[test]
fn without_file_dialogs_browse_is_disabled_and_a_hint_says_to_type() {
    let mut harness = window(empty());
    harness
        .state_mut()
        .window
        .dialogs
        .open_for_command(UserCommand::Workspace, &empty());
    let folder = std::path::PathBuf::from("/work/a");
    let info = WorkspaceInfo {
        folder,
        name: "A".into(),
        ..WorkspaceInfo::default()
    };
    harness
        .state_mut()
        .session
        .on_event(Event::Workspace(Ok(info)));
    harness
        .state_mut()
        .session
        .on_event(Event::NoDialog(Pick::MoveWorkspace));
    harness.run_steps(3);
    assert!(
        harness
            .query_by_label_contains("Type the path into the field")
            .is_some()
    );
    harness.get_by_label("Browse").click();
    harness.run_steps(2);
    assert!(
        !harness
            .state()
            .actions
            .iter()
            .any(|a| a.contains("Pick(MoveWorkspace)")),
        "the button is disabled"
    );
}

/// A window with `count` error messages.
fn with_errors(count: usize) -> Harness<'static, App> {
    let mut session = empty();
    (0..count).for_each(|n| {
        session.show_error(&Error::at_path(
            "open",
            format!("/scan {n}"),
            "it is cut off",
        ))
    });
    let mut harness = window(session);
    harness.run_steps(2);
    harness
}

#[test]
fn escape_dismisses_messages_and_errors_stay_in_their_list() {
    let mut harness = with_errors(2);
    assert!(harness.query_by_label_contains("/scan 1").is_some());
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("/scan 1").is_none());
    harness.get_by_label("Error messages: 2").click();
    harness.run_steps(3);
    for n in 0..2 {
        assert!(
            harness
                .query_by_label_contains(&format!("/scan {n}"))
                .is_some()
        );
    }
    harness.get_by_label("Copy all").click();
    harness.step();
    let copied = harness.output().platform_output.commands.iter().any(
        |c| matches!(c, egui::OutputCommand::CopyText(text) if text.contains("/scan 0") && text.contains("/scan 1")),
    );
    assert!(copied);
    harness.get_by_label("Clear").click();
    harness.run_steps(3);
    assert!(harness.query_by_label("No errors.").is_some());
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert!(
        !harness.state().window.has_dialog(),
        "Enter presses the default button"
    );
    assert!(harness.query_by_label_contains("Error messages:").is_none());
}

#[test]
fn messages_do_not_move_while_the_pointer_is_on_them() {
    let mut harness = with_errors(3);
    let dismiss = |harness: &Harness<'static, App>, n: usize| {
        let mut places: Vec<Rect> = harness
            .query_all_by_label("Dismiss")
            .map(|node| node.rect())
            .collect();
        places.sort_by(|a, b| a.top().total_cmp(&b.top()));
        places[n]
    };
    let (top, lowest) = (dismiss(&harness, 0), dismiss(&harness, 2));
    harness.hover_at(lowest.center());
    harness.run_steps(2);
    assert!(harness.state().window.has_pointer_on_messages());
    let lowest_button = harness
        .query_all_by_label("Dismiss")
        .find(|node| node.rect() == lowest)
        .unwrap();
    lowest_button.click();
    harness.run_steps(3);
    assert_eq!(harness.query_all_by_label("Dismiss").count(), 2);
    assert_eq!(dismiss(&harness, 0), top, "the others do not move");
    // They move down once the pointer has left.
    harness.hover_at(egui::pos2(100.0, 100.0));
    harness.run_steps(3);
    assert!(dismiss(&harness, 0).top() > top.top());
}

#[test]
fn lower_messages_stay_in_place_when_one_above_disappears() {
    let mut harness = with_errors(2);
    let lowest = |harness: &Harness<'static, App>| {
        harness
            .query_all_by_label("Dismiss")
            .map(|node| node.rect())
            .max_by(|a, b| a.top().total_cmp(&b.top()))
            .unwrap()
    };
    let before = lowest(&harness);
    let newest = harness.state().session.notices.list.last().unwrap().id;
    harness
        .state_mut()
        .session
        .apply_action(Action::Dismiss(newest));
    harness.step();
    assert_eq!(harness.query_all_by_label("Dismiss").count(), 1);
    assert_eq!(lowest(&harness), before, "in the same frame");
}

#[test]
fn messages_stay_in_a_corner_of_the_window() {
    for size in SIZES {
        let mut session = empty();
        for n in 0..9 {
            let path = format!("/a/long/way/to/a/scan/with/a/name/that/wraps/{n}/").repeat(6);
            session.show_error(&Error::at_path("open", path, "it is cut off"));
        }
        let harness = sized(session, size);
        let shown = overlay_rects(&harness)
            .into_iter()
            .fold(Rect::NOTHING, Rect::union);
        assert!(
            shown.width() <= size[0] * 0.5 + 20.0,
            "{shown:?} of {size:?}"
        );
        assert!(
            Rect::from_min_size(egui::Pos2::ZERO, vec2(size[0], size[1])).contains_rect(shown),
            "{shown:?} of {size:?}"
        );
    }
}

#[test]
fn opening_another_workspace_dismisses_messages() {
    let mut session = empty();
    session.show_error(&Error::new("open", "it is cut off"));
    session.apply_action(Action::OpenWorkspace("/work/b".into()));
    assert!(session.notices.list.is_empty());
    assert_eq!(session.notices.errors.len(), 1);
    session.notices.add(Severity::Warning, "soon gone");
    assert!(session.notices.drop_expired(Instant::now()).is_some());
}

#[test]
fn tab_visits_the_controls_and_each_shows_a_focus_ring() {
    let mut harness = window(empty());
    let mut seen = Vec::new();
    for _ in 0..8 {
        harness.key_press(Key::Tab);
        harness.run_steps(2);
        let focused = harness.ctx.memory(|m| m.focused());
        assert!(focused.is_some() && !seen.contains(&focused));
        seen.push(focused);
        let rect = harness.ctx.read_response(focused.unwrap()).unwrap().rect;
        let blue = egui::Color32::from_rgb(120, 190, 250);
        let has_ring = harness
            .output()
            .shapes
            .iter()
            .any(|shape| match &shape.shape {
                egui::Shape::Rect(ring) => {
                    ring.stroke.color == blue && ring.rect.contains_rect(rect.shrink(1.0))
                }
                _ => false,
            });
        assert!(has_ring, "no focus ring around {rect:?}");
    }
    assert!(
        harness.state().session.settings.panels,
        "Tab does not hide the panels"
    );
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert_eq!(
        harness.ctx.memory(|m| m.focused()),
        None,
        "keys apply to the image again"
    );
}

#[test]
fn enter_presses_the_focused_control_or_else_the_default_button() {
    let mut harness = window(empty());
    harness.key_press(Key::F1);
    harness.run_steps(3);
    harness.get_by_label("Shortcut for Undo").focus();
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert!(
        harness
            .query_by_label_contains("Press a key for Undo")
            .is_some(),
        "Enter presses the focused control"
    );
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(harness.state().window.has_dialog());
    harness
        .ctx
        .memory_mut(|m| m.focused().into_iter().for_each(|id| m.surrender_focus(id)));
    harness.run_steps(1);
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert!(!harness.state().window.has_dialog());
}

/// A session with a running round, of which the fraction `done` is complete.
fn training(done: f64) -> Session {
    let mut session = empty();
    session.learning.running = Some(Running {
        control: Default::default(),
        estimate: None,
        doing: Default::default(),
        done,
        remaining: None,
        loss: Vec::new(),
        validation: Vec::new(),
        is_resumed: false,
        attempt: 0,
        key: None,
        is_on_clicks: false,
    });
    session
}

#[test]
fn closing_during_training_says_that_the_round_will_resume() {
    let mut harness = window(training(0.3));
    assert!(close(&mut harness).contains(&ViewportCommand::CancelClose));
    assert!(
        harness
            .query_by_label_contains("resumes the next time")
            .is_some()
    );
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert!(
        !harness.state().window.has_dialog(),
        "Enter cancels quitting"
    );

    let mut harness = window(training(0.3));
    close(&mut harness);
    harness.get_all_by_label("Quit").last().unwrap().click();
    assert!(closes(&mut harness));
    assert!(!close(&mut harness).contains(&ViewportCommand::CancelClose));
}

#[test]
fn the_window_stays_open_if_the_round_ends_during_the_question() {
    let mut harness = window(training(0.99));
    close(&mut harness);
    harness.state_mut().session.learning.running = None;
    for _ in 0..3 {
        harness.step();
        let commands = &harness.output().viewport_output[&ViewportId::ROOT].commands;
        assert!(!commands.contains(&ViewportCommand::Close));
    }
    assert!(!harness.state().window.has_dialog());
}

#[test]
fn a_workspace_open_in_another_window_is_read_only_until_taken_over() {
    let mut session = empty();
    let holder = Some("another Labrum window (process 12 on tower)".to_owned());
    let folder = std::path::PathBuf::from("/work/a");
    session.on_event(Event::Workspace(Ok(WorkspaceInfo {
        folder,
        holder,
        ..WorkspaceInfo::default()
    })));
    let mut harness = window(session);
    assert!(harness.query_by_label_contains("Read-only").is_some());
    for command in [
        UserCommand::ToolBrush,
        UserCommand::Accept,
        UserCommand::Undo,
        UserCommand::ImportMasks,
        UserCommand::SegmentSlice,
        UserCommand::Train,
        UserCommand::Grow,
    ] {
        let refusal = harness.state().session.command_refusal(command).unwrap();
        assert!(
            refusal.contains("open in another window"),
            "{command:?}: {refusal}"
        );
    }
    for command in [
        UserCommand::OpenFolder,
        UserCommand::Settings,
        UserCommand::Versions,
        UserCommand::Workspace,
    ] {
        assert_eq!(
            harness.state().session.command_refusal(command),
            None,
            "{command:?}"
        );
    }
    harness.state_mut().session.take_jobs();
    harness
        .state_mut()
        .session
        .apply_action(Action::RenameWorkspace("Mine".into()));
    assert!(
        harness.state_mut().session.take_jobs().is_empty(),
        "nothing is written to it"
    );
    harness.get_by_label("Edit here").click();
    harness.run_steps(2);
    assert!(
        !harness
            .state()
            .actions
            .iter()
            .any(|a| a.contains("OpenWorkspace")),
        "the button is disabled"
    );

    harness.state_mut().session.on_event(Event::HolderGone);
    harness.run_steps(2);
    harness.get_by_label("Edit here").click();
    harness.run_steps(2);
    assert!(
        harness
            .state()
            .actions
            .iter()
            .any(|a| a == "OpenWorkspace(\"/work/a\")")
    );
    assert!(harness.query_by_label_contains("Read-only").is_none());
}

#[test]
fn the_case_list_alone_can_be_hidden() {
    let mut session = empty();
    assert!(session.settings.case_list);
    session.apply_action(Action::Command(UserCommand::ToggleCases));
    assert!(session.settings.case_list, "no case is open");
    let mut harness = window(super::learning::open());
    assert!(harness.query_by_label_contains("Case Head 1").is_some());
    harness.key_press_modifiers(Modifiers::SHIFT, Key::F9);
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("Case Head 1").is_none());
    assert!(
        harness.query_by_label("Labels").is_some(),
        "the right panel stays"
    );
    // Searching for a case shows the list again.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(3);
    assert!(harness.get_by_label("Find a case").is_focused());
}

#[test]
fn cases_are_filtered_by_name_and_status() {
    let mut session = super::learning::open();
    session.cases[1].status = labrum_core::study::Status::Accepted;
    session.cases[2].side = Some(labrum_core::holdout::Side::HoldOut);
    let mut harness = window(session);
    let listed =
        |harness: &Harness<'static, App>| harness.query_all_by_label_contains("Case Head").count();
    assert_eq!(listed(&harness), 4);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(2);
    harness.get_by_label("Find a case").type_text("head 3");
    harness.run_steps(3);
    assert_eq!(listed(&harness), 1);
    assert!(harness.query_by_label("1 of 4 listed").is_some());
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert_eq!(
        harness.state().session.cases.current,
        Some(2),
        "Enter shows the first match"
    );
    harness.get_by_label("List all").click();
    harness.run_steps(2);
    assert_eq!(listed(&harness), 4);
    for (kept, count) in [("Accepted (1)", 1), ("Hold-out (1)", 1), ("Open (3)", 3)] {
        harness.get_by_label("Case filter").click();
        harness.run_steps(3);
        harness.get_by_label(kept).click();
        harness.run_steps(3);
        assert_eq!(listed(&harness), count, "{kept}");
    }
}

#[test]
fn next_and_previous_case_follow_the_filtered_list() {
    let mut session = super::learning::open();
    session.cases[1].status = labrum_core::study::Status::Accepted;
    session.apply_action(Action::Filter(crate::session::case_list::CaseFilter {
        kept: crate::session::case_list::StatusFilter::Open,
        ..Default::default()
    }));
    let mut seen = Vec::new();
    for _ in 0..3 {
        session.apply_action(Action::Command(UserCommand::NextCase));
        seen.push(session.cases.current.unwrap());
    }
    assert_eq!(seen, [2, 3, 3]);
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.text.contains("This is the last case in the list"))
    );
    // From a case that is not listed to the nearest listed one.
    session.cases.current = Some(1);
    session.apply_action(Action::Command(UserCommand::PreviousCase));
    assert_eq!(session.cases.current, Some(0));
}

#[test]
fn a_right_click_on_a_case_opens_its_menu() {
    let mut harness = window(super::learning::open());
    harness
        .get_by_label_contains("Case Head 2")
        .click_secondary();
    harness.run_steps(4);
    assert_eq!(
        harness.state().session.cases.current,
        Some(1),
        "the case is shown"
    );
    assert!(harness.query_by_label("Copy name").is_some());
    // Wait until the menu has its final position.
    harness.run_steps(4);
    harness.get_by_label("Copy path").click();
    harness.step();
    let copied = |c: &egui::OutputCommand| matches!(c, egui::OutputCommand::CopyText(t) if t == "/scans/Head 2");
    assert!(harness.output().platform_output.commands.iter().any(copied));
}

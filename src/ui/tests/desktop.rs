//! The window on real desktops: small screens, large text, no file dialogs, keyboard only, a
//! second window.

mod cases;
mod messages;

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

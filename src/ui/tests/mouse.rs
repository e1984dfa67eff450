//! The buttons of the mouse in the window: chosen in the settings, listed with the keys, and obeyed by the image.

use super::*;
use crate::session::{mouse::MouseHabit, tests::with_pictures, view::View};
use egui::{Key, Modifiers, PointerButton, vec2};

/// The window on one loaded image, with the Pan tool and a habit.
fn with_habit(mouse: MouseHabit) -> Harness<'static, App> {
    let mut session = with_pictures(&[("a", 1)]);
    let settings = Settings {
        mouse,
        ..session.settings.clone()
    };
    session.apply_action(Action::SetSettings(settings));
    window(session)
}

/// Whether the window was changed, and whether the image was moved or zoomed.
fn changes(harness: &Harness<'static, App>) -> (bool, bool) {
    let case = &harness.state().session.cases[0];
    (case.window.is_some(), case.view != View::Fit)
}

#[test]
fn buttons_do_what_they_do_in_the_chosen_program() {
    let [left, right] = [PointerButton::Primary, PointerButton::Secondary];
    for (habit, button, expected) in [
        (MouseHabit::Labrum, left, (false, true)),
        (MouseHabit::Labrum, right, (true, false)),
        (MouseHabit::Pacs, left, (true, false)),
        (MouseHabit::Pacs, right, (false, true)),
        (MouseHabit::ItkSnap, left, (false, true)),
        (MouseHabit::ItkSnap, right, (false, true)),
    ] {
        let mut harness = with_habit(habit);
        assert_eq!(changes(&harness), (false, false));
        let middle = harness.get_by_label_contains("Image:").rect().center();
        drag(&mut harness, button, middle, middle + vec2(40.0, 30.0));
        assert_eq!(changes(&harness), expected, "{habit:?}, {button:?}");
    }
}

#[test]
fn the_mouse_is_chosen_in_the_settings_and_the_help_lists_its_table() {
    let mut harness = with_habit(MouseHabit::Labrum);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(3);
    harness.get_by_label("3D Slicer").focus();
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    let session = &harness.state().session;
    assert_eq!(session.settings.mouse, MouseHabit::Slicer);
    assert_eq!(session.tools.active_tool(), ToolKind::Look);
    harness.get_by_label("Done").click();
    harness.run_steps(3);
    let hint = "Drag to change window/level; drag with the middle button to pan";
    assert!(harness.query_by_label_contains(hint).is_some());

    harness.key_press(Key::F1);
    harness.run_steps(3);
    let heading = "Mouse with modifier keys: 3D Slicer";
    assert!(harness.query_by_label(heading).is_some());
    for how in [
        "Shift+Drag with the Pan tool",
        "Ctrl+Drag with the Pan tool",
        "Drag with the right button",
    ] {
        assert!(harness.query_by_label(how).is_some(), "{how}");
    }
}

//! The Measure tool in the window: found by its name, drawn on the image, listed, renamed and deleted.

use super::*;
use crate::session::{tests::with_pictures, tool_options::ToolKind};
use egui::{Event as Input, Key, Modifiers, PointerButton, Pos2, accesskit::Role, vec2};
use labrum_core::measurement::ShapeKind;

/// The window on one loaded image, with the Measure tool.
fn measuring() -> Harness<'static, App> {
    let mut harness = window(with_pictures(&[("a", 3)]));
    harness
        .get_by_role_and_label(Role::Button, "Measure")
        .click();
    harness.run_steps(3);
    harness
}

fn drag(harness: &mut Harness<'static, App>, from: Pos2, to: Pos2) {
    let event = |pos, pressed| Input::PointerButton {
        pos,
        button: PointerButton::Primary,
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

fn canvas_center(harness: &Harness<'static, App>) -> Pos2 {
    harness.get_by_label_contains("Image:").rect().center()
}

fn count(harness: &Harness<'static, App>) -> usize {
    let case = harness.state().session.cases.current_case();
    case.map_or(0, |case| case.measurements.all().len())
}

#[test]
fn a_length_is_drawn_listed_renamed_and_deleted() {
    let mut harness = measuring();
    assert_eq!(
        harness.state().session.tools.active_tool(),
        ToolKind::Measure
    );
    let middle = canvas_center(&harness);
    drag(&mut harness, middle, middle + vec2(120.0, 0.0));
    assert_eq!(count(&harness), 1);
    assert!(harness.query_by_label_contains("1 measurement").is_some());
    let row = harness.get_by_label_contains("Measurement Length 1: ");
    assert!(row.rect().width() > 100.0);

    harness.get_by_label("Edit measurement").click();
    harness.run_steps(3);
    harness
        .get_by_label("Name of the measurement")
        .type_text(" left");
    harness.run_steps(2);
    harness.get_by_label("Save").click();
    harness.run_steps(2);
    assert!(
        harness
            .query_by_label_contains("Measurement Length 1 left: ")
            .is_some()
    );

    harness.key_press(Key::Delete);
    harness.run_steps(2);
    assert_eq!(count(&harness), 0, "Delete with the Measure tool");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(2);
    assert_eq!(count(&harness), 1);
}

#[test]
fn a_click_on_the_list_goes_to_the_slice() {
    let mut harness = measuring();
    let middle = canvas_center(&harness);
    drag(&mut harness, middle, middle + vec2(120.0, 0.0));
    harness.key_press(Key::ArrowDown);
    harness.run_steps(2);
    let slice = |harness: &Harness<'static, App>| {
        harness.state().session.cases.current_case().unwrap().slice
    };
    assert_eq!(slice(&harness), 2);
    harness
        .get_by_label_contains("Measurement Length 1: ")
        .click();
    harness.run_steps(2);
    assert_eq!(slice(&harness), 1);
}

#[test]
fn what_is_drawn_is_chosen_in_the_panel_and_by_keys() {
    let mut harness = measuring();
    harness.get_by_label("Ellipse").click();
    harness.run_steps(2);
    let kind = |harness: &Harness<'static, App>| harness.state().session.settings.tools.measure;
    assert_eq!(kind(&harness), ShapeKind::Ellipse);
    harness.key_press_modifiers(Modifiers::SHIFT, Key::K);
    harness.run_steps(2);
    assert_eq!(kind(&harness), ShapeKind::CobbAngle);
    harness.key_press(Key::B);
    harness.run_steps(2);
    assert_eq!(harness.state().session.tools.active_tool(), ToolKind::Brush);
    harness.key_press(Key::Y);
    harness.run_steps(2);
    assert_eq!(
        harness.state().session.tools.active_tool(),
        ToolKind::Measure
    );
    assert_eq!(kind(&harness), ShapeKind::CobbAngle);
}

#[test]
fn delete_with_another_tool_clears_the_label_and_keeps_measurements() {
    let mut harness = measuring();
    let middle = canvas_center(&harness);
    drag(&mut harness, middle, middle + vec2(120.0, 0.0));
    harness.key_press(Key::B);
    harness.run_steps(2);
    harness.key_press(Key::Delete);
    harness.run_steps(2);
    assert_eq!(count(&harness), 1);
}

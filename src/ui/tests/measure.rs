//! The Measure tool in the window: found by its name, drawn on the image, listed, renamed and deleted.

use super::*;
use crate::session::{
    finding::Finding, job::ShapeJob, mask_values::MaskValues, tests::with_pictures,
    tool_options::ToolKind,
};
use egui::{Key, Modifiers, PointerButton, Pos2, accesskit::Role, vec2};
use labrum_core::measurement::ShapeKind;
use std::sync::Arc;

/// The window on one loaded image, with the Measure tool.
fn measuring() -> Harness<'static, App> {
    let mut harness = window(with_pictures(&[("a", 3)]));
    harness
        .get_by_role_and_label(Role::Button, "Measure")
        .click();
    harness.run_steps(3);
    harness
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
    drag(
        &mut harness,
        PointerButton::Primary,
        middle,
        middle + vec2(120.0, 0.0),
    );
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
    drag(
        &mut harness,
        PointerButton::Primary,
        middle,
        middle + vec2(120.0, 0.0),
    );
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
    drag(
        &mut harness,
        PointerButton::Primary,
        middle,
        middle + vec2(120.0, 0.0),
    );
    harness.key_press(Key::B);
    harness.run_steps(2);
    harness.key_press(Key::Delete);
    harness.run_steps(2);
    assert_eq!(count(&harness), 1);
}

/// Answers the jobs about outlines, measurements and pixel values, as the worker does.
fn answer_shape_jobs(harness: &mut Harness<'static, App>) {
    for _ in 0..4 {
        for job in std::mem::take(&mut harness.state_mut().jobs) {
            let event = match job {
                Job::Shapes(ShapeJob::Survey(job)) => Event::Surveyed {
                    key: job.key,
                    revision: job.revision,
                    finding: Arc::new(Finding::of_drawn(
                        &job.mask,
                        job.proposal.as_deref(),
                        job.labels,
                        &job.scale,
                    )),
                },
                Job::Shapes(ShapeJob::Values(job)) => Event::MaskValues {
                    key: job.key,
                    revision: job.revision,
                    values: Arc::new(MaskValues::of_mask(&job.mask, &job.image)),
                },
                _ => continue,
            };
            harness.state_mut().session.on_event(event);
        }
        harness.run_steps(2);
    }
}

#[test]
fn the_panel_shows_diameters_ellipse_and_values_of_the_mask_on_the_slice_and_over_the_series() {
    let mut harness = window(with_pictures(&[("a", 3)]));
    harness.key_press(Key::B);
    harness.run_steps(2);
    let middle = canvas_center(&harness);
    drag(
        &mut harness,
        PointerButton::Primary,
        middle,
        middle + vec2(60.0, 0.0),
    );
    assert!(harness.query_by_label("Mean ± SD").is_none());
    answer_shape_jobs(&mut harness);
    for name in [
        "Longest diameter",
        "Short axis",
        "Perimeter",
        "Ellipse axes",
        "Ellipse circumference",
        "Circularity",
        "Diameters, slice 2",
    ] {
        assert!(harness.query_by_label(name).is_some(), "{name}");
    }
    // On the slice and over the series.
    assert_eq!(harness.query_all_by_label("Mean ± SD").count(), 2);
    let case = harness
        .state()
        .session
        .cases
        .current_case()
        .unwrap()
        .clone();
    let values = harness.state().session.mask_values(&case, 1).unwrap();
    let range = values.of_label(1)[0];
    let text = format!("{:.0} to {:.0}", range.minimum, range.maximum);
    assert_eq!(harness.query_all_by_label(&text).count(), 2, "{text}");
}

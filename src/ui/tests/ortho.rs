//! The orthogonal views in the window: linked by clicks, painted with mouse and keys.

use super::*;
use crate::session::{ortho::tests::shown, settings::ViewMode};
use egui::{Event as Input, Key, Modifiers, PointerButton, Pos2, vec2};
use labrum_core::{reslice, stack::ViewPlane};
use std::sync::Arc;

/// The window with three views of five slices, all loaded.
fn views() -> Harness<'static, App> {
    let mut harness = window(shown());
    run_reslice_jobs(&mut harness);
    harness
}

/// Does what the worker would do for the views.
fn run_reslice_jobs(harness: &mut Harness<'static, App>) {
    for job in std::mem::take(&mut harness.state_mut().jobs) {
        if let Job::Reslice(job) = job {
            let pane = job.stack.view_pane(job.plane);
            let image =
                reslice::view_image(&job.stack, &pane, job.index, &job.images).map(Arc::new);
            let event = Event::Resliced {
                case: job.case,
                plane: job.plane,
                index: job.index,
                image,
            };
            harness.state_mut().session.on_event(event);
        }
    }
    harness.run_steps(2);
}

fn center(harness: &Harness<'static, App>, name: &str) -> Pos2 {
    harness.get_by_label_contains(name).rect().center()
}

fn drag(harness: &mut Harness<'static, App>, from: Pos2, to: Pos2, modifiers: Modifiers) {
    let button = |pos, pressed| Input::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers,
    };
    harness.event(Input::PointerMoved(from));
    harness.step();
    for event in [
        button(from, true),
        Input::PointerMoved(to),
        button(to, false),
    ] {
        harness.event_modifiers(event, modifiers);
        harness.step();
    }
    harness.run_steps(2);
}

#[test]
fn three_views_are_shown_with_their_names() {
    let mut harness = views();
    assert!(
        harness
            .query_by_label_contains("View: Sagittal, 7 of 12, no mask")
            .is_some()
    );
    assert!(
        harness
            .query_by_label_contains("View: Coronal, 5 of 9, no mask")
            .is_some()
    );
    assert!(
        harness
            .query_by_label_contains("Image: volume, slice 3 of 5")
            .is_some()
    );
    harness.key_press(Key::F2);
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("View: Sagittal").is_none());
    assert!(!harness.state().session.settings.orthogonal);
    harness.key_press(Key::F2);
    harness.run_steps(3);
    assert!(harness.query_by_label_contains("View: Sagittal").is_some());
}

#[test]
fn a_brush_on_the_coronal_view_paints_across_slices_and_is_undone() {
    let mut harness = views();
    let middle = center(&harness, "View: Coronal");
    drag(
        &mut harness,
        middle - vec2(0.0, 80.0),
        middle + vec2(0.0, 80.0),
        Modifiers::NONE,
    );
    assert!(
        harness
            .query_by_label_contains("View: Coronal, 5 of 9, mask shown as fill")
            .is_some()
    );
    assert_eq!(harness.state().session.next_undo(), Some("Brush"));
    let session = &harness.state().session;
    let mask = session
        .viewports
        .ortho_views()
        .unwrap()
        .across(ViewPlane::Row)
        .unwrap()
        .labels
        .mask();
    let slices = (0..5)
        .filter(|row| (0..12).any(|column| mask.label_at(column, *row) == 1))
        .count();
    assert!(slices >= 3, "{slices}");
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
    assert!(
        harness
            .query_by_label_contains("View: Coronal, 5 of 9, no mask")
            .is_some()
    );
}

#[test]
fn dragging_with_shift_moves_the_crosshair_and_draws_nothing() {
    let mut harness = views();
    let middle = center(&harness, "View: Sagittal");
    drag(
        &mut harness,
        middle,
        middle + vec2(0.0, 1000.0),
        Modifiers::SHIFT,
    );
    assert_eq!(
        harness.state().session.cases.current_case().unwrap().slice,
        0,
        "the feet are below"
    );
    assert!(harness.state().session.next_undo().is_none());
    assert!(
        harness
            .query_by_label_contains("Image: volume, slice 1 of 5")
            .is_some()
    );
}

#[test]
fn every_view_can_be_reached_and_painted_with_keys() {
    let mut harness = views();
    harness.key_press(Key::F6);
    harness.run_steps(2);
    assert!(
        harness
            .query_by_label_contains("View: Sagittal, 7 of 12, no mask, active view")
            .is_some()
    );
    harness.key_press(Key::ArrowDown);
    harness.run_steps(2);
    run_reslice_jobs(&mut harness);
    assert!(
        harness
            .query_by_label_contains("View: Sagittal, 8 of 12")
            .is_some()
    );
    harness.key_press_modifiers(Modifiers::SHIFT, Key::ArrowUp);
    harness.key_press(Key::C);
    harness.run_steps(3);
    assert!(
        harness
            .query_by_label_contains("View: Sagittal, 8 of 12, mask shown as fill")
            .is_some()
    );
    harness.key_press(Key::O);
    harness.run_steps(3);
    assert_eq!(
        harness.state().session.settings.view_mode,
        ViewMode::Outline
    );
    assert!(
        harness
            .query_by_label_contains("mask shown as outline, active view")
            .is_some()
    );
}

#[test]
fn the_image_cache_limit_is_a_setting() {
    let mut harness = window(Session::new(Settings::default()));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    harness.run_steps(2);
    let limit =
        harness.get_by_role_and_label(egui::accesskit::Role::SpinButton, "Image cache limit");
    assert!(
        limit.value().is_some_and(|v| v.contains("1536")),
        "{:?}",
        limit.value()
    );
}

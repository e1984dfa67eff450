//! The orthogonal views in the window: linked by clicks, painted with mouse and keys.

use super::*;
use crate::session::{
    clicked::ClickedObject,
    job::{ClickAnswer, ClickJob, NetworkJob},
    ortho::tests::shown,
    settings::ViewMode,
};
use egui::{Event as Input, Key, Modifiers, PointerButton, Pos2, vec2};
use labrum_core::{prompts::Prompt, reslice, stack::ViewPlane};
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
                slices: job.images.iter().flatten().count(),
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
fn patient_and_study_are_in_every_view_and_one_key_hides_them() {
    let mut harness = views();
    let in_corners = "Doe, Jane; ID MRN-17; Born 1957-03-02 · F; Chest; 2004-01-19 07:20";
    assert_eq!(harness.query_all_by_label_contains(in_corners).count(), 3);
    assert!(
        harness
            .query_by_label_contains("H 14.0 mm; mm from Pixel Spacing")
            .is_some()
    );
    assert!(!harness.state().window.title.contains("Jane"));
    let in_list = "Doe, Jane · MRN-17 · 2004-01-19 · Chest";
    assert!(harness.query_by_label(in_list).is_some());

    harness.key_press(Key::F3);
    harness.run_steps(2);
    assert!(!harness.state().session.settings.information);
    assert!(harness.query_by_label_contains("Jane").is_none());
    assert!(harness.query_by_label_contains("MRN-17").is_none());
    assert!(harness.query_by_label("2004-01-19 · Chest").is_some());
    harness.key_press(Key::F3);
    harness.run_steps(2);
    assert_eq!(harness.query_all_by_label_contains(in_corners).count(), 3);
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

/// The window with the Click tool, and the sagittal view at its eighth plane.
fn clicking() -> Harness<'static, App> {
    let mut harness = views();
    for key in [Key::F6, Key::ArrowDown] {
        harness.key_press(key);
        harness.run_steps(2);
    }
    run_reslice_jobs(&mut harness);
    harness.key_press(Key::K);
    harness.run_steps(2);
    harness
}

/// The newest question to the network.
fn question(harness: &mut Harness<'static, App>) -> ClickJob {
    let jobs = std::mem::take(&mut harness.state_mut().jobs).into_iter();
    let newest = jobs.rev().find_map(|job| match job {
        Job::Network(NetworkJob::Click(job)) => Some(job),
        _ => None,
    });
    newest.unwrap()
}

/// Answers with the left half of the view.
fn reply(harness: &mut Harness<'static, App>, job: &ClickJob) {
    let (columns, rows) = (job.image.columns, job.image.rows);
    let probabilities: Vec<f32> = (0..columns * rows)
        .map(|at| if at % columns < columns / 2 { 0.9 } else { 0.1 })
        .collect();
    let found = ClickedObject::from_probabilities(&probabilities, columns, rows);
    let answer = ClickAnswer {
        case: job.case,
        object: job.object,
        revision: job.revision,
        prompts: job.prompts.len(),
        model: "Clicks 1.0.0".to_owned(),
        result: Ok(Arc::new(found)),
    };
    harness.state_mut().session.on_event(Event::Clicked(answer));
    harness.run_steps(2);
}

#[test]
fn an_object_is_clicked_on_the_sagittal_view_and_corrected_with_the_right_button() {
    let mut harness = clicking();
    let middle = center(&harness, "View: Sagittal");
    drag(&mut harness, middle, middle, Modifiers::NONE);
    let job = question(&mut harness);
    assert!(matches!(
        job.prompts[..],
        [Prompt::Click { adds: true, .. }]
    ));
    reply(&mut harness, &job);
    let words = "View: Sagittal, 8 of 12, mask shown as fill";
    assert!(harness.query_by_label_contains(words).is_some());
    let summary = "Object 1: 1 click, confidence";
    let is_told = harness
        .query_all_by_label_contains(summary)
        .next()
        .is_some();
    assert!(is_told);

    let at = middle - vec2(30.0, 0.0);
    for pressed in [true, false] {
        harness.event(Input::PointerButton {
            pos: at,
            button: PointerButton::Secondary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        harness.step();
    }
    harness.run_steps(2);
    let job = question(&mut harness);
    assert!(matches!(
        job.prompts[..],
        [_, Prompt::Click { adds: false, .. }]
    ));
}

#[test]
fn with_the_click_tool_a_drag_with_shift_scribbles_and_leaves_the_crosshair() {
    let mut harness = clicking();
    let middle = center(&harness, "View: Sagittal");
    let below = middle + vec2(0.0, 60.0);
    drag(&mut harness, middle, below, Modifiers::SHIFT);
    let job = question(&mut harness);
    assert!(matches!(
        job.prompts[..],
        [Prompt::Scribble { adds: true, .. }]
    ));
    let session = &harness.state().session;
    assert_eq!(session.cases.current_case().unwrap().slice, 2);
}

//! The Click tool in the window: found by its name, used on the image, answered by hand.

use super::*;
use crate::session::{
    clicked::ClickedObject,
    job::{ClickAnswer, ClickJob, NetworkJob},
    tests::with_pictures,
    tool_options::{NextClick, ToolKind},
};
use egui::{Key, PointerButton, Pos2, accesskit::Role, vec2};
use labrum_core::prompts::Prompt;
use std::sync::Arc;

/// Sides of the test images.
const SIDE: usize = 64;

/// The window on one loaded image, with the Click tool.
fn clicking() -> Harness<'static, App> {
    let mut harness = window(with_pictures(&[("a", 1)]));
    harness.get_by_role_and_label(Role::Button, "Click").click();
    harness.run_steps(3);
    harness
}

fn canvas_center(harness: &Harness<'static, App>) -> Pos2 {
    harness.get_by_label_contains("Image:").rect().center()
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

/// Answers with the left half of the image.
fn reply(harness: &mut Harness<'static, App>, job: &ClickJob) {
    let at = |i: usize| if i % SIDE < SIDE / 2 { 0.9 } else { 0.1 };
    let probabilities: Vec<f32> = (0..SIDE * SIDE).map(at).collect();
    let found = ClickedObject::from_probabilities(&probabilities, SIDE, SIDE);
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

fn says(harness: &Harness<'static, App>, words: &str) -> bool {
    harness.query_all_by_label_contains(words).next().is_some()
}

/// True if the user changed window or level.
fn has_window(harness: &Harness<'static, App>) -> bool {
    let case = harness.state().session.cases.current_case();
    case.unwrap().window.is_some()
}

#[test]
fn an_object_is_clicked_corrected_and_taken() {
    let mut harness = clicking();
    let state = harness.state();
    assert_eq!(state.session.tools.active_tool(), ToolKind::Click);
    assert!(
        state
            .jobs
            .iter()
            .any(|job| matches!(job, Job::Network(NetworkJob::PrepareClicks(_))))
    );
    let middle = canvas_center(&harness);
    drag(&mut harness, PointerButton::Primary, middle, middle);
    let job = question(&mut harness);
    assert!(matches!(
        job.prompts[..],
        [Prompt::Click { adds: true, .. }]
    ));
    assert!(says(&harness, "Object 1: 1 click, computing"));
    reply(&mut harness, &job);
    assert!(says(&harness, "Object 1: 1 click, confidence 90 %"));
    assert_eq!(harness.state().session.next_undo(), Some("Click"));

    let beside = middle + vec2(60.0, 0.0);
    drag(&mut harness, PointerButton::Secondary, beside, beside);
    let job = question(&mut harness);
    assert!(matches!(
        job.prompts[..],
        [_, Prompt::Click { adds: false, .. }]
    ));
    reply(&mut harness, &job);
    assert!(says(&harness, "Object 1: 2 clicks"));
    harness.key_press(Key::Enter);
    harness.run_steps(2);
    assert!(says(&harness, "No object yet"));
}

#[test]
fn a_drag_is_a_box_and_a_right_drag_changes_the_window() {
    let mut harness = clicking();
    let middle = canvas_center(&harness);
    let corner = middle + vec2(80.0, 50.0);
    drag(&mut harness, PointerButton::Primary, middle, corner);
    let job = question(&mut harness);
    assert!(matches!(job.prompts[..], [Prompt::Box { .. }]));
    assert!(!has_window(&harness));
    drag(&mut harness, PointerButton::Secondary, middle, corner);
    assert!(has_window(&harness));
}

#[test]
fn what_the_next_click_means_is_an_option() {
    let mut harness = clicking();
    assert!(says(&harness, "Next click"));
    harness.get_by_label("New object").click();
    harness.run_steps(2);
    let tools = &harness.state().session.settings.tools;
    assert_eq!(tools.next_click, NextClick::NewObject);
}

//! The second choice along an uncertain boundary in the window: asked for by its key, answered by hand.

use super::*;
use crate::session::{
    job::{NetworkJob, SecondChoiceAnswer},
    second_choice::tests::{at_stretch, larger},
};
use egui::Key;

fn says(harness: &Harness<'static, App>, words: &str) -> bool {
    harness.query_all_by_label_contains(words).next().is_some()
}

#[test]
fn its_key_asks_the_network_and_a_message_says_what_changed() {
    let mut harness = window(at_stretch());
    harness.key_press(Key::J);
    harness.run_steps(2);
    assert!(harness.state().session.second_choices.is_waiting());
    let jobs = std::mem::take(&mut harness.state_mut().jobs);
    let asked = jobs.into_iter().find_map(|job| match job {
        Job::Network(NetworkJob::SecondChoice(job)) => Some(job.id),
        _ => None,
    });
    let answer = SecondChoiceAnswer {
        id: asked.unwrap(),
        result: Ok(vec![larger()]),
    };
    let session = &mut harness.state_mut().session;
    session.on_event(Event::SecondChoice(answer));
    harness.run_steps(2);
    assert!(says(&harness, "12 pixels added"));
    assert_eq!(
        harness.state().session.next_undo(),
        Some("Second choice"),
        "it is a step"
    );
}

#[test]
fn it_is_in_the_review_menu() {
    let mut harness = window(at_stretch());
    harness.get_all_by_label("Review").next().unwrap().click();
    harness.run_steps(4);
    assert!(says(&harness, "Second choice of boundary"));
}

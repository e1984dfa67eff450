//! Playing in the window, and the volume of a label over the times of a heart.

use super::*;
use crate::session::{
    finding::{Finding, tests::blurred_disc},
    tests::{link_times, with_pictures},
};
use egui::{Key, Modifiers, accesskit::Role};
use labrum_core::{
    geometry::{PixelSpacing, SpacingSource},
    measurement::CardiacPhase,
    scale::Scale,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Three times of a heart of three slices.
fn heart() -> Session {
    let mut session = with_pictures(&[("a", 3), ("b", 3), ("c", 3)]);
    link_times(&mut session);
    session
}

/// The index of the case and the slice on the screen.
fn shown(harness: &Harness<'static, App>) -> (usize, usize) {
    let cases = &harness.state().session.cases;
    (cases.current.unwrap(), cases.current_case().unwrap().slice)
}

fn is_playing(harness: &Harness<'static, App>) -> bool {
    harness.state().session.cine.is_playing()
}

/// How long the window would wait before it is drawn again.
fn repaint_delay(harness: &Harness<'static, App>) -> Duration {
    harness.output().viewport_output[&ViewportId::ROOT].repaint_delay
}

#[test]
fn the_play_button_plays_the_times_of_a_heart_at_one_slice() {
    let mut harness = window(heart());
    assert!(harness.query_by_label("Time 1 / 3").is_some());
    harness
        .get_by_role_and_label(Role::Button, "Play or pause")
        .click();
    harness.run_steps(2);
    assert!(is_playing(&harness));
    let mut seen = BTreeSet::new();
    for _ in 0..12 {
        harness.step();
        seen.insert(shown(&harness));
    }
    assert_eq!(seen, BTreeSet::from([(0, 1), (1, 1), (2, 1)]));
    harness.key_press(Key::F4);
    harness.run_steps(2);
    assert!(!is_playing(&harness));
    let paused = shown(&harness);
    harness.run_steps(4);
    assert_eq!(shown(&harness), paused);
}

#[test]
fn the_window_is_drawn_again_only_while_it_plays() {
    let mut harness = window(heart());
    harness.run_steps(60);
    assert!(repaint_delay(&harness) > Duration::from_secs(1));
    harness.key_press(Key::F4);
    harness.run_steps(3);
    assert!(repaint_delay(&harness) < Duration::from_millis(100));
    harness.key_press(Key::F4);
    harness.run_steps(60);
    assert!(repaint_delay(&harness) > Duration::from_secs(1));
}

#[test]
fn the_rate_is_shown_and_changed_by_keys() {
    let mut harness = window(heart());
    let rate = |harness: &Harness<'static, App>| {
        let session = &harness.state().session;
        session.cine.rate_of(&session.cases[0].series)
    };
    assert_eq!(rate(&harness), 15.0);
    assert!(harness.query_by_label("Frames per second").is_some());
    harness.key_press(Key::F8);
    harness.run_steps(2);
    assert_eq!(rate(&harness), 20.0);
    harness.key_press(Key::F7);
    harness.key_press(Key::F7);
    harness.run_steps(2);
    assert_eq!(rate(&harness), 12.0);
}

#[test]
fn what_follows_the_last_frame_is_chosen_beside_the_slider() {
    let mut harness = window(heart());
    harness.get_by_label("Playback options").click();
    harness.run_steps(4);
    harness.get_by_label("Back and forth").click();
    harness.run_steps(2);
    let session = &harness.state().session;
    let mode = session.cine.mode_of(&session.cases[0].series);
    assert_eq!(mode, labrum_core::cine::PlayMode::BackAndForth);
}

#[test]
fn a_single_image_has_no_play_button() {
    let harness = window(with_pictures(&[("a", 1)]));
    assert!(harness.query_by_label("Play or pause").is_none());
    assert!(harness.query_by_label("Frames per second").is_none());
}

#[test]
fn keys_go_to_the_next_and_the_previous_time() {
    let mut harness = window(heart());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::ArrowDown);
    harness.run_steps(2);
    assert_eq!(shown(&harness), (1, 1));
    assert!(harness.query_by_label("Time 2 / 3").is_some());
    for _ in 0..2 {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::ArrowUp);
        harness.run_steps(2);
    }
    assert_eq!(shown(&harness), (2, 1));
}

#[test]
fn the_panel_shows_the_ejection_fraction_and_marks_a_time() {
    let mut session = heart();
    let scale = Scale::from(Some(PixelSpacing {
        row: 1.0,
        column: 1.0,
        source: SpacingSource::PixelSpacing,
    }));
    for (at, radius) in [(0, 20.0), (2, 10.0)] {
        let finding = Arc::new(Finding::from_prediction(
            &blurred_disc(64, radius),
            "US model 1".into(),
            [Label::with_name("Disc", 0)].into(),
            &scale,
        ));
        for slice in &mut session.cases[at].slices {
            slice.finding = Some(finding.clone());
        }
    }
    let mut harness = window(session);
    for words in [
        "End diastole, time 1",
        "End systole, time 3",
        "Stroke volume",
        "Ejection fraction",
        "Masks at 2 of 3 times.",
    ] {
        assert!(harness.query_by_label(words).is_some(), "{words}");
    }
    harness.get_by_label("Mark end diastole").click_accesskit();
    harness.run_steps(3);
    let session = &harness.state().session;
    assert!(session.is_marked_phase(&session.cases[0], CardiacPhase::EndDiastole));
    assert!(
        harness
            .query_by_label("End diastole, time 1, marked")
            .is_some()
    );
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    harness.run_steps(3);
    assert!(harness.query_by_label("End diastole, time 1").is_some());
}

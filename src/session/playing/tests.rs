//! Playing with a clock that the tests turn.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::session::{
    job::{Event, Job, Loaded, SliceNeed, StoreJob},
    tests::{command, link_times, model, segment_jobs, session, with_pictures},
    tools::PointerInput,
    view::View,
};
use labrum_core::{
    cine::CineHint,
    image::{Image, Pixels},
    presentation::PresentationState,
    study::Series,
};
use std::sync::Arc;

/// Three times of a heart of four slices, all loaded.
fn heart() -> Session {
    let mut session = with_pictures(&[("a", 4), ("b", 4), ("c", 4)]);
    link_times(&mut session);
    session
}

/// The index of the case and the slice on the screen.
fn shown(session: &Session) -> (usize, usize) {
    let case = session.cases.current_case().unwrap();
    (session.cases.current.unwrap(), case.slice)
}

fn tick(session: &mut Session, seconds: f64) {
    session.apply_action(Action::Tick(seconds));
}

/// Plays for `frames` frames, with a tick right after each is due, and returns the slices or cases that are shown.
fn played(session: &mut Session, frames: usize) -> Vec<(usize, usize)> {
    let rate = session
        .cine
        .rate_of(&session.cases.current_case().unwrap().series);
    tick(session, 0.0);
    let mut seen = Vec::new();
    for frame in 1..=frames {
        tick(session, (frame as f64 + 0.01) / rate);
        seen.push(shown(session));
    }
    seen
}

fn load(session: &mut Session, key: SliceKey) {
    let image = Image::new(64, 64, Pixels::U8(vec![7; 4096])).unwrap();
    let default_window = image.default_window();
    let loaded = Loaded {
        image: Arc::new(image),
        default_window,
        presets: Vec::new(),
    };
    session.on_event(Event::Loaded {
        key,
        result: Ok(Arc::new(loaded)),
    });
}

/// The slices whose pixels are asked for last.
fn wished(session: &mut Session) -> Vec<SliceKey> {
    let mut jobs = session.take_jobs().into_iter().rev();
    let wishes = jobs.find_map(|job| match job {
        Job::Decode(wishes) => Some(wishes),
        _ => None,
    });
    let wishes = wishes.unwrap().into_iter();
    wishes
        .filter(|wish| wish.what != SliceNeed::Thumbnail)
        .map(|wish| wish.key)
        .collect()
}

#[test]
fn a_heart_beats_at_the_slice_that_is_shown() {
    let mut session = heart();
    session.apply_action(Action::SetSlice(1));
    command(&mut session, UserCommand::TogglePlay);
    assert!(session.cine.is_playing());
    assert_eq!(
        played(&mut session, 4),
        [(1, 1), (2, 1), (0, 1), (1, 1)],
        "after the last time comes the first"
    );
    command(&mut session, UserCommand::TogglePlay);
    tick(&mut session, 9.0);
    assert_eq!(shown(&session), (1, 1), "it is paused where it was");
}

#[test]
fn frames_come_when_they_are_due_and_not_before() {
    let mut session = heart();
    command(&mut session, UserCommand::TogglePlay);
    let start = shown(&session);
    tick(&mut session, 100.0);
    assert!((session.cine.time_left(100.0).unwrap() - 1.0 / 15.0).abs() < 1e-9);
    tick(&mut session, 100.06);
    assert_eq!(shown(&session), start);
    tick(&mut session, 100.07);
    assert_eq!(shown(&session).0, 1);
    // A window that stood still for a second goes on with the next frame and hurries through none.
    tick(&mut session, 101.0);
    assert_eq!(shown(&session).0, 2);
    tick(&mut session, 101.001);
    assert_eq!(shown(&session).0, 2);
}

#[test]
fn slices_are_played_in_a_loop_back_and_forth_or_once() {
    let order = |mode: Option<UserCommand>| {
        let mut session = with_pictures(&[("a", 3)]);
        mode.into_iter()
            .for_each(|mode| command(&mut session, mode));
        command(&mut session, UserCommand::TogglePlay);
        let seen = played(&mut session, 4).into_iter().map(|(_, slice)| slice);
        (seen.collect::<Vec<_>>(), session)
    };
    // A case is opened at its middle slice.
    assert_eq!(order(None).0, [2, 0, 1, 2]);
    assert_eq!(order(Some(UserCommand::CineBackAndForth)).0, [2, 1, 0, 1]);
    let (seen, mut session) = order(Some(UserCommand::CineOnce));
    assert_eq!(seen, [2, 2, 2, 2]);
    assert!(!session.cine.is_playing());
    command(&mut session, UserCommand::TogglePlay);
    assert_eq!(shown(&session), (0, 0), "from its end it begins again");
}

#[test]
fn the_rate_is_that_of_the_file_until_another_is_chosen() {
    let mut session = with_pictures(&[("a", 3), ("b", 3)]);
    let series = Series {
        cine: CineHint::new(Some(24.0), true),
        ..Series::clone(&session.cases[0].series)
    };
    session.cases[0].series = Arc::new(series);
    let rate = |session: &Session, at: usize| session.cine.rate_of(&session.cases[at].series);
    assert_eq!((rate(&session, 0), rate(&session, 1)), (24.0, 15.0));
    let mode = session.cine.mode_of(&session.cases[0].series);
    assert_eq!(mode, PlayMode::BackAndForth, "as its file asks");
    command(&mut session, UserCommand::FasterCine);
    assert_eq!((rate(&session, 0), rate(&session, 1)), (25.0, 15.0));
    command(&mut session, UserCommand::SlowerCine);
    command(&mut session, UserCommand::SlowerCine);
    assert_eq!(rate(&session, 0), 15.0);
    session.apply_action(Action::Cine(CineAction::Rate(1e9)));
    assert_eq!(rate(&session, 0), 60.0);
}

#[test]
fn a_frame_that_is_not_loaded_is_waited_for() {
    let mut session = session(&[("a", 5)], None);
    let case = session.cases[0].id;
    let key = |slice| SliceKey { case, slice };
    load(&mut session, key(2));
    load(&mut session, key(4));
    command(&mut session, UserCommand::TogglePlay);
    assert_eq!(
        wished(&mut session).first(),
        Some(&key(3)),
        "what comes next is read first"
    );
    assert_eq!(played(&mut session, 3), [(0, 2); 3]);
    assert!(session.cine.is_playing() && session.cine.is_waiting());
    assert_eq!(session.cine.time_left(1.0), None, "the image wakes it");
    load(&mut session, key(3));
    tick(&mut session, 2.0);
    assert_eq!(shown(&session), (0, 3));
    assert!(!session.cine.is_waiting());
    tick(&mut session, 2.1);
    assert_eq!(shown(&session), (0, 4), "nothing is left out");
    tick(&mut session, 2.2);
    assert_eq!(shown(&session), (0, 4), "the first slice is missing");
    assert_eq!(wished(&mut session).first(), Some(&key(0)));
}

#[test]
fn the_same_slice_of_the_following_times_is_read_ahead() {
    let mut session = session(&[("a", 9), ("b", 9), ("c", 9)], None);
    link_times(&mut session);
    let keys: Vec<SliceKey> = session
        .cases
        .iter()
        .map(|case| SliceKey {
            case: case.id,
            slice: 4,
        })
        .collect();
    load(&mut session, keys[0]);
    command(&mut session, UserCommand::TogglePlay);
    assert_eq!(wished(&mut session)[..2], keys[1..]);
}

#[test]
fn an_image_that_cannot_be_read_does_not_stop_it() {
    let mut session = session(&[("a", 3)], None);
    let case = session.cases[0].id;
    for slice in 0..2 {
        load(&mut session, SliceKey { case, slice });
    }
    session.on_event(Event::Loaded {
        key: SliceKey { case, slice: 2 },
        result: Err(crate::Error::new("read the image", "it is damaged")),
    });
    command(&mut session, UserCommand::TogglePlay);
    assert_eq!(played(&mut session, 2), [(0, 2), (0, 0)]);
}

#[test]
fn editing_and_going_elsewhere_pause_it() {
    let press = PointerInput {
        phase: PointerPhase::Press,
        at: [20.0, 20.0],
        erases: false,
        is_shifted: false,
        scale: 1.0,
    };
    for pausing in [
        Action::Pointer(press),
        Action::Command(UserCommand::EmptyLabel),
        Action::Command(UserCommand::Accept),
        Action::Command(UserCommand::NextTime),
        Action::Command(UserCommand::LastSlice),
        Action::SetSlice(0),
        Action::Command(UserCommand::Cancel),
    ] {
        let mut session = heart();
        command(&mut session, UserCommand::ToolBrush);
        command(&mut session, UserCommand::TogglePlay);
        let name = format!("{pausing:?}");
        session.apply_action(pausing);
        let there = shown(&session);
        tick(&mut session, 1.0);
        tick(&mut session, 2.0);
        assert!(!session.cine.is_playing(), "{name}");
        assert_eq!(shown(&session), there, "{name}");
    }
}

#[test]
fn looking_does_not_pause_it() {
    let mut session = heart();
    command(&mut session, UserCommand::TogglePlay);
    for looking in [
        UserCommand::ZoomIn,
        UserCommand::InvertGrey,
        UserCommand::ShowOutline,
        UserCommand::FasterCine,
    ] {
        command(&mut session, looking);
    }
    assert!(session.cine.is_playing());
    assert_eq!(played(&mut session, 1)[0].0, 1);
    let case = session.cases.current_case().unwrap();
    assert!(case.appearance.is_inverted && case.view != View::Fit);
}

#[test]
fn times_that_go_by_leave_no_trace_in_the_workspace() {
    let mut session = heart();
    session.take_jobs();
    command(&mut session, UserCommand::TogglePlay);
    played(&mut session, 2);
    let notes = |session: &mut Session| -> Vec<StoreJob> {
        let jobs = session.take_jobs().into_iter();
        jobs.filter_map(|job| match job {
            Job::Store(job) => Some(job),
            _ => None,
        })
        .collect()
    };
    assert!(notes(&mut session).is_empty());
    command(&mut session, UserCommand::TogglePlay);
    let case = session.cases[2].id;
    assert!(
        notes(&mut session)
            .iter()
            .any(|job| matches!(job, StoreJob::Shown { case: shown, .. } if *shown == case)),
        "where it was paused is remembered"
    );
}

#[test]
fn no_model_runs_on_a_time_that_goes_by_before_it_is_paused_there() {
    let mut session = session(&[("a", 3), ("b", 3)], Some(model("US")));
    link_times(&mut session);
    let keys = [0, 1].map(|at| session.cases[at].slice_key());
    for key in keys {
        load(&mut session, key);
    }
    segment_jobs(&mut session);
    command(&mut session, UserCommand::TogglePlay);
    assert_eq!(played(&mut session, 1), [(1, 1)]);
    session.on_event(Event::Thumbnail {
        key: keys[1],
        thumbnail: None,
    });
    assert!(segment_jobs(&mut session).is_empty());
    command(&mut session, UserCommand::TogglePlay);
    let jobs = segment_jobs(&mut session);
    assert_eq!(jobs[0].targets[0].key, keys[1]);
}

#[test]
fn a_key_goes_to_the_next_time_at_the_same_slice_with_the_same_view() {
    let mut session = heart();
    session.apply_action(Action::SetSlice(3));
    command(&mut session, UserCommand::ZoomIn);
    let view = session.cases[0].view;
    command(&mut session, UserCommand::NextTime);
    assert_eq!(shown(&session), (1, 3));
    assert_eq!(session.cases[1].view, view);
    command(&mut session, UserCommand::PreviousTime);
    command(&mut session, UserCommand::PreviousTime);
    assert_eq!(shown(&session), (2, 3));
    command(&mut session, UserCommand::NextTime);
    assert_eq!(shown(&session), (0, 3));
}

#[test]
fn all_times_are_shown_by_the_presentation_state_that_was_chosen() {
    let state = |uid: &str| {
        Arc::new(PresentationState {
            uid: uid.into(),
            ..PresentationState::default()
        })
    };
    let mut session = heart();
    session.cases[0].presentations = vec![state("1.9")];
    session.cases[1].presentations = vec![state("1.8"), state("1.9")];
    session.cases[2].presentations = vec![state("1.8")];
    session.cases[2].presentation = Some(0);
    session.apply_action(Action::ChoosePresentation(Some(0)));
    command(&mut session, UserCommand::TogglePlay);
    let mut by = Vec::new();
    for frame in 0..3 {
        tick(&mut session, f64::from(frame));
        let case = session.cases.current_case().unwrap();
        by.push(case.shown_presentation().map(|state| state.uid.clone()));
    }
    let known = Some("1.9".to_owned());
    assert_eq!(
        by,
        [known.clone(), known, None],
        "it does not refer to the last time"
    );
}

#[test]
fn a_time_without_some_slices_is_shown_at_the_nearest_place() {
    let mut session = with_pictures(&[("a", 4), ("b", 3)]);
    link_times(&mut session);
    let mut series = Series::clone(&session.cases[1].series);
    // Its first slice is missing.
    for slice in &mut series.slices {
        slice.plane.as_mut().unwrap().position[2] += 8.0;
    }
    session.cases[1].series = Arc::new(series);
    session.apply_action(Action::SetSlice(3));
    command(&mut session, UserCommand::NextTime);
    assert_eq!(shown(&session), (1, 2));
    command(&mut session, UserCommand::NextTime);
    assert_eq!(shown(&session), (0, 3));
}

#[test]
fn what_cannot_be_played_says_why() {
    let session = with_pictures(&[("a", 1), ("b", 3)]);
    let refusal = |command| session.command_refusal(command);
    assert_eq!(
        refusal(UserCommand::TogglePlay),
        Some("This case has only one image")
    );
    assert_eq!(
        refusal(UserCommand::NextTime),
        Some("This case has only one time"),
        "other cases of the study are no times of it"
    );
}

#[test]
fn the_slices_of_a_heart_are_played_if_that_is_chosen() {
    let mut session = heart();
    command(&mut session, UserCommand::CineTimes);
    command(&mut session, UserCommand::TogglePlay);
    assert_eq!(played(&mut session, 2), [(0, 3), (0, 0)]);
    command(&mut session, UserCommand::CineTimes);
    let case = session.cases.current_case().unwrap();
    assert_eq!(session.played_axis(case), Some(CineAxis::Times));
}

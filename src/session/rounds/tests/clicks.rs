//! The part of a round that fine-tunes the click model: its settings, its progress, and its version.

use super::*;
use labrum_core::training::{ClickTraining, Estimate};
use std::time::Duration;

fn send(session: &mut Session, job: &TrainJob, event: RoundEvent) {
    session.on_event(Event::Round {
        attempt: job.attempt,
        event,
    });
}

fn step(step: usize, remaining: u64) -> RoundProgress {
    RoundProgress::Step {
        step,
        done: 0.5,
        loss: 0.25,
        remaining: Duration::from_secs(remaining),
    }
}

/// A round whose click part takes 30 of 90 seconds.
fn estimated(session: &mut Session) -> TrainJob {
    let job = train(session, 7);
    let estimate = Estimate {
        cases: 4,
        slices: 4,
        held_out: 1,
        seconds: 90.0,
        click_seconds: Some(30.0),
        memory: 1 << 30,
        note: None,
    };
    send(session, &job, RoundEvent::Estimated(estimate));
    job
}

fn seconds_left(session: &Session) -> Option<u64> {
    let running = session.learning.running.as_ref().unwrap();
    running.time_left().map(|time| time.as_secs())
}

fn texts(session: &Session) -> Vec<&str> {
    let list = session.notices.list.iter();
    list.map(|notice| notice.text.as_str()).collect()
}

/// A click version of a round.
fn click_version(key: i64, is_active: bool) -> Version {
    Version {
        kind: ModelKind::Clicks,
        name: format!("Clicks round-{key}"),
        ..version(key, is_active)
    }
}

#[test]
fn a_round_starts_from_the_active_click_version_as_the_settings_say() {
    let mut session = ready();
    session.settings.learning.clicks = ClickTraining::Always;
    session.on_event(Event::Versions {
        versions: vec![click_version(3, true), click_version(4, false)],
        active: None,
    });
    session.take_jobs();
    command(&mut session, UserCommand::Train);
    let jobs = session.take_jobs();
    let wish = jobs.iter().find_map(|job| match job {
        Job::Store(StoreJob::BeginRound(wish)) => Some(wish),
        _ => None,
    });
    let wish = wish.unwrap();
    assert_eq!(
        wish.settings.clicks,
        ClickSettings {
            when: ClickTraining::Always,
            start: Some("/work/models/3.safetensors".into()),
            start_name: "Clicks round-3".into(),
            parent: Some(VersionKey(3)),
        }
    );
    // It proposes no masks.
    assert_eq!(wish.parent, None);
    let clicks = StartFrom::File("/work/models/3.safetensors".into());
    assert_ne!(wish.settings.start, clicks);
}

#[test]
fn the_time_left_includes_the_click_part() {
    let mut session = ready();
    let job = estimated(&mut session);
    assert_eq!(seconds_left(&session), Some(90));
    let phases = [
        (RoundPhase::Training(step(5, 20)), Some(50)),
        (RoundPhase::Judging, None),
        (RoundPhase::Reading { done: 1, total: 4 }, Some(30)),
        (RoundPhase::TrainingClicks(step(1, 12)), Some(12)),
        (RoundPhase::JudgingClicks, None),
    ];
    for (phase, left) in phases {
        send(&mut session, &job, RoundEvent::Phase(phase));
        assert_eq!(seconds_left(&session), left, "{phase:?}");
    }
    let running = session.learning.running.as_ref().unwrap();
    assert_eq!(
        running.loss,
        [[1.0, 0.25]],
        "the curve of the click part is its own"
    );
}

#[test]
fn both_versions_of_a_round_are_stored_and_announced() {
    let mut session = ready();
    let job = train(&mut session, 7);
    send(
        &mut session,
        &job,
        RoundEvent::Ended(Ok(Some(all_made(7, true)))),
    );
    let stored = session.take_jobs();
    let Some(RoundOutcome::Versions(versions)) = ended(&stored) else {
        panic!("nothing is stored");
    };
    assert_eq!(versions.all().count(), 2);
    let shown = texts(&session);
    let is_shown = |begin: &str| shown.iter().any(|text| text.starts_with(begin));
    assert!(is_shown("US model round-7 is active now: "), "{shown:?}");
    assert!(
        is_shown("The Click tool now uses Clicks round-7: "),
        "{shown:?}"
    );
}

#[test]
fn a_failure_of_the_click_part_is_shown_and_the_other_version_is_stored() {
    let mut session = ready();
    let job = train(&mut session, 7);
    let mut made = all_made(7, false);
    let note = "The model of the Click tool was not trained: the disk is full.";
    made.note = Some(note.to_owned());
    send(&mut session, &job, RoundEvent::Ended(Ok(Some(made))));
    assert!(matches!(
        ended(&session.take_jobs()),
        Some(RoundOutcome::Versions(versions)) if versions.clicks.is_none()
    ));
    assert!(texts(&session).contains(&note));
}

#[test]
fn the_versions_of_a_round_are_news_until_one_is_changed() {
    let mut session = ready();
    activate(&mut session, 1);
    session.take_jobs();
    let newer = Version {
        key: VersionKey(9),
        ..click_version(2, false)
    };
    session.on_event(Event::Versions {
        versions: vec![version(1, true), version(2, false), newer],
        active: None,
    });
    assert_eq!(session.learning.fresh, [VersionKey(2), VersionKey(9)]);
    session.apply_action(Action::Learn(LearnAction::UseShippedClicks));
    assert!(session.learning.fresh.is_empty());
}

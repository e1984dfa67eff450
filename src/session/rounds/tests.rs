//! The learning loop without a worker: jobs, and results that arrive at the worst moment.

#![allow(clippy::unwrap_used, clippy::panic)]

mod clicks;
mod proposals;

use super::*;
use crate::session::{
    Action,
    job::{CaseId, Event, SegmentJob, SliceKey, TrainingJob},
    labels::LabelAction,
    settings::{CaseOrder, Settings},
    tests::{answer, command, finding, model, segment_jobs, session},
};
use labrum_core::{
    gate::{GateCase, GateReport},
    journal::Meter,
    label::Label,
    learning::{NewVersion, VersionState},
    mask::{Mask, Rule},
    metrics::Scores,
    region::{PixelRect, Region},
    training::{Plan, RoundPhase, RoundProgress, RoundSettings, StartFrom},
};

/// A session with two cases and a matching model; the workspace has one accepted case.
fn ready() -> Session {
    let mut session = session(&[("a", 1), ("b", 1)], Some(model("US")));
    session.on_event(Event::Meter(Meter {
        accepted: 1,
        total: 2,
        ..Meter::default()
    }));
    session.take_jobs();
    session
}

fn begun(key: i64, is_resumed: bool) -> BegunRound {
    BegunRound {
        key: RoundKey(key),
        snapshot: Vec::new(),
        settings: RoundSettings {
            start: StartFrom::Nothing,
            start_name: "nothing".into(),
            is_start_active: false,
            plan: Plan::default(),
            seconds: 60.0,
            clicks: ClickSettings::default(),
        },
        parent: None,
        previous: None,
        checkpoint: "/work/models/round-1.state".into(),
        click_checkpoint: "/work/models/round-1-clicks.state".into(),
        is_resumed,
    }
}

/// Starts a round and returns the training job.
fn train(session: &mut Session, key: i64) -> TrainJob {
    command(session, UserCommand::Train);
    let wished = |j: &Job| matches!(j, Job::Store(StoreJob::BeginRound(_)));
    assert!(session.take_jobs().iter().any(wished));
    session.on_event(Event::RoundBegun(Box::new(begun(key, false))));
    let jobs = session.take_jobs().into_iter();
    let mut trained = jobs.filter_map(|j| {
        if let Job::Training(TrainingJob::Train(job)) = j {
            Some(*job)
        } else {
            None
        }
    });
    trained.next().unwrap()
}

fn report() -> GateReport {
    GateReport::new(
        vec![GateCase {
            key: 1,
            name: "a".into(),
            subject: String::new(),
            active: None,
            candidate: Scores::PERFECT,
            is_untouched: false,
        }],
        &[],
    )
}

fn made(key: i64) -> NewVersion {
    NewVersion {
        round: RoundKey(key),
        kind: ModelKind::Masks,
        name: format!("US model round-{key}"),
        parent: None,
        parent_name: "US model 1".into(),
        state: VersionState::Accepted,
        hash: "ab".repeat(32),
        cases: 4,
        seconds: 12.0,
        steps: 100,
        settings: "{}".into(),
        report: report(),
        bytes: Arc::default(),
    }
}

/// What a round has made: a version for masks and, if wanted, one for clicks.
fn all_made(key: i64, with_clicks: bool) -> Box<RoundVersions> {
    Box::new(RoundVersions {
        masks: made(key),
        clicks: with_clicks.then(|| NewVersion {
            kind: ModelKind::Clicks,
            name: format!("Clicks round-{key}"),
            ..made(key)
        }),
        note: None,
    })
}

fn version(key: i64, is_active: bool) -> Version {
    Version {
        key: VersionKey(key),
        round: RoundKey(key),
        kind: ModelKind::Masks,
        name: format!("US model round-{key}"),
        parent: None,
        parent_name: "US model 1".into(),
        made_at: 0,
        state: VersionState::Accepted,
        reason: String::new(),
        is_active,
        hash: "ab".repeat(32),
        file: format!("/work/models/{key}.safetensors").into(),
        cases: 4,
        seconds: 12.0,
        steps: 100,
        settings: "{}".into(),
        report: report(),
    }
}

fn activate(session: &mut Session, key: i64) {
    let card = model("US").card.as_ref().clone();
    let card = labrum_core::model_card::ModelCard {
        version: format!("round-{key}"),
        ..card
    };
    let file = version(key, true).file;
    let entry = ModelEntry {
        source: ModelSource::File(file),
        card: Arc::new(card),
    };
    session.on_event(Event::Versions {
        versions: vec![version(key, true)],
        active: Some(entry),
    });
}

fn ended(jobs: &[Job]) -> Option<&RoundOutcome> {
    jobs.iter().find_map(|j| match j {
        Job::Store(StoreJob::EndRound { outcome, .. }) => Some(outcome),
        _ => None,
    })
}

fn draw(session: &mut Session, case: CaseId) {
    let dot = Region::from_fn(
        &PixelRect {
            columns: 3..9,
            rows: 3..9,
        },
        |_, _| true,
    );
    let key = SliceKey { case, slice: 0 };
    let edit = session.write_mask(key, |mask| mask.paint_region(&dot, 1, &Rule::FREE));
    session.commit_edits("Brush", case, vec![(0, edit)]);
}

fn mask_of(session: &Session, case: CaseId) -> Mask {
    session
        .mask_of(SliceKey { case, slice: 0 })
        .unwrap()
        .into_owned()
}

#[test]
fn training_needs_an_accepted_case() {
    let mut session = session(&[("a", 1)], None);
    assert_eq!(
        session.command_refusal(UserCommand::Train),
        Some("No case is accepted yet")
    );
    command(&mut session, UserCommand::Train);
    assert!(session.learning.running.is_none());
}

#[test]
fn the_first_model_of_a_workspace_starts_from_what_the_settings_say() {
    for (new_model, start, name) in [
        (NewModelStart::Random, StartFrom::Nothing, "nothing"),
        (
            NewModelStart::ClickModel,
            StartFrom::ClickModel,
            "Click model",
        ),
    ] {
        let mut session = session(&[("a", 1)], None);
        session.on_event(Event::Meter(Meter {
            accepted: 1,
            total: 1,
            ..Meter::default()
        }));
        session.settings.learning.new_model = new_model;
        session.take_jobs();
        command(&mut session, UserCommand::Train);
        let wish = session.take_jobs().into_iter().find_map(|job| match job {
            Job::Store(StoreJob::BeginRound(wish)) => Some(*wish),
            _ => None,
        });
        let wish = wish.unwrap();
        assert_eq!(wish.settings.start, start);
        assert_eq!(wish.settings.start_name, name);
        assert!(!wish.settings.is_start_active && wish.parent.is_none());
    }
}

#[test]
fn the_progress_of_a_round_is_shown_and_its_version_is_stored() {
    let mut session = ready();
    let job = train(&mut session, 7);
    assert_eq!(job.begun.key, RoundKey(7));
    assert_eq!(
        session.command_refusal(UserCommand::Train),
        Some("Training is already running")
    );
    let step = RoundEvent::Phase(RoundPhase::Training(RoundProgress::Step {
        step: 5,
        done: 0.25,
        loss: 0.5,
        remaining: std::time::Duration::from_secs(30),
    }));
    session.on_event(Event::Round {
        attempt: job.attempt,
        event: step,
    });
    let running = session.learning.running.as_ref().unwrap();
    assert_eq!(
        (running.done, running.loss.as_slice()),
        (0.25, [[5.0, 0.5]].as_slice())
    );
    let end = RoundEvent::Ended(Ok(Some(all_made(7, false))));
    session.on_event(Event::Round {
        attempt: job.attempt,
        event: end,
    });
    assert!(session.learning.running.is_none());
    assert!(matches!(
        ended(&session.take_jobs()),
        Some(RoundOutcome::Versions(_))
    ));
}

#[test]
fn a_cancelled_round_ends_at_once_and_its_late_events_are_dropped() {
    let mut session = ready();
    let job = train(&mut session, 7);
    command(&mut session, UserCommand::CancelTraining);
    assert!(session.learning.running.is_none() && job.control.cancel.is_cancelled());
    assert_eq!(ended(&session.take_jobs()), Some(&RoundOutcome::Cancelled));
    let end = RoundEvent::Ended(Ok(Some(all_made(7, false))));
    session.on_event(Event::Round {
        attempt: job.attempt,
        event: end,
    });
    assert_eq!(
        ended(&session.take_jobs()),
        None,
        "the late version is not stored"
    );
}

#[test]
fn a_round_that_is_cancelled_before_its_snapshot_never_trains() {
    let mut session = ready();
    command(&mut session, UserCommand::Train);
    command(&mut session, UserCommand::CancelTraining);
    session.take_jobs();
    session.on_event(Event::RoundBegun(Box::new(begun(7, false))));
    let jobs = session.take_jobs();
    assert_eq!(ended(&jobs), Some(&RoundOutcome::Cancelled));
    assert!(
        !jobs
            .iter()
            .any(|j| matches!(j, Job::Training(TrainingJob::Train(_))))
    );
}

#[test]
fn a_result_of_an_older_round_does_not_end_a_newer_one() {
    let mut session = ready();
    let older = train(&mut session, 7);
    command(&mut session, UserCommand::CancelTraining);
    train(&mut session, 8);
    session.on_event(Event::Round {
        attempt: older.attempt,
        event: RoundEvent::Ended(Ok(None)),
    });
    assert!(session.learning.running.is_some());
}

#[test]
fn reopening_the_workspace_resumes_its_running_round() {
    let mut session = ready();
    let older = train(&mut session, 7);
    session.apply_action(Action::OpenWorkspace("/work".into()));
    assert!(
        older.control.cancel.is_cancelled(),
        "the round must not run twice"
    );
    session.on_event(Event::RoundBegun(Box::new(begun(7, true))));
    let jobs = session.take_jobs();
    let again = jobs
        .iter()
        .find_map(|j| {
            if let Job::Training(TrainingJob::Train(job)) = j {
                Some(job.attempt)
            } else {
                None
            }
        })
        .unwrap();
    assert_ne!(again, older.attempt);
    session.on_event(Event::Round {
        attempt: older.attempt,
        event: RoundEvent::Ended(Ok(None)),
    });
    assert!(
        session
            .learning
            .running
            .as_ref()
            .is_some_and(|r| r.is_resumed),
        "the resumed round is still running"
    );
    assert_eq!(
        ended(&session.take_jobs()),
        None,
        "the workspace has not ended the round"
    );
}

#[test]
fn an_interrupted_round_can_be_restarted() {
    let mut session = ready();
    session.on_event(Event::RoundBegun(Box::new(begun(7, true))));
    session.take_jobs();
    session.apply_action(Action::Learn(LearnAction::Anew));
    let jobs = session.take_jobs();
    assert_eq!(ended(&jobs), Some(&RoundOutcome::Cancelled));
    assert!(
        jobs.iter()
            .any(|j| matches!(j, Job::Store(StoreJob::BeginRound(_))))
    );
    assert!(
        session
            .learning
            .running
            .as_ref()
            .is_some_and(|r| !r.is_resumed)
    );
}

#[test]
fn an_interrupted_round_is_resumed() {
    let mut session = ready();
    session.on_event(Event::RoundBegun(Box::new(begun(3, true))));
    assert!(
        session
            .learning
            .running
            .as_ref()
            .is_some_and(|r| r.is_resumed)
    );
    assert!(session.take_jobs().iter().any(
        |j| matches!(j, Job::Training(TrainingJob::Train(job)) if job.begun.key == RoundKey(3))
    ));
}

#[test]
fn a_round_can_be_paused_and_continued() {
    let mut session = ready();
    let job = train(&mut session, 7);
    command(&mut session, UserCommand::PauseTraining);
    assert!(session.is_training_paused() && job.control.is_paused());
    command(&mut session, UserCommand::PauseTraining);
    assert!(!session.is_training_paused() && job.control.may_go_on());
}

#[test]
fn a_round_starts_automatically_after_the_set_number_of_accepted_cases() {
    let mut session = ready();
    let mut settings = Settings {
        ..session.settings.clone()
    };
    settings.learning.after_cases = 3;
    session.apply_action(Action::SetSettings(settings));
    session.on_event(Event::NewlyAccepted(2));
    assert!(session.learning.running.is_none());
    session.on_event(Event::NewlyAccepted(3));
    assert!(
        session.learning.running.is_none(),
        "no case was accepted in this window"
    );
    let id = session.cases[0].id;
    draw(&mut session, id);
    command(&mut session, UserCommand::Accept);
    session.on_event(Event::NewlyAccepted(4));
    assert!(session.learning.running.is_some());
    command(&mut session, UserCommand::CancelTraining);
    session.on_event(Event::NewlyAccepted(4));
    assert!(
        session.learning.running.is_none(),
        "only a newly accepted case starts a round"
    );
}

#[test]
fn versions_belong_to_their_workspace() {
    let mut session = ready();
    let job = train(&mut session, 7);
    activate(&mut session, 4);
    session.apply_action(Action::OpenWorkspace("/other".into()));
    assert!(session.learning.running.is_none() && job.control.cancel.is_cancelled());
    assert!(session.learning.versions.is_empty());
    assert!(
        session
            .models
            .list
            .iter()
            .all(|m| matches!(m.source, ModelSource::Shipped(_)))
    );
}

#[test]
fn the_suggested_order_gives_reasons_and_is_partly_random() {
    let all: Vec<(String, usize)> = (0..9).map(|i| (format!("case {i}"), 1)).collect();
    let names: Vec<(&str, usize)> = all.iter().map(|(n, c)| (n.as_str(), *c)).collect();
    let mut session = session(&names, None);
    session.cases[4].slices[0].set_proposal(finding());
    session.apply_action(Action::SetOrder(CaseOrder::WhatNext));
    let order = session.ordered_cases();
    assert_eq!(order.len(), 9);
    assert_eq!(order[0], 4, "the only case whose uncertainty is known");
    assert!(
        session.cases[4]
            .reason
            .as_ref()
            .unwrap()
            .contains("uncertain")
    );
    let random = session
        .cases
        .iter()
        .filter(|c| c.reason.as_ref().is_some_and(|r| r.contains("random")))
        .count();
    assert_eq!(random, 3);
}

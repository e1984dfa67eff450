//! What the Click tool stores of its prompts, and which network it asks.

use super::*;
use crate::session::learning::LearnAction;
use labrum_core::{
    gate::{GateReport, clicks::ClickReport},
    journal::StepPrompts,
    learning::{ModelKind, RoundKey, Version, VersionKey, VersionState},
    prompts::Prompt,
};
use std::path::{Path, PathBuf};

/// The prompts of the steps that were stored since the last call.
fn stored(session: &mut Session) -> Vec<StepPrompts> {
    let jobs = session.take_jobs().into_iter();
    jobs.filter_map(|job| match job {
        Job::Store(StoreJob::Append { step, .. }) => step.also.prompts.map(|own| *own),
        _ => None,
    })
    .collect()
}

/// Sign of each prompt, and whether they begin an object.
fn summary(own: &StepPrompts) -> (bool, Vec<bool>) {
    let signs = own.prompts.iter().map(Prompt::adds).collect();
    (own.begins_object, signs)
}

#[test]
fn each_step_stores_its_prompt_and_whether_it_begins_an_object() {
    let mut session = clicking(1);
    let first = click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    let own = stored(&mut session).remove(0);
    assert_eq!((own.slice, own.label), (0, 1));
    assert_eq!(own.model, "Clicks 1.0.0");
    assert_eq!(own.prompts, first.prompts);
    assert_eq!(summary(&own), (true, vec![true]));
    click_and_reply(&mut session, [28.0, 28.0], true, 10, 26);
    let own = stored(&mut session).remove(0);
    assert_eq!(summary(&own), (false, vec![false]));
    command(&mut session, UserCommand::Accept);
    session.take_jobs();
    click_and_reply(&mut session, [50.0, 50.0], false, 45, 55);
    let own = stored(&mut session).remove(0);
    assert_eq!(summary(&own), (true, vec![true]));
}

#[test]
fn a_prompt_that_changes_nothing_is_stored_with_the_next_one() {
    let mut session = clicking(1);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    session.take_jobs();
    click_and_reply(&mut session, [50.0, 50.0], true, 10, 30);
    assert!(stored(&mut session).is_empty());
    click_and_reply(&mut session, [32.0, 32.0], false, 10, 34);
    let own = stored(&mut session).remove(0);
    assert_eq!(summary(&own), (false, vec![false, true]));
}

#[test]
fn after_all_its_steps_were_undone_an_object_begins_anew() {
    let mut session = clicking(1);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    command(&mut session, UserCommand::Undo);
    session.take_jobs();
    click_and_reply(&mut session, [20.0, 20.0], false, 12, 30);
    let own = stored(&mut session).remove(0);
    assert_eq!(summary(&own), (true, vec![true]));
}

fn version(key: i64, is_active: bool) -> Version {
    Version {
        key: VersionKey(key),
        round: RoundKey(key),
        kind: ModelKind::Clicks,
        name: format!("Clicks round-{key}"),
        parent: None,
        parent_name: "Clicks 1.0.0".into(),
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
        report: GateReport::of_clicks(ClickReport::default()),
    }
}

fn list_versions(session: &mut Session, versions: Vec<Version>) {
    session.on_event(Event::Versions {
        versions,
        active: None,
    });
}

/// The file of the network that is to be loaded, if one is.
fn loaded(session: &mut Session) -> Option<Option<PathBuf>> {
    let jobs = session.take_jobs().into_iter();
    let mut loaded = jobs.filter_map(|job| match job {
        Job::Network(NetworkJob::PrepareClicks(model)) => Some(model.file),
        _ => None,
    });
    loaded.next()
}

#[test]
fn clicks_are_answered_by_the_active_version_of_the_workspace() {
    let mut session = clicking(1);
    let first = Path::new("/work/models/1.safetensors").to_owned();
    list_versions(&mut session, vec![version(1, true)]);
    assert_eq!(loaded(&mut session), Some(Some(first.clone())));
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    assert_eq!(job.model.file, Some(first));
    reply(&mut session, &job, 10, 30);
    // The list changes, but not which version is active.
    list_versions(&mut session, vec![version(1, true), version(2, false)]);
    assert_eq!(loaded(&mut session), None);
    session.apply_action(Action::Learn(LearnAction::UseShippedClicks));
    list_versions(&mut session, vec![version(1, false), version(2, false)]);
    assert_eq!(loaded(&mut session), Some(None));
}

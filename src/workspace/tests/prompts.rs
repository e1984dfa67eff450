//! Prompts that are stored with their steps, and versions of the click model.

#![allow(clippy::unwrap_used)]

use super::*;
use labrum_core::{
    gate::{
        GateReport,
        clicks::{ClickCase, ClickReport, ClickScores},
    },
    journal::StepPrompts,
    learning::{ModelKind, NewVersion, RoundKey, RoundState, Version, VersionState},
    prompts::{Prompt, PromptedObject},
};

fn click(x: f64, adds: bool) -> Prompt {
    Prompt::Click { at: [x, 4.5], adds }
}

/// A step of the Click tool on slice 0 with these prompts.
fn clicked(
    workspace: &mut Workspace,
    case: CaseKey,
    mask: &mut Mask,
    region: &Region,
    begins_object: bool,
    prompts: Vec<Prompt>,
) -> JournalStep {
    let edit = mask.paint_region(region, 1, &Rule::FREE);
    let own = StepPrompts {
        slice: 0,
        label: 1,
        begins_object,
        prompts,
        model: "Clicks 1.0.0".into(),
    };
    let step = JournalStep {
        tool: "Click".into(),
        also: Also {
            prompts: Some(Box::new(own)),
            ..Also::default()
        },
        ..step(workspace.next_seq().unwrap(), case, vec![(0, edit)])
    };
    workspace.append_step(&step, &[]).unwrap();
    step
}

/// Two objects: one of a click, a correction that changed nothing and another one, the other of a click.
fn with_two_objects(workspace: &mut Workspace) -> (CaseKey, Vec<JournalStep>) {
    let knee = case(workspace, "k");
    let mut mask = blank();
    let mut add = |region: &Region, begins: bool, prompts: Vec<Prompt>| {
        clicked(workspace, knee, &mut mask, region, begins, prompts)
    };
    let steps = vec![
        add(&square(0, 0, 3), true, vec![click(1.5, true)]),
        add(
            &square(0, 0, 5),
            false,
            vec![click(9.5, false), click(4.5, true)],
        ),
        add(&square(8, 8, 4), true, vec![click(10.5, true)]),
    ];
    (knee, steps)
}

fn object(prompts: Vec<Prompt>) -> PromptedObject {
    PromptedObject { label: 1, prompts }
}

fn first_object() -> PromptedObject {
    object(vec![click(1.5, true), click(9.5, false), click(4.5, true)])
}

fn prompted(workspace: &mut Workspace) -> Vec<PromptedObject> {
    let slices = workspace.accepted_masks().unwrap();
    slices.into_iter().flat_map(|s| s.prompted).collect()
}

#[test]
fn prompts_are_stored_with_their_step_and_follow_undo_and_redo() {
    let (_folder, mut workspace) = workspace();
    let (knee, steps) = with_two_objects(&mut workspace);
    workspace.set_status(knee, Status::Accepted).unwrap();
    let both = vec![first_object(), object(vec![click(10.5, true)])];
    assert_eq!(prompted(&mut workspace), both);
    // Opened again without being closed, as after a crash.
    let folder = workspace.folder().to_owned();
    drop(workspace);
    let mut workspace = Workspace::open(&folder).unwrap();
    assert_eq!(prompted(&mut workspace), both);
    assert_eq!(workspace.recent_steps(&[knee], 10).unwrap(), steps);
    for (seq, left) in [
        (3, vec![first_object()]),
        (2, vec![object(vec![click(1.5, true)])]),
    ] {
        workspace.set_undone(seq, true).unwrap();
        assert_eq!(prompted(&mut workspace), left);
    }
    workspace.set_undone(2, false).unwrap();
    assert_eq!(prompted(&mut workspace), [first_object()]);
}

#[test]
fn a_step_without_prompts_has_none_and_a_step_that_fails_stores_none() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 4), 1);
    workspace.set_status(knee, Status::Accepted).unwrap();
    assert!(prompted(&mut workspace).is_empty());
    let own = StepPrompts {
        slice: 7,
        label: 1,
        begins_object: true,
        prompts: vec![click(1.5, true)],
        model: String::new(),
    };
    let edit = mask.paint_region(&square(4, 4, 4), 1, &Rule::FREE);
    let wrong = JournalStep {
        also: Also {
            prompts: Some(Box::new(own)),
            ..Also::default()
        },
        ..step(workspace.next_seq().unwrap(), knee, vec![(0, edit)])
    };
    assert!(workspace.append_step(&wrong, &[]).is_err());
    assert_eq!(workspace.recent_steps(&[knee], 10).unwrap().len(), 1);
}

#[test]
fn a_round_keeps_the_prompts_of_accepted_cases_as_they_were() {
    let (_folder, mut workspace) = workspace();
    let (knee, _) = with_two_objects(&mut workspace);
    workspace.set_status(knee, Status::Accepted).unwrap();
    let (round, snapshot) = workspace.begin_round("{}", None).unwrap();
    assert_eq!(snapshot[0].prompted.len(), 2);
    assert_eq!(
        round.click_checkpoint,
        workspace.models_folder().join("round-1-clicks.state")
    );
    workspace.set_undone(3, true).unwrap();
    assert_eq!(prompted(&mut workspace).len(), 1);
    assert_eq!(workspace.round_snapshot(round.key).unwrap(), snapshot);
}

#[test]
fn the_work_report_counts_prompts_and_objects() {
    let (_folder, mut workspace) = workspace();
    let (knee, _) = with_two_objects(&mut workspace);
    workspace.set_status(knee, Status::Accepted).unwrap();
    let cost = workspace.work_report().unwrap().cases.remove(0);
    assert_eq!((cost.prompts, cost.objects), (4, 2));
    assert_eq!(cost.click_model, "Clicks 1.0.0");
    workspace.set_undone(3, true).unwrap();
    let cost = workspace.work_report().unwrap().cases.remove(0);
    assert_eq!((cost.prompts, cost.objects), (3, 1));
}

fn scores(clicks: f64) -> ClickScores {
    ClickScores { clicks, dice: 0.8 }
}

fn new_version(round: RoundKey, kind: ModelKind, state: VersionState) -> NewVersion {
    let case = ClickCase {
        key: 1,
        name: "knee".into(),
        subject: String::new(),
        objects: 2,
        active: scores(4.0),
        candidate: scores(3.0),
    };
    let (hash, report) = match kind {
        ModelKind::Masks => ("aa11", GateReport::new(Vec::new(), &[])),
        ModelKind::Clicks => ("bb22", GateReport::of_clicks(ClickReport::new(vec![case]))),
    };
    NewVersion {
        round,
        kind,
        name: format!("{kind:?} round-{}", round.0),
        parent: None,
        parent_name: "nothing".into(),
        state,
        hash: hash.into(),
        cases: 7,
        seconds: 1.5,
        steps: 300,
        settings: "{}".into(),
        report,
        bytes: b"weights".repeat(1000).into(),
    }
}

/// A workspace with an accepted case, and a round that has begun.
fn with_round() -> (tempfile::TempDir, Workspace, RoundKey) {
    let (folder, mut workspace) = workspace();
    let (knee, _) = with_two_objects(&mut workspace);
    workspace.set_status(knee, Status::Accepted).unwrap();
    let (round, _) = workspace.begin_round("{}", None).unwrap();
    (folder, workspace, round.key)
}

/// Adds a version of each kind, made by one round.
fn add_both(workspace: &mut Workspace, round: RoundKey) -> [Version; 2] {
    let made = [ModelKind::Masks, ModelKind::Clicks]
        .map(|kind| new_version(round, kind, VersionState::Accepted));
    let added = workspace.add_versions(&[&made[0], &made[1]]).unwrap();
    added.try_into().unwrap()
}

fn active(workspace: &mut Workspace) -> Vec<ModelKind> {
    let versions = workspace.list_versions().unwrap().into_iter();
    versions.filter(|v| v.is_active).map(|v| v.kind).collect()
}

#[test]
fn a_round_makes_a_version_of_each_kind_and_each_is_activated_by_itself() {
    let (_folder, mut workspace, round) = with_round();
    std::fs::write(workspace.models_folder().join("round-1-clicks.state"), "x").unwrap();
    let [masks, clicks] = add_both(&mut workspace, round);
    assert_eq!(
        (masks.kind, clicks.kind),
        (ModelKind::Masks, ModelKind::Clicks)
    );
    assert_eq!(masks.round, clicks.round);
    assert!(masks.file.is_file() && clicks.file.is_file() && masks.file != clicks.file);
    assert!(
        !workspace
            .models_folder()
            .join("round-1-clicks.state")
            .exists()
    );
    assert_eq!(clicks.report.clicks.as_ref().unwrap().cases.len(), 1);
    assert_eq!(
        active(&mut workspace),
        [ModelKind::Masks, ModelKind::Clicks]
    );
    assert!(
        workspace.delete_version(clicks.key).is_err(),
        "it is in use"
    );
    workspace.use_shipped_clicks().unwrap();
    assert_eq!(active(&mut workspace), [ModelKind::Masks]);
    workspace.activate_version(Some(clicks.key)).unwrap();
    workspace.activate_version(None).unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(active(&mut workspace), [ModelKind::Clicks]);
    let listed = workspace.list_versions().unwrap();
    assert_eq!(listed[1].report, clicks.report);
    workspace.use_shipped_clicks().unwrap();
    workspace.delete_version(clicks.key).unwrap();
    assert!(!clicks.file.exists() && masks.file.exists());
}

#[test]
fn a_click_version_that_the_running_round_starts_from_is_not_deleted() {
    let (_folder, mut workspace, round) = with_round();
    let [_, clicks] = add_both(&mut workspace, round);
    let settings = format!("{{\"clicks\":{{\"parent\":{}}}}}", clicks.key.0);
    let (next, _) = workspace.begin_round(&settings, None).unwrap();
    workspace.use_shipped_clicks().unwrap();
    let error = workspace.delete_version(clicks.key).unwrap_err();
    assert!(error.reason.contains("the running round"), "{error}");
    assert!(clicks.file.is_file());
    workspace
        .end_round(next.key, RoundState::Cancelled, "cancelled by the user")
        .unwrap();
    workspace.delete_version(clicks.key).unwrap();
    assert!(!clicks.file.exists());
}

#[test]
fn a_rejected_click_version_is_listed_but_not_active() {
    let (_folder, mut workspace, round) = with_round();
    let masks = new_version(round, ModelKind::Masks, VersionState::Accepted);
    let clicks = new_version(round, ModelKind::Clicks, VersionState::Rejected);
    workspace.add_versions(&[&masks, &clicks]).unwrap();
    assert_eq!(active(&mut workspace), [ModelKind::Masks]);
    let listed = workspace.list_versions().unwrap();
    assert_eq!(listed[1].state, VersionState::Rejected);
    workspace.activate_version(Some(listed[1].key)).unwrap();
    assert_eq!(
        active(&mut workspace),
        [ModelKind::Masks, ModelKind::Clicks]
    );
}

#[test]
fn two_versions_are_saved_together_or_not_at_all() {
    let (_folder, mut workspace, round) = with_round();
    let masks = new_version(round, ModelKind::Masks, VersionState::Accepted);
    let large = NewVersion {
        settings: "x".repeat(1 << 20),
        ..new_version(round, ModelKind::Clicks, VersionState::Accepted)
    };
    workspace.hold_at(1).unwrap();
    let failure = workspace.add_versions(&[&masks, &large]).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Disk);
    assert!(workspace.list_versions().unwrap().is_empty());
    let left = std::fs::read_dir(workspace.models_folder())
        .unwrap()
        .count();
    assert_eq!(left, 0, "the files are removed again");
    assert!(workspace.running_round().unwrap().is_some());
    workspace.hold_at(0).unwrap();
    workspace.add_versions(&[&masks, &large]).unwrap();
    assert_eq!(active(&mut workspace).len(), 2);
}

#[test]
fn versions_of_an_older_workspace_are_for_masks() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = Workspace::open_with(folder.path(), &schema::MIGRATIONS[..5]).unwrap();
    old.read_database("fill", |c| {
        Ok(c.execute_batch(
            "INSERT INTO round (id, started_at, ended_at, state, settings) VALUES (1, 5, 6, 'done', '{}');
             INSERT INTO version (id, round_id, name, parent_name, made_at, state, reason, hash, file, cases, seconds,
                                  steps, settings, report)
             VALUES (1, 1, 'Knee round-1', 'nothing', 7, 'accepted', 'better', 'ab', 'models/1-ab.safetensors', 3, 1.5,
                     40, '{}', '{}');
             UPDATE active_version SET version_id = 1;",
        )?)
    })
    .unwrap();
    old.close().unwrap();
    let mut workspace = Workspace::open(folder.path()).unwrap();
    let versions = workspace.list_versions().unwrap();
    assert_eq!(versions.len(), 1);
    assert!(versions[0].is_active_for(ModelKind::Masks));
    assert_eq!(active(&mut workspace), [ModelKind::Masks]);
}

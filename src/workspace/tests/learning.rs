//! Rounds, versions and the work report, also after the program was killed at any point.

#![allow(clippy::unwrap_used)]

mod versions;
mod work_report;

use super::holdout::picture;
use super::*;
use labrum_core::{
    gate::{GateCase, GateReport},
    holdout::Side,
    learning::{
        ModelKind, NewVersion, RoundKey, RoundRecord, RoundState, SnapshotSlice, Version,
        VersionKey, VersionState, WorkReport,
    },
    metrics::Scores,
    study::Kind,
};
use std::time::SystemTime;

const HASH: &str = "0123456789abcdef";

fn report() -> GateReport {
    let scores = |dice: f64| Scores {
        dice,
        iou: 0.5,
        hd95: None,
        boundary_iou: 0.25,
    };
    let case = |key: i64| GateCase {
        key,
        name: "knee".into(),
        subject: String::new(),
        active: Some(scores(0.5)),
        candidate: scores(0.75),
        is_untouched: false,
    };
    GateReport::new(vec![case(1), case(2), case(3)], &[])
}

fn new_version(round: RoundKey, name: &str, state: VersionState) -> NewVersion {
    NewVersion {
        round,
        kind: ModelKind::Masks,
        name: name.into(),
        parent: None,
        parent_name: "nothing".into(),
        state,
        hash: HASH.into(),
        cases: 7,
        seconds: 1.5,
        steps: 300,
        settings: "{\"steps\":300}".into(),
        report: report(),
        bytes: name.as_bytes().repeat(1000).into(),
    }
}

/// Adds an image with a drawn mask and accepts it.
fn accepted(workspace: &mut Workspace, n: u64) -> CaseKey {
    let key = workspace.adopt_case(&picture(n)).unwrap();
    paint(
        workspace,
        key,
        0,
        &mut blank(),
        &square(n as usize % 8, 2, 5),
        1,
    );
    workspace.set_status(key, Status::Accepted).unwrap();
    key
}

/// A workspace with ten accepted images.
fn ten_accepted() -> (tempfile::TempDir, Workspace) {
    let (folder, mut workspace) = workspace();
    workspace
        .read_database("hasten", |c| {
            Ok(c.pragma_update(None, "synchronous", "OFF")?)
        })
        .unwrap();
    for n in 0..10 {
        accepted(&mut workspace, n);
    }
    (folder, workspace)
}

fn begin(workspace: &mut Workspace) -> (RoundRecord, Vec<SnapshotSlice>) {
    workspace.begin_round("{}", None).unwrap()
}

/// Adds a version made by its own round.
fn add_trained_version(
    workspace: &mut Workspace,
    name: &str,
    parent: Option<VersionKey>,
    state: VersionState,
) -> Version {
    let (round, _) = workspace.begin_round("{}", parent).unwrap();
    workspace
        .add_version(&NewVersion {
            parent,
            ..new_version(round.key, name, state)
        })
        .unwrap()
}

fn active(workspace: &mut Workspace) -> Option<VersionKey> {
    workspace
        .list_versions()
        .unwrap()
        .into_iter()
        .find(|v| v.is_active)
        .map(|v| v.key)
}

fn files(workspace: &Workspace) -> Vec<String> {
    let entries = std::fs::read_dir(workspace.models_folder()).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn refused<T: std::fmt::Debug>(result: Result<T>, reason: &str) {
    let failure = result.unwrap_err();
    assert!(
        failure.to_string().contains(reason) && failure.kind != ErrorKind::Disk,
        "{failure}"
    );
}

/// Reopens the workspace as after a crash, without closing it first.
fn reopened_without_closing(workspace: Workspace) -> Workspace {
    let folder = workspace.folder().to_owned();
    drop(workspace);
    Workspace::open(&folder).unwrap()
}

#[test]
fn a_snapshot_holds_accepted_masks_and_the_proposals_before_them() {
    let (_folder, mut workspace) = workspace();
    refused(
        workspace.begin_round("{}", None),
        "no accepted case has a mask",
    );
    let (knee, hip) = (case(&mut workspace, "k"), case(&mut workspace, "h"));
    let proposed = proposal(&square(0, 0, 6), "1");
    for slice in 0..2 {
        workspace
            .put_proposal(knee, slice, &proposed, None)
            .unwrap();
    }
    let mut mask = proposed.mask.to_mask();
    paint(&mut workspace, knee, 0, &mut mask, &square(8, 8, 3), 2);
    // A newer proposal arrives after editing: the first one counts.
    workspace
        .put_proposal(knee, 0, &proposal(&square(1, 1, 2), "2"), None)
        .unwrap();
    let imported = packed(&square(1, 1, 3), 2);
    workspace.set_base(hip, 2, &imported).unwrap();
    let mut drawn = blank();
    let step = paint(&mut workspace, hip, 1, &mut drawn, &square(1, 1, 3), 1);
    workspace.set_undone(step, true).unwrap();
    accepted(&mut workspace, 1);
    case(&mut workspace, "not accepted");
    for case in [knee, hip] {
        workspace.set_status(case, Status::Accepted).unwrap();
    }

    let (round, snapshot) = workspace.begin_round("{\"steps\":9}", None).unwrap();
    assert_eq!(
        (round.state, round.parent, round.settings.as_str()),
        (RoundState::Running, None, "{\"steps\":9}")
    );
    assert_eq!(
        round.checkpoint,
        workspace.models_folder().join("round-1.state")
    );
    let seen: Vec<_> = snapshot
        .iter()
        .map(|s| (s.case, &s.mask, s.before.as_ref()))
        .collect();
    let mask = PackedMask::from_mask(&mask);
    assert_eq!(
        seen[..2],
        [
            (knee, &mask, Some(&proposed.mask)),
            (knee, &proposed.mask, None)
        ]
    );
    // A stroke that was undone does not leave an empty mask.
    assert_eq!(seen[2], (hip, &imported, None));
    assert_eq!(seen.len(), 4);
    let (first, last) = (&snapshot[0], &snapshot[3]);
    assert_eq!(
        (first.name.as_str(), first.modality.as_str(), first.kind),
        ("PD sagittal", "MR", Kind::Dicom)
    );
    assert_eq!(
        first.source,
        Source {
            path: "/scans/a.dcm".into(),
            frame: 0
        }
    );
    assert_eq!(
        (last.name.as_str(), last.modality.as_str(), last.kind),
        ("sha256:1", "", Kind::Picture)
    );
    let sides: Vec<_> = workspace
        .list_cases()
        .unwrap()
        .iter()
        .map(|e| (e.key, e.side.unwrap()))
        .collect();
    assert!(
        snapshot
            .iter()
            .all(|s| s.is_new && sides.contains(&(s.case, s.side)))
    );
    // Knee and hip belong to one study.
    assert!(snapshot[..3].iter().all(|s| s.side == first.side));

    // Later changes do not affect the snapshot.
    paint(
        &mut workspace,
        knee,
        0,
        &mut mask.to_mask(),
        &square(0, 8, 6),
        1,
    );
    workspace.set_status(hip, Status::Skipped).unwrap();
    assert_eq!(workspace.round_snapshot(round.key).unwrap(), snapshot);
    refused(workspace.round_snapshot(RoundKey(9)), "there is no round 9");
}

#[test]
fn a_mask_is_new_until_a_completed_round_has_used_it() {
    let (_folder, mut workspace) = ten_accepted();
    let held_out = workspace
        .list_cases()
        .unwrap()
        .iter()
        .filter(|e| e.side == Some(Side::HoldOut))
        .count();
    assert!(held_out >= 2);
    assert_eq!(workspace.newly_accepted().unwrap() as usize, 10 - held_out);
    for state in [RoundState::Cancelled, RoundState::Failed] {
        let (round, snapshot) = begin(&mut workspace);
        assert!(snapshot.iter().all(|s| s.is_new));
        workspace
            .end_round(round.key, state, "a person stopped it")
            .unwrap();
        assert!(workspace.round_snapshot(round.key).unwrap().is_empty());
        assert!(workspace.has_new_masks().unwrap());
    }
    add_trained_version(&mut workspace, "one", None, VersionState::Rejected);
    assert!(!workspace.has_new_masks().unwrap());
    assert_eq!(workspace.newly_accepted().unwrap(), 0);

    let trained = workspace
        .list_cases()
        .unwrap()
        .iter()
        .find(|e| e.side == Some(Side::Training))
        .unwrap()
        .key;
    paint(
        &mut workspace,
        trained,
        0,
        &mut blank(),
        &square(9, 9, 3),
        2,
    );
    assert!(workspace.has_new_masks().unwrap());
    // An edited case does not count as newly accepted.
    assert_eq!(workspace.newly_accepted().unwrap(), 0);
    let (_, snapshot) = begin(&mut workspace);
    let new: Vec<_> = snapshot
        .iter()
        .filter(|s| s.is_new)
        .map(|s| s.case)
        .collect();
    assert_eq!(new, [trained]);
}

#[test]
fn a_second_look_is_taken_on_cases_that_neither_version_has_learned_from() {
    let (_folder, mut workspace) = ten_accepted();
    let first = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let (round, _) = workspace.begin_round("{}", Some(first.key)).unwrap();
    let of_first = workspace.previous_version(round.key, round.parent).unwrap();
    assert_eq!(of_first, None, "there was no version before the first");

    let start = Some(first.key);
    let second = add_trained_version(&mut workspace, "two", start, VersionState::Accepted);
    for n in 10..16 {
        accepted(&mut workspace, n);
    }
    let unseen = |workspace: &mut Workspace| {
        let (round, snapshot) = workspace.begin_round("{}", Some(second.key)).unwrap();
        let previous = workspace.previous_version(round.key, round.parent).unwrap();
        let previous = previous.unwrap();
        assert_eq!(
            (previous.name, previous.file),
            (first.name.clone(), first.file.clone())
        );
        let new = snapshot
            .iter()
            .filter(|s| s.is_new && s.side == Side::Training);
        let new: Vec<CaseKey> = new.map(|s| s.case).collect();
        (previous.unseen, new)
    };
    let (cases, new) = unseen(&mut workspace);
    assert!(!cases.is_empty() && cases == new, "{cases:?} and {new:?}");
    // A candidate that was rejected has learned from them, but the active version has not.
    let start = Some(second.key);
    add_trained_version(&mut workspace, "three", start, VersionState::Rejected);
    let (still, new) = unseen(&mut workspace);
    assert!(new.is_empty());
    assert_eq!(still, cases);
}

#[test]
fn a_round_ends_once() {
    let (_folder, mut workspace) = ten_accepted();
    let (round, _) = begin(&mut workspace);
    std::fs::write(&round.checkpoint, "state").unwrap();
    refused(
        workspace.end_round(round.key, RoundState::Running, ""),
        "cannot end with the state \"running\"",
    );
    refused(
        workspace.end_round(RoundKey(9), RoundState::Done, ""),
        "there is no round 9",
    );
    workspace
        .end_round(round.key, RoundState::Failed, "a file is gone")
        .unwrap();
    assert!(!round.checkpoint.exists());
    workspace
        .end_round(round.key, RoundState::Failed, "again")
        .unwrap();
    refused(
        workspace.end_round(round.key, RoundState::Done, ""),
        "has already ended with another outcome",
    );
    let late = new_version(round.key, "late", VersionState::Accepted);
    refused(workspace.add_version(&late), "round 1 has already ended");
    assert_eq!(workspace.running_round().unwrap(), None);
    assert!(files(&workspace).is_empty());
    refused(
        workspace.begin_round("{}", Some(VersionKey(4))),
        "there is no version 4",
    );
    assert_eq!(workspace.running_round().unwrap(), None);
}

#[test]
fn an_interrupted_round_is_restored_and_the_active_version_unchanged() {
    let (_folder, mut workspace) = ten_accepted();
    let first = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let (round, snapshot) = workspace
        .begin_round("{\"steps\":4}", Some(first.key))
        .unwrap();
    std::fs::write(&round.checkpoint, "state").unwrap();
    accepted(&mut workspace, 11);

    let mut workspace = reopened_without_closing(workspace);
    assert_eq!(workspace.running_round().unwrap(), Some(round.clone()));
    assert_eq!(workspace.round_snapshot(round.key).unwrap(), snapshot);
    assert_eq!(
        workspace.list_versions().unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(std::fs::read(&round.checkpoint).unwrap(), b"state");
    refused(workspace.delete_version(first.key), "is the active version");
    workspace.activate_version(None).unwrap();
    refused(
        workspace.delete_version(first.key),
        "the running round of training started from \"one\"",
    );

    // A new round replaces it, with the cases accepted since.
    let (next, more) = workspace.begin_round("{}", None).unwrap();
    assert_eq!(more.len(), snapshot.len() + 1);
    assert_eq!(
        workspace.running_round().unwrap().map(|r| r.key),
        Some(next.key)
    );
    assert!(!round.checkpoint.exists());
    refused(
        workspace.end_round(round.key, RoundState::Done, ""),
        "has already ended with another outcome",
    );
}

#[test]
fn no_round_begins_if_a_mask_cannot_be_read() {
    let (_folder, mut workspace) = ten_accepted();
    workspace
        .adopt_case(&CaseDescription {
            description: "Odd one".into(),
            ..picture(20)
        })
        .unwrap();
    let odd = workspace
        .adopt_case(&CaseDescription {
            description: "Odd one".into(),
            ..picture(20)
        })
        .unwrap();
    workspace
        .put_proposal(odd, 0, &proposal(&square(0, 0, 3), "1"), None)
        .unwrap();
    workspace.set_status(odd, Status::Accepted).unwrap();
    workspace
        .write_transaction("spoil", |t| {
            Ok(t.execute("UPDATE proposal SET mask = x'00'", ())?)
        })
        .unwrap();
    refused(
        workspace.begin_round("{}", None),
        "slice 1 of \"Odd one\": a stored mask cannot be read",
    );
    assert_eq!(workspace.running_round().unwrap(), None);
}

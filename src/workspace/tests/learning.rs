//! Rounds, versions and the work report, also after the program was killed at any point.

#![allow(clippy::unwrap_used)]

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
fn a_version_is_stored_with_its_file_and_active_if_accepted() {
    let (_folder, mut workspace) = ten_accepted();
    let (round, _) = begin(&mut workspace);
    std::fs::write(&round.checkpoint, "state").unwrap();
    let new = new_version(round.key, "one", VersionState::Accepted);
    let first = workspace.add_version(&new).unwrap();
    assert_eq!(files(&workspace), ["1-0123456789ab.safetensors"]);
    assert_eq!(std::fs::read(&first.file).unwrap(), *new.bytes);
    assert!(first.is_active && first.made_at > 0);
    let seen = (
        first.name.as_str(),
        first.hash.as_str(),
        first.cases,
        first.seconds,
        first.steps,
    );
    assert_eq!(seen, ("one", HASH, 7, 1.5, 300));
    assert_eq!(
        (&first.settings, &first.report),
        (&new.settings, &new.report)
    );
    assert_eq!(
        (first.state, first.reason.as_str()),
        (VersionState::Accepted, new.report.verdict.reason_text())
    );
    assert_eq!(workspace.running_round().unwrap(), None);
    // Ending a completed round again is allowed.
    workspace
        .end_round(round.key, RoundState::Done, "")
        .unwrap();

    let second = add_trained_version(
        &mut workspace,
        "two",
        Some(first.key),
        VersionState::Undecided,
    );
    assert_eq!((second.parent, second.is_active), (Some(first.key), false));
    assert_eq!(active(&mut workspace), Some(first.key));
    let mut workspace = reopened(workspace);
    assert_eq!(workspace.list_versions().unwrap(), [first.clone(), second]);
    let target = workspace.folder().with_file_name("moved");
    workspace.move_to(&target).unwrap();
    let moved = workspace.list_versions().unwrap();
    assert_eq!(
        moved[0].file,
        target.join("models/1-0123456789ab.safetensors")
    );
    assert!(moved.iter().all(|v| v.file.is_file()));
}

#[test]
fn the_user_decides_which_version_is_active() {
    let (_folder, mut workspace) = ten_accepted();
    let [one, two, three] = [
        ("one", VersionState::Accepted),
        ("two", VersionState::Undecided),
        ("three", VersionState::Rejected),
    ]
    .map(|(name, state)| add_trained_version(&mut workspace, name, None, state).key);
    let state = |workspace: &mut Workspace, key| {
        let version = workspace
            .list_versions()
            .unwrap()
            .into_iter()
            .find(|v| v.key == key)
            .unwrap();
        (
            version.state,
            version.reason.rsplit("; ").next().unwrap().to_owned(),
        )
    };
    workspace.activate_version(Some(one)).unwrap();
    assert!(!state(&mut workspace, one).1.contains("user"));
    workspace.activate_version(Some(three)).unwrap();
    assert_eq!(
        state(&mut workspace, three),
        (VersionState::Accepted, "accepted by the user".into())
    );
    assert_eq!(active(&mut workspace), Some(three));
    for decided in [one, three] {
        refused(workspace.reject_version(decided), "is already decided");
    }
    workspace.reject_version(two).unwrap();
    assert_eq!(
        state(&mut workspace, two),
        (VersionState::Rejected, "rejected by the user".into())
    );
    refused(workspace.reject_version(two), "is already decided");
    workspace.activate_version(None).unwrap();
    assert_eq!(active(&mut workspace), None);

    workspace.rename_version(two, " Knees ").unwrap();
    assert_eq!(workspace.list_versions().unwrap()[1].name, "Knees");
    refused(workspace.rename_version(two, " "), "empty");
    let nobody = VersionKey(77);
    refused(
        workspace.rename_version(nobody, "x"),
        "there is no version 77",
    );
    refused(
        workspace.activate_version(Some(nobody)),
        "there is no version 77",
    );
    refused(workspace.reject_version(nobody), "there is no version 77");
    refused(workspace.delete_version(nobody), "there is no version 77");
    std::fs::remove_file(&workspace.list_versions().unwrap()[1].file).unwrap();
    refused(
        workspace.activate_version(Some(two)),
        "the file of \"Knees\" is missing",
    );
    assert_eq!(active(&mut workspace), None);
}

#[test]
fn deleting_a_version_keeps_its_children_and_never_reuses_its_key() {
    let (_folder, mut workspace) = ten_accepted();
    let one = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let two = add_trained_version(&mut workspace, "two", Some(one.key), VersionState::Accepted);
    refused(workspace.delete_version(two.key), "is the active version");
    workspace.delete_version(one.key).unwrap();
    assert!(!one.file.exists() && two.file.exists());
    assert_eq!(
        workspace.list_versions().unwrap(),
        [Version {
            parent: None,
            ..two.clone()
        }]
    );
    workspace.activate_version(None).unwrap();
    workspace.delete_version(two.key).unwrap();
    // The parent was deleted during training.
    let (round, _) = begin(&mut workspace);
    let orphan = NewVersion {
        parent: Some(two.key),
        ..new_version(round.key, "three", VersionState::Accepted)
    };
    let three = workspace.add_version(&orphan).unwrap();
    assert!(three.key > two.key && three.parent.is_none());
    assert_eq!(files(&workspace), ["3-0123456789ab.safetensors"]);
}

#[test]
fn a_version_that_cannot_be_written_leaves_the_active_one_unchanged() {
    let (_folder, mut workspace) = ten_accepted();
    let first = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let (round, snapshot) = begin(&mut workspace);
    std::fs::write(&round.checkpoint, "state").unwrap();
    let large = NewVersion {
        settings: "x".repeat(1 << 20),
        ..new_version(round.key, "two", VersionState::Accepted)
    };
    workspace.hold_at(1).unwrap();
    let failure = workspace.add_version(&large).unwrap_err();
    assert!(
        failure.kind == ErrorKind::Disk && failure.to_string().contains("the disk is full"),
        "{failure}"
    );
    assert_eq!(
        files(&workspace),
        ["1-0123456789ab.safetensors", "round-2.state"]
    );
    assert_eq!(
        workspace.list_versions().unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(workspace.running_round().unwrap(), Some(round.clone()));
    assert_eq!(workspace.round_snapshot(round.key).unwrap(), snapshot);
    // It succeeds once there is space.
    workspace.hold_at(0).unwrap();
    let second = workspace.add_version(&large).unwrap();
    assert_eq!(active(&mut workspace), Some(second.key));

    // With a file that cannot be written.
    let (round, _) = begin(&mut workspace);
    let blocked = workspace.models_folder().join("3-0123456789ab.safetensors");
    std::fs::create_dir_all(blocked.join("in the way")).unwrap();
    let third = new_version(round.key, "three", VersionState::Accepted);
    assert!(workspace.add_version(&third).unwrap_err().kind == ErrorKind::Disk);
    assert_eq!(active(&mut workspace), Some(second.key));
    std::fs::remove_dir_all(&blocked).unwrap();
    workspace.add_version(&third).unwrap();
    assert_eq!(files(&workspace).len(), 3);
}

#[test]
fn unused_model_files_are_deleted_and_foreign_files_are_kept() {
    let (_folder, mut workspace) = ten_accepted();
    let kept = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let (round, _) = begin(&mut workspace);
    std::fs::write(&round.checkpoint, "state").unwrap();
    let models = workspace.models_folder();
    let of_others = [
        "knee.safetensors",
        "2-knee.safetensors",
        "round-two.state",
        "notes.txt",
        ".labrum-x.part",
    ];
    // As if the program had been killed between writing the file and the database.
    for name in [
        "2-0123456789ab.safetensors",
        "9-0123456789ab.safetensors",
        "round-1.state",
        "round-7.state",
    ] {
        std::fs::write(models.join(name), "left").unwrap();
    }
    for name in of_others {
        std::fs::write(models.join(name), "kept").unwrap();
    }
    let mut workspace = reopened_without_closing(workspace);
    let mut expected = [
        &of_others[..],
        &["1-0123456789ab.safetensors", "round-2.state"],
    ]
    .concat();
    expected.sort_unstable();
    assert_eq!(files(&workspace), expected);
    assert_eq!(workspace.list_versions().unwrap(), [kept]);
    // A partial file is deleted once it is too old to be still in use.
    let part = models.join(".labrum-x.part");
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    std::fs::File::options()
        .write(true)
        .open(&part)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let workspace = reopened(workspace);
    assert!(!part.exists() && files(&workspace).len() == expected.len() - 1);
}

#[test]
fn a_version_with_an_unreadable_report_is_still_listed() {
    let (_folder, mut workspace) = ten_accepted();
    add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    workspace
        .write_transaction("spoil", |t| {
            Ok(t.execute("UPDATE version SET report = '{}'", ())?)
        })
        .unwrap();
    let versions = workspace.list_versions().unwrap();
    assert!(versions[0].is_active);
    assert!(
        versions[0]
            .report
            .verdict
            .reason_text()
            .contains("the report cannot be read")
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

#[test]
fn the_work_report_lists_the_cost_of_accepted_cases() {
    let (_folder, mut workspace) = workspace();
    assert_eq!(workspace.work_report().unwrap(), WorkReport::default());
    let (knee, hip, other) = (
        case(&mut workspace, "k"),
        case(&mut workspace, "h"),
        case(&mut workspace, "o"),
    );
    let drawn = workspace.adopt_case(&picture(3)).unwrap();
    // The second slice was proposed first.
    for (slice, version) in [(1, "1"), (0, "2")] {
        workspace
            .put_proposal(knee, slice, &proposal(&square(0, 0, 4), version), None)
            .unwrap();
    }
    workspace
        .put_proposal(hip, 0, &proposal(&square(0, 0, 3), ""), None)
        .unwrap();
    let mut mask = packed(&square(0, 0, 4), 1).to_mask();
    paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 2), 0);
    paint(&mut workspace, drawn, 0, &mut blank(), &square(0, 0, 3), 1);
    paint(&mut workspace, other, 0, &mut blank(), &square(0, 0, 3), 1);
    workspace.add_seconds(knee, 20.0).unwrap();
    for (case, at) in [(hip, 300), (drawn, 200), (knee, 100)] {
        workspace.set_status(case, Status::Accepted).unwrap();
        workspace
            .write_transaction("date", |t| {
                Ok(t.execute(
                    "UPDATE scan SET accepted_at = ?2 WHERE id = ?1",
                    (case.0, at),
                )?)
            })
            .unwrap();
    }
    let version = add_trained_version(&mut workspace, "one", None, VersionState::Accepted);
    let report = workspace.work_report().unwrap();
    let costs: Vec<_> = report
        .cases
        .iter()
        .map(|c| {
            (
                c.accepted_at,
                c.seconds,
                c.pixels_changed,
                c.pixels,
                c.model.as_str(),
            )
        })
        .collect();
    assert_eq!(
        costs,
        [
            (100, 20.0, 4, 12 + 16, "knee 1"),
            (200, 0.0, 9, 9, ""),
            (300, 0.0, 0, 9, "knee")
        ]
    );
    let mut held_out = |c: CaseKey| {
        workspace
            .list_cases()
            .unwrap()
            .iter()
            .any(|e| e.key == c && e.side == Some(Side::HoldOut))
    };
    let sides = [knee, drawn, hip].map(&mut held_out);
    assert_eq!(
        report.cases.iter().map(|c| c.held_out).collect::<Vec<_>>(),
        sides
    );
    assert_eq!(report.cases[1].name, "sha256:3");
    assert_eq!(report.versions, [version]);
}

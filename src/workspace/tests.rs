//! The workspace as the session uses it: cases, steps, proposals, and what is restored after
//! closing.

#![allow(clippy::unwrap_used)]

use super::*;
use labrum_core::{
    edit::Edit,
    journal::{
        Also, Author, CaseDescription, CaseKey, JournalStep, Meter, ModelStamp, Proposal,
        SliceDescription, StepState, StoredCase,
    },
    label::Label,
    mask::{Mask, PackedMask, Rule},
    region::{PixelRect, Region, Span},
    study::{Source, Status},
};
use proptest::prelude::*;

const SIDE: u32 = 16;

/// A workspace in a folder of its own.
fn workspace() -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::open(&folder.path().join("knees")).unwrap();
    (folder, workspace)
}

fn described(identity: &str, instances: &[&str]) -> CaseDescription {
    let slice = |uid: &&str| SliceDescription {
        source: Source {
            path: format!("/scans/{uid}.dcm").into(),
            frame: 0,
        },
        sop_instance_uid: Some((*uid).to_owned()),
    };
    CaseDescription {
        identity: identity.into(),
        study: "1.2".into(),
        description: "PD sagittal".into(),
        modality: "MR".into(),
        date: "2026-01-31".into(),
        columns: SIDE,
        rows: SIDE,
        subject: String::new(),
        fingerprint: None,
        time_point: None,
        slices: instances.iter().map(slice).collect(),
    }
}

/// A case of three slices.
fn case(workspace: &mut Workspace, identity: &str) -> CaseKey {
    workspace
        .adopt_case(&described(identity, &["a", "b", "c"]))
        .unwrap()
}

fn square(column: usize, row: usize, side: usize) -> Region {
    Region::from_fn(
        &PixelRect {
            columns: column..column + side,
            rows: row..row + side,
        },
        |_, _| true,
    )
}

fn packed(region: &Region, label: u8) -> PackedMask {
    let mut mask = Mask::new_blank(SIDE as usize, SIDE as usize);
    mask.paint_region(region, label, &Rule::FREE);
    PackedMask::from_mask(&mask)
}

fn proposal(region: &Region, version: &str) -> Proposal {
    let model = ModelStamp {
        name: "knee".into(),
        version: version.into(),
        weights: "abc".into(),
    };
    Proposal {
        model,
        at: 7,
        mask: packed(region, 1),
    }
}

fn step(seq: i64, case: CaseKey, edits: Vec<(u32, Edit)>) -> JournalStep {
    let author = Author::Person("AB".into());
    JournalStep {
        seq,
        case,
        at: 1_000 + seq,
        author,
        tool: "brush".into(),
        edits,
        also: Also::default(),
        state: StepState::Done,
    }
}

fn stored(workspace: &mut Workspace, identity: &str) -> StoredCase {
    workspace.find_case(identity).unwrap().unwrap()
}

/// Paints on a mask and appends that as a step to the journal.
fn paint(
    workspace: &mut Workspace,
    case: CaseKey,
    slice: u32,
    mask: &mut Mask,
    region: &Region,
    label: u8,
) -> i64 {
    let edit = mask.paint_region(region, label, &Rule::FREE);
    let seq = workspace.next_seq().unwrap();
    workspace
        .append_step(&step(seq, case, vec![(slice, edit)]), &[])
        .unwrap();
    seq
}

fn blank() -> Mask {
    Mask::new_blank(SIDE as usize, SIDE as usize)
}

fn reopened(workspace: Workspace) -> Workspace {
    let folder = workspace.folder().to_owned();
    workspace.close().unwrap();
    Workspace::open(&folder).unwrap()
}

#[test]
fn masks_and_steps_are_restored_after_closing() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "1.2.3");
    let mut mask = blank();
    let seq = paint(&mut workspace, knee, 1, &mut mask, &square(2, 3, 5), 2);
    workspace.set_shown(knee, 2).unwrap();
    workspace.add_seconds(knee, 1.5).unwrap();
    workspace.add_seconds(knee, 2.0).unwrap();

    let mut workspace = reopened(workspace);
    let case = stored(&mut workspace, "1.2.3");
    assert_eq!(case.entry.description, described("1.2.3", &["a", "b", "c"]));
    assert_eq!(
        (case.entry.key, case.entry.status, case.entry.shown),
        (knee, Status::Corrected, Some(2))
    );
    assert_eq!(case.entry.seconds, 3.5);
    assert_eq!(case.slices[1].mask.as_ref().unwrap().to_mask(), mask);
    assert!(
        case.slices[1].is_touched && !case.slices[0].is_touched && case.slices[0].mask.is_none()
    );
    let edit = Edit::between(blank().pixel_labels(), mask.pixel_labels());
    assert_eq!(
        workspace.recent_steps(&[knee], 1000).unwrap(),
        [step(seq, knee, vec![(1, edit)])]
    );
    assert_eq!(workspace.list_cases().unwrap(), [case.entry]);
    assert!(workspace.find_case("9.9").unwrap().is_none());
}

#[test]
fn a_step_can_be_undone_and_redone_across_restarts() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 4), 1);
    let first = mask.clone();
    let second = paint(&mut workspace, knee, 0, &mut mask, &square(2, 2, 6), 2);
    workspace.set_undone(second, true).unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(
        stored(&mut workspace, "k").slices[0]
            .mask
            .as_ref()
            .unwrap()
            .to_mask(),
        first
    );
    let states: Vec<_> = workspace
        .recent_steps(&[knee], 10)
        .unwrap()
        .iter()
        .map(|s| s.state)
        .collect();
    assert_eq!(states, [StepState::Done, StepState::Undone]);
    workspace.set_undone(second, false).unwrap();
    assert_eq!(
        stored(&mut workspace, "k").slices[0]
            .mask
            .as_ref()
            .unwrap()
            .to_mask(),
        mask
    );
}

#[test]
fn a_new_step_drops_undone_steps_but_keeps_them_in_the_journal() {
    let (_folder, mut workspace) = workspace();
    let (knee, hip) = (case(&mut workspace, "k"), case(&mut workspace, "h"));
    let (mut a, mut b) = (blank(), blank());
    let gone = paint(&mut workspace, knee, 0, &mut a, &square(0, 0, 4), 1);
    let elsewhere = paint(&mut workspace, hip, 0, &mut b, &square(0, 0, 4), 1);
    workspace.set_undone(elsewhere, true).unwrap();
    workspace.set_undone(gone, true).unwrap();
    let edit = blank().paint_region(&square(5, 5, 2), 1, &Rule::FREE);
    let next = workspace.next_seq().unwrap();
    workspace
        .append_step(&step(next, knee, vec![(2, edit)]), &[hip])
        .unwrap();
    let left: Vec<_> = workspace
        .recent_steps(&[knee, hip], 10)
        .unwrap()
        .iter()
        .map(|s| s.seq)
        .collect();
    assert_eq!(left, [next]);
    let error = workspace.set_undone(gone, false).unwrap_err();
    assert!(
        error.to_string().contains("was dropped") && error.kind != ErrorKind::Disk,
        "{error}"
    );
    let kept: i64 = workspace
        .read_database("count", |c| {
            Ok(c.query_row("SELECT count(*) FROM edit", (), |r| r.get(0))?)
        })
        .unwrap();
    assert_eq!(kept, 3);
    let deleted = workspace.write_transaction("delete", |t| Ok(t.execute("DELETE FROM edit", ())?));
    assert!(deleted.unwrap_err().to_string().contains("never deleted"));
}

#[test]
fn steps_out_of_order_are_refused() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    let first = paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 4), 1);
    let second = paint(&mut workspace, knee, 0, &mut mask, &square(1, 1, 4), 2);
    let other = paint(&mut workspace, knee, 1, &mut blank(), &square(1, 1, 4), 2);
    let refused = |result: Result<()>, reason: &str| {
        let failure = result.unwrap_err();
        assert!(
            failure.to_string().contains(reason) && failure.kind != ErrorKind::Disk,
            "{failure}"
        );
    };
    refused(
        workspace.set_undone(first, true),
        "is followed by another step on the same slice",
    );
    workspace.set_undone(second, true).unwrap();
    workspace.set_undone(first, true).unwrap();
    refused(
        workspace.set_undone(second, false),
        "follows an undone step on the same slice",
    );
    refused(workspace.set_undone(99, true), "is not in the journal");
    refused(
        workspace.append_step(&step(other, knee, Vec::new()), &[]),
        "does not follow the last step",
    );
    let far = Mask::new_blank(100, 100).paint_region(&square(50, 50, 9), 1, &Rule::FREE);
    refused(
        workspace.append_step(&step(9, knee, vec![(0, far.clone())]), &[]),
        "slice 1 has 256 pixels",
    );
    refused(
        workspace.append_step(&step(9, knee, vec![(7, far.clone())]), &[]),
        "has no slice 8",
    );
    refused(
        workspace.append_step(&step(9, CaseKey(77), vec![(0, far)]), &[]),
        "there is no case 77",
    );
    refused(
        workspace.set_status(CaseKey(77), Status::Accepted),
        "there is no case 77",
    );
    assert_eq!(workspace.next_seq().unwrap(), other + 1);
}

#[test]
fn the_proposal_is_the_mask_until_the_user_draws() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let (old, new) = (
        proposal(&square(0, 0, 6), "1"),
        proposal(&square(3, 3, 6), "2"),
    );
    assert!(workspace.put_proposal(knee, 0, &old, Some(b"old")).unwrap());
    let slice = stored(&mut workspace, "k").slices.remove(0);
    assert_eq!(
        (slice.mask.as_ref(), slice.proposal.as_ref()),
        (Some(&old.mask), Some(&old))
    );
    assert!(!slice.is_touched && !slice.is_proposal_apart);
    assert_eq!(stored(&mut workspace, "k").entry.status, Status::Proposed);
    assert_eq!(
        workspace.newest_probabilities(knee, 0).unwrap().unwrap(),
        b"old"
    );

    let mut mask = old.mask.to_mask();
    let seq = paint(&mut workspace, knee, 0, &mut mask, &square(8, 8, 3), 2);
    assert!(!workspace.put_proposal(knee, 0, &new, Some(b"new")).unwrap());
    let mut workspace = reopened(workspace);
    let slice = stored(&mut workspace, "k").slices.remove(0);
    assert_eq!(slice.mask.unwrap().to_mask(), mask);
    assert_eq!(slice.proposal.as_ref(), Some(&new));
    assert!(slice.is_touched && slice.is_proposal_apart);
    assert_eq!(
        workspace.newest_probabilities(knee, 0).unwrap().unwrap(),
        b"new"
    );
    // The proposal that the user started from is kept although there is a newer one.
    workspace.set_undone(seq, true).unwrap();
    assert_eq!(stored(&mut workspace, "k").slices[0].mask, Some(old.mask));
}

#[test]
fn an_untouched_slice_keeps_only_the_newest_proposal() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    for version in ["1", "2", "3"] {
        let proposal = proposal(&square(0, 0, 6), version);
        assert!(workspace.put_proposal(knee, 0, &proposal, None).unwrap());
    }
    let count = |c: &Connection| {
        Ok(c.query_row("SELECT count(*) FROM proposal", (), |r| r.get::<_, i64>(0))?)
    };
    assert_eq!(workspace.read_database("count", count).unwrap(), 1);
    assert_eq!(workspace.newest_probabilities(knee, 0).unwrap(), None);
}

#[test]
fn a_proposal_does_not_replace_an_imported_mask() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let imported = packed(&square(1, 1, 3), 2);
    workspace.set_base(knee, 1, &imported).unwrap();
    assert!(
        !workspace
            .put_proposal(knee, 1, &proposal(&square(0, 0, 6), "1"), None)
            .unwrap()
    );
    let mut mask = imported.to_mask();
    paint(&mut workspace, knee, 1, &mut mask, &square(9, 9, 2), 1);
    let slice = stored(&mut workspace, "k").slices.remove(1);
    assert_eq!(slice.mask.unwrap().to_mask(), mask);
    assert!(slice.is_touched && slice.is_proposal_apart);
    let error = workspace.set_base(knee, 1, &imported).unwrap_err();
    assert!(error.to_string().contains("imported as a step"), "{error}");
}

#[test]
fn a_mask_of_a_different_size_is_refused() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let wide = PackedMask::from_mask(&Mask::new_blank(20, 16));
    let error = workspace.set_base(knee, 0, &wide).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the mask has 20 × 16 pixels, but the image has 16 × 16"),
        "{error}"
    );

    paint(&mut workspace, knee, 0, &mut blank(), &square(0, 0, 2), 1);
    let grown = CaseDescription {
        columns: 32,
        ..described("k", &["a", "b", "c"])
    };
    let error = workspace.adopt_case(&grown).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("\"PD sagittal\" has masks of 16 × 16"),
        "{error}"
    );
    // The existing mask is kept.
    assert!(stored(&mut workspace, "k").slices[0].is_touched);
}

#[test]
fn an_unreadable_mask_is_reported_and_the_others_are_restored() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    for slice in 0..2 {
        workspace
            .put_proposal(knee, slice, &proposal(&square(0, 0, 6), "1"), None)
            .unwrap();
    }
    let spoil = "UPDATE proposal SET mask = x'00' WHERE id = 1";
    workspace
        .write_transaction("spoil", |t| Ok(t.execute(spoil, ())?))
        .unwrap();
    let case = stored(&mut workspace, "k");
    assert_eq!(case.problems.len(), 1);
    let problem = case.problems[0].to_string();
    assert!(
        problem.contains("restore slice 1 of \"PD sagittal\""),
        "{problem}"
    );
    assert!(case.slices[0].mask.is_none() && case.slices[1].mask.is_some());
}

#[test]
fn a_stored_mask_that_differs_in_size_from_its_image_is_reported() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    workspace
        .put_proposal(knee, 1, &proposal(&square(0, 0, 6), "1"), None)
        .unwrap();
    let spoil = |columns: u32| format!("UPDATE scan SET columns = {columns}, rows = {columns}");
    for columns in [SIDE + 1, u32::MAX] {
        workspace
            .write_transaction("spoil", |t| Ok(t.execute(&spoil(columns), ())?))
            .unwrap();
        let case = stored(&mut workspace, "k");
        assert_eq!(case.problems.len(), 1);
        assert!(
            case.problems[0].reason.contains("differ in size"),
            "{}",
            case.problems[0]
        );
        assert!(case.slices[1].mask.is_none());
    }
}

#[test]
fn masks_follow_their_slices_when_files_are_added_or_removed() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    paint(&mut workspace, knee, 1, &mut mask, &square(4, 4, 4), 1);
    let has_mask = |workspace: &mut Workspace, instances: &[&str]| -> Vec<bool> {
        assert_eq!(
            workspace.adopt_case(&described("k", instances)).unwrap(),
            knee
        );
        stored(workspace, "k")
            .slices
            .iter()
            .map(|s| s.mask.is_some())
            .collect()
    };
    assert_eq!(
        has_mask(&mut workspace, &["0", "a", "b", "c"]),
        [false, false, true, false]
    );
    assert_eq!(
        workspace.recent_steps(&[knee], 10).unwrap()[0].edits[0].0,
        2
    );
    // The slice with the mask is missing: the mask is kept for later.
    assert_eq!(has_mask(&mut workspace, &["a", "c"]), [false, false]);
    assert!(workspace.recent_steps(&[knee], 10).unwrap().is_empty());
    assert_eq!(has_mask(&mut workspace, &["b"]), [true]);
    assert_eq!(
        stored(&mut workspace, "k").slices[0]
            .mask
            .as_ref()
            .unwrap()
            .to_mask(),
        mask
    );
}

#[test]
fn slices_with_the_same_uid_keep_their_order() {
    let (_folder, mut workspace) = workspace();
    let knee = workspace
        .adopt_case(&described("k", &["a", "a", "a"]))
        .unwrap();
    paint(&mut workspace, knee, 1, &mut blank(), &square(4, 4, 4), 1);
    for _ in 0..2 {
        workspace
            .adopt_case(&described("k", &["a", "a", "a"]))
            .unwrap();
        let touched: Vec<bool> = stored(&mut workspace, "k")
            .slices
            .iter()
            .map(|s| s.is_touched)
            .collect();
        assert_eq!(touched, [false, true, false]);
    }
}

#[test]
fn a_moved_case_is_recognised_and_gets_its_new_paths() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut moved = described("k", &["a", "b", "c"]);
    for slice in &mut moved.slices {
        slice.source.path = Path::new("/archive").join(slice.source.path.file_name().unwrap());
    }
    assert_eq!(workspace.adopt_case(&moved).unwrap(), knee);
    assert_eq!(stored(&mut workspace, "k").entry.description, moved);
    // An image file has no instance UID: its slice is recognised by its index.
    let mut picture = described("sha256:1", &["p"]);
    picture.slices[0].sop_instance_uid = None;
    let key = workspace.adopt_case(&picture).unwrap();
    paint(&mut workspace, key, 0, &mut blank(), &square(0, 0, 3), 1);
    picture.slices[0].source.path = "/elsewhere.png".into();
    workspace.adopt_case(&picture).unwrap();
    assert!(stored(&mut workspace, "sha256:1").slices[0].is_touched);
    assert_eq!(workspace.list_cases().unwrap().len(), 2);
}

#[test]
fn the_meter_counts_accepted_cases_and_their_changed_pixels() {
    let (_folder, mut workspace) = workspace();
    let (knee, hip) = (case(&mut workspace, "k"), case(&mut workspace, "h"));
    case(&mut workspace, "left");
    workspace
        .put_proposal(knee, 0, &proposal(&square(0, 0, 4), "1"), None)
        .unwrap();
    let mut mask = packed(&square(0, 0, 4), 1).to_mask();
    paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 2), 0);
    let drawn = paint(&mut workspace, knee, 1, &mut blank(), &square(0, 0, 3), 1);
    paint(&mut workspace, hip, 1, &mut blank(), &square(0, 0, 3), 1);
    workspace.add_seconds(knee, 20.0).unwrap();
    workspace.add_seconds(hip, 5.0).unwrap();
    workspace.set_status(knee, Status::Accepted).unwrap();
    workspace.set_status(hip, Status::Skipped).unwrap();
    let meter = Meter {
        accepted: 1,
        skipped: 1,
        total: 3,
        seconds_of_accepted: 20.0,
        pixels_changed: 4 + 9,
        out_of_list: 0,
    };
    assert_eq!(workspace.count_progress().unwrap(), meter);
    assert!(stored(&mut workspace, "k").entry.accepted_at.is_some());
    workspace.set_undone(drawn, true).unwrap();
    assert_eq!(
        workspace.count_progress().unwrap(),
        Meter {
            pixels_changed: 4,
            ..meter
        }
    );
}

#[test]
fn labels_are_restored_in_order() {
    let (_folder, mut workspace) = workspace();
    assert!(workspace.read_labels().unwrap().is_empty());
    let labels: Vec<Label> = ["Femur", "Tibia", "Патела"]
        .into_iter()
        .zip(0..)
        .map(|(n, i)| Label::with_name(n, i))
        .collect();
    workspace.set_labels(&labels).unwrap();
    let names: Vec<String> = workspace
        .read_labels()
        .unwrap()
        .into_iter()
        .map(|l| l.name)
        .collect();
    assert_eq!(names, ["Femur", "Tibia", "Патела"]);
    // Each label has been given an id.
    let labels = workspace.read_labels().unwrap();
    workspace.set_name("Knees 2026").unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(workspace.read_labels().unwrap(), labels);
    assert_eq!(workspace.read_name().unwrap(), "Knees 2026");
    let many: Vec<Label> = (0..256).map(|i| Label::with_name("x", i)).collect();
    assert!(
        workspace
            .set_labels(&many)
            .unwrap_err()
            .to_string()
            .contains("255")
    );
    assert_eq!(workspace.read_labels().unwrap(), labels);
}

/// A random action of a user.
#[derive(Clone, Debug)]
enum UserAction {
    Paint {
        slice: u32,
        column: usize,
        row: usize,
        side: usize,
        label: u8,
    },
    Undo,
    Redo,
    Propose(u32),
    Fold,
    Reopen,
}

fn user_action() -> impl Strategy<Value = UserAction> {
    let paint = (0u32..2, 0usize..12, 0usize..12, 1usize..5, 0u8..3).prop_map(
        |(slice, column, row, side, label)| UserAction::Paint {
            slice,
            column,
            row,
            side,
            label,
        },
    );
    prop_oneof![
        8 => paint,
        4 => Just(UserAction::Undo),
        2 => Just(UserAction::Redo),
        1 => (0u32..2).prop_map(UserAction::Propose),
        3 => Just(UserAction::Fold),
        1 => Just(UserAction::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn snapshots_equal_the_replay_of_all_steps(actions in proptest::collection::vec(user_action(), 1..80)) {
        let (_folder, mut workspace) = workspace();
        // For speed; durability is not tested here.
        let hasten = |c: &Connection| Ok(c.pragma_update(None, "synchronous", "OFF")?);
        workspace.read_database("hasten", hasten).unwrap();
        let knee = case(&mut workspace, "k");
        let mut masks = [blank(), blank()];
        let (mut done, mut undone) = (Vec::<(i64, u32, Edit)>::new(), Vec::new());
        let mut touched = [false; 2];
        for action in actions {
            match action {
                UserAction::Paint { slice, column, row, side, label } => {
                    let edit = masks[slice as usize].paint_region(&square(column, row, side), label, &Rule::FREE);
                    let seq = workspace.next_seq().unwrap();
                    workspace.append_step(&step(seq, knee, vec![(slice, edit.clone())]), &[]).unwrap();
                    touched[slice as usize] |= !edit.is_empty();
                    undone.clear();
                    done.push((seq, slice, edit));
                }
                UserAction::Undo => if let Some((seq, slice, edit)) = done.pop() {
                    workspace.set_undone(seq, true).unwrap();
                    masks[slice as usize].apply_edit(&edit.inverse());
                    undone.push((seq, slice, edit));
                },
                UserAction::Redo => if let Some((seq, slice, edit)) = undone.pop() {
                    workspace.set_undone(seq, false).unwrap();
                    masks[slice as usize].apply_edit(&edit);
                    done.push((seq, slice, edit));
                },
                UserAction::Propose(slice) => {
                    let proposal = proposal(&square(1, 1, 9), "1");
                    let is_mask = workspace.put_proposal(knee, slice, &proposal, None).unwrap();
                    prop_assert_eq!(is_mask, !touched[slice as usize]);
                    if is_mask {
                        masks[slice as usize] = proposal.mask.to_mask();
                    }
                }
                UserAction::Fold => {
                    // As if there were many steps on all slices.
                    workspace.write_transaction("age", |t| Ok(t.execute("UPDATE slice SET unfolded = 1000", ())?)).unwrap();
                    while workspace.fold_journal(1).unwrap() {}
                }
                UserAction::Reopen => {
                    workspace = reopened(workspace);
                    workspace.read_database("hasten", hasten).unwrap();
                }
            }
            for (slice, mask) in stored(&mut workspace, "k").slices.iter().zip(&masks) {
                prop_assert_eq!(slice.mask.as_ref().map_or_else(blank, PackedMask::to_mask), mask.clone());
            }
        }
    }
}

#[test]
fn the_journal_is_folded_on_slices_with_many_steps() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut masks = [blank(), blank()];
    for n in 0..80 {
        let slice = n % 2;
        let label = (n / 2 % 2 + 1) as u8;
        paint(
            &mut workspace,
            knee,
            slice as u32,
            &mut masks[slice],
            &square(n % 9, n % 7, 5),
            label,
        );
    }
    let count = |workspace: &mut Workspace| {
        let count = |c: &Connection| {
            Ok(c.query_row("SELECT count(*) FROM snapshot", (), |r| r.get::<_, i64>(0))?)
        };
        workspace.read_database("count", count).unwrap()
    };
    assert!(workspace.fold_journal(1).unwrap());
    assert_eq!(count(&mut workspace), 1);
    assert!(!workspace.fold_journal(1).unwrap());
    assert_eq!(count(&mut workspace), 2);
    assert!(!workspace.fold_journal(9).unwrap());
    assert_eq!(count(&mut workspace), 2);
    // Undoing a step that a snapshot contains deletes the snapshot.
    let last = workspace.next_seq().unwrap() - 1;
    workspace.set_undone(last, true).unwrap();
    assert_eq!(count(&mut workspace), 1);
}

#[test]
fn a_full_disk_is_reported_and_the_step_can_be_saved_later() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    let kept = paint(&mut workspace, knee, 0, &mut mask, &square(0, 0, 9), 1);
    workspace.set_undone(kept, true).unwrap();
    workspace.hold_at(1).unwrap();
    // The step that does not fit fails; those before it are saved.
    let mut seq = workspace.next_seq().unwrap();
    let failure = loop {
        let edit = Edit::between(&[0; 256], &[1, 2].repeat(128));
        match workspace.append_step(&step(seq, knee, vec![(0, edit)]), &[]) {
            Ok(()) => seq += 1,
            Err(failure) => break failure,
        }
        assert!(seq < 1000, "the disk was never full");
    };
    assert!(failure.kind == ErrorKind::Disk);
    assert!(
        failure
            .to_string()
            .contains("the disk is full. Free some space"),
        "{failure}"
    );
    assert!(failure.to_string().contains("knees"), "{failure}");
    assert_eq!(workspace.next_seq().unwrap(), seq);
    assert_eq!(
        workspace.recent_steps(&[knee], 2000).unwrap().len() as i64,
        seq - 2
    );
    // Reading still works, and small changes can still be written.
    assert!(stored(&mut workspace, "k").slices[0].is_touched);
    workspace.set_status(knee, Status::Skipped).unwrap();
    workspace.hold_at(0).unwrap();
    let edit = Edit::between(&[0; 256], &[1, 2].repeat(128));
    workspace
        .append_step(&step(seq, knee, vec![(0, edit)]), &[])
        .unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(workspace.next_seq().unwrap(), seq + 1);
}

#[test]
fn a_read_only_disk_is_reported_and_writing_can_be_retried() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    // Root may write anywhere, so the connection is made read-only instead.
    workspace
        .read_database("hold", |c| Ok(c.pragma_update(None, "query_only", true)?))
        .unwrap();
    let failure = workspace.set_status(knee, Status::Skipped).unwrap_err();
    assert!(
        failure.kind == ErrorKind::Disk
            && failure.to_string().contains("the workspace is read-only"),
        "{failure}"
    );
    workspace
        .read_database("release", |c| {
            Ok(c.pragma_update(None, "query_only", false)?)
        })
        .unwrap();
    workspace.set_status(knee, Status::Skipped).unwrap();
}

#[test]
fn a_folder_that_cannot_be_created_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for place in [file.clone(), file.join("below")] {
        let error = Workspace::open(&place).unwrap_err().to_string();
        assert!(
            error.contains("is a file, not a folder") && error.contains("file"),
            "{error}"
        );
    }
    // A folder in the place of the database.
    let blocked = folder.path().join("blocked");
    std::fs::create_dir_all(blocked.join(DATABASE)).unwrap();
    let error = Workspace::open(&blocked).unwrap_err().to_string();
    assert!(error.contains("blocked"), "{error}");
}

#[test]
fn an_open_workspace_cannot_be_opened_again() {
    let (_folder, workspace) = workspace();
    let error = Workspace::open(workspace.folder()).unwrap_err().to_string();
    assert!(
        error.contains("knees") && error.contains("has it open"),
        "{error}"
    );
    assert!(reopened(workspace).models_folder().is_dir());
}

#[test]
fn many_cases_are_added_at_once_except_those_that_are_refused() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    paint(&mut workspace, knee, 0, &mut blank(), &square(0, 0, 2), 1);
    let grown = CaseDescription {
        columns: 32,
        ..described("k", &["a"])
    };
    let keys = workspace
        .adopt_all(&[described("h", &["d"]), grown, described("l", &["e"])])
        .unwrap();
    assert!(keys[0].is_ok() && keys[2].is_ok());
    assert!(
        keys[1]
            .as_ref()
            .unwrap_err()
            .to_string()
            .contains("16 × 16")
    );
    assert_eq!(workspace.list_cases().unwrap().len(), 3);
    assert_eq!(stored(&mut workspace, "k").slices.len(), 3);
}

/// A brush stroke of radius 40 along a line of at most 300 pixels, on 2048 x 2048 pixels.
fn stroke(n: usize) -> Region {
    let (column, row) = (50 + n * 211 % 1600, 50 + n * 307 % 1600);
    let (across, down) = ([3, 2, 1, 0][n % 4], [0, 1, 2, 3][n % 4]);
    let stamps = (0..100 - n % 60).flat_map(|k| {
        (0..81usize).map(move |line| {
            let half = (1600.0 - (line as f64 - 40.0).powi(2)).sqrt() as usize;
            let middle = column + 40 + k * across;
            Span {
                row: row + k * down + line,
                start: middle - half,
                end: middle + half + 1,
            }
        })
    });
    Region::from_spans(stamps.collect())
}

#[test]
fn ten_thousand_strokes_take_less_than_fifty_megabytes() {
    const STROKES: usize = 400;
    let (_folder, mut workspace) = workspace();
    workspace
        .read_database("hasten", |c| {
            Ok(c.pragma_update(None, "synchronous", "OFF")?)
        })
        .unwrap();
    let large = CaseDescription {
        columns: 2048,
        rows: 2048,
        ..described("k", &["a", "b"])
    };
    let knee = workspace.adopt_case(&large).unwrap();
    let mut masks = [Mask::new_blank(2048, 2048), Mask::new_blank(2048, 2048)];
    for n in 0..STROKES {
        paint(
            &mut workspace,
            knee,
            (n % 2) as u32,
            &mut masks[n % 2],
            &stroke(n),
            (n % 3) as u8,
        );
        workspace.fold_journal(1).unwrap();
    }
    let database = workspace.folder().join(DATABASE);
    workspace.close().unwrap();
    let bytes = std::fs::metadata(database).unwrap().len();
    assert!(
        bytes * 10_000 / (STROKES as u64) < 50_000_000,
        "{STROKES} strokes take {bytes} bytes"
    );
    println!("{} bytes a stroke", bytes / STROKES as u64);
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_without_write_permission_is_named_in_the_error() {
    // Not even root can create files there.
    let error = Workspace::open(Path::new("/sys/labrum"))
        .unwrap_err()
        .to_string();
    let expected = ["permission denied", "is read-only"];
    assert!(
        error.contains("/sys/labrum") && expected.iter().any(|e| error.contains(e)),
        "{error}"
    );
}

mod holdout;
mod learning;
mod measurements;
mod phases;
mod prompts;
mod steps;

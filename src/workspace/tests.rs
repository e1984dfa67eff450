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

mod disk;
mod holdout;
mod images;
mod journal;
mod learning;
mod measurements;
mod phases;
mod prompts;
mod steps;

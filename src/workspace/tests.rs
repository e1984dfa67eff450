//! The store as the session uses it: cases, steps, proposals, and what is left after it was closed.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::{
    edit::Edit,
    journal::{
        Author, CaseDescription, CaseKey, Meter, ModelStamp, Proposal, SliceDescription, Step, StepState, StoredCase,
    },
    label::Label,
    mask::{Mask, PackedMask, Rule},
    region::{PixelRect, Region},
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
        source: Source { path: format!("/scans/{uid}.dcm").into(), frame: 0 },
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
        slices: instances.iter().map(slice).collect(),
    }
}

/// A case of three slices.
fn case(workspace: &mut Workspace, identity: &str) -> CaseKey {
    workspace.adopt(&described(identity, &["a", "b", "c"])).unwrap()
}

fn square(column: usize, row: usize, side: usize) -> Region {
    Region::from_fn(&PixelRect { columns: column..column + side, rows: row..row + side }, |_, _| true)
}

fn packed(region: &Region, label: u8) -> PackedMask {
    let mut mask = Mask::empty(SIDE as usize, SIDE as usize);
    mask.paint(region, label, &Rule::FREE);
    PackedMask::of(&mask)
}

fn proposal(region: &Region, version: &str) -> Proposal {
    let model = ModelStamp { name: "knee".into(), version: version.into(), weights: "abc".into() };
    Proposal { model, at: 7, mask: packed(region, 1) }
}

fn step(seq: i64, case: CaseKey, edits: Vec<(u32, Edit)>) -> Step {
    let author = Author::Person("AB".into());
    Step { seq, case, at: 1_000 + seq, author, tool: "brush".into(), edits, state: StepState::Done }
}

fn stored(workspace: &mut Workspace, identity: &str) -> StoredCase {
    workspace.case(identity).unwrap().unwrap()
}

/// Paints on a mask and writes that down as a step on a slice.
fn paint(workspace: &mut Workspace, case: CaseKey, slice: u32, mask: &mut Mask, region: &Region, label: u8) -> i64 {
    let edit = mask.paint(region, label, &Rule::FREE);
    let seq = workspace.next_seq().unwrap();
    workspace.append(&step(seq, case, vec![(slice, edit)]), &[]).unwrap();
    seq
}

fn blank() -> Mask {
    Mask::empty(SIDE as usize, SIDE as usize)
}

fn reopened(workspace: Workspace) -> Workspace {
    let folder = workspace.folder().to_owned();
    workspace.close().unwrap();
    Workspace::open(&folder).unwrap()
}

#[test]
fn what_was_drawn_is_there_after_closing() {
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
    assert_eq!((case.entry.key, case.entry.status, case.entry.shown), (knee, Status::Corrected, Some(2)));
    assert_eq!(case.entry.seconds, 3.5);
    assert_eq!(case.slices[1].mask.as_ref().unwrap().unpack(), mask);
    assert!(case.slices[1].is_touched && !case.slices[0].is_touched && case.slices[0].mask.is_none());
    let edit = Edit::between(blank().labels(), mask.labels());
    assert_eq!(workspace.steps(&[knee], 1000).unwrap(), [step(seq, knee, vec![(1, edit)])]);
    assert_eq!(workspace.cases().unwrap(), [case.entry]);
    assert!(workspace.case("9.9").unwrap().is_none());
}

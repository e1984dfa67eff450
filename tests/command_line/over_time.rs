//! `labrum export` of a heart that was acquired at several times: every time by itself, and volumes over all of them.

use super::{export_arguments, files, succeeds};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use labrum::workspace::Workspace;
use labrum_core::{
    edit::Edit,
    journal::{Also, Author, CaseKey, JournalStep, StepState},
    mask::{Mask, Rule},
    measurement::{CardiacPhase, PhaseChange},
    region::{Region, Span},
    study::Status,
};
use labrum_dicom::{fixture::Fixture, seg};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const SIDE: usize = 16;
/// Series Instance UID.
const SERIES: &str = "1.2.3.4";

/// Files of two slices 8 mm apart at three times; pixels of 0.5 x 0.25 mm.
fn heart(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for number in 0..6 {
        Fixture::new(SIDE as u16, SIDE as u16)
            .with_slice_position(number + 1, f64::from(number % 2) * 8.0)
            .with_text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.9")
            .with_text(
                tags::TRIGGER_TIME,
                VR::DS,
                &format!("{}", 10 + 30 * (number / 2)),
            )
            .with_pixels(&[100; SIDE * SIDE])
            .write_to_folder(folder, &format!("{number}.dcm"));
    }
}

fn square(side: usize) -> Region {
    let span = |row| Span {
        row,
        start: 2,
        end: 2 + side,
    };
    Region::from_spans((2..2 + side).map(span).collect())
}

fn append(workspace: &mut Workspace, case: CaseKey, edits: Vec<(u32, Edit)>, also: Also) {
    let step = JournalStep {
        seq: workspace.next_seq().unwrap(),
        case,
        at: 0,
        author: Author::Person("Reader".into()),
        tool: "brush".into(),
        edits,
        also,
        state: StepState::Done,
    };
    workspace.append_step(&step, &[]).unwrap();
}

/// The cases of a workspace in order of time.
fn times(workspace: &mut Workspace) -> Vec<CaseKey> {
    let mut entries = workspace.list_cases().unwrap();
    entries.sort_by_key(|entry| entry.description.time_point.as_ref().unwrap().index);
    entries.iter().map(|entry| entry.key).collect()
}

/// A workspace with the heart; squares with sides of 8, 6 and 4 pixels are drawn on both slices at the three times, and
/// these times (from 0) are accepted.
fn accepted_heart(folder: &Path, accepted: &[usize]) -> PathBuf {
    let [images, work] = ["images", "work"].map(|name| folder.join(name));
    heart(&images);
    succeeds(&[
        &"workspace",
        &"create",
        &work,
        &"--label",
        &"Left ventricle",
    ]);
    succeeds(&[&"workspace", &"add", &images, &"--workspace", &work]);
    let mut workspace = Workspace::open(&work).unwrap();
    let cases = times(&mut workspace);
    assert_eq!(cases.len(), 3);
    for (time, case) in cases.into_iter().enumerate() {
        for slice in 0..2 {
            let region = square(8 - 2 * time);
            let edit = Mask::new_blank(SIDE, SIDE).paint_region(&region, 1, &Rule::FREE);
            append(&mut workspace, case, vec![(slice, edit)], Also::default());
        }
        if accepted.contains(&time) {
            workspace.set_status(case, Status::Accepted).unwrap();
        }
    }
    workspace.close().unwrap();
    work
}

fn export(work: &Path, out: &Path, format: &str) {
    succeeds(&export_arguments(&work, &out, &format, &[]));
}

/// The measurements of all exported cases, in order of time.
fn measurements(out: &Path) -> Vec<Value> {
    let listed = files(out).into_iter();
    let mut all: Vec<Value> = listed
        .filter(|name| name.ends_with(".measurements.json"))
        .map(|name| serde_json::from_slice(&std::fs::read(out.join(name)).unwrap()).unwrap())
        .collect();
    all.sort_by_key(|one| one["series"].as_str().unwrap().to_owned());
    all
}

#[test]
fn every_time_of_a_heart_is_exported_with_the_volumes_at_all_times() {
    let folder = tempfile::tempdir().unwrap();
    let work = accepted_heart(folder.path(), &[0, 1, 2]);
    let out = folder.path().join("out");
    export(&work, &out, "json,over-time-csv,seg");
    let all = measurements(&out);
    let ids: Vec<&str> = all
        .iter()
        .map(|one| one["series"].as_str().unwrap())
        .collect();
    let expected = [1, 2, 3].map(|number| format!("{SERIES}#{number}"));
    assert_eq!(ids, expected.each_ref().map(String::as_str));
    for one in &all {
        let [ventricle] = one["over_time"].as_array().unwrap().as_slice() else {
            panic!("{one}")
        };
        assert_eq!(ventricle["name"], "Left ventricle");
        // 64, 36 and 16 pixels on two slices: 0.125 mm² a pixel, 8 mm a slice.
        let volumes: Vec<f64> = ventricle["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|at| at["volume_ml"].as_f64().unwrap())
            .collect();
        assert_eq!(volumes, [0.128, 0.072, 0.032]);
        assert_eq!(ventricle["end_diastole"]["time"], 1);
        assert_eq!(ventricle["end_systole"]["time"], 3);
        assert_eq!(ventricle["stroke_volume_ml"], 0.096);
        assert_eq!(ventricle["ejection_fraction_percent"], 75.0);
    }
    let tables: Vec<String> = files(&out)
        .into_iter()
        .filter(|name| name.ends_with(".over-time.csv"))
        .collect();
    assert_eq!(tables.len(), 3);
    let table = std::fs::read_to_string(out.join(&tables[0])).unwrap();
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert_eq!(
        rows,
        [
            "1,Left ventricle,1,0.128,2,largest,,0.096,75.0",
            "1,Left ventricle,2,0.072,2,,,0.096,75.0",
            "1,Left ventricle,3,0.032,2,,smallest,0.096,75.0",
        ]
    );
    let segmentations = files(&out).into_iter();
    let segmentations: Vec<String> = segmentations
        .filter(|name| name.ends_with(".seg.dcm"))
        .collect();
    assert_eq!(segmentations.len(), 3);
    // The images of the third time.
    let read = seg::read_header(&out.join(&segmentations[2])).unwrap();
    let sources = read.frames.iter().flat_map(|frame| &frame.sources);
    let sources: BTreeSet<&str> = sources.map(|(uid, _)| uid.as_str()).collect();
    assert_eq!(sources, BTreeSet::from(["1.2.3.5", "1.2.3.6"]));
}

#[test]
fn marked_times_of_the_workspace_decide_over_the_ejection_fraction() {
    let folder = tempfile::tempdir().unwrap();
    let work = accepted_heart(folder.path(), &[0, 1, 2]);
    let mut workspace = Workspace::open(&work).unwrap();
    let middle = times(&mut workspace)[1];
    let also = Also {
        phase: Some(PhaseChange {
            phase: CardiacPhase::EndSystole,
            is_marked: true,
        }),
        ..Also::default()
    };
    append(&mut workspace, middle, Vec::new(), also);
    workspace.close().unwrap();
    let out = folder.path().join("out");
    export(&work, &out, "json");
    let ventricle = &measurements(&out)[0]["over_time"][0];
    assert_eq!(ventricle["end_systole"]["time"], 2);
    assert_eq!(ventricle["end_systole_is_marked"], true);
    assert_eq!(ventricle["end_diastole_is_marked"], false);
    assert_eq!(ventricle["stroke_volume_ml"], 0.056);
    assert_eq!(ventricle["ejection_fraction_percent"], 43.75);
}

#[test]
fn one_accepted_time_is_exported_by_itself_and_times_that_are_not_accepted_have_no_volume() {
    let folder = tempfile::tempdir().unwrap();
    let work = accepted_heart(folder.path(), &[1]);
    let out = folder.path().join("out");
    export(&work, &out, "json,png,nifti");
    let [only]: [Value; 1] = measurements(&out).try_into().unwrap();
    assert_eq!(only["series"], format!("{SERIES}#2"));
    assert_eq!(only["slices"].as_array().unwrap().len(), 2);
    let ventricle = &only["over_time"][0];
    assert_eq!(ventricle["volumes"].as_array().unwrap().len(), 1);
    assert_eq!(ventricle["volumes"][0]["time"], 2);
    assert_eq!(ventricle["stroke_volume_ml"], Value::Null);
}

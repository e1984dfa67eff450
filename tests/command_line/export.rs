//! `labrum export`: the accepted masks of a workspace as files, with and without patient data.

mod imported;
mod without_patient;

use super::{export_arguments, files, program, refuses, run, sample, succeeds};
use labrum::io::open;
use labrum::workspace::Workspace;
use labrum_core::{
    journal::{Also, Author, CaseDescription, JournalStep, ModelStamp, Proposal, StepState},
    label::{Code, Label},
    mask::{Mask, PackedMask, Rule},
    progress::Cancel,
    region::{Region, Span},
    study::{Series, Status},
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A name and an ID that occur nowhere else.
const NAME: &str = "Zyxwvut^Qwertzina";
const ID: &str = "MRN-7391-XK";

/// Writes the slices of a bundled sample with patient data, as from a hospital.
fn named_patient(folder: &Path, name: &str) -> Vec<PathBuf> {
    use dicom_core::{DataElement, PrimitiveValue, VR};
    use dicom_dictionary_std::tags;
    std::fs::create_dir_all(folder).unwrap();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(sample(name)).unwrap() {
        let path = entry.unwrap().path();
        let mut file = dicom_object::open_file(&path).unwrap();
        let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
        for element in [
            text(tags::PATIENT_NAME, VR::PN, NAME),
            text(tags::PATIENT_ID, VR::LO, ID),
            text(tags::PATIENT_BIRTH_DATE, VR::DA, "19481231"),
            text(tags::STUDY_DATE, VR::DA, "20240315"),
            text(tags::SERIES_DESCRIPTION, VR::LO, "Cine of Qwertzina"),
            text(tags::INSTITUTION_NAME, VR::LO, "Ward Nine"),
        ] {
            file.put(element);
        }
        let out = folder.join(path.file_name().unwrap());
        file.write_to_file(&out).unwrap();
        paths.push(out);
    }
    paths.sort();
    paths
}

pub(super) fn series_of(path: &Path) -> (String, String, Series) {
    let catalog = open::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default()).unwrap();
    let study = &catalog.studies[0];
    (
        study.id.clone(),
        study.date.clone(),
        study.series[0].clone(),
    )
}

/// A mask with a square of one label.
fn square(columns: usize, rows: usize, label: u8, from: usize, to: usize) -> Mask {
    let inside =
        |i: usize| (from..to).contains(&(i % columns)) && (from..to).contains(&(i / columns));
    Mask::from_labels(
        columns,
        rows,
        (0..columns * rows)
            .map(|i| if inside(i) { label } else { 0 })
            .collect(),
    )
    .unwrap()
}

fn labels() -> Vec<Label> {
    let mut left = Label::with_name("Left ventricle", 0);
    left.concept = Code::new("87878005", "SCT", "Left ventricle");
    left.modifiers = vec![Code::new("7771000", "SCT", "Left")];
    vec![
        left,
        Label::with_name("Scar", 1),
        Label::with_name("Fat", 2),
    ]
}

/// A workspace with the series at `path`, with masks on its first two slices: label 1 unchanged
/// from a model, label 2 corrected, label 3 drawn by hand.
pub(super) fn workspace(folder: &Path, path: &Path, status: Status) {
    let (study, date, series) = series_of(path);
    let mut workspace = Workspace::open(folder).unwrap();
    workspace.set_labels(&labels()).unwrap();
    let identity = match series.kind {
        labrum_core::study::Kind::Picture => labrum::workspace::content_hash(path).unwrap(),
        labrum_core::study::Kind::Dicom => series.id.clone(),
    };
    let case = workspace
        .adopt_case(&CaseDescription::from_series(
            identity, &study, &date, &series,
        ))
        .unwrap();
    let (columns, rows) = (series.columns, series.rows);
    for slice in 0..series.slices.len().min(2) as u32 {
        let mut proposed = square(columns, rows, 1, 2, 9);
        proposed.paint_region(&block(20, 30), 2, &Rule::FREE);
        let model = ModelStamp {
            name: "Test".into(),
            version: "2.1".into(),
            weights: "cd".repeat(32),
        };
        let proposal = Proposal {
            model,
            at: 0,
            mask: PackedMask::from_mask(&proposed),
        };
        assert!(
            workspace
                .put_proposal(case, slice, &proposal, None)
                .unwrap()
        );
        let mut mask = proposed;
        let corrected = mask.paint_region(&block(29, 33), 2, &Rule::FREE);
        let drawn = mask.paint_region(&block(12, 15), 3, &Rule::FREE);
        for edit in [corrected, drawn] {
            let step = JournalStep {
                seq: workspace.next_seq().unwrap(),
                case,
                at: 0,
                author: Author::Person("Reader".into()),
                tool: "brush".into(),
                edits: vec![(slice, edit)],
                also: Also::default(),
                state: StepState::Done,
            };
            workspace.append_step(&step, &[]).unwrap();
        }
    }
    workspace.set_status(case, status).unwrap();
    workspace.close().unwrap();
}

fn block(from: usize, to: usize) -> Region {
    Region::from_spans(
        (from..to)
            .map(|row| Span {
                row,
                start: from,
                end: to,
            })
            .collect(),
    )
}

fn manifest(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

#[test]
fn accepted_cases_are_exported_with_a_manifest_of_who_drew() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out] = ["work", "out"].map(|name| folder.path().join(name));
    workspace(&work, &sample("cardiac-mr"), Status::Accepted);
    succeeds(&export_arguments(
        &work,
        &out,
        &"seg,png,rtstruct,nifti,coco,csv",
        &[&"--name", &"{modality}/{series}_{label}"],
    ));
    let written = files(&out);
    let report = manifest(&out);
    let case = &report["cases"][0];
    let types: Vec<&str> = case["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["algorithm_type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]);
    assert_eq!(case["labels"][0]["weights_sha256"], "cd".repeat(32));
    assert_eq!(case["labels"][2]["model"], "");
    assert_eq!(case["slices"], 2);
    // The manifest lists all written files with their checksums.
    let listed: Vec<&str> = case["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["path"].as_str().unwrap())
        .collect();
    for file in &written {
        let own = ["manifest.json", "manifest.csv", "coco.json"].contains(&file.as_str());
        assert!(
            own || listed.contains(&file.as_str()),
            "{file} is not in {listed:?}"
        );
    }
    for file in case["files"].as_array().unwrap() {
        let path = out.join(file["path"].as_str().unwrap());
        let hash = labrum::workspace::content_hash(&path).unwrap();
        assert_eq!(hash, format!("sha256:{}", file["sha256"].as_str().unwrap()));
    }
    assert!(listed.iter().all(|f| f.starts_with("MR/")), "{listed:?}");
    assert!(
        listed
            .iter()
            .any(|f| f.contains("_Left ventricle+Scar+Fat") && f.ends_with(".seg.dcm")),
        "{listed:?}"
    );
    for ending in [
        "_0001.png",
        "_0002.png",
        ".rtstruct.dcm",
        ".nii.gz",
        ".measurements.csv",
    ] {
        assert_eq!(
            listed.iter().filter(|f| f.ends_with(ending)).count(),
            1,
            "{ending}: {listed:?}"
        );
    }
    let table = std::fs::read_to_string(out.join("manifest.csv")).unwrap();
    assert_eq!(table.lines().count(), listed.len() + 1);

    let seg = listed.iter().find(|f| f.ends_with(".seg.dcm")).unwrap();
    let seg = dicom_object::open_file(out.join(seg)).unwrap();
    let segments = seg
        .element_by_name("SegmentSequence")
        .unwrap()
        .items()
        .unwrap();
    let types: Vec<String> = segments
        .iter()
        .map(|s| {
            s.element_by_name("SegmentAlgorithmType")
                .unwrap()
                .to_str()
                .unwrap()
                .trim()
                .to_owned()
        })
        .collect();
    assert_eq!(types, ["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]);
    let algorithm = &segments[0]
        .element_by_name("SegmentationAlgorithmIdentificationSequence")
        .unwrap()
        .items()
        .unwrap()[0];
    let parameters = algorithm
        .element_by_name("AlgorithmParameters")
        .unwrap()
        .to_str()
        .unwrap();
    assert!(parameters.contains(&"cd".repeat(32)), "{parameters}");
    assert!(
        segments[2]
            .element_by_name("SegmentationAlgorithmIdentificationSequence")
            .is_err()
    );
}

#[test]
fn exports_are_only_replaced_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out] = ["work", "out"].map(|name| folder.path().join(name));
    workspace(&work, &sample("cardiac-mr"), Status::Accepted);
    let export = export_arguments(&work, &out, &"nifti", &[]);
    succeeds(&export);
    let before = std::fs::read(out.join("manifest.json")).unwrap();
    refuses(
        &export,
        &["manifest.json of another export", "Choose another folder"],
    );
    std::fs::remove_file(out.join("manifest.json")).unwrap();
    std::fs::remove_file(out.join("manifest.csv")).unwrap();
    // The volume itself already exists.
    let run = refuses(&export, &["1 of 1 cases could not be written"]);
    assert!(
        run.err.contains("the file already exists") && run.err.contains("--overwrite"),
        "{}",
        run.err
    );
    assert!(
        !out.join("manifest.json").exists(),
        "a failed export must not leave a manifest that blocks the next"
    );
    succeeds(&export_arguments(&work, &out, &"nifti", &[&"--replace"]));
    let after = manifest(&out);
    assert_eq!(after["cases"].as_array().unwrap().len(), 1);
    let before: serde_json::Value = serde_json::from_slice(&before).unwrap();
    let volume = |report: &serde_json::Value| report["cases"][0]["files"][0].clone();
    assert!(
        volume(&before)["path"]
            .as_str()
            .unwrap()
            .ends_with(".nii.gz")
    );
    assert_eq!(volume(&before), volume(&after));
}

#[test]
fn an_impossible_export_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out] = ["work", "out"].map(|name| folder.path().join(name));
    workspace(&work, &sample("cardiac-mr"), Status::Corrected);
    refuses(
        &[&"export", &"--workspace", &work, &"--out", &out],
        &["the workspace has no accepted cases"],
    );
    refuses(
        &[&"export", &"--workspace", &out, &"--out", &out],
        &["no workspace found in this folder"],
    );
    let run = run(&[
        &"export",
        &"--workspace",
        &work,
        &"--out",
        &out,
        &"--name",
        &"{patient}",
    ]);
    assert!(
        run.code == Some(2) && run.err.contains("{patient}"),
        "{}",
        run.err
    );
    assert!(!out.exists());
}

#[test]
fn a_missing_file_fails_only_its_case() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out, scans] = ["work", "out", "scans"].map(|name| folder.path().join(name));
    let paths = named_patient(&scans, "sarcoma-ct");
    workspace(&work, &scans, Status::Accepted);
    workspace(&work, &sample("cardiac-mr"), Status::Accepted);
    let whole = std::fs::read(&paths[3]).unwrap();
    std::fs::remove_file(&paths[3]).unwrap();
    let export: [&dyn AsRef<OsStr>; 5] = [&"export", &"--workspace", &work, &"--out", &out];
    let run = refuses(&export, &["1 of 2 cases could not be written"]);
    assert!(run.err.contains("file not found"), "{}", run.err);
    let report = manifest(&out);
    assert_eq!(
        (
            report["cases"].as_array().unwrap().len(),
            report["failed"].as_array().unwrap().len()
        ),
        (1, 1)
    );
    assert_eq!(
        (&report["complete"], &report["stopped"]),
        (&false.into(), &false.into())
    );
    // Once the file is back, the same command completes: an incomplete export does not block it.
    std::fs::write(&paths[3], whole).unwrap();
    succeeds(&export);
    let report = manifest(&out);
    assert_eq!(
        (
            report["cases"].as_array().unwrap().len(),
            &report["complete"]
        ),
        (2, &true.into())
    );
    refuses(&export, &["manifest.json of another export"]);
}

#[test]
fn a_format_that_cannot_hold_the_masks_is_reported_and_the_others_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out, none] = ["work", "out", "none"].map(|name| folder.path().join(name));
    workspace(
        &work,
        &sample("fetal-head/fetal-head-011_HC.png"),
        Status::Accepted,
    );
    let export = |out: &PathBuf, formats: &str, reason: &str| {
        refuses(&export_arguments(&work, out, &formats, &[]), &[reason])
    };
    let run = export(
        &out,
        "png,rtstruct,seg-fractional,coco",
        "some cases could not be written in all formats",
    );
    for part in [
        "fetal-head-011_HC.png as rtstruct: ",
        "as seg-fractional: ",
        "the masks were drawn or imported",
    ] {
        assert!(run.err.contains(part), "\"{part}\" is not in: {}", run.err);
    }
    let written = files(&out);
    let endings = ["coco.json", "labels.json", ".png"];
    assert!(
        endings
            .iter()
            .all(|ending| written.iter().any(|file| file.ends_with(ending))),
        "{written:?}"
    );
    let report = manifest(&out);
    let not_written = report["cases"][0]["not_written"].as_array().unwrap();
    let formats: Vec<&str> = not_written
        .iter()
        .map(|n| n["format"].as_str().unwrap())
        .collect();
    assert_eq!(
        (formats, &report["complete"]),
        (vec!["rtstruct", "seg-fractional"], &false.into())
    );
    // If no format can hold the masks, nothing is exported.
    export(&none, "rtstruct", "1 of 1 cases could not be written");
    assert!(!none.exists());
}

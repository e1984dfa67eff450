//! Exports of cases with absent labels, and of workspaces with removed labels.

#![allow(clippy::unwrap_used)]

mod drawn;
mod over_time;

use super::{
    Manifest, OverlayStyle, Preset,
    case::{CaseToExport, MaskedSlice},
    export_all,
};
use crate::io::open;
use labrum_core::{
    export_format::ExportFormat,
    label::{Gone, Label},
    mask::Mask,
    progress::Cancel,
};
use labrum_dicom::seg;
use serde_json::Value;
use std::path::Path;

/// A case of one image of 8 x 8 pixels.
fn case(folder: &Path, labels: &[u8], names: Vec<Label>, absent: Vec<u8>) -> CaseToExport {
    let path = folder.join("a.png");
    image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(x * 9 + y * 17) as u8]))
        .save(&path)
        .unwrap();
    let mut catalog = open::read_catalog(&[path], &mut |_| {}, &Cancel::default()).unwrap();
    let series = catalog.studies.remove(0).series.remove(0);
    let mask = Mask::from_labels(8, 8, labels.to_vec()).unwrap();
    CaseToExport {
        title: "a".into(),
        study: "study".into(),
        study_uid: "study".into(),
        date: String::new(),
        series,
        slices: vec![MaskedSlice {
            index: 0,
            mask,
            proposal: None,
            probabilities: Vec::new(),
            absent,
        }],
        drawn: Vec::new(),
        over_time: Vec::new(),
        labels: names,
        model: None,
        person: String::new(),
        root: None,
    }
}

fn export(out: &Path, case: CaseToExport, formats: &[ExportFormat]) -> Manifest {
    let preset = Preset {
        formats: formats.to_vec(),
        names: Some("{series}".parse().unwrap()),
        seg: seg::Options::default(),
        deidentify: None,
        replace: false,
    };
    let look = OverlayStyle {
        window: None,
        opacity: 0.3,
    };
    let cases = vec![("a".to_owned(), Ok(case))].into_iter();
    export_all(
        out,
        &preset,
        cases,
        look,
        &mut |_, _| {},
        &Cancel::default(),
    )
    .unwrap()
    .manifest
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_case_marked_absent_is_exported_except_in_formats_without_empty_masks() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let empty = case(
        folder.path(),
        &[0; 64],
        vec![Label::with_name("Polyp", 0)],
        vec![1],
    );
    let manifest = export(
        &out,
        empty,
        &[
            ExportFormat::LabelMap,
            ExportFormat::DicomSeg,
            ExportFormat::Coco,
            ExportFormat::Csv,
        ],
    );
    let [written] = manifest.cases.as_slice() else {
        unreachable!("{manifest:?}")
    };
    assert_eq!(
        (written.slices, written.nothing_of.as_slice()),
        (1, ["Polyp".to_owned()].as_slice())
    );
    let refused: Vec<&str> = written
        .not_written
        .iter()
        .map(|n| n.format.as_str())
        .collect();
    assert_eq!(refused, ["seg"]);
    assert!(
        written.not_written[0]
            .reason
            .contains("the masks are empty"),
        "{:?}",
        written.not_written
    );
    let map = written
        .files
        .iter()
        .find(|f| f.path.ends_with(".png"))
        .unwrap();
    assert!(
        image::open(out.join(&map.path))
            .unwrap()
            .to_rgb8()
            .pixels()
            .all(|p| p.0 == [0; 3])
    );
    let coco = json(&out.join("coco.json"));
    assert_eq!(
        (
            coco["images"].as_array().unwrap().len(),
            coco["annotations"].as_array().unwrap().len()
        ),
        (1, 0)
    );
    assert_eq!(
        json(&out.join("manifest.json"))["cases"][0]["nothing_of"],
        serde_json::json!(["Polyp"])
    );
}

#[test]
fn removed_labels_are_not_exported_and_values_of_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut ghost = Label::with_name("Polyp", 0);
    ghost.kept.gone = Some(Gone::Into(2));
    let mut pixels = [0; 64];
    pixels[9] = 2;
    let case = case(
        folder.path(),
        &pixels,
        vec![ghost, Label::with_name("Adenoma", 1)],
        Vec::new(),
    );
    let formats = [
        ExportFormat::LabelMap,
        ExportFormat::PerLabel,
        ExportFormat::DicomSeg,
        ExportFormat::SegLabelMap,
        ExportFormat::Coco,
    ];
    let manifest = export(&out, case, &formats);
    let written = &manifest.cases[0];
    assert!(written.not_written.is_empty(), "{:?}", written.not_written);
    let names: Vec<(u8, &str)> = written
        .labels
        .iter()
        .map(|l| (l.value, l.name.as_str()))
        .collect();
    assert_eq!(
        names,
        [(2, "Adenoma")],
        "its value in label maps is unchanged"
    );
    let named = json(&out.join("labels.json"));
    assert_eq!(named["labels"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&named["labels"][0]["value"], &named["labels"][0]["name"]),
        (&2.into(), &"Adenoma".into())
    );
    let coco = json(&out.join("coco.json"));
    assert_eq!(coco["categories"].as_array().unwrap().len(), 1);
    assert_eq!(coco["annotations"][0]["area"], 1);
    let ending = |ending: &str| {
        written
            .files
            .iter()
            .filter(|f| f.path.ends_with(ending))
            .count()
    };
    assert_eq!((ending(".Adenoma.png"), ending(".Polyp.png")), (1, 0));
    for file in written.files.iter().filter(|f| f.path.ends_with(".dcm")) {
        let seg = dicom_object::open_file(out.join(&file.path)).unwrap();
        let segments = seg
            .element_by_name("SegmentSequence")
            .unwrap()
            .items()
            .unwrap();
        let named = |s: &dicom_object::InMemDicomObject| -> String {
            s.element_by_name("SegmentLabel")
                .unwrap()
                .to_str()
                .unwrap()
                .trim()
                .into()
        };
        let labels: Vec<String> = segments
            .iter()
            .map(named)
            .filter(|name| name != "Background")
            .collect();
        assert_eq!(labels, ["Adenoma"], "{}", file.path);
    }
}

//! Label maps in folders, how they are named, and what is refused.

#![allow(clippy::unwrap_used)]

mod measurements;

use super::*;
use crate::io::export::{Names, label_map, label_mask, write_labels};
use labrum_core::{
    label::Code,
    study::{Kind, Slice, Source},
};
use labrum_dicom::seg::{Authorship, Content, Options};
use std::collections::HashSet;
use tempfile::TempDir;

const COLUMNS: usize = 5;
const ROWS: usize = 3;

/// Images `0.png`, `1.png` and so on, which need not exist.
fn series(slices: usize) -> Series {
    let slice = |i: usize| {
        Slice::from_source(Source {
            path: format!("/nowhere/{i}.png").into(),
            frame: 0,
        })
    };
    Series {
        id: "pictures".into(),
        ..Series::from_slices(
            Kind::Picture,
            COLUMNS,
            ROWS,
            (0..slices).map(slice).collect(),
        )
    }
}

fn labels() -> Vec<Label> {
    let mut liver = Label::with_name("Liver", 0);
    liver.concept = Code::new("10200004", "SCT", "Liver");
    vec![liver, Label::with_name("Left: cyst", 1)]
}

fn mask(first: u8) -> Mask {
    let value = |i: usize| if i == 0 { first } else { (i % 3) as u8 };
    Mask::from_labels(COLUMNS, ROWS, (0..COLUMNS * ROWS).map(value).collect()).unwrap()
}

/// A folder with label maps of `masks`, and `labels.json` next to them.
fn exported(series: &Series, masks: &[Mask]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let names = Names::new(series, &mut HashSet::new());
    for (name, mask) in names.slices.iter().zip(masks) {
        label_map(&folder.path().join(format!("{name}.png")), mask, &labels()).unwrap();
    }
    write_labels(folder.path(), &names.series, &labels()).unwrap();
    folder
}

fn masks_of(paths: &[PathBuf], series: &Series) -> Result<ImportedMasks> {
    super::read_masks(paths, series, &MaskChoice::default())
}

fn at(folder: &TempDir) -> [PathBuf; 1] {
    [folder.path().to_owned()]
}

#[test]
fn exported_label_maps_are_imported_with_all_codes() {
    let series = series(3);
    let masks = [mask(0), mask(1), mask(2)];
    let folder = exported(&series, &masks);
    let got = masks_of(&at(&folder), &series).unwrap();
    assert_eq!(got.labels, labels());
    assert_eq!(
        got.masks,
        masks.iter().cloned().enumerate().collect::<Vec<_>>()
    );
    assert_eq!(got.notes, Vec::<String>::new());
    let one = masks_of(&[folder.path().join("1.png")], &series).unwrap();
    assert_eq!(one.masks, [(1, mask(1))]);
}

#[test]
fn masks_of_single_labels_are_combined_by_file_name() {
    let series = series(1);
    let folder = tempfile::tempdir().unwrap();
    for (name, label) in [("0.Liver.png", 1), ("0.Left_ cyst.png", 2)] {
        label_mask(&folder.path().join(name), &mask(0), label).unwrap();
    }
    write_labels(folder.path(), "0", &labels()).unwrap();
    // Other exports of the same slice, which are not masks.
    label_mask(&folder.path().join("0.overlay.png"), &mask(0), 1).unwrap();
    label_mask(&folder.path().join("0.Liver.probability.png"), &mask(0), 1).unwrap();
    let got = masks_of(&at(&folder), &series).unwrap();
    assert_eq!((got.masks, got.labels), (vec![(0, mask(0))], labels()));
}

#[test]
fn without_labels_json_labels_are_numbered_and_a_note_says_so() {
    let series = series(1);
    let folder = exported(&series, &[mask(0)]);
    std::fs::remove_file(folder.path().join("labels.json")).unwrap();
    let got = masks_of(&at(&folder), &series).unwrap();
    let names: Vec<&str> = got.labels.iter().map(|l| l.name.as_str()).collect();
    assert_eq!(names, ["Label 1", "Label 2"]);
    assert!(
        got.notes.iter().any(|note| note.contains("labels.json")),
        "{:?}",
        got.notes
    );
}

#[test]
fn a_single_label_map_may_have_any_name() {
    let series = series(1);
    let folder = exported(&series, &[mask(0)]);
    let other = folder.path().join("drawn elsewhere.png");
    std::fs::rename(folder.path().join("0.png"), &other).unwrap();
    assert_eq!(
        masks_of(std::slice::from_ref(&other), &series)
            .unwrap()
            .masks,
        [(0, mask(0))]
    );
    let error = masks_of(&[other], &self::series(2))
        .unwrap_err()
        .to_string();
    assert!(error.contains("named like a slice (\"0.png\""), "{error}");
}

#[test]
fn a_mask_of_a_different_size_is_refused_with_both_sizes() {
    let folder = exported(&series(1), &[mask(0)]);
    let larger = Series {
        columns: 6,
        ..series(1)
    };
    let error = masks_of(&at(&folder), &larger).unwrap_err().to_string();
    assert!(
        error.contains("has 5 x 3 pixels, but the image has 6 x 3") && error.contains("0.png"),
        "{error}"
    );
}

#[test]
fn an_image_is_not_taken_for_its_own_mask() {
    let folder = exported(&series(1), &[mask(0)]);
    let mut series = series(1);
    series.slices[0].source.path = folder.path().join("0.png");
    assert!(masks_of(&at(&folder), &series).is_err());
}

#[test]
fn a_segmentation_has_priority_over_label_maps_and_two_are_refused() {
    let series = series(1);
    let folder = exported(&series, &[mask(0)]);
    let write = |name: &str| {
        let path = folder.path().join(name);
        let author = [Authorship::from_model("Test", "1")];
        let content = [mask(2)];
        seg::write_file(
            &path,
            &series,
            Content::Binary(&content),
            &labels(),
            &author,
            Options::default(),
        )
        .unwrap();
    };
    write("a.seg.dcm");
    assert_eq!(
        masks_of(&at(&folder), &series).unwrap().masks,
        [(0, mask(2))]
    );
    write("b.seg.dcm");
    let error = masks_of(&at(&folder), &series).unwrap_err().to_string();
    assert!(error.contains("\"a.seg.dcm\" and \"b.seg.dcm\""), "{error}");
}

#[test]
fn a_folder_without_matching_masks_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "words").unwrap();
    let error = masks_of(&at(&folder), &series(2)).unwrap_err().to_string();
    assert!(
        error.contains("COCO file or NIfTI volume, and no label map"),
        "{error}"
    );
    let error = masks_of(&[folder.path().join("gone")], &series(2))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not found"), "{error}");
}

//! What is found at a path, and which files are skipped.
#![allow(clippy::unwrap_used)]

mod regions;

use super::*;
use dicom_core::VR;
use dicom_dictionary_std::tags;
use labrum_dicom::fixture::Fixture;
use std::time::Instant;

#[test]
fn files_on_a_slow_share_are_read_in_parallel_and_cancelling_takes_effect_at_once() {
    let folder = tempfile::tempdir().unwrap();
    (0..64).for_each(|n| std::fs::write(folder.path().join(format!("{n}.txt")), "words").unwrap());
    slow::delay_folder(folder.path(), Duration::from_millis(100));
    let begun = Instant::now();
    let mut told = Vec::new();
    read_catalog(
        &[folder.path().to_owned()],
        &mut |n| told.push(n),
        &Cancel::default(),
    )
    .unwrap_err();
    assert!(
        begun.elapsed() < Duration::from_millis(3000),
        "one after the other they would take 6.4 s"
    );
    assert_eq!(told.last(), Some(&64));
    let cancel = Cancel::default();
    let begun = Instant::now();
    let stop = |n: usize| {
        if n >= 1 {
            cancel.cancel()
        }
    };
    let error = read_catalog(&[folder.path().to_owned()], &mut { stop }, &cancel).unwrap_err();
    assert_eq!(error.reason, "cancelled");
    assert!(
        begun.elapsed() < Duration::from_millis(400),
        "{:?}",
        begun.elapsed()
    );
}

fn catalog_of(path: &Path) -> Result<Catalog> {
    read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default())
}

#[test]
fn numbers_in_names_are_sorted_by_value() {
    let mut names = ["slice10", "slice2", "Slice1", "slice02b"];
    names.sort_by(|a, b| natural_order(a, b));
    assert_eq!(names, ["Slice1", "slice2", "slice02b", "slice10"]);
}

#[test]
fn a_folder_of_images_is_one_study_with_a_series_for_each() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b10.png", "b9.png"] {
        image::GrayImage::new(5, 4)
            .save(folder.path().join(name))
            .unwrap();
    }
    std::fs::write(folder.path().join("readme.txt"), "words").unwrap();
    let catalog = catalog_of(folder.path()).unwrap();
    assert_eq!(catalog.studies.len(), 1);
    let names: Vec<_> = catalog.studies[0]
        .series
        .iter()
        .map(|s| s.description.as_str())
        .collect();
    assert_eq!(names, ["b9.png", "b10.png"]);
    assert_eq!(
        (
            catalog.studies[0].series[0].columns,
            catalog.studies[0].series[0].rows
        ),
        (5, 4)
    );
    assert!(!catalog.passed_over[0].is_failure);
}

#[test]
fn an_image_is_recognised_by_its_content_not_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.dcm");
    image::RgbImage::new(3, 2)
        .save_with_format(&path, image::ImageFormat::Png)
        .unwrap();
    let catalog = catalog_of(&path).unwrap();
    assert_eq!(catalog.studies[0].series[0].kind, Kind::Picture);
    assert!(catalog.studies[0].series[0].color);
}

#[test]
fn a_cancelled_search_says_so() {
    let cancel = Cancel::default();
    cancel.cancel();
    let error = read_catalog(&[std::env::temp_dir()], &mut |_| {}, &cancel).unwrap_err();
    assert_eq!(error.reason, "cancelled");
}

#[test]
fn duplicates_and_other_files_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let image = Fixture::new(2, 1).with_pixels(&[1, 2]);
    image.write_to_folder(folder.path(), "a.dcm");
    image.write_to_folder(folder.path(), "b.dcm");
    image
        .with_text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.66.4")
        .with_text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.9")
        .write_to_folder(folder.path(), "c.dcm");
    std::fs::write(folder.path().join("notes.txt"), "words").unwrap();
    std::fs::write(folder.path().join("words.dcm"), "words").unwrap();
    let catalog = catalog_of(folder.path()).unwrap();
    assert_eq!(catalog.studies[0].series[0].slices.len(), 1);
    let mut passed: Vec<_> = catalog
        .passed_over
        .iter()
        .map(|p| (file_name_text(&p.path), p.is_failure))
        .collect();
    passed.sort();
    let expected = [
        ("b.dcm", false),
        ("c.dcm", false),
        ("notes.txt", false),
        ("words.dcm", true),
    ];
    assert_eq!(
        passed,
        expected.map(|(name, failure)| (name.to_owned(), failure))
    );
}

#[test]
fn missing_paths_and_files_without_an_image_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let empty: Error = catalog_of(folder.path()).unwrap_err();
    assert_eq!(empty.reason, "the folder is empty");
    assert_eq!(
        catalog_of(&folder.path().join("nothing"))
            .unwrap_err()
            .reason,
        "file or folder not found"
    );
    let text = folder.path().join("text.dcm");
    std::fs::write(&text, "not an image at all").unwrap();
    assert_eq!(
        catalog_of(&text).unwrap_err().reason,
        "not a DICOM or image file"
    );
}

#[test]
fn the_bundled_samples_open() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples");
    let catalog = catalog_of(&samples).unwrap();
    let series: Vec<_> = catalog
        .studies
        .iter()
        .flat_map(|study| &study.series)
        .collect();
    assert_eq!(
        series
            .iter()
            .filter(|s| s.kind == Kind::Picture && s.slices[0].spacing.is_some())
            .count(),
        4
    );
    let (mr, ct) = (
        series.iter().find(|s| s.modality == "MR"),
        series.iter().find(|s| s.modality == "CT"),
    );
    assert_eq!(
        mr.map(|s| (s.slices.len(), s.columns, s.rows)),
        Some((12, 256, 256))
    );
    assert_eq!(
        ct.map(|s| (s.slices.len(), s.columns, s.rows)),
        Some((12, 198, 202))
    );
    for one in series {
        load_slice(&one.slices[0].source, one.kind).unwrap();
    }
}

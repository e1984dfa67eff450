//! Screenshots are read back as images of the same study, and tell what they show.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::fixture::Fixture;
use dicom_core::Tag;
use std::path::PathBuf;
use tempfile::TempDir;

const RGB: [u8; 9] = [1, 2, 3, 40, 50, 60, 255, 0, 128];

/// Two CT slices of Jane Doe.
fn source(folder: &TempDir, change: impl Fn(Fixture) -> Fixture) -> Series {
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    for number in [1, 2] {
        let image = Fixture::new(2, 2)
            .with_text(tags::PATIENT_NAME, VR::PN, "Doe^Jane")
            .with_text(tags::PATIENT_ID, VR::LO, "4711")
            .with_text(tags::STUDY_DATE, VR::DA, "20240131")
            .with_text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL")
            .with_slice_position(number, f64::from(number))
            .with_pixels(&[0; 4]);
        change(image).write_to_folder(&images, &format!("{number}.dcm"));
    }
    let catalog = crate::catalog::scan_path(&images).unwrap();
    catalog.studies[0].series[0].clone()
}

fn picture(slices: &[usize]) -> CapturedPicture<'_> {
    CapturedPicture {
        columns: 3,
        rows: 1,
        rgb: &RGB,
        slices,
        shows_patient: false,
        description: "Screenshot of slice 2",
    }
}

fn written(folder: &TempDir, series: &Series, picture: &CapturedPicture<'_>) -> PathBuf {
    let path = folder.path().join("screenshot.dcm");
    write_file(&path, series, picture).unwrap();
    path
}

fn opened(path: &Path) -> DicomFile {
    match DicomFile::open(path) {
        Ok(file) => file,
        Err(_) => unreachable!("{} cannot be opened", path.display()),
    }
}

fn text(file: &DicomFile, tag: Tag) -> String {
    file.data.text_value(tag).unwrap_or_default()
}

#[test]
fn a_screenshot_is_an_image_of_the_same_study_and_names_the_slice_that_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let series = source(&folder, |image| image);
    let path = written(&folder, &series, &picture(&[1]));
    let file = opened(&path);
    for (tag, value) in [
        (tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.7"),
        (tags::STUDY_INSTANCE_UID, "1.2.3"),
        (tags::PATIENT_NAME, "Doe^Jane"),
        (tags::PATIENT_ID, "4711"),
        (tags::STUDY_DATE, "20240131"),
        (tags::MODALITY, "OT"),
        (tags::CONVERSION_TYPE, "WSD"),
        (tags::IMAGE_TYPE, "DERIVED\\SECONDARY"),
        (tags::DERIVATION_DESCRIPTION, "Screenshot of slice 2"),
        (tags::PHOTOMETRIC_INTERPRETATION, "RGB"),
    ] {
        assert_eq!(text(&file, tag), value, "{tag}");
    }
    assert_ne!(text(&file, tags::SERIES_INSTANCE_UID), series.id);
    let images = file.data.sequence_items(tags::SOURCE_IMAGE_SEQUENCE);
    let named: Vec<_> = images
        .iter()
        .map(|item| item.text_value(tags::REFERENCED_SOP_INSTANCE_UID))
        .collect();
    assert_eq!(named, [series.slices[1].sop_instance_uid.clone()]);

    let catalog = crate::catalog::scan_path(&path).unwrap();
    assert_eq!(catalog.studies[0].id, "1.2.3");
    let shown = &catalog.studies[0].series[0];
    assert!(shown.color && (shown.columns, shown.rows) == (3, 1));
    let image = pixels::load_image(&shown.slices[0].source).unwrap();
    assert_eq!(
        image.pixels,
        Pixels::Rgb8(vec![[1, 2, 3], [40, 50, 60], [255, 0, 128]])
    );
}

#[test]
fn burned_in_annotation_is_what_the_picture_shows() {
    let said = |image: fn(Fixture) -> Fixture, shows_patient: bool| {
        let folder = tempfile::tempdir().unwrap();
        let series = source(&folder, image);
        let picture = CapturedPicture {
            shows_patient,
            ..picture(&[0])
        };
        let path = written(&folder, &series, &picture);
        text(&opened(&path), tags::BURNED_IN_ANNOTATION)
    };
    let unchanged = |image: Fixture| image;
    assert_eq!(said(unchanged, true), "YES");
    assert_eq!(said(unchanged, false), "NO");
    let stated = |image: Fixture| image.with_text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES");
    assert_eq!(said(stated, false), "YES", "the pixels have it");
    let derived = |image: Fixture| image.with_text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY");
    assert_eq!(said(derived, false), "", "nobody knows");
    let overlaid = |image: Fixture| {
        image
            .with_text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO")
            .with_number(Tag(0x6000, 0x0010), 2)
            .with_number(Tag(0x6000, 0x0011), 2)
            .with_words(Tag(0x6000, 0x3000), VR::OW, &[0b1111])
    };
    assert_eq!(said(overlaid, false), "", "it may be a text");
}

#[test]
fn burned_in_annotation_is_that_of_all_slices_on_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let series = source(&folder, |image| image);
    Fixture::new(2, 2)
        .with_text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES")
        .with_slice_position(2, 2.0)
        .with_pixels(&[0; 4])
        .write_to_folder(&folder.path().join("images"), "2.dcm");
    for (slices, expected) in [(&[0][..], "NO"), (&[0, 1][..], "YES")] {
        let path = written(&folder, &series, &picture(slices));
        assert_eq!(text(&opened(&path), tags::BURNED_IN_ANNOTATION), expected);
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn the_side_of_a_paired_body_part_is_that_of_the_source() {
    let sides = |image: fn(Fixture) -> Fixture| {
        let folder = tempfile::tempdir().unwrap();
        let series = source(&folder, image);
        let file = opened(&written(&folder, &series, &picture(&[0])));
        [tags::LATERALITY, tags::IMAGE_LATERALITY].map(|tag| text(&file, tag))
    };
    assert_eq!(sides(|image| image), ["", ""]);
    assert_eq!(
        sides(|image| image.with_text(tags::LATERALITY, VR::CS, "L")),
        ["L", ""]
    );
    assert_eq!(
        sides(|image| image.with_text(tags::IMAGE_LATERALITY, VR::CS, "R")),
        ["", "R"]
    );
}

#[test]
fn nothing_of_the_patient_appears_that_the_source_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let series = source(&folder, |image| {
        image
            .with_text(tags::PATIENT_NAME, VR::PN, "")
            .with_text(tags::PATIENT_ID, VR::LO, "")
            .with_text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES")
    });
    let file = opened(&written(&folder, &series, &picture(&[0])));
    for tag in [
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::PATIENT_BIRTH_DATE,
        tags::ACCESSION_NUMBER,
        tags::REFERRING_PHYSICIAN_NAME,
    ] {
        assert_eq!(text(&file, tag), "", "{tag}");
    }
    assert_eq!(text(&file, tags::PATIENT_IDENTITY_REMOVED), "YES");
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let series = source(&folder, |image| image);
    let path = folder.path().join("screenshot.dcm");
    let refused = |series: &Series, picture: &CapturedPicture<'_>| {
        let error = write_file(&path, series, picture).unwrap_err();
        assert!(!path.exists());
        error.reason
    };
    let pictures = Series {
        kind: Kind::Picture,
        ..series.clone()
    };
    assert!(refused(&pictures, &picture(&[0])).contains("image files"));
    assert!(refused(&series, &picture(&[])).contains("no slice"));
    assert!(refused(&series, &picture(&[7])).contains("no slice"));
    let short = CapturedPicture {
        rows: 2,
        ..picture(&[0])
    };
    assert!(refused(&series, &short).contains("number of bytes"));
    let rgb = vec![0; 70_000 * 3];
    let wide = CapturedPicture {
        columns: 70_000,
        rgb: &rgb,
        ..picture(&[0])
    };
    assert!(refused(&series, &wide).contains("70000 x 1"));
}

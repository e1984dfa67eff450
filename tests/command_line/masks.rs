//! Masks of others: which images they are laid on, which are taken, and what is told.

use crate::{files, refuses, succeeds};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use labrum::domain::{label::Label, mask::Mask, progress::Cancel, study::Series};
use labrum::io::dicom::seg::{self, AlgorithmType, Authorship, Content, Options};
use labrum::io::open::catalog;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const COLUMNS: usize = 8;
const ROWS: usize = 6;

/// Two slices at each of three times.
fn cine(folder: &Path) -> Vec<Series> {
    for (time, slice) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)] {
        let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
        let number = |tag, value: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(value));
        let object = InMemDicomObject::from_element_iter([
            text(tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE),
            text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{time}.{slice}")),
            text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3"),
            text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.9"),
            text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.8"),
            text(tags::MODALITY, VR::CS, "MR"),
            text(tags::SERIES_DESCRIPTION, VR::LO, "Cine"),
            text(tags::TEMPORAL_POSITION_IDENTIFIER, VR::IS, &time.to_string()),
            text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("0\\0\\{}", 8 * slice)),
            text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0"),
            text(tags::PIXEL_SPACING, VR::DS, "2\\2"),
            text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
            number(tags::ROWS, ROWS as u16),
            number(tags::COLUMNS, COLUMNS as u16),
            number(tags::SAMPLES_PER_PIXEL, 1),
            number(tags::BITS_ALLOCATED, 16),
            number(tags::BITS_STORED, 16),
            number(tags::HIGH_BIT, 15),
            number(tags::PIXEL_REPRESENTATION, 0),
            DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(vec![7; COLUMNS * ROWS].into())),
        ]);
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        object.with_meta(meta).unwrap().write_to_file(folder.join(format!("{time}-{slice}.dcm"))).unwrap();
    }
    catalog(&[folder.to_owned()], &mut |_| {}, &Cancel::default()).unwrap().studies[0].series.clone()
}

/// A segmentation of `series` with one label, or two that are the same pixels.
fn segmentation(path: &Path, series: &Series, labels: usize) -> PathBuf {
    let masks = vec![Mask::from_labels(COLUMNS, ROWS, vec![1; COLUMNS * ROWS]).unwrap(); series.slices.len()];
    let author = Authorship {
        algorithm_type: AlgorithmType::Manual,
        model: String::new(),
        model_version: String::new(),
        weights: String::new(),
        person: String::new(),
    };
    let labels: Vec<Label> = (0..labels).map(|i| Label::named(["Wall", "Scar"][i], i)).collect();
    seg::write(path, series, Content::Binary(&masks), &labels, &[author], Options::default()).unwrap();
    path.to_owned()
}

/// Takes away what it names.
fn nameless(path: &Path) {
    let mut object = dicom_object::open_file(path).unwrap();
    object.remove_element(tags::REFERENCED_SERIES_SEQUENCE);
    object.update_value(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, |value| {
        let frames = value.items_mut().unwrap();
        for frame in frames.iter_mut() {
            frame.remove_element(tags::DERIVATION_IMAGE_SEQUENCE);
        }
    });
    object.write_to_file(path).unwrap();
}

#[test]
fn masks_of_one_time_go_there_alone_and_of_nameless_ones_the_time_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let times = cine(&images);
    assert_eq!(times.len(), 3);
    let path = segmentation(&folder.path().join("seg.dcm"), &times[1], 1);
    let out = folder.path().join("named");
    succeeds(&[&"import-masks", &path, &"--of", &images, &"--out", &out]);
    assert_eq!(files(&out), ["2-1.png", "2-2.png", "labels.json"]);

    nameless(&path);
    let out = folder.path().join("nameless");
    let names = ["does not name the images", "1 \"Cine, time 1 of 3\"", "3 \"Cine, time 3 of 3\"", "--time N"];
    refuses(&[&"import-masks", &path, &"--of", &images, &"--out", &out], &names);
    assert!(files(&out).is_empty());
    refuses(&[&"import-masks", &path, &"--of", &images, &"--out", &out, &"--time", &"4"], &["there is no time 4"]);
    let run = succeeds(&[&"import-masks", &path, &"--of", &images, &"--out", &out, &"--time", &"3"]);
    assert!(run.out.contains("Wall (96 pixels) on 2 slices of Cine, time 3 of 3"), "{}", run.out);
    assert!(run.err.contains("names no image"), "{}", run.err);
    assert_eq!(files(&out), ["3-1.png", "3-2.png", "labels.json"]);
}

#[test]
fn a_label_that_another_hides_is_a_failure_until_one_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let times = cine(&images);
    let path = segmentation(&folder.path().join("seg.dcm"), &times[0], 2);
    // Both segments are everywhere.
    let mut object = dicom_object::open_file(&path).unwrap();
    let bits = PrimitiveValue::U8(vec![0xFF; 4 * COLUMNS * ROWS / 8].into());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, bits));
    object.write_to_file(&path).unwrap();
    let out = folder.path().join("out");
    let all: [&dyn AsRef<OsStr>; 6] = [&"import-masks", &path, &"--of", &images, &"--out", &out];
    refuses(&all, &["\"Wall\" has no pixel left", "--only", "--order"]);
    assert!(files(&out).is_empty(), "nothing is written of what is not whole");
    let with = |more: [&'static dyn AsRef<OsStr>; 2]| [&all[..], &more[..]].concat();
    refuses(&with([&"--order", &"Wall"]), &["\"Scar\" has no pixel left"]);
    refuses(&with([&"--only", &"Valve"]), &["it holds 1 \"Wall\", 2 \"Scar\""]);
    let run = succeeds(&with([&"--only", &"wall"]));
    assert!(run.out.starts_with("Wall (96 pixels) on 2 slices"), "{}", run.out);
}

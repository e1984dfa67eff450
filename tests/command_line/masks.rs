//! Masks from other programs: which are imported, to which images they are applied, and the report.

use crate::{files, refuses, succeeds};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use labrum::io::open::read_catalog;
use labrum_core::{label::Label, mask::Mask, progress::Cancel, study::Series};
use labrum_dicom::seg::{self, AlgorithmType, Authorship, Content, Options};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const COLUMNS: usize = 8;
const ROWS: usize = 6;

/// Two slices at each of three time points.
fn cine(folder: &Path) -> Vec<Series> {
    for (time, slice) in [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)] {
        let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
        let number = |tag, value: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(value));
        let object = InMemDicomObject::from_element_iter([
            text(tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE),
            text(
                tags::SOP_INSTANCE_UID,
                VR::UI,
                &format!("1.2.3.{time}.{slice}"),
            ),
            text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3"),
            text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.9"),
            text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.8"),
            text(tags::MODALITY, VR::CS, "MR"),
            text(tags::SERIES_DESCRIPTION, VR::LO, "Cine"),
            text(
                tags::TEMPORAL_POSITION_IDENTIFIER,
                VR::IS,
                &time.to_string(),
            ),
            text(
                tags::IMAGE_POSITION_PATIENT,
                VR::DS,
                &format!("0\\0\\{}", 8 * slice),
            ),
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
            DataElement::new(
                tags::PIXEL_DATA,
                VR::OW,
                PrimitiveValue::U16(vec![7; COLUMNS * ROWS].into()),
            ),
        ]);
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        object
            .with_meta(meta)
            .unwrap()
            .write_to_file(folder.join(format!("{time}-{slice}.dcm")))
            .unwrap();
    }
    read_catalog(&[folder.to_owned()], &mut |_| {}, &Cancel::default())
        .unwrap()
        .studies[0]
        .series
        .clone()
}

/// A segmentation of `series` with one label, or with two that cover the same pixels.
fn segmentation(path: &Path, series: &Series, labels: usize) -> PathBuf {
    let masks = vec![
        Mask::from_labels(COLUMNS, ROWS, vec![1; COLUMNS * ROWS]).unwrap();
        series.slices.len()
    ];
    let author = Authorship {
        algorithm_type: AlgorithmType::Manual,
        model: String::new(),
        model_version: String::new(),
        weights: String::new(),
        person: String::new(),
    };
    let labels: Vec<Label> = (0..labels)
        .map(|i| Label::with_name(["Wall", "Scar"][i], i))
        .collect();
    seg::write_file(
        path,
        series,
        Content::Binary(&masks),
        &labels,
        &[author],
        Options::default(),
    )
    .unwrap();
    path.to_owned()
}

/// Removes all references to images.
fn remove_image_references(path: &Path) {
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
fn masks_that_refer_to_no_images_need_a_time_point() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let times = cine(&images);
    assert_eq!(times.len(), 3);
    let path = segmentation(&folder.path().join("seg.dcm"), &times[1], 1);
    let out = folder.path().join("named");
    succeeds(&[&"import-masks", &path, &"--of", &images, &"--out", &out]);
    assert_eq!(files(&out), ["2-1.png", "2-2.png", "labels.json"]);

    remove_image_references(&path);
    let out = folder.path().join("nameless");
    let names = [
        "does not refer to any images",
        "1 \"Cine, time 1 of 3\"",
        "3 \"Cine, time 3 of 3\"",
        "--time N",
    ];
    refuses(
        &[&"import-masks", &path, &"--of", &images, &"--out", &out],
        &names,
    );
    assert!(files(&out).is_empty());
    refuses(
        &[
            &"import-masks",
            &path,
            &"--of",
            &images,
            &"--out",
            &out,
            &"--time",
            &"4",
        ],
        &["there is no time point 4"],
    );
    let run = succeeds(&[
        &"import-masks",
        &path,
        &"--of",
        &images,
        &"--out",
        &out,
        &"--time",
        &"3",
    ]);
    assert!(
        run.out
            .contains("Wall (96 pixels) on 2 slices of Cine, time 3 of 3"),
        "{}",
        run.out
    );
    assert!(run.err.contains("refers to no images"), "{}", run.err);
    assert_eq!(files(&out), ["3-1.png", "3-2.png", "labels.json"]);
}

#[test]
fn a_label_hidden_by_another_is_an_error_until_one_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let times = cine(&images);
    let path = segmentation(&folder.path().join("seg.dcm"), &times[0], 2);
    // Both segments cover every pixel.
    let mut object = dicom_object::open_file(&path).unwrap();
    let bits = PrimitiveValue::U8(vec![0xFF; 4 * COLUMNS * ROWS / 8].into());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, bits));
    object.write_to_file(&path).unwrap();
    let out = folder.path().join("out");
    let all: [&dyn AsRef<OsStr>; 6] = [&"import-masks", &path, &"--of", &images, &"--out", &out];
    refuses(&all, &["\"Wall\" has no pixels left", "--only", "--order"]);
    assert!(
        files(&out).is_empty(),
        "an incomplete mask must not be written"
    );
    let with = |more: [&'static dyn AsRef<OsStr>; 2]| [&all[..], &more[..]].concat();
    refuses(
        &with([&"--order", &"Wall"]),
        &["\"Scar\" has no pixels left"],
    );
    refuses(
        &with([&"--only", &"Valve"]),
        &["available labels: 1 \"Wall\", 2 \"Scar\""],
    );
    let run = succeeds(&with([&"--only", &"wall"]));
    assert!(
        run.out.starts_with("Wall (96 pixels) on 2 slices"),
        "{}",
        run.out
    );
}

#[test]
fn of_several_matching_files_the_one_that_refers_to_the_images_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    let times = cine(&images);
    let [a, b] = ["a/seg.dcm", "b/seg.dcm"].map(|name| folder.path().join(name));
    for (path, time) in [(&a, 0), (&b, 1)] {
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        segmentation(path, &times[time], 1);
    }
    let of = |times: &[&str]| -> Vec<PathBuf> {
        times
            .iter()
            .flat_map(|time| [1, 2].map(|slice| images.join(format!("{time}-{slice}.dcm"))))
            .collect()
    };
    let import = |images: &[PathBuf], out: &Path| {
        let mut all: Vec<&dyn AsRef<OsStr>> = vec![
            &"import-masks",
            &a,
            &b,
            &"--by-position",
            &"-o",
            &out,
            &"--of",
        ];
        all.extend(images.iter().map(|path| path as &dyn AsRef<OsStr>));
        crate::run(&all)
    };
    let out = folder.path().join("both");
    let run = import(&of(&["1", "2"]), &out);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(
        files(&out),
        ["1-1.png", "1-2.png", "2-1.png", "2-2.png", "labels.json"]
    );
    // Neither refers to the images of the third time point.
    let run = import(&of(&["3"]), &folder.path().join("third"));
    assert_eq!(run.code, Some(1), "{}", run.err);
    let said = [
        "several files match this series: \"a/seg.dcm\" and \"b/seg.dcm\"",
        "Choose one of these files",
    ];
    assert!(
        said.iter().all(|part| run.err.contains(part)),
        "{}",
        run.err
    );
    let run = import(&of(&["1", "3"]), &folder.path().join("some"));
    assert!(
        run.code == Some(1) && run.err.contains("1 of 2 series were not imported"),
        "{}",
        run.err
    );
}

/// FOLDER/images and FOLDER/masks with `count` images each, named 0.png and so on.
fn pictures(folder: &Path, count: u32) -> [PathBuf; 2] {
    let both = ["images", "masks"].map(|name| folder.join(name));
    both.iter()
        .for_each(|folder| std::fs::create_dir(folder).unwrap());
    for i in 0..count {
        let name = format!("{i}.png");
        crate::disc(40, 30, [12.0 + f64::from(i % 15), 14.0], 9.0, 200)
            .save(both[0].join(&name))
            .unwrap();
        crate::disc(40, 30, [12.0 + f64::from(i % 15), 14.0], 9.0, 255)
            .save(both[1].join(&name))
            .unwrap();
    }
    both
}

#[test]
fn a_label_map_is_applied_only_to_the_image_of_the_same_name() {
    let folder = tempfile::tempdir().unwrap();
    let [images, masks] = pictures(folder.path(), 5);
    let [one, none, alone] = ["one", "none", "alone"].map(|name| folder.path().join(name));
    let run = succeeds(&[
        &"import-masks",
        &masks.join("2.png"),
        &"--of",
        &images,
        &"-o",
        &one,
    ]);
    assert_eq!(files(&one), ["2.png", "labels.json"]);
    assert!(
        run.err
            .contains("4 series have no mask: 0.png, 1.png, 3.png and 1 more"),
        "{}",
        run.err
    );
    assert!(
        run.out
            .contains("on 1 slice of 2.png: 2 files were written to"),
        "{}",
        run.out
    );
    let stranger = folder.path().join("stranger.png");
    std::fs::copy(masks.join("2.png"), &stranger).unwrap();
    refuses(
        &[&"import-masks", &stranger, &"--of", &images, &"-o", &none],
        &["no label map named \"0.png\""],
    );
    assert!(files(&none).is_empty());
    let run = succeeds(&[
        &"import-masks",
        &stranger,
        &"--of",
        &images.join("2.png"),
        &"-o",
        &alone,
    ]);
    assert!(
        run.err
            .contains("\"stranger.png\" is not named like the image"),
        "{}",
        run.err
    );
}

#[test]
fn a_mask_that_cannot_be_imported_is_reported_and_the_others_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let [images, masks] = pictures(folder.path(), 5);
    crate::disc(30, 30, [12.0, 14.0], 9.0, 255)
        .save(masks.join("3.png"))
        .unwrap();
    let out = folder.path().join("out");
    let run = refuses(
        &[&"import-masks", &masks, &"--of", &images, &"-o", &out],
        &["1 of 5 series were not imported"],
    );
    assert!(
        run.err
            .lines()
            .any(|line| line.starts_with("labrum: 3.png: cannot ")),
        "{}",
        run.err
    );
    assert_eq!(
        files(&out),
        ["0.png", "1.png", "2.png", "4.png", "labels.json"]
    );
    // A note that applies to several series is printed once.
    assert_eq!(
        run.err
            .matches("4 series (0.png, 1.png, 2.png and 1 more): 0 is background")
            .count(),
        1,
        "{}",
        run.err
    );
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_an_import_after_a_series_and_reports_what_is_missing() {
    const COUNT: u32 = 400;
    let folder = tempfile::tempdir().unwrap();
    let [images, masks] = pictures(folder.path(), COUNT);
    let out = folder.path().join("out");
    let import: [&dyn AsRef<OsStr>; 6] = [&"import-masks", &masks, &"--of", &images, &"-o", &out];
    let child = crate::start(&mut crate::program(&import));
    let begun = std::time::Instant::now();
    while files(&out).len() < 4 {
        assert!(begun.elapsed().as_secs() < 60, "no output after 60 s");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let run = crate::stop(child);
    let done = files(&out)
        .iter()
        .filter(|file| file.ends_with(".png"))
        .count();
    assert!(
        run.err.contains(&format!(
            "stopped after {done} of {COUNT} series; missing: "
        )),
        "{}",
        run.err
    );
    assert_eq!(run.out.lines().count(), done, "{}", run.out);
}

//! Written segmentations are read back, also those of sources that violate the standard.

#![allow(clippy::unwrap_used)]

use super::{element::*, *};
use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::{
    DefaultDicomObject, InMemDicomObject, mem::InMemElement, meta::FileMetaTableBuilder,
};
use labrum_core::{
    geometry::{PixelSpacing, Plane, SpacingSource},
    study::{Kind, Slice, Source},
};
use proptest::prelude::*;

pub(super) fn author() -> Authorship {
    Authorship::from_model("Fetal head", "1.0.0")
}

pub(super) fn labels(n: usize) -> Vec<Label> {
    (0..n)
        .map(|i| Label::with_name(["Head", "Tête", "Third"][i % 3], i))
        .collect()
}

/// A series of non-DICOM images. The files need not exist: their headers are not read.
pub(super) fn pictures(columns: usize, rows: usize, slices: usize) -> Series {
    let slice = |i: usize| {
        Slice::from_source(Source {
            path: format!("picture-{i}.png").into(),
            frame: 0,
        })
    };
    Series {
        id: "pictures".into(),
        description: "picture-0.png".into(),
        ..Series::from_slices(
            Kind::Picture,
            columns,
            rows,
            (0..slices).map(slice).collect(),
        )
    }
}

/// The same series as DICOM: the frames of one file at `path` with those elements in its header.
pub(super) fn dicom(path: &Path, base: Series, elements: Vec<InMemElement>) -> Series {
    let mut object = InMemDicomObject::from_element_iter([
        text_element(
            tags::SOP_CLASS_UID,
            VR::UI,
            uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE,
        ),
        text_element(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4"),
        text_element(
            tags::NUMBER_OF_FRAMES,
            VR::IS,
            base.slices.len().to_string(),
        ),
    ]);
    elements.into_iter().for_each(|e| drop(object.put(e)));
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    object.with_meta(meta).unwrap().write_to_file(path).unwrap();
    let slice = |(i, slice): (usize, Slice)| Slice {
        source: Source {
            path: path.to_owned(),
            frame: i as u32,
        },
        sop_instance_uid: Some("1.2.3.4".into()),
        ..slice
    };
    let slices = base.slices.into_iter().enumerate().map(slice).collect();
    Series {
        kind: Kind::Dicom,
        id: "1.2.3".into(),
        slices,
        ..base
    }
}

/// A noise mask for each slice of `series`.
pub(super) fn noise(series: &Series, labels: u8) -> Vec<Mask> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 24) % u32::from(labels + 1)) as u8
    };
    let pixels = series.columns * series.rows;
    let mut mask = || {
        Mask::from_labels(
            series.columns,
            series.rows,
            (0..pixels).map(|_| next()).collect(),
        )
        .unwrap()
    };
    series.slices.iter().map(|_| mask()).collect()
}

/// Writes a file and opens it with another reader than the one that verified it.
fn written(
    series: &Series,
    masks: &[Mask],
    n: usize,
    options: Options,
) -> (SegSummary, DefaultDicomObject) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.dcm");
    let summary = write_file(
        &path,
        series,
        Content::Binary(masks),
        &labels(n),
        &[author()],
        options,
    )
    .unwrap();
    let object = dicom_object::open_file(&path).unwrap();
    assert_eq!(imported(&path, series), masks);
    (summary, object)
}

/// All masks as read back; slices that are not in the file are background.
pub(super) fn imported(path: &Path, series: &Series) -> Vec<Mask> {
    let mut masks = vec![Mask::new_blank(series.columns, series.rows); series.slices.len()];
    import_all(path, series)
        .unwrap()
        .masks
        .into_iter()
        .for_each(|(slice, mask)| masks[slice] = mask);
    masks
}

pub(super) fn value(object: &InMemDicomObject, tag: dicom_core::Tag) -> Option<String> {
    Some(
        object
            .get(tag)?
            .to_str()
            .ok()?
            .trim_end_matches(['\0', ' '])
            .to_owned(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn masks_of_any_size_are_read_back_unchanged(
        (columns, rows, slices, n) in (1usize..20, 1usize..20, 1usize..6, 1u8..4),
        skip_empty_frames: bool,
        seed in prop::collection::vec(0u8..4, 400 * 5),
    ) {
        let series = pictures(columns, rows, slices);
        let mask = |i: usize| {
            let labels = seed[i * 400..][..columns * rows].iter().map(|l| l % (n + 1)).collect();
            Mask::from_labels(columns, rows, labels).unwrap()
        };
        let masks: Vec<Mask> = (0..slices).map(mask).collect();
        let options = Options { skip_empty_frames, ..Options::default() };
        let (summary, _) = written(&series, &masks, usize::from(n), options);
        if !skip_empty_frames {
            prop_assert_eq!(summary.frames, slices * usize::from(n));
        }
    }
}

#[test]
fn a_non_dicom_image_gets_its_own_study_and_a_geometry_marked_as_synthetic() {
    let series = pictures(5, 3, 1);
    let (summary, object) = written(&series, &noise(&series, 1), 1, Options::default());
    assert!(
        value(&object, tags::STUDY_INSTANCE_UID)
            .unwrap()
            .starts_with("2.25.")
    );
    assert!(object.get(tags::FRAME_OF_REFERENCE_UID).is_some());
    assert!(
        object.get(tags::REFERENCED_SERIES_SEQUENCE).is_none(),
        "there is no instance to refer to"
    );
    assert!(
        value(&object, tags::CONTENT_DESCRIPTION)
            .unwrap()
            .contains("synthetic")
    );
    assert!(
        value(&object, tags::DERIVATION_DESCRIPTION)
            .unwrap()
            .contains("picture-0.png")
    );
    assert!(!summary.warnings.is_empty());
}

#[test]
fn patient_and_study_are_copied_from_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let header = vec![
        text_element(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100"),
        encoded_text_element(tags::PATIENT_NAME, VR::PN, b"M\xfcller^Anna".to_vec()),
        text_element(tags::PATIENT_ID, VR::LO, "4711"),
        text_element(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.9"),
        text_element(tags::STUDY_DATE, VR::DA, "20240131"),
        text_element(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3"),
        text_element(tags::PATIENT_WEIGHT, VR::DS, "71.5"),
    ];
    let series = dicom(&folder.path().join("in.dcm"), pictures(7, 5, 3), header);
    let (summary, object) = written(&series, &noise(&series, 2), 2, Options::default());
    assert_eq!(value(&object, tags::PATIENT_NAME).unwrap(), "Müller^Anna");
    assert_eq!(
        value(&object, tags::SPECIFIC_CHARACTER_SET).unwrap(),
        "ISO_IR 100"
    );
    assert_eq!(value(&object, tags::PATIENT_ID).unwrap(), "4711");
    assert_eq!(value(&object, tags::PATIENT_WEIGHT).unwrap(), "71.5");
    assert_eq!(value(&object, tags::STUDY_INSTANCE_UID).unwrap(), "1.2.9");
    assert_eq!(
        value(&object, tags::PATIENT_BIRTH_DATE).unwrap(),
        "",
        "present though empty"
    );
    assert_eq!(summary.warnings, Vec::<String>::new());
    let segments = object.get(tags::SEGMENT_SEQUENCE).unwrap().items().unwrap();
    assert_eq!(value(&segments[1], tags::SEGMENT_LABEL).unwrap(), "Tête");
}

#[test]
fn images_without_geometry_are_referenced_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let header = vec![text_element(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3")];
    let series = dicom(&folder.path().join("in.dcm"), pictures(7, 5, 3), header);
    let masks = noise(&series, 2);
    let (_, object) = written(&series, &masks, 2, Options::default());
    assert!(object.get(tags::FRAME_OF_REFERENCE_UID).is_none());
    assert_eq!(value(&object, tags::PATIENT_ORIENTATION).unwrap(), "");
    let frames = object
        .get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .unwrap()
        .items()
        .unwrap();
    let first = |item: &InMemDicomObject, tag| item.get(tag).unwrap().items().unwrap()[0].clone();
    let source = first(
        &first(&frames[4], tags::DERIVATION_IMAGE_SEQUENCE),
        tags::SOURCE_IMAGE_SEQUENCE,
    );
    assert_eq!(
        value(&source, tags::REFERENCED_SOP_INSTANCE_UID).unwrap(),
        "1.2.3.4"
    );
    assert_eq!(
        value(&source, tags::REFERENCED_FRAME_NUMBER).unwrap(),
        "2",
        "frame 5 is segment 2 of the second slice"
    );
    let content = first(&frames[4], tags::FRAME_CONTENT_SEQUENCE);
    let index = content
        .get(tags::DIMENSION_INDEX_VALUES)
        .unwrap()
        .to_multi_int::<u32>()
        .unwrap();
    assert_eq!(index, [2, 1, 2], "segment, stack, position in the stack");
    let (_, object) = written(
        &series,
        &masks,
        2,
        Options {
            synthetic_geometry: true,
            ..Options::default()
        },
    );
    assert!(object.get(tags::FRAME_OF_REFERENCE_UID).is_some());
    assert!(object.get(tags::REFERENCED_SERIES_SEQUENCE).is_some());
    assert!(
        value(&object, tags::CONTENT_DESCRIPTION)
            .unwrap()
            .contains("synthetic")
    );
}

#[test]
fn a_source_with_geometry_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let header = vec![
        text_element(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3"),
        text_element(tags::SLICE_THICKNESS, VR::DS, "4"),
    ];
    let mut series = dicom(&folder.path().join("in.dcm"), pictures(7, 5, 3), header);
    series.frame_of_reference_uid = Some("1.2.8".into());
    for (i, slice) in series.slices.iter_mut().enumerate() {
        let position = [-1.5, 2.25, 5.0 * i as f64];
        slice.plane = Some(Plane {
            position,
            orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        });
        slice.spacing = Some(PixelSpacing {
            row: 0.5,
            column: 0.25,
            source: SpacingSource::PixelSpacing,
        });
    }
    let (_, object) = written(&series, &noise(&series, 1), 1, Options::default());
    assert_eq!(
        value(&object, tags::FRAME_OF_REFERENCE_UID).unwrap(),
        "1.2.8"
    );
    assert!(object.get(tags::PATIENT_ORIENTATION).is_none());
    let shared = &object
        .get(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        .unwrap()
        .items()
        .unwrap()[0];
    let measures = &shared
        .get(tags::PIXEL_MEASURES_SEQUENCE)
        .unwrap()
        .items()
        .unwrap()[0];
    assert_eq!(value(measures, tags::PIXEL_SPACING).unwrap(), "0.5\\0.25");
    assert_eq!(value(measures, tags::SLICE_THICKNESS).unwrap(), "4");
    assert_eq!(value(measures, tags::SPACING_BETWEEN_SLICES).unwrap(), "5");
    let frames = object
        .get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .unwrap()
        .items()
        .unwrap();
    let position = &frames[2]
        .get(tags::PLANE_POSITION_SEQUENCE)
        .unwrap()
        .items()
        .unwrap()[0];
    assert_eq!(
        value(position, tags::IMAGE_POSITION_PATIENT).unwrap(),
        "-1.5\\2.25\\10"
    );
}

#[test]
fn a_segmentation_is_written_even_if_its_source_violates_the_standard() {
    let folder = tempfile::tempdir().unwrap();
    let header = vec![
        text_element(tags::STUDY_INSTANCE_UID, VR::UI, "none"),
        text_element(tags::STUDY_DATE, VR::DA, "someday"),
        text_element(tags::PATIENT_SEX, VR::CS, "FEMALE"),
        text_element(tags::SPECIFIC_CHARACTER_SET, VR::CS, ""),
        encoded_text_element(tags::PATIENT_NAME, VR::PN, b"M\xfcller".to_vec()),
    ];
    let mut series = dicom(&folder.path().join("in.dcm"), pictures(3, 3, 2), header);
    series.slices[1].sop_instance_uid = None;
    let (summary, object) = written(&series, &noise(&series, 1), 1, Options::default());
    let warnings = summary.warnings.join("; ");
    for part in [
        "StudyDate",
        "PatientSex",
        "Study Instance UID",
        "character set",
        "no references to its source",
    ] {
        assert!(warnings.contains(part), "{part} in {warnings}");
    }
    assert!(!warnings.contains("ller"), "no names in messages");
    assert!(
        object.get(tags::FRAME_OF_REFERENCE_UID).is_some(),
        "without references there must be a geometry"
    );
}

#[test]
fn lossy_compression_of_the_source_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let header = vec![
        text_element(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01"),
        text_element(tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS, "12.5"),
        text_element(tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS, "ISO_15444_1"),
    ];
    let series = dicom(&folder.path().join("in.dcm"), pictures(3, 3, 2), header);
    let (_, object) = written(&series, &noise(&series, 1), 1, Options::default());
    assert_eq!(value(&object, tags::LOSSY_IMAGE_COMPRESSION).unwrap(), "01");
    assert_eq!(
        value(&object, tags::LOSSY_IMAGE_COMPRESSION_RATIO).unwrap(),
        "12.5"
    );
    assert_eq!(
        value(&object, tags::LOSSY_IMAGE_COMPRESSION_METHOD).unwrap(),
        "ISO_15444_1"
    );
}

#[test]
fn the_author_is_recorded() {
    let series = pictures(3, 3, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.dcm");
    let manual = Authorship {
        algorithm_type: AlgorithmType::Manual,
        person: "Doe^Jane".into(),
        ..author()
    };
    write_file(
        &path,
        &series,
        Content::Binary(&noise(&series, 1)),
        &labels(1),
        &[manual],
        Options::default(),
    )
    .unwrap();
    let object = dicom_object::open_file(&path).unwrap();
    let segment = &object.get(tags::SEGMENT_SEQUENCE).unwrap().items().unwrap()[0];
    assert_eq!(
        value(segment, tags::SEGMENT_ALGORITHM_TYPE).unwrap(),
        "MANUAL"
    );
    assert!(segment.get(tags::SEGMENT_ALGORITHM_NAME).is_none());
    assert_eq!(
        value(&object, tags::CONTENT_CREATOR_NAME).unwrap(),
        "Doe^Jane"
    );
    assert_eq!(read_header(&path).unwrap().labels, labels(1));
}

#[test]
fn masks_that_do_not_fit_are_refused_with_the_reason() {
    let series = pictures(3, 3, 2);
    let masks = noise(&series, 2);
    let refused = |masks: &[Mask], n: usize, reason: &str| {
        let path = Path::new("never-written.dcm");
        let error = write_file(
            path,
            &series,
            Content::Binary(masks),
            &labels(n),
            &[author()],
            Options::default(),
        )
        .unwrap_err()
        .to_string();
        assert!(error.contains(reason), "{error}");
    };
    refused(&masks[..1], 2, "1 masks for 2 slices");
    refused(&masks, 1, "the value 2");
    refused(&masks, 0, "0 labels");
    refused(&[Mask::new_blank(3, 2), Mask::new_blank(3, 2)], 1, "3 x 2");
}

#[test]
fn a_missing_source_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.dcm");
    let series = dicom(&path, pictures(3, 3, 1), Vec::new());
    std::fs::remove_file(&path).unwrap();
    let out = folder.path().join("out.dcm");
    let error = write_file(
        &out,
        &series,
        Content::Binary(&noise(&series, 1)),
        &labels(1),
        &[author()],
        Options::default(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("in.dcm"), "{error}");
    assert!(!out.exists());
}

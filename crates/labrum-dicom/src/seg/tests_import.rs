//! Import of segmentations of every type, refusals, and damaged files.

#![allow(clippy::unwrap_used)]

use super::{element::*, tests::*, *};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::DefaultDicomObject;
use labrum_core::{
    geometry::{PixelSpacing, Plane, SpacingSource},
    label::Code,
    study::Kind,
};
use proptest::prelude::*;
use tempfile::TempDir;

/// A DICOM series of `slices` frames in one file, with the folder that holds it.
fn series(columns: usize, rows: usize, slices: usize) -> (TempDir, Series) {
    let folder = tempfile::tempdir().unwrap();
    let header = vec![text_element(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3")];
    let mut series = dicom(
        &folder.path().join("in.dcm"),
        pictures(columns, rows, slices),
        header,
    );
    series.modality = "US".into();
    (folder, series)
}

/// The same series with geometry, slices 2 mm apart.
fn with_geometry(mut series: Series) -> Series {
    series.frame_of_reference_uid = Some("1.2.8".into());
    for (i, slice) in series.slices.iter_mut().enumerate() {
        let position = [-1.5, 2.25, 2.0 * i as f64];
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
    series
}

fn saved(folder: &TempDir, series: &Series, content: Content<'_>, n: usize) -> PathBuf {
    let path = folder.path().join("out.dcm");
    write_file(
        &path,
        series,
        content,
        &labels(n),
        &[author()],
        Options::default(),
    )
    .unwrap();
    path
}

/// Applies `change` to the file.
fn changed(path: &Path, change: impl FnOnce(&mut DefaultDicomObject)) {
    let mut object = dicom_object::open_file(path).unwrap();
    change(&mut object);
    object.write_to_file(path).unwrap();
}

fn refusal(path: &Path, series: &Series) -> String {
    import_all(path, series).unwrap_err().to_string()
}

fn maps(slices: usize, values: &[Vec<u16>]) -> Vec<Vec<Vec<u16>>> {
    vec![values.to_vec(); slices]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn label_maps_of_any_size_are_read_back_unchanged(
        (columns, rows, slices) in (1usize..12, 1usize..12, 1usize..5),
        skip_empty_frames: bool,
        seed in prop::collection::vec(0u8..4, 144 * 5),
    ) {
        let (folder, series) = series(columns, rows, slices);
        let mask = |i: usize| Mask::from_labels(columns, rows, seed[i * 144..][..columns * rows].to_vec()).unwrap();
        let masks: Vec<Mask> = (0..slices).map(mask).collect();
        let path = folder.path().join("out.dcm");
        let options = Options { skip_empty_frames, ..Options::default() };
        write_file(&path, &series, Content::LabelMap(&masks), &labels(3), &[author()], options).unwrap();
        prop_assert_eq!(imported(&path, &series), masks);
        prop_assert_eq!(import_all(&path, &series).unwrap().labels, labels(3));
    }
}

#[test]
fn a_label_map_describes_its_background_and_has_its_own_sop_class() {
    let (folder, series) = series(5, 3, 2);
    let path = saved(&folder, &series, Content::LabelMap(&noise(&series, 2)), 2);
    let object = dicom_object::open_file(&path).unwrap();
    assert_eq!(
        value(&object, tags::SOP_CLASS_UID).unwrap(),
        uids::LABEL_MAP_SEGMENTATION_STORAGE
    );
    assert_eq!(
        object
            .get(tags::PIXEL_PADDING_VALUE)
            .unwrap()
            .to_int::<u16>()
            .unwrap(),
        0
    );
    assert_eq!(
        object
            .get(tags::SEGMENT_SEQUENCE)
            .unwrap()
            .items()
            .unwrap()
            .len(),
        3
    );
    let frames = object
        .get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .unwrap()
        .items()
        .unwrap();
    assert_eq!(frames.len(), 2);
    assert!(
        frames
            .iter()
            .all(|f| f.get(tags::SEGMENT_IDENTIFICATION_SEQUENCE).is_none())
    );
}

#[test]
fn probabilities_are_stored_in_255ths_and_thresholded_at_one_half() {
    let (folder, series) = series(3, 2, 2);
    let maps = maps(
        2,
        &[[0, 127, 128, 255, 200, 200].map(|v: u16| v * 257).to_vec()],
    );
    let maps: Vec<&[Vec<u16>]> = maps.iter().map(Vec::as_slice).collect();
    let path = saved(&folder, &series, Content::Fractional(&maps), 1);
    let mut seg = read_header(&path).unwrap();
    assert_eq!((seg.kind, seg.most), (SegmentationType::Fractional, 255));
    assert_eq!(seg.frame_values(1).unwrap(), [0, 127, 128, 255, 200, 200]);
    let got = import_all(&path, &series).unwrap();
    assert_eq!(got.masks[1].1.pixel_labels(), [0, 0, 1, 1, 1, 1]);
    assert!(
        got.notes
            .iter()
            .any(|n| n.contains("FRACTIONAL") && n.contains("128 of 255")),
        "{:?}",
        got.notes
    );
}

#[test]
fn the_largest_of_overlapping_fractions_wins() {
    let (folder, series) = series(2, 2, 1);
    let maps = maps(
        1,
        &[
            vec![60_000, 40_000, 0, 65_535],
            vec![50_000, 60_000, 40_000, 65_535],
        ],
    );
    let maps: Vec<&[Vec<u16>]> = maps.iter().map(Vec::as_slice).collect();
    let path = saved(&folder, &series, Content::Fractional(&maps), 2);
    let got = import_all(&path, &series).unwrap();
    assert_eq!(got.masks[0].1.pixel_labels(), [1, 2, 2, 1]);
    let lost = [
        "\"Head\" lost 1 pixel to \"Tête\", which covers it",
        "\"Tête\" lost 2 pixels to \"Head\", which covers it",
    ];
    assert!(
        lost.iter().all(|l| got.notes.iter().any(|n| n == l)),
        "{:?}",
        got.notes
    );
}

#[test]
fn probabilities_of_another_size_are_refused() {
    let (folder, series) = series(2, 2, 1);
    let refused = |maps: &[Vec<u16>], reason: &str| {
        let path = folder.path().join("never.dcm");
        let error = write_file(
            &path,
            &series,
            Content::Fractional(&[maps]),
            &labels(1),
            &[author()],
            Options::default(),
        );
        assert!(error.unwrap_err().to_string().contains(reason));
    };
    refused(&[vec![0; 3]], "the size of the probabilities");
    refused(&[vec![0; 4], vec![0; 4]], "for 2 labels, not 1");
}

#[test]
fn the_smaller_of_overlapping_binary_segments_is_on_top_and_a_note_says_so() {
    let (folder, series) = series(4, 2, 1);
    let path = saved(&folder, &series, Content::Binary(&noise(&series, 2)), 2);
    // Segment 1 everywhere, segment 2 in the first three pixels.
    let pixels = PrimitiveValue::U8(vec![0xFF, 0b111].into());
    changed(&path, |o| {
        drop(o.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels)))
    });
    let got = import_all(&path, &series).unwrap();
    assert_eq!(got.masks[0].1.pixel_labels(), [2, 2, 2, 1, 1, 1, 1, 1]);
    assert_eq!(
        got.notes,
        ["\"Head\" lost 3 pixels to \"Tête\", which covers it"]
    );
}

#[test]
fn a_segmentation_of_another_series_is_refused_and_both_are_named() {
    let (folder, series) = series(4, 2, 2);
    let path = saved(&folder, &series, Content::Binary(&noise(&series, 1)), 1);
    let mut other = Series {
        id: "1.2.4".into(),
        modality: "MR".into(),
        ..series.clone()
    };
    other
        .slices
        .iter_mut()
        .for_each(|s| s.sop_instance_uid = Some("1.2.3.9".into()));
    let error = refusal(&path, &other);
    assert!(
        error.contains("it refers to series 1.2.3 (US); the opened series is 1.2.4 (MR)"),
        "{error}"
    );
    assert!(refusal(&path, &pictures(4, 2, 2)).contains("the opened image is not DICOM"));
    // Also in the same frame of reference: it was drawn on other images.
    let path = saved(
        &folder,
        &with_geometry(series),
        Content::Binary(&noise(&other, 1)),
        1,
    );
    assert!(refusal(&path, &with_geometry(other)).contains("it refers to series 1.2.3"));
}

#[test]
fn another_size_is_refused_and_both_sizes_are_named() {
    let (folder, series) = series(4, 2, 2);
    let path = saved(&folder, &series, Content::Binary(&noise(&series, 1)), 1);
    let error = refusal(
        &path,
        &Series {
            columns: 3,
            ..series
        },
    );
    assert!(
        error.contains("it is 4 x 2 pixels, but the series is 3 x 2"),
        "{error}"
    );
}

#[test]
fn frames_without_references_are_placed_by_position() {
    let (folder, series) = series(4, 3, 3);
    let series = with_geometry(series);
    let masks = noise(&series, 2);
    for kind in [Content::Binary(&masks), Content::LabelMap(&masks)] {
        let path = saved(&folder, &series, kind, 2);
        changed(&path, |object| {
            object.remove_element(tags::REFERENCED_SERIES_SEQUENCE);
            let groups = object
                .get(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
                .unwrap()
                .items()
                .unwrap()
                .to_vec();
            let bare = groups.into_iter().map(|mut group| {
                group.remove_element(tags::DERIVATION_IMAGE_SEQUENCE);
                group.remove_element(tags::FRAME_CONTENT_SEQUENCE);
                group
            });
            object.put(sequence_element(
                tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
                bare.rev().collect(),
            ));
        });
        // The functional groups are in reverse order now, the pixels are not.
        let found = imported(&path, &series);
        match kind.segmentation_type() {
            SegmentationType::LabelMap => {
                assert_eq!(found, masks.iter().rev().cloned().collect::<Vec<_>>())
            }
            _ => {
                let swapped = |mask: &Mask| {
                    mask.pixel_labels()
                        .iter()
                        .map(|l| (3 - l) % 3)
                        .collect::<Vec<u8>>()
                };
                let expected: Vec<Vec<u8>> = masks.iter().rev().map(swapped).collect();
                assert_eq!(
                    found
                        .iter()
                        .map(|m| m.pixel_labels().to_vec())
                        .collect::<Vec<_>>(),
                    expected
                );
            }
        }
        assert!(
            import_all(&path, &series)
                .unwrap()
                .notes
                .iter()
                .any(|n| n.contains("placed by position"))
        );
        let elsewhere = Series {
            frame_of_reference_uid: Some("1.2.9".into()),
            ..series.clone()
        };
        assert!(
            refusal(&path, &elsewhere)
                .contains("frame of reference 1.2.8 differs from that of the series, 1.2.9")
        );
        let mut shifted = series.clone();
        shifted.slices.iter_mut().for_each(|s| {
            s.plane = s.plane.map(|p| Plane {
                position: [9.0; 3],
                ..p
            })
        });
        assert!(refusal(&path, &shifted).contains("none of its frames lies on one of the"));
    }
}

#[test]
fn a_part_of_a_series_imports_its_own_frames_and_notes_the_skipped_ones() {
    let (folder, series) = series(4, 3, 3);
    let mut masks = noise(&series, 1);
    masks[0] = Mask::new_blank(4, 3);
    let path = saved(&folder, &series, Content::Binary(&masks), 1);
    let part = Series {
        id: "1.2.3#2".into(),
        slices: series.slices[..2].to_vec(),
        ..series
    };
    let got = import_all(&path, &part).unwrap();
    assert_eq!(got.masks, [(0, masks[0].clone()), (1, masks[1].clone())]);
    assert_eq!(
        got.notes,
        ["frames skipped because they lie on no slice of the opened series: 1"]
    );
}

#[test]
fn each_label_has_its_author_and_its_modifiers() {
    let (folder, series) = series(4, 3, 1);
    let mut labels = labels(3);
    labels[1].modifiers = vec![Code::new("7771000", "SCT", "Left")];
    let of = |algorithm_type| Authorship {
        algorithm_type,
        ..author()
    };
    let authors = [
        AlgorithmType::Automatic,
        AlgorithmType::Semiautomatic,
        AlgorithmType::Manual,
    ]
    .map(of);
    let path = folder.path().join("out.dcm");
    let masks = noise(&series, 3);
    write_file(
        &path,
        &series,
        Content::Binary(&masks),
        &labels,
        &authors,
        Options::default(),
    )
    .unwrap();
    let object = dicom_object::open_file(&path).unwrap();
    let segments = object.get(tags::SEGMENT_SEQUENCE).unwrap().items().unwrap();
    let types: Vec<String> = segments
        .iter()
        .filter_map(|s| value(s, tags::SEGMENT_ALGORITHM_TYPE))
        .collect();
    assert_eq!(types, ["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]);
    assert!(segments[2].get(tags::SEGMENT_ALGORITHM_NAME).is_none());
    assert_eq!(import_all(&path, &series).unwrap().labels, labels);
    let two = write_file(
        &path,
        &series,
        Content::Binary(&masks),
        &labels,
        &authors[..2],
        Options::default(),
    );
    assert!(two.unwrap_err().to_string().contains("2 authors"));
}

#[test]
fn retired_codes_are_read_as_their_successors() {
    let (folder, series) = series(4, 3, 1);
    let path = saved(&folder, &series, Content::Binary(&noise(&series, 1)), 1);
    changed(&path, |object| {
        let mut segment = object.get(tags::SEGMENT_SEQUENCE).unwrap().items().unwrap()[0].clone();
        segment.put(code_sequence(
            tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE,
            &Code::new("T-62000", "SRT", "Liver"),
        ));
        object.put(sequence_element(tags::SEGMENT_SEQUENCE, vec![segment]));
    });
    assert_eq!(
        import_all(&path, &series).unwrap().labels[0].concept,
        Code::new("10200004", "SCT", "Liver")
    );
}

#[test]
fn non_dicom_images_import_their_own_segmentation() {
    let folder = tempfile::tempdir().unwrap();
    let series = pictures(5, 4, 3);
    assert_eq!(series.kind, Kind::Picture);
    let masks = noise(&series, 2);
    let path = saved(&folder, &series, Content::LabelMap(&masks), 2);
    let got = import_all(&path, &series).unwrap();
    assert_eq!(
        got.masks.into_iter().map(|(_, m)| m).collect::<Vec<_>>(),
        masks
    );
    assert!(got.notes[0].contains("refers to no images"));
    assert!(refusal(&path, &pictures(5, 4, 2)).contains("which of the 2 images"));
}

#[test]
fn other_files_are_refused_with_the_reason() {
    let (folder, series) = series(4, 3, 1);
    let path = folder.path().join("x.dcm");
    std::fs::write(&path, "words").unwrap();
    assert!(refusal(&path, &series).contains("not a DICOM file"));
    assert!(refusal(&folder.path().join("in.dcm"), &series).contains("not a DICOM segmentation"));
    assert!(refusal(&folder.path().join("gone.dcm"), &series).contains("file not found"));
    let path = saved(&folder, &series, Content::Binary(&noise(&series, 1)), 1);
    changed(&path, |o| {
        drop(o.put(text_element(tags::NUMBER_OF_FRAMES, VR::IS, "900000")))
    });
    assert!(
        refusal(&path, &series).contains("bytes"),
        "sizes are checked before memory is allocated"
    );
}

/// A panic would fail the test.
#[test]
fn damaged_files_are_read_or_refused() {
    let (folder, series) = series(7, 5, 3);
    let series = with_geometry(series);
    let masks = noise(&series, 2);
    let probabilities = maps(3, &[vec![40_000; 35], vec![20_000; 35]]);
    let probabilities: Vec<&[Vec<u16>]> = probabilities.iter().map(Vec::as_slice).collect();
    let damaged = folder.path().join("damaged.dcm");
    let mut state = 1u32;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mut refused = 0;
    for content in [
        Content::Binary(&masks),
        Content::LabelMap(&masks),
        Content::Fractional(&probabilities),
    ] {
        let whole = std::fs::read(saved(&folder, &series, content, 2)).unwrap();
        for round in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..=random(6) {
                let at = random(bytes.len());
                bytes[at] = [0, 0xFF, 0x7F, random(256) as u8][random(4)];
            }
            if round % 4 == 0 {
                bytes.truncate(random(bytes.len()));
            }
            std::fs::write(&damaged, &bytes).unwrap();
            refused += usize::from(import_all(&damaged, &series).is_err());
        }
    }
    assert!(refused > 100, "{refused} were refused");
}

//! Frames that do not lie exactly on the slices.

use super::*;

#[test]
fn a_subpixel_shift_is_noted_and_tilted_or_outside_frames_give_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let series = images(&folder, 1).remove(0);
    for how in hows() {
        let shifted = Grid {
            position: [10.8, 20.0],
            ..SAME
        };
        let got = placed(&folder, &segmentation(&shifted, how), &series).unwrap();
        assert_eq!(got.masks, expected(truth));
        assert!(
            got.is_resampled
                && got
                    .notes
                    .iter()
                    .any(|n| n.contains("up to 0.40 of a pixel")),
            "{:?}",
            got.notes
        );
        let tilted = Grid {
            orientation: "1\\0\\0\\0\\0.8\\0.6",
            ..SAME
        };
        let error = placed(&folder, &segmentation(&tilted, how), &series)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("at an angle of 37° to the slices"),
            "{error}"
        );
        // Beside the images: in their planes, but outside of their pixels.
        let beside = Grid {
            position: [-90.0, 20.0],
            ..SAME
        };
        let got = placed(&folder, &segmentation(&beside, how), &series).unwrap();
        assert!(
            got.loss_reason()
                .unwrap()
                .contains("no pixels within the images"),
            "{:?}",
            got.loss_reason()
        );
    }
}

#[test]
fn a_frame_halfway_between_two_slices_is_assigned_to_one_and_a_note_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let series = images(&folder, 1).remove(0);
    // Above or below its slice: each frame gets a slice of its own, and none is lost at the ends.
    for (lift, side) in [
        (1.25, "the frame after it"),
        (-1.25, "the frame before it"),
        (1.2502, "the frame after it"),
    ] {
        for how in hows() {
            let got = placed(&folder, &segmentation(&Grid { lift, ..SAME }, how), &series).unwrap();
            assert_eq!(got.masks, expected(truth), "{lift} {:?}", how.kind);
            assert!(
                got.is_resampled
                    && got
                        .notes
                        .iter()
                        .any(|n| n.contains("halfway") && n.contains(side))
            );
        }
    }
    // Nearer to one of them: unambiguous.
    let how = How {
        kind: SegmentationType::Binary,
        names: None,
        is_reversed: false,
        times: 1,
    };
    let got = placed(
        &folder,
        &segmentation(&Grid { lift: 0.6, ..SAME }, how),
        &series,
    )
    .unwrap();
    assert!(
        !got.notes.iter().any(|n| n.contains("halfway")),
        "{:?}",
        got.notes
    );
}

#[test]
fn a_cropped_segmentation_is_placed_where_it_was_cropped() {
    let folder = tempfile::tempdir().unwrap();
    let series = images(&folder, 1).remove(0);
    // Five columns from the third, and four rows from the second.
    let part = Grid {
        columns: 5,
        rows: 4,
        position: [14.0, 23.0],
        stored: |s, x, y| truth(s, x + 2, y + 1),
        ..SAME
    };
    let cut = |s, x, y| {
        if (2..7).contains(&x) && (1..5).contains(&y) {
            truth(s, x, y)
        } else {
            0
        }
    };
    for how in hows() {
        let got = placed(&folder, &segmentation(&part, how), &series).unwrap();
        assert_eq!(got.masks, expected(cut));
        assert!(!got.is_resampled);
    }
}

#[test]
fn frames_whose_references_contradict_their_position_are_placed_by_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut series = images(&folder, 1).remove(0);
    let how = How {
        kind: SegmentationType::Binary,
        names: Some(0),
        is_reversed: false,
        times: 1,
    };
    // The UIDs of the images are in another order than their positions.
    let names: Vec<_> = series
        .slices
        .iter()
        .map(|s| s.sop_instance_uid.clone())
        .rev()
        .collect();
    series
        .slices
        .iter_mut()
        .zip(names)
        .for_each(|(slice, name)| slice.sop_instance_uid = name);
    let got = placed(&folder, &segmentation(&SAME, how), &series).unwrap();
    assert_eq!(got.masks, expected(truth));
    assert!(
        got.notes
            .iter()
            .any(|n| n.contains("images in other planes: 8")),
        "{:?}",
        got.notes
    );
}

#[test]
fn other_images_in_the_same_frame_of_reference_import_it_by_position_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let mut series = images(&folder, 1).remove(0);
    series.id = "1.2.55".into();
    series
        .slices
        .iter_mut()
        .for_each(|s| s.sop_instance_uid = s.sop_instance_uid.take().map(|uid| uid + ".9"));
    let how = How {
        kind: SegmentationType::LabelMap,
        names: Some(0),
        is_reversed: false,
        times: 1,
    };
    let path = segmentation(&SAME, how).write_to_folder(folder.path(), "seg.dcm");
    let error = import_all(&path, &series).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NamesOtherImages);
    let error = error.to_string();
    assert!(
        error.contains("it refers to series 1.2.3.4") && error.contains("--by-position"),
        "{error}"
    );
    let by_position = MaskChoice {
        by_position: true,
        ..MaskChoice::default()
    };
    let got = import_chosen(&path, &series, &by_position).unwrap();
    assert_eq!((got.masks, got.basis), (expected(truth), Basis::Position));
    assert!(
        got.notes.iter().any(|n| n.contains("as requested")),
        "{:?}",
        got.notes
    );
    series.frame_of_reference_uid = Some("1.2.66".into());
    let error = import_chosen(&path, &series, &by_position)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("frame of reference 1.2.9 differs from that of the series, 1.2.66"),
        "{error}"
    );
}

//! Segmentations of series with several time points.

use super::*;

#[test]
fn a_segmentation_of_one_time_point_is_imported_at_that_time_point_only() {
    let folder = tempfile::tempdir().unwrap();
    let times = images(&folder, 4);
    assert_eq!(times.len(), 4);
    for kind in KINDS {
        let named = How {
            kind,
            names: Some(2),
            is_reversed: false,
            times: 1,
        };
        for (time, series) in times.iter().enumerate() {
            let got = placed(&folder, &segmentation(&SAME, named), series);
            if time == 2 {
                assert_eq!(got.unwrap().masks, expected(truth));
            } else {
                let error = got.unwrap_err().to_string();
                assert!(error.contains("to none of the 4 opened slices"), "{error}");
            }
            // Without references it may belong to any time point, which the basis says.
            let got = placed(
                &folder,
                &segmentation(
                    &SAME,
                    How {
                        names: None,
                        ..named
                    },
                ),
                series,
            )
            .unwrap();
            assert_eq!((got.basis, got.masks), (Basis::Position, expected(truth)));
        }
    }
}

#[test]
fn a_time_point_must_be_chosen_if_several_images_share_a_position() {
    let folder = tempfile::tempdir().unwrap();
    let mut times = images(&folder, 2);
    // A loop at every position: both time points in one series.
    let mut series = times.remove(0);
    series.slices.extend(times.remove(0).slices);
    let how = How {
        kind: SegmentationType::Binary,
        names: None,
        is_reversed: false,
        times: 1,
    };
    let path = segmentation(&SAME, how).write_to_folder(folder.path(), "seg.dcm");
    let error = import_all(&path, &series).unwrap_err().to_string();
    assert!(
        error.contains("2 images lie at the same position (images 1, 5)")
            && error.contains("--time"),
        "{error}"
    );
    let of_time = |time| {
        import_chosen(
            &path,
            &series,
            &MaskChoice {
                time: Some(time),
                ..MaskChoice::default()
            },
        )
    };
    let slices: Vec<usize> = of_time(2)
        .unwrap()
        .masks
        .iter()
        .map(|(slice, _)| *slice)
        .collect();
    assert_eq!(slices, [4, 5, 6, 7]);
    assert!(
        of_time(3)
            .unwrap_err()
            .to_string()
            .contains("there is no time point 3")
    );
    let named = How {
        names: Some(1),
        ..how
    };
    let got = placed(&folder, &segmentation(&SAME, named), &series).unwrap();
    assert_eq!(
        got.masks
            .iter()
            .map(|(slice, _)| *slice)
            .collect::<Vec<_>>(),
        [4, 5, 6, 7]
    );
}

#[test]
fn a_time_point_must_be_chosen_if_several_time_points_have_no_references() {
    let folder = tempfile::tempdir().unwrap();
    let series = images(&folder, 1).remove(0);
    for (kind, is_reversed) in KINDS
        .into_iter()
        .flat_map(|kind| [(kind, false), (kind, true)])
    {
        let how = How {
            kind,
            names: None,
            is_reversed,
            times: 3,
        };
        let path = segmentation(&SAME, how).write_to_folder(folder.path(), "seg.dcm");
        let error = import_all(&path, &series).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TimeWanted(3), "{error}");
        assert!(
            error.to_string().contains("lie at the same position")
                && error.to_string().contains("--time"),
            "{error}"
        );
        let of_time = |time| {
            import_chosen(
                &path,
                &series,
                &MaskChoice {
                    time: Some(time),
                    ..MaskChoice::default()
                },
            )
        };
        let got = of_time(2).unwrap();
        assert_eq!(
            got.masks,
            expected(|s, x, y| (truth(s, x, y) + 1) % 3),
            "{kind:?}, reversed: {is_reversed}"
        );
        assert!(
            got.notes
                .iter()
                .any(|n| n.contains("those of time point 2 were used")),
            "{:?}",
            got.notes
        );
        assert_eq!(of_time(1).unwrap().masks, expected(truth));
        assert!(
            of_time(4)
                .unwrap_err()
                .to_string()
                .contains("there is no time point 4")
        );
    }
}

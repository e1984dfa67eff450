//! Label volumes as masks of a series.

use super::*;

/// Labels 0 to 3 of the voxels of a volume.
fn label_volume(sform: Option<[[f64; 4]; 3]>) -> Volume {
    Volume {
        sform,
        ..Volume::new(&[3, 2, 2], vec![0, 1, 2, 3, 1, 2, 2, 3, 0, 1, 1, 0])
    }
}

/// The series of a volume of that size, with one value.
fn blank_series(folder: &Folder) -> Series {
    let volume = Volume {
        sform: Some(RAS),
        ..Volume::new(&[3, 2, 2], vec![7; 12])
    };
    only_series(&folder.write("image.nii", &volume))
}

#[test]
fn labels_are_matched_by_position_whatever_the_storage_order() {
    let folder = Folder::new();
    let series = blank_series(&folder);
    let plain = folder.write("plain.nii", &label_volume(Some(RAS)));
    let expected = import::read_masks(&[plain], &series, &MaskChoice::default()).unwrap();
    let upright = |labels: [u8; 6]| Mask::from_labels(3, 2, labels.to_vec()).unwrap();
    assert_eq!(
        expected.masks,
        [
            (0, upright([2, 1, 3, 2, 1, 0])),
            (1, upright([0, 1, 1, 0, 3, 2]))
        ]
    );
    assert!(
        !expected.notes.iter().any(|n| n.contains("nearest")),
        "{:?}",
        expected.notes
    );
    // A NIfTI file refers to no image: it is matched by position only.
    assert_eq!(
        (expected.basis, expected.is_resampled),
        (Basis::Position, false)
    );
    // The same voxels with rows and columns exchanged and slices in reverse.
    let turned = {
        let old = label_volume(None).bytes;
        let at = |x: usize, y: usize, z: usize| old[(z * 2 + y) * 3 + x];
        let bytes = (0..2)
            .rev()
            .flat_map(|z| (0..3).flat_map(move |x| (0..2).map(move |y| (x, y, z))));
        let bytes = bytes.map(|(x, y, z)| at(x, y, z)).collect();
        let sform = [
            [0.0, 2.0, 0.0, -10.0],
            [3.0, 0.0, 0.0, -20.0],
            [0.0, 0.0, -5.0, 35.0],
        ];
        Volume {
            sform: Some(sform),
            ..Volume::new(&[2, 3, 2], bytes)
        }
    };
    let got = import::read_masks(
        &[folder.write("turned.nii.gz", &turned)],
        &series,
        &MaskChoice::default(),
    )
    .unwrap();
    assert_eq!(got.masks, expected.masks);
}

#[test]
fn labels_on_another_grid_are_resampled_with_a_note_and_distant_ones_refused() {
    let folder = Folder::new();
    let series = blank_series(&folder);
    let import = |name: &str, sform: Option<[[f64; 4]; 3]>| {
        import::read_masks(
            &[folder.write(name, &label_volume(sform))],
            &series,
            &MaskChoice::default(),
        )
    };
    let beside = import("beside.nii", Some([[2.0, 0.0, 0.0, -9.2], RAS[1], RAS[2]])).unwrap();
    assert!(
        beside
            .notes
            .iter()
            .any(|n| n.contains("up to 0.40 of a voxel")),
        "{:?}",
        beside.notes
    );
    assert!(beside.is_resampled);
    let coarse = import("coarse.nii", Some([[4.0, 0.0, 0.0, -10.0], RAS[1], RAS[2]])).unwrap();
    assert!(
        coarse.notes.iter().any(|n| n.contains("differ in size")),
        "{:?}",
        coarse.notes
    );
    let far = import("far.nii", Some([RAS[0], RAS[1], [0.0, 0.0, 5.0, 300.0]]))
        .unwrap_err()
        .to_string();
    assert!(far.contains("does not overlap the slices"), "{far}");
    // No geometry, but the same size as the image.
    let bare = import("bare.nii", None).unwrap();
    assert_eq!(bare.masks, import("same.nii", Some(RAS)).unwrap().masks);
    assert!(
        bare.notes
            .iter()
            .any(|n| n.contains("no position and orientation")),
        "{:?}",
        bare.notes
    );
}

#[test]
fn invalid_label_values_are_refused_and_black_and_white_is_label_1() {
    let folder = Folder::new();
    let series = only_series(&folder.write("image.nii", &Volume::new(&[2, 1, 1], vec![0, 9])));
    let import = |name: &str, volume: Volume| {
        import::read_masks(
            &[folder.write(name, &volume)],
            &series,
            &MaskChoice::default(),
        )
    };
    let soft: Vec<u8> = [0.0f32, 0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    let error = import(
        "soft.nii",
        Volume {
            code: 16,
            ..Volume::new(&[2, 1, 1], soft)
        },
    )
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("0.500 is not a label, which must be a whole number"),
        "{error}"
    );
    let high: Vec<u8> = [0i16, 1035].iter().flat_map(|v| v.to_le_bytes()).collect();
    let error = import(
        "high.nii",
        Volume {
            code: 4,
            ..Volume::new(&[2, 1, 1], high)
        },
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("1035 is not a label"), "{error}");
    let white = import("white.nii", Volume::new(&[2, 1, 1], vec![0, 255])).unwrap();
    assert_eq!(white.masks[0].1.pixel_labels(), [0, 1]);
    let whole: Vec<u8> = [0.0f64, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let whole = import(
        "whole.nii",
        Volume {
            code: 64,
            ..Volume::new(&[2, 1, 1], whole)
        },
    )
    .unwrap();
    let names = |imported: &ImportedMasks| {
        imported
            .labels
            .iter()
            .map(|l| l.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (whole.masks[0].1.pixel_labels(), names(&whole)),
        (&[0, 1][..], vec!["Label 2".to_owned()])
    );
    // As for label maps: values can be kept, cut at a threshold, or named by a list.
    let path = folder.write("other.nii", &Volume::new(&[2, 1, 1], vec![3, 200]));
    let of = |choice: MaskChoice| {
        import::read_masks(std::slice::from_ref(&path), &series, &choice).unwrap()
    };
    let kept = of(MaskChoice {
        keep_values: true,
        ..MaskChoice::default()
    });
    assert_eq!(kept.masks[0].1.pixel_labels(), [3, 200]);
    let cut = of(MaskChoice {
        threshold: Some(100),
        ..MaskChoice::default()
    });
    assert_eq!(cut.masks[0].1.pixel_labels(), [0, 1]);
    let list = r#"{"labels": [{"value": 200, "name": "Mass"}]}"#;
    std::fs::write(folder.0.path().join("labels.json"), list).unwrap();
    let listed = of(MaskChoice::default());
    assert_eq!(
        (listed.masks[0].1.pixel_labels(), names(&listed)),
        (&[1, 2][..], vec!["Label 3".into(), "Mass".into()])
    );
    assert!(
        listed
            .notes
            .iter()
            .any(|n| n.contains("does not define these values: 3")),
        "{:?}",
        listed.notes
    );
}

#[test]
fn with_several_time_points_the_user_must_choose_one() {
    let folder = Folder::new();
    let series = only_series(&folder.write(
        "image.nii",
        &Volume {
            sform: Some(RAS),
            ..Volume::new(&[2, 1, 2], vec![7; 4])
        },
    ));
    let labels = Volume {
        sform: Some(RAS),
        ..Volume::new(&[2, 1, 2, 3], vec![1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])
    };
    let path = folder.write("labels.nii", &labels);
    let of = |time| {
        import::read_masks(
            std::slice::from_ref(&path),
            &series,
            &MaskChoice {
                time,
                ..MaskChoice::default()
            },
        )
    };
    assert_eq!(of(None).unwrap_err().kind, ErrorKind::TimeWanted(3));
    // Patient left is on the right: the last voxel of a row comes first.
    let first = |time| of(Some(time)).unwrap().masks[0].1.pixel_labels().to_vec();
    assert_eq!([first(1), first(2), first(3)], [[0, 1], [1, 0], [0, 0]]);
    assert!(
        of(Some(4))
            .unwrap_err()
            .to_string()
            .contains("there is no time 4")
    );
    // Several images at the same position.
    let mut twice = series.clone();
    twice.slices.extend(series.slices.clone());
    let path = folder.write(
        "one.nii",
        &Volume {
            sform: Some(RAS),
            ..Volume::new(&[2, 1, 2], vec![1, 0, 0, 1])
        },
    );
    let of = |time| {
        import::read_masks(
            std::slice::from_ref(&path),
            &twice,
            &MaskChoice {
                time,
                ..MaskChoice::default()
            },
        )
    };
    assert_eq!(of(None).unwrap_err().kind, ErrorKind::TimeWanted(2));
    let got = of(Some(2)).unwrap();
    assert_eq!(
        got.masks
            .iter()
            .map(|(slice, _)| *slice)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    assert!(
        got.notes.iter().any(|n| n.contains("not to 2 others")),
        "{:?}",
        got.notes
    );
}

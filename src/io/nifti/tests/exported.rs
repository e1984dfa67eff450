//! Masks that are written as volumes and read back.

use super::*;

/// Masks with labels 0 to 3, different on each slice.
fn masks(series: &Series) -> Vec<Mask> {
    let one = |slice: usize| {
        let count = series.columns * series.rows;
        Mask::from_labels(
            series.columns,
            series.rows,
            (0..count).map(|i| ((i * 7 + slice) % 4) as u8).collect(),
        )
        .unwrap()
    };
    (0..series.slices.len()).map(one).collect()
}

/// Writes the masks of a series and reads them again.
fn export_and_import(folder: &Folder, series: &Series) -> Vec<(usize, Mask)> {
    let path = folder.0.path().join("there.nii.gz");
    write_nifti(&path, series, &masks(series)).unwrap();
    let back = import::read_masks(&[path], series, &MaskChoice::default()).unwrap();
    assert!(
        !back.notes.iter().any(|note| note.contains("nearest")),
        "{:?}",
        back.notes
    );
    back.masks
}

fn numbered(series: &Series) -> Vec<(usize, Mask)> {
    masks(series).into_iter().enumerate().collect()
}

#[test]
fn masks_of_a_dicom_series_survive_export_and_import() {
    let folder = Folder::new();
    let (s, c) = 0.3f64.sin_cos();
    let axial = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    let coronal = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0];
    let oblique = [c, s, 0.0, -s * c, c * c, s];
    for orientation in [axial, coronal, oblique] {
        let normal = Plane {
            position: [0.0; 3],
            orientation,
        }
        .unit_normal();
        // With a slice missing in the second.
        for depths in [vec![0.0, 2.5, 5.0], vec![0.0, 2.5, 7.5], vec![0.0]] {
            let slice = |depth: &f64| Slice {
                source: Source {
                    path: "/nowhere".into(),
                    frame: 0,
                },
                sop_instance_uid: Some(format!("1.2.{depth}")),
                instance_number: None,
                plane: Some(Plane {
                    position: [0, 1, 2].map(|i| [-71.3, 15.2, 800.7][i] + depth * normal[i]),
                    orientation,
                }),
                thickness: None,
                spacing: Some(PixelSpacing {
                    row: 0.7,
                    column: 0.4,
                    source: SpacingSource::PixelSpacing,
                }),
                regions: Vec::new(),
            };
            let plain = only_series(&folder.write("any.nii", &Volume::new(&[5, 4], vec![0; 20])));
            let slices: Vec<Slice> = depths.iter().map(slice).collect();
            let series = Series {
                id: "1.2.3".into(),
                kind: Kind::Dicom,
                modality: "CT".into(),
                slices,
                ..plain
            };
            assert_eq!(
                export_and_import(&folder, &series),
                numbered(&series),
                "{orientation:?} {depths:?}"
            );
        }
    }
}

#[test]
fn masks_of_a_volume_are_written_in_its_voxel_order() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..24).collect();
    let sagittal = [
        [0.0, 0.0, 4.0, -7.0],
        [0.0, -1.0, 0.0, 3.0],
        [2.0, 0.0, 0.0, 11.0],
    ];
    for sform in [None, Some(RAS), Some(sagittal)] {
        let volume = Volume {
            sform,
            ..Volume::new(&[3, 2, 2, 2], bytes.clone())
        };
        let path = folder.write("image.nii.gz", &volume);
        for series in catalog(&path).studies.remove(0).series {
            assert_eq!(
                export_and_import(&folder, &series),
                numbered(&series),
                "{sform:?}"
            );
            let written = super::super::read_header(&folder.0.path().join("there.nii.gz")).unwrap();
            let image = super::super::read_header(&path).unwrap();
            assert_eq!((written.size, written.affine), (image.size, image.affine));
            // Not only the geometry: also the order of the voxels.
            let first = &masks(&series)[series
                .slices
                .iter()
                .position(|s| s.source.frame % 2 == 0)
                .unwrap()];
            let stored = VoxelLayout::from_header(&image)
                .orientation
                .inverse()
                .orient_mask(first.clone());
            let bytes =
                file::read_slice(&folder.0.path().join("there.nii.gz"), &written, 0).unwrap();
            assert_eq!(bytes, stored.pixel_labels());
        }
    }
}

#[test]
fn from_a_folder_the_volume_named_like_the_series_is_imported() {
    let folder = Folder::new();
    let image = folder.write(
        "case_0000.nii.gz",
        &Volume {
            sform: Some(RAS),
            ..Volume::new(&[3, 2, 2], vec![7; 12])
        },
    );
    let series = only_series(&image);
    let labels = folder.0.path().join("labels");
    std::fs::create_dir(&labels).unwrap();
    let put = |name: &str, value: u8| {
        let volume = Volume {
            sform: Some(RAS),
            ..Volume::new(&[3, 2, 2], vec![value; 12])
        };
        std::fs::write(labels.join(name), packed(&volume.file())).unwrap();
    };
    put("other.nii.gz", 1);
    let first = |labels: &Path| {
        let choice = MaskChoice {
            keep_values: true,
            ..MaskChoice::default()
        };
        import::read_masks(&[labels.to_owned()], &series, &choice)
            .map(|i| i.masks[0].1.pixel_labels()[0])
    };
    assert_eq!(first(&labels), Ok(1), "the only volume is taken");
    put("another.nii.gz", 2);
    assert!(
        first(&labels)
            .unwrap_err()
            .to_string()
            .contains("Choose one of these files")
    );
    put("case.nii.gz", 3);
    assert_eq!(first(&labels), Ok(3));
    put("case_0000.nii.gz", 4);
    assert_eq!(first(&labels), Ok(4));
    let called = import::read_masks(
        std::slice::from_ref(&labels),
        &series,
        &MaskChoice::default(),
    )
    .unwrap();
    assert_eq!(called.basis, Basis::Images);
    // An image is not taken for its own mask.
    assert!(first(folder.0.path()).is_err());
}

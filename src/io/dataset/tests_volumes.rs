//! Folders of volumes and stacks, including the layout of nnU-Net.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::io::{
    nifti::tests::Volume,
    picture::fixture::{MadePage, Writing},
};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// Columns to the left, rows to the back (LPS), 2 x 3 x 5 mm: shown as stored.
const AS_SHOWN: [[f64; 4]; 3] = [
    [-2.0, 0.0, 0.0, 9.0],
    [0.0, -3.0, 0.0, 8.0],
    [0.0, 0.0, 5.0, 7.0],
];
/// Columns to the right, rows to the front (RAS): shown rotated by 180 degrees.
const RAS: [[f64; 4]; 3] = [
    [2.0, 0.0, 0.0, -9.0],
    [0.0, 3.0, 0.0, -8.0],
    [0.0, 0.0, 5.0, 7.0],
];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// A volume of 3 x 2 x 2 voxels.
    fn volume(&self, path: &str, sform: Option<[[f64; 4]; 3]>, values: [u8; 12]) {
        let bytes = Volume {
            sform,
            ..Volume::new(&[3, 2, 2], values.to_vec())
        }
        .file();
        if !path.ends_with(".gz") {
            return self.write(path, &bytes);
        }
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&bytes).unwrap();
        self.write(path, &packed.finish().unwrap());
    }

    /// A stack of pages of 2 x 1 pixels.
    fn stack(&self, path: &str, pages: &[[u8; 2]]) {
        let pages: Vec<MadePage> = pages
            .iter()
            .map(|v| MadePage::new((2, 1), 8, 1, v.to_vec()))
            .collect();
        self.write(path, &Writing::default().encode_file(&pages));
    }

    fn open(&self) -> Result<Dataset> {
        super::open_folder(self.0.path(), &FolderOptions::default())
    }
}

/// Labels 1 and 4, where the image has the values 10 and 40.
const LABELS: [u8; 12] = [0, 1, 1, 0, 0, 4, 4, 4, 0, 0, 1, 0];

/// The value and the label of each pixel.
fn pixels(pair: &DatasetPair) -> Vec<(u8, u8)> {
    let (image, mask) = pair.load_image_and_mask().unwrap();
    (0..image.pixels.len())
        .map(|i| image.modality_value(i) as u8)
        .zip(mask.pixel_labels().iter().copied())
        .collect()
}

#[test]
fn each_slice_of_a_volume_is_paired_with_its_mask_slice_and_all_have_one_subject() {
    // Geometry in both files, in neither, or only in the image: then voxels match by index.
    for (image, mask) in [
        (AS_SHOWN.into(), AS_SHOWN.into()),
        (RAS.into(), RAS.into()),
        (RAS.into(), None),
        (None, None),
    ] {
        for ending in ["nii", "nii.gz"] {
            let folder = Folder::new();
            for case in ["liver_1", "liver_2"] {
                folder.volume(
                    &format!("images/{case}.{ending}"),
                    image,
                    LABELS.map(|label| 10 * label),
                );
                folder.volume(&format!("masks/{case}.{ending}"), mask, LABELS);
            }
            let found = folder.open().unwrap();
            let names: Vec<&str> = found.pairs.iter().map(|p| p.name.as_str()).collect();
            assert_eq!(
                names,
                [
                    "liver_1-0001",
                    "liver_1-0002",
                    "liver_2-0001",
                    "liver_2-0002"
                ]
            );
            let subjects: Vec<&str> = found.pairs.iter().map(|p| p.subject.as_str()).collect();
            assert_eq!(subjects, ["liver_1", "liver_1", "liver_2", "liver_2"]);
            assert_eq!(found.labels.values, [1, 4].into());
            for pair in &found.pairs {
                let all = pixels(pair);
                assert_eq!(all.len(), 6);
                assert!(
                    all.iter().all(|(value, label)| *value == 10 * label),
                    "{all:?}"
                );
                assert!(all.iter().any(|(_, label)| *label > 0));
            }
        }
    }
}

#[test]
fn each_page_of_a_stack_is_paired_with_the_same_page_of_its_mask() {
    let folder = Folder::new();
    folder.stack("images/12_a.tif", &[[10, 0], [20, 0], [0, 30]]);
    folder.stack("masks/12_a.tiff", &[[1, 0], [2, 0], [0, 3]]);
    let found = folder.open().unwrap();
    assert_eq!(
        found.pairs.iter().map(pixels).collect::<Vec<_>>(),
        [[(10, 1), (0, 0)], [(20, 2), (0, 0)], [(0, 0), (30, 3)]]
    );
    assert!(found.pairs.iter().all(|p| p.subject == "12"));
    // With a page missing, masks could be applied to the wrong images.
    folder.stack("masks/12_a.tiff", &[[1, 0], [2, 0]]);
    let error = folder.open().unwrap_err().to_string();
    assert!(
        error.contains("the mask has 2 pages or slices") && error.contains("has 3 pages or slices"),
        "{error}"
    );
    std::fs::remove_file(folder.0.path().join("masks/12_a.tiff")).unwrap();
    image::GrayImage::new(2, 1)
        .save(folder.0.path().join("masks/12_a.png"))
        .unwrap();
    assert!(
        folder
            .open()
            .unwrap_err()
            .to_string()
            .contains("the mask has 1 page or slice")
    );
}

#[test]
fn a_mask_volume_with_another_voxel_grid_is_refused() {
    let folder = Folder::new();
    folder.volume("images/a.nii", Some(RAS), LABELS);
    folder.volume("masks/a.nii", Some(AS_SHOWN), LABELS);
    let error = folder.open().unwrap().pairs[0]
        .load_image_and_mask()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("its voxel grid differs from that of") && error.contains("import-masks"),
        "{error}"
    );
}

#[test]
fn a_subject_table_applies_to_all_slices_of_a_volume() {
    let folder = Folder::new();
    folder.volume("images/a.nii", None, LABELS);
    folder.volume("masks/a.nii", None, LABELS);
    folder.write("subjects.csv", b"name,subject\na.nii,Zoe\n");
    assert!(
        folder
            .open()
            .unwrap()
            .pairs
            .iter()
            .all(|pair| pair.subject == "Zoe")
    );
}

/// An nnU-Net dataset of two cases with two channels each.
fn nnunet(description: &str) -> Folder {
    let folder = Folder::new();
    for case in ["case_001", "case_002"] {
        folder.volume(
            &format!("imagesTr/{case}_0000.nii.gz"),
            Some(RAS),
            LABELS.map(|label| 10 * label),
        );
        folder.volume(&format!("imagesTr/{case}_0001.nii.gz"), Some(RAS), [9; 12]);
        folder.volume(&format!("labelsTr/{case}.nii.gz"), Some(RAS), LABELS);
    }
    folder.write("dataset.json", description.as_bytes());
    folder
}

#[test]
fn an_nnunet_dataset_is_read_without_conversion() {
    for labels in [
        r#"{"background": 0, "liver": 1, "tumour": 4}"#,
        r#"{"0": "background", "1": "liver", "4": "tumour"}"#,
    ] {
        let folder = nnunet(&format!(
            "{{\"channel_names\": {{\"0\": \"CT\"}}, \"labels\": {labels}}}"
        ));
        let found = folder.open().unwrap();
        assert_eq!(found.pairs.len(), 4);
        assert_eq!(found.pairs[0].name, "case_001-0001");
        assert_eq!(found.pairs[3].subject, "case_002");
        assert!(
            found
                .pairs
                .iter()
                .flat_map(pixels)
                .all(|(value, label)| value == 10 * label)
        );
        assert_eq!(found.labels.values, [1, 4].into());
        assert_eq!(
            [1, 4].map(|value| found.labels.label_for(value).name),
            ["liver", "tumour"]
        );
        assert!(
            found
                .notes
                .iter()
                .any(|note| note.contains("2 images were skipped: only the first channel")),
            "{:?}",
            found.notes
        );
    }
}

#[test]
fn nnunet_regions_and_ignore_labels_are_refused() {
    let refused = |labels: &str| {
        nnunet(&format!("{{\"labels\": {labels}}}"))
            .open()
            .unwrap_err()
            .to_string()
    };
    let regions = refused(r#"{"background": 0, "whole": [1, 4], "core": [4]}"#);
    assert!(regions.contains("consists of several values"), "{regions}");
    let ignored = refused(r#"{"background": 0, "liver": 1, "ignore": 4}"#);
    assert!(
        ignored.contains("value 4 marks pixels to ignore"),
        "{ignored}"
    );
}

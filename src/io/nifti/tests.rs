//! Volumes are shown upright with their values; labels are read back onto the same pixels.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    ErrorKind,
    io::{export::write_nifti, import, open},
};
use flate2::{Compression, write::GzEncoder};
use labrum_core::{
    image::{Pixels, Rescale},
    import::{Basis, ImportedMasks, MaskChoice},
    mask::Mask,
    progress::Cancel,
    study::{Catalog, Kind},
};
use std::{io::Write, path::PathBuf};

/// A volume to write.
#[derive(Clone)]
pub(crate) struct Volume {
    pub(crate) is_second: bool,
    pub(crate) big_endian: bool,
    pub(crate) dims: Vec<i64>,
    pub(crate) code: i16,
    /// The voxels, in the byte order of the file.
    pub(crate) bytes: Vec<u8>,
    pub(crate) scale: [f64; 2],
    /// Rows of the sform (RAS, mm).
    pub(crate) sform: Option<[[f64; 4]; 3]>,
    /// Quaternion, offset and `pixdim[0..4]` of the qform.
    pub(crate) qform: Option<([f64; 3], [f64; 3], [f64; 4])>,
}

impl Volume {
    /// Unsigned bytes.
    pub(crate) fn new(dims: &[i64], bytes: Vec<u8>) -> Self {
        let dims = dims.to_vec();
        Self {
            is_second: false,
            big_endian: false,
            dims,
            code: 2,
            bytes,
            scale: [0.0; 2],
            sform: None,
            qform: None,
        }
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        let length = if self.is_second { 544 } else { 352 };
        let mut head = vec![0u8; length];
        let mut put = |at: usize, bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            if self.big_endian {
                bytes.reverse();
            }
            head[at..at + bytes.len()].copy_from_slice(&bytes);
        };
        let axes = self.dims.len() as i64;
        let (quaternion, offset, sizes) =
            self.qform
                .unwrap_or(([0.0; 3], [0.0; 3], [1.0, 1.0, 1.0, 1.0]));
        let rows: Vec<f64> = self
            .sform
            .unwrap_or_default()
            .into_iter()
            .flatten()
            .collect();
        let codes = [
            i16::from(self.qform.is_some()),
            i16::from(self.sform.is_some()),
        ];
        if self.is_second {
            put(0, &540i32.to_le_bytes());
            put(12, &self.code.to_le_bytes());
            (0..)
                .zip([axes].iter().chain(&self.dims))
                .for_each(|(i, n)| put(16 + 8 * i, &n.to_le_bytes()));
            (0..)
                .zip(sizes)
                .for_each(|(i, v): (usize, f64)| put(104 + 8 * i, &v.to_le_bytes()));
            put(168, &544i64.to_le_bytes());
            (0..)
                .zip(self.scale)
                .for_each(|(i, v): (usize, f64)| put(176 + 8 * i, &v.to_le_bytes()));
            (0..)
                .zip(codes)
                .for_each(|(i, v)| put(344 + 4 * i, &i32::from(v).to_le_bytes()));
            (0..)
                .zip(quaternion.iter().chain(&offset))
                .for_each(|(i, v)| put(352 + 8 * i, &v.to_le_bytes()));
            (0..)
                .zip(&rows)
                .for_each(|(i, v)| put(400 + 8 * i, &v.to_le_bytes()));
            put(500, &2i32.to_le_bytes());
            head[4..12].copy_from_slice(b"n+2\0\r\n\x1a\n");
        } else {
            let single = |v: f64| (v as f32).to_le_bytes();
            put(0, &348i32.to_le_bytes());
            (0..)
                .zip([axes].iter().chain(&self.dims))
                .for_each(|(i, n)| put(40 + 2 * i, &(*n as i16).to_le_bytes()));
            put(70, &self.code.to_le_bytes());
            (0..)
                .zip(sizes)
                .for_each(|(i, v)| put(76 + 4 * i, &single(v)));
            put(108, &single(352.0));
            (0..)
                .zip(self.scale)
                .for_each(|(i, v)| put(112 + 4 * i, &single(v)));
            put(123, &[2]);
            (0..)
                .zip(codes)
                .for_each(|(i, v)| put(252 + 2 * i, &v.to_le_bytes()));
            (0..)
                .zip(quaternion.iter().chain(&offset))
                .for_each(|(i, v)| put(256 + 4 * i, &single(*v)));
            (0..)
                .zip(&rows)
                .for_each(|(i, v)| put(280 + 4 * i, &single(*v)));
            head[344..348].copy_from_slice(b"n+1\0");
        }
        head.extend(&self.bytes);
        head
    }
}

/// Columns to the right, rows to the front, slices up (RAS), 2 x 3 x 5 mm.
const RAS: [[f64; 4]; 3] = [
    [2.0, 0.0, 0.0, -10.0],
    [0.0, 3.0, 0.0, -20.0],
    [0.0, 0.0, 5.0, 30.0],
];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, volume: &Volume) -> PathBuf {
        self.write_bytes(name, &volume.file())
    }

    fn write_bytes(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        let bytes = if name.ends_with(".gz") {
            packed(bytes)
        } else {
            bytes.to_vec()
        };
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn catalog(path: &Path) -> Catalog {
    open::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default()).unwrap()
}

fn only_series(path: &Path) -> Series {
    let mut studies = catalog(path).studies;
    assert_eq!((studies.len(), studies[0].series.len()), (1, 1));
    studies.remove(0).series.remove(0)
}

fn pixels(series: &Series) -> Vec<Pixels> {
    series
        .slices
        .iter()
        .map(|s| open::load_slice(&s.source, series.kind).unwrap().pixels)
        .collect()
}

#[test]
fn both_versions_byte_orders_and_compressions_give_the_same_image() {
    let folder = Folder::new();
    let values: Vec<i16> = (0..12).map(|v| 100 * v - 600).collect();
    for (i, (is_second, big_endian)) in [(false, false), (false, true), (true, false), (true, true)]
        .into_iter()
        .enumerate()
    {
        let bytes = values
            .iter()
            .flat_map(|v| {
                if big_endian {
                    v.to_be_bytes()
                } else {
                    v.to_le_bytes()
                }
            })
            .collect();
        let scale = [0.5, -3.0];
        let plain = Volume {
            is_second,
            big_endian,
            code: 4,
            scale,
            ..Volume::new(&[3, 2, 2], bytes)
        };
        for name in [format!("{i}.nii"), format!("{i}.nii.gz")] {
            let series = only_series(&folder.write(&name, &plain));
            assert_eq!(
                (
                    series.kind,
                    series.columns,
                    series.rows,
                    series.slices.len()
                ),
                (Kind::Picture, 3, 2, 2)
            );
            let image = open::load_slice(&series.slices[1].source, series.kind).unwrap();
            assert_eq!(image.pixels, Pixels::I16(values[6..].to_vec()), "{name}");
            assert_eq!(
                image.rescale,
                Rescale {
                    slope: 0.5,
                    intercept: -3.0
                },
                "{name}"
            );
        }
    }
}

#[test]
fn a_volume_is_shown_upright_at_the_position_in_its_sform() {
    let folder = Folder::new();
    let volume = Volume {
        sform: Some(RAS),
        ..Volume::new(&[3, 2, 2], (0..12).collect())
    };
    let series = only_series(&folder.write("a.nii", &volume));
    // Patient left on the right, anterior on top, feet to head: rows and columns are reversed.
    assert_eq!(
        pixels(&series),
        [
            Pixels::U8(vec![5, 4, 3, 2, 1, 0]),
            Pixels::U8(vec![11, 10, 9, 8, 7, 6])
        ]
    );
    let plane = series.slices[0].plane.unwrap();
    assert_eq!(plane.orientation, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    // The first pixel is voxel 2, 1, 0: (-6, -17, 30) in RAS.
    assert_eq!(plane.position, [6.0, 17.0, 30.0]);
    let spacing = series.slices[0].spacing.unwrap();
    assert_eq!(
        (spacing.row, spacing.column, series.slice_spacing()),
        (3.0, 2.0, Some(5.0))
    );
}

#[test]
fn a_sagittal_volume_is_transposed_and_its_slices_are_ordered_along_their_normal() {
    // Stored axes: superior, anterior, right.
    let sform = [
        [0.0, 0.0, 4.0, 0.0],
        [0.0, 1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0],
    ];
    let folder = Folder::new();
    let volume = Volume {
        sform: Some(sform),
        ..Volume::new(&[3, 2, 2], (0..12).collect())
    };
    let series = only_series(&folder.write("a.nii", &volume));
    assert_eq!((series.columns, series.rows), (2, 3));
    // Head up, anterior on the left: the last stored row first, its last value on top.
    let first = pixels(&series).remove(0);
    assert_eq!(first, Pixels::U8(vec![5, 2, 4, 1, 3, 0]));
    let depths: Vec<f64> = series
        .slices
        .iter()
        .map(|s| s.plane.unwrap().distance_along_normal())
        .collect();
    assert!(depths[0] < depths[1], "{depths:?}");
}

#[test]
fn the_qform_is_used_where_there_is_no_sform() {
    let folder = Folder::new();
    // Rotated by 180 degrees about the third axis: columns to the left, rows to the back.
    let by_quaternion = ([0.0, 0.0, 1.0], [10.0, 20.0, 30.0], [1.0, 2.0, 3.0, 5.0]);
    let sform = [
        [-2.0, 0.0, 0.0, 10.0],
        [0.0, -3.0, 0.0, 20.0],
        [0.0, 0.0, 5.0, 30.0],
    ];
    let plain = Volume::new(&[3, 2, 2], (0..12).collect());
    let a = only_series(&folder.write(
        "a.nii",
        &Volume {
            sform: Some(sform),
            ..plain.clone()
        },
    ));
    let b = only_series(&folder.write(
        "b.nii",
        &Volume {
            qform: Some(by_quaternion),
            ..plain.clone()
        },
    ));
    let planes = |series: &Series| {
        series
            .slices
            .iter()
            .map(|s| s.plane.unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(planes(&a), planes(&b));
    assert_eq!(pixels(&a), pixels(&b));
    let differ = Volume {
        sform: Some(RAS),
        qform: Some(by_quaternion),
        ..plain
    };
    let series = only_series(&folder.write("c.nii", &differ));
    assert!(
        series.notes.iter().any(|n| n.contains("the sform is used")),
        "{:?}",
        series.notes
    );
}

#[test]
fn each_time_point_of_a_volume_is_a_series() {
    let folder = Folder::new();
    let path = folder.write("a.nii.gz", &Volume::new(&[2, 1, 2, 3], (0..12).collect()));
    let series = catalog(&path).studies.remove(0).series;
    let frames: Vec<Vec<u32>> = series
        .iter()
        .map(|s| s.slices.iter().map(|s| s.source.frame).collect())
        .collect();
    assert_eq!(frames, [[0, 1], [2, 3], [4, 5]]);
    assert_eq!(series[2].notes, ["time 3 of 3"]);
    for (time, one) in series.iter().enumerate() {
        let of = one.time_point.as_ref().unwrap();
        assert_eq!(of.group, series[0].id);
        assert_eq!((of.index, of.count), (time, 3));
    }
    assert_eq!(
        pixels(&series[2]),
        [Pixels::U8(vec![8, 9]), Pixels::U8(vec![10, 11])]
    );
}

#[test]
fn headers_that_contradict_the_file_are_refused() {
    let folder = Folder::new();
    let refused = |name: &str, volume: &Volume, part: &str| {
        let error = super::read_header(&folder.write(name, volume))
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{name}: {error}");
    };
    let plain = Volume::new(&[3, 2, 2], (0..12).collect());
    refused(
        "cut.nii",
        &Volume {
            bytes: vec![0; 11],
            ..plain.clone()
        },
        "truncated: it has 363 of 364",
    );
    refused(
        "axes.nii",
        &Volume {
            dims: vec![1; 9][..8].to_vec(),
            ..plain.clone()
        },
        "8 dimensions",
    );
    refused(
        "none.nii",
        &Volume {
            dims: vec![3, 0, 2],
            ..plain.clone()
        },
        "0 voxels along axis 2",
    );
    refused(
        "values.nii",
        &Volume {
            dims: vec![1, 1, 1, 1, 3],
            ..plain.clone()
        },
        "3 values per voxel",
    );
    refused(
        "complex.nii",
        &Volume {
            code: 32,
            ..plain.clone()
        },
        "complex",
    );
    let wide = Volume {
        is_second: true,
        dims: vec![i64::MAX; 4],
        ..plain.clone()
    };
    refused("wide.nii", &wide, "too large");
    let long = Volume {
        is_second: true,
        dims: vec![16_384, 16_384, 60_000],
        ..plain.clone()
    };
    refused("long.nii.gz", &long, "cannot hold");
    let cut = folder.write(
        "short.nii.gz",
        &Volume {
            bytes: vec![0; 11],
            ..plain
        },
    );
    let series = only_series(&cut);
    let error = open::load_slice(&series.slices[1].source, Kind::Picture).unwrap_err();
    assert_eq!(error.reason, "the file is truncated");
    let other = folder.write_bytes("a.gz", b"words");
    assert!(!is_nifti(&other));
}

/// Labels 0 to 3 of the voxels of a volume.
fn label_volume(sform: Option<[[f64; 4]; 3]>) -> Volume {
    Volume {
        sform,
        ..Volume::new(&[3, 2, 2], vec![0, 1, 2, 3, 1, 2, 2, 3, 0, 1, 1, 0])
    }
}

#[test]
fn labels_are_matched_by_position_whatever_the_storage_order() {
    let folder = Folder::new();
    let image = folder.write(
        "image.nii",
        &Volume {
            sform: Some(RAS),
            ..Volume::new(&[3, 2, 2], vec![7; 12])
        },
    );
    let series = only_series(&image);
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
    let image = folder.write(
        "image.nii",
        &Volume {
            sform: Some(RAS),
            ..Volume::new(&[3, 2, 2], vec![7; 12])
        },
    );
    let series = only_series(&image);
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
            let written = super::read_header(&folder.0.path().join("there.nii.gz")).unwrap();
            let image = super::read_header(&path).unwrap();
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

//! Volumes are shown upright with their values; labels are read back onto the same pixels.

#![allow(clippy::unwrap_used)]

mod exported;
mod labels;

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

//! The valid files that are mutated: at least one of each format and transfer syntax, all small.

use crate::formats::Format;
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use labrum::workspace::Workspace;
use labrum_core::{
    edit::Edit,
    gate::GateReport,
    journal::{
        Also, Author, CaseDescription, JournalStep, ModelStamp, Proposal, SliceDescription,
        StepState,
    },
    learning::{ModelKind, NewVersion, VersionState},
    mask::{Mask, PackedMask},
    measurement::{DrawnMeasurement, MeasurementChange, MeasurementPlace, Shape, ShapeKind},
    study::{Source, Status},
};
use std::{
    io::{Cursor, Write},
    path::{Path, PathBuf},
};

/// A valid file.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) bytes: Vec<u8>,
    /// Relative frequency: higher for small files and rare readers.
    pub(crate) weight: usize,
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The image that the segmentations and the report were made on.
pub(crate) fn segmented() -> PathBuf {
    root("tests/fixtures/syntaxes/explicit-little-endian.dcm")
}

/// All files, in the same order everywhere, and those of the folder LABRUM_SEEDS if it is set.
pub(crate) fn all() -> Vec<File> {
    let mut files = Vec::new();
    let fixtures = [
        ("tests/fixtures/pydicom", Format::Dicom, 2),
        ("tests/fixtures/syntaxes", Format::Dicom, 3),
        ("tests/fixtures/segmentations", Format::Segmentation, 8),
        ("tests/fixtures/reports", Format::Report, 20),
        ("tests/fixtures/presentations", Format::Dicom, 20),
    ];
    for (folder, format, weight) in fixtures {
        files.extend(inside(&root(folder), format, weight));
    }
    let samples = ["cardiac-mr/slice-01.dcm", "sarcoma-ct/slice-05.dcm"];
    files.extend(samples.map(|name| read(&root("assets/samples").join(name), Format::Dicom, 1)));
    files.push(read(
        &root("assets/samples/fetal-head/fetal-head-011_HC.png"),
        Format::Png,
        1,
    ));
    files.extend(pictures());
    files.push(read(
        &root("tests/fixtures/cmunext_S.pth"),
        Format::PyTorch,
        2,
    ));
    files.push(read(
        &root("assets/models/fetal-head.safetensors"),
        Format::Safetensors,
        2,
    ));
    files.push(File {
        name: "workspace".into(),
        format: Format::Workspace,
        bytes: workspace(),
        weight: 6,
    });
    if let Some(folder) = std::env::var_os("LABRUM_SEEDS") {
        files.extend(inside(Path::new(&folder), Format::Dicom, 1));
    }
    files
}

fn inside(folder: &Path, format: Format, weight: usize) -> Vec<File> {
    let entries = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok);
    let is_one =
        |path: &Path| path.is_file() && path.extension().is_some_and(|ending| ending == "dcm");
    let small = |path: &Path| path.metadata().is_ok_and(|about| about.len() < 200_000);
    let paths = entries
        .map(|entry| entry.into_path())
        .filter(|path| is_one(path) && small(path));
    let files: Vec<File> = paths.map(|path| read(&path, format, weight)).collect();
    assert!(!files.is_empty(), "no DICOM files in {}", folder.display());
    files
}

fn read(path: &Path, format: Format, weight: usize) -> File {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    File {
        name,
        format,
        bytes: std::fs::read(path).unwrap(),
        weight,
    }
}

/// Small images of all kinds.
fn pictures() -> Vec<File> {
    let value = |x: u32, y: u32| (x * 7 + y * 13 + x * y) as u8;
    let grey = GrayImage::from_fn(33, 21, |x, y| image::Luma([value(x, y)]));
    let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(17, 12, |x, y| {
        image::Luma([257 * u16::from(value(x, y))])
    });
    let color = RgbImage::from_fn(20, 16, |x, y| image::Rgb([value(x, y), value(y, x), 90]));
    let alpha =
        image::RgbaImage::from_fn(9, 9, |x, y| image::Rgba([value(x, y), 1, 2, value(y, x)]));
    let mask = GrayImage::from_fn(37, 29, |x, y| image::Luma([u8::from(x > 10 && y > 10) * 2]));
    let pictures: [(&str, DynamicImage); 5] = [
        ("grey", grey.into()),
        ("deep", deep.into()),
        ("color", color.into()),
        ("alpha", alpha.into()),
        ("mask", mask.into()),
    ];
    let formats = [
        (Format::Png, ImageFormat::Png, 3),
        (Format::Tiff, ImageFormat::Tiff, 3),
        (Format::Bmp, ImageFormat::Bmp, 3),
        (Format::Jpeg, ImageFormat::Jpeg, 4),
        (Format::WebP, ImageFormat::WebP, 2),
    ];
    let mut files = Vec::new();
    for (name, picture) in &pictures {
        for (format, coding, weight) in formats {
            let mut bytes = Cursor::new(Vec::new());
            // BMP and JPEG do not support every bit depth.
            if picture.write_to(&mut bytes, coding).is_ok() {
                files.push(File {
                    name: (*name).into(),
                    format,
                    bytes: bytes.into_inner(),
                    weight,
                });
            }
        }
    }
    files.push(File {
        name: "palette".into(),
        format: Format::Png,
        bytes: palette(),
        weight: 4,
    });
    for (name, photometric, bits) in [
        ("palette", 3, 8),
        ("float", 1, 32),
        ("twelve", 1, 12),
        ("pages", 1, 8),
    ] {
        let bytes = tiff(if name == "pages" { 3 } else { 1 }, photometric, bits);
        files.push(File {
            name: name.into(),
            format: Format::Tiff,
            bytes,
            weight: 4,
        });
    }
    for (name, is_second, is_packed) in [
        ("volume", false, false),
        ("second", true, false),
        ("packed", false, true),
    ] {
        files.push(File {
            name: name.into(),
            format: Format::Nifti,
            bytes: nifti(is_second, is_packed),
            weight: 6,
        });
    }
    files
}

/// A TIFF with pages of 8 x 6 pixels, one after the other.
fn tiff(pages: u32, photometric: u32, bits: u32) -> Vec<u8> {
    let mut out = b"II*\0".to_vec();
    let mut link = out.len();
    out.extend([0; 4]);
    let data = 8 * 6 * bits / 8;
    for page in 0..pages {
        let begins = out.len() as u32;
        out.extend((0..data).map(|i| (i * 7 + page) as u8));
        let colors = out.len() as u32;
        out.extend((0..3 * 256u16).flat_map(|i| (i * 85).to_le_bytes()));
        let at = out.len() as u32;
        out[link..link + 4].copy_from_slice(&at.to_le_bytes());
        let format = if bits == 32 { 3 } else { 1 };
        let fields: [(u16, u16, u32, u32); 11] = [
            (256, 4, 1, 8),
            (257, 4, 1, 6),
            (258, 3, 1, bits),
            (259, 3, 1, 1),
            (262, 3, 1, photometric),
            (273, 4, 1, begins),
            (274, 3, 1, 6),
            (278, 4, 1, 6),
            (279, 4, 1, data),
            (320, 3, 768, colors),
            (339, 3, 1, format),
        ];
        out.extend(11u16.to_le_bytes());
        for (tag, kind, count, value) in fields {
            out.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            out.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        link = out.len();
        out.extend([0; 4]);
    }
    out
}

/// A volume of 9 x 7 x 5 voxels with 16 bits each.
fn nifti(is_second: bool, is_packed: bool) -> Vec<u8> {
    let mut head = vec![0; if is_second { 544 } else { 352 }];
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    let dims = [3, 9, 7, 5, 1, 1, 1, 1];
    let affine = [
        -2.0, 0.0, 0.0, 10.0, 0.0, -3.0, 0.0, 20.0, 0.0, 0.0, 5.0, 30.0,
    ];
    if is_second {
        put(0, &540i32.to_le_bytes());
        put(4, b"n+2\0\r\n\x1a\n");
        put(12, &4i16.to_le_bytes());
        (0..)
            .zip(dims)
            .for_each(|(i, n)| put(16 + 8 * i, &i64::from(n).to_le_bytes()));
        put(168, &544i64.to_le_bytes());
        put(348, &1i32.to_le_bytes());
        (0..)
            .zip(affine)
            .for_each(|(i, v): (usize, f64)| put(400 + 8 * i, &v.to_le_bytes()));
    } else {
        put(0, &348i32.to_le_bytes());
        (0..)
            .zip(dims)
            .for_each(|(i, n)| put(40 + 2 * i, &(n as i16).to_le_bytes()));
        put(70, &4i16.to_le_bytes());
        put(108, &352f32.to_le_bytes());
        put(254, &1i16.to_le_bytes());
        (0..)
            .zip(affine)
            .for_each(|(i, v)| put(280 + 4 * i, &(v as f32).to_le_bytes()));
        put(344, b"n+1\0");
    }
    head.extend((0..9 * 7 * 5).flat_map(|i: i16| (i % 4).to_le_bytes()));
    if !is_packed {
        return head;
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&head).unwrap();
    packed.finish().unwrap()
}

/// A mask as other programs write it: with a palette and two bits per pixel.
fn palette() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 37, 29);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(vec![0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0b0001_1011; 10 * 29]).unwrap();
    writer.finish().unwrap();
    bytes
}

/// The changes that make a measurement of each kind.
fn measurements(case: usize) -> Vec<MeasurementChange> {
    let points = [[1.0, 2.0], [9.0, 2.0], [5.0, 1.0], [5.0, 3.0]];
    let shapes = ShapeKind::ALL.into_iter().filter_map(|kind| {
        (1..=points.len()).find_map(|count| Shape::new(kind, points[..count].to_vec()))
    });
    let drawn = shapes.enumerate().map(|(number, shape)| DrawnMeasurement {
        id: format!("{:032x}", 8 * case + number),
        name: "Lesion".into(),
        finding: None,
        author: "Reader".into(),
        place: MeasurementPlace::Slice(0),
        shape,
    });
    let changes = drawn.map(|drawn| MeasurementChange {
        before: None,
        after: Some(drawn),
    });
    changes.collect()
}

/// A workspace with cases, masks, measurements, steps and a model version, in one file.
fn workspace() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut workspace = Workspace::open(folder.path()).unwrap();
    let disc = |radius: usize| {
        let label = |i: usize| {
            u8::from((i % 40).abs_diff(20).pow(2) + (i / 40).abs_diff(15).pow(2) < radius * radius)
        };
        Mask::from_labels(40, 30, (0..1200).map(label).collect()).unwrap()
    };
    let slice = |n: u32| SliceDescription {
        source: Source {
            path: "scan.dcm".into(),
            frame: n,
        },
        sop_instance_uid: Some("1.2.3".into()),
    };
    let model = ModelStamp {
        name: "heart".into(),
        version: "1".into(),
        weights: "00".into(),
    };
    for n in 0..3 {
        let case = workspace
            .adopt_case(&CaseDescription {
                identity: format!("case {n}"),
                study: "1.2".into(),
                description: "PD".into(),
                modality: "MR".into(),
                date: String::new(),
                columns: 40,
                rows: 30,
                subject: format!("{n}"),
                fingerprint: Some(7),
                time_point: None,
                slices: (0..2).map(slice).collect(),
            })
            .unwrap();
        let proposal = Proposal {
            model: model.clone(),
            at: 1,
            mask: PackedMask::from_mask(&disc(9)),
        };
        workspace
            .put_proposal(case, 0, &proposal, Some(&[7; 600]))
            .unwrap();
        let edit = Edit::between(disc(9).pixel_labels(), disc(11).pixel_labels());
        let author = Author::Person("somebody".into());
        let seq = workspace.next_seq().unwrap();
        let step = JournalStep {
            seq,
            case,
            at: 2,
            author,
            tool: "brush".into(),
            edits: vec![(0, edit)],
            also: Also {
                measurements: measurements(n),
                ..Also::default()
            },
            state: StepState::Done,
        };
        workspace.append_step(&step, &[]).unwrap();
        workspace.set_status(case, Status::Accepted).unwrap();
    }
    let (round, _) = workspace.begin_round("{}", None).unwrap();
    let version = NewVersion {
        round: round.key,
        kind: ModelKind::Masks,
        parent: None,
        parent_name: String::new(),
        state: VersionState::Accepted,
        hash: format!("{:064}", 1),
        cases: 1,
        seconds: 1.0,
        steps: 1,
        settings: "{}".into(),
        report: GateReport::new(Vec::new(), &[]),
        bytes: b"weights".repeat(40).into(),
        name: "round-1".into(),
    };
    workspace.add_version(&version).unwrap();
    workspace.close().unwrap();
    std::fs::read(folder.path().join("workspace.sqlite")).unwrap()
}

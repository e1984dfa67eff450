//! The files that are broken: of each format and each transfer syntax at least one, all small and all in order.

use crate::formats::Format;
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use labrum::{
    domain::{
        edit::Edit,
        gate::GateReport,
        journal::{Author, CaseDescription, ModelStamp, Proposal, SliceDescription, Step, StepState},
        learning::{NewVersion, VersionState},
        mask::{Mask, PackedMask},
        study::{Source, Status},
    },
    workspace::Workspace,
};
use std::{
    io::Cursor,
    path::{Path, PathBuf},
};

/// A file in order.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) bytes: Vec<u8>,
    /// How often it is chosen: small files and rare readers more often.
    pub(crate) weight: usize,
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The image that the segmentations were made from.
pub(crate) fn segmented() -> PathBuf {
    root("tests/fixtures/syntaxes/explicit-little-endian.dcm")
}

/// All of them, in an order that is the same everywhere; more from the folder LABRUM_SEEDS where that is set.
pub(crate) fn all() -> Vec<File> {
    let mut files = Vec::new();
    let fixtures = [
        ("tests/fixtures/pydicom", Format::Dicom, 2),
        ("tests/fixtures/syntaxes", Format::Dicom, 3),
        ("tests/fixtures/segmentations", Format::Segmentation, 8),
    ];
    for (folder, format, weight) in fixtures {
        files.extend(inside(&root(folder), format, weight));
    }
    let samples = ["cardiac-mr/slice-01.dcm", "sarcoma-ct/slice-05.dcm"];
    files.extend(samples.map(|name| read(&root("assets/samples").join(name), Format::Dicom, 1)));
    files.push(read(&root("assets/samples/fetal-head/fetal-head-011_HC.png"), Format::Png, 1));
    files.extend(pictures());
    files.push(read(&root("tests/fixtures/cmunext_S.pth"), Format::PyTorch, 2));
    files.push(read(&root("assets/models/fetal-head.safetensors"), Format::Safetensors, 2));
    files.push(File { name: "workspace".into(), format: Format::Workspace, bytes: workspace(), weight: 6 });
    if let Some(folder) = std::env::var_os("LABRUM_SEEDS") {
        files.extend(inside(Path::new(&folder), Format::Dicom, 1));
    }
    files
}

fn inside(folder: &Path, format: Format, weight: usize) -> Vec<File> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    let is_one = |path: &Path| path.is_file() && path.extension().is_some_and(|ending| ending == "dcm");
    let small = |path: &Path| path.metadata().is_ok_and(|about| about.len() < 200_000);
    let paths = entries.map(|entry| entry.into_path()).filter(|path| is_one(path) && small(path));
    let files: Vec<File> = paths.map(|path| read(&path, format, weight)).collect();
    assert!(!files.is_empty(), "there are no files in {}", folder.display());
    files
}

fn read(path: &Path, format: Format, weight: usize) -> File {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    File { name, format, bytes: std::fs::read(path).unwrap(), weight }
}

/// Small pictures of all kinds.
fn pictures() -> Vec<File> {
    let value = |x: u32, y: u32| (x * 7 + y * 13 + x * y) as u8;
    let grey = GrayImage::from_fn(33, 21, |x, y| image::Luma([value(x, y)]));
    let deep =
        image::ImageBuffer::<image::Luma<u16>, _>::from_fn(17, 12, |x, y| image::Luma([257 * u16::from(value(x, y))]));
    let color = RgbImage::from_fn(20, 16, |x, y| image::Rgb([value(x, y), value(y, x), 90]));
    let alpha = image::RgbaImage::from_fn(9, 9, |x, y| image::Rgba([value(x, y), 1, 2, value(y, x)]));
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
    ];
    let mut files = Vec::new();
    for (name, picture) in &pictures {
        for (format, coding, weight) in formats {
            let mut bytes = Cursor::new(Vec::new());
            // BMP and JPEG hold not every depth.
            if picture.write_to(&mut bytes, coding).is_ok() {
                files.push(File { name: (*name).into(), format, bytes: bytes.into_inner(), weight });
            }
        }
    }
    files.push(File { name: "palette".into(), format: Format::Png, bytes: palette(), weight: 4 });
    files
}

/// A mask as other programs write it: with a palette, two bits for a pixel.
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

/// A workspace with cases, masks, steps and a version of a model, in one file.
fn workspace() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut workspace = Workspace::open(folder.path()).unwrap();
    let disc = |radius: usize| {
        let label = |i: usize| u8::from((i % 40).abs_diff(20).pow(2) + (i / 40).abs_diff(15).pow(2) < radius * radius);
        Mask::from_labels(40, 30, (0..1200).map(label).collect()).unwrap()
    };
    let slice = |n: u32| SliceDescription {
        source: Source { path: "scan.dcm".into(), frame: n },
        sop_instance_uid: Some("1.2.3".into()),
    };
    let model = ModelStamp { name: "heart".into(), version: "1".into(), weights: "00".into() };
    for n in 0..3 {
        let case = workspace
            .adopt(&CaseDescription {
                identity: format!("case {n}"),
                study: "1.2".into(),
                description: "PD".into(),
                modality: "MR".into(),
                date: String::new(),
                columns: 40,
                rows: 30,
                subject: format!("{n}"),
                fingerprint: Some(7),
                slices: (0..2).map(slice).collect(),
            })
            .unwrap();
        let proposal = Proposal { model: model.clone(), at: 1, mask: PackedMask::of(&disc(9)) };
        workspace.put_proposal(case, 0, &proposal, Some(&[7; 600])).unwrap();
        let edit = Edit::between(disc(9).labels(), disc(11).labels());
        let author = Author::Person("somebody".into());
        let seq = workspace.next_seq().unwrap();
        let step =
            Step { seq, case, at: 2, author, tool: "brush".into(), edits: vec![(0, edit)], state: StepState::Done };
        workspace.append(&step, &[]).unwrap();
        workspace.set_status(case, Status::Accepted).unwrap();
    }
    let (round, _) = workspace.begin_round("{}", None).unwrap();
    let version = NewVersion {
        round: round.key,
        parent: None,
        parent_name: String::new(),
        state: VersionState::Accepted,
        hash: format!("{:064}", 1),
        cases: 1,
        seconds: 1.0,
        steps: 1,
        settings: "{}".into(),
        report: GateReport::new(Vec::new(), &[]),
        bytes: b"weights".repeat(40),
        name: "round-1".into(),
    };
    workspace.add_version(&version).unwrap();
    workspace.close().unwrap();
    std::fs::read(folder.path().join("workspace.sqlite")).unwrap()
}

//! Compares docs/formats.md with what the reader does for every transfer syntax, photometric
//! interpretation and bit depth.
//!
//! The files are made by `tests/peers/make_matrix.py`. `LABRUM_WRITE_FORMATS=1` rewrites the page;
//! `LABRUM_DICOM_FOLDER` names a folder of further files that this script made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod known;

use known::{Known, Values};
use labrum::io::{info, open};
use labrum_core::{
    image::{Image, Pixels},
    study::{Kind, Source},
};
use std::{collections::BTreeMap, fmt::Write, path::Path};

const ARCHIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/formats.tar.gz");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/formats.md");
const HEAD: &str = "# What Labrum reads

Written by `tests/formats`, which fails where the reader does something else: `LABRUM_WRITE_FORMATS=1 cargo test
--release --test formats` writes this page anew.

Each row is a file that `tests/peers/make_matrix.py` made with other programs' encoders (pydicom, OpenJPEG, CharLS,
libjpeg, OpenJPH, libjxl, DCMTK). *Equal*: every value is that before compression or, after a lossy one, that which
pydicom or DCMTK decodes. *Within n*: no value is off by more; *for 99 %*: where pixels share their colour, decoders interpolate each
in its own way. Colour is compared in 8 bits a channel, as it is shown. Everything else is refused with the message in
quotes.

";

/// Difference from the expected values.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Off {
    /// The largest difference.
    most: f64,
    /// The share of values that differ by more than 3.
    far: f64,
}

/// Result for a file or frame.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    Shown(Off),
    /// Shown in part: the message about the rest, and the difference of this part.
    InPart(String, Off),
    /// Refused with this message.
    Refused(String),
}

impl Verdict {
    fn words(&self) -> String {
        match self {
            Self::Shown(off) => closeness(*off).into(),
            Self::InPart(what, off) => format!("{} where it is; \"{what}\"", closeness(*off)),
            Self::Refused(message) => format!("\"{message}\""),
        }
    }

    /// The difference, if the whole image is shown.
    fn whole(&self) -> Option<Off> {
        match self {
            Self::Shown(off) => Some(*off),
            _ => None,
        }
    }

    /// True if wrong pixels are shown: that is worse than none.
    fn is_wrong(&self) -> bool {
        matches!(self, Self::Shown(off) | Self::InPart(_, off) if closeness(*off) == DIFFERENT)
    }
}

const DIFFERENT: &str = "DIFFERENT";

/// The class of a difference: exact differences depend on the processor.
fn closeness(off: Off) -> &'static str {
    match off {
        Off { most: 0.0, .. } => "equal",
        Off { most, .. } if most <= 1.0 => "within 1",
        Off { most, .. } if most <= 3.0 => "within 3",
        Off { far, .. } if far <= 0.01 => "within 3 for 99 %",
        _ => DIFFERENT,
    }
}

fn load(path: &Path, frame: usize, values: &Values) -> Verdict {
    let source = Source {
        path: path.to_owned(),
        frame: frame as u32,
    };
    match open::load_slice(&source, Kind::Dicom) {
        Err(error) => Verdict::Refused(error.reason),
        Ok(image) => {
            let off = difference(&image, values);
            image
                .truncated
                .map_or(Verdict::Shown(off), |what| Verdict::InPart(what, off))
        }
    }
}

/// The difference in the rows that exist; infinite if the size differs.
fn difference(image: &Image, values: &Values) -> Off {
    let found: Vec<f64> = match &image.pixels {
        Pixels::U8(v) => v.iter().map(|v| f64::from(*v)).collect(),
        Pixels::U16(v) => v.iter().map(|v| f64::from(*v)).collect(),
        Pixels::I16(v) => v.iter().map(|v| f64::from(*v)).collect(),
        Pixels::F32(v) => v.iter().map(|v| f64::from(*v)).collect(),
        Pixels::Rgb8(v) => v.as_flattened().iter().map(|v| f64::from(*v)).collect(),
    };
    if found.len() != values.frame.len() || image.rows != values.rows {
        return Off {
            most: f64::INFINITY,
            far: 1.0,
        };
    }
    let words = image.truncated.as_deref().unwrap_or_default();
    let missing = words
        .strip_prefix("the lower ")
        .and_then(|rest| rest.split(' ').next())
        .and_then(|n| n.parse().ok());
    let there = found.len() / image.rows * (image.rows - missing.unwrap_or(0));
    let off = |(a, b): (&f64, &f64)| {
        // Values beyond 24 bits are kept as single precision.
        let off = (a - b).abs();
        if off <= b.abs() * 1e-7 { 0.0 } else { off }
    };
    let offs: Vec<f64> = found
        .iter()
        .zip(&values.frame)
        .take(there)
        .map(off)
        .collect();
    let far = offs.iter().filter(|off| **off > 3.0).count() as f64 / offs.len().max(1) as f64;
    Off {
        most: offs.into_iter().fold(0.0, f64::max),
        far,
    }
}

/// One verdict for each frame.
fn verdicts(folder: &Path, known: &Known) -> Vec<Verdict> {
    let path = folder.join(&known.file);
    let frames = known.frames(folder);
    frames
        .iter()
        .enumerate()
        .map(|(i, values)| load(&path, i, values))
        .collect()
}

/// The largest difference of all frames or, if not all are shown, the result for each frame.
fn summary(verdicts: &[Verdict]) -> String {
    let shown: Vec<Off> = verdicts.iter().filter_map(Verdict::whole).collect();
    if shown.len() == verdicts.len() {
        let worst = |of: fn(&Off) -> f64| shown.iter().map(of).fold(0.0, f64::max);
        return closeness(Off {
            most: worst(|o| o.most),
            far: worst(|o| o.far),
        })
        .into();
    }
    let words: Vec<String> = verdicts.iter().map(Verdict::words).collect();
    match words.as_slice() {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => first.clone(),
        all => all
            .iter()
            .enumerate()
            .map(|(i, w)| format!("frame {}: {w}", i + 1))
            .collect::<Vec<_>>()
            .join("; "),
    }
}

fn page(folder: &Path, all: &[Known]) -> String {
    let mut page = HEAD.to_owned();
    let mut plain: BTreeMap<(String, String, String), String> = BTreeMap::new();
    let mut odd: BTreeMap<String, String> = BTreeMap::new();
    for known in all {
        let verdicts = verdicts(folder, known);
        let wrong = verdicts.iter().any(Verdict::is_wrong);
        assert!(
            !wrong,
            "{} shows wrong pixels: {}",
            known.file,
            summary(&verdicts)
        );
        if let Some(words) = &known.refused {
            let said = summary(&verdicts);
            assert!(
                said.contains(words.as_str()),
                "{}: \"{words}\" is not in {said}",
                known.file
            );
        }
        if known.is_odd {
            odd.insert(known.title(), summary(&verdicts));
        } else {
            let syntax = format!(
                "{} ({})",
                info::transfer_syntax(&known.syntax),
                known.syntax
            );
            plain.insert(
                (syntax, known.photometric.clone(), known.bits.clone()),
                summary(&verdicts),
            );
        }
    }
    page.push_str(
        "## Transfer syntaxes\n\n| transfer syntax | photometric interpretation | bits | result |\n|---|---|---|---|\n",
    );
    for ((syntax, photometric, bits), result) in plain {
        let _ = writeln!(page, "| {syntax} | {photometric} | {bits} | {result} |");
    }
    page.push_str("\n## Odd files, palettes, fragments\n\n| file | result |\n|---|---|\n");
    for (file, result) in odd {
        let _ = writeln!(page, "| {file} | {result} |");
    }
    page
}

#[test]
fn the_formats_page_matches_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let archive = std::fs::File::open(ARCHIVE).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(archive))
        .unpack(folder.path())
        .unwrap();
    let all = known::listed(folder.path());
    assert!(all.len() > 200, "only {} files", all.len());
    let page = page(folder.path(), &all);
    if std::env::var_os("LABRUM_WRITE_FORMATS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    let differs = page
        .lines()
        .zip(committed.lines())
        .find(|(now, then)| now != then);
    assert!(
        page == committed,
        "docs/formats.md does not match the reader; the first line that differs:\nnow:  {}\nthen: {}",
        differs.map_or("", |d| d.0),
        differs.map_or("", |d| d.1)
    );
}

#[test]
fn further_files_are_read_as_expected() {
    let Some(folder) = std::env::var_os("LABRUM_DICOM_FOLDER") else {
        return;
    };
    let folder = Path::new(&folder);
    let (mut wrong, mut counts) = (Vec::new(), BTreeMap::new());
    for known in known::found(folder) {
        let verdicts = verdicts(folder, &known);
        let said = summary(&verdicts);
        let unexpected = known
            .refused
            .as_ref()
            .is_some_and(|words| !said.contains(words.as_str()));
        if verdicts.iter().any(Verdict::is_wrong) || unexpected {
            wrong.push(format!("{}: {said}", known.file));
        }
        let kinds = verdicts.iter().map(|v| match v {
            Verdict::Shown(off) => closeness(*off),
            Verdict::InPart(..) => "shown in part",
            Verdict::Refused(_) => "message",
        });
        kinds.for_each(|kind| *counts.entry(kind).or_insert(0) += 1);
    }
    println!("{counts:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! All files of one series in one folder: what they are called and what goes into them.

use super::{Measurements, OverlayLook, label_map, label_mask, overlay, probabilities};
use crate::Result;
use crate::domain::image::{Image, Window};
use crate::domain::label::Label;
use crate::domain::mask::Mask;
use crate::domain::prediction::Prediction;
use crate::domain::study::{Kind, Series};
use crate::io::dicom::seg::{self, Authorship};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `STEM.png` for each slice: 0 background, 1..=n the labels.
    LabelMap,
    /// `STEM.LABEL.png` for each slice and label: 0 or 255.
    LabelMasks,
    /// `STEM.overlay.png` for each slice: the image with the mask over it.
    Overlay,
    /// `STEM.LABEL.probability.png` for each slice and label: 16 bits grey.
    Probabilities,
    /// `SERIES.seg.dcm`: DICOM-SEG, BINARY.
    Seg,
    /// `SERIES.measurements.json`.
    Json,
    /// `SERIES.measurements.csv`.
    Csv,
}

/// Names that no two files of one export share.
#[derive(Clone, Debug)]
pub struct Names {
    /// One for each slice, from its file and frame.
    pub slices: Vec<String>,
    /// Of the series, from its UID or its file.
    pub series: String,
}

impl Names {
    /// Names for `series` that are not in `taken` yet, and then are.
    pub fn new(series: &Series, taken: &mut HashSet<String>) -> Self {
        let stem = |path: &Path| path.file_stem().map_or("image".into(), |s| s.to_string_lossy().into_owned());
        // DICOM files often have UIDs for names: what stands behind the last dot is no ending there.
        let name = |path: &Path| match path.extension().and_then(|e| e.to_str()) {
            Some(ending) if ending.len() <= 4 && !ending.bytes().all(|b| b.is_ascii_digit()) => stem(path),
            _ => path.file_name().map_or("image".into(), |s| s.to_string_lossy().into_owned()),
        };
        let frames = |path: &Path| series.slices.iter().filter(|s| s.source.path == path).count();
        let slices = series.slices.iter().map(|slice| {
            let base = name(&slice.source.path);
            let many = frames(&slice.source.path) > 1;
            let wanted = if many { format!("{base}-{:04}", slice.source.frame + 1) } else { base };
            unique(&safe(&wanted), taken)
        });
        let slices: Vec<String> = slices.collect();
        let series = match (series.kind, series.slices.first()) {
            (Kind::Picture, Some(slice)) => name(&slice.source.path),
            _ => series.id.clone(),
        };
        Self { slices, series: unique(&format!("{}.series", safe(&series)), taken).trim_end_matches(".series").into() }
    }
}

/// `wanted`, or with a number behind it where it is taken.
fn unique(wanted: &str, taken: &mut HashSet<String>) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    // File systems of Windows and macOS do not tell upper from lower case.
    while !taken.insert(name.to_lowercase()) {
        name = format!("{wanted}-{number}");
        number += 1;
    }
    name
}

/// A name that every file system takes.
fn safe(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() || "._- ()+".contains(c) { c } else { '_' };
    let name: String = name.chars().map(keep).take(120).collect();
    let name = name.trim().trim_matches('.').to_owned();
    if name.is_empty() { "image".into() } else { name }
}

/// One slice to be written.
pub struct SliceFiles<'a> {
    /// Its pixels; for overlays.
    pub image: &'a Image,
    /// Window of the overlay.
    pub window: Window,
    /// Look of the overlay.
    pub look: OverlayLook,
    /// Its mask.
    pub mask: &'a Mask,
    /// Where the probabilities come from.
    pub prediction: Option<&'a Prediction>,
    /// What the mask's values mean.
    pub labels: &'a [Label],
}

/// Writes the files of one slice and tells which.
pub fn write_slice(folder: &Path, name: &str, files: &SliceFiles<'_>, formats: &[Format]) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let named = |i: usize| match files.labels {
        [_] => String::new(),
        labels => format!(".{}", safe(&labels[i].name)),
    };
    for format in formats {
        match format {
            Format::LabelMap => {
                let path = folder.join(format!("{name}.png"));
                label_map(&path, files.mask, files.labels)?;
                written.push(path);
            }
            Format::LabelMasks => {
                for (i, label) in files.labels.iter().enumerate() {
                    let path = folder.join(format!("{name}.{}.png", safe(&label.name)));
                    label_mask(&path, files.mask, i as u8 + 1)?;
                    written.push(path);
                }
            }
            Format::Overlay => {
                let path = folder.join(format!("{name}.overlay.png"));
                overlay(&path, files.image, files.window, files.mask, files.labels, files.look)?;
                written.push(path);
            }
            Format::Probabilities => {
                for (i, map) in files.prediction.iter().flat_map(|p| p.probabilities.iter().enumerate()) {
                    let path = folder.join(format!("{name}{}.probability.png", named(i)));
                    probabilities(&path, files.mask.columns(), files.mask.rows(), map)?;
                    written.push(path);
                }
            }
            Format::Seg | Format::Json | Format::Csv => {}
        }
    }
    Ok(written)
}

/// Writes the files of the whole series; `masks` holds one mask for each slice. Tells the files and what to warn of.
pub fn write_series(
    folder: &Path,
    name: &str,
    series: &Series,
    masks: &[Mask],
    labels: &[Label],
    author: &Authorship,
    formats: &[Format],
) -> Result<(Vec<PathBuf>, Vec<String>)> {
    let (mut written, mut warnings) = (Vec::new(), Vec::new());
    for format in formats {
        let path = match format {
            Format::Seg => {
                let path = folder.join(format!("{name}.seg.dcm"));
                warnings.extend(seg::write(&path, series, masks, labels, author, seg::Options::default())?.warnings);
                path
            }
            Format::Json => {
                let path = folder.join(format!("{name}.measurements.json"));
                Measurements::of(series, masks, labels).write_json(&path)?;
                path
            }
            Format::Csv => {
                let path = folder.join(format!("{name}.measurements.csv"));
                Measurements::of(series, masks, labels).write_csv(&path)?;
                path
            }
            _ => continue,
        };
        written.push(path);
    }
    Ok((written, warnings))
}

//! DICOM Segmentation (PS3.3 A.51): writes masks and probabilities as SEG files, and imports SEG files as masks.
//!
//! The geometry of the source (CT, MR) is kept. Images without one (ultrasound, X-ray) are referenced frame by frame;
//! on request they get a synthetic geometry, which some viewers require. Image files that are not DICOM cannot be
//! referenced, so they always get a synthetic geometry, in a new study.

pub(crate) mod charset;
pub(crate) mod clean;
pub(crate) mod element;
mod frames;
mod import;
pub(crate) mod origin;
mod pack;
mod place;
mod read;
mod segments;
mod space;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_import;
#[cfg(test)]
mod tests_matrix;
mod write;

pub use super::references::ReferencedSeries;
pub use import::{import_all, import_chosen};
pub use read::{SegFrame, Segmentation, is_segmentation, read_header};

use labrum_core::{Error, Result, label::Label, mask::Mask, study::Series, whole_file};
use std::{
    path::{Path, PathBuf},
    result,
};

/// Segment Algorithm Type (0062,0008): who made the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmType {
    /// The model alone.
    Automatic,
    /// The model, corrected by a person.
    Semiautomatic,
    /// A person alone.
    Manual,
}

impl AlgorithmType {
    /// The defined term of Segment Algorithm Type.
    pub fn defined_term(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::Semiautomatic => "SEMIAUTOMATIC",
            Self::Manual => "MANUAL",
        }
    }
}

/// Author of a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorship {
    /// Model, person or both.
    pub algorithm_type: AlgorithmType,
    /// Name of the model; not used for [`AlgorithmType::Manual`].
    pub model: String,
    /// Version of the model.
    pub model_version: String,
    /// SHA-256 of its weights, hex; empty if unknown.
    pub weights: String,
    /// The person who drew or corrected it; empty if unknown.
    pub person: String,
}

impl Authorship {
    /// A mask made by a model alone.
    pub fn from_model(model: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            algorithm_type: AlgorithmType::Automatic,
            model: model.into(),
            model_version: version.into(),
            weights: String::new(),
            person: String::new(),
        }
    }

    /// Sets the hash of the model's weights.
    pub fn with_weights(self, weights: impl Into<String>) -> Self {
        Self {
            weights: weights.into(),
            ..self
        }
    }

    fn recorded_model(&self) -> String {
        text_or_unknown(&self.model)
    }

    fn recorded_version(&self) -> String {
        text_or_unknown(&self.model_version)
    }
}

/// The text in printable ASCII; "unknown" if it is empty.
fn text_or_unknown(text: &str) -> String {
    let text = element::printable_ascii(text.trim(), 40);
    if text.is_empty() {
        "unknown".into()
    } else {
        text
    }
}

/// Segmentation Type (0062,0001).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentationType {
    /// One bit per pixel, one frame per segment and slice; supported by all programs.
    Binary,
    /// Probabilities or fractions of a pixel, one frame per segment and slice.
    Fractional,
    /// One frame per slice, whose values are segment numbers; a separate SOP class since 2024.
    LabelMap,
}

impl SegmentationType {
    fn defined_term(self) -> &'static str {
        match self {
            Self::Binary => "BINARY",
            Self::Fractional => "FRACTIONAL",
            Self::LabelMap => "LABELMAP",
        }
    }
}

/// The content to write, one entry per slice.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Masks as BINARY.
    Binary(&'a [Mask]),
    /// Masks as 8-bit LABELMAP.
    LabelMap(&'a [Mask]),
    /// Probabilities as FRACTIONAL in steps of 1/255: for each label `columns * rows` values, 0..=65535 for 0..=1, as
    /// in [`labrum_core::prediction::Prediction`].
    Fractional(&'a [&'a [Vec<u16>]]),
}

impl Content<'_> {
    /// BINARY, FRACTIONAL or LABELMAP.
    pub fn segmentation_type(&self) -> SegmentationType {
        match self {
            Self::Binary(_) => SegmentationType::Binary,
            Self::LabelMap(_) => SegmentationType::LabelMap,
            Self::Fractional(_) => SegmentationType::Fractional,
        }
    }

    /// Number of slices.
    fn len(&self) -> usize {
        match self {
            Self::Binary(masks) | Self::LabelMap(masks) => masks.len(),
            Self::Fractional(maps) => maps.len(),
        }
    }

    /// The stored values of the frame of this slice and segment.
    fn stored_values(&self, slice: usize, segment: Option<u8>) -> Vec<u8> {
        let segment = segment.unwrap_or(0);
        match self {
            Self::Binary(masks) => masks[slice]
                .pixel_labels()
                .iter()
                .map(|l| u8::from(*l == segment))
                .collect(),
            Self::LabelMap(masks) => masks[slice].pixel_labels().to_vec(),
            Self::Fractional(maps) => maps[slice][usize::from(segment) - 1]
                .iter()
                .map(|p| in_255ths(*p))
                .collect(),
        }
    }
}

/// Rounds a probability of 0..=65535 to 0..=255.
fn in_255ths(probability: u16) -> u8 {
    ((u32::from(probability) + 128) / 257) as u8
}

/// Options for writing a segmentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Adds a synthetic geometry to images without one, as Slicer and OHIF require; the file says so.
    pub synthetic_geometry: bool,
    /// Omits empty frames. Some viewers then misplace the other frames.
    pub skip_empty_frames: bool,
    /// Compresses LABELMAP and FRACTIONAL losslessly (RLE). Nearly all programs can read it.
    pub rle: bool,
}

/// Summary of a written segmentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegSummary {
    /// Path of the file.
    pub path: PathBuf,
    /// Its SOP Instance UID.
    pub sop_instance_uid: String,
    /// Series Instance UID of the new series.
    pub series_instance_uid: String,
    /// Number of frames.
    pub frames: usize,
    /// Number of segments.
    pub segments: usize,
    /// Warnings about values that were missing in the source and how they were filled.
    pub warnings: Vec<String>,
}

/// Writes `content`, one entry per slice of `series`, as the DICOM segmentation `path`; label n becomes segment n.
/// `authors` says who made each label: one entry per label, or one for all.
///
/// The file is verified against `content` before it gets its final name.
///
/// # Errors
/// If the content does not match the series, the header of the source cannot be read, or the file cannot be written.
pub fn write_file(
    path: &Path,
    series: &Series,
    content: Content<'_>,
    labels: &[Label],
    authors: &[Authorship],
    options: Options,
) -> Result<SegSummary> {
    check_content(series, content, labels, authors)
        .map_err(|reason| Error::at_path(TRIED, path, reason))?;
    let encoded = write::encode_file(series, content, labels, authors, options)?;
    whole_file::write_checked(
        path,
        TRIED,
        |file| file.write_all(&encoded.bytes),
        |written| verify_written(written, path, content, labels, &encoded.frames),
    )?;
    Ok(SegSummary {
        path: path.to_owned(),
        sop_instance_uid: encoded.sop_instance_uid,
        series_instance_uid: encoded.series_instance_uid,
        frames: encoded.frames.len(),
        segments: labels.len(),
        warnings: encoded.warnings,
    })
}

const TRIED: &str = "write the segmentation";

/// Verifies every frame of the file `written`; errors name `path`, its final name.
fn verify_written(
    written: &Path,
    path: &Path,
    content: Content<'_>,
    labels: &[Label],
    frames: &[frames::FrameToWrite],
) -> Result<()> {
    let mut back = read_header(written).map_err(|e| read_back_error(path, &e))?;
    let same_shape = back.kind == content.segmentation_type() && back.labels.len() == labels.len();
    let mut same = same_shape && back.frames.len() == frames.len();
    for (i, frame) in frames.iter().enumerate().take_while(|_| same_shape) {
        let values = back
            .frame_values(i)
            .map_err(|e| read_back_error(path, &e))?;
        let expected = content.stored_values(frame.slice, frame.segment);
        same &= back.frames[i].segment == frame.segment.map(u16::from);
        same &= values.len() == expected.len()
            && values
                .iter()
                .zip(&expected)
                .all(|(a, b)| *a == u16::from(*b));
    }
    if same {
        Ok(())
    } else {
        Err(verification_error(
            path,
            "the written file failed verification",
        ))
    }
}

/// The error about a file that was not saved because it failed verification.
fn verification_error(path: &Path, reason: &str) -> Error {
    Error::at_path(TRIED, path, reason).with_advice("Nothing was saved. Please report this.")
}

/// The error about a written file that could not be read.
fn read_back_error(path: &Path, error: &Error) -> Error {
    verification_error(
        path,
        &format!("the written file failed verification: {}", error.reason),
    )
}

/// Checks the content; the error is the reason why it cannot be written.
fn check_content(
    series: &Series,
    content: Content<'_>,
    labels: &[Label],
    authors: &[Authorship],
) -> result::Result<(), String> {
    if labels.is_empty() || labels.len() > 255 {
        return Err(format!(
            "there are {} labels, but only 1 to 255 can be written",
            labels.len()
        ));
    }
    if authors.len() != 1 && authors.len() != labels.len() {
        return Err(format!(
            "there are {} authors for {} labels",
            authors.len(),
            labels.len()
        ));
    }
    let slices = series.slices.len();
    if slices == 0 || content.len() != slices {
        return Err(format!(
            "there are {} masks for {slices} slices",
            content.len()
        ));
    }
    let limit = usize::from(u16::MAX);
    if series.columns > limit || series.rows > limit {
        return Err(format!(
            "DICOM images are at most {limit} pixels wide and high"
        ));
    }
    match content {
        Content::Binary(masks) | Content::LabelMap(masks) => check_masks(series, masks, labels),
        Content::Fractional(maps) => check_maps(series, maps, labels),
    }
}

fn check_masks(series: &Series, masks: &[Mask], labels: &[Label]) -> result::Result<(), String> {
    for (i, mask) in masks.iter().enumerate() {
        if mask.columns_and_rows() != series.columns_and_rows() {
            let (columns, rows) = mask.columns_and_rows();
            return Err(format!(
                "the mask of slice {} is {columns} x {rows}, which differs from the size of the \
                 slice",
                i + 1
            ));
        }
        if let Some(label) = mask
            .pixel_labels()
            .iter()
            .find(|l| usize::from(**l) > labels.len())
        {
            return Err(format!(
                "the mask of slice {} contains the value {label}, but there is no such label",
                i + 1
            ));
        }
    }
    Ok(())
}

fn check_maps(
    series: &Series,
    maps: &[&[Vec<u16>]],
    labels: &[Label],
) -> result::Result<(), String> {
    for (i, of_slice) in maps.iter().enumerate() {
        if of_slice.len() != labels.len() {
            return Err(format!(
                "slice {} has probabilities for {} labels, not {}",
                i + 1,
                of_slice.len(),
                labels.len()
            ));
        }
        if of_slice
            .iter()
            .any(|map| map.len() != series.columns * series.rows)
        {
            return Err(format!(
                "the size of the probabilities of slice {} differs from that of the slice",
                i + 1
            ));
        }
    }
    Ok(())
}

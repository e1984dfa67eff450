//! DICOM Segmentation (PS3.3 A.51): masks and probabilities as SEG files that other programs load, and back.
//!
//! Sources with geometry (CT, MR) keep it. Images without any (ultrasound, X-ray) are referred to frame by frame; on
//! request they get a synthetic geometry, which some viewers insist on. Pictures that are no DICOM have neither, and
//! so always get one, in a study of their own.

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
use std::path::{Path, PathBuf};

/// Segment Algorithm Type (0062,0008): who drew, in truth.
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
    /// Segment Algorithm Type, as DICOM says it.
    pub fn defined_term(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::Semiautomatic => "SEMIAUTOMATIC",
            Self::Manual => "MANUAL",
        }
    }
}

/// Where the masks come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorship {
    /// Model, person or both.
    pub algorithm_type: AlgorithmType,
    /// Name of the model; not used for [`AlgorithmType::Manual`].
    pub model: String,
    /// Version of the model.
    pub model_version: String,
    /// SHA-256 of its weights, hex; empty where unknown.
    pub weights: String,
    /// Who drew or corrected; empty where unknown.
    pub person: String,
}

impl Authorship {
    /// Drawn by a model alone.
    pub fn from_model(model: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            algorithm_type: AlgorithmType::Automatic,
            model: model.into(),
            model_version: version.into(),
            weights: String::new(),
            person: String::new(),
        }
    }

    /// The same with the hash of the model's weights.
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

/// As it can be written; never empty.
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
    /// Bits, frame by frame for each segment: what every program reads.
    Binary,
    /// Probabilities or parts of a pixel, frame by frame for each segment.
    Fractional,
    /// One frame for each slice, whose values are segment numbers: a SOP class of its own since 2024.
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

/// What is written, one entry for each slice.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Masks as BINARY.
    Binary(&'a [Mask]),
    /// Masks as LABELMAP of 8 bits.
    LabelMap(&'a [Mask]),
    /// Probabilities as FRACTIONAL in steps of 1/255: for each label `columns * rows` values, 0..=65535 for 0..=1, as
    /// [`labrum_core::prediction::Prediction`] has them.
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

    /// How many slices.
    fn len(&self) -> usize {
        match self {
            Self::Binary(masks) | Self::LabelMap(masks) => masks.len(),
            Self::Fractional(maps) => maps.len(),
        }
    }

    /// The stored values of the frame of that slice and segment.
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

/// The nearest of 0..=255 for 0..=65535.
fn in_255ths(probability: u16) -> u8 {
    ((u32::from(probability) + 128) / 257) as u8
}

/// What a user may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// "For Slicer and OHIF": images without geometry get a synthetic one, and the file says so.
    pub synthetic_geometry: bool,
    /// Leaves out frames without any pixel of their segment. Some viewers misplace the others then.
    pub skip_empty_frames: bool,
    /// Compresses LABELMAP and FRACTIONAL without loss (RLE). Nearly all programs read it, but not all.
    pub rle: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegSummary {
    /// The file.
    pub path: PathBuf,
    /// Its SOP Instance UID.
    pub sop_instance_uid: String,
    /// Series Instance UID of the new series.
    pub series_instance_uid: String,
    /// Number of frames.
    pub frames: usize,
    /// Number of segments.
    pub segments: usize,
    /// What was missing in the source and how it was filled, for the user to read.
    pub warnings: Vec<String>,
}

/// Writes `content`, one entry for each slice of `series`, as the DICOM segmentation `path`; label n becomes segment n.
/// `authors` says who made each label: one for each, or one for all.
///
/// The file is read back and compared with what was given before it takes its name.
///
/// # Errors
/// Where the content does not fit the series, the source's header cannot be read, or the file cannot be written.
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
    let compare = |written: &Path| verify_written(written, path, content, labels, &encoded.frames);
    whole_file::write_checked(path, TRIED, |file| file.write_all(&encoded.bytes), compare)?;
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

/// Reads every frame of the file `written` back; errors name the `path` that it will have.
fn verify_written(
    written: &Path,
    path: &Path,
    content: Content<'_>,
    labels: &[Label],
    frames: &[frames::FrameToWrite],
) -> Result<()> {
    let wrong = |reason: String| {
        Error::at_path(TRIED, path, reason).with_advice("Nothing was saved. Please report this.")
    };
    let unread = |e: Error| wrong(format!("reading it back failed: {}", e.reason));
    let mut back = read_header(written).map_err(unread)?;
    let same_shape = back.kind == content.segmentation_type() && back.labels.len() == labels.len();
    let mut same = same_shape && back.frames.len() == frames.len();
    for (i, frame) in frames.iter().enumerate().take_while(|_| same_shape) {
        let values = back.frame_values(i).map_err(unread)?;
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
        Err(wrong(
            "what was read back differs from what was given".into(),
        ))
    }
}

/// Why the content cannot be written.
fn check_content(
    series: &Series,
    content: Content<'_>,
    labels: &[Label],
    authors: &[Authorship],
) -> std::result::Result<(), String> {
    if labels.is_empty() || labels.len() > 255 {
        return Err(format!(
            "there are {} labels, and 1 to 255 can be written",
            labels.len()
        ));
    }
    if authors.len() != 1 && authors.len() != labels.len() {
        return Err(format!(
            "{} authors are named for {} labels",
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

fn check_masks(
    series: &Series,
    masks: &[Mask],
    labels: &[Label],
) -> std::result::Result<(), String> {
    for (i, mask) in masks.iter().enumerate() {
        if (mask.columns(), mask.rows()) != (series.columns, series.rows) {
            let (columns, rows) = (mask.columns(), mask.rows());
            return Err(format!(
                "the mask of slice {} is {columns} x {rows}, not as large as the slice",
                i + 1
            ));
        }
        if let Some(label) = mask
            .pixel_labels()
            .iter()
            .find(|l| usize::from(**l) > labels.len())
        {
            return Err(format!(
                "the mask of slice {} holds the value {label}, which no label describes",
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
) -> std::result::Result<(), String> {
    for (i, of_slice) in maps.iter().enumerate() {
        if of_slice.len() != labels.len() {
            return Err(format!(
                "slice {} has probabilities of {} labels, not {}",
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
                "the probabilities of slice {} are not as large as the slice",
                i + 1
            ));
        }
    }
    Ok(())
}

//! DICOM Segmentation (PS3.3 A.51): masks as BINARY SEG files that other programs load, and back.
//!
//! Sources with geometry (CT, MR) keep it. Images without any (ultrasound, X-ray) are referred to frame by frame; on
//! request they get a synthetic geometry, which some viewers insist on. Pictures that are no DICOM have neither, and
//! so always get one, in a study of their own.

mod charset;
mod clean;
mod element;
mod frames;
mod origin;
mod pack;
mod read;
mod segments;
mod space;
#[cfg(test)]
mod tests;
mod write;

pub use read::{SegFrame, Segmentation, read};

use crate::{
    Error, Result,
    domain::{label::Label, mask::Mask, study::Series},
    io::whole_file,
};
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
    fn term(self) -> &'static str {
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
    /// Who drew or corrected; empty where unknown.
    pub person: String,
}

impl Authorship {
    /// Drawn by a model alone.
    pub fn automatic(model: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            algorithm_type: AlgorithmType::Automatic,
            model: model.into(),
            model_version: version.into(),
            person: String::new(),
        }
    }

    fn name(&self) -> String {
        known(&self.model)
    }

    fn version(&self) -> String {
        known(&self.model_version)
    }
}

/// As it can be written; never empty.
fn known(text: &str) -> String {
    let text = element::ascii(text.trim(), 40);
    if text.is_empty() { "unknown".into() } else { text }
}

/// What a user may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// "For Slicer and OHIF": images without geometry get a synthetic one, and the file says so.
    pub synthetic_geometry: bool,
    /// Leaves out frames without any pixel of their segment. Some viewers misplace the others then.
    pub skip_empty_frames: bool,
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

/// Writes `masks`, one for each slice of `series`, as the DICOM segmentation `path`; label n becomes segment n.
///
/// The file is read back and compared with the masks before it takes its name.
pub fn write(
    path: &Path,
    series: &Series,
    masks: &[Mask],
    labels: &[Label],
    author: &Authorship,
    options: Options,
) -> Result<SegSummary> {
    const TRIED: &str = "write the segmentation";
    check(series, masks, labels).map_err(|reason| Error::at(TRIED, path, reason))?;
    let encoded = write::encode(series, masks, labels, author, options)?;
    let compare = |written: &Path| {
        let wrong = |reason| Error::at(TRIED, path, reason).advise("Nothing was saved. Please report this.");
        let back = read(written).map_err(|e| wrong(format!("reading it back failed: {}", e.reason)))?;
        let masks_back = back.masks(series).map_err(|e| wrong(format!("reading it back failed: {}", e.reason)))?;
        let same = masks_back == masks && back.labels.len() == labels.len();
        if same { Ok(()) } else { Err(wrong("what was read back differs from the masks".into())) }
    };
    whole_file::write_checked(path, TRIED, |file| file.write_all(&encoded.bytes), compare)?;
    Ok(SegSummary {
        path: path.to_owned(),
        sop_instance_uid: encoded.sop_instance_uid,
        series_instance_uid: encoded.series_instance_uid,
        frames: encoded.frames,
        segments: labels.len(),
        warnings: encoded.warnings,
    })
}

/// Why the masks cannot be written.
fn check(series: &Series, masks: &[Mask], labels: &[Label]) -> std::result::Result<(), String> {
    if labels.is_empty() || labels.len() > 255 {
        return Err(format!("there are {} labels, and 1 to 255 can be written", labels.len()));
    }
    if masks.is_empty() || masks.len() != series.slices.len() {
        return Err(format!("there are {} masks for {} slices", masks.len(), series.slices.len()));
    }
    let limit = usize::from(u16::MAX);
    if series.columns > limit || series.rows > limit {
        return Err(format!("DICOM images are at most {limit} pixels wide and high"));
    }
    for (i, mask) in masks.iter().enumerate() {
        if (mask.columns(), mask.rows()) != (series.columns, series.rows) {
            let (columns, rows) = (mask.columns(), mask.rows());
            return Err(format!("the mask of slice {} is {columns} x {rows}, not as large as the slice", i + 1));
        }
        if let Some(label) = mask.labels().iter().find(|l| usize::from(**l) > labels.len()) {
            return Err(format!("the mask of slice {} holds the value {label}, which no label describes", i + 1));
        }
    }
    Ok(())
}

//! DICOM reader and writer. The reader is our own, because real files break the standard and hostile ones lie about
//! sizes; segmentations, structure sets, measurement reports and screenshots are written strictly by the standard.

pub mod capture;
pub mod catalog;
mod codec;
mod color;
mod dataset;
mod decode;
pub mod deidentify;
mod diffusion;
mod display;
pub mod elements;
mod file;
#[doc(hidden)]
pub mod fixture;
mod frames;
mod geometry;
mod header;
mod moments;
mod overlay;
mod parse;
mod pixels;
pub mod presentation;
pub mod references;
pub mod report;
pub mod rewrite;
pub mod seg;
mod split;
pub mod structure_set;
pub mod structures;
mod suv;
#[cfg(test)]
mod tests;
mod text;
mod uids;

use dicom_dictionary_std::tags;
use labrum_core::{
    Result,
    containment::{self, Plain},
    study::os_path,
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Implementation Class UID in the file meta information: a UUID under 2.25.
const IMPLEMENTATION_CLASS_UID: &str = "2.25.107151289873141573553993236747910725121";
/// Implementation Version Name, at most 16 characters.
const IMPLEMENTATION_VERSION_NAME: &str = concat!("LABRUM_", env!("CARGO_PKG_VERSION"));

pub use pixels::load_image;
pub use uids::transfer_syntax_name;

/// Photometric Interpretation of a file; `None` if it has none or cannot be read.
pub fn photometric_interpretation(path: &Path) -> Option<String> {
    containment::read_in_child(ReadPhotometric {
        path: path.to_owned(),
    })
    .ok()
    .and_then(|text| text.0)
}

/// Hash of the pixels of a file, equal for files with the same pixels; `None` if they cannot be read.
pub fn pixel_digest(path: &Path) -> Option<String> {
    containment::read_in_child(DigestPixels {
        path: path.to_owned(),
    })
    .ok()
    .and_then(|text| text.0)
}

/// Request for the Photometric Interpretation of a file.
#[derive(Serialize, Deserialize)]
pub struct ReadPhotometric {
    #[serde(with = "os_path")]
    path: PathBuf,
}

impl containment::Request for ReadPhotometric {
    const NAME: &'static str = "photometric";
    const TRIED: &'static str = "open";
    type Answer = Plain<Option<String>>;

    fn path(&self) -> &Path {
        &self.path
    }

    fn read_in_process(self) -> Result<Plain<Option<String>>> {
        let file = file::DicomFile::open(&self.path).ok();
        Ok(Plain(file.and_then(|file| {
            file.data.text_value(tags::PHOTOMETRIC_INTERPRETATION)
        })))
    }
}

/// Request for the hash of the pixels of a file.
#[derive(Serialize, Deserialize)]
pub struct DigestPixels {
    #[serde(with = "os_path")]
    path: PathBuf,
}

impl containment::Request for DigestPixels {
    const NAME: &'static str = "digest of pixels";
    const TRIED: &'static str = "open";
    type Answer = Plain<Option<String>>;

    fn path(&self) -> &Path {
        &self.path
    }

    fn time_limit(&self) -> Duration {
        containment::whole_file(&self.path)
    }

    fn read_in_process(self) -> Result<Plain<Option<String>>> {
        Ok(Plain(pixels::content_digest(&self.path)))
    }
}

/// The UIDs that identify an object; empty if the file lacks one.
pub struct Identity {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_uid: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
}

/// Reads the UIDs of a file; the error is the reason why they cannot be read.
pub fn read_identity(path: &Path) -> Result<Identity, String> {
    let file = match file::DicomFile::open(path) {
        Ok(file) => file,
        Err(file::Unreadable::NotDicom) => return Err("not a DICOM file".into()),
        Err(file::Unreadable::Failed(reason)) => return Err(reason),
    };
    if let Some(reason) = file.broken {
        return Err(format!("the file is damaged: {reason}"));
    }
    let data = file.data;
    Ok(Identity {
        sop_uid: data.text_value(tags::SOP_INSTANCE_UID).unwrap_or_default(),
        study_uid: data
            .text_value(tags::STUDY_INSTANCE_UID)
            .unwrap_or_default(),
        series_uid: data
            .text_value(tags::SERIES_INSTANCE_UID)
            .unwrap_or_default(),
        sop_class: file.sop_class,
        transfer_syntax: file.transfer_syntax,
    })
}

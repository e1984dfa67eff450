//! Plain data between the session and what writes exports.

use crate::session::finding::Finding;
use labrum_core::{
    export_format::ExportFormat,
    image::Window,
    journal::StoredCase,
    label::Label,
    mask::Mask,
    progress::Cancel,
    study::{Series, Slice},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};

/// A mask that is to be exported.
#[derive(Clone, Debug)]
pub struct ExportSlice {
    /// 0-based place in the series.
    pub index: usize,
    /// All about it but the pixels.
    pub slice: Slice,
    /// Its mask.
    pub mask: Mask,
    /// What a model found there, with its probabilities.
    pub proposal: Option<Arc<Finding>>,
    /// Labels of which a person said that it holds nothing.
    pub absent: Vec<u8>,
}

/// Write files.
#[derive(Clone, Debug)]
pub struct ExportJob {
    /// Into this folder.
    pub folder: PathBuf,
    /// In these formats, and how.
    pub options: ExportOptions,
    /// Where the key of files that lose the patient is kept; `None` for one that is thrown away.
    pub key_file: Option<PathBuf>,
    /// The series.
    pub series: Arc<Series>,
    /// Its masks, in order of place.
    pub slices: Vec<ExportSlice>,
    /// Their labels.
    pub labels: Arc<[Label]>,
    /// Its study: description, UID and date as YYYY-MM-DD.
    pub study: [String; 3],
    /// Name, version and hash of the weights of the model that proposed them; `None` where all was drawn by hand.
    pub model: Option<[String; 3]>,
    /// The person who drew or corrected them; empty where unknown.
    pub person: String,
    /// The window of overlays; `None` for each slice's own.
    pub window: Option<Window>,
    /// How opaque overlays are, 0..=1.
    pub opacity: f32,
    /// Stops it between two files.
    pub cancel: Cancel,
}

/// Write files of all accepted cases of the workspace.
#[derive(Clone, Debug)]
pub struct ExportAcceptedJob {
    /// Into this folder.
    pub folder: PathBuf,
    /// In these formats, and how.
    pub options: ExportOptions,
    /// Where the key of files that lose the patient is kept; `None` for one that is thrown away.
    pub key_file: Option<PathBuf>,
    /// The cases as the workspace keeps them.
    pub cases: Vec<StoredCase>,
    /// The workspace's labels.
    pub labels: Arc<[Label]>,
    /// The person who drew or corrected; empty where unknown.
    pub person: String,
    /// How opaque overlays are, 0..=1.
    pub opacity: f32,
    /// Stops it between two files.
    pub cancel: Cancel,
}

/// What came of an export of all accepted cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSummary {
    /// Where it is.
    pub folder: PathBuf,
    /// "12 cases, 36 files".
    pub text: String,
    /// For each case that could not be written what it is called and why.
    pub failed: Vec<String>,
    /// How many files a person should look at: text in the pixels and the like.
    pub warnings: usize,
}

/// Which masks are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportScope {
    /// That of the slice that is shown.
    ThisSlice,
    /// All of the case that is shown.
    #[default]
    ThisCase,
    /// All of all accepted cases of the workspace.
    Accepted,
}

/// How files are written: the preset that the dialog remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportOptions {
    /// What is written.
    pub formats: Vec<ExportFormat>,
    /// What the files of all accepted cases are called: see `io::export::batch::Pattern`.
    pub names: String,
    /// DICOM-SEG of images without geometry gets a synthetic one, for Slicer and OHIF.
    pub for_viewers: bool,
    /// DICOM-SEG leaves out frames without a mask.
    pub leave_out_empty: bool,
    /// DICOM-SEG is compressed without loss where that can be.
    pub compress: bool,
    /// Images are written too, and nothing names the patient.
    pub deidentify: bool,
    /// Their dates are shifted instead of removed.
    pub shift_dates: bool,
    /// Files that are there already are replaced. Asked for each time anew.
    #[serde(skip)]
    pub replace: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            formats: vec![ExportFormat::LabelMap, ExportFormat::DicomSeg],
            names: "{study}/{series}".into(),
            for_viewers: false,
            leave_out_empty: false,
            compress: false,
            deidentify: false,
            shift_dates: false,
            replace: false,
        }
    }
}

//! Plain data between the session and what writes exports.

use crate::session::finding::Finding;
use labrum_core::{
    image::Window,
    journal::StoredCase,
    label::Label,
    mask::Mask,
    progress::Cancel,
    study::{Series, Slice},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// One PNG per slice: pixel value = label.
    LabelMap,
    /// One PNG per slice and label.
    PerLabel,
    /// The picture with the mask over it.
    Overlay,
    /// DICOM Segmentation, one bit for a pixel.
    DicomSeg,
    /// DICOM Label Map Segmentation, one byte for a pixel.
    SegLabelMap,
    /// DICOM Segmentation of the model's probabilities.
    SegFractional,
    /// RT Structure Set: contours.
    StructureSet,
    /// NIfTI-1 volume of labels.
    Nifti,
    /// COCO annotations.
    Coco,
    /// Measurements as JSON.
    Json,
    /// Measurements as CSV.
    Csv,
}

impl ExportFormat {
    /// All formats, in the order of the dialog.
    pub const ALL: [Self; 11] = [
        Self::LabelMap,
        Self::PerLabel,
        Self::Overlay,
        Self::DicomSeg,
        Self::SegLabelMap,
        Self::SegFractional,
        Self::StructureSet,
        Self::Nifti,
        Self::Coco,
        Self::Json,
        Self::Csv,
    ];

    /// What it is called.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::LabelMap => "PNG label map",
            Self::PerLabel => "PNG per label",
            Self::Overlay => "PNG overlay",
            Self::DicomSeg => "DICOM-SEG",
            Self::SegLabelMap => "DICOM-SEG label map",
            Self::SegFractional => "DICOM-SEG of probabilities",
            Self::StructureSet => "RT Structure Set",
            Self::Nifti => "NIfTI",
            Self::Coco => "COCO JSON",
            Self::Json => "Measurements as JSON",
            Self::Csv => "Measurements as CSV",
        }
    }

    /// What one gets.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::LabelMap => "one per slice, of its size; the pixel value is the label",
            Self::PerLabel => "one per slice and label, black and white",
            Self::Overlay => "the picture as shown with the mask over it",
            Self::DicomSeg => "one segmentation object for the series, for PACS and viewers",
            Self::SegLabelMap => "the same in the newer form, for programs that read it",
            Self::SegFractional => "what the model was sure of, in steps of 1/255",
            Self::StructureSet => "contours in the patient, for treatment planning",
            Self::Nifti => "one volume of labels for the series",
            Self::Coco => "exact masks as run lengths, for training other models",
            Self::Json => "area, longest diameter, perimeter of each label",
            Self::Csv => "the same as a table",
        }
    }
}

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

//! Plain data of export jobs.

use crate::session::{finding::Finding, settings::ExportOptions};
use labrum_core::{
    image::Window,
    journal::StoredCase,
    label::Label,
    mask::Mask,
    measurement::{DrawnMeasurement, VolumeCurve},
    progress::Cancel,
    study::{Series, Slice},
};
use std::{path::PathBuf, sync::Arc};

/// A mask to export.
#[derive(Clone, Debug)]
pub struct ExportSlice {
    /// 0-based index in the series.
    pub index: usize,
    /// Everything about the slice except its pixels.
    pub slice: Slice,
    /// Its mask.
    pub mask: Mask,
    /// The proposal that the mask was made from, with its probabilities.
    pub proposal: Option<Arc<Finding>>,
    /// Labels that were marked as absent on it.
    pub absent: Vec<u8>,
}

/// Export the masks of one case.
#[derive(Clone, Debug)]
pub struct ExportJob {
    /// The target folder.
    pub folder: PathBuf,
    /// Formats and options.
    pub options: ExportOptions,
    /// File with the key for de-identification; `None` for a key that is not kept.
    pub key_file: Option<PathBuf>,
    /// The series.
    pub series: Arc<Series>,
    /// Its masks, in slice order.
    pub slices: Vec<ExportSlice>,
    /// The measurements that were drawn.
    pub drawn: Vec<DrawnMeasurement>,
    /// The volumes of labels over all times of the series, by label value.
    pub over_time: Vec<(u8, VolumeCurve)>,
    /// Their labels.
    pub labels: Arc<[Label]>,
    /// Its study: description, UID and date as YYYY-MM-DD.
    pub study: [String; 3],
    /// Name, version and weights hash of the model that proposed them; `None` if all were drawn by hand.
    pub model: Option<[String; 3]>,
    /// The person who drew or corrected them; empty if unknown.
    pub person: String,
    /// The window of overlays; `None` for each slice's own.
    pub window: Option<Window>,
    /// Opacity of overlays, 0..=1.
    pub opacity: f32,
    /// Cancels it between two files.
    pub cancel: Cancel,
}

/// Export the masks of all accepted cases of the workspace.
#[derive(Clone, Debug)]
pub struct ExportAcceptedJob {
    /// The target folder.
    pub folder: PathBuf,
    /// Formats and options.
    pub options: ExportOptions,
    /// File with the key for de-identification; `None` for a key that is not kept.
    pub key_file: Option<PathBuf>,
    /// The stored cases.
    pub cases: Vec<StoredCase>,
    /// The workspace's labels.
    pub labels: Arc<[Label]>,
    /// The person who drew or corrected them; empty if unknown.
    pub person: String,
    /// Opacity of overlays, 0..=1.
    pub opacity: f32,
    /// Cancels it between two files.
    pub cancel: Cancel,
}

/// The result of an export of all accepted cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportSummary {
    /// The target folder.
    pub folder: PathBuf,
    /// "12 cases, 36 files".
    pub text: String,
    /// For each output that could not be written the case and the reason.
    pub failed: Vec<String>,
    /// Number of warnings, such as text in the pixels.
    pub warnings: usize,
}

/// Which masks are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportScope {
    /// The mask of the slice that is shown.
    ThisSlice,
    /// All masks of the case that is shown.
    #[default]
    ThisCase,
    /// All masks of all accepted cases of the workspace.
    Accepted,
}

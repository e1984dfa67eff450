//! Jobs by the thread that does them: a thread can only be sent jobs that it can do.

use super::{
    CaseId, ClickJob, ClickModel, CompareJob, ExportAcceptedJob, ExportJob, InterpolateJob,
    SecondChoiceJob, SegmentJob, SliceKey, SurveyJob, TrainJob, ValuesJob,
};
use crate::session::settings::Settings;
use labrum_core::{
    device::DeviceChoice, import::MaskChoice, learning::WorkReport, progress::Cancel, study::Series,
};
use std::{fmt, path::PathBuf, sync::Arc};

/// Jobs of the thread `labrum-files`.
#[derive(Debug)]
pub enum FileJob {
    /// Search paths for studies.
    Open {
        /// Id of the search.
        id: u64,
        /// Files and folders.
        paths: Vec<PathBuf>,
        /// Cancels it.
        cancel: Cancel,
    },
    /// Search a folder for the images of cases.
    FindImages {
        /// Id of the search.
        id: u64,
        /// The folder; its subfolders are searched too.
        folder: PathBuf,
        /// Identities of the cases.
        wanted: Vec<String>,
        /// Cancels it.
        cancel: Cancel,
    },
    /// Unpack the bundled samples and open one of them.
    OpenSample(&'static str),
    /// Summarise these workspaces.
    LookAtWorkspaces(Vec<PathBuf>),
    /// Export the work report to a folder.
    ExportReport(Box<WorkReport>, PathBuf),
    /// Save the settings.
    SaveSettings(Box<Settings>),
}

/// Jobs of the thread `labrum-network`.
#[derive(Debug)]
pub enum NetworkJob {
    /// Run a model.
    Segment(SegmentJob),
    /// Find the object that prompts indicate, before all other jobs; only the newest is kept.
    Click(ClickJob),
    /// Find where else a boundary may run, right after clicks; only the newest is kept.
    SecondChoice(SecondChoiceJob),
    /// Load the network of the Click tool.
    PrepareClicks(ClickModel),
    /// Read a model's card.
    ReadModel(PathBuf),
    /// Report the device that a choice resolves to.
    ProbeDevice(DeviceChoice),
}

/// Jobs of the thread `labrum-export`.
#[derive(Debug)]
pub enum MaskFileJob {
    /// Export one case.
    Export(Box<ExportJob>),
    /// Export all accepted cases.
    ExportAccepted(Box<ExportAcceptedJob>),
    /// Import masks for a case from files.
    Import {
        /// The case.
        case: CaseId,
        /// Its series.
        series: Arc<Series>,
        /// SEG objects, structure sets, label maps or folders of them.
        paths: Vec<PathBuf>,
        /// Which of the masks to import.
        choice: MaskChoice,
        /// Other cases without masks of their own: masks in a folder that belong to them are imported too.
        others: Vec<(CaseId, Arc<Series>)>,
    },
    /// Import measurements for a case from DICOM SR files.
    ImportMeasurements {
        /// The case.
        case: CaseId,
        /// Its series.
        series: Arc<Series>,
        /// DICOM SR files or folders of them.
        paths: Vec<PathBuf>,
    },
}

/// Jobs of the thread `labrum-survey`.
#[derive(Debug)]
pub enum ShapeJob {
    /// Compute outlines and measurements of a mask.
    Survey(SurveyJob),
    /// Compute the values of the pixels under a mask, after all other jobs.
    Values(ValuesJob),
    /// Interpolate shapes between slices.
    Interpolate(Box<InterpolateJob>),
}

/// Jobs of the thread `labrum-viewer`: short ones that a person waits for.
#[derive(Debug)]
pub enum ViewerJob {
    /// Read all elements of a DICOM file.
    ReadHeader {
        /// The slice that it is for.
        key: SliceKey,
        /// The file.
        path: PathBuf,
    },
    /// Write a screenshot to a new PNG file.
    SaveScreenshot(Screenshot, PathBuf),
    /// Write a screenshot to a new DICOM file, in the study of what it shows.
    SaveDicomScreenshot(Screenshot, Box<PicturedSlices>, PathBuf),
    /// Show a folder in the file manager.
    ShowFolder(PathBuf),
}

/// The pixels of a screenshot. `Debug` shows its size alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Screenshot {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// `columns * rows * 3` bytes.
    pub rgb: Vec<u8>,
}

impl fmt::Debug for Screenshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Screenshot({} x {})", self.columns, self.rows)
    }
}

/// The slices that a screenshot shows, and how. `Debug` shows their number alone.
#[derive(Clone, PartialEq)]
pub struct PicturedSlices {
    /// Their series.
    pub series: Arc<Series>,
    /// Their indices, at least one.
    pub slices: Vec<usize>,
    /// Patient or study can be read on the screenshot.
    pub shows_patient: bool,
    /// How they are shown: "Screenshot of slice 3 of 12, window center 40, width 400, with masks".
    pub description: String,
}

impl fmt::Debug for PicturedSlices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PicturedSlices({})", self.slices.len())
    }
}

/// Jobs of the thread `labrum-training`.
#[derive(Debug)]
pub enum TrainingJob {
    /// Run a round of training.
    Train(Box<TrainJob>),
    /// Compare two versions on the hold-out set.
    Compare(Box<CompareJob>),
}

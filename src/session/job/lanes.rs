//! Jobs by the thread that does them: what is sent to a thread is what it can do.

use super::{
    CaseId, CompareJob, ExportAcceptedJob, ExportJob, InterpolateJob, SegmentJob, SurveyJob,
    TrainJob,
};
use crate::session::settings::{DeviceChoice, Settings};
use labrum_core::{import::MaskChoice, learning::WorkReport, progress::Cancel, study::Series};
use std::{path::PathBuf, sync::Arc};

/// What is done on the thread `labrum-files`.
#[derive(Debug)]
pub enum FileJob {
    /// Look through paths for studies.
    Open {
        /// Which opening.
        id: u64,
        /// Files and folders.
        paths: Vec<PathBuf>,
        /// Stops it.
        cancel: Cancel,
    },
    /// Look for the images of cases in a folder.
    FindImages {
        /// Which opening.
        id: u64,
        /// There and below.
        folder: PathBuf,
        /// Identities of the cases.
        wanted: Vec<String>,
        /// Stops it.
        cancel: Cancel,
    },
    /// Unpack the bundled samples and open one of them.
    OpenSample(&'static str),
    /// Look what is in these workspaces.
    LookAtWorkspaces(Vec<PathBuf>),
    /// Write the report on the work into a folder.
    ExportReport(Box<WorkReport>, PathBuf),
    /// Write the settings down.
    SaveSettings(Box<Settings>),
}

/// What is done on the thread `labrum-network`.
#[derive(Debug)]
pub enum NetworkJob {
    /// Run a model.
    Segment(SegmentJob),
    /// Read a model's card.
    ReadModel(PathBuf),
    /// Tell which device a choice leads to.
    ProbeDevice(DeviceChoice),
}

/// What is done on the thread `labrum-export`.
#[derive(Debug)]
pub enum MaskFileJob {
    /// Write files.
    Export(Box<ExportJob>),
    /// Write files of all accepted cases.
    ExportAccepted(Box<ExportAcceptedJob>),
    /// Read masks for a case from files.
    Import {
        /// Which case.
        case: CaseId,
        /// Its series.
        series: Arc<Series>,
        /// SEG objects, structure sets, label maps or folders of them.
        paths: Vec<PathBuf>,
        /// What is to be taken of them.
        choice: MaskChoice,
        /// Cases that have no masks of their own yet: of a folder they get what belongs to them, too.
        others: Vec<(CaseId, Arc<Series>)>,
    },
}

/// What is done on the thread `labrum-survey`.
#[derive(Debug)]
pub enum ShapeJob {
    /// Work out outlines and measurements of a mask.
    Survey(SurveyJob),
    /// Work out shapes between slices.
    Interpolate(Box<InterpolateJob>),
}

/// What is done on the thread `labrum-training`.
#[derive(Debug)]
pub enum TrainingJob {
    /// Do a round of training.
    Train(Box<TrainJob>),
    /// Judge two versions on the hold-out.
    Compare(Box<CompareJob>),
}

//! Plain data between the session and the worker: jobs out, events back. Each event says what it answers.

mod compute;
mod export;
mod lanes;
mod learning;
mod pacs;
mod store;

pub use compute::{
    ClickAnswer, ClickJob, ClickModel, InterpolateJob, ResliceJob, RunId, SecondChoiceAnswer,
    SecondChoiceJob, SegmentJob, SegmentTarget, SurveyJob, ValuesJob,
};
pub use export::{ExportAcceptedJob, ExportJob, ExportScope, ExportSlice, ExportSummary};
pub use lanes::{
    FileJob, MaskFileJob, NetworkJob, PicturedSlices, Screenshot, ShapeJob, TrainingJob, ViewerJob,
};
pub use learning::{
    BegunRound, CompareJob, RoundEvent, RoundOutcome, RoundWish, TrainJob, VersionJob,
};
pub use pacs::{PacsEvent, PacsJob, PacsQuestion, ReceiveJob, SendingJob};
pub use store::{
    CaseRecord, CaseToAdopt, Restored, RestoredSlice, StoreJob, WorkspaceInfo, WorkspaceSummary,
};

use super::{finding::Finding, mask_values::MaskValues};
use crate::{Error, Result};
use labrum_core::{
    gate::GateReport,
    header::FileHeader,
    image::{Image, Window, WindowPreset},
    import::{ImportedMasks, ImportedMeasurements, MaskChoice},
    journal::{CaseDescription, LabelUse, Meter, StoredCase},
    label::{Task, TaskKey},
    learning::{ModelKind, SnapshotSlice, Version, VersionKey, WorkReport},
    looks::Look,
    model_card::ModelCard,
    region::Region,
    stack::ViewPlane,
    study::{Catalog, Kind, Source},
    training::StartFrom,
};
use std::{path::PathBuf, sync::Arc};

/// Identifies a case while the program runs.
pub type CaseId = u64;

/// One slice of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SliceKey {
    /// The case.
    pub case: CaseId,
    /// 0-based index in the series.
    pub slice: usize,
}

/// A decoded slice with its windows.
#[derive(Debug)]
pub struct Loaded {
    /// The pixels.
    pub image: Arc<Image>,
    /// The initial window.
    pub default_window: Window,
    /// Windows to choose from.
    pub presets: Vec<WindowPreset>,
}

/// What to make from a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceNeed {
    /// Its pixels.
    Pixels,
    /// A thumbnail.
    Thumbnail,
    /// Both, with one read.
    Both,
}

/// A prefetch request for pixels.
#[derive(Clone, Debug)]
pub struct PixelWish {
    /// The slice.
    pub key: SliceKey,
    /// Where its pixels are stored.
    pub source: Source,
    /// How to read them.
    pub kind: Kind,
    /// Modality of the series.
    pub modality: String,
    /// What to make from it.
    pub what: SliceNeed,
}

/// A small image for the case list.
#[derive(Clone, Debug, PartialEq)]
pub struct Thumbnail {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// `columns * rows * 4` bytes.
    pub rgba: Vec<u8>,
}

/// Where the weights of a model are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModelSource {
    /// Shipped with the program, by index in the list of shipped models.
    Shipped(usize),
    /// A file.
    File(PathBuf),
}

impl From<&ModelSource> for StartFrom {
    fn from(source: &ModelSource) -> Self {
        match source {
            ModelSource::Shipped(index) => Self::Shipped(*index),
            ModelSource::File(path) => Self::File(path.clone()),
        }
    }
}

/// A model that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelEntry {
    /// Where its weights are.
    pub source: ModelSource,
    /// Its card: name, version, labels, and the images that it is for.
    pub card: Arc<ModelCard>,
}

impl ModelEntry {
    /// Name and version: "Fetal head 1.0.0".
    pub fn display_title(&self) -> String {
        format!("{} {}", self.card.name, self.card.version)
    }
}

/// The purpose of a native file dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Files to open.
    Files,
    /// A folder to open.
    Folder,
    /// A folder to export to.
    ExportFolder,
    /// A model.
    Model,
    /// Masks for the case that is shown.
    Masks,
    /// Measurements for the case that is shown.
    Measurements,
    /// A workspace to open, or an empty folder for a new one.
    Workspace,
    /// A folder to move the workspace to.
    MoveWorkspace,
    /// A folder for a new workspace.
    NewWorkspace,
    /// A folder to search for images.
    ImageFolder,
}

impl Pick {
    /// True if the dialog that asks has a path field of its own.
    pub fn has_field(self) -> bool {
        !matches!(
            self,
            Self::Files
                | Self::Folder
                | Self::Model
                | Self::Masks
                | Self::Measurements
                | Self::Workspace
        )
    }
}

/// A job for the worker, by the thread that does it.
#[derive(Debug)]
pub enum Job {
    /// Search for studies; read and write small files.
    Files(FileJob),
    /// Decode these in this order; earlier requests that were not begun are dropped.
    Decode(Vec<PixelWish>),
    /// Run models.
    Network(NetworkJob),
    /// Export and import masks.
    MaskFiles(MaskFileJob),
    /// Compute outlines, measurements and shapes between slices.
    Shapes(ShapeJob),
    /// Compute the image of an orthogonal view; for each view only the newest request counts.
    Reslice(ResliceJob),
    /// Read from or write to the workspace, in this order.
    Store(StoreJob),
    /// Communicate with servers.
    Pacs(Box<PacsJob>),
    /// Train and evaluate.
    Training(TrainingJob),
    /// Read headers, write screenshots, show folders.
    Viewer(ViewerJob),
    /// Show a native dialog; done on the window's own thread.
    Dialog(Pick),
}

/// An event from the worker.
#[derive(Debug)]
pub enum Event {
    /// Progress of a search for images.
    Opening {
        /// Id of the search.
        id: u64,
        /// Number of files looked at so far.
        files: usize,
    },
    /// A search for images ended.
    Opened {
        /// Id of the search.
        id: u64,
        /// The studies that were found.
        result: Result<Catalog>,
    },
    /// The folder that was to be opened is a workspace.
    IsWorkspace {
        /// Id of the search.
        id: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// A search for moved images ended.
    ImagesFound {
        /// Id of the search.
        id: u64,
        /// The cases whose images were found.
        result: Result<Vec<CaseDescription>>,
    },
    /// The workspace has stored the new location of these images.
    Relocated {
        /// Their files.
        paths: Vec<PathBuf>,
        /// Identities of cases whose images are still missing.
        missing: Vec<String>,
    },
    /// A slice was decoded.
    Loaded {
        /// The slice.
        key: SliceKey,
        /// Its pixels.
        result: Result<Arc<Loaded>>,
    },
    /// All elements of the file of a slice.
    Header {
        /// The slice.
        key: SliceKey,
        /// Its elements.
        result: Result<Arc<FileHeader>>,
    },
    /// A thumbnail is ready; `None` if the slice could not be read.
    Thumbnail {
        /// The slice.
        key: SliceKey,
        /// The thumbnail, and the appearance of the slice.
        thumbnail: Option<(Thumbnail, Look)>,
    },
    /// The models that are shipped.
    Models(Vec<ModelEntry>),
    /// A model was read from a file.
    ModelRead(Result<ModelEntry>),
    /// Display name of the device in use.
    Device(String),
    /// The result of a model for one slice.
    Segmented {
        /// Id of the run.
        run: RunId,
        /// The slice.
        key: SliceKey,
        /// The revision when the job was made.
        revision: u64,
        /// The proposal.
        result: Result<Arc<Finding>>,
    },
    /// The object that the network found for prompts.
    Clicked(ClickAnswer),
    /// The other courses of a boundary along a stretch.
    SecondChoice(SecondChoiceAnswer),
    /// A run ended: finished, cancelled or failed.
    RunEnded {
        /// Id of the run.
        run: RunId,
        /// Why it could not start.
        failure: Option<Error>,
    },
    /// A message for the user.
    Notice(String),
    /// Files were written.
    Written {
        /// What was written where, as a sentence.
        text: String,
        /// Their folder.
        folder: PathBuf,
    },
    /// Progress of an export.
    Exporting {
        /// Files written.
        done: usize,
        /// Files in total.
        total: usize,
    },
    /// An export ended.
    Exported(Result<Vec<PathBuf>>),
    /// The accepted cases of the workspace, to be exported.
    AcceptedCases(Result<Vec<StoredCase>>),
    /// An export of all accepted cases ended.
    ExportedAccepted(Result<ExportSummary>),
    /// A native dialog was closed; no paths if it was cancelled.
    Picked {
        /// Its purpose.
        pick: Pick,
        /// The chosen paths.
        result: Result<Vec<PathBuf>>,
    },
    /// Native dialogs are not available on this desktop.
    NoDialog(Pick),
    /// Masks were read.
    Imported {
        /// The case.
        case: CaseId,
        /// The files.
        paths: Vec<PathBuf>,
        /// Which of the masks were asked for.
        choice: MaskChoice,
        /// Labels, masks by slice, and notes for the user.
        result: Result<ImportedMasks>,
    },
    /// Measurements were read.
    ImportedMeasurements {
        /// The case.
        case: CaseId,
        /// The measurements, and notes for the user.
        result: Result<ImportedMeasurements>,
    },
    /// Masks of a folder for cases that are not on the screen.
    ImportedOthers {
        /// The cases with masks in the folder, and the masks.
        cases: Vec<(CaseId, Result<ImportedMasks>)>,
        /// Number of cases without masks in the folder.
        without: usize,
    },
    /// Masks cannot be applied before the user answers a question.
    ImportUndecided {
        /// The case.
        case: CaseId,
        /// The files.
        paths: Vec<PathBuf>,
        /// Which of the masks were asked for.
        choice: MaskChoice,
        /// Why; its kind says which answer is needed.
        error: Error,
    },
    /// Outlines and measurements of a mask.
    Surveyed {
        /// The slice.
        key: SliceKey,
        /// The revision when the job was made.
        revision: u64,
        /// Outlines, uncertain regions and measurements.
        finding: Arc<Finding>,
    },
    /// Values of the pixels under a mask.
    MaskValues {
        /// The slice.
        key: SliceKey,
        /// The revision when the job was made.
        revision: u64,
        /// The values of each label.
        values: Arc<MaskValues>,
    },
    /// The image of an orthogonal view.
    Resliced {
        /// The case.
        case: CaseId,
        /// The view.
        plane: ViewPlane,
        /// Index of the plane along its normal.
        index: usize,
        /// Number of slices that were loaded for it.
        slices: usize,
        /// The image; `None` if no slice is loaded.
        image: Option<Arc<Image>>,
    },
    /// Interpolated shapes: slice and region.
    Interpolated(Box<InterpolateJob>, Vec<(usize, Region)>),
    /// The result of opening, moving or renaming a workspace.
    Workspace(Result<WorkspaceInfo>),
    /// The other window that had the workspace open has closed it.
    HolderGone,
    /// Summaries of other workspaces.
    Workspaces(Vec<WorkspaceSummary>),
    /// A case was looked up in the workspace.
    Restored {
        /// The case.
        case: CaseId,
        /// Its key, set and task in the workspace.
        known: CaseRecord,
        /// Its stored work; `None` if it was new to the workspace.
        restored: Option<Box<Restored>>,
    },
    /// Outlines and measurements of a restored slice.
    RestoredSlice {
        /// The slice.
        key: SliceKey,
        /// Those of its current mask.
        finding: Arc<Finding>,
        /// The newest proposal.
        proposal: Option<Arc<Finding>>,
    },
    /// Progress of writing to the workspace.
    Stored {
        /// Number of jobs written since the start.
        written: u64,
        /// Why the next job cannot be written now.
        trouble: Option<Error>,
    },
    /// Progress of the work in the workspace.
    Meter(Meter),
    /// Where a label is used.
    LabelUse(LabelUse),
    /// The tasks of the workspace, and cases that changed their task.
    Tasks {
        /// All tasks but the first.
        tasks: Vec<Task>,
        /// Cases with their new task.
        changed: Vec<(CaseId, TaskKey)>,
    },
    /// A case was removed from the list before, and stays removed.
    OutOfList(CaseId),
    /// A round of training has begun, or resumed after an interruption.
    RoundBegun(Box<BegunRound>),
    /// News of a round of training.
    Round {
        /// The job that runs it; a resumed round has a new one.
        attempt: RunId,
        /// The news.
        event: RoundEvent,
    },
    /// The versions of the workspace, oldest first, and the active one as a model.
    Versions {
        /// All of them.
        versions: Vec<Version>,
        /// The one that proposes masks.
        active: Option<ModelEntry>,
    },
    /// Number of accepted cases that no round was trained on.
    NewlyAccepted(u32),
    /// The accepted masks, to compare two versions on.
    ToCompare {
        /// What both versions are for.
        kind: ModelKind,
        /// The version in the place of the active model, and its file.
        first: (VersionKey, PathBuf),
        /// The other version, and its file.
        second: (VersionKey, PathBuf),
        /// The accepted masks.
        snapshot: Vec<SnapshotSlice>,
    },
    /// Two versions were compared.
    Compared {
        /// The version in the place of the active model.
        first: VersionKey,
        /// The other version.
        second: VersionKey,
        /// The comparison on the hold-out set.
        report: Result<Box<GateReport>>,
    },
    /// Answers of servers, and the state of the send queue.
    Pacs(PacsEvent),
    /// Time and corrections spent on cases.
    WorkReport(Box<WorkReport>),
    /// A failure that no other event reports.
    Failed(Error),
}

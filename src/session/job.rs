//! Plain data between the session and the worker: jobs out, events back. Each event names what it answers.

mod compute;
mod export;
mod lanes;
mod learning;
mod pacs;
mod store;

pub use compute::{InterpolateJob, ResliceJob, RunId, SegmentJob, SegmentTarget, SurveyJob};
pub use export::{
    ExportAcceptedJob, ExportJob, ExportOptions, ExportScope, ExportSlice, ExportSummary,
};
pub use lanes::{FileJob, MaskFileJob, NetworkJob, ShapeJob, TrainingJob};
pub use learning::{
    BegunRound, CompareJob, RoundEvent, RoundOutcome, RoundWish, TrainJob, VersionJob,
};
pub use pacs::{PacsEvent, PacsJob, PacsQuestion, ReceiveJob, SendingJob};
pub use store::{
    CaseRecord, CaseToAdopt, Restored, RestoredSlice, StoreJob, WorkspaceInfo, WorkspaceSummary,
};

use super::{finding::Finding, settings::DeviceChoice};
use crate::{Error, Result};
use labrum_core::{
    gate::GateReport,
    image::{Image, Window, WindowPreset},
    import::{ImportedMasks, MaskChoice},
    journal::{CaseDescription, LabelUse, Meter, StoredCase, Task, TaskKey},
    learning::{SnapshotSlice, Version, VersionKey, WorkReport},
    looks::Look,
    model_card::ModelCard,
    region::Region,
    stack::ViewPlane,
    study::{Catalog, Kind, Source},
    training::StartFrom,
};
use std::{path::PathBuf, sync::Arc};

/// Tells cases apart for as long as the app runs.
pub type CaseId = u64;

/// One slice of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SliceKey {
    /// The case.
    pub case: CaseId,
    /// 0-based place in the series.
    pub slice: usize,
}

/// A decoded slice and what was worked out with it.
#[derive(Debug)]
pub struct Loaded {
    /// The pixels.
    pub image: Arc<Image>,
    /// The window to begin with.
    pub default_window: Window,
    /// Windows to choose from.
    pub presets: Vec<WindowPreset>,
}

/// What is wanted of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceNeed {
    /// Its pixels.
    Pixels,
    /// A thumbnail.
    Thumbnail,
    /// Both, read once.
    Both,
}

/// Pixels that are wanted soon.
#[derive(Clone, Debug)]
pub struct PixelWish {
    /// Which slice.
    pub key: SliceKey,
    /// Where its pixels are.
    pub source: Source,
    /// How to read them.
    pub kind: Kind,
    /// Modality of the series.
    pub modality: String,
    /// What is wanted of it.
    pub what: SliceNeed,
}

/// A small picture for the case list.
#[derive(Clone, Debug, PartialEq)]
pub struct Thumbnail {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// `columns * rows * 4` bytes.
    pub rgba: Vec<u8>,
}

/// Where a model's weights are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModelSource {
    /// Shipped with the app, by its place in the list of shipped models.
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
    /// Where it is.
    pub source: ModelSource,
    /// What it is.
    pub card: Arc<ModelCard>,
}

impl ModelEntry {
    /// Name and version: "Fetal head 1.0.0".
    pub fn display_title(&self) -> String {
        format!("{} {}", self.card.name, self.card.version)
    }
}

/// What a native dialog is opened for.
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
    /// A workspace to open, or an empty folder for a new one.
    Workspace,
    /// A folder to move the workspace to.
    MoveWorkspace,
    /// A folder to make a workspace in.
    NewWorkspace,
    /// A folder to look for images in.
    ImageFolder,
}

impl Pick {
    /// True where the dialog that asks has a field for the path itself.
    pub fn has_field(self) -> bool {
        !matches!(
            self,
            Self::Files | Self::Folder | Self::Model | Self::Masks | Self::Workspace
        )
    }
}

/// What the worker is asked to do, by the thread that does it.
#[derive(Debug)]
pub enum Job {
    /// Look for studies, and what else reads and writes small files.
    Files(FileJob),
    /// Decode these, the first one first; what was wished for before and not begun is forgotten.
    Decode(Vec<PixelWish>),
    /// Run models.
    Network(NetworkJob),
    /// Write masks to files, and read them from there.
    MaskFiles(MaskFileJob),
    /// Work out shapes.
    Shapes(ShapeJob),
    /// Make the picture of a view; of each view only the newest wish counts.
    Reslice(ResliceJob),
    /// Write to the workspace, in this order.
    Store(StoreJob),
    /// Speak to servers.
    Pacs(Box<PacsJob>),
    /// Train and judge.
    Training(TrainingJob),
    /// Show a native dialog: that belongs to the window's own thread.
    Dialog(Pick),
}

/// What the worker tells.
#[derive(Debug)]
pub enum Event {
    /// So many files were looked at.
    Opening {
        /// Which opening.
        id: u64,
        /// How many files.
        files: usize,
    },
    /// An opening ended.
    Opened {
        /// Which opening.
        id: u64,
        /// What was found.
        result: Result<Catalog>,
    },
    /// The folder that was to be opened is a workspace.
    IsWorkspace {
        /// Which opening.
        id: u64,
        /// The folder.
        folder: PathBuf,
    },
    /// A look for images ended.
    ImagesFound {
        /// Which opening.
        id: u64,
        /// The cases whose images are there.
        result: Result<Vec<CaseDescription>>,
    },
    /// The workspace knows where these images are now.
    Relocated {
        /// Their files.
        paths: Vec<PathBuf>,
        /// Identities of cases whose images are still missing.
        missing: Vec<String>,
    },
    /// A slice was decoded.
    Loaded {
        /// Which.
        key: SliceKey,
        /// Its pixels.
        result: Result<Arc<Loaded>>,
    },
    /// A thumbnail is ready; `None` where the slice cannot be read.
    Thumbnail {
        /// Of which slice.
        key: SliceKey,
        /// The thumbnail, and what the slice looks like.
        thumbnail: Option<(Thumbnail, Look)>,
    },
    /// The models that are shipped.
    Models(Vec<ModelEntry>),
    /// A model was read from a file.
    ModelRead(Result<ModelEntry>),
    /// The device in use, for people.
    Device(String),
    /// A run is about to work on a slice for which it takes a while: loading weights.
    Segmented {
        /// Which run.
        run: RunId,
        /// Which slice.
        key: SliceKey,
        /// The revision that the job saw.
        revision: u64,
        /// What was found.
        result: Result<Arc<Finding>>,
    },
    /// A run ended, whole, cancelled or failed.
    RunEnded {
        /// Which run.
        run: RunId,
        /// Why it could not begin.
        failure: Option<Error>,
    },
    /// Something that the user should know.
    Notice(String),
    /// So many files of an export are written.
    Exporting {
        /// Written.
        done: usize,
        /// In all.
        total: usize,
    },
    /// An export ended.
    Exported(Result<Vec<PathBuf>>),
    /// What the workspace keeps of its accepted cases, to be exported.
    AcceptedCases(Result<Vec<StoredCase>>),
    /// An export of all accepted cases ended.
    ExportedAccepted(Result<ExportSummary>),
    /// A native dialog was closed; no paths where it was cancelled.
    Picked {
        /// What it was for.
        pick: Pick,
        /// What was chosen.
        result: Result<Vec<PathBuf>>,
    },
    /// This desktop can show no native dialog.
    NoDialog(Pick),
    /// Masks were read.
    Imported {
        /// For which case.
        case: CaseId,
        /// From which files.
        paths: Vec<PathBuf>,
        /// What was asked for.
        choice: MaskChoice,
        /// Labels, a mask for each slice that has one, and what the user should know.
        result: Result<ImportedMasks>,
    },
    /// Masks of a folder for cases that are not on the screen, each with what was read for it.
    ImportedOthers {
        /// Those that have masks in the folder.
        cases: Vec<(CaseId, Result<ImportedMasks>)>,
        /// So many have none there.
        without: usize,
    },
    /// Masks are laid only once more is said.
    ImportUndecided {
        /// For which case.
        case: CaseId,
        /// The files.
        paths: Vec<PathBuf>,
        /// What was asked for.
        choice: MaskChoice,
        /// Why; its kind says what is wanted.
        error: Error,
    },
    /// What is shown of a mask.
    Surveyed {
        /// Of which slice.
        key: SliceKey,
        /// The revision that the job saw.
        revision: u64,
        /// Outlines, measurements and the rest.
        finding: Arc<Finding>,
    },
    /// The picture of a view across a series.
    Resliced {
        /// Of which case.
        case: CaseId,
        /// Which view.
        plane: ViewPlane,
        /// The cell of the axis that stands on it.
        index: usize,
        /// The picture; `None` where no slice is there.
        image: Option<Arc<Image>>,
    },
    /// Shapes between slices.
    Interpolated(Box<InterpolateJob>, Vec<(usize, Region)>),
    /// A workspace was opened, moved or renamed, or could not be.
    Workspace(Result<WorkspaceInfo>),
    /// The window that had the workspace open has closed it.
    HolderGone,
    /// What is in other workspaces.
    Workspaces(Vec<WorkspaceSummary>),
    /// A case was looked up; `None` where the workspace did not know it.
    Restored {
        /// Which.
        case: CaseId,
        /// What it is called there.
        known: CaseRecord,
        /// What was kept of it.
        restored: Option<Box<Restored>>,
    },
    /// What is shown of a slice that was restored.
    RestoredSlice {
        /// Which.
        key: SliceKey,
        /// Its mask as it is.
        finding: Arc<Finding>,
        /// What a model found there last.
        proposal: Option<Arc<Finding>>,
    },
    /// Something was written to the workspace, or cannot be now.
    Stored {
        /// How many things were written since the start.
        written: u64,
        /// Why the next one cannot be written now.
        trouble: Option<Error>,
    },
    /// How far the work in the workspace is.
    Meter(Meter),
    /// How much a label is used.
    LabelUse(LabelUse),
    /// The tasks of the workspace, and cases that changed theirs.
    Tasks {
        /// All but the first.
        tasks: Vec<Task>,
        /// Cases with their new task.
        changed: Vec<(CaseId, TaskKey)>,
    },
    /// A case was taken out of the workspace's list before, and stays out.
    OutOfList(CaseId),
    /// A round has begun, or goes on after the program was cut off.
    RoundBegun(Box<BegunRound>),
    /// A round tells something.
    Round {
        /// The job that does it: one that was left and taken up again is done by another.
        attempt: RunId,
        /// What.
        event: RoundEvent,
    },
    /// The versions of the workspace, oldest first, and the active one as a model.
    Versions {
        /// All of them.
        versions: Vec<Version>,
        /// The one that proposes masks.
        active: Option<ModelEntry>,
    },
    /// So many accepted cases can be learned from that no round has learned from.
    NewlyAccepted(u32),
    /// The accepted masks, to compare two versions on.
    ToCompare {
        /// The one that stands for the active model, and its file.
        first: (VersionKey, PathBuf),
        /// The other.
        second: (VersionKey, PathBuf),
        /// The accepted masks.
        snapshot: Vec<SnapshotSlice>,
    },
    /// Two versions were compared.
    Compared {
        /// The one that stands for the active model.
        first: VersionKey,
        /// The other.
        second: VersionKey,
        /// The figures.
        report: Result<GateReport>,
    },
    /// What servers answer, and what becomes of the queue.
    Pacs(PacsEvent),
    /// What the work cost.
    WorkReport(Box<WorkReport>),
    /// Something failed that no other event stands for.
    Failed(Error),
}

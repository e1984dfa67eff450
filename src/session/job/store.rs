//! Plain data between the session and the workspace.

use super::{
    CaseId,
    learning::{RoundOutcome, RoundWish, VersionJob},
};
use crate::{
    Error,
    session::{
        case::StudyInfo,
        finding::Finding,
        history::{HistoryStep, StepId},
        tasks::TaskChoice,
    },
};
use labrum_core::{
    holdout::Side,
    journal::{CaseDescription, CaseKey, Meter, StatusChange, Task, TaskKey},
    label::Label,
    learning::RoundKey,
    mask::PackedMask,
    study::{Series, Status},
};
use std::{path::PathBuf, sync::Arc};

/// A case that the workspace is to know.
#[derive(Clone, Debug)]
pub struct CaseToAdopt {
    /// What the session calls it.
    pub case: CaseId,
    /// Its study.
    pub study: Arc<StudyInfo>,
    /// The series.
    pub series: Arc<Series>,
    /// The task that it joins where it is new.
    pub task: TaskKey,
    /// A person opened it: it comes back where it was taken out of the list.
    pub comes_back: bool,
}

/// What the workspace is to do. All but opening and adopting must not be lost.
#[derive(Clone, Debug)]
pub enum StoreJob {
    /// Open a workspace, or the user's own; the one before is closed.
    Open {
        /// Its folder.
        folder: Option<PathBuf>,
        /// Tell where its cases are, to open them.
        with_cases: bool,
    },
    /// Try again now.
    Retry,
    /// Give it another name.
    Rename(String),
    /// Move it to another folder.
    Move(PathBuf),
    /// Note where the images of known cases are now.
    Relocate(Vec<CaseDescription>),
    /// A case is on the screen, with this slice.
    Shown {
        /// Which case.
        case: CaseId,
        /// Its slice.
        slice: usize,
    },
    /// Find or enter cases.
    Adopt(Vec<CaseToAdopt>),
    /// The list of labels.
    Labels(Vec<Label>),
    /// A step was taken.
    Append {
        /// The step.
        step: HistoryStep,
        /// Who took it; empty where unknown.
        person: String,
    },
    /// A step was taken back or done again.
    SetUndone {
        /// Which.
        step: StepId,
        /// Taken back.
        undone: bool,
        /// What goes with it of the status, where that is other than the journal tells.
        status: Option<StatusChange>,
    },
    /// A model found something.
    Proposal {
        /// On which case.
        case: CaseId,
        /// On which slice.
        slice: usize,
        /// What.
        finding: Arc<Finding>,
    },
    /// A case has another status.
    Status {
        /// Which case.
        case: CaseId,
        /// Its status.
        status: Status,
    },
    /// Count where a label is used.
    CountLabel(u8),
    /// A label left the list: what has it in any case gets another one, or none.
    RemoveLabel {
        /// Which.
        label: u8,
        /// The other one.
        into: Option<u8>,
        /// What the steps are called.
        tool: String,
        /// Who did it; empty where unknown.
        person: String,
    },
    /// A case leaves the list; its work is kept.
    RemoveCase(CaseId),
    /// Let go of what models proposed for cases that are out of the list.
    Tidy,
    /// Cases belong to a task from now on.
    SetTask {
        /// Which cases.
        cases: Vec<CaseId>,
        /// Which task; a new one is begun.
        task: TaskChoice,
    },
    /// Begin a round: take a snapshot of the accepted masks.
    BeginRound(Box<RoundWish>),
    /// A round ended.
    EndRound {
        /// Which.
        key: RoundKey,
        /// What came of it.
        outcome: RoundOutcome,
    },
    /// Something with the list of versions.
    Version(VersionJob),
    /// Work out what the work cost.
    WorkReport,
    /// Read the masks of all accepted cases, to be exported.
    ReadAccepted,
    /// A person worked on a case.
    Seconds {
        /// Which case.
        case: CaseId,
        /// For so long.
        seconds: f64,
    },
}

/// A workspace that is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkspaceInfo {
    /// Its folder.
    pub folder: PathBuf,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Vec<Label>,
    /// Its tasks, all but the first.
    pub tasks: Vec<Task>,
    /// How far the work is.
    pub meter: Meter,
    /// Files and folders of its cases, where they are to be opened.
    pub sources: Vec<PathBuf>,
    /// Identities of cases whose images are not where they were.
    pub missing: Vec<String>,
    /// The file and the place of the slice at which the work stopped.
    pub resume: Option<(PathBuf, usize)>,
    /// Another window has it open, this one only looks at it: who.
    pub holder: Option<String>,
}

/// What is told of a workspace that is not open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceSummary {
    /// Its folder.
    pub folder: PathBuf,
    /// Its name; the folder's where it cannot be read.
    pub name: String,
    /// Cases in all and accepted ones, where they can be told.
    pub cases: Option<(u32, u32)>,
    /// The folder is gone or is no workspace any more.
    pub is_missing: bool,
}

/// A slice as the workspace kept it.
#[derive(Clone, Debug, Default)]
pub struct RestoredSlice {
    /// Its mask.
    pub mask: Option<PackedMask>,
    /// Steps were made on it.
    pub is_touched: bool,
    /// The newest proposal came after them.
    pub is_proposal_apart: bool,
    /// Labels of which a person said that it holds nothing.
    pub absent: Vec<u8>,
}

/// How the workspace knows a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseRecord {
    /// Its key there.
    pub key: CaseKey,
    /// On which side of the line it is.
    pub side: Option<Side>,
    /// The task that it belongs to.
    pub task: TaskKey,
}

/// A case as the workspace kept it. Findings come later, slice by slice.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Where it stood.
    pub status: Status,
    /// Seconds of work on it.
    pub seconds: f64,
    /// One for each slice.
    pub slices: Vec<RestoredSlice>,
    /// Steps that stand, oldest first.
    pub done: Vec<HistoryStep>,
    /// Steps that were taken back, oldest first.
    pub undone: Vec<HistoryStep>,
    /// What could not be restored.
    pub problems: Vec<Error>,
    /// It takes the place of what was told before: the workspace changed masks since.
    pub is_anew: bool,
}

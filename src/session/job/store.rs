//! Plain data of jobs about the workspace.

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
    journal::{CaseDescription, CaseKey, Meter, StatusChange},
    label::{Label, Task, TaskKey},
    learning::RoundKey,
    mask::PackedMask,
    measurement::{DrawnMeasurement, PhaseChange},
    study::{Series, Status},
};
use std::{path::PathBuf, sync::Arc};

/// A case to look up in the workspace, or to add to it.
#[derive(Clone, Debug)]
pub struct CaseToAdopt {
    /// Its id in this session.
    pub case: CaseId,
    /// Its study.
    pub study: Arc<StudyInfo>,
    /// The series.
    pub series: Arc<Series>,
    /// The task that it joins if it is new.
    pub task: TaskKey,
    /// The user opened it: it returns to the list if it was removed.
    pub comes_back: bool,
}

/// A job for the workspace. All but opening and adopting must not be lost.
#[derive(Clone, Debug)]
pub enum StoreJob {
    /// Open a workspace; the one before is closed.
    Open {
        /// Its folder; `None` for the user's default workspace.
        folder: Option<PathBuf>,
        /// Also return the files of its cases.
        with_cases: bool,
    },
    /// Try again now.
    Retry,
    /// Rename it.
    Rename(String),
    /// Move it to another folder.
    Move(PathBuf),
    /// Store the new location of the images of known cases.
    Relocate(Vec<CaseDescription>),
    /// Remember the case and the slice on the screen.
    Shown {
        /// The case.
        case: CaseId,
        /// Its slice.
        slice: usize,
    },
    /// Look up cases, and add those that are new.
    Adopt(Vec<CaseToAdopt>),
    /// Save the list of labels.
    Labels(Vec<Label>),
    /// Append a step to the journal.
    Append {
        /// The step.
        step: HistoryStep,
        /// Who made it; empty if unknown.
        person: String,
    },
    /// A step was undone or redone.
    SetUndone {
        /// The step.
        step: StepId,
        /// True for undone.
        undone: bool,
        /// The change of status that goes with it, if it differs from that in the journal.
        status: Option<StatusChange>,
    },
    /// Save a proposal.
    Proposal {
        /// The case.
        case: CaseId,
        /// The slice.
        slice: usize,
        /// The proposal.
        finding: Arc<Finding>,
    },
    /// Save the status of a case.
    Status {
        /// The case.
        case: CaseId,
        /// Its status.
        status: Status,
    },
    /// Count where a label is used.
    CountLabel(u8),
    /// A label was removed or merged: change the masks of all cases.
    RemoveLabel {
        /// The removed label.
        label: u8,
        /// The label that replaces it; `None` for background.
        into: Option<u8>,
        /// Name of the steps.
        tool: String,
        /// Who removed it; empty if unknown.
        person: String,
    },
    /// Remove a case from the list; its work is kept.
    RemoveCase(CaseId),
    /// Delete the proposals of cases that were removed from the list.
    Tidy,
    /// Put cases into a task.
    SetTask {
        /// The cases.
        cases: Vec<CaseId>,
        /// The task; a new one is created.
        task: TaskChoice,
    },
    /// Begin a round of training: take a snapshot of the accepted masks.
    BeginRound(Box<RoundWish>),
    /// A round of training ended.
    EndRound {
        /// The round.
        key: RoundKey,
        /// Its outcome.
        outcome: RoundOutcome,
    },
    /// Change the list of versions.
    Version(VersionJob),
    /// Make the work report.
    WorkReport,
    /// Read the masks of all accepted cases for an export.
    ReadAccepted,
    /// Add time worked on a case.
    Seconds {
        /// The case.
        case: CaseId,
        /// In seconds.
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
    /// Its tasks except the first.
    pub tasks: Vec<Task>,
    /// Progress of the work.
    pub meter: Meter,
    /// Files and folders of its cases, if they are to be opened.
    pub sources: Vec<PathBuf>,
    /// Identities of cases whose images were not found.
    pub missing: Vec<String>,
    /// The slice shown last: its file, and its index in the series.
    pub resume: Option<(PathBuf, usize)>,
    /// Who has it open, if another window does and this one is read-only.
    pub holder: Option<String>,
}

/// Summary of a workspace that is not open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceSummary {
    /// Its folder.
    pub folder: PathBuf,
    /// Its name; that of the folder if it cannot be read.
    pub name: String,
    /// Number of cases and of accepted cases, if known.
    pub cases: Option<(u32, u32)>,
    /// The folder is missing or is not a workspace any more.
    pub is_missing: bool,
}

/// A slice as stored in the workspace.
#[derive(Clone, Debug, Default)]
pub struct RestoredSlice {
    /// Its mask.
    pub mask: Option<PackedMask>,
    /// It was edited.
    pub is_touched: bool,
    /// The newest proposal came after the edits.
    pub is_proposal_apart: bool,
    /// Labels that were marked as absent on it.
    pub absent: Vec<u8>,
}

/// The record of a case in the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseRecord {
    /// Its key.
    pub key: CaseKey,
    /// Training or hold-out set.
    pub side: Option<Side>,
    /// Its task.
    pub task: TaskKey,
}

/// A case as stored in the workspace. Outlines and measurements follow later, slice by slice.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Its status.
    pub status: Status,
    /// Time worked on it, in seconds.
    pub seconds: f64,
    /// One entry for each slice.
    pub slices: Vec<RestoredSlice>,
    /// The measurements that were drawn.
    pub measurements: Vec<DrawnMeasurement>,
    /// The marks of phases that its steps made and that are not undone, oldest first, each with the number of its step.
    pub phases: Vec<(i64, PhaseChange)>,
    /// Steps that can be undone, oldest first.
    pub done: Vec<HistoryStep>,
    /// Steps that can be redone, oldest first.
    pub undone: Vec<HistoryStep>,
    /// Errors of parts that could not be restored.
    pub problems: Vec<Error>,
    /// It replaces what was restored before, because the workspace changed masks since.
    pub is_anew: bool,
}

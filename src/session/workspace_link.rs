//! The state of the workspace as the session knows it, and how much of the work is saved.

use super::{
    job::{CaseId, WorkspaceSummary},
    store::{Activity, WorkspaceState},
};
use labrum_core::{
    journal::Meter,
    label::{Task, TaskKey},
};
use std::{iter, path::PathBuf};

/// File in the workspace folder with the key for de-identification: later exports use the same replacement ids.
const KEY_FILE: &str = "deidentification.key";

/// The workspace as the session knows it.
#[derive(Debug, Default)]
pub struct WorkspaceLink {
    pub(super) state: WorkspaceState,
    /// The other window that had it open has closed it.
    pub(super) is_holder_gone: bool,
    /// Number of jobs sent that must not be lost; `written` of them are saved.
    pub(super) sent: u64,
    pub(super) written: u64,
    pub(super) trouble: Option<String>,
    pub(super) activity: Option<Activity>,
    /// The slice shown last in the workspace that is being opened: its file, and its index in the series.
    pub(super) resume: Option<(PathBuf, usize)>,
    /// Images of the workspace, to be opened after those that the user is opening.
    pub(super) restore_next: Vec<PathBuf>,
    pub(super) tasks: Vec<Task>,
    /// Summaries of recent workspaces.
    pub recent: Vec<WorkspaceSummary>,
    /// Progress of the work in the workspace.
    pub meter: Meter,
}

impl WorkspaceLink {
    /// Who has the workspace open, if it is read-only here.
    pub fn lock_holder(&self) -> Option<&str> {
        match &self.state {
            WorkspaceState::Open(info) => info.holder.as_deref(),
            WorkspaceState::Opening | WorkspaceState::Failed(_) => None,
        }
    }

    /// True if the other window has closed the workspace, so that it can be edited here.
    pub fn can_take_over(&self) -> bool {
        self.is_holder_gone && self.lock_holder().is_some()
    }

    pub(super) fn key_file(&self) -> Option<PathBuf> {
        match self.state() {
            WorkspaceState::Open(info) => Some(info.folder.join(KEY_FILE)),
            WorkspaceState::Opening | WorkspaceState::Failed(_) => None,
        }
    }

    /// The tasks of the workspace; the first one has all cases that were not put into another.
    pub fn all_tasks(&self) -> Vec<Task> {
        let first = Task {
            key: TaskKey::default(),
            name: "Default task".into(),
        };
        iter::once(first)
            .chain(self.tasks.iter().cloned())
            .collect()
    }

    /// Number of changes not saved to the workspace yet.
    pub fn unsaved_count(&self) -> usize {
        self.sent.saturating_sub(self.written) as usize
    }

    /// The state of the workspace.
    pub fn state(&self) -> &WorkspaceState {
        &self.state
    }

    /// Why the last steps could not be saved yet. They are in memory, and saving is retried.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Number of cases of the workspace whose images were not found.
    pub fn missing_case_count(&self) -> usize {
        match &self.state {
            WorkspaceState::Open(info) => info.missing.len(),
            WorkspaceState::Opening | WorkspaceState::Failed(_) => 0,
        }
    }

    /// Stops counting time on a case that is closed.
    pub(super) fn forget_activity(&mut self, case: CaseId) {
        self.activity.take_if(|activity| activity.case == case);
    }
}

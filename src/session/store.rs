//! What the workspace keeps: cases adopted and restored, proposals, status, the time spent, and whether all is written.

use super::{
    Session,
    case::Case,
    finding::Finding,
    history::{HistoryStep, StepId},
    job::{
        CaseId, CaseRecord, CaseToAdopt, FileJob, Job, Restored, SliceKey, StoreJob, WorkspaceInfo,
    },
    learning::Learning,
    notice::{Severity, Topic},
};
use crate::{Error, Result};
use labrum_core::{
    journal::{Also, CaseDescription},
    study::Status,
};
use std::{
    collections::HashSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// Whoever does nothing for so long is not at work.
const PAUSE: Duration = Duration::from_secs(60);

/// Work is written down after so many seconds of it: what a person who leaves then has not written yet is little.
const NOTED_AFTER: f64 = 20.0;

/// The folder that keeps the work.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum WorkspaceState {
    /// It is being opened.
    #[default]
    Opening,
    /// Every step is written to it.
    Open(Box<WorkspaceInfo>),
    /// Nothing is written: the reason. The work is in memory alone.
    Failed(String),
}

/// How long a person has been at a case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    case: CaseId,
    last: Instant,
    seconds: f64,
}

impl Session {
    /// The workspace.
    pub fn workspace_state(&self) -> &WorkspaceState {
        &self.workspace
    }

    /// Why the last steps are not written yet; they are in memory, and writing is tried again and again.
    pub fn store_trouble(&self) -> Option<&str> {
        self.store_trouble.as_deref()
    }

    /// Hands something to the workspace that must not be lost.
    pub(super) fn push_store_job(&mut self, job: StoreJob) {
        self.sent_to_store += 1;
        self.jobs.push(Job::Store(job));
    }

    pub(super) fn open_workspace(&mut self, folder: PathBuf) {
        self.leave_round();
        match self.workspace {
            // What no workspace has yet goes to this one.
            WorkspaceState::Failed(_) => self.wait_for_workspace(),
            _ => {
                self.close_all();
                self.labels.clear();
            }
        }
        self.workspace = WorkspaceState::Opening;
        self.jobs.push(Job::Store(StoreJob::Open {
            folder: Some(folder),
            with_cases: true,
        }));
    }

    /// Tries again to write what is not written, and to open what could not be opened.
    pub(super) fn retry_store(&mut self) {
        if matches!(self.workspace, WorkspaceState::Failed(_)) {
            self.wait_for_workspace();
            self.workspace = WorkspaceState::Opening;
        }
        self.jobs.push(Job::Store(StoreJob::Retry));
    }

    /// The workspace that is opened may know cases on which nothing was drawn here: nobody begins on one before it said.
    fn wait_for_workspace(&mut self) {
        self.finish_hand();
        for case in &mut self.cases {
            case.is_restored = case.slices.iter().any(|s| s.is_touched);
        }
    }

    pub(super) fn on_workspace(&mut self, result: Result<WorkspaceInfo>) {
        match result {
            Ok(info) => {
                if self.cases.is_empty() || self.labels.is_empty() {
                    self.labels = info.labels.clone();
                    self.choose_standing_label();
                }
                self.meter = info.meter;
                self.tasks = info.tasks.clone();
                let paths = info.sources.clone();
                self.resume = info.resume.clone();
                self.remember_workspace(&info.folder);
                self.workspace = WorkspaceState::Open(Box::new(info));
                self.begin_looking();
                self.open_again(paths);
            }
            Err(error) => {
                self.learning = Learning::default();
                self.workspace = WorkspaceState::Failed(error.to_string());
                self.notices.add_about(
                    Topic::Saving,
                    Severity::Error,
                    super::to_sentence(&error.to_string()),
                );
            }
        }
        for case in &mut self.cases {
            case.is_restored |= matches!(self.workspace, WorkspaceState::Failed(_));
        }
        self.auto_run();
    }

    fn remember_workspace(&mut self, folder: &std::path::Path) {
        let folder = folder.to_owned();
        self.change_settings(|s| {
            s.recent_workspaces.retain(|f| *f != folder);
            s.recent_workspaces.insert(0, folder);
            s.recent_workspaces.truncate(8);
        });
        self.jobs.push(Job::Files(FileJob::LookAtWorkspaces(
            self.settings.recent_workspaces.clone(),
        )));
    }

    /// Cases of the workspace whose images are not where they were.
    pub fn missing_case_count(&self) -> usize {
        match &self.workspace {
            WorkspaceState::Open(info) => info.missing.len(),
            WorkspaceState::Opening | WorkspaceState::Failed(_) => 0,
        }
    }

    pub(super) fn find_images(&mut self, folder: PathBuf) {
        let WorkspaceState::Open(info) = &self.workspace else {
            return;
        };
        let wanted = info.missing.clone();
        let (id, cancel) = self.begin_opening(true);
        self.jobs.push(Job::Files(FileJob::FindImages {
            id,
            folder,
            wanted,
            cancel,
        }));
    }

    pub(super) fn on_images_found(&mut self, id: u64, result: Result<Vec<CaseDescription>>) {
        let Some(opening) = self.opening.take_if(|o| o.id == id) else {
            return;
        };
        match result {
            _ if opening.cancel.is_cancelled() => self
                .notices
                .add(Severity::Info, "The search was cancelled."),
            Ok(found) if found.is_empty() => {
                let text = "None of the images that are missing is in that folder. They are known by what is in them, \
                            whatever they are called.";
                self.notices.add(Severity::Warning, text);
            }
            Ok(found) => self.jobs.push(Job::Store(StoreJob::Relocate(found))),
            Err(error) => self.show_error(&error),
        }
    }

    pub(super) fn on_relocated(&mut self, paths: Vec<PathBuf>, missing: Vec<String>) {
        let WorkspaceState::Open(info) = &mut self.workspace else {
            return;
        };
        let found = info.missing.len().saturating_sub(missing.len());
        let left = match missing.len() {
            0 => String::new(),
            n => format!(" Those of {n} are still missing."),
        };
        info.missing = missing;
        let cases = if found == 1 {
            "1 case"
        } else {
            &format!("{found} cases")
        };
        self.notices.add(
            Severity::Info,
            format!("The images of {cases} were found.{left}"),
        );
        self.open_again(paths);
    }

    /// Has the workspace remember what is on the screen, to begin there the next time.
    pub(super) fn note_shown(&mut self) {
        if let Some((case, slice)) = self.current_case().map(|case| (case.id, case.slice)) {
            self.jobs.push(Job::Store(StoreJob::Shown { case, slice }));
        }
    }

    /// Has cases that just came in looked up in the workspace.
    /// Those that were taken out of its list stay out where it is restoring what it had.
    pub(super) fn adopt_cases(&mut self, cases: &HashSet<CaseId>, is_restoring: bool) {
        let has_failed = matches!(self.workspace, WorkspaceState::Failed(_));
        let adopt = |case: &mut Case| {
            case.is_restored = has_failed;
            CaseToAdopt {
                case: case.id,
                study: case.study.clone(),
                series: case.series.clone(),
                task: case.task,
                comes_back: !is_restoring,
            }
        };
        let cases: Vec<_> = self
            .cases
            .iter_mut()
            .filter(|c| cases.contains(&c.id))
            .map(adopt)
            .collect();
        if !cases.is_empty() {
            self.jobs.push(Job::Store(StoreJob::Adopt(cases)));
        }
    }

    pub(super) fn on_restored(
        &mut self,
        id: CaseId,
        known: CaseRecord,
        restored: Option<Restored>,
    ) {
        let one_in = self.settings.learning.without_proposal;
        self.mask_clock += 1;
        let Some(case) = self.cases.iter_mut().find(|c| c.id == id) else {
            return;
        };
        case.side = known.side;
        case.stored_as = Some(known.key);
        case.task = known.task;
        // The key is as good as a die, and falls the same after every start.
        case.is_blind = one_in > 0 && restored.is_none() && known.key.0 % i64::from(one_in) == 0;
        // Drawn on while the workspace could not be opened: what is on the screen counts.
        let is_anew = restored.as_ref().is_some_and(|r| r.is_anew);
        if is_anew || !case.is_restored || !case.slices.iter().any(|s| s.is_touched) {
            case.is_restored = true;
            if let Some(restored) = restored {
                case.status = restored.status;
                case.seconds = restored.seconds;
                for (state, slice) in case.slices.iter_mut().zip(restored.slices) {
                    state.mask = slice.mask;
                    state.is_touched = slice.is_touched;
                    state.is_proposal_apart = slice.is_proposal_apart;
                    state.absent = slice.absent;
                }
                for problem in restored.problems {
                    self.notices
                        .add(Severity::Error, super::to_sentence(&problem.to_string()));
                }
                // It may have been looked up before.
                self.history.retain_cases(|case| case != id);
                self.history.restore_steps(restored.done, restored.undone);
                if self.live.as_ref().is_some_and(|l| l.slice_key().case == id) {
                    self.live = None;
                }
            }
        }
        self.refresh_live();
        self.choose_standing_label();
        if is_anew {
            self.survey_all(id);
        }
        self.auto_run();
    }

    /// Masks of a case are others than those whose findings are shown.
    fn survey_all(&mut self, id: CaseId) {
        let count = self
            .cases
            .iter()
            .find(|c| c.id == id)
            .map_or(0, |c| c.slices.len());
        for key in (0..count).map(|slice| SliceKey { case: id, slice }) {
            if let Some(state) = self.slice_state_mut(key) {
                state.revision += 1;
            }
            self.request_survey(key);
        }
    }

    /// The findings of a slice that came from the workspace.
    pub(super) fn on_restored_slice(
        &mut self,
        key: SliceKey,
        finding: Arc<Finding>,
        proposal: Option<Arc<Finding>>,
    ) {
        let Some(state) = self.slice_state_mut(key) else {
            return;
        };
        if state.proposal_revision == 0 && state.proposal.is_none() {
            state.proposal = proposal;
        }
        if state.revision == 0 {
            state.finding = Some(finding);
        } else {
            // Drawn on since: shown against the proposal from now on.
            self.request_survey(key);
        }
    }

    pub(super) fn on_stored(&mut self, written: u64, trouble: Option<Error>) {
        self.written = written;
        match trouble {
            Some(error) => {
                let text = super::to_sentence(&error.to_string());
                if self.store_trouble.as_ref() != Some(&text) {
                    let more =
                        "The work is kept in memory and written as soon as that works again.";
                    self.notices.add_about(
                        Topic::Saving,
                        Severity::Error,
                        format!("{text} {more}"),
                    );
                }
                self.store_trouble = Some(text);
            }
            None => {
                if self.store_trouble.take().is_some() {
                    self.notices.retract_topic(Topic::Saving);
                    self.notices.add(Severity::Info, "All work is saved again.");
                }
            }
        }
    }

    /// Keeps what a model found, beside the mask.
    pub(super) fn store_proposal(&mut self, key: SliceKey, finding: Arc<Finding>) {
        self.push_store_job(StoreJob::Proposal {
            case: key.case,
            slice: key.slice,
            finding,
        });
    }

    pub(super) fn set_status(&mut self, id: CaseId, status: Status) {
        if self.show_status(id, status) {
            self.push_store_job(StoreJob::Status { case: id, status });
        }
    }

    /// The same where the workspace hears of it by a step; true where it is another one.
    pub(super) fn show_status(&mut self, id: CaseId, status: Status) -> bool {
        let Some(case) = self
            .cases
            .iter_mut()
            .find(|c| c.id == id)
            .filter(|c| c.status != status)
        else {
            return false;
        };
        case.status = status;
        self.learning.was_accepted |= status == Status::Accepted;
        self.give_reasons();
        true
    }

    /// A person does something on a case.
    pub(super) fn work_on(&mut self, case: CaseId) {
        let now = Instant::now();
        match &mut self.activity {
            Some(activity) if activity.case == case => {
                let since = now.duration_since(activity.last);
                if since < PAUSE {
                    activity.seconds += since.as_secs_f64();
                }
                activity.last = now;
                if activity.seconds >= NOTED_AFTER {
                    self.note_time();
                }
            }
            _ => {
                self.note_time();
                self.activity = Some(Activity {
                    case,
                    last: now,
                    seconds: 0.0,
                });
            }
        }
    }

    /// Nobody is at a case that is closed.
    pub(super) fn forget_activity(&mut self, case: CaseId) {
        self.activity.take_if(|activity| activity.case == case);
    }

    /// Writes down how long the work on the case took.
    pub(super) fn note_time(&mut self) {
        let Some(activity) = &mut self.activity else {
            return;
        };
        let (id, seconds) = (activity.case, std::mem::take(&mut activity.seconds));
        if seconds < 0.5 {
            return;
        }
        if let Some(case) = self.cases.iter_mut().find(|c| c.id == id) {
            case.seconds += seconds;
            self.push_store_job(StoreJob::Seconds { case: id, seconds });
        }
        self.note_shown();
    }
}

/// A step of the journal as the history takes it.
pub fn stored_step(
    seq: i64,
    case: CaseId,
    tool: &str,
    edits: Vec<(usize, Vec<u8>)>,
    also: Also,
) -> HistoryStep {
    let edits = edits
        .into_iter()
        .map(|(slice, bytes)| (slice, Arc::from(bytes)))
        .collect();
    HistoryStep {
        id: StepId::Stored(seq),
        case,
        tool: tool.into(),
        edits,
        also,
    }
}

//! Keeping the work in the workspace: looking up and restoring cases, saving proposals, status and time spent.

use super::{
    Session,
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
    counts::count_with_noun,
    journal::{Also, CaseDescription},
    study::Status,
};
use std::{
    collections::HashSet,
    mem,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Pauses between actions longer than this do not count as work.
const PAUSE: Duration = Duration::from_secs(60);

/// Time worked is saved after this many seconds of work, so that little is lost when the program ends.
const NOTED_AFTER: f64 = 20.0;

/// State of the workspace, the folder with the work.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum WorkspaceState {
    /// It is being opened.
    #[default]
    Opening,
    /// It is open, and every step is saved to it.
    Open(Box<WorkspaceInfo>),
    /// It could not be opened, for this reason. The work is only in memory.
    Failed(String),
}

/// Time worked on a case that is not saved yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    pub(super) case: CaseId,
    last: Instant,
    seconds: f64,
}

impl Session {
    /// Queues a job for the workspace that must not be lost.
    pub(super) fn push_store_job(&mut self, job: StoreJob) {
        self.workspace.sent += 1;
        self.jobs.push(Job::Store(job));
    }

    pub(super) fn open_workspace(&mut self, folder: PathBuf) {
        self.leave_round();
        match self.workspace.state {
            // Work that no workspace has yet is saved to this one.
            WorkspaceState::Failed(_) => self.wait_for_workspace(),
            _ => {
                self.close_all();
                self.labels.list.clear();
            }
        }
        self.workspace.state = WorkspaceState::Opening;
        self.jobs.push(Job::Store(StoreJob::Open {
            folder: Some(folder),
            with_cases: true,
        }));
    }

    /// Tries again to save what is not saved, and to open what could not be opened.
    pub(super) fn retry_store(&mut self) {
        if matches!(self.workspace.state, WorkspaceState::Failed(_)) {
            self.wait_for_workspace();
            self.workspace.state = WorkspaceState::Opening;
        }
        self.jobs.push(Job::Store(StoreJob::Retry));
    }

    /// Blocks editing of untouched cases until the workspace that is opening has answered whether it knows them.
    fn wait_for_workspace(&mut self) {
        self.finish_gesture();
        for case in &mut self.cases {
            case.is_restored = case.has_work();
        }
    }

    pub(super) fn on_workspace(&mut self, result: Result<WorkspaceInfo>) {
        match result {
            Ok(info) => {
                if self.cases.is_empty() || self.labels.list.is_empty() {
                    self.labels.list = info.labels.clone();
                    self.choose_standing_label();
                }
                self.workspace.meter = info.meter;
                self.workspace.tasks = info.tasks.clone();
                let paths = info.sources.clone();
                self.workspace.resume = info.resume.clone();
                self.remember_workspace(&info.folder);
                self.workspace.state = WorkspaceState::Open(Box::new(info));
                self.begin_looking();
                self.open_again(paths);
            }
            Err(error) => {
                self.learning = Learning::default();
                self.workspace.state = WorkspaceState::Failed(error.to_string());
                self.notices.add_about(
                    Topic::Saving,
                    Severity::Error,
                    super::to_sentence(&error.to_string()),
                );
            }
        }
        for case in &mut self.cases {
            case.is_restored |= matches!(self.workspace.state, WorkspaceState::Failed(_));
        }
        self.auto_run();
    }

    fn remember_workspace(&mut self, folder: &Path) {
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

    pub(super) fn find_images(&mut self, folder: PathBuf) {
        let WorkspaceState::Open(info) = &self.workspace.state else {
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
            _ if opening.cancel.is_cancelled() => {
                self.notices.add(Severity::Info, "Search cancelled.")
            }
            Ok(found) if found.is_empty() => {
                let text = "None of the missing images are in that folder. Images are recognised by content, \
                            not by file name.";
                self.notices.add(Severity::Warning, text);
            }
            Ok(found) => self.jobs.push(Job::Store(StoreJob::Relocate(found))),
            Err(error) => self.show_error(&error),
        }
    }

    pub(super) fn on_relocated(&mut self, paths: Vec<PathBuf>, missing: Vec<String>) {
        let WorkspaceState::Open(info) = &mut self.workspace.state else {
            return;
        };
        let found = info.missing.len().saturating_sub(missing.len());
        let left = match missing.len() {
            0 => String::new(),
            n => format!(" Still missing: {}.", count_with_noun(n, "case")),
        };
        info.missing = missing;
        let cases = if found == 1 {
            "1 case"
        } else {
            &format!("{found} cases")
        };
        self.notices.add(
            Severity::Info,
            format!("Found the images of {cases}.{left}"),
        );
        self.open_again(paths);
    }

    /// Saves which slice is on the screen, to start there next time.
    pub(super) fn note_shown(&mut self) {
        if let Some((case, slice)) = self.cases.current_case().map(|case| (case.id, case.slice)) {
            self.jobs.push(Job::Store(StoreJob::Shown { case, slice }));
        }
    }

    /// Looks up newly opened cases in the workspace. Cases that were removed from its list stay removed if they are
    /// only being restored.
    pub(super) fn adopt_cases(&mut self, cases: &HashSet<CaseId>, is_restoring: bool) {
        let has_failed = matches!(self.workspace.state, WorkspaceState::Failed(_));
        let mut adopted = Vec::new();
        for case in self.cases.iter_mut().filter(|c| cases.contains(&c.id)) {
            case.is_restored = has_failed;
            adopted.push(CaseToAdopt {
                case: case.id,
                study: case.study.clone(),
                series: case.series.clone(),
                task: case.task,
                comes_back: !is_restoring,
            });
        }
        if !adopted.is_empty() {
            self.jobs.push(Job::Store(StoreJob::Adopt(adopted)));
        }
    }

    pub(super) fn on_restored(
        &mut self,
        id: CaseId,
        known: CaseRecord,
        restored: Option<Restored>,
    ) {
        let one_in = self.settings.learning.without_proposal;
        self.masks.clock += 1;
        let Some(case) = self.cases.case_by_id_mut(id) else {
            return;
        };
        case.side = known.side;
        case.stored_as = Some(known.key);
        case.task = known.task;
        // Keys are arbitrary enough for sampling, and the choice is the same after every start.
        case.is_blind = one_in > 0 && restored.is_none() && known.key.0 % i64::from(one_in) == 0;
        // If the case was edited while no workspace was open, the masks on the screen take precedence.
        let is_anew = restored.as_ref().is_some_and(|r| r.is_anew);
        if is_anew || !case.is_restored || !case.has_work() {
            case.is_restored = true;
            if let Some(restored) = restored {
                case.status = restored.status;
                case.seconds = restored.seconds;
                case.measurements.restore(restored.measurements);
                // Where only masks have changed, the marks are those that are here.
                if !is_anew {
                    case.phase_marks.restore(restored.phases);
                }
                for (state, slice) in case.slices.iter_mut().zip(restored.slices) {
                    state.mask = slice.mask;
                    state.restore_work(slice.is_touched, slice.is_proposal_apart);
                    state.absent = slice.absent;
                }
                for problem in restored.problems {
                    self.notices
                        .add(Severity::Error, super::to_sentence(&problem.to_string()));
                }
                // It may have been restored before.
                self.history.retain_cases(|case| case != id);
                self.history.restore_steps(restored.done, restored.undone);
                if self
                    .masks
                    .live
                    .as_ref()
                    .is_some_and(|l| l.slice_key().case == id)
                {
                    self.masks.live = None;
                }
            }
        }
        self.measure_again(id, |_| true);
        self.refresh_live();
        self.choose_standing_label();
        if is_anew {
            self.survey_all(id);
        }
        self.auto_run();
    }

    /// Requests new outlines and measurements for all slices of a case whose masks have changed.
    fn survey_all(&mut self, id: CaseId) {
        let count = self.cases.case_by_id(id).map_or(0, |c| c.slices.len());
        for key in (0..count).map(|slice| SliceKey { case: id, slice }) {
            if let Some(state) = self.slice_state_mut(key) {
                state.revision += 1;
            }
            self.request_survey(key);
        }
    }

    /// Takes the outlines and the proposal of a slice from the workspace.
    pub(super) fn on_restored_slice(
        &mut self,
        key: SliceKey,
        finding: Arc<Finding>,
        proposal: Option<Arc<Finding>>,
    ) {
        let Some(state) = self.slice_state_mut(key) else {
            return;
        };
        if let Some(proposal) = proposal
            && state.proposal_revision == 0
            && state.proposal().is_none()
        {
            state.set_proposal(proposal);
        }
        if state.revision == 0 {
            state.finding = Some(finding);
        } else {
            // Edited since: compute again, with the proposal.
            self.request_survey(key);
        }
    }

    pub(super) fn on_stored(&mut self, written: u64, trouble: Option<Error>) {
        self.workspace.written = written;
        match trouble {
            Some(error) => {
                let text = super::to_sentence(&error.to_string());
                if self.workspace.trouble.as_ref() != Some(&text) {
                    let more = "Your work is kept in memory and will be saved as soon as possible.";
                    self.notices.add_about(
                        Topic::Saving,
                        Severity::Error,
                        format!("{text} {more}"),
                    );
                }
                self.workspace.trouble = Some(text);
            }
            None => {
                if self.workspace.trouble.take().is_some() {
                    self.notices.retract_topic(Topic::Saving);
                    self.notices.add(Severity::Info, "All work is saved.");
                }
            }
        }
    }

    /// Saves a proposal.
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

    /// Changes the status without saving it, as a step does that. True if it changed.
    pub(super) fn show_status(&mut self, id: CaseId, status: Status) -> bool {
        let Some(case) = self.cases.case_by_id_mut(id).filter(|c| c.status != status) else {
            return false;
        };
        case.status = status;
        self.learning.was_accepted |= status == Status::Accepted;
        self.give_reasons();
        true
    }

    /// Counts an action of the user on a case as work.
    pub(super) fn work_on(&mut self, case: CaseId) {
        let now = Instant::now();
        match &mut self.workspace.activity {
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
                self.workspace.activity = Some(Activity {
                    case,
                    last: now,
                    seconds: 0.0,
                });
            }
        }
    }

    /// Saves the time worked on the case.
    pub(super) fn note_time(&mut self) {
        let Some(activity) = &mut self.workspace.activity else {
            return;
        };
        let id = activity.case;
        let seconds = mem::take(&mut activity.seconds);
        if seconds < 0.5 {
            return;
        }
        if let Some(case) = self.cases.case_by_id_mut(id) {
            case.seconds += seconds;
            self.push_store_job(StoreJob::Seconds { case: id, seconds });
        }
        self.note_shown();
    }
}

/// A step of the journal for the history.
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

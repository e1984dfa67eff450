//! The open workspace: translates jobs of the session to calls of the store, and results to events.

mod cases;
mod labels;
mod opening;

use crate::{
    Error, ErrorKind,
    session::{
        finding::Finding,
        history::{HistoryStep, StepId},
        job::{CaseId, Event, SliceKey, StoreJob},
    },
    worker::AppFolders,
    workspace::Workspace,
};
use labrum_core::{
    clock::now_millis,
    journal::{
        Author, CaseKey, JournalStep as Stored, ModelStamp, Proposal, StatusChange, StepState,
        StoredCase, StoredSlice,
    },
    label::Label,
    mask::PackedMask,
    study::{Series, Status},
};
use opening::ReadOnlyCopy;
use std::{collections::HashMap, path::PathBuf, sync::Arc};

/// Number of slices whose journal is compacted at a time.
const FOLDED: u32 = 8;

/// Why a job was not written.
#[derive(Debug)]
pub(super) enum WriteTrouble {
    /// It may succeed later.
    Later(Error),
    /// It cannot succeed.
    Never(Error),
}

impl WriteTrouble {
    fn no_workspace() -> Self {
        Self::Later(
            Error::new("save the work", "no workspace is open")
                .with_advice("Open a workspace in another folder (File menu)."),
        )
    }

    fn unknown_case() -> Self {
        Self::Never(Error::new(
            "save the work",
            "the case could not be added to the workspace",
        ))
    }

    fn unwritten_step() -> Self {
        Self::Never(Error::new(
            "undo the step in the workspace",
            "it was never saved",
        ))
    }

    fn into_error(self) -> Error {
        match self {
            Self::Later(error) | Self::Never(error) => error,
        }
    }

    fn into_never(self) -> Self {
        Self::Never(self.into_error())
    }
}

impl From<Error> for WriteTrouble {
    fn from(error: Error) -> Self {
        if error.kind == ErrorKind::Disk {
            Self::Later(error)
        } else {
            Self::Never(error)
        }
    }
}

/// The case of a job, if the workspace has to know it.
pub(super) fn case_of(job: &StoreJob) -> Option<CaseId> {
    match job {
        StoreJob::Append { step, .. } => Some(step.case),
        StoreJob::RemoveCase(case) => Some(*case),
        StoreJob::Proposal { case, .. }
        | StoreJob::Status { case, .. }
        | StoreJob::Seconds { case, .. } => Some(*case),
        StoreJob::Shown { case, .. } => Some(*case),
        _ => None,
    }
}

struct KnownCase {
    key: CaseKey,
    series: Arc<Series>,
}

/// The workspace, and the mapping of session ids to its keys.
pub(super) struct WorkspaceKeeper {
    places: AppFolders,
    workspace: Option<Workspace>,
    /// Set while `workspace` is a read-only copy of one that another window has open.
    look: Option<ReadOnlyCopy>,
    /// The folder that could not be opened, for a retry, and whether its cases are wanted.
    failed: Option<(PathBuf, bool)>,
    cases: HashMap<CaseId, KnownCase>,
    steps: HashMap<u64, i64>,
    next_seq: i64,
    labels: Arc<[Label]>,
    /// Restored slices whose outlines and measurements are not computed yet.
    found: HashMap<SliceKey, StoredSlice>,
    has_to_fold: bool,
}

impl WorkspaceKeeper {
    pub(super) fn new(places: AppFolders) -> Self {
        Self {
            places,
            workspace: None,
            look: None,
            failed: None,
            cases: HashMap::new(),
            steps: HashMap::new(),
            next_seq: 1,
            labels: Arc::default(),
            found: HashMap::new(),
            has_to_fold: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.workspace.is_some()
    }

    pub(super) fn knows_case(&self, case: CaseId) -> bool {
        self.cases.contains_key(&case)
    }

    pub(super) fn has_to_fold(&self) -> bool {
        self.has_to_fold && self.is_open()
    }

    pub(super) fn fold_journal(&mut self) {
        // A failure loses nothing: the journal is complete.
        let left = self
            .workspace
            .as_mut()
            .map_or(Ok(false), |w| w.fold_journal(FOLDED));
        self.has_to_fold = left.unwrap_or_else(|failure| {
            log::warn!("{failure}");
            false
        });
    }

    /// Syncs written data to the disk.
    pub(super) fn sync_to_disk(&mut self) -> Result<(), Error> {
        self.workspace.as_mut().map_or(Ok(()), |w| w.sync_to_disk())
    }

    pub(super) fn close_workspace(&mut self) {
        if let Some(Err(failure)) = self.workspace.take().map(Workspace::close) {
            log::error!("{failure}");
        }
        // Only after the workspace in the copy is closed.
        self.look = None;
    }

    /// Runs a job; returns events for the window. `has_work`: there is work that no workspace has yet.
    pub(super) fn run_job(
        &mut self,
        job: &StoreJob,
        has_work: bool,
    ) -> Result<Vec<Event>, WriteTrouble> {
        match job {
            StoreJob::Open { folder, with_cases } => {
                self.open_chosen(folder.as_deref(), *with_cases, has_work)
            }
            StoreJob::Rename(name) => {
                self.workspace_mut()?.set_name(name)?;
                self.workspace_info(false)
                    .map(|info| vec![Event::Workspace(Ok(info))])
            }
            StoreJob::Move(folder) => self.move_workspace(folder),
            StoreJob::Labels(labels) => {
                self.workspace_mut()?.set_labels(labels)?;
                self.labels = labels.clone().into();
                Ok(Vec::new())
            }
            StoreJob::Append { step, person } => self.append_step(step, person),
            StoreJob::SetUndone {
                step,
                undone,
                status,
            } => self.set_undone(*step, *undone, *status),
            StoreJob::Proposal {
                case,
                slice,
                finding,
            } => self.store_proposal(*case, *slice as u32, finding),
            StoreJob::Status { case, status } => {
                let key = self.case_key(*case)?;
                self.workspace_mut()?.set_status(key, *status)?;
                self.count_events()
            }
            StoreJob::Seconds { case, seconds } => self.add_seconds(*case, *seconds),
            StoreJob::CountLabel(label) => Ok(vec![Event::LabelUse(
                self.workspace_mut()?.label_use(*label)?,
            )]),
            StoreJob::RemoveLabel {
                label,
                into,
                tool,
                person,
            } => self.remove_label(*label, *into, tool, person),
            StoreJob::RemoveCase(case) => self.remove_case(*case),
            StoreJob::Tidy => self.purge_removed_cases(),
            StoreJob::SetTask { cases, task } => self.set_task(cases, task),
            StoreJob::BeginRound(wish) => self.begin_round(wish),
            StoreJob::EndRound { key, outcome } => self.end_round(*key, outcome),
            StoreJob::Version(job) => self.run_version_job(job),
            StoreJob::ReadAccepted => Ok(vec![Event::AcceptedCases(
                self.accepted_cases().map_err(WriteTrouble::into_error),
            )]),
            StoreJob::WorkReport => Ok(vec![Event::WorkReport(Box::new(
                self.workspace_mut()?.work_report()?,
            ))]),
            StoreJob::Retry => Ok(self.retry_opening(has_work)),
            StoreJob::Relocate(cases) => self.relocate_images(cases),
            StoreJob::Shown { case, slice } => Ok(self.note_shown(*case, *slice as u32)),
            StoreJob::Adopt(_) => Ok(Vec::new()),
        }
    }

    /// Progress of the work; `None` if it cannot be read now.
    pub(super) fn meter_event(&mut self) -> Option<Event> {
        self.workspace
            .as_mut()?
            .count_progress()
            .ok()
            .map(Event::Meter)
    }

    pub(super) fn workspace_mut(&mut self) -> Result<&mut Workspace, WriteTrouble> {
        self.workspace
            .as_mut()
            .ok_or_else(WriteTrouble::no_workspace)
    }

    fn case_key(&self, case: CaseId) -> Result<CaseKey, WriteTrouble> {
        // Waiting look-ups were done before; a case that is still unknown remains unknown.
        self.cases
            .get(&case)
            .map(|known| known.key)
            .ok_or_else(WriteTrouble::unknown_case)
    }

    /// Progress of the work, and the number of newly accepted cases.
    fn count_events(&mut self) -> Result<Vec<Event>, WriteTrouble> {
        Ok(vec![
            Event::Meter(self.workspace_mut()?.count_progress()?),
            self.newly_accepted()?,
        ])
    }

    fn append_step(
        &mut self,
        step: &HistoryStep,
        person: &str,
    ) -> Result<Vec<Event>, WriteTrouble> {
        let case = self.case_key(step.case)?;
        let stored = Stored {
            seq: self.next_seq,
            case,
            at: now_millis(),
            author: Author::Person(person.to_owned()),
            tool: step.tool.to_string(),
            edits: step
                .decoded_edits(false)
                .map(|(slice, edit)| (slice as u32, edit))
                .collect(),
            also: step.also.clone(),
            state: StepState::Done,
        };
        self.workspace_mut()?.append_step(&stored, &[])?;
        self.next_seq += 1;
        self.has_to_fold = true;
        if let StepId::New(id) = step.id {
            self.steps.insert(id, stored.seq);
        }
        if step.also.status.is_some() {
            self.count_events()
        } else {
            Ok(Vec::new())
        }
    }

    /// Undoes or redoes a step.
    fn set_undone(
        &mut self,
        step: StepId,
        undone: bool,
        status: Option<StatusChange>,
    ) -> Result<Vec<Event>, WriteTrouble> {
        let seq = match step {
            StepId::Stored(seq) => Some(seq),
            StepId::New(id) => self.steps.get(&id).copied(),
        };
        self.workspace_mut()?.set_undone_knowing(
            seq.ok_or_else(WriteTrouble::unwritten_step)?,
            undone,
            status,
        )?;
        self.has_to_fold = true;
        // The step may have been an acceptance.
        self.count_events()
    }

    /// Adds seconds of work on a case.
    fn add_seconds(&mut self, case: CaseId, seconds: f64) -> Result<Vec<Event>, WriteTrouble> {
        // Losing the time of a case that is not in the workspace does no harm.
        if let Ok(key) = self.case_key(case) {
            self.workspace_mut()?.add_seconds(key, seconds)?;
        }
        Ok(Vec::new())
    }

    /// Replaces a label in all masks by another one, or by background.
    fn remove_label(
        &mut self,
        label: u8,
        into: Option<u8>,
        tool: &str,
        person: &str,
    ) -> Result<Vec<Event>, WriteTrouble> {
        let changed =
            self.workspace_mut()?
                .relabel_masks(label, into.unwrap_or(0), tool, person)?;
        self.next_seq = self.workspace_mut()?.next_seq()?;
        self.has_to_fold = true;
        self.tell_again(&changed)
    }

    /// Removes a case from the list; its work is kept.
    fn remove_case(&mut self, case: CaseId) -> Result<Vec<Event>, WriteTrouble> {
        let key = self.case_key(case)?;
        self.workspace_mut()?.set_listed(key, false)?;
        self.cases.remove(&case);
        self.found.retain(|slice, _| slice.case != case);
        self.count_events()
    }

    /// Deletes the proposals of cases that were removed from the list.
    fn purge_removed_cases(&mut self) -> Result<Vec<Event>, WriteTrouble> {
        self.workspace_mut()?.purge_removed_cases()?;
        let text =
            "Deleted the proposals of cases removed from the list. Their drawn masks are kept.";
        Ok(vec![Event::Notice(text.into())])
    }

    /// Saves which slice of which case is on the screen.
    fn note_shown(&mut self, case: CaseId, slice: u32) -> Vec<Event> {
        // Losing this does no harm.
        if let (Ok(key), Some(workspace)) = (self.case_key(case), self.workspace.as_mut())
            && let Err(failure) = workspace.set_shown(key, slice)
        {
            log::warn!("{failure}");
        }
        Vec::new()
    }

    /// All accepted cases, with their masks.
    fn accepted_cases(&mut self) -> Result<Vec<StoredCase>, WriteTrouble> {
        let entries = self.workspace_mut()?.list_cases()?;
        let accepted = entries
            .into_iter()
            .filter(|entry| entry.status == Status::Accepted);
        let mut cases = Vec::new();
        for entry in accepted {
            cases.extend(
                self.workspace_mut()?
                    .find_case(&entry.description.identity)?,
            );
        }
        Ok(cases)
    }

    fn store_proposal(
        &mut self,
        case: CaseId,
        slice: u32,
        finding: &Finding,
    ) -> Result<Vec<Event>, WriteTrouble> {
        let key = self.case_key(case)?;
        let (name, version) = finding.model_and_version();
        let at = now_millis();
        let mask = finding.to_mask();
        let model = ModelStamp {
            name,
            version,
            weights: finding.weights.to_string(),
        };
        let proposal = Proposal {
            model,
            at,
            mask: PackedMask::from_mask(&mask),
        };
        let bytes = finding.probability_bytes();
        self.workspace_mut()?
            .put_proposal(key, slice, &proposal, Some(&bytes))?;
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests;

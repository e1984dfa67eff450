//! The open workspace: the session's jobs as calls of the store, and what it keeps as events.

mod cases;
mod labels;

use crate::{
    Error, ErrorKind,
    session::{
        finding::Finding,
        history::{HistoryStep, StepId},
        job::{CaseId, Event, SliceKey, StoreJob, WorkspaceInfo},
    },
    worker::AppFolders,
    workspace::{self, Workspace, now_millis},
};
use labrum_core::{
    journal::{
        Author, CaseDescription, CaseKey, JournalStep as Stored, ModelStamp, Proposal, StepState,
        StoredCase, StoredSlice,
    },
    label::Label,
    mask::PackedMask,
    study::{Series, Status},
};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Slices whose journal is folded in one go.
const FOLDED: u32 = 8;

/// Why something was not written.
#[derive(Debug)]
pub(super) enum WriteTrouble {
    /// It may work another time.
    Later(Error),
    /// It never will.
    Never(Error),
}

impl WriteTrouble {
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

/// The case that a job is about, where that has to be known to the workspace.
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

/// A copy of a workspace that another window has open.
struct ReadOnlyCopy {
    /// Where that is.
    folder: PathBuf,
    /// Who has it open.
    holder: String,
    /// Removed with this.
    _copy: tempfile::TempDir,
    /// The window knows that the other one has closed it.
    is_told: bool,
}

/// The workspace and what the session's names in it are.
pub(super) struct WorkspaceKeeper {
    places: AppFolders,
    workspace: Option<Workspace>,
    /// Set while `workspace` is a copy of one that another window has open.
    look: Option<ReadOnlyCopy>,
    /// The folder that could not be opened and may be another time, and whether its cases are wanted.
    failed: Option<(PathBuf, bool)>,
    cases: HashMap<CaseId, KnownCase>,
    steps: HashMap<u64, i64>,
    next_seq: i64,
    labels: Arc<[Label]>,
    /// Slices that were found and whose findings are still to be worked out.
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
        // A fold that fails is no loss: the journal has it all.
        let left = self
            .workspace
            .as_mut()
            .map_or(Ok(false), |w| w.fold_journal(FOLDED));
        self.has_to_fold = left.unwrap_or_else(|failure| {
            log::warn!("{failure}");
            false
        });
    }

    /// Brings what was written onto the disk itself.
    pub(super) fn sync_to_disk(&mut self) -> Result<(), Error> {
        self.workspace.as_mut().map_or(Ok(()), |w| w.sync_to_disk())
    }

    pub(super) fn close_workspace(&mut self) {
        if let Some(Err(failure)) = self.workspace.take().map(Workspace::close) {
            log::error!("{failure}");
        }
        // After the workspace in it.
        self.look = None;
    }

    /// Does a job; the events are for the window. `has_work` says that there is work which no workspace has yet.
    pub(super) fn run_job(
        &mut self,
        job: &StoreJob,
        has_work: bool,
    ) -> Result<Vec<Event>, WriteTrouble> {
        match job {
            StoreJob::Open { folder, with_cases } => {
                let folder = folder
                    .clone()
                    .unwrap_or_else(|| self.places.data.join("My work"));
                let mut events =
                    self.open_workspace(&folder, *with_cases, has_work && !self.is_open());
                if self.is_open() {
                    // A workspace whose versions cannot be read is still one to draw in.
                    events.extend(
                        self.learning_events()
                            .unwrap_or_else(|trouble| vec![Event::Failed(trouble.into_error())]),
                    );
                }
                Ok(events)
            }
            StoreJob::Rename(name) => {
                self.workspace_mut()?.set_name(name)?;
                self.workspace_info(false)
                    .map(|info| vec![Event::Workspace(Ok(info))])
            }
            StoreJob::Move(folder) => {
                // One that is not open is not moved as soon as it is.
                let moved = self
                    .workspace_mut()
                    .map_err(WriteTrouble::into_never)?
                    .move_to(folder);
                let info = self.workspace_info(false)?;
                let failed = moved.err().map(Event::Failed);
                let learning = self.learning_events()?;
                Ok(failed
                    .into_iter()
                    .chain([Event::Workspace(Ok(info))])
                    .chain(learning)
                    .collect())
            }
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
            } => {
                let seq = match step {
                    StepId::Stored(seq) => Some(*seq),
                    StepId::New(id) => self.steps.get(id).copied(),
                };
                let lost = || {
                    WriteTrouble::Never(Error::new(
                        "undo the step in the workspace",
                        "it was never written there",
                    ))
                };
                self.workspace_mut()?.set_undone_knowing(
                    seq.ok_or_else(lost)?,
                    *undone,
                    *status,
                )?;
                self.has_to_fold = true;
                // It may have been the acceptance.
                self.count_events()
            }
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
            StoreJob::Seconds { case, seconds } => {
                // The time spent on a case that was not taken in is no loss.
                if let Ok(key) = self.case_key(*case) {
                    self.workspace_mut()?.add_seconds(key, *seconds)?;
                }
                Ok(Vec::new())
            }
            StoreJob::CountLabel(label) => Ok(vec![Event::LabelUse(
                self.workspace_mut()?.label_use(*label)?,
            )]),
            StoreJob::RemoveLabel {
                label,
                into,
                tool,
                person,
            } => {
                let changed =
                    self.workspace_mut()?
                        .relabel_masks(*label, into.unwrap_or(0), tool, person)?;
                self.next_seq = self.workspace_mut()?.next_seq()?;
                self.has_to_fold = true;
                self.tell_again(&changed)
            }
            StoreJob::RemoveCase(case) => {
                let key = self.case_key(*case)?;
                self.workspace_mut()?.set_listed(key, false)?;
                self.cases.remove(case);
                self.found.retain(|slice, _| slice.case != *case);
                self.count_events()
            }
            StoreJob::Tidy => {
                self.workspace_mut()?.purge_removed_cases()?;
                let text = "What models had proposed for cases out of the list is gone; what was drawn on them is kept";
                Ok(vec![Event::Notice(text.into())])
            }
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
            StoreJob::Retry => match self.failed.clone().filter(|_| !self.is_open()) {
                Some((folder, with_cases)) => {
                    Ok(self.open_workspace(&folder, with_cases, has_work))
                }
                None => Ok(Vec::new()),
            },
            StoreJob::Relocate(cases) => self.relocate_images(cases),
            StoreJob::Shown { case, slice } => {
                // Not to know it at the next start is no loss.
                if let (Ok(key), Some(workspace)) = (self.case_key(*case), self.workspace.as_mut())
                    && let Err(failure) = workspace.set_shown(key, *slice as u32)
                {
                    log::warn!("{failure}");
                }
                Ok(Vec::new())
            }
            StoreJob::Adopt(_) => Ok(Vec::new()),
        }
    }

    /// Opens the workspace that could not be opened before, for work that waits for it.
    pub(super) fn open_again(&mut self) -> Result<Vec<Event>, WriteTrouble> {
        let Some((folder, with_cases)) = self.failed.clone() else {
            return Ok(Vec::new());
        };
        let opened = self.try_open(&folder, with_cases, true);
        match (&opened, &self.failed) {
            (Err(error), Some(_)) => Err(WriteTrouble::Later(error.clone())),
            _ => Ok(opened_events(opened)),
        }
    }

    fn open_workspace(&mut self, folder: &Path, with_cases: bool, has_work: bool) -> Vec<Event> {
        opened_events(self.try_open(folder, with_cases, has_work))
    }

    fn try_open(
        &mut self,
        folder: &Path,
        with_cases: bool,
        has_work: bool,
    ) -> Result<WorkspaceInfo, Error> {
        // The same folder again: its lock must be let go first.
        self.close_workspace();
        self.cases.clear();
        self.steps.clear();
        self.found.clear();
        self.failed = Some((folder.to_owned(), with_cases));
        let opened = self.open_or_look(folder, has_work).and_then(|workspace| {
            self.workspace = Some(workspace);
            self.workspace_info(with_cases)
                .map_err(WriteTrouble::into_error)
        });
        let opened = opened.and_then(|info| {
            self.failed = None;
            // Values that were drawn mean other labels there.
            match has_work && (info.meter.total > 0 || !info.labels.is_empty()) {
                true => Err(Error::at_path(
                    "keep the work",
                    folder,
                    "there is other work in that workspace",
                )
                .with_advice("Choose a new folder for what was drawn since.")),
                false => Ok(info),
            }
        });
        if opened.is_err() {
            self.close_workspace();
        }
        opened
    }

    /// Opens a workspace, or a copy of it where another window has it open: work that waits is for no copy.
    fn open_or_look(&mut self, folder: &Path, has_work: bool) -> Result<Workspace, Error> {
        let opened = Workspace::open(folder);
        let holder = workspace::holder_of(folder).filter(|_| opened.is_err() && !has_work);
        let Some(holder) = holder else { return opened };
        let copy = tempfile::Builder::new().prefix("labrum-look-").tempdir();
        let copy = copy.map_err(|e| {
            Error::at_path("look at the workspace", folder, e).with_advice("Free some space.")
        })?;
        workspace::copy_for_looking(folder, copy.path())?;
        let workspace = Workspace::open(copy.path())?;
        self.look = Some(ReadOnlyCopy {
            folder: folder.to_owned(),
            holder,
            _copy: copy,
            is_told: false,
        });
        Ok(workspace)
    }

    /// True while the workspace is a copy of one that another window has open.
    pub(super) fn is_looking(&self) -> bool {
        self.look.is_some()
    }

    /// True once after the other window has closed the workspace that is looked at.
    pub(super) fn is_holder_gone(&mut self) -> bool {
        let Some(look) = self.look.as_mut().filter(|look| !look.is_told) else {
            return false;
        };
        look.is_told = workspace::holder_of(&look.folder).is_none();
        look.is_told
    }

    fn workspace_info(&mut self, with_cases: bool) -> Result<WorkspaceInfo, WriteTrouble> {
        let workspace = self.workspace_mut()?;
        let (mut folder, name) = (workspace.folder().to_owned(), workspace.read_name()?);
        let (labels, meter) = (workspace.read_labels()?, workspace.count_progress()?);
        let next_seq = workspace.next_seq()?;
        let (mut sources, mut missing, mut resume) = (Vec::new(), Vec::new(), None);
        if with_cases {
            (sources, missing) = image_paths(workspace)?;
            resume = workspace
                .last_shown()?
                .map(|(path, slice)| (path, slice as usize));
        }
        let tasks = workspace.list_tasks()?;
        (self.next_seq, self.labels) = (next_seq, labels.clone().into());
        if let Some(look) = &self.look {
            folder.clone_from(&look.folder);
        }
        let holder = self.look.as_ref().map(|look| look.holder.clone());
        Ok(WorkspaceInfo {
            folder,
            name,
            labels,
            tasks,
            meter,
            sources,
            missing,
            resume,
            holder,
        })
    }

    /// Notes where images are now.
    fn relocate_images(&mut self, cases: &[CaseDescription]) -> Result<Vec<Event>, WriteTrouble> {
        let workspace = self.workspace_mut().map_err(WriteTrouble::into_never)?;
        workspace
            .relocate_images(cases)
            .map_err(WriteTrouble::Never)?;
        let (_, missing) = image_paths(workspace)?;
        let mut paths: Vec<PathBuf> = cases
            .iter()
            .flat_map(|case| &case.slices)
            .map(|slice| slice.source.path.clone())
            .collect();
        let mut seen = HashSet::new();
        paths.retain(|path| seen.insert(path.clone()));
        Ok(vec![Event::Relocated { paths, missing }])
    }

    /// How far the work is; nothing where that cannot be read now.
    pub(super) fn meter_event(&mut self) -> Option<Event> {
        self.workspace
            .as_mut()?
            .count_progress()
            .ok()
            .map(Event::Meter)
    }

    pub(super) fn workspace_mut(&mut self) -> Result<&mut Workspace, WriteTrouble> {
        let closed = || {
            WriteTrouble::Later(
                Error::new("save the work", "no workspace is open")
                    .with_advice("Open one in another folder (File)."),
            )
        };
        self.workspace.as_mut().ok_or_else(closed)
    }

    fn case_key(&self, case: CaseId) -> Result<CaseKey, WriteTrouble> {
        // Whatever waits to be looked up was looked up before: what is still unknown stays so.
        let lost = || {
            WriteTrouble::Never(Error::new(
                "save the work",
                "the workspace could not take the case in",
            ))
        };
        self.cases
            .get(&case)
            .map(|known| known.key)
            .ok_or_else(lost)
    }

    /// How far the work is, and how much of it is new to the model.
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

    /// All accepted cases with their masks.
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

/// The files of all cases that are there, and the identities of cases of which some are not.
fn image_paths(workspace: &mut Workspace) -> crate::Result<(Vec<PathBuf>, Vec<String>)> {
    let (mut sources, mut missing, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for entry in workspace.list_cases()? {
        let paths: Vec<PathBuf> = entry
            .description
            .slices
            .into_iter()
            .map(|s| s.source.path)
            .collect();
        let (there, gone): (Vec<PathBuf>, Vec<PathBuf>) =
            paths.into_iter().partition(|path| path.exists());
        sources.extend(there.into_iter().filter(|path| seen.insert(path.clone())));
        missing.extend((!gone.is_empty()).then_some(entry.description.identity));
    }
    Ok((sources, missing))
}

/// What the window is told of a workspace that was opened, or could not be.
fn opened_events(opened: Result<WorkspaceInfo, Error>) -> Vec<Event> {
    let missing = opened.as_ref().map_or(0, |info| info.missing.len());
    let notice = (missing > 0).then(|| {
        let of = if missing == 1 { "the images of 1 case" } else { &format!("the images of {missing} cases") };
        Event::Notice(format!(
            "{of} are not where they were. File, \"Find the images\" looks for them in a folder; their masks are kept."
        ))
    });
    notice
        .into_iter()
        .chain([Event::Workspace(opened)])
        .collect()
}

#[cfg(test)]
mod tests;

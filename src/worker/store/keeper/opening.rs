//! Opening a workspace, or a read-only copy if another window has it open.

use super::{WorkspaceKeeper, WriteTrouble};
use crate::{
    Error,
    session::job::{Event, WorkspaceInfo},
    workspace::{self, Workspace},
};
use labrum_core::journal::CaseDescription;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// A read-only copy of a workspace that another window has open.
pub(super) struct ReadOnlyCopy {
    /// The folder of the original.
    folder: PathBuf,
    /// Who has it open.
    holder: String,
    /// The folder of the copy, removed when dropped.
    _copy: tempfile::TempDir,
    /// The user was told that the other window has closed the workspace.
    is_told: bool,
}

impl WorkspaceKeeper {
    /// Opens the workspace in a folder, or the user's default workspace.
    pub(super) fn open_chosen(
        &mut self,
        folder: Option<&Path>,
        with_cases: bool,
        has_work: bool,
    ) -> Result<Vec<Event>, WriteTrouble> {
        let folder = folder.map_or_else(|| self.places.data.join("My work"), Path::to_owned);
        let mut events = self.open_workspace(&folder, with_cases, has_work && !self.is_open());
        if self.is_open() {
            // A workspace whose versions cannot be read can still be used for drawing.
            events.extend(
                self.learning_events()
                    .unwrap_or_else(|trouble| vec![Event::Failed(trouble.into_error())]),
            );
        }
        Ok(events)
    }

    /// Moves the workspace to another folder.
    pub(super) fn move_workspace(&mut self, folder: &Path) -> Result<Vec<Event>, WriteTrouble> {
        // Not retried: a workspace that is not open now is not moved later.
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

    /// Retries opening the workspace that could not be opened; does nothing if one is open.
    pub(super) fn retry_opening(&mut self, has_work: bool) -> Vec<Event> {
        match self.failed.clone().filter(|_| !self.is_open()) {
            Some((folder, with_cases)) => self.open_workspace(&folder, with_cases, has_work),
            None => Vec::new(),
        }
    }

    /// Retries opening the workspace, for work that waits for it.
    pub(in crate::worker::store) fn open_again(&mut self) -> Result<Vec<Event>, WriteTrouble> {
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
        // It may be the same folder, whose lock must be released first.
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
            // Label values of the unsaved masks would have another meaning there.
            match has_work && (info.meter.total > 0 || !info.labels.is_empty()) {
                true => Err(Error::at_path(
                    "save the work in",
                    folder,
                    "that workspace already has other work",
                )
                .with_advice("Choose a new folder for your unsaved work.")),
                false => Ok(info),
            }
        });
        if opened.is_err() {
            self.close_workspace();
        }
        opened
    }

    /// Opens a workspace, or a read-only copy if another window has it open and no work is waiting to be saved.
    fn open_or_look(&mut self, folder: &Path, has_work: bool) -> Result<Workspace, Error> {
        let opened = Workspace::open(folder);
        let holder = workspace::holder_of(folder).filter(|_| opened.is_err() && !has_work);
        let Some(holder) = holder else { return opened };
        let copy = tempfile::Builder::new().prefix("labrum-look-").tempdir();
        let copy = copy.map_err(|e| {
            Error::at_path("open a read-only copy of the workspace", folder, e)
                .with_advice("Free some space.")
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

    /// True while the workspace is a read-only copy of one that another window has open.
    pub(in crate::worker::store) fn is_looking(&self) -> bool {
        self.look.is_some()
    }

    /// True once, after the other window has closed the workspace.
    pub(in crate::worker::store) fn is_holder_gone(&mut self) -> bool {
        let Some(look) = self.look.as_mut().filter(|look| !look.is_told) else {
            return false;
        };
        look.is_told = workspace::holder_of(&look.folder).is_none();
        look.is_told
    }

    pub(super) fn workspace_info(
        &mut self,
        with_cases: bool,
    ) -> Result<WorkspaceInfo, WriteTrouble> {
        let workspace = self.workspace_mut()?;
        let mut folder = workspace.folder().to_owned();
        let name = workspace.read_name()?;
        let labels = workspace.read_labels()?;
        let meter = workspace.count_progress()?;
        let next_seq = workspace.next_seq()?;
        let mut sources = Vec::new();
        let mut missing = Vec::new();
        let mut resume = None;
        if with_cases {
            (sources, missing) = image_paths(workspace)?;
            resume = workspace
                .last_shown()?
                .map(|(path, slice)| (path, slice as usize));
        }
        let tasks = workspace.list_tasks()?;
        self.next_seq = next_seq;
        self.labels = labels.clone().into();
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

    /// Saves the new location of images.
    pub(super) fn relocate_images(
        &mut self,
        cases: &[CaseDescription],
    ) -> Result<Vec<Event>, WriteTrouble> {
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
}

/// All image files that exist, and the identities of cases with missing files.
fn image_paths(workspace: &mut Workspace) -> crate::Result<(Vec<PathBuf>, Vec<String>)> {
    let mut sources = Vec::new();
    let mut missing = Vec::new();
    let mut seen = HashSet::new();
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

/// The events for a workspace that was opened, or could not be.
fn opened_events(opened: Result<WorkspaceInfo, Error>) -> Vec<Event> {
    let missing = opened.as_ref().map_or(0, |info| info.missing.len());
    let notice = (missing > 0).then(|| {
        let of = if missing == 1 {
            "the images of 1 case"
        } else {
            &format!("the images of {missing} cases")
        };
        Event::Notice(format!(
            "{of} were not found. Use File, \"Find moved images\" to search a folder; \
            their masks are kept."
        ))
    });
    notice
        .into_iter()
        .chain([Event::Workspace(opened)])
        .collect()
}

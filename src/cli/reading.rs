//! Read-only access to a workspace: the workspace itself, or a copy of its current state if another process has it open or
//! its folder is read-only.

use super::{check_workspace, console};
use crate::workspace::{self, Workspace};
use crate::{Error, Result};
use labrum_core::{learning::Version, whole_file};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

/// A workspace for reading; changes to it may be lost.
pub(super) struct ReadOnlyWorkspace {
    workspace: Workspace,
    /// Folder of the original workspace.
    folder: PathBuf,
    /// The temporary folder of the copy, removed with it.
    copy: Option<tempfile::TempDir>,
}

impl ReadOnlyWorkspace {
    /// Opens the workspace in `folder`, or a copy of its current state.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        check_workspace(folder)?;
        let refused = match Workspace::open(folder) {
            Ok(workspace) => {
                return Ok(Self {
                    folder: workspace.folder().to_owned(),
                    workspace,
                    copy: None,
                });
            }
            Err(error) => error,
        };
        let holder = workspace::holder_of(folder);
        let can_be_written =
            whole_file::check_writable(&folder.join("probe"), "write to the workspace").is_ok();
        if holder.is_none() && can_be_written {
            return Err(refused);
        }
        let copy = tempfile::Builder::new().prefix("labrum-look-").tempdir();
        let copy = copy.map_err(|e| {
            Error::at_path("copy the workspace", folder, e).with_advice("Free some space.")
        })?;
        workspace::copy_for_looking(folder, copy.path())?;
        if let Some(holder) = holder {
            console::print_remark(format_args!(
                "labrum: {holder} has the workspace open; reading what it has saved so far"
            ));
        }
        let workspace = Workspace::open(copy.path())?;
        Ok(Self {
            workspace,
            folder: workspace::absolute_path(folder),
            copy: Some(copy),
        })
    }

    /// Folder of the original workspace.
    pub(super) fn workspace_folder(&self) -> &Path {
        &self.folder
    }

    /// All versions, with paths to files in the original workspace.
    pub(super) fn all_versions(&mut self) -> Result<Vec<Version>> {
        let mut versions = self.workspace.list_versions()?;
        if let Some(copy) = &self.copy {
            let copied = workspace::absolute_path(copy.path());
            for version in &mut versions {
                if let Ok(below) = version.file.strip_prefix(&copied) {
                    version.file = self.folder.join(below);
                }
            }
        }
        Ok(versions)
    }
}

impl Deref for ReadOnlyWorkspace {
    type Target = Workspace;

    fn deref(&self) -> &Workspace {
        &self.workspace
    }
}

impl DerefMut for ReadOnlyWorkspace {
    fn deref_mut(&mut self) -> &mut Workspace {
        &mut self.workspace
    }
}

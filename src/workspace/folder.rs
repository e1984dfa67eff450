//! The folder of a workspace: summarising a closed workspace, and moving an open one.

use super::{DATABASE, Open, Workspace, lock, places::absolute_path, schema};
use crate::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    time::{Duration, SystemTime},
};

/// Summary of a workspace for the list of workspaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceGlance {
    /// Its name; that of its folder if the database cannot be read.
    pub name: String,
    /// Number of cases; `None` while it is open.
    pub cases: Option<u32>,
    /// Number of accepted cases; `None` while it is open.
    pub accepted: Option<u32>,
    /// When something was last written.
    pub last_used: Option<SystemTime>,
}

/// Summarises a workspace without opening it; `None` if `folder` is not a workspace.
pub fn glance_at(folder: &Path) -> Option<WorkspaceGlance> {
    let database = folder.join(DATABASE);
    let written = fs::metadata(&database).ok()?.modified().ok();
    let log = fs::metadata(folder.join(format!("{DATABASE}-wal")))
        .ok()
        .and_then(|m| m.modified().ok());
    let name = folder
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let figures = read_figures(&database).ok();
    let (name, cases, accepted) = match figures {
        Some((name, cases, accepted)) => (name, Some(cases), Some(accepted)),
        None => (name, None, None),
    };
    Some(WorkspaceGlance {
        name,
        cases,
        accepted,
        last_used: written.max(log),
    })
}

/// The version since which cases can be removed from the list.
const LISTED_SINCE: usize = 4;

fn read_figures(database: &Path) -> rusqlite::Result<(String, u32, u32)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    // A workspace that is open elsewhere stays locked, so waiting is useless.
    connection.busy_timeout(Duration::ZERO)?;
    let version: usize =
        connection.pragma_query_value(None, "user_version", |r| r.get::<_, u32>(0))? as usize;
    // Older versions can be read too; newer ones cannot.
    let known = schema::MIGRATIONS
        .get(..version)
        .filter(|known| !known.is_empty());
    if !known.map_or(Ok(false), |known| {
        schema::has_own_tables(&connection, known)
    })? {
        return Err(rusqlite::Error::InvalidQuery);
    }
    // Older versions have no column for cases removed from the list.
    let listed = if version >= LISTED_SINCE {
        "WHERE removed_at IS NULL"
    } else {
        ""
    };
    connection.query_row(
        &format!(
            "SELECT name, (SELECT count(*) FROM scan {listed}),
                 (SELECT count(*) FILTER (WHERE status = 'accepted') FROM scan {listed}) FROM workspace"
        ),
        (),
        |row| row.try_into(),
    )
}

impl Workspace {
    /// Moves the workspace to `target`, which must be new or empty, and reopens it there. To another disk it is copied
    /// and verified before the old folder is removed.
    ///
    /// # Errors
    /// If `target` is in use or cannot be written: the workspace is then still open at its old location.
    pub fn move_to(&mut self, target: &Path) -> Result<()> {
        let tried = "move the workspace to";
        check_target(&self.folder, target)?;
        if let Some(open) = self.open.take()
            && let Err(failure) = open.close_connection(&self.folder)
        {
            self.open = Some(Open::open_database(&self.folder, schema::MIGRATIONS)?);
            return Err(failure);
        }
        let moved = move_folder(&self.folder, target);
        if moved.is_ok() {
            self.folder = absolute_path(target);
        }
        self.open = Some(Open::open_database(&self.folder, schema::MIGRATIONS)?);
        moved.map_err(|e| lock::explain_io_error(tried, target, &e))?;
        // The work has moved; images are usually found without this, so a failure is only logged.
        self.note_places()
            .unwrap_or_else(|failure| log::warn!("{failure}"));
        Ok(())
    }
}

fn check_target(folder: &Path, target: &Path) -> Result<(), Error> {
    let tried = "move the workspace to";
    if absolute_path(target).starts_with(absolute_path(folder)) {
        return Err(
            Error::at_path(tried, target, "that folder is inside the workspace")
                .with_advice("Choose another folder."),
        );
    }
    match fs::read_dir(target) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Error::at_path(tried, target, "that folder is not empty")
                .with_advice("Choose a new or empty folder.")),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(lock::explain_io_error(tried, target, &e)),
    }
}

/// Renames the folder. If that is not possible, copies it to a temporary name first, so that `target` is complete as
/// soon as it exists.
fn move_folder(folder: &Path, target: &Path) -> io::Result<()> {
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)?;
    // Only some systems can rename onto an empty folder.
    let was_empty_folder = fs::remove_dir(target).is_ok();
    let moved = fs::rename(folder, target).or_else(|_| copy_and_remove(folder, target, parent));
    if moved.is_err() && was_empty_folder {
        let _ = fs::create_dir(target);
    }
    moved
}

fn copy_and_remove(folder: &Path, target: &Path, parent: &Path) -> io::Result<()> {
    let beside = tempfile::Builder::new()
        .prefix(".labrum-")
        .suffix(".part")
        .tempdir_in(parent)?;
    copy_all(folder, beside.path())?;
    fs::rename(beside.path(), target)?;
    // Everything is at the target; what cannot be removed here is only a leftover.
    let _ = fs::remove_dir_all(folder);
    Ok(())
}

/// Copies all files of a folder, each synced and verified.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let source = entry.path();
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_all(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
            File::options().write(true).open(&target)?.sync_all()?;
            check_files_equal(&source, &target)?;
        }
    }
    Ok(())
}

pub(super) fn check_files_equal(source: &Path, target: &Path) -> io::Result<()> {
    let (mut a, mut b) = (File::open(source)?, File::open(target)?);
    let (mut piece_a, mut piece_b) = (Vec::new(), Vec::new());
    loop {
        piece_a.clear();
        piece_b.clear();
        a.by_ref().take(1 << 20).read_to_end(&mut piece_a)?;
        b.by_ref().take(1 << 20).read_to_end(&mut piece_b)?;
        match piece_a == piece_b {
            false => {
                return Err(io::Error::other(format!(
                    "verification failed: the copy of {} differs",
                    source.display()
                )));
            }
            true if piece_a.is_empty() => return Ok(()),
            true => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn named(folder: &Path, name: &str) -> Workspace {
        let mut workspace = Workspace::open(folder).unwrap();
        workspace.set_name(name).unwrap();
        workspace
    }

    #[test]
    fn a_workspace_is_summarised_without_opening_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(glance_at(folder.path()), None);
        let workspace = named(folder.path(), "Hips");
        // While it is open, its name cannot be read from outside.
        let own = folder
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let open = glance_at(folder.path()).unwrap();
        assert_eq!((open.name, open.cases, open.accepted), (own, None, None));
        workspace.close().unwrap();
        let closed = glance_at(folder.path()).unwrap();
        assert_eq!(
            (closed.name.as_str(), closed.cases, closed.accepted),
            ("Hips", Some(0), Some(0))
        );
        assert!(closed.last_used.is_some());
        assert!(Workspace::open(folder.path()).is_ok());
    }

    #[test]
    fn a_workspace_moves_with_all_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("deep/er/new"));
        let mut workspace = named(&old, "Hips");
        std::fs::write(workspace.models_folder().join("1.labrum"), "weights").unwrap();
        workspace.move_to(&new).unwrap();
        assert_eq!(workspace.folder(), new);
        assert_eq!(workspace.read_name().unwrap(), "Hips");
        assert_eq!(
            std::fs::read(workspace.models_folder().join("1.labrum")).unwrap(),
            b"weights"
        );
        assert!(!old.exists());
        assert!(
            Workspace::open(&new).is_err(),
            "the workspace must be locked in its new folder"
        );
    }

    #[test]
    fn after_a_failed_move_the_workspace_stays_open_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (old, full, file) = (
            folder.path().join("old"),
            folder.path().join("full"),
            folder.path().join("file"),
        );
        std::fs::create_dir_all(full.join("x")).unwrap();
        std::fs::write(&file, "x").unwrap();
        let mut workspace = named(&old, "Hips");
        for (target, reason) in [
            (full, "that folder is not empty"),
            (old.join("inside"), "inside the workspace"),
            (file.clone(), "is a file, not a folder"),
            (file.join("below"), "is a file, not a folder"),
        ] {
            let error = workspace.move_to(&target).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert_eq!(workspace.folder(), old);
            assert_eq!(workspace.read_name().unwrap(), "Hips");
        }
    }

    #[test]
    fn a_workspace_is_copied_completely_before_the_old_one_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        named(&old, "Hips").close().unwrap();
        std::fs::write(old.join("models/1.labrum"), vec![7; 3 << 20]).unwrap();
        copy_and_remove(&old, &new, folder.path()).unwrap();
        assert!(!old.exists());
        assert_eq!(
            std::fs::read(new.join("models/1.labrum")).unwrap(),
            vec![7; 3 << 20]
        );
        assert_eq!(Workspace::open(&new).unwrap().read_name().unwrap(), "Hips");
        // No temporary copy is left.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_copy_that_differs_is_detected() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&a, vec![1; 2_000_000]).unwrap();
        std::fs::write(&b, vec![1; 1_999_999]).unwrap();
        assert!(check_files_equal(&a, &b).is_err());
        std::fs::copy(&a, &b).unwrap();
        assert!(check_files_equal(&a, &b).is_ok());
    }
}

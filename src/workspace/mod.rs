//! The store of a workspace: a folder with one SQLite database that keeps cases, masks and every step.
//!
//! Calls may wait for the disk: they are for one worker thread. What a call wrote when it returned stays whatever happens
//! to the program, and after [`Workspace::sync_to_disk`] whatever happens to the power; a call that failed left nothing, and can
//! be made again.

mod also;
mod cases;
mod failure;
mod folder;
mod identity;
mod journal;
mod labels;
mod lock;
mod look;
mod masks;
mod meter;
mod model_files;
mod places;
mod relabel;
mod rounds;
mod schema;
mod subjects;
mod tasks;
mod versions;
mod work_report;

pub use folder::{WorkspaceGlance, glance_at};
pub use identity::content_hash;
pub use lock::holder_of;
pub use look::copy_for_looking;
pub use places::absolute_path;

use crate::{Error, ErrorKind, Result};
use failure::Cause;
use lock::Lock;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// The name of the database in the folder.
const DATABASE: &str = "workspace.sqlite";
/// Rows changed before the log is moved into the database: those of about a hundred steps.
const CHANGES_IN_LOG: u64 = 500;
/// The name of the folder of the models in the folder.
const MODELS: &str = "models";

/// An open workspace; no other window can open it meanwhile.
#[derive(Debug)]
pub struct Workspace {
    folder: PathBuf,
    /// Missing only after a move that could not be finished nor taken back.
    open: Option<Open>,
}

/// What is closed for a move. The fields are dropped in this order.
#[derive(Debug)]
struct Open {
    connection: Connection,
    /// Rows changed since this connection was made, when the log last went into the database.
    folded_at: u64,
    _lock: Lock,
}

impl Workspace {
    /// Opens the workspace in `folder`; makes it, with the folder, where there is none.
    ///
    /// # Errors
    /// Where another window has it open, the folder cannot be written, or the database is damaged, of a newer version
    /// or none of ours. Nothing is overwritten then.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::open_with(folder, schema::MIGRATIONS)
    }

    fn open_with(folder: &Path, migrations: &[&str]) -> Result<Self, Error> {
        // The program may go to another folder while it is open, and what is told of it must mean the same everywhere.
        let folder = &places::absolute_path(folder);
        let open = Some(Open::open_database(folder, migrations)?);
        let mut workspace = Self {
            folder: folder.to_owned(),
            open,
        };
        let name = folder
            .file_name()
            .map_or_else(|| "Workspace".into(), |n| n.to_string_lossy().into_owned());
        workspace.write_transaction("open the workspace", |t| {
            t.execute(
                "INSERT OR IGNORE INTO workspace (id, name, created_at) VALUES (1, ?1, ?2)",
                (name, now_millis()),
            )?;
            labels::give_ids(t)
        })?;
        workspace.sweep_models();
        Ok(workspace)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its models are.
    pub fn models_folder(&self) -> PathBuf {
        self.folder.join(MODELS)
    }

    /// What it is called; the name of its folder until it is given another one.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn read_name(&mut self) -> Result<String> {
        self.read_database("read the name of the workspace", |c| {
            Ok(c.query_row("SELECT name FROM workspace", (), |r| r.get(0))?)
        })
    }

    /// Gives it another name. The folder keeps its own.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn set_name(&mut self, name: &str) -> Result<()> {
        self.write_transaction("rename the workspace", |t| {
            t.execute("UPDATE workspace SET name = ?1", [name])?;
            Ok(())
        })
    }

    /// Waits until the disk itself has all that was written: it survives a power cut then.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn sync_to_disk(&mut self) -> Result<()> {
        let log = self.folder.join(format!("{DATABASE}-wal"));
        let synced = match std::fs::OpenOptions::new().write(true).open(&log) {
            Ok(file) => file.sync_data(),
            // All of it is in the database already.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        };
        let failed = |e: std::io::Error| {
            lock::explain_io_error("bring the work onto the disk", &self.folder, &e)
        };
        synced.map_err(|e| failed(e).of_kind(ErrorKind::Disk))
    }

    /// Closes it: all goes into the one file, and another window can open it.
    ///
    /// # Errors
    /// Where the disk fails; nothing is lost then.
    pub fn close(mut self) -> Result<()> {
        self.open
            .take()
            .map_or(Ok(()), |open| open.close_connection(&self.folder))
    }

    /// Holds the database at `pages` pages of 4096 bytes, so that it is full as a disk can be; 0 lets it grow again.
    /// For tests.
    #[doc(hidden)]
    pub fn hold_at(&mut self, pages: u32) -> Result<()> {
        // 2^32 - 2 is SQLite's own limit.
        let pages = if pages == 0 {
            4_294_967_294
        } else {
            i64::from(pages)
        };
        self.read_database("limit the workspace", |c| {
            Ok(c.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
        })
    }

    /// Moves the log into the database where much is in it; each time costs the disk some syncs.
    fn fold_log(&mut self) -> Result<()> {
        let tried = "fold the journal of the workspace";
        let changes = self.read_database(tried, |c| Ok(c.total_changes()))?;
        if let Some(open) = self
            .open
            .as_mut()
            .filter(|open| changes - open.folded_at >= CHANGES_IN_LOG)
        {
            open.folded_at = changes;
            self.read_database(tried, |c| {
                Ok(c.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))?)
            })?;
        }
        Ok(())
    }

    /// Runs `work` in one transaction: written when this returns `Ok`, undone when it does not.
    fn write_transaction<T>(
        &mut self,
        tried: &str,
        work: impl FnOnce(&Transaction) -> Result<T, Cause>,
    ) -> Result<T> {
        let run = |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        let connection = Self::open_connection(&mut self.open);
        connection
            .and_then(run)
            .map_err(|cause: Cause| cause.into_error(tried, &self.folder))
    }

    fn read_database<T>(
        &mut self,
        tried: &str,
        work: impl FnOnce(&Connection) -> Result<T, Cause>,
    ) -> Result<T> {
        let connection = Self::open_connection(&mut self.open);
        connection
            .and_then(|c| work(c))
            .map_err(|cause| cause.into_error(tried, &self.folder))
    }

    fn open_connection(open: &mut Option<Open>) -> Result<&mut Connection, Cause> {
        let closed = || Cause::Refused("it could not be opened again after it was moved".into());
        open.as_mut().map(|o| &mut o.connection).ok_or_else(closed)
    }
}

impl Open {
    fn open_database(folder: &Path, migrations: &[&str]) -> Result<Self, Error> {
        let tried = "open the workspace";
        std::fs::create_dir_all(folder.join(MODELS))
            .map_err(|e| lock::explain_io_error(tried, folder, &e))?;
        let lock = Lock::acquire_in(folder)?;
        let failed = |e: rusqlite::Error| Cause::from(e).into_error(tried, folder);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection =
            Connection::open_with_flags(folder.join(DATABASE), flags).map_err(failed)?;
        set_exclusive_lock(&connection).map_err(failed)?;
        let found = schema::recognise_state(&connection, folder, migrations)?;
        configure_connection(&connection).map_err(failed)?;
        schema::migrate_to_newest(&mut connection, folder, found, migrations)?;
        Ok(Self {
            connection,
            folded_at: 0,
            _lock: lock,
        })
    }

    fn close_connection(self, folder: &Path) -> Result<()> {
        let failed = |e: rusqlite::Error| Cause::from(e).into_error("close the workspace", folder);
        self.connection.close().map_err(|(_, e)| failed(e))
    }
}

/// Settings that must come before anything is read.
fn set_exclusive_lock(connection: &Connection) -> rusqlite::Result<()> {
    // The list of workspaces reads for a moment.
    connection.busy_timeout(Duration::from_secs(2))?;
    // The index of the log then lies in memory, not in a file.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")
}

/// Settings of a database that is known to be ours.
fn configure_connection(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit is in the log when the call returns, and survives the end of the program; `sync` makes it survive a power
    // cut. The log is synced before it goes into the database in any case.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The log goes into the database when there is time (see `fold`), within a step only where it grew to 32 MiB.
    connection.pragma_update(None, "wal_autocheckpoint", 8192)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)
}

/// Milliseconds since 1970 (UTC).
pub fn now_millis() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}

#[cfg(test)]
mod tests;

//! The store of a workspace: a folder with one SQLite database that stores cases, masks and every step.
//!
//! Calls may wait for the disk and are meant for one worker thread. What a call has written survives the end of the
//! program when it returns, and a power cut after [`Workspace::sync_to_disk`]. A failed call has written nothing and
//! can be repeated.

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
mod measurements;
mod meter;
mod model_files;
mod phases;
mod places;
mod prompts;
mod relabel;
mod rounds;
mod schema;
mod second_look;
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
use failure::{Cause, sql_error};
use labrum_core::clock::now_millis;
use lock::Lock;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// File name of the database.
const DATABASE: &str = "workspace.sqlite";
/// Number of changed rows after which the log is moved into the database; about a hundred steps.
const CHANGES_IN_LOG: u64 = 500;
/// Name of the subfolder for models.
const MODELS: &str = "models";

/// An open workspace. No other window can open it at the same time.
#[derive(Debug)]
pub struct Workspace {
    folder: PathBuf,
    /// `None` only after a move that could neither be finished nor reverted.
    open: Option<Open>,
}

/// The part that is closed for a move. Fields are dropped in this order.
#[derive(Debug)]
struct Open {
    connection: Connection,
    /// Number of rows changed on this connection when the log was last moved into the database.
    folded_at: u64,
    _lock: Lock,
}

impl Workspace {
    /// Opens the workspace in `folder`; creates folder and workspace if there are none.
    ///
    /// # Errors
    /// If another window has it open, if the folder is not writable, or if the database is damaged, of a newer version
    /// or of another program. Nothing is overwritten then.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        Self::open_with(folder, schema::MIGRATIONS)
    }

    fn open_with(folder: &Path, migrations: &[&str]) -> Result<Self, Error> {
        // Absolute, because the current directory of the program may change while the workspace is open.
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

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of its models.
    pub fn models_folder(&self) -> PathBuf {
        self.folder.join(MODELS)
    }

    /// Its name; that of its folder until it is renamed.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn read_name(&mut self) -> Result<String> {
        self.read_database("read the name of the workspace", |c| {
            Ok(c.query_row("SELECT name FROM workspace", (), |r| r.get(0))?)
        })
    }

    /// Renames it. The folder keeps its name.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn set_name(&mut self, name: &str) -> Result<()> {
        self.write_transaction("rename the workspace", |t| {
            t.execute("UPDATE workspace SET name = ?1", [name])?;
            Ok(())
        })
    }

    /// Syncs everything written to the disk, so that it survives a power cut.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn sync_to_disk(&mut self) -> Result<()> {
        let log = self.folder.join(format!("{DATABASE}-wal"));
        let synced = match fs::OpenOptions::new().write(true).open(&log) {
            Ok(file) => file.sync_data(),
            // Everything is in the database already.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
        };
        synced.map_err(|e| {
            lock::explain_io_error("save the workspace", &self.folder, &e).of_kind(ErrorKind::Disk)
        })
    }

    /// Closes it: moves the log into the database, and lets another window open it.
    ///
    /// # Errors
    /// If the disk fails; nothing is lost then.
    pub fn close(mut self) -> Result<()> {
        self.open
            .take()
            .map_or(Ok(()), |open| open.close_connection(&self.folder))
    }

    /// Limits the database to `pages` pages of 4096 bytes, to simulate a full disk; 0 removes the limit. For tests.
    #[doc(hidden)]
    pub fn hold_at(&mut self, pages: u32) -> Result<()> {
        // 2^32 - 2 is the limit of SQLite.
        let pages = if pages == 0 {
            4_294_967_294
        } else {
            i64::from(pages)
        };
        self.read_database("limit the workspace", |c| {
            Ok(c.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
        })
    }

    /// Moves the log into the database if it is long; each time costs a few syncs.
    fn fold_log(&mut self) -> Result<()> {
        let tried = "compact the journal of the workspace";
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

    /// Runs `work` in one transaction, which is committed if this returns `Ok` and rolled back otherwise.
    fn write_transaction<T>(
        &mut self,
        tried: &str,
        work: impl FnOnce(&Transaction) -> Result<T, Cause>,
    ) -> Result<T> {
        let connection = Self::open_connection(&mut self.open);
        connection
            .and_then(|connection| run_in_transaction(connection, work))
            .map_err(|cause| cause.into_error(tried, &self.folder))
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
        open.as_mut()
            .map(|o| &mut o.connection)
            .ok_or_else(|| Cause::Refused("it could not be reopened after it was moved".into()))
    }
}

/// Commits if `work` returns `Ok`; otherwise rolls back.
fn run_in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction) -> Result<T, Cause>,
) -> Result<T, Cause> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

impl Open {
    fn open_database(folder: &Path, migrations: &[&str]) -> Result<Self, Error> {
        let tried = "open the workspace";
        fs::create_dir_all(folder.join(MODELS))
            .map_err(|e| lock::explain_io_error(tried, folder, &e))?;
        let lock = Lock::acquire_in(folder)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(folder.join(DATABASE), flags)
            .map_err(|e| sql_error(e, tried, folder))?;
        set_exclusive_lock(&connection).map_err(|e| sql_error(e, tried, folder))?;
        let found = schema::recognise_state(&connection, folder, migrations)?;
        configure_connection(&connection).map_err(|e| sql_error(e, tried, folder))?;
        schema::migrate_to_newest(&mut connection, folder, found, migrations)?;
        Ok(Self {
            connection,
            folded_at: 0,
            _lock: lock,
        })
    }

    fn close_connection(self, folder: &Path) -> Result<()> {
        self.connection
            .close()
            .map_err(|(_, e)| sql_error(e, "close the workspace", folder))
    }
}

/// Settings that must be made before anything is read.
fn set_exclusive_lock(connection: &Connection) -> rusqlite::Result<()> {
    // Another window may be reading briefly, for its list of workspaces.
    connection.busy_timeout(Duration::from_secs(2))?;
    // The index of the log is then in memory, not in a file.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")
}

/// Settings for a database that is known to be a workspace.
fn configure_connection(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit is in the log when the call returns and survives the end of the program; `sync_to_disk` makes it survive
    // a power cut. The log is always synced before it is moved into the database.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The log is moved into the database when idle (see `fold_log`); during a step only if it has grown to 32 MiB.
    connection.pragma_update(None, "wal_autocheckpoint", 8192)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)
}

#[cfg(test)]
mod tests;

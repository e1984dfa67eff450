//! The tables, and how those of an older version become those of this one.

use super::failure::{Cause, damaged};
use crate::{Error, Result};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Entry `n` leads from version `n` to version `n + 1`. Entries that were released never change.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];

/// "LABR", so that databases of other programs are left alone.
const APPLICATION: i32 = 0x4c41_4252;

/// Makes the tables, or brings those of an older version to the newest; a copy of the older database stays beside it.
///
/// # Errors
/// For a database of a newer version or of another program, and where it cannot be written.
pub(super) fn migrate(connection: &mut Connection, folder: &Path, migrations: &[&str]) -> Result<()> {
    let tried = "open the workspace";
    let failed = |e: rusqlite::Error| Error::from(Cause::from(e).explain(tried, folder));
    let (version, is_new) = version(connection).map_err(failed)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |r| r.get(0)).map_err(failed)?;
    if !is_new && (application != APPLICATION || version == 0) {
        return Err(
            Error::at(tried, folder, "workspace.sqlite belongs to another program").advise("Choose another folder.")
        );
    }
    if version > migrations.len() {
        let reason = format!("a newer Labrum made it (version {version}; this one knows {})", migrations.len());
        return Err(Error::at(tried, folder, reason).advise("Update Labrum, or choose another folder."));
    }
    if !is_new && version < migrations.len() {
        keep_copy(connection, folder, version).map_err(failed)?;
    }
    for (version, sql) in (1..).zip(migrations).skip(version) {
        step(connection, version, sql).map_err(failed)?;
    }
    Ok(())
}

/// The version of the tables, and whether there are none yet.
fn version(connection: &Connection) -> rusqlite::Result<(usize, bool)> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |r| r.get(0))?;
    Ok((version as usize, version == 0 && tables == 0))
}

/// Runs one migration whole or not at all.
fn step(connection: &mut Connection, version: u32, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

/// Copies the database to `workspace-version-<n>.sqlite`, over an older copy of the same version.
fn keep_copy(connection: &Connection, folder: &Path, version: usize) -> rusqlite::Result<()> {
    let copy = folder.join(format!("workspace-version-{version}.sqlite"));
    // A copy of the same version is from a migration that was cut off.
    let _ = std::fs::remove_file(&copy);
    connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map(drop)
}

/// Reads all pages of the database.
///
/// # Errors
/// Where one of them is damaged.
pub(super) fn check(connection: &Connection, folder: &Path) -> Result<()> {
    let tried = "open the workspace";
    let report: std::result::Result<String, _> = connection.query_row("PRAGMA quick_check(1)", (), |r| r.get(0));
    match report {
        Ok(report) if report == "ok" => Ok(()),
        Ok(report) => Err(damaged(tried, folder, &report).into()),
        Err(error) => Err(Cause::from(error).explain(tried, folder).into()),
    }
}

//! Versions of the model that were trained in the workspace, and which of them is active.

use super::{
    Workspace,
    failure::Cause,
    lock,
    model_files::{self, write_whole},
    now_millis, rounds,
};
use crate::{ErrorKind, Result};
use labrum_core::{
    gate::{GateReport, Verdict},
    learning::{NewVersion, RoundKey, RoundState, Version, VersionKey, VersionState},
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::path::Path;

const COLUMNS: &str =
    "id, name, parent, parent_name, made_at, state, reason, hash, file, cases, seconds, steps, settings, report,
    id IS (SELECT version_id FROM active_version), round_id";

impl Workspace {
    /// Saves a version made by the running round: first its file, then, in one transaction, the version, the end of the
    /// round and, if accepted, the active version. After a failure nothing is saved and the round is still running.
    ///
    /// # Errors
    /// If the round is not running, or if the file or the database cannot be written ([`ErrorKind::Disk`]).
    pub fn add_version(&mut self, version: &NewVersion) -> Result<Version> {
        let tried = "save the new version of the model in the workspace";
        self.read_database(tried, |c| check_running(c, version))?;
        let file = model_files::file_name(version.round, &version.hash);
        let (folder, path) = (self.folder.clone(), self.folder.join(&file));
        write_whole(&path, &version.bytes)
            .map_err(|e| lock::explain_io_error(tried, &folder, &e).of_kind(ErrorKind::Disk))?;
        let added = self.write_transaction(tried, |t| insert_row(t, version, &file, &folder));
        match &added {
            Ok(_) => self.remove_model_file(&rounds::checkpoint_path(
                &self.models_folder(),
                version.round,
            )),
            // If this fails, the file is removed when the workspace is opened again.
            Err(_) => drop(std::fs::remove_file(&path)),
        }
        added
    }

    /// All versions, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn list_versions(&mut self) -> Result<Vec<Version>> {
        let folder = self.folder.clone();
        self.read_database("read the versions of the model in the workspace", |c| {
            read_all(c, &folder)
        })
    }

    /// Makes a version active; `None` for no version of this workspace. A rejected or undecided version is thereby
    /// accepted.
    ///
    /// # Errors
    /// If the version is unknown, if its file is missing, or if the database cannot be written
    /// ([`ErrorKind::Disk`]).
    pub fn activate_version(&mut self, version: Option<VersionKey>) -> Result<()> {
        let folder = self.folder.clone();
        self.write_transaction("change the model of the workspace", |t| {
            if let Some(version) = version {
                accept_for_use(t, version, &folder)?;
            }
            t.execute(
                "UPDATE active_version SET version_id = ?1",
                [version.map(|v| v.0)],
            )?;
            Ok(())
        })
    }

    /// Rejects an undecided version.
    ///
    /// # Errors
    /// If the version is unknown or already decided, or if the database cannot be written
    /// ([`ErrorKind::Disk`]).
    pub fn reject_version(&mut self, version: VersionKey) -> Result<()> {
        let folder = self.folder.clone();
        self.write_transaction("reject the version of the model in the workspace", |t| {
            let known = find_by_key(t, version, &folder)?;
            if known.state != VersionState::Undecided {
                return Err(Cause::Refused(format!("\"{}\" is already decided", known.name)));
            }
            t.execute(
                "UPDATE version SET state = 'rejected', reason = reason || '; rejected by the user' WHERE id = ?1",
                [version.0],
            )?;
            Ok(())
        })
    }

    /// Renames a version.
    ///
    /// # Errors
    /// If the version is unknown, if the name is empty, or if the database cannot be written ([`ErrorKind::Disk`]).
    pub fn rename_version(&mut self, version: VersionKey, name: &str) -> Result<()> {
        self.write_transaction("rename the version of the model in the workspace", |t| {
            if name.trim().is_empty() {
                return Err(Cause::Refused("the new name is empty".into()));
            }
            match t.execute(
                "UPDATE version SET name = ?2 WHERE id = ?1",
                (version.0, name.trim()),
            )? {
                0 => Err(unknown_key(version)),
                _ => Ok(()),
            }
        })
    }

    /// Deletes a version and its file. Versions trained from it stay and keep its name.
    ///
    /// # Errors
    /// If the version is unknown or active, if the running round started from it, or if the database cannot be written
    /// ([`ErrorKind::Disk`]).
    pub fn delete_version(&mut self, version: VersionKey) -> Result<()> {
        let folder = self.folder.clone();
        let deleted = self
            .write_transaction("delete the version of the model in the workspace", |t| {
                delete_row(t, version, &folder)
            })?;
        self.remove_model_file(&deleted.file);
        Ok(())
    }
}

/// All versions, oldest first, of the workspace in `folder`.
pub(super) fn read_all(connection: &Connection, folder: &Path) -> Result<Vec<Version>, Cause> {
    let mut query =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM version ORDER BY id"))?;
    Ok(query
        .query_map((), |r| read_version(r, folder))?
        .collect::<rusqlite::Result<_>>()?)
}

fn check_running(connection: &Connection, version: &NewVersion) -> Result<(), Cause> {
    match rounds::state_of(connection, version.round)? {
        RoundState::Running => Ok(()),
        _ => Err(Cause::Refused(format!(
            "round {} has already ended",
            version.round.0
        ))),
    }
}

fn insert_row(
    connection: &Connection,
    version: &NewVersion,
    file: &str,
    folder: &Path,
) -> Result<Version, Cause> {
    check_running(connection, version)?;
    let report =
        serde_json::to_string(&version.report).map_err(|e| Cause::Refused(e.to_string()))?;
    // If the parent was deleted meanwhile, only its name is kept.
    let id: i64 = connection.query_row(
        "INSERT INTO version (round_id, name, parent, parent_name, made_at, state, reason, hash, file, cases, seconds,
             steps, settings, report)
         VALUES (?1, ?2, (SELECT id FROM version WHERE id = ?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         RETURNING id",
        (
            version.round.0,
            &version.name,
            version.parent.map(|parent| parent.0),
            &version.parent_name,
            now_millis(),
            state_name(version.state),
            version.report.verdict.reason_text(),
            &version.hash,
            file,
            version.cases,
            version.seconds,
            version.steps,
            &version.settings,
            report,
        ),
        |r| r.get(0),
    )?;
    rounds::finish_with_state(connection, version.round, RoundState::Done, "")?;
    if version.state == VersionState::Accepted {
        connection.execute("UPDATE active_version SET version_id = ?1", [id])?;
    }
    find_by_key(connection, VersionKey(id), folder)
}

fn accept_for_use(
    connection: &Connection,
    version: VersionKey,
    folder: &Path,
) -> Result<(), Cause> {
    let version = find_by_key(connection, version, folder)?;
    if !version.file.is_file() {
        return Err(Cause::Refused(format!(
            "the file of \"{}\" is missing: {}",
            version.name,
            version.file.display()
        )));
    }
    connection.execute(
        "UPDATE version SET state = 'accepted', reason = reason || '; accepted by the user'
         WHERE id = ?1 AND state <> 'accepted'",
        [version.key.0],
    )?;
    Ok(())
}

fn delete_row(
    connection: &Connection,
    version: VersionKey,
    folder: &Path,
) -> Result<Version, Cause> {
    let version = find_by_key(connection, version, folder)?;
    if version.is_active {
        return Err(Cause::Refused(format!(
            "\"{}\" is the active version: activate another one first",
            version.name
        )));
    }
    let is_needed = "SELECT EXISTS (SELECT 1 FROM round WHERE parent = ?1 AND state = 'running')";
    if connection.query_row(is_needed, [version.key.0], |r| r.get(0))? {
        return Err(Cause::Refused(format!(
            "the running round of training started from \"{}\"",
            version.name
        )));
    }
    connection.execute("DELETE FROM version WHERE id = ?1", [version.key.0])?;
    Ok(version)
}

fn find_by_key(
    connection: &Connection,
    version: VersionKey,
    folder: &Path,
) -> Result<Version, Cause> {
    let mut query =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM version WHERE id = ?1"))?;
    query
        .query_row([version.0], |r| read_version(r, folder))
        .optional()?
        .ok_or_else(|| unknown_key(version))
}

fn unknown_key(version: VersionKey) -> Cause {
    Cause::Refused(format!("there is no version {}", version.0))
}

fn read_version(row: &Row, folder: &Path) -> rusqlite::Result<Version> {
    Ok(Version {
        key: VersionKey(row.get(0)?),
        name: row.get(1)?,
        parent: row.get::<_, Option<i64>>(2)?.map(VersionKey),
        parent_name: row.get(3)?,
        made_at: row.get(4)?,
        state: state_of_name(&row.get::<_, String>(5)?),
        reason: row.get(6)?,
        hash: row.get(7)?,
        file: folder.join(row.get::<_, String>(8)?),
        cases: row.get(9)?,
        seconds: row.get(10)?,
        steps: row.get(11)?,
        settings: row.get(12)?,
        report: read_report(&row.get::<_, String>(13)?),
        is_active: row.get(14)?,
        round: RoundKey(row.get(15)?),
    })
}

/// Decodes a report. If it cannot be read, returns one without cases that says so: the version is still usable.
fn read_report(json: &str) -> GateReport {
    serde_json::from_str(json).unwrap_or_else(|e| {
        let reason = format!("the report cannot be read: {e}");
        GateReport {
            verdict: Verdict::Ask {
                reason,
                speaks_for: false,
            },
            ..GateReport::new(Vec::new(), &[])
        }
    })
}

fn state_name(state: VersionState) -> &'static str {
    match state {
        VersionState::Accepted => "accepted",
        VersionState::Rejected => "rejected",
        VersionState::Undecided => "undecided",
    }
}

fn state_of_name(name: &str) -> VersionState {
    match name {
        "accepted" => VersionState::Accepted,
        "rejected" => VersionState::Rejected,
        _ => VersionState::Undecided,
    }
}

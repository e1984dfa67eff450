//! Versions of the model that were trained in the workspace, and which of them is active.

use super::{
    Workspace,
    failure::Cause,
    lock,
    model_files::{self, write_whole},
    now_millis, rounds,
};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    gate::{GateReport, Verdict},
    learning::{ModelKind, NewVersion, RoundKey, RoundState, Version, VersionKey, VersionState},
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::{fs, path::Path};

const COLUMNS: &str =
    "id, name, parent, parent_name, made_at, state, reason, hash, file, cases, seconds, steps, settings, report,
    id IS (SELECT version_id FROM active_version) OR id IS (SELECT version_id FROM active_click_version),
    round_id, kind";

impl Workspace {
    /// Saves the only version made by the running round: see [`Workspace::add_versions`].
    ///
    /// # Errors
    /// As [`Workspace::add_versions`].
    pub fn add_version(&mut self, version: &NewVersion) -> Result<Version> {
        let added = self.add_versions(&[version])?;
        added.into_iter().next().ok_or_else(|| {
            let tried = "save the new version of the model in the workspace";
            Error::at_path(tried, &self.folder, "it was not found after it was saved")
        })
    }

    /// Saves the versions made by one running round: first their files, then, in one transaction, the versions, the end
    /// of the round and, where accepted, the active versions. After a failure nothing is saved and the round is still
    /// running.
    ///
    /// # Errors
    /// If the round is not running, or if a file or the database cannot be written ([`ErrorKind::Disk`]).
    pub fn add_versions(&mut self, versions: &[&NewVersion]) -> Result<Vec<Version>> {
        let tried = "save the new version of the model in the workspace";
        self.read_database(tried, |c| {
            versions
                .iter()
                .try_for_each(|version| check_running(c, version))
        })?;
        let folder = self.folder.clone();
        let mut files = Vec::with_capacity(versions.len());
        let mut added = Ok(Vec::new());
        for version in versions {
            let file = model_files::file_name(version.round, &version.hash);
            let written = write_whole(&folder.join(&file), &version.bytes);
            files.push(file);
            if let Err(e) = written {
                let error = lock::explain_io_error(tried, &folder, &e);
                added = Err(error.of_kind(ErrorKind::Disk));
                break;
            }
        }
        if added.is_ok() {
            added = self.write_transaction(tried, |t| insert_all(t, versions, &files, &folder));
        }
        match &added {
            Ok(_) => versions
                .iter()
                .for_each(|version| self.remove_checkpoints(version.round)),
            // If this fails, the files are removed when the workspace is opened again.
            Err(_) => files
                .iter()
                .for_each(|file| drop(fs::remove_file(folder.join(file)))),
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

    /// Makes a version active, for proposals or for clicks as its kind is; `None` for proposals of no version of this
    /// workspace. A rejected or undecided version is thereby accepted.
    ///
    /// # Errors
    /// If the version is unknown, if its file is missing, or if the database cannot be written
    /// ([`ErrorKind::Disk`]).
    pub fn activate_version(&mut self, version: Option<VersionKey>) -> Result<()> {
        let folder = self.folder.clone();
        self.write_transaction("change the model of the workspace", |t| {
            let kind = match version {
                Some(version) => accept_for_use(t, version, &folder)?,
                None => ModelKind::Masks,
            };
            set_active(t, kind, version)
        })
    }

    /// Uses the shipped model for clicks again.
    ///
    /// # Errors
    /// If the database cannot be written ([`ErrorKind::Disk`]).
    pub fn use_shipped_clicks(&mut self) -> Result<()> {
        self.write_transaction("change the model of the workspace", |t| {
            set_active(t, ModelKind::Clicks, None)
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

/// Inserts the versions of a round with their files, and ends the round.
fn insert_all(
    connection: &Connection,
    versions: &[&NewVersion],
    files: &[String],
    folder: &Path,
) -> Result<Vec<Version>, Cause> {
    versions
        .iter()
        .try_for_each(|version| check_running(connection, version))?;
    for version in versions {
        rounds::finish_with_state(connection, version.round, RoundState::Done, "")?;
    }
    versions
        .iter()
        .zip(files)
        .map(|(version, file)| insert_row(connection, version, file, folder))
        .collect()
}

/// Makes a version of a kind active; `None` for none of this workspace.
fn set_active(
    connection: &Connection,
    kind: ModelKind,
    version: Option<VersionKey>,
) -> Result<(), Cause> {
    let sql = match kind {
        ModelKind::Masks => "UPDATE active_version SET version_id = ?1",
        ModelKind::Clicks => "UPDATE active_click_version SET version_id = ?1",
    };
    connection.execute(sql, [version.map(|version| version.0)])?;
    Ok(())
}

fn insert_row(
    connection: &Connection,
    version: &NewVersion,
    file: &str,
    folder: &Path,
) -> Result<Version, Cause> {
    let report =
        serde_json::to_string(&version.report).map_err(|e| Cause::Refused(e.to_string()))?;
    // If the parent was deleted meanwhile, only its name is kept.
    let id: i64 = connection.query_row(
        "INSERT INTO version (round_id, name, parent, parent_name, made_at, state, reason, hash, file, cases, seconds,
             steps, settings, report, kind)
         VALUES (?1, ?2, (SELECT id FROM version WHERE id = ?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
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
            kind_name(version.kind),
        ),
        |r| r.get(0),
    )?;
    if version.state == VersionState::Accepted {
        set_active(connection, version.kind, Some(VersionKey(id)))?;
    }
    find_by_key(connection, VersionKey(id), folder)
}

/// Accepts a version; returns what it is for.
fn accept_for_use(
    connection: &Connection,
    version: VersionKey,
    folder: &Path,
) -> Result<ModelKind, Cause> {
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
    Ok(version.kind)
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
    // The model of the Click tool that a round starts from is in the settings of the round.
    let is_needed = "SELECT EXISTS (SELECT 1 FROM round WHERE state = 'running' AND (parent = ?1 OR
        (CASE WHEN json_valid(settings) THEN json_extract(settings, '$.clicks.parent') END) = ?1))";
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
        kind: kind_of_name(&row.get::<_, String>(16)?),
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

fn kind_name(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Masks => "masks",
        ModelKind::Clicks => "clicks",
    }
}

fn kind_of_name(name: &str) -> ModelKind {
    match name {
        "clicks" => ModelKind::Clicks,
        _ => ModelKind::Masks,
    }
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

//! Rounds of training: the snapshot that each is trained on, and its outcome.

use super::{Workspace, failure::Cause, masks, now_millis, prompts, subjects};
use crate::Result;
use labrum_core::{
    holdout::Side,
    journal::CaseKey,
    learning::{RoundKey, RoundRecord, RoundState, SnapshotSlice, VersionKey},
    study::{Kind, Source},
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::path::{Path, PathBuf};

const COLUMNS: &str = "id, started_at, state, parent, settings";
/// The columns of a slice and its case that [`read_origin`] reads.
const ORIGIN_COLUMNS: &str =
    "scan.id, modality, path, frame, sop_instance_uid IS NULL, coalesce(subject, '')";

impl Workspace {
    /// Starts a round from the version `parent` with `settings`, and saves a snapshot of the masks of all accepted
    /// cases, so that later edits do not affect the round. Cases that are not assigned to the training or the hold-out
    /// set yet are assigned first. An interrupted round is given up.
    ///
    /// # Errors
    /// If no accepted case has a mask, if a mask cannot be read, if the parent is unknown, or if the database cannot be
    /// written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn begin_round(
        &mut self,
        settings: &str,
        parent: Option<VersionKey>,
    ) -> Result<(RoundRecord, Vec<SnapshotSlice>)> {
        let models = self.models_folder();
        let (record, snapshot) = self
            .write_transaction("start a round of training in the workspace", |t| {
                start_with_snapshot(t, settings, parent, &models)
            })?;
        self.sweep_models();
        Ok((record, self.find_images(snapshot)?))
    }

    /// The masks that a round is trained and evaluated on, by case and slice. Empty for a cancelled or failed round.
    ///
    /// # Errors
    /// If the round is unknown, or if the database cannot be read.
    pub fn round_snapshot(&mut self, round: RoundKey) -> Result<Vec<SnapshotSlice>> {
        let snapshot =
            self.read_database("read the snapshot of the round in the workspace", |c| {
                state_of(c, round)?;
                read_snapshot(c, round)
            })?;
        self.find_images(snapshot)
    }

    /// The current accepted masks without starting a round, to evaluate on them or to estimate a round. Assigns cases
    /// to the training or the hold-out set that are not assigned yet.
    ///
    /// # Errors
    /// If a mask cannot be read, or if the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn accepted_masks(&mut self) -> Result<Vec<SnapshotSlice>> {
        let slices = self.write_transaction("read the accepted masks of the workspace", |t| {
            subjects::settle_all(t)?;
            let mut slices = Vec::new();
            for slice in accepted_slices(t)? {
                if let Some(lesson) = snapshot_slice(t, &slice)? {
                    slices.push(lesson);
                }
            }
            Ok(slices)
        })?;
        self.find_images(slices)
    }

    /// The running round; right after opening, an interrupted one that can be resumed.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn running_round(&mut self) -> Result<Option<RoundRecord>> {
        let models = self.models_folder();
        self.read_database("read the rounds of the workspace", |c| {
            let sql = format!(
                "SELECT {COLUMNS} FROM round WHERE state = 'running' ORDER BY id DESC LIMIT 1"
            );
            Ok(c.prepare_cached(&sql)?
                .query_row((), |r| read_record(r, &models))
                .optional()?)
        })
    }

    /// Saves the outcome of a round and removes its checkpoint. Nothing happens if the outcome is already known.
    ///
    /// # Errors
    /// If the round is unknown or has another outcome, for [`RoundState::Running`], or if the database cannot be
    /// written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn end_round(&mut self, round: RoundKey, state: RoundState, reason: &str) -> Result<()> {
        self.write_transaction("end the round of training in the workspace", |t| {
            finish_with_state(t, round, state, reason)
        })?;
        self.remove_checkpoints(round);
        Ok(())
    }

    /// Removes the checkpoints of a round that has ended.
    pub(super) fn remove_checkpoints(&mut self, round: RoundKey) {
        let models = self.models_folder();
        self.remove_model_file(&checkpoint_path(&models, round));
        self.remove_model_file(&click_checkpoint_path(&models, round));
    }

    /// Number of accepted cases with masks that no round was trained on, without hold-out cases.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn newly_accepted(&mut self) -> Result<u32> {
        self.read_database("count newly accepted cases in the workspace", |c| {
            Ok(c.query_row(
                "SELECT count(*) FROM scan LEFT JOIN subject ON subject.id = scan.subject
                 WHERE status = 'accepted' AND removed_at IS NULL AND side IS NOT 'hold-out'
                     AND EXISTS (SELECT 1 FROM slice WHERE scan_id = scan.id AND place IS NOT NULL AND (
                         EXISTS (SELECT 1 FROM edit WHERE slice_id = slice.id)
                         OR EXISTS (SELECT 1 FROM base WHERE slice_id = slice.id)
                         OR EXISTS (SELECT 1 FROM proposal WHERE slice_id = slice.id)))
                     AND NOT EXISTS (SELECT 1 FROM lesson JOIN round ON round.id = round_id
                         JOIN slice ON slice.id = slice_id WHERE scan_id = scan.id AND state = 'done')",
                (),
                |r| r.get(0),
            )?)
        })
    }

    /// Whether accepted cases have masks that no round was trained on, including new masks of known cases, without
    /// hold-out cases.
    ///
    /// # Errors
    /// If the database or a mask cannot be read.
    pub fn has_new_masks(&mut self) -> Result<bool> {
        self.read_database("look for new masks in the workspace", |c| {
            for slice in accepted_slices(c)?
                .iter()
                .filter(|slice| slice.side == Side::Training)
            {
                if let Some(mask) = slice.with_slice_name(masks::current_mask(c, slice.id))?
                    && is_new(c, slice.id, &mask.to_bytes())?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}

/// The checkpoint file of a round.
pub(super) fn checkpoint_path(models: &Path, round: RoundKey) -> PathBuf {
    models.join(format!("round-{}.state", round.0))
}

/// The checkpoint file of the fine-tuning of the click model in a round.
pub(super) fn click_checkpoint_path(models: &Path, round: RoundKey) -> PathBuf {
    models.join(format!("round-{}-clicks.state", round.0))
}

/// The state of a round.
pub(super) fn state_of(connection: &Connection, round: RoundKey) -> Result<RoundState, Cause> {
    let mut query = connection.prepare_cached("SELECT state FROM round WHERE id = ?1")?;
    let state: Option<String> = query.query_row([round.0], |r| r.get(0)).optional()?;
    state
        .map(|s| state_of_name(&s))
        .ok_or_else(|| Cause::Refused(format!("there is no round {}", round.0)))
}

/// Saves that a round ended; its snapshot is kept only if it is done.
pub(super) fn finish_with_state(
    connection: &Connection,
    round: RoundKey,
    state: RoundState,
    reason: &str,
) -> Result<(), Cause> {
    let is_ended = match state_of(connection, round)? {
        _ if state == RoundState::Running => {
            return Err(Cause::Refused(format!(
                "round {} cannot end with the state \"running\"",
                round.0
            )));
        }
        RoundState::Running => false,
        known if known == state => true,
        _ => {
            return Err(Cause::Refused(format!(
                "round {} has already ended with another outcome",
                round.0
            )));
        }
    };
    if !is_ended {
        connection
            .prepare_cached(
                "UPDATE round SET state = ?2, reason = ?3, ended_at = ?4 WHERE id = ?1",
            )?
            .execute((round.0, state_name(state), reason, now_millis()))?;
        if state != RoundState::Done {
            connection.execute("DELETE FROM lesson WHERE round_id = ?1", [round.0])?;
        }
    }
    Ok(())
}

fn start_with_snapshot(
    connection: &Connection,
    settings: &str,
    parent: Option<VersionKey>,
    models: &Path,
) -> Result<(RoundRecord, Vec<SnapshotSlice>), Cause> {
    subjects::settle_all(connection)?;
    give_up_running(connection)?;
    if let Some(VersionKey(id)) = parent {
        let sql = "SELECT EXISTS (SELECT 1 FROM version WHERE id = ?1)";
        if !connection.query_row(sql, [id], |r| r.get::<_, bool>(0))? {
            return Err(Cause::Refused(format!(
                "there is no version {id} to start from"
            )));
        }
    }
    let sql = format!(
        "INSERT INTO round (started_at, state, parent, settings) VALUES (?1, 'running', ?2, ?3) RETURNING {COLUMNS}"
    );
    let values = (now_millis(), parent.map(|version| version.0), settings);
    let record = connection.query_row(&sql, values, |r| read_record(r, models))?;
    keep_lessons(connection, record.key)?;
    let snapshot = read_snapshot(connection, record.key)?;
    if snapshot.is_empty() {
        return Err(Cause::Refused(
            "no accepted case has a mask to train on".into(),
        ));
    }
    Ok((record, snapshot))
}

fn give_up_running(connection: &Connection) -> Result<(), Cause> {
    let mut query = connection.prepare_cached("SELECT id FROM round WHERE state = 'running'")?;
    let running: Vec<i64> = query
        .query_map((), |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    running.into_iter().try_for_each(|id| {
        finish_with_state(
            connection,
            RoundKey(id),
            RoundState::Cancelled,
            "replaced by another round",
        )
    })
}

fn keep_lessons(connection: &Connection, round: RoundKey) -> Result<(), Cause> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO lesson (round_id, slice_id, side, is_new, is_untouched, mask, before, prompts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for slice in accepted_slices(connection)? {
        let Some(lesson) = snapshot_slice(connection, &slice)? else {
            continue;
        };
        let mask = lesson.mask.to_bytes();
        let before = lesson.before.map(|b| b.to_bytes());
        let side = slice.side.storage_name();
        let objects = prompts::objects_to_json(lesson.prompted)?;
        insert.execute((
            round.0,
            slice.id,
            side,
            lesson.is_new,
            lesson.is_untouched,
            mask,
            before,
            objects,
        ))?;
    }
    Ok(())
}

/// Snapshot of a slice; `None` if it has no mask.
fn snapshot_slice(
    connection: &Connection,
    slice: &Accepted,
) -> Result<Option<SnapshotSlice>, Cause> {
    let Some(mask) = slice.with_slice_name(masks::current_mask(connection, slice.id))? else {
        return Ok(None);
    };
    let before = slice.with_slice_name(masks::mask_before_person(connection, slice.id))?;
    let before = before.filter(|before| *before != mask);
    let proposal = slice.with_slice_name(masks::newest_proposal(connection, slice.id))?;
    let is_untouched = proposal.is_some_and(|proposal| proposal.mask == mask);
    let mut query = connection.prepare_cached(&format!(
        "SELECT {ORIGIN_COLUMNS} FROM slice JOIN scan ON scan.id = scan_id WHERE slice.id = ?1"
    ))?;
    let is_new = is_new(connection, slice.id, &mask.to_bytes())?;
    let origin = query.query_row([slice.id], read_origin)?;
    Ok(Some(SnapshotSlice {
        case: origin.case,
        name: slice.title.clone(),
        modality: origin.modality,
        source: origin.source,
        kind: origin.kind,
        subject: origin.subject,
        side: slice.side,
        mask,
        before,
        is_untouched,
        is_new,
        prompted: prompts::objects_on_slice(connection, slice.id)?,
    }))
}

/// Case and image of a slice.
struct SliceOrigin {
    case: CaseKey,
    modality: String,
    source: Source,
    kind: Kind,
    subject: String,
}

fn read_origin(row: &Row) -> rusqlite::Result<SliceOrigin> {
    Ok(SliceOrigin {
        case: CaseKey(row.get(0)?),
        modality: row.get(1)?,
        source: Source {
            path: row.get::<_, String>(2)?.into(),
            frame: row.get(3)?,
        },
        kind: if row.get(4)? {
            Kind::Picture
        } else {
            Kind::Dicom
        },
        subject: row.get(5)?,
    })
}

/// A slice of an accepted case.
struct Accepted {
    id: i64,
    title: String,
    place: u32,
    side: Side,
}

impl Accepted {
    /// Adds the name of the slice to an error.
    fn with_slice_name<T>(&self, result: Result<T, Cause>) -> Result<T, Cause> {
        result.map_err(|cause| match cause {
            Cause::Refused(reason) => Cause::Refused(format!(
                "slice {} of \"{}\": {reason}",
                self.place + 1,
                self.title
            )),
            sql => sql,
        })
    }
}

/// The slices of accepted cases that are in the series now, by case and index.
fn accepted_slices(connection: &Connection) -> Result<Vec<Accepted>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT slice.id, description, place, side FROM scan JOIN slice ON scan_id = scan.id
         LEFT JOIN subject ON subject.id = scan.subject
         WHERE status = 'accepted' AND removed_at IS NULL AND place IS NOT NULL ORDER BY scan.id, place",
    )?;
    Ok(query
        .query_map((), read_accepted)?
        .collect::<rusqlite::Result<_>>()?)
}

fn read_accepted(row: &Row) -> rusqlite::Result<Accepted> {
    let side = row
        .get::<_, Option<String>>(3)?
        .map(|name| Side::from_storage_name(&name))
        .unwrap_or_default();
    Ok(Accepted {
        id: row.get(0)?,
        title: row.get(1)?,
        place: row.get(2)?,
        side,
    })
}

/// True if no finished round had this mask of the slice.
fn is_new(connection: &Connection, slice: i64, mask: &[u8]) -> rusqlite::Result<bool> {
    let mut query = connection.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM lesson JOIN round ON round.id = round_id
             WHERE slice_id = ?1 AND state = 'done' AND mask = ?2)",
    )?;
    query.query_row((slice, mask), |r| r.get(0))
}

fn read_snapshot(connection: &Connection, round: RoundKey) -> Result<Vec<SnapshotSlice>, Cause> {
    let mut query = connection.prepare_cached(&format!(
        "SELECT {ORIGIN_COLUMNS}, description, side, is_new, mask, before, is_untouched, prompts
         FROM lesson JOIN slice ON slice.id = slice_id JOIN scan ON scan.id = scan_id
         WHERE round_id = ?1 ORDER BY scan.id, place NULLS LAST, slice.id"
    ))?;
    let mut rows = query.query([round.0])?;
    let mut slices = Vec::new();
    while let Some(row) = rows.next()? {
        slices.push(read_slice(row)?);
    }
    Ok(slices)
}

fn read_slice(row: &Row) -> Result<SnapshotSlice, Cause> {
    let origin = read_origin(row)?;
    let before: Option<Vec<u8>> = row.get(10)?;
    Ok(SnapshotSlice {
        case: origin.case,
        name: row.get(6)?,
        modality: origin.modality,
        source: origin.source,
        kind: origin.kind,
        subject: origin.subject,
        side: Side::from_storage_name(&row.get::<_, String>(7)?),
        is_new: row.get(8)?,
        mask: masks::read_mask(&row.get::<_, Vec<u8>>(9)?)?,
        before: before.map(|bytes| masks::read_mask(&bytes)).transpose()?,
        is_untouched: row.get(11)?,
        prompted: prompts::objects_from_json(row.get::<_, Option<String>>(12)?.as_deref()),
    })
}

fn read_record(row: &Row, models: &Path) -> rusqlite::Result<RoundRecord> {
    let key = RoundKey(row.get(0)?);
    Ok(RoundRecord {
        key,
        started_at: row.get(1)?,
        state: state_of_name(&row.get::<_, String>(2)?),
        parent: row.get::<_, Option<i64>>(3)?.map(VersionKey),
        settings: row.get(4)?,
        checkpoint: checkpoint_path(models, key),
        click_checkpoint: click_checkpoint_path(models, key),
    })
}

fn state_name(state: RoundState) -> &'static str {
    match state {
        RoundState::Running => "running",
        RoundState::Done => "done",
        RoundState::Cancelled => "cancelled",
        RoundState::Failed => "failed",
    }
}

fn state_of_name(name: &str) -> RoundState {
    match name {
        "running" => RoundState::Running,
        "done" => RoundState::Done,
        "cancelled" => RoundState::Cancelled,
        _ => RoundState::Failed,
    }
}

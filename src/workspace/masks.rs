//! Masks: proposals of models, what was there before the first step, and snapshots that spare a replay.

use super::{Workspace, failure::Cause, journal::read_edit};
use crate::Result;
use labrum_core::{
    journal::{CaseKey, ModelStamp, Proposal},
    mask::{MOST_PIXELS, Mask, PackedMask},
};
use rusqlite::{Connection, OptionalExtension};

/// A slice gets a snapshot when so many steps were made, undone or redone on it.
const FOLD_AFTER: u32 = 32;
/// Snapshots kept of a slice: the newest, and one to go on from where it is undone.
const SNAPSHOTS: u32 = 2;

impl Workspace {
    /// Keeps what a model found on a slice; `probabilities` are bytes of the caller's making. Returns true where it is
    /// now the slice's mask: nobody has touched that. Else it is kept beside it. A new case is now proposed.
    ///
    /// # Errors
    /// For an unknown slice and a mask of another size; where the database cannot be written
    /// ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn put_proposal(
        &mut self,
        case: CaseKey,
        slice: u32,
        proposal: &Proposal,
        probabilities: Option<&[u8]>,
    ) -> Result<bool> {
        self.write_transaction("save the proposal in the workspace", |t| {
            put_proposal(t, case, slice, proposal, probabilities)
        })
    }

    /// The probabilities of the newest proposal for a slice, as they were given.
    ///
    /// # Errors
    /// For an unknown slice; where the database cannot be read.
    pub fn newest_probabilities(&mut self, case: CaseKey, slice: u32) -> Result<Option<Vec<u8>>> {
        self.read_database("read the probabilities from the workspace", |c| {
            let mut query = c.prepare_cached(
                "SELECT probabilities FROM proposal WHERE slice_id = ?1 ORDER BY id DESC LIMIT 1",
            )?;
            let found = query
                .query_row([slice_id(c, case, slice)?], |r| r.get(0))
                .optional()?;
            Ok(found.flatten())
        })
    }

    /// Makes an imported mask that of a slice on which no step was made.
    ///
    /// # Errors
    /// For an unknown slice, one with steps, and a mask of another size; where the database cannot be written
    /// ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_base(&mut self, case: CaseKey, slice: u32, mask: &PackedMask) -> Result<()> {
        self.write_transaction("save the imported mask in the workspace", |t| {
            let id = slice_id(t, case, slice)?;
            let mask = checked_mask_bytes(t, case, mask)?;
            if has_steps(t, id)? {
                return Err(Cause::Refused(format!(
                    "slice {} was worked on: import it as a step",
                    slice + 1
                )));
            }
            t.execute(
                "INSERT OR REPLACE INTO base (slice_id, mask) VALUES (?1, ?2)",
                (id, mask),
            )?;
            Ok(())
        })
    }

    /// Writes snapshots of at most `slices` slices on which much was done since their last one, and moves the log into
    /// the database where it is long. To be called while there is nothing else to do; true where more is left.
    ///
    /// # Errors
    /// Where the database cannot be read or written: nothing is lost, and it can be tried again.
    pub fn fold_journal(&mut self, slices: u32) -> Result<bool> {
        let left = self.write_transaction("fold the journal of the workspace", |t| {
            fold_due_slices(t, slices)
        })?;
        if !left {
            self.fold_log()?;
        }
        Ok(left)
    }
}

fn put_proposal(
    connection: &Connection,
    case: CaseKey,
    slice: u32,
    proposal: &Proposal,
    probabilities: Option<&[u8]>,
) -> Result<bool, Cause> {
    let id = slice_id(connection, case, slice)?;
    let mask = checked_mask_bytes(connection, case, &proposal.mask)?;
    let has_steps = has_steps(connection, id)?;
    // What the work on a slice began with, and what was offered since, is kept for training.
    let make_room = if has_steps {
        "UPDATE proposal SET probabilities = NULL WHERE slice_id = ?1 AND probabilities IS NOT NULL"
    } else {
        "DELETE FROM proposal WHERE slice_id = ?1"
    };
    connection.prepare_cached(make_room)?.execute([id])?;
    let ModelStamp {
        name,
        version,
        weights,
    } = &proposal.model;
    connection
        .prepare_cached(
            "INSERT INTO proposal (slice_id, model, model_version, model_weights, made_at, mask, probabilities)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((id, name, version, weights, proposal.at, mask, probabilities))?;
    connection.execute(
        "UPDATE scan SET status = 'proposed' WHERE id = ?1 AND status = 'new'",
        [case.0],
    )?;
    Ok(!has_steps && base_mask(connection, id)?.is_none())
}

/// Keeps what a slice shows before its first step: an imported mask, the newest proposal or nothing.
pub(super) fn keep_base(connection: &Connection, slice: i64) -> Result<(), Cause> {
    if !has_steps(connection, slice)? {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO base (slice_id, mask)
                 SELECT slice_id, mask FROM proposal WHERE slice_id = ?1 ORDER BY id DESC LIMIT 1",
            )?
            .execute([slice])?;
    }
    Ok(())
}

/// Notes that the mask of a slice is no longer what it was when it was last folded and counted.
pub(super) fn note_change(connection: &Connection, slice: i64) -> Result<(), Cause> {
    connection
        .prepare_cached(
            "UPDATE slice SET unfolded = unfolded + 1, changed_pixels = NULL WHERE id = ?1",
        )?
        .execute([slice])?;
    Ok(())
}

/// The mask of a slice as it is now; `None` where there never was one.
pub(super) fn current_mask(
    connection: &Connection,
    slice: i64,
) -> Result<Option<PackedMask>, Cause> {
    let (after, start) = match newest_snapshot(connection, slice)? {
        Some((seq, mask)) => (seq, Some(mask)),
        None => (0, initial_mask(connection, slice)?),
    };
    let Some(start) = start else { return Ok(None) };
    let mut query = connection.prepare_cached(
        "SELECT edit.seq, runs FROM edit JOIN step ON step.seq = edit.seq
         WHERE slice_id = ?1 AND edit.seq > ?2 AND state = 'done' ORDER BY edit.seq",
    )?;
    let mut rows = query.query([slice, after])?;
    let mut mask: Option<Mask> = None;
    while let Some(row) = rows.next()? {
        let edit = read_edit(row.get(0)?, &row.get::<_, Vec<u8>>(1)?)?;
        mask.get_or_insert_with(|| start.to_mask())
            .apply_edit(&edit);
    }
    if mask.is_none() && base_mask(connection, slice)?.is_none() && all_undone(connection, slice)? {
        // Nobody says that nothing is there.
        return Ok(None);
    }
    Ok(Some(mask.as_ref().map_or(start, PackedMask::from_mask)))
}

/// The mask of a slice before its first step; `None` where it has neither steps nor a mask.
fn initial_mask(connection: &Connection, slice: i64) -> Result<Option<PackedMask>, Cause> {
    match base_mask(connection, slice)? {
        Some(mask) => Ok(Some(mask)),
        None if has_steps(connection, slice)? => {
            Ok(Some(PackedMask::from_mask(&blank_mask(connection, slice)?)))
        }
        None => Ok(newest_proposal(connection, slice)?.map(|p| p.mask)),
    }
}

/// The mask that the work on a slice is measured against: what was there before, else a blank one.
pub(super) fn reference_mask(connection: &Connection, slice: i64) -> Result<Mask, Cause> {
    mask_before_person(connection, slice)?
        .map_or_else(|| blank_mask(connection, slice), |m| Ok(m.to_mask()))
}

/// The mask that was there before a person changed it: the first proposal that it was made from or beside, else an
/// imported one.
pub(super) fn mask_before_person(
    connection: &Connection,
    slice: i64,
) -> Result<Option<PackedMask>, Cause> {
    match first_proposal_ordered(connection, slice, "ASC")? {
        Some(proposal) => Ok(Some(proposal.mask)),
        None => base_mask(connection, slice),
    }
}

fn base_mask(connection: &Connection, slice: i64) -> Result<Option<PackedMask>, Cause> {
    let mut query = connection.prepare_cached("SELECT mask FROM base WHERE slice_id = ?1")?;
    let bytes = query
        .query_row([slice], |r| r.get::<_, Vec<u8>>(0))
        .optional()?;
    bytes.map(|b| read_mask(&b)).transpose()
}

/// The newest proposal for a slice.
pub(super) fn newest_proposal(
    connection: &Connection,
    slice: i64,
) -> Result<Option<Proposal>, Cause> {
    first_proposal_ordered(connection, slice, "DESC")
}

/// The oldest ("ASC") or newest ("DESC") proposal for a slice.
fn first_proposal_ordered(
    connection: &Connection,
    slice: i64,
    order: &str,
) -> Result<Option<Proposal>, Cause> {
    let sql = format!(
        "SELECT model, model_version, model_weights, made_at, mask FROM proposal
         WHERE slice_id = ?1 ORDER BY id {order} LIMIT 1"
    );
    let mut query = connection.prepare_cached(&sql)?;
    let mut rows = query.query([slice])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let model = ModelStamp {
        name: row.get(0)?,
        version: row.get(1)?,
        weights: row.get(2)?,
    };
    Ok(Some(Proposal {
        model,
        at: row.get(3)?,
        mask: read_mask(&row.get::<_, Vec<u8>>(4)?)?,
    }))
}

fn newest_snapshot(
    connection: &Connection,
    slice: i64,
) -> Result<Option<(i64, PackedMask)>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT seq, mask FROM snapshot WHERE slice_id = ?1 ORDER BY seq DESC LIMIT 1",
    )?;
    let found = query
        .query_row([slice], |r| Ok((r.get(0)?, r.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    found
        .map(|(seq, bytes)| Ok((seq, read_mask(&bytes)?)))
        .transpose()
}

fn fold_due_slices(connection: &Connection, slices: u32) -> Result<bool, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT id FROM slice WHERE unfolded >= ?1 ORDER BY unfolded DESC LIMIT ?2",
    )?;
    let due: Vec<i64> = query
        .query_map([FOLD_AFTER, slices.saturating_add(1)], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for &slice in due.iter().take(slices as usize) {
        fold_slice(connection, slice)?;
    }
    Ok(due.len() > slices as usize)
}

fn fold_slice(connection: &Connection, slice: i64) -> Result<(), Cause> {
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT max(edit.seq) FROM edit JOIN step ON step.seq = edit.seq WHERE slice_id = ?1 AND state = 'done'",
        )?
        .query_row([slice], |r| r.get(0))?;
    if let Some((last, mask)) = last.zip(current_mask(connection, slice)?) {
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO snapshot (slice_id, seq, mask) VALUES (?1, ?2, ?3)",
            )?
            .execute((slice, last, mask.to_bytes()))?;
    }
    connection
        .prepare_cached(
            "DELETE FROM snapshot WHERE slice_id = ?1 AND id NOT IN
                 (SELECT id FROM snapshot WHERE slice_id = ?1 ORDER BY seq DESC LIMIT ?2)",
        )?
        .execute((slice, SNAPSHOTS))?;
    connection
        .prepare_cached("UPDATE slice SET unfolded = 0 WHERE id = ?1")?
        .execute([slice])?;
    Ok(())
}

/// True where a step was made on the slice, whatever became of it.
pub(super) fn has_steps(connection: &Connection, slice: i64) -> rusqlite::Result<bool> {
    let mut query =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM edit WHERE slice_id = ?1)")?;
    query.query_row([slice], |r| r.get(0))
}

/// True where steps were made on the slice of which none counts any more.
fn all_undone(connection: &Connection, slice: i64) -> rusqlite::Result<bool> {
    let mut query = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM edit WHERE slice_id = ?1) AND NOT EXISTS
             (SELECT 1 FROM edit JOIN step ON step.seq = edit.seq WHERE slice_id = ?1 AND state = 'done')",
    )?;
    query.query_row([slice], |r| r.get(0))
}

/// True where a step was made on the slice or a mask imported.
pub(super) fn is_touched(connection: &Connection, slice: i64) -> Result<bool, Cause> {
    Ok(has_steps(connection, slice)? || base_mask(connection, slice)?.is_some())
}

/// True where the mask of a slice was not made from its newest proposal.
pub(super) fn is_proposal_apart(
    connection: &Connection,
    slice: i64,
    newest: &Proposal,
) -> Result<bool, Cause> {
    if !is_touched(connection, slice)? {
        return Ok(false);
    }
    Ok(base_mask(connection, slice)?.as_ref() != Some(&newest.mask))
}

/// The row of the slice at a place of a case.
pub(super) fn slice_id(connection: &Connection, case: CaseKey, place: u32) -> Result<i64, Cause> {
    let mut query =
        connection.prepare_cached("SELECT id FROM slice WHERE scan_id = ?1 AND place = ?2")?;
    let id = query.query_row((case.0, place), |r| r.get(0)).optional()?;
    id.ok_or_else(|| Cause::Refused(format!("case {} has no slice {}", case.0, place + 1)))
}

/// How many pixels a slice of the case has.
pub(super) fn pixels_of(connection: &Connection, case: CaseKey) -> Result<u64, Cause> {
    let (columns, rows) = size_of(connection, case)?;
    Ok(u64::from(columns) * u64::from(rows))
}

fn size_of(connection: &Connection, case: CaseKey) -> Result<(u32, u32), Cause> {
    let mut query = connection.prepare_cached("SELECT columns, rows FROM scan WHERE id = ?1")?;
    let size = query
        .query_row([case.0], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    size.ok_or_else(|| Cause::Refused(format!("there is no case {}", case.0)))
}

fn blank_mask(connection: &Connection, slice: i64) -> Result<Mask, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT columns, rows FROM scan WHERE id = (SELECT scan_id FROM slice WHERE id = ?1)",
    )?;
    let (columns, rows): (u32, u32) = query.query_row([slice], |r| Ok((r.get(0)?, r.get(1)?)))?;
    if u64::from(columns) * u64::from(rows) > MOST_PIXELS {
        return Err(Cause::Refused(format!(
            "its images cannot have {columns} × {rows} pixels"
        )));
    }
    Ok(Mask::new_blank(columns as usize, rows as usize))
}

/// The bytes of a mask that has the size of the case's slices.
fn checked_mask_bytes(
    connection: &Connection,
    case: CaseKey,
    mask: &PackedMask,
) -> Result<Vec<u8>, Cause> {
    let (columns, rows) = size_of(connection, case)?;
    let bytes = mask.to_bytes();
    let own = size_in(&bytes);
    if own != Some((columns, rows)) {
        let (own_columns, own_rows) = own.unwrap_or_default();
        return Err(Cause::Refused(format!(
            "the mask has {own_columns} × {own_rows} pixels, the image {columns} × {rows}"
        )));
    }
    Ok(bytes)
}

/// Columns and rows in the bytes of a mask.
fn size_in(bytes: &[u8]) -> Option<(u32, u32)> {
    let (columns, rest) = bytes.split_first_chunk()?;
    Some((
        u32::from_le_bytes(*columns),
        u32::from_le_bytes(*rest.first_chunk()?),
    ))
}

/// The mask of which these are the bytes.
pub(super) fn read_mask(bytes: &[u8]) -> Result<PackedMask, Cause> {
    PackedMask::from_bytes(bytes)
        .ok_or_else(|| Cause::Refused("a mask in it cannot be read".into()))
}

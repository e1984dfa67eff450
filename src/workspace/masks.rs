//! Masks: proposals of models, masks before the first step, and snapshots that save replaying the journal.

use super::{Workspace, failure::Cause};
use crate::Result;
use labrum_core::{
    edit::Edit,
    journal::{CaseKey, ModelStamp, Proposal},
    mask::{MOST_PIXELS, Mask, PackedMask},
};
use rusqlite::{Connection, OptionalExtension};

/// Number of steps made, undone or redone on a slice after which it gets a snapshot.
const FOLD_AFTER: u32 = 32;
/// Number of snapshots kept for a slice: the newest, and an older one to continue from after undo.
const SNAPSHOTS: u32 = 2;

impl Workspace {
    /// Saves a proposal for a slice; `probabilities` are opaque bytes of the caller. Returns true if it is now the mask
    /// of the slice, because the slice was not edited; otherwise it is kept beside the mask. A new case becomes
    /// proposed.
    ///
    /// # Errors
    /// If the slice is unknown, if the mask has another size, or if the database cannot be written
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

    /// The probabilities of the newest proposal for a slice, as they were saved.
    ///
    /// # Errors
    /// If the slice is unknown, or if the database cannot be read.
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

    /// Saves an imported mask as the initial mask of a slice without steps.
    ///
    /// # Errors
    /// If the slice is unknown or has steps, if the mask has another size, or if the database cannot be written
    /// ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_base(&mut self, case: CaseKey, slice: u32, mask: &PackedMask) -> Result<()> {
        self.write_transaction("save the imported mask in the workspace", |t| {
            let id = slice_id(t, case, slice)?;
            let mask = checked_mask_bytes(t, case, mask)?;
            if has_steps(t, id)? {
                return Err(Cause::Refused(format!(
                    "slice {} was already edited; its mask must be imported as a step",
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

    /// Writes snapshots of at most `slices` slices that were changed much since their last one, and moves a long log
    /// into the database. To be called when idle; returns true if more is left to do.
    ///
    /// # Errors
    /// If the database cannot be read or written: nothing is lost, and it can be retried.
    pub fn fold_journal(&mut self, slices: u32) -> Result<bool> {
        let left = self.write_transaction("compact the journal of the workspace", |t| {
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
    // The proposal that the work on a slice began with, and later ones, are kept for training.
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

/// Saves the mask of a slice before its first step: an imported mask, the newest proposal, or none.
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

/// Marks the mask of a slice as changed since its last snapshot and pixel count.
pub(super) fn note_change(connection: &Connection, slice: i64) -> Result<(), Cause> {
    connection
        .prepare_cached(
            "UPDATE slice SET unfolded = unfolded + 1, changed_pixels = NULL WHERE id = ?1",
        )?
        .execute([slice])?;
    Ok(())
}

/// The current mask of a slice; `None` if there never was one.
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
        // No step states that the slice is empty.
        return Ok(None);
    }
    Ok(Some(mask.as_ref().map_or(start, PackedMask::from_mask)))
}

/// The mask of a slice before its first step; `None` if it has neither steps nor a mask.
fn initial_mask(connection: &Connection, slice: i64) -> Result<Option<PackedMask>, Cause> {
    match base_mask(connection, slice)? {
        Some(mask) => Ok(Some(mask)),
        None if has_steps(connection, slice)? => {
            Ok(Some(PackedMask::from_mask(&blank_mask(connection, slice)?)))
        }
        None => Ok(newest_proposal(connection, slice)?.map(|p| p.mask)),
    }
}

/// The mask that the work on a slice is compared with: the one before, else a blank one.
pub(super) fn reference_mask(connection: &Connection, slice: i64) -> Result<Mask, Cause> {
    mask_before_person(connection, slice)?
        .map_or_else(|| blank_mask(connection, slice), |m| Ok(m.to_mask()))
}

/// The mask before the user changed it: the proposal that the work began with, else an imported mask.
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
    let found: Option<(i64, Vec<u8>)> =
        query.query_row([slice], |row| row.try_into()).optional()?;
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

/// True if a step was made on the slice, whatever its state now.
pub(super) fn has_steps(connection: &Connection, slice: i64) -> rusqlite::Result<bool> {
    let mut query =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM edit WHERE slice_id = ?1)")?;
    query.query_row([slice], |r| r.get(0))
}

/// True if steps were made on the slice and all of them are undone or dropped.
fn all_undone(connection: &Connection, slice: i64) -> rusqlite::Result<bool> {
    let mut query = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM edit WHERE slice_id = ?1) AND NOT EXISTS
             (SELECT 1 FROM edit JOIN step ON step.seq = edit.seq WHERE slice_id = ?1 AND state = 'done')",
    )?;
    query.query_row([slice], |r| r.get(0))
}

/// True if a step was made on the slice or a mask was imported.
pub(super) fn is_touched(connection: &Connection, slice: i64) -> Result<bool, Cause> {
    Ok(has_steps(connection, slice)? || base_mask(connection, slice)?.is_some())
}

/// True if the mask of a slice was not made from its newest proposal.
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

/// The row of the slice at an index of a case.
pub(super) fn slice_id(connection: &Connection, case: CaseKey, place: u32) -> Result<i64, Cause> {
    let mut query =
        connection.prepare_cached("SELECT id FROM slice WHERE scan_id = ?1 AND place = ?2")?;
    let id = query.query_row((case.0, place), |r| r.get(0)).optional()?;
    id.ok_or_else(|| Cause::Refused(format!("case {} has no slice {}", case.0, place + 1)))
}

/// Number of pixels of a slice of the case.
pub(super) fn pixels_of(connection: &Connection, case: CaseKey) -> Result<u64, Cause> {
    let (columns, rows) = size_of(connection, case)?;
    Ok(u64::from(columns) * u64::from(rows))
}

fn size_of(connection: &Connection, case: CaseKey) -> Result<(u32, u32), Cause> {
    let mut query = connection.prepare_cached("SELECT columns, rows FROM scan WHERE id = ?1")?;
    let size = query.query_row([case.0], |row| row.try_into()).optional()?;
    size.ok_or_else(|| Cause::Refused(format!("there is no case {}", case.0)))
}

fn blank_mask(connection: &Connection, slice: i64) -> Result<Mask, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT columns, rows FROM scan WHERE id = (SELECT scan_id FROM slice WHERE id = ?1)",
    )?;
    let (columns, rows): (u32, u32) = query.query_row([slice], |row| row.try_into())?;
    if u64::from(columns) * u64::from(rows) > MOST_PIXELS {
        return Err(Cause::Refused(format!(
            "invalid image size: {columns} × {rows} pixels"
        )));
    }
    Ok(Mask::new_blank(columns as usize, rows as usize))
}

/// The bytes of a mask; an error if it does not have the size of the case's slices.
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
            "the mask has {own_columns} × {own_rows} pixels, but the image has {columns} × {rows}"
        )));
    }
    Ok(bytes)
}

/// Columns and rows from the bytes of a mask.
fn size_in(bytes: &[u8]) -> Option<(u32, u32)> {
    let (columns, rest) = bytes.split_first_chunk()?;
    Some((
        u32::from_le_bytes(*columns),
        u32::from_le_bytes(*rest.first_chunk()?),
    ))
}

/// Decodes a mask.
pub(super) fn read_mask(bytes: &[u8]) -> Result<PackedMask, Cause> {
    PackedMask::from_bytes(bytes)
        .ok_or_else(|| Cause::Refused("a stored mask cannot be read".into()))
}

/// Decodes an edit of the journal.
pub(super) fn read_edit(seq: i64, bytes: &[u8]) -> Result<Edit, Cause> {
    Edit::from_bytes(bytes)
        .ok_or_else(|| Cause::Refused(format!("an edit of step {seq} cannot be read")))
}

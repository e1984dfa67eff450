//! Times of a series that people marked as end diastole and end systole, as the steps of the journal left them.

use super::failure::Cause;
use labrum_core::{
    journal::{CaseKey, JournalStep},
    measurement::{CardiacPhase, MarkedPhases, PhaseChange},
};
use rusqlite::{Connection, OptionalExtension, Row};

/// Saves the mark of a new step, if it made or removed one.
pub(super) fn append_change(connection: &Connection, step: &JournalStep) -> Result<(), Cause> {
    if let Some(change) = step.also.phase {
        connection
            .prepare_cached("INSERT INTO phase_change (seq, phase, is_marked) VALUES (?1, ?2, ?3)")?
            .execute((step.seq, change.phase.storage_name(), change.is_marked))?;
    }
    Ok(())
}

/// The mark that a step made or removed.
pub(super) fn change_of_step(
    connection: &Connection,
    seq: i64,
) -> Result<Option<PhaseChange>, Cause> {
    let row = connection
        .prepare_cached("SELECT phase, is_marked FROM phase_change WHERE seq = ?1")?
        .query_row([seq], |row| read_change(row, 0))
        .optional()?;
    Ok(row.flatten())
}

/// The marks of the steps of a case that are not undone, oldest first, each with the number of its step.
pub(super) fn done_changes(
    connection: &Connection,
    case: CaseKey,
) -> Result<Vec<(i64, PhaseChange)>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT step.seq, phase, is_marked FROM phase_change JOIN step ON step.seq = phase_change.seq
         WHERE scan_id = ?1 AND state = 'done' ORDER BY step.seq",
    )?;
    let mut rows = query.query([case.0])?;
    let mut changes: Vec<(i64, PhaseChange)> = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        changes.extend(read_change(row, 1)?.map(|change| (seq, change)));
    }
    Ok(changes)
}

/// The marked times of a series, given by the group of its times. Cases that were removed from the list do not count.
pub(super) fn marked_phases(connection: &Connection, group: &str) -> Result<MarkedPhases, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT time_index, phase, is_marked FROM scan
         JOIN step ON step.scan_id = scan.id JOIN phase_change ON phase_change.seq = step.seq
         WHERE time_group = ?1 AND removed_at IS NULL AND state = 'done' ORDER BY step.seq",
    )?;
    let mut rows = query.query([group])?;
    let mut changes: Vec<(usize, PhaseChange)> = Vec::new();
    while let Some(row) = rows.next()? {
        let time: u32 = row.get(0)?;
        changes.extend(read_change(row, 1)?.map(|change| (time as usize, change)));
    }
    Ok(MarkedPhases::from_changes(changes))
}

/// A mark from the columns `phase` and, after it, `is_marked`; `None` for an unknown phase.
fn read_change(row: &Row, column: usize) -> rusqlite::Result<Option<PhaseChange>> {
    let phase: String = row.get(column)?;
    let is_marked: bool = row.get(column + 1)?;
    let phase = CardiacPhase::from_storage_name(&phase);
    Ok(phase.map(|phase| PhaseChange { phase, is_marked }))
}

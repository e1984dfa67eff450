//! Changes of steps other than pixels: status of the case, definition of a label, labels marked as absent, measurements,
//! marked phases; and the prompts that steps answered.

use super::{failure::Cause, masks, measurements, now_millis, phases, prompts};
use crate::Result;
use labrum_core::{
    journal::{Also, JournalStep, LabelChange, StatusChange},
    label::Label,
    study::Status,
};
use rusqlite::{Connection, OptionalExtension, Row};

/// Saves and applies the changes of a new step other than pixels.
pub(super) fn append_side_effects(
    connection: &Connection,
    step: &JournalStep,
) -> Result<(), Cause> {
    if let Some(change) = step.also.status {
        note_status(connection, step.seq, change)?;
        set_status(
            connection,
            step.seq,
            change.after,
            (change.after == Status::Accepted).then_some(step.at),
        )?;
    }
    if let Some(change) = &step.also.label {
        connection
            .prepare_cached(
                "INSERT INTO label_change (seq, value, before, after) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((
                step.seq,
                change.value,
                label_to_json(&change.before)?,
                label_to_json(&change.after)?,
            ))?;
    }
    for (slice, label) in &step.also.absent {
        let slice = masks::slice_id(connection, step.case, *slice)?;
        connection
            .prepare_cached("INSERT INTO absence (seq, slice_id, label) VALUES (?1, ?2, ?3)")?
            .execute((step.seq, slice, label))?;
    }
    measurements::append_changes(connection, step)?;
    phases::append_change(connection, step)?;
    prompts::append_prompts(connection, step)
}

/// Undoes or redoes the change of status of a step. `known` is that change if the journal does not have it: steps of
/// older versions do not, and a case may have been accepted or skipped since without a step.
pub(super) fn set_undone(
    connection: &Connection,
    seq: i64,
    is_undone: bool,
    known: Option<StatusChange>,
) -> Result<(), Cause> {
    if let Some(change) = known {
        note_status(connection, seq, change)?;
    }
    let row: Option<(String, String, Option<i64>)> = connection
        .prepare_cached("SELECT before, after, accepted_at FROM status_change WHERE seq = ?1")?
        .query_row([seq], |row| row.try_into())
        .optional()?;
    let Some((before, after, accepted_at)) = row else {
        return Ok(());
    };
    let status = Status::from_storage_name(if is_undone { &before } else { &after });
    let accepted_at = match (status, is_undone) {
        (Status::Accepted, true) => accepted_at,
        (Status::Accepted, false) => Some(now_millis()),
        _ => None,
    };
    set_status(connection, seq, status, accepted_at)
}

/// The changes of a step other than pixels.
pub(super) fn read_side_effects(connection: &Connection, seq: i64) -> Result<Also, Cause> {
    let status = connection
        .prepare_cached("SELECT before, after FROM status_change WHERE seq = ?1")?
        .query_row([seq], read_status_change)
        .optional()?;
    let label: Option<(u8, String, String)> = connection
        .prepare_cached("SELECT value, before, after FROM label_change WHERE seq = ?1")?
        .query_row([seq], |row| row.try_into())
        .optional()?;
    let label = label.map(|(value, before, after)| {
        Ok::<_, Cause>(Box::new(LabelChange {
            value,
            before: label_from_json(&before, seq)?,
            after: label_from_json(&after, seq)?,
        }))
    });
    let mut query = connection.prepare_cached(
        "SELECT place, label FROM absence JOIN slice ON slice.id = slice_id
         WHERE seq = ?1 AND place IS NOT NULL ORDER BY place, label",
    )?;
    let absent = query
        .query_map([seq], |row| row.try_into())?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Also {
        status,
        label: label.transpose()?,
        absent,
        measurements: measurements::read_changes(connection, seq)?,
        phase: phases::change_of_step(connection, seq)?,
        prompts: prompts::prompts_of_step(connection, seq)?,
    })
}

fn read_status_change(row: &Row) -> rusqlite::Result<StatusChange> {
    Ok(StatusChange {
        before: Status::from_storage_name(&row.get::<_, String>(0)?),
        after: Status::from_storage_name(&row.get::<_, String>(1)?),
    })
}

fn label_to_json(label: &Label) -> Result<String, Cause> {
    serde_json::to_string(label).map_err(|e| Cause::Refused(e.to_string()))
}

/// A label before or after the step `seq`.
fn label_from_json(json: &str, seq: i64) -> Result<Label, Cause> {
    serde_json::from_str(json).map_err(|e| {
        Cause::Refused(format!(
            "the label change of step {seq} cannot be read: {e}"
        ))
    })
}

/// Labels that were marked as absent on the slice, one entry for each step that did so.
pub(super) fn absent_labels(connection: &Connection, slice: i64) -> Result<Vec<u8>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT label FROM absence JOIN step ON step.seq = absence.seq
         WHERE slice_id = ?1 AND state = 'done' ORDER BY absence.id",
    )?;
    Ok(query
        .query_map([slice], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?)
}

fn note_status(connection: &Connection, seq: i64, change: StatusChange) -> Result<(), Cause> {
    connection
        .prepare_cached(
            "INSERT INTO status_change (seq, before, after, accepted_at)
             SELECT seq, ?2, ?3, accepted_at FROM step JOIN scan ON scan.id = scan_id WHERE seq = ?1
             ON CONFLICT (seq) DO UPDATE SET before = excluded.before, after = excluded.after",
        )?
        .execute((
            seq,
            change.before.storage_name(),
            change.after.storage_name(),
        ))?;
    Ok(())
}

fn set_status(
    connection: &Connection,
    seq: i64,
    status: Status,
    accepted_at: Option<i64>,
) -> Result<(), Cause> {
    connection
        .prepare_cached(
            "UPDATE scan SET status = ?2, accepted_at = ?3 WHERE id = (SELECT scan_id FROM step WHERE seq = ?1)",
        )?
        .execute((seq, status.storage_name(), accepted_at))?;
    Ok(())
}

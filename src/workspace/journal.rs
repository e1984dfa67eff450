//! The journal: every finished gesture and decision. Steps are undone and redone but never deleted.

use super::{Workspace, also, failure::Cause, masks, measurements};
use crate::Result;
use labrum_core::{
    edit::Edit,
    journal::{Also, Author, CaseKey, JournalStep, StatusChange, StepState},
};
use rusqlite::{Connection, OptionalExtension, Row};

impl Workspace {
    /// The number of the next step, one after the last. A session numbers its own steps from it.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn next_seq(&mut self) -> Result<i64> {
        self.read_database(
            "read the journal of the workspace",
            |c| Ok(last_seq(c)? + 1),
        )
    }

    /// Appends a step. Undone steps of its case and of the cases `redo_of` are dropped: they cannot be redone after a
    /// new step. The status of a new or proposed case becomes corrected, unless the step sets another one. Empty edits
    /// are left out, unless the step marks a label as absent on the slice.
    ///
    /// # Errors
    /// If the step does not follow the last one, if an edit does not fit its slice, or if the database cannot be
    /// written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)): then nothing was written.
    pub fn append_step(&mut self, step: &JournalStep, redo_of: &[CaseKey]) -> Result<()> {
        self.write_transaction("save the step in the workspace", |t| {
            write_step(t, step, redo_of)
        })
    }

    /// Undoes or redoes a step, with its change of the case's status. Nothing happens if it already is in that state.
    ///
    /// # Errors
    /// If the step is unknown or dropped, or out of order: it can be undone only after all later steps on the same
    /// slice or measurement, and redone only after all earlier ones. Also if the database cannot be written
    /// ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_undone(&mut self, seq: i64, is_undone: bool) -> Result<()> {
        self.set_undone_knowing(seq, is_undone, None)
    }

    /// As [`Workspace::set_undone`]; `known` is the change of status of the step, if it differs from that in the
    /// journal.
    ///
    /// # Errors
    /// As [`Workspace::set_undone`].
    pub fn set_undone_knowing(
        &mut self,
        seq: i64,
        is_undone: bool,
        known: Option<StatusChange>,
    ) -> Result<()> {
        let tried = if is_undone {
            "undo the step in the workspace"
        } else {
            "redo the step in the workspace"
        };
        self.write_transaction(tried, |t| set_undone(t, seq, is_undone, known))
    }

    /// The newest `limit` steps of these cases that are done or undone, oldest first, for the undo history. Edits of
    /// slices that are no longer in the series are left out.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn recent_steps(&mut self, cases: &[CaseKey], limit: u32) -> Result<Vec<JournalStep>> {
        self.read_database("read the journal of the workspace", |c| {
            read_recent_steps(c, cases, limit)
        })
    }
}

fn write_step(
    connection: &Connection,
    step: &JournalStep,
    redo_of: &[CaseKey],
) -> Result<(), Cause> {
    let last = last_seq(connection)?;
    if step.seq <= last {
        return Err(Cause::Refused(format!(
            "step {} does not follow the last step, {last}",
            step.seq
        )));
    }
    let pixels = masks::pixels_of(connection, step.case)?;
    redo_of
        .iter()
        .chain([&step.case])
        .try_for_each(|case| drop_undone(connection, *case))?;
    insert_step_row(connection, step)?;
    for (slice, edit) in step
        .edits
        .iter()
        .filter(|(slice, edit)| !edit.is_empty() || notes_absence(step, *slice))
    {
        append_edit(connection, step, pixels, *slice, edit)?;
    }
    if step.also.status.is_none() && !step.edits.is_empty() {
        connection
            .prepare_cached("UPDATE scan SET status = 'corrected' WHERE id = ?1 AND status IN ('new', 'proposed')")?
            .execute([step.case.0])?;
    }
    also::append_side_effects(connection, step)
}

/// True if the step marks a label as absent on the slice.
fn notes_absence(step: &JournalStep, slice: u32) -> bool {
    step.also.absent.iter().any(|(absent, _)| *absent == slice)
}

/// Drops the undone steps of a case: they cannot be redone any more, but stay on record.
pub(super) fn drop_undone(connection: &Connection, case: CaseKey) -> Result<(), Cause> {
    connection
        .prepare_cached(
            "UPDATE step SET state = 'dropped' WHERE state = 'undone' AND scan_id = ?1",
        )?
        .execute([case.0])?;
    Ok(())
}

/// Writes the row of a step, without its changes.
pub(super) fn insert_step_row(connection: &Connection, step: &JournalStep) -> Result<(), Cause> {
    let (person, model, version) = match &step.author {
        Author::Person(name) => (Some(name), None, None),
        Author::Model { name, version } => (None, Some(name), Some(version)),
    };
    connection
        .prepare_cached(
            "INSERT INTO step (seq, scan_id, at, person, model, model_version, tool, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'done')",
        )?
        .execute((
            step.seq,
            step.case.0,
            step.at,
            person,
            model,
            version,
            &step.tool,
        ))?;
    Ok(())
}

fn append_edit(
    connection: &Connection,
    step: &JournalStep,
    pixels: u64,
    slice: u32,
    edit: &Edit,
) -> Result<(), Cause> {
    let id = masks::slice_id(connection, step.case, slice)?;
    let end = edit
        .runs
        .last()
        .map_or(0, |r| u64::from(r.start) + u64::from(r.length));
    if end > pixels {
        return Err(Cause::Refused(format!(
            "slice {} has {pixels} pixels, but the edit extends to pixel {end}",
            slice + 1
        )));
    }
    insert_edit(connection, step.seq, id, edit)
}

/// Writes the edit of a step on a slice, given by its row.
pub(super) fn insert_edit(
    connection: &Connection,
    seq: i64,
    slice: i64,
    edit: &Edit,
) -> Result<(), Cause> {
    masks::keep_base(connection, slice)?;
    connection
        .prepare_cached("INSERT INTO edit (seq, slice_id, runs) VALUES (?1, ?2, ?3)")?
        .execute((seq, slice, edit.to_bytes()))?;
    masks::note_change(connection, slice)
}

fn set_undone(
    connection: &Connection,
    seq: i64,
    is_undone: bool,
    known: Option<StatusChange>,
) -> Result<(), Cause> {
    let state = connection
        .prepare_cached("SELECT state FROM step WHERE seq = ?1")?
        .query_row([seq], |r| r.get::<_, String>(0))
        .optional()?;
    match (state.as_deref(), is_undone) {
        (Some("done"), true) | (Some("undone"), false) => {}
        (Some("done" | "undone"), _) => return Ok(()),
        (Some(_), _) => return Err(refused_step(seq, "was dropped when a new step was made")),
        (None, _) => return Err(refused_step(seq, "is not in the journal")),
    }
    refuse_out_of_order(connection, seq, is_undone)?;
    let state = if is_undone { "undone" } else { "done" };
    connection
        .prepare_cached("UPDATE step SET state = ?2 WHERE seq = ?1")?
        .execute((seq, state))?;
    let mut slices = connection.prepare_cached("SELECT slice_id FROM edit WHERE seq = ?1")?;
    let slices: Vec<i64> = slices
        .query_map([seq], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for slice in slices {
        connection
            .prepare_cached("DELETE FROM snapshot WHERE slice_id = ?1 AND seq >= ?2")?
            .execute([slice, seq])?;
        masks::note_change(connection, slice)?;
    }
    also::set_undone(connection, seq, is_undone, known)
}

/// Refuses to undo a step before later ones on the same slice or measurement, or to redo it before earlier ones.
fn refuse_out_of_order(connection: &Connection, seq: i64, is_undone: bool) -> Result<(), Cause> {
    let condition = match is_undone {
        true => "other.seq > ?1 AND step.state = 'done'",
        false => "other.seq < ?1 AND step.state = 'undone'",
    };
    let what = if shares_slice(connection, seq, condition)? {
        "slice"
    } else if measurements::shares_measurement(connection, seq, condition)? {
        "measurement"
    } else {
        return Ok(());
    };
    let reason = match is_undone {
        true => {
            format!("is followed by another step on the same {what}, which must be undone first")
        }
        false => format!("follows an undone step on the same {what}, which must be redone first"),
    };
    Err(refused_step(seq, &reason))
}

fn refused_step(seq: i64, reason: &str) -> Cause {
    Cause::Refused(format!("step {seq} {reason}"))
}

/// True if another step that meets `condition` changes a slice that this step changes.
fn shares_slice(connection: &Connection, seq: i64, condition: &str) -> Result<bool, Cause> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM edit AS own
             JOIN edit AS other ON other.slice_id = own.slice_id
             JOIN step ON step.seq = other.seq
             WHERE own.seq = ?1 AND {condition})"
    );
    Ok(connection
        .prepare_cached(&sql)?
        .query_row([seq], |r| r.get(0))?)
}

fn read_recent_steps(
    connection: &Connection,
    cases: &[CaseKey],
    limit: u32,
) -> Result<Vec<JournalStep>, Cause> {
    // The keys are passed as one JSON value: the number of SQL parameters is limited.
    let keys = serde_json::to_string(&cases.iter().map(|c| c.0).collect::<Vec<_>>());
    let keys = keys.map_err(|e| Cause::Refused(e.to_string()))?;
    let mut query = connection.prepare_cached(
        "SELECT seq, scan_id, at, person, model, model_version, tool, state FROM step
         WHERE state <> 'dropped' AND scan_id IN (SELECT value FROM json_each(?1))
             AND (EXISTS (SELECT 1 FROM edit JOIN slice ON slice.id = slice_id
                          WHERE edit.seq = step.seq AND place IS NOT NULL)
                  OR NOT EXISTS (SELECT 1 FROM edit WHERE edit.seq = step.seq)
                     AND (EXISTS (SELECT 1 FROM status_change WHERE status_change.seq = step.seq)
                          OR EXISTS (SELECT 1 FROM label_change WHERE label_change.seq = step.seq)
                          OR EXISTS (SELECT 1 FROM phase_change WHERE phase_change.seq = step.seq)
                          OR EXISTS (SELECT 1 FROM measurement_change LEFT JOIN slice ON slice.id = slice_id
                                     WHERE measurement_change.seq = step.seq
                                         AND (slice_id IS NULL OR place IS NOT NULL))))
         ORDER BY seq DESC LIMIT ?2",
    )?;
    let mut steps: Vec<JournalStep> = query
        .query_map((keys, limit), read_step)?
        .collect::<rusqlite::Result<_>>()?;
    steps.reverse();
    let mut query = connection.prepare_cached(
        "SELECT place, runs FROM edit JOIN slice ON slice.id = slice_id
         WHERE edit.seq = ?1 AND place IS NOT NULL ORDER BY place",
    )?;
    for step in &mut steps {
        let mut rows = query.query([step.seq])?;
        while let Some(row) = rows.next()? {
            step.edits.push((
                row.get(0)?,
                masks::read_edit(step.seq, &row.get::<_, Vec<u8>>(1)?)?,
            ));
        }
        step.also = also::read_side_effects(connection, step.seq)?;
    }
    Ok(steps)
}

fn read_step(row: &Row) -> rusqlite::Result<JournalStep> {
    let author = match (row.get::<_, Option<String>>(3)?, row.get(4)?, row.get(5)?) {
        (_, Some(name), Some(version)) => Author::Model { name, version },
        (person, ..) => Author::Person(person.unwrap_or_default()),
    };
    let state = match row.get::<_, String>(7)?.as_str() {
        "done" => StepState::Done,
        "undone" => StepState::Undone,
        _ => StepState::Dropped,
    };
    let case = CaseKey(row.get(1)?);
    let seq = row.get(0)?;
    let at = row.get(2)?;
    let tool = row.get(6)?;
    Ok(JournalStep {
        seq,
        case,
        at,
        author,
        tool,
        edits: Vec::new(),
        also: Also::default(),
        state,
    })
}

/// The number of the last step; 0 before the first.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM step")?
        .query_row((), |r| r.get(0))
}

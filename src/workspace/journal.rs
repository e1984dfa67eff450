//! The journal: every finished gesture and decision, undone and redone, never deleted.

use super::{Workspace, also, failure::Cause, masks};
use crate::Result;
use labrum_core::{
    edit::Edit,
    journal::{Also, Author, CaseKey, JournalStep, StatusChange, StepState},
};
use rusqlite::{Connection, OptionalExtension, Row};

impl Workspace {
    /// The place in the journal of the next step: one after the last. With it a session numbers its steps by itself.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn next_seq(&mut self) -> Result<i64> {
        self.read_database(
            "read the journal of the workspace",
            |c| Ok(last_seq(c)? + 1),
        )
    }

    /// Adds a step that was done. Undone steps of its case and of the cases `redo_of` are dropped: what was taken back
    /// before a new gesture cannot be had again. A case that was new or proposed is now corrected, where the step does not
    /// say otherwise. Edits that change nothing are left out, but where the step says that the slice holds nothing.
    ///
    /// # Errors
    /// For a step that is not after the last one, and an edit that does not fit the slice; where the database cannot
    /// be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)): then nothing of it was.
    pub fn append_step(&mut self, step: &JournalStep, redo_of: &[CaseKey]) -> Result<()> {
        self.write_transaction("save the step in the workspace", |t| {
            write_step(t, step, redo_of)
        })
    }

    /// Takes a step back, or does it again, with what it changed of its case's status. Nothing happens where that is how
    /// it stands.
    ///
    /// # Errors
    /// For an unknown or dropped step, and out of order: a step can be taken back only while no later one on the same
    /// slice counts, and done again only after all earlier ones on it; where the database cannot be written
    /// ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_undone(&mut self, seq: i64, is_undone: bool) -> Result<()> {
        self.set_undone_knowing(seq, is_undone, None)
    }

    /// The same; `known` says what goes with a step of its case's status where that is other than the journal tells.
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

    /// The newest `limit` steps of these cases that are done or undone, oldest first: the history of undo. Edits of
    /// slices that the series lacks now are left out.
    ///
    /// # Errors
    /// Where the database cannot be read.
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
            "step {} is not after the last one, {last}",
            step.seq
        )));
    }
    let pixels = masks::pixels_of(connection, step.case)?;
    redo_of
        .iter()
        .chain([&step.case])
        .try_for_each(|case| drop_undone(connection, *case))?;
    insert_step_row(connection, step)?;
    let is_absent = |slice: u32| step.also.absent.iter().any(|(absent, _)| *absent == slice);
    for (slice, edit) in step
        .edits
        .iter()
        .filter(|(slice, edit)| !edit.is_empty() || is_absent(*slice))
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

/// What was undone on a case cannot be done again; it stays on record.
pub(super) fn drop_undone(connection: &Connection, case: CaseKey) -> Result<(), Cause> {
    connection
        .prepare_cached(
            "UPDATE step SET state = 'dropped' WHERE state = 'undone' AND scan_id = ?1",
        )?
        .execute([case.0])?;
    Ok(())
}

/// Writes the row of a step, without what it changed.
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
    let (place, slice) = (slice, masks::slice_id(connection, step.case, slice)?);
    let end = edit
        .runs
        .last()
        .map_or(0, |r| u64::from(r.start) + u64::from(r.length));
    if end > pixels {
        return Err(Cause::Refused(format!(
            "slice {} has {pixels} pixels, the edit reaches {end}",
            place + 1
        )));
    }
    insert_edit(connection, step.seq, slice, edit)
}

/// Writes what a step changed on a slice, by the row of the slice.
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
    let refused = |reason: &str| Err(Cause::Refused(format!("step {seq} {reason}")));
    let state = connection
        .prepare_cached("SELECT state FROM step WHERE seq = ?1")?
        .query_row([seq], |r| r.get::<_, String>(0))
        .optional()?;
    match (state.as_deref(), is_undone) {
        (Some("done"), true) | (Some("undone"), false) => {}
        (Some("done" | "undone"), _) => return Ok(()),
        (Some(_), _) => return refused("was given up when a new one was made"),
        (None, _) => return refused("is not in the journal"),
    }
    if is_undone && shares_slice(connection, seq, "other.seq > ?1 AND step.state = 'done'")? {
        return refused("has a later one on the same slice, which must be undone first");
    }
    if !is_undone && shares_slice(connection, seq, "other.seq < ?1 AND step.state = 'undone'")? {
        return refused("has an earlier one on the same slice, which must be redone first");
    }
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

/// True where another step for which `condition` holds changes a slice that this one changes.
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
    // The keys go in as one value: a list of SQL values has a bound.
    let keys = serde_json::to_string(&cases.iter().map(|c| c.0).collect::<Vec<_>>());
    let keys = keys.map_err(|e| Cause::Refused(e.to_string()))?;
    let mut query = connection.prepare_cached(
        "SELECT seq, scan_id, at, person, model, model_version, tool, state FROM step
         WHERE state <> 'dropped' AND scan_id IN (SELECT value FROM json_each(?1))
             AND (EXISTS (SELECT 1 FROM edit JOIN slice ON slice.id = slice_id
                          WHERE edit.seq = step.seq AND place IS NOT NULL)
                  OR NOT EXISTS (SELECT 1 FROM edit WHERE edit.seq = step.seq)
                     AND (EXISTS (SELECT 1 FROM status_change WHERE status_change.seq = step.seq)
                          OR EXISTS (SELECT 1 FROM label_change WHERE label_change.seq = step.seq)))
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
                read_edit(step.seq, &row.get::<_, Vec<u8>>(1)?)?,
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
    let (seq, at, tool) = (row.get(0)?, row.get(2)?, row.get(6)?);
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

/// The edit of which these are the bytes in the journal.
pub(super) fn read_edit(seq: i64, bytes: &[u8]) -> Result<Edit, Cause> {
    Edit::from_bytes(bytes)
        .ok_or_else(|| Cause::Refused(format!("what step {seq} changed cannot be read")))
}

/// The number of the last step; 0 before the first.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM step")?
        .query_row((), |r| r.get(0))
}

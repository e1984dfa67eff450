//! Removing and merging labels: where they are used, and changing their masks in all cases.

use super::{Workspace, also, failure::Cause, journal, masks, now_millis};
use crate::Result;
use labrum_core::{
    edit::Edit,
    journal::{Also, Author, CaseKey, JournalStep, LabelUse, StatusChange, StepState},
    mask::PackedMask,
    study::Status,
};
use rusqlite::{Connection, Row};

impl Workspace {
    /// Counts where a label is used, including cases removed from the list.
    ///
    /// # Errors
    /// If the database or a mask cannot be read.
    pub fn label_use(&mut self, label: u8) -> Result<LabelUse> {
        self.read_database("count the uses of the label in the workspace", |c| {
            let mut count = LabelUse {
                value: label,
                ..LabelUse::default()
            };
            for (case, status) in cases_with_status(c)? {
                let mut slices = 0;
                for slice in slices_of(c, case)? {
                    slices += u32::from(
                        masks::current_mask(c, slice.id)?
                            .is_some_and(|mask| mask.contains_label(label)),
                    );
                }
                count.slices += slices;
                count.cases += u32::from(slices > 0);
                count.accepted += u32::from(slices > 0 && status == Status::Accepted);
            }
            Ok(count)
        })
    }

    /// Replaces a label in all cases by another one, or by background (0): with a step of the journal if the case was
    /// edited or accepted, else in the proposal itself. An accepted case without any mask left becomes corrected.
    /// Returns the cases that got a step.
    ///
    /// # Errors
    /// If a mask cannot be read, or if the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)):
    /// then nothing was changed.
    pub fn relabel_masks(
        &mut self,
        from: u8,
        to: u8,
        tool: &str,
        person: &str,
    ) -> Result<Vec<CaseKey>> {
        self.write_transaction("change the label in all masks of the workspace", |t| {
            let mut changed = Vec::new();
            for (case, status) in cases_with_status(t)? {
                if relabel_case(t, case, status, (from, to), tool, person)? {
                    changed.push(case);
                }
            }
            Ok(changed)
        })
    }
}

/// A slice of a case, which may no longer be in the series.
struct StoredSliceLabels {
    id: i64,
    place: Option<u32>,
}

fn cases_with_status(connection: &Connection) -> Result<Vec<(CaseKey, Status)>, Cause> {
    let mut query = connection.prepare_cached("SELECT id, status FROM scan ORDER BY id")?;
    Ok(query
        .query_map((), read_case_status)?
        .collect::<rusqlite::Result<_>>()?)
}

fn read_case_status(row: &Row) -> rusqlite::Result<(CaseKey, Status)> {
    Ok((
        CaseKey(row.get(0)?),
        Status::from_storage_name(&row.get::<_, String>(1)?),
    ))
}

fn slices_of(connection: &Connection, case: CaseKey) -> Result<Vec<StoredSliceLabels>, Cause> {
    let mut query = connection
        .prepare_cached("SELECT id, place FROM slice WHERE scan_id = ?1 ORDER BY place, id")?;
    Ok(query
        .query_map([case.0], read_slice_place)?
        .collect::<rusqlite::Result<_>>()?)
}

fn read_slice_place(row: &Row) -> rusqlite::Result<StoredSliceLabels> {
    Ok(StoredSliceLabels {
        id: row.get(0)?,
        place: row.get(1)?,
    })
}

/// Replaces the label in one case; true if that made a step.
fn relabel_case(
    connection: &Connection,
    case: CaseKey,
    status: Status,
    (from, to): (u8, u8),
    tool: &str,
    person: &str,
) -> Result<bool, Cause> {
    let mut edits: Vec<(i64, Edit)> = Vec::new();
    let mut holds_some = false;
    for slice in slices_of(connection, case)? {
        let Some(packed) = masks::current_mask(connection, slice.id)? else {
            continue;
        };
        if !packed.contains_label(from) {
            holds_some |= packed.count_labelled_pixels() > 0;
            continue;
        }
        let mut mask = packed.to_mask();
        let edit = mask.move_label(from, to);
        holds_some |= !mask.is_blank();
        let is_signed_off = status == Status::Accepted && slice.place.is_some();
        if masks::is_touched(connection, slice.id)? || is_signed_off {
            edits.push((slice.id, edit));
        } else {
            connection
                .prepare_cached("UPDATE proposal SET mask = ?2 WHERE slice_id = ?1")?
                .execute((slice.id, PackedMask::from_mask(&mask).to_bytes()))?;
        }
    }
    if edits.is_empty() {
        return Ok(false);
    }
    let is_emptied = status == Status::Accepted && !holds_some;
    let change = StatusChange {
        before: status,
        after: Status::Corrected,
    };
    let step = JournalStep {
        seq: journal::last_seq(connection)? + 1,
        case,
        at: now_millis(),
        author: Author::Person(person.to_owned()),
        tool: tool.to_owned(),
        edits: Vec::new(),
        also: Also {
            status: is_emptied.then_some(change),
            ..Also::default()
        },
        state: StepState::Done,
    };
    // Undone steps cannot be redone after this change.
    journal::drop_undone(connection, case)?;
    journal::insert_step_row(connection, &step)?;
    for (slice, edit) in &edits {
        journal::insert_edit(connection, step.seq, *slice, edit)?;
    }
    also::append_side_effects(connection, &step)?;
    Ok(true)
}

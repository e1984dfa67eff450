//! Prompts of the Click tool: stored with the step that they made, and read object by object.

use super::{failure::Cause, masks};
use crate::Error;
use labrum_core::{
    journal::{JournalStep, StepPrompts},
    prompts::{Prompt, PromptedObject, stored},
};
use rusqlite::{Connection, OptionalExtension, Row};

/// Saves the prompts of a new step, if it has any.
pub(super) fn append_prompts(connection: &Connection, step: &JournalStep) -> Result<(), Cause> {
    let Some(own) = step.also.prompts.as_deref() else {
        return Ok(());
    };
    if own.prompts.is_empty() {
        return Ok(());
    }
    let slice = masks::slice_id(connection, step.case, own.slice)?;
    let json = stored::to_json(&own.prompts).map_err(refused)?;
    connection
        .prepare_cached(
            "INSERT INTO step_prompt (seq, slice_id, label, begins, count, prompts, model)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            step.seq,
            slice,
            own.label,
            own.begins_object,
            own.prompts.len() as u32,
            json,
            &own.model,
        ))?;
    Ok(())
}

/// The prompts of a step; `None` if it has none, or if its slice is no longer in the series.
pub(super) fn prompts_of_step(
    connection: &Connection,
    seq: i64,
) -> Result<Option<Box<StepPrompts>>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT place, label, begins, prompts, model FROM step_prompt
         JOIN slice ON slice.id = slice_id WHERE seq = ?1 AND place IS NOT NULL",
    )?;
    let row = query.query_row([seq], read_step_row).optional()?;
    Ok(row.and_then(|(own, json)| {
        let prompts = readable_prompts(seq, &json)?;
        Some(Box::new(StepPrompts { prompts, ..own }))
    }))
}

/// The objects on a slice that were segmented with prompts, oldest first. Prompts of undone steps do not count.
pub(super) fn objects_on_slice(
    connection: &Connection,
    slice: i64,
) -> Result<Vec<PromptedObject>, Cause> {
    let mut query = connection.prepare_cached(
        "SELECT step_prompt.seq, label, begins, prompts FROM step_prompt
         JOIN step ON step.seq = step_prompt.seq
         WHERE slice_id = ?1 AND state = 'done' ORDER BY step_prompt.seq",
    )?;
    let mut rows = query.query([slice])?;
    let mut objects: Vec<PromptedObject> = Vec::new();
    while let Some(row) = rows.next()? {
        let label: u8 = row.get(1)?;
        let begins: bool = row.get(2)?;
        let prompts = readable_prompts(row.get(0)?, &row.get::<_, String>(3)?);
        let prompts = prompts.unwrap_or_default();
        match objects
            .last_mut()
            .filter(|last| !begins && last.label == label)
        {
            Some(last) => last.prompts.extend(prompts),
            None => objects.push(PromptedObject { label, prompts }),
        }
    }
    objects.retain(|object| !object.prompts.is_empty());
    Ok(objects)
}

/// Objects as a round keeps them; `None` without any.
pub(super) fn objects_to_json(objects: Vec<PromptedObject>) -> Result<Option<String>, Cause> {
    if objects.is_empty() {
        return Ok(None);
    }
    stored::to_json(&objects).map(Some).map_err(refused)
}

/// Reads objects that a round keeps. What cannot be read is left out: a round can do without it.
pub(super) fn objects_from_json(json: Option<&str>) -> Vec<PromptedObject> {
    let read = json.map(stored::from_json::<Vec<PromptedObject>>);
    match read {
        Some(Ok(objects)) => objects,
        Some(Err(error)) => {
            log::warn!("{error}");
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// A row of prompts, still without these, and their JSON.
fn read_step_row(row: &Row) -> rusqlite::Result<(StepPrompts, String)> {
    let own = StepPrompts {
        slice: row.get(0)?,
        label: row.get(1)?,
        begins_object: row.get(2)?,
        prompts: Vec::new(),
        model: row.get(4)?,
    };
    Ok((own, row.get(3)?))
}

/// The prompts of a step; `None` if they cannot be read: its mask is intact nevertheless.
fn readable_prompts(seq: i64, json: &str) -> Option<Vec<Prompt>> {
    stored::from_json(json)
        .inspect_err(|error| log::warn!("step {seq}: {error}"))
        .ok()
}

fn refused(error: Error) -> Cause {
    Cause::Refused(error.reason)
}

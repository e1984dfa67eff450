//! The labels of the workspace: what the values of all its masks mean.

use super::{Workspace, failure::Cause};
use crate::Result;
use labrum_core::label::{self, Label};
use rusqlite::Connection;

impl Workspace {
    /// The labels; the label at index `i` has the value `i + 1`. Empty in a new workspace.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn read_labels(&mut self) -> Result<Vec<Label>> {
        self.read_database("read the labels of the workspace", |c| {
            let mut query = c.prepare_cached("SELECT definition FROM label ORDER BY value")?;
            let rows = query.query_map((), |r| r.get::<_, String>(0))?;
            rows.map(|row| {
                serde_json::from_str(&row?)
                    .map_err(|e| Cause::Refused(format!("a label cannot be read: {e}")))
            })
            .collect()
        })
    }

    /// Replaces all labels. Labels without an id get one.
    ///
    /// # Errors
    /// If there are more than 255 labels, or if the database cannot be written.
    pub fn set_labels(&mut self, labels: &[Label]) -> Result<()> {
        self.write_transaction("save the labels in the workspace", |t| {
            if labels.len() > usize::from(u8::MAX) {
                return Err(Cause::Refused(format!(
                    "there are {} labels, but a mask can hold at most 255",
                    labels.len()
                )));
            }
            t.execute("DELETE FROM label", ())?;
            for (value, label) in (1i64..).zip(labels) {
                put_label(t, value, label.clone())?;
            }
            Ok(())
        })
    }
}

/// Gives an id to labels without one, in workspaces of older versions.
pub(super) fn give_ids(connection: &Connection) -> Result<(), Cause> {
    let mut query = connection.prepare_cached("SELECT value, definition FROM label")?;
    let rows: Vec<(i64, String)> = query
        .query_map((), |row| row.try_into())?
        .collect::<rusqlite::Result<_>>()?;
    for (value, definition) in rows {
        // Errors are reported when the labels are read.
        if let Ok(label) = serde_json::from_str::<Label>(&definition)
            && label.kept.id.is_empty()
        {
            put_label(connection, value, label)?;
        }
    }
    Ok(())
}

fn put_label(connection: &Connection, value: i64, mut label: Label) -> Result<(), Cause> {
    if label.kept.id.is_empty() {
        label.kept.id = label::new_id();
    }
    let definition = serde_json::to_string(&label).map_err(|e| Cause::Refused(e.to_string()))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO label (value, definition) VALUES (?1, ?2)")?
        .execute((value, definition))?;
    Ok(())
}

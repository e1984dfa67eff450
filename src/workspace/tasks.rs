//! Tasks, which group cases that share labels, and removing cases from the list.

use super::{Workspace, failure::Cause, now_millis};
use crate::Result;
use labrum_core::{
    journal::CaseKey,
    label::{Task, TaskKey},
};
use rusqlite::Row;

impl Workspace {
    /// The tasks, except the default task of all cases that were not put into another.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn list_tasks(&mut self) -> Result<Vec<Task>> {
        self.read_database("read the tasks of the workspace", |c| {
            let mut query = c.prepare_cached("SELECT id, name FROM task ORDER BY id")?;
            Ok(query
                .query_map((), read_task)?
                .collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Creates a task.
    ///
    /// # Errors
    /// If the name is empty, or if the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn begin_task(&mut self, name: &str) -> Result<TaskKey> {
        self.write_transaction("create a task in the workspace", |t| match name.trim() {
            "" => Err(Cause::Refused("the name is empty".into())),
            name => Ok(TaskKey(t.query_row(
                "INSERT INTO task (name) VALUES (?1) RETURNING id",
                [name],
                |r| r.get(0),
            )?)),
        })
    }

    /// Puts a case into a task.
    ///
    /// # Errors
    /// If the case or the task is unknown, or if the database cannot be written
    /// ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_task(&mut self, case: CaseKey, task: TaskKey) -> Result<()> {
        self.write_transaction("put the case into a task of the workspace", |t| {
            let known = "SELECT ?1 = 0 OR EXISTS (SELECT 1 FROM task WHERE id = ?1)";
            if !t.query_row(known, [task.0], |r| r.get::<_, bool>(0))? {
                return Err(Cause::Refused(format!("there is no task {}", task.0)));
            }
            match t.execute("UPDATE scan SET task = ?2 WHERE id = ?1", (case.0, task.0))? {
                0 => Err(Cause::Refused(format!("there is no case {}", case.0))),
                _ => Ok(()),
            }
        })
    }

    /// Removes a case from the list, or restores it. The work on a removed case is kept, but it is not trained on or
    /// exported.
    ///
    /// # Errors
    /// If the case is unknown, or if the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_listed(&mut self, case: CaseKey, is_listed: bool) -> Result<()> {
        let tried = if is_listed {
            "restore the case to the list of the workspace"
        } else {
            "remove the case from the list of the workspace"
        };
        self.write_transaction(tried, |t| {
            let removed_at = (!is_listed).then(now_millis);
            match t.execute(
                "UPDATE scan SET removed_at = ?2 WHERE id = ?1",
                (case.0, removed_at),
            )? {
                0 => Err(Cause::Refused(format!("there is no case {}", case.0))),
                _ => Ok(()),
            }
        })
    }

    /// Deletes the proposals of cases removed from the list. Drawn masks stay: the journal is never deleted.
    ///
    /// # Errors
    /// If the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn purge_removed_cases(&mut self) -> Result<()> {
        self.write_transaction("clean up the workspace", |t| {
            let slices = "(SELECT slice.id FROM slice JOIN scan ON scan.id = scan_id WHERE removed_at IS NOT NULL)";
            t.execute(&format!("DELETE FROM proposal WHERE slice_id IN {slices}"), ())?;
            t.execute(&format!("DELETE FROM snapshot WHERE slice_id IN {slices}"), ())?;
            Ok(())
        })?;
        // Return free pages to the disk.
        self.read_database("clean up the workspace", |c| Ok(c.execute_batch("VACUUM")?))
    }
}

fn read_task(row: &Row) -> rusqlite::Result<Task> {
    Ok(Task {
        key: TaskKey(row.get(0)?),
        name: row.get(1)?,
    })
}

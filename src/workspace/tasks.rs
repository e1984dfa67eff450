//! Which cases are in the list, and which share labels.

use super::{Workspace, failure::Cause, now_millis};
use crate::Result;
use labrum_core::journal::{CaseKey, Task, TaskKey};

impl Workspace {
    /// The tasks, all but the first, which every case belongs to that was put into no other.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn list_tasks(&mut self) -> Result<Vec<Task>> {
        self.read_database("read the tasks of the workspace", |c| {
            let mut query = c.prepare_cached("SELECT id, name FROM task ORDER BY id")?;
            let read = |row: &rusqlite::Row| {
                Ok(Task {
                    key: TaskKey(row.get(0)?),
                    name: row.get(1)?,
                })
            };
            Ok(query
                .query_map((), read)?
                .collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Begins a task.
    ///
    /// # Errors
    /// For an empty name; where the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn begin_task(&mut self, name: &str) -> Result<TaskKey> {
        self.write_transaction("begin a task in the workspace", |t| match name.trim() {
            "" => Err(Cause::Refused("its name is empty".into())),
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
    /// For an unknown case or task; where the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_task(&mut self, case: CaseKey, task: TaskKey) -> Result<()> {
        self.write_transaction("put the case into a task", |t| {
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

    /// Takes a case out of the list, or puts it into it again. Its work is kept, but no round learns from it and no export
    /// writes it while it is out.
    ///
    /// # Errors
    /// For an unknown case; where the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn set_listed(&mut self, case: CaseKey, is_listed: bool) -> Result<()> {
        let tried = if is_listed {
            "put the case into the list"
        } else {
            "take the case out of the list"
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

    /// Lets go of what models proposed for cases that are out of the list. What people drew stays: rows of the journal are
    /// never deleted.
    ///
    /// # Errors
    /// Where the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)).
    pub fn purge_removed_cases(&mut self) -> Result<()> {
        self.write_transaction("tidy the workspace", |t| {
            let slices = "(SELECT slice.id FROM slice JOIN scan ON scan.id = scan_id WHERE removed_at IS NOT NULL)";
            t.execute(&format!("DELETE FROM proposal WHERE slice_id IN {slices}"), ())?;
            t.execute(&format!("DELETE FROM snapshot WHERE slice_id IN {slices}"), ())?;
            Ok(())
        })?;
        // Pages that are free now go back to the disk.
        self.read_database("tidy the workspace", |c| Ok(c.execute_batch("VACUUM")?))
    }
}

//! The labels of the workspace: what the values of all its masks mean.

use super::{
    Workspace,
    failure::{Cause, Failure},
};
use crate::domain::label::Label;

impl Workspace {
    /// The labels; that at place `i` has value `i + 1`. Empty in a new workspace.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn labels(&mut self) -> Result<Vec<Label>, Failure> {
        self.read("read the labels of the workspace", |c| {
            let mut query = c.prepare_cached("SELECT definition FROM label ORDER BY value")?;
            let rows = query.query_map((), |r| r.get::<_, String>(0))?;
            rows.map(|row| {
                serde_json::from_str(&row?).map_err(|e| Cause::Refused(format!("a label cannot be read: {e}")))
            })
            .collect()
        })
    }

    /// Puts these labels in the place of all.
    ///
    /// # Errors
    /// For more than 255 labels, and where the database cannot be written.
    pub fn set_labels(&mut self, labels: &[Label]) -> Result<(), Failure> {
        self.write("save the labels in the workspace", |t| {
            if labels.len() > usize::from(u8::MAX) {
                return Err(Cause::Refused(format!("{} labels are too many: 255 fit in a mask", labels.len())));
            }
            t.execute("DELETE FROM label", ())?;
            let mut insert = t.prepare_cached("INSERT INTO label (value, definition) VALUES (?1, ?2)")?;
            for (value, label) in (1i64..).zip(labels) {
                let definition = serde_json::to_string(label).map_err(|e| Cause::Refused(e.to_string()))?;
                insert.execute((value, definition))?;
            }
            Ok(())
        })
    }
}

//! Updates of cases when labels are removed and when cases are put into tasks.

use super::{WorkspaceKeeper, WriteTrouble};
use crate::session::{
    job::{self, CaseId, Event, Restored},
    tasks::TaskChoice,
};
use labrum_core::journal::CaseKey;

impl WorkspaceKeeper {
    /// Puts cases into a task; creates a new one if requested.
    pub(super) fn set_task(
        &mut self,
        cases: &[CaseId],
        task: &TaskChoice,
    ) -> Result<Vec<Event>, WriteTrouble> {
        let task = match task {
            TaskChoice::Known(task) => *task,
            TaskChoice::New(name) => self.workspace_mut()?.begin_task(name)?,
        };
        let mut changed = Vec::new();
        for case in cases {
            let key = self.case_key(*case)?;
            self.workspace_mut()?.set_task(key, task)?;
            changed.push((*case, task));
        }
        Ok(vec![Event::Tasks {
            tasks: self.workspace_mut()?.list_tasks()?,
            changed,
        }])
    }

    /// Restores open cases again whose masks were changed in the workspace.
    pub(super) fn tell_again(&mut self, changed: &[CaseKey]) -> Result<Vec<Event>, WriteTrouble> {
        let open: Vec<(CaseId, CaseKey)> = self
            .cases
            .iter()
            .map(|(case, known)| (*case, known.key))
            .collect();
        let mut events = self.count_events()?;
        for entry in self
            .workspace_mut()?
            .list_cases()?
            .iter()
            .filter(|entry| changed.contains(&entry.key))
        {
            let Some((case, _)) = open.iter().find(|(_, key)| *key == entry.key) else {
                continue;
            };
            if let Some(stored) = self
                .workspace_mut()?
                .find_case(&entry.description.identity)?
            {
                let (restored, slices) = self.restore_case(*case, stored)?;
                // The session requests new outlines itself.
                slices.iter().for_each(|key| drop(self.found.remove(key)));
                let restored = Restored {
                    is_anew: true,
                    ..restored
                };
                let known = job::CaseRecord {
                    key: entry.key,
                    side: entry.side,
                    task: entry.task,
                };
                events.push(Event::Restored {
                    case: *case,
                    known,
                    restored: Some(Box::new(restored)),
                });
            }
        }
        Ok(events)
    }
}

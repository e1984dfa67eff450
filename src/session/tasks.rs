//! Removing cases from the list, and putting cases into tasks. The cases of a task share labels.

use super::{
    Session,
    job::{CaseId, StoreJob},
    notice::Severity,
};
use labrum_core::label::{Task, TaskKey};

/// The user's choice of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskChoice {
    /// An existing task.
    Known(TaskKey),
    /// A new task with this name.
    New(String),
}

impl Session {
    /// Name of the task of the case on the screen; `None` while there is only one task.
    pub fn task_name(&self) -> Option<String> {
        let key = self.cases.current_case()?.task;
        let task = self
            .workspace
            .all_tasks()
            .into_iter()
            .find(|t| t.key == key)?;
        (!self.workspace.tasks.is_empty()).then_some(task.name)
    }

    /// Puts the case on the screen into a task, or all cases of its study.
    pub(super) fn choose_task(&mut self, choice: TaskChoice, whole_study: bool) {
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let id = case.id;
        let study = case.study.id.clone();
        let cases: Vec<CaseId> = self
            .cases
            .iter()
            .filter(|c| c.id == id || whole_study && c.study.id == study)
            .map(|c| c.id)
            .collect();
        self.finish_gesture();
        self.push_store_job(StoreJob::SetTask {
            cases,
            task: choice,
        });
    }

    pub(super) fn on_tasks(&mut self, tasks: Vec<Task>, changed: &[(CaseId, TaskKey)]) {
        self.workspace.tasks = tasks;
        for (id, task) in changed {
            if let Some(case) = self.cases.case_by_id_mut(*id) {
                case.task = *task;
            }
        }
        self.choose_standing_label();
        if let (Some((_, task)), count) = (changed.first(), changed.len()) {
            let name = self
                .workspace
                .all_tasks()
                .into_iter()
                .find(|t| t.key == *task)
                .map_or_else(String::new, |t| t.name);
            let cases = if count == 1 {
                "1 case".to_owned()
            } else {
                format!("{count} cases")
            };
            let text = format!(
                "Moved {cases} to task \"{name}\". Labels of other tasks are not listed there."
            );
            self.notices.add(Severity::Info, text);
        }
    }

    /// Removes the case on the screen from the list. Its work stays in the workspace.
    pub(super) fn remove_case(&mut self) {
        let Some(at) = self.cases.current else { return };
        self.finish_gesture();
        self.note_time();
        let id = self.cases[at].id;
        let title = self.cases[at].display_title();
        self.stop_runs_on(id);
        self.push_store_job(StoreJob::RemoveCase(id));
        self.drop_case(id);
        let text = format!(
            "Removed \"{title}\" from the list. Its work is kept: open the images again to get \
             it back."
        );
        self.notices.add(Severity::Info, text);
    }

    /// Closes a case and shows the next one in the list.
    pub(super) fn drop_case(&mut self, id: CaseId) {
        let Some(at) = self.cases.index_of(id) else {
            return;
        };
        let shown = match self.cases.current {
            Some(current) if current != at => self.cases.get(current).map(|c| c.id),
            _ => self
                .neighbour_case(at)
                .and_then(|i| self.cases.get(i))
                .map(|c| c.id),
        };
        let was_shown = self.cases.current == Some(at);
        self.cases.list.remove(at);
        self.history.retain_cases(|case| case != id);
        self.clicks.forget_case(id);
        self.workspace.forget_activity(id);
        if was_shown {
            self.masks.live = None;
            self.viewports.focus = None;
            self.cases.current = None;
            self.select_case(shown.and_then(|id| self.cases.index_of(id)));
        } else {
            self.cases.current = shown.and_then(|id| self.cases.index_of(id));
        }
        self.give_reasons();
    }
}

//! Which cases are in the list, and which share labels: cases are taken out of it, and tasks begun.

use super::{
    Session,
    job::{CaseId, StoreJob},
    notice::Severity,
};
use labrum_core::journal::{Task, TaskKey};

/// The task of a case, as a person chooses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskChoice {
    /// One that is there.
    Known(TaskKey),
    /// A new one of this name.
    New(String),
}

impl Session {
    /// The tasks of the workspace; the first one is that of all cases that were put into no other.
    pub fn workspace_tasks(&self) -> Vec<Task> {
        let first = Task {
            key: TaskKey::default(),
            name: "First task".into(),
        };
        std::iter::once(first)
            .chain(self.tasks.iter().cloned())
            .collect()
    }

    /// What the task of the case on the screen is called; `None` while there is only one.
    pub fn task_name(&self) -> Option<String> {
        let key = self.current_case()?.task;
        let task = self.workspace_tasks().into_iter().find(|t| t.key == key)?;
        (!self.tasks.is_empty()).then_some(task.name)
    }

    /// Puts the case on the screen into a task, and with it, where that is wanted, all of its study.
    pub(super) fn choose_task(&mut self, choice: TaskChoice, whole_study: bool) {
        let Some(case) = self.current_case() else {
            return;
        };
        let (id, study) = (case.id, case.study.id.clone());
        let is_meant = |c: &&super::case::Case| c.id == id || whole_study && c.study.id == study;
        let cases: Vec<CaseId> = self.cases.iter().filter(is_meant).map(|c| c.id).collect();
        self.finish_hand();
        self.push_store_job(StoreJob::SetTask {
            cases,
            task: choice,
        });
    }

    pub(super) fn on_tasks(&mut self, tasks: Vec<Task>, changed: &[(CaseId, TaskKey)]) {
        self.tasks = tasks;
        for (id, task) in changed {
            if let Some(case) = self.cases.iter_mut().find(|c| c.id == *id) {
                case.task = *task;
            }
        }
        self.choose_standing_label();
        if let (Some((_, task)), count) = (changed.first(), changed.len()) {
            let name = self
                .workspace_tasks()
                .into_iter()
                .find(|t| t.key == *task)
                .map_or_else(String::new, |t| t.name);
            let cases = if count == 1 {
                "1 case is".to_owned()
            } else {
                format!("{count} cases are")
            };
            let text = format!(
                "{cases} in the task \"{name}\" now; labels of other tasks are not listed there."
            );
            self.notices.add(Severity::Info, text);
        }
    }

    /// Takes the case on the screen out of the list. Its work stays in the workspace.
    pub(super) fn remove_case(&mut self) {
        let Some(at) = self.current else { return };
        self.finish_hand();
        self.note_time();
        let (id, title) = (self.cases[at].id, self.cases[at].display_title());
        self.stop_runs_on(id);
        self.push_store_job(StoreJob::RemoveCase(id));
        self.drop_case(id);
        let text = format!(
            "Removed \"{title}\" from the list. Its work is kept: open the file again to get it back."
        );
        self.notices.add(Severity::Info, text);
    }

    /// Forgets a case: the one after it in the list is shown.
    pub(super) fn drop_case(&mut self, id: CaseId) {
        let Some(at) = self.cases.iter().position(|c| c.id == id) else {
            return;
        };
        let shown = match self.current {
            Some(current) if current != at => self.cases.get(current).map(|c| c.id),
            _ => self
                .neighbour_case(at)
                .and_then(|i| self.cases.get(i))
                .map(|c| c.id),
        };
        let was_shown = self.current == Some(at);
        self.cases.remove(at);
        self.history.retain_cases(|case| case != id);
        self.forget_activity(id);
        if was_shown {
            (self.live, self.focus, self.current) = (None, None, None);
            self.select_case(shown.and_then(|id| self.cases.iter().position(|c| c.id == id)));
        } else {
            self.current = shown.and_then(|id| self.cases.iter().position(|c| c.id == id));
        }
        self.give_reasons();
    }
}

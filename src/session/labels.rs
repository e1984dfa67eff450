//! The labels of the workspace. One list for all cases, so that a value means the same label in every mask; a case
//! lists only some of them.

use super::{
    Session,
    job::StoreJob,
    notice::Severity,
    store::WorkspaceState,
    workspace_labels::{PaintOver, WorkspaceLabels},
};
use labrum_core::{
    journal::{Also, LabelChange},
    label::{Label, StoredLabel, TaskKey},
};

/// A change to the list of labels, or a choice from it.
#[derive(Clone, Debug)]
pub enum LabelAction {
    /// Make this label active, 1..=n.
    Choose(u8),
    /// Append a label and make it active.
    Add(Label),
    /// Change name, colour, code, visibility or lock.
    Change(u8, Label),
    /// Count where it is used, to ask before removing it.
    Count(u8),
    /// Remove it from the list, with its masks or merging them into another label.
    Remove {
        /// The label to remove.
        label: u8,
        /// The label that its masks are merged into; `None` deletes them.
        into: Option<u8>,
    },
    /// Move the pixels of a label to another one, on this slice or in the whole case.
    Move {
        /// The label until now.
        from: u8,
        /// The new label.
        to: u8,
        /// On all slices.
        whole_case: bool,
    },
    /// Set what drawing may overwrite.
    PaintOver(PaintOver),
}

/// A copy of the label with the visibility of `as_this`.
pub(super) fn shown_alike(label: &Label, as_this: &Label) -> Label {
    Label {
        visible: as_this.visible,
        ..label.clone()
    }
}

impl Session {
    /// The values of the labels listed in the case on the screen: those of its task, and those used in it.
    pub fn standing_labels(&self) -> Vec<u8> {
        match self.cases.current_case() {
            Some(case) => self.labels.labels_of(case),
            None => (1..=u8::MAX)
                .zip(&self.labels.list)
                .filter(|(_, l)| !l.is_gone())
                .map(|(value, _)| value)
                .collect(),
        }
    }

    /// Makes the first listed label active if the active one is not listed in the case.
    pub(super) fn choose_standing_label(&mut self) {
        let standing = self.standing_labels();
        if !standing.contains(&self.labels.active) {
            self.labels.active = standing.first().copied().unwrap_or(0);
        }
        if let PaintOver::Label(over) = self.labels.paint_over
            && !standing.contains(&over)
        {
            self.labels.paint_over = PaintOver::Everything;
        }
    }

    pub(super) fn label_action(&mut self, action: LabelAction) {
        let changes = !matches!(action, LabelAction::Choose(_) | LabelAction::PaintOver(_));
        if changes && *self.workspace.state() == WorkspaceState::Opening {
            // The workspace brings its own list, which must not be overwritten.
            return self
                .notices
                .add(Severity::Info, "The workspace is still opening.");
        }
        match action {
            LabelAction::Choose(label) => {
                self.labels.active = label.clamp(1, self.labels.list.len().max(1) as u8)
            }
            LabelAction::Add(label) => {
                let kept = StoredLabel {
                    task: self.current_task(),
                    ..StoredLabel::default()
                };
                if self.labels.add_label(Label { kept, ..label }).is_none() {
                    let text = "At most 255 labels are possible, including removed ones.";
                    self.notices.add(Severity::Warning, text);
                }
                self.save_labels();
            }
            LabelAction::Change(label, new) => self.change_label(label, new),
            LabelAction::Count(label) => self.count_label(label),
            LabelAction::Remove { label, into } => self.remove_label(label, into),
            LabelAction::Move {
                from,
                to,
                whole_case,
            } => self.move_to_label(from, to, whole_case),
            LabelAction::PaintOver(over) => self.labels.paint_over = over,
        }
    }

    /// The task of the case on the screen.
    pub(super) fn current_task(&self) -> TaskKey {
        self.cases
            .current_case()
            .map_or_else(TaskKey::default, |c| c.task)
    }

    /// Changes a label. A new name, colour or code is a step that can be undone; visibility and lock are not.
    fn change_label(&mut self, value: u8, new: Label) {
        let Some(place) = self.labels.label_by_value_mut(value) else {
            return;
        };
        let before = place.clone();
        // The user does not edit what the workspace stores with it.
        *place = Label {
            kept: before.kept.clone(),
            ..new
        };
        let after = place.clone();
        if before == after {
            return;
        }
        self.save_labels();
        let is_only_looks = Label {
            visible: after.visible,
            locked: after.locked,
            ..before.clone()
        } == after;
        if let Some(case) = self
            .cases
            .current_case()
            .filter(|c| c.is_restored && !is_only_looks)
            .map(|c| c.id)
        {
            let tool = if before.name == after.name {
                "Change label"
            } else {
                "Rename label"
            };
            let change = LabelChange {
                value,
                before,
                after,
            };
            let also = Also {
                label: Some(Box::new(change)),
                ..Also::default()
            };
            self.take_step(tool, case, Vec::new(), also, None);
        }
    }

    /// Makes the previous or next label active, wrapping around the list.
    pub(super) fn step_label(&mut self, by: i64) {
        let standing = self.standing_labels();
        let at = standing
            .iter()
            .position(|l| *l == self.labels.active_label());
        let next = at.map_or(0, |at| {
            (at as i64 + by).rem_euclid(standing.len() as i64) as usize
        });
        if let Some(label) = standing.get(next) {
            self.labels.active = *label;
        }
    }

    /// The mask values for the labels of a model; missing labels are added to the list, in the task of the case that
    /// the model runs on. A label found by name stays bound to the model; a removed one has 0.
    pub(super) fn values_of_model(&mut self, labels: &[Label], task: TaskKey) -> Vec<u8> {
        self.with_labels_kept(|list| {
            labels
                .iter()
                .map(|label| list.value_of_model_label(label, task))
                .collect()
        })
    }

    /// The mask values for the labels of a file, found by name and code among those of the task; a removed one comes
    /// back.
    pub(super) fn values_of(&mut self, labels: &[Label], task: TaskKey) -> Vec<u8> {
        self.with_labels_kept(|list| {
            labels
                .iter()
                .map(|label| list.value_of_file_label(label, task))
                .collect()
        })
    }

    /// Makes a change that may affect the list, and saves the list if so; the active label stays active.
    fn with_labels_kept<T>(&mut self, change: impl FnOnce(&mut WorkspaceLabels) -> T) -> T {
        let before = self.labels.list.clone();
        let active = self.labels.active;
        let result = change(&mut self.labels);
        if active > 0 {
            self.labels.active = active;
        }
        if self.labels.list != before {
            self.choose_standing_label();
            self.save_labels();
        }
        result
    }

    /// The label to draw with; creates a first one if there is none. `None`, with a message, if it is locked or hidden.
    pub(super) fn drawable_label(&mut self) -> Option<u8> {
        self.choose_standing_label();
        if self.labels.active_label() == 0 {
            let number = self.labels.list.len() + 1;
            let first = Label::with_name(format!("Label {number}"), 0);
            let kept = StoredLabel {
                task: self.current_task(),
                ..StoredLabel::default()
            };
            self.labels.add_label(Label {
                kept,
                ..self.labels.told_apart(&first)
            });
            self.save_labels();
        }
        let label = self.labels.label_to_draw();
        self.labels.active = label;
        // There is no room for a first label if the list is full of removed ones.
        let entry = self.labels.label_by_value(label)?;
        let trouble = match entry {
            l if l.locked => Some(format!(
                "{} is locked. Unlock it or choose another label.",
                l.name
            )),
            l if !l.visible => Some(format!("{} is hidden. Show it to draw with it.", l.name)),
            _ => None,
        };
        if let Some(trouble) = trouble {
            self.notices.add(Severity::Warning, trouble);
            return None;
        }
        Some(label)
    }

    pub(super) fn save_labels(&mut self) {
        self.push_store_job(StoreJob::Labels(self.labels.list.clone()));
    }
}

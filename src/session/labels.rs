//! The labels of the workspace: one list of values for all cases, so that a value means the same in every mask; and which of
//! them stand in a case.

use super::{Session, case::Case, job::StoreJob, notice::Severity, store::WorkspaceState};
use labrum_core::{
    journal::{Also, LabelChange, TaskKey},
    label::{self, Gone, Label, StoredLabel},
    mask::{LabelSet, Rule},
};
use serde::{Deserialize, Serialize};

/// A mask keeps a label in one byte, and 0 is background.
const MOST: usize = 255;

/// What may be painted over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaintOver {
    /// Background and all labels that are not locked.
    #[default]
    Everything,
    /// Background alone: no label loses a pixel, and the eraser takes only the label in hand.
    Background,
    /// This label alone.
    Label(u8),
}

/// What the user does with the list of labels.
#[derive(Clone, Debug)]
pub enum LabelAction {
    /// Draw with this one, 1..=n.
    Choose(u8),
    /// A new one at the end of the list; it is chosen.
    Add(Label),
    /// Name, colour, code, visibility or lock are new.
    Change(u8, Label),
    /// Count where it is used: what is asked before it is removed.
    Count(u8),
    /// Take it from the list, and its masks with it, or give them to another one.
    Remove {
        /// Which.
        label: u8,
        /// Its masks are those of this one from now on; `None` where they go.
        into: Option<u8>,
    },
    /// Give what has one label on this slice, or in the whole case, another one.
    Move {
        /// What it has.
        from: u8,
        /// What it gets.
        to: u8,
        /// On all slices.
        whole_case: bool,
    },
    /// What drawing may cover.
    PaintOver(PaintOver),
}

/// A label as it is, shown or hidden as `as_this`.
pub(super) fn shown_alike(label: &Label, as_this: &Label) -> Label {
    Label {
        visible: as_this.visible,
        ..label.clone()
    }
}

impl Session {
    /// The workspace's labels, those among them that are gone; a mask's value is the place in the list plus 1.
    pub fn all_labels(&self) -> &[Label] {
        &self.labels
    }

    /// The values of the labels that stand in the case on the screen: those of its task, and those that are used in it.
    pub fn standing_labels(&self) -> Vec<u8> {
        match self.current_case() {
            Some(case) => self.labels_of(case),
            None => (1..=u8::MAX)
                .zip(&self.labels)
                .filter(|(_, l)| !l.is_gone())
                .map(|(value, _)| value)
                .collect(),
        }
    }

    /// The values of the labels that stand in a case.
    pub(super) fn labels_of(&self, case: &Case) -> Vec<u8> {
        let is_used = |value: u8| {
            let findings = case.slices.iter().filter_map(|s| s.finding.as_ref());
            findings
                .flat_map(|f| &f.measurements)
                .any(|m| m.label == value)
        };
        let stands = |(value, label): &(u8, &Label)| {
            !label.is_gone() && (label.kept.task == case.task || is_used(*value))
        };
        (1..=u8::MAX)
            .zip(&self.labels)
            .filter(stands)
            .map(|(value, _)| value)
            .collect()
    }

    /// The labels as an export of a case names them: those that do not stand in it count as gone.
    pub(super) fn labels_to_export(&self, case: &Case) -> Vec<Label> {
        let standing = self.labels_of(case);
        let mut labels = self.labels.clone();
        for (value, label) in (1..=u8::MAX).zip(&mut labels) {
            if !standing.contains(&value) {
                label.kept.gone = label.kept.gone.or(Some(Gone::Removed));
            }
        }
        labels
    }

    /// Takes a label in hand that stands in the case, where the one in hand does not.
    pub(super) fn choose_standing_label(&mut self) {
        let standing = self.standing_labels();
        if !standing.contains(&self.active_label) {
            self.active_label = standing.first().copied().unwrap_or(0);
        }
        if let PaintOver::Label(over) = self.paint_over
            && !standing.contains(&over)
        {
            self.paint_over = PaintOver::Everything;
        }
    }

    /// The label in hand, 1..=n; 0 where there is none.
    pub fn active_label(&self) -> u8 {
        self.active_label.min(self.labels.len() as u8)
    }

    /// The label that a stroke would draw with: the first one is made by the first stroke.
    pub(super) fn label_to_draw(&self) -> u8 {
        match self.active_label() {
            0 => (self.labels.len() as u8).saturating_add(1),
            label => label,
        }
    }

    /// What drawing may cover.
    pub fn paint_over(&self) -> PaintOver {
        self.paint_over
    }

    /// The name of a label, or of background.
    pub fn label_name(&self, label: u8) -> &str {
        usize::from(label)
            .checked_sub(1)
            .and_then(|i| self.labels.get(i))
            .map_or("Background", |l| l.name.as_str())
    }

    pub(super) fn label_action(&mut self, action: LabelAction) {
        let changes = !matches!(action, LabelAction::Choose(_) | LabelAction::PaintOver(_));
        if changes && *self.workspace_state() == WorkspaceState::Opening {
            // Its own list comes with it, and must not be overwritten.
            return self
                .notices
                .add(Severity::Info, "The workspace is being opened.");
        }
        match action {
            LabelAction::Choose(label) => {
                self.active_label = label.clamp(1, self.labels.len().max(1) as u8)
            }
            LabelAction::Add(label) => {
                let kept = StoredLabel {
                    task: self.current_task(),
                    ..StoredLabel::default()
                };
                if self.add_label(Label { kept, ..label }).is_none() {
                    let text = "There can be at most 255 labels, including removed ones.";
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
            LabelAction::PaintOver(over) => self.paint_over = over,
        }
    }

    /// The task of the case on the screen.
    pub(super) fn current_task(&self) -> TaskKey {
        self.current_case()
            .map_or_else(TaskKey::default, |c| c.task)
    }

    /// What a label is called and stands for is a step that can be undone; whether it is seen or locked is none.
    fn change_label(&mut self, value: u8, new: Label) {
        let Some(place) = usize::from(value)
            .checked_sub(1)
            .and_then(|i| self.labels.get_mut(i))
        else {
            return;
        };
        let before = place.clone();
        // What the workspace keeps of it is none of a person's business here.
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

    /// Goes to the label before or after the one in hand, round the list.
    pub(super) fn step_label(&mut self, by: i64) {
        let standing = self.standing_labels();
        let at = standing.iter().position(|l| *l == self.active_label());
        let next = at.map_or(0, |at| {
            (at as i64 + by).rem_euclid(standing.len() as i64) as usize
        });
        if let Some(label) = standing.get(next) {
            self.active_label = *label;
        }
    }

    /// The values in masks of the labels that a model knows; what is missing is added to the list, in the task of the case
    /// that it runs on. A label that was found by its name is bound to the model from then on; one that was removed has 0.
    pub(super) fn values_of_model(&mut self, labels: &[Label], task: TaskKey) -> Vec<u8> {
        let value = |session: &mut Self, label: &Label| {
            let value = match label::value_in(&session.labels, label) {
                Some(value) => value,
                // What was removed where the model learned is no label.
                None if label.is_gone() => 0,
                None => session.take_in_label(label, task),
            };
            if let Some(known) = usize::from(value)
                .checked_sub(1)
                .and_then(|i| session.labels.get_mut(i))
                && label.kept.id.is_empty()
            {
                known.bind_model_label(label);
            }
            value
        };
        self.with_labels_kept(|session| labels.iter().map(|l| value(session, l)).collect())
    }

    /// The same for labels of files: by name and concept among those of the task, one that was removed comes back.
    pub(super) fn values_of(&mut self, labels: &[Label], task: TaskKey) -> Vec<u8> {
        let value = |session: &mut Self, label: &Label| {
            let is_it = |l: &Label| {
                l.is_same(label)
                    && l.kept.task == task
                    && !matches!(l.kept.gone, Some(Gone::Into(_)))
            };
            match session.labels.iter().position(is_it) {
                Some(place) => {
                    session.labels[place].kept.gone = None;
                    place as u8 + 1
                }
                None => session.take_in_label(label, task),
            }
        };
        self.with_labels_kept(|session| labels.iter().map(|l| value(session, l)).collect())
    }

    /// Does something that may change the list, which is saved then; the label in hand stays in hand.
    fn with_labels_kept<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> T {
        let (before, active) = (self.labels.clone(), self.active_label);
        let result = change(self);
        if active > 0 {
            self.active_label = active;
        }
        if self.labels != before {
            self.choose_standing_label();
            self.save_labels();
        }
        result
    }

    /// Adds a label of a model or a file; 0 where the list is full.
    fn take_in_label(&mut self, label: &Label, task: TaskKey) -> u8 {
        let kept = StoredLabel {
            id: label.kept.id.clone(),
            task,
            ..StoredLabel::default()
        };
        self.add_label(Label {
            kept,
            ..self.told_apart(label)
        })
        .unwrap_or(0)
    }

    /// What drawing with `label` (0 erases) may change.
    pub(super) fn drawing_rule(&self, label: u8) -> Rule {
        let locked = self
            .labels
            .iter()
            .enumerate()
            .filter(|(_, l)| l.locked)
            .map(|(i, _)| i as u8 + 1);
        let over = match self.paint_over {
            PaintOver::Everything => LabelSet::ALL,
            PaintOver::Background if label == 0 => LabelSet::NONE.with_label(self.active_label()),
            PaintOver::Background => LabelSet::NONE.with_label(0),
            PaintOver::Label(over) => LabelSet::NONE.with_label(over),
        };
        Rule {
            locked: locked.collect(),
            over,
        }
    }

    /// The lock alone: for what replaces masks whatever lies under it.
    pub(super) fn lock_rule(&self) -> Rule {
        Rule {
            over: LabelSet::ALL,
            ..self.drawing_rule(0)
        }
    }

    /// A label to draw with; the first one is made where there is none. `None`, with a message, where it is locked.
    pub(super) fn drawable_label(&mut self) -> Option<u8> {
        self.choose_standing_label();
        if self.active_label() == 0 {
            let number = self.labels.len() + 1;
            let first = Label::with_name(format!("Label {number}"), 0);
            let kept = StoredLabel {
                task: self.current_task(),
                ..StoredLabel::default()
            };
            self.add_label(Label {
                kept,
                ..self.told_apart(&first)
            });
            self.save_labels();
        }
        let label = self.label_to_draw();
        self.active_label = label;
        // A list that is full of labels that are gone has no room for a first one.
        let entry = usize::from(label)
            .checked_sub(1)
            .and_then(|i| self.labels.get(i))?;
        let trouble = match entry {
            l if l.locked => Some(format!(
                "{} is locked. Unlock it or choose another label.",
                l.name
            )),
            l if !l.visible => Some(format!(
                "{} is hidden. Show it before you draw with it.",
                l.name
            )),
            _ => None,
        };
        if let Some(trouble) = trouble {
            self.notices.add(Severity::Warning, trouble);
            return None;
        }
        Some(label)
    }

    /// The label in a colour that no other has, where its own is taken.
    fn told_apart(&self, label: &Label) -> Label {
        let is_taken = self.labels.iter().any(|l| l.color == label.color);
        let color = if is_taken {
            label::free_color(&self.labels)
        } else {
            label.color
        };
        Label {
            color,
            ..label.clone()
        }
    }

    fn add_label(&mut self, label: Label) -> Option<u8> {
        if self.labels.len() == MOST {
            return None;
        }
        let mut label = label;
        if label.kept.id.is_empty() {
            label.kept.id = label::new_id();
        }
        self.labels.push(label);
        self.active_label = self.labels.len() as u8;
        Some(self.active_label)
    }

    pub(super) fn save_labels(&mut self) {
        self.push_store_job(StoreJob::Labels(self.labels.clone()));
    }
}

//! The list of labels, the active label, and what drawing may overwrite.

use super::case::Case;
use labrum_core::{
    journal::LabelUse,
    label::{self, Gone, Label, StoredLabel, TaskKey},
    mask::{LabelSet, Rule},
};
use serde::{Deserialize, Serialize};

/// Maximum number of labels: a mask stores one byte per pixel, and 0 is background.
const MOST: usize = 255;

/// What drawing may overwrite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaintOver {
    /// Background and all labels except locked ones.
    #[default]
    Everything,
    /// Background only: no label loses a pixel, and the eraser removes only the active label.
    Background,
    /// This label only.
    Label(u8),
}

/// The labels of the workspace, and settings for drawing with them.
#[derive(Debug, Default)]
pub struct WorkspaceLabels {
    /// The value of a label in masks is its index in this list plus 1.
    pub(super) list: Vec<Label>,
    /// Where a label is used, if that was requested.
    pub(super) usage: Option<LabelUse>,
    pub(super) active: u8,
    pub(super) paint_over: PaintOver,
}

impl WorkspaceLabels {
    /// Where a label is used, once that was counted.
    pub fn label_use(&self, label: u8) -> Option<LabelUse> {
        self.usage.filter(|counted| counted.value == label)
    }

    /// The labels of the workspace, including removed ones; the value of a label in masks is its index plus 1.
    pub fn all_labels(&self) -> &[Label] {
        &self.list
    }

    /// The values of the labels listed in a case.
    pub(super) fn labels_of(&self, case: &Case) -> Vec<u8> {
        (1..=u8::MAX)
            .zip(&self.list)
            .filter(|(_, label)| !label.is_gone())
            .filter(|(value, label)| label.kept.task == case.task || case.shows_label(*value))
            .map(|(value, _)| value)
            .collect()
    }

    /// The label with a value in masks, even if removed; `None` for background and unknown values.
    pub(super) fn label_by_value(&self, value: u8) -> Option<&Label> {
        self.list.get(usize::from(value).checked_sub(1)?)
    }

    /// As [`WorkspaceLabels::label_by_value`], mutable.
    pub(super) fn label_by_value_mut(&mut self, value: u8) -> Option<&mut Label> {
        self.list.get_mut(usize::from(value).checked_sub(1)?)
    }

    /// True if the label exists and was not removed.
    pub(super) fn holds_label(&self, value: u8) -> bool {
        self.label_by_value(value).is_some_and(|l| !l.is_gone())
    }

    /// True if a label is locked.
    pub(super) fn is_label_locked(&self, value: u8) -> bool {
        self.label_by_value(value).is_some_and(|l| l.locked)
    }

    /// The labels for an export of a case: those not listed in it are marked as removed.
    pub(super) fn labels_to_export(&self, case: &Case) -> Vec<Label> {
        let standing = self.labels_of(case);
        let mut labels = self.list.clone();
        for (value, label) in (1..=u8::MAX).zip(&mut labels) {
            if !standing.contains(&value) {
                label.kept.gone = label.kept.gone.or(Some(Gone::Removed));
            }
        }
        labels
    }

    /// The active label, 1..=n; 0 if there is none.
    pub fn active_label(&self) -> u8 {
        self.active.min(self.list.len() as u8)
    }

    /// The label that a stroke would draw with, or would create first.
    pub(super) fn label_to_draw(&self) -> u8 {
        match self.active_label() {
            0 => (self.list.len() as u8).saturating_add(1),
            label => label,
        }
    }

    /// What drawing may overwrite.
    pub fn paint_over(&self) -> PaintOver {
        self.paint_over
    }

    /// Name of a label, or "Background".
    pub fn label_name(&self, label: u8) -> &str {
        self.label_by_value(label)
            .map_or("Background", |l| l.name.as_str())
    }

    /// Adds a label of a model or file; returns its value, 0 if the list is full.
    pub(super) fn take_in_label(&mut self, label: &Label, task: TaskKey) -> u8 {
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

    /// The value in masks for a label of a model; added to the list if missing, 0 if it was removed. A label found by
    /// name stays bound to the model.
    pub(super) fn value_of_model_label(&mut self, label: &Label, task: TaskKey) -> u8 {
        let value = match label::value_in(&self.list, label) {
            Some(value) => value,
            // Labels that were removed in the workspace where the model was trained are not added.
            None if label.is_gone() => 0,
            None => self.take_in_label(label, task),
        };
        if let Some(known) = self.label_by_value_mut(value)
            && label.kept.id.is_empty()
        {
            known.bind_model_label(label);
        }
        value
    }

    /// The value in masks for a label of a file, found by name and code among those of the task; a removed one comes
    /// back.
    pub(super) fn value_of_file_label(&mut self, label: &Label, task: TaskKey) -> u8 {
        let place = self.list.iter().position(|l| {
            l.is_same(label) && l.kept.task == task && !matches!(l.kept.gone, Some(Gone::Into(_)))
        });
        match place {
            Some(place) => {
                self.list[place].kept.gone = None;
                place as u8 + 1
            }
            None => self.take_in_label(label, task),
        }
    }

    /// Which pixels drawing with `label` may change; 0 erases.
    pub(super) fn drawing_rule(&self, label: u8) -> Rule {
        let locked = self
            .list
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

    /// Protects only locked labels; for operations that replace masks.
    pub(super) fn lock_rule(&self) -> Rule {
        Rule {
            over: LabelSet::ALL,
            ..self.drawing_rule(0)
        }
    }

    /// The label with another colour if its own is already taken.
    pub(super) fn told_apart(&self, label: &Label) -> Label {
        let is_taken = self.list.iter().any(|l| l.color == label.color);
        let color = if is_taken {
            label::free_color(&self.list)
        } else {
            label.color
        };
        Label {
            color,
            ..label.clone()
        }
    }

    pub(super) fn add_label(&mut self, label: Label) -> Option<u8> {
        if self.list.len() == MOST {
            return None;
        }
        let mut label = label;
        if label.kept.id.is_empty() {
            label.kept.id = label::new_id();
        }
        self.list.push(label);
        self.active = self.list.len() as u8;
        Some(self.active)
    }
}

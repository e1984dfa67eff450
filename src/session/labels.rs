//! The labels of the workspace: one list for all cases, so that a value means the same in every mask.

use super::{
    Session,
    job::{SliceKey, StoreJob},
    notice::Severity,
    store::WorkspaceState,
};
use crate::domain::{
    label::{self, Label},
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
    /// Take the last one from the list; only one that is new and unused.
    RemoveLast,
    /// What drawing may cover.
    PaintOver(PaintOver),
}

impl Session {
    /// The workspace's labels; a mask's value is the place in the list plus 1.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The label in hand, 1..=n; 0 where there is none.
    pub fn active_label(&self) -> u8 {
        self.active_label.min(self.labels.len() as u8)
    }

    /// The label that a stroke would draw with: the first one is made by the first stroke.
    pub(super) fn label_to_draw(&self) -> u8 {
        self.active_label().max(1)
    }

    /// What drawing may cover.
    pub fn paint_over(&self) -> PaintOver {
        self.paint_over
    }

    /// The name of a label, or of background.
    pub fn label_name(&self, label: u8) -> &str {
        usize::from(label).checked_sub(1).and_then(|i| self.labels.get(i)).map_or("Background", |l| l.name.as_str())
    }

    pub(super) fn label_action(&mut self, action: LabelAction) {
        let changes = !matches!(action, LabelAction::Choose(_) | LabelAction::PaintOver(_));
        if changes && *self.workspace() == WorkspaceState::Opening {
            // Its own list comes with it, and must not be overwritten.
            return self.notices.add(Severity::Info, "The workspace is being opened.");
        }
        match action {
            LabelAction::Choose(label) => self.active_label = label.clamp(1, self.labels.len().max(1) as u8),
            LabelAction::Add(label) => {
                if self.add_label(label).is_none() {
                    self.notices.add(Severity::Warning, "There can be no more than 255 labels.");
                }
                self.save_labels();
            }
            LabelAction::Change(label, new) => {
                if let Some(place) = usize::from(label).checked_sub(1).and_then(|i| self.labels.get_mut(i)) {
                    *place = new;
                    self.save_labels();
                }
            }
            LabelAction::RemoveLast => self.remove_last_label(),
            LabelAction::PaintOver(over) => self.paint_over = over,
        }
    }

    /// Goes to the label before or after the one in hand, round the list.
    pub(super) fn step_label(&mut self, by: i64) {
        let count = self.labels.len() as i64;
        if count > 0 {
            self.active_label = ((i64::from(self.active_label()) - 1 + by).rem_euclid(count) + 1) as u8;
        }
    }

    /// Finds labels in the list by name and concept, and adds what is missing; gives their values.
    pub(super) fn values_of(&mut self, labels: &[Label]) -> Vec<u8> {
        let count = self.labels.len();
        let value = |session: &mut Self, label: &Label| {
            let known = session.labels.iter().position(|l| l.is_same(label)).map(|i| i as u8 + 1);
            known.or_else(|| session.add_label(session.told_apart(label))).unwrap_or(0)
        };
        let active = self.active_label;
        let values = labels.iter().map(|l| value(self, l)).collect();
        if active > 0 {
            self.active_label = active;
        }
        if self.labels.len() != count {
            self.active_label = self.active_label.max(1);
            self.save_labels();
        }
        values
    }

    /// What drawing with `label` (0 erases) may change.
    pub(super) fn rule(&self, label: u8) -> Rule {
        let locked = self.labels.iter().enumerate().filter(|(_, l)| l.locked).map(|(i, _)| i as u8 + 1);
        let over = match self.paint_over {
            PaintOver::Everything => LabelSet::ALL,
            PaintOver::Background if label == 0 => LabelSet::NONE.with(self.active_label()),
            PaintOver::Background => LabelSet::NONE.with(0),
            PaintOver::Label(over) => LabelSet::NONE.with(over),
        };
        Rule { locked: locked.collect(), over }
    }

    /// The lock alone: for what replaces masks whatever lies under it.
    pub(super) fn locks(&self) -> Rule {
        Rule { over: LabelSet::ALL, ..self.rule(0) }
    }

    /// A label to draw with; the first one is made where there is none. `None`, with a message, where it is locked.
    pub(super) fn drawable_label(&mut self) -> Option<u8> {
        if self.labels.is_empty() {
            self.add_label(Label::named("Label 1", 0));
            self.save_labels();
        }
        let label = self.label_to_draw();
        self.active_label = label;
        let entry = &self.labels[usize::from(label) - 1];
        let trouble = match entry {
            l if l.locked => Some(format!("{} is locked. Unlock it or choose another label.", l.name)),
            l if !l.visible => Some(format!("{} is hidden. Show it before you draw with it.", l.name)),
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
        let color = if is_taken { label::free_color(&self.labels) } else { label.color };
        Label { color, ..label.clone() }
    }

    fn add_label(&mut self, label: Label) -> Option<u8> {
        if self.labels.len() == MOST {
            return None;
        }
        self.labels.push(label);
        self.active_label = self.labels.len() as u8;
        Some(self.active_label)
    }

    fn remove_last_label(&mut self) {
        let last = self.labels.len() as u8;
        if last == 0 {
            return;
        }
        let name = self.label_name(last).to_owned();
        // A value that lost its label and got another would change what masks of closed cases say.
        if usize::from(last) <= self.kept_labels {
            let text = format!("{name} may be used in other cases of the workspace. Hide it instead.");
            return self.notices.add(Severity::Warning, text);
        }
        let keys = self.cases.iter().flat_map(|c| (0..c.slices.len()).map(|slice| SliceKey { case: c.id, slice }));
        if keys.into_iter().any(|key| self.mask_of(key).is_some_and(|m| m.count(last) > 0)) {
            let text = format!("{name} is used in an open case. Empty it there before you remove it.");
            return self.notices.add(Severity::Warning, text);
        }
        self.labels.pop();
        self.active_label = self.active_label();
        self.save_labels();
    }

    fn save_labels(&mut self) {
        self.store(StoreJob::Labels(self.labels.clone()));
    }
}

//! Removes a label with its masks, merges it into another label, or moves its masks in this case to another label.

use super::sheet;
use crate::{
    session::{Action, Actions, Session, labels::LabelAction},
    ui::widgets::{count_with_noun, explanation_text, section_heading},
};
use egui::{Button, ComboBox, Ui, vec2};
use labrum_core::journal::LabelUse;
use std::mem;

/// What to do with the label.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// Remove the label and its masks.
    Remove,
    /// Merge all its masks into another label.
    Merge,
    /// Move its pixels in this case to another label.
    Move,
}

/// State of the dialog.
pub(crate) struct LabelRemovalDialog {
    what: Removal,
    label: u8,
    other: Option<u8>,
    whole_case: bool,
    /// The use of the label has been requested.
    was_asked: bool,
}

impl LabelRemovalDialog {
    /// To remove a label.
    pub(super) fn for_removal(label: u8) -> Self {
        Self {
            what: Removal::Remove,
            label,
            other: None,
            whole_case: false,
            was_asked: false,
        }
    }

    /// To merge the active label into another.
    pub(super) fn for_merge(session: &Session) -> Self {
        let label = session.labels.active_label();
        Self {
            what: Removal::Merge,
            other: first_other(session, label),
            ..Self::for_removal(label)
        }
    }

    /// To move pixels of the active label to another.
    pub(super) fn move_to(session: &Session) -> Self {
        let whole_case = !session.is_on_slice(session.labels.active_label());
        Self {
            what: Removal::Move,
            whole_case,
            ..Self::for_merge(session)
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        if self.what != Removal::Move && !mem::replace(&mut self.was_asked, true) {
            actions.push(Action::Label(LabelAction::Count(self.label)));
        }
        let name = session.labels.label_name(self.label);
        let heading = match self.what {
            Removal::Remove => format!("Remove {name}?"),
            Removal::Merge => format!("Merge {name} into another label?"),
            Removal::Move => format!("Move {name} to another label"),
        };
        let counted = session
            .labels
            .label_use(self.label)
            .filter(|_| self.was_asked);
        let is_ready = counted.is_some() || self.what == Removal::Move;
        sheet::show_body(ui, &heading, |ui| self.show_body(ui, session, counted));
        self.show_buttons(ui, is_ready, actions)
    }

    fn show_body(&mut self, ui: &mut Ui, session: &Session, counted: Option<LabelUse>) {
        if self.what != Removal::Remove {
            self.choose_other(ui, session);
        }
        match (self.what, counted) {
            (Removal::Move, _) => {
                section_heading(ui, "Where");
                ui.add_enabled_ui(session.is_on_slice(self.label), |ui| {
                    let here = ui.radio_value(&mut self.whole_case, false, "On this slice");
                    here.on_disabled_hover_text("The label is not on this slice");
                });
                ui.radio_value(&mut self.whole_case, true, "In the whole case");
            }
            (_, None) => drop(ui.label("Counting its masks...")),
            (what, Some(counted)) => drop(ui.label(consequence_text(what, counted))),
        }
        ui.add_space(4.0);
        match self.what {
            Removal::Remove => explanation_text(
                ui,
                "In open cases, undo restores masks that were drawn. Proposals of models are deleted.",
            ),
            Removal::Merge => explanation_text(
                ui,
                "Models that segment this label will propose the other label from now on.",
            ),
            Removal::Move => explanation_text(ui, "Can be undone in one step."),
        }
    }

    fn choose_other(&mut self, ui: &mut Ui, session: &Session) {
        section_heading(
            ui,
            if self.what == Removal::Merge {
                "Merge into"
            } else {
                "New label"
            },
        );
        let shown = self
            .other
            .map_or("None", |label| session.labels.label_name(label));
        let combo = ComboBox::from_id_salt("other label")
            .selected_text(shown)
            .width(240.0)
            .show_ui(ui, |ui| {
                for label in other_labels(session, self.label) {
                    ui.selectable_value(
                        &mut self.other,
                        Some(label),
                        session.labels.label_name(label),
                    );
                }
            });
        combo.response.accessible_name("Other label");
        ui.add_space(8.0);
    }

    fn show_buttons(&self, ui: &mut Ui, is_ready: bool, actions: &mut Actions) -> bool {
        let (words, action) = match (self.what, self.other) {
            (Removal::Remove, _) => (
                "Remove",
                Some(LabelAction::Remove {
                    label: self.label,
                    into: None,
                }),
            ),
            (Removal::Merge, other) => (
                "Merge",
                other.map(|into| LabelAction::Remove {
                    label: self.label,
                    into: Some(into),
                }),
            ),
            (Removal::Move, other) => {
                let whole_case = self.whole_case;
                (
                    "Move",
                    other.map(|to| LabelAction::Move {
                        from: self.label,
                        to,
                        whole_case,
                    }),
                )
            }
        };
        let mut close = false;
        sheet::show_buttons(ui, |ui| {
            let missing = match (is_ready, &action) {
                (false, _) => Some("Still counting"),
                (true, None) => Some("There is no other label"),
                (true, Some(_)) => None,
            };
            if sheet::main_button(ui, words, missing) {
                actions.extend(action.map(Action::Label));
                close = true;
            }
            close |= ui
                .add(Button::new("Cancel").min_size(vec2(72.0, 28.0)))
                .clicked();
        });
        close
    }
}

/// The other labels of the case.
fn other_labels(session: &Session, label: u8) -> Vec<u8> {
    session
        .standing_labels()
        .into_iter()
        .filter(|other| *other != label)
        .collect()
}

fn first_other(session: &Session, label: u8) -> Option<u8> {
    other_labels(session, label).first().copied()
}

fn consequence_text(what: Removal, counted: LabelUse) -> String {
    if counted.slices == 0 {
        return "Not used in this workspace.".into();
    }
    let slices = count_with_noun(counted.slices as usize, "slice");
    let cases = count_with_noun(counted.cases as usize, "case");
    let accepted = match counted.accepted {
        0 => String::new(),
        n => format!(" ({n} of them accepted)"),
    };
    let one = counted.slices == 1;
    let fate = match (what == Removal::Remove, one) {
        (true, true) => "is removed",
        (true, false) => "are removed",
        (false, true) => "becomes a mask of the other label",
        (false, false) => "become masks of the other label",
    };
    format!(
        "Its {} on {slices} of {cases}{accepted} {fate}.",
        if one { "mask" } else { "masks" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effect_on_masks_is_described_in_one_sentence() {
        let counted = |slices, cases, accepted| LabelUse {
            value: 1,
            slices,
            cases,
            accepted,
        };
        assert_eq!(
            consequence_text(Removal::Remove, counted(31, 1, 0)),
            "Its masks on 31 slices of 1 case are removed."
        );
        assert_eq!(
            consequence_text(Removal::Merge, counted(31, 2, 1)),
            "Its masks on 31 slices of 2 cases (1 of them accepted) become masks of the other label."
        );
        assert_eq!(
            consequence_text(Removal::Remove, counted(1, 1, 0)),
            "Its mask on 1 slice of 1 case is removed."
        );
    }
}

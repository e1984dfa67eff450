//! Asks which overlapping masks of a file to import, and in which order.

use super::sheet;
use crate::{
    session::{Action, Actions, Session, imports::Overlapping},
    ui::widgets::{color_swatch, explanation_text, format_count, icon_button},
};
use egui::{Align, Button, Layout, Ui, vec2};
use egui_material_icons::icons::{ICON_ARROW_DOWNWARD, ICON_ARROW_UPWARD};

/// State of the dialog.
pub(crate) struct OverlappingDialog {
    /// Index in the session's list, and whether the label is imported; the topmost label first.
    rows: Vec<(usize, bool)>,
    is_answered: bool,
}

impl OverlappingDialog {
    /// Selects all labels, in their current order.
    pub(super) fn new(overlapping: &Overlapping) -> Self {
        Self {
            rows: (0..overlapping.labels.len()).map(|i| (i, true)).collect(),
            is_answered: false,
        }
    }

    /// False until the user has answered.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let Some(overlapping) = &session.questions.overlapping else {
            return true;
        };
        sheet::show_body(ui, "Masks overlap", |ui| {
            explanation_text(
                ui,
                "A mask holds one label per pixel. Select the labels to import. \
                 Where they overlap, the upper one is kept.",
            );
            ui.add_space(8.0);
            self.show_region_list(ui, overlapping);
        });
        let mut done = false;
        sheet::show_buttons(ui, |ui| {
            let taken: Vec<usize> = self
                .rows
                .iter()
                .filter(|(_, is_taken)| *is_taken)
                .map(|(i, _)| *i)
                .collect();
            if sheet::main_button(
                ui,
                "Import",
                taken.is_empty().then_some("Select at least one label"),
            ) {
                actions.push(Action::TakeOverlapping(Some(taken)));
                self.is_answered = true;
                done = true;
            }
            done |= ui
                .add(Button::new("Cancel").min_size(vec2(88.0, 28.0)))
                .clicked();
        });
        done
    }

    fn show_region_list(&mut self, ui: &mut Ui, overlapping: &Overlapping) {
        let mut moved = None;
        let last = self.rows.len().saturating_sub(1);
        for (at, (index, is_taken)) in self.rows.iter_mut().enumerate() {
            let Some(of) = overlapping.labels.get(*index) else {
                continue;
            };
            ui.horizontal(|ui| {
                ui.checkbox(is_taken, "")
                    .accessible_name(format!("Import {}", of.label.name));
                color_swatch(ui, of.label.color);
                ui.label(&of.label.name);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let name = &of.label.name;
                    ui.add_enabled_ui(at < last, |ui| {
                        let move_down = format!("Move down {name}");
                        if icon_button(ui, ICON_ARROW_DOWNWARD, &move_down).clicked() {
                            moved = Some((at, at + 1));
                        }
                    });
                    ui.add_enabled_ui(at > 0, |ui| {
                        let move_up = format!("Move up {name}");
                        if icon_button(ui, ICON_ARROW_UPWARD, &move_up).clicked() {
                            moved = Some((at, at - 1));
                        }
                    });
                    let covered = match of.covered {
                        0 => String::new(),
                        pixels => format!(", {} covered by others", format_count(pixels as u64)),
                    };
                    explanation_text(
                        ui,
                        &format!("{} pixels{covered}", format_count(of.pixels as u64)),
                    );
                });
            });
        }
        if let Some((from, to)) = moved {
            self.rows.swap(from, to);
        }
    }
}

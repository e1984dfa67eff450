//! Asks about masks that cannot be applied without an answer: which time point to import, or whether to apply them by
//! position alone.

use super::sheet;
use crate::{
    ErrorKind,
    session::{self, Action, Actions, Session, imports::ImportAnswer},
    ui::widgets::explanation_text,
};
use egui::{Button, Slider, Ui, vec2};

/// State of the dialog.
pub(crate) struct UndecidedDialog {
    /// Time point, 1 for the first.
    time: usize,
    is_answered: bool,
}

impl Default for UndecidedDialog {
    fn default() -> Self {
        Self {
            time: 1,
            is_answered: false,
        }
    }
}

impl UndecidedDialog {
    /// False until the user has answered.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let Some(undecided) = &session.questions.undecided else {
            return true;
        };
        let error = &undecided.error;
        let file = error.path.as_ref().and_then(|path| path.file_name());
        let file = file.map_or_else(
            || "The file".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        );
        let (answer, words) = match error.kind {
            ErrorKind::TimeWanted(times) => {
                sheet::show_body(ui, "Masks of several time points", |ui| {
                    ui.label(format!("{file}: {}", session::to_sentence(&error.reason)));
                    explanation_text(ui, "Choose the time point to apply to these images.");
                    ui.add_space(8.0);
                    ui.horizontal(|ui| {
                        let label = ui.label("Time point");
                        ui.add(Slider::new(&mut self.time, 1..=times as usize))
                            .labelled_by(label.id);
                        ui.label(format!("of {times}"));
                    });
                });
                (ImportAnswer::Time(self.time), "Import")
            }
            _ => {
                sheet::show_body(ui, "Masks of another series", |ui| {
                    ui.label(format!("{file}: {}", session::to_sentence(&error.reason)));
                    explanation_text(
                        ui,
                        "Open the series that the masks were made from, or apply them by position alone. \
                         The result is correct only if the patient did not move between the two series.",
                    );
                });
                (ImportAnswer::ByPosition, "Apply by position")
            }
        };
        let mut done = false;
        sheet::show_buttons(ui, |ui| {
            if sheet::main_button(ui, words, None) {
                actions.push(Action::AnswerImport(Some(answer)));
                self.is_answered = true;
                done = true;
            }
            done |= ui
                .add(Button::new("Cancel").min_size(vec2(88.0, 28.0)))
                .clicked();
        });
        done
    }
}

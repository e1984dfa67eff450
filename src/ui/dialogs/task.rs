//! Assigns cases to a task; cases of a task share labels.

use super::sheet;
use crate::{
    session::{Action, Actions, Session, tasks::TaskChoice},
    ui::widgets::{explanation_text, section_heading},
};
use egui::{Button, ScrollArea, TextEdit, Ui, vec2};
use labrum_core::label::TaskKey;

/// State of the dialog.
pub(crate) struct TaskDialog {
    /// `None` for a new task.
    chosen: Option<TaskKey>,
    name: String,
    whole_study: bool,
}

impl TaskDialog {
    /// For the current case.
    pub(super) fn new(session: &Session) -> Self {
        let name = session
            .cases
            .current_case()
            .map_or_else(String::new, |c| c.study.description.clone());
        Self {
            chosen: None,
            name,
            whole_study: true,
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        sheet::show_body(ui, "Task", |ui| self.show_body(ui, session));
        let missing =
            (self.chosen.is_none() && self.name.trim().is_empty()).then_some("Enter a name");
        sheet::show_buttons(ui, |ui| {
            let words = if self.chosen.is_some() {
                "Choose"
            } else {
                "Create"
            };
            let is_chosen = sheet::main_button(ui, words, missing);
            if is_chosen {
                let task = match self.chosen {
                    Some(key) => TaskChoice::Known(key),
                    None => TaskChoice::New(self.name.trim().to_owned()),
                };
                actions.push(Action::ChooseTask {
                    task,
                    whole_study: self.whole_study,
                });
            }
            ui.add(Button::new("Cancel").min_size(vec2(72.0, 28.0)))
                .clicked()
                || is_chosen
        })
    }

    fn show_body(&mut self, ui: &mut Ui, session: &Session) {
        explanation_text(
            ui,
            "Cases of a task share labels. Labels of other tasks are listed only in cases that use them.",
        );
        section_heading(ui, "Task");
        ScrollArea::vertical().max_height(160.0).show(ui, |ui| {
            ui.radio_value(&mut self.chosen, None, "New task");
            for task in session.workspace.all_tasks() {
                ui.radio_value(&mut self.chosen, Some(task.key), &task.name);
            }
        });
        if self.chosen.is_none() {
            section_heading(ui, "Task name");
            let field = TextEdit::singleline(&mut self.name)
                .desired_width(f32::INFINITY)
                .char_limit(64);
            ui.add(field).accessible_name("Name of the task");
        }
        section_heading(ui, "Cases");
        ui.radio_value(
            &mut self.whole_study,
            true,
            "All cases of the study or folder",
        );
        ui.radio_value(&mut self.whole_study, false, "This case only");
    }
}

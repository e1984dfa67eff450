//! The dialog of a drawn measurement: its name, and what was found there.

use super::sheet;
use crate::{
    session::{Action, Actions, measurements::MeasureAction},
    ui::widgets::{explanation_text, section_heading},
};
use egui::{Button, ScrollArea, TextEdit, Ui, vec2};
use labrum_core::{
    codes::{self, Concept},
    label::Code,
    measurement::DrawnMeasurement,
};
use std::mem;

/// Maximum number of concepts listed.
const LISTED: usize = 60;

/// State of the dialog.
pub(crate) struct MeasurementDialog {
    id: String,
    name: String,
    finding: Option<Code>,
    query: String,
    found: Vec<&'static Concept>,
    had_focus: bool,
}

impl MeasurementDialog {
    /// For a measurement.
    pub(super) fn new(drawn: &DrawnMeasurement) -> Self {
        Self {
            id: drawn.id.clone(),
            name: drawn.name.clone(),
            finding: drawn.finding.clone(),
            query: String::new(),
            found: codes::search_concepts(""),
            had_focus: false,
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(&mut self, ui: &mut Ui, actions: &mut Actions) -> bool {
        sheet::show_body(ui, "Measurement", |ui| {
            section_heading(ui, "Name");
            let field = TextEdit::singleline(&mut self.name)
                .desired_width(f32::INFINITY)
                .char_limit(64);
            let field = ui.add(field).accessible_name("Name of the measurement");
            if !mem::replace(&mut self.had_focus, true) {
                field.request_focus();
            }
            section_heading(ui, "Finding");
            self.show_finding_choice(ui);
        });
        self.show_buttons(ui, actions)
    }

    fn show_finding_choice(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let meaning = self.finding.as_ref().map(|code| code.meaning.as_str());
            ui.label(meaning.unwrap_or("Not stated"));
            if self.finding.is_some() && ui.button("Clear").clicked() {
                self.finding = None;
            }
        });
        if let Some(code) = &self.finding {
            explanation_text(ui, &format!("{} {}", code.scheme, code.value));
        }
        ui.add_space(4.0);
        let field = TextEdit::singleline(&mut self.query)
            .desired_width(f32::INFINITY)
            .hint_text("Search, e.g. lesion");
        if ui.add(field).accessible_name("Find a concept").changed() {
            self.found = codes::search_concepts(&self.query);
        }
        ui.add_space(2.0);
        ScrollArea::vertical()
            .max_height(180.0)
            .min_scrolled_height(180.0)
            .auto_shrink([false, false])
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                self.show_found_concepts(ui);
            });
    }

    fn show_found_concepts(&mut self, ui: &mut Ui) {
        if self.found.is_empty() {
            explanation_text(ui, "No matching concept.");
        }
        for concept in self.found.iter().take(LISTED) {
            let is_chosen = self.finding.as_ref() == Some(&concept.concept);
            let button = Button::selectable(is_chosen, &concept.concept.meaning)
                .shortcut_text(concept.category.meaning.as_str())
                .min_size(vec2(ui.available_width(), 24.0))
                .truncate();
            let response = ui.add(button).accessible_name(&concept.concept.meaning);
            if response.clicked() {
                self.finding = Some(concept.concept.clone());
            }
        }
        let more = self.found.len().saturating_sub(LISTED);
        if more > 0 {
            explanation_text(ui, &format!("{more} more: refine the search."));
        }
    }

    fn show_buttons(&mut self, ui: &mut Ui, actions: &mut Actions) -> bool {
        let missing = self.name.trim().is_empty().then_some("Enter a name");
        sheet::show_buttons(ui, |ui| {
            let is_saved = sheet::main_button(ui, "Save", missing);
            if is_saved {
                actions.push(Action::Measure(MeasureAction::Describe {
                    id: self.id.clone(),
                    name: self.name.trim().to_owned(),
                    finding: self.finding.clone(),
                }));
            }
            let cancel = ui.add(Button::new("Cancel").min_size(vec2(72.0, 28.0)));
            is_saved || cancel.clicked()
        })
    }
}

//! The label dialog: name, colour and coded concept.

use super::sheet;
use crate::{
    session::{Action, Actions, Session, labels::LabelAction},
    ui::{
        theme,
        widgets::{explanation_text, section_heading},
    },
};
use egui::{
    Button, Color32, Response, RichText, ScrollArea, Sense, Stroke, TextEdit, Ui, WidgetInfo,
    text::CCursorRange, text_edit::TextEditState, vec2,
};
use labrum_core::{
    codes::{self, Concept},
    label::{Label, PALETTE, free_color},
};
use std::mem;

/// Maximum number of concepts listed.
const LISTED: usize = 60;

/// State of the dialog.
pub(crate) struct LabelDialog {
    /// `None` for a new label.
    value: Option<u8>,
    label: Label,
    /// The name is still the default and follows the chosen concept.
    follows_concept: bool,
    query: String,
    found: Vec<&'static Concept>,
    had_focus: bool,
}

impl LabelDialog {
    /// For a new label.
    pub(super) fn for_new(session: &Session) -> Self {
        let labels = session.labels.all_labels();
        let label = Label {
            color: free_color(labels),
            ..Label::with_name(format!("Label {}", labels.len() + 1), 0)
        };
        Self::from_parts(None, label, true)
    }

    /// For an existing label, 1..=n.
    pub(super) fn for_existing(session: &Session, value: u8) -> Option<Self> {
        let label = session
            .labels
            .all_labels()
            .get(usize::from(value).checked_sub(1)?)?;
        Some(Self::from_parts(Some(value), label.clone(), false))
    }

    fn from_parts(value: Option<u8>, label: Label, follows_concept: bool) -> Self {
        Self {
            value,
            label,
            follows_concept,
            query: String::new(),
            found: codes::search_concepts(""),
            had_focus: false,
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(&mut self, ui: &mut Ui, actions: &mut Actions) -> bool {
        sheet::show_body(
            ui,
            if self.value.is_some() {
                "Label"
            } else {
                "New label"
            },
            |ui| {
                section_heading(ui, "Name");
                let name = TextEdit::singleline(&mut self.label.name)
                    .desired_width(f32::INFINITY)
                    .char_limit(64);
                let name = ui.add(name).accessible_name("Name of the label");
                if !mem::replace(&mut self.had_focus, true) {
                    name.request_focus();
                    select_all(ui, &name, &self.label.name);
                }
                self.follows_concept &= !name.changed();
                section_heading(ui, "Colour");
                self.show_color_choice(ui);
                section_heading(ui, "Concept");
                self.show_concept_choice(ui);
            },
        );
        self.show_buttons(ui, actions)
    }

    fn show_color_choice(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            for (i, color) in PALETTE.into_iter().enumerate() {
                let (rect, response) = ui.allocate_exact_size(vec2(24.0, 24.0), Sense::click());
                let name = format!("Colour {}", i + 1);
                response.widget_info(|| {
                    WidgetInfo::selected(
                        egui::Role::RadioButton,
                        true,
                        color == self.label.color,
                        &name,
                    )
                });
                let [r, g, b] = color;
                ui.painter()
                    .rect_filled(rect.shrink(3.0), 4.0, Color32::from_rgb(r, g, b));
                if color == self.label.color || response.has_focus() {
                    let stroke = Stroke::new(2.0, theme::current_colors(ui).strong);
                    ui.painter()
                        .rect_stroke(rect, 5.0, stroke, egui::StrokeKind::Inside);
                }
                if response.clicked() {
                    self.label.color = color;
                }
            }
            ui.color_edit_button_srgb(&mut self.label.color)
                .on_hover_text("Custom colour")
                .accessible_name("Colour");
        });
    }

    fn show_concept_choice(&mut self, ui: &mut Ui) {
        let code = &self.label.concept;
        ui.label(&code.meaning);
        explanation_text(
            ui,
            &format!(
                "{} {} · {}",
                code.scheme, code.value, self.label.category.meaning
            ),
        );
        ui.add_space(4.0);
        let field = TextEdit::singleline(&mut self.query)
            .desired_width(f32::INFINITY)
            .hint_text("Search, e.g. liver");
        if ui.add(field).accessible_name("Find a concept").changed() {
            self.found = codes::search_concepts(&self.query);
        }
        ui.add_space(2.0);
        let mut chosen = None;
        ScrollArea::vertical()
            .max_height(180.0)
            .min_scrolled_height(180.0)
            .auto_shrink([false, false])
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                if self.found.is_empty() {
                    explanation_text(ui, "No matching concept.");
                }
                for concept in self.found.iter().take(LISTED) {
                    let button = Button::selectable(
                        concept.concept == self.label.concept,
                        &concept.concept.meaning,
                    )
                    .shortcut_text(concept.category.meaning.as_str())
                    .min_size(vec2(ui.available_width(), 24.0))
                    .truncate();
                    if ui
                        .add(button)
                        .accessible_name(&concept.concept.meaning)
                        .clicked()
                    {
                        chosen = Some(*concept);
                    }
                }
                if self.found.len() > LISTED {
                    explanation_text(
                        ui,
                        &format!("{} more: refine the search.", self.found.len() - LISTED),
                    );
                }
            });
        if let Some(concept) = chosen {
            self.label.concept = concept.concept.clone();
            self.label.category = concept.category.clone();
            if self.follows_concept {
                self.label.name.clone_from(&concept.concept.meaning);
            }
        }
    }

    fn show_buttons(&mut self, ui: &mut Ui, actions: &mut Actions) -> bool {
        let mut close = false;
        sheet::show_buttons(ui, |ui| {
            let missing = self.label.name.trim().is_empty().then_some("Enter a name");
            if sheet::main_button(
                ui,
                if self.value.is_some() { "Save" } else { "Add" },
                missing,
            ) {
                self.label.name = self.label.name.trim().to_owned();
                let label = self.label.clone();
                actions.push(Action::Label(match self.value {
                    Some(value) => LabelAction::Change(value, label),
                    None => LabelAction::Add(label),
                }));
                close = true;
            }
            close |= ui
                .add(Button::new("Cancel").min_size(vec2(72.0, 28.0)))
                .clicked();
            if self.value.is_some() {
                let kept = "The label value does not change";
                ui.label(
                    RichText::new(kept)
                        .size(12.0)
                        .color(theme::current_colors(ui).dimmed),
                );
            }
        });
        close
    }
}

/// Selects all text of a field, so that typing replaces it.
fn select_all(ui: &Ui, field: &Response, text: &str) {
    let mut state = TextEditState::load(ui.ctx(), field.id).unwrap_or_default();
    state
        .cursor
        .set_char_range(Some(CCursorRange::select_all_str(text)));
    state.store(ui.ctx(), field.id);
}

//! The model versions: list, details and actions.

mod list;

use super::{
    DialogOutcome,
    export::usual_folder,
    gate::{GateDialog, Judged},
    path::to_path,
    sheet,
};
use crate::{
    session::{Action, Session, command::UserCommand, job::ModelSource, learning::LearnAction},
    ui::{
        shortcuts, theme,
        widgets::{
            command_button, count_with_noun, explanation_text, figure_or_dash, format_seconds,
            name_column, primary_button, section_heading,
        },
    },
};
use egui::{Button, Color32, Label, RichText, ScrollArea, TextEdit, Ui, vec2};
use egui_material_icons::{
    MaterialIcon,
    icons::{ICON_BLOCK, ICON_CHECK_CIRCLE, ICON_HELP, ICON_RADIO_BUTTON_CHECKED},
};
use labrum_core::{
    learning::{Version, VersionKey, VersionState},
    training::Loss,
};
use serde_json::Value;

/// Height of the details of a version, in points.
const DETAILS: f32 = 268.0;

/// State of the dialog.
pub(crate) struct VersionsDialog {
    selected: Option<VersionKey>,
    name: String,
    folder: String,
    /// "Delete" was clicked and waits for confirmation.
    is_deleting: bool,
}

impl VersionsDialog {
    /// Selects the newest version.
    pub(super) fn new(session: &Session) -> Self {
        let newest = session.learning.versions.last();
        Self {
            selected: newest.map(|v| v.key),
            name: newest.map_or(String::new(), |v| v.name.clone()),
            folder: usual_folder(session),
            is_deleting: false,
        }
    }

    /// A copy to return to from another dialog.
    fn fresh_copy(&self) -> Self {
        Self {
            name: self.name.clone(),
            folder: self.folder.clone(),
            is_deleting: false,
            ..*self
        }
    }

    /// Shows the dialog.
    pub(super) fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Vec<Action>,
    ) -> DialogOutcome {
        let mut turn = sheet::show_body(ui, "Model versions", |ui| {
            self.show_body(ui, session, actions)
        });
        sheet::show_buttons(ui, |ui| {
            if sheet::main_button(ui, "Close", None) {
                turn = DialogOutcome::Close;
            }
        });
        turn
    }

    fn show_body(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Vec<Action>,
    ) -> DialogOutcome {
        let mut turn = DialogOutcome::Stay;
        if session.learning.versions.is_empty() {
            show_empty_hint(ui, session, actions);
        } else {
            self.show_version_list(ui, session, actions);
            ui.separator();
            let room = (ui.ctx().content_rect().height() - 420.0).max(120.0);
            ScrollArea::vertical()
                .max_height(DETAILS.max(room))
                .min_scrolled_height(120.0)
                .show(ui, |ui| {
                    ui.set_min_height(DETAILS);
                    match self
                        .selected
                        .and_then(|key| session.learning.version_by_key(key))
                    {
                        Some(version) => turn = self.show_details(ui, session, version, actions),
                        None => explanation_text(ui, "Select a version above to see its details."),
                    }
                });
        }
        turn
    }

    fn show_details(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        version: &Version,
        actions: &mut Vec<Action>,
    ) -> DialogOutcome {
        let mut turn = DialogOutcome::Stay;
        ui.horizontal_top(|ui| {
            let half = (ui.available_width() - 24.0) / 2.0;
            ui.vertical(|ui| {
                ui.set_width(half);
                show_version_facts(ui, session, version);
            });
            ui.add_space(16.0);
            ui.vertical(|ui| {
                ui.set_width(half);
                turn = self.show_version_actions(ui, session, version, actions);
            });
        });
        turn
    }

    /// The actions for a version.
    fn show_version_actions(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        version: &Version,
        actions: &mut Vec<Action>,
    ) -> DialogOutcome {
        let mut turn = DialogOutcome::Stay;
        let key = version.key;
        ui.horizontal_wrapped(|ui| {
            let refusal = version.is_active.then_some("Already active");
            if show_action_button(
                ui,
                primary_button(ui, "Make active"),
                refusal,
                "Use this version for proposals from now on",
            ) {
                actions.push(Action::Learn(LearnAction::Activate(key)));
            }
            if version.state == VersionState::Undecided
                && show_action_button(
                    ui,
                    Button::new("Reject"),
                    None,
                    "Keep this version as rejected; the active model does not change",
                )
            {
                actions.push(Action::Learn(LearnAction::Reject(key)));
            }
            if show_action_button(
                ui,
                Button::new("Validation report"),
                None,
                "Results on the hold-out cases",
            ) {
                turn = self.to_report(Judged::Version(key));
            }
            let active = session.learning.active_version();
            let refusal = match active {
                _ if session.learning.is_comparing => Some("Versions are being compared"),
                None => Some("There is no active version to compare with"),
                Some(active) if active.key == key => Some("This is the active version"),
                Some(_) => None,
            };
            let tip = "Compare both on the current hold-out cases";
            if show_action_button(ui, Button::new("Compare with active"), refusal, tip)
                && let Some(active) = active
            {
                actions.push(Action::Learn(LearnAction::Compare(active.key, key)));
                turn = self.to_report(Judged::Comparison(active.key, key));
            }
        });
        self.show_rename_field(ui, version, actions);
        self.show_export_field(ui, key, actions);
        self.show_delete_button(ui, version, actions);
        turn
    }

    fn to_report(&self, judged: Judged) -> DialogOutcome {
        DialogOutcome::To(Box::new(super::Dialogs::Gate(GateDialog::new(
            judged,
            Some(Box::new(super::Dialogs::Versions(self.fresh_copy()))),
        ))))
    }

    fn show_rename_field(&mut self, ui: &mut Ui, version: &Version, actions: &mut Vec<Action>) {
        section_heading(ui, "Name");
        ui.horizontal(|ui| {
            let width = ui.available_width() - 96.0;
            let field = TextEdit::singleline(&mut self.name)
                .desired_width(width)
                .char_limit(64);
            ui.add(field).accessible_name("Name of the version");
            let name = self.name.trim();
            let refusal = match name {
                "" => Some("Enter a name"),
                name if name == version.name => Some("The name has not changed"),
                _ => None,
            };
            if show_action_button(ui, wide_button("Rename"), refusal, "Rename this version") {
                actions.push(Action::Learn(LearnAction::Rename(
                    version.key,
                    name.to_owned(),
                )));
            }
        });
    }

    fn show_export_field(&mut self, ui: &mut Ui, key: VersionKey, actions: &mut Vec<Action>) {
        section_heading(ui, "Export to a folder");
        ui.horizontal(|ui| {
            let width = ui.available_width() - 96.0;
            ui.add(TextEdit::singleline(&mut self.folder).desired_width(width))
                .accessible_name("Folder for the model");
            let refusal = self.folder.trim().is_empty().then_some("Enter a folder");
            if show_action_button(
                ui,
                wide_button("Export model"),
                refusal,
                "Save the model with its model card, for use elsewhere",
            ) {
                actions.push(Action::Learn(LearnAction::Export(
                    key,
                    to_path(&self.folder),
                )));
            }
        });
    }

    /// Deleting needs two clicks, because it cannot be undone.
    fn show_delete_button(&mut self, ui: &mut Ui, version: &Version, actions: &mut Vec<Action>) {
        ui.add_space(12.0);
        ui.horizontal(|ui| {
            if !self.is_deleting {
                let refusal = version
                    .is_active
                    .then_some("This version is active: make another version active first");
                self.is_deleting = show_action_button(
                    ui,
                    wide_button("Delete..."),
                    refusal,
                    "Delete the version and its file",
                );
                return;
            }
            let words = RichText::new("Delete permanently").color(theme::current_colors(ui).error);
            if show_action_button(ui, Button::new(words), None, "This cannot be undone") {
                actions.push(Action::Learn(LearnAction::Delete(version.key)));
                self.is_deleting = false;
            }
            self.is_deleting &=
                !show_action_button(ui, wide_button("Keep"), None, "Do not delete it");
        });
    }
}

fn wide_button(words: &str) -> Button<'static> {
    Button::new(words.to_owned()).min_size(vec2(88.0, 24.0))
}

/// A button, greyed if there is a `refusal`; returns true if it was clicked.
fn show_action_button(ui: &mut Ui, button: Button<'_>, refusal: Option<&str>, tip: &str) -> bool {
    let response = ui.add_enabled(refusal.is_none(), button).on_hover_text(tip);
    response
        .on_disabled_hover_text(refusal.unwrap_or_default())
        .clicked()
}

/// Explains how to get the first version.
fn show_empty_hint(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    let keys = &session.settings.keys;
    ui.label("No versions yet. Proposals come from the built-in or opened models.");
    ui.add_space(4.0);
    explanation_text(
        ui,
        &format!(
            "Accept a few cases ({}), then train ({}). Each round of training creates a version. It becomes active \
             automatically only if it is not worse on the hold-out cases. You can return to any earlier version.",
            shortcuts::key_of(keys, UserCommand::Accept),
            shortcuts::key_of(keys, UserCommand::Train)
        ),
    );
    ui.add_space(8.0);
    command_button(
        ui,
        session,
        actions,
        UserCommand::Train,
        Button::new("Train now").min_size(vec2(88.0, 28.0)),
    );
}

fn state_of(ui: &Ui, version: &Version) -> (MaterialIcon, Color32, &'static str) {
    let colors = theme::current_colors(ui);
    match version.state {
        _ if version.is_active => (ICON_RADIO_BUTTON_CHECKED, colors.good, "Active"),
        VersionState::Accepted => (ICON_CHECK_CIRCLE, colors.text, "Accepted"),
        VersionState::Rejected => (ICON_BLOCK, colors.error, "Rejected"),
        VersionState::Undecided => (ICON_HELP, colors.warning, "Undecided"),
    }
}

/// Scores and training details of a version.
fn show_version_facts(ui: &mut Ui, session: &Session, version: &Version) {
    let (icon, color, state) = state_of(ui, version);
    ui.horizontal_top(|ui| {
        ui.label(icon.rich_text().size(16.0).color(color));
        let why = RichText::new(format!("{state}: {}", version.reason));
        ui.add(Label::new(why).wrap().selectable(true));
    });
    ui.add_space(4.0);
    let mean = version.report.mean_scores().1;
    let held_out = version.report.cases.len();
    ui.spacing_mut().item_spacing.y = 0.0;
    show_fact(ui, "Dice", &figure_or_dash(mean.map(|s| s.dice), 3)).on_hover_text(format!(
        "Mean of {}",
        count_with_noun(held_out, "hold-out case")
    ));
    show_fact(
        ui,
        "Hausdorff 95",
        &format!("{} px", figure_or_dash(mean.and_then(|s| s.hd95), 2)),
    );
    let boundary_iou = mean.map(|s| s.boundary_iou);
    show_fact(ui, "Boundary IoU", &figure_or_dash(boundary_iou, 3));
    show_fact(ui, "Starting model", &version.parent_name);
    show_fact(
        ui,
        "Trained on",
        &count_with_noun(version.cases as usize, "case"),
    );
    show_fact(
        ui,
        "Training",
        &format!(
            "{}, {} steps",
            format_seconds(version.seconds),
            version.steps
        ),
    );
    for (name, value) in training_facts(&version.settings) {
        show_fact(ui, name, &value);
    }
    // Known only for models that are loaded, such as the active one.
    let model =
        session.models.list.iter().find(
            |model| matches!(&model.source, ModelSource::File(path) if *path == version.file),
        );
    if let Some(model) = model {
        let input = &model.card.input;
        show_fact(
            ui,
            "Input size",
            &format!("{} × {} pixels", input.columns, input.rows),
        );
    }
    let short: String = version.hash.chars().take(12).collect();
    show_fact(ui, "SHA-256", &short).on_hover_text(format!(
        "{}\n{}",
        version.hash,
        version.file.display()
    ));
}

/// A line with a name and a value; returns the response of the value.
fn show_fact(ui: &mut Ui, name: &str, value: &str) -> egui::Response {
    let dimmed = theme::current_colors(ui).dimmed;
    ui.horizontal(|ui| {
        name_column(ui, 112.0, RichText::new(name).color(dimmed));
        ui.add(Label::new(value).truncate().selectable(true))
    })
    .inner
}

/// The training settings to show, from JSON.
fn training_facts(settings: &str) -> Vec<(&'static str, String)> {
    let Ok(settings) = serde_json::from_str::<Value>(settings) else {
        return Vec::new();
    };
    let loss = settings
        .pointer("/plan/loss")
        .and_then(|loss| serde_json::from_value::<Loss>(loss.clone()).ok());
    let rate = settings
        .pointer("/plan/learning_rate")
        .and_then(Value::as_f64);
    let batch = settings.pointer("/plan/batch").and_then(Value::as_u64);
    let facts = [
        (
            "Loss function",
            loss.map(|loss| loss.display_name().to_owned()),
        ),
        (
            "Learning rate",
            rate.map(|rate| format!("{rate} (maximum)")),
        ),
        ("Batch size", batch.map(|batch| batch.to_string())),
    ];
    facts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

#[cfg(test)]
mod tests;

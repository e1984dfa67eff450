//! The model versions: list, details and actions.

mod facts;
mod list;

use super::{
    DialogOutcome,
    export::usual_folder,
    gate::{GateDialog, Judged},
    path::to_path,
    sheet,
};
use crate::{
    session::{Action, Actions, Session, command::UserCommand, learning::LearnAction},
    ui::{
        shortcuts, theme,
        widgets::{
            command_button, explanation_text, primary_button, section_heading, segmented_choice,
        },
    },
};
use egui::{Button, Color32, RichText, ScrollArea, TextEdit, Ui, vec2};
use egui_material_icons::{
    MaterialIcon,
    icons::{ICON_BLOCK, ICON_CHECK_CIRCLE, ICON_HELP, ICON_RADIO_BUTTON_CHECKED},
};
use facts::show_version_facts;
use labrum_core::learning::{ModelKind, Version, VersionKey, VersionState};

/// Height of the details of a version, in points.
const DETAILS: f32 = 268.0;

/// State of the dialog.
pub(crate) struct VersionsDialog {
    /// The versions in the list: those for masks, or those for clicks.
    kind: ModelKind,
    selected: Option<VersionKey>,
    name: String,
    folder: String,
    /// "Delete" was clicked and waits for confirmation.
    is_deleting: bool,
}

impl VersionsDialog {
    /// Selects the newest version.
    pub(super) fn new(session: &Session) -> Self {
        let newest = newest_version(session, ModelKind::Masks);
        Self {
            kind: ModelKind::Masks,
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
        actions: &mut Actions,
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
        actions: &mut Actions,
    ) -> DialogOutcome {
        let mut turn = DialogOutcome::Stay;
        if session.learning.versions.is_empty() {
            show_empty_hint(ui, session, actions);
        } else {
            self.show_kind_choice(ui, session);
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

    /// The choice between versions for masks and for clicks; nothing as long as there are none for clicks.
    fn show_kind_choice(&mut self, ui: &mut Ui, session: &Session) {
        let mut versions = session.learning.versions.iter();
        if !versions.any(|version| version.kind == ModelKind::Clicks) {
            return;
        }
        let choices = [
            (
                ModelKind::Masks,
                "Masks",
                "Models that propose masks".to_owned(),
            ),
            (
                ModelKind::Clicks,
                "Click tool",
                "Models that answer clicks, boxes and scribbles".to_owned(),
            ),
        ];
        if let Some(kind) = segmented_choice(ui, self.kind, &choices) {
            self.kind = kind;
            match newest_version(session, kind) {
                Some(version) => self.select_version(version),
                None => self.selected = None,
            }
        }
        ui.add_space(4.0);
    }

    fn show_details(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        version: &Version,
        actions: &mut Actions,
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
        actions: &mut Actions,
    ) -> DialogOutcome {
        let mut turn = DialogOutcome::Stay;
        let key = version.key;
        ui.horizontal_wrapped(|ui| {
            let refusal = version.is_active.then_some("Already active");
            if show_action_button(
                ui,
                primary_button(ui, "Make active"),
                refusal,
                match version.kind {
                    ModelKind::Masks => "Use this version for proposals from now on",
                    ModelKind::Clicks => "Use this version for the Click tool from now on",
                },
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
            let active = session.learning.active_version_of(version.kind);
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

    fn show_rename_field(&mut self, ui: &mut Ui, version: &Version, actions: &mut Actions) {
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

    fn show_export_field(&mut self, ui: &mut Ui, key: VersionKey, actions: &mut Actions) {
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
    fn show_delete_button(&mut self, ui: &mut Ui, version: &Version, actions: &mut Actions) {
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

/// The newest version of a kind.
fn newest_version(session: &Session, kind: ModelKind) -> Option<&Version> {
    let mut newest = session.learning.versions.iter().rev();
    newest.find(|version| version.kind == kind)
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
fn show_empty_hint(ui: &mut Ui, session: &Session, actions: &mut Actions) {
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

#[cfg(test)]
mod tests;

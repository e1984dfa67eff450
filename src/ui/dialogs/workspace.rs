//! The workspace dialog: folder, name, statistics, moving, and opening another workspace.

use super::{path::to_path, sheet};
use crate::{
    session::{Action, Actions, Session, job::Pick, store::WorkspaceState},
    ui::{
        theme,
        widgets::{
            capitalize_first, explanation_text, format_count, name_value_line, section_heading,
            with_icon,
        },
    },
};
use egui::{Align, Button, Label, Layout, RichText, TextEdit, Ui, vec2};
use egui_material_icons::icons::ICON_FOLDER_OPEN;

/// State of the dialog.
#[derive(Default)]
pub(crate) struct WorkspaceDialog {
    name: String,
    folder: String,
    waits_for_folder: bool,
    /// "Clean up" was clicked and waits for confirmation.
    is_tidying: bool,
}

impl WorkspaceDialog {
    /// For the workspace that is open.
    pub(super) fn new(session: &Session) -> Self {
        match session.workspace.state() {
            WorkspaceState::Open(info) => Self {
                name: info.name.clone(),
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let mut done = false;
        sheet::show_body(ui, "Workspace", |ui| {
            done = self.show_body(ui, session, actions)
        });
        sheet::show_buttons(ui, |ui| sheet::main_button(ui, "Close", None)) || done
    }

    /// Shows the content; returns true if another workspace is to be opened.
    fn show_body(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) -> bool {
        let mut done = false;
        match session.workspace.state() {
            WorkspaceState::Opening => explanation_text(ui, "Opening the workspace..."),
            WorkspaceState::Failed(reason) => show_open_failure(ui, reason, actions),
            WorkspaceState::Open(info) => {
                name_value_line(ui, "Name", &info.name);
                ui.horizontal(|ui| {
                    ui.label(RichText::new("Folder").color(theme::current_colors(ui).dimmed));
                    let path = info.folder.display().to_string();
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        ui.add(Label::new(&path).truncate().selectable(true))
                            .on_hover_text(&path);
                    });
                });
                let meter = session.workspace.meter;
                name_value_line(
                    ui,
                    "Cases accepted",
                    &format!("{} of {}", meter.accepted, meter.total),
                );
                name_value_line(ui, "Corrected pixels", &format_count(meter.pixels_changed));
                self.show_tidy_button(ui, session, actions);
                self.show_rename_field(ui, &info.name, actions);
                self.move_to(ui, session, actions);
            }
        }
        section_heading(ui, "Another workspace");
        ui.horizontal(|ui| {
            if ui
                .add(with_icon(ICON_FOLDER_OPEN, "Open another..."))
                .clicked()
            {
                actions.push(Action::Pick(Pick::Workspace));
                done = true;
            }
            explanation_text(
                ui,
                "A workspace folder, or an empty folder for a new workspace.",
            );
        });
        done
    }

    /// The number of removed cases, and a button to delete their proposals.
    fn show_tidy_button(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) {
        let out = session.workspace.meter.out_of_list;
        if out == 0 {
            return;
        }
        name_value_line(ui, "Cases removed from the list", &out.to_string());
        ui.horizontal(|ui| {
            let words = if self.is_tidying {
                "Confirm"
            } else {
                "Clean up"
            };
            if ui
                .add(Button::new(words).min_size(vec2(88.0, 24.0)))
                .clicked()
            {
                if self.is_tidying {
                    actions.push(Action::TidyWorkspace);
                }
                self.is_tidying = !self.is_tidying;
            }
            explanation_text(
                ui,
                "Deletes the proposals for these cases. Masks that were drawn are kept.",
            );
        });
    }

    fn show_rename_field(&mut self, ui: &mut Ui, known: &str, actions: &mut Actions) {
        section_heading(ui, "Rename");
        ui.horizontal(|ui| {
            let width = ui.available_width() - 96.0;
            let field = TextEdit::singleline(&mut self.name)
                .desired_width(width)
                .char_limit(64);
            ui.add(field).accessible_name("Name of the workspace");
            let name = self.name.trim();
            let button = Button::new("Rename").min_size(vec2(88.0, 24.0));
            if ui
                .add_enabled(!name.is_empty() && name != known, button)
                .clicked()
            {
                actions.push(Action::RenameWorkspace(name.to_owned()));
            }
        });
    }

    fn move_to(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) {
        if self.waits_for_folder
            && let Some(folder) = &session.questions.picked_workspace_folder
        {
            self.folder = folder.display().to_string();
            self.waits_for_folder = false;
        }
        section_heading(ui, "Move to another folder");
        ui.horizontal(|ui| {
            let width = ui.available_width() - 192.0;
            let field = TextEdit::singleline(&mut self.folder)
                .desired_width(width)
                .hint_text("/path/to/new/folder");
            ui.add(field).accessible_name("Folder to move to");
            let browse = Button::new("Browse").min_size(vec2(88.0, 24.0));
            let browse = ui
                .add_enabled(!session.questions.lacks_dialogs, browse)
                .on_disabled_hover_text(sheet::NO_DIALOG);
            if browse.clicked() {
                self.waits_for_folder = true;
                actions.push(Action::Pick(Pick::MoveWorkspace));
            }
            let has_folder = !self.folder.trim().is_empty();
            if ui
                .add_enabled(has_folder, Button::new("Move").min_size(vec2(88.0, 24.0)))
                .clicked()
            {
                actions.push(Action::MoveWorkspace(to_path(&self.folder)));
                self.folder.clear();
            }
        });
        explanation_text(
            ui,
            "Masks, history and labels are moved; images stay where they are.",
        );
    }
}

/// Shows why the workspace cannot be opened, with buttons to try again or open another.
pub(in crate::ui) fn show_open_failure(ui: &mut Ui, reason: &str, actions: &mut Actions) {
    let colors = theme::current_colors(ui);
    let words = RichText::new(capitalize_first(reason)).color(colors.error);
    ui.add(Label::new(words).wrap().selectable(true));
    explanation_text(
        ui,
        "Until the workspace can be opened, your changes are kept in memory only.",
    );
    ui.horizontal(|ui| {
        if ui.button("Try again").clicked() {
            actions.push(Action::RetryStore);
        }
        if ui.button("Open another workspace").clicked() {
            actions.push(Action::Pick(Pick::Workspace));
        }
    });
}

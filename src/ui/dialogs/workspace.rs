//! The workspace: where the work is kept, what it is called, how to move it, and others.

use super::{path::to_path, sheet};
use crate::{
    session::{Action, Session, job::Pick, store::WorkspaceState},
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

/// What was typed so far.
#[derive(Default)]
pub(crate) struct WorkspaceDialog {
    name: String,
    folder: String,
    waits_for_folder: bool,
    /// The first click on "Tidy up" was done.
    is_tidying: bool,
}

impl WorkspaceDialog {
    /// For the workspace that is open.
    pub(super) fn new(session: &Session) -> Self {
        match session.workspace_state() {
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
        actions: &mut Vec<Action>,
    ) -> bool {
        let mut done = false;
        sheet::show_body(ui, "Workspace", |ui| {
            done = self.show_body(ui, session, actions)
        });
        sheet::show_buttons(ui, |ui| sheet::main_button(ui, "Close", None)) || done
    }

    /// True where another workspace is asked for.
    fn show_body(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> bool {
        let mut done = false;
        match session.workspace_state() {
            WorkspaceState::Opening => explanation_text(ui, "The workspace is being opened."),
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
                let meter = session.meter;
                name_value_line(
                    ui,
                    "Cases accepted",
                    &format!("{} of {}", meter.accepted, meter.total),
                );
                name_value_line(
                    ui,
                    "Pixels changed in them",
                    &format_count(meter.pixels_changed),
                );
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
                "A folder with a workspace, or an empty one for a new one.",
            );
        });
        done
    }

    /// What was taken out of the list, and a way to let go of most of it.
    fn show_tidy_button(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
        let out = session.meter.out_of_list;
        if out == 0 {
            return;
        }
        name_value_line(ui, "Cases out of the list", &out.to_string());
        ui.horizontal(|ui| {
            let words = if self.is_tidying {
                "Let it go"
            } else {
                "Tidy up"
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
                "Lets go of what models proposed for them. What was drawn on them is kept.",
            );
        });
    }

    fn show_rename_field(&mut self, ui: &mut Ui, known: &str, actions: &mut Vec<Action>) {
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

    fn move_to(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
        if self.waits_for_folder
            && let Some(folder) = &session.picked_workspace_folder
        {
            self.folder = folder.display().to_string();
            self.waits_for_folder = false;
        }
        section_heading(ui, "Move to a folder");
        ui.horizontal(|ui| {
            let width = ui.available_width() - 192.0;
            let field = TextEdit::singleline(&mut self.folder)
                .desired_width(width)
                .hint_text("/path/of/a/new/folder");
            ui.add(field).accessible_name("Folder to move to");
            let browse = Button::new("Browse").min_size(vec2(88.0, 24.0));
            let browse = ui
                .add_enabled(!session.lacks_dialogs, browse)
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
            "Images stay where they are; masks, history and labels move.",
        );
    }
}

/// Why there is no workspace, and what can be done.
pub(in crate::ui) fn show_open_failure(ui: &mut Ui, reason: &str, actions: &mut Vec<Action>) {
    let colors = theme::current_colors(ui);
    let words = RichText::new(capitalize_first(reason)).color(colors.error);
    ui.add(Label::new(words).wrap().selectable(true));
    explanation_text(
        ui,
        "What you draw is kept in memory alone, until the workspace can be opened.",
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

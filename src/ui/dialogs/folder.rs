//! Asks for a folder: for a new workspace, or to search for images that have moved.

use super::{path::to_path, sheet};
use crate::{
    session::{Action, Actions, Session, job::Pick},
    ui::widgets::explanation_text,
};
use egui::{Button, TextEdit, Ui, vec2};

/// What the folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FolderPurpose {
    /// To create a workspace in.
    NewWorkspace,
    /// To search for images that have moved.
    FindImages,
}

/// State of the dialog.
pub(crate) struct FolderDialog {
    purpose: FolderPurpose,
    folder: String,
    had_focus: bool,
    waits_for_folder: bool,
}

impl FolderDialog {
    pub(super) fn new(purpose: FolderPurpose) -> Self {
        Self {
            purpose,
            folder: String::new(),
            had_focus: false,
            waits_for_folder: false,
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        if self.waits_for_folder
            && let Some(folder) = &session.questions.picked_workspace_folder
        {
            self.folder = folder.display().to_string();
            self.waits_for_folder = false;
        }
        let (heading, hint, go, pick) = match self.purpose {
            FolderPurpose::NewWorkspace => (
                "New workspace",
                "/path/to/new/folder",
                "Create",
                Pick::NewWorkspace,
            ),
            FolderPurpose::FindImages => (
                "Find moved images",
                "/path/to/the/images",
                "Search",
                Pick::ImageFolder,
            ),
        };
        sheet::show_body(ui, heading, |ui| {
            ui.horizontal(|ui| {
                let width = ui.available_width() - 96.0;
                let field = ui.add(
                    TextEdit::singleline(&mut self.folder)
                        .desired_width(width)
                        .hint_text(hint),
                );
                let field = field.accessible_name("Folder");
                if !self.had_focus {
                    field.request_focus();
                    self.had_focus = true;
                }
                let browse = Button::new("Browse").min_size(vec2(88.0, 24.0));
                let browse = ui
                    .add_enabled(!session.questions.lacks_dialogs, browse)
                    .on_disabled_hover_text(sheet::NO_DIALOG);
                if browse.clicked() {
                    self.waits_for_folder = true;
                    actions.push(Action::Pick(pick));
                }
            });
            explanation_text(ui, &self.purpose_text(session));
        });
        let missing = self.folder.trim().is_empty().then_some("Enter a folder");
        let (go_on, close) = sheet::show_buttons(ui, |ui| {
            let go_on = sheet::main_button(ui, go, missing);
            (
                go_on,
                ui.add(Button::new("Cancel").min_size(vec2(72.0, 28.0)))
                    .clicked(),
            )
        });
        if go_on {
            let folder = to_path(&self.folder);
            actions.push(match self.purpose {
                FolderPurpose::NewWorkspace => Action::OpenWorkspace(folder),
                FolderPurpose::FindImages => Action::FindImages(folder),
            });
            return true;
        }
        close
    }

    fn purpose_text(&self, session: &Session) -> String {
        match (self.purpose, session.workspace.missing_case_count()) {
            (FolderPurpose::NewWorkspace, _) => {
                "Choose a new or empty folder. The current workspace is closed and not changed. \
                 If the folder already contains a workspace, that is opened."
                    .to_owned()
            }
            (FolderPurpose::FindImages, missing) => {
                let cases = if missing == 1 {
                    "1 case is"
                } else {
                    &format!("{missing} cases are")
                };
                format!(
                    "{cases} without images. The folder and its subfolders are searched. \
                     Images are recognised by their content, not by their file names."
                )
            }
        }
    }
}

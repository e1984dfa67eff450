//! Asks for a path: for the command Open path, and in place of a file dialog if the desktop has none.

use super::sheet;
use crate::{
    session::{Action, Actions, Session, job::Pick},
    ui::widgets::explanation_text,
};
use egui::{Button, TextEdit, Ui, vec2};
use std::path::PathBuf;

/// State of the dialog.
pub(crate) struct PathDialog {
    pick: Pick,
    /// Replaces the desktop's file dialog.
    is_instead: bool,
    text: String,
    had_focus: bool,
}

impl PathDialog {
    /// For files or folders with images.
    pub(super) fn for_images() -> Self {
        Self {
            pick: Pick::Files,
            is_instead: false,
            text: String::new(),
            had_focus: false,
        }
    }

    /// In place of a file dialog that the desktop cannot show.
    pub(super) fn for_missing_picker(pick: Pick) -> Self {
        Self {
            pick,
            is_instead: true,
            ..Self::for_images()
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let (heading, hint, meaning, words) = self.dialog_texts();
        sheet::show_body(ui, heading, |ui| {
            let edit = TextEdit::singleline(&mut self.text)
                .desired_width(f32::INFINITY)
                .hint_text(hint);
            let response = ui.add(edit).accessible_name("Path");
            if !self.had_focus {
                response.request_focus();
                self.had_focus = true;
            }
            explanation_text(ui, meaning);
            sheet::no_dialog(ui, self.is_instead && session.questions.lacks_dialogs);
        });
        let missing = self.text.trim().is_empty().then_some("Enter a path");
        let (go_on, close) = sheet::show_buttons(ui, |ui| {
            let go_on = sheet::main_button(ui, words, missing);
            (
                go_on,
                ui.add(Button::new("Cancel").min_size(vec2(72.0, 28.0)))
                    .clicked(),
            )
        });
        if go_on {
            actions.push(Action::Picked(self.pick, to_path(&self.text)));
        }
        go_on || close
    }

    /// Heading, placeholder, explanation and button text.
    fn dialog_texts(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        let images = "A file, or a folder including its subfolders.";
        match self.pick {
            Pick::Files if !self.is_instead => ("Open path", "/path/to/scans", images, "Open"),
            Pick::Files => ("Open a file", "/path/to/scan.dcm", images, "Open"),
            Pick::Folder => ("Open a folder", "/path/to/scans", images, "Open"),
            Pick::Masks => (
                "Import masks",
                "/path/to/masks",
                "A DICOM-SEG, an RT Structure Set, a NIfTI volume or a label map, or a folder of them.",
                "Import",
            ),
            Pick::Measurements => (
                "Import measurements",
                "/path/to/report.dcm",
                "A DICOM SR with measurements (TID 1500), or a folder of them.",
                "Import",
            ),
            Pick::Model => (
                "Open a model",
                "/path/to/model.safetensors",
                "A Labrum model (.safetensors file).",
                "Open",
            ),
            Pick::Workspace => (
                "Open a workspace",
                "/path/to/workspace",
                "A workspace folder, or a new or empty folder for a new workspace.",
                "Open",
            ),
            // The other dialogs have their own path fields.
            _ => ("Folder", "/path/to/folder", "A folder.", "OK"),
        }
    }
}

/// Converts user input to a path: accepts quotes, a leading `~/`, and file:// URLs.
pub(super) fn to_path(text: &str) -> PathBuf {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text.strip_prefix("file://").unwrap_or(text);
    match text.strip_prefix("~/").zip(directories::BaseDirs::new()) {
        Some((rest, dirs)) => dirs.home_dir().join(rest),
        None => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_paths_are_parsed() {
        assert_eq!(to_path(" \"/a b/c\" "), PathBuf::from("/a b/c"));
        assert_eq!(to_path("file:///a/b"), PathBuf::from("/a/b"));
    }
}

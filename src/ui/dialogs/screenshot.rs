//! Asks what a screenshot shows and where it is saved.

use super::{export::FolderField, sheet};
use crate::{
    session::{
        Action, Session,
        screenshot::{ScreenshotAction, ScreenshotContent, ScreenshotTarget, ScreenshotWish},
    },
    ui::widgets::{explanation_text, section_heading},
};
use egui::{Button, TextEdit, Ui, vec2};
use std::path::PathBuf;

/// State of the dialog.
pub(crate) struct ScreenshotDialog {
    content: ScreenshotContent,
    folder: FolderField,
    name: String,
}

impl ScreenshotDialog {
    /// With masks and drawn measurements as on the screen. The patient has to be asked for: a picture is easily passed on.
    pub(super) fn new(session: &Session) -> Self {
        let now = jiff::Zoned::now();
        Self {
            content: ScreenshotContent {
                information: false,
                ..session.shown_content()
            },
            folder: FolderField::new(session),
            name: now.strftime("screenshot-%Y-%m-%d-%H%M%S.png").to_string(),
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Vec<Action>,
    ) -> bool {
        self.folder.take_picked(session);
        sheet::show_body(ui, "Save screenshot", |ui| {
            section_heading(ui, "Content");
            ui.checkbox(&mut self.content.masks, "Masks");
            ui.checkbox(&mut self.content.drawn, "Drawn measurements");
            ui.checkbox(&mut self.content.information, "Patient and acquisition");
            explanation_text(
                ui,
                "Saves the views as a PNG file in the resolution of the screen, without tool previews. \
                 Drawn measurements are shown with their names. Text that is part of the image is not removed.",
            );
            section_heading(ui, "Folder");
            self.folder.show_row(ui, session, false, actions);
            section_heading(ui, "File name");
            let field = TextEdit::singleline(&mut self.name).desired_width(f32::INFINITY);
            ui.add(field).accessible_name("Name of the file");
        });
        let file = self.chosen_file();
        let missing = file.is_none().then_some("Enter a folder and a file name");
        let (target, is_cancelled) = sheet::show_buttons(ui, |ui| {
            let saves = sheet::main_button(ui, "Save", missing);
            let copies = ui
                .add(sheet::side_button("Copy"))
                .on_hover_text("Copy to the clipboard instead")
                .clicked();
            let cancel = Button::new("Cancel").min_size(vec2(72.0, 28.0));
            let target = if copies {
                Some(ScreenshotTarget::Clipboard)
            } else {
                file.filter(|_| saves).map(ScreenshotTarget::File)
            };
            (target, ui.add(cancel).clicked())
        });
        let is_chosen = target.is_some();
        actions.extend(target.map(|target| {
            let content = self.content;
            Action::Screenshot(ScreenshotAction::Take(ScreenshotWish { content, target }))
        }));
        is_chosen || is_cancelled
    }

    /// The file to write; `None` while folder or name are missing.
    fn chosen_file(&self) -> Option<PathBuf> {
        let name = self.name.trim();
        let folder = self.folder.chosen_path().filter(|_| !name.is_empty())?;
        Some(folder.join(with_png_ending(name)))
    }
}

fn with_png_ending(name: &str) -> String {
    if name.to_lowercase().ends_with(".png") {
        name.to_owned()
    } else {
        format!("{name}.png")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_gets_the_ending_of_its_format_once() {
        let named = ["a", "a.png", "a.PNG", "b.1"].map(with_png_ending);
        assert_eq!(named, ["a.png", "a.png", "a.PNG", "b.1.png"]);
    }
}

//! Asks what a screenshot shows, as which kind of file it is saved, and where.

use super::{export::FolderField, sheet};
use crate::{
    session::{
        Action, Actions, Session,
        screenshot::{ScreenshotAction, ScreenshotContent, ScreenshotTarget, ScreenshotWish},
    },
    ui::widgets::{explanation_text, section_heading},
};
use egui::{Button, ComboBox, TextEdit, Ui, vec2};
use std::path::{Path, PathBuf};

/// Kind of file of a screenshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileKind {
    Png,
    Dicom,
}

impl FileKind {
    const ALL: [Self; 2] = [Self::Png, Self::Dicom];

    fn display_name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Dicom => "DICOM (Secondary Capture)",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Dicom => "dcm",
        }
    }

    /// A file name with its own ending, in place of that of the other kind.
    fn named(self, name: &str) -> String {
        let lower = name.to_lowercase();
        let ended = Self::ALL
            .into_iter()
            .find(|kind| lower.ends_with(&format!(".{}", kind.ending())));
        match ended {
            Some(kind) if kind == self => name.to_owned(),
            Some(_) => {
                let path = Path::new(name).with_extension(self.ending());
                path.display().to_string()
            }
            None => format!("{name}.{}", self.ending()),
        }
    }
}

/// State of the dialog.
pub(crate) struct ScreenshotDialog {
    content: ScreenshotContent,
    kind: FileKind,
    folder: FolderField,
    name: String,
    /// Name of the server to send to.
    server: String,
}

impl ScreenshotDialog {
    /// For a PNG file.
    pub(super) fn for_png(session: &Session) -> Self {
        Self::of_kind(session, FileKind::Png)
    }

    /// For a DICOM file.
    pub(super) fn for_dicom(session: &Session) -> Self {
        Self::of_kind(session, FileKind::Dicom)
    }

    /// With masks and drawn measurements as on the screen. The patient has to be asked for: a picture is easily passed on.
    fn of_kind(session: &Session, kind: FileKind) -> Self {
        let now = jiff::Zoned::now();
        let name = now.strftime("screenshot-%Y-%m-%d-%H%M%S").to_string();
        Self {
            content: ScreenshotContent {
                information: false,
                ..session.shown_content()
            },
            kind,
            folder: FolderField::new(session),
            name: kind.named(&name),
            server: session
                .chosen_server()
                .map_or(String::new(), |server| server.name.clone()),
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        self.folder.take_picked(session);
        sheet::show_body(ui, "Save screenshot", |ui| {
            section_heading(ui, "Content");
            ui.checkbox(&mut self.content.masks, "Masks");
            ui.checkbox(&mut self.content.drawn, "Drawn measurements");
            ui.checkbox(&mut self.content.information, "Patient and acquisition");
            explanation_text(
                ui,
                "Saves the views at the resolution of the screen, without tool previews. \
                 Drawn measurements are shown with their names, and with them the graphics of a presentation state; its \
                 texts, which may name the patient, are shown only with the patient. \
                 Text that is part of the image is not removed.",
            );
            section_heading(ui, "Format");
            self.choose_kind(ui, session);
            section_heading(ui, "Folder");
            self.folder.show_row(ui, session, false, actions);
            section_heading(ui, "File name");
            let field = TextEdit::singleline(&mut self.name).desired_width(f32::INFINITY);
            ui.add(field).accessible_name("Name of the file");
            if self.kind == FileKind::Dicom && !session.settings.servers.is_empty() {
                section_heading(ui, "Server");
                self.choose_server(ui, session);
            }
        });
        let file = self.chosen_file();
        let refusal = match self.kind {
            FileKind::Png => None,
            FileKind::Dicom => dicom_refusal(session),
        };
        let missing = file.is_none().then_some("Enter a folder and a file name");
        let missing = refusal.or(missing);
        let (target, is_cancelled) = sheet::show_buttons(ui, |ui| {
            let saves = sheet::main_button(ui, "Save", missing);
            let copies = ui
                .add(sheet::side_button("Copy"))
                .on_hover_text("Copy to the clipboard instead")
                .clicked();
            let sends = self.can_send(session)
                && ui
                    .add_enabled(refusal.is_none(), sheet::side_button("Send"))
                    .on_hover_text("Send to the server instead of saving a file")
                    .clicked();
            let cancel = Button::new("Cancel").min_size(vec2(72.0, 28.0));
            let target = if copies {
                Some(ScreenshotTarget::Clipboard)
            } else if sends {
                Some(ScreenshotTarget::Server(self.server.clone()))
            } else {
                file.filter(|_| saves).map(|path| self.target_for(path))
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

    /// PNG or DICOM; the file name follows.
    fn choose_kind(&mut self, ui: &mut Ui, session: &Session) {
        let before = self.kind;
        ui.radio_value(&mut self.kind, FileKind::Png, FileKind::Png.display_name());
        let refusal = dicom_refusal(session);
        ui.add_enabled_ui(refusal.is_none(), |ui| {
            let dicom = FileKind::Dicom;
            ui.radio_value(&mut self.kind, dicom, dicom.display_name())
                .on_disabled_hover_text(refusal.unwrap_or_default());
        });
        if self.kind != before {
            self.name = self.kind.named(self.name.trim());
        }
        if self.kind == FileKind::Dicom {
            explanation_text(
                ui,
                "Adds a new series to the study of the images. Its header names patient and study, even if the picture does not show them.",
            );
        }
    }

    fn choose_server(&mut self, ui: &mut Ui, session: &Session) {
        let list = ComboBox::from_id_salt("send the screenshot to")
            .selected_text(&self.server)
            .width(260.0);
        let list = list.show_ui(ui, |ui| {
            for server in &session.settings.servers {
                ui.selectable_value(&mut self.server, server.name.clone(), &server.name);
            }
        });
        list.response.accessible_name("Send to");
    }

    /// True for a DICOM screenshot with a server that is configured.
    fn can_send(&self, session: &Session) -> bool {
        let mut servers = session.settings.servers.iter();
        self.kind == FileKind::Dicom && servers.any(|server| server.name == self.server)
    }

    fn target_for(&self, path: PathBuf) -> ScreenshotTarget {
        match self.kind {
            FileKind::Png => ScreenshotTarget::File(path),
            FileKind::Dicom => ScreenshotTarget::Dicom(path),
        }
    }

    /// The file to write; `None` while folder or name are missing.
    fn chosen_file(&self) -> Option<PathBuf> {
        let name = self.name.trim();
        let folder = self.folder.chosen_path().filter(|_| !name.is_empty())?;
        Some(folder.join(self.kind.named(name)))
    }
}

/// Why the case on the screen has no DICOM screenshots.
fn dicom_refusal(session: &Session) -> Option<&'static str> {
    session.refuse_dicom_screenshot(session.cases.current_case()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_gets_the_ending_of_its_format_once() {
        let named = ["a", "a.png", "a.PNG", "b.1"].map(|name| FileKind::Png.named(name));
        assert_eq!(named, ["a.png", "a.png", "a.PNG", "b.1.png"]);
        let named = ["a", "a.png", "b.1.PNG", "c.DCM"].map(|name| FileKind::Dicom.named(name));
        assert_eq!(named, ["a.dcm", "a.dcm", "b.1.dcm", "c.DCM"]);
    }
}

//! What to export, in which formats, to which folder.

use super::{path::to_path, title};
use crate::{
    session::{
        Action, ExportRequest, Session,
        job::{ExportFormat, Pick},
    },
    ui::{
        theme,
        widgets::{explain, primary, section},
    },
};
use egui::{Align, Button, Layout, RichText, TextEdit, Ui};
use egui_material_icons::icons::ICON_FOLDER_OPEN;

/// What was chosen so far.
pub(crate) struct ExportDialog {
    folder: String,
    formats: Vec<ExportFormat>,
    this_slice_only: bool,
    waits_for_folder: bool,
}

/// The folder that was used last, or one among the documents.
pub(super) fn usual_folder(session: &Session) -> String {
    let folder = session.settings.export_folder.clone().or_else(|| {
        let dirs = directories::UserDirs::new()?;
        let documents = dirs.document_dir().unwrap_or(dirs.home_dir());
        Some(documents.join("labrum-export"))
    });
    folder.map_or(String::new(), |f| f.display().to_string())
}

impl ExportDialog {
    /// A dialog with the folder that was used last.
    pub(super) fn new(session: &Session) -> Self {
        Self {
            folder: usual_folder(session),
            formats: vec![ExportFormat::LabelMap, ExportFormat::DicomSeg],
            this_slice_only: false,
            waits_for_folder: false,
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> bool {
        let Some(case) = session.case() else { return true };
        if self.waits_for_folder
            && let Some(folder) = &session.picked_export_folder
        {
            self.folder = folder.display().to_string();
            self.waits_for_folder = false;
        }
        title(ui, "Export");
        explain(ui, &format!("{} · {}", case.title(), case.summary()));
        self.choose_slices(ui, session);
        section(ui, "Formats");
        for format in ExportFormat::ALL {
            self.choose_format(ui, format);
        }
        section(ui, "Folder");
        ui.horizontal(|ui| {
            let browse = Button::new((ICON_FOLDER_OPEN.rich_text().size(16.0), "Browse"));
            let width = ui.available_width() - 104.0;
            ui.add(TextEdit::singleline(&mut self.folder).desired_width(width)).accessible_name("Export folder");
            if ui.add(browse).accessible_name("Browse").clicked() {
                self.waits_for_folder = true;
                actions.push(Action::Pick(Pick::ExportFolder));
            }
        });
        explain(
            ui,
            "It is made if it is not there. Files are read back and compared before the export counts as done.",
        );
        ui.add_space(12.0);
        self.buttons(ui, actions)
    }

    fn choose_slices(&mut self, ui: &mut Ui, session: &Session) {
        let Some(case) = session.case().filter(|c| c.slices.len() > 1) else { return };
        section(ui, "Slices");
        let all = format!("All slices with a mask ({})", case.found());
        ui.radio_value(&mut self.this_slice_only, false, all);
        ui.add_enabled_ui(case.finding().is_some(), |ui| {
            let this = format!("This slice ({})", case.slice + 1);
            ui.radio_value(&mut self.this_slice_only, true, this).on_disabled_hover_text("This slice has no mask");
        });
    }

    fn choose_format(&mut self, ui: &mut Ui, format: ExportFormat) {
        let mut is_on = self.formats.contains(&format);
        ui.horizontal(|ui| {
            if ui.checkbox(&mut is_on, format.label()).changed() {
                self.formats.retain(|f| *f != format);
                if is_on {
                    self.formats.push(format);
                }
            }
            ui.label(RichText::new(format.explanation()).size(12.0).color(theme::colors(ui).dimmed));
        });
    }

    fn buttons(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) -> bool {
        let missing = if self.formats.is_empty() {
            Some("Choose a format")
        } else if self.folder.trim().is_empty() {
            Some("Name a folder")
        } else {
            None
        };
        let mut close = false;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let export = primary(ui, "Export").min_size(egui::vec2(88.0, 28.0));
            let export = ui.add_enabled(missing.is_none(), export).on_disabled_hover_text(missing.unwrap_or_default());
            if export.clicked() {
                let (folder, formats) = (to_path(&self.folder), self.formats.clone());
                actions.push(Action::Export(ExportRequest { folder, formats, this_slice_only: self.this_slice_only }));
                close = true;
            }
            close |= ui.add(Button::new("Cancel").min_size(egui::vec2(72.0, 28.0))).clicked();
        });
        close
    }
}

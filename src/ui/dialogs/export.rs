//! The export dialog. Its choices are remembered.

use super::{path::to_path, sheet};
use crate::{
    session::{
        Action, Actions, ExportRequest, Session,
        job::{ExportScope, Pick},
        settings::ExportOptions,
    },
    ui::{
        theme,
        widgets::{capitalize_first, count_with_noun, explanation_text, section_heading},
    },
};
use egui::{Align2, Button, RichText, TextEdit, Ui, vec2};
use egui_material_icons::icons::ICON_FOLDER_OPEN;
use labrum_core::export_format::ExportFormat;
use std::path::PathBuf;

/// State of the dialog.
pub(crate) struct ExportDialog {
    folder: FolderField,
    options: ExportOptions,
    scope: ExportScope,
}

/// The folder of an export, with a button that opens a file dialog.
pub(super) struct FolderField {
    text: String,
    /// The file dialog was asked for.
    is_browsing: bool,
}

/// In windows lower than this, in points, the whole dialog scrolls.
const LOW: f32 = 600.0;

/// The last export folder, or a default one in the documents folder.
pub(super) fn usual_folder(session: &Session) -> String {
    let folder = session.settings.export_folder.clone().or_else(|| {
        let dirs = directories::UserDirs::new()?;
        let documents = dirs.document_dir().unwrap_or(dirs.home_dir());
        Some(documents.join("labrum-export"))
    });
    folder.map_or(String::new(), |f| f.display().to_string())
}

/// A checkbox followed by an explanation.
fn explained_checkbox(ui: &mut Ui, on: &mut bool, name: &str, meaning: &str) {
    ui.horizontal(|ui| {
        ui.checkbox(on, name);
        ui.label(
            RichText::new(meaning)
                .size(12.0)
                .color(theme::current_colors(ui).dimmed),
        );
    });
}

impl FolderField {
    /// With the last folder.
    pub(super) fn new(session: &Session) -> Self {
        Self {
            text: usual_folder(session),
            is_browsing: false,
        }
    }

    /// Takes the folder that was chosen in the file dialog.
    pub(super) fn take_picked(&mut self, session: &Session) {
        if self.is_browsing
            && let Some(folder) = &session.questions.picked_export_folder
        {
            self.text = folder.display().to_string();
            self.is_browsing = false;
        }
    }

    /// Shows it; with its name before it if there is no room for a heading.
    pub(super) fn show_row(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        is_named: bool,
        actions: &mut Actions,
    ) {
        sheet::show_button_row(ui, |ui| {
            let browse = Button::new((ICON_FOLDER_OPEN.rich_text().size(16.0), "Browse"))
                .min_size(vec2(96.0, 28.0));
            let browse = ui
                .add_enabled(!session.questions.lacks_dialogs, browse)
                .on_disabled_hover_text(sheet::NO_DIALOG);
            if browse.accessible_name("Browse").clicked() {
                self.is_browsing = true;
                actions.push(Action::Pick(Pick::ExportFolder));
            }
            let field = TextEdit::singleline(&mut self.text).align(Align2::LEFT_CENTER);
            let room = ui.available_width() - if is_named { 56.0 } else { 0.0 };
            ui.add_sized(vec2(room, 28.0), field)
                .accessible_name("Export folder");
            if is_named {
                ui.label("Folder");
            }
        });
    }

    /// The folder; `None` if the field is empty.
    pub(super) fn chosen_path(&self) -> Option<PathBuf> {
        let is_empty = self.text.trim().is_empty();
        (!is_empty).then(|| to_path(&self.text))
    }
}

impl ExportDialog {
    /// A dialog with the last choices.
    pub(super) fn new(session: &Session) -> Self {
        let has_content = session
            .cases
            .current_case()
            .is_some_and(|case| case.has_mask() || !case.measurements.is_empty());
        Self {
            folder: FolderField::new(session),
            options: ExportOptions {
                replace: false,
                ..session.settings.export.clone()
            },
            scope: if has_content {
                ExportScope::ThisCase
            } else {
                ExportScope::Accepted
            },
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
        // The part below the list is fixed, except in very low windows.
        let is_low = ui.ctx().content_rect().height() < LOW;
        sheet::show_body(ui, "Export", |ui| {
            ui.columns(2, |columns| {
                self.choose_masks(&mut columns[0], session);
                self.choose_patient(&mut columns[1]);
            });
            self.choose_formats(ui, session);
            self.choose_seg(ui, session);
            if is_low {
                self.choose_replacing(ui);
            }
        });
        sheet::show_below_body(ui, |ui| {
            if !is_low {
                section_heading(ui, "Folder");
            }
            self.folder.show_row(ui, session, is_low, actions);
            if !is_low {
                self.choose_replacing(ui);
                ui.add_space(8.0);
            }
            ui.add_space(4.0);
            self.show_buttons(ui, session, actions)
        })
    }

    fn choose_masks(&mut self, ui: &mut Ui, session: &Session) {
        section_heading(ui, "Masks and measurements");
        if let Some(case) = session.cases.current_case() {
            let found = case.measured_slice_count();
            let all = if case.slices.len() > 1 {
                format!(
                    "This case: {}, {} with a mask",
                    case.display_title(),
                    count_with_noun(found, "slice")
                )
            } else {
                format!("This case: {}", case.display_title())
            };
            let measurements = &case.measurements;
            ui.add_enabled_ui(case.has_mask() || !measurements.is_empty(), |ui| {
                ui.radio_value(&mut self.scope, ExportScope::ThisCase, all)
                    .on_disabled_hover_text("This case has no mask and no measurement");
            });
            if case.slices.len() > 1 {
                let mut drawn = measurements.all().iter();
                let is_measured = drawn.any(|drawn| drawn.slice() == Some(case.slice));
                ui.add_enabled_ui(case.shown_finding().is_some() || is_measured, |ui| {
                    let this = format!("This slice ({})", case.slice + 1);
                    ui.radio_value(&mut self.scope, ExportScope::ThisSlice, this)
                        .on_disabled_hover_text("This slice has no mask and no measurement");
                });
            }
        }
        let accepted = session.workspace.meter.accepted as usize;
        ui.add_enabled_ui(accepted > 0, |ui| {
            let all = format!("All accepted cases of the workspace ({accepted})");
            ui.radio_value(&mut self.scope, ExportScope::Accepted, all)
                .on_disabled_hover_text("No accepted cases yet (press Enter to accept a case)");
        });
        if self.scope == ExportScope::Accepted {
            ui.horizontal(|ui| {
                ui.label("File names");
                ui.add(TextEdit::singleline(&mut self.options.names).desired_width(f32::INFINITY))
                    .accessible_name("Names of the files");
            });
            explanation_text(
                ui,
                "Placeholders: {study} {study-uid} {series} {series-uid} {modality} {date} {label}. \
                 A / creates a subfolder. A manifest lists all files.",
            );
        }
    }

    fn choose_formats(&mut self, ui: &mut Ui, session: &Session) {
        section_heading(ui, "Formats");
        let count = if ui.available_width() < 560.0 { 2 } else { 3 };
        let rows = ExportFormat::ALL.len().div_ceil(count);
        ui.columns(count, |columns| {
            for (column, formats) in columns.iter_mut().zip(ExportFormat::ALL.chunks(rows)) {
                formats
                    .iter()
                    .for_each(|format| self.choose_format(column, session, *format));
            }
        });
    }

    /// A selected format that is unavailable for this case stays selected for the next one.
    fn choose_format(&mut self, ui: &mut Ui, session: &Session, format: ExportFormat) {
        let refusal = session.cannot_export(self.scope, format);
        let is_possible = refusal.is_none();
        let mut is_on = is_possible && self.options.formats.contains(&format);
        ui.add_enabled_ui(is_possible, |ui| {
            let tip = capitalize_first(format.explanation());
            ui.checkbox(&mut is_on, format.display_name())
                .on_hover_text(tip)
                .on_disabled_hover_text(refusal.unwrap_or_default());
        });
        if is_possible {
            self.options.formats.retain(|f| *f != format);
            if is_on {
                self.options.formats.push(format);
            }
        }
    }

    fn available_formats(&self, session: &Session) -> Vec<ExportFormat> {
        let chosen = ExportFormat::ALL
            .into_iter()
            .filter(|format| self.options.formats.contains(format));
        chosen
            .filter(|format| session.cannot_export(self.scope, *format).is_none())
            .collect()
    }

    fn choose_seg(&mut self, ui: &mut Ui, session: &Session) {
        use ExportFormat as F;
        if !self
            .available_formats(session)
            .iter()
            .any(|f| matches!(f, F::DicomSeg | F::SegLabelMap | F::SegFractional))
        {
            return;
        }
        section_heading(ui, "DICOM-SEG");
        let options = &mut self.options;
        explained_checkbox(
            ui,
            &mut options.for_viewers,
            "Add synthetic geometry",
            "needed by 3D Slicer and OHIF; marked as synthetic",
        );
        explained_checkbox(
            ui,
            &mut options.leave_out_empty,
            "Omit empty frames",
            "smaller files; some viewers then misplace the other frames",
        );
        explained_checkbox(
            ui,
            &mut options.compress,
            "Lossless compression",
            "RLE, for labelmap and fractional segmentations",
        );
    }

    fn choose_patient(&mut self, ui: &mut Ui) {
        section_heading(ui, "Patient");
        let options = &mut self.options;
        ui.checkbox(&mut options.deidentify, "De-identify");
        explanation_text(ui, "Also exports de-identified copies of the images.");
        if options.deidentify {
            let tip = "Intervals between dates are preserved";
            ui.checkbox(
                &mut options.shift_dates,
                "Shift dates instead of removing them",
            )
            .on_hover_text(tip);
            explanation_text(
                ui,
                "Basic profile of DICOM PS3.15. Text burned into the pixels is not removed: \
                 check ultrasound images and screenshots.",
            );
        }
    }

    fn choose_replacing(&mut self, ui: &mut Ui) {
        ui.checkbox(&mut self.options.replace, "Overwrite existing files");
        explanation_text(
            ui,
            "The folder is created if it does not exist. All exported files are verified.",
        );
    }

    fn show_buttons(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) -> bool {
        let formats = self.available_formats(session);
        let folder = self.folder.chosen_path();
        let missing = if formats.is_empty() {
            Some("Choose a format")
        } else if folder.is_none() {
            Some("Enter a folder")
        } else {
            None
        };
        let mut close = false;
        sheet::show_button_row(ui, |ui| {
            if sheet::main_button(ui, "Export", missing)
                && let Some(folder) = folder
            {
                let options = ExportOptions {
                    formats,
                    ..self.options.clone()
                };
                actions.push(Action::Export(ExportRequest {
                    folder,
                    scope: self.scope,
                    options,
                }));
                close = true;
            }
            close |= ui
                .add(Button::new("Cancel").min_size(vec2(72.0, 28.0)))
                .clicked();
        });
        close
    }
}

//! Sends the segmentation or the measurements of a case to a server, as a new series of its study.

use crate::{
    session::{Action, Actions, Session, job::ExportScope, pacs::PacsAction},
    ui::{
        dialogs::sheet,
        widgets::{explanation_text, section_heading},
    },
};
use egui::{Button, ComboBox, RichText, Ui, vec2};
use labrum_core::export_format::ExportFormat;

const FORMATS: [ExportFormat; 4] = [
    ExportFormat::DicomSeg,
    ExportFormat::SegLabelMap,
    ExportFormat::SegFractional,
    ExportFormat::StructuredReport,
];

/// State of the dialog.
pub(crate) struct SendDialog {
    server: String,
    format: ExportFormat,
}

impl SendDialog {
    /// Preselects the server chosen for queries, and the first format that the case can have.
    pub(in crate::ui::dialogs) fn new(session: &Session) -> Self {
        let server = session
            .chosen_server()
            .map_or(String::new(), |s| s.name.clone());
        let mut formats = FORMATS.into_iter();
        let possible = formats.find(|format| refusal_of(session, *format).is_none());
        Self {
            server,
            format: possible.unwrap_or(ExportFormat::DicomSeg),
        }
    }

    /// Shows the dialog; true once it is done.
    pub(in crate::ui::dialogs) fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let Some(case) = session.cases.current_case() else {
            return true;
        };
        let words = format!("{} · {}", case.display_title(), case.short_summary());
        sheet::show_body(ui, "Send to server", |ui| {
            self.show_body(ui, session, &words)
        });
        sheet::show_buttons(ui, |ui| {
            let has_server = session
                .settings
                .servers
                .iter()
                .any(|s| s.name == self.server);
            let missing = (!has_server).then_some("Choose a server");
            let missing = missing.or_else(|| refusal_of(session, self.format));
            let sends = sheet::main_button(ui, "Send", missing);
            if sends {
                let server = self.server.clone();
                actions.push(Action::Pacs(PacsAction::Send {
                    server,
                    format: self.format,
                }));
            }
            ui.add(Button::new("Cancel").min_size(vec2(72.0, 28.0)))
                .clicked()
                || sends
        })
    }

    fn show_body(&mut self, ui: &mut Ui, session: &Session, case: &str) {
        explanation_text(ui, case);
        section_heading(ui, "Server");
        if session.settings.servers.is_empty() {
            ui.label("No server is configured. Add one under File > Open from server.");
        } else {
            let list = ComboBox::from_id_salt("send to")
                .selected_text(&self.server)
                .width(260.0);
            let list = list.show_ui(ui, |ui| {
                for server in &session.settings.servers {
                    ui.selectable_value(&mut self.server, server.name.clone(), &server.name);
                }
            });
            list.response.accessible_name("Send to");
        }
        section_heading(ui, "Format");
        for format in FORMATS {
            let refusal = refusal_of(session, format);
            ui.horizontal(|ui| {
                ui.add_enabled_ui(refusal.is_none(), |ui| {
                    ui.radio_value(&mut self.format, format, format.display_name())
                        .on_disabled_hover_text(refusal.unwrap_or_default());
                });
                ui.label(
                    RichText::new(format.explanation())
                        .size(12.0)
                        .color(crate::ui::theme::current_colors(ui).dimmed),
                );
            });
        }
        ui.add_space(4.0);
        explanation_text(
            ui,
            "Adds a new series to the study; existing series are not changed. If the server cannot be reached, \
             the object stays in the send queue, even after Labrum is closed, and is sent later.",
        );
    }
}

/// Why the case that is shown cannot be sent in a format.
fn refusal_of(session: &Session, format: ExportFormat) -> Option<&'static str> {
    session.cannot_export(ExportScope::ThisCase, format)
}

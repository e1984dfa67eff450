//! Sends the segmentation of a case to a server, as a new series of its study.

use crate::{
    session::{Action, Session, pacs::PacsAction},
    ui::{
        dialogs::sheet,
        widgets::{explanation_text, section_heading},
    },
};
use egui::{Button, ComboBox, RichText, Ui, vec2};
use labrum_core::export_format::ExportFormat;

const FORMATS: [ExportFormat; 3] = [
    ExportFormat::DicomSeg,
    ExportFormat::SegLabelMap,
    ExportFormat::SegFractional,
];

/// State of the dialog.
pub(crate) struct SendDialog {
    server: String,
    format: ExportFormat,
}

impl SendDialog {
    /// Preselects the server chosen for queries.
    pub(in crate::ui::dialogs) fn new(session: &Session) -> Self {
        let server = session
            .chosen_server()
            .map_or(String::new(), |s| s.name.clone());
        Self {
            server,
            format: ExportFormat::DicomSeg,
        }
    }

    /// Shows the dialog; true once it is done.
    pub(in crate::ui::dialogs) fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Vec<Action>,
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
            let sends = sheet::main_button(ui, "Send", (!has_server).then_some("Choose a server"));
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
            ui.horizontal(|ui| {
                ui.radio_value(&mut self.format, format, format.display_name());
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
             the segmentation stays in the send queue, even after Labrum is closed, and is sent later.",
        );
    }
}

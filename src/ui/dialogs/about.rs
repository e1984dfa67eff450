//! The About dialog: version, device and licences.

use super::sheet;
use crate::{
    session::Session,
    ui::widgets::{explanation_text, name_value_line},
};
use egui::Ui;

/// Shows the dialog; true once it is done.
pub(super) fn show_dialog(ui: &mut Ui, session: &Session) -> bool {
    sheet::show_body(ui, "Labrum", |ui| {
        explanation_text(ui, env!("CARGO_PKG_DESCRIPTION"));
        ui.add_space(8.0);
        name_value_line(ui, "Version", env!("CARGO_PKG_VERSION"));
        name_value_line(ui, "Licence", "MIT or Apache-2.0");
        name_value_line(ui, "Device", &session.models.device);
        for model in &session.models.list {
            let made = &model.card.trained_on;
            name_value_line(
                ui,
                &model.display_title(),
                &format!("{} ({})", made.data, made.license),
            );
        }
        ui.add_space(8.0);
        explanation_text(
            ui,
            "Not a medical device. All results must be checked by a qualified person.",
        );
    });
    sheet::show_buttons(ui, |ui| sheet::main_button(ui, "Close", None))
}

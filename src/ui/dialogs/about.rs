//! Help: version, device and licences.

use super::sheet;
use crate::{
    session::Session,
    ui::widgets::{explanation_text, name_value_line},
};
use egui::Ui;

/// Shows version, device and licences; true once it is done.
pub(super) fn show_dialog(ui: &mut Ui, session: &Session) -> bool {
    sheet::show_body(ui, "Labrum", |ui| {
        explanation_text(ui, env!("CARGO_PKG_DESCRIPTION"));
        ui.add_space(8.0);
        name_value_line(ui, "Version", env!("CARGO_PKG_VERSION"));
        name_value_line(ui, "Licence", "MIT or Apache-2.0");
        name_value_line(ui, "Device", &session.device);
        for model in &session.models {
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
            "Not a medical device: what it shows is to be checked by someone who knows.",
        );
    });
    sheet::show_buttons(ui, |ui| sheet::main_button(ui, "Close", None))
}

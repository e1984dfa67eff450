//! Help: version, device and licences.

use super::sheet;
use crate::{
    session::Session,
    ui::widgets::{explain, pair},
};
use egui::Ui;

/// Shows version, device and licences; true once it is done.
pub(super) fn show(ui: &mut Ui, session: &Session) -> bool {
    sheet::body(ui, "Labrum", |ui| {
        explain(ui, env!("CARGO_PKG_DESCRIPTION"));
        ui.add_space(8.0);
        pair(ui, "Version", env!("CARGO_PKG_VERSION"));
        pair(ui, "Licence", "MIT or Apache-2.0");
        pair(ui, "Device", &session.device);
        for model in &session.models {
            let made = &model.card.trained_on;
            pair(
                ui,
                &model.title(),
                &format!("{} ({})", made.data, made.license),
            );
        }
        ui.add_space(8.0);
        explain(
            ui,
            "Not a medical device: what it shows is to be checked by someone who knows.",
        );
    });
    sheet::buttons(ui, |ui| sheet::main_button(ui, "Close", None))
}

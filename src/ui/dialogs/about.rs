//! Help: version, device and licences.

use super::title;
use crate::{
    session::Session,
    ui::widgets::{explain, pair, primary},
};
use egui::{Align, Layout, Ui};

/// Shows version, device and licences; true once it is done.
pub(super) fn show(ui: &mut Ui, session: &Session) -> bool {
    title(ui, "Labrum");
    explain(ui, env!("CARGO_PKG_DESCRIPTION"));
    ui.add_space(8.0);
    pair(ui, "Version", env!("CARGO_PKG_VERSION"));
    pair(ui, "Licence", "MIT or Apache-2.0");
    pair(ui, "Device", &session.device);
    for model in &session.models {
        let made = &model.card.trained_on;
        pair(ui, &model.title(), &format!("{} ({})", made.data, made.license));
    }
    ui.add_space(8.0);
    explain(ui, "Not a medical device: what it shows is to be checked by someone who knows.");
    close_button(ui)
}

fn close_button(ui: &mut Ui) -> bool {
    ui.add_space(12.0);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.add(primary(ui, "Close")).clicked()).inner
}

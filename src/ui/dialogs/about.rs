//! Help: keys and mouse, version and licences.

use super::title;
use crate::{
    session::{
        Session,
        command::{COMMANDS, Menu},
    },
    ui::{
        shortcuts, theme,
        widgets::{explain, pair, primary},
    },
};
use egui::{Align, Grid, Layout, RichText, ScrollArea, Ui};

/// What the mouse does, and the keys that are held.
const MOUSE: [(&str, &str); 7] = [
    ("Next and previous slice", "Wheel"),
    ("Zoom at the pointer", "Ctrl+Wheel"),
    ("Pan", "Drag, or drag with the middle button"),
    ("Window: width across, centre up and down", "Drag with the right button"),
    ("Hide the mask for a moment", "Hold H"),
    ("Go through the controls", "Shift+Tab, then Tab"),
    ("Open", "Drop files or folders on the window"),
];

/// Shows all keys; true once it is done.
pub(super) fn keys(ui: &mut Ui) -> bool {
    title(ui, "Keys and mouse");
    ScrollArea::vertical().max_height(ui.ctx().content_rect().height() - 220.0).show(ui, |ui| {
        Grid::new("keys").num_columns(2).spacing([24.0, 4.0]).min_col_width(280.0).show(ui, |ui| {
            heading(ui, "Mouse");
            for (what, how) in MOUSE {
                ui.label(what);
                ui.label(how);
                ui.end_row();
            }
            for menu in Menu::ALL {
                heading(ui, menu.label());
                for entry in COMMANDS.iter().filter(|e| e.menu == menu && !e.shortcuts.is_empty()) {
                    ui.label(entry.label.trim_end_matches("..."));
                    ui.label(entry.shortcuts.iter().map(shortcuts::words).collect::<Vec<_>>().join(", "));
                    ui.end_row();
                }
            }
        });
    });
    close_button(ui)
}

fn heading(ui: &mut Ui, words: &str) {
    ui.label(RichText::new(words).color(theme::colors(ui).dimmed));
    ui.end_row();
}

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

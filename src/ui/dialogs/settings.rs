//! Settings: person, device, model, look.

use super::title;
use crate::{
    session::{
        Action, Session,
        settings::{DeviceChoice, Theme},
    },
    ui::{
        panels::inspector::device_name,
        widgets::{explain, primary, section, segmented},
    },
};
use egui::{Align, Layout, Slider, TextEdit, Ui};

/// How many threads compute; 0 for all cores.
fn threads(ui: &mut Ui, threads: &mut usize) {
    section(ui, "Processor cores that compute");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shown = move |count: f64, _| if count < 1.0 { format!("all {cores}") } else { format!("{count:.0}") };
    let read = |text: &str| if text.trim().starts_with("all") { Some(0.0) } else { text.trim().parse().ok() };
    ui.add(Slider::new(threads, 0..=cores).custom_formatter(shown).custom_parser(read))
        .accessible_name("Processor cores that compute");
    explain(ui, "Fewer leave room for other programs. It counts from the next start on.");
}

/// Shows the dialog; true once it is done.
pub(super) fn show(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> bool {
    let mut settings = session.settings.clone();
    title(ui, "Settings");
    section(ui, "Your name");
    let name = TextEdit::singleline(&mut settings.person).desired_width(f32::INFINITY).char_limit(64);
    ui.add(name).accessible_name("Your name");
    explain(ui, "It stands in the journal of the workspace and in DICOM-SEG. It may stay empty.");
    section(ui, "Device");
    let choices = [
        (DeviceChoice::Auto, "A GPU where there is one, else the CPU"),
        (DeviceChoice::Cpu, "Always the CPU"),
        (DeviceChoice::Gpu, "Whatever GPU there is, a software one too"),
    ];
    let choices = choices.map(|(choice, tip)| (choice, device_name(choice), tip.to_owned()));
    if let Some(device) = segmented(ui, settings.device, &choices) {
        settings.device = device;
    }
    let device = if session.device.is_empty() { "Looking for it" } else { &session.device };
    explain(ui, &format!("In use: {device}"));
    threads(ui, &mut settings.threads);
    section(ui, "Model");
    ui.checkbox(&mut settings.auto_run, "Run a model by itself on what is opened, where one fits");
    section(ui, "Look");
    let themes = [(Theme::Dark, "Dark", String::new()), (Theme::Light, "Light", String::new())];
    let themes = themes.map(|(t, name, _)| (t, name, format!("{name} theme")));
    if let Some(theme) = segmented(ui, settings.theme, &themes) {
        settings.theme = theme;
    }
    ui.add_space(4.0);
    let scales = [1.0f32, 1.25, 1.5, 2.0].map(|s| (s, format!("{:.0} %", s * 100.0)));
    let scales: Vec<_> =
        scales.iter().map(|(s, name)| (*s, name.as_str(), format!("Show everything at {name}"))).collect();
    if let Some(scale) = segmented(ui, settings.ui_scale, &scales) {
        settings.ui_scale = scale;
    }
    ui.add_space(12.0);
    if settings != session.settings {
        actions.push(Action::SetSettings(settings));
    }
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.add(primary(ui, "Done")).clicked()).inner
}

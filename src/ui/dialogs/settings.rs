//! Settings: person, device, model, learning, look.

use super::sheet;
use crate::{
    session::{
        Action, Session,
        learning::LearnSettings,
        settings::{DeviceChoice, MEMORY_MB, Settings, Theme},
    },
    ui::{
        panels::inspector::device_name,
        widgets::{capitalize_first, explanation_text, section_heading, segmented_choice},
    },
};
use egui::{Align, DragValue, Layout, Slider, TextEdit, Ui, vec2};
use labrum_core::training::Loss;

/// How many threads compute; 0 for all cores.
fn show_thread_count(ui: &mut Ui, threads: &mut usize) {
    section_heading(ui, "Processor cores that compute");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shown = move |count: f64, _| {
        if count < 1.0 {
            format!("all {cores}")
        } else {
            format!("{count:.0}")
        }
    };
    let read = |text: &str| {
        if text.trim().starts_with("all") {
            Some(0.0)
        } else {
            text.trim().parse().ok()
        }
    };
    ui.add(
        Slider::new(threads, 0..=cores)
            .custom_formatter(shown)
            .custom_parser(read),
    )
    .accessible_name("Processor cores that compute");
    explanation_text(
        ui,
        "Fewer leave room for other programs. It counts from the next start on.",
    );
}

/// How much memory pictures may fill.
fn show_memory_limit(ui: &mut Ui, megabytes: &mut usize) {
    section_heading(ui, "Memory for looking at pictures");
    let limit = DragValue::new(megabytes).range(MEMORY_MB).speed(16.0);
    let limit = limit
        .custom_formatter(|mb, _| format!("{mb:.0} MB"))
        .custom_parser(number_in);
    show_number_line(
        ui,
        "Stay below about",
        limit,
        "In megabytes; orthogonal views need all slices of a series at once",
    );
    explanation_text(
        ui,
        "Slices far from the one on the screen are read again when they are needed. Models come on top.",
    );
}

/// How rounds of training are done.
fn show_training_options(ui: &mut Ui, learning: &mut LearnSettings) {
    section_heading(ui, "Learning");
    let cases = DragValue::new(&mut learning.after_cases)
        .range(0..=1000)
        .speed(1.0);
    let cases = cases.custom_formatter(|n, _| {
        if n < 1.0 {
            "never".into()
        } else {
            format!("{n:.0} cases")
        }
    });
    show_number_line(
        ui,
        "Train by itself after newly accepted cases",
        cases.custom_parser(number_in),
        "0 for never",
    );
    let seconds = DragValue::new(&mut learning.seconds)
        .range(15.0..=1800.0)
        .speed(1.0);
    let seconds = seconds
        .custom_formatter(|s, _| format!("{s:.0} s"))
        .custom_parser(number_in);
    show_number_line(
        ui,
        "A round works for about",
        seconds,
        "In seconds, 15 to 1800; longer rounds learn more from many cases",
    );
    let without = DragValue::new(&mut learning.without_proposal)
        .range(0..=100)
        .speed(1.0);
    let without = without.custom_formatter(|n, _| {
        if n < 1.0 {
            "none".into()
        } else {
            format!("one in {n:.0}")
        }
    });
    let tip = "So that your own drawing stays a measure of the model; 0 for none";
    show_number_line(
        ui,
        "New cases without a proposal",
        without.custom_parser(number_in),
        tip,
    );
    explanation_text(ui, "Loss function");
    let choices = Loss::OFFERED.map(|loss| {
        (
            loss,
            loss.display_name(),
            capitalize_first(loss.trade_off_summary()),
        )
    });
    if let Some(loss) = segmented_choice(ui, learning.loss, &choices) {
        learning.loss = loss;
    }
}

/// A name at the left, and at the right a number to drag or to type.
fn show_number_line(ui: &mut Ui, name: &str, number: DragValue<'_>, tip: &str) {
    ui.horizontal(|ui| {
        ui.label(name);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_sized(vec2(128.0, 24.0), number)
                .on_hover_text(tip)
                .accessible_name(name);
        });
    });
}

/// The number in what was typed; "never" and "none" are 0.
fn number_in(text: &str) -> Option<f64> {
    let text = text.trim().to_lowercase();
    if ["never", "none"].contains(&text.as_str()) {
        return Some(0.0);
    }
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find_map(|part| part.parse().ok())
}

/// Shows the dialog; true once it is done.
pub(super) fn show_dialog(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> bool {
    let mut settings = session.settings.clone();
    sheet::show_body(ui, "Settings", |ui| {
        show_all_sections(ui, session, &mut settings)
    });
    if settings != session.settings {
        actions.push(Action::SetSettings(settings));
    }
    sheet::show_buttons(ui, |ui| sheet::main_button(ui, "Done", None))
}

fn show_all_sections(ui: &mut Ui, session: &Session, settings: &mut Settings) {
    section_heading(ui, "Your name");
    let name = TextEdit::singleline(&mut settings.person)
        .desired_width(f32::INFINITY)
        .char_limit(64);
    ui.add(name).accessible_name("Your name");
    explanation_text(
        ui,
        "It stands in the journal of the workspace and in DICOM-SEG. It may stay empty.",
    );
    section_heading(ui, "Device");
    let choices = [
        (DeviceChoice::Auto, "A GPU where there is one, else the CPU"),
        (DeviceChoice::Cpu, "Always the CPU"),
        (
            DeviceChoice::Gpu,
            "Whatever GPU there is, a software one too",
        ),
    ];
    let choices = choices.map(|(choice, tip)| (choice, device_name(choice), tip.to_owned()));
    if let Some(device) = segmented_choice(ui, settings.device, &choices) {
        settings.device = device;
    }
    let device = if session.device.is_empty() {
        "Looking for it"
    } else {
        &session.device
    };
    explanation_text(ui, &format!("In use: {device}"));
    show_thread_count(ui, &mut settings.threads);
    section_heading(ui, "Model");
    ui.checkbox(
        &mut settings.auto_run,
        "Run a model by itself on what is opened, where one fits",
    );
    show_training_options(ui, &mut settings.learning);
    section_heading(ui, "Look");
    let themes = [
        (Theme::Dark, "Dark", String::new()),
        (Theme::Light, "Light", String::new()),
    ];
    let themes = themes.map(|(t, name, _)| (t, name, format!("{name} theme")));
    if let Some(theme) = segmented_choice(ui, settings.theme, &themes) {
        settings.theme = theme;
    }
    ui.add_space(4.0);
    let scales = [1.0f32, 1.25, 1.5, 2.0].map(|s| (s, format!("{:.0} %", s * 100.0)));
    let scales: Vec<_> = scales
        .iter()
        .map(|(s, name)| (*s, name.as_str(), format!("Show everything at {name}")))
        .collect();
    if let Some(scale) = segmented_choice(ui, settings.ui_scale, &scales) {
        settings.ui_scale = scale;
    }
    show_memory_limit(ui, &mut settings.memory_mb);
}

#[cfg(test)]
mod tests {
    use super::number_in;

    #[test]
    fn what_is_shown_can_be_typed_again() {
        assert_eq!(
            ["never", "5 cases", "one in 10", " 60 s"].map(number_in),
            [0.0, 5.0, 10.0, 60.0].map(Some)
        );
        assert_eq!(number_in("often"), None);
    }
}

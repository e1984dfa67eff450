//! The settings dialog: user name, device, model, training, appearance, mouse, image cache.

use super::sheet;
use crate::{
    session::{
        Action, Actions, Session,
        mouse::MouseHabit,
        settings::{LearnSettings, MEMORY_MB, NewModelStart, Settings, Theme},
    },
    ui::{
        panels::{inspector::device_name, tools::choose_next_click},
        widgets::{capitalize_first, explanation_text, section_heading, segmented_choice},
    },
};
use egui::{Align, DragValue, Layout, Slider, TextEdit, Ui, vec2};
use labrum_core::{
    device::DeviceChoice,
    training::{ClickTraining, Loss},
};
use std::{num, thread};

/// Number of CPU threads; 0 for one per core.
fn show_thread_count(ui: &mut Ui, threads: &mut usize) {
    section_heading(ui, "CPU threads");
    let cores = thread::available_parallelism().map_or(1, num::NonZero::get);
    ui.add(
        Slider::new(threads, 0..=cores)
            .custom_formatter(move |count, _| thread_count_text(count, cores))
            .custom_parser(thread_count_in),
    )
    .accessible_name("CPU threads");
    explanation_text(
        ui,
        "Fewer threads leave room for other programs. Takes effect after restart.",
    );
}

fn thread_count_text(count: f64, cores: usize) -> String {
    if count < 1.0 {
        format!("all {cores}")
    } else {
        format!("{count:.0}")
    }
}

/// Parses a number of threads; "all" is 0.
fn thread_count_in(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.starts_with("all") {
        Some(0.0)
    } else {
        text.parse().ok()
    }
}

/// Memory limit of the image cache, in MB.
fn show_memory_limit(ui: &mut Ui, megabytes: &mut usize) {
    section_heading(ui, "Image cache");
    let limit = DragValue::new(megabytes).range(MEMORY_MB).speed(16.0);
    let limit = limit
        .custom_formatter(|mb, _| format!("{mb:.0} MB"))
        .custom_parser(number_in);
    show_number_line(
        ui,
        "Image cache limit",
        limit,
        "In MB; orthogonal views need all slices of a series in memory",
    );
    explanation_text(
        ui,
        "Slices that are not in the cache are read again when needed. Models use additional memory.",
    );
}

/// Options of training.
fn show_training_options(ui: &mut Ui, learning: &mut LearnSettings) {
    section_heading(ui, "Training");
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
        "Train automatically after newly accepted cases",
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
        "Training time per round",
        seconds,
        "15 to 1800 seconds; with many cases, longer rounds give better models",
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
    let tip = "Control cases: your mask stays independent of the model; 0 for none";
    show_number_line(
        ui,
        "Cases shown without a proposal",
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
    explanation_text(ui, "First model of a workspace");
    let choices = NewModelStart::ALL
        .map(|start| (start, start.display_name(), start.explanation().to_owned()));
    if let Some(start) = segmented_choice(ui, learning.new_model, &choices) {
        learning.new_model = start;
    }
}

/// When rounds of training also train the model of the Click tool.
fn choose_click_training(ui: &mut Ui, learning: &mut LearnSettings) {
    explanation_text(ui, "Train the Click tool");
    let choices = ClickTraining::ALL.map(|when| {
        let (name, tip) = match when {
            ClickTraining::WhenUsed => (
                "If used",
                "Each round of training also trains the Click tool, if it was used on accepted cases",
            ),
            ClickTraining::Always => ("Always", "Each round of training also trains the Click tool"),
            ClickTraining::Never => ("Never", "The Click tool keeps its model"),
        };
        (when, name, tip.to_owned())
    });
    if let Some(when) = segmented_choice(ui, learning.clicks, &choices) {
        learning.clicks = when;
    }
}

/// The program whose mouse buttons the views have.
fn choose_mouse(ui: &mut Ui, mouse: &mut MouseHabit) {
    section_heading(ui, "Mouse");
    let choices =
        MouseHabit::ALL.map(|habit| (habit, habit.display_name(), habit.summary().to_owned()));
    if let Some(habit) = segmented_choice(ui, *mouse, &choices) {
        *mouse = habit;
    }
    explanation_text(ui, mouse.summary());
    explanation_text(
        ui,
        "All drawing tools use the left button. Help > Keys and mouse lists what each button does.",
    );
}

/// A line with a name and a number that can be dragged or typed.
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

/// The first number in a text; "never" and "none" are 0.
fn number_in(text: &str) -> Option<f64> {
    let text = text.trim().to_lowercase();
    if ["never", "none"].contains(&text.as_str()) {
        return Some(0.0);
    }
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find_map(|part| part.parse().ok())
}

/// Shows the dialog; true once it is done.
pub(super) fn show_dialog(ui: &mut Ui, session: &Session, actions: &mut Actions) -> bool {
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
        "Saved in the history of the workspace and in DICOM-SEG as content creator (optional).",
    );
    section_heading(ui, "Device");
    let choices = [
        (DeviceChoice::Auto, "A GPU if available, otherwise the CPU"),
        (DeviceChoice::Cpu, "Always the CPU"),
        (DeviceChoice::Gpu, "Any GPU, including a software renderer"),
    ];
    let choices = choices.map(|(choice, tip)| (choice, device_name(choice), tip.to_owned()));
    if let Some(device) = segmented_choice(ui, settings.device, &choices) {
        settings.device = device;
    }
    let device = if session.models.device.is_empty() {
        "detecting..."
    } else {
        &session.models.device
    };
    explanation_text(ui, &format!("In use: {device}"));
    show_thread_count(ui, &mut settings.threads);
    section_heading(ui, "Model");
    ui.checkbox(
        &mut settings.auto_run,
        "Run a matching model automatically when images are opened",
    );
    section_heading(ui, "Click tool");
    choose_next_click(ui, &mut settings.tools);
    choose_click_training(ui, &mut settings.learning);
    show_training_options(ui, &mut settings.learning);
    section_heading(ui, "Appearance");
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
        .map(|(s, name)| (*s, name.as_str(), format!("Scale the interface to {name}")))
        .collect();
    if let Some(scale) = segmented_choice(ui, settings.ui_scale, &scales) {
        settings.ui_scale = scale;
    }
    choose_mouse(ui, &mut settings.mouse);
    show_memory_limit(ui, &mut settings.memory_mb);
}

#[cfg(test)]
mod tests {
    use super::number_in;

    #[test]
    fn displayed_values_can_be_typed_in() {
        assert_eq!(
            ["never", "5 cases", "one in 10", " 60 s"].map(number_in),
            [0.0, 5.0, 10.0, 60.0].map(Some)
        );
        assert_eq!(number_in("often"), None);
    }
}

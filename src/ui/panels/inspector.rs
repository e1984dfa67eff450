//! The panel on the right: active tool, labels, mask editing, uncertain boundary, view, measurements, model, training,
//! window/level, and the buttons that finish a case.

use super::{labels, mask_values, measurements, operations, tools, training, volume_curves};
use crate::{
    session::{
        Action, Actions, Fitting, Session,
        case::Case,
        command::UserCommand,
        settings::{Settings, ViewMode},
        tool_options::ToolKind,
    },
    ui::{
        dialogs::Dialogs,
        shortcuts, theme,
        widgets::{
            command_button, explanation_text, folding_section, primary_button, segmented_choice,
            with_icon,
        },
    },
};
use egui::{
    Align, Button, Checkbox, ComboBox, DragValue, Frame, Layout, Panel, RichText, ScrollArea,
    Slider, Ui, vec2,
};
use egui_material_icons::icons::{ICON_CHEVRON_LEFT, ICON_CHEVRON_RIGHT, ICON_FILE_EXPORT};
use labrum_core::device::DeviceChoice;

/// Shows the panel, with measurements of slice `shown`; returns the command under the pointer if it can be previewed.
pub(in crate::ui) fn show_panel(
    ui: &mut Ui,
    session: &Session,
    shown: Option<usize>,
    dialogs: &mut Dialogs,
    actions: &mut Actions,
) -> Option<UserCommand> {
    let case = session.cases.current_case()?;
    let mut pointed = None;
    Panel::bottom("sign-off")
        .frame(Frame::NONE)
        .resizable(false)
        .show_separator_line(false)
        .show(ui, |ui| {
            // Always visible: training news, and the buttons that finish a case.
            training::show_round_news(ui, session, dialogs, actions);
            sign_off(ui, session, actions);
        });
    ScrollArea::vertical()
        .auto_shrink([false, false])
        .show(ui, |ui| {
            // Without a drawing tool, leave the room to the other sections.
            let tool = session.tools.active_tool();
            let draws = tool != ToolKind::Look;
            let draws_masks = draws && tool != ToolKind::Measure;
            if draws {
                ui.label(
                    RichText::new(tool.display_name()).color(theme::current_colors(ui).strong),
                );
                tools::show_active_options(ui, session, actions);
            }
            folding_section(ui, "Labels", |ui| {
                labels::show_list(ui, session, dialogs, actions)
            });
            folding_section(ui, "Drawn measurements", |ui| {
                measurements::show_list(ui, session, case, dialogs, actions)
            });
            if draws_masks {
                folding_section(ui, "Edit mask", |ui| {
                    pointed = operations::show_panel(ui, session, actions)
                });
            }
            folding_section(ui, "Uncertain boundary", |ui| {
                show_doubtful_slices(ui, session, case, actions)
            });
            folding_section(ui, "View", |ui| show_view_section(ui, session, actions));
            folding_section(ui, "Measurements", |ui| {
                mask_values::show_measurements(ui, session, case, shown)
            });
            if case.slices.len() > 1 {
                folding_section(ui, "Measurements of the series", |ui| {
                    mask_values::show_series(ui, session, case)
                });
            }
            if session.has_times(case) {
                folding_section(ui, "Volume over time", |ui| {
                    volume_curves::show_section(ui, session, case, actions)
                });
            }
            folding_section(ui, "Model", |ui| {
                show_model_section(ui, session, case, actions)
            });
            folding_section(ui, "Training", |ui| {
                training::show_section(ui, session, case, actions)
            });
            folding_section(ui, "Window/level", |ui| {
                show_window_controls(ui, session, case, actions)
            });
        });
    pointed
}

fn sign_off(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let accept =
            primary_button(ui, "Accept and next").min_size(vec2(ui.available_width() - 80.0, 32.0));
        command_button(ui, session, actions, UserCommand::Accept, accept);
        let skip = Button::new("Skip").min_size(vec2(72.0, 32.0));
        command_button(ui, session, actions, UserCommand::Skip, skip);
    });
    ui.add_space(2.0);
    let export =
        with_icon(ICON_FILE_EXPORT, "Export...").min_size(vec2(ui.available_width(), 28.0));
    command_button(ui, session, actions, UserCommand::Export, export);
}

fn show_model_section(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    let fitting = session.models.fitting_model(case);
    choose_model(ui, session, case, &fitting, actions);
    match &fitting {
        Fitting::Model {
            warning: Some(reason),
            ..
        } => {
            let words = format!("Chosen manually: {reason}.");
            ui.add(
                egui::Label::new(
                    RichText::new(words)
                        .size(12.0)
                        .color(theme::current_colors(ui).warning),
                )
                .wrap(),
            );
        }
        Fitting::Model {
            index,
            warning: None,
        } => {
            if let Some(model) = session.models.list.get(*index) {
                explanation_text(
                    ui,
                    &format!(
                        "Runs automatically here: {}.",
                        model.card.automatic_run_reason(&case.series)
                    ),
                );
            }
        }
        Fitting::None(models) if models.is_empty() => {
            explanation_text(ui, "No model available. Open one from a file.")
        }
        Fitting::None(models) => {
            for (name, reason) in models {
                explanation_text(ui, &format!("{name}: {reason}."));
            }
            explanation_text(ui, "Choose a model above to run it anyway.");
        }
    }
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let many = case.slices.len() > 1;
        let room = ui.available_width();
        let keys = &session.settings.keys;
        let half = vec2(if many { (room - 8.0) / 2.0 } else { room }, 28.0);
        let one = Button::new(if many { "This slice" } else { "Segment" })
            .shortcut_text(shortcuts::key_of(keys, UserCommand::SegmentSlice))
            .min_size(half);
        command_button(ui, session, actions, UserCommand::SegmentSlice, one);
        if many {
            let all = Button::new("Series")
                .shortcut_text(shortcuts::key_of(keys, UserCommand::SegmentSeries))
                .min_size(half);
            command_button(ui, session, actions, UserCommand::SegmentSeries, all);
        }
    });
    let mut settings = session.settings.clone();
    ui.add(Checkbox::new(
        &mut settings.auto_run,
        "Run automatically on matching images",
    ))
    .on_hover_text("Run a matching model when images are opened");
    show_device_choice(ui, &mut settings);
    push_changed_settings(session, settings, actions);
}

fn choose_model(
    ui: &mut Ui,
    session: &Session,
    case: &Case,
    fitting: &Fitting,
    actions: &mut Actions,
) {
    let shown = match fitting {
        Fitting::Model { index, .. } => session
            .models
            .list
            .get(*index)
            .map_or(String::new(), |m| m.display_title()),
        Fitting::None(_) => "No matching model".to_owned(),
    };
    let width = ui.available_width();
    let combo = ComboBox::from_id_salt("model")
        .selected_text(shown)
        .width(width)
        .show_ui(ui, |ui| {
            let is_automatic = case.chosen_model.is_none();
            if ui.selectable_label(is_automatic, "Automatic").clicked() {
                actions.push(Action::ChooseModel(None));
            }
            for model in &session.models.list {
                let is_chosen = case.chosen_model.as_ref() == Some(&model.source);
                let entry = ui.selectable_label(is_chosen, model.display_title());
                if entry
                    .on_hover_text(format!("For {}", model.card.purpose.summary))
                    .clicked()
                {
                    actions.push(Action::ChooseModel(Some(model.source.clone())));
                }
            }
            ui.separator();
            command_button(
                ui,
                session,
                actions,
                UserCommand::OpenModel,
                Button::new("Open model...").frame_when_inactive(false),
            );
        });
    combo.response.accessible_name("Model to run");
}

fn show_device_choice(ui: &mut Ui, settings: &mut Settings) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Device").color(theme::current_colors(ui).dimmed));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let combo = ComboBox::from_id_salt("device")
                .selected_text(device_name(settings.device))
                .width(120.0);
            let combo = combo.show_ui(ui, |ui| {
                for choice in [DeviceChoice::Auto, DeviceChoice::Cpu, DeviceChoice::Gpu] {
                    ui.selectable_value(&mut settings.device, choice, device_name(choice));
                }
            });
            combo
                .response
                .accessible_name("Device")
                .on_hover_text("Device that runs the model");
        });
    });
}

/// Display name of a device choice.
pub(in crate::ui) fn device_name(choice: DeviceChoice) -> &'static str {
    match choice {
        DeviceChoice::Auto => "Automatic",
        DeviceChoice::Cpu => "CPU",
        DeviceChoice::Gpu => "GPU",
    }
}

fn show_view_section(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let mut settings = session.settings.clone();
    let rows: [&[(ViewMode, UserCommand)]; 2] = [
        &[
            (ViewMode::Fill, UserCommand::ShowFill),
            (ViewMode::Outline, UserCommand::ShowOutline),
            (ViewMode::Hidden, UserCommand::ShowNothing),
        ],
        &[
            (ViewMode::Confidence, UserCommand::ShowConfidence),
            (ViewMode::Difference, UserCommand::ShowDifference),
        ],
    ];
    for row in rows {
        let choices: Vec<_> = row
            .iter()
            .map(|(mode, command)| {
                let tip = shortcuts::command_tooltip(&session.settings.keys, *command);
                (*mode, mode.display_name(), tip)
            })
            .collect();
        if let Some(mode) = segmented_choice(ui, settings.view_mode, &choices) {
            settings.view_mode = mode;
        }
    }
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Opacity").color(theme::current_colors(ui).dimmed));
        ui.spacing_mut().slider_width = ui.available_width() - 60.0;
        let slider = Slider::new(&mut settings.opacity, 0.0..=1.0)
            .custom_formatter(|v, _| format!("{:.0} %", v * 100.0))
            .custom_parser(|s| {
                s.trim_end_matches(['%', ' '])
                    .parse::<f64>()
                    .ok()
                    .map(|v| v / 100.0)
            });
        ui.add_enabled(settings.view_mode == ViewMode::Fill, slider)
            .on_disabled_hover_text("Applies to the fill view only")
            .accessible_name("Opacity");
    });
    let measurements = ui.checkbox(&mut settings.measurements, "Diameter on the image");
    measurements.on_hover_text(shortcuts::command_tooltip(
        &session.settings.keys,
        UserCommand::ToggleMeasurements,
    ));
    let drawn = ui.checkbox(&mut settings.drawn, "Measurements on the image");
    drawn.on_hover_text(shortcuts::command_tooltip(
        &session.settings.keys,
        UserCommand::ToggleDrawn,
    ));
    push_changed_settings(session, settings, actions);
}

fn show_doubtful_slices(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    let words = match session.doubt_position() {
        _ if case.measured_slice_count() == 0 => "No mask".to_owned(),
        None if case.slices.iter().all(|s| s.proposal().is_none()) => "No proposal".to_owned(),
        None => "None".to_owned(),
        Some((0, 1)) => "1 region".to_owned(),
        Some((0, n)) => format!("{n} regions"),
        Some((at, n)) => format!("{at} of {n}"),
    };
    ui.horizontal(|ui| {
        // Buttons higher than the row would lie lower than the text.
        ui.spacing_mut().button_padding.y = 1.0;
        ui.label(words);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            command_button(
                ui,
                session,
                actions,
                UserCommand::NextDoubtful,
                Button::new(ICON_CHEVRON_RIGHT.rich_text().size(18.0)),
            );
            command_button(
                ui,
                session,
                actions,
                UserCommand::PreviousDoubtful,
                Button::new(ICON_CHEVRON_LEFT.rich_text().size(18.0)),
            );
        });
    });
}

fn show_window_controls(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    let Some(loaded) = session.current_loaded() else {
        explanation_text(ui, "The image is loading.");
        return;
    };
    let now = session.window_of(case, loaded);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        for (index, preset) in loaded.presets.iter().enumerate() {
            let key = if index < 9 {
                format!(" ({})", index + 1)
            } else {
                String::new()
            };
            let tip = format!(
                "Centre {:.0}, width {:.0}{key}",
                preset.window.center, preset.window.width
            );
            let button =
                Button::selectable(preset.window == now, RichText::new(&preset.name).size(12.5));
            if ui
                .add(button.frame_when_inactive(true))
                .on_hover_text(tip)
                .clicked()
            {
                actions.push(Action::SetWindow(preset.window));
            }
        }
        let auto = Button::new(RichText::new("Auto").size(12.5));
        command_button(ui, session, actions, UserCommand::WindowAuto, auto);
        let reset = Button::new(RichText::new("Reset").size(12.5));
        command_button(ui, session, actions, UserCommand::WindowReset, reset);
    });
    let mut window = now;
    let speed = (now.width / 200.0).max(1e-3);
    ui.horizontal(|ui| {
        let dimmed = theme::current_colors(ui).dimmed;
        ui.label(RichText::new("Centre").color(dimmed));
        ui.add(
            DragValue::new(&mut window.center)
                .speed(speed)
                .max_decimals(2),
        )
        .accessible_name("Window centre");
        ui.label(RichText::new("Width").color(dimmed));
        let width = DragValue::new(&mut window.width)
            .speed(speed)
            .range(1e-3..=1e6)
            .max_decimals(2);
        ui.add(width).accessible_name("Window width");
    });
    if window != now {
        actions.push(Action::SetWindow(window));
    }
    ui.add_space(8.0);
}

fn push_changed_settings(session: &Session, settings: Settings, actions: &mut Actions) {
    if settings != session.settings {
        actions.push(Action::SetSettings(settings));
    }
}

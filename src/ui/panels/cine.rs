//! The controls for playing, beside the slice slider: play button, rate, order, and the time of the series.

use crate::{
    session::{
        Action, Actions, Session,
        case::Case,
        cine::{CineAction, CineAxis},
        command::UserCommand,
    },
    ui::{
        shortcuts,
        widgets::{command_button, width_of},
    },
};
use egui::{Button, DragValue, Label, Ui, vec2};
use egui_material_icons::icons::{ICON_PAUSE, ICON_PLAY_ARROW, ICON_TUNE};
use labrum_core::cine::{PlayMode, RATES};

/// Height of the controls, in points.
const HEIGHT: f32 = 24.0;

/// Width of the rate, in points.
const RATE: f32 = 60.0;

/// Size of the text of the time, in points.
const TEXT: f32 = 13.5;

/// Width of all controls but the time, in points.
const CONTROLS: f32 = 156.0;

/// The width that the controls of a case need, in points; 0 if it has nothing to play.
pub(super) fn needed_width(ui: &Ui, session: &Session, case: &Case) -> f32 {
    if session.played_axis(case).is_none() {
        return 0.0;
    }
    let gap = ui.spacing().item_spacing.x;
    CONTROLS + time_width(ui, case).map_or(0.0, |width| width + gap)
}

/// Shows the controls.
pub(super) fn show_controls(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    let icon = if session.cine.is_playing() {
        ICON_PAUSE
    } else {
        ICON_PLAY_ARROW
    };
    let play = Button::new(icon.rich_text().size(18.0)).frame_when_inactive(false);
    command_button(ui, session, actions, UserCommand::TogglePlay, play);
    show_rate(ui, session, case, actions);
    show_options(ui, session, case, actions);
    if let (Some(words), Some(width)) = (time_text(case), time_width(ui, case)) {
        // Fixed width, so that the slider does not move while it plays.
        ui.add_sized(vec2(width, HEIGHT), Label::new(words));
    }
}

fn show_rate(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    let keys = &session.settings.keys;
    let tip = format!(
        "Frames per second. Slower: {}, faster: {}",
        shortcuts::key_of(keys, UserCommand::SlowerCine),
        shortcuts::key_of(keys, UserCommand::FasterCine)
    );
    let [slowest, fastest] = RATES;
    let mut rate = session.cine.rate_of(&case.series);
    let value = DragValue::new(&mut rate)
        .speed(0.2)
        .range(slowest..=fastest)
        .max_decimals(1)
        .suffix(" fps");
    let response = ui
        .add_sized(vec2(RATE, HEIGHT - 4.0), value)
        .on_hover_text(tip)
        .accessible_name("Frames per second");
    if response.changed() {
        actions.push(Action::Cine(CineAction::Rate(rate)));
    }
}

fn show_options(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    let icon = ICON_TUNE.rich_text().size(16.0);
    let menu = ui.menu_button(icon, |ui| {
        ui.set_min_width(160.0);
        for mode in PlayMode::ALL {
            let is_chosen = session.cine.mode_of(&case.series) == mode;
            if ui.radio(is_chosen, mode.display_name()).clicked() {
                actions.push(Action::Cine(CineAction::Mode(mode)));
                ui.close();
            }
        }
        if session.command_refusal(UserCommand::CineTimes).is_some() || case.slices.len() < 2 {
            return;
        }
        ui.separator();
        let played = session.played_axis(case);
        for (axis, name) in [
            (CineAxis::Slices, "All slices"),
            (CineAxis::Times, "All times of this slice"),
        ] {
            if ui.radio(played == Some(axis), name).clicked() {
                actions.push(Action::Cine(CineAction::Axis(axis)));
                ui.close();
            }
        }
    });
    menu.response
        .on_hover_text("What to play, and what to do after the last frame")
        .accessible_name("Playback options");
}

/// Which time of the series is shown: "Time 3 / 20".
fn time_text(case: &Case) -> Option<String> {
    let time = case.series.time_point.as_ref()?;
    Some(format!("Time {} / {}", time.index + 1, time.count))
}

/// Width of the widest time, in points.
fn time_width(ui: &Ui, case: &Case) -> Option<f32> {
    let time = case.series.time_point.as_ref()?;
    let widest = format!("Time {} / {}", time.count, time.count);
    Some(width_of(ui, &widest, TEXT) + 4.0)
}

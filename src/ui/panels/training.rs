//! The training section: state of the model, the running round with its curves, and results of the last round.

use crate::{
    session::{
        Action, Actions, Fitting, Session,
        case::Case,
        command::UserCommand,
        learning::{Doing, LearnAction, Running},
    },
    ui::{
        charts::{Chart, ChartSeries, format_short, plain_tip},
        dialogs::{Dialogs, Judged, gate},
        theme,
        widgets::{
            capitalize_first, command_button, count_with_noun, explanation_text, format_bytes,
            format_rough_duration, icon_button, name_value_line, primary_button, progress_bar,
            with_icon,
        },
    },
};
use egui::{Align, Button, Color32, Frame, Label, Layout, Margin, RichText, Stroke, Ui, vec2};
use egui_material_icons::{
    MaterialIcon,
    icons::{
        ICON_BAR_CHART, ICON_CHECK_CIRCLE, ICON_CLOSE, ICON_HELP, ICON_HISTORY, ICON_PAUSE,
        ICON_PLAY_ARROW,
    },
};
use labrum_core::{
    gate::clicks::ClickReport,
    learning::{Version, VersionState},
    training::Estimate,
};

/// Height of the curves in points, including axis names.
const CURVE: f32 = 96.0;

/// Shows the section.
pub(super) fn show_section(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    show_idle_state(ui, session, case, actions);
    ui.add_space(4.0);
}

/// The running round, a pending decision, and the result of the last round. Always visible, outside the scrolled part
/// of the panel.
pub(super) fn show_round_news(
    ui: &mut Ui,
    session: &Session,
    dialogs: &mut Dialogs,
    actions: &mut Actions,
) {
    if let Some(running) = &session.learning.running {
        ui.add_space(4.0);
        let frame = Frame::new()
            .fill(theme::current_colors(ui).field)
            .corner_radius(4)
            .inner_margin(Margin::same(8));
        frame.show(ui, |ui| at_work(ui, session, running, actions));
    }
    if let Some(version) = session.learning.undecided_version() {
        ask_for_decision(ui, version, dialogs, actions);
    }
    for version in unseen_versions(ui, session) {
        report_last_round(ui, version, dialogs);
    }
}

/// Short description of the running round for the status bar.
pub(super) fn round_summary(session: &Session) -> Option<String> {
    let running = session.learning.running.as_ref()?;
    if session.is_training_paused() {
        return Some(format!("Training paused at {}", percent_text(running)));
    }
    Some(match running.doing {
        Doing::Collecting => "Preparing training data".to_owned(),
        Doing::Reading { done, total } => format!("Preparing data ({done} of {total})"),
        Doing::Training | Doing::TrainingClicks => {
            let remaining = running.time_left().map_or(String::new(), |time| {
                format!(", {}", format_rough_duration(time))
            });
            format!("{}{remaining}", current_step_text(running))
        }
        Doing::Judging | Doing::JudgingClicks => current_step_text(running),
    })
}

fn percent_text(running: &Running) -> String {
    format!("{:.0} %", running.done.clamp(0.0, 1.0) * 100.0)
}

fn show_idle_state(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    let active = session.learning.active_version().map(|v| v.name.clone());
    let model = active.or_else(|| match session.models.fitting_model(case) {
        Fitting::Model { index, .. } => session.models.list.get(index).map(|m| m.display_title()),
        Fitting::None(_) => None,
    });
    pair_cut(
        ui,
        "Active model",
        &model.unwrap_or_else(|| "none".to_owned()),
    );
    if let Some(version) = session.learning.active_click_version() {
        pair_cut(ui, "Click tool", &version.name);
    }
    name_value_line(
        ui,
        "Newly accepted cases",
        &session.learning.newly_accepted.to_string(),
    );
    ui.add_space(4.0);
    let train = primary_button(ui, "Train now").min_size(vec2(ui.available_width(), 28.0));
    ui.horizontal(|ui| command_button(ui, session, actions, UserCommand::Train, train));
    ui.horizontal(|ui| {
        let half = vec2((ui.available_width() - 8.0) / 2.0, 28.0);
        let versions = with_icon(ICON_HISTORY, "Versions").min_size(half);
        command_button(ui, session, actions, UserCommand::Versions, versions);
        let report = with_icon(ICON_BAR_CHART, "Work report").min_size(half);
        command_button(ui, session, actions, UserCommand::WorkReport, report);
    });
}

/// A name and a value; a long value is truncated.
fn pair_cut(ui: &mut Ui, name: &str, value: &str) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).color(theme::current_colors(ui).dimmed));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(Label::new(value).truncate()).on_hover_text(value);
        });
    });
}

fn at_work(ui: &mut Ui, session: &Session, running: &Running, actions: &mut Actions) {
    let is_paused = session.is_training_paused();
    let remaining = match running.time_left() {
        _ if is_paused => "paused".to_owned(),
        Some(time) => format_rough_duration(time),
        None => String::new(),
    };
    ui.horizontal(|ui| {
        ui.label(RichText::new(current_step_text(running)).color(theme::current_colors(ui).strong));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.label(remaining)
        });
    });
    progress_bar(
        ui,
        running.done as f32,
        &format!("{} {}", trained_model(running), percent_text(running)),
    );
    let estimate = running
        .estimate
        .as_ref()
        .map_or("Estimating time...".to_owned(), estimate_text);
    // Always reserve two lines, so that the curves do not move.
    ui.allocate_ui(vec2(ui.available_width(), 30.0), |ui| {
        ui.set_min_height(30.0);
        explanation_text(ui, &estimate);
    });
    if running.is_resumed {
        explanation_text(ui, &resume_notice(running));
        let anew = ui
            .button("Start over")
            .on_hover_text("Discard this round and train on the current masks");
        if anew.clicked() {
            actions.push(Action::Learn(LearnAction::Anew));
        }
    }
    show_curves(ui, running);
    ui.horizontal(|ui| {
        let half = vec2((ui.available_width() - 8.0) / 2.0, 28.0);
        let (icon, words) = if is_paused {
            (ICON_PLAY_ARROW, "Resume")
        } else {
            (ICON_PAUSE, "Pause")
        };
        let pause = command_button(
            ui,
            session,
            actions,
            UserCommand::PauseTraining,
            with_icon(icon, words).min_size(half),
        );
        pause.accessible_name(if is_paused {
            "Resume training"
        } else {
            "Pause training"
        });
        let cancel = with_icon(ICON_CLOSE, "Cancel").min_size(half);
        command_button(ui, session, actions, UserCommand::CancelTraining, cancel)
            .accessible_name("Stop training");
    });
}

/// The current step of the round.
fn current_step_text(running: &Running) -> String {
    match running.doing {
        Doing::Collecting => "Preparing data".to_owned(),
        Doing::Reading { done, total } => format!("Preparing data ({done} of {total})"),
        Doing::Training | Doing::TrainingClicks => {
            format!("{} {}", trained_model(running), percent_text(running))
        }
        Doing::Judging => "Validating the new model".to_owned(),
        Doing::JudgingClicks => "Validating the Click tool".to_owned(),
    }
}

fn trained_model(running: &Running) -> &'static str {
    match running.doing {
        Doing::TrainingClicks | Doing::JudgingClicks => "Training the Click tool",
        _ => "Training",
    }
}

/// The step at which an interrupted round was resumed.
fn resumed_at(running: &Running) -> Option<f64> {
    running
        .loss
        .first()
        .filter(|_| running.is_resumed)
        .map(|[step, _]| *step)
}

fn resume_notice(running: &Running) -> String {
    match resumed_at(running) {
        None => "Resumed the interrupted round of training.".to_owned(),
        Some(step) => format!(
            "Resumed the interrupted round of training at step {step:.0}. The loss curve (a running mean) \
             restarts there."
        ),
    }
}

/// "20 cases, 20 slices, 5 for hold-out; 700 MB; with the Click tool".
fn estimate_text(estimate: &Estimate) -> String {
    let clicks = match estimate.click_seconds {
        Some(_) => "; with the Click tool",
        None => "",
    };
    format!(
        "{}, {}, {} for hold-out; {}{clicks}",
        count_with_noun(estimate.cases, "case"),
        count_with_noun(estimate.slices, "slice"),
        estimate.held_out,
        format_bytes(estimate.memory)
    )
}

/// Loss and Dice side by side. With few cases there is no validation split and thus no Dice.
fn show_curves(ui: &mut Ui, running: &Running) {
    let colors = theme::current_colors(ui);
    let blue = if ui.visuals().dark_mode {
        Color32::from_rgb(116, 182, 235)
    } else {
        colors.accent
    };
    let loss = ("Loss by step", "Loss", &running.loss, blue, false);
    let dice = (
        "Validation Dice by step",
        "Validation Dice",
        &running.validation,
        colors.good,
        true,
    );
    let mark = resumed_at(running);
    // The steps before the interruption have no points, but the axis starts at 0.
    let beginning: Vec<[f64; 2]> = mark
        .and(running.loss.first())
        .map(|[_, loss]| [0.0, *loss])
        .into_iter()
        .collect();
    let shown = if running.validation.is_empty() {
        vec![loss]
    } else {
        vec![loss, dice]
    };
    let gap = 4.0;
    let width = (ui.available_width() - gap * (shown.len() - 1) as f32) / shown.len() as f32;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for (name, up, points, color, has_dots) in shown {
            let series = ChartSeries {
                name: up.to_owned(),
                points: points.clone(),
                color,
                is_joined: true,
                has_dots,
            };
            let axes = ["Step", up];
            let size = vec2(width, CURVE);
            let includes: &[[f64; 2]] = if has_dots { &[] } else { &beginning };
            Chart {
                name,
                axes,
                size,
                includes,
                mark,
                has_diagonal: false,
                figure: format_short,
                tip: &plain_tip,
            }
            .show_plot(ui, &[series]);
        }
    });
}

/// Asks the user to accept or reject an undecided version.
fn ask_for_decision(ui: &mut Ui, version: &Version, dialogs: &mut Dialogs, actions: &mut Actions) {
    let colors = theme::current_colors(ui);
    let title = format!("{} needs your decision", version.name);
    let use_button = match version.report.verdict.advises_against() {
        true => Button::new("Use"),
        false => primary_button(ui, "Use"),
    };
    show_notice_box(
        ui,
        ICON_HELP,
        colors.warning,
        &title,
        &capitalize_first(&version.reason),
        |ui| {
            if ui
                .add(use_button)
                .on_hover_text("Make this version the active model")
                .clicked()
            {
                actions.push(Action::Learn(LearnAction::Activate(version.key)));
            }
            if ui
                .button("Reject")
                .on_hover_text("Keep this version as rejected; the active model does not change")
                .clicked()
            {
                actions.push(Action::Learn(LearnAction::Reject(version.key)));
            }
            if ui
                .button("Show report")
                .on_hover_text("Results on the hold-out cases")
                .clicked()
            {
                dialogs.open_gate_report(Judged::Version(version.key));
            }
        },
    );
}

/// The result of the last round, until the user has looked at it.
fn report_last_round(ui: &mut Ui, version: &Version, dialogs: &mut Dialogs) {
    let colors = theme::current_colors(ui);
    let is_not_yet = version.report.verdict.is_not_yet();
    let (icon, color) = match version.state {
        VersionState::Rejected if is_not_yet => (ICON_HELP, colors.warning),
        VersionState::Rejected => (ICON_CLOSE, colors.error),
        _ => (ICON_CHECK_CIRCLE, colors.good),
    };
    let more = if is_not_yet {
        "Accept more cases, then train again: the next round continues from this model."
    } else {
        ""
    };
    show_notice_box(ui, icon, color, &outcome_text(version), more, |ui| {
        let look = ui
            .button("Show report")
            .on_hover_text("Results on the hold-out cases");
        if look.accessible_name("Show validation report").clicked() {
            dialogs.open_gate_report(Judged::Version(version.key));
        }
        if icon_button(ui, ICON_CLOSE, "Dismiss this result").clicked() {
            gate::mark_seen(ui.ctx(), version.key);
        }
    });
}

/// "Fetal head round-3 is now active: 7 better, 1 worse".
fn outcome_text(version: &Version) -> String {
    let what = match version.state {
        VersionState::Accepted if version.is_active => "is now active",
        VersionState::Accepted => "was accepted",
        VersionState::Rejected if version.report.verdict.is_not_yet() => {
            "is not yet good enough for proposals"
        }
        VersionState::Rejected => "was rejected",
        VersionState::Undecided => "needs your decision",
    };
    let report = &version.report;
    if let Some((before, after)) = report.clicks.as_ref().and_then(ClickReport::mean_scores) {
        return format!(
            "{} {what}: {:.1} clicks to Dice 0.90, before {:.1}",
            version.name, after.clicks, before.clicks
        );
    }
    let figures = match (report.dice, report.mean_scores().1) {
        (Some(_), _) => {
            let (better, worse) = report.better_and_worse();
            format!("{better} better, {worse} worse")
        }
        (None, Some(mean)) => format!(
            "Dice {:.3} on {}",
            mean.dice,
            count_with_noun(report.cases.len(), "hold-out case")
        ),
        (None, None) => "no hold-out cases".to_owned(),
    };
    format!("{} {what}: {figures}", version.name)
}

/// The versions of the last round whose results have not been seen and need no decision.
fn unseen_versions<'a>(ui: &Ui, session: &'a Session) -> Vec<&'a Version> {
    let fresh = session.learning.fresh.iter();
    fresh
        .filter_map(|key| session.learning.version_by_key(*key))
        .filter(|version| version.state != VersionState::Undecided)
        .filter(|version| !gate::was_seen(ui.ctx(), version.key))
        .collect()
}

fn show_notice_box(
    ui: &mut Ui,
    icon: MaterialIcon,
    color: Color32,
    title: &str,
    more: &str,
    buttons: impl FnOnce(&mut Ui),
) {
    ui.add_space(4.0);
    let colors = theme::current_colors(ui);
    let frame = Frame::new()
        .fill(colors.field)
        .stroke(Stroke::new(1.0, color))
        .corner_radius(4);
    frame.inner_margin(Margin::same(8)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            ui.label(icon.rich_text().size(18.0).color(color));
            ui.add(Label::new(RichText::new(title).color(colors.strong)).wrap());
        });
        if !more.is_empty() {
            ui.add(Label::new(RichText::new(more).size(12.0).color(colors.text)).wrap());
        }
        ui.add_space(2.0);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.spacing_mut().button_padding.x = 6.0;
            buttons(ui);
        });
    });
}

//! Scores and training details of a version.

use super::state_of;
use crate::{
    session::{Session, job::ModelSource},
    ui::{
        theme,
        widgets::{count_with_noun, figure_or_dash, format_seconds, name_column},
    },
};
use egui::{Label, RichText, Ui};
use labrum_core::{
    gate::{GateReport, clicks::ClickReport},
    learning::Version,
    training::Loss,
};
use serde_json::Value;

/// Scores and training details of a version.
pub(super) fn show_version_facts(ui: &mut Ui, session: &Session, version: &Version) {
    let (icon, color, state) = state_of(ui, version);
    ui.horizontal_top(|ui| {
        ui.label(icon.rich_text().size(16.0).color(color));
        let why = RichText::new(format!("{state}: {}", version.reason));
        ui.add(Label::new(why).wrap().selectable(true));
    });
    ui.add_space(4.0);
    ui.spacing_mut().item_spacing.y = 0.0;
    match &version.report.clicks {
        Some(clicks) => show_click_scores(ui, clicks),
        None => show_mask_scores(ui, &version.report),
    }
    show_fact(ui, "Starting model", &version.parent_name);
    show_fact(
        ui,
        "Trained on",
        &count_with_noun(version.cases as usize, "case"),
    );
    show_fact(
        ui,
        "Training",
        &format!(
            "{}, {} steps",
            format_seconds(version.seconds),
            version.steps
        ),
    );
    for (name, value) in training_facts(&version.settings) {
        show_fact(ui, name, &value);
    }
    // Known only for models that are loaded, such as the active one.
    let model =
        session.models.list.iter().find(
            |model| matches!(&model.source, ModelSource::File(path) if *path == version.file),
        );
    if let Some(model) = model {
        let input = &model.card.input;
        show_fact(
            ui,
            "Input size",
            &format!("{} × {} pixels", input.columns, input.rows),
        );
    }
    let short: String = version.hash.chars().take(12).collect();
    show_fact(ui, "SHA-256", &short).on_hover_text(format!(
        "{}\n{}",
        version.hash,
        version.file.display()
    ));
}

fn show_mask_scores(ui: &mut Ui, report: &GateReport) {
    let mean = report.mean_scores().1;
    let held_out = report.cases.len();
    show_fact(ui, "Dice", &figure_or_dash(mean.map(|s| s.dice), 3)).on_hover_text(format!(
        "Mean of {}",
        count_with_noun(held_out, "hold-out case")
    ));
    show_fact(
        ui,
        "Hausdorff 95",
        &format!("{} px", figure_or_dash(mean.and_then(|s| s.hd95), 2)),
    );
    let boundary_iou = mean.map(|s| s.boundary_iou);
    show_fact(ui, "Boundary IoU", &figure_or_dash(boundary_iou, 3));
}

fn show_click_scores(ui: &mut Ui, report: &ClickReport) {
    let mean = report.mean_scores().map(|(_, candidate)| candidate);
    let clicks = figure_or_dash(mean.map(|scores| scores.clicks), 2);
    let tip = format!(
        "Mean of {}, to Dice 0.90; at most 10",
        count_with_noun(report.subjects, "hold-out subject")
    );
    show_fact(ui, "Clicks needed", &clicks).on_hover_text(tip);
    let dice = figure_or_dash(mean.map(|scores| scores.dice), 3);
    show_fact(ui, "Dice after 1 click", &dice);
}

/// A line with a name and a value; returns the response of the value.
fn show_fact(ui: &mut Ui, name: &str, value: &str) -> egui::Response {
    let dimmed = theme::current_colors(ui).dimmed;
    ui.horizontal(|ui| {
        name_column(ui, 112.0, RichText::new(name).color(dimmed));
        ui.add(Label::new(value).truncate().selectable(true))
    })
    .inner
}

/// The training settings to show, from JSON.
pub(super) fn training_facts(settings: &str) -> Vec<(&'static str, String)> {
    let Ok(settings) = serde_json::from_str::<Value>(settings) else {
        return Vec::new();
    };
    let loss = settings
        .pointer("/plan/loss")
        .and_then(|loss| serde_json::from_value::<Loss>(loss.clone()).ok());
    let rate = settings
        .pointer("/plan/learning_rate")
        .and_then(Value::as_f64);
    let batch = settings.pointer("/plan/batch").and_then(Value::as_u64);
    let facts = [
        (
            "Loss function",
            loss.map(|loss| loss.display_name().to_owned()),
        ),
        (
            "Learning rate",
            rate.map(|rate| format!("{rate} (maximum)")),
        ),
        ("Batch size", batch.map(|batch| batch.to_string())),
    ];
    facts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

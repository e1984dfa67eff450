//! The work report: time, corrections and clicks per accepted case and model, to see whether training saves work.

use super::{export::usual_folder, path::to_path, sheet};
use crate::{
    session::{Action, Actions, Session, learning::LearnAction},
    ui::{
        charts::{Chart, ChartSeries, format_short, plain_tip},
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::{explanation_text, format_seconds, section_heading},
    },
};
use egui::{Button, Color32, Label, RichText, ScrollArea, TextEdit, Ui, Vec2, vec2};
use egui_material_icons::icons::ICON_LIGHTBULB;
use egui_plot::PlotPoint;
use labrum_core::{
    label::PALETTE,
    learning::{CaseCost, VersionState, WorkReport},
};
use std::mem;

const MODELS: [Column; 4] = [
    Column::of_words("Proposed by", 200.0),
    Column::of_figures("Cases accepted", 120.0),
    Column::of_figures("Time per case", 120.0),
    Column::of_figures("Mask corrected", 150.0),
];

const CLICKS: [Column; 4] = [
    Column::of_words("Clicks answered by", 200.0),
    Column::of_figures("Cases accepted", 120.0),
    Column::of_figures("Prompts per case", 130.0),
    Column::of_figures("Prompts per object", 140.0),
];

/// Height of the plots in points.
const PLOT: f32 = 208.0;

/// State of the dialog.
pub(crate) struct WorkReportDialog {
    folder: String,
    is_asked_for: bool,
}

impl WorkReportDialog {
    /// A dialog that requests the report when it is first shown.
    pub(super) fn new(session: &Session) -> Self {
        Self {
            folder: usual_folder(session),
            is_asked_for: false,
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        if !mem::replace(&mut self.is_asked_for, true) {
            actions.push(Action::Learn(LearnAction::Report));
        }
        let report = session.learning.report.as_deref();
        sheet::show_body(ui, "Work report", |ui| {
            // Reserve the final size before the report is ready.
            ui.set_min_height(PLOT + 160.0);
            match report {
                None => show_waiting(ui),
                Some(report) => show_report(ui, report),
            }
        });
        sheet::show_below_body(ui, |ui| {
            section_heading(ui, "Export to a folder");
            self.show_export_field(ui, report.is_some(), actions);
            ui.add_space(8.0);
            sheet::show_button_row(ui, |ui| sheet::main_button(ui, "Close", None))
        })
    }

    fn show_export_field(&mut self, ui: &mut Ui, is_there: bool, actions: &mut Actions) {
        ui.horizontal(|ui| {
            let width = ui.available_width() - 96.0;
            let field = TextEdit::singleline(&mut self.folder).desired_width(width);
            ui.add(field).accessible_name("Folder for the report");
            let refusal = match self.folder.trim() {
                _ if !is_there => Some("The report is not ready yet"),
                "" => Some("Enter a folder"),
                _ => None,
            };
            let button = ui.add_enabled(
                refusal.is_none(),
                Button::new("Export").min_size(vec2(88.0, 24.0)),
            );
            let response = button
                .on_hover_text("Save the report as CSV and JSON")
                .accessible_name("Export the report");
            if response
                .on_disabled_hover_text(refusal.unwrap_or_default())
                .clicked()
            {
                actions.push(Action::Learn(LearnAction::ExportReport(to_path(
                    &self.folder,
                ))));
            }
        });
    }
}

fn show_waiting(ui: &mut Ui) {
    ui.horizontal(|ui| {
        ui.spinner();
        ui.label("Creating the report...");
    });
}

fn show_report(ui: &mut Ui, report: &WorkReport) {
    let colors = theme::current_colors(ui);
    ui.horizontal_top(|ui| {
        ui.label(ICON_LIGHTBULB.rich_text().size(20.0).color(colors.warning));
        ui.add(
            Label::new(
                RichText::new(report.next_round_advice())
                    .size(15.0)
                    .color(colors.strong),
            )
            .wrap()
            .selectable(true),
        );
    });
    ui.add_space(8.0);
    if report.cases.is_empty() {
        explanation_text(
            ui,
            "Time and corrections for each accepted case are shown here.",
        );
        return;
    }
    show_plots(ui, report);
    ui.add_space(8.0);
    show_model_table(ui, report);
    show_click_table(ui, report);
}

fn show_plots(ui: &mut Ui, report: &WorkReport) {
    ui.horizontal_top(|ui| {
        let width = (ui.available_width() - 2.0 * 12.0) / 3.0;
        ui.spacing_mut().item_spacing.x = 12.0;
        let size = vec2(width, PLOT);
        let seconds = by_model(ui, report, |case| Some(case.seconds));
        let share = by_model(ui, report, |case| Some(100.0 * case.share_changed()?));
        cost_chart(
            "Seconds per accepted case",
            "Seconds",
            size,
            &|_, _, place| cost_tip(report, place, "s"),
        )
        .show_plot(ui, &seconds);
        cost_chart(
            "Pixels corrected per accepted case",
            "Pixels corrected (%)",
            size,
            &|_, _, place| cost_tip(report, place, "%"),
        )
        .show_plot(ui, &share);
        ui.vertical(|ui| progress_of_versions(ui, report, size));
    });
}

/// A chart of the cost of each accepted case; `up` names the y axis.
fn cost_chart<'a>(
    name: &'a str,
    up: &'a str,
    size: Vec2,
    tip: &'a dyn Fn(&str, usize, PlotPoint) -> String,
) -> Chart<'a> {
    Chart {
        name,
        axes: ["Case, in order of acceptance", up],
        size,
        includes: &[[0.0, 0.0], [1.0, 1.0]],
        mark: None,
        has_diagonal: false,
        figure: whole_number_text,
        tip,
    }
}

/// Tooltip of a point: case, cost and model.
fn cost_tip(report: &WorkReport, place: PlotPoint, unit: &str) -> String {
    // Cases are numbered from 1.
    let case = report.cases.get((place.x - 1.0).max(0.0) as usize);
    let name = case.map_or("", |case| case.name.as_str());
    let model = case.map_or("", |case| case.model.as_str());
    format!("{name}\n{:.0} {unit}\n{}", place.y, model_title(model))
}

/// Empty unless the value is a whole number.
fn whole_number_text(value: f64) -> String {
    if value.fract().abs() < 1e-6 {
        format!("{value:.0}")
    } else {
        String::new()
    }
}

/// Chart of Dice on the hold-out set over the accepted versions.
fn progress_of_versions(ui: &mut Ui, report: &WorkReport, size: egui::Vec2) {
    let accepted = report
        .versions
        .iter()
        .filter(|v| v.state == VersionState::Accepted);
    let dice: Vec<f64> = accepted
        .filter_map(|v| Some(v.report.mean_scores().1?.dice))
        .collect();
    if dice.is_empty() {
        explanation_text(
            ui,
            "Dice on the hold-out cases is shown here once a version has been accepted.",
        );
        return;
    }
    // Minimum range, so that tiny differences do not look large.
    let (low, high) = dice.iter().fold((1.0f64, 0.0f64), |(low, high), d| {
        (low.min(*d), high.max(*d))
    });
    let includes = [[1.0, low - 0.01], [2.0, high + 0.01]];
    let points = (1..)
        .zip(&dice)
        .map(|(n, dice)| [f64::from(n), *dice])
        .collect();
    let color = theme::current_colors(ui).good;
    let series = ChartSeries {
        name: "Dice".to_owned(),
        points,
        color,
        is_joined: true,
        has_dots: true,
    };
    let chart = Chart {
        name: "Dice on the hold-out cases by accepted version",
        axes: ["Accepted version", "Dice (hold-out)"],
        size,
        includes: &includes,
        mark: None,
        has_diagonal: false,
        figure: format_short,
        tip: &plain_tip,
    };
    chart.show_plot(ui, &[series]);
}

/// One series per model, in order of first appearance; cases are numbered from 1.
fn by_model(
    ui: &Ui,
    report: &WorkReport,
    of: impl Fn(&CaseCost) -> Option<f64>,
) -> Vec<ChartSeries> {
    let groups = report.by_model();
    (0..)
        .zip(&groups)
        .map(|(i, (model, ..))| ChartSeries {
            name: model_title(model).to_owned(),
            points: points_of_model(report, model, &of),
            color: color_of(ui, i, model),
            is_joined: false,
            has_dots: true,
        })
        .collect()
}

fn points_of_model(
    report: &WorkReport,
    model: &str,
    of: &impl Fn(&CaseCost) -> Option<f64>,
) -> Vec<[f64; 2]> {
    let cases = (1..)
        .zip(&report.cases)
        .filter(|(_, case)| case.model == model);
    cases
        .filter_map(|(n, case)| Some([f64::from(n), of(case)?]))
        .collect()
}

fn model_title(model: &str) -> &str {
    if model.is_empty() {
        "No proposal"
    } else {
        model
    }
}

/// Colour-blind safe colours for models; grey for cases without a proposal.
fn color_of(ui: &Ui, index: usize, model: &str) -> Color32 {
    if model.is_empty() {
        return theme::current_colors(ui).dimmed;
    }
    let [r, g, b] = PALETTE[index % PALETTE.len()];
    Color32::from_rgb(r, g, b)
}

fn show_model_table(ui: &mut Ui, report: &WorkReport) {
    let table = TableColumns(&MODELS);
    ui.spacing_mut().item_spacing.y = 0.0;
    table.show_headings(ui);
    let groups = report.by_model();
    let rows = groups.len() as f32;
    ScrollArea::vertical()
        .id_salt("models")
        .max_height(rows.min(6.0) * ROW)
        .show(ui, |ui| {
            for (i, (model, cases, seconds, share)) in groups.iter().enumerate() {
                let cells = [
                    Cell::new(model_title(model)).with_swatch(color_of(ui, i, model)),
                    Cell::new(cases.to_string()),
                    Cell::new(format_seconds(*seconds)),
                    Cell::new(format!("{:.0} %", 100.0 * share)),
                ];
                table.show_row(ui, &cells);
            }
        });
}

/// How many prompts of the Click tool cases took with each of its models; nothing if it was not used.
fn show_click_table(ui: &mut Ui, report: &WorkReport) {
    let groups = report.by_click_model();
    if groups.is_empty() {
        return;
    }
    ui.add_space(8.0);
    let table = TableColumns(&CLICKS);
    table.show_headings(ui);
    ScrollArea::vertical()
        .id_salt("click models")
        .max_height((groups.len() as f32).min(4.0) * ROW)
        .show(ui, |ui| {
            for group in &groups {
                let cells = [
                    Cell::new(&group.model),
                    Cell::new(group.cases.to_string()),
                    Cell::new(format!("{:.1}", group.prompts_per_case())),
                    Cell::new(format!("{:.1}", group.prompts_per_object())),
                ];
                table.show_row(ui, &cells);
            }
        });
}

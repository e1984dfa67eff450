//! Content of a validation report: verdict, mean scores, table of cases, and a scatter plot.

use super::{
    clicks::show_click_report, explain_missing_cases, is_surely_better, mean_columns,
    verdict_color, with_interval,
};
use crate::{
    session::{Action, Actions, learning::LearnAction},
    ui::{
        charts::{Chart, ChartSeries, format_short},
        dialogs::{DialogOutcome, Dialogs},
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::{capitalize_first, count_with_noun, explanation_text, figure_or_dash},
    },
};
use egui::{Color32, Label, RichText, ScrollArea, Ui, vec2};
use egui_material_icons::{
    MaterialIcon,
    icons::{ICON_BLOCK, ICON_CHECK_CIRCLE, ICON_HELP},
};
use egui_plot::PlotPoint;
use labrum_core::{
    bootstrap::MeanInterval,
    gate::{GateCase, GateReport, Verdict},
    metrics::Scores,
};

const MEANS: [Column; 4] = mean_columns("Mean of the hold-out subjects");

const CASES: [Column; 6] = [
    Column::of_words("Case, worst first", 138.0),
    Column::of_figures("Dice before", 80.0),
    Column::of_figures("Dice after", 80.0),
    Column::of_figures("Gain", 68.0),
    Column::of_figures("Hausdorff 95 (px)", 116.0),
    Column::of_figures("Boundary IoU", 116.0),
];

/// Shows verdict, means, cases and plot.
pub(super) fn show_report(
    ui: &mut Ui,
    report: &GateReport,
    names: &[&str; 2],
    compares: bool,
    actions: &mut Actions,
) -> DialogOutcome {
    let (icon, color, words) = report_headline(ui, report, names, compares);
    ui.horizontal(|ui| {
        ui.label(icon.rich_text().size(20.0).color(color));
        ui.label(RichText::new(words).size(16.0).color(color));
    });
    ui.add(
        Label::new(capitalize_first(report.verdict.reason_text()))
            .wrap()
            .selectable(true),
    );
    if let Some(clicks) = &report.clicks {
        return show_click_report(ui, clicks, actions);
    }
    ui.label(RichText::new(verdict_counts_text(report)).color(theme::current_colors(ui).strong));
    ui.add_space(4.0);
    if report.cases.is_empty() {
        explain_missing_cases(ui);
        return DialogOutcome::Stay;
    }
    let height = (ui.ctx().content_rect().height() - 330.0).clamp(160.0, 440.0);
    let mut turn = DialogOutcome::Stay;
    ui.horizontal_top(|ui| {
        let plot = (ui.available_width() * 0.34).min(height);
        ui.vertical(|ui| {
            ui.set_width(ui.available_width() - plot - 16.0);
            ui.spacing_mut().item_spacing.y = 0.0;
            show_means(ui, report);
            ui.add_space(8.0);
            turn = show_case_table(ui, report, height - 5.0 * ROW - 8.0, actions);
        });
        show_dice_scatter(ui, report, plot);
    });
    turn
}

fn report_headline(
    ui: &Ui,
    report: &GateReport,
    [a, b]: &[&str; 2],
    compares: bool,
) -> (MaterialIcon, Color32, String) {
    let colors = theme::current_colors(ui);
    let fewer = report.clicks.as_ref().and_then(|clicks| clicks.clicks);
    let surely = report.dice.is_some_and(|dice| dice.low > 0.0)
        || fewer.is_some_and(|clicks| clicks.high < 0.0);
    match &report.verdict {
        Verdict::Better { .. } if compares => {
            let how = match report.is_probably_better() {
                _ if surely => "better",
                true => "probably better",
                false => "not worse",
            };
            (
                ICON_CHECK_CIRCLE,
                colors.good,
                format!("{b} is {how} than {a}"),
            )
        }
        Verdict::Better { .. } => (
            ICON_CHECK_CIRCLE,
            colors.good,
            "Passed validation".to_owned(),
        ),
        Verdict::Worse { .. } if compares => {
            (ICON_BLOCK, colors.error, format!("{b} is worse than {a}"))
        }
        Verdict::Worse { .. } => (
            ICON_BLOCK,
            colors.error,
            "Did not pass validation".to_owned(),
        ),
        Verdict::NotYet { .. } => (
            ICON_HELP,
            colors.warning,
            "Not yet good enough for proposals".to_owned(),
        ),
        Verdict::Ask { .. } if compares => (
            ICON_HELP,
            colors.warning,
            "No clear difference on these cases".to_owned(),
        ),
        Verdict::Ask { speaks_for, .. } => {
            let advice = match report.probability {
                Some(_) if *speaks_for => "; the results favour this version",
                Some(probability) if probability < 0.5 => {
                    "; the results speak against this version"
                }
                _ => "",
            };
            (
                ICON_HELP,
                colors.warning,
                format!("Your decision is needed{advice}"),
            )
        }
    }
}

/// "7 better, 1 worse, 2 about the same".
fn verdict_counts_text(report: &GateReport) -> String {
    let held_out = count_with_noun(report.cases.len(), "hold-out case");
    if report.dice.is_none() {
        return if report.cases.is_empty() {
            held_out
        } else {
            format!("{held_out}, no model to compare with")
        };
    }
    let (better, worse) = report.better_and_worse();
    let same = report.cases.len().saturating_sub(better + worse);
    format!("{better} better, {worse} worse, {same} about the same")
}

fn show_means(ui: &mut Ui, report: &GateReport) {
    let table = TableColumns(&MEANS);
    table.show_headings(ui);
    let (before, after) = report.mean_scores();
    let lines = [
        MeanLine {
            name: "Dice",
            of: |scores| Some(scores.dice),
            difference: report.dice,
            digits: 3,
            sign: 1.0,
        },
        MeanLine {
            name: "Hausdorff 95 (px)",
            of: |scores| scores.hd95,
            difference: report.hd95,
            digits: 2,
            sign: -1.0,
        },
        MeanLine {
            name: "Boundary IoU",
            of: |scores| Some(scores.boundary_iou),
            difference: report.boundary_iou,
            digits: 3,
            sign: 1.0,
        },
    ];
    for line in lines {
        let cells = [
            Cell::new(line.name),
            line.value_cell(before.as_ref()),
            line.value_cell(after.as_ref()),
            line.difference_cell(ui),
        ];
        table.show_row(ui, &cells);
    }
}

/// A row of the table of means: one figure of both models.
struct MeanLine {
    name: &'static str,
    of: fn(&Scores) -> Option<f64>,
    /// Second model minus first.
    difference: Option<MeanInterval>,
    /// Number of decimals.
    digits: usize,
    /// 1 if more is better, -1 if less is better.
    sign: f64,
}

impl MeanLine {
    fn value_cell(&self, scores: Option<&Scores>) -> Cell {
        Cell::new(figure_or_dash(scores.and_then(self.of), self.digits))
    }

    /// Coloured if the difference is significant.
    fn difference_cell(&self, ui: &Ui) -> Cell {
        let Some(difference) = &self.difference else {
            return Cell::new("–");
        };
        let cell = Cell::new(with_interval(difference, self.digits));
        match is_surely_better(difference, self.sign) {
            Some(is_better) => cell.with_color(verdict_color(ui, is_better)),
            None => cell,
        }
    }
}

fn show_case_table(
    ui: &mut Ui,
    report: &GateReport,
    height: f32,
    actions: &mut Actions,
) -> DialogOutcome {
    let table = TableColumns(&CASES);
    let mut sorted: Vec<&GateCase> = report.cases.iter().collect();
    sorted.sort_by(|a, b| a.dice_gain().total_cmp(&b.dice_gain()));
    // Headings outside the scroll area, so that they stay visible.
    table.show_headings(ui);
    let mut turn = DialogOutcome::Stay;
    ScrollArea::vertical()
        .max_height(height)
        .auto_shrink([false, false])
        .show_rows(ui, ROW, sorted.len(), |ui, rows| {
            for case in sorted.get(rows).unwrap_or_default() {
                let response = table.show_selectable_row(ui, &case_cells(ui, case), false);
                if response
                    .on_hover_text(format!(
                        "{}\nClick to show this case on the canvas",
                        case.name
                    ))
                    .clicked()
                {
                    actions.push(Action::Learn(LearnAction::ShowCase(case.key)));
                    turn = DialogOutcome::To(Box::new(Dialogs::None));
                }
            }
        });
    turn
}

fn case_cells(ui: &Ui, case: &GateCase) -> [Cell; 6] {
    let dice_before = case.active.map(|scores| scores.dice);
    let gain = match (case.active, case.change_direction()) {
        (None, _) => Cell::new("–"),
        _ if case.is_as_good() => Cell::new("as good"),
        (_, 0) => Cell::new(format!("{:+.3}", case.dice_gain())),
        (_, change) => {
            Cell::new(format!("{:+.3}", case.dice_gain())).with_color(verdict_color(ui, change > 0))
        }
    };
    [
        Cell::new(&case.name),
        Cell::new(figure_or_dash(dice_before, 3)),
        Cell::new(figure_or_dash(Some(case.candidate.dice), 3)),
        gain,
        Cell::new(before_to_after(case, |scores| scores.hd95, 1)),
        Cell::new(before_to_after(case, |scores| Some(scores.boundary_iou), 2)),
    ]
}

/// "12.0 to 8.5"; only the candidate's figure if there was no active model.
fn before_to_after(case: &GateCase, of: fn(&Scores) -> Option<f64>, digits: usize) -> String {
    let after = figure_or_dash(of(&case.candidate), digits);
    match &case.active {
        Some(scores) => format!("{} to {after}", figure_or_dash(of(scores), digits)),
        None => after,
    }
}

/// Scatter plot of Dice before and after; cases above the diagonal have improved.
fn show_dice_scatter(ui: &mut Ui, report: &GateReport, side: f32) {
    let judged: Vec<&GateCase> = report
        .cases
        .iter()
        .filter(|case| case.active.is_some())
        .collect();
    if judged.is_empty() {
        explanation_text(ui, "There was no previous model to compare with.");
        return;
    }
    let series: Vec<ChartSeries> = DIRECTIONS
        .iter()
        .map(|(direction, name)| ChartSeries {
            name: (*name).to_owned(),
            points: cases_of_direction(&judged, *direction)
                .map(|c| [c.active.map_or(0.0, |s| s.dice), c.candidate.dice])
                .collect(),
            color: direction_color(ui, *direction),
            is_joined: false,
            has_dots: true,
        })
        .collect();
    let chart = Chart {
        name: "Dice of each case before and after",
        axes: ["Dice before", "Dice after"],
        size: vec2(side, side),
        includes: &[],
        mark: None,
        has_diagonal: true,
        figure: format_short,
        tip: &|group, index, place| scatter_tip(&judged, group, index, place),
    };
    chart.show_plot(ui, &series);
}

/// The values of [`GateCase::change_direction`] with their names.
const DIRECTIONS: [(i8, &str); 3] = [(1, "better"), (-1, "worse"), (0, "about the same")];

fn direction_color(ui: &Ui, direction: i8) -> Color32 {
    match direction {
        0 => theme::current_colors(ui).dimmed,
        _ => verdict_color(ui, direction > 0),
    }
}

fn cases_of_direction<'a>(
    judged: &'a [&'a GateCase],
    direction: i8,
) -> impl Iterator<Item = &'a GateCase> {
    judged
        .iter()
        .copied()
        .filter(move |case| case.change_direction() == direction)
}

/// Tooltip of a point: the case at `index` of the named group.
fn scatter_tip(judged: &[&GateCase], group: &str, index: usize, place: PlotPoint) -> String {
    let direction = DIRECTIONS
        .iter()
        .find(|(_, name)| *name == group)
        .map_or(0, |(direction, _)| *direction);
    let case = cases_of_direction(judged, direction)
        .nth(index)
        .map_or("", |case| case.name.as_str());
    format!("{case}\n{:.3} before, {:.3} after", place.x, place.y)
}

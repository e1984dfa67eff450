//! A report of the gate in figures: the verdict, the means, the cases one by one, and a plot of them.

use super::{is_surely_better, verdict_color, with_interval};
use crate::{
    session::{Action, learning::LearnAction},
    ui::{
        charts::{Chart, ChartSeries, format_short},
        dialogs::{DialogOutcome, Dialogs},
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::{capitalize_first, count_with_noun, explanation_text},
    },
};
use egui::{Color32, Label, RichText, ScrollArea, Ui, vec2};
use egui_material_icons::{
    MaterialIcon,
    icons::{ICON_BLOCK, ICON_CHECK_CIRCLE, ICON_HELP},
};
use labrum_core::{
    bootstrap::MeanInterval,
    gate::{GateCase, GateReport, Verdict},
    metrics::Scores,
};

const MEANS: [Column; 4] = [
    Column::of_words("Mean of the held-out cases", 190.0),
    Column::of_figures("Before", 84.0),
    Column::of_figures("After", 84.0),
    Column::of_figures("Difference, 95 % interval", 220.0),
];

const CASES: [Column; 6] = [
    Column::of_words("Case, worst first", 138.0),
    Column::of_figures("Dice before", 80.0),
    Column::of_figures("Dice after", 80.0),
    Column::of_figures("Gain", 68.0),
    Column::of_figures("Hausdorff 95 (px)", 116.0),
    Column::of_figures("Boundary IoU", 116.0),
];

/// What the gate says, the means, each case, and a plot of all of them.
pub(super) fn show_report(
    ui: &mut Ui,
    report: &GateReport,
    names: &[&str; 2],
    compares: bool,
    actions: &mut Vec<Action>,
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
    ui.label(RichText::new(verdict_counts_text(report)).color(theme::current_colors(ui).strong));
    ui.add_space(4.0);
    if report.cases.is_empty() {
        explanation_text(
            ui,
            "Some cases are held out as they come in; accept one of these (marked in the case list), and it judges.",
        );
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
    let surely = report.dice.is_some_and(|dice| dice.low > 0.0);
    match &report.verdict {
        Verdict::Better { .. } if compares => {
            let how = if surely { "better" } else { "not worse" };
            (
                ICON_CHECK_CIRCLE,
                colors.good,
                format!("{b} is {how} than {a}"),
            )
        }
        Verdict::Better { .. } => (
            ICON_CHECK_CIRCLE,
            colors.good,
            "It passed the gate".to_owned(),
        ),
        Verdict::Worse { .. } if compares => {
            (ICON_BLOCK, colors.error, format!("{b} is worse than {a}"))
        }
        Verdict::Worse { .. } => (
            ICON_BLOCK,
            colors.error,
            "It did not pass the gate".to_owned(),
        ),
        Verdict::NotYet { .. } => (
            ICON_HELP,
            colors.warning,
            "It does not find enough yet".to_owned(),
        ),
        Verdict::Ask { .. } if compares => (
            ICON_HELP,
            colors.warning,
            "These cases cannot tell".to_owned(),
        ),
        Verdict::Ask {
            speaks_for: true, ..
        } => (
            ICON_HELP,
            colors.warning,
            "A person has to decide; what there is speaks for it".to_owned(),
        ),
        Verdict::Ask { .. } => (
            ICON_HELP,
            colors.warning,
            "A person has to decide".to_owned(),
        ),
    }
}

/// "7 better, 1 worse, 2 about the same".
fn verdict_counts_text(report: &GateReport) -> String {
    let held_out = format!("{} held out", count_with_noun(report.cases.len(), "case"));
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
    let mut line = |name: &str,
                    of: &dyn Fn(&Scores) -> Option<f64>,
                    difference: Option<MeanInterval>,
                    digits,
                    sign| {
        let value = |scores: Option<Scores>| {
            scores
                .as_ref()
                .and_then(of)
                .map_or("–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let cell = difference.map_or(Cell::new("–"), |d| {
            let cell = Cell::new(with_interval(&d, digits));
            is_surely_better(&d, sign).map_or(Cell::new(with_interval(&d, digits)), |good| {
                cell.with_color(verdict_color(ui, good))
            })
        });
        table.show_row(
            ui,
            &[
                Cell::new(name),
                Cell::new(value(before)),
                Cell::new(value(after)),
                cell,
            ],
        );
    };
    line("Dice", &|s| Some(s.dice), report.dice, 3, 1.0);
    line("Hausdorff 95 (px)", &|s| s.hd95, report.hd95, 2, -1.0);
    line(
        "Boundary IoU",
        &|s| Some(s.boundary_iou),
        report.boundary_iou,
        3,
        1.0,
    );
}

fn show_case_table(
    ui: &mut Ui,
    report: &GateReport,
    height: f32,
    actions: &mut Vec<Action>,
) -> DialogOutcome {
    let table = TableColumns(&CASES);
    let mut sorted: Vec<&GateCase> = report.cases.iter().collect();
    sorted.sort_by(|a, b| a.dice_gain().total_cmp(&b.dice_gain()));
    // The bar of the list is not to lie on the figures.
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
    let (before, after) = (case.active, case.candidate);
    let figure = |value: Option<f64>, digits: usize| {
        value.map_or("–".to_owned(), |v| format!("{v:.digits$}"))
    };
    let change = |of: fn(&Scores) -> Option<f64>, digits: usize| {
        let now = figure(of(&after), digits);
        before.map_or(now.clone(), |b| {
            format!("{} to {now}", figure(of(&b), digits))
        })
    };
    let gain = match (before, case.change_direction()) {
        (None, _) => Cell::new("–"),
        _ if case.is_as_good() => Cell::new("as good"),
        (_, 0) => Cell::new(format!("{:+.3}", case.dice_gain())),
        (_, change) => {
            Cell::new(format!("{:+.3}", case.dice_gain())).with_color(verdict_color(ui, change > 0))
        }
    };
    [
        Cell::new(&case.name),
        Cell::new(figure(before.map(|s| s.dice), 3)),
        Cell::new(figure(Some(after.dice), 3)),
        gain,
        Cell::new(change(|s| s.hd95, 1)),
        Cell::new(change(|s| Some(s.boundary_iou), 2)),
    ]
}

/// Dice of each case before and after: above the diagonal it became better.
fn show_dice_scatter(ui: &mut Ui, report: &GateReport, side: f32) {
    let colors = theme::current_colors(ui);
    let judged: Vec<&GateCase> = report
        .cases
        .iter()
        .filter(|case| case.active.is_some())
        .collect();
    if judged.is_empty() {
        explanation_text(ui, "There was no model before to compare with.");
        return;
    }
    let groups = [
        (1, "better", colors.good),
        (-1, "worse", colors.error),
        (0, "about the same", colors.dimmed),
    ];
    let of = |sign: i8| {
        judged
            .iter()
            .filter(move |case| case.change_direction() == sign)
    };
    let series: Vec<ChartSeries> = groups
        .iter()
        .map(|(sign, name, color)| ChartSeries {
            name: (*name).to_owned(),
            points: of(*sign)
                .map(|c| [c.active.map_or(0.0, |s| s.dice), c.candidate.dice])
                .collect(),
            color: *color,
            is_joined: false,
            has_dots: true,
        })
        .collect();
    let tip = |name: &str, index: usize, place: egui_plot::PlotPoint| {
        let sign = groups
            .iter()
            .find(|(_, group, _)| *group == name)
            .map_or(0, |(sign, ..)| *sign);
        let case = of(sign).nth(index).map_or("", |case| case.name.as_str());
        format!("{case}\n{:.3} before, {:.3} after", place.x, place.y)
    };
    let chart = Chart {
        name: "Dice of each case before and after",
        axes: ["Dice before", "Dice after"],
        size: vec2(side, side),
        includes: &[],
        mark: None,
        has_diagonal: true,
        figure: format_short,
        tip: &tip,
    };
    chart.show_plot(ui, &series);
}

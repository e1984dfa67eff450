//! Content of a validation report on a click model: clicks and Dice, means and case by case.

use super::{explain_missing_cases, is_surely_better, mean_columns, verdict_color, with_interval};
use crate::{
    session::{Action, Actions, learning::LearnAction},
    ui::{
        dialogs::{DialogOutcome, Dialogs},
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::{count_with_noun, explanation_text, figure_or_dash},
    },
};
use egui::{RichText, ScrollArea, Ui};
use labrum_core::{
    bootstrap::MeanInterval,
    gate::clicks::{ClickCase, ClickReport},
};

const MEANS: [Column; 4] = mean_columns("Mean of the hold-out subjects");

const CASES: [Column; 6] = [
    Column::of_words("Case, worst first", 160.0),
    Column::of_figures("Objects", 72.0),
    Column::of_figures("Clicks before", 100.0),
    Column::of_figures("Clicks after", 100.0),
    Column::of_figures("Dice before", 92.0),
    Column::of_figures("Dice after", 92.0),
];

/// Shows means and cases.
pub(super) fn show_click_report(
    ui: &mut Ui,
    report: &ClickReport,
    actions: &mut Actions,
) -> DialogOutcome {
    let held_out = format!(
        "{} of {}",
        count_with_noun(report.cases.len(), "hold-out case"),
        count_with_noun(report.subjects, "subject")
    );
    ui.label(RichText::new(held_out).color(theme::current_colors(ui).strong));
    ui.add_space(4.0);
    if report.cases.is_empty() {
        explain_missing_cases(ui);
        return DialogOutcome::Stay;
    }
    explanation_text(
        ui,
        "Simulated clicks at the centre of the largest error, until Dice reaches 0.90; at most 10. \
         Dice is that after one click.",
    );
    ui.spacing_mut().item_spacing.y = 0.0;
    show_means(ui, report);
    ui.add_space(8.0);
    show_cases(ui, report, actions)
}

fn show_means(ui: &mut Ui, report: &ClickReport) {
    let table = TableColumns(&MEANS);
    table.show_headings(ui);
    let (before, after) = report.mean_scores().unzip();
    let clicks = [before, after].map(|scores| scores.map(|scores| scores.clicks));
    let dice = [before, after].map(|scores| scores.map(|scores| scores.dice));
    let lines = [
        ("Clicks to Dice 0.90", clicks, report.clicks, 2, -1.0),
        ("Dice after one click", dice, report.dice, 3, 1.0),
    ];
    for (name, [before, after], difference, digits, sign) in lines {
        let cells = [
            Cell::new(name),
            Cell::new(figure_or_dash(before, digits)),
            Cell::new(figure_or_dash(after, digits)),
            difference_cell(ui, difference, digits, sign),
        ];
        table.show_row(ui, &cells);
    }
}

/// Coloured if the difference is significant; `sign` is -1 where less is better.
fn difference_cell(ui: &Ui, of: Option<MeanInterval>, digits: usize, sign: f64) -> Cell {
    let Some(difference) = of else {
        return Cell::new("–");
    };
    let cell = Cell::new(with_interval(&difference, digits));
    match is_surely_better(&difference, sign) {
        Some(is_better) => cell.with_color(verdict_color(ui, is_better)),
        None => cell,
    }
}

fn show_cases(ui: &mut Ui, report: &ClickReport, actions: &mut Actions) -> DialogOutcome {
    let table = TableColumns(&CASES);
    let mut sorted: Vec<&ClickCase> = report.cases.iter().collect();
    sorted.sort_by(|a, b| clicks_saved(a).total_cmp(&clicks_saved(b)));
    // Headings outside the scroll area, so that they stay visible.
    table.show_headings(ui);
    let height = (ui.ctx().content_rect().height() - 430.0).clamp(3.0 * ROW, 12.0 * ROW);
    let mut turn = DialogOutcome::Stay;
    ScrollArea::vertical()
        .max_height(height)
        .auto_shrink([false, true])
        .show_rows(ui, ROW, sorted.len(), |ui, rows| {
            for case in sorted.get(rows).unwrap_or_default() {
                let response = table.show_selectable_row(ui, &case_cells(ui, case), false);
                let tip = format!("{}\nClick to show this case on the canvas", case.name);
                if response.on_hover_text(tip).clicked() {
                    actions.push(Action::Learn(LearnAction::ShowCase(case.key)));
                    turn = DialogOutcome::To(Box::new(Dialogs::None));
                }
            }
        });
    turn
}

/// Number of clicks that the candidate saves on a case.
fn clicks_saved(case: &ClickCase) -> f64 {
    case.active.clicks - case.candidate.clicks
}

fn case_cells(ui: &Ui, case: &ClickCase) -> [Cell; 6] {
    let saved = clicks_saved(case);
    let after = Cell::new(format!("{:.1}", case.candidate.clicks));
    [
        Cell::new(&case.name),
        Cell::new(case.objects.to_string()),
        Cell::new(format!("{:.1}", case.active.clicks)),
        if saved == 0.0 {
            after
        } else {
            after.with_color(verdict_color(ui, saved > 0.0))
        },
        Cell::new(format!("{:.3}", case.active.dice)),
        Cell::new(format!("{:.3}", case.candidate.dice)),
    ]
}

//! The list of the versions for masks or for clicks, newest first, and the row for the built-in or opened model.

use super::{VersionsDialog, state_of};
use crate::{
    session::{Action, Actions, Session, learning::LearnAction},
    ui::{
        dialogs::gate,
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::{figure_or_dash, format_timestamp},
    },
};
use egui::{Align, Button, Layout, RichText, ScrollArea, Ui, UiBuilder, vec2};
use egui_material_icons::icons::ICON_RADIO_BUTTON_CHECKED;
use labrum_core::learning::{ModelKind, Version};

const COLUMNS: [Column; 7] = columns("Dice");
const CLICK_COLUMNS: [Column; 7] = columns("Clicks");

const fn columns(score: &'static str) -> [Column; 7] {
    [
        Column::of_words("Version", 190.0),
        Column::of_words("State", 108.0),
        Column::of_words("Created", 132.0),
        Column::of_words("Starting model", 160.0),
        Column::of_figures("Cases", 56.0),
        Column::of_figures(score, 60.0),
        Column::of_figures("Change from active model", 206.0),
    ]
}

/// Maximum number of visible rows.
const ROWS: f32 = 8.0;

impl VersionsDialog {
    pub(super) fn show_version_list(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) {
        let table = match self.kind {
            ModelKind::Masks => TableColumns(&COLUMNS),
            ModelKind::Clicks => TableColumns(&CLICK_COLUMNS),
        };
        table.show_headings(ui);
        show_shipped_row(ui, session, self.kind, actions);
        let all = session.learning.versions.iter();
        let versions: Vec<&Version> = all.filter(|v| v.kind == self.kind).collect();
        let room = (ui.ctx().content_rect().height() - 500.0).clamp(3.0 * ROW, ROWS * ROW);
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            ScrollArea::vertical()
                .id_salt("versions")
                .max_height(room)
                .auto_shrink([false, true])
                .show_rows(ui, ROW, versions.len(), |ui, rows| {
                    for version in versions.iter().rev().skip(rows.start).take(rows.len()) {
                        let is_selected = self.selected == Some(version.key);
                        if table
                            .show_selectable_row(ui, &version_cells(ui, version), is_selected)
                            .clicked()
                        {
                            self.select_version(version);
                        }
                    }
                });
        });
    }

    pub(super) fn select_version(&mut self, version: &Version) {
        self.selected = Some(version.key);
        self.name.clone_from(&version.name);
        self.is_deleting = false;
    }
}

/// The row for the built-in or opened model.
fn show_shipped_row(ui: &mut Ui, session: &Session, kind: ModelKind, actions: &mut Actions) {
    let colors = theme::current_colors(ui);
    let is_used = session.learning.active_version_of(kind).is_none();
    let (name, use_name, action) = match kind {
        ModelKind::Masks => (
            "Built-in or opened model",
            "Use the built-in or opened model",
            LearnAction::Deactivate,
        ),
        ModelKind::Clicks => (
            "Built-in model",
            "Use the built-in model",
            LearnAction::UseShippedClicks,
        ),
    };
    let state = match is_used {
        true => Cell::new("Active")
            .with_icon(ICON_RADIO_BUTTON_CHECKED)
            .with_color(colors.good),
        false => Cell::new(""),
    };
    let row = TableColumns(&COLUMNS).show_row(ui, &[Cell::new(name), state]);
    let place = row
        .rect
        .with_min_x(row.rect.right() - 96.0)
        .shrink2(vec2(4.0, 0.0));
    let button = Button::new(RichText::new("Use").size(12.5)).min_size(vec2(88.0, 22.0));
    let inside = UiBuilder::new()
        .max_rect(place)
        .layout(Layout::left_to_right(Align::Center));
    let response = ui
        .scope_builder(inside, |ui| ui.add_enabled(!is_used, button))
        .inner;
    let response = response.accessible_name(use_name);
    let response = response.on_hover_text("Return to this model; all versions are kept");
    if response.on_disabled_hover_text("In use").clicked() {
        actions.push(Action::Learn(action));
    }
}

fn version_cells(ui: &Ui, version: &Version) -> [Cell; 7] {
    let (icon, color, state) = state_of(ui, version);
    let report = &version.report;
    let (score, difference, digits, sign) = match &report.clicks {
        Some(clicks) => {
            let mean = clicks.mean_scores().map(|(_, candidate)| candidate.clicks);
            (mean, clicks.clicks, 2, -1.0)
        }
        None => (
            report.mean_scores().1.map(|mean| mean.dice),
            report.dice,
            3,
            1.0,
        ),
    };
    let difference = difference.map_or(Cell::new("–"), |d| {
        let cell = Cell::new(gate::with_interval(&d, digits));
        match gate::is_surely_better(&d, sign) {
            Some(is_better) => cell.with_color(gate::verdict_color(ui, is_better)),
            None => cell,
        }
    });
    [
        Cell::new(&version.name),
        Cell::new(state).with_icon(icon).with_color(color),
        Cell::new(format_timestamp(version.made_at)),
        Cell::new(&version.parent_name),
        Cell::new(version.cases.to_string()),
        Cell::new(figure_or_dash(score, digits)),
        difference,
    ]
}

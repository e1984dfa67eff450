//! The list of the measurements that were drawn on the case, and the choice of what the Measure tool draws.

use crate::{
    session::{
        Action, Actions, Session, case::Case, command::UserCommand, measurements::MeasureAction,
        tool_options::ToolOptions,
    },
    ui::{
        dialogs::Dialogs,
        shortcuts, theme,
        widgets::{command_button, explanation_text, segmented_choice},
    },
};
use egui::{
    Align, Button, Label, Layout, Response, RichText, Role, ScrollArea, Sense, Ui, UiBuilder,
    WidgetInfo, vec2,
};
use egui_material_icons::icons::{ICON_DELETE, ICON_EDIT};
use labrum_core::measurement::{DrawnMeasurement, ShapeKind};

/// Height of a row, in points.
const ROW: f32 = 26.0;

/// Maximum number of rows before the list scrolls.
const ROWS: usize = 6;

/// The choice of what the Measure tool draws.
pub(super) fn choose_kind(ui: &mut Ui, session: &Session, options: &mut ToolOptions) {
    use ShapeKind as K;
    let rows: [&[(K, &str)]; 3] = [
        &[
            (K::Length, "Length"),
            (K::Angle, "Angle"),
            (K::CobbAngle, "Cobb angle"),
        ],
        &[(K::Bidirectional, "Bidirectional"), (K::Point, "Point")],
        &[
            (K::Ellipse, "Ellipse"),
            (K::Rectangle, "Rectangle"),
            (K::Freehand, "Freehand"),
        ],
    ];
    for row in rows {
        let choices: Vec<(K, &str, String)> = row
            .iter()
            .map(|(kind, name)| {
                let command = UserCommand::for_measure_kind(*kind);
                let tip = shortcuts::command_tooltip(&session.settings.keys, command);
                (*kind, *name, tip)
            })
            .collect();
        if let Some(kind) = segmented_choice(ui, options.measure, &choices) {
            options.measure = kind;
        }
    }
}

/// Shows the list; a click on a row goes to its slice.
pub(super) fn show_list(
    ui: &mut Ui,
    session: &Session,
    case: &Case,
    dialogs: &mut Dialogs,
    actions: &mut Actions,
) {
    if case.measurements.is_empty() {
        let key = shortcuts::key_of(&session.settings.keys, UserCommand::ToolMeasure);
        let words = format!("None yet. Choose the Measure tool ({key}) and draw on the image.");
        return explanation_text(ui, &words);
    }
    ScrollArea::vertical()
        .id_salt("drawn measurements")
        .max_height(ROW * ROWS as f32)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for drawn in case.measurements.all() {
                show_row(ui, session, case, drawn, dialogs, actions);
            }
        });
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        for (command, icon) in [
            (UserCommand::EditMeasurement, ICON_EDIT),
            (UserCommand::DeleteMeasurement, ICON_DELETE),
        ] {
            let button = Button::new(icon.rich_text().size(16.0)).frame_when_inactive(false);
            command_button(ui, session, actions, command, button);
        }
    });
}

fn show_row(
    ui: &mut Ui,
    session: &Session,
    case: &Case,
    drawn: &DrawnMeasurement,
    dialogs: &mut Dialogs,
    actions: &mut Actions,
) {
    let colors = theme::current_colors(ui);
    let is_selected = session.measuring.selected_id() == Some(drawn.id.as_str());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let values = case.measurements.values_of(&drawn.id);
    let summary = values.map_or(String::new(), |measured| measured.summary());
    response.widget_info(|| {
        let name = format!("Measurement {}: {summary}", drawn.name);
        WidgetInfo::selected(Role::Button, true, is_selected, name)
    });
    let ground = rect.shrink2(vec2(0.0, 1.0));
    if is_selected {
        ui.painter().rect_filled(ground, 4.0, colors.selected);
    } else if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(ground, 4.0, colors.raised);
    }
    ui.scope_builder(
        UiBuilder::new()
            .max_rect(rect.shrink2(vec2(6.0, 0.0)))
            .layout(Layout::right_to_left(Align::Center)),
        |ui| {
            ui.label(RichText::new(&summary).size(12.0).color(colors.dimmed));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let color = if is_selected {
                    colors.strong
                } else {
                    colors.text
                };
                ui.add(Label::new(RichText::new(&drawn.name).color(color)).truncate());
            });
        },
    );
    let response = response.on_hover_text(row_tooltip(case, drawn));
    show_row_menu(&response, drawn, dialogs, actions);
    if response.double_clicked() {
        dialogs.edit_measurement(drawn);
    } else if response.clicked() || response.secondary_clicked() {
        actions.push(Action::Measure(MeasureAction::GoTo(drawn.id.clone())));
    }
}

/// All values of a measurement, its finding and its slice, line by line.
fn row_tooltip(case: &Case, drawn: &DrawnMeasurement) -> String {
    let place = match drawn.slice() {
        Some(slice) => format!("Slice {} of {}", slice + 1, case.slices.len()),
        None => "Across the slices".to_owned(),
    };
    let mut lines = vec![format!("{}, {place}", drawn.shape.kind().display_name())];
    lines.extend(drawn.finding.iter().map(|code| code.meaning.clone()));
    if let Some(measured) = case.measurements.values_of(&drawn.id) {
        lines.extend(measured.short_lines());
        lines.extend(measured.spacing.err().map(|why| why.reason_sentence()));
    }
    lines.extend((!drawn.author.is_empty()).then(|| format!("Drawn by {}", drawn.author)));
    lines.join("\n")
}

fn show_row_menu(
    response: &Response,
    drawn: &DrawnMeasurement,
    dialogs: &mut Dialogs,
    actions: &mut Actions,
) {
    response.context_menu(|ui| {
        if ui.button("Edit...").clicked() {
            dialogs.edit_measurement(drawn);
            ui.close();
        }
        if ui.button("Delete").clicked() {
            actions.push(Action::Measure(MeasureAction::Delete(drawn.id.clone())));
            ui.close();
        }
    });
}

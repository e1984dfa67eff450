//! The label list: the active label, and which labels are visible and locked.

use super::{context, tools};
use crate::{
    session::{
        Action, Actions, Session, command::UserCommand, labels::LabelAction,
        workspace_labels::PaintOver,
    },
    ui::{
        dialogs::Dialogs,
        shortcuts, theme,
        widgets::{color_swatch, command_button, explanation_text, format_number, icon_button},
    },
};
use egui::{
    Align, Button, Label as Words, Layout, RichText, Role, ScrollArea, Sense, Ui, UiBuilder,
    WidgetInfo, vec2,
};
use egui_material_icons::{
    MaterialIcon,
    icons::{
        ICON_ADD, ICON_BLOCK, ICON_EDIT, ICON_LOCK, ICON_LOCK_OPEN, ICON_REMOVE, ICON_VISIBILITY,
        ICON_VISIBILITY_OFF,
    },
};
use labrum_core::{label::Label, measure::Measurement};

const ROW: f32 = 26.0;

/// Maximum number of rows before the list scrolls.
const ROWS: usize = 6;

/// Shows the list.
pub(in crate::ui) fn show_list(
    ui: &mut Ui,
    session: &Session,
    dialogs: &mut Dialogs,
    actions: &mut Actions,
) {
    let labels = session.standing_labels();
    if let Some(task) = session.task_name() {
        explanation_text(ui, &format!("Task: {task}"));
    }
    if labels.is_empty() {
        explanation_text(ui, "No labels yet. The first stroke creates one.");
    }
    let height = ROW * ROWS as f32;
    ScrollArea::vertical()
        .id_salt("labels")
        .max_height(height)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for value in labels {
                let label = usize::from(value)
                    .checked_sub(1)
                    .and_then(|i| session.labels.all_labels().get(i));
                label
                    .into_iter()
                    .for_each(|label| show_list_row(ui, session, value, label, dialogs, actions));
            }
        });
    ui.add_space(2.0);
    ui.horizontal(|ui| {
        if icon_button(ui, ICON_ADD, "Add a label").clicked() {
            dialogs.add_label(session);
        }
        let active = session.labels.active_label();
        ui.add_enabled_ui(active > 0, |ui| {
            if icon_button(ui, ICON_EDIT, "Edit the label").clicked() {
                dialogs.edit_label(session, active);
            }
            command_icon(ui, session, actions, UserCommand::RemoveLabel, ICON_REMOVE);
            command_icon(ui, session, actions, UserCommand::NothingHere, ICON_BLOCK);
        });
    });
    tools::paint_over(ui, session, actions);
}

fn show_list_row(
    ui: &mut Ui,
    session: &Session,
    value: u8,
    label: &Label,
    dialogs: &mut Dialogs,
    actions: &mut Actions,
) {
    let colors = theme::current_colors(ui);
    let is_active = session.labels.active_label() == value;
    let measured = session
        .cases
        .current_case()
        .and_then(|c| c.shown_finding())
        .and_then(|f| f.measurements.iter().find(|m| m.label == value));
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| {
        WidgetInfo::selected(
            Role::Button,
            true,
            is_active,
            format!("Label {}", label.name),
        )
    });
    let ground = rect.shrink2(vec2(0.0, 1.0));
    if is_active {
        ui.painter().rect_filled(ground, 4.0, colors.selected);
    } else if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(ground, 4.0, colors.raised);
    }
    let inner = rect.shrink2(vec2(6.0, 0.0));
    ui.scope_builder(
        UiBuilder::new()
            .max_rect(inner)
            .layout(Layout::right_to_left(Align::Center)),
        |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            ui.spacing_mut().button_padding.x = 3.0;
            show_row_switches(ui, session, value, label, actions);
            ui.add_space(4.0);
            let is_absent = session
                .cases
                .current_case()
                .is_some_and(|c| c.is_absent(c.slice, value));
            let words = if is_absent {
                "absent".to_owned()
            } else {
                measured.map_or(String::new(), area_text)
            };
            ui.label(RichText::new(words).size(12.0).color(colors.dimmed));
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                color_swatch(ui, label.color);
                let color = if is_active {
                    colors.strong
                } else {
                    colors.text
                };
                ui.add(Words::new(RichText::new(&label.name).color(color)).truncate());
            });
        },
    );
    let keys = &session.settings.keys;
    let [before, next] =
        [UserCommand::PreviousLabel, UserCommand::NextLabel].map(|c| shortcuts::key_of(keys, c));
    let tip = format!(
        "{}\nDouble-click to edit. {before} and {next} switch the active label.",
        label.concept.meaning
    );
    let response = response.on_hover_text(tip);
    context::show_label_menu(&response, session, (value, label), dialogs, actions);
    if response.double_clicked() {
        dialogs.edit_label(session, value);
    } else if response.clicked() {
        actions.push(Action::Label(LabelAction::Choose(value)));
    }
}

/// The lock and visibility buttons of a row.
fn show_row_switches(
    ui: &mut Ui,
    session: &Session,
    value: u8,
    label: &Label,
    actions: &mut Actions,
) {
    let name = &label.name;
    let (icon, what) = if label.locked {
        (ICON_LOCK, "Unlock")
    } else {
        (ICON_LOCK_OPEN, "Lock")
    };
    if icon_switch(ui, icon, label.locked, &format!("{what} {name}")) {
        let changed = Label {
            locked: !label.locked,
            ..label.clone()
        };
        actions.push(Action::Label(LabelAction::Change(value, changed)));
        // A locked label cannot be the only one that may be overwritten.
        if !label.locked && session.labels.paint_over() == PaintOver::Label(value) {
            actions.push(Action::Label(LabelAction::PaintOver(PaintOver::Everything)));
        }
    }
    let (icon, what) = if label.visible {
        (ICON_VISIBILITY, "Hide")
    } else {
        (ICON_VISIBILITY_OFF, "Show")
    };
    if icon_switch(ui, icon, !label.visible, &format!("{what} {name}")) {
        let changed = Label {
            visible: !label.visible,
            ..label.clone()
        };
        actions.push(Action::Label(LabelAction::Change(value, changed)));
    }
}

/// An icon toggle, highlighted if `is_set`; returns true if clicked.
fn icon_switch(ui: &mut Ui, icon: MaterialIcon, is_set: bool, name: &str) -> bool {
    let colors = theme::current_colors(ui);
    let color = if is_set {
        colors.warning
    } else {
        colors.dimmed
    };
    let button = Button::new(icon.rich_text().size(16.0).color(color)).frame_when_inactive(false);
    ui.add(button)
        .on_hover_text(name)
        .accessible_name(name)
        .clicked()
}

/// An icon button for a command.
fn command_icon(
    ui: &mut Ui,
    session: &Session,
    actions: &mut Actions,
    command: UserCommand,
    icon: MaterialIcon,
) {
    let button = Button::new(icon.rich_text().size(16.0)).frame_when_inactive(false);
    command_button(ui, session, actions, command, button);
}

fn area_text(m: &Measurement) -> String {
    format!("{} {}²", format_number(m.area), m.unit.symbol())
}

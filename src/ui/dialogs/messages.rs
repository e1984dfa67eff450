//! The list of errors since the start.

use super::sheet;
use crate::{
    session::{Action, Actions, Session},
    ui::{
        theme,
        widgets::{explanation_text, format_timestamp},
    },
};
use egui::{Label, RichText, Ui};
use std::time::{SystemTime, UNIX_EPOCH};

/// Shows the list, newest first; true once it is done.
pub(super) fn show_dialog(ui: &mut Ui, session: &Session, actions: &mut Actions) -> bool {
    let errors = &session.notices.errors;
    sheet::show_body(ui, "Messages", |ui| {
        if errors.is_empty() {
            explanation_text(ui, "No errors.");
        }
        for notice in errors.iter().rev() {
            explanation_text(ui, &time_of_day(notice.at));
            ui.add(
                Label::new(RichText::new(&notice.text).color(theme::current_colors(ui).text))
                    .wrap()
                    .selectable(true),
            );
            ui.add_space(6.0);
        }
    });
    sheet::show_buttons(ui, |ui| {
        let done = sheet::main_button(ui, "Close", None);
        let none = errors.is_empty();
        if ui
            .add_enabled(!none, sheet::side_button("Clear"))
            .on_hover_text("Remove all messages from the list")
            .clicked()
        {
            actions.push(Action::ClearErrors);
        }
        if ui
            .add_enabled(!none, sheet::side_button("Copy all"))
            .on_hover_text("Copy all messages to the clipboard")
            .clicked()
        {
            let lines: Vec<String> = errors
                .iter()
                .map(|n| format!("{}  {}", time_of_day(n.at), n.text))
                .collect();
            ui.copy_text(lines.join("\n"));
        }
        done
    })
}

fn time_of_day(at: SystemTime) -> String {
    format_timestamp(
        at.duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis() as i64),
    )
}

//! What failed since the start, to be read again or copied.

use super::sheet;
use crate::{
    session::{Action, Session},
    ui::{
        theme,
        widgets::{explanation_text, format_timestamp},
    },
};
use egui::{Button, Label, RichText, Ui, vec2};
use std::time::{SystemTime, UNIX_EPOCH};

/// Shows the list, the newest first; true once it is done.
pub(super) fn show_dialog(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> bool {
    let errors = &session.notices.errors;
    sheet::show_body(ui, "Messages", |ui| {
        if errors.is_empty() {
            explanation_text(ui, "Nothing has failed.");
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
        let button = |words: &'static str| Button::new(words).min_size(vec2(88.0, 28.0));
        if ui
            .add_enabled(!none, button("Clear"))
            .on_hover_text("Forget them")
            .clicked()
        {
            actions.push(Action::ClearErrors);
        }
        if ui
            .add_enabled(!none, button("Copy all"))
            .on_hover_text("Put them on the clipboard")
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

//! The bar below the menus that says that the workspace is read-only, and what can be done about it.

use crate::{
    session::{Action, Actions, Session, command::UserCommand, job::Pick, store::WorkspaceState},
    ui::{
        theme,
        widgets::{command_button, primary_button},
    },
};
use egui::{Align, Button, Label, Layout, RichText, Ui};
use egui_material_icons::icons::ICON_LOCK;

/// Shows the bar.
pub(in crate::ui) fn show_read_only_bar(
    ui: &mut Ui,
    session: &Session,
    holder: &str,
    actions: &mut Actions,
) {
    let colors = theme::current_colors(ui);
    ui.horizontal(|ui| {
        ui.label(ICON_LOCK.rich_text().size(18.0).color(colors.warning));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            command_button(ui, session, actions, UserCommand::Quit, Button::new("Quit"));
            if ui.button("Another workspace...").clicked() {
                actions.push(Action::Pick(Pick::Workspace));
            }
            take_over(ui, session, actions);
            let words = match session.workspace.can_take_over() {
                true => "Read-only: the other window has closed this workspace. Press \"Edit here\" to edit it.",
                false => "Read-only: this workspace is open in another window.",
            };
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(words).color(colors.warning)).truncate())
                    .on_hover_text(format!("{words}\nOpened by {holder}."));
            });
        });
    });
}

/// A button that reopens the workspace for editing.
fn take_over(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let WorkspaceState::Open(info) = session.workspace.state() else {
        return;
    };
    let is_free = session.workspace.can_take_over();
    let button = if is_free {
        primary_button(ui, "Edit here")
    } else {
        Button::new("Edit here")
    };
    let response = ui.add_enabled(is_free, button);
    let response = response.on_disabled_hover_text("Close the workspace in the other window first");
    if response
        .on_hover_text("Reopen the workspace for editing")
        .clicked()
    {
        actions.push(Action::OpenWorkspace(info.folder.clone()));
    }
}

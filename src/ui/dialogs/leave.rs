//! Asks before the window is closed on work that is not written yet.

use super::title;
use crate::{
    session::{Action, Session, store::WorkspaceState},
    ui::widgets::{explain, primary},
};
use egui::{Align, Button, Layout, Ui, ViewportCommand, vec2};

/// What was answered.
#[derive(Default)]
pub(crate) struct LeaveDialog {
    /// The window closes even so.
    pub(super) may_lose_work: bool,
}

impl LeaveDialog {
    /// Shows the dialog; true once it is done.
    pub(super) fn show(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> bool {
        let count = session.unsaved();
        if count == 0 {
            ui.send_viewport_cmd(ViewportCommand::Close);
            return true;
        }
        title(ui, "Leave?");
        let steps = if count == 1 { "1 change is".to_owned() } else { format!("{count} changes are") };
        let reason = match (session.store_trouble(), session.workspace()) {
            (Some(reason), _) => reason,
            (None, WorkspaceState::Failed(reason)) => reason,
            (None, _) => "",
        };
        ui.label(match reason {
            "" => format!("{steps} being saved. The window closes once that is done."),
            _ => format!("{steps} not saved: they are lost when the window closes."),
        });
        explain(ui, reason);
        ui.add_space(12.0);
        let mut stays = false;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            stays = ui.add(primary(ui, "Stay").min_size(vec2(88.0, 28.0))).clicked();
            if !reason.is_empty() && ui.add(Button::new("Try again").min_size(vec2(88.0, 28.0))).clicked() {
                actions.push(Action::RetryStore);
            }
            if ui.add(Button::new("Leave and lose them").min_size(vec2(88.0, 28.0))).clicked() {
                self.may_lose_work = true;
                ui.send_viewport_cmd(ViewportCommand::Close);
            }
        });
        stays
    }
}

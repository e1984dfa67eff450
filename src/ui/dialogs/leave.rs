//! Asks before the window is closed on work that is not written yet, or on a round of training.

use super::sheet;
use crate::{
    session::{Action, Session, store::WorkspaceState},
    ui::widgets::explanation_text,
};
use egui::{Button, Ui, ViewportCommand, vec2};

/// What was answered.
#[derive(Default)]
pub(crate) struct LeaveDialog {
    /// The window closes even so.
    pub(super) may_leave: bool,
    /// The round of training may be cut off.
    may_cut_off: bool,
    asks_for_training: bool,
}

impl LeaveDialog {
    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Vec<Action>,
    ) -> bool {
        let count = session.unsaved_count();
        let trains = session.learning.running.is_some() && !self.may_cut_off;
        self.asks_for_training |= trains;
        if count == 0 && !trains {
            // A round that ended by itself meanwhile is something to look at.
            if self.asks_for_training && !self.may_cut_off {
                return true;
            }
            self.may_leave = true;
            ui.send_viewport_cmd(ViewportCommand::Close);
            return false;
        }
        let reason = match (session.store_trouble(), session.workspace_state()) {
            (Some(reason), _) => reason,
            (None, WorkspaceState::Failed(reason)) => reason,
            (None, _) => "",
        };
        sheet::show_body(
            ui,
            if count == 0 {
                "Quit while it trains?"
            } else {
                "Leave?"
            },
            |ui| {
                if trains {
                    ui.label("A round of training is running.");
                    explanation_text(
                        ui,
                        "It stops when the window closes and goes on where it was cut off the next time this workspace is \
                     opened. At most the last ten seconds of it are lost.",
                    );
                }
                if count > 0 {
                    let steps = if count == 1 {
                        "1 change is".to_owned()
                    } else {
                        format!("{count} changes are")
                    };
                    ui.label(match reason {
                        "" => format!("{steps} being saved. The window closes once that is done."),
                        _ => format!("{steps} not saved: they are lost when the window closes."),
                    });
                    explanation_text(ui, reason);
                }
            },
        );
        sheet::show_buttons(ui, |ui| {
            let stays = sheet::main_button(ui, "Stay", None);
            let button = |words: &'static str| Button::new(words).min_size(vec2(88.0, 28.0));
            if !reason.is_empty() && ui.add(button("Try again")).clicked() {
                actions.push(Action::RetryStore);
            }
            if count > 0 && !reason.is_empty() {
                if ui.add(button("Leave and lose them")).clicked() {
                    self.may_leave = true;
                    ui.send_viewport_cmd(ViewportCommand::Close);
                }
            } else if ui.add(button("Quit")).clicked() {
                // What is being saved is waited for.
                self.may_cut_off = true;
                ui.ctx().request_repaint();
            }
            stays
        })
    }
}

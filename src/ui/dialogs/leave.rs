//! Asks before the window is closed while changes are unsaved or training is running.

use super::sheet;
use crate::{
    session::{Action, Actions, Session, store::WorkspaceState},
    ui::widgets::explanation_text,
};
use egui::{Ui, ViewportCommand};

/// The answers so far.
#[derive(Default)]
pub(crate) struct LeaveDialog {
    /// The window may close.
    pub(super) may_leave: bool,
    /// Training may be interrupted.
    may_cut_off: bool,
    asks_for_training: bool,
}

impl LeaveDialog {
    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let count = session.workspace.unsaved_count();
        let trains = session.learning.running.is_some() && !self.may_cut_off;
        self.asks_for_training |= trains;
        if count == 0 && !trains {
            // If training finished in the meantime, stay open so that the user sees the result.
            if self.asks_for_training && !self.may_cut_off {
                return true;
            }
            self.may_leave = true;
            ui.send_viewport_cmd(ViewportCommand::Close);
            return false;
        }
        let reason = match (session.workspace.trouble(), session.workspace.state()) {
            (Some(reason), _) => reason,
            (None, WorkspaceState::Failed(reason)) => reason,
            (None, _) => "",
        };
        sheet::show_body(
            ui,
            if count == 0 {
                "Quit during training?"
            } else {
                "Quit with unsaved changes?"
            },
            |ui| {
                if trains {
                    ui.label("A round of training is running.");
                    explanation_text(
                        ui,
                        "Training stops when the window closes and resumes the next time this workspace is opened. \
                         At most the last ten seconds of training are lost.",
                    );
                }
                if count > 0 {
                    let steps = if count == 1 {
                        "1 change is".to_owned()
                    } else {
                        format!("{count} changes are")
                    };
                    ui.label(match reason {
                        "" => format!("{steps} being saved. The window closes when this is done."),
                        _ => format!("{steps} not saved and will be lost when the window closes."),
                    });
                    explanation_text(ui, reason);
                }
            },
        );
        sheet::show_buttons(ui, |ui| {
            let stays = sheet::main_button(ui, "Cancel", None);
            if !reason.is_empty() && ui.add(sheet::side_button("Try again")).clicked() {
                actions.push(Action::RetryStore);
            }
            if count > 0 && !reason.is_empty() {
                if ui.add(sheet::side_button("Discard and quit")).clicked() {
                    self.may_leave = true;
                    ui.send_viewport_cmd(ViewportCommand::Close);
                }
            } else if ui.add(sheet::side_button("Quit")).clicked() {
                // The window closes once everything is saved.
                self.may_cut_off = true;
                ui.ctx().request_repaint();
            }
            stays
        })
    }
}

//! A workspace that another window has open can be looked at: nothing is drawn, accepted or learned here.

use super::{
    Action, Session, command::UserCommand, job::Pick, labels::LabelAction, learning::LearnAction,
    notice::Severity, store::WorkspaceState, tools::ToolKind,
};

/// Why something cannot be done while the workspace is only looked at.
pub(super) const LOOKING: &str =
    "The workspace is open in another window: here it can only be looked at";

impl Session {
    /// Who has the workspace open, where this window only looks at it.
    pub fn lock_holder(&self) -> Option<&str> {
        match &self.workspace {
            WorkspaceState::Open(info) => info.holder.as_deref(),
            WorkspaceState::Opening | WorkspaceState::Failed(_) => None,
        }
    }

    /// True where the window that had the workspace open is closed since.
    pub fn can_take_over(&self) -> bool {
        self.is_holder_gone && self.lock_holder().is_some()
    }

    /// A workspace was opened, to work in or to look at.
    pub(super) fn begin_looking(&mut self) {
        self.is_holder_gone = false;
        if self.lock_holder().is_some() {
            self.choose_tool(ToolKind::Look);
        }
    }

    pub(super) fn on_holder_gone(&mut self) {
        if self.lock_holder().is_some() {
            self.is_holder_gone = true;
            self.notices.add(
                Severity::Info,
                "The other window has closed the workspace: you can work on it here now.",
            );
        }
    }

    /// True, and said, for what cannot be done while the workspace is only looked at. Commands say so themselves.
    pub(super) fn is_only_looking(&mut self, action: &Action) -> bool {
        let is_refused = self.lock_holder().is_some() && self.changes_work(action);
        if is_refused {
            self.notices.add(Severity::Hint, format!("{LOOKING}."));
        }
        is_refused
    }

    fn changes_work(&self, action: &Action) -> bool {
        match action {
            Action::RenameWorkspace(_) | Action::MoveWorkspace(_) | Action::ImportMasks(_) => true,
            Action::TakeOverlapping(Some(_))
            | Action::AnswerImport(Some(_))
            | Action::Picked(Pick::Masks, _)
            | Action::Pick(Pick::Masks) => true,
            Action::Label(LabelAction::Choose(_) | LabelAction::PaintOver(_)) => false,
            Action::Label(LabelAction::Change(value, new)) => {
                // Hiding a label is a way of looking.
                let known = usize::from(*value)
                    .checked_sub(1)
                    .and_then(|i| self.labels.get(i));
                known.is_none_or(|label| super::labels::shown_alike(label, new) != *new)
            }
            Action::Label(_) => true,
            Action::Learn(learn) => !matches!(
                learn,
                LearnAction::Export(..)
                    | LearnAction::Compare(..)
                    | LearnAction::ShowCase(_)
                    | LearnAction::Report
                    | LearnAction::ExportReport(_)
            ),
            _ => false,
        }
    }
}

impl UserCommand {
    /// True where it changes what the workspace keeps.
    pub(super) fn changes_work(self) -> bool {
        use UserCommand as C;
        let is_draw = self.tool_kind().is_some_and(|tool| tool != ToolKind::Look);
        is_draw
            || self.changes_mask()
            || matches!(
                self,
                C::Undo
                    | C::Redo
                    | C::UndoAnywhere
                    | C::RedoAnywhere
                    | C::Accept
                    | C::Skip
                    | C::ImportMasks
                    | C::ImportFound
            )
            || matches!(
                self,
                C::MoveToLabel | C::MergeLabel | C::RemoveLabel | C::ChooseTask | C::RemoveCase
            )
            || matches!(
                self,
                C::SegmentSlice
                    | C::SegmentSeries
                    | C::Train
                    | C::PauseTraining
                    | C::CancelTraining
            )
    }
}

//! Read-only mode for a workspace that another window has open: no drawing, accepting or training.

use super::{
    Action, Session, command::UserCommand, job::Pick, labels::LabelAction, learning::LearnAction,
    measurements::MeasureAction, notice::Severity, tool_options::ToolKind,
};

/// Why work cannot be changed in read-only mode.
pub(super) const LOOKING: &str = "The workspace is open in another window and read-only here";

impl Session {
    /// A workspace was opened, for editing or read-only.
    pub(super) fn begin_looking(&mut self) {
        self.workspace.is_holder_gone = false;
        if self.workspace.lock_holder().is_some() {
            self.choose_tool(ToolKind::Look);
            // Their answers would change the work.
            self.clicks = Default::default();
            self.second_choices = Default::default();
        }
    }

    pub(super) fn on_holder_gone(&mut self) {
        if self.workspace.lock_holder().is_some() {
            self.workspace.is_holder_gone = true;
            self.notices.add(
                Severity::Info,
                "The other window has closed the workspace. Press \"Edit here\" to edit it.",
            );
        }
    }

    /// True, with a message, for actions that are not allowed in read-only mode. Commands show their own reason.
    pub(super) fn is_only_looking(&mut self, action: &Action) -> bool {
        let is_refused = self.workspace.lock_holder().is_some() && self.changes_work(action);
        if is_refused {
            self.notices.add(Severity::Hint, format!("{LOOKING}."));
        }
        is_refused
    }

    /// True for actions other than commands that change what the workspace stores.
    pub(super) fn changes_work(&self, action: &Action) -> bool {
        match action {
            Action::RenameWorkspace(_) | Action::MoveWorkspace(_) | Action::ImportMasks(_) => true,
            Action::TakeOverlapping(Some(_))
            | Action::AnswerImport(Some(_))
            | Action::Picked(Pick::Masks | Pick::Measurements, _)
            | Action::Pick(Pick::Masks | Pick::Measurements) => true,
            Action::Label(LabelAction::Choose(_) | LabelAction::PaintOver(_)) => false,
            Action::Label(LabelAction::Change(value, new)) => {
                // Hiding a label is allowed.
                let known = usize::from(*value)
                    .checked_sub(1)
                    .and_then(|i| self.labels.list.get(i));
                known.is_none_or(|label| super::labels::shown_alike(label, new) != *new)
            }
            Action::Label(_) => true,
            Action::Measure(measure) => !matches!(measure, MeasureAction::GoTo(_)),
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
    /// True if it changes what the workspace stores.
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
                C::EditMeasurement | C::DeleteMeasurement | C::ImportMeasurements
            )
            || matches!(self, C::MarkEndDiastole | C::MarkEndSystole)
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

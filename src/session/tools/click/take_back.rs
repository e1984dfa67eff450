//! Prompts of the Click tool that are removed again: Undo and Redo, and Esc, which discards the object.

use super::Session;
use crate::session::{
    click_place::ClickPlace,
    history::StepId,
    job::CaseId,
    notice::Severity,
    undo::{Reach, UndoDirection},
};

impl Session {
    /// Discards the current object: undoes its steps, and removes its other prompts. False if there is none.
    pub(in crate::session::tools) fn drop_object(&mut self) -> bool {
        let Some(object) = self.clicks.object() else {
            return false;
        };
        let case = object.place().case();
        if !self.is_place_shown(object.place()) {
            return false;
        }
        while self.clicks.take_back_from_current() {}
        while self.is_newest_step_of_object(case) {
            self.step_history(UndoDirection::Back, Reach::Here);
            while self.clicks.take_back_from_current() {}
        }
        if self.clicks.object().is_some() {
            let text = "The object was kept, because there are later changes. Undo those first.";
            self.notices.add(Severity::Hint, text);
            self.clicks.take_object();
        }
        self.ask_next_click();
        true
    }

    /// True if undo would undo a step of the object.
    fn is_newest_step_of_object(&self, case: CaseId) -> bool {
        let newest = self.history.next_undo(Some(case)).map(|step| step.id);
        newest.is_some() && newest == self.clicks.newest_step()
    }

    /// Removes the newest prompt without a step, and shows its place. False if there is none.
    pub(in crate::session) fn take_back_prompt(&mut self, reach: Reach) -> bool {
        let of = self.case_in_reach(reach);
        let Some(place) = of.and_then(|of| self.clicks.take_back_prompt(of)) else {
            return false;
        };
        if !self.is_place_shown(&place) {
            self.go_to_place(&place);
            let text = "Undo: removed a click here that was still being computed.";
            self.notices.add(Severity::Hint, text);
        }
        self.ask_next_click();
        true
    }

    /// The place of the prompt without a step that undo would remove.
    pub(in crate::session) fn prompt_to_take_back(&self, reach: Reach) -> Option<&ClickPlace> {
        self.clicks.loose_prompt(self.case_in_reach(reach)?)
    }

    /// Removes the prompt of a step that was undone, or restores that of a step that was redone.
    pub(in crate::session) fn follow_clicks(&mut self, step: StepId, is_undone: bool) {
        let place = self.clicks.follow_step(step, is_undone);
        if let Some(revision) = place.and_then(|place| self.revision_of_place(&place)) {
            self.clicks.note_mask(revision);
        }
    }
}

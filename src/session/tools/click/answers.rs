//! Answers of the network to prompts: each is painted as one step.

use super::Session;
use crate::session::{
    click_place::ClickPlace,
    clicked::ClickedObject,
    clicks::{AnsweredPrompt, PendingObject},
    job::ClickAnswer,
    notice::Severity,
    tool_options::ToolKind,
};
use labrum_core::{
    journal::{Also, StepPrompts},
    mask::{Mask, Rule},
    prompts::Prompt,
    region::Region,
};
use std::sync::Arc;

impl Session {
    /// Handles an answer of the network; it is held until a stroke ends, and until the case is restored.
    pub(in crate::session) fn on_clicked(&mut self, answer: ClickAnswer) {
        let case = self.cases.case_by_id(answer.case);
        if self.tools.is_painting() || case.is_some_and(|case| !case.is_restored) {
            self.clicks.held = Some(answer);
            return;
        }
        match (self.clicks.accept_answer(&answer), answer.result) {
            (Some(prompt), Ok(found)) => {
                self.paint_object(answer.object, prompt, found, answer.model);
            }
            (Some(_), Err(error)) => {
                self.clicks.drop_waiting();
                self.show_error(&error);
            }
            (None, _) => {}
        }
        self.ask_next_click();
    }

    /// Handles the answer that was held, unless it has to be held longer.
    pub(in crate::session) fn take_held_click(&mut self) {
        if let Some(answer) = self.clicks.held.take() {
            self.on_clicked(answer);
        }
    }

    /// Paints the answer of a model to the newest prompt of an object, as one step.
    fn paint_object(&mut self, id: u64, prompt: Prompt, found: Arc<ClickedObject>, model: String) {
        let Some(object) = self.clicks.object_by_id(id) else {
            return;
        };
        let place = object.place().clone();
        let label = object.label();
        // The case may have been closed.
        let Some(now) = self
            .mask_of_place(&place)
            .filter(|mask| found.has_size(mask.columns(), mask.rows()))
        else {
            return self.clicks.forget_object(id);
        };
        if let Some(text) = self.reason_not_to_paint(object, &now) {
            self.notices.add(Severity::Hint, text);
            return self.clicks.forget_object(id);
        }
        let piece = object.corrected_piece().map(|piece| piece.region().clone());
        let piece = piece.unwrap_or_default();
        let also = Also {
            prompts: prompts_of_step(object, &prompt, model).map(Box::new),
            ..Also::default()
        };
        let before = object.found().map(|found| found.region().clone());
        let base = match object.base_mask() {
            Some(base) => base.clone(),
            None => Arc::new(without_piece(now, &piece, label)),
        };
        let rule = self.labels.drawing_rule(label);
        let locks = self.labels.lock_rule();
        let mut target = Mask::clone(&base);
        // The overwrite setting does not apply where the label was before.
        target.paint_region(&piece.intersection(found.region()), label, &locks);
        target.paint_region(found.region(), label, &rule);
        // Only these pixels: elsewhere the mask may have changed since the prompt was given.
        let changed = symmetric_difference(&before.unwrap_or_default(), found.region());
        let edits = self.write_place(&place, (&target, &changed), label, &locks);
        let has_step = edits.iter().any(|(_, edit)| !edit.is_empty());
        if !has_step && !changed.is_empty() && rule != Rule::FREE {
            let text = "Nothing changed: the pixels here are locked or protected from overwriting.";
            self.notices.add(Severity::Hint, text);
        }
        self.commit_step(ToolKind::Click.display_name(), place.case(), edits, also);
        let newest = self.history.next_undo(Some(place.case()));
        let newest = newest.map(|step| step.id);
        let answered = AnsweredPrompt {
            prompt,
            found,
            step: newest.filter(|_| has_step),
        };
        let revision = self.revision_of_place(&place).unwrap_or_default();
        self.clicks.add_answer(id, answered, base, revision);
        self.show_preview();
    }

    /// Why the answer to a prompt for an object is not painted on `mask`: what it belongs to was changed meanwhile.
    fn reason_not_to_paint(&self, object: &PendingObject, mask: &Mask) -> Option<String> {
        let label = object.label();
        let name = self.labels.label_name(label);
        if !self.labels.holds_label(label) {
            Some(format!(
                "The last click changed nothing, because {name} was removed."
            ))
        } else if self.labels.is_label_locked(label) {
            Some(format!(
                "The last click changed nothing, because {name} was locked. Unlock it and click again."
            ))
        } else if object.is_erased(mask, self.revision_of_place(object.place())) {
            Some("The last click changed nothing, because the object was removed.".to_owned())
        } else {
            None
        }
    }
}

/// What the step that paints the answer of a model to the next prompt stores of the prompts. `None` for an object on an
/// orthogonal view: the model is fine-tuned on acquired slices, and the prompts lie on none of them.
fn prompts_of_step(object: &PendingObject, next: &Prompt, model: String) -> Option<StepPrompts> {
    let ClickPlace::Slice(key) = object.place() else {
        return None;
    };
    let (prompts, begins_object) = object.prompts_since_step(next);
    Some(StepPrompts {
        slice: key.slice as u32,
        label: object.label(),
        begins_object,
        prompts,
        model,
    })
}

/// The mask without the pixels of a connected component of a label.
fn without_piece(mut mask: Mask, piece: &Region, label: u8) -> Mask {
    let own = piece.intersection(&mask.label_region(label));
    mask.paint_region(&own, 0, &Rule::FREE);
    mask
}

/// The pixels in exactly one of the regions.
fn symmetric_difference(a: &Region, b: &Region) -> Region {
    a.difference(b).union(&b.difference(a))
}

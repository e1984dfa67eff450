//! The current object of the Click tool: its prompts, the answers of the network, and its steps. It follows undo and redo.
//!
//! Prompts are answered one after the other, because each answer starts from the previous mask. An object that is finished
//! ("taken") while some of its prompts wait stays in the queue until they are answered.

use super::{
    click_place::ClickPlace,
    clicked::ClickedObject,
    history::StepId,
    job::{CaseId, ClickAnswer, ClickJob, ClickModel},
};
use labrum_core::{counts::count_with_noun, image::Image, mask::Mask, prompts::Prompt};
use std::{collections::VecDeque, sync::Arc};

/// Number of answers of an object that are kept with their probabilities, a byte for each pixel of the image.
const WITH_PROBABILITIES: usize = 8;

/// A prompt with its answer.
#[derive(Clone, Debug)]
pub(super) struct AnsweredPrompt {
    /// The prompt.
    pub(super) prompt: Prompt,
    /// The object after this prompt.
    pub(super) found: Arc<ClickedObject>,
    /// The step that painted it; `None` if no pixel changed.
    pub(super) step: Option<StepId>,
}

/// An object and its prompts.
#[derive(Debug)]
pub struct PendingObject {
    id: u64,
    /// Counted from 1 at its place.
    number: usize,
    place: ClickPlace,
    label: u8,
    image: Arc<Image>,
    /// The connected component of the mask that it corrects.
    piece: Option<Arc<ClickedObject>>,
    /// The mask before its first prompt, without that component; `None` before the first answer.
    base: Option<Arc<Mask>>,
    /// Oldest first.
    answered: Vec<AnsweredPrompt>,
    /// Answered prompts that were undone, the most recently undone last.
    undone: Vec<AnsweredPrompt>,
    /// Prompts without an answer, oldest first.
    waiting: VecDeque<Prompt>,
    /// Changes whenever a pending answer becomes obsolete.
    revision: u64,
    /// The revision of the mask of its place after its newest step.
    mask_revision: u64,
    /// It gets no more prompts.
    is_taken: bool,
}

impl PendingObject {
    /// The slice or the orthogonal view that it lies on.
    pub fn place(&self) -> &ClickPlace {
        &self.place
    }

    /// Its prompts, oldest first; those without an answer are last.
    pub fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        let answered = self.answered.iter().map(|answered| &answered.prompt);
        answered.chain(&self.waiting)
    }

    /// The object after its newest answered prompt; before the first answer, the connected component that it corrects.
    pub fn found(&self) -> Option<&Arc<ClickedObject>> {
        let newest = self.answered.last().map(|answered| &answered.found);
        newest.or(self.piece.as_ref())
    }

    /// Its status: "Object 1: 2 clicks, confidence 91 %".
    pub fn summary(&self) -> String {
        let has_only_clicks = self.prompts().all(|p| matches!(p, Prompt::Click { .. }));
        let noun = if has_only_clicks { "click" } else { "prompt" };
        let count = count_with_noun(self.prompts().count(), noun);
        let state = match self.found() {
            _ if !self.waiting.is_empty() => "computing...".to_owned(),
            Some(found) if !found.region().is_empty() => {
                format!("confidence {:.0} %", 100.0 * found.confidence())
            }
            _ => "nothing found".to_owned(),
        };
        format!("Object {}: {count}, {state}", self.number)
    }

    /// The label that it is painted with.
    pub(super) fn label(&self) -> u8 {
        self.label
    }

    /// The connected component of the mask that it corrects.
    pub(super) fn corrected_piece(&self) -> Option<&ClickedObject> {
        self.piece.as_deref()
    }

    /// The mask before its first prompt, without the component that it corrects; `None` before the first answer.
    pub(super) fn base_mask(&self) -> Option<&Arc<Mask>> {
        self.base.as_ref()
    }

    /// True if the pixel is in the object after the newest answer.
    pub(super) fn holds_pixel(&self, column: usize, row: usize) -> bool {
        self.found()
            .is_some_and(|found| found.region().contains(column, row))
    }

    /// True if only its own steps have changed the mask of its place; `revision` is the mask's current revision.
    pub(super) fn is_mask_its_own(&self, revision: Option<u64>) -> bool {
        self.answered.is_empty() || revision == Some(self.mask_revision)
    }

    /// True if something else removed it from the mask of its place, which is `mask` with this revision now.
    pub(super) fn is_erased(&self, mask: &Mask, revision: Option<u64>) -> bool {
        let was_on_mask = if self.answered.is_empty() {
            self.piece.is_some()
        } else {
            !self.is_mask_its_own(revision)
        };
        let Some(found) = self.found().filter(|_| was_on_mask) else {
            return false;
        };
        let left = found.region().intersection(&mask.label_region(self.label));
        !found.region().is_empty() && left.is_empty()
    }

    /// The answered prompts since its newest step, with the next one, and whether it has no step before them.
    pub(super) fn prompts_since_step(&self, next: &Prompt) -> (Vec<Prompt>, bool) {
        let newest = self.answered.iter().rposition(|a| a.step.is_some());
        let since = self.answered[newest.map_or(0, |at| at + 1)..].iter();
        let prompts = since.map(|a| a.prompt.clone()).chain([next.clone()]);
        (prompts.collect(), newest.is_none())
    }

    /// Adds an answered prompt. Undone prompts can then no longer be redone.
    fn add_answered(&mut self, answered: AnsweredPrompt) {
        self.undone.clear();
        self.answered.push(answered);
        let old = self.answered.len().checked_sub(WITH_PROBABILITIES + 1);
        if let Some(old) = old.and_then(|at| self.answered.get_mut(at)) {
            old.found = Arc::new(old.found.without_probabilities());
        }
    }

    /// False if all its prompts were undone.
    fn has_prompts(&self) -> bool {
        !self.answered.is_empty() || !self.waiting.is_empty()
    }

    /// True if it can be removed: no prompt waits, and it is finished or has no prompts to undo or redo.
    fn is_over(&self) -> bool {
        let has_none = self.answered.is_empty() && self.undone.is_empty();
        self.waiting.is_empty() && (self.is_taken || has_none)
    }

    /// True if its newest prompt has no step, so that it is removed without undoing one.
    fn has_loose_prompt(&self) -> bool {
        !self.waiting.is_empty() || self.answered.last().is_some_and(|a| a.step.is_none())
    }

    /// Removes the newest prompt, if it has no step; true if the network may be answering it.
    fn take_back_loose_prompt(&mut self) -> bool {
        if self.waiting.pop_back().is_some() {
            let is_asked = self.waiting.is_empty();
            self.revision += u64::from(is_asked);
            return is_asked;
        }
        self.undone.extend(self.answered.pop());
        false
    }
}

/// The objects with prompts, and the prompt that the network is answering.
#[derive(Debug, Default)]
pub struct PendingClicks {
    /// Newest last; those before it are finished, but wait for answers.
    objects: Vec<PendingObject>,
    /// Id and revision of the object whose prompt is being answered.
    asked: Option<(u64, u64)>,
    /// An answer that arrived during a stroke.
    pub(super) held: Option<ClickAnswer>,
    /// The place of the last finished object, and its number there.
    taken: Option<(ClickPlace, usize)>,
}

impl PendingClicks {
    /// The current object, if it has prompts.
    pub fn object(&self) -> Option<&PendingObject> {
        self.current().filter(|object| object.has_prompts())
    }

    /// The current object, even if all its prompts were undone: they can be redone.
    pub(super) fn current(&self) -> Option<&PendingObject> {
        self.objects.last().filter(|object| !object.is_taken)
    }

    fn current_mut(&mut self) -> Option<&mut PendingObject> {
        self.objects.last_mut().filter(|object| !object.is_taken)
    }

    /// An object by its id.
    pub(super) fn object_by_id(&self, id: u64) -> Option<&PendingObject> {
        self.objects.iter().find(|object| object.id == id)
    }

    /// True if a prompt has no answer yet.
    pub fn is_waiting(&self) -> bool {
        self.objects.iter().any(|object| !object.waiting.is_empty())
    }

    /// True if a prompt on this case has no answer yet.
    pub(super) fn is_waiting_in(&self, case: CaseId) -> bool {
        let mut objects = self.objects.iter();
        objects.any(|object| object.place.case() == case && !object.waiting.is_empty())
    }

    /// Begins an object and finishes the current one.
    pub(super) fn begin_object(
        &mut self,
        id: u64,
        place: ClickPlace,
        label: u8,
        image: Arc<Image>,
        piece: Option<Arc<ClickedObject>>,
    ) {
        self.take_object();
        let before = self.taken.as_ref().filter(|(taken, _)| *taken == place);
        self.objects.push(PendingObject {
            id,
            number: before.map_or(0, |(_, count)| *count) + 1,
            place,
            label,
            image,
            piece,
            base: None,
            answered: Vec::new(),
            undone: Vec::new(),
            waiting: VecDeque::new(),
            revision: 0,
            mask_revision: 0,
            is_taken: false,
        });
    }

    /// Adds a prompt to the current object.
    pub(super) fn add_prompt(&mut self, prompt: Prompt) {
        if let Some(object) = self.current_mut() {
            object.waiting.push_back(prompt);
        }
    }

    /// Finishes the current object: the next prompt begins a new one. False if there was none with prompts.
    pub(super) fn take_object(&mut self) -> bool {
        let Some(object) = self.current_mut() else {
            return false;
        };
        object.is_taken = true;
        let had_prompts = object.has_prompts();
        if had_prompts {
            let taken = (object.place.clone(), object.number);
            self.taken = Some(taken);
        }
        self.drop_finished();
        had_prompts
    }

    /// A job for the next prompt; `None` while another prompt is being answered, or if none waits.
    pub(super) fn next_question(&mut self, model: ClickModel) -> Option<ClickJob> {
        if self.asked.is_some() {
            return None;
        }
        let object = self.objects.iter().find(|o| !o.waiting.is_empty())?;
        let answered = object.answered.iter().map(|answered| &answered.prompt);
        let prompts = answered.chain(object.waiting.front()).cloned().collect();
        self.asked = Some((object.id, object.revision));
        Some(ClickJob {
            case: object.place.case(),
            object: object.id,
            revision: object.revision,
            image: object.image.clone(),
            pixel_aspect: object.place.pixel_aspect(),
            prompts,
            earlier: object.found().cloned(),
            model,
        })
    }

    /// Removes the prompt of an answer from the queue and returns it; `None` if the answer is obsolete.
    pub(super) fn accept_answer(&mut self, answer: &ClickAnswer) -> Option<Prompt> {
        if self.asked != Some((answer.object, answer.revision)) {
            return None;
        }
        self.asked = None;
        let object = self.objects.iter_mut().find(|o| o.id == answer.object)?;
        object.revision += 1;
        let prompt = object.waiting.pop_front();
        prompt.filter(|_| answer.prompts == object.answered.len() + 1)
    }

    /// Adds an answered prompt to its object. `base` is the mask before its first prompt, `mask_revision` the current
    /// revision of the mask of its place.
    pub(super) fn add_answer(
        &mut self,
        id: u64,
        answered: AnsweredPrompt,
        base: Arc<Mask>,
        mask_revision: u64,
    ) {
        if let Some(object) = self.objects.iter_mut().find(|o| o.id == id) {
            object.add_answered(answered);
            object.base = Some(base);
            object.mask_revision = mask_revision;
        }
        self.drop_finished();
    }

    /// Removes an object; its steps stay in the history.
    pub(super) fn forget_object(&mut self, id: u64) {
        self.objects.retain(|object| object.id != id);
    }

    /// Removes the objects of a case; their steps stay in the history.
    pub(super) fn forget_case(&mut self, case: CaseId) {
        self.objects.retain(|object| object.place.case() != case);
    }

    /// Removes all prompts without an answer, after a failure.
    pub(super) fn drop_waiting(&mut self) {
        self.asked = None;
        for object in &mut self.objects {
            object.waiting.clear();
            object.revision += 1;
        }
        self.drop_finished();
    }

    /// The place of the prompt that [`PendingClicks::take_back_prompt`] would remove.
    pub(super) fn loose_prompt(&self, of: Option<CaseId>) -> Option<&ClickPlace> {
        let object = self.objects.get(self.loose_object(of)?)?;
        Some(&object.place)
    }

    /// Removes the newest prompt without a step on a case, or on any case: one that waits for its answer, or that changed
    /// no pixel. Returns its place; `None` if there is none.
    pub(super) fn take_back_prompt(&mut self, of: Option<CaseId>) -> Option<ClickPlace> {
        let at = self.loose_object(of)?;
        let place = self.objects.get(at)?.place.clone();
        self.take_back_at(at).then_some(place)
    }

    /// As [`PendingClicks::take_back_prompt`], for the current object only.
    pub(super) fn take_back_from_current(&mut self) -> bool {
        let has_prompt = self.current().is_some_and(PendingObject::has_loose_prompt);
        has_prompt && self.take_back_at(self.objects.len() - 1)
    }

    /// Index of the newest object on a case, or on any case, whose newest prompt has no step.
    fn loose_object(&self, of: Option<CaseId>) -> Option<usize> {
        let mut objects = self.objects.iter();
        objects.rposition(|object| {
            of.is_none_or(|case| case == object.place.case())
                && object.has_loose_prompt()
                && (!object.is_taken || !object.waiting.is_empty())
        })
    }

    fn take_back_at(&mut self, at: usize) -> bool {
        let Some(object) = self.objects.get_mut(at) else {
            return false;
        };
        let id = object.id;
        if object.take_back_loose_prompt() {
            self.asked = self.asked.filter(|(asked, _)| *asked != id);
        }
        self.drop_finished();
        true
    }

    /// The newest step of the current object.
    pub(super) fn newest_step(&self) -> Option<StepId> {
        self.current()?.answered.last()?.step
    }

    /// Updates the current object after a step was undone or redone; returns its place if the step was one of its own.
    pub(super) fn follow_step(&mut self, step: StepId, is_undone: bool) -> Option<ClickPlace> {
        let object = self.current_mut()?;
        if is_undone {
            let newest = object.answered.pop_if(|a| a.step == Some(step))?;
            object.undone.push(newest);
        } else {
            let at = object.undone.iter().rposition(|a| a.step == Some(step))?;
            let again = object.undone.split_off(at);
            object.answered.extend(again.into_iter().rev());
        }
        Some(object.place.clone())
    }

    /// Records the revision of the mask of its place after a step of the current object.
    pub(super) fn note_mask(&mut self, revision: u64) {
        if let Some(object) = self.current_mut() {
            object.mask_revision = revision;
        }
    }

    fn drop_finished(&mut self) {
        self.objects.retain(|object| !object.is_over());
    }
}

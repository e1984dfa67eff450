//! The Click tool: a network finds the object that clicks, boxes and scribbles indicate.
//!
//! The network answers on its own thread. Each answer is painted as one step, on the mask as it was before the first
//! prompt: pixels that no longer belong to the object get their earlier label back.

use super::{Place, PointerInput, PointerPhase, Session, ToolGesture, outline::LASSO_STEP};
use crate::session::{
    case::Case,
    clicked::ClickedObject,
    clicks::{AnsweredPrompt, PendingObject},
    history::StepId,
    job::{ClickAnswer, Job, NetworkJob, SliceKey},
    notice::Severity,
    tool_options::{NextClick, ToolKind},
    undo::{Reach, UndoDirection},
};
use labrum_core::{
    mask::{Mask, Rule},
    prompts::Prompt,
    region::Region,
    tools::fill,
};
use std::{borrow::Cow, ops::Range, sync::Arc};

/// Maximum movement of the pointer during a click, in screen points. A longer drag draws a box or a scribble.
const STILL: f64 = 6.0;

/// Maximum distance of a first positive click from a connected component of the label that it corrects, in screen points.
const NEAR: f64 = 12.0;

/// A click, box or scribble that is being drawn.
#[derive(Debug)]
pub(in crate::session) struct DrawnPrompt {
    from: Place,
    to: Place,
    /// All positions, for a scribble.
    points: Vec<Place>,
    /// Screen points per pixel column and per pixel row.
    scale: [f64; 2],
    adds: bool,
    is_shifted: bool,
    /// The pointer has moved too far for a click.
    is_far: bool,
}

impl DrawnPrompt {
    fn extend_to(&mut self, at: Place) {
        self.to = at;
        let by = [0, 1].map(|axis| (at[axis] - self.from[axis]) * self.scale[axis]);
        self.is_far |= by[0].hypot(by[1]) > STILL;
        let is_apart = self
            .points
            .last()
            .is_none_or(|last| (last[0] - at[0]).hypot(last[1] - at[1]) >= LASSO_STEP);
        if is_apart {
            self.points.push(at);
        }
    }

    /// The prompt, if it ended here. There are no negative boxes: a negative drag is a scribble.
    pub(super) fn to_prompt(&self) -> Prompt {
        let adds = self.adds;
        match (self.is_far, self.is_shifted || !adds) {
            (false, _) => Prompt::Click {
                at: self.from,
                adds,
            },
            (true, true) => Prompt::Scribble {
                points: self.points.clone(),
                adds,
            },
            (true, false) => Prompt::Box {
                from: self.from,
                to: self.to,
            },
        }
    }
}

impl Session {
    /// Loads the network on its thread, so that the first click is answered without delay.
    pub(super) fn prepare_clicks(&mut self) {
        let device = self.device_for_runs();
        self.jobs
            .push(Job::Network(NetworkJob::PrepareClicks(device)));
    }

    pub(super) fn handle_click(&mut self, input: PointerInput) {
        match input.phase {
            PointerPhase::Press => self.begin_prompt(input),
            PointerPhase::Drag => self.extend_prompt(input.at),
            PointerPhase::Release => {
                self.extend_prompt(input.at);
                self.end_prompt();
            }
            PointerPhase::Hover | PointerPhase::DoubleClick | PointerPhase::Leave => {}
        }
    }

    fn begin_prompt(&mut self, input: PointerInput) {
        if self.drawable_label().is_none() {
            return;
        }
        self.finish_gesture();
        let case = self.cases.current_case();
        let aspect = case.map_or(1.0, |case| f64::from(self.picture_extent(case).aspect));
        let scale = input.scale.max(0.01);
        self.tools.gesture = ToolGesture::Prompt(DrawnPrompt {
            from: input.at,
            to: input.at,
            points: vec![input.at],
            scale: [scale, scale * aspect],
            adds: !input.erases,
            is_shifted: input.is_shifted,
            is_far: false,
        });
    }

    fn extend_prompt(&mut self, at: Place) {
        if let ToolGesture::Prompt(drawn) = &mut self.tools.gesture {
            drawn.extend_to(at);
        }
    }

    /// Adds the prompt that was drawn, unless it lies outside of the image.
    pub(super) fn end_prompt(&mut self) {
        let ToolGesture::Prompt(drawn) = std::mem::take(&mut self.tools.gesture) else {
            return;
        };
        let (columns, rows) = self.masks.slice_size();
        let (low, high) = drawn.to_prompt().bounds();
        let is_before_end = low[0] < columns as f64 && low[1] < rows as f64;
        if is_before_end && high[0] >= 0.0 && high[1] >= 0.0 {
            self.give_prompt(&drawn);
        }
    }

    fn give_prompt(&mut self, drawn: &DrawnPrompt) {
        let prompt = drawn.to_prompt();
        let Some(label) = self.drawable_label() else {
            return;
        };
        let Some(key) = self.live_mask().map(|live| live.slice_key()) else {
            return;
        };
        self.leave_object();
        if self.begins_next_object(&prompt, drawn.is_shifted) {
            self.clicks.take_object();
        }
        let is_first = self.clicks.object().is_none();
        if is_first && !self.begin_object(key, label, &prompt, drawn.scale) {
            return;
        }
        self.clicks.add_prompt(prompt);
        self.ask_next_click();
    }

    /// True if a prompt outside of the current object begins the next one, as set in the options.
    fn begins_next_object(&self, prompt: &Prompt, is_shifted: bool) -> bool {
        let is_wanted = self.settings.tools.next_click == NextClick::NewObject;
        if !is_wanted || is_shifted || !prompt.adds() {
            return false;
        }
        let Some(object) = self.clicks.object() else {
            return false;
        };
        let pixel = self.masks.pixel_at(middle_of(prompt));
        pixel.is_none_or(|(column, row)| !object.holds_pixel(column, row))
    }

    /// Begins an object with its first prompt. False, with a message, if the prompt is negative and there is nothing to
    /// correct.
    fn begin_object(&mut self, key: SliceKey, label: u8, prompt: &Prompt, scale: [f64; 2]) -> bool {
        let Some(image) = self.current_loaded().map(|loaded| loaded.image.clone()) else {
            return false;
        };
        let mask = self.live_mask().map(|live| live.mask());
        let piece = mask.and_then(|mask| corrected_piece(mask, label, prompt, scale));
        if piece.is_none() && !prompt.adds() {
            let name = self.labels.label_name(label);
            let text = format!("There is no {name} here to remove. Click the object first.");
            self.notices.add(Severity::Hint, text);
            return false;
        }
        let id = self.jobs.new_id();
        self.clicks
            .begin_object(id, key, label, image, piece.map(Arc::new));
        true
    }

    /// Sends the next prompt to the network, if the previous one is answered.
    fn ask_next_click(&mut self) {
        let device = self.device_for_runs();
        if let Some(job) = self.clicks.next_question(device) {
            self.jobs.push(Job::Network(NetworkJob::Click(job)));
        }
    }

    /// Handles an answer of the network; it is held until a stroke ends, and until the case is restored.
    pub(in crate::session) fn on_clicked(&mut self, answer: ClickAnswer) {
        let case = self.cases.case_by_id(answer.key.case);
        if self.tools.is_painting() || case.is_some_and(|case| !case.is_restored) {
            self.clicks.held = Some(answer);
            return;
        }
        match (self.clicks.accept_answer(&answer), answer.result) {
            (Some(prompt), Ok(found)) => self.paint_object(answer.object, prompt, found),
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

    /// Paints the answer to the newest prompt of an object, as one step.
    fn paint_object(&mut self, id: u64, prompt: Prompt, found: Arc<ClickedObject>) {
        let Some(object) = self.clicks.object_by_id(id) else {
            return;
        };
        let (key, label) = (object.slice_key(), object.label());
        // The case may have been closed.
        let Some(now) = self
            .mask_or_blank(key)
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
        let before = object.found().map(|found| found.region().clone());
        let base = match object.base_mask() {
            Some(base) => base.clone(),
            None => Arc::new(without_piece(now, &piece, label)),
        };
        let (rule, locks) = (self.labels.drawing_rule(label), self.labels.lock_rule());
        let mut target = Mask::clone(&base);
        // The overwrite setting does not apply where the label was before.
        target.paint_region(&piece.intersection(found.region()), label, &locks);
        target.paint_region(found.region(), label, &rule);
        // Only these pixels: elsewhere the mask may have changed since the prompt was given.
        let changed = symmetric_difference(&before.unwrap_or_default(), found.region());
        let edit = self.write_mask(key, |mask| mask.copy_region_from(&target, &changed, &locks));
        if edit.is_empty() && !changed.is_empty() && rule != Rule::FREE {
            let text = "Nothing changed: the pixels here are locked or protected from overwriting.";
            self.notices.add(Severity::Hint, text);
        }
        let has_step = !edit.is_empty();
        self.commit_edits(
            ToolKind::Click.display_name(),
            key.case,
            vec![(key.slice, edit)],
        );
        let newest = self.history.next_undo(Some(key.case)).map(|step| step.id);
        let answered = AnsweredPrompt {
            prompt,
            found,
            step: newest.filter(|_| has_step),
        };
        let revision = self.mask_revision(key).unwrap_or_default();
        self.clicks.add_answer(id, answered, base, revision);
        self.show_preview();
    }

    /// Why the answer to a prompt for an object is not painted on `mask`: what it belongs to was changed meanwhile.
    fn reason_not_to_paint(&self, object: &PendingObject, mask: &Mask) -> Option<String> {
        let (key, label) = (object.slice_key(), object.label());
        let name = self.labels.label_name(label);
        if !self.labels.holds_label(label) {
            Some(format!(
                "The last click changed nothing, because {name} was removed."
            ))
        } else if self.labels.is_label_locked(label) {
            Some(format!(
                "The last click changed nothing, because {name} was locked. Unlock it and click again."
            ))
        } else if object.is_erased(mask, self.mask_revision(key)) {
            Some("The last click changed nothing, because the object was removed.".to_owned())
        } else {
            None
        }
    }

    /// The mask of a slice, blank if there is none; `None` if its case is closed.
    fn mask_or_blank(&self, key: SliceKey) -> Option<Mask> {
        let series = &self.cases.case_by_id(key.case)?.series;
        let mask = self.mask_of(key).map(Cow::into_owned);
        Some(mask.unwrap_or_else(|| Mask::new_blank(series.columns, series.rows)))
    }

    fn mask_revision(&self, key: SliceKey) -> Option<u64> {
        self.cases.slice_state(key).map(|state| state.revision)
    }

    /// Finishes the current object if its slice, its label or the tool is no longer active, or if another edit changed
    /// the mask. Called after every action and event.
    pub(in crate::session) fn leave_object(&mut self) {
        let Some(object) = self.clicks.current() else {
            return;
        };
        let key = object.slice_key();
        let is_here = self.cases.current_case().map(Case::slice_key) == Some(key);
        let is_active = self.tools.kind == ToolKind::Click
            && object.label() == self.labels.active_label()
            && object.is_mask_its_own(self.mask_revision(key));
        if !is_here || !is_active {
            self.clicks.take_object();
        }
    }

    /// Enter: finishes the object. True if the case is not to be accepted yet: there was one, or a prompt waits.
    pub(in crate::session) fn finish_object(&mut self) -> bool {
        let case = self.cases.current_case().map(|case| case.id);
        let text = if self.clicks.take_object() {
            "The object is finished. Click the next one, or press Enter again to accept the case."
        } else if case.is_some_and(|case| self.clicks.is_waiting_in(case)) {
            "The case is not accepted yet: a click is still being computed."
        } else {
            return false;
        };
        self.notices.add(Severity::Hint, text);
        true
    }

    /// Discards the current object: undoes its steps, and removes its other prompts. False if there is none.
    pub(super) fn drop_object(&mut self) -> bool {
        let here = self.cases.current_case().map(Case::slice_key);
        let object = self.clicks.object().map(|object| object.slice_key());
        let Some(key) = object.filter(|key| here == Some(*key)) else {
            return false;
        };
        while self.clicks.take_back_from_current() {}
        while self.is_newest_step_of_object(key) {
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
    fn is_newest_step_of_object(&self, key: SliceKey) -> bool {
        let newest = self.history.next_undo(Some(key.case)).map(|step| step.id);
        newest.is_some() && newest == self.clicks.newest_step()
    }

    /// Removes the newest prompt without a step, and shows its slice. False if there is none.
    pub(in crate::session) fn take_back_prompt(&mut self, reach: Reach) -> bool {
        let of = self.case_in_reach(reach);
        let Some(key) = of.and_then(|of| self.clicks.take_back_prompt(of)) else {
            return false;
        };
        if self.cases.current_case().map(Case::slice_key) != Some(key) {
            self.select_case(self.cases.index_of(key.case));
            self.go_to_slice(key.slice);
            let text = "Undo: removed a click here that was still being computed.";
            self.notices.add(Severity::Hint, text);
        }
        self.ask_next_click();
        true
    }

    /// The slice of the prompt without a step that undo would remove.
    pub(in crate::session) fn prompt_to_take_back(&self, reach: Reach) -> Option<SliceKey> {
        self.clicks.loose_prompt(self.case_in_reach(reach)?)
    }

    /// Removes the prompt of a step that was undone, or restores that of a step that was redone.
    pub(in crate::session) fn follow_clicks(&mut self, step: StepId, is_undone: bool) {
        let key = self.clicks.follow_step(step, is_undone);
        if let Some(revision) = key.and_then(|key| self.mask_revision(key)) {
            self.clicks.note_mask(revision);
        }
    }
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

/// The point that decides which object a prompt indicates.
fn middle_of(prompt: &Prompt) -> Place {
    match prompt {
        Prompt::Click { at, .. } => *at,
        Prompt::Box { from, to } => [0, 1].map(|axis| 0.5 * (from[axis] + to[axis])),
        Prompt::Scribble { points, .. } => points.first().copied().unwrap_or([-1.0; 2]),
    }
}

/// The connected component of the label that a first prompt corrects: a negative prompt the one under it, a positive
/// prompt one close to it. `None` for a box, which always begins a new object.
fn corrected_piece(
    mask: &Mask,
    label: u8,
    prompt: &Prompt,
    scale: [f64; 2],
) -> Option<ClickedObject> {
    let seed = match prompt {
        Prompt::Box { .. } => None,
        Prompt::Click { at, adds: false } => pixel_on_label(mask, label, *at),
        Prompt::Scribble {
            points,
            adds: false,
        } => points
            .iter()
            .find_map(|at| pixel_on_label(mask, label, *at)),
        Prompt::Click { adds: true, .. } | Prompt::Scribble { adds: true, .. } => {
            pixel_beside_label(mask, label, middle_of(prompt), scale)
        }
    };
    let piece = fill::connected_label(mask, seed?);
    Some(ClickedObject::from_piece(
        &piece,
        mask.columns(),
        mask.rows(),
    ))
}

/// The pixel at a point, if it has the label.
fn pixel_on_label(mask: &Mask, label: u8, [x, y]: Place) -> Option<(usize, usize)> {
    let (column, row) = (x.floor() as i64, y.floor() as i64);
    let is_on = label > 0 && mask.label_at(column, row) == label;
    is_on.then_some((column as usize, row as usize))
}

/// The pixel of the label nearest to a point outside of the label, if it is within [`NEAR`].
fn pixel_beside_label(
    mask: &Mask,
    label: u8,
    at: Place,
    scale: [f64; 2],
) -> Option<(usize, usize)> {
    if pixel_on_label(mask, label, at).is_some() {
        return None;
    }
    let columns = pixels_near(at[0], NEAR / scale[0], mask.columns());
    let rows = pixels_near(at[1], NEAR / scale[1], mask.rows());
    rows.flat_map(|row| columns.clone().map(move |column| (column, row)))
        .filter(|(column, row)| mask.label_at(*column as i64, *row as i64) == label)
        .map(|pixel| (distance_to_pixel(at, pixel, scale), pixel))
        .filter(|(distance, _)| *distance <= NEAR)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, pixel)| pixel)
}

/// The pixels along an axis of `end` pixels that lie within `reach` pixels of a point.
fn pixels_near(at: f64, reach: f64, end: usize) -> Range<usize> {
    let first = (at - reach).floor().clamp(0.0, end as f64) as usize;
    let last = (at + reach).ceil().clamp(0.0, end as f64) as usize;
    first..last
}

/// Distance from a point to a pixel, in screen points.
fn distance_to_pixel(at: Place, (column, row): (usize, usize), scale: [f64; 2]) -> f64 {
    let low = [column as f64, row as f64];
    let by =
        [0, 1].map(|axis| (at[axis] - at[axis].clamp(low[axis], low[axis] + 1.0)) * scale[axis]);
    by[0].hypot(by[1])
}

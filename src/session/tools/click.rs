//! The Click tool: a network finds the object that clicks, boxes and scribbles indicate, on a slice or on an orthogonal view.
//!
//! The network answers on its own thread. Each answer is painted as one step, on the mask as it was before the first
//! prompt: pixels that no longer belong to the object get their earlier label back.

mod answers;
mod corrected;
mod take_back;

use super::{
    Place, PointerInput, PointerPhase, Session, ToolGesture,
    outline::{LASSO_STEP, distance_between},
};
use crate::session::{
    click_place::ClickPlace,
    job::{ClickModel, Job, NetworkJob},
    notice::Severity,
    tool_options::{NextClick, ToolKind},
};
use corrected::corrected_piece;
use labrum_core::{
    prompts::Prompt,
    stack::ViewPlane,
    vector::{middle_point, pixel_distance},
};
use std::{mem, sync::Arc};

/// Maximum movement of the pointer during a click, in screen points. A longer drag draws a box or a scribble.
const STILL: f64 = 6.0;

/// A click, box or scribble that is being drawn.
#[derive(Debug)]
pub(in crate::session) struct DrawnPrompt {
    place: ClickPlace,
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
        self.is_far |= pixel_distance(self.from, at, self.scale) > STILL;
        let is_apart = self
            .points
            .last()
            .is_none_or(|last| distance_between(*last, at) >= LASSO_STEP);
        if is_apart {
            self.points.push(at);
        }
    }

    /// Where it is drawn.
    pub(super) fn place(&self) -> &ClickPlace {
        &self.place
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
    pub(in crate::session) fn prepare_clicks(&mut self) {
        let model = self.click_model();
        self.jobs
            .push(Job::Network(NetworkJob::PrepareClicks(model)));
    }

    /// The network that answers clicks and second choices: the active version of the workspace, or the shipped model.
    pub(in crate::session) fn click_model(&self) -> ClickModel {
        let version = self.learning.active_click_version();
        ClickModel {
            file: version.map(|version| version.file.clone()),
            device: self.device_for_runs(),
        }
    }

    /// Handles a pointer event on the slice on the screen, or on an orthogonal view.
    pub(in crate::session) fn handle_click(
        &mut self,
        view: Option<ViewPlane>,
        input: PointerInput,
    ) {
        match input.phase {
            PointerPhase::Press => self.begin_prompt(view, input),
            PointerPhase::Drag => self.extend_prompt(input.at),
            PointerPhase::Release => {
                self.extend_prompt(input.at);
                self.end_prompt();
            }
            PointerPhase::Hover | PointerPhase::DoubleClick | PointerPhase::Leave => {}
        }
    }

    fn begin_prompt(&mut self, view: Option<ViewPlane>, input: PointerInput) {
        if self.drawable_label().is_none() {
            return;
        }
        self.finish_gesture();
        let Some(place) = self.click_place(view) else {
            return;
        };
        let scale = input.scale.max(0.01);
        let aspect = self.screen_aspect(&place);
        self.tools.gesture = ToolGesture::Prompt(DrawnPrompt {
            place,
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
        let ToolGesture::Prompt(drawn) = mem::take(&mut self.tools.gesture) else {
            return;
        };
        let [columns, rows] = self.size_of_place(&drawn.place);
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
        self.leave_object();
        let current = self.clicks.current();
        let is_elsewhere = current.is_some_and(|object| *object.place() != drawn.place);
        if is_elsewhere || self.begins_next_object(&prompt, drawn.is_shifted) {
            self.clicks.take_object();
        }
        let is_first = self.clicks.object().is_none();
        if is_first && !self.begin_object(drawn, label, &prompt) {
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
        let [x, y] = middle_of(prompt);
        let is_on_object = x >= 0.0 && y >= 0.0 && object.holds_pixel(x as usize, y as usize);
        !is_on_object
    }

    /// Begins an object with its first prompt. False, with a message, if the image is not complete, or if the prompt is
    /// negative and there is nothing to correct.
    fn begin_object(&mut self, drawn: &DrawnPrompt, label: u8, prompt: &Prompt) -> bool {
        let place = &drawn.place;
        let (Some(image), Some(mask)) = (self.image_of_place(place), self.mask_of_place(place))
        else {
            let text = "The view is still loading. Click again when it is complete.";
            self.notices.add(Severity::Hint, text);
            return false;
        };
        let piece = corrected_piece(&mask, label, prompt, drawn.scale);
        if piece.is_none() && !prompt.adds() {
            let name = self.labels.label_name(label);
            let text = format!("There is no {name} here to remove. Click the object first.");
            self.notices.add(Severity::Hint, text);
            return false;
        }
        let id = self.jobs.new_id();
        let place = place.clone();
        self.clicks
            .begin_object(id, place, label, image, piece.map(Arc::new));
        true
    }

    /// Sends the next prompt to the network, if the previous one is answered.
    fn ask_next_click(&mut self) {
        let model = self.click_model();
        if let Some(job) = self.clicks.next_question(model) {
            self.jobs.push(Job::Network(NetworkJob::Click(job)));
        }
    }

    /// Finishes the current object if its slice or view, its label or the tool is no longer active, or if another edit
    /// changed the mask. Called after every action and event.
    pub(in crate::session) fn leave_object(&mut self) {
        let Some(object) = self.clicks.current() else {
            return;
        };
        let place = object.place();
        let is_active = self.tools.kind == ToolKind::Click
            && object.label() == self.labels.active_label()
            && object.is_mask_its_own(self.revision_of_place(place));
        if !is_active || !self.is_place_shown(place) {
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
}

/// The point that decides which object a prompt indicates.
fn middle_of(prompt: &Prompt) -> Place {
    match prompt {
        Prompt::Click { at, .. } => *at,
        Prompt::Box { from, to } => middle_point(*from, *to),
        Prompt::Scribble { points, .. } => points.first().copied().unwrap_or([-1.0; 2]),
    }
}

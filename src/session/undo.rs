//! Undo and redo. They stay in the case on the screen unless the user asks for any case, and also restore the status of
//! the case and labels.

use super::{
    Session,
    case::{Case, MaskWork, status_label},
    history::HistoryStep,
    job::{CaseId, SliceKey, StoreJob},
    notice::{Severity, Topic},
    tool_options::ToolKind,
};
use labrum_core::{journal::LabelChange, label::Label, study::Status};

/// Which steps are considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those of the case on the screen.
    Here,
    /// Those of all open cases.
    AnyCase,
}

/// Undo or redo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UndoDirection {
    /// Undo.
    Back,
    /// Redo.
    Again,
}

impl Session {
    /// Name of the step that undo would undo.
    pub fn next_undo(&self) -> Option<&str> {
        if self.prompt_to_take_back(Reach::Here).is_some() {
            return Some(ToolKind::Click.display_name());
        }
        self.next_step(UndoDirection::Back, Reach::Here)
            .map(|s| &*s.tool)
    }

    /// Name of the step that redo would redo.
    pub fn next_redo(&self) -> Option<&str> {
        self.next_step(UndoDirection::Again, Reach::Here)
            .map(|s| &*s.tool)
    }

    /// Name and case of the step that undo in any case would undo.
    pub fn next_undo_anywhere(&self) -> Option<(&str, String)> {
        if let Some(place) = self.prompt_to_take_back(Reach::AnyCase) {
            let title = self.cases.title_of(place.case());
            return Some((ToolKind::Click.display_name(), title));
        }
        self.next_step(UndoDirection::Back, Reach::AnyCase)
            .map(|s| (&*s.tool, self.cases.title_of(s.case)))
    }

    /// Name and case of the step that redo in any case would redo.
    pub fn next_redo_anywhere(&self) -> Option<(&str, String)> {
        self.next_step(UndoDirection::Again, Reach::AnyCase)
            .map(|s| (&*s.tool, self.cases.title_of(s.case)))
    }

    fn next_step(&self, way: UndoDirection, reach: Reach) -> Option<&HistoryStep> {
        let of = self.case_in_reach(reach)?;
        if way == UndoDirection::Back {
            self.history.next_undo(of)
        } else {
            self.history.next_redo(of)
        }
    }

    /// `Some(None)` for all cases; `None` if no case is open.
    pub(super) fn case_in_reach(&self, reach: Reach) -> Option<Option<CaseId>> {
        match reach {
            Reach::Here => self.cases.current_case().map(|c| Some(c.id)),
            Reach::AnyCase => Some(None),
        }
    }

    pub(super) fn undo(&mut self, reach: Reach) {
        if self.take_back_corner() || self.cancel_gesture() || self.take_back_prompt(reach) {
            return;
        }
        self.step_history(UndoDirection::Back, reach);
    }

    pub(super) fn redo(&mut self, reach: Reach) {
        // A click without an answer will become a step, after which nothing can be redone.
        if self.clicks.is_waiting() {
            return;
        }
        self.finish_gesture();
        self.step_history(UndoDirection::Again, reach);
    }

    /// Nothing to undo or redo in the case on the screen: says in which case there is.
    pub(super) fn tell_where(&mut self, way: UndoDirection) {
        let (command, what) = match way {
            UndoDirection::Back => ("Undo", "undo"),
            UndoDirection::Again => ("Redo", "redo"),
        };
        let elsewhere = self
            .next_step(way, Reach::AnyCase)
            .map(|s| (s.tool.to_lowercase(), self.cases.title_of(s.case)));
        let here = format!("Nothing to {what} in this case.");
        let text = match elsewhere {
            Some((tool, case)) => {
                format!("{here} \"{command} in any case\" goes to \"{case}\" ({tool}).")
            }
            None => here,
        };
        self.notices.add(Severity::Hint, text);
    }

    pub(super) fn step_history(&mut self, way: UndoDirection, reach: Reach) {
        let Some(of) = self.case_in_reach(reach) else {
            return;
        };
        let Some(mut step) = self.next_step(way, reach).cloned() else {
            return;
        };
        let known = self.cases.signed_off_since(&step, way);
        step.also.status = known.or(step.also.status);
        let moved = if way == UndoDirection::Back {
            self.history.undo_step(of)
        } else {
            self.history.redo_step(of)
        };
        if let Some(moved) = moved {
            // The opposite direction has to restore the status that was changed now.
            moved.also.status = step.also.status;
        }
        self.push_store_job(StoreJob::SetUndone {
            step: step.id,
            undone: way == UndoDirection::Back,
            status: known,
        });
        self.replay_step(&step, way);
        self.follow_clicks(step.id, way == UndoDirection::Back);
    }

    /// Undoes or redoes a step, and shows where.
    fn replay_step(&mut self, step: &HistoryStep, way: UndoDirection) {
        let case = step.case;
        self.notices.retract_topic(Topic::Case(case));
        let mut slices: Vec<usize> = step.edits.iter().map(|(slice, _)| *slice).collect();
        for (slice, edit) in step.decoded_edits(way == UndoDirection::Back) {
            edit.runs
                .iter()
                .for_each(|run| self.revive_label(run.after));
            self.write_mask(SliceKey { case, slice }, |mask| {
                mask.apply_edit(&edit);
                edit
            });
        }
        self.say_absent(step, way == UndoDirection::Again);
        self.apply_phase(step, way == UndoDirection::Again);
        self.mask_changed(case, slices.iter().copied());
        if way == UndoDirection::Back {
            self.forget_bare_slices(step);
        }
        if let Some(change) = &step.also.label {
            self.go_label(change, way);
        }
        slices.extend(self.go_measurements(step, way));
        let status = self.go_status(step, way);
        self.show_step(step, &slices, way, status);
    }

    /// Treats slices on which everything was undone as unedited, as after a restart: they have no mask to accept.
    fn forget_bare_slices(&mut self, step: &HistoryStep) {
        let drawn = step.edits.iter().map(|(slice, _)| *slice);
        let said = step.also.absent.iter().map(|(slice, _)| *slice as usize);
        for slice in drawn.chain(said) {
            let key = SliceKey {
                case: step.case,
                slice,
            };
            let is_blank = self.mask_of(key).is_none_or(|mask| mask.is_blank());
            if !is_blank || self.history.may_hold(step.case, slice) {
                continue;
            }
            if let Some(state) = self.slice_state_mut(key).filter(|s| s.proposal().is_none()) {
                state.revision += 1;
                state.work = MaskWork::None;
                state.mask = None;
                state.finding = None;
            }
        }
    }

    fn go_label(&mut self, change: &LabelChange, way: UndoDirection) {
        let target = if way == UndoDirection::Back {
            &change.before
        } else {
            &change.after
        };
        if let Some(label) = usize::from(change.value)
            .checked_sub(1)
            .and_then(|i| self.labels.list.get_mut(i))
        {
            // Visibility, lock, and what the workspace stores with it are not undone.
            let now = label.clone();
            *label = Label {
                visible: now.visible,
                locked: now.locked,
                kept: now.kept,
                ..target.clone()
            };
            self.save_labels();
        }
    }

    /// Undoes or redoes the changes of measurements; returns their slices.
    fn go_measurements(&mut self, step: &HistoryStep, way: UndoDirection) -> Vec<usize> {
        for change in &step.also.measurements {
            let change = match way {
                UndoDirection::Back => change.inverse(),
                UndoDirection::Again => change.clone(),
            };
            self.apply_measurement_change(step.case, &change);
        }
        let changed = step.also.measurements.iter();
        let mut slices: Vec<usize> = changed.filter_map(|c| c.measurement()?.slice()).collect();
        slices.sort_unstable();
        slices.dedup();
        slices
    }

    /// Restores the status of the case; returns it if it changed.
    fn go_status(&mut self, step: &HistoryStep, way: UndoDirection) -> Option<Status> {
        let case = step.case;
        let now = self.cases.case_by_id(case)?.status;
        let kept = step.also.status.map(|c| {
            if way == UndoDirection::Back {
                c.before
            } else {
                c.after
            }
        });
        let target = match kept {
            // There may be a new proposal since.
            Some(Status::New | Status::Proposed) => self.status_by_work(case),
            Some(status) => status,
            None if step.edits.is_empty() => now,
            None => self.status_by_work(case),
        };
        self.show_status(case, target);
        // The status of the step is saved with the journal; save only a different one.
        if target != kept.unwrap_or(now) {
            self.push_store_job(StoreJob::Status {
                case,
                status: target,
            });
        }
        (target != now).then_some(target)
    }

    /// Goes to the slice of the step, and says what was done if it was not visible.
    fn show_step(
        &mut self,
        step: &HistoryStep,
        slices: &[usize],
        way: UndoDirection,
        status: Option<Status>,
    ) {
        let here = self.cases.current_case().map(Case::slice_key);
        let is_here = here.is_some_and(|key| key.case == step.case);
        // A stroke over several slices is visible in the orthogonal views.
        let is_across = slices.len() > 1 && self.viewports.ortho_views().is_some();
        let is_seen = is_here
            && (is_across || slices.is_empty() || here.is_some_and(|k| slices.contains(&k.slice)));
        if !is_seen {
            self.select_case(self.cases.index_of(step.case));
            if let Some(first) = slices.first() {
                self.go_to_slice(*first);
            }
        }
        let is_about_acceptance = step.also.status.is_some_and(|change| {
            change.before == Status::Accepted || change.after == Status::Accepted
        });
        let is_about_case = status.is_some() && (step.edits.is_empty() || is_about_acceptance);
        if is_seen && !is_about_case && step.also.label.is_none() {
            return;
        }
        let what = if way == UndoDirection::Back {
            "Undo"
        } else {
            "Redo"
        };
        let has_many = self
            .cases
            .iter()
            .any(|c| c.id == step.case && c.slices.len() > 1);
        let place = match slices {
            [one] if has_many => format!(", slice {}", one + 1),
            [_, _, ..] => format!(", {} slices", slices.len()),
            _ => String::new(),
        };
        let mut text = format!(
            "{what} in \"{}\"{place}: {}.",
            self.cases.title_of(step.case),
            step.tool.to_lowercase()
        );
        if let Some(change) = &step.also.label {
            let name = if way == UndoDirection::Back {
                &change.before.name
            } else {
                &change.after.name
            };
            text += &format!(" The label is now called {name}.");
        }
        if let Some(status) = status {
            text += &format!(" Status of the case: {}.", status_label(status));
        }
        self.notices
            .add_about(Topic::Case(step.case), Severity::Hint, text);
    }

    /// Adds or removes the labels that a step marked as absent.
    pub(super) fn say_absent(&mut self, step: &HistoryStep, is_said: bool) {
        for (slice, label) in &step.also.absent {
            let key = SliceKey {
                case: step.case,
                slice: *slice as usize,
            };
            let Some(state) = self.slice_state_mut(key) else {
                continue;
            };
            if is_said {
                state.absent.push(*label);
            } else if let Some(at) = state.absent.iter().rposition(|l| l == label) {
                state.absent.remove(at);
            }
        }
    }
}

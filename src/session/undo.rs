//! Undo and redo: they stay in the case on the screen unless a person asks for more, and give back what a step changed of
//! the case's status and of labels, too.

use super::{
    Session,
    case::{Case, status_label},
    history::HistoryStep,
    job::{CaseId, SliceKey, StoreJob},
    notice::{Severity, Topic},
};
use labrum_core::{
    journal::{LabelChange, StatusChange},
    label::Label,
    study::Status,
};

/// Whose steps are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those of the case on the screen.
    Here,
    /// Those of all open cases.
    AnyCase,
}

/// Which way a step is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UndoDirection {
    /// It is taken back.
    Back,
    /// It is done again.
    Again,
}

impl Session {
    /// What undo would take back: the tool's name.
    pub fn next_undo(&self) -> Option<&str> {
        self.next_step(UndoDirection::Back, Reach::Here)
            .map(|s| &*s.tool)
    }

    /// What redo would do again: the tool's name.
    pub fn next_redo(&self) -> Option<&str> {
        self.next_step(UndoDirection::Again, Reach::Here)
            .map(|s| &*s.tool)
    }

    /// What undo in any case would take back: the tool's name and the case's.
    pub fn next_undo_anywhere(&self) -> Option<(&str, String)> {
        self.next_step(UndoDirection::Back, Reach::AnyCase)
            .map(|s| (&*s.tool, self.title_of(s.case)))
    }

    /// What redo in any case would do again: the tool's name and the case's.
    pub fn next_redo_anywhere(&self) -> Option<(&str, String)> {
        self.next_step(UndoDirection::Again, Reach::AnyCase)
            .map(|s| (&*s.tool, self.title_of(s.case)))
    }

    fn next_step(&self, way: UndoDirection, reach: Reach) -> Option<&HistoryStep> {
        let of = self.case_in_reach(reach)?;
        if way == UndoDirection::Back {
            self.history.next_undo(of)
        } else {
            self.history.next_redo(of)
        }
    }

    /// `Some(None)` for all cases; `None` where nothing is open.
    fn case_in_reach(&self, reach: Reach) -> Option<Option<CaseId>> {
        match reach {
            Reach::Here => self.current_case().map(|c| Some(c.id)),
            Reach::AnyCase => Some(None),
        }
    }

    pub(super) fn undo(&mut self, reach: Reach) {
        if self.take_back_corner() || self.drop_hand() {
            return;
        }
        self.step_history(UndoDirection::Back, reach);
    }

    pub(super) fn redo(&mut self, reach: Reach) {
        self.finish_hand();
        self.step_history(UndoDirection::Again, reach);
    }

    /// Says where the last step is that could be taken back or done again, where there is none in the case on the screen.
    pub(super) fn tell_where(&mut self, way: UndoDirection) {
        let (command, what) = match way {
            UndoDirection::Back => ("Undo", "undo"),
            UndoDirection::Again => ("Redo", "do again"),
        };
        let elsewhere = self
            .next_step(way, Reach::AnyCase)
            .map(|s| (s.tool.to_lowercase(), self.title_of(s.case)));
        let here = format!("There is nothing to {what} in this case.");
        let text = match elsewhere {
            Some((tool, case)) => {
                format!("{here} \"{command} in any case\" goes to \"{case}\": {tool}.")
            }
            None => here,
        };
        self.notices.add(Severity::Hint, text);
    }

    fn step_history(&mut self, way: UndoDirection, reach: Reach) {
        let Some(of) = self.case_in_reach(reach) else {
            return;
        };
        let Some(mut step) = self.next_step(way, reach).cloned() else {
            return;
        };
        let known = self.signed_off_since(&step, way);
        step.also.status = known.or(step.also.status);
        let moved = if way == UndoDirection::Back {
            self.history.undo_step(of)
        } else {
            self.history.redo_step(of)
        };
        if let Some(moved) = moved {
            // From now on it gives back what it took.
            moved.also.status = step.also.status;
        }
        self.push_store_job(StoreJob::SetUndone {
            step: step.id,
            undone: way == UndoDirection::Back,
            status: known,
        });
        self.replay_step(&step, way);
    }

    /// A case may have been signed off without a step of its own, by an older version or at the command line: then it is
    /// with the step before that it goes, and comes back.
    fn signed_off_since(&self, step: &HistoryStep, way: UndoDirection) -> Option<StatusChange> {
        let after = self.cases.iter().find(|c| c.id == step.case)?.status;
        let is_signed_off = matches!(after, Status::Accepted | Status::Skipped);
        let is_by_step = step.also.status.is_some_and(|change| change.after == after);
        let before = step
            .also
            .status
            .map_or(Status::Corrected, |change| change.before);
        let is_drawn = way == UndoDirection::Back && !step.edits.is_empty();
        (is_drawn && is_signed_off && !is_by_step).then_some(StatusChange { before, after })
    }

    /// Does a step again or takes it back, and shows where.
    fn replay_step(&mut self, step: &HistoryStep, way: UndoDirection) {
        let case = step.case;
        self.notices.retract_topic(Topic::Case(case));
        let slices: Vec<usize> = step.edits.iter().map(|(slice, _)| *slice).collect();
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
        self.mask_changed(case, slices.iter().copied());
        if way == UndoDirection::Back {
            self.forget_bare_slices(step);
        }
        if let Some(change) = &step.also.label {
            self.go_label(change, way);
        }
        let status = self.go_status(step, way);
        self.show_step(step, &slices, way, status);
    }

    /// A slice on which all was undone is one that nobody worked on, as it is after a restart: it has no mask to accept.
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
            if let Some(state) = self.slice_state_mut(key).filter(|s| s.proposal.is_none()) {
                state.revision += 1;
                state.is_touched = false;
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
            .and_then(|i| self.labels.get_mut(i))
        {
            // What is seen or locked now, and what models call it, stays.
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

    /// Gives the case the status that it had; that, where it is another one now.
    fn go_status(&mut self, step: &HistoryStep, way: UndoDirection) -> Option<Status> {
        let case = step.case;
        let now = self.cases.iter().find(|c| c.id == case)?.status;
        let kept = step.also.status.map(|c| {
            if way == UndoDirection::Back {
                c.before
            } else {
                c.after
            }
        });
        let target = match kept {
            // A model may have proposed something since.
            Some(Status::New | Status::Proposed) => self.status_by_work(case),
            Some(status) => status,
            None if step.edits.is_empty() => now,
            None => self.status_by_work(case),
        };
        self.show_status(case, target);
        // The journal has written what the step says.
        if target != kept.unwrap_or(now) {
            self.push_store_job(StoreJob::Status {
                case,
                status: target,
            });
        }
        (target != now).then_some(target)
    }

    /// Goes where the step is, and says what was done where that is not to be seen.
    fn show_step(
        &mut self,
        step: &HistoryStep,
        slices: &[usize],
        way: UndoDirection,
        status: Option<Status>,
    ) {
        let here = self.current_case().map(Case::slice_key);
        let is_here = here.is_some_and(|key| key.case == step.case);
        // What was drawn across the slices is seen across them.
        let is_across = slices.len() > 1 && self.ortho_views().is_some();
        let is_seen = is_here
            && (is_across || slices.is_empty() || here.is_some_and(|k| slices.contains(&k.slice)));
        if !is_seen {
            self.select_case(self.cases.iter().position(|c| c.id == step.case));
            if let Some(first) = slices.first() {
                self.go_to_slice(*first);
            }
        }
        let was_or_is_accepted =
            |c: StatusChange| c.before == Status::Accepted || c.after == Status::Accepted;
        let is_about_case = status.is_some()
            && (step.edits.is_empty() || step.also.status.is_some_and(was_or_is_accepted));
        if is_seen && !is_about_case && step.also.label.is_none() {
            return;
        }
        let what = if way == UndoDirection::Back {
            "Undone"
        } else {
            "Done again"
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
            self.title_of(step.case),
            step.tool.to_lowercase()
        );
        if let Some(change) = &step.also.label {
            let name = if way == UndoDirection::Back {
                &change.before.name
            } else {
                &change.after.name
            };
            text += &format!(" The label is called {name}.");
        }
        if let Some(status) = status {
            text += &format!(" The case is {} now.", status_label(status));
        }
        self.notices
            .add_about(Topic::Case(step.case), Severity::Hint, text);
    }

    /// Notes, or takes back, what a step says of slices that hold nothing.
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

    /// What a case is called, for messages; empty for one that is closed.
    pub(super) fn title_of(&self, case: CaseId) -> String {
        self.cases
            .iter()
            .find(|c| c.id == case)
            .map_or_else(String::new, Case::display_title)
    }
}

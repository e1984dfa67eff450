//! What can be undone and done again, case by case: steps in the compact form in which the journal keeps them.

use super::job::CaseId;
use labrum_core::{edit::Edit, journal::Also};
use std::sync::Arc;

/// Steps may take so much memory; at least [`KEPT`] stay whatever they take.
const BYTES: usize = 48 << 20;

/// So many steps can be undone at least.
const KEPT: usize = 1000;

/// Names a step: the journal gives a number to what it has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepId {
    /// Taken since the app was started.
    New(u64),
    /// Read from the journal.
    Stored(i64),
}

/// One gesture, command or decision.
#[derive(Clone, Debug)]
pub struct HistoryStep {
    /// Which.
    pub id: StepId,
    /// On which case.
    pub case: CaseId,
    /// With what: "Brush", "Accept".
    pub tool: Arc<str>,
    /// For each slice the edit, packed by [`Edit::to_bytes`].
    pub edits: Vec<(usize, Arc<[u8]>)>,
    /// What it changed beside pixels.
    pub also: Also,
}

impl HistoryStep {
    /// The edits of the step, or of its undoing.
    pub fn decoded_edits(&self, undo: bool) -> impl Iterator<Item = (usize, Edit)> + '_ {
        self.edits.iter().filter_map(move |(slice, bytes)| {
            let edit = Edit::from_bytes(bytes)?;
            Some((*slice, if undo { edit.inverse() } else { edit }))
        })
    }

    fn byte_size(&self) -> usize {
        size_of::<Self>()
            + self
                .edits
                .iter()
                .map(|(_, bytes)| bytes.len() + 40)
                .sum::<usize>()
    }
}

/// Steps that can be undone, and those that can be done again.
#[derive(Clone, Debug, Default)]
pub struct History {
    done: Vec<HistoryStep>,
    undone: Vec<HistoryStep>,
    /// Some of the oldest steps that stand are known to the journal alone.
    has_forgotten: bool,
}

impl History {
    /// A step was taken: what was undone before on its case is gone.
    pub fn push_step(&mut self, step: HistoryStep) {
        self.undone.retain(|undone| undone.case != step.case);
        self.done.push(step);
        // Now and then is often enough.
        if self.done.len().is_multiple_of(64) {
            self.forget_oldest();
        }
    }

    /// Keeps within the memory; the journal has the steps that are forgotten here.
    fn forget_oldest(&mut self) {
        let mut room = BYTES;
        let newest = self.done.iter().rev().take_while(|step| {
            room = room.saturating_sub(step.byte_size());
            room > 0
        });
        let kept = newest.count().max(KEPT).min(self.done.len());
        let forgotten = self.done.len() - kept;
        self.has_forgotten |= forgotten > 0;
        self.done.drain(..forgotten);
    }

    /// Takes the newest step back, of a case or of any; it can be done again.
    pub fn undo_step(&mut self, of: Option<CaseId>) -> Option<&mut HistoryStep> {
        let step = self.done.remove(newest_index(&self.done, of)?);
        self.undone.push(step);
        self.undone.last_mut()
    }

    /// Does the step again that was taken back last, of a case or of any.
    pub fn redo_step(&mut self, of: Option<CaseId>) -> Option<&mut HistoryStep> {
        let step = self.undone.remove(newest_index(&self.undone, of)?);
        self.done.push(step);
        self.done.last_mut()
    }

    /// The step that would be undone next, of a case or of any.
    pub fn next_undo(&self, of: Option<CaseId>) -> Option<&HistoryStep> {
        self.done.get(newest_index(&self.done, of)?)
    }

    /// The step that would be done again next, of a case or of any.
    pub fn next_redo(&self, of: Option<CaseId>) -> Option<&HistoryStep> {
        self.undone.get(newest_index(&self.undone, of)?)
    }

    /// How many steps can be undone.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    /// True where nothing can be undone.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// True where a step that changed pixels of this case stands.
    pub fn has_drawn(&self, case: CaseId) -> bool {
        self.done
            .iter()
            .any(|s| s.case == case && !s.edits.is_empty())
    }

    /// True where a step stands, or may stand, that says something of this slice.
    pub fn may_hold(&self, case: CaseId, slice: usize) -> bool {
        let says = |step: &HistoryStep| {
            step.edits.iter().any(|(of, _)| *of == slice)
                || step.also.absent.iter().any(|(of, _)| *of as usize == slice)
        };
        self.has_forgotten || self.done.iter().any(|step| step.case == case && says(step))
    }

    /// Takes in the steps of a case that was just opened, both lists oldest first: they fall into place by their number
    /// in the journal. Steps of this run of the app are newer than all of them.
    pub fn restore_steps(&mut self, done: Vec<HistoryStep>, undone: Vec<HistoryStep>) {
        let place = |s: &HistoryStep| match s.id {
            StepId::Stored(seq) => (0, seq),
            StepId::New(n) => (1, n as i64),
        };
        self.done.extend(done);
        self.done.sort_by_key(place);
        self.undone.extend(undone);
        self.undone.sort_by_key(|s| std::cmp::Reverse(place(s)));
    }

    /// Forgets the steps of cases that are closed.
    pub fn retain_cases(&mut self, is_open: impl Fn(CaseId) -> bool) {
        self.done.retain(|s| is_open(s.case));
        self.undone.retain(|s| is_open(s.case));
    }

    /// What the steps cost in memory, bytes.
    pub fn byte_size(&self) -> usize {
        self.done
            .iter()
            .chain(&self.undone)
            .map(HistoryStep::byte_size)
            .sum()
    }
}

fn newest_index(steps: &[HistoryStep], of: Option<CaseId>) -> Option<usize> {
    steps
        .iter()
        .rposition(|step| of.is_none_or(|case| case == step.case))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn step(id: StepId, case: CaseId) -> HistoryStep {
        let edits = vec![(0, Arc::from(Edit::default().to_bytes()))];
        HistoryStep {
            id,
            case,
            tool: "Brush".into(),
            edits,
            also: Also::default(),
        }
    }

    #[test]
    fn a_new_step_ends_what_could_be_done_again() {
        let mut history = History::default();
        history.push_step(step(StepId::New(1), 1));
        history.push_step(step(StepId::New(2), 1));
        assert_eq!(history.undo_step(None).unwrap().id, StepId::New(2));
        assert_eq!(history.redo_step(None).unwrap().id, StepId::New(2));
        history.undo_step(None);
        history.push_step(step(StepId::New(3), 1));
        assert!(history.redo_step(None).is_none());
        assert_eq!(history.undo_step(None).unwrap().id, StepId::New(3));
        assert_eq!(history.undo_step(None).unwrap().id, StepId::New(1));
        assert!(history.undo_step(None).is_none());
    }

    #[test]
    fn steps_of_other_cases_are_left_alone() {
        let mut history = History::default();
        for (n, case) in [(1, 1), (2, 2), (3, 1)] {
            history.push_step(step(StepId::New(n), case));
        }
        assert_eq!(history.undo_step(Some(2)).unwrap().id, StepId::New(2));
        assert!(history.undo_step(Some(2)).is_none());
        history.undo_step(Some(1));
        history.push_step(step(StepId::New(4), 1));
        assert!(history.next_redo(Some(1)).is_none());
        assert_eq!(
            history.redo_step(Some(2)).unwrap().id,
            StepId::New(2),
            "a step elsewhere takes nothing from it"
        );
        assert_eq!(history.next_undo(None).unwrap().id, StepId::New(2));
        assert_eq!(history.next_undo(Some(1)).unwrap().id, StepId::New(4));
    }

    #[test]
    fn many_large_steps_are_forgotten_from_the_oldest_on_and_a_thousand_stay() {
        let mut history = History::default();
        for n in 0..1280 {
            let edits = vec![(0, Arc::from(vec![0; 100_000]))];
            history.push_step(HistoryStep {
                id: StepId::New(n),
                case: 1,
                tool: "Brush".into(),
                edits,
                also: Also::default(),
            });
        }
        assert!(
            (KEPT..KEPT + 64).contains(&history.len()),
            "{}",
            history.len()
        );
        assert_eq!(history.next_undo(None).unwrap().id, StepId::New(1279));
    }

    #[test]
    fn steps_from_the_journal_go_before_those_of_today() {
        let mut history = History::default();
        history.push_step(step(StepId::New(1), 1));
        history.restore_steps(
            vec![step(StepId::Stored(4), 2), step(StepId::Stored(9), 2)],
            Vec::new(),
        );
        history.restore_steps(
            vec![step(StepId::Stored(7), 3)],
            vec![step(StepId::Stored(10), 3), step(StepId::Stored(11), 3)],
        );
        let order: Vec<StepId> =
            std::iter::from_fn(|| history.redo_step(None).map(|s| s.id)).collect();
        assert_eq!(
            order,
            [StepId::Stored(10), StepId::Stored(11)],
            "the oldest is done again first"
        );
        history.undo_step(None);
        history.undo_step(None);
        let order: Vec<StepId> =
            std::iter::from_fn(|| history.undo_step(None).map(|s| s.id)).collect();
        assert_eq!(order.last().unwrap(), &StepId::Stored(4));
    }
}

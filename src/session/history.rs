//! The undo history, case by case. Steps are kept in the compact form of the journal.

use super::job::CaseId;
use labrum_core::{edit::Edit, journal::Also, prompts::Prompt};
use std::{cmp, sync::Arc};

/// Memory limit for steps, in bytes; at least [`KEPT`] steps stay regardless.
const BYTES: usize = 48 << 20;

/// Minimum number of steps that can be undone.
const KEPT: usize = 1000;

/// Identifies a step. Steps that were read from the journal have a number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepId {
    /// Made since the program was started.
    New(u64),
    /// Read from the journal.
    Stored(i64),
}

impl StepId {
    /// Sort key from oldest to newest: steps of this session come after all steps of the journal.
    pub(super) fn age_rank(self) -> (u8, i64) {
        match self {
            Self::Stored(number) => (0, number),
            Self::New(number) => (1, number as i64),
        }
    }
}

/// One gesture, command, or acceptance.
#[derive(Clone, Debug)]
pub struct HistoryStep {
    /// Its id.
    pub id: StepId,
    /// Its case.
    pub case: CaseId,
    /// The tool or command: "Brush", "Accept".
    pub tool: Arc<str>,
    /// Slice and edit, packed by [`Edit::to_bytes`].
    pub edits: Vec<(usize, Arc<[u8]>)>,
    /// Changes other than pixels.
    pub also: Also,
}

impl HistoryStep {
    /// The edits of the step; inverted if `undo`.
    pub fn decoded_edits(&self, undo: bool) -> impl Iterator<Item = (usize, Edit)> + '_ {
        self.edits.iter().filter_map(move |(slice, bytes)| {
            let edit = Edit::from_bytes(bytes)?;
            Some((*slice, if undo { edit.inverse() } else { edit }))
        })
    }

    /// True if it changed pixels of a slice or marked a label as absent there.
    fn is_about_slice(&self, slice: usize) -> bool {
        self.edits.iter().any(|(of, _)| *of == slice)
            || self.also.absent.iter().any(|(of, _)| *of as usize == slice)
    }

    fn byte_size(&self) -> usize {
        let prompts = self.also.prompts.as_ref();
        let prompts: usize = prompts.map_or(0, |own| own.prompts.iter().map(prompt_bytes).sum());
        size_of::<Self>()
            + prompts
            + self
                .edits
                .iter()
                .map(|(_, bytes)| bytes.len() + 40)
                .sum::<usize>()
    }
}

/// Memory used by a prompt, in bytes.
fn prompt_bytes(prompt: &Prompt) -> usize {
    let points = match prompt {
        Prompt::Scribble { points, .. } => points.len(),
        Prompt::Click { .. } | Prompt::Box { .. } => 0,
    };
    size_of::<Prompt>() + points * size_of::<[f64; 2]>()
}

/// Steps that can be undone or redone.
#[derive(Clone, Debug, Default)]
pub struct History {
    done: Vec<HistoryStep>,
    undone: Vec<HistoryStep>,
    /// The oldest steps were dropped here; the journal still has them.
    has_forgotten: bool,
}

impl History {
    /// Adds a step. Undone steps of its case can no longer be redone.
    pub fn push_step(&mut self, step: HistoryStep) {
        self.undone.retain(|undone| undone.case != step.case);
        self.done.push(step);
        // Checking now and then is enough.
        if self.done.len().is_multiple_of(64) {
            self.forget_oldest();
        }
    }

    /// Drops the oldest steps to stay within the memory limit; the journal still has them.
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

    /// Undoes the newest step of a case, or of any case.
    pub fn undo_step(&mut self, of: Option<CaseId>) -> Option<&mut HistoryStep> {
        let step = self.done.remove(newest_index(&self.done, of)?);
        self.undone.push(step);
        self.undone.last_mut()
    }

    /// Redoes the last undone step of a case, or of any case.
    pub fn redo_step(&mut self, of: Option<CaseId>) -> Option<&mut HistoryStep> {
        let step = self.undone.remove(newest_index(&self.undone, of)?);
        self.done.push(step);
        self.done.last_mut()
    }

    /// The next step to undo in a case, or in any case.
    pub fn next_undo(&self, of: Option<CaseId>) -> Option<&HistoryStep> {
        self.done.get(newest_index(&self.done, of)?)
    }

    /// The next step to redo in a case, or in any case.
    pub fn next_redo(&self, of: Option<CaseId>) -> Option<&HistoryStep> {
        self.undone.get(newest_index(&self.undone, of)?)
    }

    /// Number of steps that can be undone.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    /// True if nothing can be undone.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// True if a step that is not undone changed pixels of this case.
    pub fn has_drawn(&self, case: CaseId) -> bool {
        self.done
            .iter()
            .any(|s| s.case == case && !s.edits.is_empty())
    }

    /// True if a step that is not undone changed this slice, or if it may have: the oldest steps are not all known
    /// here.
    pub fn may_hold(&self, case: CaseId, slice: usize) -> bool {
        self.has_forgotten
            || self
                .done
                .iter()
                .any(|step| step.case == case && step.is_about_slice(slice))
    }

    /// Adds the stored steps of a case that was just opened, both lists oldest first, sorted in by their number in the
    /// journal. Steps of this session are newer than all of them.
    pub fn restore_steps(&mut self, done: Vec<HistoryStep>, undone: Vec<HistoryStep>) {
        self.done.extend(done);
        self.done.sort_by_key(|step| step.id.age_rank());
        self.undone.extend(undone);
        self.undone
            .sort_by_key(|step| cmp::Reverse(step.id.age_rank()));
    }

    /// Drops the steps of closed cases.
    pub fn retain_cases(&mut self, is_open: impl Fn(CaseId) -> bool) {
        self.done.retain(|s| is_open(s.case));
        self.undone.retain(|s| is_open(s.case));
    }

    /// Memory used by the steps, in bytes.
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
    fn a_new_step_discards_what_could_be_redone() {
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
    fn undo_and_redo_are_kept_separate_per_case() {
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
            "a step in another case does not discard it"
        );
        assert_eq!(history.next_undo(None).unwrap().id, StepId::New(2));
        assert_eq!(history.next_undo(Some(1)).unwrap().id, StepId::New(4));
    }

    #[test]
    fn with_many_large_steps_the_oldest_are_dropped_and_a_thousand_are_kept() {
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
    fn steps_from_the_journal_come_before_those_of_this_session() {
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
            "the oldest is redone first"
        );
        history.undo_step(None);
        history.undo_step(None);
        let order: Vec<StepId> =
            std::iter::from_fn(|| history.undo_step(None).map(|s| s.id)).collect();
        assert_eq!(order.last().unwrap(), &StepId::Stored(4));
    }
}

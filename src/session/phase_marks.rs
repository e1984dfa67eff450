//! The marks of end diastole and end systole that the steps of one case made, at the time that the case is.

use super::history::StepId;
use labrum_core::measurement::PhaseChange;

/// What the steps of a case marked, without those that are undone; oldest first.
#[derive(Clone, Debug, Default)]
pub struct PhaseMarks(Vec<(StepId, PhaseChange)>);

impl PhaseMarks {
    /// True if no step that is not undone made or removed a mark.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The marks with their steps, oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = (StepId, PhaseChange)> + '_ {
        self.0.iter().copied()
    }

    /// Replaces everything by what a workspace stores: marks with the numbers of their steps, oldest first.
    pub(super) fn restore(&mut self, stored: Vec<(i64, PhaseChange)>) {
        let steps = stored.into_iter();
        self.0 = steps
            .map(|(number, change)| (StepId::Stored(number), change))
            .collect();
    }

    /// Adds the mark of a step that was made or done again.
    pub(super) fn add(&mut self, step: StepId, change: PhaseChange) {
        self.0.push((step, change));
        self.0.sort_by_key(|(step, _)| step.age_rank());
    }

    /// Removes the mark of a step that was undone. The steps of a case are undone from the newest on, so it is the newest
    /// such mark; its step may have got another id since.
    pub(super) fn take_back(&mut self, change: PhaseChange) {
        if let Some(at) = self.0.iter().rposition(|(_, made)| *made == change) {
            self.0.remove(at);
        }
    }
}

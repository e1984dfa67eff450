//! The second look of a round at the promotion before it: the active model and the version before, on cases that neither
//! has learned from.

use super::WorkspaceRound;
use crate::{
    Result,
    learning::{
        cost,
        exercise::Exercise,
        judge::{pair_scores, score_model},
        model::Model,
    },
};
use labrum_core::{
    gate::SecondLook, holdout::Side, learning::PreviousVersion, progress::Control,
    training::StartFrom,
};
use std::collections::BTreeSet;

/// Maximum number of slices of new cases: of a long series the first ones are enough.
const MOST_NEW_SLICES: usize = 60;

impl WorkspaceRound {
    /// Compares the active model with the version before it; `None` without such a version or without new cases, and if
    /// cancelled.
    ///
    /// # Errors
    /// A model or an image that cannot be read, a failure of the device.
    pub(super) fn look_again(&self, control: &Control) -> Result<Option<SecondLook>> {
        let (Some(previous), StartFrom::File(file)) = (&self.previous, &self.settings.start) else {
            return Ok(None);
        };
        let exercises = self.second_look_exercises(previous);
        if exercises.is_empty() {
            return Ok(None);
        }
        let active = Model::of_version(file, &self.labels)?;
        let before = Model::of_version(&previous.file, &self.labels)?;
        let Some(before) = score_model(&before, &exercises, &self.labels, self.device, control)?
        else {
            return Ok(None);
        };
        let Some(active) = score_model(&active, &exercises, &self.labels, self.device, control)?
        else {
            return Ok(None);
        };
        let new_cases: BTreeSet<i64> = self
            .new_slices(previous)
            .map(|exercise| exercise.case)
            .collect();
        let cases = pair_scores(&before, active);
        let names = [self.settings.start_name.as_str(), &previous.name];
        Ok(SecondLook::new(&cases, new_cases.len(), names))
    }

    /// Seconds that the second look takes.
    pub(super) fn second_look_seconds(&self) -> f64 {
        let slices = self
            .previous
            .as_ref()
            .map_or(0, |previous| self.second_look_exercises(previous).len());
        cost::judging_seconds(2 * slices)
    }

    /// The new slices, then those that are held out; none without new ones.
    fn second_look_exercises(&self, previous: &PreviousVersion) -> Vec<Exercise> {
        let mut exercises: Vec<Exercise> = self.new_slices(previous).collect();
        if !exercises.is_empty() {
            let held_out = self.snapshot.iter().filter(|s| s.side == Side::HoldOut);
            exercises.extend(held_out.map(Exercise::from_slice));
        }
        exercises
    }

    /// The slices of the cases that neither version has learned from.
    fn new_slices(&self, previous: &PreviousVersion) -> impl Iterator<Item = Exercise> {
        self.snapshot
            .iter()
            .filter(move |slice| {
                slice.side == Side::Training && previous.unseen.contains(&slice.case)
            })
            .take(MOST_NEW_SLICES)
            .map(Exercise::from_slice)
    }
}

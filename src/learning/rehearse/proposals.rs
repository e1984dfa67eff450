//! Clicks that correct the proposals of an ordinary model. It is trained on the same cases as the model of the Click tool, as
//! in a workspace, where a round trains both.

use super::{Rehearsal, exercise_for_pair, rounds::RehearsalLoop};
use crate::{
    Result,
    io::dataset::DatasetPair,
    learning::{clicks::ClickJudge, exercise::Exercise},
};
use labrum_core::{
    gate::clicks::ENOUGH, label::Label, label_table::LabelTable, mask::Mask,
    metrics::dice_coefficient, progress::Control, tools::components::connected_components,
    training::RoundPhase,
};
use labrum_nn::prompt::judge::JudgedTarget;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Minimum Dice of a proposal that the simulated annotator corrects. A worse one is cleared, which counts as a click, and the
/// object is clicked as a new one.
const WORTH_CORRECTING: f64 = 0.5;

/// Scores on the test set if clicks correct the proposals of the ordinary model, means over the objects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposalFigures {
    /// Number of clicks needed for Dice 0.90, clearing the proposal included: 0 to 11, where 10 clicks were not enough and
    /// the proposal was cleared.
    pub clicks_to_90: f64,
    /// Share of the objects whose proposal has Dice 0.90 or more and needs no click, 0..=1.
    pub without_clicks: f64,
    /// Share of the objects whose proposal was cleared, 0..=1.
    pub cleared: f64,
    /// Share of the objects without a proposal, 0..=1; they are clicked as new objects.
    pub without_proposal: f64,
    /// Mean Dice of the proposals before the first click; 0 for an object without one.
    pub dice_before: f64,
}

/// An object of the test set with its case.
pub(super) struct TestObject {
    pub(super) target: JudgedTarget,
    pub(super) exercise: Exercise,
}

impl TestObject {
    /// Objects with their cases; masks have the labels of the workspace.
    pub(super) fn from_pairs(
        targets: Vec<(DatasetPair, JudgedTarget)>,
        table: &LabelTable,
    ) -> Result<Vec<Self>> {
        let numbered = targets.into_iter().zip(0..);
        numbered
            .map(|((pair, target), case)| {
                let exercise = exercise_for_pair(&pair, table, case)?;
                Ok(Self { target, exercise })
            })
            .collect()
    }

    /// The connected components of the object's label in `proposed` that overlap the object, true for their pixels;
    /// `None` if there are none.
    fn find_proposal(&self, proposed: &Mask) -> Option<Vec<bool>> {
        let truth = &self.target.truth;
        let mask = self.exercise.mask.to_mask();
        let label = mask.pixel_labels()[truth.iter().position(|inside| *inside)?];
        let columns = proposed.columns();
        let mut found = vec![false; truth.len()];
        for component in connected_components(&proposed.label_region(label)) {
            let spans = component.spans().iter();
            let ranges: Vec<Range<usize>> = spans
                .map(|span| span.row * columns + span.start..span.row * columns + span.end)
                .collect();
            if ranges
                .iter()
                .any(|range| truth[range.clone()].contains(&true))
            {
                ranges.into_iter().for_each(|range| found[range].fill(true));
            }
        }
        found.contains(&true).then_some(found)
    }
}

/// The rounds of the ordinary model.
pub(super) struct ProposalLoop<'a> {
    rounds: RehearsalLoop<'a>,
}

impl<'a> ProposalLoop<'a> {
    /// The loop before any case; `pool` and `table` are those of the click model.
    pub(super) fn new(
        rehearsal: &'a Rehearsal,
        pool: Vec<DatasetPair>,
        objects: &[TestObject],
        labels: Vec<Label>,
        table: LabelTable,
    ) -> Result<Self> {
        let test = objects.iter().map(|object| object.exercise.clone());
        let rounds = RehearsalLoop::new(rehearsal, pool, test.collect(), labels, table)?;
        Ok(Self { rounds })
    }

    /// Corrects cases until there are `cases` for training, and runs a round; false if cancelled.
    pub(super) fn run_round(
        &mut self,
        cases: usize,
        control: &Control,
        phase: &mut dyn FnMut(RoundPhase),
    ) -> Result<bool> {
        let is_complete = self.rounds.correct_until(cases, control)?
            && self.rounds.run_round(control, phase)?.is_some();
        Ok(is_complete)
    }

    /// The scores of clicks on the proposals of the active model; `None` without an active model, or if cancelled.
    pub(super) fn score_corrections(
        &self,
        judge: &mut ClickJudge,
        objects: &[TestObject],
        control: &Control,
    ) -> Result<Option<ProposalFigures>> {
        let Some(mut proposer) = self.rounds.active_judge()? else {
            return Ok(None);
        };
        let mut sums = [0.0; 5];
        for object in objects {
            if !control.may_go_on() {
                return Ok(None);
            }
            let proposed = object.find_proposal(&proposer.propose_mask(&object.exercise)?);
            let figures = score_proposal(judge, &object.target, proposed.as_deref())?;
            for (sum, figure) in sums.iter_mut().zip(figures) {
                *sum += figure;
            }
        }
        let means = sums.map(|sum| sum / objects.len() as f64);
        let [
            clicks_to_90,
            without_clicks,
            cleared,
            without_proposal,
            dice_before,
        ] = means;
        Ok(Some(ProposalFigures {
            clicks_to_90,
            without_clicks,
            cleared,
            without_proposal,
            dice_before,
        }))
    }
}

/// The [`ProposalFigures`] of one object, in their order.
fn score_proposal(
    judge: &mut ClickJudge,
    target: &JudgedTarget,
    proposed: Option<&[bool]>,
) -> Result<[f64; 5]> {
    let dice = proposed.map_or(0.0, |proposed| dice_coefficient(&target.truth, proposed));
    let corrected = proposed.filter(|_| dice >= WORTH_CORRECTING);
    let is_cleared = proposed.is_some() && corrected.is_none();
    let scores = match corrected {
        Some(proposed) => judge.score_correction(target, proposed)?,
        None => judge.score_object(target, 1)?,
    };
    let clicks = scores.clicks_to(ENOUGH) + usize::from(is_cleared);
    Ok([
        clicks as f64,
        f64::from(u8::from(clicks == 0)),
        f64::from(u8::from(is_cleared)),
        f64::from(u8::from(proposed.is_none())),
        dice,
    ])
}

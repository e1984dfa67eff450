//! Clicks that correct the proposals of a model that proposes masks. It is trained on the same cases as the model of the Click
//! tool, as in a workspace, where a round trains both.

use super::{Rehearsal, RoundResult, exercises_for_pairs, rounds::RehearsalLoop};
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

/// A round of the model that proposes masks, and clicks on its proposals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposalStage {
    /// The round.
    pub round: RoundResult,
    /// Scores on the test set if clicks correct the proposals of the model that is active after the round; `None` while none
    /// is.
    pub test: Option<ProposalFigures>,
}

/// Scores of clicks that correct proposals, means over objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProposalFigures {
    /// Number of clicks to Dice 0.90: at most 10 (10 if it is not reached), and one more if the proposal was cleared.
    pub clicks_to_90: f64,
    /// Share of the objects whose proposal has Dice 0.90 or more and needs no click, 0..=1.
    pub without_clicks: f64,
    /// Share of the objects whose proposal was cleared, 0..=1.
    pub cleared: f64,
    /// Share of the objects without a proposal, 0..=1; they are clicked as new objects.
    pub without_proposal: f64,
    /// Dice of the proposals before the first click; 0 for an object without one.
    pub dice_before: f64,
}

impl ProposalFigures {
    /// The mean; all 0 of none.
    pub fn mean_over(figures: &[Self]) -> Self {
        let count = figures.len().max(1) as f64;
        let mean_of = |value: fn(&Self) -> f64| figures.iter().map(value).sum::<f64>() / count;
        Self {
            clicks_to_90: mean_of(|f| f.clicks_to_90),
            without_clicks: mean_of(|f| f.without_clicks),
            cleared: mean_of(|f| f.cleared),
            without_proposal: mean_of(|f| f.without_proposal),
            dice_before: mean_of(|f| f.dice_before),
        }
    }
}

/// The rounds of the model that proposes masks.
pub(super) struct ProposalLoop<'a> {
    rounds: RehearsalLoop<'a>,
    /// The cases of the test objects.
    cases: Vec<Exercise>,
}

impl<'a> ProposalLoop<'a> {
    /// The loop before any case. `pool` and `table` are those of the click model, `tested` the images of its test objects.
    pub(super) fn new(
        rehearsal: &'a Rehearsal,
        pool: Vec<DatasetPair>,
        tested: &[DatasetPair],
        labels: Vec<Label>,
        table: LabelTable,
    ) -> Result<Self> {
        let cases = exercises_for_pairs(tested, &table)?;
        let rounds = RehearsalLoop::new(rehearsal, pool, cases.clone(), labels, table)?;
        Ok(Self { rounds, cases })
    }

    /// Corrects cases until there are `training_cases`, runs a round, and scores clicks on the proposals for `objects`, one
    /// for each test image; `None` if cancelled.
    pub(super) fn run_round(
        &mut self,
        training_cases: usize,
        judge: &mut ClickJudge,
        objects: &[JudgedTarget],
        control: &Control,
        phase: &mut dyn FnMut(RoundPhase),
    ) -> Result<Option<ProposalStage>> {
        if !self.rounds.correct_until(training_cases, control)? {
            return Ok(None);
        }
        let Some(round) = self.rounds.run_round(control, phase)? else {
            return Ok(None);
        };
        let test = self.score_corrections(judge, objects, control)?;
        Ok(control.may_go_on().then_some(ProposalStage { round, test }))
    }

    /// The scores of clicks on the proposals of the active model; `None` without one, or if cancelled.
    fn score_corrections(
        &self,
        judge: &mut ClickJudge,
        objects: &[JudgedTarget],
        control: &Control,
    ) -> Result<Option<ProposalFigures>> {
        let Some(mut proposer) = self.rounds.active_judge()? else {
            return Ok(None);
        };
        let mut figures = Vec::with_capacity(objects.len());
        for (object, case) in objects.iter().zip(&self.cases) {
            if !control.may_go_on() {
                return Ok(None);
            }
            let proposed = find_proposal(
                &object.truth,
                &case.mask.to_mask(),
                &proposer.propose_mask(case)?,
            );
            figures.push(score_proposal(judge, object, proposed.as_deref())?);
        }
        Ok(Some(ProposalFigures::mean_over(&figures)))
    }
}

/// The connected components of the object's label in `proposed` that overlap the object, true for their pixels; `None` if
/// there are none. `object` is true for its pixels, and `truth` the mask that it is from.
fn find_proposal(object: &[bool], truth: &Mask, proposed: &Mask) -> Option<Vec<bool>> {
    let label = truth.pixel_labels()[object.iter().position(|inside| *inside)?];
    let columns = proposed.columns();
    let mut found = vec![false; object.len()];
    for component in connected_components(&proposed.label_region(label)) {
        let spans = component.spans().iter();
        let ranges: Vec<Range<usize>> = spans
            .map(|span| span.row * columns + span.start..span.row * columns + span.end)
            .collect();
        if ranges
            .iter()
            .any(|range| object[range.clone()].contains(&true))
        {
            ranges.into_iter().for_each(|range| found[range].fill(true));
        }
    }
    found.contains(&true).then_some(found)
}

/// The scores of one object. All overlapping components are corrected together, as if a person had clicked on each.
fn score_proposal(
    judge: &mut ClickJudge,
    object: &JudgedTarget,
    proposed: Option<&[bool]>,
) -> Result<ProposalFigures> {
    let dice = proposed.map_or(0.0, |proposed| dice_coefficient(&object.truth, proposed));
    let corrected = proposed.filter(|_| dice >= WORTH_CORRECTING);
    let is_cleared = proposed.is_some() && corrected.is_none();
    let scores = match corrected {
        Some(proposed) => judge.score_correction(object, proposed)?,
        None => judge.score_object(object, 1)?,
    };
    let clicks = scores.clicks_to(ENOUGH) + usize::from(is_cleared);
    Ok(ProposalFigures {
        clicks_to_90: clicks as f64,
        without_clicks: f64::from(u8::from(clicks == 0)),
        cleared: f64::from(u8::from(is_cleared)),
        without_proposal: f64::from(u8::from(proposed.is_none())),
        dice_before: dice,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::learning::model::Model;
    use labrum_nn::prompt::segmenter::PromptImage;

    const SIDE: usize = 48;

    /// True within `radius` of a centre.
    fn disc([x, y]: [usize; 2], radius: usize) -> Vec<bool> {
        (0..SIDE * SIDE)
            .map(|at| {
                (at % SIDE).abs_diff(x).pow(2) + (at / SIDE).abs_diff(y).pow(2) <= radius.pow(2)
            })
            .collect()
    }

    fn mask(parts: &[(&[bool], u8)]) -> Mask {
        let mut labels = vec![0; SIDE * SIDE];
        for (part, label) in parts {
            let pixels = labels.iter_mut().zip(*part).filter(|(_, inside)| **inside);
            pixels.for_each(|(pixel, _)| *pixel = *label);
        }
        Mask::from_labels(SIDE, SIDE, labels).unwrap()
    }

    #[test]
    fn a_proposal_has_the_components_of_the_label_that_overlap_the_object() {
        let object = disc([14, 14], 8);
        let truth = mask(&[(&object, 2)]);
        let near = disc([18, 14], 6);
        let far = disc([38, 38], 5);
        let find = |proposed: &Mask| find_proposal(&object, &truth, proposed);
        assert_eq!(find(&mask(&[(&near, 2), (&far, 2)])), Some(near.clone()));
        assert_eq!(find(&mask(&[(&near, 1), (&far, 2)])), None);
        assert_eq!(find(&mask(&[])), None);
    }

    #[test]
    fn good_proposals_need_no_click_and_bad_ones_are_cleared() {
        let truth = disc([24, 24], 12);
        let object = JudgedTarget {
            image: PromptImage {
                grey: truth.iter().map(|i| if *i { 0.8 } else { 0.2 }).collect(),
                columns: SIDE,
                rows: SIDE,
            },
            truth: truth.clone(),
        };
        let mut judge = ClickJudge::new(&Model::shipped_click().unwrap()).unwrap();
        let mut score =
            |proposed: Option<&[bool]>| score_proposal(&mut judge, &object, proposed).unwrap();
        let good = score(Some(&truth));
        assert_eq!(
            (good.clicks_to_90, good.without_clicks, good.dice_before),
            (0.0, 1.0, 1.0)
        );
        let none = score(None);
        assert_eq!(
            (none.without_proposal, none.cleared, none.without_clicks),
            (1.0, 0.0, 0.0)
        );
        assert!(none.clicks_to_90 >= 1.0);
        let bad = score(Some(&disc([24, 24], 5)));
        assert_eq!((bad.cleared, bad.without_proposal), (1.0, 0.0));
        assert_eq!(bad.clicks_to_90, none.clicks_to_90 + 1.0);
        let fair = score(Some(&disc([24, 24], 9)));
        assert_eq!((fair.cleared, fair.without_clicks), (0.0, 0.0));
        assert!(fair.dice_before > 0.6 && fair.clicks_to_90 >= 1.0);
        let mean = ProposalFigures::mean_over(&[good, bad]);
        assert_eq!((mean.without_clicks, mean.cleared), (0.5, 0.5));
    }
}

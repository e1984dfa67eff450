//! Judges click models: how many simulated clicks each needs on the objects of the hold-out cases.

use super::images::{read_image, slices_by_case};
use crate::{
    Result,
    learning::{exercise::Exercise, model::Model},
};
use labrum_core::{
    gate::clicks::{ClickCase, ClickScores, ENOUGH, MOST_CLICKS},
    progress::Control,
};
use labrum_nn::{
    device::DeviceChoice,
    prompt::{
        judge::{ClickLimits, JudgedTarget, TargetScores, largest_targets, score_clicks},
        segmenter::PromptSegmenter,
    },
};

/// Maximum number of objects that are clicked in a case, over all its slices.
pub const OBJECTS_PER_CASE: usize = 4;

/// A click model, and a simulated annotator who clicks until Dice 0.90 is reached, at most ten times.
pub struct ClickJudge {
    segmenter: PromptSegmenter,
}

impl ClickJudge {
    /// A judge for a click model; it runs on the CPU.
    ///
    /// # Errors
    /// If the model does not take prompts.
    pub fn new(model: &Model) -> Result<Self> {
        let card = model.card.clone();
        let weights = &model.weights;
        let segmenter = PromptSegmenter::new(card, weights, DeviceChoice::Cpu)?;
        Ok(Self { segmenter })
    }

    /// Scores after each click on an object; at least `fewest` clicks are given, even if fewer reach Dice 0.90.
    ///
    /// # Errors
    /// If the network fails.
    pub fn score_object(&mut self, object: &JudgedTarget, fewest: usize) -> Result<TargetScores> {
        score_clicks(&mut self.segmenter, object, None, limits_with(fewest))
    }

    /// Scores after each click that corrects a proposed mask of an object, true for its pixels; no click is given if the
    /// proposal reaches Dice 0.90.
    ///
    /// # Errors
    /// If the network fails.
    pub fn score_correction(
        &mut self,
        object: &JudgedTarget,
        proposed: &[bool],
    ) -> Result<TargetScores> {
        score_clicks(&mut self.segmenter, object, Some(proposed), limits_with(0))
    }

    fn click_scores(&mut self, object: &JudgedTarget) -> Result<ClickScores> {
        let scores = self.score_object(object, 1)?;
        Ok(ClickScores {
            clicks: scores.clicks_to(ENOUGH) as f64,
            dice: scores.dice_after(1),
        })
    }
}

/// Clicks until Dice 0.90 is reached, at least `fewest`, at most ten.
fn limits_with(fewest: usize) -> ClickLimits {
    ClickLimits {
        most: MOST_CLICKS,
        fewest,
        enough: ENOUGH,
    }
}

/// The scores of both models on each case with objects of at least 25 pixels; `None` if cancelled.
pub(super) fn compare_by_clicks(
    active: &Model,
    candidate: &Model,
    held_out: &[Exercise],
    control: &Control,
) -> Result<Option<Vec<ClickCase>>> {
    let mut judges = [ClickJudge::new(active)?, ClickJudge::new(candidate)?];
    let mut cases = Vec::new();
    for slices in slices_by_case(held_out, OBJECTS_PER_CASE) {
        let of_slice = (OBJECTS_PER_CASE / slices.len().max(1)).max(1);
        let mut scores: [Vec<ClickScores>; 2] = Default::default();
        for slice in &slices {
            for object in largest_targets(&read_image(slice)?, of_slice) {
                for (judge, scores) in judges.iter_mut().zip(&mut scores) {
                    if !control.may_go_on() {
                        return Ok(None);
                    }
                    scores.push(judge.click_scores(&object)?);
                }
            }
        }
        let means = scores
            .each_ref()
            .map(|scores| ClickScores::mean_over(scores));
        if let (Some(first), [Some(active), Some(candidate)]) = (slices.first(), means) {
            cases.push(ClickCase {
                key: first.case,
                name: first.name.clone(),
                subject: first.subject.clone(),
                objects: scores[0].len(),
                active,
                candidate,
            });
        }
    }
    Ok(Some(cases))
}

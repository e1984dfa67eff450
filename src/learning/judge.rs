//! Judges models on accepted masks, case by case.

use super::course::Model;
use super::exercise::Exercise;
use crate::io;
use crate::{Error, Result};
use labrum_core::{
    gate::{GateCase, GateReport},
    label::{Label, values_in},
    learning::SnapshotSlice,
    mask::Mask,
    metrics::{self, Scores},
    model_card::ModelCard,
    prediction::Prediction,
    progress::Control,
    study::{Kind, Source},
};
use labrum_nn::{checkpoint::Weights, device::DeviceChoice, infer::Segmenter};

/// The scores on a case.
pub(super) struct JudgedCase {
    case: i64,
    name: String,
    scores: Scores,
    is_untouched: bool,
}

/// A model, and what its labels are called in the workspace.
pub struct Judge {
    segmenter: Segmenter,
    values: Vec<u8>,
}

impl Judge {
    /// A judge for a model in a workspace with `labels`.
    pub fn new(
        card: ModelCard,
        weights: Weights,
        labels: &[Label],
        device: DeviceChoice,
    ) -> Result<Self> {
        let values = values_in(labels, &card.labels);
        Ok(Self {
            segmenter: Segmenter::new(card, weights, device)?,
            values,
        })
    }

    /// The mask that the model proposes, in the labels of the workspace.
    pub fn propose_mask(&mut self, exercise: &Exercise) -> Result<Mask> {
        let image = exercise.load_image()?;
        Ok(self
            .segmenter
            .segment_slice(&image)?
            .remap_labels(&self.values)
            .mask)
    }

    /// How unsure the model is about a picture: the mean of 4 p (1 - p) along the boundary that it proposes, 0..=1; 1
    /// where it proposes nothing.
    pub fn picture_uncertainty(&mut self, picture: &Source) -> Result<f64> {
        Ok(boundary_uncertainty(&self.segmenter.segment_slice(
            &io::open::load_slice(picture, Kind::Picture)?,
        )?))
    }

    /// The scores on each case, means over its slices, in order of first sight; `None` where it was cancelled.
    /// Distances are in pixels.
    pub(super) fn score_cases(
        &mut self,
        exercises: &[Exercise],
        control: &Control,
    ) -> Result<Option<Vec<JudgedCase>>> {
        let mut cases: Vec<(&Exercise, Vec<Scores>, bool)> = Vec::new();
        for exercise in exercises {
            if !control.may_go_on() {
                return Ok(None);
            }
            let proposed = self.propose_mask(exercise)?;
            let truth = exercise.mask.to_mask();
            let scores = metrics::score_masks(&proposed, &truth, [1.0, 1.0]).ok_or_else(|| {
                Error::at_path(
                    "judge on the mask",
                    &exercise.source.path,
                    "it does not have the size of its image",
                )
            })?;
            match cases
                .iter_mut()
                .find(|(first, ..)| first.case == exercise.case)
            {
                Some((_, all, is_untouched)) => {
                    all.push(scores);
                    *is_untouched &= exercise.is_untouched;
                }
                None => cases.push((exercise, vec![scores], exercise.is_untouched)),
            }
        }
        let mean = |(first, all, is_untouched): (&Exercise, Vec<Scores>, bool)| {
            let (case, name, scores) = (first.case, first.name.clone(), Scores::mean_over(&all)?);
            Some(JudgedCase {
                case,
                name,
                scores,
                is_untouched,
            })
        };
        Ok(Some(cases.into_iter().filter_map(mean).collect()))
    }
}

/// Two models on the same accepted masks; `first` stands for the active one.
pub fn compare_models(
    first: &Model,
    second: &Model,
    held_out: &[SnapshotSlice],
    labels: &[Label],
    device: DeviceChoice,
) -> Result<GateReport> {
    let exercises: Vec<Exercise> = held_out.iter().map(Exercise::from_slice).collect();
    let of = |model: &Model| -> Result<_> {
        let mut judge = Judge::new(model.card.clone(), model.weights.clone(), labels, device)?;
        Ok(judge
            .score_cases(&exercises, &Control::default())?
            .unwrap_or_default())
    };
    let (first, second) = (of(first)?, of(second)?);
    Ok(GateReport::new(pair_scores(&first, second), &[]))
}

/// Cases with the scores of both models.
pub(super) fn pair_scores(active: &[JudgedCase], candidate: Vec<JudgedCase>) -> Vec<GateCase> {
    let pair = |of: JudgedCase| {
        let active = active.iter().find(|a| a.case == of.case).map(|a| a.scores);
        GateCase {
            key: of.case,
            name: of.name,
            active,
            candidate: of.scores,
            is_untouched: of.is_untouched,
        }
    };
    candidate.into_iter().map(pair).collect()
}

/// Dice of two masks of one size, all labels together: quick, where the other scores are not needed. Two empty masks
/// have 1.
pub fn dice_overlap(a: &Mask, b: &Mask) -> f64 {
    let (mut both, mut sum) = (0usize, 0usize);
    for (a, b) in a.pixel_labels().iter().zip(b.pixel_labels()) {
        sum += usize::from(*a > 0) + usize::from(*b > 0);
        both += usize::from(*a > 0 && a == b);
    }
    if sum == 0 {
        1.0
    } else {
        2.0 * both as f64 / sum as f64
    }
}

fn boundary_uncertainty(prediction: &Prediction) -> f64 {
    let mask = &prediction.mask;
    let (columns, labels) = (mask.columns(), mask.pixel_labels());
    let (mut sum, mut count) = (0.0, 0);
    for i in 0..labels.len() {
        let differs = |to: usize| labels.get(to).is_some_and(|l| *l != labels[i]);
        let is_edge = (i + 1) % columns != 0 && differs(i + 1) || differs(i + columns);
        if is_edge {
            let p = f64::from(prediction.label_probability(labels[i], i));
            sum += 4.0 * p * (1.0 - p);
            count += 1;
        }
    }
    if count == 0 {
        1.0
    } else {
        sum / f64::from(count)
    }
}

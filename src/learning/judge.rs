//! Scores models on accepted masks, case by case.

use super::exercise::Exercise;
use super::model::Model;
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

/// The scores of a model on a case.
pub(super) struct JudgedCase {
    case: i64,
    name: String,
    subject: String,
    scores: Scores,
    is_untouched: bool,
}

impl JudgedCase {
    /// The case of `slice`, with the mean of the scores of its slices; `None` if there are no scores.
    fn new(slice: &Exercise, scores: &[Scores], is_untouched: bool) -> Option<Self> {
        Some(Self {
            case: slice.case,
            name: slice.name.clone(),
            subject: slice.subject.clone(),
            scores: Scores::mean_over(scores)?,
            is_untouched,
        })
    }
}

/// A model, and the values of its labels in the workspace.
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

    /// The mask that the model proposes, with the label values of the workspace.
    pub fn propose_mask(&mut self, exercise: &Exercise) -> Result<Mask> {
        let image = exercise.load_image()?;
        Ok(self
            .segmenter
            .segment_slice(&image)?
            .remap_labels(&self.values)
            .mask)
    }

    /// Uncertainty of the model about an image file: the mean of 4 p (1 - p) along the proposed boundary, 0..=1; 1 if it
    /// proposes nothing.
    pub fn picture_uncertainty(&mut self, picture: &Source) -> Result<f64> {
        Ok(boundary_uncertainty(&self.segmenter.segment_slice(
            &io::open::load_slice(picture, Kind::Picture)?,
        )?))
    }

    /// The scores on each case, averaged over its slices, in order of first appearance; distances are in pixels. `None` if
    /// cancelled.
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
                    "score the mask",
                    &exercise.source.path,
                    "the mask and the image differ in size",
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
        let judged = cases
            .into_iter()
            .filter_map(|(first, all, is_untouched)| JudgedCase::new(first, &all, is_untouched));
        Ok(Some(judged.collect()))
    }
}

/// Compares two models on the same accepted masks; `first` takes the place of the active model.
pub fn compare_models(
    first: &Model,
    second: &Model,
    held_out: &[SnapshotSlice],
    labels: &[Label],
    device: DeviceChoice,
) -> Result<GateReport> {
    let exercises: Vec<Exercise> = held_out.iter().map(Exercise::from_slice).collect();
    let control = Control::default();
    let first = score_model(first, &exercises, labels, device, &control)?.unwrap_or_default();
    let second = score_model(second, &exercises, labels, device, &control)?.unwrap_or_default();
    Ok(GateReport::new(pair_scores(&first, second), &[]))
}

/// The scores of a model on each case; `None` if cancelled.
pub(super) fn score_model(
    model: &Model,
    exercises: &[Exercise],
    labels: &[Label],
    device: DeviceChoice,
    control: &Control,
) -> Result<Option<Vec<JudgedCase>>> {
    let mut judge = Judge::new(model.card.clone(), model.weights.clone(), labels, device)?;
    judge.score_cases(exercises, control)
}

/// Pairs the scores of both models by case.
pub(super) fn pair_scores(active: &[JudgedCase], candidate: Vec<JudgedCase>) -> Vec<GateCase> {
    let mut pairs = Vec::with_capacity(candidate.len());
    for judged in candidate {
        let of_active = active.iter().find(|a| a.case == judged.case);
        pairs.push(GateCase {
            key: judged.case,
            name: judged.name,
            subject: judged.subject,
            active: of_active.map(|a| a.scores),
            candidate: judged.scores,
            is_untouched: judged.is_untouched,
        });
    }
    pairs
}

/// Dice of two masks of the same size over all labels together; 1 if both are empty. Faster than computing all scores.
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

/// True if the pixel at `neighbour` exists and has another label.
#[inline]
fn is_other_label(labels: &[u8], pixel: usize, neighbour: usize) -> bool {
    labels
        .get(neighbour)
        .is_some_and(|label| *label != labels[pixel])
}

fn boundary_uncertainty(prediction: &Prediction) -> f64 {
    let mask = &prediction.mask;
    let columns = mask.columns();
    let labels = mask.pixel_labels();
    let (mut sum, mut count) = (0.0, 0);
    for i in 0..labels.len() {
        let differs_right = (i + 1) % columns != 0 && is_other_label(labels, i, i + 1);
        if differs_right || is_other_label(labels, i, i + columns) {
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

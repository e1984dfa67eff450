//! Evaluates a prompt model with simulated clicks.

use super::{
    looks::to_mask,
    segmenter::{PromptImage, PromptSegmenter},
    shapes::{connected_pieces, has_size, plane_with},
    source::{FEWEST_PIXELS, TargetKind, TaskImage, draw_target},
};
use labrum_core::{
    Result,
    metrics::dice_coefficient,
    prompts::{Prompt, next_click},
};
use rand::{SeedableRng, rngs::SmallRng};
use std::{cmp::Reverse, collections::BTreeSet, time::Instant};

/// An object to find, with its ground truth.
#[derive(Clone, Debug)]
pub struct JudgedTarget {
    /// The image.
    pub image: PromptImage,
    /// True for the pixels of the object.
    pub truth: Vec<bool>,
}

/// Scores of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetScores {
    /// Dice of the mask that the annotator started from; `None` for a new object.
    pub dice_before: Option<f64>,
    /// Dice after each click; the last value is repeated once the mask is correct.
    pub dice: Vec<f64>,
    /// Dice after a bounding box alone.
    pub dice_of_box: f64,
    /// Milliseconds of each answer to a click.
    pub milliseconds: Vec<f64>,
    /// The clicks.
    pub prompts: Vec<Prompt>,
}

impl TargetScores {
    /// Number of clicks until Dice reaches `enough`, 0 if it does before any; the total number of clicks if it never does.
    pub fn clicks_to(&self, enough: f64) -> usize {
        if self.dice_before.is_some_and(|dice| dice >= enough) {
            return 0;
        }
        let first = self.dice.iter().position(|dice| *dice >= enough);
        first.map_or(self.dice.len(), |at| at + 1)
    }

    /// Dice after this number of clicks, from 1 on; the last value if fewer were given. If none was given, that of the mask
    /// that the annotator started from, or 1 for an object without pixels.
    pub fn dice_after(&self, clicks: usize) -> f64 {
        let given = &self.dice[..clicks.max(1).min(self.dice.len())];
        let last = given.last().copied();
        last.or(self.dice_before).unwrap_or(1.0)
    }
}

/// When the simulated annotator stops clicking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClickLimits {
    /// Maximum number of clicks.
    pub most: usize,
    /// Minimum number of clicks, unless the mask is correct before.
    pub fewest: usize,
    /// Dice from which no more clicks than `fewest` are given.
    pub enough: f64,
}

/// Draws one connected component of a label, of at least 25 pixels, from each of the first `most` images that have one.
/// Returns it with the index of its image.
pub fn draw_targets(images: &[TaskImage], most: usize, seed: u64) -> Vec<(usize, JudgedTarget)> {
    let mut rng = SmallRng::seed_from_u64(seed);
    images
        .iter()
        .enumerate()
        .filter_map(|(index, image)| {
            let target = draw_target(image, TargetKind::Piece, &mut rng)?;
            let judged = JudgedTarget {
                image: PromptImage {
                    grey: image.grey.clone(),
                    columns: image.columns,
                    rows: image.rows,
                },
                truth: target.inside,
            };
            Some((index, judged))
        })
        .take(most)
        .collect()
}

/// The largest connected components of all labels of an image, at most `most`, each of at least 25 pixels.
pub fn largest_targets(image: &TaskImage, most: usize) -> Vec<JudgedTarget> {
    let labels = image.labels.as_deref().unwrap_or_default();
    if !has_size(labels, image.columns, image.rows) || labels.len() != image.grey.len() {
        return Vec::new();
    }
    let values: BTreeSet<u16> = labels.iter().copied().filter(|label| *label > 0).collect();
    let mut pieces: Vec<Vec<usize>> = Vec::new();
    for value in values {
        let has_label: Vec<bool> = labels.iter().map(|label| *label == value).collect();
        pieces.extend(connected_pieces(&has_label, image.columns));
    }
    pieces.retain(|piece| piece.len() >= FEWEST_PIXELS);
    // Stable: of several of one size the first label, then the uppermost component.
    pieces.sort_by_key(|piece| Reverse(piece.len()));
    let largest = pieces.iter().take(most);
    largest
        .map(|piece| JudgedTarget {
            image: PromptImage {
                grey: image.grey.clone(),
                columns: image.columns,
                rows: image.rows,
            },
            truth: plane_with(piece, labels.len()),
        })
        .collect()
}

/// Scores the answers for one target: after each of `clicks` simulated clicks at the centre of the largest error, and after
/// a bounding box alone.
///
/// # Errors
/// If the device fails.
pub fn judge_target(
    segmenter: &mut PromptSegmenter,
    target: &JudgedTarget,
    clicks: usize,
) -> Result<TargetScores> {
    let JudgedTarget { image, truth } = target;
    let limits = ClickLimits {
        most: clicks,
        fewest: clicks,
        enough: 1.0,
    };
    let mut scores = score_clicks(segmenter, target, None, limits)?;
    let last = scores.dice.last().copied().unwrap_or(1.0);
    scores.dice.resize(clicks, last);
    if let Some(prompt) = box_around(truth, image.columns) {
        let answer = segmenter.answer(image, &[prompt], None)?;
        scores.dice_of_box = dice_coefficient(truth, &to_mask(&answer));
    }
    Ok(scores)
}

/// Scores the answers for one target after each simulated click at the centre of the largest error, as far as `limits` go.
/// The clicks correct the mask `start`, true for its pixels; without one they begin a new object.
/// [`TargetScores::dice_of_box`] stays 0.
///
/// # Errors
/// If the device fails.
pub fn score_clicks(
    segmenter: &mut PromptSegmenter,
    target: &JudgedTarget,
    start: Option<&[bool]>,
    limits: ClickLimits,
) -> Result<TargetScores> {
    let JudgedTarget { image, truth } = target;
    let mut scores = TargetScores {
        dice_before: start.map(|start| dice_coefficient(truth, start)),
        ..TargetScores::default()
    };
    let mut found: Option<Vec<f32>> =
        start.map(|start| start.iter().map(|inside| f32::from(*inside)).collect());
    for given in 0..limits.most {
        let latest = scores.dice.last().copied().or(scores.dice_before);
        let reached = latest.is_some_and(|dice| dice >= limits.enough);
        if reached && given >= limits.fewest {
            break;
        }
        let mask = found
            .as_deref()
            .map_or_else(|| vec![false; truth.len()], to_mask);
        let Some(click) = next_click(truth, &mask, image.columns, image.rows) else {
            break;
        };
        scores.prompts.push(click);
        let begun = Instant::now();
        let answer = segmenter.answer(image, &scores.prompts, found.as_deref())?;
        scores
            .milliseconds
            .push(begun.elapsed().as_secs_f64() * 1e3);
        scores.dice.push(dice_coefficient(truth, &to_mask(&answer)));
        found = Some(answer);
    }
    Ok(scores)
}

/// The bounding box of the ground truth; `None` if that is empty.
fn box_around(truth: &[bool], columns: usize) -> Option<Prompt> {
    let bounds = super::shapes::bounds_of(truth, columns)?;
    Some(Prompt::Box {
        from: [bounds.columns.start as f64, bounds.rows.start as f64],
        to: [bounds.columns.end as f64, bounds.rows.end as f64],
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::{
            phantom::{self, untrained},
            shapes::count_pixels,
        },
        *,
    };
    use labrum_core::prompts::{level_of_probability, probability_of_level};

    #[test]
    fn clicks_are_counted_up_to_the_first_that_reaches_the_score() {
        let scores = TargetScores {
            dice: vec![0.2, 0.86, 0.8, 0.91],
            ..TargetScores::default()
        };
        assert_eq!(scores.clicks_to(0.85), 2);
        assert_eq!(scores.clicks_to(0.9), 4);
        assert_eq!(scores.clicks_to(0.95), 4);
        assert_eq!(scores.dice_after(1), 0.2);
        assert_eq!(scores.dice_after(3), 0.8);
        assert_eq!(scores.dice_after(9), 0.91);
        assert_eq!(TargetScores::default().dice_after(1), 1.0);
    }

    #[test]
    fn the_largest_components_are_judged_and_tiny_ones_are_not() {
        let image = phantom::task_image();
        let sizes = |most: usize| -> Vec<usize> {
            let targets = largest_targets(&image, most);
            targets.iter().map(|t| count_pixels(&t.truth)).collect()
        };
        let all = sizes(9);
        assert_eq!(all.len(), 3);
        assert!(all[0] > 600 && all[1..] == [49, 36], "{all:?}");
        assert_eq!(sizes(2), all[..2]);
        let unlabelled = TaskImage {
            labels: None,
            ..image.clone()
        };
        assert!(largest_targets(&unlabelled, 9).is_empty());
    }

    #[test]
    fn clicking_stops_when_the_score_is_reached_but_not_before_the_fewest_clicks() {
        let (_, target) = &draw_targets(&[phantom::task_image()], 1, 5)[0];
        let limits = |fewest: usize, enough: f64| ClickLimits {
            most: 4,
            fewest,
            enough,
        };
        let count = |limits: ClickLimits| {
            let scores = score_clicks(&mut untrained(), target, None, limits).unwrap();
            assert_eq!(scores.dice.len(), scores.prompts.len());
            scores.prompts.len()
        };
        assert_eq!(count(limits(1, 0.0)), 1);
        assert_eq!(count(limits(3, 0.0)), 3);
        assert_eq!(count(limits(1, 2.0)), 4);
    }

    #[test]
    fn a_mask_that_is_good_enough_needs_no_click_and_another_is_corrected() {
        let (_, target) = &draw_targets(&[phantom::task_image()], 1, 5)[0];
        let limits = ClickLimits {
            most: 4,
            fewest: 0,
            enough: 0.9,
        };
        let score = |start: &[bool]| {
            let scores = score_clicks(&mut untrained(), target, Some(start), limits).unwrap();
            (scores.dice_before.unwrap(), scores)
        };
        let (dice, scores) = score(&target.truth);
        assert_eq!(
            (dice, scores.clicks_to(0.9), scores.prompts.len()),
            (1.0, 0, 0)
        );
        let almost = TargetScores {
            dice_before: Some(0.92),
            ..TargetScores::default()
        };
        assert_eq!((almost.clicks_to(0.9), almost.dice_after(1)), (0, 0.92));
        let everything = vec![true; target.truth.len()];
        let (dice, scores) = score(&everything);
        assert!(dice < 0.9 && !scores.prompts[0].adds());
    }

    #[test]
    fn targets_and_scores_are_reproducible() {
        let images = [
            phantom::task_image(),
            phantom::task_image(),
            phantom::task_image(),
        ];
        let targets = draw_targets(&images, 2, 5);
        let indices: Vec<usize> = targets.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [0, 1]);
        let again = draw_targets(&images, 2, 5);
        assert_eq!(targets[1].1.truth, again[1].1.truth);
        let scores = judge_target(&mut untrained(), &targets[0].1, 4).unwrap();
        assert_eq!(scores.dice.len(), 4);
        assert!(scores.dice.iter().all(|dice| (0.0..=1.0).contains(dice)));
        assert_eq!(
            scores.dice,
            judge_target(&mut untrained(), &targets[0].1, 4)
                .unwrap()
                .dice
        );
    }

    /// The window keeps a byte for each pixel between prompts; `labrum click` keeps none.
    #[test]
    fn answers_do_not_depend_on_how_earlier_ones_were_kept() {
        let (_, target) = &draw_targets(&[phantom::task_image()], 1, 5)[0];
        let click = |x, adds| Prompt::Click {
            at: [x, 30.5],
            adds,
        };
        let prompts = [click(20.5, true), click(40.5, true), click(30.5, false)];
        let mut segmenter = untrained();
        let mut kept: Option<Vec<u8>> = None;
        for given in 1..=prompts.len() {
            let earlier: Option<Vec<f32>> =
                kept.map(|levels| levels.into_iter().map(probability_of_level).collect());
            let answer = segmenter
                .answer(&target.image, &prompts[..given], earlier.as_deref())
                .unwrap();
            kept = Some(answer.into_iter().map(level_of_probability).collect());
        }
        let at_once = segmenter.segment(&target.image, &prompts, None).unwrap();
        let at_once: Vec<u8> = at_once.into_iter().map(level_of_probability).collect();
        assert!(kept == Some(at_once));
    }

    /// Whatever the network answers, a click sets its own pixel, and nothing changes without a prompt.
    #[test]
    fn a_click_sets_its_own_pixel_whatever_the_network_answers() {
        let (_, target) = &draw_targets(&[phantom::task_image()], 1, 5)[0];
        let at = [20.5, 30.5];
        let pixel = 30 * phantom::COLUMNS + 20;
        let mut segmenter = untrained();
        for adds in [true, false] {
            let prompts = [Prompt::Click { at, adds }];
            let found = segmenter.segment(&target.image, &prompts, None).unwrap();
            assert_eq!(to_mask(&found)[pixel], adds);
        }
        let earlier = vec![0.75; phantom::COLUMNS * phantom::ROWS];
        let same = segmenter
            .segment(&target.image, &[], Some(&earlier))
            .unwrap();
        assert_eq!(same, earlier);
    }
}

//! Evaluates a prompt model with simulated clicks.

use super::{
    looks::to_mask,
    segmenter::{PromptImage, PromptSegmenter},
    source::{TargetKind, TaskImage, draw_target},
};
use labrum_core::{
    Result,
    metrics::dice_coefficient,
    prompts::{Prompt, next_click},
};
use rand::{SeedableRng, rngs::SmallRng};
use std::time::Instant;

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
    /// Dice after each click; the last value is repeated once the mask is correct.
    pub dice: Vec<f64>,
    /// Dice after a bounding box alone.
    pub dice_of_box: f64,
    /// Milliseconds of each answer to a click.
    pub milliseconds: Vec<f64>,
}

impl TargetScores {
    /// Number of clicks until Dice reaches `enough`; the total number of clicks if it never does.
    pub fn clicks_to(&self, enough: f64) -> usize {
        let first = self.dice.iter().position(|dice| *dice >= enough);
        first.map_or(self.dice.len(), |at| at + 1)
    }
}

/// Draws one connected component of a label, of at least 25 pixels, from each of the first `most` images that have one.
pub fn draw_targets(images: &[TaskImage], most: usize, seed: u64) -> Vec<JudgedTarget> {
    let mut rng = SmallRng::seed_from_u64(seed);
    images
        .iter()
        .filter_map(|image| {
            let target = draw_target(image, TargetKind::Piece, &mut rng)?;
            Some(JudgedTarget {
                image: PromptImage {
                    grey: image.grey.clone(),
                    columns: image.columns,
                    rows: image.rows,
                },
                truth: target.inside,
            })
        })
        .take(most)
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
    let mut scores = TargetScores::default();
    let mut prompts = Vec::new();
    let mut found: Option<Vec<f32>> = None;
    for _ in 0..clicks {
        let mask = found
            .as_deref()
            .map_or_else(|| vec![false; truth.len()], to_mask);
        let Some(click) = next_click(truth, &mask, image.columns, image.rows) else {
            break;
        };
        prompts.push(click);
        let begun = Instant::now();
        let answer = segmenter.answer(image, &prompts, found.as_deref())?;
        scores
            .milliseconds
            .push(begun.elapsed().as_secs_f64() * 1e3);
        scores.dice.push(dice_coefficient(truth, &to_mask(&answer)));
        found = Some(answer);
    }
    let last = scores.dice.last().copied().unwrap_or(1.0);
    scores.dice.resize(clicks, last);
    if let Some(prompt) = box_around(truth, image.columns) {
        let answer = segmenter.answer(image, &[prompt], None)?;
        scores.dice_of_box = dice_coefficient(truth, &to_mask(&answer));
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
        super::phantom::{self, untrained},
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
    }

    #[test]
    fn targets_and_scores_are_reproducible() {
        let images = [
            phantom::task_image(),
            phantom::task_image(),
            phantom::task_image(),
        ];
        let targets = draw_targets(&images, 2, 5);
        assert_eq!(targets.len(), 2);
        let again = draw_targets(&images, 2, 5);
        assert_eq!(targets[1].truth, again[1].truth);
        let scores = judge_target(&mut untrained(), &targets[0], 4).unwrap();
        assert_eq!(scores.dice.len(), 4);
        assert!(scores.dice.iter().all(|dice| (0.0..=1.0).contains(dice)));
        assert_eq!(
            scores.dice,
            judge_target(&mut untrained(), &targets[0], 4).unwrap().dice
        );
    }

    /// The window keeps a byte for each pixel between prompts; `labrum click` keeps none.
    #[test]
    fn answers_do_not_depend_on_how_earlier_ones_were_kept() {
        let target = &draw_targets(&[phantom::task_image()], 1, 5)[0];
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
        let target = &draw_targets(&[phantom::task_image()], 1, 5)[0];
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

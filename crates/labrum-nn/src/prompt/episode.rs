//! Training episodes: a simulated annotator gives prompts for an object and corrects the masks that the network returns.

use super::{
    looks::{keep_prompted_pieces, merge_changes, obey_prompts, to_mask},
    person::{degraded_mask, first_prompts, later_prompt},
    random::log_uniform,
    segmenter::PromptImage,
    source::{TargetKind, TaskImage, draw_target},
    variation::vary_view,
    view::View,
};
use labrum_core::prompts::Prompt;
use rand::{RngExt, rngs::SmallRng};

/// Side of the augmented image of an episode, in pixels.
const IMAGE_SIDE: usize = 192;
/// Number of attempts to draw a target from an image.
const ATTEMPTS: usize = 4;
/// Share of episodes that start from an imperfect mask.
const BEGINS_WITH_MASK: f64 = 0.25;
/// Maximum number of corrections.
const MOST_CORRECTIONS: usize = 6;
/// Range of the random factor that the margin of close views is multiplied by.
const WIDER: std::ops::RangeInclusive<f64> = 0.7..=2.5;

/// One target with its prompts so far.
pub(super) struct Episode {
    image: PromptImage,
    truth: Vec<bool>,
    prompts: Vec<Prompt>,
    /// The mask before the newest prompt; `None` before the first answer.
    earlier: Option<Vec<f32>>,
    /// The result of the first pass, which is on the whole image; `None` before that.
    first_look: Option<Vec<f32>>,
    corrections_left: usize,
}

/// One sample of a training step.
pub(super) struct PromptSample {
    pub(super) view: View,
    /// `[7, side, side]`.
    pub(super) input: Vec<f32>,
    /// 1 for the object, 0 for background.
    pub(super) labels: Vec<u8>,
}

impl Episode {
    /// Starts an episode on an image; `None` if no target was found. With `made`, the target is a region of superpixels.
    pub(super) fn begin(source: &TaskImage, made: bool, rng: &mut SmallRng) -> Option<Self> {
        for _ in 0..ATTEMPTS {
            let kind = draw_kind(made || source.labels.is_none(), rng);
            let Some(target) = draw_target(source, kind, rng) else {
                continue;
            };
            if let Some(view) = vary_view(source, &target, IMAGE_SIDE, rng) {
                let image = PromptImage {
                    grey: view.grey,
                    columns: IMAGE_SIDE,
                    rows: IMAGE_SIDE,
                };
                return Some(Self::with_prompts(image, view.truth, rng));
            }
        }
        None
    }

    fn with_prompts(image: PromptImage, truth: Vec<bool>, rng: &mut SmallRng) -> Self {
        let (columns, rows) = (image.columns, image.rows);
        let mut earlier = None;
        let mut prompts = Vec::new();
        if rng.random_bool(BEGINS_WITH_MASK) {
            let mask = degraded_mask(&truth, columns, rows, rng);
            prompts.extend(later_prompt(&truth, &to_mask(&mask), columns, rows, rng));
            earlier = (!prompts.is_empty()).then_some(mask);
        }
        if prompts.is_empty() {
            prompts = first_prompts(&truth, columns, rows, rng);
        }
        Self {
            image,
            truth,
            prompts,
            earlier,
            first_look: None,
            corrections_left: rng.random_range(0..=MOST_CORRECTIONS),
        }
    }

    /// The next sample: the whole image for a new object, else the view around prompts and mask.
    pub(super) fn next_sample(&self, side: usize, rng: &mut SmallRng) -> PromptSample {
        let (columns, rows) = (self.image.columns, self.image.rows);
        let mask = self.earlier.as_deref().or(self.first_look.as_deref());
        let view = mask.map_or_else(
            || View::whole_image(columns, rows),
            |mask| {
                let wider = log_uniform(rng, WIDER);
                self.image
                    .close_view(&self.prompts, &to_mask(mask), wider, side)
            },
        );
        let truth: Vec<f32> = self.truth.iter().map(|flag| f32::from(*flag)).collect();
        PromptSample {
            view,
            input: self.image.encode_view(&view, &self.prompts, mask, side),
            labels: view
                .sample_plane(&truth, columns, rows, side)
                .into_iter()
                .map(|share| u8::from(share >= 0.5))
                .collect(),
        }
    }

    /// Continues with the network's answer, the probabilities of the object in `view`. False if the episode is over.
    pub(super) fn take_answer(
        &mut self,
        view: &View,
        answer: &[f32],
        side: usize,
        rng: &mut SmallRng,
    ) -> bool {
        let (columns, rows) = (self.image.columns, self.image.rows);
        let mut found = match self.earlier.as_ref().or(self.first_look.as_ref()) {
            Some(mask) => mask.clone(),
            None => vec![0.0; columns * rows],
        };
        view.paste_into(answer, &mut found, columns, rows, side);
        if self.earlier.is_none() {
            keep_prompted_pieces(&mut found, &self.prompts, columns, rows);
            if self.first_look.is_none() {
                self.first_look = Some(found);
                return true;
            }
        }
        if let (Some(earlier), Some(newest)) = (&self.earlier, self.prompts.last()) {
            found = merge_changes(earlier, &found, newest, columns, rows);
        }
        obey_prompts(&mut found, &self.prompts, columns, rows);
        if self.corrections_left == 0 {
            return false;
        }
        self.corrections_left -= 1;
        let next = later_prompt(&self.truth, &to_mask(&found), columns, rows, rng);
        let goes_on = next.is_some();
        self.prompts.extend(next);
        self.earlier = Some(found);
        goes_on
    }
}

/// Usually one connected component, less often a whole label, rarely several of them.
fn draw_kind(made: bool, rng: &mut SmallRng) -> TargetKind {
    if made {
        return TargetKind::Made;
    }
    match rng.random_range(0..20) {
        0..11 => TargetKind::Piece,
        11..18 => TargetKind::Label,
        _ => TargetKind::Union,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::{encode::CHANNELS, phantom},
        *,
    };
    use rand::SeedableRng;

    /// Even if the network never finds anything, an episode ends after a limited number of corrections.
    #[test]
    fn an_episode_ends_after_a_limited_number_of_corrections() {
        let side = 64;
        for seed in 0..12 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut episode = Episode::begin(&phantom::task_image(), false, &mut rng).unwrap();
            let prompts = episode.prompts.len();
            let mut samples = 0;
            loop {
                let sample = episode.next_sample(side, &mut rng);
                assert_eq!(sample.input.len(), CHANNELS * side * side);
                assert_eq!(sample.labels.len(), side * side);
                samples += 1;
                let nothing = vec![0.0; side * side];
                if !episode.take_answer(&sample.view, &nothing, side, &mut rng) {
                    break;
                }
            }
            assert!(samples <= 2 + MOST_CORRECTIONS);
            assert!(episode.prompts.len() >= prompts);
            assert!(episode.prompts.len() <= prompts + MOST_CORRECTIONS);
        }
    }

    #[test]
    fn a_seed_gives_the_same_episode_again() {
        let samples: Vec<Vec<f32>> = [3, 3, 4]
            .into_iter()
            .map(|seed| {
                let mut rng = SmallRng::seed_from_u64(seed);
                let episode = Episode::begin(&phantom::task_image(), seed == 3, &mut rng).unwrap();
                episode.next_sample(48, &mut rng).input
            })
            .collect();
        assert!(samples[0] == samples[1] && samples[0] != samples[2]);
    }
}

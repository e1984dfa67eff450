//! Training episodes: a simulated annotator gives prompts for an object and corrects the masks that the network returns.

use super::{
    looks::{keep_prompted_pieces, merge_changes, obey_prompts, to_mask},
    person::{degraded_mask, first_prompts, later_prompt},
    random::log_uniform,
    recipe::EpisodeStyle,
    segmenter::PromptImage,
    source::{Target, TargetKind, TaskImage, draw_target},
    variation::{TaskView, vary_view},
    view::View,
};
use labrum_core::prompts::{ComputedChannel, Prompt};
use rand::{RngExt, rngs::SmallRng};
use std::ops::RangeInclusive;

/// Side of the augmented image of an episode, in pixels.
const IMAGE_SIDE: usize = 192;
/// Number of attempts to draw a target from an image.
const ATTEMPTS: usize = 4;
/// Share of episodes that start from an imperfect mask.
const BEGINS_WITH_MASK: f64 = 0.25;
/// Share of episodes that begin with the prompts of a person, on images that have some.
const BEGINS_WITH_OWN: f64 = 0.5;
/// Maximum number of these prompts: later ones corrected masks that the network no longer makes.
const MOST_OWN: usize = 3;
/// Maximum number of corrections.
const MOST_CORRECTIONS: usize = 6;
/// Range of the random factor that the margin of close views is multiplied by.
const WIDER: RangeInclusive<f64> = 0.7..=2.5;

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
    /// Starts an episode on an image; `None` if no target was found. With `made`, the target is a region of superpixels;
    /// otherwise it may be an object that a person has segmented, with the first of that person's prompts.
    pub(super) fn begin(
        source: &TaskImage,
        made: bool,
        style: EpisodeStyle,
        rng: &mut SmallRng,
    ) -> Option<Self> {
        if !made && let Some(episode) = Self::begin_with_own_prompts(source, style, rng) {
            return Some(episode);
        }
        for _ in 0..ATTEMPTS {
            let kind = draw_kind(made || source.labels.is_none(), style, rng);
            let Some(target) = draw_target(source, kind, rng) else {
                continue;
            };
            if let Some(view) = vary_view(source, &target, IMAGE_SIDE, style, rng) {
                return Some(Self::with_simulated_prompts(view, rng));
            }
        }
        None
    }

    /// Starts an episode with the first prompts of a person; `None` if there are none or, as chance decides, if others are
    /// to be simulated.
    fn begin_with_own_prompts(
        source: &TaskImage,
        style: EpisodeStyle,
        rng: &mut SmallRng,
    ) -> Option<Self> {
        if source.prompted.is_empty() || !rng.random_bool(BEGINS_WITH_OWN) {
            return None;
        }
        let object = &source.prompted[rng.random_range(0..source.prompted.len())];
        let target = Target::from_prompts(source, object)?;
        let view = vary_view(source, &target, IMAGE_SIDE, style, rng)?;
        let given = rng.random_range(1..=MOST_OWN);
        let first = object.prompts.iter().take(given);
        let prompts: Vec<Prompt> = first
            .filter_map(|prompt| prompt_in_view(prompt, &view))
            .collect();
        let is_usable = prompts.iter().any(Prompt::adds);
        is_usable.then(|| Self::with_prompts(view, prompts, None, rng))
    }

    fn with_simulated_prompts(view: TaskView, rng: &mut SmallRng) -> Self {
        let truth = &view.truth;
        let columns = IMAGE_SIDE;
        let rows = IMAGE_SIDE;
        let mut earlier = None;
        let mut prompts = Vec::new();
        if rng.random_bool(BEGINS_WITH_MASK) {
            let mask = degraded_mask(truth, columns, rows, rng);
            prompts.extend(later_prompt(truth, &to_mask(&mask), columns, rows, rng));
            earlier = (!prompts.is_empty()).then_some(mask);
        }
        if prompts.is_empty() {
            prompts = first_prompts(truth, columns, rows, rng);
        }
        Self::with_prompts(view, prompts, earlier, rng)
    }

    fn with_prompts(
        view: TaskView,
        prompts: Vec<Prompt>,
        earlier: Option<Vec<f32>>,
        rng: &mut SmallRng,
    ) -> Self {
        Self {
            image: PromptImage {
                grey: view.grey,
                columns: IMAGE_SIDE,
                rows: IMAGE_SIDE,
            },
            truth: view.truth,
            prompts,
            earlier,
            first_look: None,
            corrections_left: rng.random_range(0..=MOST_CORRECTIONS),
        }
    }

    /// The next sample: the whole image for a new object, else the view around prompts and mask. The channels in `without`
    /// are filled with 0.
    pub(super) fn next_sample(
        &self,
        side: usize,
        without: &[ComputedChannel],
        rng: &mut SmallRng,
    ) -> PromptSample {
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
            input: self
                .image
                .encode_view(&view, &self.prompts, mask, side, without),
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

/// Usually one connected component, less often a whole label, rarely (in the narrow style never) several of them.
fn draw_kind(made: bool, style: EpisodeStyle, rng: &mut SmallRng) -> TargetKind {
    if made {
        return TargetKind::Made;
    }
    match (style, rng.random_range(0..20)) {
        (EpisodeStyle::Broad, 0..11) | (EpisodeStyle::Narrow, 0..18) => TargetKind::Piece,
        (EpisodeStyle::Broad, 11..18) | (EpisodeStyle::Narrow, _) => TargetKind::Label,
        (EpisodeStyle::Broad, _) => TargetKind::Union,
    }
}

/// A prompt of a person in a view of its image; `None` if it lies outside, or contradicts the ground truth: masks are
/// often corrected with other tools later.
fn prompt_in_view(prompt: &Prompt, view: &TaskView) -> Option<Prompt> {
    let placed = prompt.map_places(|at| view.place_in_view(at));
    let end = IMAGE_SIDE as f64;
    let fits = |adds: bool, [x, y]: &[f64; 2]| {
        let is_within = *x >= 0.0 && *y >= 0.0 && *x < end && *y < end;
        is_within && view.truth[*y as usize * IMAGE_SIDE + *x as usize] == adds
    };
    match placed {
        Prompt::Click { at, adds } => fits(adds, &at).then_some(Prompt::Click { at, adds }),
        Prompt::Scribble { mut points, adds } => {
            points.retain(|at| fits(adds, at));
            (!points.is_empty()).then_some(Prompt::Scribble { points, adds })
        }
        Prompt::Box { from, to } => {
            let is_within = from.iter().all(|v| *v < end) && to.iter().all(|v| *v > 0.0);
            is_within.then(|| Prompt::Box {
                from: from.map(|v| v.max(0.0)),
                to: to.map(|v| v.min(end)),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::{
        super::{encode::CHANNELS, phantom},
        *,
    };
    use labrum_core::prompts::PromptedObject;
    use rand::SeedableRng;

    /// Even if the network never finds anything, an episode ends after a limited number of corrections.
    #[test]
    fn an_episode_ends_after_a_limited_number_of_corrections() {
        let side = 64;
        for seed in 0..12 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let image = phantom::task_image();
            let mut episode = Episode::begin(&image, false, EpisodeStyle::Broad, &mut rng).unwrap();
            let prompts = episode.prompts.len();
            let mut samples = 0;
            loop {
                let sample = episode.next_sample(side, &[], &mut rng);
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
                let (image, style) = (phantom::task_image(), EpisodeStyle::Broad);
                let episode = Episode::begin(&image, seed == 3, style, &mut rng).unwrap();
                episode.next_sample(48, &[], &mut rng).input
            })
            .collect();
        assert!(samples[0] == samples[1] && samples[0] != samples[2]);
    }

    /// The phantom with a positive click near the border of its disc and a negative one in the background.
    fn clicked_image() -> TaskImage {
        let click = |at: [f64; 2], adds: bool| Prompt::Click { at, adds };
        let object = PromptedObject {
            label: 1,
            prompts: vec![click([45.5, 40.5], true), click([60.5, 40.5], false)],
        };
        TaskImage {
            prompted: vec![object],
            ..phantom::task_image()
        }
    }

    #[test]
    fn half_of_the_episodes_begin_with_the_prompts_of_a_person() {
        let (image, style) = (clicked_image(), EpisodeStyle::Narrow);
        let mut own = 0;
        for seed in 0..100 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let Some(episode) = Episode::begin_with_own_prompts(&image, style, &mut rng) else {
                continue;
            };
            own += 1;
            assert!(episode.earlier.is_none());
            for prompt in &episode.prompts {
                let Prompt::Click { at, adds } = prompt else {
                    panic!("only clicks were given");
                };
                let pixel = at[1] as usize * IMAGE_SIDE + at[0] as usize;
                assert_eq!(episode.truth[pixel], *adds);
            }
            assert!((1..=2).contains(&episode.prompts.len()));
            assert!(episode.prompts[0].adds());
        }
        assert!((30..70).contains(&own), "{own}");
        let mut rng = SmallRng::seed_from_u64(1);
        assert!((0..20).all(|_| {
            let of_others =
                Episode::begin_with_own_prompts(&phantom::task_image(), style, &mut rng);
            of_others.is_none()
        }));
    }

    #[test]
    fn prompts_that_contradict_the_mask_are_not_used() {
        let mut image = clicked_image();
        // A positive click in the background, as after a correction with the brush.
        image.prompted[0].prompts[0] = Prompt::Click {
            at: [60.5, 10.5],
            adds: true,
        };
        let mut rng = SmallRng::seed_from_u64(1);
        let style = EpisodeStyle::Narrow;
        assert!(
            (0..20).all(|_| { Episode::begin_with_own_prompts(&image, style, &mut rng).is_none() })
        );
        assert!(Episode::begin(&image, false, style, &mut rng).is_some());
    }

    #[test]
    fn for_a_single_task_targets_are_components_or_labels() {
        let mut rng = SmallRng::seed_from_u64(1);
        let kinds: Vec<TargetKind> = (0..200)
            .map(|_| draw_kind(false, EpisodeStyle::Narrow, &mut rng))
            .collect();
        let pieces = kinds.iter().filter(|kind| **kind == TargetKind::Piece);
        assert!((160..195).contains(&pieces.count()));
        assert!(!kinds.contains(&TargetKind::Union));
    }
}

//! Training of a prompt model.

use super::{
    encode::CHANNELS,
    episode::{Episode, PromptSample},
    judge::{JudgedTarget, TargetScores, judge_target},
    random::pick_weighted,
    segmenter::PromptSegmenter,
    source::TaskImage,
};
use crate::{
    boundary_dou::Truth,
    checkpoint::{self, Weights},
    device::{self, DeviceChoice, NamedDevice},
    loss::Objective,
    train::{SmoothLoss, Trainee, random_weights, seed_of, state::TrainingState},
};
use labrum_core::{
    Error, Result,
    label::Label,
    model_card::{Config, InputSpec, ModelCard, TrainedOn},
    progress::Cancel,
    training::{Loss, Optimizer},
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

/// Kinds of random numbers, for [`seed_of`]: to start episodes, and to continue them.
const BEGINNINGS: u64 = 21;
const COURSES: u64 = 22;
/// Number of images tried for one episode.
const IMAGES_TRIED: usize = 20;

/// Training options of a prompt model, all of which affect the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PromptRecipe {
    /// Variant of the network.
    pub config: Config,
    /// Side of the square input in pixels, a multiple of 16.
    pub side: usize,
    /// Samples per step, each from a different episode.
    pub batch: usize,
    /// Total number of steps.
    pub steps: usize,
    /// Peak learning rate of AdamW; it decays as (1 - done)^0.9.
    pub learning_rate: f64,
    /// Steps until the peak learning rate is reached.
    pub warm_up: usize,
    /// The loss.
    pub loss: Loss,
    /// Share of episodes whose target is a region of superpixels, 0..=1. Images without labels have only such targets.
    pub made: f64,
    /// Random seed.
    pub seed: u64,
    /// Number of steps between evaluations. The training is saved after each evaluation.
    pub judged_every: usize,
}

impl Default for PromptRecipe {
    fn default() -> Self {
        Self {
            config: Config::S,
            side: 128,
            batch: 8,
            steps: 100_000,
            learning_rate: 1e-3,
            warm_up: 500,
            loss: Loss::BoundaryDou,
            made: 0.4,
            seed: 1,
            judged_every: 1000,
        }
    }
}

/// The images of one task, for example a dataset.
#[derive(Clone, Debug)]
pub struct PromptTask {
    /// Relative frequency with which the task is drawn.
    pub weight: f64,
    /// The images.
    pub images: Vec<TaskImage>,
}

/// One evaluation during the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedPoint {
    /// Steps done.
    pub steps: usize,
    /// Seconds of training, without interruptions.
    pub seconds: f64,
    /// Mean loss since the last evaluation.
    pub loss: f64,
    /// Mean Dice after 1, 3 and 5 clicks on the evaluation targets; empty if there are none.
    pub dice: Vec<f64>,
}

impl JudgedPoint {
    /// The mean of [`Self::dice`], which decides which weights are best.
    pub fn mean_dice(&self) -> f64 {
        self.dice.iter().sum::<f64>() / self.dice.len().max(1) as f64
    }
}

/// Receives progress and results of a training.
pub trait PromptTrainingKeeper {
    /// Reports a step: number of steps so far, running mean of the loss, estimated time remaining.
    fn report_step(&mut self, steps: usize, loss: f64, remaining: Duration);

    /// Saves an evaluation with its weights and a state to resume from.
    ///
    /// # Errors
    /// If they cannot be saved; the training stops.
    fn keep_point(
        &mut self,
        point: &JudgedPoint,
        weights: &Weights,
        is_best: bool,
        state: &TrainingState,
    ) -> Result<()>;
}

/// Where a training starts.
pub enum PromptStart {
    /// Random weights.
    Random,
    /// The weights of a model.
    Weights(Weights),
    /// An interrupted training and its seconds so far.
    Resumed(Box<TrainingState>, f64),
}

/// The model card for weights from [`train_prompts`].
pub fn prompt_card(recipe: &PromptRecipe, name: &str, trained_on: TrainedOn) -> ModelCard {
    ModelCard {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        config: recipe.config,
        labels: vec![Label::with_name("Object", 0)],
        input: InputSpec {
            channels: CHANNELS,
            columns: recipe.side,
            rows: recipe.side,
            aspect: Default::default(),
            mean: vec![0.0; CHANNELS],
            std: vec![1.0; CHANNELS],
        },
        takes_prompts: true,
        purpose: Default::default(),
        looks: None,
        trained_on,
        held_out: None,
        parent: None,
    }
}

/// Trains a prompt model on `tasks` and evaluates it on `judged` at intervals. Stops after the steps of the recipe,
/// after `limit`, or on `cancel`.
///
/// # Errors
/// If there are no images, the recipe is invalid, a device fails, the loss becomes NaN or infinite, or the keeper fails.
pub fn train_prompts(
    tasks: &[PromptTask],
    judged: &[JudgedTarget],
    recipe: &PromptRecipe,
    start: PromptStart,
    (device, limit): (DeviceChoice, Option<Duration>),
    keeper: &mut dyn PromptTrainingKeeper,
    cancel: &Cancel,
) -> Result<()> {
    if tasks.iter().all(|task| task.images.is_empty()) {
        return Err(Error::new("train", "there are no training images"));
    }
    if recipe.batch == 0
        || recipe.side == 0
        || !recipe.side.is_multiple_of(16)
        || recipe.side > 1024
    {
        let reason = "the batch must be at least 1 and the side a multiple of 16 up to 1024";
        return Err(Error::new("train", reason));
    }
    let device = device::select_available(device)?;
    let mut run = PromptTraining::begin(tasks, judged, recipe, start, &device)?;
    // burn reports most failures of a GPU (memory, a lost device) as a panic.
    catch_unwind(AssertUnwindSafe(|| run.run_steps(limit, keeper, cancel))).unwrap_or_else(
        |panic| {
            Err(device::panic_to_error(
                &device,
                "train the model",
                panic.as_ref(),
            ))
        },
    )
}

struct PromptTraining<'a> {
    tasks: &'a [PromptTask],
    judged: &'a [JudgedTarget],
    recipe: &'a PromptRecipe,
    objective: Objective,
    trainee: Trainee,
    episodes: Vec<Option<Episode>>,
    steps: usize,
    best: Option<(f64, Weights)>,
    started: Instant,
    /// Training time of earlier runs.
    before: Duration,
}

impl<'a> PromptTraining<'a> {
    fn begin(
        tasks: &'a [PromptTask],
        judged: &'a [JudgedTarget],
        recipe: &'a PromptRecipe,
        start: PromptStart,
        device: &NamedDevice,
    ) -> Result<Self> {
        let (first, resumed) = match start {
            PromptStart::Random => {
                let weights = random_weights(recipe.config, CHANNELS, 2, recipe.seed)?;
                (weights, None)
            }
            PromptStart::Weights(weights) => (weights, None),
            PromptStart::Resumed(state, seconds) => {
                (state.weights.clone(), Some((*state, seconds)))
            }
        };
        let (found, network) = checkpoint::build_network(first, &device.device.clone().autodiff())?;
        if (found.config, found.channels, found.classes) != (recipe.config, CHANNELS, 2) {
            return Err(Error::new(
                "start the training",
                format!(
                    "the model is CMUNeXt-{} with {} channels and {} classes; this recipe needs \
                     CMUNeXt-{} with {CHANNELS} channels and 2 classes",
                    found.config, found.channels, found.classes, recipe.config
                ),
            ));
        }
        let mut trainee = Trainee::new(network, Optimizer::AdamW, device.clone())?;
        let mut run = Self {
            tasks,
            judged,
            recipe,
            objective: Objective::from(recipe.loss),
            episodes: (0..recipe.batch).map(|_| None).collect(),
            steps: 0,
            best: None,
            started: Instant::now(),
            before: Duration::ZERO,
            trainee: {
                if let Some((state, _)) = &resumed {
                    trainee.resume_from(
                        state.average.clone(),
                        Optimizer::AdamW,
                        state.moments.clone(),
                        state.steps,
                    );
                }
                trainee
            },
        };
        if let Some((state, seconds)) = resumed {
            run.steps = state.steps;
            run.best = state.best;
            run.before = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        }
        Ok(run)
    }

    fn run_steps(
        &mut self,
        limit: Option<Duration>,
        keeper: &mut dyn PromptTrainingKeeper,
        cancel: &Cancel,
    ) -> Result<()> {
        let first = self.steps;
        let (mut sum, mut count) = (0.0, 0u32);
        let mut smooth = SmoothLoss::with_weight(0.01);
        loop {
            let is_over = self.steps >= self.recipe.steps
                || cancel.is_cancelled()
                || limit.is_some_and(|limit| self.started.elapsed() >= limit);
            let is_due = self.steps.is_multiple_of(self.recipe.judged_every.max(1));
            if count > 0 && (is_over || is_due) {
                self.judge(sum / f64::from(count), keeper)?;
                (sum, count) = (0.0, 0);
            }
            if is_over {
                return Ok(());
            }
            let loss = self.step()?;
            sum += loss;
            count += 1;
            let done = (self.steps - first) as f64;
            let left = (self.recipe.steps - self.steps) as f64;
            let remaining = self.started.elapsed().mul_f64((left / done).min(1e6));
            keeper.report_step(self.steps, smooth.update(loss), remaining);
        }
    }

    /// Runs one step on the next sample of each episode.
    fn step(&mut self) -> Result<f64> {
        let (tasks, recipe, steps) = (self.tasks, self.recipe, self.steps);
        let samples: Vec<Option<PromptSample>> = self
            .episodes
            .par_iter_mut()
            .enumerate()
            .map(|(place, episode)| next_sample(tasks, recipe, steps, place, episode))
            .collect();
        let samples: Vec<PromptSample> = samples.into_iter().flatten().collect();
        if samples.len() < self.episodes.len() {
            return Err(Error::new(
                "train",
                "no targets were found in the images of the tasks",
            ));
        }
        let side = recipe.side;
        let input = samples.iter().flat_map(|l| &l.input).copied().collect();
        let labels: Vec<u8> = samples.iter().flat_map(|l| &l.labels).copied().collect();
        let done = steps as f64 / recipe.steps.max(1) as f64;
        let warm_up = ((steps + 1) as f64 / recipe.warm_up.max(1) as f64).min(1.0);
        let rate = recipe.learning_rate * (1.0 - done).max(0.0).powf(0.9) * warm_up;
        let truth = Truth {
            labels: &labels,
            weights: None,
        };
        let shape = [samples.len(), CHANNELS, side, side];
        let (loss, answers) =
            self.trainee
                .step_and_answer((input, shape), truth, &self.objective, rate)?;
        self.steps += 1;
        let pixels = side * side;
        self.episodes
            .par_iter_mut()
            .zip(&samples)
            .zip(answers.par_chunks_exact(2 * pixels))
            .enumerate()
            .for_each(|(place, ((episode, sample), answer))| {
                let mut rng = random_for(recipe, COURSES, steps, place);
                episode.take_if(|episode| {
                    !episode.take_answer(&sample.view, &answer[pixels..], side, &mut rng)
                });
            });
        Ok(loss)
    }

    /// Evaluates and saves the averaged weights.
    fn judge(&mut self, loss: f64, keeper: &mut dyn PromptTrainingKeeper) -> Result<()> {
        let weights = self.trainee.average_weights().clone();
        let dice = if self.judged.is_empty() {
            Vec::new()
        } else {
            let card = prompt_card(self.recipe, "Clicks", TrainedOn::default());
            let mut segmenter = PromptSegmenter::new(card, &weights, DeviceChoice::Cpu)?;
            let scores: Vec<TargetScores> = self
                .judged
                .iter()
                .map(|target| judge_target(&mut segmenter, target, 5))
                .collect::<Result<_>>()?;
            [0, 2, 4]
                .iter()
                .map(|&at| scores.iter().map(|s| s.dice[at]).sum::<f64>() / scores.len() as f64)
                .collect()
        };
        let point = JudgedPoint {
            steps: self.steps,
            seconds: (self.before + self.started.elapsed()).as_secs_f64(),
            loss,
            dice,
        };
        let mean = point.mean_dice();
        let is_best = self.best.as_ref().is_none_or(|(best, _)| mean >= *best);
        if is_best {
            self.best = Some((mean, weights.clone()));
        }
        let state = TrainingState {
            weights: self.trainee.last_weights()?,
            average: weights.clone(),
            moments: self.trainee.optimizer_moments().clone(),
            steps: self.steps,
            done: (self.steps as f64 / self.recipe.steps.max(1) as f64).min(1.0),
            best: self.best.clone(),
        };
        keeper.keep_point(&point, &weights, is_best, &state)
    }
}

fn random_for(recipe: &PromptRecipe, kind: u64, steps: usize, place: usize) -> SmallRng {
    SmallRng::seed_from_u64(seed_of(recipe.seed, kind, steps * recipe.batch + place))
}

/// The next sample of an episode, which is started if there is none; `None` if no target was found.
fn next_sample(
    tasks: &[PromptTask],
    recipe: &PromptRecipe,
    steps: usize,
    place: usize,
    episode: &mut Option<Episode>,
) -> Option<PromptSample> {
    let mut rng = random_for(recipe, BEGINNINGS, steps, place);
    if episode.is_none() {
        *episode = (0..IMAGES_TRIED).find_map(|_| begin_episode(tasks, recipe, &mut rng));
    }
    Some(episode.as_ref()?.next_sample(recipe.side, &mut rng))
}

fn begin_episode(
    tasks: &[PromptTask],
    recipe: &PromptRecipe,
    rng: &mut SmallRng,
) -> Option<Episode> {
    let weights: Vec<f64> = tasks
        .iter()
        .map(|task| task.weight * f64::from(u8::from(!task.images.is_empty())))
        .collect();
    let task = &tasks[pick_weighted(&weights, rng)?];
    let image = &task.images[rng.random_range(0..task.images.len())];
    Episode::begin(image, rng.random_bool(recipe.made.clamp(0.0, 1.0)), rng)
}

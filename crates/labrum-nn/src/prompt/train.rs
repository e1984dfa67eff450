//! Training of a prompt model.

use super::{
    encode::CHANNELS,
    episode::{Episode, PromptSample},
    judge::{JudgedTarget, TargetScores, judge_target},
    random::pick_weighted,
    recipe::{PromptRecipe, prompt_card},
    segmenter::PromptSegmenter,
    source::TaskImage,
};
use crate::{
    boundary_dou::Truth,
    checkpoint::{self, Weights},
    device::{self, DeviceChoice, NamedDevice},
    loss::Objective,
    train::{
        RunningMeans, SmoothLoss, Trainee, may_go_on, random_weights, seed_of, state::TrainingState,
    },
};
use labrum_core::{
    Error, Result,
    model_card::TrainedOn,
    progress::Control,
    training::{Length, Optimizer},
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
    /// Seconds of training, without interruptions and pauses.
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

/// A finished step of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PromptStep {
    /// Steps done.
    pub steps: usize,
    /// Share of the training that is done, 0..=1.
    pub done: f64,
    /// Running mean of the loss.
    pub loss: f64,
    /// Estimated time remaining.
    pub remaining: Duration,
}

/// Receives progress and results of a training.
pub trait PromptTrainingKeeper {
    /// Reports a step.
    fn report_step(&mut self, step: PromptStep);

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

/// Where and for how long a training runs.
#[derive(Clone, Debug)]
pub struct PromptRun<'a> {
    /// Device to train on.
    pub device: DeviceChoice,
    /// Length of the whole training; the learning rate decays to 0 towards its end.
    pub length: Length,
    /// Time after which it stops even before its end, to be resumed later.
    pub limit: Option<Duration>,
    /// Stops or pauses it.
    pub control: &'a Control,
}

/// Trains a prompt model on `tasks` and evaluates it on `judged` at intervals. Stops at the end of the run, after its
/// limit, or if it is cancelled; a last evaluation is saved in each case.
///
/// # Errors
/// If there are no images, the recipe is invalid, a device fails, the loss becomes NaN or infinite, or the keeper fails.
pub fn train_prompts(
    tasks: &[PromptTask],
    judged: &[JudgedTarget],
    recipe: &PromptRecipe,
    start: PromptStart,
    run: &PromptRun<'_>,
    keeper: &mut dyn PromptTrainingKeeper,
) -> Result<()> {
    if tasks.iter().all(|task| task.images.is_empty()) {
        return Err(Error::new("train", "there are no training images"));
    }
    recipe.check()?;
    let device = device::select_available(run.device)?;
    let mut training = PromptTraining::begin(tasks, judged, (recipe, run), start, &device)?;
    // burn reports most failures of a GPU (memory, a lost device) as a panic.
    catch_unwind(AssertUnwindSafe(|| training.run_steps(keeper))).unwrap_or_else(|panic| {
        let tried = "train the model";
        Err(device::panic_to_error(&device, tried, panic.as_ref()))
    })
}

struct PromptTraining<'a> {
    tasks: &'a [PromptTask],
    judged: &'a [JudgedTarget],
    recipe: &'a PromptRecipe,
    run: &'a PromptRun<'a>,
    objective: Objective,
    trainee: Trainee,
    episodes: Vec<Option<Episode>>,
    steps: usize,
    best: Option<(f64, Weights)>,
    /// Training time of this run, without pauses.
    worked: Duration,
    /// Training time of earlier runs.
    before: Duration,
}

impl<'a> PromptTraining<'a> {
    fn begin(
        tasks: &'a [PromptTask],
        judged: &'a [JudgedTarget],
        (recipe, run): (&'a PromptRecipe, &'a PromptRun<'a>),
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
        let (found, mut network) =
            checkpoint::build_network(first, &device.device.clone().autodiff())?;
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
        if recipe.fixed_statistics {
            network.fix_statistics();
        }
        let mut training = Self {
            tasks,
            judged,
            recipe,
            run,
            objective: Objective::from(recipe.loss),
            trainee: Trainee::new(network, Optimizer::AdamW, device.clone())?,
            episodes: (0..recipe.batch).map(|_| None).collect(),
            steps: 0,
            best: None,
            worked: Duration::ZERO,
            before: Duration::ZERO,
        };
        if let Some((state, seconds)) = resumed {
            training.trainee.resume_from(&state, Optimizer::AdamW);
            training.steps = state.steps;
            training.best = state.best;
            training.before = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        }
        Ok(training)
    }

    fn run_steps(&mut self, keeper: &mut dyn PromptTrainingKeeper) -> Result<()> {
        let first = self.done_share();
        let (mut sum, mut count) = (0.0, 0u32);
        let mut smooth = SmoothLoss::with_weight(0.01);
        loop {
            let is_over = self.done_share() >= 1.0
                || self.run.limit.is_some_and(|limit| self.worked >= limit)
                || !may_go_on(self.run.control);
            let is_due = self.steps.is_multiple_of(self.recipe.judged_every.max(1));
            let begun = Instant::now();
            if count > 0 && (is_over || is_due) {
                self.judge(sum / f64::from(count), keeper)?;
                sum = 0.0;
                count = 0;
            }
            if is_over {
                return Ok(());
            }
            if is_due && self.recipe.begins_anew {
                self.episodes.fill_with(|| None);
            }
            let loss = self.step()?;
            sum += loss;
            count += 1;
            self.worked += begun.elapsed();
            let done = self.done_share();
            let left = ((1.0 - done) / (done - first).max(1e-9)).clamp(0.0, 1e6);
            keeper.report_step(PromptStep {
                steps: self.steps,
                done,
                loss: smooth.update(loss),
                remaining: self.worked.mul_f64(left),
            });
        }
    }

    /// Share of the training that is done, 0..=1.
    fn done_share(&self) -> f64 {
        let done = match self.run.length {
            Length::Steps(0) => 1.0,
            Length::Steps(steps) => self.steps as f64 / steps as f64,
            Length::Seconds(seconds) => {
                (self.before + self.worked).as_secs_f64() / seconds.max(1e-3)
            }
        };
        done.min(1.0)
    }

    /// Runs one step on the next sample of each episode.
    fn step(&mut self) -> Result<f64> {
        let tasks = self.tasks;
        let recipe = self.recipe;
        let steps = self.steps;
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
        let warm_up = ((steps + 1) as f64 / recipe.warm_up.max(1) as f64).min(1.0);
        let rate = recipe.learning_rate * (1.0 - self.done_share()).powf(0.9) * warm_up;
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
        let RunningMeans {
            average: weights,
            moments,
        } = self.trainee.running_means()?;
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
            seconds: (self.before + self.worked).as_secs_f64(),
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
            moments,
            steps: self.steps,
            done: self.done_share(),
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
    let episode = episode.as_ref()?;
    Some(episode.next_sample(recipe.side, &recipe.without_channels, &mut rng))
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
    let made = rng.random_bool(recipe.made.clamp(0.0, 1.0));
    Episode::begin(image, made, recipe.style, rng)
}

#[cfg(test)]
mod tests;

//! One round of learning from what people accepted: from weights and samples to a candidate.
//!
//! The learning rate falls to nothing within the round, and the candidate is an average of weights, so that it does not
//! depend on the last few batches. Where there are enough samples, a part of them is not learned from but chooses the
//! best moment. The hold-out never comes here.

use super::super::checkpoint::{self, Weights};
use super::super::device::{self, NamedDevice};
use super::super::loss::Objective;
use super::random::seed_of;
use super::samples::TrainingSample;
pub use super::state::TrainingState;
use super::statistics::{self, StatisticsSource};
use super::trainee::{Batch, Trainee, input_dice, sample_dice};
use labrum_core::{
    Error, Result,
    model_card::InputSpec,
    progress::Control,
    training::{Length, Plan},
};
use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A round is judged on its validation part so often.
const LOOKS: usize = 10;
/// Steps until the learning rate is at its height.
const WARM_UP: f64 = 20.0;
/// From so many samples on a part of them chooses the best moment; fewer are all needed to learn from.
const ENOUGH_TO_VALIDATE: usize = 100;
/// One in so many samples is then validation.
const ONE_IN: usize = 10;
/// The end of a round is taken unless an earlier moment was better by this: a few samples tell no smaller difference.
const CLEARLY: f64 = 0.01;
/// A start that misses this much Dice of what it is to learn gets the whole learning rate, a better one less: what it knows
/// is not thrown over.
const WHOLE_RATE_BELOW: f64 = 0.3;
/// The least share of the learning rate for that.
const LEAST_FOR_GOOD: f64 = 0.5;
/// A start that misses this much Dice has to learn, however much it has seen elsewhere.
const MUST_LEARN_BELOW: f64 = 0.5;
/// On so many samples, at most, the start is looked at for that.
const LOOKED_AT: usize = 24;
/// The least share of the learning rate in all.
const LEAST_RATE: f64 = 0.025;
/// Kinds of random numbers: the order of a pass through the samples, and how they are varied.
const PASSES: u64 = 1;
const VARIATIONS: u64 = 2;
/// For so many steps, the samples are once more shown to the network at the end, for the statistics of its norms.
const STEPS_FOR_A_PASS: usize = 15;
const FEWEST_PASSES: usize = 8;
const MOST_PASSES: usize = 60;
/// A state to go on from is handed out so often.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// What a round starts from and learns from.
pub struct Lesson<'a> {
    /// Weights to start from, with as many classes as there shall be.
    pub start: Weights,
    /// How images become inputs; the samples are made by it.
    pub spec: &'a InputSpec,
    /// To learn from.
    pub samples: &'a [TrainingSample],
    /// Which of them no round has learned from.
    pub is_new: &'a [bool],
    /// Cases to learn from, as a share of all that the candidate will have learned from, its start included, 0..=1: a model
    /// that has seen hundreds is not thrown over for the sake of five.
    pub share: f64,
    /// A state to go on from, of a round that was cut off.
    pub resume: Option<TrainingState>,
}

/// What a running round tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RoundProgress {
    /// A step is done.
    Step {
        /// From 1.
        step: usize,
        /// Share of the round that is done, 0..=1.
        done: f64,
        /// Running mean of the loss.
        loss: f64,
        /// Time still to go.
        remaining: Duration,
    },
    /// The average was looked at on the validation part.
    Validation {
        /// After so many steps.
        step: usize,
        /// Mean Dice there.
        dice: f64,
        /// It is the best so far.
        is_best: bool,
    },
}

/// What comes out of a round that was not cancelled.
#[derive(Debug)]
pub struct Learned {
    /// The candidate.
    pub weights: Weights,
    /// Steps done.
    pub steps: usize,
    /// Samples that chose the moment.
    pub validation: usize,
    /// Dice of the candidate on them.
    pub validation_dice: Option<f64>,
}

/// Does a round; `None` where it was cancelled. `progress` is told each step, `checkpoint` gets states to go on from.
///
/// Errors: no samples, samples that are not of the size of the input, a device that fails, a loss that is not a number.
pub fn train_on_lesson(
    lesson: Lesson<'_>,
    plan: &Plan,
    device: &NamedDevice,
    control: &Control,
    progress: &mut dyn FnMut(RoundProgress),
    checkpoint: &mut dyn FnMut(&TrainingState) -> Result<()>,
) -> Result<Option<Learned>> {
    if lesson.samples.is_empty() {
        return Err(Error::new(
            "train",
            "there is no accepted case to learn from",
        ));
    }
    let pixels = lesson.spec.columns * lesson.spec.rows;
    if lesson
        .samples
        .iter()
        .any(|s| s.truth.len() != pixels || s.image.len() != pixels * lesson.spec.channels)
    {
        return Err(Error::new(
            "train",
            "a sample does not have the size of the network's input",
        ));
    }
    // burn reports most failures of a GPU (memory, a lost device) as a panic.
    let run = || {
        TrainingRound::from_lesson(lesson, plan, device)?.run_to_end(control, progress, checkpoint)
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        Err(device::panic_to_error(
            device,
            "train the model",
            panic.as_ref(),
        ))
    })
}

struct TrainingRound<'a> {
    trainee: Trainee,
    spec: &'a InputSpec,
    samples: &'a [TrainingSample],
    /// Indices of those to learn from, new ones more than once.
    deck: Vec<usize>,
    /// The order of the deck in this pass through it.
    shuffled: (Option<usize>, Vec<usize>),
    validation: Vec<TrainingSample>,
    plan: &'a Plan,
    device: &'a NamedDevice,
    best: Option<(f64, Weights)>,
    done_before: f64,
    steps: usize,
    /// The learning rate at its height.
    rate: f64,
    /// How far the statistics of the norms go to those of the samples, 0..=1.
    settling: f32,
}

impl<'a> TrainingRound<'a> {
    fn from_lesson(lesson: Lesson<'a>, plan: &'a Plan, device: &'a NamedDevice) -> Result<Self> {
        let mut order: Vec<usize> = (0..lesson.samples.len()).collect();
        order.shuffle(&mut SmallRng::seed_from_u64(plan.seed));
        let validation = if order.len() < ENOUGH_TO_VALIDATE {
            0
        } else {
            order.len() / ONE_IN
        };
        let learned = order.split_off(validation);
        let is_new = |i: usize| lesson.is_new.get(i).copied().unwrap_or(false);
        let all_new = learned.iter().all(|&i| is_new(i));
        let times = |i: usize| {
            if is_new(i) && !all_new {
                plan.new_weight.max(1)
            } else {
                1
            }
        };
        let deck = learned
            .iter()
            .flat_map(|&i| std::iter::repeat_n(i, times(i)))
            .collect();
        let step = lesson.samples.len().div_ceil(LOOKED_AT);
        let some: Vec<TrainingSample> = lesson.samples.iter().step_by(step).cloned().collect();
        let known = sample_dice(&lesson.start, &some, lesson.spec, plan.batch, device)?;
        let left = 1.0 - known.iter().sum::<f64>() / known.len().max(1) as f64;
        let by_dice = (left / WHOLE_RATE_BELOW).sqrt().clamp(LEAST_FOR_GOOD, 1.0);
        let by_experience = lesson.share.max((left / MUST_LEARN_BELOW).powi(2)).min(1.0);
        let rate = plan.learning_rate * (by_dice * by_experience).max(LEAST_RATE);
        let (weights, resumed) = match lesson.resume {
            Some(state) => (
                state.weights,
                Some((
                    state.average,
                    state.moments,
                    state.steps,
                    state.done,
                    state.best,
                )),
            ),
            None => (lesson.start, None),
        };
        let (_, network) = checkpoint::build_network(weights, &device.device.clone().autodiff())?;
        let mut round = Self {
            trainee: Trainee::new(network, plan.optimizer, device.clone())?,
            spec: lesson.spec,
            samples: lesson.samples,
            deck,
            shuffled: (None, Vec::new()),
            validation: order.iter().map(|&i| lesson.samples[i].clone()).collect(),
            plan,
            device,
            best: None,
            done_before: 0.0,
            steps: 0,
            rate,
            settling: by_experience as f32,
        };
        if let Some((average, moments, steps, done, best)) = resumed {
            round
                .trainee
                .resume_from(average, plan.optimizer, moments, steps);
            (round.best, round.done_before, round.steps) = (best, done, steps);
        }
        Ok(round)
    }

    fn run_to_end(
        mut self,
        control: &Control,
        progress: &mut dyn FnMut(RoundProgress),
        checkpoint: &mut dyn FnMut(&TrainingState) -> Result<()>,
    ) -> Result<Option<Learned>> {
        let loss = Objective::from(self.plan.loss);
        let mut worked = Duration::ZERO;
        let (mut smooth, mut since_checkpoint) = (f64::NAN, Instant::now());
        let mut looks = (self.done_before * LOOKS as f64) as usize;
        loop {
            let done = self.done_share(worked);
            if done >= 1.0 {
                break;
            }
            if !control.may_go_on() {
                return Ok(None);
            }
            let begun = Instant::now();
            let value = self.train_step(done, &loss)?;
            smooth = if smooth.is_nan() {
                value
            } else {
                0.95 * smooth + 0.05 * value
            };
            worked += begun.elapsed();
            let done = self.done_share(worked);
            let share = (done - self.done_before).max(1e-9);
            let remaining = worked.mul_f64(((1.0 - done) / share).clamp(0.0, 1e6));
            progress(RoundProgress::Step {
                step: self.steps,
                done,
                loss: smooth,
                remaining,
            });
            if (done * LOOKS as f64) as usize > looks && !self.validation.is_empty() {
                looks = (done * LOOKS as f64) as usize;
                let begun = Instant::now();
                self.validate_average(progress)?;
                worked += begun.elapsed();
            }
            if since_checkpoint.elapsed() >= CHECKPOINT_EVERY {
                since_checkpoint = Instant::now();
                checkpoint(&self.current_state(done)?)?;
            }
        }
        self.finish_learning(control)
    }

    /// One step, when the share `done` of the round is over; the loss before it.
    fn train_step(&mut self, done: f64, loss: &Objective) -> Result<f64> {
        let picked = self.pick_samples(self.steps);
        let batch = Batch {
            samples: self.samples,
            picked: &picked,
            augment: &self.plan.augment,
            seed: seed_of(self.plan.seed, VARIATIONS, self.steps),
            stress: self.plan.stress,
        };
        let warm_up = ((self.steps + 1) as f64 / WARM_UP).min(1.0);
        let rate = self.rate * (1.0 - done).powf(0.9) * warm_up;
        let value = self.trainee.train_step(&batch, self.spec, loss, rate)?;
        self.steps += 1;
        Ok(value)
    }

    /// Share of the round that is done.
    fn done_share(&self, worked: Duration) -> f64 {
        let done = match self.plan.length {
            Length::Steps(steps) => self.steps as f64 / steps.max(1) as f64,
            Length::Seconds(seconds) => self.done_before + worked.as_secs_f64() / seconds.max(1e-3),
        };
        done.min(1.0)
    }

    /// The samples of a step: all of the deck come before one comes again. They depend on the number of the step alone, so
    /// that a round that was cut off goes on with those that were next.
    fn pick_samples(&mut self, step: usize) -> Vec<usize> {
        let (batch, len) = (self.plan.batch.max(1), self.deck.len().max(1));
        let mut picked = Vec::with_capacity(batch);
        for n in step * batch..(step + 1) * batch {
            let pass = n / len;
            if self.shuffled.0 != Some(pass) {
                let mut order = self.deck.clone();
                order.shuffle(&mut SmallRng::seed_from_u64(seed_of(
                    self.plan.seed,
                    PASSES,
                    pass,
                )));
                self.shuffled = (Some(pass), order);
            }
            picked.extend(self.shuffled.1.get(n % len));
        }
        picked
    }

    fn validate_average(&mut self, progress: &mut dyn FnMut(RoundProgress)) -> Result<()> {
        let average = self.trainee.average_weights();
        let dice = input_dice(
            average,
            &self.validation,
            self.spec,
            self.plan.batch,
            self.device,
        )?;
        let is_best = self.best.as_ref().is_none_or(|(best, _)| dice >= *best);
        if is_best {
            self.best = Some((dice, average.clone()));
        }
        progress(RoundProgress::Validation {
            step: self.steps,
            dice,
            is_best,
        });
        Ok(())
    }

    fn current_state(&self, done: f64) -> Result<TrainingState> {
        Ok(TrainingState {
            weights: self.trainee.last_weights()?,
            average: self.trainee.average_weights().clone(),
            moments: self.trainee.optimizer_moments().clone(),
            steps: self.steps,
            done,
            best: self.best.clone(),
        })
    }

    fn finish_learning(mut self, control: &Control) -> Result<Option<Learned>> {
        let last = self.trainee.average_weights().clone();
        let last_dice = match self.validation.is_empty() {
            true => None,
            false => Some(input_dice(
                &last,
                &self.validation,
                self.spec,
                self.plan.batch,
                self.device,
            )?),
        };
        let earlier = self
            .best
            .take()
            .filter(|(best, _)| last_dice.is_some_and(|last| last < best - CLEARLY));
        let (validation_dice, weights) = match earlier {
            Some((dice, weights)) => (Some(dice), weights),
            None => (last_dice, last),
        };
        checkpoint::check_weights(&weights)?;
        let Some(weights) = self.choose_statistics(weights, control)? else {
            return Ok(None);
        };
        Ok(Some(Learned {
            weights,
            steps: self.steps,
            validation: self.validation.len(),
            validation_dice,
        }))
    }

    /// The weights, with the statistics of the samples as they are where these serve better: few samples that have little
    /// in common make poor ones.
    fn choose_statistics(
        &mut self,
        weights: Weights,
        control: &Control,
    ) -> Result<Option<Weights>> {
        let all_once = self.deck.len().div_ceil(self.plan.batch.max(1));
        let passes = (self.steps / STEPS_FOR_A_PASS)
            .max(all_once)
            .clamp(FEWEST_PASSES, MOST_PASSES);
        let batches: Vec<Vec<usize>> = (0..passes)
            .map(|pass| self.pick_samples(self.steps + pass))
            .collect();
        let source = StatisticsSource {
            samples: self.samples,
            batches: &batches,
            augment: &self.plan.augment,
            spec: self.spec,
            device: self.device,
        };
        let Some(statistics) = statistics::of_samples(&weights, &source, control)? else {
            return Ok(None);
        };
        let step = self.samples.len().div_ceil(2 * LOOKED_AT);
        let some: Vec<TrainingSample> = self.samples.iter().step_by(step).cloned().collect();
        let mut best: Option<(f64, Weights)> = None;
        for share in [0.0, 0.5, 1.0] {
            if !control.may_go_on() {
                return Ok(None);
            }
            let moved = statistics::blend_towards(&weights, &statistics, share * self.settling);
            let dice = input_dice(&moved, &some, self.spec, self.plan.batch, self.device)?;
            if best.as_ref().is_none_or(|(best, _)| dice > *best) {
                best = Some((dice, moved));
            }
        }
        Ok(best.map(|(_, weights)| weights))
    }
}

#[cfg(test)]
mod tests;

//! One round of training on accepted cases: from weights and samples to a candidate.
//!
//! The learning rate decays to 0 within the round, and the candidate is an average of weights, so that it does not
//! depend on the last few batches. If there are enough samples, some are not trained on but used for validation, to
//! choose the best moment. The hold-out set is never used here.

use super::super::checkpoint::{self, Weights};
use super::super::device::{self, NamedDevice};
use super::super::kernels;
use super::super::loss::Objective;
use super::optimizer::RunningMeans;
use super::random::seed_of;
use super::samples::TrainingSample;
use super::smooth::SmoothLoss;
pub use super::state::TrainingState;
use super::statistics::{self, StatisticsSource};
use super::trainee::{Batch, Trainee, input_dice, may_go_on, sample_dice};
use labrum_core::{
    Error, Result,
    model_card::InputSpec,
    progress::Control,
    training::{Blend, Length, Plan, RoundProgress},
};
use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{
    iter,
    time::{Duration, Instant},
};

/// Number of validations in a round.
const LOOKS: usize = 10;
/// Steps until the peak learning rate is reached.
const WARM_UP: f64 = 20.0;
/// Minimum number of samples for a validation part; fewer are all needed for training.
const ENOUGH_TO_VALIDATE: usize = 100;
/// One in this many samples is then used for validation.
const ONE_IN: usize = 10;
/// The end of a round is kept unless an earlier moment had a Dice better by this: few samples cannot show smaller
/// differences.
const CLEARLY: f64 = 0.01;
/// Starting weights whose Dice is at least this far below 1 get the full learning rate. Better ones get less, to keep
/// what they have learned.
const WHOLE_RATE_BELOW: f64 = 0.3;
/// Lower limit of that reduction, as a share of the learning rate.
const LEAST_FOR_GOOD: f64 = 0.5;
/// Starting weights whose Dice is at least this far below 1 are trained fully, however many other cases they were
/// trained on.
const MUST_LEARN_BELOW: f64 = 0.5;
/// Maximum number of samples for measuring the Dice of the starting weights.
const LOOKED_AT: usize = 24;
/// Lower limit of the learning rate after all reductions, as a share.
const LEAST_RATE: f64 = 0.025;
/// Kinds of random numbers: the order of a pass through the samples, and their augmentation.
const PASSES: u64 = 1;
const VARIATIONS: u64 = 2;
/// At the end of a round, one forward pass per this many training steps recomputes the statistics of the norms.
const STEPS_FOR_A_PASS: usize = 15;
const FEWEST_PASSES: usize = 8;
const MOST_PASSES: usize = 60;
/// Interval between states to resume from.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Input of a round.
pub struct Lesson<'a> {
    /// Starting weights, with the final number of classes.
    pub start: Weights,
    /// The network's input, as used to make the samples.
    pub spec: &'a InputSpec,
    /// Training samples.
    pub samples: &'a [TrainingSample],
    /// For each sample, whether no earlier round trained on it.
    pub is_new: &'a [bool],
    /// Cases of this round as a share of all cases that the candidate will have been trained on, its start included,
    /// 0..=1: a model trained on hundreds should not change much for five.
    pub share: f64,
    /// State to resume from, of an interrupted round.
    pub resume: Option<TrainingState>,
}

impl Lesson<'_> {
    fn is_new_sample(&self, index: usize) -> bool {
        self.is_new.get(index).copied().unwrap_or(false)
    }
}

/// Result of a completed round.
#[derive(Debug)]
pub struct Learned {
    /// The candidate.
    pub weights: Weights,
    /// Steps done.
    pub steps: usize,
    /// Number of validation samples.
    pub validation: usize,
    /// Mean Dice of the candidate on the validation samples; `None` without any.
    pub validation_dice: Option<f64>,
}

/// Runs a round; `None` if cancelled. `progress` is called at each step, `checkpoint` with states to resume from.
///
/// Errors: no samples, samples of the wrong size, a device failure, a loss that is NaN or infinite.
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
            "there are no accepted cases to train on",
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
            "a sample does not match the size of the network's input",
        ));
    }
    // burn reports most failures of a GPU (memory, a lost device) as a panic.
    catch_unwind(AssertUnwindSafe(|| {
        TrainingRound::from_lesson(lesson, plan, device)?.run_to_end(control, progress, checkpoint)
    }))
    .unwrap_or_else(|panic| {
        Err(device::panic_to_error(
            device,
            "train the model",
            panic.as_ref(),
        ))
    })
}

struct TrainingRound<'a> {
    trainee: Trainee,
    /// The starting weights, if the candidate is blended with them.
    start: Option<Weights>,
    spec: &'a InputSpec,
    samples: &'a [TrainingSample],
    /// Indices of the training samples; new samples occur more than once.
    deck: Vec<usize>,
    /// Number of the current pass through the deck, and the order of the deck in it.
    shuffled: (Option<usize>, Vec<usize>),
    validation: Vec<TrainingSample>,
    plan: &'a Plan,
    device: &'a NamedDevice,
    best: Option<(f64, Weights)>,
    done_before: f64,
    steps: usize,
    /// Peak learning rate.
    rate: f64,
    /// How far the statistics of the norms move towards those of the samples, 0..=1.
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
        let are_all_new = learned.iter().all(|&i| lesson.is_new_sample(i));
        let mut deck = Vec::with_capacity(learned.len());
        for i in learned {
            let times = if lesson.is_new_sample(i) && !are_all_new {
                plan.new_weight.max(1)
            } else {
                1
            };
            deck.extend(iter::repeat_n(i, times));
        }
        let step = lesson.samples.len().div_ceil(LOOKED_AT);
        let some: Vec<TrainingSample> = lesson.samples.iter().step_by(step).cloned().collect();
        let known = sample_dice(&lesson.start, &some, lesson.spec, plan.batch, device)?;
        let left = 1.0 - known.iter().sum::<f64>() / known.len().max(1) as f64;
        let by_dice = (left / WHOLE_RATE_BELOW).sqrt().clamp(LEAST_FOR_GOOD, 1.0);
        let by_experience = lesson.share.max((left / MUST_LEARN_BELOW).powi(2)).min(1.0);
        let rate = plan.learning_rate * (by_dice * by_experience).max(LEAST_RATE);
        let start = (plan.blend != Blend::Trained).then(|| lesson.start.clone());
        let (weights, resumed) = match lesson.resume {
            Some(state) => (state.weights.clone(), Some(state)),
            None => (lesson.start, None),
        };
        let (_, network) = checkpoint::build_network(weights, &device.device.clone().autodiff())?;
        let mut round = Self {
            trainee: Trainee::new(network, plan.optimizer, device.clone())?,
            start,
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
        if let Some(state) = resumed {
            round.trainee.resume_from(&state, plan.optimizer);
            round.best = state.best;
            round.done_before = state.done;
            round.steps = state.steps;
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
        let mut smooth = SmoothLoss::with_weight(0.05);
        let mut since_checkpoint = Instant::now();
        let mut looks = (self.done_before * LOOKS as f64) as usize;
        loop {
            let done = self.done_share(worked);
            if done >= 1.0 {
                break;
            }
            if !may_go_on(control) {
                return Ok(None);
            }
            let begun = Instant::now();
            let smooth = smooth.update(self.train_step(done, &loss)?);
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
        kernels::free_buffers();
        self.finish_learning(control)
    }

    /// Does one step when the share `done` of the round is over, and returns the loss before it.
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

    /// Share of the round that is done, 0..=1.
    fn done_share(&self, worked: Duration) -> f64 {
        let done = match self.plan.length {
            Length::Steps(steps) => self.steps as f64 / steps.max(1) as f64,
            Length::Seconds(seconds) => self.done_before + worked.as_secs_f64() / seconds.max(1e-3),
        };
        done.min(1.0)
    }

    /// The samples of a step; the whole deck is used before an index repeats. They depend only on the step number, so
    /// that an interrupted round resumes with the same samples.
    fn pick_samples(&mut self, step: usize) -> Vec<usize> {
        let batch = self.plan.batch.max(1);
        let len = self.deck.len().max(1);
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
        let average = self.trainee.average_weights()?;
        let dice = input_dice(
            &average,
            &self.validation,
            self.spec,
            self.plan.batch,
            self.device,
        )?;
        let is_best = self.best.as_ref().is_none_or(|(best, _)| dice >= *best);
        if is_best {
            self.best = Some((dice, average));
        }
        progress(RoundProgress::Validation {
            step: self.steps,
            dice,
            is_best,
        });
        Ok(())
    }

    fn current_state(&self, done: f64) -> Result<TrainingState> {
        let RunningMeans { average, moments } = self.trainee.running_means()?;
        Ok(TrainingState {
            weights: self.trainee.last_weights()?,
            average,
            moments,
            steps: self.steps,
            done,
            best: self.best.clone(),
        })
    }

    fn finish_learning(mut self, control: &Control) -> Result<Option<Learned>> {
        let last = self.trainee.average_weights()?;
        let last_dice = self.validation_dice(&last)?;
        let earlier = self
            .best
            .take()
            .filter(|(best, _)| last_dice.is_some_and(|last| last < best - CLEARLY));
        let (validation_dice, weights) = match earlier {
            Some((dice, weights)) => (Some(dice), weights),
            None => (last_dice, last),
        };
        checkpoint::check_weights(&weights)?;
        let (validation_dice, weights) = self.blend_with_start(validation_dice, weights)?;
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

    /// Mean Dice on the validation samples; `None` without any.
    fn validation_dice(&self, weights: &Weights) -> Result<Option<f64>> {
        if self.validation.is_empty() {
            return Ok(None);
        }
        let dice = input_dice(
            weights,
            &self.validation,
            self.spec,
            self.plan.batch,
            self.device,
        )?;
        Ok(Some(dice))
    }

    /// The weights between the start and the trained ones that the plan asks for, after their validation Dice; `dice` is that
    /// of the trained ones.
    fn blend_with_start(
        &self,
        dice: Option<f64>,
        trained: Weights,
    ) -> Result<(Option<f64>, Weights)> {
        let Some(start) = &self.start else {
            return Ok((dice, trained));
        };
        let shares: &[f32] = match &self.plan.blend {
            Blend::Trained => &[],
            Blend::Share(share) => {
                let blended = statistics::blend_towards(start, &trained, *share);
                return Ok((self.validation_dice(&blended)?, blended));
            }
            Blend::Validated => &Blend::SHARES,
        };
        let mut best: Option<(f64, Weights)> = None;
        for share in shares {
            let blended = statistics::blend_towards(start, &trained, *share);
            let Some(dice) = self.validation_dice(&blended)? else {
                break;
            };
            if best.as_ref().is_none_or(|(best, _)| dice > *best) {
                best = Some((dice, blended));
            }
        }
        match best.filter(|(best, _)| dice.is_some_and(|dice| *best > dice + CLEARLY)) {
            Some((dice, blended)) => Ok((Some(dice), blended)),
            None => Ok((dice, trained)),
        }
    }

    /// The weights with recomputed statistics, as far as these improve Dice: few samples with little in common give
    /// poor ones.
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

//! A running training from scratch: its epochs, their validation, and what is kept.

use super::super::log::{Epoch, KeptWeights, TrainingLog};
use super::super::optimizer::RunningMeans;
use super::super::options::{TrainOptions, ValidationFigure};
use super::super::random::seed_of;
use super::super::resume::{check_same_settings, other_training_error};
use super::super::samples::TrainingSample;
use super::super::smooth::SmoothLoss;
use super::super::state::TrainingState;
use super::super::trainee::{Batch, Trainee, sample_dice};
use super::{TrainingKeeper, TrainingProgress};
use crate::checkpoint::{self, Weights};
use crate::device::NamedDevice;
use labrum_core::{Result, model_card::ModelCard, progress::Cancel};
use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};
use std::time::{Duration, Instant};

/// Kinds of random numbers: the order of an epoch, and the augmentation of samples.
const PASSES: u64 = 1;
const VARIATIONS: u64 = 2;

/// Input of a training.
pub(super) struct Beginning<'a> {
    pub(super) options: &'a TrainOptions,
    pub(super) samples: Vec<TrainingSample>,
    pub(super) judges: Vec<TrainingSample>,
    pub(super) card: &'a ModelCard,
    pub(super) device: &'a NamedDevice,
    pub(super) first: Weights,
    pub(super) log: TrainingLog,
}

/// A running training.
pub(super) struct FullTraining<'a> {
    options: &'a TrainOptions,
    samples: Vec<TrainingSample>,
    judges: Vec<TrainingSample>,
    card: &'a ModelCard,
    device: &'a NamedDevice,
    trainee: Trainee,
    log: TrainingLog,
    best: Option<Weights>,
    steps: usize,
    started: Instant,
    /// Training time before `started`, in earlier runs.
    before: Duration,
}

impl<'a> FullTraining<'a> {
    pub(super) fn begin_or_resume(
        beginning: Beginning<'a>,
        earlier: Option<(TrainingLog, TrainingState)>,
    ) -> Result<Self> {
        let Beginning {
            options,
            samples,
            judges,
            card,
            device,
            mut first,
            mut log,
        } = beginning;
        let mut resumed = None;
        if let Some((mut known, state)) = earlier {
            check_same_settings(&known.settings, &log.settings)?;
            if known.images != log.images {
                return Err(other_training_error("it was started with different images"));
            }
            known.cut_to(state.steps);
            log = TrainingLog {
                settings: log.settings,
                is_finished: false,
                last: None,
                ..known
            };
            first = state.weights.clone();
            resumed = Some(state);
        }
        let (_, network) = checkpoint::build_network(first, &device.device.clone().autodiff())?;
        let mut trainee = Trainee::new(network, options.optimizer, device.clone())?;
        let (mut steps, mut best) = (0, None);
        if let Some(state) = resumed {
            trainee.resume_from(&state, options.optimizer);
            steps = state.steps;
            best = state.best.map(|(_, weights)| weights);
        }
        let before = log.epochs.last().map_or(0.0, |epoch| epoch.seconds);
        let before = Duration::try_from_secs_f64(before).unwrap_or_default();
        let started = Instant::now();
        Ok(Self {
            options,
            samples,
            judges,
            card,
            device,
            trainee,
            log,
            best,
            steps,
            started,
            before,
        })
    }

    pub(super) fn run_epochs(
        &mut self,
        keeper: &mut dyn TrainingKeeper,
        cancel: &Cancel,
    ) -> Result<()> {
        let begin = self.log.epochs.last().map_or(1, |epoch| epoch.epoch + 1);
        let device = self.device.name.clone();
        keeper.report_progress(TrainingProgress::Started {
            images: self.log.images.clone(),
            device,
            epoch: begin,
        });
        for epoch in begin..=self.options.epochs {
            let Some(loss) = self.run_epoch(epoch, keeper, cancel)? else {
                self.log.is_finished = !cancel.is_cancelled();
                return Ok(());
            };
            self.validate_epoch(epoch, loss, keeper)?;
            // An incomplete epoch cannot be resumed: it is done again.
            if cancel.is_cancelled() {
                return Ok(());
            }
            keeper.keep_epoch(&self.log, &self.current_state()?)?;
        }
        self.log.is_finished = true;
        Ok(())
    }

    /// Runs the steps of an epoch and returns their mean loss; `None` if there was no step.
    fn run_epoch(
        &mut self,
        epoch: usize,
        keeper: &mut dyn TrainingKeeper,
        cancel: &Cancel,
    ) -> Result<Option<f64>> {
        let mut order: Vec<usize> = (0..self.samples.len()).collect();
        order.shuffle(&mut SmallRng::seed_from_u64(seed_of(
            self.options.seed,
            PASSES,
            epoch,
        )));
        let (mut sum, mut count) = (0.0, 0);
        let mut smooth = SmoothLoss::with_weight(0.05);
        for picked in order.chunks(self.options.batch) {
            let done = self.done_share();
            if cancel.is_cancelled() || done >= 1.0 {
                break;
            }
            let warm_up = ((self.steps + 1) as f64 / self.options.warm_up.max(1) as f64).min(1.0);
            let rate = self.options.learning_rate * (1.0 - done).powf(0.9) * warm_up;
            let batch = Batch {
                samples: &self.samples,
                picked,
                augment: &self.options.augment,
                seed: seed_of(self.options.seed, VARIATIONS, self.steps),
                stress: 0.0,
            };
            let loss =
                self.trainee
                    .train_step(&batch, &self.card.input, &self.options.objective, rate)?;
            self.steps += 1;
            sum += loss;
            count += 1;
            let smooth = smooth.update(loss);
            let done = self.done_share();
            let remaining = self
                .elapsed_time()
                .mul_f64(((1.0 - done) / done.max(1e-9)).min(1e6));
            keeper.report_progress(TrainingProgress::Step {
                done,
                epoch,
                loss: smooth,
                remaining,
            });
        }
        Ok((count > 0).then(|| sum / f64::from(count)))
    }

    /// Evaluates the weights on the validation images or, without any, the training images, and keeps the best.
    fn validate_epoch(
        &mut self,
        epoch: usize,
        loss: f64,
        keeper: &mut dyn TrainingKeeper,
    ) -> Result<()> {
        let weights = self.validated_weights()?;
        let scores = sample_dice(
            &weights,
            &self.judges,
            &self.card.input,
            self.options.batch,
            self.device,
        )?;
        let count = scores.len().max(1) as f64;
        let dice = scores.iter().sum::<f64>() / count;
        // For a single label IoU follows from Dice, image by image.
        let iou = scores.iter().map(|&d| d / (2.0 - d)).sum::<f64>() / count;
        let kept = KeptWeights {
            epoch,
            hash: checkpoint::weights_hash(&weights),
            dice,
            iou,
        };
        let best = self
            .log
            .best
            .as_ref()
            .is_none_or(|best| self.deciding_figure(&kept) > self.deciding_figure(best));
        if best {
            keeper.keep_best(self.card, &weights)?;
            self.best = Some(weights);
            self.log.best = Some(kept.clone());
        }
        self.log.last = Some(kept);
        let epoch = Epoch {
            epoch,
            steps: self.steps,
            seconds: self.elapsed_time().as_secs_f64(),
            loss,
            dice,
            iou,
        };
        self.log.epochs.push(epoch);
        keeper.report_progress(TrainingProgress::Epoch {
            epoch,
            best,
            is_validated: self.log.images.validation > 0,
        });
        Ok(())
    }

    /// The figure that decides which weights are best.
    fn deciding_figure(&self, kept: &KeptWeights) -> f64 {
        match self.options.chosen_by {
            ValidationFigure::Dice => kept.dice,
            ValidationFigure::Iou => kept.iou,
        }
    }

    fn current_state(&self) -> Result<TrainingState> {
        let best = self
            .log
            .best
            .as_ref()
            .map(|best| best.dice)
            .zip(self.best.clone());
        let RunningMeans { average, moments } = self.trainee.running_means()?;
        Ok(TrainingState {
            weights: self.trainee.last_weights()?,
            average,
            moments,
            steps: self.steps,
            done: self.done_share(),
            best,
        })
    }

    /// The weights that are validated and kept.
    fn validated_weights(&self) -> Result<Weights> {
        if self.options.averaged {
            self.trainee.average_weights()
        } else {
            self.trainee.last_weights()
        }
    }

    /// The best weights, the last weights and the log.
    pub(super) fn into_results(self) -> Result<(Weights, Weights, TrainingLog)> {
        let last = self.validated_weights()?;
        Ok((self.best.unwrap_or_else(|| last.clone()), last, self.log))
    }

    fn elapsed_time(&self) -> Duration {
        self.before + self.started.elapsed()
    }

    /// Share of the training that is done, 0..=1, by steps or by time, whichever is further.
    fn done_share(&self) -> f64 {
        let steps_per_epoch = self.samples.len().div_ceil(self.options.batch);
        let by_steps = self.steps as f64 / (self.options.epochs * steps_per_epoch) as f64;
        let by_time = self
            .options
            .time_limit
            .map_or(0.0, |t| self.elapsed_time().as_secs_f64() / t.as_secs_f64());
        by_steps.max(by_time).min(1.0)
    }
}

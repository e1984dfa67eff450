//! Training from a folder of image and mask pairs.

use super::super::augment::AugmentConfig;
use super::super::boundary_dou::BoundaryDou;
use super::super::card::{Config, HeldOut, InputSpec, ModelCard, Purpose, TrainedOn};
use super::super::checkpoint::{self, Weights};
use super::super::cmunext::CmuNext;
use super::super::device::{self, DeviceChoice, NamedDevice};
use super::super::infer::Segmenter;
use super::super::preprocess::Size;
use super::optimizer::Optimizer;
use super::samples::{Sample, grey_statistics};
use super::trainee::{Batch, Trainee, input_dice};
use crate::domain::{label::Label, mask::Mask, metrics, progress::Cancel};
use crate::io::dataset::{self, Pair};
use crate::{Error, Result};
use rand::{RngExt, SeedableRng, rngs::SmallRng, seq::SliceRandom};
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// How to train.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Which network.
    pub config: Config,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images in a step.
    pub batch: usize,
    /// Learning rate of the first step after the warm-up; it falls as (1 - done)^0.9.
    pub learning_rate: f64,
    /// Input columns, a multiple of 16.
    pub columns: usize,
    /// Input rows, a multiple of 16.
    pub rows: usize,
    /// Input channels, 1 or 3.
    pub channels: usize,
    /// The same seed gives the same split, order and augmentation.
    pub seed: u64,
    /// Share of the subjects that are only used for the figures at the end.
    pub held_out: f64,
    /// Subjects that are held out in any case.
    pub held_out_subjects: Vec<String>,
    /// Share of the remaining subjects that choose the best epoch.
    pub validation: f64,
    /// No step begins after so long; the learning rate falls along with the time.
    pub time_limit: Option<Duration>,
    /// The loss.
    pub loss: BoundaryDou,
    /// How samples are varied.
    pub augment: AugmentConfig,
    /// Weights to start from, instead of random ones.
    pub start: Option<std::path::PathBuf>,
    /// Where to train.
    pub device: DeviceChoice,
    /// Name and labels of the model; labels that are missing get names by number.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// Labels 1..=n.
    pub labels: Vec<Label>,
    /// What the model is for.
    pub purpose: Purpose,
    /// Name, licence and makers of the data.
    pub trained_on: TrainedOn,
}

/// What a running training tells.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The split is made, the images are read.
    Started {
        /// Images to train on.
        training: usize,
        /// Images that choose the best epoch.
        validation: usize,
        /// Images for the figures at the end.
        held_out: usize,
        /// The device in use.
        device: String,
    },
    /// A step is done.
    Step {
        /// Share of the whole that is done, 0..=1.
        done: f64,
        /// From 1.
        epoch: usize,
        /// Running mean of the loss.
        loss: f64,
        /// Time still to go.
        remaining: Duration,
    },
    /// An epoch is done.
    Epoch {
        /// From 1.
        epoch: usize,
        /// Steps since the beginning.
        steps: usize,
        /// Seconds since the beginning.
        seconds: f64,
        /// Mean loss of the epoch.
        loss: f64,
        /// Mean Dice of the validation images at the size of the input.
        validation_dice: f64,
        /// It is the best so far, and kept.
        best: bool,
    },
}

/// What comes out.
pub struct Trained {
    /// The card, with the held-out figures.
    pub card: ModelCard,
    /// The weights of the best epoch.
    pub weights: Weights,
    /// True where the training was stopped before its end.
    pub stopped_early: bool,
}

/// Trains on `folder`. `best` is called with every new best model, so that a stop keeps it.
///
/// Pairs are split by subject into training, validation (chooses the epoch) and held-out images (seen once, for the
/// figures on the card).
pub fn train(
    folder: &Path,
    options: &TrainOptions,
    progress: &mut dyn FnMut(Progress),
    best: &mut dyn FnMut(&ModelCard, &Weights) -> Result<()>,
    cancel: &Cancel,
) -> Result<Trained> {
    let (training, validation, held_out) = split(dataset::list(folder)?, options);
    if training.is_empty() {
        return Err(Error::at("train on", folder, "no image is left to train on after the split by subject")
            .advise("Add images of other subjects, or lower --held-out."));
    }
    let size = Size { columns: options.columns, rows: options.rows };
    let samples = load(&training, options, size, cancel)?;
    let judges = load(if validation.is_empty() { &training } else { &validation }, options, size, cancel)?;
    // They are read again after the training: what cannot be read is better known before it.
    held_out.par_iter().try_for_each(|pair| pair.read().map(drop))?;
    let labels = labels(&samples, &judges, options)?;
    let (mean, std) = grey_statistics(&samples, options.channels);
    let input = InputSpec { channels: options.channels, columns: size.columns, rows: size.rows, mean, std };
    let device = device::choose(options.device)?;
    let (network, parent) = first_network(options, labels.len() + 1, &device)?;
    let mut card = ModelCard {
        name: options.name.clone(),
        version: options.version.clone(),
        config: options.config,
        labels,
        input,
        purpose: options.purpose.clone(),
        trained_on: TrainedOn { cases: training.len(), ..options.trained_on.clone() },
        held_out: None,
        parent,
    };
    progress(Progress::Started {
        training: training.len(),
        validation: validation.len(),
        held_out: held_out.len(),
        device: device.name.clone(),
    });
    let mut run =
        Run { options, samples: &samples, judges: &judges, card: &card, device: &device, started: Instant::now() };
    // burn reports most failures of a GPU (memory, a lost device) as a panic; the best model so far is kept by `best`.
    let (weights, stopped_early) = catch_unwind(AssertUnwindSafe(|| run.epochs(network, progress, best, cancel)))
        .unwrap_or_else(|panic| Err(device::failure(&device, "train the model", panic.as_ref())))?;
    if !held_out.is_empty() {
        card.held_out = Some(held_out_figures(&held_out, &card, &weights, options.device)?);
    }
    Ok(Trained { card, weights, stopped_early })
}

fn split(pairs: Vec<Pair>, options: &TrainOptions) -> (Vec<Pair>, Vec<Pair>, Vec<Pair>) {
    let (always, rest): (Vec<_>, Vec<_>) =
        pairs.into_iter().partition(|p| options.held_out_subjects.contains(&p.subject));
    let (rest, mut held_out) = dataset::split(&rest, options.held_out, options.seed);
    held_out.extend(always);
    let (training, validation) = dataset::split(&rest, options.validation, options.seed.wrapping_add(1));
    (training, validation, held_out)
}

fn load(pairs: &[Pair], options: &TrainOptions, size: Size, cancel: &Cancel) -> Result<Vec<Sample>> {
    let spec = InputSpec {
        channels: options.channels,
        columns: size.columns,
        rows: size.rows,
        mean: vec![0.0; options.channels],
        std: vec![1.0; options.channels],
    };
    let one = |pair: &Pair| {
        if cancel.is_cancelled() {
            return Err(Error::new("read the images", "stopped by the user"));
        }
        let (image, mask) = pair.read()?;
        Sample::new(&image, &mask, None, &spec)
    };
    pairs.par_iter().map(one).collect()
}

/// The labels of the card: those given, and one by number for each further value in the masks.
fn labels(samples: &[Sample], judges: &[Sample], options: &TrainOptions) -> Result<Vec<Label>> {
    let highest = samples.iter().chain(judges).flat_map(|s| s.truth.iter().map(|p| p.label)).max().unwrap_or(0);
    if highest == 0 {
        return Err(Error::new("train", "all masks are empty").advise("Give masks that hold at least one label."));
    }
    let mut labels = options.labels.clone();
    for i in labels.len()..usize::from(highest) {
        labels.push(Label::named(format!("Label {}", i + 1), i));
    }
    Ok(labels)
}

fn first_network(options: &TrainOptions, classes: usize, device: &NamedDevice) -> Result<(CmuNext, Option<String>)> {
    let trainable = device.device.clone().autodiff();
    let Some(path) = &options.start else {
        trainable.seed(options.seed);
        return Ok((CmuNext::new(options.config, options.channels, classes, &trainable), None));
    };
    let (_, weights) = checkpoint::read(path)?;
    let parent = checkpoint::hash(&weights);
    let (found, network) =
        checkpoint::build(weights, &trainable).map_err(|e| Error { path: Some(path.clone()), ..e })?;
    if (found.config, found.channels, found.classes) != (options.config, options.channels, classes) {
        let reason = format!(
            "it is CMUNeXt-{} with {} channels and {} classes; wanted is {} with {} and {classes}",
            found.config, found.channels, found.classes, options.config, options.channels
        );
        return Err(Error::at("start from", path, reason));
    }
    Ok((network, Some(parent)))
}

/// A training under way.
struct Run<'a> {
    options: &'a TrainOptions,
    samples: &'a [Sample],
    judges: &'a [Sample],
    card: &'a ModelCard,
    device: &'a NamedDevice,
    started: Instant,
}

impl Run<'_> {
    fn epochs(
        &mut self,
        network: CmuNext,
        progress: &mut dyn FnMut(Progress),
        best: &mut dyn FnMut(&ModelCard, &Weights) -> Result<()>,
        cancel: &Cancel,
    ) -> Result<(Weights, bool)> {
        let mut trainee = Trainee::new(network, Optimizer::AdamW, self.device.clone())?;
        let mut rng = SmallRng::seed_from_u64(self.options.seed);
        let mut order: Vec<usize> = (0..self.samples.len()).collect();
        let mut kept = (trainee.average().clone(), -1.0);
        let steps_per_epoch = self.samples.len().div_ceil(self.options.batch);
        let (mut step, mut smooth) = (0, f64::NAN);
        for epoch in 1..=self.options.epochs {
            order.shuffle(&mut rng);
            let (mut sum, mut count) = (0.0, 0);
            for picked in order.chunks(self.options.batch) {
                let done = self.done(step, steps_per_epoch);
                if cancel.is_cancelled() || done >= 1.0 {
                    break;
                }
                let rate = self.options.learning_rate * (1.0 - done).powf(0.9) * (step as f64 / 50.0 + 0.02).min(1.0);
                let (samples, augment) = (self.samples, &self.options.augment);
                let batch = Batch { samples, picked, augment, seed: rng.random(), stress: 0.0 };
                let loss = trainee.step(&batch, &self.card.input, &self.options.loss, rate)?;
                step += 1;
                sum += loss;
                count += 1;
                smooth = if smooth.is_nan() { loss } else { 0.95 * smooth + 0.05 * loss };
                let done = self.done(step, steps_per_epoch);
                let remaining = self.started.elapsed().mul_f64(((1.0 - done) / done.max(1e-9)).min(1e6));
                progress(Progress::Step { done, epoch, loss: smooth, remaining });
            }
            if count == 0 {
                return Ok((kept.0, cancel.is_cancelled()));
            }
            let average = trainee.average();
            let validation_dice = input_dice(average, self.judges, &self.card.input, self.options.batch, self.device)?;
            let is_best = validation_dice > kept.1;
            if is_best {
                kept = (average.clone(), validation_dice);
                best(self.card, average)?;
            }
            progress(Progress::Epoch {
                epoch,
                steps: step,
                seconds: self.started.elapsed().as_secs_f64(),
                loss: sum / f64::from(count),
                validation_dice,
                best: is_best,
            });
        }
        Ok((kept.0, cancel.is_cancelled()))
    }

    /// Share of the work that is done, by steps or by time, whichever is further.
    fn done(&self, step: usize, steps_per_epoch: usize) -> f64 {
        let by_steps = step as f64 / (self.options.epochs * steps_per_epoch) as f64;
        let by_time = self.options.time_limit.map_or(0.0, |t| self.started.elapsed().as_secs_f64() / t.as_secs_f64());
        by_steps.max(by_time).min(1.0)
    }
}

fn held_out_figures(pairs: &[Pair], card: &ModelCard, weights: &Weights, device: DeviceChoice) -> Result<HeldOut> {
    let mut model = Segmenter::new(card.clone(), weights.clone(), device)?;
    let mut scores = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let (image, truth): (_, Mask) = pair.read()?;
        let predicted = model.segment(&image)?.mask;
        scores.extend(metrics::score(&predicted, &truth, [1.0, 1.0]));
    }
    let mean = metrics::Scores::mean(&scores)
        .ok_or_else(|| Error::new("judge the model", "no held-out image could be scored"))?;
    let (dice, iou, boundary_iou) = (mean.dice, mean.iou, mean.boundary_iou);
    Ok(HeldOut { cases: scores.len(), dice, iou, hd95: mean.hd95, boundary_iou })
}

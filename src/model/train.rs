//! Training from a folder of image and mask pairs.

use super::augment::{AugmentConfig, augment};
use super::boundary_dou::{BoundaryDou, Truth};
use super::card::{Config, HeldOut, InputSpec, ModelCard, Purpose, TrainedOn};
use super::checkpoint::{self, Weights};
use super::cmunext::CmuNext;
use super::device::{self, DeviceChoice, NamedDevice};
use super::preprocess::{self, Size};
use super::runner::Runner;
use crate::domain::{label::Label, mask::Mask, metrics, progress::Cancel};
use crate::io::dataset::{self, Pair};
use crate::{Error, Result};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Tensor, TensorData};
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

/// One image in memory: grey levels 0..=255 [C,H,W] and labels [H,W].
struct Sample {
    image: Vec<u8>,
    mask: Vec<u8>,
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
        let (grey, placement) = preprocess::fit_raw(&image, &spec)?;
        let image = grey.iter().map(|v| (v * 255.0).round() as u8).collect();
        Ok(Sample { image, mask: preprocess::fit_mask(&mask, &placement)? })
    };
    pairs.par_iter().map(one).collect()
}

/// The labels of the card: those given, and one by number for each further value in the masks.
fn labels(samples: &[Sample], judges: &[Sample], options: &TrainOptions) -> Result<Vec<Label>> {
    let highest = samples.iter().chain(judges).flat_map(|s| s.mask.iter().copied()).max().unwrap_or(0);
    if highest == 0 {
        return Err(Error::new("train", "all masks are empty").advise("Give masks that hold at least one label."));
    }
    let mut labels = options.labels.clone();
    for i in labels.len()..usize::from(highest) {
        labels.push(Label::named(format!("Label {}", i + 1), i));
    }
    Ok(labels)
}

/// Mean and deviation of the grey levels 0..=1, channel by channel.
fn grey_statistics(samples: &[Sample], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let of = |channel: usize| {
        let (mut n, mut sum, mut squares) = (0.0f64, 0.0f64, 0.0f64);
        for sample in samples {
            let plane = sample.mask.len();
            for &v in &sample.image[channel * plane..(channel + 1) * plane] {
                let v = f64::from(v) / 255.0;
                n += 1.0;
                sum += v;
                squares += v * v;
            }
        }
        let mean = sum / n.max(1.0);
        (mean as f32, ((squares / n.max(1.0) - mean * mean).max(1e-6)).sqrt() as f32)
    };
    (0..channels).map(of).unzip()
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

/// Share of the average that one step replaces: weights average over some 100 steps, less at the beginning.
fn averaging(step: usize) -> f32 {
    (1.0 / (step as f32 / 4.0 + 1.0)).max(0.01)
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
        mut network: CmuNext,
        progress: &mut dyn FnMut(Progress),
        best: &mut dyn FnMut(&ModelCard, &Weights) -> Result<()>,
        cancel: &Cancel,
    ) -> Result<(Weights, bool)> {
        let mut optimiser = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(1e-2).init();
        let mut rng = SmallRng::seed_from_u64(self.options.seed);
        let mut order: Vec<usize> = (0..self.samples.len()).collect();
        let mut average = checkpoint::weights(&network)?;
        let mut kept = (average.clone(), -1.0);
        let steps_per_epoch = self.samples.len().div_ceil(self.options.batch);
        let (mut step, mut smooth) = (0, f64::NAN);
        for epoch in 1..=self.options.epochs {
            order.shuffle(&mut rng);
            let (mut sum, mut count) = (0.0, 0);
            for batch in order.chunks(self.options.batch) {
                let done = self.done(step, steps_per_epoch);
                if cancel.is_cancelled() || done >= 1.0 {
                    break;
                }
                let rate = self.options.learning_rate * (1.0 - done).powf(0.9) * (step as f64 / 50.0 + 0.02).min(1.0);
                let (loss, after) = self.step(network, batch, &mut optimiser, rate, rng.random())?;
                network = after;
                merge(&mut average, &checkpoint::weights(&network)?, averaging(step));
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
            let validation_dice = self.judge(&average)?;
            let is_best = validation_dice > kept.1;
            if is_best {
                kept = (average.clone(), validation_dice);
                best(self.card, &average)?;
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

    fn step(
        &self,
        network: CmuNext,
        batch: &[usize],
        optimiser: &mut burn::optim::ModuleOptimizer,
        rate: f64,
        seed: u64,
    ) -> Result<(f64, CmuNext)> {
        let spec = &self.card.input;
        let size = Size { columns: spec.columns, rows: spec.rows };
        let varied: Vec<(Vec<f32>, Vec<u8>)> = batch
            .par_iter()
            .enumerate()
            .map(|(i, &index)| {
                let sample = &self.samples[index];
                let grey: Vec<f32> = sample.image.iter().map(|v| f32::from(*v) / 255.0).collect();
                let (mut image, mask) =
                    augment(&grey, &sample.mask, size, &self.options.augment, seed.wrapping_add(i as u64));
                preprocess::normalise(&mut image, spec);
                (image, mask)
            })
            .collect();
        let images: Vec<f32> = varied.iter().flat_map(|v| v.0.iter().copied()).collect();
        let labels: Vec<u8> = varied.into_iter().flat_map(|v| v.1).collect();
        let device = self.device.device.clone().autodiff();
        let shape = [batch.len(), spec.channels, spec.rows, spec.columns];
        let logits = network.forward(Tensor::from_data(TensorData::new(images, shape), &device));
        let loss = self.options.loss.loss(logits, Truth { labels: &labels, weights: None });
        let value = f64::from(loss.clone().into_scalar::<f32>());
        if !value.is_finite() {
            return Err(Error::new("train", "the loss is not a number any more").advise("Lower the learning rate."));
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        Ok((value, optimiser.step(rate, network, gradients)))
    }

    /// Mean Dice over the validation images, at the size of the input.
    fn judge(&self, weights: &Weights) -> Result<f64> {
        let mut runner = Runner::new(weights, self.device.clone())?;
        let spec = &self.card.input;
        let mut scores = Vec::with_capacity(self.judges.len());
        for part in self.judges.chunks(self.options.batch) {
            let mut images = Vec::new();
            for sample in part {
                let mut image: Vec<f32> = sample.image.iter().map(|v| f32::from(*v) / 255.0).collect();
                preprocess::normalise(&mut image, spec);
                images.extend(image);
            }
            let shape = [part.len(), spec.channels, spec.rows, spec.columns];
            let values = runner.probabilities(images, shape)?;
            let classes = self.card.labels.len() + 1;
            for (sample, probabilities) in part.iter().zip(values.chunks(classes * spec.rows * spec.columns)) {
                scores.push(input_dice(probabilities, classes, sample));
            }
        }
        Ok(scores.iter().sum::<f64>() / scores.len().max(1) as f64)
    }
}

/// Dice of the likeliest labels against the mask, all labels together.
fn input_dice(probabilities: &[f32], classes: usize, sample: &Sample) -> f64 {
    let pixels = sample.mask.len();
    let (mut both, mut sum) = (0usize, 0usize);
    for (i, &truth) in sample.mask.iter().enumerate() {
        let likeliest = (0..classes)
            .max_by(|a, b| probabilities[a * pixels + i].total_cmp(&probabilities[b * pixels + i]))
            .unwrap_or(0);
        sum += usize::from(likeliest > 0) + usize::from(truth > 0);
        both += usize::from(likeliest > 0 && likeliest == usize::from(truth));
    }
    if sum == 0 { 1.0 } else { 2.0 * both as f64 / sum as f64 }
}

/// average += share * (new - average)
fn merge(average: &mut Weights, new: &Weights, share: f32) {
    for (name, tensor) in average {
        if let Some(new) = new.get(name) {
            tensor.values.iter_mut().zip(&new.values).for_each(|(a, n)| *a += share * (n - *a));
        }
    }
}

fn held_out_figures(pairs: &[Pair], card: &ModelCard, weights: &Weights, device: DeviceChoice) -> Result<HeldOut> {
    let mut model = super::infer::Segmenter::new(card.clone(), weights.clone(), device)?;
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

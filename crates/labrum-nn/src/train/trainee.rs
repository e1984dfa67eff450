//! The network under training, and the average of its weights.

use super::super::augment::augment_sample;
use super::super::boundary_dou::Truth;
use super::super::checkpoint::{self, Weights};
use super::super::cmunext::CmuNext;
use super::super::device::NamedDevice;
use super::super::kernels::{self, gpu_counts::tensor_on_device};
use super::super::loss::Objective;
use super::super::preprocess::{self, Size};
use super::super::runner::Runner;
use super::optimizer::{Follower, RunningMeans};
use super::samples::{Pixel, TrainingSample};
use super::state::TrainingState;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use labrum_core::{
    Error, Result,
    model_card::InputSpec,
    progress::Control,
    training::{AugmentConfig, Optimizer},
};
use rayon::prelude::*;

/// A network under training. Make all calls from one thread.
pub(crate) struct Trainee {
    network: Option<CmuNext>,
    /// The optimiser, and the average of the weights over the last steps, which is validated and kept.
    follower: Follower,
    steps: usize,
    device: NamedDevice,
}

/// The samples and options of one step.
pub(super) struct Batch<'a> {
    pub(super) samples: &'a [TrainingSample],
    /// Indices of the samples in this batch.
    pub(super) picked: &'a [usize],
    pub(super) augment: &'a AugmentConfig,
    pub(super) seed: u64,
    /// Extra weight of pixels that a person changed: their weight is 1 + `stress`.
    pub(super) stress: f32,
}

impl Trainee {
    pub(crate) fn new(network: CmuNext, optimizer: Optimizer, device: NamedDevice) -> Result<Self> {
        let means = RunningMeans {
            average: checkpoint::read_weights(&network)?,
            ..RunningMeans::default()
        };
        Ok(Self {
            network: Some(network),
            follower: Follower::new(optimizer, 0, means),
            steps: 0,
            device,
        })
    }

    /// The averaged weights. Errors: a device that fails.
    pub(crate) fn average_weights(&self) -> Result<Weights> {
        Ok(self.running_means()?.average)
    }

    /// The averaged weights and the state of the optimiser. Errors: a device that fails.
    pub(crate) fn running_means(&self) -> Result<RunningMeans> {
        self.follower.running_means()
    }

    /// The weights of the last step.
    pub(crate) fn last_weights(&self) -> Result<Weights> {
        self.network
            .as_ref()
            .map_or_else(|| Err(network_lost_error()), checkpoint::read_weights)
    }

    /// Continues with the averaged weights and the optimiser of a saved state. The network has its weights already.
    pub(crate) fn resume_from(&mut self, state: &TrainingState, optimizer: Optimizer) {
        let means = RunningMeans {
            average: state.average.clone(),
            moments: state.moments.clone(),
        };
        self.follower = Follower::new(optimizer, state.steps, means);
        self.steps = state.steps;
    }

    /// Does one step and returns the loss before it.
    ///
    /// Errors: a loss that is NaN or infinite; the network cannot be used afterwards.
    pub(super) fn train_step(
        &mut self,
        batch: &Batch<'_>,
        spec: &InputSpec,
        loss: &Objective,
        rate: f64,
    ) -> Result<f64> {
        let inputs = batch.build_inputs(spec);
        let shape = [batch.picked.len(), spec.channels, spec.rows, spec.columns];
        let weights = (batch.stress > 0.0).then_some(inputs.weights.as_slice());
        let truth = Truth {
            labels: &inputs.labels,
            weights,
        };
        let (value, _) = self.step_on_inputs((inputs.images, shape), truth, loss, rate)?;
        Ok(value)
    }

    /// Does one step on normalised inputs `[samples, channels, rows, columns]`. Returns the loss and the network's
    /// probabilities `[samples, classes, rows, columns]`, both from before the step.
    ///
    /// Errors: see [`Self::train_step`].
    pub(crate) fn step_and_answer(
        &mut self,
        inputs: (Vec<f32>, [usize; 4]),
        truth: Truth<'_>,
        loss: &Objective,
        rate: f64,
    ) -> Result<(f64, Vec<f32>)> {
        let (value, logits) = self.step_on_inputs(inputs, truth, loss, rate)?;
        let answers = softmax(logits, 1)
            .try_into_data()
            .map_err(|e| Error::new("train", format!("{e:?}")))?
            .try_into_vec::<f32>()
            .map_err(|e| Error::new("train", format!("{e:?}")))?;
        Ok((value, answers))
    }

    /// Does one step. Returns the loss and the logits, both from before the step.
    pub(crate) fn step_on_inputs(
        &mut self,
        (images, shape): (Vec<f32>, [usize; 4]),
        truth: Truth<'_>,
        loss: &Objective,
        rate: f64,
    ) -> Result<(f64, Tensor<4>)> {
        kernels::begin_step();
        let mut network = self.network.take().ok_or_else(network_lost_error)?;
        let device = self.device.device.clone().autodiff();
        let logits = network.forward(tensor_on_device(TensorData::new(images, shape), &device));
        let answer = logits.clone().inner();
        let loss = loss.compute_loss(logits, truth);
        let value = loss.clone().inner();
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        let rates = (rate, averaging_share(self.steps));
        self.follower
            .step_network(&mut network, gradients, rates, &self.device)?;
        // Read at the end: a GPU has the whole step to do by then, and does not wait in between.
        let value = read_loss(value)?;
        if !value.is_finite() {
            return Err(Error::new("train", "the loss became NaN or infinite")
                .with_advice("Lower the learning rate."));
        }
        self.network = Some(network);
        self.steps += 1;
        Ok((value, answer))
    }
}

/// Waits while the training is paused, without the memory of its steps. Returns false if it was cancelled.
pub(crate) fn may_go_on(control: &Control) -> bool {
    if control.is_paused() {
        kernels::free_buffers();
    }
    control.may_go_on()
}

impl Drop for Trainee {
    fn drop(&mut self) {
        kernels::free_buffers();
    }
}

fn read_loss(loss: Tensor<1>) -> Result<f64> {
    let read = checkpoint::read_tensors([loss].into_iter())?;
    let value = read.first().and_then(|tensor| tensor.values.first());
    Ok(value.map_or(f64::NAN, |&value| f64::from(value)))
}

fn network_lost_error() -> Error {
    Error::new("train", "the network cannot be used after a failed step")
}

struct Inputs {
    images: Vec<f32>,
    labels: Vec<u8>,
    weights: Vec<f32>,
}

impl Batch<'_> {
    /// The images of the samples, augmented and normalised, `[samples, channels, rows, columns]`.
    pub(super) fn image_tensor(&self, spec: &InputSpec, device: &Device) -> Tensor<4> {
        self.tensor_from_images(self.build_inputs(spec).images, spec, device)
    }

    fn tensor_from_images(&self, images: Vec<f32>, spec: &InputSpec, device: &Device) -> Tensor<4> {
        let shape = [self.picked.len(), spec.channels, spec.rows, spec.columns];
        Tensor::from_data(TensorData::new(images, shape), device)
    }

    /// The samples, augmented and normalised.
    fn build_inputs(&self, spec: &InputSpec) -> Inputs {
        let varied: Vec<_> = self
            .picked
            .par_iter()
            .enumerate()
            .map(|(i, &index)| self.vary_sample(index, i, spec))
            .collect();
        let mut inputs = Inputs {
            images: Vec::new(),
            labels: Vec::new(),
            weights: Vec::new(),
        };
        for (image, truth) in varied {
            inputs.images.extend(image);
            for pixel in truth {
                let stress = f32::from(pixel.stress);
                inputs.labels.push(pixel.label);
                inputs.weights.push(1.0 + self.stress * stress / 255.0);
            }
        }
        inputs
    }

    /// The normalised image and the ground truth of a sample, augmented with a seed that depends on its place in the
    /// batch.
    fn vary_sample(&self, index: usize, place: usize, spec: &InputSpec) -> (Vec<f32>, Vec<Pixel>) {
        let sample = &self.samples[index];
        let size = Size {
            columns: spec.columns,
            rows: spec.rows,
        };
        let seed = self.seed.wrapping_add(place as u64);
        let (mut image, truth) = augment_sample(
            &sample.grey_levels(),
            &sample.truth,
            size,
            self.augment,
            seed,
        );
        preprocess::normalise_channels(&mut image, spec);
        (image, truth)
    }
}

/// Dice of the predicted labels on each sample, all labels together, at the size of the input.
pub fn sample_dice(
    weights: &Weights,
    samples: &[TrainingSample],
    spec: &InputSpec,
    batch: usize,
    device: &NamedDevice,
) -> Result<Vec<f64>> {
    let classes = checkpoint::detect_architecture(weights)?.classes;
    let mut runner = Runner::new(weights, device.clone())?;
    let mut scores = Vec::with_capacity(samples.len());
    for part in samples.chunks(batch.max(1)) {
        let mut images: Vec<f32> = part.iter().flat_map(TrainingSample::grey_levels).collect();
        preprocess::normalise_channels(&mut images, spec);
        let values = runner
            .predict_probabilities(images, [part.len(), spec.channels, spec.rows, spec.columns])?;
        let answers = values.chunks(classes * spec.rows * spec.columns);
        scores.extend(
            part.iter()
                .zip(answers)
                .map(|(sample, answer)| mean_label_dice(answer, classes, sample)),
        );
    }
    Ok(scores)
}

/// The mean of [`sample_dice`]; 0 for no samples.
pub(super) fn input_dice(
    weights: &Weights,
    samples: &[TrainingSample],
    spec: &InputSpec,
    batch: usize,
    device: &NamedDevice,
) -> Result<f64> {
    let scores = sample_dice(weights, samples, spec, batch, device)?;
    Ok(scores.iter().sum::<f64>() / scores.len().max(1) as f64)
}

fn mean_label_dice(probabilities: &[f32], classes: usize, sample: &TrainingSample) -> f64 {
    let pixels = sample.truth.len();
    let (mut both, mut sum) = (0usize, 0usize);
    for (i, truth) in sample.truth.iter().enumerate() {
        let likeliest = (0..classes)
            .max_by(|a, b| probabilities[a * pixels + i].total_cmp(&probabilities[b * pixels + i]))
            .unwrap_or(0);
        sum += usize::from(likeliest > 0) + usize::from(truth.label > 0);
        both += usize::from(likeliest > 0 && likeliest == usize::from(truth.label));
    }
    if sum == 0 {
        1.0
    } else {
        2.0 * both as f64 / sum as f64
    }
}

/// Weight of a new step in the average, which spans about 100 steps, fewer at the start.
fn averaging_share(step: usize) -> f32 {
    (1.0 / (step as f32 / 4.0 + 1.0)).max(0.01)
}

//! Optimisers and the running average of the weights, in one pass: over plain numbers on the CPU, and by one launch for each
//! tensor on a GPU.
//!
//! burn's optimisers take a dozen operations for each of 150 small tensors, and the average would read all of them back
//! once more.

mod device;
mod host;

use super::super::checkpoint::Weights;
use super::super::cmunext::CmuNext;
use super::super::device::NamedDevice;
use super::super::kernels::UpdateStep;
use burn::optim::GradientsParams;
use device::DeviceMeans;
use labrum_core::{Result, training::Optimizer};

/// Decay of the mean of the gradients (AdamW); momentum (SGD).
const BETA_1: f32 = 0.9;
/// Decay of the mean of the squared gradients (AdamW).
const BETA_2: f32 = 0.999;
/// Avoids division by zero.
const EPSILON: f32 = 1e-8;
/// Weight decay of AdamW: each step reduces the weights by this share times the learning rate.
const WEIGHT_DECAY: f32 = 1e-2;
/// Weight decay of SGD: this share of the weights is added to their gradients.
const WEIGHT_PENALTY: f32 = 1e-4;

/// The running means that an optimiser keeps for each weight.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerMoments {
    /// Means of the gradients (AdamW), or momenta (SGD).
    pub first: Weights,
    /// Means of the squared gradients; empty for SGD.
    pub second: Weights,
}

/// All that is averaged over the steps of a training.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningMeans {
    /// The average of the weights, statistics of norms included.
    pub(crate) average: Weights,
    pub(crate) moments: OptimizerMoments,
}

/// The running means, where they are updated.
enum Means {
    OnHost(RunningMeans),
    OnDevice(DeviceMeans),
}

/// An optimiser with its state.
pub(crate) struct Follower {
    optimizer: Optimizer,
    steps: usize,
    means: Means,
}

impl Follower {
    /// An optimiser after `steps` steps, with its running means at that point.
    pub(crate) fn new(optimizer: Optimizer, steps: usize, means: RunningMeans) -> Self {
        Self {
            optimizer,
            steps,
            means: Means::OnHost(means),
        }
    }

    /// Updates the weights of `network` by their gradients, then moves the average by `share` towards the new weights.
    ///
    /// # Errors
    /// If a device fails.
    pub(crate) fn step_network(
        &mut self,
        network: &mut CmuNext,
        gradients: GradientsParams,
        (rate, share): (f64, f32),
        device: &NamedDevice,
    ) -> Result<()> {
        self.steps += 1;
        let step = self.next_step(rate);
        let trainable = device.device.clone().autodiff();
        if let Means::OnHost(means) = &mut self.means {
            if device.is_cpu() {
                return host::step_network(network, gradients, step, (means, share), &trainable);
            }
            self.means = Means::OnDevice(DeviceMeans::upload(
                network,
                means,
                self.optimizer,
                &trainable,
            ));
        }
        if let Means::OnDevice(means) = &mut self.means {
            means.step_network(network, gradients, step, share);
        }
        Ok(())
    }

    /// The running means, read back from the device if they are there.
    ///
    /// # Errors
    /// If a device fails.
    pub(crate) fn running_means(&self) -> Result<RunningMeans> {
        match &self.means {
            Means::OnHost(means) => Ok(means.clone()),
            Means::OnDevice(means) => means.read(),
        }
    }

    fn next_step(&self, rate: f64) -> UpdateStep {
        match self.optimizer {
            Optimizer::Sgd => UpdateStep::Sgd {
                momentum: BETA_1,
                penalty: WEIGHT_PENALTY,
                rate: rate as f32,
            },
            Optimizer::AdamW => UpdateStep::AdamW {
                beta_1: BETA_1,
                beta_2: BETA_2,
                rate: (rate / share_of_steps(BETA_1, self.steps)) as f32,
                scale: (1.0 / share_of_steps(BETA_2, self.steps)) as f32,
                kept: 1.0 - (rate * f64::from(WEIGHT_DECAY)) as f32,
                epsilon: EPSILON,
            },
        }
    }
}

/// Bias correction: how much of a running mean with this decay comes from its steps, and not from its initial 0.
fn share_of_steps(decay: f32, steps: usize) -> f64 {
    1.0 - f64::from(decay).powi(steps.min(1 << 20) as i32)
}

#[cfg(test)]
mod tests;

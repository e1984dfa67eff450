//! Optimisers and the running average of the weights, in one pass over plain numbers.
//!
//! burn's optimisers take a dozen operations for each of 150 small tensors, and the average would read all of them back
//! once more.

use super::super::checkpoint::{PlainTensor, ReadBack, Weights, fill_slot, read_back};
use super::super::cmunext::{CmuNext, Slot};
use burn::optim::GradientsParams;
use burn::tensor::Device;
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

/// An optimiser with its state.
pub(crate) struct Follower {
    optimizer: Optimizer,
    steps: usize,
    pub(super) moments: OptimizerMoments,
}

impl Follower {
    /// An optimiser after `steps` steps, with its moments at that point.
    pub(crate) fn new(optimizer: Optimizer, steps: usize, moments: OptimizerMoments) -> Self {
        Self {
            optimizer,
            steps,
            moments,
        }
    }

    /// Updates the weights of `network` by their gradients, then moves `average` by `share` towards the new weights.
    pub(crate) fn step_network(
        &mut self,
        network: &mut CmuNext,
        mut gradients: GradientsParams,
        rate: f64,
        (average, share): (&mut Weights, f32),
        device: &Device,
    ) -> Result<()> {
        self.steps += 1;
        let mut read = read_back(network, &mut gradients, |_| true)?.into_iter();
        network.each_tensor(&mut |name, slot| {
            let Some(ReadBack {
                mut tensor,
                gradient,
                ..
            }) = read.next()
            else {
                return;
            };
            if let Some(gradient) = gradient {
                self.update_weights(name, &mut tensor.values, &gradient, rate);
            }
            update_average(average, name, &tensor, share);
            if !matches!(slot, Slot::Statistic(_)) {
                fill_slot(slot, tensor, device);
            }
        });
        Ok(())
    }

    fn update_weights(&mut self, name: &str, weights: &mut [f32], gradient: &[f32], rate: f64) {
        let first = moment_values(&mut self.moments.first, name, weights.len());
        match self.optimizer {
            Optimizer::Sgd => {
                for ((w, g), m) in weights.iter_mut().zip(gradient).zip(first) {
                    *m = BETA_1 * *m + g + WEIGHT_PENALTY * *w;
                    *w -= rate as f32 * *m;
                }
            }
            Optimizer::AdamW => {
                let second = moment_values(&mut self.moments.second, name, weights.len());
                let step = (rate / share_of_steps(BETA_1, self.steps)) as f32;
                let scale = (1.0 / share_of_steps(BETA_2, self.steps)) as f32;
                let kept = 1.0 - (rate * f64::from(WEIGHT_DECAY)) as f32;
                for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                    *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                    *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                    *w = *w * kept - step * *m / ((*v * scale).sqrt() + EPSILON);
                }
            }
        }
    }
}

/// Bias correction: how much of a running mean with this decay comes from its steps, and not from its initial 0.
fn share_of_steps(decay: f32, steps: usize) -> f64 {
    1.0 - f64::from(decay).powi(steps.min(1 << 20) as i32)
}

/// The running mean of one tensor, initially 0.
fn moment_values<'a>(moments: &'a mut Weights, name: &str, len: usize) -> &'a mut [f32] {
    if !moments.contains_key(name) {
        moments.insert(
            name.to_owned(),
            PlainTensor {
                shape: vec![len],
                values: vec![0.0; len],
            },
        );
    }
    moments
        .get_mut(name)
        .map_or(&mut [], |tensor| &mut tensor.values)
}

/// average += share * (new - average)
fn update_average(average: &mut Weights, name: &str, new: &PlainTensor, share: f32) {
    if let Some(average) = average.get_mut(name) {
        average
            .values
            .iter_mut()
            .zip(&new.values)
            .for_each(|(a, n)| *a += share * (n - *a));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::optim::decay::WeightDecayConfig;
    use burn::optim::{AdamWConfig, Optimizer as Theirs, SgdConfig, momentum::MomentumConfig};
    use burn::tensor::Tensor;

    const WEIGHTS: [f32; 4] = [0.5, -1.0, 0.0, 2.0];
    const GRADIENTS: [[f32; 4]; 3] = [
        [0.1, -0.2, 1e-4, 0.0],
        [0.3, 0.2, -1e-4, 1.0],
        [-0.1, 0.0, 2e-4, 5.0],
    ];

    /// Three steps of our optimizer and of burn's, from the same weights with the same gradients.
    fn both(optimizer: Optimizer, theirs: &impl Theirs, rate: f64) -> [Vec<f32>; 2] {
        let device = Device::flex();
        let (mut ours, mut follower) = (
            WEIGHTS.to_vec(),
            Follower::new(optimizer, 0, OptimizerMoments::default()),
        );
        let (mut other, mut state) = (Tensor::<1>::from_floats(WEIGHTS, &device), None);
        for gradient in GRADIENTS {
            follower.steps += 1;
            follower.update_weights("weights", &mut ours, &gradient, rate);
            (other, state) =
                theirs.step(rate, other, Tensor::from_floats(gradient, &device), state);
        }
        [ours, other.into_data().try_into_vec().unwrap()]
    }

    fn are_close([a, b]: [Vec<f32>; 2]) -> bool {
        a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn adamw_agrees_with_burn() {
        let theirs = AdamWConfig::new()
            .with_epsilon(EPSILON)
            .with_weight_decay(WEIGHT_DECAY)
            .build();
        let both = both(Optimizer::AdamW, &theirs, 1e-2);
        assert!(are_close(both.clone()), "{both:?}");
    }

    #[test]
    fn sgd_agrees_with_burn() {
        let momentum = MomentumConfig::new()
            .with_momentum(f64::from(BETA_1))
            .with_dampening(0.0);
        let penalty = WeightDecayConfig::new(WEIGHT_PENALTY);
        let theirs = SgdConfig::new()
            .with_momentum(Some(momentum))
            .with_weight_decay(Some(penalty))
            .build();
        let both = both(Optimizer::Sgd, &theirs, 1e-2);
        assert!(are_close(both.clone()), "{both:?}");
    }

    #[test]
    fn the_average_moves_towards_the_weights_by_a_share() {
        let tensor = |value: f32| PlainTensor {
            shape: vec![1],
            values: vec![value],
        };
        let mut average = Weights::from([("weights".into(), tensor(1.0))]);
        update_average(&mut average, "weights", &tensor(3.0), 0.25);
        assert_eq!(average["weights"].values, [1.5]);
    }
}

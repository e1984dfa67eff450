//! How weights follow gradients, and the average that stays behind them: in one pass over plain numbers.
//!
//! burn's optimisers are a dozen operations for each of 150 small tensors, and the average would read all of them back
//! once more.

use super::super::checkpoint::{PlainTensor, Weights, fill, plain};
use super::super::cmunext::{CmuNext, Slot};
use crate::{Error, Result};
use burn::optim::GradientsParams;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// Decay of the mean of the gradients (AdamW), and of what is left of the last steps (SGD).
const BETA_1: f32 = 0.9;
/// Decay of the mean of their squares.
const BETA_2: f32 = 0.999;
/// Keeps the division from 0.
const EPSILON: f32 = 1e-8;
/// Weights lose this share of themselves in a step, times the learning rate.
const WEIGHT_DECAY: f32 = 1e-2;

/// How weights follow gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Learns fast from little; the usual choice. (Loshchilov and Hutter, arXiv 1711.05101.)
    #[default]
    AdamW,
    /// SGD with momentum 0.9, as in the paper: slower, needs a higher learning rate.
    Sgd,
}

/// The running means that an optimiser keeps for each weight.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// Of the gradients.
    pub first: Weights,
    /// Of their squares; none for SGD.
    pub second: Weights,
}

/// An optimiser at work.
pub(super) struct Follower {
    optimizer: Optimizer,
    steps: usize,
    pub(super) moments: Moments,
}

impl Follower {
    /// One that has done `steps` steps and holds what it then knew.
    pub(super) fn new(optimizer: Optimizer, steps: usize, moments: Moments) -> Self {
        Self { optimizer, steps, moments }
    }

    /// Moves the weights of `network` against their gradients, and `average` a `share` of the way to where they are then.
    pub(super) fn step(
        &mut self,
        network: &mut CmuNext,
        mut gradients: GradientsParams,
        rate: f64,
        (average, share): (&mut Weights, f32),
        device: &Device,
    ) -> Result<()> {
        self.steps += 1;
        let mut problem = None;
        network.each_tensor(&mut |name, slot| {
            let gradient = match &slot {
                Slot::Weight(p) => gradients.remove::<4>(p.id).map(|g| g.into_data()),
                Slot::Vector(p) => gradients.remove::<1>(p.id).map(|g| g.into_data()),
                Slot::Statistic(_) => None,
            };
            let moved = plain(&slot).and_then(|mut weights| {
                if let Some(gradient) = gradient {
                    let gradient = gradient.try_into_vec::<f32>().map_err(not_read)?;
                    self.follow(name, &mut weights.values, &gradient, rate);
                }
                Ok(weights)
            });
            match moved {
                Ok(weights) => {
                    approach(average, name, &weights, share);
                    if !matches!(slot, Slot::Statistic(_)) {
                        fill(slot, weights, device);
                    }
                }
                Err(error) => problem = Some(error),
            }
        });
        problem.map_or(Ok(()), Err)
    }

    fn follow(&mut self, name: &str, weights: &mut [f32], gradient: &[f32], rate: f64) {
        let first = moment(&mut self.moments.first, name, weights.len());
        match self.optimizer {
            Optimizer::Sgd => {
                for ((w, g), m) in weights.iter_mut().zip(gradient).zip(first) {
                    *m = BETA_1 * *m + g;
                    *w -= rate as f32 * *m;
                }
            }
            Optimizer::AdamW => {
                let second = moment(&mut self.moments.second, name, weights.len());
                let warm = |beta: f32| 1.0 - f64::from(beta).powi(self.steps.min(1 << 20) as i32);
                let step = (rate / warm(BETA_1)) as f32;
                let scale = (1.0 / warm(BETA_2)) as f32;
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

/// The running mean of one tensor, 0 at first.
fn moment<'a>(moments: &'a mut Weights, name: &str, len: usize) -> &'a mut [f32] {
    if !moments.contains_key(name) {
        moments.insert(name.to_owned(), PlainTensor { shape: vec![len], values: vec![0.0; len] });
    }
    moments.get_mut(name).map_or(&mut [], |tensor| &mut tensor.values)
}

/// average += share * (new - average)
fn approach(average: &mut Weights, name: &str, new: &PlainTensor, share: f32) {
    if let Some(average) = average.get_mut(name) {
        average.values.iter_mut().zip(&new.values).for_each(|(a, n)| *a += share * (n - *a));
    }
}

fn not_read(e: impl std::fmt::Debug) -> Error {
    Error::new("read the gradients back from the device", format!("{e:?}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::card::Config;
    use crate::model::checkpoint;
    use burn::optim::{AdamWConfig, ModuleOptimizer, SgdConfig, momentum::MomentumConfig};
    use burn::tensor::Tensor;

    fn gradients(network: &CmuNext, device: &Device) -> GradientsParams {
        let values: Vec<f32> = (0..16 * 16).map(|i| (i as f32 * 0.37).sin()).collect();
        let input = Tensor::<1>::from_floats(values.as_slice(), device).reshape([1, 1, 16, 16]);
        let logits = network.forward(input);
        GradientsParams::from_grads((logits.clone() * logits).mean().backward(), network)
    }

    fn farthest(a: &Weights, b: &Weights) -> f32 {
        // A norm right after a convolution takes its bias away again: its gradient is rounding, and AdamW steps by its sign.
        let counts = |name: &str| !name.ends_with("conv.0.bias") && !name.ends_with("up.1.bias");
        let shared = a.iter().filter(|(name, _)| counts(name));
        let pairs = shared.flat_map(|(name, t)| t.values.iter().zip(&b[name].values));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// Three steps of ours and three of burn's from the same weights: the largest difference.
    fn difference(optimizer: Optimizer, mut theirs: ModuleOptimizer, rate: f64) -> f32 {
        let device = Device::flex().autodiff();
        let start = super::super::round::random_weights(Config::S, 1, 2, 3).unwrap();
        let (_, mut ours) = checkpoint::build(start.clone(), &device).unwrap();
        let (_, mut other) = checkpoint::build(start.clone(), &device).unwrap();
        let (mut follower, mut average) = (Follower::new(optimizer, 0, Moments::default()), start);
        for _ in 0..3 {
            let (g, h) = (gradients(&ours, &device), gradients(&other, &device));
            follower.step(&mut ours, g, rate, (&mut average, 1.0), &device).unwrap();
            other = theirs.step(rate, other, h);
        }
        let (ours, other) = (checkpoint::weights(&ours).unwrap(), checkpoint::weights(&other).unwrap());
        assert!(farthest(&average, &ours) < 1e-6, "a share of 1 makes the average the last weights");
        farthest(&ours, &other)
    }

    #[test]
    fn adamw_goes_where_burns_goes() {
        let theirs = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(1e-2).init();
        let far = difference(Optimizer::AdamW, theirs, 1e-3);
        assert!(far < 1e-5, "{far}");
    }

    #[test]
    fn sgd_goes_where_burns_goes() {
        let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
        let theirs = SgdConfig::new().with_momentum(Some(momentum)).init();
        let far = difference(Optimizer::Sgd, theirs, 1e-3);
        assert!(far < 1e-5, "{far}");
    }
}

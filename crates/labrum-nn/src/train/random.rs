//! Random numbers in training: initial weights, and seeds for samples.

use super::super::checkpoint::{self, Weights};
use super::super::cmunext::CmuNext;
use burn::tensor::Device;
use labrum_core::{Result, model_card::Config};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// Random weights, the same for the same seed: uniform within ±1 / sqrt(fan-in), like PyTorch's default.
pub fn random_weights(
    config: Config,
    channels: usize,
    classes: usize,
    seed: u64,
) -> Result<Weights> {
    // burn's generator is shared by all threads, so its numbers cannot be reproduced.
    let mut weights =
        checkpoint::read_weights(&CmuNext::new(config, channels, classes, &Device::flex()))?;
    let mut rng = SmallRng::seed_from_u64(seed);
    let kernels: Vec<String> = weights
        .iter()
        .filter(|(_, t)| t.shape.len() == 4)
        .map(|(n, _)| n.clone())
        .collect();
    for name in kernels {
        let inputs: usize = weights
            .get(&name)
            .map_or(1, |t| t.shape[1..].iter().product());
        let bound = 1.0 / (inputs.max(1) as f32).sqrt();
        let bias = name.replace(".weight", ".bias");
        for name in [name, bias] {
            let values = weights.get_mut(&name).map(|t| t.values.iter_mut());
            values
                .into_iter()
                .flatten()
                .for_each(|v| *v = rng.random_range(-bound..=bound));
        }
    }
    Ok(weights)
}

/// A seed for item `n` of a kind, unrelated to its neighbours' seeds.
pub(crate) fn seed_of(seed: u64, kind: u64, n: usize) -> u64 {
    let mut rng = SmallRng::seed_from_u64(seed.rotate_left(32) ^ kind);
    rng.random::<u64>() ^ SmallRng::seed_from_u64(n as u64).random::<u64>()
}

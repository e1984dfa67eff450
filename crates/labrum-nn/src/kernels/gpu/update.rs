//! One step of an optimiser for one tensor of weights, with the running average of these weights: all in one pass.

use super::super::update_step::UpdateStep;
use super::{empty_on_device, launch_size};
use burn_wgpu::{CubeTensor, into_contiguous};
use cubecl::prelude::*;

/// The new weights, in the shape of `weights`. `means` [3,N] are updated in place: the average of the weights, which moves
/// towards the new weights by `share`, `first`, and `second`.
pub(super) fn update_weights(
    weights: CubeTensor,
    gradient: CubeTensor,
    means: CubeTensor,
    step: UpdateStep,
    share: f32,
) -> CubeTensor {
    let weights = into_contiguous(weights);
    let out = empty_on_device(&weights, weights.meta.shape().clone());
    let (count, threads) = launch_size(&weights, out.meta.shape().num_elements());
    let client = weights.client.clone();
    match step {
        UpdateStep::AdamW {
            beta_1,
            beta_2,
            rate,
            scale,
            kept,
            epsilon,
        } => adamw_kernel::launch(
            &client,
            count,
            threads,
            weights.into_tensor_arg(),
            gradient.into_tensor_arg(),
            means.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            beta_1,
            beta_2,
            rate,
            scale,
            kept,
            epsilon,
            share,
        ),
        UpdateStep::Sgd {
            momentum,
            penalty,
            rate,
        } => sgd_kernel::launch(
            &client,
            count,
            threads,
            weights.into_tensor_arg(),
            gradient.into_tensor_arg(),
            means.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            momentum,
            penalty,
            rate,
            share,
        ),
    }
    out
}

/// The place of value `index` of a tensor whose dimensions may be in any order in memory.
#[cube]
fn place_of(tensor: &Tensor<f32>, index: usize) -> usize {
    let mut rest = index;
    let mut place = 0usize;
    for back in 0..tensor.rank() {
        let dim = tensor.rank() - 1 - back;
        place += rest % tensor.shape(dim) * tensor.stride(dim);
        rest /= tensor.shape(dim);
    }
    place
}

/// Writes the new weight of this thread, moves the average towards it, and keeps `first`.
#[cube]
fn write_update(means: &mut Tensor<f32>, out: &mut Tensor<f32>, first: f32, new: f32, share: f32) {
    let at = ABSOLUTE_POS;
    let average = means[at];
    means[at] = average + share * (new - average);
    means[out.len() + at] = first;
    out[at] = new;
}

#[cube(launch)]
fn adamw_kernel(
    weights: &Tensor<f32>,
    gradient: &Tensor<f32>,
    means: &mut Tensor<f32>,
    out: &mut Tensor<f32>,
    beta_1: f32,
    beta_2: f32,
    rate: f32,
    scale: f32,
    kept: f32,
    epsilon: f32,
    share: f32,
) {
    let count = out.len();
    let at = ABSOLUTE_POS;
    if at < count {
        let g = gradient[place_of(gradient, at)];
        let first = beta_1 * means[count + at] + (1.0f32 - beta_1) * g;
        let second = beta_2 * means[2 * count + at] + (1.0f32 - beta_2) * g * g;
        let new = weights[at] * kept - rate * first / (f32::sqrt(second * scale) + epsilon);
        means[2 * count + at] = second;
        write_update(means, out, first, new, share);
    }
}

#[cube(launch)]
fn sgd_kernel(
    weights: &Tensor<f32>,
    gradient: &Tensor<f32>,
    means: &mut Tensor<f32>,
    out: &mut Tensor<f32>,
    momentum: f32,
    penalty: f32,
    rate: f32,
    share: f32,
) {
    let count = out.len();
    let at = ABSOLUTE_POS;
    if at < count {
        let old = weights[at];
        let g = gradient[place_of(gradient, at)];
        let first = momentum * means[count + at] + g + penalty * old;
        let new = old - rate * first;
        write_update(means, out, first, new, share);
    }
}

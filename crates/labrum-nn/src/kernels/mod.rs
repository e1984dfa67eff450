//! The operations of the network, forward and backward: Labrum's own on the CPU and, but for concatenation and the loss, on
//! a GPU.
//!
//! burn's CPU backend computes the weight gradient of a convolution as a convolution whose kernel is the whole output
//! gradient; training with it is 5 to 8 times slower than with the operations here.

mod buffers;
mod concat;
mod conv;
pub(super) mod conv3;
mod conv_sizes;
mod dense;
pub(super) mod depthwise;
mod extension;
mod gpu;
pub(super) mod gpu_counts;
mod norm;
mod norm_call;
mod products;
mod region_loss;
mod resample;
pub(super) mod scratch;
pub(super) mod simd;
pub(super) mod strip;
pub(super) mod tally;
pub(super) mod tile;
mod update_step;
mod weight_gradient;
pub(super) mod windows;
pub(super) mod winograd;

pub(super) use buffers::{begin_step, free_buffers};
use burn::backend::Dispatch;
use burn::tensor::{
    Device, Tensor, TensorData,
    activation::{gelu, relu},
};
use extension::CpuKernels;
use gpu::GpuKernels;
use norm_call::{NormCall, Stats, With};
pub(super) use region_loss::{ClassTerm, RegionLoss};
use tally::{Layer, Pass, Traffic};
pub(super) use update_step::UpdateStep;

/// True if Labrum's CPU kernels are used: on burn-flex, with or without autodiff.
pub(super) fn on_cpu<const D: usize>(x: &Tensor<D>) -> bool {
    super::device::is_cpu(&x.device())
}

/// Convolution with stride 1 and zero padding k/2 on each side, plus bias.
///
/// x [B,Ci,H,W]; weight [Co,Ci/groups,k,k], k odd; bias [Co]; returns [B,Co,H,W].
pub(super) fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, groups: usize) -> Tensor<4> {
    if on_cpu(&x) {
        let out = Dispatch::labrum_conv2d(
            x.into_dispatch(),
            weight.into_dispatch(),
            bias.into_dispatch(),
            groups,
        );
        return Tensor::from_dispatch(out);
    }
    let [_, in_group, _, _] = weight.dims();
    // The kernels support one group, or as many groups as channels.
    if groups > 1 && in_group > 1 {
        return conv2d_by_group(x, weight, bias, groups);
    }
    let out = Dispatch::labrum_gpu_conv2d(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        groups > 1,
    );
    Tensor::from_dispatch(out)
}

/// [`conv2d`] as a separate convolution for each group.
fn conv2d_by_group(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, groups: usize) -> Tensor<4> {
    let [co, in_group, _, _] = weight.dims();
    let count = co / groups;
    let mut parts = Vec::with_capacity(groups);
    for g in 0..groups {
        let first = g * co / groups;
        parts.push(conv2d(
            x.clone().narrow(1, g * in_group, in_group),
            weight.clone().narrow(0, first, count),
            bias.clone().narrow(0, first, count),
            1,
        ));
    }
    Tensor::cat(parts, 1)
}

/// Statistics of a norm: mean [C] and biased variance [C].
pub(super) type NormStatistics = [Tensor<1>; 2];

/// GELU, then batch norm with the statistics of GELU(x) over batch, rows and columns.
///
/// Returns (v - mean) / sqrt(variance + eps) * gamma + beta, v = GELU(x), and the statistics. These carry no gradient;
/// the gradient of the result accounts for their dependence on x.
pub(super) fn gelu_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
) -> (Tensor<4>, NormStatistics) {
    activated_norm(x, gamma, beta, eps, With::GeluBefore)
}

/// Batch norm with the statistics of x, then ReLU; otherwise like [`gelu_norm`].
pub(super) fn norm_relu(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
) -> (Tensor<4>, NormStatistics) {
    activated_norm(x, gamma, beta, eps, With::ReluAfter)
}

fn activated_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
    with: With,
) -> (Tensor<4>, NormStatistics) {
    if !on_cpu(&x) {
        return norm_on_gpu(x, gamma, beta, eps, with);
    }
    let device = x.device();
    let call = NormCall::new(eps as f32, with);
    let out = Dispatch::labrum_norm(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        call.clone(),
    );
    let stats = call.recorded_stats();
    (
        Tensor::from_dispatch(out),
        [
            vector_on_device(stats.mean, &device),
            vector_on_device(stats.var, &device),
        ],
    )
}

/// GELU, then batch norm with given statistics, which get no gradient; otherwise like [`gelu_norm`].
pub(super) fn gelu_fixed_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    statistics: NormStatistics,
    eps: f64,
) -> Tensor<4> {
    fixed_norm(x, gamma, beta, statistics, eps, With::GeluBefore)
}

/// Batch norm with given statistics, which get no gradient, then ReLU; otherwise like [`gelu_norm`].
pub(super) fn fixed_norm_relu(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    statistics: NormStatistics,
    eps: f64,
) -> Tensor<4> {
    fixed_norm(x, gamma, beta, statistics, eps, With::ReluAfter)
}

fn fixed_norm(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    [mean, var]: NormStatistics,
    eps: f64,
    with: With,
) -> Tensor<4> {
    if on_cpu(&x)
        && let [Some(mean), Some(var)] = [mean.clone(), var.clone()].map(vector_values)
    {
        let call = NormCall::with_fixed_stats(eps as f32, with, Stats { mean, var });
        let out = Dispatch::labrum_norm(
            x.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
            call,
        );
        return Tensor::from_dispatch(out);
    }
    if !x.is_autodiff() && !on_cpu(&x) {
        let out = Dispatch::labrum_gpu_norm(
            x.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
            mean.into_dispatch(),
            var.into_dispatch(),
            eps,
            with,
        );
        return Tensor::from_dispatch(out);
    }
    let scale = gamma / (var + eps).sqrt();
    let shift = beta - mean * scale.clone();
    match with {
        With::GeluBefore => scale_and_shift(gelu(x), scale, shift),
        With::ReluAfter => relu(scale_and_shift(x, scale, shift)),
    }
}

/// The values of a vector; `None` if the device fails.
fn vector_values(x: Tensor<1>) -> Option<Vec<f32>> {
    let x = if x.is_autodiff() { x.inner() } else { x };
    x.try_into_data().ok()?.try_into_vec::<f32>().ok()
}

fn vector_on_device(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn norm_on_gpu(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    eps: f64,
    with: With,
) -> (Tensor<4>, NormStatistics) {
    let x = x.into_dispatch();
    let (mean, variance) = Dispatch::labrum_gpu_statistics(x.clone(), with);
    let out = Dispatch::labrum_gpu_norm(
        x,
        gamma.into_dispatch(),
        beta.into_dispatch(),
        mean.clone(),
        variance.clone(),
        eps,
        with,
    );
    let statistics = [mean, variance].map(|x| Tensor::<1>::from_dispatch(x).detach());
    (Tensor::from_dispatch(out), statistics)
}

/// A statistic of a batch [C], times `factor`, mixed into a running statistic [C]: running (1 - share) + batch factor share.
/// Both without autodiff.
pub(super) fn mix_statistics(
    running: Tensor<1>,
    batch: Tensor<1>,
    share: f64,
    factor: f64,
) -> Tensor<1> {
    if on_cpu(&running) {
        return running * (1.0 - share) + batch * factor * share;
    }
    Tensor::from_dispatch(Dispatch::labrum_gpu_mix_statistics(
        running.into_dispatch(),
        batch.into_dispatch(),
        share as f32,
        factor as f32,
    ))
}

/// One step of an optimiser on a GPU: the new weights. `means` [3,N] are updated in place: the average of the weights, which
/// moves towards the new weights by `share`, and the moments of the optimiser. All without autodiff.
pub(super) fn update_weights<const D: usize>(
    weights: Tensor<D>,
    gradient: Tensor<D>,
    means: Tensor<2>,
    step: UpdateStep,
    share: f32,
) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::labrum_gpu_update(
        weights.into_dispatch(),
        gradient.into_dispatch(),
        means.into_dispatch(),
        step,
        share,
    ))
}

/// y = x * scale + shift for each channel: batch norm with running statistics.
fn scale_and_shift(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<4> {
    let [_, c, _, _] = x.dims();
    x * scale.reshape([1, c, 1, 1]) + shift.reshape([1, c, 1, 1])
}

/// Concatenates a [B,Ca,H,W] and b [B,Cb,H,W] to [B,Ca+Cb,H,W].
pub(super) fn concat_channels(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    if on_cpu(&a) {
        return Tensor::from_dispatch(Dispatch::labrum_concat(
            a.into_dispatch(),
            b.into_dispatch(),
        ));
    }
    Tensor::cat(vec![a, b], 1)
}

/// The loss of logits [B,K,H,W] on the CPU, a tensor of one element.
pub(super) fn region_loss(logits: Tensor<4>, call: RegionLoss) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::labrum_region_loss(logits.into_dispatch(), call))
}

/// x + branch, a residual connection.
pub(super) fn add_residual(x: Tensor<4>, branch: Tensor<4>) -> Tensor<4> {
    if !on_cpu(&x) {
        return x + branch;
    }
    let values = x.dims().iter().product::<usize>();
    let traffic = Traffic::of_values(2 * values, values);
    tally::count(Layer::ResidualAddition, Pass::Forward, traffic, || {
        x + branch
    })
}

/// Max pooling 2x2: [B,C,2H,2W] to [B,C,H,W].
pub(super) fn max_pool_2x2(x: Tensor<4>) -> Tensor<4> {
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::labrum_pool(x.into_dispatch()));
    }
    Tensor::from_dispatch(Dispatch::labrum_gpu_pool(x.into_dispatch()))
}

/// Bilinear x2 with half-pixel centres (align_corners = false): [B,C,H,W] to [B,C,2H,2W].
pub(super) fn upsample_bilinear_x2(x: Tensor<4>) -> Tensor<4> {
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::labrum_double(x.into_dispatch()));
    }
    Tensor::from_dispatch(Dispatch::labrum_gpu_double(x.into_dispatch()))
}

#[cfg(test)]
mod tests;

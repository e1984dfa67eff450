//! Batch norm fused with GELU before it or ReLU after it. As on the CPU, no intermediate values are kept.

// `erf` in shaders comes from a trait; Rust plans a method of the same name.
#![allow(unstable_name_collisions)]

use super::super::norm_call::With;
use super::{THREADS, channels_last, compute_values, empty_on_device, lane_count, sum_of_parts};
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Scalar;
use burn_wgpu::{CubeBackend, CubeTensor};
use cubecl::prelude::*;

/// Maximum number of partial sums for each channel.
const PARTS: usize = 256;

/// Parameters of a norm: gamma and beta [C], and the mean and variance [2,C] of the values that it normalises.
#[derive(Clone, Debug)]
pub(super) struct NormInputs {
    pub(super) gamma: CubeTensor,
    pub(super) beta: CubeTensor,
    pub(super) statistics: CubeTensor,
    pub(super) eps: f32,
}

/// Sizes of a sum over all dimensions except channels.
struct Sums {
    channels: usize,
    count: usize,
    lanes: usize,
    parts: usize,
}

impl Sums {
    /// Sizes for x [B,H,W,C].
    fn for_tensor(x: &CubeTensor) -> Self {
        let [batch, rows, columns, channels] = x.meta.shape().dims();
        let lanes = lane_count(channels);
        let count = batch * rows * columns;
        Self {
            channels,
            count,
            lanes,
            parts: count.div_ceil(4 * THREADS / lanes).min(PARTS),
        }
    }

    fn cube_count(&self) -> CubeCount {
        CubeCount::Static(
            self.channels.div_ceil(self.lanes) as u32,
            self.parts as u32,
            1,
        )
    }

    fn cube_dim(&self) -> CubeDim {
        CubeDim::new_2d(self.lanes as u32, (THREADS / self.lanes) as u32)
    }
}

/// The sums [C] of x [B,C,H,W] over all dimensions except channels.
pub(super) fn channel_sums(x: CubeTensor) -> CubeTensor {
    row_of_pair(&channel_moments(&channels_last(x), None, false), 0)
}

/// Mean and biased variance [2,C] of GELU(x), or of x, in two passes: squares taken before the mean is known lose their
/// last digits.
pub(super) fn batch_statistics(x: CubeTensor, with: With) -> CubeTensor {
    let x = channels_last(x);
    let sums = Sums::for_tensor(&x);
    let gelu = with == With::GeluBefore;
    let mean = divide_by_count(row_of_pair(&channel_moments(&x, None, gelu), 0), sums.count);
    let variance = divide_by_count(
        row_of_pair(&channel_moments(&x, Some(mean.clone()), gelu), 1),
        sums.count,
    );
    CubeBackend::float_reshape(
        CubeBackend::float_cat(vec![mean, variance], 0),
        [2, sums.channels].into(),
    )
}

fn divide_by_count(sum: CubeTensor, count: usize) -> CubeTensor {
    CubeBackend::float_div_scalar(sum, Scalar::Float(count as f64))
}

/// Row `i` [C] of [2,C].
fn row_of_pair(both: &CubeTensor, i: usize) -> CubeTensor {
    let [_, channels] = both.meta.shape().dims();
    let row = CubeBackend::float_slice(both.clone(), &[(i..i + 1).into(), (0..channels).into()]);
    CubeBackend::float_reshape(row, [channels].into())
}

/// The sums [2,C] of v - centre and of its square, v = GELU(x) or x [B,H,W,C].
fn channel_moments(x: &CubeTensor, centre: Option<CubeTensor>, gelu: bool) -> CubeTensor {
    let sums = Sums::for_tensor(x);
    let out = empty_on_device(x, [sums.parts, 2, sums.channels]);
    let is_centred = centre.is_some();
    let centre = centre.unwrap_or_else(|| empty_on_device(x, [1]));
    moments_kernel::launch(
        &x.client,
        sums.cube_count(),
        sums.cube_dim(),
        x.clone().into_tensor_arg(),
        centre.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        sums.lanes,
        gelu,
        is_centred,
    );
    sum_of_parts(out, [2, sums.channels])
}

/// norm(GELU(x)) or ReLU(norm(x)), x [B,C,H,W].
pub(super) fn forward(x: CubeTensor, affine: NormInputs, with: With) -> CubeTensor {
    let x = channels_last(x);
    compute_values(&x, x.meta.shape().clone(), |out, count, threads| {
        norm_kernel::launch(
            &x.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            affine.gamma.into_tensor_arg(),
            affine.beta.into_tensor_arg(),
            affine.statistics.into_tensor_arg(),
            out.into_tensor_arg(),
            affine.eps,
            with == With::GeluBefore,
        );
    })
}

/// The gradients of x [B,C,H,W], gamma and beta [C] from the output gradient.
pub(super) fn backward(
    x: CubeTensor,
    affine: NormInputs,
    grad: CubeTensor,
    with: With,
) -> [CubeTensor; 3] {
    let x = channels_last(x);
    let grad = channels_last(grad);
    let sums = Sums::for_tensor(&x);
    let gelu = with == With::GeluBefore;
    let parts = empty_on_device(&x, [sums.parts, 2, sums.channels]);
    norm_sums_kernel::launch(
        &x.client,
        sums.cube_count(),
        sums.cube_dim(),
        x.clone().into_tensor_arg(),
        grad.clone().into_tensor_arg(),
        affine.gamma.clone().into_tensor_arg(),
        affine.beta.clone().into_tensor_arg(),
        affine.statistics.clone().into_tensor_arg(),
        parts.clone().into_tensor_arg(),
        affine.eps,
        sums.lanes,
        gelu,
    );
    let of_both = sum_of_parts(parts, [2, sums.channels]);
    let of_x = compute_values(&x, x.meta.shape().clone(), |out, count, threads| {
        norm_slope_kernel::launch(
            &x.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            grad.into_tensor_arg(),
            affine.gamma.into_tensor_arg(),
            affine.beta.into_tensor_arg(),
            affine.statistics.into_tensor_arg(),
            of_both.clone().into_tensor_arg(),
            out.into_tensor_arg(),
            affine.eps,
            1.0 / sums.count as f32,
            gelu,
        );
    });
    [of_x, row_of_pair(&of_both, 1), row_of_pair(&of_both, 0)]
}

/// The value that is normalised: GELU(x) or x.
#[cube]
fn before_norm(x: f32, #[comptime] gelu: bool) -> f32 {
    let mut value = x;
    if gelu {
        value = x * 0.5f32 * (1.0f32 + f32::erf(x * 0.707_106_77f32));
    }
    value
}

/// 1 / standard deviation of a channel, from mean and variance [2,C].
#[cube]
fn inverse_deviation(statistics: &Tensor<f32>, channel: usize, eps: f32) -> f32 {
    1.0f32 / f32::sqrt(statistics[statistics.shape(1) + channel] + eps)
}

/// The gradient at the output of the norm: 0 where a ReLU follows and blocks it.
#[cube]
fn behind_norm(
    grad: f32,
    normed: f32,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    channel: usize,
    #[comptime] gelu: bool,
) -> f32 {
    let mut g = grad;
    if comptime!(!gelu) && normed * gamma[channel] + beta[channel] <= 0.0f32 {
        g = 0.0f32;
    }
    g
}

/// The slope of GELU: Phi(x) + x phi(x).
#[cube]
fn gelu_slope(x: f32) -> f32 {
    0.5f32 * (1.0f32 + f32::erf(x * 0.707_106_77f32))
        + x * 0.398_942_3f32 * f32::exp(x * x * (-0.5f32))
}

#[cube(launch)]
fn moments_kernel(
    x: &Tensor<f32>,
    centre: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    #[comptime] lanes: usize,
    #[comptime] gelu: bool,
    #[comptime] is_centred: bool,
) {
    let channels = x.shape(3);
    let channel = CUBE_POS_X as usize * lanes + UNIT_POS_X as usize;
    let mut plain = 0.0f32;
    let mut squared = 0.0f32;
    if channel < channels {
        let mut middle = 0.0f32;
        if is_centred {
            middle = centre[channel];
        }
        let pixels = x.shape(0) * x.shape(1) * x.shape(2);
        let walkers = comptime!(THREADS / lanes);
        let mut pixel = CUBE_POS_Y as usize * walkers + UNIT_POS_Y as usize;
        while pixel < pixels {
            let off = before_norm(x[pixel * channels + channel], gelu) - middle;
            plain += off;
            squared += off * off;
            pixel += CUBE_COUNT_Y as usize * walkers;
        }
    }
    write_sums(plain, squared, sums, channel, channels, lanes);
}

/// Sums of the gradient, and of its product with the normalised values.
#[cube(launch)]
fn norm_sums_kernel(
    x: &Tensor<f32>,
    grad: &Tensor<f32>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    statistics: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    eps: f32,
    #[comptime] lanes: usize,
    #[comptime] gelu: bool,
) {
    let channels = x.shape(3);
    let channel = CUBE_POS_X as usize * lanes + UNIT_POS_X as usize;
    let mut plain = 0.0f32;
    let mut product = 0.0f32;
    if channel < channels {
        let mean = statistics[channel];
        let scale = inverse_deviation(statistics, channel, eps);
        let pixels = x.shape(0) * x.shape(1) * x.shape(2);
        let walkers = comptime!(THREADS / lanes);
        let mut pixel = CUBE_POS_Y as usize * walkers + UNIT_POS_Y as usize;
        while pixel < pixels {
            let at = pixel * channels + channel;
            let normed = (before_norm(x[at], gelu) - mean) * scale;
            let g = behind_norm(grad[at], normed, gamma, beta, channel, gelu);
            plain += g;
            product += g * normed;
            pixel += CUBE_COUNT_Y as usize * walkers;
        }
    }
    write_sums(plain, product, sums, channel, channels, lanes);
}

/// Adds up the values of all threads of a channel, to sums [parts,2,C].
#[cube]
fn write_sums(
    a: f32,
    b: f32,
    sums: &mut Tensor<f32>,
    channel: usize,
    channels: usize,
    #[comptime] lanes: usize,
) {
    let walkers = comptime!(THREADS / lanes);
    let lane = UNIT_POS_X as usize;
    let walker = UNIT_POS_Y as usize;
    let mut shared = Shared::<[f32]>::new_slice(comptime!(2 * THREADS));
    shared[walker * lanes + lane] = a;
    shared[THREADS + walker * lanes + lane] = b;
    sync_cube();
    if walker < 2 && channel < channels {
        let mut total = 0.0f32;
        for other in 0..walkers {
            total += shared[walker * THREADS + other * lanes + lane];
        }
        sums[(CUBE_POS_Y as usize * 2 + walker) * channels + channel] = total;
    }
}

#[cube(launch)]
fn norm_kernel(
    x: &Tensor<f32>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    statistics: &Tensor<f32>,
    out: &mut Tensor<f32>,
    eps: f32,
    #[comptime] gelu: bool,
) {
    if ABSOLUTE_POS < out.len() {
        let channel = ABSOLUTE_POS % x.shape(3);
        let value = before_norm(x[ABSOLUTE_POS], gelu);
        let scale = gamma[channel] * inverse_deviation(statistics, channel, eps);
        let mut normed = (value - statistics[channel]) * scale + beta[channel];
        if comptime!(!gelu) && normed < 0.0f32 {
            normed = 0.0f32;
        }
        out[ABSOLUTE_POS] = normed;
    }
}

/// The gradient of x; `both` [2,C] are the sums of [`norm_sums_kernel`], `share` is 1 / the number of pixels of a
/// channel.
#[cube(launch)]
fn norm_slope_kernel(
    x: &Tensor<f32>,
    grad: &Tensor<f32>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    statistics: &Tensor<f32>,
    both: &Tensor<f32>,
    out: &mut Tensor<f32>,
    eps: f32,
    share: f32,
    #[comptime] gelu: bool,
) {
    if ABSOLUTE_POS < out.len() {
        let channels = x.shape(3);
        let channel = ABSOLUTE_POS % channels;
        let from = x[ABSOLUTE_POS];
        let mut slope = 1.0f32;
        if gelu {
            slope = gelu_slope(from);
        }
        let scale = inverse_deviation(statistics, channel, eps);
        let normed = (before_norm(from, gelu) - statistics[channel]) * scale;
        let g = behind_norm(grad[ABSOLUTE_POS], normed, gamma, beta, channel, gelu);
        let off = g - (both[channel] + normed * both[channels + channel]) * share;
        out[ABSOLUTE_POS] = gamma[channel] * scale * off * slope;
    }
}

//! Batch norm fused with GELU before it or ReLU after it. As on the CPU, no intermediate values are kept.

// `erf` in shaders comes from a trait; Rust plans a method of the same name.
#![allow(unstable_name_collisions)]

use super::super::norm_call::With;
use super::{THREADS, channels_last, compute_values, empty_on_device, lane_count, launch_size};
use burn_wgpu::CubeTensor;
use cubecl::prelude::*;

/// Maximum number of partial sums for each channel.
const PARTS: usize = 256;

/// Parameters of a norm [C]: gamma, beta, and the mean and variance of the values that it normalises.
#[derive(Clone, Debug)]
pub(super) struct NormInputs {
    pub(super) gamma: CubeTensor,
    pub(super) beta: CubeTensor,
    pub(super) mean: CubeTensor,
    pub(super) variance: CubeTensor,
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
        CubeCount::Static(self.channel_cubes(), self.parts as u32, 1)
    }

    /// Number of cubes that share the channels.
    fn channel_cubes(&self) -> u32 {
        self.channels.div_ceil(self.lanes) as u32
    }

    fn cube_dim(&self) -> CubeDim {
        CubeDim::new_2d(self.lanes as u32, (THREADS / self.lanes) as u32)
    }

    /// Both sums of each channel, times `factor`, from partial sums [parts,2,C].
    fn add_parts(&self, parts: CubeTensor, factor: f32) -> [CubeTensor; 2] {
        let sums = [(); 2].map(|()| empty_on_device(&parts, [self.channels]));
        let [first, second] = sums.clone();
        add_parts_kernel::launch(
            &parts.client.clone(),
            CubeCount::Static(self.channel_cubes(), 1, 1),
            self.cube_dim(),
            parts.into_tensor_arg(),
            first.into_tensor_arg(),
            second.into_tensor_arg(),
            factor,
            self.lanes,
        );
        sums
    }
}

/// The sums [C] of x [B,C,H,W] over all dimensions except channels.
pub(super) fn channel_sums(x: CubeTensor) -> CubeTensor {
    let x = channels_last(x);
    let sums = Sums::for_tensor(&x);
    let [plain, _] = sums.add_parts(partial_moments(&x, None, false), 1.0);
    plain
}

/// Mean and biased variance [C] of GELU(x), or of x, in two passes: squares taken before the mean is known lose their
/// last digits.
pub(super) fn batch_statistics(x: CubeTensor, with: With) -> (CubeTensor, CubeTensor) {
    let x = channels_last(x);
    let sums = Sums::for_tensor(&x);
    let gelu = with == With::GeluBefore;
    let share = 1.0 / sums.count as f32;
    let [mean, _] = sums.add_parts(partial_moments(&x, None, gelu), share);
    let centred = partial_moments(&x, Some(mean.clone()), gelu);
    let [_, variance] = sums.add_parts(centred, share);
    (mean, variance)
}

/// Partial sums [parts,2,C] of v - centre and of its square, v = GELU(x) or x [B,H,W,C].
fn partial_moments(x: &CubeTensor, centre: Option<CubeTensor>, gelu: bool) -> CubeTensor {
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
    out
}

/// `batch` [C] mixed into a running statistic [C]: running (1 - share) + batch factor share.
pub(super) fn mix_statistics(
    running: CubeTensor,
    batch: CubeTensor,
    share: f32,
    factor: f32,
) -> CubeTensor {
    let out = empty_on_device(&running, running.meta.shape().clone());
    let (count, threads) = launch_size(&running, out.meta.shape().num_elements());
    mix_kernel::launch(
        &running.client.clone(),
        count,
        threads,
        running.into_tensor_arg(),
        batch.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        1.0 - share,
        share * factor,
    );
    out
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
            affine.mean.into_tensor_arg(),
            affine.variance.into_tensor_arg(),
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
        affine.mean.clone().into_tensor_arg(),
        affine.variance.clone().into_tensor_arg(),
        parts.clone().into_tensor_arg(),
        affine.eps,
        sums.lanes,
        gelu,
    );
    let [of_beta, of_gamma] = sums.add_parts(parts, 1.0);
    let of_x = compute_values(&x, x.meta.shape().clone(), |out, count, threads| {
        norm_slope_kernel::launch(
            &x.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            grad.into_tensor_arg(),
            affine.gamma.into_tensor_arg(),
            affine.beta.into_tensor_arg(),
            affine.mean.into_tensor_arg(),
            affine.variance.into_tensor_arg(),
            of_beta.clone().into_tensor_arg(),
            of_gamma.clone().into_tensor_arg(),
            out.into_tensor_arg(),
            affine.eps,
            1.0 / sums.count as f32,
            gelu,
        );
    });
    [of_x, of_gamma, of_beta]
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

/// 1 / standard deviation of a channel.
#[cube]
fn inverse_deviation(variance: &Tensor<f32>, channel: usize, eps: f32) -> f32 {
    1.0f32 / f32::sqrt(variance[channel] + eps)
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
    means: &Tensor<f32>,
    variances: &Tensor<f32>,
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
        let mean = means[channel];
        let scale = inverse_deviation(variances, channel, eps);
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
    let total = sum_of_threads(a, b, lanes);
    let walker = UNIT_POS_Y as usize;
    if walker < 2 && channel < channels {
        sums[(CUBE_POS_Y as usize * 2 + walker) * channels + channel] = total;
    }
}

/// The sums over all threads of a channel: of `a` in the first of them, of `b` in the second.
#[cube]
fn sum_of_threads(a: f32, b: f32, #[comptime] lanes: usize) -> f32 {
    let walkers = comptime!(THREADS / lanes);
    let lane = UNIT_POS_X as usize;
    let walker = UNIT_POS_Y as usize;
    let mut shared = Shared::<[f32]>::new_slice(comptime!(2 * THREADS));
    shared[walker * lanes + lane] = a;
    shared[THREADS + walker * lanes + lane] = b;
    sync_cube();
    let mut total = 0.0f32;
    if walker < 2 {
        for other in 0..walkers {
            total += shared[walker * THREADS + other * lanes + lane];
        }
    }
    total
}

/// The sums over the first dimension of parts [parts,2,C], times `factor`.
#[cube(launch)]
fn add_parts_kernel(
    parts: &Tensor<f32>,
    first: &mut Tensor<f32>,
    second: &mut Tensor<f32>,
    factor: f32,
    #[comptime] lanes: usize,
) {
    let channels = parts.shape(2);
    let channel = CUBE_POS_X as usize * lanes + UNIT_POS_X as usize;
    let walker = UNIT_POS_Y as usize;
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    if channel < channels {
        let mut part = walker;
        while part < parts.shape(0) {
            a += parts[2 * part * channels + channel];
            b += parts[(2 * part + 1) * channels + channel];
            part += comptime!(THREADS / lanes);
        }
    }
    let total = sum_of_threads(a, b, lanes) * factor;
    if channel < channels {
        if walker == 0 {
            first[channel] = total;
        }
        if walker == 1 {
            second[channel] = total;
        }
    }
}

#[cube(launch)]
fn mix_kernel(
    running: &Tensor<f32>,
    batch: &Tensor<f32>,
    out: &mut Tensor<f32>,
    of_running: f32,
    of_batch: f32,
) {
    if ABSOLUTE_POS < out.len() {
        out[ABSOLUTE_POS] = running[ABSOLUTE_POS] * of_running + batch[ABSOLUTE_POS] * of_batch;
    }
}

#[cube(launch)]
fn norm_kernel(
    x: &Tensor<f32>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    means: &Tensor<f32>,
    variances: &Tensor<f32>,
    out: &mut Tensor<f32>,
    eps: f32,
    #[comptime] gelu: bool,
) {
    if ABSOLUTE_POS < out.len() {
        let channel = ABSOLUTE_POS % x.shape(3);
        let value = before_norm(x[ABSOLUTE_POS], gelu);
        let scale = gamma[channel] * inverse_deviation(variances, channel, eps);
        let mut normed = (value - means[channel]) * scale + beta[channel];
        if comptime!(!gelu) && normed < 0.0f32 {
            normed = 0.0f32;
        }
        out[ABSOLUTE_POS] = normed;
    }
}

/// The gradient of x; `of_beta` and `of_gamma` are the sums of [`norm_sums_kernel`], `share` is 1 / the number of pixels of
/// a channel.
#[cube(launch)]
fn norm_slope_kernel(
    x: &Tensor<f32>,
    grad: &Tensor<f32>,
    gamma: &Tensor<f32>,
    beta: &Tensor<f32>,
    means: &Tensor<f32>,
    variances: &Tensor<f32>,
    of_beta: &Tensor<f32>,
    of_gamma: &Tensor<f32>,
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
        let scale = inverse_deviation(variances, channel, eps);
        let normed = (before_norm(from, gelu) - means[channel]) * scale;
        let g = behind_norm(grad[ABSOLUTE_POS], normed, gamma, beta, channel, gelu);
        let off = g - (of_beta[channel] + normed * of_gamma[channel]) * share;
        out[ABSOLUTE_POS] = gamma[channel] * scale * off * slope;
    }
}

//! Batch norm on the CPU, fused with GELU before it or ReLU after it: statistics, forward pass and gradients, channel
//! by channel. Intermediate values are not kept, since recomputing them is fast.

use super::buffers::take_buffer;
use super::norm_call::{NormCall, Stats, With};
use super::simd::{
    detected_arch, dot_product, gelu, gelu_and_slope, map_pairs, map_to_two, map_values, relu,
    sum_values,
};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Sizes of a batch of planes.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlaneSizes {
    pub batch: usize,
    pub channels: usize,
    pub pixels: usize,
}

impl PlaneSizes {
    fn channel_plane<'a>(&self, x: &'a [f32], b: usize, c: usize) -> &'a [f32] {
        &x[(b * self.channels + c) * self.pixels..][..self.pixels]
    }

    fn values_per_channel(&self) -> f64 {
        (self.batch * self.pixels) as f64
    }

    /// The planes, grouped by channel.
    fn by_channel<'a>(&self, values: &'a mut [f32]) -> Vec<Vec<&'a mut [f32]>> {
        let mut channels: Vec<Vec<&mut [f32]>> = (0..self.channels)
            .map(|_| Vec::with_capacity(self.batch))
            .collect();
        for (i, plane) in values.chunks_exact_mut(self.pixels).enumerate() {
            channels[i % self.channels].push(plane);
        }
        channels
    }
}

/// Scale and shift that normalise one channel.
#[derive(Clone, Copy)]
struct ChannelScale {
    scale: f32,
    shift: f32,
}

fn affine_of(mean: f64, var: f64, gamma: f32, beta: f32, eps: f32) -> ChannelScale {
    let scale = f64::from(gamma) / (var + f64::from(eps)).sqrt();
    ChannelScale {
        scale: scale as f32,
        shift: (f64::from(beta) - mean * scale) as f32,
    }
}

/// The norm of x with the statistics of the batch or fixed ones, and the statistics.
pub(super) fn forward(
    x: &[f32],
    [gamma, beta]: [&[f32]; 2],
    call: &NormCall,
    s: PlaneSizes,
) -> (Vec<f32>, Stats) {
    let arch = detected_arch();
    let with = call.with;
    let fixed = call.is_fixed.then(|| call.recorded_stats());
    let mut out = take_buffer(x.len());
    let stats: Vec<(f32, f32)> = s
        .by_channel(&mut out)
        .into_par_iter()
        .enumerate()
        .map(|(c, mut planes)| {
            let center = arch.dispatch(First {
                x: s.channel_plane(x, 0, c),
                with,
            });
            let mut moments = [0.0; 2];
            for (b, out) in planes.iter_mut().enumerate() {
                let [sum, squares] = arch.dispatch(ChannelSums {
                    x: s.channel_plane(x, b, c),
                    out,
                    center,
                    with,
                });
                moments = [moments[0] + sum, moments[1] + squares];
            }
            let [off, squares] = moments.map(|sum| sum / s.values_per_channel());
            let (mean, var) = match &fixed {
                Some(stats) => (f64::from(stats.mean[c]), f64::from(stats.var[c])),
                None => (f64::from(center) + off, (squares - off * off).max(0.0)),
            };
            let affine = affine_of(mean, var, gamma[c], beta[c], call.eps);
            for (b, out) in planes.into_iter().enumerate() {
                // `out` already holds GELU(x).
                match with {
                    With::GeluBefore => arch.dispatch(InPlace {
                        affine,
                        values: out,
                    }),
                    With::ReluAfter => arch.dispatch(AffineRelu {
                        affine,
                        x: s.channel_plane(x, b, c),
                        out,
                    }),
                }
            }
            (mean as f32, var as f32)
        })
        .collect();
    let (mean, var) = stats.into_iter().unzip();
    (out, Stats { mean, var })
}

/// Gradients of x, gamma and beta, including the dependence of mean and variance on x, unless these are fixed.
pub(super) fn backward(
    x: &[f32],
    [gamma, beta]: [&[f32]; 2],
    grad: &[f32],
    call: &NormCall,
    s: PlaneSizes,
) -> [Vec<f32>; 3] {
    let arch = detected_arch();
    let with = call.with;
    let stats = call.recorded_stats();
    let mut out = take_buffer(x.len());
    let (d_gamma, d_beta) = s
        .by_channel(&mut out)
        .into_par_iter()
        .enumerate()
        .map(|(c, planes)| {
            let mean = f64::from(stats.mean[c]);
            let var = f64::from(stats.var[c]);
            let rstd = 1.0 / (var + f64::from(call.eps)).sqrt();
            let affine = affine_of(mean, var, gamma[c], beta[c], call.eps);
            let mut sums = [0.0; 2];
            for b in 0..s.batch {
                let x = s.channel_plane(x, b, c);
                let grad = s.channel_plane(grad, b, c);
                let [plain, product] = match with {
                    With::GeluBefore => arch.dispatch(GeluSums {
                        x,
                        grad,
                        center: stats.mean[c],
                    }),
                    With::ReluAfter => arch.dispatch(ReluSums {
                        x,
                        grad,
                        center: stats.mean[c],
                        affine,
                    }),
                };
                sums = [sums[0] + plain, sums[1] + product];
            }
            let [sum, product] = sums;
            // dv = gamma rstd (grad - mean(grad) - (v - mean) rstd^2 mean(grad (v - mean))), or with fixed statistics
            // dv = gamma rstd grad
            let scale = f64::from(gamma[c]) * rstd;
            let (slope, shift) = if call.is_fixed {
                (0.0, 0.0)
            } else {
                let slope = scale * rstd * rstd * product / s.values_per_channel();
                let shift = -scale * sum / s.values_per_channel() + slope * mean;
                (slope, shift)
            };
            let by = [scale as f32, -slope as f32, shift as f32];
            for (b, out) in planes.into_iter().enumerate() {
                let x = s.channel_plane(x, b, c);
                let grad = s.channel_plane(grad, b, c);
                match with {
                    With::GeluBefore => arch.dispatch(GeluGradient { x, grad, by, out }),
                    With::ReluAfter => arch.dispatch(ReluGradient {
                        x,
                        grad,
                        by,
                        affine,
                        out,
                    }),
                }
            }
            ((product * rstd) as f32, sum as f32)
        })
        .unzip();
    [out, d_gamma, d_beta]
}

/// Number of values summed in float32 before the sum continues in double precision.
const PART: usize = 1024;

/// The mean of the first values: close to the overall mean, so that squared distances from it stay small.
struct First<'a> {
    x: &'a [f32],
    with: With,
}

impl WithSimd for First<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let x = &self.x[..self.x.len().min(PART)];
        let mut values = [0.0; PART];
        match self.with {
            With::GeluBefore => map_values(
                simd,
                x,
                &mut values,
                #[inline(always)]
                |v| gelu(simd, v),
            ),
            With::ReluAfter => values[..x.len()].copy_from_slice(x),
        }
        sum_values(simd, &values[..x.len()]) / x.len() as f32
    }
}

/// Sums of v - center and of its square, v = GELU(x) or x; also writes GELU(x) to `out`.
struct ChannelSums<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
    center: f32,
    with: With,
}

impl WithSimd for ChannelSums<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
        let center = simd.splat_f32s(self.center);
        let mut total = [0.0f64; 2];
        let mut off = [0.0; PART];
        for (x, out) in self.x.chunks(PART).zip(self.out.chunks_mut(PART)) {
            match self.with {
                With::GeluBefore => map_to_two(
                    simd,
                    x,
                    [out, &mut off],
                    #[inline(always)]
                    |x| {
                        let v = gelu(simd, x);
                        (v, simd.sub_f32s(v, center))
                    },
                ),
                With::ReluAfter => map_values(
                    simd,
                    x,
                    &mut off,
                    #[inline(always)]
                    |v| simd.sub_f32s(v, center),
                ),
            }
            let off = &off[..x.len()];
            total = [
                total[0] + f64::from(sum_values(simd, off)),
                total[1] + f64::from(dot_product(simd, off, off)),
            ];
        }
        total
    }
}

/// `v = scale v + shift`
struct InPlace<'a> {
    affine: ChannelScale,
    values: &'a mut [f32],
}

impl WithSimd for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let ChannelScale { scale, shift } = self.affine;
        self.values.iter_mut().for_each(|v| *v = scale * *v + shift);
    }
}

/// `out = ReLU(scale x + shift)`
struct AffineRelu<'a> {
    affine: ChannelScale,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for AffineRelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        map_values(
            simd,
            self.x,
            self.out,
            #[inline(always)]
            |x| relu(simd, self.affine.scale_and_shift(simd, x)),
        );
    }
}

impl ChannelScale {
    #[inline(always)]
    fn scale_and_shift<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        simd.mul_add_e_f32s(simd.splat_f32s(self.scale), x, simd.splat_f32s(self.shift))
    }
}

/// Sums of grad and of grad * (v - center), v = GELU(x).
struct GeluSums<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    center: f32,
}

impl WithSimd for GeluSums<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
        let center = simd.splat_f32s(self.center);
        let mut total = [0.0f64; 2];
        let mut off = [0.0; PART];
        for (x, grad) in self.x.chunks(PART).zip(self.grad.chunks(PART)) {
            map_values(
                simd,
                x,
                &mut off,
                #[inline(always)]
                |x| simd.sub_f32s(gelu(simd, x), center),
            );
            total[0] += f64::from(sum_values(simd, grad));
            total[1] += f64::from(dot_product(simd, grad, &off));
        }
        total
    }
}

/// `out = GELU'(x) (a grad + b GELU(x) + c)`
struct GeluGradient<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    by: [f32; 3],
    out: &'a mut [f32],
}

impl WithSimd for GeluGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let by = self.by.map(|v| simd.splat_f32s(v));
        map_pairs(
            simd,
            [self.x, self.grad],
            self.out,
            #[inline(always)]
            |x, grad| {
                let (v, slope) = gelu_and_slope(simd, x);
                let inner = simd.mul_add_e_f32s(by[0], grad, simd.mul_add_e_f32s(by[1], v, by[2]));
                simd.mul_f32s(slope, inner)
            },
        );
    }
}

/// The gradient before ReLU: `grad` where `normed` is positive, else 0.
#[inline(always)]
fn where_positive<S: Simd>(simd: S, normed: S::f32s, grad: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.greater_than_f32s(normed, zero), grad, zero)
}

/// Sums of grad and of grad * (x - center), where ReLU passes the gradient.
struct ReluSums<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    center: f32,
    affine: ChannelScale,
}

impl WithSimd for ReluSums<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
        let center = simd.splat_f32s(self.center);
        let mut total = [0.0f64; 2];
        let (mut through, mut off) = ([0.0; PART], [0.0; PART]);
        for (x, grad) in self.x.chunks(PART).zip(self.grad.chunks(PART)) {
            map_pairs(
                simd,
                [x, grad],
                &mut through,
                #[inline(always)]
                |x, grad| where_positive(simd, self.affine.scale_and_shift(simd, x), grad),
            );
            map_values(
                simd,
                x,
                &mut off,
                #[inline(always)]
                |x| simd.sub_f32s(x, center),
            );
            total[0] += f64::from(sum_values(simd, &through[..x.len()]));
            total[1] += f64::from(dot_product(simd, &through[..x.len()], &off));
        }
        total
    }
}

/// `out = a grad + b x + c`, with grad 0 where ReLU blocks it.
struct ReluGradient<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    by: [f32; 3],
    affine: ChannelScale,
    out: &'a mut [f32],
}

impl WithSimd for ReluGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let by = self.by.map(|v| simd.splat_f32s(v));
        map_pairs(
            simd,
            [self.x, self.grad],
            self.out,
            #[inline(always)]
            |x, grad| {
                let grad = where_positive(simd, self.affine.scale_and_shift(simd, x), grad);
                simd.mul_add_e_f32s(by[0], grad, simd.mul_add_e_f32s(by[1], x, by[2]))
            },
        );
    }
}

//! Batch norm on the CPU: statistics, forward and gradients, channel by channel.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Sizes of a batch of planes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub batch: usize,
    pub channels: usize,
    pub pixels: usize,
}

impl Sizes {
    fn plane<'a>(&self, x: &'a [f32], b: usize, c: usize) -> &'a [f32] {
        &x[(b * self.channels + c) * self.pixels..][..self.pixels]
    }

    fn count(&self) -> f64 {
        (self.batch * self.pixels) as f64
    }
}

/// Sums of `a`, of `a * b` and of `a * a`, in vectors of floats that are added up in double every 1024 values.
struct Sums<'a> {
    a: &'a [f32],
    b: &'a [f32],
    /// Taken away from `b` first, so that the products stay small.
    center: f32,
}

impl WithSimd for Sums<'_> {
    type Output = [f64; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; 2] {
        let mut total = [0.0f64; 2];
        let center = simd.splat_f32s(self.center);
        for (a, b) in self.a.chunks(1024).zip(self.b.chunks(1024)) {
            let (head_a, tail_a) = S::as_simd_f32s(a);
            let (head_b, tail_b) = S::as_simd_f32s(b);
            let (mut plain, mut product) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
            for (&a, &b) in head_a.iter().zip(head_b) {
                plain = simd.add_f32s(plain, a);
                product = simd.mul_add_e_f32s(a, simd.sub_f32s(b, center), product);
            }
            let rest =
                |f: fn(f32, f32) -> f32| tail_a.iter().zip(tail_b).map(|(&a, &b)| f(a, b - self.center)).sum::<f32>();
            total[0] += f64::from(simd.reduce_sum_f32s(plain) + rest(|a, _| a));
            total[1] += f64::from(simd.reduce_sum_f32s(product) + rest(|a, b| a * b));
        }
        total
    }
}

/// Sum of squared distances from `center`.
struct Spread<'a> {
    x: &'a [f32],
    center: f32,
}

impl WithSimd for Spread<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let center = simd.splat_f32s(self.center);
        let of_part = |x: &[f32]| {
            let (head, tail) = S::as_simd_f32s(x);
            let mut sum = simd.splat_f32s(0.0);
            for &v in head {
                let d = simd.sub_f32s(v, center);
                sum = simd.mul_add_e_f32s(d, d, sum);
            }
            let rest: f32 = tail.iter().map(|v| (v - self.center) * (v - self.center)).sum();
            f64::from(simd.reduce_sum_f32s(sum) + rest)
        };
        self.x.chunks(1024).map(of_part).sum()
    }
}

/// `out = a * x + b * y + c`.
struct Combine<'a> {
    x: &'a [f32],
    y: &'a [f32],
    by: [f32; 3],
    out: &'a mut [f32],
}

impl WithSimd for Combine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [a, b, c] = self.by;
        for ((out, &x), &y) in self.out.iter_mut().zip(self.x).zip(self.y) {
            *out = a * x + (b * y + c);
        }
    }
}

/// `out = scale * x + shift`.
struct Affine<'a> {
    x: &'a [f32],
    scale: f32,
    shift: f32,
    out: &'a mut [f32],
}

impl WithSimd for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (out, &x) in self.out.iter_mut().zip(self.x) {
            *out = self.scale * x + self.shift;
        }
    }
}

/// Mean of each channel, then its biased variance: [2,C].
pub(super) fn stats(x: &[f32], s: Sizes) -> Vec<f32> {
    let arch = Arch::new();
    let pairs: Vec<(f32, f32)> = (0..s.channels)
        .into_par_iter()
        .map(|c| {
            let sum: f64 = (0..s.batch)
                .map(|b| s.plane(x, b, c).chunks(256).map(|p| f64::from(p.iter().sum::<f32>())).sum::<f64>())
                .sum();
            let mean = (sum / s.count()) as f32;
            let spread: f64 = (0..s.batch).map(|b| arch.dispatch(Spread { x: s.plane(x, b, c), center: mean })).sum();
            (mean, (spread / s.count()) as f32)
        })
        .collect();
    pairs.iter().map(|p| p.0).chain(pairs.iter().map(|p| p.1)).collect()
}

/// scale * x + shift with one pair for each channel.
pub(super) fn affine(x: &[f32], scale: &[f32], shift: &[f32], s: Sizes) -> Vec<f32> {
    let arch = Arch::new();
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(s.pixels).zip(x.par_chunks(s.pixels)).enumerate().for_each(|(plane, (out, x))| {
        let c = plane % s.channels;
        arch.dispatch(Affine { x, scale: scale[c], shift: shift[c], out });
    });
    out
}

/// Scale and shift that normalise with `stats` [2,C].
pub(super) fn folded(stats: &[f32], gamma: &[f32], beta: &[f32], eps: f32) -> (Vec<f32>, Vec<f32>) {
    let (mean, var) = stats.split_at(gamma.len());
    let scale: Vec<f32> = gamma.iter().zip(var).map(|(g, v)| g / (v + eps).sqrt()).collect();
    let shift = beta.iter().zip(mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
    (scale, shift)
}

/// Gradients of x, gamma and beta, the dependence of mean and variance on x included.
pub(super) fn backward(
    x: &[f32],
    stats: &[f32],
    gamma: &[f32],
    grad: &[f32],
    eps: f32,
    s: Sizes,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let arch = Arch::new();
    let (mean, var) = stats.split_at(s.channels);
    // For each channel: sum of grad, sum of grad * (x - mean).
    let sums: Vec<[f64; 2]> = (0..s.channels)
        .into_par_iter()
        .map(|c| {
            (0..s.batch).fold([0.0; 2], |total, b| {
                let job = Sums { a: s.plane(grad, b, c), b: s.plane(x, b, c), center: mean[c] };
                let [plain, product] = arch.dispatch(job);
                [total[0] + plain, total[1] + product]
            })
        })
        .collect();
    let rstd: Vec<f64> = var.iter().map(|v| 1.0 / (f64::from(*v) + f64::from(eps)).sqrt()).collect();
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(s.pixels).enumerate().for_each(|(plane, out)| {
        let (b, c) = (plane / s.channels, plane % s.channels);
        let [sum, product] = sums[c];
        // dx = gamma rstd (grad - mean(grad) - (x - mean) rstd^2 mean(grad (x - mean)))
        let scale = f64::from(gamma[c]) * rstd[c];
        let slope = scale * rstd[c] * rstd[c] * product / s.count();
        let shift = -scale * sum / s.count() + slope * f64::from(mean[c]);
        let by = [scale as f32, -slope as f32, shift as f32];
        arch.dispatch(Combine { x: s.plane(grad, b, c), y: s.plane(x, b, c), by, out });
    });
    let d_gamma = sums.iter().zip(&rstd).map(|(sum, r)| (sum[1] * r) as f32).collect();
    let d_beta = sums.iter().map(|sum| sum[0] as f32).collect();
    (out, d_gamma, d_beta)
}

//! GELU on the CPU with an erf that is exact to float32 rounding of the result.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Values that one task handles.
const CHUNK: usize = 16 * 1024;

/// erf(x) as x P(x^2) / Q(x^2) on [-4, 4], clamped outside: the rational minimax fit used by Eigen and XLA.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = x.clamp(-3.832_507, 3.832_507);
    let s = x * x;
    let p = -2.726_142_3e-10_f32;
    let p = p * s + 2.770_681_4e-8;
    let p = p * s - 2.101_024e-6;
    let p = p * s - 5.692_506_4e-5;
    let p = p * s - 7.349_906_3e-4;
    let p = p * s - 2.954_6e-3;
    let p = p * s - 1.609_603_3e-2;
    let q = -1.456_607_2e-5_f32;
    let q = q * s - 2.133_740_6e-4;
    let q = q * s - 1.682_827e-3;
    let q = q * s - 7.373_329e-3;
    let q = q * s - 1.426_473_9e-2;
    x * p / q
}

/// exp(x) for x <= 0: 2^n times a polynomial on half an octave, exact to 2 units in the last place.
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.max(-87.0);
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    let n = x * std::f32::consts::LOG2_E + 12_582_912.0;
    let bits = n.to_bits();
    let n = n - 12_582_912.0;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    p * f32::from_bits((bits << 23).wrapping_add(0x3f80_0000))
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// d GELU / dx = Phi(x) + x phi(x).
#[inline(always)]
fn slope(x: f32) -> f32 {
    let density = exp(-0.5 * x * x) * 0.398_942_3;
    0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)) + x * density
}

struct Gelu<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (out, &x) in self.out.iter_mut().zip(self.x) {
            *out = gelu(x);
        }
    }
}

struct GeluBackward<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for GeluBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((out, &x), &grad) in self.out.iter_mut().zip(self.x).zip(self.grad) {
            *out = grad * slope(x);
        }
    }
}

/// GELU of every value.
pub(super) fn forward(x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let arch = Arch::new();
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| arch.dispatch(Gelu { x, out }));
    out
}

/// The gradient of the input from that of the output.
pub(super) fn backward(x: &[f32], grad: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let arch = Arch::new();
    out.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK).zip(grad.par_chunks(CHUNK)))
        .for_each(|(out, (x, grad))| arch.dispatch(GeluBackward { x, grad, out }));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf by its series, in double precision.
    fn reference_erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn gelu_and_its_slope_are_exact_to_float_rounding() {
        for i in -6000..=6000 {
            let x = i as f32 / 1000.0;
            let wide = f64::from(x);
            let cdf = 0.5 * (1.0 + reference_erf(wide / 2f64.sqrt()));
            let density = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
            assert!((f64::from(gelu(x)) - wide * cdf).abs() < 1e-6, "gelu({x})");
            assert!((f64::from(slope(x)) - (cdf + wide * density)).abs() < 1e-6, "slope({x})");
        }
    }

    #[test]
    fn exp_is_exact_to_float_rounding() {
        for i in 0..8700 {
            let x = -(i as f32) / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) - exact).abs() <= 4e-7 * exact + 1e-37, "exp({x})");
        }
    }
}

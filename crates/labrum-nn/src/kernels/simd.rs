//! Common parts of the kernels: the vectors of the processor, loading and storing them, and functions of vectors.

use pulp::{Arch, Simd};
use std::{
    env,
    f32::consts::{FRAC_1_SQRT_2, LOG2_E},
    sync::OnceLock,
};

/// Rows of planes are padded to a multiple of this: a multiple of the vector length of every processor.
pub(crate) const MAX_LANES: usize = 16;

/// The widest vectors that the processor has. The environment variable `LABRUM_SIMD` makes tests and benchmarks use
/// narrower ones: `avx2`, if the processor has them, or `scalar`; other values change nothing.
pub(crate) fn detected_arch() -> Arch {
    static ARCH: OnceLock<Arch> = OnceLock::new();
    *ARCH.get_or_init(|| {
        let wanted = env::var("LABRUM_SIMD").unwrap_or_default();
        narrower_arch(&wanted).unwrap_or_default()
    })
}

/// The vectors with this name; `None` for an unknown name, or if the processor does not have them.
fn narrower_arch(name: &str) -> Option<Arch> {
    match name {
        "scalar" => Some(Arch::Scalar),
        #[cfg(target_arch = "x86_64")]
        "avx2" => pulp::x86::V3::try_new().map(Arch::V3),
        _ => None,
    }
}

/// Loads the vector that starts at `at`.
#[inline(always)]
pub(crate) fn load_vector<S: Simd>(values: &[f32], at: usize) -> S::f32s {
    S::as_simd_f32s(&values[at..at + S::F32_LANES]).0[0]
}

/// The vector that starts at `at`, if it lies within `values`.
///
/// Innermost loops first get all vectors that they need, `break` if one is missing and panic after the loop: with a
/// panic inside, the compiler would keep their sums in memory, because they could be observed while unwinding.
#[inline(always)]
pub(crate) fn vector_within<S: Simd>(values: &[f32], at: usize) -> Option<&S::f32s> {
    let part = values.get(at..at + S::F32_LANES)?;
    S::as_simd_f32s(part).0.first()
}

/// The panic where [`vector_within`] returned `None`.
#[cold]
pub(crate) fn panic_outside_window() -> ! {
    // A bug in the kernel's own arithmetic, like any index out of bounds.
    #[allow(clippy::panic)]
    {
        panic!("a window reaches beyond its input")
    }
}

/// Stores the vector that starts at `at`.
#[inline(always)]
pub(crate) fn store_vector<S: Simd>(values: &mut [f32], at: usize, vector: S::f32s) {
    S::as_mut_simd_f32s(&mut values[at..at + S::F32_LANES]).0[0] = vector;
}

/// Stores the first lanes of a vector, as many as fit.
///
/// Goes through memory on purpose: if passed to pulp's own function, a vector would be kept in memory from the start.
#[inline(always)]
pub(crate) fn store_first<S: Simd>(values: &mut [f32], vector: S::f32s) {
    let mut lanes = [0.0; MAX_LANES];
    store_vector::<S>(&mut lanes, 0, vector);
    values.copy_from_slice(&lanes[..values.len()]);
}

/// Evaluates a polynomial by Horner's scheme, highest coefficient first.
#[inline(always)]
fn eval_polynomial<S: Simd, const N: usize>(
    simd: S,
    x: S::f32s,
    coefficients: [f32; N],
) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(*coefficient));
    }
    sum
}

/// erf(x) as x P(x^2) / Q(x^2) on [-4, 4], clamped outside: the rational minimax fit used by Eigen and XLA.
#[inline(always)]
fn erf<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let bound = 3.832_507;
    let x = simd.max_f32s(
        simd.min_f32s(x, simd.splat_f32s(bound)),
        simd.splat_f32s(-bound),
    );
    let s = simd.mul_f32s(x, x);
    let numerator = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    let denominator = [
        -1.456_607_2e-5,
        -2.133_740_6e-4,
        -1.682_827e-3,
        -7.373_329e-3,
        -1.426_473_9e-2,
    ];
    let p = simd.mul_f32s(x, eval_polynomial(simd, s, numerator));
    simd.div_f32s(p, eval_polynomial(simd, s, denominator))
}

/// exp(x) for x <= 0: 2^n times a polynomial on half an octave, accurate to 2 units in the last place.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let x = simd.max_f32s(x, simd.splat_f32s(-87.0));
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
    let round = simd.splat_f32s(12_582_912.0);
    let shifted = simd.mul_add_e_f32s(x, simd.splat_f32s(LOG2_E), round);
    let n = simd.sub_f32s(shifted, round);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-0.693_359_4), x);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(2.121_944_4e-4), r);
    let p = eval_polynomial(
        simd,
        r,
        [
            1.987_569_1e-4,
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            0.5,
        ],
    );
    let p = simd.mul_add_e_f32s(
        simd.mul_f32s(p, r),
        r,
        simd.add_f32s(r, simd.splat_f32s(1.0)),
    );
    let exponent =
        simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(23));
    let power = simd.add_u32s(exponent, simd.splat_u32s(0x3f80_0000));
    simd.mul_f32s(p, simd.transmute_f32s_u32s(power))
}

/// The cumulative normal distribution function Phi(x).
#[inline(always)]
fn normal_cdf<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let half = simd.splat_f32s(0.5);
    let erf = erf(simd, simd.mul_f32s(x, simd.splat_f32s(FRAC_1_SQRT_2)));
    simd.mul_add_e_f32s(erf, half, half)
}

/// GELU(x) = x Phi(x).
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.mul_f32s(x, normal_cdf(simd, x))
}

/// GELU and its slope Phi(x) + x phi(x).
#[inline(always)]
pub(super) fn gelu_and_slope<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    let cdf = normal_cdf(simd, x);
    let power = simd.mul_f32s(simd.mul_f32s(x, x), simd.splat_f32s(-0.5));
    let density = simd.mul_f32s(exp(simd, power), simd.splat_f32s(0.398_942_3));
    (simd.mul_f32s(x, cdf), simd.mul_add_e_f32s(x, density, cdf))
}

/// max(x, 0); NaN stays NaN, which a maximum would lose on a processor without vectors.
#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
}

/// `out[i] = f(x[i])`
#[inline(always)]
pub(super) fn map_values<S: Simd>(
    simd: S,
    x: &[f32],
    out: &mut [f32],
    f: impl Fn(S::f32s) -> S::f32s,
) {
    let (heads, tail) = S::as_simd_f32s(x);
    let (out_heads, out_tail) = S::as_mut_simd_f32s(&mut out[..x.len()]);
    for (out, x) in out_heads.iter_mut().zip(heads) {
        *out = f(*x);
    }
    if !tail.is_empty() {
        simd.partial_store_f32s(out_tail, f(simd.partial_load_f32s(tail)));
    }
}

/// `out[i] = f(x[i], y[i])`
#[inline(always)]
pub(super) fn map_pairs<S: Simd>(
    simd: S,
    [x, y]: [&[f32]; 2],
    out: &mut [f32],
    f: impl Fn(S::f32s, S::f32s) -> S::f32s,
) {
    let (x_heads, x_tail) = S::as_simd_f32s(x);
    let (y_heads, y_tail) = S::as_simd_f32s(&y[..x.len()]);
    let (out_heads, out_tail) = S::as_mut_simd_f32s(&mut out[..x.len()]);
    for ((out, x), y) in out_heads.iter_mut().zip(x_heads).zip(y_heads) {
        *out = f(*x, *y);
    }
    if !x_tail.is_empty() {
        simd.partial_store_f32s(
            out_tail,
            f(
                simd.partial_load_f32s(x_tail),
                simd.partial_load_f32s(y_tail),
            ),
        );
    }
}

/// `(a[i], b[i]) = f(x[i])`
#[inline(always)]
pub(super) fn map_to_two<S: Simd>(
    simd: S,
    x: &[f32],
    [a, b]: [&mut [f32]; 2],
    f: impl Fn(S::f32s) -> (S::f32s, S::f32s),
) {
    let (heads, tail) = S::as_simd_f32s(x);
    let (a_heads, a_tail) = S::as_mut_simd_f32s(&mut a[..x.len()]);
    let (b_heads, b_tail) = S::as_mut_simd_f32s(&mut b[..x.len()]);
    for ((a, b), x) in a_heads.iter_mut().zip(b_heads).zip(heads) {
        (*a, *b) = f(*x);
    }
    if !tail.is_empty() {
        let (a, b) = f(simd.partial_load_f32s(tail));
        simd.partial_store_f32s(a_tail, a);
        simd.partial_store_f32s(b_tail, b);
    }
}

/// The sum of a few thousand values.
#[inline(always)]
pub(super) fn sum_values<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let (heads, tail) = S::as_simd_f32s(x);
    let mut sums = [
        simd.partial_load_f32s(tail),
        simd.splat_f32s(0.0),
        simd.splat_f32s(0.0),
        simd.splat_f32s(0.0),
    ];
    for part in heads.chunks(4) {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum = simd.add_f32s(*sum, *value);
        }
    }
    let pairs = [
        simd.add_f32s(sums[0], sums[1]),
        simd.add_f32s(sums[2], sums[3]),
    ];
    simd.reduce_sum_f32s(simd.add_f32s(pairs[0], pairs[1]))
}

/// The sum of the products of a few thousand values.
#[inline(always)]
pub(super) fn dot_product<S: Simd>(simd: S, x: &[f32], y: &[f32]) -> f32 {
    let (x_heads, x_tail) = S::as_simd_f32s(x);
    let (y_heads, y_tail) = S::as_simd_f32s(&y[..x.len()]);
    let mut sums = [simd.splat_f32s(0.0); 4];
    sums[0] = simd.mul_f32s(
        simd.partial_load_f32s(x_tail),
        simd.partial_load_f32s(y_tail),
    );
    for (x, y) in x_heads.chunks(4).zip(y_heads.chunks(4)) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum = simd.mul_add_e_f32s(*x, *y, *sum);
        }
    }
    let pairs = [
        simd.add_f32s(sums[0], sums[1]),
        simd.add_f32s(sums[2], sums[3]),
    ];
    simd.reduce_sum_f32s(simd.add_f32s(pairs[0], pairs[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::WithSimd;

    /// GELU, its derivative and exp of one vector of values.
    struct Values([f32; MAX_LANES]);

    impl WithSimd for Values {
        type Output = [[f32; MAX_LANES]; 3];

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
            let mut out = [[0.0; MAX_LANES]; 3];
            let [value, slope, power] = &mut out;
            map_to_two(
                simd,
                &self.0,
                [value, slope],
                #[inline(always)]
                |x| gelu_and_slope(simd, x),
            );
            map_values(
                simd,
                &self.0,
                power,
                #[inline(always)]
                |x| exp(simd, x),
            );
            out
        }
    }

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
        for i in (-6000..6000i16).step_by(MAX_LANES) {
            let x: [f32; MAX_LANES] =
                std::array::from_fn(|lane| (f32::from(i) + lane as f32) / 1000.0);
            let [value, slope, _] = detected_arch().dispatch(Values(x));
            for (lane, x) in x.into_iter().enumerate() {
                let wide = f64::from(x);
                let cdf = 0.5 * (1.0 + reference_erf(wide / 2f64.sqrt()));
                let density = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
                assert!(
                    (f64::from(value[lane]) - wide * cdf).abs() < 1e-6,
                    "gelu({x})"
                );
                assert!(
                    (f64::from(slope[lane]) - (cdf + wide * density)).abs() < 1e-6,
                    "slope({x})"
                );
            }
        }
    }

    #[test]
    fn exp_is_exact_to_float_rounding() {
        for i in (0..8700u16).step_by(MAX_LANES) {
            let x: [f32; MAX_LANES] =
                std::array::from_fn(|lane| -(f32::from(i) + lane as f32) / 100.0);
            let [_, _, power] = detected_arch().dispatch(Values(x));
            for (lane, x) in x.into_iter().enumerate() {
                let exact = f64::from(x).exp();
                assert!(
                    (f64::from(power[lane]) - exact).abs() <= 4e-7 * exact + 1e-37,
                    "exp({x})"
                );
            }
        }
    }
}

//! Bootstrap confidence interval of a mean.

use crate::quantile::value_at_quantile;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// Number of bootstrap resamples.
const RESAMPLES: usize = 4000;
/// Increment of the SplitMix64 state, also used as the seed.
const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A mean with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanInterval {
    /// Mean of the values.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Share of resamples (0..=1) whose mean is below 0.
    pub below_zero: f64,
}

impl MeanInterval {
    /// Mean and interval of `values`; `None` if there are none. Percentile bootstrap, widened for few values as
    /// Student's t is wider than the normal distribution (Hesterberg, "What Teachers Should Know About the Bootstrap",
    /// arXiv 1411.5279, section 3.4). Deterministic.
    pub fn from_values(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let n = values.len();
        // Fixed seed: equal values must give equal intervals.
        let mut state = GOLDEN_GAMMA;
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| resampled_mean(values, &mut state))
            .collect();
        means.sort_by(f64::total_cmp);
        let below = means.iter().filter(|m| **m < 0.0).count() as f64 / RESAMPLES as f64;
        let tail = expanded_tail(n);
        Some(Self {
            mean: values.iter().sum::<f64>() / n as f64,
            low: value_at_quantile(&means, tail),
            high: value_at_quantile(&means, 1.0 - tail),
            below_zero: below,
        })
    }
}

/// Mean of one bootstrap resample: as many values as there are, drawn with replacement.
fn resampled_mean(values: &[f64], state: &mut u64) -> f64 {
    let n = values.len();
    let sum: f64 = (0..n).map(|_| values[next_random(state) % n]).sum();
    sum / n as f64
}

/// SplitMix64 (Steele, Lea, Flood 2014).
#[inline]
fn next_random(state: &mut u64) -> usize {
    *state = state.wrapping_add(GOLDEN_GAMMA);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as usize
}

/// The bootstrap quantile that is the lower end of a 95 % interval for `n` values, corrected for small `n`.
fn expanded_tail(n: usize) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let z = 1.96f64;
    let freedom = n as f64 - 1.0;
    let [z3, z5, z7] = [3, 5, 7].map(|power| z.powi(power));
    // Student's t, expanded in 1 / degrees of freedom (Abramowitz and Stegun 26.7.5).
    let t = z
        + (z3 + z) / (4.0 * freedom)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * freedom.powi(3));
    let x = t * (n as f64 / freedom).sqrt();
    // Tail of the normal distribution beyond x (Abramowitz and Stegun 26.2.17), error below 1e-7.
    let k = 1.0 / (1.0 + 0.231_641_9 * x);
    let polynomial = k
        * (0.319_381_53
            + k * (-0.356_563_782
                + k * (1.781_477_937 + k * (-1.821_255_978 + k * 1.330_274_429))));
    (polynomial * (-x * x / 2.0).exp() / TAU.sqrt()).clamp(0.0, 0.025)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_contains_the_mean_and_is_reproducible() {
        let values: Vec<f64> = (0..20).map(|i| f64::from(i % 7) / 100.0 - 0.02).collect();
        let a = MeanInterval::from_values(&values);
        assert_eq!(a, MeanInterval::from_values(&values));
        assert!(a.is_some_and(|d| d.low < d.mean && d.mean < d.high && d.high - d.low < 0.03));
        assert_eq!(MeanInterval::from_values(&[]), None);
    }

    #[test]
    fn few_values_have_a_wide_interval() {
        for (n, tail) in [(3, 0.0), (5, 0.001), (12, 0.0107), (1000, 0.025)] {
            assert!(
                (expanded_tail(n) - tail).abs() < 0.001,
                "{n}: {}",
                expanded_tail(n)
            );
        }
    }
}

//! How sure a mean is: its confidence interval by the bootstrap.

use serde::{Deserialize, Serialize};

/// Resamplings of the bootstrap.
const RESAMPLES: usize = 4000;

/// A mean with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanInterval {
    /// The mean over the cases.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Share of the resamplings in which the mean is below 0.
    pub below_zero: f64,
}

impl MeanInterval {
    /// Of values; `None` for none. The interval is that of the percentile bootstrap, made wider for few values as
    /// Student's t is wider than the normal distribution (Hesterberg, "What Teachers Should Know About the Bootstrap",
    /// arXiv 1411.5279, section 3.4); always the same for the same values.
    pub fn from_values(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let n = values.len();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            // SplitMix64 (Steele, Lea, Flood 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) as usize
        };
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| (0..n).map(|_| values[next() % n]).sum::<f64>() / n as f64)
            .collect();
        means.sort_by(f64::total_cmp);
        let at = |q: f64| means[((RESAMPLES - 1) as f64 * q).round() as usize];
        let below = means.iter().filter(|m| **m < 0.0).count() as f64 / RESAMPLES as f64;
        let tail = expanded_tail(n);
        Some(Self {
            mean: values.iter().sum::<f64>() / n as f64,
            low: at(tail),
            high: at(1.0 - tail),
            below_zero: below,
        })
    }
}

/// Which quantile of the bootstrap of `n` values is the lower end of an interval that holds the mean in 95 of 100 cases.
fn expanded_tail(n: usize) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let (z, freedom) = (1.96f64, n as f64 - 1.0);
    let [z3, z5, z7] = [3, 5, 7].map(|power| z.powi(power));
    // Student's t by its expansion in 1 / degrees of freedom (Abramowitz and Stegun 26.7.5).
    let t = z
        + (z3 + z) / (4.0 * freedom)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom.powi(2))
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * freedom.powi(3));
    let x = t * (n as f64 / freedom).sqrt();
    // The normal distribution's tail beyond x (Abramowitz and Stegun 26.2.17), to 1e-7.
    let k = 1.0 / (1.0 + 0.231_641_9 * x);
    let polynomial = k
        * (0.319_381_53
            + k * (-0.356_563_782
                + k * (1.781_477_937 + k * (-1.821_255_978 + k * 1.330_274_429))));
    (polynomial * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()).clamp(0.0, 0.025)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_mean_and_is_the_same_each_time() {
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

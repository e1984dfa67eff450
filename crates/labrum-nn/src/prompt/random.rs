//! Random numbers, weighted choices and smooth fields for drawing training tasks.

use rand::{RngExt, rngs::SmallRng};
use std::{f64::consts::TAU, ops::RangeInclusive};

/// Uniform in the range.
pub(super) fn uniform(rng: &mut SmallRng, range: RangeInclusive<f64>) -> f64 {
    range.start() + (range.end() - range.start()) * rng.random::<f64>()
}

/// Log-uniform in the range; both ends are above 0.
pub(super) fn log_uniform(rng: &mut SmallRng, range: RangeInclusive<f64>) -> f64 {
    uniform(rng, range.start().ln()..=range.end().ln())
        .exp()
        .clamp(*range.start(), *range.end())
}

/// Approximately normal (sum of three uniform numbers): mean 0, deviation 1, within -3..=3.
pub(super) fn nearly_normal_of_three(rng: &mut SmallRng) -> f32 {
    // Three uniform numbers 0..1 have mean 3/2 and variance 1/4.
    let sum: f32 = (0..3).map(|_| rng.random::<f32>()).sum();
    2.0 * (sum - 1.5)
}

/// A random index with probability proportional to its weight; `None` if no weight is above 0.
pub(super) fn pick_weighted(weights: &[f64], rng: &mut SmallRng) -> Option<usize> {
    let total: f64 = weights.iter().filter(|weight| **weight > 0.0).sum();
    let mut left = total * rng.random::<f64>();
    let mut picked = None;
    for (index, &weight) in weights.iter().enumerate() {
        if weight > 0.0 {
            picked = Some(index);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
    }
    picked
}

/// A smooth random field over the plane, -1..=1: the mean of waves with random directions.
#[derive(Clone, Debug)]
pub(super) struct SmoothField {
    /// Frequency along x and y in radians per pixel, and phase in radians.
    waves: [[f64; 3]; 3],
}

impl SmoothField {
    /// Waves with random wavelengths from the range, in pixels; both ends are above 0.
    pub(super) fn from_random(wavelengths: RangeInclusive<f64>, rng: &mut SmallRng) -> Self {
        let mut waves = [[0.0; 3]; 3];
        for wave in &mut waves {
            let frequency = TAU / log_uniform(rng, wavelengths.clone());
            let (sin, cos) = uniform(rng, 0.0..=TAU).sin_cos();
            *wave = [frequency * cos, frequency * sin, uniform(rng, 0.0..=TAU)];
        }
        Self { waves }
    }

    /// The field at a place in pixels.
    pub(super) fn value_at(&self, x: f64, y: f64) -> f64 {
        let sum: f64 = self
            .waves
            .iter()
            .map(|[along_x, along_y, phase]| (along_x * x + along_y * y + phase).sin())
            .sum();
        sum / self.waves.len() as f64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use rand::SeedableRng;

    #[test]
    fn numbers_stay_in_their_range_and_small_factors_are_as_likely_as_large_ones() {
        let mut rng = SmallRng::seed_from_u64(1);
        let drawn: Vec<f64> = (0..2000)
            .map(|_| log_uniform(&mut rng, 0.1..=10.0))
            .collect();
        assert!(drawn.iter().all(|v| (0.1..=10.0).contains(v)));
        let small = drawn.iter().filter(|v| **v < 1.0).count();
        assert!((900..1100).contains(&small), "{small}");
    }

    #[test]
    fn noise_has_mean_0_and_deviation_1() {
        let mut rng = SmallRng::seed_from_u64(2);
        let values: Vec<f32> = (0..20_000)
            .map(|_| nearly_normal_of_three(&mut rng))
            .collect();
        let mean = values.iter().sum::<f32>() / 2e4;
        let deviation = (values.iter().map(|v| v * v).sum::<f32>() / 2e4 - mean * mean).sqrt();
        assert!(mean.abs() < 0.03 && (deviation - 1.0).abs() < 0.03);
    }

    #[test]
    fn a_choice_follows_its_weights_and_is_none_without_positive_weights() {
        let mut rng = SmallRng::seed_from_u64(3);
        let mut counts = [0; 4];
        for _ in 0..4000 {
            counts[pick_weighted(&[0.0, 1.0, -2.0, 3.0], &mut rng).unwrap()] += 1;
        }
        assert_eq!([counts[0], counts[2]], [0, 0]);
        assert!((900..1100).contains(&counts[1]), "{counts:?}");
        assert_eq!(pick_weighted(&[0.0, f64::NAN], &mut rng), None);
        assert_eq!(pick_weighted(&[], &mut rng), None);
    }

    #[test]
    fn a_field_is_smooth_and_bounded() {
        let mut rng = SmallRng::seed_from_u64(4);
        let field = SmoothField::from_random(40.0..=80.0, &mut rng);
        for x in 0..200 {
            let (here, next) = (
                field.value_at(f64::from(x), 7.0),
                field.value_at(f64::from(x + 1), 7.0),
            );
            assert!(here.abs() <= 1.0 && (here - next).abs() < 0.17);
        }
    }
}

//! Random changes of grey levels, as from another scanner, dose or gain.

use super::{
    blur::blur_plane,
    random::{SmoothField, log_uniform, nearly_normal_of_three, uniform},
};
use rand::{RngExt, rngs::SmallRng};

/// Probability that grey levels are inverted.
const INVERTED: f64 = 0.3;

/// Applies random intensity changes to grey levels (0..=1, row by row), each with its own
/// probability: gamma 0.5..=2, a smooth bias field of up to 40 %, contrast 0.6..=1.6 and brightness
/// up to 0.2, inversion, blur, a resolution 2 to 4 times lower, multiplicative speckle and additive
/// noise. The result stays within 0..=1.
pub(super) fn vary_levels(grey: &mut [f32], columns: usize, rng: &mut SmallRng) {
    if rng.random_bool(0.5) {
        let gamma = log_uniform(rng, 0.5..=2.0) as f32;
        for level in grey.iter_mut() {
            *level = level.max(0.0).powf(gamma);
        }
    }
    if rng.random_bool(0.3) {
        apply_bias(grey, columns, rng);
    }
    if rng.random_bool(0.5) {
        change_contrast(grey, rng);
    }
    if rng.random_bool(INVERTED) {
        for level in grey.iter_mut() {
            *level = 1.0 - *level;
        }
    }
    if rng.random_bool(0.25) {
        blur_plane(grey, columns, uniform(rng, 0.3..=1.5) as f32);
    }
    if rng.random_bool(0.2) {
        lower_resolution(grey, columns, rng.random_range(2..=4));
    }
    if rng.random_bool(0.4) {
        add_noise(grey, rng);
    }
    for level in grey {
        *level = level.clamp(0.0, 1.0);
    }
}

/// Multiplies by a smooth bias field within 0.6..=1.4.
fn apply_bias(grey: &mut [f32], columns: usize, rng: &mut SmallRng) {
    let strength = uniform(rng, 0.1..=0.4);
    let wide = columns.max(1) as f64;
    let field = SmoothField::from_random(0.8 * wide..=3.0 * wide, rng);
    for (at, level) in grey.iter_mut().enumerate() {
        let (x, y) = ((at % columns) as f64, (at / columns) as f64);
        *level *= (1.0 + strength * field.value_at(x, y)) as f32;
    }
}

/// Scales the contrast around the mean and shifts the brightness. A dark image is hardly darkened
/// and a bright one hardly brightened, so that its content stays visible.
fn change_contrast(grey: &mut [f32], rng: &mut SmallRng) {
    let contrast = log_uniform(rng, 0.6..=1.6) as f32;
    let brightness = uniform(rng, -0.2..=0.2) as f32;
    let mean = grey.iter().sum::<f32>() / grey.len().max(1) as f32;
    let room = if brightness < 0.0 { mean } else { 1.0 - mean };
    let brightness = brightness * (2.0 * room).clamp(0.0, 1.0);
    for level in grey {
        *level = ((*level - mean) * contrast + mean + brightness).clamp(0.0, 1.0);
    }
}

/// Adds speckle, noise or both.
fn add_noise(grey: &mut [f32], rng: &mut SmallRng) {
    let kind = rng.random_range(0..3);
    let mut speckle = uniform(rng, 0.03..=0.25) as f32;
    let mut noise = uniform(rng, 0.01..=0.08) as f32;
    match kind {
        0 => speckle = 0.0,
        1 => noise = 0.0,
        _ => {}
    }
    for level in grey {
        *level +=
            *level * speckle * nearly_normal_of_three(rng) + noise * nearly_normal_of_three(rng);
    }
}

/// Averages blocks of `factor * factor` pixels and interpolates bilinearly between their centres.
fn lower_resolution(grey: &mut [f32], columns: usize, factor: usize) {
    let rows = grey.len() / columns.max(1);
    if factor < 2 || rows == 0 {
        return;
    }
    let (wide, high) = (columns.div_ceil(factor), rows.div_ceil(factor));
    let mut sums = vec![(0.0f32, 0.0f32); wide * high];
    for (at, level) in grey.iter().enumerate() {
        let (sum, count) = &mut sums[at / columns / factor * wide + at % columns / factor];
        *sum += level;
        *count += 1.0;
    }
    for (at, level) in grey.iter_mut().enumerate() {
        let (left, right, right_share) = blocks_between(at % columns, factor, wide);
        let (upper, lower, lower_share) = blocks_between(at / columns, factor, high);
        let mut mixed = 0.0;
        for (row, share) in [(upper, 1.0 - lower_share), (lower, lower_share)] {
            for (column, part) in [(left, 1.0 - right_share), (right, right_share)] {
                let (sum, count) = sums[row * wide + column];
                mixed += share * part * sum / count;
            }
        }
        *level = mixed;
    }
}

/// The blocks before and after a pixel's centre, and the interpolation weight of the second.
fn blocks_between(pixel: usize, factor: usize, blocks: usize) -> (usize, usize, f32) {
    let place = ((pixel as f32 + 0.5) / factor as f32 - 0.5).max(0.0);
    let before = (place as usize).min(blocks - 1);
    (before, (before + 1).min(blocks - 1), place - before as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const COLUMNS: usize = 32;

    fn ramp() -> Vec<f32> {
        (0..COLUMNS * 24)
            .map(|at| (at % COLUMNS) as f32 / 31.0)
            .collect()
    }

    #[test]
    fn levels_stay_within_0_and_1_and_30_percent_are_inverted() {
        let mut inverted = 0;
        for seed in 0..300 {
            let mut grey = ramp();
            vary_levels(&mut grey, COLUMNS, &mut SmallRng::seed_from_u64(seed));
            assert!(grey.iter().all(|level| (0.0..=1.0).contains(level)));
            let left: f32 = grey.chunks_exact(COLUMNS).map(|row| row[2]).sum();
            let right: f32 = grey.chunks_exact(COLUMNS).map(|row| row[29]).sum();
            inverted += usize::from(left > right);
        }
        assert!((65..115).contains(&inverted), "{inverted}");
    }

    #[test]
    fn the_same_seed_gives_the_same_levels_and_another_seed_does_not() {
        let varied = [1, 1, 2].map(|seed| {
            let mut grey = ramp();
            vary_levels(&mut grey, COLUMNS, &mut SmallRng::seed_from_u64(seed));
            grey
        });
        assert!(varied[0] == varied[1] && varied[0] != varied[2]);
    }

    #[test]
    fn a_dark_image_does_not_become_black() {
        for seed in 0..50 {
            let mut grey: Vec<f32> = ramp().iter().map(|level| 0.1 * level).collect();
            change_contrast(&mut grey, &mut SmallRng::seed_from_u64(seed));
            assert!(grey[31] - grey[16] > 0.02);
        }
    }

    #[test]
    fn a_lower_resolution_keeps_gradients_and_averages_stripes() {
        for factor in 2..=4 {
            let mut grey = ramp();
            lower_resolution(&mut grey, COLUMNS, factor);
            for at in (0..grey.len()).filter(|at| (4..28).contains(&(at % COLUMNS))) {
                assert!((grey[at] - ramp()[at]).abs() < 1e-3);
            }
        }
        let mut stripes: Vec<f32> = (0..COLUMNS * 24).map(|at| (at % 2) as f32).collect();
        lower_resolution(&mut stripes, COLUMNS, 2);
        assert!(stripes.iter().all(|level| (level - 0.5).abs() < 1e-5));
    }
}

//! Random changes of grey levels, as from another scanner, dose or gain.

use super::{
    blur::blur_plane,
    random::{SmoothField, log_uniform, nearly_normal_of_three, uniform},
    recipe::EpisodeStyle,
};
use rand::{RngExt, rngs::SmallRng};
use std::ops::RangeInclusive;

/// Changes of grey levels: the probability of each, and the range of its strength.
struct LevelChanges {
    gamma: (f64, RangeInclusive<f64>),
    /// Strength of a smooth bias field.
    bias: (f64, RangeInclusive<f64>),
    /// Factor of the contrast; the brightness changes with it.
    contrast: (f64, RangeInclusive<f64>),
    /// Maximum change of brightness, in grey levels.
    brightness: f64,
    inverted: f64,
    /// Standard deviation in pixels.
    blur: (f64, RangeInclusive<f64>),
    lower_resolution: f64,
    noise: f64,
    /// Standard deviation of multiplicative noise.
    speckle: RangeInclusive<f64>,
    /// Standard deviation of additive noise, in grey levels.
    additive: RangeInclusive<f64>,
}

/// As from another scanner, dose or gain, for a model of many tasks.
static BROAD: LevelChanges = LevelChanges {
    gamma: (0.5, 0.5..=2.0),
    bias: (0.3, 0.1..=0.4),
    contrast: (0.5, 0.6..=1.6),
    brightness: 0.2,
    inverted: 0.3,
    blur: (0.25, 0.3..=1.5),
    lower_resolution: 0.2,
    noise: 0.4,
    speckle: 0.03..=0.25,
    additive: 0.01..=0.08,
};

/// As between patients on one scanner: what is dark stays dark.
static NARROW: LevelChanges = LevelChanges {
    gamma: (0.4, 0.8..=1.25),
    bias: (0.2, 0.05..=0.2),
    contrast: (0.4, 0.8..=1.25),
    brightness: 0.08,
    inverted: 0.0,
    blur: (0.15, 0.3..=0.8),
    lower_resolution: 0.0,
    noise: 0.25,
    speckle: 0.02..=0.1,
    additive: 0.005..=0.03,
};

/// Applies random intensity changes to grey levels (0..=1, row by row), each with its own
/// probability. The result stays within 0..=1.
///
/// Broad: gamma 0.5..=2, a smooth bias field of up to 40 %, contrast 0.6..=1.6 and brightness
/// up to 0.2, inversion, blur, a resolution 2 to 4 times lower, multiplicative speckle and additive
/// noise. Narrow: at most about half of each, and neither inversion nor a lower resolution.
pub(super) fn vary_levels(
    grey: &mut [f32],
    columns: usize,
    style: EpisodeStyle,
    rng: &mut SmallRng,
) {
    let changes = match style {
        EpisodeStyle::Broad => &BROAD,
        EpisodeStyle::Narrow => &NARROW,
    };
    if rng.random_bool(changes.gamma.0) {
        let gamma = log_uniform(rng, changes.gamma.1.clone()) as f32;
        for level in grey.iter_mut() {
            *level = level.max(0.0).powf(gamma);
        }
    }
    if rng.random_bool(changes.bias.0) {
        apply_bias(grey, columns, changes, rng);
    }
    if rng.random_bool(changes.contrast.0) {
        change_contrast(grey, changes, rng);
    }
    if rng.random_bool(changes.inverted) {
        for level in grey.iter_mut() {
            *level = 1.0 - *level;
        }
    }
    if rng.random_bool(changes.blur.0) {
        blur_plane(grey, columns, uniform(rng, changes.blur.1.clone()) as f32);
    }
    if rng.random_bool(changes.lower_resolution) {
        lower_resolution(grey, columns, rng.random_range(2..=4));
    }
    if rng.random_bool(changes.noise) {
        add_noise(grey, changes, rng);
    }
    for level in grey {
        *level = level.clamp(0.0, 1.0);
    }
}

/// Multiplies by a smooth bias field.
fn apply_bias(grey: &mut [f32], columns: usize, changes: &LevelChanges, rng: &mut SmallRng) {
    let strength = uniform(rng, changes.bias.1.clone());
    let wide = columns.max(1) as f64;
    let field = SmoothField::from_random(0.8 * wide..=3.0 * wide, rng);
    for (at, level) in grey.iter_mut().enumerate() {
        let x = (at % columns) as f64;
        let y = (at / columns) as f64;
        *level *= (1.0 + strength * field.value_at(x, y)) as f32;
    }
}

/// Scales the contrast around the mean and shifts the brightness. A dark image is hardly darkened
/// and a bright one hardly brightened, so that its content stays visible.
fn change_contrast(grey: &mut [f32], changes: &LevelChanges, rng: &mut SmallRng) {
    let contrast = log_uniform(rng, changes.contrast.1.clone()) as f32;
    let brightness = uniform(rng, -changes.brightness..=changes.brightness) as f32;
    let mean = grey.iter().sum::<f32>() / grey.len().max(1) as f32;
    let room = if brightness < 0.0 { mean } else { 1.0 - mean };
    let brightness = brightness * (2.0 * room).clamp(0.0, 1.0);
    for level in grey {
        *level = ((*level - mean) * contrast + mean + brightness).clamp(0.0, 1.0);
    }
}

/// Adds speckle, noise or both.
fn add_noise(grey: &mut [f32], changes: &LevelChanges, rng: &mut SmallRng) {
    let kind = rng.random_range(0..3);
    let mut speckle = uniform(rng, changes.speckle.clone()) as f32;
    let mut noise = uniform(rng, changes.additive.clone()) as f32;
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
    let wide = columns.div_ceil(factor);
    let high = rows.div_ceil(factor);
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

    fn varied(style: EpisodeStyle, seed: u64) -> Vec<f32> {
        let mut grey = ramp();
        let mut rng = SmallRng::seed_from_u64(seed);
        vary_levels(&mut grey, COLUMNS, style, &mut rng);
        grey
    }

    /// Number of seeds of 300 with which dark and bright change places.
    fn count_inverted(style: EpisodeStyle) -> usize {
        let mut inverted = 0;
        for seed in 0..300 {
            let grey = varied(style, seed);
            assert!(grey.iter().all(|level| (0.0..=1.0).contains(level)));
            let left: f32 = grey.chunks_exact(COLUMNS).map(|row| row[2]).sum();
            let right: f32 = grey.chunks_exact(COLUMNS).map(|row| row[29]).sum();
            inverted += usize::from(left > right);
        }
        inverted
    }

    #[test]
    fn levels_stay_within_0_and_1_and_30_percent_are_inverted() {
        let inverted = count_inverted(EpisodeStyle::Broad);
        assert!((65..115).contains(&inverted), "{inverted}");
    }

    #[test]
    fn for_a_single_task_levels_change_little_and_none_are_inverted() {
        assert_eq!(count_inverted(EpisodeStyle::Narrow), 0);
        let change = |style: EpisodeStyle| -> f32 {
            let all = (0..100).flat_map(|seed| varied(style, seed));
            let ramps = std::iter::repeat_with(ramp).take(100).flatten();
            all.zip(ramps).map(|(a, b)| (a - b).abs()).sum()
        };
        assert!(change(EpisodeStyle::Narrow) < 0.5 * change(EpisodeStyle::Broad));
    }

    #[test]
    fn the_same_seed_gives_the_same_levels_and_another_seed_does_not() {
        let varied = [1, 1, 2].map(|seed| varied(EpisodeStyle::Broad, seed));
        assert!(varied[0] == varied[1] && varied[0] != varied[2]);
    }

    #[test]
    fn a_dark_image_does_not_become_black() {
        for seed in 0..50 {
            let mut grey: Vec<f32> = ramp().iter().map(|level| 0.1 * level).collect();
            change_contrast(&mut grey, &BROAD, &mut SmallRng::seed_from_u64(seed));
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

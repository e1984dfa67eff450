//! Data augmentation: random variations of a training sample, as from another patient, probe or gain setting.

use super::preprocess::Size;
use labrum_core::{blur::convolve_separable, training::AugmentConfig};
use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::ops::RangeInclusive;

/// A random variation of `image` (`[channels, rows, columns]`, 0..=1) and `mask` (`[rows, columns]`, labels or other
/// data per pixel). The same seed gives the same variation.
///
/// Areas from outside the image are 0. Pixels that are exactly 0 in all channels (padding, outside the ultrasound fan)
/// stay 0, as they do at inference.
pub fn augment_sample<T: Copy + Default>(
    image: &[f32],
    mask: &[T],
    size: Size,
    config: &AugmentConfig,
    seed: u64,
) -> (Vec<f32>, Vec<T>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut image, mask) = Warp::from_random(size, config, &mut rng).apply(image, mask, size);
    let area = (size.columns * size.rows).max(1);
    let dark = dark_pixels(&image, area);
    if let Some(sigma) = random_level_change(config, &mut rng, 0.0..=config.blur) {
        image
            .chunks_exact_mut(area)
            .for_each(|plane| blur_by_five_pixels(plane, size.columns, sigma));
    }
    change_levels(&mut image, config, &mut rng);
    if config.tint > 1.0 && image.len() > area {
        for plane in image.chunks_exact_mut(area) {
            let tint = random_factor(&mut rng, config.tint);
            plane.iter_mut().for_each(|value| *value *= tint);
        }
    }
    for plane in image.chunks_exact_mut(area) {
        plane
            .iter_mut()
            .zip(&dark)
            .for_each(|(value, &dark)| *value = if dark { 0.0 } else { value.clamp(0.0, 1.0) });
    }
    (image, mask)
}

/// A random number in the range; `None` if this change of grey levels is not applied.
fn random_level_change(
    config: &AugmentConfig,
    rng: &mut impl Rng,
    range: RangeInclusive<f32>,
) -> Option<f32> {
    let is_made = rng.random_bool(config.chance.clamp(0.0, 1.0));
    let value = random_in_range(rng, range);
    is_made.then_some(value)
}

/// A uniform random number; the start of the range if it is empty.
fn random_in_range(rng: &mut impl Rng, range: RangeInclusive<f32>) -> f32 {
    range.start() + rng.random::<f32>() * (range.end() - range.start()).max(0.0)
}

/// A random factor from 1 / `most` to `most`, uniform on a logarithmic scale.
fn random_factor(rng: &mut impl Rng, most: f32) -> f32 {
    let most = most.max(1.0).ln();
    random_in_range(rng, -most..=most).exp()
}

/// An affine map from pixels of the variation to pixels of the sample.
struct Warp {
    /// Rows of a matrix that acts on (x, y, 1).
    sample_from_variation: [[f32; 3]; 2],
}

impl Warp {
    fn from_random(size: Size, config: &AugmentConfig, rng: &mut impl Rng) -> Self {
        let mirror_x = random_sign(rng, config.flip_horizontal);
        let mirror_y = random_sign(rng, config.flip_vertical);
        let quarter = if rng.random_bool(config.quarter_turn.clamp(0.0, 1.0)) {
            90.0
        } else {
            0.0
        };
        let angle =
            (quarter + random_in_range(rng, -config.rotation..=config.rotation)).to_radians();
        let scale = random_factor(rng, config.scale);
        let sin = angle.sin() / scale;
        let cos = angle.cos() / scale;
        let columns = size.columns as f32;
        let rows = size.rows as f32;
        let shift_x = random_in_range(rng, -config.shift..=config.shift) * columns;
        let shift_y = random_in_range(rng, -config.shift..=config.shift) * rows;
        let centre_x = (columns - 1.0) / 2.0;
        let centre_y = (rows - 1.0) / 2.0;
        // Subtract shift and centre, rotate and scale, mirror, then add the centre again.
        let pivot = [centre_x + shift_x, centre_y + shift_y];
        let x = matrix_row(mirror_x * cos, mirror_x * sin, pivot, centre_x);
        let y = matrix_row(-mirror_y * sin, mirror_y * cos, pivot, centre_y);
        Self {
            sample_from_variation: [x, y],
        }
    }

    /// Interpolates bilinearly for the image, by nearest neighbour for the mask.
    fn apply<T: Copy + Default>(
        &self,
        image: &[f32],
        mask: &[T],
        size: Size,
    ) -> (Vec<f32>, Vec<T>) {
        let area = size.columns * size.rows;
        let mut new_image = vec![0.0; image.len()];
        let mut new_mask = vec![T::default(); mask.len()];
        let [to_x, to_y] = self.sample_from_variation;
        for i in 0..area {
            let column = (i % size.columns) as f32;
            let row = (i / size.columns) as f32;
            let x = to_x[0] * column + to_x[1] * row + to_x[2];
            let y = to_y[0] * column + to_y[1] * row + to_y[2];
            if let Some(at) = pixel_index(floor_to_int(x + 0.5), floor_to_int(y + 0.5), size) {
                new_mask[i] = mask[at];
            }
            let corners = Corners::around_point(x, y, size);
            for (plane, new) in image
                .chunks_exact(area)
                .zip(new_image.chunks_exact_mut(area))
            {
                new[i] = corners.interpolate_plane(plane);
            }
        }
        (new_image, new_mask)
    }
}

/// -1 with probability `chance` (mirrors an axis), else 1.
fn random_sign(rng: &mut impl Rng, chance: f64) -> f32 {
    if rng.random_bool(chance.clamp(0.0, 1.0)) {
        -1.0
    } else {
        1.0
    }
}

/// The matrix row for `a x + b y`, offset so that it maps `pivot` to `middle`.
fn matrix_row(a: f32, b: f32, [pivot_x, pivot_y]: [f32; 2], middle: f32) -> [f32; 3] {
    [a, b, middle - a * pivot_x - b * pivot_y]
}

/// Index of the pixel at (x, y); `None` outside the image.
fn pixel_index(x: i32, y: i32, size: Size) -> Option<usize> {
    let inside = x >= 0 && y >= 0 && (x as usize) < size.columns && (y as usize) < size.rows;
    inside.then(|| y as usize * size.columns + x as usize)
}

/// `f32::floor` is a function call without SSE 4.1, which the program does not require.
fn floor_to_int(value: f32) -> i32 {
    let towards_zero = value as i32;
    towards_zero - i32::from(value < towards_zero as f32)
}

/// The four pixels around a point, with their interpolation weights.
struct Corners([(usize, f32); 4]);

impl Corners {
    fn around_point(x: f32, y: f32, size: Size) -> Self {
        let left = floor_to_int(x);
        let top = floor_to_int(y);
        let right_share = x - left as f32;
        let lower_share = y - top as f32;
        let upper_share = 1.0 - lower_share;
        let left_share = 1.0 - right_share;
        Self([
            corner_share(left, top, size, left_share * upper_share),
            corner_share(left + 1, top, size, right_share * upper_share),
            corner_share(left, top + 1, size, left_share * lower_share),
            corner_share(left + 1, top + 1, size, right_share * lower_share),
        ])
    }

    fn interpolate_plane(&self, plane: &[f32]) -> f32 {
        self.0.iter().map(|&(at, share)| plane[at] * share).sum()
    }
}

/// Index and weight of a corner; the weight is 0 outside the image.
#[inline]
fn corner_share(x: i32, y: i32, size: Size, share: f32) -> (usize, f32) {
    pixel_index(x, y, size).map_or((0, 0.0), |at| (at, share))
}

fn dark_pixels(image: &[f32], area: usize) -> Vec<bool> {
    (0..area)
        .map(|i| image.iter().skip(i).step_by(area).all(|&v| v == 0.0))
        .collect()
}

/// Contrast, brightness, gamma, speckle and noise, each with probability `config.chance`.
fn change_levels(image: &mut [f32], config: &AugmentConfig, rng: &mut impl Rng) {
    let contrast = random_factor(rng, config.contrast);
    let contrast = if rng.random_bool(config.chance.clamp(0.0, 1.0)) {
        contrast
    } else {
        1.0
    };
    let brightness =
        random_level_change(config, rng, -config.brightness..=config.brightness).unwrap_or(0.0);
    let gamma = random_factor(rng, config.gamma);
    let gamma = rng
        .random_bool(config.chance.clamp(0.0, 1.0))
        .then_some(gamma);
    let speckle = random_level_change(config, rng, 0.0..=config.speckle).unwrap_or(0.0);
    let noise = random_level_change(config, rng, 0.0..=config.noise).unwrap_or(0.0);
    if contrast != 1.0 || brightness != 0.0 {
        let mean = image.iter().sum::<f32>() / image.len().max(1) as f32;
        for value in image.iter_mut() {
            *value = ((*value - mean) * contrast + mean + brightness).clamp(0.0, 1.0);
        }
    }
    if let Some(gamma) = gamma {
        image
            .iter_mut()
            .for_each(|value| *value = value.powf(gamma));
    }
    if speckle > 0.0 || noise > 0.0 {
        image
            .iter_mut()
            .for_each(|value| *value += (*value * speckle + noise) * nearly_normal_of_four(rng));
    }
}

/// An approximately normal random number, mean 0, standard deviation 1: the sum of four uniform ones, which is fast.
fn nearly_normal_of_four(rng: &mut impl Rng) -> f32 {
    let bits = rng.next_u64();
    let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    // The sum of four uniform numbers 0..1 has mean 2 and variance 1/3.
    (sum as f32 / 65535.0 - 2.0) * 3f32.sqrt()
}

/// Gaussian blur of one plane with a kernel of five pixels; edge pixels are repeated beyond the edge.
fn blur_by_five_pixels(plane: &mut [f32], columns: usize, sigma: f32) {
    if sigma < 0.2 {
        return;
    }
    let near = gaussian_weight(1.0, sigma);
    let far = gaussian_weight(2.0, sigma);
    let total = 1.0 + 2.0 * (near + far);
    convolve_separable(plane, columns, &[1.0, near, far].map(|w| w / total));
}

/// Gaussian weight at this distance, relative to 1 at the centre.
fn gaussian_weight(distance: f32, sigma: f32) -> f32 {
    (-0.5 * (distance / sigma).powi(2)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        columns: 64,
        rows: 48,
    };

    /// A bright off-centre disc on mid-grey, with black padding below; the mask is the disc.
    fn sample(channels: usize) -> (Vec<f32>, Vec<u8>) {
        let place = |i: usize| ((i % SIZE.columns) as f32, (i / SIZE.columns) as f32);
        let inside = |i: usize| (place(i).0 - 26.0).hypot(place(i).1 - 22.0) < 9.0;
        let level = |i: usize| {
            if place(i).1 >= 40.0 {
                0.0
            } else if inside(i) {
                0.8
            } else {
                0.3
            }
        };
        let area = SIZE.columns * SIZE.rows;
        let image = (0..channels).flat_map(|_| (0..area).map(level)).collect();
        (image, (0..area).map(|i| u8::from(inside(i))).collect())
    }

    fn only_shape() -> AugmentConfig {
        AugmentConfig {
            chance: 0.0,
            ..AugmentConfig::default()
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_variation_and_another_seed_does_not() {
        let (image, mask) = sample(1);
        let config = AugmentConfig::default();
        let of = |seed| augment_sample(&image, &mask, SIZE, &config, seed);
        assert!(of(5) == of(5));
        assert!(of(5) != of(6));
    }

    #[test]
    fn with_all_changes_disabled_the_sample_is_unchanged() {
        let (image, mask) = sample(3);
        assert!(
            augment_sample(&image, &mask, SIZE, &AugmentConfig::all_disabled(), 1) == (image, mask)
        );
    }

    #[test]
    fn a_flip_of_probability_1_mirrors_image_and_mask() {
        let (image, mask) = sample(1);
        let config = AugmentConfig {
            flip_horizontal: 1.0,
            ..AugmentConfig::all_disabled()
        };
        let (new_image, new_mask) = augment_sample(&image, &mask, SIZE, &config, 3);
        for (row, new) in mask.chunks_exact(64).zip(new_mask.chunks_exact(64)) {
            assert!(row.iter().rev().eq(new));
        }
        assert!((new_image[22 * 64 + 63 - 26] - 0.8).abs() < 1e-5);
    }

    #[test]
    fn the_mask_moves_with_the_image() {
        let (image, mask) = sample(1);
        let config = AugmentConfig {
            flip_vertical: 0.5,
            rotation: 180.0,
            ..only_shape()
        };
        for seed in 0..50 {
            let (image, mask) = augment_sample(&image, &mask, SIZE, &config, seed);
            let wrong = image
                .iter()
                .zip(&mask)
                .filter(|(v, m)| (**v > 0.55) != (**m == 1))
                .count();
            assert!(wrong <= 16, "seed {seed}: {wrong} pixels");
        }
    }

    #[test]
    fn sizes_stay_in_their_range_and_grey_levels_within_0_and_1() {
        let (image, mask) = sample(3);
        let before = mask.iter().filter(|&&l| l == 1).count() as f32;
        for seed in 0..50 {
            let config = AugmentConfig {
                chance: 1.0,
                ..AugmentConfig::default()
            };
            let (image, mask) = augment_sample(&image, &mask, SIZE, &config, seed);
            assert!(image.iter().all(|v| (0.0..=1.0).contains(v)));
            let after = mask.iter().filter(|&&l| l == 1).count() as f32;
            assert!(
                after / before < 1.25f32.powi(2) * 1.05 && after / before > 0.8f32.powi(2) * 0.95
            );
        }
    }

    #[test]
    fn padding_stays_black() {
        let (image, mask) = sample(1);
        let config = AugmentConfig {
            chance: 1.0,
            ..AugmentConfig::all_disabled()
        };
        for seed in 0..20 {
            let (image, _) = augment_sample(&image, &mask, SIZE, &config, seed);
            assert_eq!(&image[40 * 64..], [0.0; 8 * 64]);
        }
    }

    #[test]
    fn noise_has_mean_0_and_deviation_1() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let values: Vec<f32> = (0..20_000)
            .map(|_| nearly_normal_of_four(&mut rng))
            .collect();
        let mean = values.iter().sum::<f32>() / 2e4;
        let deviation = (values.iter().map(|v| v * v).sum::<f32>() / 2e4 - mean * mean).sqrt();
        assert!(
            mean.abs() < 0.03 && (deviation - 1.0).abs() < 0.03,
            "{mean} {deviation}"
        );
    }
}

//! Synthetic tasks: regions of superpixels in place of annotated objects.
//!
//! Wong et al. 2024, "ScribblePrompt" (arXiv 2312.07381), train on such regions of Felzenszwalb and Huttenlocher's
//! superpixels. Here neighbours are also joined and edges smoothed.

use super::{
    random::{log_uniform, pick_weighted, uniform},
    shapes::{count_pixels, fill_holes, has_size, is_on_rim, largest_piece, smooth_edges},
};
use labrum_core::tools::superpixels::{neighbours, superpixels};
use rand::{RngExt, rngs::SmallRng};
use std::ops::RangeInclusive;

/// Size of a synthetic target, as a share of the image.
pub(super) const TARGET_SHARE: RangeInclusive<f64> = 0.003..=0.4;
/// Maximum share of the image border that a synthetic target may touch.
const MOST_OF_RIM: f64 = 0.5;
/// Side of the square image for which scales, sizes and radii are given, in pixels.
const USUAL_SIDE: f64 = 256.0;
/// Number of attempts to draw a region from the superpixels.
const ATTEMPTS: usize = 8;
/// Share of draws that look for a region with contrast to its surroundings.
const STANDS_OUT: f64 = 0.6;
/// Minimum difference of grey, 0..=1, that counts as contrast.
const LEAST_CONTRAST: f32 = 0.06;
/// Grey levels below this are padding around a cropped image.
const NEARLY_BLACK: f32 = 1.0 / 255.0;

/// The superpixels of an image at one scale, with the statistics for drawing targets.
#[derive(Clone, Debug)]
pub struct Superpixels {
    /// Of the image, in pixels.
    pub columns: usize,
    /// Of the image, in pixels.
    pub rows: usize,
    /// The superpixel of each pixel, row after row.
    pub numbers: Vec<u32>,
    /// The neighbours of each superpixel.
    pub neighbours: Vec<Vec<u32>>,
    /// Number of pixels of each one.
    pub sizes: Vec<usize>,
    /// Mean grey of each one, 0..=1.
    pub means: Vec<f32>,
    /// Mean grey of the neighbours of each one, weighted by the length of the shared border; its
    /// own mean if it has none.
    pub surroundings: Vec<f32>,
    /// Number of pixels of each one on the image border.
    rim_pixels: Vec<usize>,
}

impl Superpixels {
    /// The superpixels of `grey` (0..=1, `columns * rows`, row by row) at a scale, each of at least
    /// `min_size` pixels. None if `grey` is empty or has another size.
    pub fn new(grey: &[f32], columns: usize, rows: usize, scale: f32, min_size: usize) -> Self {
        let is_image = has_size(grey, columns, rows);
        let numbers = if is_image {
            superpixels(grey, columns, rows, scale, min_size)
        } else {
            Vec::new()
        };
        let count = numbers.iter().max().map_or(0, |last| *last as usize + 1);
        let mut beside = if is_image {
            neighbours(&numbers, columns, rows)
        } else {
            Vec::new()
        };
        beside.resize(count, Vec::new());
        let mut sizes = vec![0; count];
        let mut rim_pixels = vec![0; count];
        let mut sums = vec![0.0f64; count];
        for (at, &number) in numbers.iter().enumerate() {
            let number = number as usize;
            sizes[number] += 1;
            rim_pixels[number] += usize::from(is_on_rim(at, columns, rows));
            sums[number] += f64::from(grey[at]);
        }
        let means: Vec<f32> = sums
            .iter()
            .zip(&sizes)
            .map(|(sum, &size)| (sum / size.max(1) as f64) as f32)
            .collect();
        Self {
            surroundings: mean_around(&numbers, columns, &means),
            columns,
            rows,
            numbers,
            neighbours: beside,
            sizes,
            means,
            rim_pixels,
        }
    }

    /// Superpixels at a random scale (0.1 to 3) with a random minimum size (20 to 400 pixels).
    /// These are for 256x256 pixels: the scale grows with the image's side, the size with its area.
    pub fn with_random_scale(
        grey: &[f32],
        columns: usize,
        rows: usize,
        rng: &mut SmallRng,
    ) -> Self {
        let enlarged = usual_enlargement(columns, rows);
        let scale = log_uniform(rng, 0.1..=3.0) * enlarged;
        let min_size = log_uniform(rng, 20.0..=400.0) * enlarged * enlarged;
        let min_size = (min_size.round() as usize).max(4);
        Self::new(grey, columns, rows, scale as f32, min_size)
    }

    /// A random connected region of 0.3 % to 40 % of the image that touches at most half of its
    /// border: a superpixel, often with neighbours, usually without holes, with edges smoothed by
    /// up to 3 pixels (at 256x256).
    ///
    /// `None` if no such region was found.
    pub(super) fn draw_region(&self, rng: &mut SmallRng) -> Option<Vec<bool>> {
        for _ in 0..ATTEMPTS {
            let stands_out = rng.random_bool(STANDS_OUT);
            let Some(first) = self.pick_first(stands_out, rng) else {
                continue;
            };
            let chosen = self.join_neighbours(first, stands_out, rng);
            let region = self.shape_region(&chosen, rng);
            if self.is_usable(&region) {
                return Some(region);
            }
        }
        None
    }

    /// A superpixel of valid target size, larger ones more often; with `stands_out` one that has
    /// contrast, if there is any.
    fn pick_first(&self, stands_out: bool, rng: &mut SmallRng) -> Option<usize> {
        let pixels = self.numbers.len() as f64;
        let mut weights: Vec<f64> = self
            .sizes
            .iter()
            .enumerate()
            .map(|(number, &size)| {
                let fits = TARGET_SHARE.contains(&(size as f64 / pixels));
                if fits && !self.is_padding(number) {
                    (size as f64).sqrt()
                } else {
                    0.0
                }
            })
            .collect();
        if stands_out {
            let with_contrast: Vec<f64> = weights
                .iter()
                .enumerate()
                .map(|(number, &weight)| {
                    let has_contrast = self.contrast(number) >= LEAST_CONTRAST;
                    if has_contrast { weight } else { 0.0 }
                })
                .collect();
            if with_contrast.iter().any(|weight| *weight > 0.0) {
                weights = with_contrast;
            }
        }
        pick_weighted(&weights, rng)
    }

    /// The difference between a superpixel's grey and its surroundings, 0..=1.
    fn contrast(&self, number: usize) -> f32 {
        (self.means[number] - self.surroundings[number]).abs()
    }

    /// True for black padding around the image.
    fn is_padding(&self, number: usize) -> bool {
        self.means[number] < NEARLY_BLACK && self.rim_pixels[number] > 0
    }

    /// The superpixels of the region: the first one and usually 0 to 3 neighbours, rarely up to 8,
    /// together not larger than a target. With `stands_out` only superpixels whose grey is closer
    /// to the first one than to its surroundings are joined.
    fn join_neighbours(&self, first: usize, stands_out: bool, rng: &mut SmallRng) -> Vec<bool> {
        let mut chosen = vec![false; self.sizes.len()];
        chosen[first] = true;
        let most = (TARGET_SHARE.end() * self.numbers.len() as f64) as usize;
        let mut size = self.sizes[first];
        let mut beside = self.neighbours[first].clone();
        for _ in 0..draw_joins(rng) {
            beside.retain(|&number| {
                let number = number as usize;
                let is_alike = (self.means[number] - self.means[first]).abs()
                    < 0.5 * self.contrast(first).max(LEAST_CONTRAST);
                !chosen[number]
                    && size + self.sizes[number] <= most
                    && !self.is_padding(number)
                    && (is_alike || !stands_out)
            });
            if beside.is_empty() {
                break;
            }
            let joined = beside[rng.random_range(0..beside.len())] as usize;
            chosen[joined] = true;
            size += self.sizes[joined];
            beside.extend(&self.neighbours[joined]);
        }
        chosen
    }

    /// The largest component of these superpixels, usually without holes, with smoothed edges.
    fn shape_region(&self, chosen: &[bool], rng: &mut SmallRng) -> Vec<bool> {
        let mut region: Vec<bool> = self
            .numbers
            .iter()
            .map(|number| chosen[*number as usize])
            .collect();
        if rng.random_bool(0.85) {
            region = fill_holes(&region, self.columns, self.rows);
        }
        let radius = uniform(rng, 0.0..=3.0) * usual_enlargement(self.columns, self.rows);
        region = smooth_edges(&region, self.columns, radius);
        largest_piece(&region, self.columns)
    }

    /// True for a region of valid target size that does not touch too much of the image border.
    fn is_usable(&self, region: &[bool]) -> bool {
        let share = count_pixels(region) as f64 / region.len().max(1) as f64;
        let (mut on_rim, mut rim) = (0u32, 0u32);
        for (at, &flag) in region.iter().enumerate() {
            if is_on_rim(at, self.columns, self.rows) {
                rim += 1;
                on_rim += u32::from(flag);
            }
        }
        TARGET_SHARE.contains(&share) && f64::from(on_rim) <= MOST_OF_RIM * f64::from(rim)
    }
}

/// Side of the image relative to [`USUAL_SIDE`].
fn usual_enlargement(columns: usize, rows: usize) -> f64 {
    ((columns * rows) as f64).sqrt() / USUAL_SIDE
}

/// Number of neighbours to join.
fn draw_joins(rng: &mut SmallRng) -> usize {
    match rng.random_range(0..20) {
        0..7 => 0,
        7..12 => 1,
        12..15 => 2,
        15..17 => 3,
        _ => rng.random_range(4..=8),
    }
}

/// Mean grey of the neighbours of each superpixel, weighted by the length of the shared border; its
/// own mean if it has none.
fn mean_around(numbers: &[u32], columns: usize, means: &[f32]) -> Vec<f32> {
    let mut sums = vec![(0.0f64, 0.0f64); means.len()];
    for (at, &number) in numbers.iter().enumerate() {
        let right = ((at + 1) % columns != 0).then_some(at + 1);
        let beside = right.into_iter().chain([at + columns]);
        for &other in beside.filter_map(|at| numbers.get(at)) {
            if other != number {
                for (here, there) in [(number, other), (other, number)] {
                    let (sum, length) = &mut sums[here as usize];
                    *sum += f64::from(means[there as usize]);
                    *length += 1.0;
                }
            }
        }
    }
    sums.iter()
        .zip(means)
        .map(|((sum, length), own)| {
            if *length > 0.0 {
                (sum / length) as f32
            } else {
                *own
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{
        super::{
            phantom::{COLUMNS, ROWS, grey},
            random::nearly_normal_of_three,
            shapes::connected_pieces,
        },
        *,
    };
    use rand::SeedableRng;

    /// The image for tests with a little noise.
    fn noisy_grey() -> Vec<f32> {
        let mut rng = SmallRng::seed_from_u64(9);
        grey()
            .iter()
            .map(|level| (level + 0.02 * nearly_normal_of_three(&mut rng)).clamp(0.0, 1.0))
            .collect()
    }

    #[test]
    fn superpixel_statistics_match_their_pixels() {
        let image = grey();
        let of = Superpixels::new(&image, COLUMNS, ROWS, 0.5, 10);
        for (number, &size) in of.sizes.iter().enumerate() {
            let pixels = (0..of.numbers.len()).filter(|&at| of.numbers[at] as usize == number);
            let levels: Vec<f32> = pixels.map(|at| image[at]).collect();
            assert_eq!(levels.len(), size);
            let mean = levels.iter().sum::<f32>() / size as f32;
            assert!((of.means[number] - mean).abs() < 1e-4);
        }
        let rim: usize = of.rim_pixels.iter().sum();
        assert_eq!(rim, 2 * (COLUMNS + ROWS) - 4);
    }

    #[test]
    fn neighbours_are_weighted_by_the_length_of_the_shared_border() {
        let numbers = [0, 0, 1, 0, 2, 1];
        let around = mean_around(&numbers, 3, &[0.2, 0.4, 1.0]);
        let expected = [
            (0.4 + 1.0 + 1.0) / 3.0,
            (0.2 + 1.0) / 2.0,
            (0.2 + 0.2 + 0.4) / 3.0,
        ];
        for (mean, expected) in around.iter().zip(expected) {
            assert!((mean - expected).abs() < 1e-6);
        }
        assert_eq!(mean_around(&[0, 0], 2, &[0.3]), [0.3]);
    }

    #[test]
    fn a_region_is_one_component_of_valid_size_and_mostly_off_the_border() {
        let image = noisy_grey();
        let mut found = 0;
        for seed in 0..30 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let of = Superpixels::with_random_scale(&image, COLUMNS, ROWS, &mut rng);
            let Some(region) = of.draw_region(&mut rng) else {
                continue;
            };
            found += 1;
            assert_eq!(connected_pieces(&region, COLUMNS).len(), 1);
            let share = count_pixels(&region) as f64 / region.len() as f64;
            assert!(TARGET_SHARE.contains(&share), "{share}");
            let rim = (0..region.len()).filter(|&at| is_on_rim(at, COLUMNS, ROWS));
            let (on, off): (Vec<usize>, Vec<usize>) = rim.partition(|&at| region[at]);
            assert!(on.len() <= off.len());
        }
        assert!(found > 15, "{found}");
    }

    #[test]
    fn black_padding_is_not_a_target() {
        let image: Vec<f32> = (0..COLUMNS * ROWS)
            .map(|at| if at % COLUMNS < 30 { 0.0 } else { 0.5 })
            .collect();
        let of = Superpixels::new(&image, COLUMNS, ROWS, 0.5, 20);
        for seed in 0..40 {
            if let Some(region) = of.draw_region(&mut SmallRng::seed_from_u64(seed)) {
                let black = (0..region.len()).filter(|&at| region[at] && image[at] == 0.0);
                assert!(black.count() < 20);
            }
        }
    }

    #[test]
    fn an_image_without_pixels_or_of_the_wrong_size_gives_no_region() {
        let mut rng = SmallRng::seed_from_u64(1);
        for of in [
            Superpixels::new(&[], 0, 0, 1.0, 20),
            Superpixels::new(&[0.5; 7], 4, 2, 1.0, 20),
        ] {
            assert!(of.numbers.is_empty() && of.draw_region(&mut rng).is_none());
        }
    }
}

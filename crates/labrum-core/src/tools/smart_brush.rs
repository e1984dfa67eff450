//! Smart brush: a round brush that stops at the edges of the structure under the pointer.

use super::{
    flood::keep_connected_part,
    grey::{GreyBlocks, double_box_mean, select_quantile},
};
use crate::{
    blur::{convolve_separable, half_gaussian},
    image::Image,
    region::{PixelRect, Region},
};
use std::{f32::consts::FRAC_1_SQRT_2, ops::Range};

/// Maximum of the longer brush radius in grid cells; for larger brushes a cell is the mean of a block of pixels.
const LARGEST_RADIUS: f64 = 42.0;
/// Share of the radius around the pointer from which the typical grey values of the structure are taken.
const MIDDLE: f64 = 0.28;
/// Share of the radius around the pointer that always belongs to the structure.
const CORE: f64 = 0.12;
/// Tolerated difference from the typical value, in standard deviations, at sensitivity 0 and 1.
const TOLERANCE: [f32; 2] = [8.0, 1.2];
/// Weight of grey values against a short contour.
const DATA_WEIGHT: f32 = 0.5;
/// Weight of the local means on both sides of the contour against the typical value of the middle.
const LOCAL_WEIGHT: f32 = 0.8;
/// Number of updates of the local means; with more the contour drifts.
const ROUNDS: usize = 3;
/// Maximum size of holes that are filled, as a share of the disc.
const LARGEST_HOLE: f64 = 0.05;

/// The pixels of a disc that belong to the same structure as its centre.
///
/// `center` and `radii` (x, y) are in pixels. `sensitivity` is 0..=1: the higher, the smaller a difference that counts
/// as an edge; 0 returns the whole disc. The result is connected, contains the pixel under the pointer, and has no
/// small holes; it is empty only if the pointer is outside the image.
///
/// Two-region model with local means (Lankton and Tannenbaum 2008, "Localizing Region-Based Active Contours"); the
/// contour is kept short by blurring and thresholding (Wang et al. 2017, "An efficient iterative thresholding method
/// for image segmentation"). Starts from the pixels that resemble the middle of the disc.
pub fn smart_disc(image: &Image, center: [f64; 2], radii: [f64; 2], sensitivity: f64) -> Region {
    let [x, y] = center;
    if !(x >= 0.0 && y >= 0.0 && x < image.columns as f64 && y < image.rows as f64) {
        return Region::default();
    }
    let pointer = (x as usize, y as usize);
    let radii = radii.map(|r| if r.is_finite() { r.max(0.5) } else { 0.5 });
    let longest = radii[0].max(radii[1]);
    let disc = Region::from_fn(&window_around(image, center, radii), |column, row| {
        let away = [
            (column as f64 + 0.5 - x) / radii[0],
            (row as f64 + 0.5 - y) / radii[1],
        ];
        (column, row) == pointer || away[0] * away[0] + away[1] * away[1] <= 1.0
    });
    if sensitivity.is_nan() || sensitivity <= 0.0 || longest < 2.0 {
        return disc;
    }
    let block = (longest / LARGEST_RADIUS).ceil() as usize;
    // A margin, so that edges near the rim of the disc have values on both sides.
    let window = window_around(image, center, radii.map(|r| 1.25 * r + 4.0));
    let grey = GreyBlocks::from_image(image, &window, block);
    let brush = Brush {
        center: [
            grey.blocks_from_pixels(x - grey.window.columns.start as f64),
            grey.blocks_from_pixels(y - grey.window.rows.start as f64),
        ],
        radii: radii.map(|r| grey.blocks_from_pixels(r)),
        sensitivity: sensitivity.min(1.0) as f32,
        grey: &grey,
    };
    let part = sample_disc(&brush.inside_shares(), &grey, &disc);
    keep_connected_part(&part, pointer, (LARGEST_HOLE * disc.len() as f64) as usize)
}

/// The pixels of the image within `by` (x, y) of a point.
fn window_around(image: &Image, [x, y]: [f64; 2], by: [f64; 2]) -> PixelRect {
    PixelRect {
        columns: range_around(x, by[0], image.columns),
        rows: range_around(y, by[1], image.rows),
    }
}

/// The part of `0..end` within `by` of a position.
fn range_around(at: f64, by: f64, end: usize) -> Range<usize> {
    (at - by).max(0.0) as usize..((at + by).ceil() as usize).min(end)
}

/// The brush, in grid cells.
struct Brush<'a> {
    center: [f64; 2],
    radii: [f64; 2],
    sensitivity: f32,
    grey: &'a GreyBlocks,
}

/// Grey value statistics of the middle of the disc.
struct DiscStatistics {
    /// Typical grey value.
    level: f32,
    /// Maximum difference from the typical value within the structure.
    tolerance: f32,
}

impl DiscStatistics {
    /// -1 at the typical value, 0 at the tolerance, 1 for clearly different values.
    fn signed_dissimilarity(&self, value: f32) -> f32 {
        let away = (value - self.level) / self.tolerance;
        (away * away - 1.0).min(1.0)
    }
}

impl Brush<'_> {
    /// Share of each cell that belongs to the structure, 0..=1: one half along its contour.
    fn inside_shares(&self) -> Vec<f32> {
        let columns = self.grey.columns;
        let mut values = self.grey.values.clone();
        convolve_separable(&mut values, columns, &half_gaussian(self.noise_sigma()));
        let structure = self.structure_statistics(&values);
        let core = self.cells_within(CORE);
        let contour = half_gaussian((0.1 * self.largest_radius()).clamp(0.8, 4.0));
        let mut outwards: Vec<f32> = values
            .iter()
            .map(|&v| structure.signed_dissimilarity(v))
            .collect();
        let mut inside: Vec<f32> = outwards.iter().map(|&out| f32::from(out < 0.0)).collect();
        for _ in 0..3 {
            self.settle_contour(&mut inside, &outwards, &core, &contour);
        }
        for _ in 0..ROUNDS {
            self.classify_cells(&values, &inside, &structure, &mut outwards);
            self.settle_contour(&mut inside, &outwards, &core, &contour);
            self.settle_contour(&mut inside, &outwards, &core, &contour);
        }
        convolve_separable(&mut inside, columns, &contour);
        inside
    }

    /// Blurs with `contour` (one half of a kernel), which keeps the contour short, and thresholds by `outwards`; the
    /// core stays inside.
    fn settle_contour(
        &self,
        inside: &mut [f32],
        outwards: &[f32],
        core: &[usize],
        contour: &[f32],
    ) {
        convolve_separable(inside, self.grey.columns, contour);
        inside
            .iter_mut()
            .zip(outwards)
            .for_each(|(v, out)| *v = f32::from(*v - 0.5 > DATA_WEIGHT * out));
        core.iter().for_each(|&i| inside[i] = 1.0);
    }

    fn largest_radius(&self) -> f32 {
        self.radii[0].max(self.radii[1]) as f32
    }

    /// Standard deviation in cells of the blur against noise; more would lose small details.
    fn noise_sigma(&self) -> f32 {
        (0.07 * self.largest_radius()).clamp(0.8, 4.0)
    }

    /// The cells around the pointer within a share of the radii, but at least within one cell.
    fn cells_within(&self, share: f64) -> Vec<usize> {
        let radii = self.radii.map(|r| (share * r).max(1.0));
        (0..self.grey.values.len())
            .filter(|cell| self.is_cell_within(*cell, radii))
            .collect()
    }

    /// True if the centre of a cell is within `radii` (in cells) of the pointer.
    #[inline]
    fn is_cell_within(&self, cell: usize, radii: [f64; 2]) -> bool {
        let columns = self.grey.columns;
        let x = (cell % columns) as f64 + 0.5 - self.center[0];
        let y = (cell / columns) as f64 + 0.5 - self.center[1];
        (x / radii[0]).powi(2) + (y / radii[1]).powi(2) <= 1.0
    }

    fn structure_statistics(&self, values: &[f32]) -> DiscStatistics {
        let mut middle: Vec<f32> = self
            .cells_within(MIDDLE)
            .iter()
            .map(|&i| values[i])
            .collect();
        let level = select_quantile(&mut middle, 0.5);
        middle.iter_mut().for_each(|v| *v = (*v - level).abs());
        // Standard deviation of a normal distribution from its median absolute deviation.
        let scatter = 1.4826 * select_quantile(&mut middle, 0.5);
        // An edge through the middle increases the scatter, but not the differences of nearby cells, so these limit it.
        let lag = (2.0 * self.noise_sigma()).ceil() as usize + 1;
        let pairs = self
            .cells_within(0.6)
            .into_iter()
            .filter(|i| i % self.grey.columns + lag < self.grey.columns);
        let mut steps: Vec<f32> = pairs.map(|i| (values[i + lag] - values[i]).abs()).collect();
        let noise = 1.4826 * FRAC_1_SQRT_2 * select_quantile(&mut steps, 0.5);
        let mut all = values.to_vec();
        let range = select_quantile(&mut all, 0.98) - select_quantile(&mut all, 0.02);
        // A lower limit, so that tiny differences in images without noise do not count.
        let least = (0.02 * range).max(1e-5 * level.abs()).max(1e-9);
        let [loosest, tightest] = TOLERANCE;
        let deviations = loosest * (tightest / loosest).powf(self.sensitivity);
        DiscStatistics {
            level,
            tolerance: deviations * scatter.min(2.0 * noise).max(least),
        }
    }

    /// Classifies each value: negative is inside. If both sides are near, the threshold is halfway between their local
    /// means, which finds the middle of a blurred edge; elsewhere only the statistics of the structure decide.
    fn classify_cells(
        &self,
        values: &[f32],
        inside: &[f32],
        structure: &DiscStatistics,
        outwards: &mut [f32],
    ) {
        let shares = [
            self.means_nearby(values, inside, |_, inside| inside),
            self.means_nearby(values, inside, |_, inside| 1.0 - inside),
        ];
        // Differences from the level, as sums of large values would lose precision.
        let level = structure.level;
        let sums = [
            self.means_nearby(values, inside, |v, inside| (v - level) * inside),
            self.means_nearby(values, inside, |v, inside| (v - level) * (1.0 - inside)),
        ];
        for (i, out) in outwards.iter_mut().enumerate() {
            *out = structure.signed_dissimilarity(values[i]);
            if shares[0][i] < 0.02 || shares[1][i] < 0.02 {
                continue;
            }
            let means = [sums[0][i] / shares[0][i], sums[1][i] / shares[1][i]];
            let half = 0.5 * (means[1] - means[0]);
            if half != 0.0 {
                let local = ((values[i] - level - means[0]) / half - 1.0).clamp(-1.0, 1.0);
                *out += LOCAL_WEIGHT * (local - *out);
            }
        }
    }

    /// Local means around each cell of `weigh(value, share inside)`.
    fn means_nearby(
        &self,
        values: &[f32],
        inside: &[f32],
        weigh: impl Fn(f32, f32) -> f32,
    ) -> Vec<f32> {
        let reach = (0.2 * self.largest_radius()).ceil() as usize;
        let mut means: Vec<f32> = values
            .iter()
            .zip(inside)
            .map(|(&value, &inside)| weigh(value, inside))
            .collect();
        double_box_mean(&mut means, self.grey.columns, reach);
        means
    }
}

/// The pixels of `disc` with a share inside of at least one half, interpolated from the four nearest cells.
fn sample_disc(inside: &[f32], grey: &GreyBlocks, disc: &Region) -> Region {
    let first_column = grey.window.columns.start;
    let first_row = grey.window.rows.start;
    let within = Region::from_fn(&disc.bounds(), |x, y| {
        let (left, right, across) = cells_around(x - first_column, grey.block, grey.columns);
        let (top, bottom, down) = cells_around(y - first_row, grey.block, grey.rows);
        let upper = mix_cells(&inside[top * grey.columns..], [left, right], across);
        let lower = mix_cells(&inside[bottom * grey.columns..], [left, right], across);
        upper + down * (lower - upper) >= 0.5
    });
    within.intersection(disc)
}

/// The two of `count` cells whose centres enclose the centre of a pixel, and the fraction of the way between them;
/// clamped to the ends. `pixel` is counted from the first pixel of the first cell; `block` is the side of a cell in
/// pixels.
#[inline]
fn cells_around(pixel: usize, block: usize, count: usize) -> (usize, usize, f32) {
    let at = (pixel as f32 + 0.5) / block as f32 - 0.5;
    let first = (at.max(0.0) as usize).min(count - 1);
    let next = (first + 1).min(count - 1);
    (first, next, (at - first as f32).clamp(0.0, 1.0))
}

/// Interpolates linearly between two cells of a row; `share` is 0..=1.
#[inline]
fn mix_cells(row: &[f32], [left, right]: [usize; 2], share: f32) -> f32 {
    row[left] + share * (row[right] - row[left])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::{image::Pixels, tools::phantom::noisy_picture};
    use proptest::prelude::*;

    fn disc(image: &Image, center: [f64; 2], radius: f64) -> Region {
        smart_disc(image, center, [radius; 2], 0.0)
    }

    fn dice(a: &Region, b: &Region) -> f64 {
        2.0 * a.intersection(b).len() as f64 / (a.len() + b.len()) as f64
    }

    /// A dark disc of radius 60 centred in 160 x 160 pixels, 40 levels below its surroundings.
    fn phantom(seed: u32, sigma: f64) -> (Image, Region) {
        let image = noisy_picture(160, seed, sigma, |x, y| {
            if (x - 80.0).hypot(y - 80.0) <= 60.0 {
                100.0
            } else {
                140.0
            }
        });
        let truth = disc(&image, [80.0, 80.0], 60.0);
        (image, truth)
    }

    #[test]
    fn stops_at_the_edge_of_a_noisy_disc() {
        for (sigma, least) in [(0.0, 0.96), (5.0, 0.98), (20.0, 0.96), (40.0, 0.9)] {
            let (image, truth) = phantom(7, sigma);
            for turn in 0..12 {
                let (sin, cos) = (f64::from(turn) * 0.55).sin_cos();
                let center = [80.0 + 50.0 * cos, 80.0 + 50.0 * sin];
                let wanted = disc(&image, center, 24.0).intersection(&truth);
                let painted = smart_disc(&image, center, [24.0; 2], 0.5);
                assert!(
                    dice(&painted, &wanted) >= least,
                    "{sigma} {turn}: {}",
                    dice(&painted, &wanted)
                );
            }
        }
    }

    #[test]
    fn a_stroke_along_the_inside_paints_up_to_the_contour() {
        let (image, truth) = phantom(3, 12.0);
        let mut painted = Region::default();
        let mut plain = Region::default();
        for step in 0..90 {
            let (sin, cos) = (f64::from(step) * 0.07).sin_cos();
            let center = [80.0 + 52.0 * cos, 80.0 + 52.0 * sin];
            painted = painted.union(&smart_disc(&image, center, [16.0; 2], 0.5));
            plain = plain.union(&disc(&image, center, 16.0));
        }
        let outside =
            |region: &Region| region.difference(&truth).len() as f64 / region.len() as f64;
        assert!(
            outside(&plain) > 0.2 && outside(&painted) < 0.02,
            "{} {}",
            outside(&plain),
            outside(&painted)
        );
        assert!(dice(&painted, &plain.intersection(&truth)) > 0.98);
    }

    #[test]
    fn without_an_edge_the_whole_disc_is_painted() {
        for sigma in [0.0, 1.0, 30.0] {
            let image = noisy_picture(120, 5, sigma, |_, _| 70.0);
            let painted = smart_disc(&image, [60.3, 59.1], [40.0; 2], 0.5);
            let whole = disc(&image, [60.3, 59.1], 40.0);
            assert!(
                painted.len() as f64 >= 0.995 * whole.len() as f64,
                "{sigma}: {} {}",
                painted.len(),
                whole.len()
            );
        }
    }

    #[test]
    fn a_thin_wall_is_not_crossed() {
        let image = noisy_picture(100, 9, 6.0, |x, _| {
            if (52.0..56.0).contains(&x) {
                160.0
            } else {
                80.0
            }
        });
        let painted = smart_disc(&image, [40.0, 50.0], [30.0; 2], 0.5);
        let beyond: usize = painted
            .spans()
            .iter()
            .map(|s| s.end.saturating_sub(54))
            .sum();
        assert!(
            beyond == 0 && painted.len() > 1800,
            "{beyond} {}",
            painted.len()
        );
    }

    #[test]
    fn single_outlier_pixels_leave_no_holes() {
        let (mut image, _) = phantom(1, 4.0);
        if let Pixels::F32(values) = &mut image.pixels {
            (0..values.len())
                .step_by(37)
                .for_each(|i| values[i] = 900.0);
        }
        let painted = smart_disc(&image, [80.0, 80.0], [30.0; 2], 0.5);
        assert_eq!(painted, disc(&image, [80.0, 80.0], 30.0));
    }

    #[test]
    fn a_brush_larger_than_its_grid_gives_the_same_contour() {
        let image = noisy_picture(420, 2, 15.0, |x, _| if x < 210.0 { 50.0 } else { 120.0 });
        let painted = smart_disc(&image, [120.0, 210.0], [150.0; 2], 0.5);
        let half = Region::from_fn(
            &PixelRect {
                columns: 0..210,
                rows: 0..420,
            },
            |_, _| true,
        );
        let wanted = disc(&image, [120.0, 210.0], 150.0).intersection(&half);
        assert!(
            dice(&painted, &wanted) > 0.98,
            "{}",
            dice(&painted, &wanted)
        );
    }

    #[test]
    fn nothing_is_painted_outside_of_the_image() {
        let image = noisy_picture(8, 1, 1.0, |_, _| 0.0);
        for center in [[-0.1, 3.0], [3.0, 8.0], [f64::NAN, 1.0]] {
            assert!(smart_disc(&image, center, [5.0; 2], 0.5).is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_brush_gives_a_connected_part_of_the_disc_that_contains_the_pointer(
            values in proptest::collection::vec(any::<u8>(), 30 * 24),
            center in [0.0f64..30.0, 0.0f64..24.0],
            radii in [0.2f64..14.0, 0.2f64..14.0],
            sensitivity in -0.2f64..1.2,
        ) {
            let image = Image::new(30, 24, Pixels::U8(values)).expect("size");
            let painted = smart_disc(&image, center, radii, sensitivity);
            let pointer = (center[0] as usize, center[1] as usize);
            prop_assert!(painted.contains(pointer.0, pointer.1));
            prop_assert!(painted.difference(&smart_disc(&image, center, radii, 0.0)).is_empty());
            prop_assert_eq!(keep_connected_part(&painted, pointer, 0), painted);
        }
    }
}

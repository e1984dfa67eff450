//! Grey levels of an image at low resolution, and the edge and brightness features computed from them.

use super::{DIRECTIONS, FIELDS};
use crate::image::{Contrast, Image, Pixels};
use std::{f64::consts::TAU, ops::Range};

/// Maximum side length of the reduced image, in cells.
const SIDE: usize = 96;
/// About this many pixels are sampled each way for one cell.
const SAMPLES: usize = 6;
/// Grey levels up to this one count as black.
const BLACK: f64 = 0.03;

/// Reduced image: grey levels 0..=1, and the colourfulness of the image.
#[derive(Clone)]
pub(super) struct GreyStatistics {
    columns: usize,
    rows: usize,
    pub(super) levels: Vec<f64>,
    pub(super) colour: f64,
}

impl GreyStatistics {
    /// Reduces an image to at most [`SIDE`] cells each way, each the mean of its pixels, without black borders.
    pub(super) fn from_image(image: &Image) -> Self {
        let contrast = image.first_contrast();
        let mut columns = [0, image.columns];
        let mut rows = [0, image.rows];
        let mut seen = Self::from_samples(image, contrast, columns, rows);
        // Repeat, as the first result is coarse if the border is wide.
        for _ in 0..3 {
            let [x, y] = seen.content_bounds();
            if [x, y] == [[0, seen.columns], [0, seen.rows]] {
                break;
            }
            columns = pixels_of_cells(x, columns, seen.columns);
            rows = pixels_of_cells(y, rows, seen.rows);
            seen = Self::from_samples(image, contrast, columns, rows);
        }
        Self {
            colour: mean_colourfulness(image),
            ..seen
        }
    }

    /// Reduces a part of the image; `columns` and `rows` are half-open ranges.
    fn from_samples(
        image: &Image,
        contrast: Contrast<'_>,
        columns: [usize; 2],
        rows: [usize; 2],
    ) -> Self {
        let width = (columns[1] - columns[0]).max(1);
        let height = (rows[1] - rows[0]).max(1);
        let scale = (SIDE as f64 / width.max(height) as f64).min(1.0);
        let across = scaled_side(width, scale);
        let down = scaled_side(height, scale);
        let mut levels = Vec::with_capacity(across * down);
        for y in 0..down {
            let top = rows[0] + y * height / down;
            let bottom = rows[0] + (y + 1) * height / down;
            for x in 0..across {
                let left = columns[0] + x * width / across;
                let right = columns[0] + (x + 1) * width / across;
                levels.push(mean_displayed_level(
                    image,
                    contrast,
                    left..right,
                    top..bottom,
                ));
            }
        }
        Self {
            columns: across,
            rows: down,
            levels,
            colour: 0.0,
        }
    }

    /// Ranges of columns and rows that are not entirely black.
    fn content_bounds(&self) -> [[usize; 2]; 2] {
        [
            bounds_where(self.columns, |x| self.has_content_in_column(x)),
            bounds_where(self.rows, |y| self.has_content_in_row(y)),
        ]
    }

    fn has_content_in_column(&self, x: usize) -> bool {
        (0..self.rows).any(|y| self.level_at(x, y) > BLACK)
    }

    fn has_content_in_row(&self, y: usize) -> bool {
        (0..self.columns).any(|x| self.level_at(x, y) > BLACK)
    }

    #[inline]
    fn level_at(&self, x: usize, y: usize) -> f64 {
        self.levels[y * self.columns + x]
    }

    /// Stretches the range from the 1st to the 99th percentile to 0..=1.
    pub(super) fn with_stretched_contrast(&self) -> Self {
        let mut sorted = self.levels.clone();
        sorted.sort_by(f64::total_cmp);
        let low = value_at_share(&sorted, 0.01);
        let high = value_at_share(&sorted, 0.99);
        let scale = 1.0 / (high - low).max(1e-3);
        let levels = self
            .levels
            .iter()
            .map(|v| ((v - low) * scale).clamp(0.0, 1.0))
            .collect();
        Self { levels, ..*self }
    }

    pub(super) fn mirrored_horizontally(&self) -> Self {
        let levels = self
            .levels
            .chunks_exact(self.columns)
            .flat_map(|row| row.iter().rev())
            .copied()
            .collect();
        Self { levels, ..*self }
    }

    /// Crops these shares (0..=1) at the left, top, right and bottom.
    pub(super) fn with_cropped_margins(&self, [left, top, right, bottom]: [f64; 4]) -> Self {
        let across = range_between_margins(self.columns, left, right);
        let down = range_between_margins(self.rows, top, bottom);
        let levels = down
            .clone()
            .flat_map(|y| &self.levels[y * self.columns..][across.clone()])
            .copied()
            .collect();
        Self {
            columns: across.len(),
            rows: down.len(),
            levels,
            colour: self.colour,
        }
    }

    pub(super) fn with_gamma(&self, gamma: f64) -> Self {
        Self {
            levels: self.levels.iter().map(|v| v.powf(gamma)).collect(),
            ..*self
        }
    }

    pub(super) fn at_half_size(&self) -> Self {
        let columns = (self.columns / 2).max(1);
        let rows = (self.rows / 2).max(1);
        let levels = (0..columns * rows)
            .map(|i| self.mean_of_four(2 * (i % columns), 2 * (i / columns)))
            .collect();
        Self {
            columns,
            rows,
            levels,
            colour: self.colour,
        }
    }

    /// Mean of a level and its three neighbours to the right and below.
    #[inline]
    fn mean_of_four(&self, x: usize, y: usize) -> f64 {
        (self.nearest_level(x, y)
            + self.nearest_level(x + 1, y)
            + self.nearest_level(x, y + 1)
            + self.nearest_level(x + 1, y + 1))
            / 4.0
    }

    /// The level at a cell, clamped to the last column and row.
    #[inline]
    fn nearest_level(&self, x: usize, y: usize) -> f64 {
        self.level_at(x.min(self.columns - 1), y.min(self.rows - 1))
    }

    /// Strength of the edges, its unevenness, their fineness, and the share of each direction.
    pub(super) fn edge_statistics(&self) -> [f64; DIRECTIONS + 3] {
        let mut directions = [0.0; DIRECTIONS];
        let mut sum = 0.0;
        let mut squares = 0.0;
        let mut curvature = 0.0;
        let mut count = 0.0f64;
        for y in 1..self.rows.saturating_sub(1) {
            for x in 1..self.columns.saturating_sub(1) {
                let right = self.level_at(x + 1, y);
                let left = self.level_at(x - 1, y);
                let below = self.level_at(x, y + 1);
                let above = self.level_at(x, y - 1);
                let dx = (right - left) / 2.0;
                let dy = (below - above) / 2.0;
                let strength = dx.hypot(dy);
                let turn = (dy.atan2(dx) / TAU).rem_euclid(1.0);
                directions[(turn * DIRECTIONS as f64) as usize % DIRECTIONS] += strength;
                sum += strength;
                squares += strength * strength;
                curvature += (4.0 * self.level_at(x, y) - right - left - below - above).abs();
                count += 1.0;
            }
        }
        let count = count.max(1.0);
        let mean = sum / count;
        let total = sum + 1e-6;
        let deviation = (squares / count - mean * mean).max(0.0).sqrt();
        let mut figures = [0.0; DIRECTIONS + 3];
        figures[..3].copy_from_slice(&[
            (mean + 1e-3).ln(),
            log_ratio(deviation, mean),
            log_ratio(curvature / count, mean),
        ]);
        figures[3..].copy_from_slice(&directions.map(|strength| strength / total));
        figures
    }

    /// Mean brightness of each field, row-major.
    pub(super) fn field_means(&self) -> Vec<f64> {
        (0..FIELDS * FIELDS)
            .map(|i| self.mean_of_field(i % FIELDS, i / FIELDS))
            .collect()
    }

    /// Mean level of one field.
    fn mean_of_field(&self, column: usize, row: usize) -> f64 {
        let columns = range_of_field(column, self.columns);
        let rows = range_of_field(row, self.rows);
        let count = (rows.len() * columns.len()).max(1) as f64;
        let levels = rows.flat_map(|y| columns.clone().map(move |x| self.level_at(x, y)));
        levels.sum::<f64>() / count
    }
}

/// Converts a range of cells to pixels; `whole` is the pixel range of all `cells`.
fn pixels_of_cells(part: [usize; 2], whole: [usize; 2], cells: usize) -> [usize; 2] {
    part.map(|cell| whole[0] + cell * (whole[1] - whole[0]) / cells.max(1))
}

/// Number of cells for a side of `pixels` pixels.
fn scaled_side(pixels: usize, scale: f64) -> usize {
    ((pixels as f64 * scale).round() as usize).clamp(1, SIDE)
}

/// Mean displayed brightness of a block of pixels, 0 (black) to 1 (white), from about [`SAMPLES`] pixels each way; for
/// an empty block that of its first pixel.
fn mean_displayed_level(
    image: &Image,
    contrast: Contrast<'_>,
    columns: Range<usize>,
    rows: Range<usize>,
) -> f64 {
    let column_step = (columns.len() / SAMPLES).max(1);
    let row_step = (rows.len() / SAMPLES).max(1);
    let last_column = columns.end.max(columns.start + 1);
    let last_row = rows.end.max(rows.start + 1);
    let mut sum = 0.0;
    let mut count = 0.0;
    for row in (rows.start..last_row).step_by(row_step) {
        for column in (columns.start..last_column).step_by(column_step) {
            let value = image.modality_value(row * image.columns + column);
            sum += image.displayed_level(contrast, value).clamp(0.0, 1.0);
            count += 1.0;
        }
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Half-open range from the first to the last of `count` indices for which `holds` is true; all if there are none.
fn bounds_where(count: usize, holds: impl Fn(usize) -> bool) -> [usize; 2] {
    let first = (0..count).find(|i| holds(*i)).unwrap_or(0);
    let end = (0..count)
        .rev()
        .find(|i| holds(*i))
        .map_or(count, |i| i + 1);
    if end > first {
        [first, end]
    } else {
        [0, count]
    }
}

/// The quantile `share` (0..=1) of sorted values, not interpolated; 0 without values.
fn value_at_share(sorted: &[f64], share: f64) -> f64 {
    sorted
        .get((share * sorted.len() as f64) as usize)
        .copied()
        .unwrap_or(0.0)
}

/// Range of `count` indices without these shares (0..=1) at the start and the end; at least one index.
fn range_between_margins(count: usize, before: f64, after: f64) -> Range<usize> {
    let first = (count as f64 * before) as usize;
    let end = count - (count as f64 * after) as usize;
    first..end.max(first + 1).min(count)
}

/// Logarithm of `value / mean`, kept finite for 0.
fn log_ratio(value: f64, mean: f64) -> f64 {
    (value / (mean + 1e-6) + 1e-3).ln()
}

/// Range of the cells of one field along a side of `count` cells.
fn range_of_field(field: usize, count: usize) -> Range<usize> {
    field * count / FIELDS..((field + 1) * count / FIELDS).max(1)
}

/// Mean difference between the highest and the lowest of red, green and blue, 0..=1.
fn mean_colourfulness(image: &Image) -> f64 {
    let Pixels::Rgb8(pixels) = &image.pixels else {
        return 0.0;
    };
    let step = (pixels.len() / 10_000).max(1);
    let mut sum = 0.0;
    let mut count = 0.0;
    for pixel in pixels.iter().step_by(step) {
        sum += channel_spread(*pixel);
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}

/// Difference between the highest and the lowest of red, green and blue, 0..=1.
#[inline]
fn channel_spread([r, g, b]: [u8; 3]) -> f64 {
    let highest = r.max(g).max(b);
    let lowest = r.min(g).min(b);
    f64::from(highest - lowest) / 255.0
}

//! The grey levels of a picture, and the figures of edges and brightness that are counted over them.

use super::{DIRECTIONS, FIELDS};
use crate::image::{Image, Pixels};

/// Longest side of what is looked at, in pixels.
const SIDE: usize = 96;
/// At most so many pixels each way stand for one of what is looked at.
const SAMPLES: usize = 6;

/// Grey levels 0..=1, and how colourful the picture is.
#[derive(Clone)]
pub(super) struct GreyStatistics {
    columns: usize,
    rows: usize,
    pub(super) levels: Vec<f64>,
    pub(super) colour: f64,
}

impl GreyStatistics {
    /// At most [`SIDE`] pixels each way, each the mean of what it stands for; borders of nothing but black left out.
    pub(super) fn from_image(image: &Image) -> Self {
        let contrast = image.first_contrast();
        let level = |index: usize| {
            image
                .displayed_level(contrast, image.modality_value(index))
                .clamp(0.0, 1.0)
        };
        let (mut columns, mut rows) = ([0, image.columns], [0, image.rows]);
        let place = |part: [usize; 2], of: [usize; 2], cells: usize| {
            part.map(|cell| of[0] + cell * (of[1] - of[0]) / cells.max(1))
        };
        let mut seen = Self::from_samples(columns, rows, image.columns, &level);
        // Once more, since what is seen the first time is coarse where the border is wide.
        for _ in 0..3 {
            let [x, y] = seen.content_bounds();
            if [x, y] == [[0, seen.columns], [0, seen.rows]] {
                break;
            }
            (columns, rows) = (place(x, columns, seen.columns), place(y, rows, seen.rows));
            seen = Self::from_samples(columns, rows, image.columns, &level);
        }
        Self {
            colour: mean_colourfulness(image),
            ..seen
        }
    }

    fn from_samples(
        columns: [usize; 2],
        rows: [usize; 2],
        stride: usize,
        level: &dyn Fn(usize) -> f64,
    ) -> Self {
        let (width, height) = ((columns[1] - columns[0]).max(1), (rows[1] - rows[0]).max(1));
        let scale = (SIDE as f64 / width.max(height) as f64).min(1.0);
        let side = |pixels: usize| ((pixels as f64 * scale).round() as usize).clamp(1, SIDE);
        let (across, down) = (side(width), side(height));
        let mut levels = Vec::with_capacity(across * down);
        for y in 0..down {
            let (top, bottom) = (
                rows[0] + y * height / down,
                rows[0] + (y + 1) * height / down,
            );
            for x in 0..across {
                let (left, right) = (
                    columns[0] + x * width / across,
                    columns[0] + (x + 1) * width / across,
                );
                let (mut sum, mut count) = (0.0, 0.0);
                for row in (top..bottom.max(top + 1)).step_by(((bottom - top) / SAMPLES).max(1)) {
                    for column in
                        (left..right.max(left + 1)).step_by(((right - left) / SAMPLES).max(1))
                    {
                        sum += level(row * stride + column);
                        count += 1.0;
                    }
                }
                levels.push(if count > 0.0 { sum / count } else { 0.0 });
            }
        }
        Self {
            columns: across,
            rows: down,
            levels,
            colour: 0.0,
        }
    }

    /// Columns and rows that hold more than black.
    fn content_bounds(&self) -> [[usize; 2]; 2] {
        const BLACK: f64 = 0.03;
        let column = |x: usize| (0..self.rows).any(|y| self.levels[y * self.columns + x] > BLACK);
        let row = |y: usize| {
            self.levels[y * self.columns..(y + 1) * self.columns]
                .iter()
                .any(|v| *v > BLACK)
        };
        let span = |count: usize, holds: &dyn Fn(usize) -> bool| {
            let first = (0..count).find(|i| holds(*i)).unwrap_or(0);
            let last = (0..count)
                .rev()
                .find(|i| holds(*i))
                .map_or(count, |i| i + 1);
            if last > first {
                [first, last]
            } else {
                [0, count]
            }
        };
        [span(self.columns, &column), span(self.rows, &row)]
    }

    /// From black to white between the 1st and the 99th percentile.
    pub(super) fn with_stretched_contrast(&self) -> Self {
        let mut sorted = self.levels.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            sorted
                .get((share * sorted.len() as f64) as usize)
                .copied()
                .unwrap_or(0.0)
        };
        let (low, high) = (at(0.01), at(0.99));
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

    /// Without these shares at the left, the top, the right and the bottom.
    pub(super) fn with_cropped_margins(&self, [left, top, right, bottom]: [f64; 4]) -> Self {
        let span = |count: usize, before: f64, after: f64| {
            let first = (count as f64 * before) as usize;
            let last = count - (count as f64 * after) as usize;
            first..last.max(first + 1).min(count)
        };
        let (across, down) = (
            span(self.columns, left, right),
            span(self.rows, top, bottom),
        );
        let row = |y: usize| &self.levels[y * self.columns..][across.clone()];
        let levels = down.clone().flat_map(row).copied().collect();
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
        let (columns, rows) = ((self.columns / 2).max(1), (self.rows / 2).max(1));
        let at = |x: usize, y: usize| {
            self.levels[y.min(self.rows - 1) * self.columns + x.min(self.columns - 1)]
        };
        let mean = |x: usize, y: usize| {
            (at(2 * x, 2 * y)
                + at(2 * x + 1, 2 * y)
                + at(2 * x, 2 * y + 1)
                + at(2 * x + 1, 2 * y + 1))
                / 4.0
        };
        let levels = (0..columns * rows)
            .map(|i| mean(i % columns, i / columns))
            .collect();
        Self {
            columns,
            rows,
            levels,
            colour: self.colour,
        }
    }

    /// How strong edges are, how uneven and how fine, and the share of each direction.
    pub(super) fn edge_statistics(&self) -> [f64; DIRECTIONS + 3] {
        let mut directions = [0.0; DIRECTIONS];
        let (mut sum, mut squares, mut curvature, mut count) = (0.0, 0.0, 0.0, 0.0f64);
        let at = |x: usize, y: usize| self.levels[y * self.columns + x];
        for y in 1..self.rows.saturating_sub(1) {
            for x in 1..self.columns.saturating_sub(1) {
                let (right, left, below, above) =
                    (at(x + 1, y), at(x - 1, y), at(x, y + 1), at(x, y - 1));
                let (dx, dy) = ((right - left) / 2.0, (below - above) / 2.0);
                let strength = dx.hypot(dy);
                let turn = (dy.atan2(dx) / std::f64::consts::TAU).rem_euclid(1.0);
                directions[(turn * DIRECTIONS as f64) as usize % DIRECTIONS] += strength;
                sum += strength;
                squares += strength * strength;
                curvature += (4.0 * at(x, y) - right - left - below - above).abs();
                count += 1.0;
            }
        }
        let count = count.max(1.0);
        let (mean, total) = (sum / count, sum + 1e-6);
        let deviation = (squares / count - mean * mean).max(0.0).sqrt();
        let ratio = |value: f64| (value / (mean + 1e-6) + 1e-3).ln();
        let mut figures = [0.0; DIRECTIONS + 3];
        figures[..3].copy_from_slice(&[
            (mean + 1e-3).ln(),
            ratio(deviation),
            ratio(curvature / count),
        ]);
        figures[3..].copy_from_slice(&directions.map(|strength| strength / total));
        figures
    }

    /// How bright each field is.
    pub(super) fn field_means(&self) -> Vec<f64> {
        let cut = |part: usize, count: usize| part * count / FIELDS;
        let mean = |i: usize| {
            let rows = cut(i / FIELDS, self.rows)..cut(i / FIELDS + 1, self.rows).max(1);
            let columns = cut(i % FIELDS, self.columns)..cut(i % FIELDS + 1, self.columns).max(1);
            let count = (rows.len() * columns.len()).max(1) as f64;
            rows.flat_map(|y| {
                columns
                    .clone()
                    .map(move |x| self.levels[y * self.columns + x])
            })
            .sum::<f64>()
                / count
        };
        (0..FIELDS * FIELDS).map(mean).collect()
    }
}

/// The mean distance between the highest and the lowest of red, green and blue, 0..=1.
fn mean_colourfulness(image: &Image) -> f64 {
    let Pixels::Rgb8(pixels) = &image.pixels else {
        return 0.0;
    };
    let step = (pixels.len() / 10_000).max(1);
    let spread = |[r, g, b]: &[u8; 3]| f64::from(r.max(g).max(b) - r.min(g).min(b)) / 255.0;
    let (sum, count) = pixels
        .iter()
        .step_by(step)
        .fold((0.0, 0.0), |(sum, n), pixel| (sum + spread(pixel), n + 1.0));
    sum / f64::max(count, 1.0)
}

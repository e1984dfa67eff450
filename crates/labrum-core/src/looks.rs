//! What a picture looks like, in figures, and whether it looks like those that a model learned from.
//!
//! Grey levels, the strength and the directions of edges at three scales, and where it is bright: enough to tell an
//! ultrasound of a fetal head from an X-ray or an endoscopy, whatever the file is called. It does not tell what is in it.

use super::image::Image;
use serde::{Deserialize, Serialize};

/// Figures of a look.
pub const FIGURES: usize = LEVELS.len() + SCALES * (DIRECTIONS + 3) + FIELDS * FIELDS + 1;
/// Longest side of what is looked at, in pixels.
const SIDE: usize = 96;
/// The share of pixels below each of these levels.
const LEVELS: [f64; 5] = [0.05, 0.15, 0.3, 0.5, 0.7];
/// Edges are looked at in so many sizes, each half of the one before.
const SCALES: usize = 3;
/// Directions of edges that are told apart.
const DIRECTIONS: usize = 8;
/// The picture is divided into so many fields each way.
const FIELDS: usize = 4;
/// At most so many pixels each way stand for one of what is looked at.
const SAMPLES: usize = 6;
/// The share of the learned looks that must be like the others.
const OWN: f64 = 0.99;
/// How much of the covariance is taken for independent figures, so that few looks do not fit too closely.
const SHRINKAGE: f64 = 0.1;
/// Beyond so many standard deviations a figure says no more for or against.
const FAR: f64 = 6.0;

/// What a picture looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    figures: Vec<f64>,
}

/// What the pictures look like that a model learned from, and what others look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    mean: Vec<f32>,
    deviation: Vec<f32>,
    /// The inverse of the correlations of the figures.
    precision: Vec<f32>,
    /// The Mahalanobis distance within which a look is like those learned from.
    limit: f32,
    /// Weights of the figures for the pictures learned from and against others, and a constant.
    weights: Vec<f32>,
    constant: f32,
    /// Pictures that it learned from.
    pub like: usize,
    /// Other pictures.
    pub unlike: usize,
}

impl Look {
    /// The look of a picture as it is first shown, without black borders.
    pub fn from_image(image: &Image) -> Self {
        Self::of_grey(&GreyStatistics::from_image(image))
    }

    /// Looks that the picture could have had as well: mirrored, cut a little closer, darker and brighter.
    pub fn augmented_variants(image: &Image) -> Vec<Self> {
        let grey = GreyStatistics::from_image(image);
        let crops = [[0.05, 0.0, 0.02, 0.06], [0.0, 0.06, 0.05, 0.0]];
        let mut variants = vec![
            Self::of_grey(&grey),
            Self::of_grey(&grey.mirrored_horizontally()),
        ];
        variants.extend(
            crops
                .iter()
                .map(|crop| Self::of_grey(&grey.with_cropped_margins(*crop))),
        );
        variants.extend([0.75, 1.35].map(|gamma| Self::of_grey(&grey.with_gamma(gamma))));
        variants
    }

    fn of_grey(grey: &GreyStatistics) -> Self {
        let grey = grey.with_stretched_contrast();
        let mut figures = Vec::with_capacity(FIGURES);
        let count = grey.levels.len().max(1) as f64;
        figures.extend(
            LEVELS.map(|level| grey.levels.iter().filter(|v| **v < level).count() as f64 / count),
        );
        let mut scaled = grey.clone();
        for _ in 0..SCALES {
            figures.extend(scaled.edge_statistics());
            scaled = scaled.at_half_size();
        }
        figures.extend(grey.field_means());
        figures.push(grey.colour);
        Self { figures }
    }
}

/// Grey levels 0..=1, and how colourful the picture is.
#[derive(Clone)]
struct GreyStatistics {
    columns: usize,
    rows: usize,
    levels: Vec<f64>,
    colour: f64,
}

impl GreyStatistics {
    /// At most [`SIDE`] pixels each way, each the mean of what it stands for; borders of nothing but black left out.
    fn from_image(image: &Image) -> Self {
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
    fn with_stretched_contrast(&self) -> Self {
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

    fn mirrored_horizontally(&self) -> Self {
        let levels = self
            .levels
            .chunks_exact(self.columns)
            .flat_map(|row| row.iter().rev())
            .copied()
            .collect();
        Self { levels, ..*self }
    }

    /// Without these shares at the left, the top, the right and the bottom.
    fn with_cropped_margins(&self, [left, top, right, bottom]: [f64; 4]) -> Self {
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

    fn with_gamma(&self, gamma: f64) -> Self {
        Self {
            levels: self.levels.iter().map(|v| v.powf(gamma)).collect(),
            ..*self
        }
    }

    fn at_half_size(&self) -> Self {
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
    fn edge_statistics(&self) -> [f64; DIRECTIONS + 3] {
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
    fn field_means(&self) -> Vec<f64> {
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
    let super::image::Pixels::Rgb8(pixels) = &image.pixels else {
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

impl Looks {
    /// From pictures that a model learned from and others; `None` where there are too few to say anything.
    pub fn from_examples(like: &[Look], unlike: &[Look]) -> Option<Self> {
        const FEWEST: usize = 2 * FIGURES;
        if like.len() < FEWEST {
            return None;
        }
        let count = like.len() as f64;
        let mean: Vec<f64> = (0..FIGURES)
            .map(|i| like.iter().map(|l| l.figures[i]).sum::<f64>() / count)
            .collect();
        let variance = |i: usize| {
            like.iter()
                .map(|l| (l.figures[i] - mean[i]).powi(2))
                .sum::<f64>()
                / count
        };
        // A figure that never changed would make the least of changes a large one.
        let deviation: Vec<f64> = (0..FIGURES).map(|i| variance(i).sqrt().max(0.01)).collect();
        let scaled = |look: &Look| -> Vec<f64> {
            (0..FIGURES)
                .map(|i| (look.figures[i] - mean[i]) / deviation[i])
                .collect()
        };
        let own: Vec<Vec<f64>> = like.iter().map(scaled).collect();
        let others: Vec<Vec<f64>> = unlike.iter().map(scaled).collect();
        let precision = invert_matrix(&shrunk_correlations(&own))?;
        let mut distances: Vec<f64> = own
            .iter()
            .map(|figures| mahalanobis_distance(figures, |at| precision[at]))
            .collect();
        distances.sort_by(f64::total_cmp);
        let limit = distances[((OWN * count) as usize).min(distances.len() - 1)];
        let (weights, constant) = fit_logistic_regression(&own, &others);
        let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect();
        Some(Self {
            mean: single(&mean),
            deviation: single(&deviation),
            precision: single(&precision),
            limit: limit as f32,
            weights: single(&weights),
            constant: constant as f32,
            like: like.len(),
            unlike: unlike.len(),
        })
    }

    /// True for a picture that looks like those learned from, and not like the others.
    pub fn is_familiar(&self, look: &Look) -> bool {
        let is_whole = self.mean.len() == FIGURES
            && self.deviation.len() == FIGURES
            && self.weights.len() == FIGURES
            && self.precision.len() == FIGURES * FIGURES;
        if !is_whole {
            return false;
        }
        let scaled =
            |i: usize| (look.figures[i] - f64::from(self.mean[i])) / f64::from(self.deviation[i]);
        let figures: Vec<f64> = (0..FIGURES).map(scaled).collect();
        // Asked for each case in sight in every frame: nothing is copied.
        mahalanobis_distance(&figures, |at| f64::from(self.precision[at])) <= f64::from(self.limit)
            && (self.unlike == 0
                || linear_score(
                    &figures,
                    |i| f64::from(self.weights[i]),
                    f64::from(self.constant),
                ) > 0.0)
    }
}

/// Mahalanobis distance from the mean; `precision` row by row.
fn mahalanobis_distance(figures: &[f64], precision: impl Fn(usize) -> f64) -> f64 {
    let row = |i: usize| {
        figures
            .iter()
            .enumerate()
            .map(|(j, f)| precision(i * FIGURES + j) * f)
            .sum::<f64>()
    };
    figures
        .iter()
        .enumerate()
        .map(|(i, f)| f * row(i))
        .sum::<f64>()
        .max(0.0)
        .sqrt()
}

fn linear_score(figures: &[f64], weight: impl Fn(usize) -> f64, constant: f64) -> f64 {
    constant
        + figures
            .iter()
            .enumerate()
            .map(|(i, f)| f.clamp(-FAR, FAR) * weight(i))
            .sum::<f64>()
}

/// How the figures go together, row by row, drawn towards figures that have nothing to do with each other.
fn shrunk_correlations(own: &[Vec<f64>]) -> Vec<f64> {
    let of = |i: usize, j: usize| own.iter().map(|f| f[i] * f[j]).sum::<f64>() / own.len() as f64;
    let shrunk =
        |i: usize, j: usize| (1.0 - SHRINKAGE) * of(i, j) + if i == j { SHRINKAGE } else { 0.0 };
    (0..FIGURES * FIGURES)
        .map(|at| shrunk(at / FIGURES, at % FIGURES))
        .collect()
}

/// The inverse of a matrix of [`FIGURES`] rows, by Gauss and Jordan; `None` where it has none.
fn invert_matrix(matrix: &[f64]) -> Option<Vec<f64>> {
    let mut left = matrix.to_vec();
    let mut right: Vec<f64> = (0..FIGURES * FIGURES)
        .map(|i| f64::from(i % FIGURES == i / FIGURES))
        .collect();
    for column in 0..FIGURES {
        let pivot = (column..FIGURES).max_by(|a, b| {
            left[a * FIGURES + column]
                .abs()
                .total_cmp(&left[b * FIGURES + column].abs())
        })?;
        let value = left[pivot * FIGURES + column];
        if value.abs() < 1e-12 {
            return None;
        }
        for k in 0..FIGURES {
            for matrix in [&mut left, &mut right] {
                matrix.swap(column * FIGURES + k, pivot * FIGURES + k);
                matrix[column * FIGURES + k] /= value;
            }
        }
        for row in (0..FIGURES).filter(|row| *row != column) {
            let factor = left[row * FIGURES + column];
            for k in 0..FIGURES {
                for matrix in [&mut left, &mut right] {
                    matrix[row * FIGURES + k] -= factor * matrix[column * FIGURES + k];
                }
            }
        }
    }
    Some(right)
}

/// Logistic regression by gradient descent; each side weighs the same, however many pictures it has.
fn fit_logistic_regression(own: &[Vec<f64>], others: &[Vec<f64>]) -> (Vec<f64>, f64) {
    const STEPS: usize = 2000;
    const RATE: f64 = 0.3;
    const DECAY: f64 = 1e-3;
    let (mut weights, mut constant) = (vec![0.0; FIGURES], 0.0);
    if others.is_empty() {
        return (weights, constant);
    }
    let sides = [(own, 1.0), (others, 0.0)];
    for _ in 0..STEPS {
        let (mut gradient, mut slope) = (vec![0.0; FIGURES], 0.0);
        for (looks, wanted) in sides {
            for figures in looks {
                let probability =
                    1.0 / (1.0 + (-linear_score(figures, |i| weights[i], constant)).exp());
                let error = (probability - wanted) / looks.len() as f64;
                gradient
                    .iter_mut()
                    .zip(figures)
                    .for_each(|(g, f)| *g += error * f.clamp(-FAR, FAR));
                slope += error;
            }
        }
        weights
            .iter_mut()
            .zip(&gradient)
            .for_each(|(w, g)| *w -= RATE * (g + DECAY * *w));
        constant -= RATE * slope;
    }
    (weights, constant)
}

#[cfg(test)]
mod tests;

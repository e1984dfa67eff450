//! What a picture looks like, in figures, and whether it looks like those that a model learned from.
//!
//! Grey levels, the strength and the directions of edges at three scales, and where it is bright: enough to tell an
//! ultrasound of a fetal head from an X-ray or an endoscopy, whatever the file is called. It does not tell what is in it.

mod grey;

use super::image::Image;
use grey::GreyStatistics;
use serde::{Deserialize, Serialize};

/// Figures of a look.
pub const FIGURES: usize = LEVELS.len() + SCALES * (DIRECTIONS + 3) + FIELDS * FIELDS + 1;
/// The share of pixels below each of these levels.
const LEVELS: [f64; 5] = [0.05, 0.15, 0.3, 0.5, 0.7];
/// Edges are looked at in so many sizes, each half of the one before.
const SCALES: usize = 3;
/// Directions of edges that are told apart.
const DIRECTIONS: usize = 8;
/// The picture is divided into so many fields each way.
const FIELDS: usize = 4;
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

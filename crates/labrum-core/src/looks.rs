//! Describes the appearance of an image by features, and tells whether it resembles a model's training images.
//!
//! Features: grey levels, strength and directions of edges at three scales, and where the image is bright. They are
//! enough to tell a fetal head ultrasound from an X-ray or an endoscopy, whatever the file name, but do not identify
//! anatomy.

mod grey;

use super::image::Image;
use grey::GreyStatistics;
use serde::{Deserialize, Serialize};

/// Number of features of a look.
pub const FIGURES: usize = LEVELS.len() + SCALES * (DIRECTIONS + 3) + FIELDS * FIELDS + 1;
/// Grey levels at which the cumulative histogram is sampled.
const LEVELS: [f64; 5] = [0.05, 0.15, 0.3, 0.5, 0.7];
/// Number of scales at which edges are measured, each half the size of the one before.
const SCALES: usize = 3;
/// Number of edge directions distinguished.
const DIRECTIONS: usize = 8;
/// The image is divided into this many fields each way.
const FIELDS: usize = 4;
/// Share of the training images that must lie within the limit. With 0.99, the limit is so wide that several times as many
/// images of kinds that were never seen lie within it; see assets/README.md.
const OWN: f64 = 0.95;
/// The limit comes from distances that are measured in this many parts, each without the part itself.
const PARTS: usize = 5;
/// Number of blocks that the parts are made of.
const BLOCKS: usize = 10 * PARTS;
/// Shrinkage of the correlations towards independent features, against overfitting with few images.
const SHRINKAGE: f64 = 0.1;
/// Features are clamped to this many standard deviations.
const FAR: f64 = 6.0;

/// The appearance of an image, as features.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    figures: Vec<f64>,
}

/// The appearance of a model's training images, and how it differs from other images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    mean: Vec<f32>,
    deviation: Vec<f32>,
    /// Inverse of the correlation matrix of the features, row-major.
    precision: Vec<f32>,
    /// Maximum Mahalanobis distance of a look that resembles the training images.
    limit: f32,
    /// Weights (and `constant`) of the logistic regression: positive scores for training images, negative for others.
    weights: Vec<f32>,
    constant: f32,
    /// Number of training images.
    pub like: usize,
    /// Number of other images.
    pub unlike: usize,
}

impl Look {
    /// The look of an image with its initial contrast, without black borders.
    pub fn from_image(image: &Image) -> Self {
        Self::of_grey(&GreyStatistics::from_image(image))
    }

    /// Looks of variants of the image: mirrored, slightly cropped, darker and brighter.
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

    /// The features standardized: distance from the mean in standard deviations.
    fn scaled_figures(&self, mean: &[f64], deviation: &[f64]) -> Vec<f64> {
        (0..FIGURES)
            .map(|i| (self.figures[i] - mean[i]) / deviation[i])
            .collect()
    }
}

impl Looks {
    /// Learns from a model's training images (`like`) and other images; `None` if there are too few training images.
    pub fn from_examples(like: &[Look], unlike: &[Look]) -> Option<Self> {
        const FEWEST: usize = 2 * FIGURES;
        if like.len() < FEWEST {
            return None;
        }
        let normal = Normal::from_looks(like)?;
        let limit = distance_limit(like)?;
        let standardize = |look: &Look| look.scaled_figures(&normal.mean, &normal.deviation);
        let own: Vec<Vec<f64>> = like.iter().map(standardize).collect();
        let others: Vec<Vec<f64>> = unlike.iter().map(standardize).collect();
        let (weights, constant) = fit_logistic_regression(&own, &others);
        Some(Self {
            mean: to_single_precision(&normal.mean),
            deviation: to_single_precision(&normal.deviation),
            precision: to_single_precision(&normal.precision),
            limit: limit as f32,
            weights: to_single_precision(&weights),
            constant: constant as f32,
            like: like.len(),
            unlike: unlike.len(),
        })
    }

    /// True for an image that resembles the training images and not the others.
    pub fn is_familiar(&self, look: &Look) -> bool {
        let Some(figures) = self.scaled_figures(look) else {
            return false;
        };
        self.distance(&figures) <= f64::from(self.limit)
            && (self.unlike == 0
                || linear_score(
                    &figures,
                    |i| f64::from(self.weights[i]),
                    f64::from(self.constant),
                ) > 0.0)
    }

    /// How likely a look is among the training images: the logarithm of the density of a normal distribution, up to a
    /// constant that is the same for all models. Of two models, the one with the higher value fits the image better.
    /// `None` if these looks are damaged.
    pub fn log_density(&self, look: &Look) -> Option<f64> {
        let figures = self.scaled_figures(look)?;
        let log_deviations: f64 = self.deviation.iter().map(|d| f64::from(*d).ln()).sum();
        let density = 0.5 * log_determinant(&self.precision)?
            - log_deviations
            - 0.5 * self.distance(&figures).powi(2);
        density.is_finite().then_some(density)
    }

    /// The features of a look, standardized; `None` if these looks are damaged.
    fn scaled_figures(&self, look: &Look) -> Option<Vec<f64>> {
        let is_whole = self.mean.len() == FIGURES
            && self.deviation.len() == FIGURES
            && self.weights.len() == FIGURES
            && self.precision.len() == FIGURES * FIGURES;
        is_whole.then(|| {
            (0..FIGURES)
                .map(|i| (look.figures[i] - f64::from(self.mean[i])) / f64::from(self.deviation[i]))
                .collect()
        })
    }

    /// Mahalanobis distance of standardized features. Called for each visible case in every frame, so nothing is copied.
    fn distance(&self, figures: &[f64]) -> f64 {
        mahalanobis_distance(figures, |at| f64::from(self.precision[at]))
    }
}

/// A normal distribution of looks.
struct Normal {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// Inverse of the correlation matrix, row-major.
    precision: Vec<f64>,
}

impl Normal {
    /// `None` if the correlations cannot be inverted.
    fn from_looks(looks: &[Look]) -> Option<Self> {
        let count = looks.len() as f64;
        let mean: Vec<f64> = (0..FIGURES)
            .map(|i| looks.iter().map(|l| l.figures[i]).sum::<f64>() / count)
            .collect();
        // A minimum, as otherwise any change of a constant feature would count as large.
        let deviation: Vec<f64> = (0..FIGURES)
            .map(|i| variance_of_figure(looks, i, mean[i]).sqrt().max(0.01))
            .collect();
        let scaled: Vec<Vec<f64>> = looks
            .iter()
            .map(|look| look.scaled_figures(&mean, &deviation))
            .collect();
        let precision = invert_matrix(&shrunk_correlations(&scaled))?;
        Some(Self {
            mean,
            deviation,
            precision,
        })
    }

    fn distance(&self, look: &Look) -> f64 {
        let figures = look.scaled_figures(&self.mean, &self.deviation);
        mahalanobis_distance(&figures, |at| self.precision[at])
    }
}

/// The distance within which the share [`OWN`] of the training images lies, each measured from those of the other parts:
/// from all of them, an image would also be measured from itself and seem nearer than a new one. The parts consist of
/// blocks of looks that follow one another, so that the images of a subject are rarely in two parts.
fn distance_limit(like: &[Look]) -> Option<f64> {
    let part_of = |index: usize| index * BLOCKS / like.len() % PARTS;
    let mut distances = Vec::with_capacity(like.len());
    for part in 0..PARTS {
        let (inside, outside): (Vec<usize>, Vec<usize>) =
            (0..like.len()).partition(|index| part_of(*index) == part);
        let others: Vec<Look> = outside.iter().map(|index| like[*index].clone()).collect();
        let normal = Normal::from_looks(&others)?;
        distances.extend(inside.iter().map(|index| normal.distance(&like[*index])));
    }
    distances.sort_by(f64::total_cmp);
    let at = (OWN * distances.len() as f64) as usize;
    distances
        .get(at.min(distances.len().saturating_sub(1)))
        .copied()
}

/// Variance of one feature.
fn variance_of_figure(looks: &[Look], figure: usize, mean: f64) -> f64 {
    let squares = looks.iter().map(|l| (l.figures[figure] - mean).powi(2));
    squares.sum::<f64>() / looks.len() as f64
}

fn to_single_precision(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

/// Mahalanobis distance from the mean; `precision` is row-major.
fn mahalanobis_distance(figures: &[f64], precision: impl Fn(usize) -> f64) -> f64 {
    figures
        .iter()
        .enumerate()
        .map(|(row, f)| f * weighted_sum(figures, |column| precision(row * FIGURES + column)))
        .sum::<f64>()
        .max(0.0)
        .sqrt()
}

/// Weighted sum of the features.
#[inline]
fn weighted_sum(figures: &[f64], weight: impl Fn(usize) -> f64) -> f64 {
    figures
        .iter()
        .enumerate()
        .map(|(i, f)| weight(i) * f)
        .sum::<f64>()
}

fn linear_score(figures: &[f64], weight: impl Fn(usize) -> f64, constant: f64) -> f64 {
    constant
        + figures
            .iter()
            .enumerate()
            .map(|(i, f)| f.clamp(-FAR, FAR) * weight(i))
            .sum::<f64>()
}

/// Correlation matrix of the features, row-major, shrunk towards the identity.
fn shrunk_correlations(own: &[Vec<f64>]) -> Vec<f64> {
    let mut correlations = Vec::with_capacity(FIGURES * FIGURES);
    for row in 0..FIGURES {
        for column in 0..FIGURES {
            // The identity: the correlation matrix of independent features.
            let independent = if row == column { SHRINKAGE } else { 0.0 };
            let together = mean_product(own, row, column);
            correlations.push((1.0 - SHRINKAGE) * together + independent);
        }
    }
    correlations
}

/// Mean product of two features over the looks; for standardized features their correlation.
fn mean_product(looks: &[Vec<f64>], i: usize, j: usize) -> f64 {
    looks.iter().map(|f| f[i] * f[j]).sum::<f64>() / looks.len() as f64
}

/// Gauss-Jordan inverse of a square matrix of [`FIGURES`] rows; `None` if it is singular.
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

/// Logarithm of the determinant of a symmetric matrix of [`FIGURES`] rows, row-major, by Cholesky decomposition; `None` if
/// it is not positive definite.
fn log_determinant(matrix: &[f32]) -> Option<f64> {
    let mut lower = vec![0.0; FIGURES * FIGURES];
    let mut sum = 0.0;
    for row in 0..FIGURES {
        for column in 0..=row {
            let [this, other] = [row, column].map(|r| r * FIGURES);
            let product: f64 = (0..column)
                .map(|k| lower[this + k] * lower[other + k])
                .sum();
            let rest = f64::from(matrix[this + column]) - product;
            if column < row {
                lower[this + column] = rest / lower[other + column];
            } else if rest > 0.0 {
                lower[this + column] = rest.sqrt();
                sum += rest.ln();
            } else {
                return None;
            }
        }
    }
    Some(sum)
}

/// Logistic regression by gradient descent; both classes have equal weight, however many images they have.
fn fit_logistic_regression(own: &[Vec<f64>], others: &[Vec<f64>]) -> (Vec<f64>, f64) {
    const STEPS: usize = 2000;
    const RATE: f64 = 0.3;
    const DECAY: f64 = 1e-3;
    let mut weights = vec![0.0; FIGURES];
    let mut constant = 0.0;
    if others.is_empty() {
        return (weights, constant);
    }
    let sides = [(own, 1.0), (others, 0.0)];
    for _ in 0..STEPS {
        let mut gradient = vec![0.0; FIGURES];
        let mut slope = 0.0;
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
pub(crate) mod tests;

//! Boundary difference-over-union loss: Sun, Luo, Li, "Boundary Difference Over Union Loss for Medical Image
//! Segmentation", MICCAI 2023, arXiv 2308.00220.
//!
//! For each class k, background included, with P = softmax(logits) and G = (labels == k), over the whole batch:
//!
//! ```text
//! C = pixels of G with a 4-neighbour outside G (outside of the image counts), S = pixels of G
//! alpha = min(1 - 2 (C + eps) / (S + eps), cap)      in [-1, cap], a constant for the gradient
//! L = (sum P^2 + sum G - 2 sum PG + eps) / (sum P^2 + sum G - (1 + alpha) sum PG + eps)
//! ```
//!
//! and the loss is the mean of L over the classes.

use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use serde::Serialize;

/// Avoids division by zero for empty classes.
const EPS: f64 = 1e-5;

/// How a class without pixels in the batch (or sample) is treated.
///
/// With the paper's formula such a class gives alpha = -1 and L = 1 exactly, with almost no gradient: false positives
/// of this class are not penalised through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// As in the paper: L = 1 enters the mean. Values are comparable with published ones, but empty images teach only
    /// through the classes that are present.
    #[default]
    Paper,
    /// The class is left out of the mean: the classes that are present get its weight, so that an empty image teaches
    /// through background.
    LeaveOut,
}

/// Options of the loss; the defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoundaryDou {
    /// Upper bound of alpha.
    pub cap: f64,
    /// Sum over each sample separately and average over samples, instead of summing over the whole batch.
    pub per_sample: bool,
    /// Include class 0, the background.
    pub background: bool,
    /// Pixels with this label are ignored.
    pub ignore: Option<u8>,
    /// How a class without pixels is treated.
    pub absent: Absent,
    /// Weight of an added cross-entropy term (mean over pixels); 0 for none.
    pub cross_entropy: f64,
    /// Weight of an added squared Dice term (the same formula with alpha = -1); 0 for none.
    pub dice: f64,
}

impl Default for BoundaryDou {
    fn default() -> Self {
        Self {
            cap: 0.8,
            per_sample: false,
            background: true,
            ignore: None,
            absent: Absent::Paper,
            cross_entropy: 0.0,
            dice: 0.0,
        }
    }
}

/// Ground truth of a batch: labels `[B,H,W]` and, optionally, a weight for each pixel (1 is neutral).
#[derive(Clone, Copy, Debug)]
pub struct Truth<'a> {
    /// Labels in row-major order, sample after sample.
    pub labels: &'a [u8],
    /// One weight per label, at least 0: higher for pixels that a person changed.
    pub weights: Option<&'a [f32]>,
}

impl BoundaryDou {
    /// The loss of logits `[B,K,H,W]`, a tensor of one element.
    ///
    /// # Panics
    /// If `truth` does not have B*H*W labels: a programming error, like any other shape mismatch.
    pub fn compute_loss(&self, logits: Tensor<4>, truth: Truth<'_>) -> Tensor<1> {
        let [b, k, h, w] = logits.dims();
        assert_eq!(
            truth.labels.len(),
            b * h * w,
            "wrong number of labels for logits of {b}x{k}x{h}x{w}"
        );
        let device = logits.device();
        let pixel_weight = self.pixel_weights(truth);
        let probs = softmax(logits.clone(), 1);
        let shares = if self.per_sample { b } else { 1 };
        let samples = b / shares;
        let pixels = h * w;
        let mut terms = Vec::new();
        for share in 0..shares {
            let span = share * samples * pixels..(share + 1) * samples * pixels;
            let part = SamplePart {
                probs: probs.clone().narrow(0, share * samples, samples),
                labels: &truth.labels[span.clone()],
                weights: pixel_weight.as_deref().map(|v| &v[span]),
                dims: [samples, h, w],
                device: &device,
            };
            terms.push(self.part_loss(&part, k));
        }
        let n = terms.len() as f64;
        let mut loss = Tensor::cat(terms, 0).sum() / n;
        if self.cross_entropy > 0.0 {
            loss = loss
                + cross_entropy(logits, truth.labels, pixel_weight.as_deref()) * self.cross_entropy;
        }
        loss
    }

    /// Pixel weights, 0 for ignored pixels; `None` if all are 1.
    fn pixel_weights(&self, truth: Truth<'_>) -> Option<Vec<f32>> {
        if self.ignore.is_none() && truth.weights.is_none() {
            return None;
        }
        let mut pixel_weights = Vec::with_capacity(truth.labels.len());
        for (i, &label) in truth.labels.iter().enumerate() {
            let weight = truth.weights.map_or(1.0, |weights| weights[i]);
            pixel_weights.push(weight * f32::from(Some(label) != self.ignore));
        }
        Some(pixel_weights)
    }

    /// Mean loss over the classes for one set of samples.
    fn part_loss(&self, part: &SamplePart<'_>, classes: usize) -> Tensor<1> {
        let first = usize::from(!self.background);
        let mut sum: Option<Tensor<1>> = None;
        let mut count = 0.0;
        for class in first..classes {
            let (boundary, size) = boundary_and_size(part.labels, part.dims, class as u8);
            if size == 0 && self.absent == Absent::LeaveOut {
                continue;
            }
            let mut term = part.class_loss(class, class_alpha(boundary, size, self.cap));
            if self.dice > 0.0 {
                term = term + part.class_loss(class, -1.0) * self.dice;
            }
            sum = Some(sum.map_or(term.clone(), |s| s + term));
            count += 1.0;
        }
        sum.map_or_else(|| part.probs.clone().sum() * 0.0, |s| s / count)
    }
}

/// Samples that are summed over together.
struct SamplePart<'a> {
    probs: Tensor<4>,
    labels: &'a [u8],
    weights: Option<&'a [f32]>,
    dims: [usize; 3],
    device: &'a Device,
}

impl SamplePart<'_> {
    /// L of one class as N / (N + (1 - alpha) I), with N = sum (P - G)^2 + eps and I = sum PG: the same value, without
    /// cancellation.
    fn class_loss(&self, class: usize, alpha: f64) -> Tensor<1> {
        let samples = self.dims[0];
        let truth = self.single_plane(
            self.labels
                .iter()
                .map(|&l| f32::from(usize::from(l) == class))
                .collect(),
        );
        let p = self.probs.clone().slice([0..samples, class..class + 1]);
        let mut wrong = (p.clone() - truth.clone()).square();
        let mut both = p * truth;
        if let Some(weights) = self.weights {
            let weights = self.single_plane(weights.to_vec());
            wrong = wrong * weights.clone();
            both = both * weights;
        }
        let n = sum_all(wrong) + EPS;
        let d = n.clone() + sum_all(both) * (1.0 - alpha);
        n / d
    }

    /// One value per pixel as a tensor [B,1,H,W].
    fn single_plane(&self, values: Vec<f32>) -> Tensor<4> {
        let [samples, rows, columns] = self.dims;
        let data = TensorData::new(values, [samples, 1, rows, columns]);
        Tensor::from_data(data, self.device)
    }
}

/// The sum of all elements, row by row first: a plain running sum of a million floats loses the fifth digit.
fn sum_all(x: Tensor<4>) -> Tensor<1> {
    x.sum_dim(3).sum_dim(2).sum()
}

/// alpha of a class with `boundary` of its `size` pixels on the boundary.
pub fn class_alpha(boundary: usize, size: usize, cap: f64) -> f64 {
    (1.0 - 2.0 * (boundary as f64 + EPS) / (size as f64 + EPS)).min(cap)
}

/// Number of boundary pixels of `class` (at the image edge, or with a 4-neighbour of another class) and of all its
/// pixels. The dimensions are samples, rows, columns.
pub fn boundary_and_size(
    labels: &[u8],
    [samples, rows, columns]: [usize; 3],
    class: u8,
) -> (usize, usize) {
    let (mut boundary, mut size) = (0, 0);
    for sample in labels.chunks_exact((rows * columns).max(1)).take(samples) {
        for y in 0..rows {
            for x in 0..columns {
                let at = y * columns + x;
                if sample[at] != class {
                    continue;
                }
                size += 1;
                let is_on_edge = y == 0 || x == 0 || y + 1 == rows || x + 1 == columns;
                if is_on_edge || has_other_neighbour(sample, columns, at) {
                    boundary += 1;
                }
            }
        }
    }
    (boundary, size)
}

/// True if a 4-neighbour of the pixel is of another class. The pixel must not lie on the image edge.
#[inline]
fn has_other_neighbour(labels: &[u8], columns: usize, at: usize) -> bool {
    let class = labels[at];
    labels[at - columns] != class
        || labels[at + columns] != class
        || labels[at - 1] != class
        || labels[at + 1] != class
}

/// Weighted mean of the cross-entropy over the pixels.
pub(super) fn cross_entropy(
    logits: Tensor<4>,
    labels: &[u8],
    weights: Option<&[f32]>,
) -> Tensor<1> {
    let [b, k, h, w] = logits.dims();
    let log_probs = burn::tensor::activation::log_softmax(logits.clone(), 1);
    let mut picked = vec![0.0f32; b * k * h * w];
    let mut sum = 0.0f64;
    for (i, &label) in labels
        .iter()
        .enumerate()
        .filter(|(_, l)| usize::from(**l) < k)
    {
        let weight = weights.map_or(1.0, |v| v[i]);
        let sample = i / (h * w);
        let pixel = i % (h * w);
        picked[(sample * k + usize::from(label)) * h * w + pixel] = weight;
        sum += f64::from(weight);
    }
    let picked = Tensor::<4>::from_data(TensorData::new(picked, [b, k, h, w]), &logits.device());
    sum_all(log_probs * picked) * (-1.0 / sum.max(1.0))
}

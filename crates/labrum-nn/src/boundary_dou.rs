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

use super::kernels::{self, ClassTerm, RegionLoss, gpu_counts::tensor_on_device};
use burn::tensor::{Device, Tensor, TensorData, activation::softmax};
use rayon::prelude::*;
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
        let pixel_weights = self.pixel_weights(truth);
        let shares = if self.per_sample { b } else { 1 };
        let terms = self.class_terms(truth.labels, [b, k, h, w], shares);
        if kernels::on_cpu(&logits) {
            let call = RegionLoss {
                labels: truth.labels.into(),
                weights: pixel_weights.map(Into::into),
                shares,
                terms: terms.into(),
                eps: EPS,
                cross_entropy: self.cross_entropy,
            };
            return kernels::region_loss(logits, call);
        }
        self.loss_by_tensors(logits, truth.labels, pixel_weights.as_deref(), &terms)
    }

    /// The terms of the classes: each share of the samples counts the same, and so does each of its classes.
    fn class_terms(
        &self,
        labels: &[u8],
        [b, k, h, w]: [usize; 4],
        shares: usize,
    ) -> Vec<ClassTerm> {
        let mut terms = Vec::new();
        let samples = b / shares;
        for (share, labels) in labels.chunks_exact(samples * h * w).enumerate() {
            let first = terms.len();
            for class in usize::from(!self.background)..k {
                let (boundary, size) = boundary_and_size(labels, [samples, h, w], class as u8);
                if size > 0 || self.absent == Absent::Paper {
                    terms.push(ClassTerm {
                        share,
                        class,
                        alpha: class_alpha(boundary, size, self.cap),
                        factor: 1.0,
                    });
                }
            }
            let classes = (terms.len() - first).max(1);
            for term in &mut terms[first..] {
                term.factor = 1.0 / (classes * shares) as f64;
            }
        }
        if self.dice > 0.0 {
            let dice = |term: &ClassTerm| ClassTerm {
                alpha: -1.0,
                factor: term.factor * self.dice,
                ..*term
            };
            terms.extend(terms.iter().map(dice).collect::<Vec<_>>());
        }
        terms
    }

    /// The loss by burn's operations, for devices without a kernel of Labrum's.
    fn loss_by_tensors(
        &self,
        logits: Tensor<4>,
        labels: &[u8],
        weights: Option<&[f32]>,
        terms: &[ClassTerm],
    ) -> Tensor<1> {
        let [b, _, h, w] = logits.dims();
        let device = logits.device();
        let probs = softmax(logits.clone(), 1);
        let samples = if self.per_sample { 1 } else { b };
        let mut sum: Option<Tensor<1>> = None;
        for term in terms {
            let first = term.share * samples;
            let span = first * h * w..(first + samples) * h * w;
            let part = SamplePart {
                probs: probs.clone().narrow(0, first, samples),
                labels: &labels[span.clone()],
                weights: weights.map(|v| &v[span]),
                dims: [samples, h, w],
                device: &device,
            };
            let loss = part.class_loss(term.class, term.alpha) * term.factor;
            sum = Some(match sum {
                Some(sum) => sum + loss,
                None => loss,
            });
        }
        let mut loss = sum.unwrap_or_else(|| sum_all(probs) * 0.0);
        if self.cross_entropy > 0.0 {
            loss = loss + cross_entropy(logits, labels, weights) * self.cross_entropy;
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
        tensor_on_device(data, self.device)
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
    labels
        .par_chunks_exact((rows * columns).max(1))
        .take(samples)
        .map(|sample| sample_boundary_and_size(sample, [rows, columns], class))
        .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
}

fn sample_boundary_and_size(
    sample: &[u8],
    [rows, columns]: [usize; 2],
    class: u8,
) -> (usize, usize) {
    let (mut boundary, mut size) = (0, 0);
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
    let picked = TensorData::new(picked, [b, k, h, w]);
    let picked = tensor_on_device::<4>(picked, &logits.device());
    sum_all(log_probs * picked) * (-1.0 / sum.max(1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Loss and gradient by the CPU kernel, and by burn's operations.
    fn both_ways(
        loss: &BoundaryDou,
        (logits, shape): (&[f32], [usize; 4]),
        truth: Truth<'_>,
    ) -> [(f32, Vec<f32>); 2] {
        let input = || {
            let data = TensorData::new(logits.to_vec(), shape);
            Tensor::<4>::from_data(data, &Device::flex().autodiff()).require_grad()
        };
        let with_gradient = |x: Tensor<4>, value: Tensor<1>| {
            let gradient = x.grad(&value.backward()).unwrap();
            let gradient = gradient.into_data().try_into_vec::<f32>().unwrap();
            (value.into_scalar::<f32>(), gradient)
        };
        let (fused, plain) = (input(), input());
        let value = loss.compute_loss(fused.clone(), truth);
        let weights = loss.pixel_weights(truth);
        let shares = if loss.per_sample { 2 } else { 1 };
        let terms = loss.class_terms(truth.labels, shape, shares);
        let expected =
            loss.loss_by_tensors(plain.clone(), truth.labels, weights.as_deref(), &terms);
        [with_gradient(fused, value), with_gradient(plain, expected)]
    }

    proptest! {
        #[test]
        fn the_kernel_agrees_with_tensor_operations(
            logits in proptest::collection::vec(-6.0f32..6.0, 144),
            labels in proptest::collection::vec(0u8..4, 48),
            weights in proptest::option::of(proptest::collection::vec(0.0f32..3.0, 48)),
            (per_sample, background, leave_out) in any::<(bool, bool, bool)>(),
            (cross_entropy, dice) in (prop_oneof![Just(0.0), Just(0.4)], prop_oneof![Just(0.0), Just(0.7)]),
            ignores in any::<bool>(),
        ) {
            let loss = BoundaryDou {
                per_sample,
                background,
                absent: if leave_out { Absent::LeaveOut } else { Absent::Paper },
                ignore: ignores.then_some(3),
                cross_entropy,
                dice,
                ..BoundaryDou::default()
            };
            let truth = Truth { labels: &labels, weights: weights.as_deref() };
            let [(value, gradient), (expected, slopes)] = both_ways(&loss, (&logits, [2, 3, 4, 6]), truth);
            prop_assert!((value - expected).abs() < 1e-5, "{value} {expected}");
            for (got, wanted) in gradient.iter().zip(&slopes) {
                prop_assert!((got - wanted).abs() < 1e-6 + 1e-4 * wanted.abs(), "{got} {wanted}");
            }
        }
    }

    #[test]
    fn the_kernel_agrees_with_tensor_operations_on_large_images() {
        let shape = [2, 3, 130, 130];
        let pixels = 2 * 130 * 130;
        let logits: Vec<f32> = (0..3 * pixels)
            .map(|i| 3.0 * (i as f32 * 0.37).sin())
            .collect();
        let labels: Vec<u8> = (0..pixels).map(|i| (i / 700 % 3) as u8).collect();
        let weights: Vec<f32> = (0..pixels).map(|i| 1.0 + (i % 5) as f32).collect();
        let loss = BoundaryDou {
            per_sample: true,
            cross_entropy: 0.2,
            ..BoundaryDou::default()
        };
        let truth = Truth {
            labels: &labels,
            weights: Some(&weights),
        };
        let [(value, gradient), (expected, slopes)] = both_ways(&loss, (&logits, shape), truth);
        assert!((value - expected).abs() < 1e-4, "{value} {expected}");
        let largest = slopes.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        for (got, wanted) in gradient.iter().zip(&slopes) {
            assert!((got - wanted).abs() < 1e-3 * largest, "{got} {wanted}");
        }
    }

    #[test]
    fn a_logit_that_is_not_a_number_makes_the_loss_so() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut logits = vec![0.5; 8];
            logits[3] = value;
            let data = TensorData::new(logits, [1, 2, 2, 2]);
            let truth = Truth {
                labels: &[0, 1, 1, 0],
                weights: None,
            };
            let logits = Tensor::<4>::from_data(data, &Device::flex());
            let loss = BoundaryDou::default().compute_loss(logits, truth);
            assert!(loss.into_scalar::<f32>().is_nan(), "{value}");
        }
    }
}

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

/// Keeps empty classes finite.
const EPS: f64 = 1e-5;

/// What becomes of a class that no pixel of the batch (or sample) has.
///
/// With the paper's formula such a class gives alpha = -1 and L = 1 exactly, with next to no gradient: what the network
/// draws there by mistake is not held against it by that class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// As in the paper: L = 1 goes into the mean. Values are comparable with published ones, nothing is learned from
    /// empty images but through the classes that are present.
    #[default]
    Paper,
    /// The class is left out of the mean: present classes (background in an empty image) get its share of the weight,
    /// so that an empty image does teach, through background.
    LeaveOut,
}

/// Options of the loss; the defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoundaryDou {
    /// Upper bound of alpha.
    pub cap: f64,
    /// Sums over each sample apart, then the mean over samples; else over the whole batch.
    pub per_sample: bool,
    /// Class 0 takes part.
    pub background: bool,
    /// Pixels with this label take part in nothing.
    pub ignore: Option<u8>,
    /// What becomes of a class without pixels.
    pub absent: Absent,
    /// Weight of a cross-entropy term that is added (mean over pixels); 0 for none.
    pub cross_entropy: f64,
    /// Weight of a squared Dice term that is added: the same formula with alpha = -1; 0 for none.
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

/// Truth of a batch: labels `[B,H,W]` and, where given, a weight for each pixel (1 is neutral).
#[derive(Clone, Copy, Debug)]
pub struct Truth<'a> {
    /// Labels, row after row, sample after sample.
    pub labels: &'a [u8],
    /// As many weights, at least 0: stress on pixels that a person changed.
    pub weights: Option<&'a [f32]>,
}

impl BoundaryDou {
    /// The loss of logits `[B,K,H,W]`, a tensor of one element.
    ///
    /// # Panics
    /// Where `truth` does not have B*H*W labels: a mistake of the caller, like any other shape mismatch.
    pub fn compute_loss(&self, logits: Tensor<4>, truth: Truth<'_>) -> Tensor<1> {
        let [b, k, h, w] = logits.dims();
        assert_eq!(
            truth.labels.len(),
            b * h * w,
            "labels do not fit logits of {b}x{k}x{h}x{w}"
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

    /// Weights with 0 where a pixel is ignored; `None` where all are 1.
    fn pixel_weights(&self, truth: Truth<'_>) -> Option<Vec<f32>> {
        if self.ignore.is_none() && truth.weights.is_none() {
            return None;
        }
        let weight = |i: usize| truth.weights.map_or(1.0, |v| v[i]);
        let kept = |l: u8| f32::from(Some(l) != self.ignore);
        Some(
            truth
                .labels
                .iter()
                .enumerate()
                .map(|(i, &l)| weight(i) * kept(l))
                .collect(),
        )
    }

    /// Mean over the classes for one set of samples.
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

/// Samples whose sums belong together.
struct SamplePart<'a> {
    probs: Tensor<4>,
    labels: &'a [u8],
    weights: Option<&'a [f32]>,
    dims: [usize; 3],
    device: &'a Device,
}

impl SamplePart<'_> {
    /// L of one class, as N / (N + (1 - alpha) I) with N = sum (P - G)^2 + eps: the same, without cancellation.
    fn class_loss(&self, class: usize, alpha: f64) -> Tensor<1> {
        let [b, h, w] = self.dims;
        let tensor = |values: Vec<f32>| {
            Tensor::<4>::from_data(TensorData::new(values, [b, 1, h, w]), self.device)
        };
        let truth = tensor(
            self.labels
                .iter()
                .map(|&l| f32::from(usize::from(l) == class))
                .collect(),
        );
        let p = self.probs.clone().slice([0..b, class..class + 1]);
        let mut wrong = (p.clone() - truth.clone()).square();
        let mut both = p * truth;
        if let Some(weights) = self.weights {
            let weights = tensor(weights.to_vec());
            wrong = wrong * weights.clone();
            both = both * weights;
        }
        let n = sum_all(wrong) + EPS;
        let d = n.clone() + sum_all(both) * (1.0 - alpha);
        n / d
    }
}

/// The sum over all, row by row first: a plain running sum of a million floats would lose the fifth digit.
fn sum_all(x: Tensor<4>) -> Tensor<1> {
    x.sum_dim(3).sum_dim(2).sum()
}

/// alpha of a class with `boundary` of its `size` pixels on the boundary.
pub fn class_alpha(boundary: usize, size: usize, cap: f64) -> f64 {
    (1.0 - 2.0 * (boundary as f64 + EPS) / (size as f64 + EPS)).min(cap)
}

/// Pixels of `class` with one of the 4 neighbours elsewhere, and all its pixels; `dims` is samples, rows, columns.
pub fn boundary_and_size(
    labels: &[u8],
    [samples, rows, columns]: [usize; 3],
    class: u8,
) -> (usize, usize) {
    let (mut boundary, mut size) = (0, 0);
    for sample in labels.chunks_exact((rows * columns).max(1)).take(samples) {
        let is = |y: usize, x: usize| sample[y * columns + x] == class;
        for y in 0..rows {
            for x in (0..columns).filter(|&x| is(y, x)) {
                size += 1;
                let on_edge = y == 0 || x == 0 || y + 1 == rows || x + 1 == columns;
                if on_edge || !is(y - 1, x) || !is(y + 1, x) || !is(y, x - 1) || !is(y, x + 1) {
                    boundary += 1;
                }
            }
        }
    }
    (boundary, size)
}

/// Mean cross-entropy over the pixels, weighted.
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
        let (sample, pixel) = (i / (h * w), i % (h * w));
        picked[(sample * k + usize::from(label)) * h * w + pixel] = weight;
        sum += f64::from(weight);
    }
    let picked = Tensor::<4>::from_data(TensorData::new(picked, [b, k, h, w]), &logits.device());
    sum_all(log_probs * picked) * (-1.0 / sum.max(1.0))
}

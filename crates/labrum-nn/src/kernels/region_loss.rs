//! Boundary DoU, Dice and cross-entropy of a batch on the CPU: the loss and its gradient in two passes over the logits.
//!
//! With P = softmax(logits), G = (labels == k) and pixel weights w, each term is
//!
//! ```text
//! N = sum w (P - G)^2 + eps,  I = sum w P G,  L = N / (N + (1 - alpha) I)
//! dL/dP = 2 w (P - G) dL/dN + w G dL/dI
//! ```
//!
//! The first pass computes P and the sums, the second turns P into the gradient of the logits.

use super::buffers::take_buffer;
use super::simd::{detected_arch, dot_product, exp};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::sync::Arc;

/// Number of pixels that are processed together; their values stay in the L1 cache.
const PART: usize = 1024;
/// Number of pixels of a task.
const TASK: usize = 16 * PART;

/// L of one class in one share of the samples, times a factor.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct ClassTerm {
    pub share: usize,
    pub class: usize,
    pub alpha: f64,
    pub factor: f64,
}

/// A loss that is a sum of class terms and a weighted cross-entropy. A pixel's cross-entropy is at most 87, since smaller
/// probabilities are not told apart; its gradient has no such limit.
#[derive(Clone, Debug)]
pub(in super::super) struct RegionLoss {
    /// Labels `[B,H,W]`.
    pub labels: Arc<[u8]>,
    /// A weight for each pixel; `None` if all are 1.
    pub weights: Option<Arc<[f32]>>,
    /// Number of parts of equal size that the samples are divided into; sums do not extend beyond a part.
    pub shares: usize,
    pub terms: Arc<[ClassTerm]>,
    /// Avoids division by zero for empty classes.
    pub eps: f64,
    /// Weight of the cross-entropy (mean over the pixels with a label of the network); 0 for none.
    pub cross_entropy: f64,
}

/// Samples, classes, and pixels of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct LossSizes {
    pub batch: usize,
    pub classes: usize,
    pub pixels: usize,
}

/// The loss of logits [B,K,H,W], and the gradient of the logits.
pub(super) fn loss_and_gradient(
    logits: &[f32],
    call: &RegionLoss,
    s: LossSizes,
) -> (f64, Vec<f32>) {
    let mut gradient = take_buffer(logits.len());
    let sums: Vec<TaskSums> = tasks(&mut gradient, s)
        .into_par_iter()
        .map(|task| task.sum_up(logits, call, s))
        .collect();
    let total = Total::from_tasks(&sums, call, s);
    tasks(&mut gradient, s)
        .into_par_iter()
        .for_each(|task| task.turn_into_gradient(call, &total, s));
    (total.loss, gradient)
}

/// Some pixels of a sample: their probabilities, later the gradient of their logits, one slice per class.
struct Task<'a> {
    sample: usize,
    first: usize,
    planes: Vec<&'a mut [f32]>,
}

fn tasks(values: &mut [f32], s: LossSizes) -> Vec<Task<'_>> {
    let mut all = Vec::new();
    for (sample, values) in values.chunks_exact_mut(s.classes * s.pixels).enumerate() {
        let begin = all.len();
        all.extend((0..s.pixels).step_by(TASK).map(|first| Task {
            sample,
            first,
            planes: Vec::with_capacity(s.classes),
        }));
        for plane in values.chunks_exact_mut(s.pixels) {
            for (task, pixels) in all[begin..].iter_mut().zip(plane.chunks_mut(TASK)) {
                task.planes.push(pixels);
            }
        }
    }
    all
}

/// N without eps, and I.
type ClassSums = [f64; 2];

/// Sums over the pixels of a task.
struct TaskSums {
    sample: usize,
    classes: Vec<ClassSums>,
    /// Cross-entropy, and the weights of its pixels.
    entropy: [f64; 2],
    /// 0, or NaN if a logit is not finite.
    check: f32,
}

/// Labels and weights of up to [`PART`] pixels.
#[derive(Clone, Copy)]
struct PartTruth<'a> {
    labels: &'a [u8],
    weights: &'a [f32],
}

const NEUTRAL: [f32; PART] = [1.0; PART];

impl RegionLoss {
    fn part_truth(&self, start: usize, count: usize) -> PartTruth<'_> {
        PartTruth {
            labels: &self.labels[start..start + count],
            weights: match &self.weights {
                Some(weights) => &weights[start..start + count],
                None => &NEUTRAL[..count],
            },
        }
    }
}

impl Task<'_> {
    fn pixel_count(&self) -> usize {
        self.planes.first().map_or(0, |plane| plane.len())
    }

    fn sum_up(mut self, logits: &[f32], call: &RegionLoss, s: LossSizes) -> TaskSums {
        let mut sums = TaskSums {
            sample: self.sample,
            classes: vec![[0.0; 2]; s.classes],
            entropy: [0.0; 2],
            check: 0.0,
        };
        for start in (0..self.pixel_count()).step_by(PART) {
            let count = PART.min(self.pixel_count() - start);
            let at = self.first + start;
            let of_class =
                |class| &logits[(self.sample * s.classes + class) * s.pixels + at..][..count];
            let job = SumJob {
                logits: (0..s.classes).map(of_class).collect(),
                probabilities: parts_of(&mut self.planes, start, count),
                truth: call.part_truth(self.sample * s.pixels + at, count),
                with_entropy: call.cross_entropy > 0.0,
                sums: &mut sums,
            };
            detected_arch().dispatch(job);
        }
        sums
    }

    fn turn_into_gradient(mut self, call: &RegionLoss, total: &Total, s: LossSizes) {
        let share = self.sample * call.shares / s.batch;
        for start in (0..self.pixel_count()).step_by(PART) {
            let count = PART.min(self.pixel_count() - start);
            let at = self.sample * s.pixels + self.first + start;
            let job = GradientJob {
                values: parts_of(&mut self.planes, start, count),
                truth: call.part_truth(at, count),
                slopes: &total.slopes[share * s.classes..][..s.classes],
                entropy_slope: total.entropy_slope,
            };
            detected_arch().dispatch(job);
        }
    }
}

fn parts_of<'a>(planes: &'a mut [&mut [f32]], start: usize, count: usize) -> Vec<&'a mut [f32]> {
    planes
        .iter_mut()
        .map(|plane| &mut plane[start..start + count])
        .collect()
}

/// Probabilities of a part, and their sums.
struct SumJob<'a> {
    logits: Vec<&'a [f32]>,
    probabilities: Vec<&'a mut [f32]>,
    truth: PartTruth<'a>,
    with_entropy: bool,
    sums: &'a mut TaskSums,
}

impl WithSimd for SumJob<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            logits,
            mut probabilities,
            truth: PartTruth { labels, weights },
            with_entropy,
            sums,
        } = self;
        sums.check += softmax(simd, &logits, &mut probabilities);
        let (mut wrong, mut weighted, mut both) = ([0.0; PART], [0.0; PART], [0.0; PART]);
        let (wrong, weighted) = (&mut wrong[..labels.len()], &mut weighted[..labels.len()]);
        let both = &mut both[..labels.len()];
        for (class, p) in probabilities.iter().enumerate() {
            for i in 0..labels.len() {
                let g = one_if_class(labels[i], class);
                wrong[i] = p[i] - g;
                weighted[i] = weights[i] * wrong[i];
                both[i] = weights[i] * g;
            }
            let [n, common] = &mut sums.classes[class];
            *n += f64::from(dot_product(simd, wrong, weighted));
            *common += f64::from(dot_product(simd, p, both));
        }
        if with_entropy {
            for (i, label) in labels.iter().enumerate() {
                if let Some(p) = probabilities.get(usize::from(*label)) {
                    let weight = f64::from(weights[i]);
                    sums.entropy[0] -= weight * f64::from(p[i].max(f32::MIN_POSITIVE).ln());
                    sums.entropy[1] += weight;
                }
            }
        }
    }
}

/// G: 1 for a pixel of the class, else 0.
#[inline(always)]
fn one_if_class(label: u8, class: usize) -> f32 {
    f32::from(u8::from(usize::from(label) == class))
}

/// Writes the softmax over the classes. Returns 0, or NaN if a logit is not finite.
#[inline(always)]
fn softmax<S: Simd>(simd: S, logits: &[&[f32]], out: &mut [&mut [f32]]) -> f32 {
    let pixels = logits[0].len();
    let mut below = simd.splat_f32s(0.0);
    for at in (0..pixels).step_by(S::F32_LANES) {
        let end = pixels.min(at + S::F32_LANES);
        let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
        for plane in logits {
            largest = simd.max_f32s(largest, simd.partial_load_f32s(&plane[at..end]));
        }
        let mut sum = simd.splat_f32s(0.0);
        for (plane, out) in logits.iter().zip(&mut *out) {
            let off = simd.sub_f32s(simd.partial_load_f32s(&plane[at..end]), largest);
            // The unused lanes are 0 - largest.
            simd.partial_store_f32s(&mut out[at..end], off);
            below = simd.add_f32s(below, simd.partial_load_f32s(&out[at..end]));
            let power = exp(simd, off);
            sum = simd.add_f32s(sum, power);
            simd.partial_store_f32s(&mut out[at..end], power);
        }
        let share = simd.div_f32s(simd.splat_f32s(1.0), sum);
        for out in &mut *out {
            let power = simd.partial_load_f32s(&out[at..end]);
            simd.partial_store_f32s(&mut out[at..end], simd.mul_f32s(power, share));
        }
    }
    simd.reduce_sum_f32s(below) * 0.0
}

/// The loss, and what the second pass needs.
struct Total {
    loss: f64,
    /// `[share][class]`: 2 dL/dN and dL/dI.
    slopes: Vec<[f32; 2]>,
    /// Factor of P - G in the gradient of the cross-entropy.
    entropy_slope: f32,
}

impl Total {
    fn from_tasks(tasks: &[TaskSums], call: &RegionLoss, s: LossSizes) -> Self {
        let mut sums = vec![[0.0; 2]; call.shares * s.classes];
        let (mut entropy, mut loss) = ([0.0; 2], 0.0);
        for task in tasks {
            let share = task.sample * call.shares / s.batch;
            for (sum, part) in sums[share * s.classes..].iter_mut().zip(&task.classes) {
                *sum = [sum[0] + part[0], sum[1] + part[1]];
            }
            entropy = [entropy[0] + task.entropy[0], entropy[1] + task.entropy[1]];
            loss += f64::from(task.check);
        }
        let mut slopes = vec![[0.0; 2]; sums.len()];
        for term in call.terms.iter() {
            let at = term.share * s.classes + term.class;
            let (n, common) = (sums[at][0] + call.eps, sums[at][1]);
            let rest = (1.0 - term.alpha) * common;
            let whole = n + rest;
            loss += term.factor * n / whole;
            let by_n = term.factor * rest / (whole * whole);
            let by_common = -term.factor * n * (1.0 - term.alpha) / (whole * whole);
            slopes[at] = [slopes[at][0] + 2.0 * by_n, slopes[at][1] + by_common];
        }
        let per_weight = call.cross_entropy / entropy[1].max(1.0);
        Self {
            loss: loss + per_weight * entropy[0],
            slopes: slopes
                .into_iter()
                .map(|slope: [f64; 2]| slope.map(|v| v as f32))
                .collect(),
            entropy_slope: per_weight as f32,
        }
    }
}

/// Turns probabilities into the gradient of the logits, in place:
/// `dz_k = P_k (dP_k - sum_j P_j dP_j) + c w (P_k - G_k)`, where the last term is that of the cross-entropy.
struct GradientJob<'a> {
    values: Vec<&'a mut [f32]>,
    truth: PartTruth<'a>,
    slopes: &'a [[f32; 2]],
    entropy_slope: f32,
}

impl WithSimd for GradientJob<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            mut values,
            truth: PartTruth { labels, weights },
            slopes,
            entropy_slope,
        } = self;
        let classes = values.len();
        let mut mean = [0.0; PART];
        let mean = &mut mean[..labels.len()];
        for (class, p) in values.iter().enumerate() {
            let [by_wrong, by_common] = slopes[class];
            for i in 0..labels.len() {
                let g = one_if_class(labels[i], class);
                mean[i] += p[i] * weights[i] * (by_wrong * (p[i] - g) + by_common * g);
            }
        }
        for (class, p) in values.iter_mut().enumerate() {
            let [by_wrong, by_common] = slopes[class];
            for i in 0..labels.len() {
                let g = one_if_class(labels[i], class);
                let known = f32::from(u8::from(usize::from(labels[i]) < classes));
                let slope = weights[i] * (by_wrong * (p[i] - g) + by_common * g);
                let entropy = entropy_slope * known * weights[i] * (p[i] - g);
                p[i] = p[i] * (slope - mean[i]) + entropy;
            }
        }
    }
}

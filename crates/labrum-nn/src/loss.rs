//! Loss functions: Boundary DoU and those that it is compared with.

use super::boundary_dou::{Absent, BoundaryDou, Truth, cross_entropy};
use burn::tensor::{Tensor, TensorData, activation::softmax};
use labrum_core::training::Loss;
use serde::Serialize;

/// Avoids division by zero for empty masks.
const EPS: f64 = 1e-5;

/// A loss function with its options.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Boundary DoU, alone or with the terms that its options add.
    BoundaryDou(BoundaryDou),
    /// Half the cross-entropy plus Dice: see [`bce_dice`].
    BceDice,
}

impl From<Loss> for Objective {
    /// With the options that rounds of training use.
    fn from(loss: Loss) -> Self {
        let usual = BoundaryDou {
            absent: Absent::LeaveOut,
            ..BoundaryDou::default()
        };
        Self::BoundaryDou(match loss {
            Loss::BoundaryDou => BoundaryDou {
                cross_entropy: 0.2,
                ..usual
            },
            Loss::BoundaryDouAlone => usual,
            // With alpha = -1 Boundary DoU is Dice.
            Loss::DiceCrossEntropy => BoundaryDou {
                cap: -1.0,
                cross_entropy: 1.0,
                ..usual
            },
            Loss::BceDice => return Self::BceDice,
        })
    }
}

impl Objective {
    /// The loss of logits `[B,K,H,W]`, a tensor of one element.
    ///
    /// # Panics
    /// If `truth` does not have B*H*W labels: a programming error, like any other shape mismatch.
    pub fn compute_loss(&self, logits: Tensor<4>, truth: Truth<'_>) -> Tensor<1> {
        match self {
            Self::BoundaryDou(options) => options.compute_loss(logits, truth),
            Self::BceDice => bce_dice(logits, truth),
        }
    }
}

/// The loss that CMUNeXt was published with (Tang et al., arXiv 2308.01239): half the cross-entropy plus Dice without
/// squares, computed for each sample.
///
/// ```text
/// P = softmax(logits),  G = (labels == k),  k in 1..K
/// loss = 0.5 CE + 1 - mean over samples and k of (2 sum PG + eps) / (sum P + sum G + eps)
/// ```
///
/// With two classes the cross-entropy is the binary one of the difference of the two logits. Pixel weights apply to the
/// cross-entropy only.
pub fn bce_dice(logits: Tensor<4>, truth: Truth<'_>) -> Tensor<1> {
    let [b, k, h, w] = logits.dims();
    let device = logits.device();
    let labels = truth.labels;
    let pixels = h * w;
    assert_eq!(
        labels.len(),
        b * pixels,
        "wrong number of labels for logits of {b}x{k}x{h}x{w}"
    );
    let mut one_hot = vec![0.0f32; b * (k - 1) * pixels];
    for (i, &label) in labels
        .iter()
        .enumerate()
        .filter(|(_, l)| (1..k).contains(&usize::from(**l)))
    {
        let plane = i / pixels * (k - 1) + usize::from(label) - 1;
        one_hot[plane * pixels + i % pixels] = 1.0;
    }
    let truth_mask = Tensor::<4>::from_data(TensorData::new(one_hot, [b, k - 1, h, w]), &device);
    let found = softmax(logits.clone(), 1).slice([0..b, 1..k]);
    let both = sum_over_pixels(found.clone() * truth_mask.clone());
    let all = sum_over_pixels(found) + sum_over_pixels(truth_mask);
    let dice = (both * 2.0 + EPS) / (all + EPS);
    cross_entropy(logits, labels, truth.weights) * 0.5 + (-dice.mean() + 1.0)
}

/// [B,C,H,W] to [B,C,1,1].
fn sum_over_pixels(x: Tensor<4>) -> Tensor<4> {
    x.sum_dim(3).sum_dim(2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::Device;

    const LOGITS: [f32; 16] = [
        0.0, 0.5, -1.0, 0.2, 2.0, -0.3, 0.1, 0.4, 0.3, -0.7, 1.5, 0.0, -2.0, 0.6, 0.9, -0.1,
    ];
    const LABELS: [u8; 8] = [1, 0, 1, 0, 0, 0, 0, 0];

    /// The published loss of CMUNeXt (PyTorch) on one logit, the second minus the first.
    fn published(logits: &[f32], labels: &[u8]) -> f64 {
        let of = |sample: usize, pixel: usize| {
            let at = |class: usize| f64::from(logits[sample * 8 + class * 4 + pixel]);
            (
                1.0 / (1.0 + (at(0) - at(1)).exp()),
                f64::from(labels[sample * 4 + pixel]),
            )
        };
        let (mut bce, mut dice) = (0.0, 0.0);
        for sample in 0..2 {
            let (mut both, mut sum) = (0.0, 0.0);
            for pixel in 0..4 {
                let (p, g) = of(sample, pixel);
                bce -= (g * p.ln() + (1.0 - g) * (1.0 - p).ln()) / 8.0;
                both += p * g;
                sum += p + g;
            }
            dice += (2.0 * both + 1e-5) / (sum + 1e-5) / 2.0;
        }
        0.5 * bce + 1.0 - dice
    }

    fn loss(logits: Vec<f32>, device: &Device) -> (f64, Vec<f32>) {
        let logits =
            Tensor::<4>::from_data(TensorData::new(logits, [2, 2, 2, 2]), device).require_grad();
        let loss = Objective::BceDice.compute_loss(
            logits.clone(),
            Truth {
                labels: &LABELS,
                weights: None,
            },
        );
        let value = f64::from(loss.clone().into_scalar::<f32>());
        let gradient = logits.grad(&loss.backward()).unwrap();
        (value, gradient.into_data().try_into_vec().unwrap())
    }

    #[test]
    fn loss_and_gradient_agree_with_the_published_code() {
        let device = Device::flex().autodiff();
        let (value, gradient) = loss(LOGITS.to_vec(), &device);
        assert!(
            (value - published(&LOGITS, &LABELS)).abs() < 1e-6,
            "{value}"
        );
        for (i, slope) in gradient.iter().enumerate() {
            let moved = |by: f32| {
                let mut logits = LOGITS;
                logits[i] += by;
                published(&logits, &LABELS)
            };
            let expected = (moved(1e-3) - moved(-1e-3)) / 2e-3;
            assert!(
                (f64::from(*slope) - expected).abs() < 1e-4,
                "{i}: {slope} instead of {expected}"
            );
        }
    }
}

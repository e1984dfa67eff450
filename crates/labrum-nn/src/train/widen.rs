//! Changes the labels of a model: rebuilds its last layer.

use super::super::checkpoint::Weights;
use labrum_core::{Error, Result};

/// How far the logit of a new label starts below that of background: a probability of about 5 %.
const SHYNESS: f32 = 3.0;

/// Gives the last layer one class for each entry of `from`, background first: the index of the class in `weights`, or
/// `None` for a new class, which starts as a small share of background. All other weights are unchanged.
///
/// Errors: weights without a last layer; a class that they do not have.
pub fn widen_head(weights: &mut Weights, from: &[Option<usize>]) -> Result<()> {
    for (name, shyness) in [("Conv_1x1.weight", 0.0), ("Conv_1x1.bias", SHYNESS)] {
        let tensor = weights
            .get_mut(name)
            .ok_or_else(|| head_error(name, "is missing"))?;
        let classes = tensor
            .shape
            .first()
            .copied()
            .filter(|n| *n > 0)
            .ok_or_else(|| head_error(name, "is empty"))?;
        let each = tensor.values.len() / classes;
        let mut values = Vec::with_capacity(from.len() * each);
        for class in from {
            let known = class.unwrap_or(0);
            let row = tensor
                .values
                .get(known * each..(known + 1) * each)
                .ok_or_else(|| head_error(name, "has too few classes"))?;
            let less = if class.is_none() { shyness } else { 0.0 };
            values.extend(row.iter().map(|v| v - less));
        }
        tensor.shape[0] = from.len();
        tensor.values = values;
    }
    Ok(())
}

/// An error about a tensor of the last layer.
fn head_error(name: &str, reason: &str) -> Error {
    Error::new(
        "change the labels of the model",
        format!("\"{name}\" {reason}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::{checkpoint, frozen::Frozen};
    use super::super::random_weights;
    use super::*;
    use labrum_core::model_card::Config;

    fn random(classes: usize) -> Weights {
        random_weights(Config::S, 1, classes, 1).unwrap()
    }

    fn answer(weights: &Weights) -> Vec<f32> {
        let inputs: Vec<f32> = (0..32 * 32)
            .map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0)
            .collect();
        Frozen::new(weights)
            .unwrap()
            .predict_probabilities(&inputs, [1, 1, 32, 32])
            .unwrap()
    }

    #[test]
    fn a_new_label_starts_as_a_small_share_of_the_background_and_others_keep_their_ratio() {
        let mut weights = random(3);
        let before = answer(&weights);
        widen_head(&mut weights, &[Some(0), Some(1), Some(2), None]).unwrap();
        checkpoint::check_weights(&weights).unwrap();
        let after = answer(&weights);
        let pixels = 32 * 32;
        for i in 0..pixels {
            let ratio = |p: &[f32]| p[pixels + i] / p[2 * pixels + i];
            assert!((ratio(&before) / ratio(&after) - 1.0).abs() < 1e-3);
            assert!((after[3 * pixels + i] / after[i] - (-SHYNESS).exp()).abs() < 1e-3);
        }
    }

    #[test]
    fn labels_can_be_reordered_and_removed() {
        let weights = random(3);
        let mut changed = weights.clone();
        widen_head(&mut changed, &[Some(0), Some(2)]).unwrap();
        let of = |w: &Weights| w["Conv_1x1.bias"].values.clone();
        assert_eq!(of(&changed), [of(&weights)[0], of(&weights)[2]]);
        checkpoint::check_weights(&changed).unwrap();
        assert!(widen_head(&mut changed, &[Some(0), Some(5)]).is_err());
    }
}

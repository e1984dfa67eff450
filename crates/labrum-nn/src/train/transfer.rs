//! Weights of a new model from those of a prompt model, which has learned from images of many tissues.

use super::super::checkpoint::{self, Architecture, PlainTensor, Weights};
use super::super::device::{self, NamedDevice};
use super::random::random_weights;
use super::samples::TrainingSample;
use super::statistics::{self, StatisticsSource};
use labrum_core::{
    Error, Result, model_card::InputSpec, progress::Control, training::AugmentConfig,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Weights of the first convolution.
const FIRST: &str = "stem.conv.0.weight";
/// Weights and bias of the last layer.
const LAST: [&str; 2] = ["Conv_1x1.weight", "Conv_1x1.bias"];
/// Shares of red, green and blue in the grey levels that a prompt model gets (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Maximum number of samples for the statistics of the norms.
const MOST_SAMPLES: usize = 64;
/// Number of samples in each forward pass for these statistics.
const SAMPLES_OF_A_PASS: usize = 8;

/// The weights of a new model that starts from a prompt model; `None` if cancelled.
///
/// All layers are copied but two. The first convolution keeps only its filters for the grey levels. The last layer is
/// random, as in [`random_weights`] with the same `seed`, because it has another class for each label. Without prompts
/// the layers get other values than before, so the statistics of all norms are computed anew from the samples, without
/// augmentation.
///
/// Errors: weights that are not those of a CMUNeXt, a variant of the network other than `wanted`, a device failure.
pub fn weights_from_prompt_model(
    prompt_model: &Weights,
    wanted: Architecture,
    seed: u64,
    (samples, spec): (&[TrainingSample], &InputSpec),
    device: &NamedDevice,
    control: &Control,
) -> Result<Option<Weights>> {
    let weights = copy_layers(prompt_model, wanted, seed)?;
    let augment = AugmentConfig::all_disabled();
    let batches = spread_batches(samples.len());
    let source = StatisticsSource {
        samples,
        batches: &batches,
        augment: &augment,
        spec,
        device,
    };
    // burn reports most failures of a GPU (memory, a lost device) as a panic.
    let computed = catch_unwind(AssertUnwindSafe(|| {
        statistics::of_samples(&weights, &source, control)
    }));
    let statistics = computed.unwrap_or_else(|panic| {
        let tried = "start from the prompt model";
        Err(device::panic_to_error(device, tried, panic.as_ref()))
    })?;
    Ok(statistics.map(|statistics| statistics::blend_towards(&weights, &statistics, 1.0)))
}

/// The weights of the new model, with the statistics of the prompt model.
fn copy_layers(prompt_model: &Weights, wanted: Architecture, seed: u64) -> Result<Weights> {
    checkpoint::check_weights(prompt_model)?;
    let found = checkpoint::detect_architecture(prompt_model)?;
    if found.config != wanted.config {
        let reason = format!(
            "it is CMUNeXt-{}, but the new model is CMUNeXt-{}",
            found.config, wanted.config
        );
        return Err(Error::new("start from the prompt model", reason)
            .with_advice("Both must be of the same size."));
    }
    let mut weights = random_weights(wanted.config, wanted.channels, wanted.classes, seed)?;
    for (name, tensor) in &mut weights {
        match prompt_model.get(name) {
            Some(known) if name == FIRST => *tensor = grey_filters(known, wanted.channels),
            Some(known) if !LAST.contains(&name.as_str()) => *tensor = known.clone(),
            _ => {}
        }
    }
    Ok(weights)
}

/// The filters of the first convolution for the grey levels, the first channel of a prompt model, spread over the
/// `channels` of the new model: in colour by luma, so that a grey image gives the same as in grey.
///
/// One factor for all filters makes up for the filters of the prompts: it keeps the norm of the layer, and with it the
/// size of its sums and the relative size of a training step.
fn grey_filters(first: &PlainTensor, channels: usize) -> PlainTensor {
    let (filters, inputs) = (first.shape[0], first.shape[1]);
    let taps: usize = first.shape[2..].iter().product();
    let of_grey: Vec<&[f32]> = first
        .values
        .chunks_exact(inputs * taps)
        .map(|filter| &filter[..taps])
        .collect();
    let norm = euclidean_norm(of_grey.iter().copied().flatten());
    let factor = if norm > 0.0 {
        euclidean_norm(&first.values) / norm
    } else {
        1.0
    };
    let shares = if channels == LUMA.len() {
        LUMA.to_vec()
    } else {
        vec![1.0 / channels as f32; channels]
    };
    let mut values = Vec::with_capacity(filters * channels * taps);
    for filter in of_grey {
        for share in &shares {
            values.extend(filter.iter().map(|value| value * factor * share));
        }
    }
    let mut shape = first.shape.clone();
    shape[1] = channels;
    PlainTensor { shape, values }
}

fn euclidean_norm<'a>(values: impl IntoIterator<Item = &'a f32>) -> f32 {
    let squares: f32 = values.into_iter().map(|value| value * value).sum();
    squares.sqrt()
}

/// Batches of indices, spread evenly over `count` samples.
fn spread_batches(count: usize) -> Vec<Vec<usize>> {
    let step = count.div_ceil(MOST_SAMPLES).max(1);
    let picked: Vec<usize> = (0..count).step_by(step).collect();
    picked
        .chunks(SAMPLES_OF_A_PASS)
        .map(<[usize]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::frozen::Frozen;
    use super::super::super::loss::Objective;
    use super::super::samples::Pixel;
    use super::super::trainee::{Batch, Trainee};
    use super::*;
    use crate::device::{DeviceChoice, select_available};
    use labrum_core::{
        model_card::{Aspect, Config},
        training::{Loss, Optimizer},
    };

    const SIDE: usize = 32;

    fn prompt_model(config: Config) -> Weights {
        random_weights(config, 7, 2, 3).unwrap()
    }

    fn wanted(channels: usize) -> Architecture {
        Architecture {
            config: Config::S,
            channels,
            classes: 2,
        }
    }

    /// Bright discs of different sizes on grey.
    fn samples() -> Vec<TrainingSample> {
        (4..9).map(disc).collect()
    }

    fn disc(radius: usize) -> TrainingSample {
        let inside = |i: usize| {
            (i % SIDE).abs_diff(SIDE / 2).pow(2) + (i / SIDE).abs_diff(SIDE / 2).pow(2)
                < radius.pow(2)
        };
        let pixels = 0..SIDE * SIDE;
        TrainingSample {
            image: pixels
                .clone()
                .map(|i| if inside(i) { 200 } else { 60 })
                .collect(),
            truth: pixels
                .map(|i| Pixel {
                    label: u8::from(inside(i)),
                    stress: 0,
                })
                .collect(),
        }
    }

    fn spec() -> InputSpec {
        InputSpec {
            channels: 1,
            columns: SIDE,
            rows: SIDE,
            aspect: Aspect::Kept,
            mean: vec![0.3],
            std: vec![0.3],
        }
    }

    fn start(prompt_model: &Weights) -> Weights {
        let device = select_available(DeviceChoice::Cpu).unwrap();
        weights_from_prompt_model(
            prompt_model,
            wanted(1),
            5,
            (&samples(), &spec()),
            &device,
            &Control::default(),
        )
        .unwrap()
        .unwrap()
    }

    fn answer(weights: &Weights, channels: usize) -> Vec<f32> {
        let plane: Vec<f32> = (0..SIDE * SIDE)
            .map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0)
            .collect();
        Frozen::new(weights)
            .unwrap()
            .predict_probabilities(&plane.repeat(channels), [1, channels, SIDE, SIDE])
            .unwrap()
    }

    #[test]
    fn all_layers_but_the_first_and_the_last_are_those_of_the_prompt_model() {
        let known = prompt_model(Config::S);
        let weights = start(&known);
        checkpoint::check_weights(&weights).unwrap();
        let random = random_weights(Config::S, 1, 2, 5).unwrap();
        for (name, tensor) in &weights {
            if LAST.contains(&name.as_str()) {
                assert!(*tensor == random[name], "{name}");
            } else if name != FIRST && !name.contains("running") {
                assert!(*tensor == known[name], "{name}");
            }
        }
        let filters = &weights[FIRST];
        assert_eq!(filters.shape, [8, 1, 3, 3]);
        let factor = filters.values[0] / known[FIRST].values[0];
        for (filter, of_prompt_model) in filters
            .values
            .chunks(9)
            .zip(known[FIRST].values.chunks(7 * 9))
        {
            for (value, before) in filter.iter().zip(of_prompt_model) {
                assert!((value - factor * before).abs() < 1e-5);
            }
        }
        let norms = [filters, &known[FIRST]].map(|tensor| euclidean_norm(&tensor.values));
        assert!((norms[0] / norms[1] - 1.0).abs() < 1e-4, "{norms:?}");
    }

    #[test]
    fn the_statistics_of_the_norms_are_those_of_the_samples() {
        let known = prompt_model(Config::S);
        let weights = start(&known);
        for part in ["stem.conv.1", "encoder5.up.conv.1", "Up_conv2.conv.8"] {
            let [mean, variance] =
                ["running_mean", "running_var"].map(|what| format!("{part}.{what}"));
            assert_ne!(weights[&mean], known[&mean]);
            assert_ne!(weights[&variance], known[&variance]);
        }
        assert!(
            weights == start(&known),
            "the same samples give the same weights"
        );
        assert!(answer(&weights, 1).iter().all(|p| p.is_finite()));
    }

    #[test]
    fn a_grey_image_gives_the_same_in_one_channel_and_in_three() {
        let known = prompt_model(Config::S);
        let [grey, colour] = [1, 3].map(|channels| {
            let weights = copy_layers(&known, wanted(channels), 5).unwrap();
            answer(&weights, channels)
        });
        for (grey, colour) in grey.iter().zip(&colour) {
            assert!((grey - colour).abs() < 1e-3, "{grey} and {colour}");
        }
    }

    #[test]
    fn a_few_steps_of_training_lower_the_loss() {
        let device = select_available(DeviceChoice::Cpu).unwrap();
        let weights = start(&prompt_model(Config::S));
        let (_, network) =
            checkpoint::build_network(weights, &device.device.clone().autodiff()).unwrap();
        let mut trainee = Trainee::new(network, Optimizer::AdamW, device).unwrap();
        let (samples, augment) = (samples(), AugmentConfig::all_disabled());
        let picked: Vec<usize> = (0..samples.len()).collect();
        let objective = Objective::from(Loss::BoundaryDou);
        let losses: Vec<f64> = (0..20)
            .map(|seed| {
                let batch = Batch {
                    samples: &samples,
                    picked: &picked,
                    augment: &augment,
                    seed,
                    stress: 0.0,
                };
                trainee
                    .train_step(&batch, &spec(), &objective, 4e-3)
                    .unwrap()
            })
            .collect();
        assert!(losses[19] < 0.8 * losses[0], "{losses:?}");
    }

    #[test]
    fn a_prompt_model_of_another_size_is_refused() {
        let error = copy_layers(&prompt_model(Config::Base), wanted(1), 5).unwrap_err();
        assert_eq!(
            error.reason,
            "it is CMUNeXt-base, but the new model is CMUNeXt-S"
        );
    }

    #[test]
    fn batches_are_spread_over_all_samples() {
        assert!(spread_batches(0).is_empty());
        assert_eq!(spread_batches(3), [vec![0, 1, 2]]);
        let many = spread_batches(1000);
        assert!(many.len() <= MOST_SAMPLES / SAMPLES_OF_A_PASS);
        assert!(many.iter().flatten().any(|index| *index > 900));
    }
}

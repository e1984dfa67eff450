//! Recomputes the running statistics of batch norm at the end of a round.
//!
//! In training the network sees augmented samples: darker, rotated, with black corners. Images at inference are not
//! augmented, and the averaged weights are those of no single step. Statistics that match these weights and unaugmented
//! samples clearly improve a model trained on few samples (Wu and Johnson, "Rethinking Batch in BatchNorm", arXiv
//! 2105.07576, section 3).

use super::super::checkpoint::{self, Weights};
use super::super::cmunext::{CmuNext, MOMENTUM, Slot};
use super::super::device::NamedDevice;
use super::samples::TrainingSample;
use super::trainee::Batch;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use labrum_core::{Result, model_card::InputSpec, progress::Control, training::AugmentConfig};

/// What the statistics are computed from.
pub(super) struct StatisticsSource<'a> {
    pub(super) samples: &'a [TrainingSample],
    /// Indices of the samples of each forward pass.
    pub(super) batches: &'a [Vec<usize>],
    /// Only its flips and quarter turns are used.
    pub(super) augment: &'a AugmentConfig,
    pub(super) spec: &'a InputSpec,
    pub(super) device: &'a NamedDevice,
}

/// Statistics of `weights` on the samples, varied by flips and quarter turns only; `None` if cancelled.
pub(super) fn of_samples(
    weights: &Weights,
    source: &StatisticsSource<'_>,
    control: &Control,
) -> Result<Option<Weights>> {
    let device = source.device.device.clone().autodiff();
    // Without gradients no intermediate values are kept; on an autodiff device norms use batch statistics.
    let mut network = checkpoint::build_network(weights.clone(), &device)?
        .1
        .no_grad();
    let AugmentConfig {
        flip_horizontal,
        flip_vertical,
        quarter_turn,
        ..
    } = *source.augment;
    let mirrors = AugmentConfig {
        flip_horizontal,
        flip_vertical,
        quarter_turn,
        ..AugmentConfig::all_disabled()
    };
    let mut mean = Weights::new();
    for (i, picked) in source.batches.iter().enumerate() {
        if !control.may_go_on() {
            return Ok(None);
        }
        clear_running(&mut network, &device);
        let batch = Batch {
            samples: source.samples,
            picked,
            augment: &mirrors,
            seed: (i as u64) << 32,
            stress: 0.0,
        };
        network.forward(batch.image_tensor(source.spec, &device));
        accumulate_mean(&mut network, &mut mean, 1.0 / (i + 1) as f32)?;
    }
    Ok(Some(mean))
}

/// `weights` with the tensors that `others` has moved by `share`, 0..=1, towards them: statistics, or all weights. Means of
/// batch norm are linear in the share; variances are so approximately.
pub(super) fn blend_towards(weights: &Weights, others: &Weights, share: f32) -> Weights {
    let mut weights = weights.clone();
    for (name, other) in others {
        if let Some(own) = weights.get_mut(name) {
            own.values
                .iter_mut()
                .zip(&other.values)
                .for_each(|(own, new)| *own += share * (new - *own));
        }
    }
    weights
}

/// Sets all running statistics to 0, so that after one pass they are those of its batch times the momentum.
fn clear_running(network: &mut CmuNext, device: &burn::tensor::Device) {
    network.each_tensor(&mut |_, slot| {
        if let Slot::Statistic(state) = slot {
            let [channels] = state.value_sync().dims();
            *state = burn::module::RunningState::new(Tensor::zeros([channels], device));
        }
    });
}

/// Moves the mean of the statistics by `share` towards those of the last batch.
fn accumulate_mean(network: &mut CmuNext, mean: &mut Weights, share: f32) -> Result<()> {
    for batch in checkpoint::read_back(network, &mut GradientsParams::new(), is_statistic)? {
        let of_batch = batch.tensor.values.iter().map(|v| v / MOMENTUM as f32);
        let mean = mean
            .entry(batch.name)
            .or_insert_with(|| batch.tensor.clone());
        mean.values
            .iter_mut()
            .zip(of_batch)
            .for_each(|(mean, new)| *mean += share * (new - *mean));
    }
    Ok(())
}

fn is_statistic(slot: &Slot<'_>) -> bool {
    matches!(slot, Slot::Statistic(_))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::samples::Pixel;
    use super::*;
    use crate::device::{DeviceChoice, select_available};
    use crate::train::random_weights;
    use labrum_core::model_card::{Aspect, Config};

    #[test]
    fn statistics_are_recomputed_from_the_samples_and_weights_stay() {
        let grey = |value: u8| TrainingSample {
            image: vec![value; 1024],
            truth: vec![Pixel::default(); 1024],
        };
        let (samples, batches) = ([grey(50), grey(200)], [vec![0, 1]]);
        let spec = InputSpec {
            channels: 1,
            columns: 32,
            rows: 32,
            aspect: Aspect::Kept,
            mean: vec![0.0],
            std: vec![1.0],
        };
        let (augment, device) = (
            AugmentConfig::default(),
            select_available(DeviceChoice::Cpu).unwrap(),
        );
        let source = StatisticsSource {
            samples: &samples,
            batches: &batches,
            augment: &augment,
            spec: &spec,
            device: &device,
        };
        let start = random_weights(Config::S, 1, 2, 5).unwrap();
        let statistics = of_samples(&start, &source, &Control::default())
            .unwrap()
            .unwrap();
        let of = |share| blend_towards(&start, &statistics, share);
        let (none, half, all) = (of(0.0), of(0.5), of(1.0));
        assert!(none == start);
        let mean = "stem.conv.1.running_mean";
        assert_eq!(start[mean].values[0], 0.0);
        assert!(all[mean].values[0] != 0.0);
        assert!((half[mean].values[0] - all[mean].values[0] / 2.0).abs() < 1e-6);
        let statistic = |name: &str| name.contains("running");
        assert!(
            all.iter()
                .all(|(name, t)| statistic(name) || *t == start[name]),
            "only statistics change"
        );
    }
}

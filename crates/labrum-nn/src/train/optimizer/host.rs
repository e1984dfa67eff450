//! A step of an optimiser on the CPU.

use super::super::super::checkpoint::{PlainTensor, ReadBack, Weights, fill_slot, read_back};
use super::super::super::cmunext::{CmuNext, Slot};
use super::super::super::kernels::UpdateStep;
use super::{OptimizerMoments, RunningMeans};
use burn::optim::GradientsParams;
use burn::tensor::Device;
use labrum_core::Result;

/// Updates weights and means; the average of the weights moves towards the new ones by `share`.
pub(super) fn step_network(
    network: &mut CmuNext,
    mut gradients: GradientsParams,
    step: UpdateStep,
    (means, share): (&mut RunningMeans, f32),
    device: &Device,
) -> Result<()> {
    let mut read = read_back(network, &mut gradients, |_| true)?.into_iter();
    network.each_tensor(&mut |name, slot| {
        let Some(ReadBack {
            mut tensor,
            gradient,
            ..
        }) = read.next()
        else {
            return;
        };
        if let Some(gradient) = gradient {
            let moments = &mut means.moments;
            update_weights(step, name, (&mut tensor.values, &gradient), moments);
        }
        update_average(&mut means.average, name, &tensor, share);
        if !matches!(slot, Slot::Statistic(_)) {
            fill_slot(slot, tensor, device);
        }
    });
    Ok(())
}

/// Updates one tensor of weights by its gradient.
pub(super) fn update_weights(
    step: UpdateStep,
    name: &str,
    (weights, gradient): (&mut [f32], &[f32]),
    moments: &mut OptimizerMoments,
) {
    let first = moment_values(&mut moments.first, name, weights.len());
    match step {
        UpdateStep::Sgd {
            momentum,
            penalty,
            rate,
        } => {
            for ((w, g), m) in weights.iter_mut().zip(gradient).zip(first) {
                *m = momentum * *m + g + penalty * *w;
                *w -= rate * *m;
            }
        }
        UpdateStep::AdamW {
            beta_1,
            beta_2,
            rate,
            scale,
            kept,
            epsilon,
        } => {
            let second = moment_values(&mut moments.second, name, weights.len());
            for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                *m = beta_1 * *m + (1.0 - beta_1) * g;
                *v = beta_2 * *v + (1.0 - beta_2) * g * g;
                *w = *w * kept - rate * *m / ((*v * scale).sqrt() + epsilon);
            }
        }
    }
}

/// The running mean of one tensor, initially 0.
fn moment_values<'a>(moments: &'a mut Weights, name: &str, len: usize) -> &'a mut [f32] {
    if !moments.contains_key(name) {
        moments.insert(
            name.to_owned(),
            PlainTensor {
                shape: vec![len],
                values: vec![0.0; len],
            },
        );
    }
    moments
        .get_mut(name)
        .map_or(&mut [], |tensor| &mut tensor.values)
}

/// average += share * (new - average)
pub(super) fn update_average(average: &mut Weights, name: &str, new: &PlainTensor, share: f32) {
    if let Some(average) = average.get_mut(name) {
        average
            .values
            .iter_mut()
            .zip(&new.values)
            .for_each(|(a, n)| *a += share * (n - *a));
    }
}

//! Steps of an optimiser on a GPU: weights, gradients and running means stay there.

use super::super::super::checkpoint::{PlainTensor, Weights, read_tensors, slot_shape};
use super::super::super::cmunext::{CmuNext, Slot, to_learnable_tensor};
use super::super::super::kernels::{self, UpdateStep, gpu_counts::tensor_on_device};
use super::RunningMeans;
use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use labrum_core::{Result, training::Optimizer};

/// The running means of all tensors of a network, in their order.
pub(super) struct DeviceMeans(Vec<TensorMeans>);

struct TensorMeans {
    name: String,
    shape: Vec<usize>,
    /// `[rows,N]`: the average, and for what is learned one row for each moment of the optimiser.
    rows: Tensor<2>,
}

impl DeviceMeans {
    /// Copies the means of a network to its device.
    pub(super) fn upload(
        network: &mut CmuNext,
        means: &RunningMeans,
        optimizer: Optimizer,
        device: &Device,
    ) -> Self {
        let device = device.clone().inner();
        let mut tensors = Vec::new();
        network.each_tensor(&mut |name, slot| {
            let shape = slot_shape(&slot);
            let moments = match slot {
                Slot::Weight(_) | Slot::Vector(_) => moment_count(optimizer),
                Slot::Statistic(_) => 0,
            };
            let count = shape.iter().product();
            let known = [&means.average, &means.moments.first, &means.moments.second];
            let values: Vec<f32> = known[..=moments]
                .iter()
                .flat_map(|weights| values_or_zeros(weights, name, count))
                .collect();
            let data = TensorData::new(values, [1 + moments, count]);
            tensors.push(TensorMeans {
                name: name.to_owned(),
                shape,
                rows: tensor_on_device(data, &device),
            });
        });
        Self(tensors)
    }

    /// Updates weights and means; the average of the weights moves towards the new ones by `share`. Weights without a gradient
    /// stay as they are.
    pub(super) fn step_network(
        &mut self,
        network: &mut CmuNext,
        mut gradients: GradientsParams,
        step: UpdateStep,
        share: f32,
    ) {
        let mut means = self.0.iter_mut();
        network.each_tensor(&mut |_, slot| {
            let Some(TensorMeans { rows, .. }) = means.next() else {
                return;
            };
            match slot {
                Slot::Weight(p) => {
                    update_parameter(p, gradients.remove(p.id), rows.clone(), (step, share));
                }
                Slot::Vector(p) => {
                    update_parameter(p, gradients.remove(p.id), rows.clone(), (step, share));
                }
                Slot::Statistic(s) => {
                    let average = rows.clone().squeeze_dim::<1>(0);
                    let statistic = s.value_sync().inner();
                    let share = f64::from(share);
                    *rows = kernels::mix_statistics(average, statistic, share, 1.0).unsqueeze();
                }
            }
        });
    }

    /// Reads all means back.
    pub(super) fn read(&self) -> Result<RunningMeans> {
        let read = read_tensors(self.0.iter().map(|means| means.rows.clone()))?;
        let mut means = RunningMeans::default();
        for (TensorMeans { name, shape, .. }, tensor) in self.0.iter().zip(read) {
            let count = shape.iter().product::<usize>().max(1);
            let mut rows = tensor.values.chunks_exact(count);
            let mut keep = |weights: &mut Weights, shape: &[usize]| {
                if let Some(row) = rows.next() {
                    let tensor = PlainTensor {
                        shape: shape.to_vec(),
                        values: row.to_vec(),
                    };
                    weights.insert(name.clone(), tensor);
                }
            };
            keep(&mut means.average, shape);
            keep(&mut means.moments.first, &[count]);
            keep(&mut means.moments.second, &[count]);
        }
        Ok(means)
    }
}

fn moment_count(optimizer: Optimizer) -> usize {
    match optimizer {
        Optimizer::Sgd => 1,
        Optimizer::AdamW => 2,
    }
}

fn values_or_zeros(weights: &Weights, name: &str, count: usize) -> Vec<f32> {
    weights
        .get(name)
        .map_or_else(|| vec![0.0; count], |tensor| tensor.values.clone())
}

fn update_parameter<const D: usize>(
    parameter: &mut Param<Tensor<D>>,
    gradient: Option<Tensor<D>>,
    means: Tensor<2>,
    (step, share): (UpdateStep, f32),
) {
    if let Some(gradient) = gradient {
        let weights = parameter.val().inner();
        let new = kernels::update_weights(weights, gradient, means, step, share);
        let new = to_learnable_tensor(Tensor::from_inner(new));
        *parameter = Param::initialized(parameter.id, new);
    }
}

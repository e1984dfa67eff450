//! A network ready to answer: frozen on the CPU, burn's on a GPU.

use super::checkpoint::{self, Weights};
use super::cmunext::CmuNext;
use super::device::{self, NamedDevice};
use super::frozen::Frozen;
use burn::tensor::{Tensor, TensorData, activation::softmax};
use labrum_core::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Weights on a device. All calls belong on one thread.
pub struct Runner {
    network: LogitsNetwork,
    device: NamedDevice,
}

/// What computes the logits.
enum LogitsNetwork {
    /// On the CPU.
    Frozen(Box<Frozen>),
    /// On a GPU.
    Burn(Box<CmuNext>),
}

impl Runner {
    /// Makes `weights` ready. Errors: weights that are not those of a CMUNeXt, whole and finite.
    pub fn new(weights: &Weights, device: NamedDevice) -> Result<Self> {
        let network = if device.is_cpu() {
            let mut weights = weights.clone();
            checkpoint::check_weights(&weights)?;
            checkpoint::widen_sigmoid_head(&mut weights);
            LogitsNetwork::Frozen(Box::new(Frozen::new(&weights)?))
        } else {
            LogitsNetwork::Burn(Box::new(
                checkpoint::build_network(weights.clone(), &device.device)?.1,
            ))
        };
        Ok(Self { network, device })
    }

    /// The device in use.
    pub fn device(&self) -> &NamedDevice {
        &self.device
    }

    /// Softmax `[samples, classes, rows, columns]` of the network's answer to normalised inputs `[samples, channels, rows,
    /// columns]`. Errors: a device that fails, results that are not numbers.
    pub fn predict_probabilities(
        &mut self,
        inputs: Vec<f32>,
        shape: [usize; 4],
    ) -> Result<Vec<f32>> {
        let failed =
            |reason: String| Error::new(format!("run the model on {}", self.device.name), reason);
        let network = &mut self.network;
        // burn reports most failures of a GPU (memory, a lost device) as a panic.
        let run = || match network {
            LogitsNetwork::Frozen(frozen) => frozen.predict_probabilities(&inputs, shape),
            LogitsNetwork::Burn(network) => {
                let x = Tensor::<4>::from_data(TensorData::new(inputs, shape), &self.device.device);
                let data = softmax(network.forward(x), 1)
                    .try_into_data()
                    .map_err(|e| failed(format!("{e:?}")))?;
                data.try_into_vec::<f32>()
                    .map_err(|e| failed(format!("{e:?}")))
            }
        };
        let values = catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
            device::panic_to_error(&self.device, "run the model", panic.as_ref())
        })??;
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(failed(
                "the result holds values that are not numbers".into(),
            ))
        }
    }
}

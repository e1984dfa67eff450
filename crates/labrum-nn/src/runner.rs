//! Runs a network: the frozen one on the CPU, burn's on a GPU.

use super::checkpoint::{self, Weights};
use super::cmunext::CmuNext;
use super::device::{self, NamedDevice};
use super::frozen::Frozen;
use burn::tensor::{Tensor, TensorData, activation::softmax};
use labrum_core::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A network with its weights on a device. Make all calls from one thread.
pub struct Runner {
    network: LogitsNetwork,
    device: NamedDevice,
}

/// The network that computes the logits.
enum LogitsNetwork {
    /// On the CPU.
    Frozen(Box<Frozen>),
    /// On a GPU.
    Burn(Box<CmuNext>),
    /// In place of a GPU that fails.
    #[cfg(test)]
    Failing,
}

impl Runner {
    /// Loads `weights` onto `device`. Errors: weights that are not a complete CMUNeXt, or not finite; a device failure.
    pub fn new(weights: &Weights, device: NamedDevice) -> Result<Self> {
        let network = if device.is_cpu() {
            let mut weights = weights.clone();
            checkpoint::check_weights(&weights)?;
            checkpoint::widen_sigmoid_head(&mut weights);
            LogitsNetwork::Frozen(Box::new(Frozen::new(&weights)?))
        } else {
            let (_, network) = contain_panic(&device, "load the model", || {
                checkpoint::build_network(weights.clone(), &device.device)
            })?;
            LogitsNetwork::Burn(Box::new(network))
        };
        Ok(Self { network, device })
    }

    /// A network that fails whenever it runs.
    #[cfg(test)]
    pub(crate) fn failing() -> Self {
        Self {
            network: LogitsNetwork::Failing,
            device: NamedDevice {
                name: "Failing GPU".to_owned(),
                ..NamedDevice::cpu()
            },
        }
    }

    /// The device in use.
    pub fn device(&self) -> &NamedDevice {
        &self.device
    }

    /// Class probabilities `[samples, classes, rows, columns]` for normalised inputs `[samples, channels, rows,
    /// columns]`. Errors: a device failure, NaN or infinite results.
    pub fn predict_probabilities(
        &mut self,
        inputs: Vec<f32>,
        shape: [usize; 4],
    ) -> Result<Vec<f32>> {
        let values = contain_panic(&self.device, "run the model", || {
            self.network.run_softmax(inputs, shape, &self.device)
        })?;
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(run_error(
                &self.device,
                "the output contains NaN or infinite values",
            ))
        }
    }
}

impl LogitsNetwork {
    /// Softmax of the logits; on a GPU the result may be NaN or infinite.
    fn run_softmax(
        &mut self,
        inputs: Vec<f32>,
        shape: [usize; 4],
        device: &NamedDevice,
    ) -> Result<Vec<f32>> {
        match self {
            Self::Frozen(frozen) => frozen.predict_probabilities(&inputs, shape),
            Self::Burn(network) => {
                let x = Tensor::<4>::from_data(TensorData::new(inputs, shape), &device.device);
                let data = softmax(network.forward(x), 1)
                    .try_into_data()
                    .map_err(|e| run_error(device, &format!("{e:?}")))?;
                data.try_into_vec::<f32>()
                    .map_err(|e| run_error(device, &format!("{e:?}")))
            }
            #[cfg(test)]
            Self::Failing => std::panic::resume_unwind(Box::new("out of memory")),
        }
    }
}

/// Works on a device: burn reports most failures of a GPU (memory, a lost device) as a panic.
fn contain_panic<T>(
    device: &NamedDevice,
    tried: &str,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(device::panic_to_error(device, tried, panic.as_ref())))
}

fn run_error(device: &NamedDevice, reason: &str) -> Error {
    Error::new(format!("run the model on {}", device.name), reason)
}

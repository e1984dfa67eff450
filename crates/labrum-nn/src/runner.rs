//! Runs a frozen network, on the CPU or on a GPU.

use super::checkpoint::{self, Weights};
use super::device::{self, NamedDevice};
use super::frozen::{Frozen, FrozenOnGpu};
use labrum_core::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A network with its weights on a device. Make all calls from one thread.
pub struct Runner {
    network: FrozenNetwork,
    device: NamedDevice,
}

/// The network on the device.
enum FrozenNetwork {
    OnCpu(Box<Frozen>),
    OnGpu(Box<FrozenOnGpu>),
    /// In place of a GPU that fails.
    #[cfg(test)]
    Failing,
}

impl Runner {
    /// Loads `weights` onto `device`. Errors: weights that are not a complete CMUNeXt, or not finite; a device failure.
    pub fn new(weights: &Weights, device: NamedDevice) -> Result<Self> {
        let mut weights = weights.clone();
        checkpoint::check_weights(&weights)?;
        checkpoint::widen_sigmoid_head(&mut weights);
        let network = if device.is_cpu() {
            FrozenNetwork::OnCpu(Box::new(Frozen::new(&weights)?))
        } else {
            let network = contain_panic(&device, "load the model", || {
                FrozenOnGpu::new(&weights, &device.device)
            })?;
            FrozenNetwork::OnGpu(Box::new(network))
        };
        Ok(Self { network, device })
    }

    /// A network that fails whenever it runs.
    #[cfg(test)]
    pub(crate) fn failing() -> Self {
        Self {
            network: FrozenNetwork::Failing,
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
            self.network.predict_probabilities(&inputs, shape)
        })?;
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(Error::new(
                format!("run the model on {}", self.device.name),
                "the output contains NaN or infinite values",
            ))
        }
    }
}

impl FrozenNetwork {
    /// Class probabilities; on a GPU they may be NaN.
    fn predict_probabilities(&mut self, inputs: &[f32], shape: [usize; 4]) -> Result<Vec<f32>> {
        match self {
            Self::OnCpu(network) => network.predict_probabilities(inputs, shape),
            Self::OnGpu(network) => network.predict_probabilities(inputs, shape),
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

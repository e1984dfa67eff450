//! A network for which the CPU takes over when the GPU fails.

use super::checkpoint::Weights;
use super::device::{self, DeviceChoice, NamedDevice};
use super::runner::Runner;
use labrum_core::{Error, Result};

/// A network with its weights on a device. If a GPU fails, while the network is loaded or while it runs, the network stays
/// on the CPU from then on. Make all calls from one thread.
pub struct FallbackRunner {
    runner: Runner,
    /// The weights, for the CPU; `None` once the network is there.
    spare: Option<Weights>,
    notice: Option<String>,
}

impl FallbackRunner {
    /// Loads `weights` onto the device of a choice. Errors: no such device; weights that are not a complete CMUNeXt, or
    /// not finite.
    pub fn new(weights: &Weights, choice: DeviceChoice) -> Result<Self> {
        let device = device::select_available(choice)?;
        let is_cpu = device.is_cpu();
        let name = device.name.clone();
        match Runner::new(weights, device) {
            Ok(runner) => Ok(Self {
                runner,
                spare: (!is_cpu).then(|| weights.clone()),
                notice: None,
            }),
            Err(error) if is_cpu => Err(error),
            Err(error) => Ok(Self {
                runner: Runner::new(weights, NamedDevice::cpu())?,
                spare: None,
                notice: Some(failure_notice(&name, &error)),
            }),
        }
    }

    /// The device in use.
    pub fn device(&self) -> &NamedDevice {
        self.runner.device()
    }

    /// A message for the user, returned once: that the GPU failed and the CPU took over.
    pub fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// As [`Runner::predict_probabilities`]. Errors: a failure of the CPU, NaN or infinite results there.
    pub fn predict_probabilities(
        &mut self,
        inputs: Vec<f32>,
        shape: [usize; 4],
    ) -> Result<Vec<f32>> {
        let Some(weights) = &self.spare else {
            return self.runner.predict_probabilities(inputs, shape);
        };
        let error = match self.runner.predict_probabilities(inputs.clone(), shape) {
            Ok(values) => return Ok(values),
            Err(error) => error,
        };
        let on_cpu = Runner::new(weights, NamedDevice::cpu())?;
        self.notice = Some(failure_notice(&self.runner.device().name, &error));
        self.runner = on_cpu;
        self.spare = None;
        self.runner.predict_probabilities(inputs, shape)
    }
}

fn failure_notice(device: &str, error: &Error) -> String {
    format!(
        "{device} failed ({}); the model now runs on the CPU",
        error.reason
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::train::random_weights;
    use labrum_core::model_card::Config;

    #[test]
    fn after_a_failure_of_the_gpu_the_cpu_answers_and_a_message_says_so_once() {
        let weights = random_weights(Config::S, 1, 2, 3).unwrap();
        let input: Vec<f32> = (0..32 * 32).map(|at| (at % 7) as f32 / 7.0).collect();
        let shape = [1, 1, 32, 32];
        let mut cpu = Runner::new(&weights, NamedDevice::cpu()).unwrap();
        let expected = cpu.predict_probabilities(input.clone(), shape).unwrap();
        let mut network = FallbackRunner {
            runner: Runner::failing(),
            spare: Some(weights),
            notice: None,
        };
        for _ in 0..2 {
            let found = network.predict_probabilities(input.clone(), shape).unwrap();
            assert_eq!(found, expected);
        }
        assert_eq!(network.device().name, NamedDevice::cpu().name);
        assert_eq!(
            network.take_notice().unwrap(),
            "Failing GPU failed (out of memory); the model now runs on the CPU"
        );
        assert!(network.take_notice().is_none());
    }

    #[test]
    fn on_the_cpu_there_is_no_second_try() {
        let mut weights = random_weights(Config::S, 1, 2, 3).unwrap();
        let network = FallbackRunner::new(&weights, DeviceChoice::Cpu).unwrap();
        assert!(network.spare.is_none() && network.device().is_cpu());
        weights.remove("Conv_1x1.weight");
        assert!(FallbackRunner::new(&weights, DeviceChoice::Cpu).is_err());
    }
}

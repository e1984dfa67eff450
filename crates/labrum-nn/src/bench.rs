//! Times the network: forward passes, training steps, and clicks.

mod clicks;

use super::boundary_dou::{BoundaryDou, Truth};
use super::checkpoint::{self, Weights};
use super::device::{self, DeviceChoice, NamedDevice};
use super::kernels::gpu_counts;
pub use super::kernels::gpu_counts::GpuCounts;
use super::kernels::tally;
pub use super::kernels::tally::{Layer, Operation, OperationCount, Pass, Tally};
use super::loss::Objective;
use super::runner::Runner;
use super::train::{self, Trainee};
pub use clicks::{ClickLoad, ClickTimes, MadeObject, made_object, measure_clicks};
use labrum_core::{Error, Result, model_card::Config, training::Optimizer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// What is measured: a network for colour images and one label.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Variant of the network, with random weights.
    pub config: Config,
    /// Images per batch.
    pub batch: usize,
    /// Rows and columns of an image, in pixels.
    pub size: usize,
    /// The device to run on.
    pub device: DeviceChoice,
    /// Number of timed runs, after one run that is not timed.
    pub runs: usize,
    /// Whether the operations of one more run, after the timed ones, are counted. Only those of the CPU are.
    pub count_operations: bool,
    /// Whether what one more run has the GPU do is counted, after the timed ones. Nothing is counted on the CPU.
    pub count_launches: bool,
}

/// Channels of the images.
const CHANNELS: usize = 3;

impl Load {
    fn input_shape(&self) -> [usize; 4] {
        [self.batch, CHANNELS, self.size, self.size]
    }

    /// Synthetic images with values from -1 to 1.
    fn random_inputs(&self) -> Vec<f32> {
        (0..self.input_shape().iter().product())
            .map(|i: usize| (i as f32 * 0.37).sin())
            .collect()
    }
}

/// Random weights for colour images and one label.
pub fn random_weights(config: Config) -> Result<Weights> {
    train::random_weights(config, CHANNELS, 2, 0)
}

/// The device of a measurement, and the time of each run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Display name of the device: "CPU (2 threads)", or the adapter's name.
    pub device: String,
    /// Time of each run.
    pub times: Vec<Duration>,
    /// The operations of one more run, if they were to be counted.
    pub tally: Option<Tally>,
    /// What one more run had the GPU do, if that was to be counted.
    pub gpu_counts: Option<GpuCounts>,
}

/// Times forward passes, softmax included. Errors: a device that is missing or fails.
pub fn measure_inference(load: Load) -> Result<Measured> {
    let device = device::select_available(load.device)?;
    let mut runner = Runner::new(&random_weights(load.config)?, device.clone())?;
    let pictures = load.random_inputs();
    measure_runs(load, &device, || {
        runner
            .predict_probabilities(pictures.clone(), load.input_shape())
            .map(drop)
    })
}

/// Times training steps: forward, Boundary DoU loss, backward, AdamW. Errors: a device that is missing or fails.
pub fn measure_training(load: Load) -> Result<Measured> {
    let device = device::select_available(load.device)?;
    let trainable = device.device.clone().autodiff();
    let (_, network) = checkpoint::build_network(random_weights(load.config)?, &trainable)?;
    let mut trainee = Trainee::new(network, Optimizer::AdamW, device.clone())?;
    let objective = Objective::BoundaryDou(BoundaryDou::default());
    let pictures = load.random_inputs();
    let pixels = load.size * load.size;
    let labels: Vec<u8> = (0..load.batch * pixels)
        .map(|i| u8::from(i % pixels < pixels / 3))
        .collect();
    measure_runs(load, &device, || {
        let truth = Truth {
            labels: &labels,
            weights: None,
        };
        let inputs = (pictures.clone(), load.input_shape());
        trainee
            .step_on_inputs(inputs, truth, &objective, 1e-4)
            .map(drop)
    })
}

fn measure_runs(
    load: Load,
    device: &NamedDevice,
    mut run: impl FnMut() -> Result<()>,
) -> Result<Measured> {
    let mut times = Vec::with_capacity(load.runs);
    for i in 0..=load.runs {
        let start = Instant::now();
        run_once(device, &mut run)?;
        if i > 0 {
            times.push(start.elapsed());
        }
    }
    if times.is_empty() {
        return Err(Error::new(
            "measure the network",
            "the number of runs must be at least 1",
        ));
    }
    let tally = load
        .count_operations
        .then(|| count_once(device, &mut run))
        .transpose()?;
    let mut gpu_counts = None;
    if load.count_launches && !device.is_cpu() {
        // Counting waits for the device, which may fail as the run may.
        run_once(device, &mut || {
            gpu_counts = Some(gpu_counts::count_run(device, &mut run)?.1);
            Ok(())
        })?;
    }
    Ok(Measured {
        device: device.name.clone(),
        times,
        tally,
        gpu_counts,
    })
}

fn count_once(device: &NamedDevice, run: &mut impl FnMut() -> Result<()>) -> Result<Tally> {
    let (ended, tally) = tally::count_run(|| run_once(device, run));
    ended.map(|()| tally)
}

/// Runs once: burn reports most failures of a device as a panic.
fn run_once(device: &NamedDevice, run: &mut impl FnMut() -> Result<()>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        Err(device::panic_to_error(
            device,
            "measure the network",
            panic.as_ref(),
        ))
    })
}

#[cfg(test)]
mod tests;

//! Estimates the time and memory of a round before it starts.
//!
//! The number of steps follows from the requested time and the cost of a step on a typical machine, not from the current
//! speed of this one, so that equal rounds give equal models.

use labrum_core::{
    model_card::{Config, InputSpec},
    training::RoundSettings,
};
use std::fs;

/// Seconds on one core per pixel of a sample in a step of S: 0.07 s for four samples of 160 x 112 on two cores, plus a
/// quarter for other work going on at the same time.
const SECONDS_PER_PIXEL: f64 = 2.5e-6;
/// Bytes per pixel of a sample in a step of S.
const BYTES_PER_PIXEL: u64 = 2800;
/// Bytes used by the weights and the rest of the program.
const BYTES_ASIDE: u64 = 150 << 20;
/// Seconds for reading a slice or running a model on it.
const SECONDS_PER_SLICE: f64 = 0.04;
/// Seconds on one core per pixel of a sample in a step of fine-tuning the click model: the network, and as much again for
/// the simulated annotator and for the walks and distances of the input.
const CLICK_SECONDS_PER_PIXEL: f64 = 6.5e-6;
/// Seconds for judging two click models on a case: up to four objects, with some six clicks each.
const CLICK_SECONDS_PER_CASE: f64 = 0.8;
/// Minimum number of steps in a round.
const FEWEST_STEPS: usize = 40;

/// Cost of a step relative to S: factors for time and memory.
fn cost_factors(config: Config) -> (f64, u64) {
    match config {
        Config::S => (1.0, 1),
        Config::Base => (4.0, 2),
        Config::L => (11.0, 4),
    }
}

/// Seconds per step.
pub(super) fn step_seconds(config: Config, spec: &InputSpec, batch: usize, threads: usize) -> f64 {
    // More threads than this do not speed up a step of a few small samples.
    let threads = threads.clamp(1, 4 * batch.max(1)) as f64;
    (spec.columns * spec.rows * batch) as f64 * SECONDS_PER_PIXEL * cost_factors(config).0 / threads
}

/// Seconds for reading the slices and judging the candidate.
pub(super) fn overhead_seconds(slices: usize, held_out: usize) -> f64 {
    1.0 + SECONDS_PER_SLICE * (slices + 2 * held_out) as f64
}

/// Seconds for running a model on this many slices and scoring its masks.
pub(super) fn judging_seconds(slices: usize) -> f64 {
    SECONDS_PER_SLICE * slices as f64
}

/// Seconds per step of fine-tuning the click model, whose input has `side * side` pixels.
pub(super) fn click_step_seconds(side: usize, batch: usize, threads: usize) -> f64 {
    let threads = threads.clamp(1, 4 * batch.max(1)) as f64;
    (side * side * batch) as f64 * CLICK_SECONDS_PER_PIXEL / threads
}

/// Seconds for reading the slices and judging both click models.
pub(super) fn click_overhead_seconds(slices: usize, held_out_cases: usize) -> f64 {
    1.0 + SECONDS_PER_SLICE * slices as f64 + CLICK_SECONDS_PER_CASE * held_out_cases as f64
}

/// Number of steps of fine-tuning in `seconds`, `aside` of which are for reading and judging.
pub(super) fn click_step_count(seconds: f64, aside: f64, step_seconds: f64) -> usize {
    let seconds = (seconds - aside).max(seconds / 2.0);
    ((seconds / step_seconds) as usize).max(FEWEST_STEPS)
}

/// Number of steps in a round.
pub(super) fn step_count(
    settings: &RoundSettings,
    config: Config,
    spec: &InputSpec,
    threads: usize,
    slices: usize,
    held_out: usize,
) -> usize {
    let seconds =
        (settings.seconds - overhead_seconds(slices, held_out)).max(settings.seconds / 2.0);
    let steps = seconds / step_seconds(config, spec, settings.plan.batch, threads);
    (steps as usize).max(FEWEST_STEPS)
}

/// Peak memory of a round, in bytes.
pub(super) fn peak_bytes(config: Config, spec: &InputSpec, batch: usize, slices: usize) -> u64 {
    let pixels = (spec.columns * spec.rows) as u64;
    let samples = pixels * slices as u64 * (spec.channels as u64 + 2);
    BYTES_ASIDE + samples + pixels * batch as u64 * BYTES_PER_PIXEL * cost_factors(config).1
}

/// Available memory in bytes; `None` if the system does not report it.
pub(super) fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

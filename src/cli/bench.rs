//! `labrum bench`: measures the speed and memory use of the network on this machine.

mod click;
mod counts;
mod open;
mod operations;

use super::{ConfigArgument, DeviceArgument, usage::argument_error};
use crate::{Error, Result};
use clap::ValueEnum;
use click::ClickRun;
use counts::CountFigures;
use labrum_core::model_card::Config;
use labrum_nn::bench::{self, Load, Measured};
use operations::OperationFigures;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::{
    env, fs,
    process::{self, Command},
};

/// Measure the speed and memory use of the network on this machine
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Networks have random weights, except for click. Each measurement runs in its own process, so that its peak memory \
can be measured. infer: a forward pass with softmax. train: forward, Boundary DoU, backward, AdamW. open: from an \
image file to its mask with outlines and measurements, cold (including loading the model) and warm. click: clicks of a \
simulated user, with the shipped model of the Click tool, from the pixels to the mask and its outline. The first click on an \
object, which includes the grey levels of the image, and four further clicks are measured apart: median and 99th percentile, \
with two threads unless --threads is given.

--during-round measures the same clicks while a round of training runs as in the window: in threads of the lowest priority, \
and no training step begins within a quarter of a second after a click. The pauses between the clicks are long enough for it \
to go on; 100 objects take about five minutes.

--operations counts one more run of infer or train after the timed ones, on the CPU, and lists for each kind of operation of \
the network: calls, share of the time, and MB of the tensors that it reads and writes. Calls and MB do not depend on how busy \
the machine is. The rest is what lies outside of these operations: AdamW and what burn computes.

--counts counts one more run of infer or train after the timed ones, on a GPU: dispatches (launches of kernels, also those of burn), \
submissions to the queue, and bytes of the tensors that are uploaded and read back. The arguments of kernels are not counted.

Examples:
  labrum bench infer --config S,base,L --batch 1,8 --size 256,512
  labrum bench train --config S --batch 4 --device gpu --json
  labrum bench train --config S --operations
  labrum bench infer --config S --device gpu --counts
  labrum bench open --size 512 --threads 2
  labrum bench click --json
  labrum bench click --during-round --runs 40 --json"
)]
pub(super) struct BenchArguments {
    /// What to measure [default: everything]
    #[arg(value_enum)]
    what: Vec<BenchCommand>,
    /// Network sizes: S, base, L; click has one size
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "S,base,L",
        ignore_case = true
    )]
    config: Vec<ConfigArgument>,
    /// Batch size [default: 1 for infer, 4 for train]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=256))]
    batch: Vec<u16>,
    /// Rows and columns, multiples of 16 [default: 256, or 512 for click]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(16..=4096))]
    size: Vec<u16>,
    /// Device to run the network on
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceArgument,
    /// Number of runs, or of objects for click; one more warm-up run is not counted [default: 9, or 100 for click]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    runs: Option<u16>,
    /// For click: measure while a round of training runs
    #[arg(long)]
    during_round: bool,
    /// For infer and train on the CPU: list the operations of one more run, with MB read and written
    #[arg(long)]
    operations: bool,
    /// For infer and train on a GPU: count dispatches, submissions and bytes moved in one more run
    #[arg(long)]
    counts: bool,
    /// Image file for open [default: a generated image of SIZE]
    #[arg(long)]
    picture: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum BenchCommand {
    /// A forward pass
    Infer,
    /// A training step
    Train,
    /// From an image file to its mask
    Open,
    /// A click of the Click tool
    Click,
}

impl BenchCommand {
    /// Rows and columns unless others are given.
    fn default_size(self) -> u16 {
        if self == Self::Click { 512 } else { 256 }
    }

    /// Number of runs unless another is given.
    fn default_runs(self) -> u16 {
        if self == Self::Click { 100 } else { 9 }
    }

    /// Whether the operations of a run, or what it has a GPU do, can be counted.
    fn has_operations(self) -> bool {
        matches!(self, Self::Infer | Self::Train)
    }

    /// Number of threads unless another is given; `None` for all.
    fn default_threads(self) -> Option<NonZeroUsize> {
        (self == Self::Click).then_some(CLICK_THREADS)
    }
}

/// Clicks are measured with two threads unless others are given: the usual number of cores of a small computer.
const CLICK_THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Result of a measurement.
#[derive(Debug, Serialize, Deserialize)]
struct BenchFigure {
    what: String,
    config: String,
    batch: usize,
    size: usize,
    device: String,
    threads: usize,
    median_ms: f64,
    /// 99th percentile; `None` for measurements of few runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
    /// Number of clicks measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clicks: Option<usize>,
    /// Number of training steps that ended between the first and the last click.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round_steps: Option<usize>,
    /// Peak resident memory of the process in MB; `None` if the system does not report it.
    peak_mb: Option<f64>,
    /// The operations of one more run, with `--operations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operations: Option<OperationFigures>,
    /// What one more run had the GPU do, with `--counts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<CountFigures>,
}

/// A measurement to run in its own process.
#[derive(Clone, Copy)]
struct BenchRun {
    what: BenchCommand,
    config: Config,
    batch: u16,
    size: u16,
    runs: u16,
}

/// Measures; `threads` is the number of threads, if one was given.
pub(super) fn run(arguments: &BenchArguments, threads: Option<NonZeroUsize>) -> Result<()> {
    let whats = requested_commands(arguments);
    check_arguments(arguments, whats)?;
    super::end_on_ctrl_c(
        "bench was stopped; the results printed so far are valid. To measure less, use --config, --batch, --size or --runs",
    )?;
    let cases = requested_runs(whats, arguments)?;
    if !arguments.json {
        super::print_text(&format!(
            "{:22} {:6} {:>5} {:>5} {:>12} {:>9} {:>9}  device",
            "what", "config", "batch", "size", "median ms", "p99 ms", "peak MB"
        ))?;
    }
    let alone = cases.len() == 1;
    for case in cases {
        let default_threads = case.what.default_threads().filter(|_| threads.is_none());
        let figures = if alone && default_threads.is_none() {
            measure_run(case, arguments)?
        } else {
            in_a_process(case, arguments, default_threads)?
        };
        figures
            .iter()
            .try_for_each(|figure| print_figure(figure, arguments.json))?;
    }
    Ok(())
}

fn check_arguments(arguments: &BenchArguments, whats: &[BenchCommand]) -> Result<()> {
    let error = |reason| Err(argument_error("measure the network", reason));
    if let Some(size) = arguments.size.iter().find(|size| *size % 16 != 0) {
        return error(format!("{size} is not a multiple of 16"));
    }
    if arguments.during_round && !whats.contains(&BenchCommand::Click) {
        return error("--during-round can only be used with click".to_owned());
    }
    let has_operations = whats.iter().any(|what| what.has_operations());
    if arguments.operations && !(has_operations && arguments.device == DeviceArgument::Cpu) {
        return error("--operations can only be used with infer or train on the CPU".to_owned());
    }
    if arguments.counts && !(has_operations && arguments.device == DeviceArgument::Gpu) {
        return error("--counts can only be used with infer or train and --device gpu".to_owned());
    }
    Ok(())
}

/// What to measure.
fn requested_commands(arguments: &BenchArguments) -> &[BenchCommand] {
    if arguments.what.is_empty() {
        BenchCommand::value_variants()
    } else {
        &arguments.what
    }
}

fn requested_runs(whats: &[BenchCommand], arguments: &BenchArguments) -> Result<Vec<BenchRun>> {
    let mut cases = Vec::new();
    for &what in whats {
        let batches = match what {
            BenchCommand::Open | BenchCommand::Click => vec![1],
            _ if !arguments.batch.is_empty() => arguments.batch.clone(),
            BenchCommand::Infer => vec![1],
            BenchCommand::Train => vec![4],
        };
        let configs: Vec<Config> = match what {
            BenchCommand::Click => vec![click::network_config()?],
            _ => arguments.config.iter().map(|c| Config::from(*c)).collect(),
        };
        let sizes = match arguments.size.as_slice() {
            [] => vec![what.default_size()],
            sizes => sizes.to_vec(),
        };
        for config in configs {
            for &size in &sizes {
                cases.extend(batches.iter().map(|&batch| BenchRun {
                    what,
                    config,
                    batch,
                    size,
                    runs: arguments.runs.unwrap_or(what.default_runs()),
                }));
            }
        }
    }
    Ok(cases)
}

/// Runs this program for one measurement and reads the results that it prints; `None` for as many threads as here.
fn in_a_process(
    case: BenchRun,
    arguments: &BenchArguments,
    threads: Option<NonZeroUsize>,
) -> Result<Vec<BenchFigure>> {
    let threads = threads.map_or_else(rayon::current_num_threads, NonZeroUsize::get);
    let program = env::current_exe().map_err(process_error)?;
    let mut command = Command::new(program);
    command.args(["bench", &value_name(case.what), "--json", "--quiet"]);
    command.args(["--device", &value_name(arguments.device)]);
    let options = [
        ("--config", case.config.to_string()),
        ("--batch", case.batch.to_string()),
        ("--size", case.size.to_string()),
        ("--runs", case.runs.to_string()),
        ("--threads", threads.to_string()),
    ];
    for (option, value) in options {
        command.args([option, &value]);
    }
    if arguments.during_round && case.what == BenchCommand::Click {
        command.arg("--during-round");
    }
    if arguments.operations && case.what.has_operations() {
        command.arg("--operations");
    }
    if arguments.counts && case.what.has_operations() {
        command.arg("--counts");
    }
    if let Some(picture) = &arguments.picture {
        command.arg("--picture").arg(picture);
    }
    let output = command
        .stderr(process::Stdio::inherit())
        .output()
        .map_err(process_error)?;
    if !output.status.success() {
        return Err(process_error(format!(
            "CMUNeXt-{} ended with {}",
            case.config, output.status
        )));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).map_err(process_error))
        .collect()
}

fn process_error(reason: impl ToString) -> Error {
    Error::new("measure the network in a separate process", reason)
}

/// The name of an argument value on the command line.
fn value_name(value: impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

fn measure_run(case: BenchRun, arguments: &BenchArguments) -> Result<Vec<BenchFigure>> {
    let load = Load {
        config: case.config,
        batch: usize::from(case.batch),
        size: usize::from(case.size),
        device: arguments.device.into(),
        runs: usize::from(case.runs),
        count_operations: arguments.operations,
        count_launches: arguments.counts,
    };
    match case.what {
        BenchCommand::Infer => Ok(vec![figure_from_times(
            "infer",
            load,
            bench::measure_inference(load)?,
        )]),
        BenchCommand::Train => Ok(vec![figure_from_times(
            "train",
            load,
            bench::measure_training(load)?,
        )]),
        BenchCommand::Open => open::measure_run(load, arguments.picture.as_deref()),
        BenchCommand::Click => click::measure_run(&ClickRun {
            size: load.size,
            objects: load.runs,
            device: load.device,
            during_round: arguments.during_round,
        }),
    }
}

fn figure_from_times(what: &str, load: Load, measured: Measured) -> BenchFigure {
    let mut times = measured.times;
    times.sort();
    let median_ms = times
        .get(times.len() / 2)
        .map_or(f64::NAN, |t| t.as_secs_f64() * 1e3);
    BenchFigure {
        what: what.into(),
        config: load.config.to_string(),
        batch: load.batch,
        size: load.size,
        device: measured.device,
        threads: rayon::current_num_threads(),
        median_ms,
        p99_ms: None,
        clicks: None,
        round_steps: None,
        peak_mb: peak_mb(),
        operations: measured.tally.as_ref().map(OperationFigures::from_tally),
        counts: measured.gpu_counts.as_ref().map(CountFigures::from_counts),
    }
}

fn print_figure(figure: &BenchFigure, json: bool) -> Result<()> {
    if json {
        return super::print_text(
            &serde_json::to_string(figure).map_err(|e| Error::new("print the result", e))?,
        );
    }
    let BenchFigure {
        what,
        config,
        batch,
        size,
        device,
        median_ms,
        p99_ms,
        peak_mb,
        operations,
        counts,
        ..
    } = figure;
    let p99 = p99_ms.map_or(String::new(), |p99| format!("{p99:.1}"));
    let peak = peak_mb.map_or("?".into(), |peak| format!("{peak:.0}"));
    super::print_text(&format!(
        "{what:22} {config:6} {batch:5} {size:5} {median_ms:12.1} {p99:>9} {peak:>9}  {device}"
    ))?;
    let tables = [
        operations.as_ref().map(OperationFigures::table),
        counts.as_ref().map(CountFigures::table),
    ];
    tables
        .iter()
        .flatten()
        .try_for_each(|table| super::print_text(table))
}

/// Peak resident memory of this process in MB; `None` if the system does not report it.
fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

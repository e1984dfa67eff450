//! `labrum bench`: measures the speed and memory use of the network on this machine.

use super::{ConfigArgument, DeviceArgument, usage::argument_error};
use crate::io::open;
use crate::session::finding::Finding;
use crate::shipped;
use crate::{Error, Result};
use clap::ValueEnum;
use labrum_core::{label::Label, model_card::Config, whole_file};
use labrum_nn::{
    bench::{self, Load, Measured},
    checkpoint,
    infer::{Segmenter, bare_card},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Measure the speed and memory use of the network on this machine
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Networks have random weights. Each measurement runs in its own process, so that its peak memory \
can be measured. infer: a forward pass with softmax. train: forward, Boundary DoU, backward, AdamW. open: from an \
image file to its mask with outlines and measurements, cold (including loading the model) and warm.

Examples:
  labrum bench infer --config S,base,L --batch 1,8 --size 256,512
  labrum bench train --config S --batch 4 --device gpu --json
  labrum bench open --size 512 --threads 2"
)]
pub(super) struct BenchArguments {
    /// What to measure [default: everything]
    #[arg(value_enum)]
    what: Vec<BenchCommand>,
    /// Network sizes: S, base, L
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
    /// Rows and columns, multiples of 16
    #[arg(long, value_delimiter = ',', default_value = "256", value_parser = clap::value_parser!(u16).range(16..=4096))]
    size: Vec<u16>,
    /// Device to run the network on
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceArgument,
    /// Number of runs; one more warm-up run is not counted
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    runs: u16,
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
}

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
    /// Peak resident memory of the process in MB; `None` if the system does not report it.
    peak_mb: Option<f64>,
}

/// A measurement to run in its own process.
#[derive(Clone, Copy)]
struct BenchRun {
    what: BenchCommand,
    config: Config,
    batch: u16,
    size: u16,
}

pub(super) fn run(arguments: &BenchArguments) -> Result<()> {
    if let Some(size) = arguments.size.iter().find(|size| *size % 16 != 0) {
        return Err(argument_error(
            "measure the network",
            format!("{size} is not a multiple of 16"),
        ));
    }
    super::end_on_ctrl_c(
        "bench was stopped; the results printed so far are valid. To measure less, use --config, --batch, --size or --runs",
    )?;
    let cases = requested_runs(arguments);
    if !arguments.json {
        super::print_text(&format!(
            "{:10} {:6} {:>5} {:>5} {:>12} {:>9}  device",
            "what", "config", "batch", "size", "median ms", "peak MB"
        ))?;
    }
    let alone = cases.len() == 1;
    for case in cases {
        let figures = if alone {
            measure_run(case, arguments)?
        } else {
            in_a_process(case, arguments)?
        };
        figures
            .iter()
            .try_for_each(|figure| print_figure(figure, arguments.json))?;
    }
    Ok(())
}

fn requested_runs(arguments: &BenchArguments) -> Vec<BenchRun> {
    let whats = if arguments.what.is_empty() {
        BenchCommand::value_variants()
    } else {
        &arguments.what
    };
    let mut cases = Vec::new();
    for &what in whats {
        let batches = match what {
            BenchCommand::Open => vec![1],
            _ if !arguments.batch.is_empty() => arguments.batch.clone(),
            BenchCommand::Infer => vec![1],
            BenchCommand::Train => vec![4],
        };
        for config in arguments.config.iter().map(|config| Config::from(*config)) {
            for &size in &arguments.size {
                cases.extend(batches.iter().map(|&batch| BenchRun {
                    what,
                    config,
                    batch,
                    size,
                }));
            }
        }
    }
    cases
}

/// Runs this program for one measurement and reads the results that it prints.
fn in_a_process(case: BenchRun, arguments: &BenchArguments) -> Result<Vec<BenchFigure>> {
    let program = std::env::current_exe().map_err(process_error)?;
    let mut command = Command::new(program);
    command.args(["bench", &value_name(case.what), "--json", "--quiet"]);
    command.args(["--device", &value_name(arguments.device)]);
    let options = [
        ("--config", case.config.to_string()),
        ("--batch", case.batch.to_string()),
        ("--size", case.size.to_string()),
        ("--runs", arguments.runs.to_string()),
        ("--threads", rayon::current_num_threads().to_string()),
    ];
    for (option, value) in options {
        command.args([option, &value]);
    }
    if let Some(picture) = &arguments.picture {
        command.arg("--picture").arg(picture);
    }
    let output = command
        .stderr(std::process::Stdio::inherit())
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
        runs: usize::from(arguments.runs),
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
        BenchCommand::Open => open_picture(load, arguments.picture.as_deref()),
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
        peak_mb: peak_mb(),
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
        peak_mb,
        ..
    } = figure;
    let peak = peak_mb.map_or("?".into(), |peak| format!("{peak:.0}"));
    super::print_text(&format!(
        "{what:10} {config:6} {batch:5} {size:5} {median_ms:12.1} {peak:>9}  {device}"
    ))
}

/// Times opening an image and computing mask, outlines and measurements, as in the window: first cold, then warm.
fn open_picture(load: Load, picture: Option<&Path>) -> Result<Vec<BenchFigure>> {
    let folder = tempfile::tempdir().map_err(|e| Error::new("create a folder for an image", e))?;
    let path = match picture {
        Some(path) => path.to_owned(),
        None => made_picture(folder.path(), load.size)?,
    };
    let model = folder.path().join("bench.safetensors");
    write_model(&model, load)?;
    let start = Instant::now();
    let mut segmenter = Segmenter::load_from_path(&model, load.device)?;
    open_and_segment(&path, &mut segmenter)?;
    let cold_time = start.elapsed();
    let mut warm_times = Vec::new();
    for _ in 0..load.runs {
        let start = Instant::now();
        open_and_segment(&path, &mut segmenter)?;
        warm_times.push(start.elapsed());
    }
    let device = segmenter.device_name().to_owned();
    let cold = Measured {
        device: device.clone(),
        times: vec![cold_time],
    };
    let warm = Measured {
        device,
        times: warm_times,
    };
    Ok(vec![
        figure_from_times("open_cold", load, cold),
        figure_from_times("open_warm", load, warm),
    ])
}

fn open_and_segment(path: &Path, segmenter: &mut Segmenter) -> Result<()> {
    let catalog = open::read_catalog(&[path.to_owned()], &mut |_| {}, &Default::default())?;
    let series = catalog
        .studies
        .iter()
        .flat_map(|study| &study.series)
        .next()
        .ok_or_else(|| no_picture_error(path))?;
    let slice = series
        .slices
        .first()
        .ok_or_else(|| no_picture_error(path))?;
    let image = open::load_slice(&slice.source, series.kind)?;
    let prediction = segmenter.segment_slice(&image)?;
    let labels: Vec<Label> = segmenter.model_card().labels.clone();
    let finding = Finding::from_prediction(
        &prediction,
        segmenter.model_card().name.as_str().into(),
        labels.into(),
        &image.length_scale(),
    );
    std::hint::black_box(finding);
    Ok(())
}

fn no_picture_error(path: &Path) -> Error {
    Error::at_path("open", path, "no image found")
}

/// Writes a grey image with some structure and returns its path.
fn made_picture(folder: &Path, size: usize) -> Result<PathBuf> {
    let path = folder.join("picture.png");
    let pixels = (0..size * size)
        .map(|index| grey_of_pattern(index, size))
        .collect();
    let image = image::GrayImage::from_raw(size as u32, size as u32, pixels)
        .ok_or_else(|| write_picture_error(&path, "too large"))?;
    image
        .save(&path)
        .map_err(|e| write_picture_error(&path, e))?;
    Ok(path)
}

/// Grey value of a pixel in a pattern of rings and stripes; `index` counts row by row in a square of side `size`.
#[inline]
fn grey_of_pattern(index: usize, size: usize) -> u8 {
    let x = (index % size) as f64 / size as f64 - 0.5;
    let y = (index / size) as f64 / size as f64 - 0.5;
    (128.0 + 90.0 * (9.0 * x.hypot(y)).cos() + 30.0 * (40.0 * x).sin()) as u8
}

fn write_picture_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("write an image", path, reason)
}

/// Writes a model file: with the weights of a shipped model of this size, for realistic masks, else with random weights.
fn write_model(path: &Path, load: Load) -> Result<()> {
    let shipped = shipped::all_models()?
        .into_iter()
        .find(|model| model.card.config == load.config);
    let weights = match shipped {
        Some(model) => checkpoint::from_bytes(model.bytes)?.1,
        None => bench::random_weights(load.config)?,
    };
    // A card with an input of 256 x 256.
    let card = bare_card("bench", checkpoint::detect_architecture(&weights)?);
    let bytes = checkpoint::to_bytes(&card, &weights)?;
    whole_file::write_atomically(path, "write the model", |file| file.write_all(&bytes))
}

/// Peak resident memory of this process in MB; `None` if the system does not report it.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

//! `labrum bench`: how fast the network is on this machine, and how much memory it takes.

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
use std::time::{Duration, Instant};

/// Measure how fast the network is here
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Networks have random weights. Each figure comes from a process of its own, so that its peak of memory \
is its own. infer: a forward pass with softmax; train: forward, Boundary DoU, backward, AdamW; open: from a picture's \
file to its mask with outlines and measurements, cold (the model is loaded, too) and warm.

Examples:
  labrum bench infer --config S,base,L --batch 1,8 --size 256,512
  labrum bench train --config S --batch 4 --device gpu --json
  labrum bench open --size 512 --threads 2"
)]
pub(super) struct BenchArguments {
    /// What to measure [default: all of it]
    #[arg(value_enum)]
    what: Vec<BenchCommand>,
    /// Networks: S, base, L
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "S,base,L",
        ignore_case = true
    )]
    config: Vec<ConfigArgument>,
    /// Pictures at once [default: 1 for infer, 4 for train]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=256))]
    batch: Vec<u16>,
    /// Rows and columns, multiples of 16
    #[arg(long, value_delimiter = ',', default_value = "256", value_parser = clap::value_parser!(u16).range(16..=4096))]
    size: Vec<u16>,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "cpu")]
    device: DeviceArgument,
    /// How often each is run; one run more comes first and does not count
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    runs: u16,
    /// The picture for open [default: a made one of SIZE]
    #[arg(long)]
    picture: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum BenchCommand {
    /// A forward pass
    Infer,
    /// A training step
    Train,
    /// From a picture's file to its mask
    Open,
}

/// One figure.
#[derive(Debug, Serialize, Deserialize)]
struct BenchFigure {
    what: String,
    config: String,
    batch: usize,
    size: usize,
    device: String,
    threads: usize,
    median_ms: f64,
    /// Peak of the process's resident memory; none where the system does not tell.
    peak_mb: Option<f64>,
}

/// One run of the command that has a process of its own.
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
        "bench was stopped; what is printed holds. Measure less with --config, --batch, --size or --runs",
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

/// Runs this program for one case; what it prints are figures.
fn in_a_process(case: BenchRun, arguments: &BenchArguments) -> Result<Vec<BenchFigure>> {
    let tried = "measure the network in a process of its own";
    let failed = |e: &dyn std::fmt::Display| Error::new(tried, e);
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map(|v| v.get_name().to_owned()).unwrap_or_default()
    };
    let mut command = Command::new(std::env::current_exe().map_err(|e| failed(&e))?);
    command.args([
        "bench",
        &name(case.what.to_possible_value()),
        "--json",
        "--quiet",
    ]);
    command.args(["--device", &name(arguments.device.to_possible_value())]);
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
        .map_err(|e| failed(&e))?;
    if !output.status.success() {
        return Err(failed(&format!(
            "CMUNeXt-{} ended with {}",
            case.config, output.status
        )));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|e| failed(&e)))
        .collect()
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

/// From the file to mask, outlines and measurements, as the window does it; first with all that is done only once.
fn open_picture(load: Load, picture: Option<&Path>) -> Result<Vec<BenchFigure>> {
    let folder = tempfile::tempdir().map_err(|e| Error::new("make a folder for a picture", e))?;
    let path = match picture {
        Some(path) => path.to_owned(),
        None => made_picture(folder.path(), load.size)?,
    };
    let model = folder.path().join("bench.safetensors");
    write_model(&model, load)?;
    let start = Instant::now();
    let mut segmenter = Segmenter::load_from_path(&model, load.device)?;
    open_and_segment(&path, &mut segmenter)?;
    let cold = start.elapsed();
    let mut warm = Vec::new();
    for _ in 0..load.runs {
        let start = Instant::now();
        open_and_segment(&path, &mut segmenter)?;
        warm.push(start.elapsed());
    }
    let measured = |times: Vec<Duration>| Measured {
        device: segmenter.device_name().to_owned(),
        times,
    };
    Ok(vec![
        figure_from_times("open_cold", load, measured(vec![cold])),
        figure_from_times("open_warm", load, measured(warm)),
    ])
}

fn open_and_segment(path: &Path, segmenter: &mut Segmenter) -> Result<()> {
    let catalog = open::read_catalog(&[path.to_owned()], &mut |_| {}, &Default::default())?;
    let unseen = || Error::at_path("open", path, "there is no picture in it");
    let series = catalog
        .studies
        .iter()
        .flat_map(|study| &study.series)
        .next()
        .ok_or_else(unseen)?;
    let slice = series.slices.first().ok_or_else(unseen)?;
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

/// A grey picture with some structure.
fn made_picture(folder: &Path, size: usize) -> Result<PathBuf> {
    let path = folder.join("picture.png");
    let value = |i: usize| {
        let (x, y) = (
            (i % size) as f64 / size as f64 - 0.5,
            (i / size) as f64 / size as f64 - 0.5,
        );
        (128.0 + 90.0 * (9.0 * x.hypot(y)).cos() + 30.0 * (40.0 * x).sin()) as u8
    };
    let pixels = (0..size * size).map(value).collect();
    let failed = |e: &dyn std::fmt::Display| Error::at_path("write a picture", &path, e);
    let image = image::GrayImage::from_raw(size as u32, size as u32, pixels)
        .ok_or_else(|| failed(&"too large"))?;
    image.save(&path).map_err(|e| failed(&e))?;
    Ok(path)
}

/// S with the weights of the shipped model, whose masks are like masks; other networks with random ones.
fn write_model(path: &Path, load: Load) -> Result<()> {
    let shipped = shipped::all_models()?
        .into_iter()
        .find(|model| model.card.config == load.config);
    let weights = match shipped {
        Some(model) => checkpoint::from_bytes(model.bytes)?.1,
        None => bench::random_weights(load.config)?,
    };
    // A card for 256 x 256.
    let card = bare_card("bench", checkpoint::detect_architecture(&weights)?);
    let bytes = checkpoint::to_bytes(&card, &weights)?;
    whole_file::write_atomically(path, "write the model", |file| file.write_all(&bytes))
}

/// Peak of this process's resident memory, where the system tells.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

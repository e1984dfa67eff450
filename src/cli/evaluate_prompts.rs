//! `labrum evaluate-prompts`: scores a prompt model with simulated clicks.

use super::{DeviceArgument, console, print_json, print_text};
use crate::learning::prompts::read_targets;
use crate::{Error, Result};
use labrum_core::{bootstrap::MeanInterval, quantile::value_at_quantile};
use labrum_nn::prompt::{
    judge::{TargetScores, judge_target},
    segmenter::PromptSegmenter,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The clicks after which Dice is reported.
const CLICKS: [usize; 4] = [1, 3, 5, 10];

/// Score a prompt model with simulated clicks, on folders that hold images/ and masks/ with the same file names
#[derive(clap::Args, Debug)]
#[command(
    after_help = "The target in each image is one connected component of a label. Each simulated click is at the centre of the largest \
error: positive where pixels are missing, negative where there are too many. The scores are the mean Dice after 1, 3, 5 and 10 \
clicks and after a bounding box alone, and the mean number of clicks to reach Dice 0.85 and 0.90 (NoC; targets that never \
reach it count as --clicks), with 95 % confidence intervals (bootstrap), and the time per click.

Example:
  labrum evaluate-prompts click.safetensors nerves/ polyps/ --json"
)]
pub(super) struct EvaluatePromptsArguments {
    /// Model file written by labrum train-prompts
    model: PathBuf,
    /// Folders with images/ and masks/, one for each task
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Maximum number of targets per folder
    #[arg(long, default_value_t = 50)]
    targets: usize,
    /// Number of clicks per target
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(10..=50))]
    clicks: u8,
    /// Random seed for the choice of targets
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
    /// Device to run the network on
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
}

/// Scores of one task.
#[derive(Debug, Serialize)]
struct TaskFigures {
    folder: PathBuf,
    targets: usize,
    /// Mean Dice after 1, 3, 5 and 10 clicks.
    dice: Vec<Option<MeanInterval>>,
    dice_of_box: Option<MeanInterval>,
    clicks_to_85: Option<MeanInterval>,
    clicks_to_90: Option<MeanInterval>,
    milliseconds_median: f64,
    milliseconds_99_percent: f64,
}

/// Scores of all tasks, and their means.
#[derive(Debug, Serialize)]
struct Report {
    model: PathBuf,
    weights: String,
    tasks: Vec<TaskFigures>,
    /// Mean over the tasks of Dice after 1, 3, 5 and 10 clicks.
    dice: Vec<f64>,
    clicks_to_85: f64,
    clicks_to_90: f64,
}

pub(super) fn run(arguments: &EvaluatePromptsArguments) -> Result<()> {
    super::end_on_ctrl_c("evaluate-prompts was stopped without printing anything")?;
    let mut segmenter = PromptSegmenter::load_from_path(&arguments.model, arguments.device.into())?;
    let mut tasks = Vec::new();
    for folder in &arguments.folders {
        tasks.push(score_task(&mut segmenter, folder, arguments)?);
    }
    let report = Report {
        model: arguments.model.clone(),
        weights: segmenter.weights_hash().to_owned(),
        dice: (0..CLICKS.len())
            .map(|at| mean_over(&tasks, |task| task.dice[at]))
            .collect(),
        clicks_to_85: mean_over(&tasks, |task| task.clicks_to_85),
        clicks_to_90: mean_over(&tasks, |task| task.clicks_to_90),
        tasks,
    };
    if arguments.json {
        print_json(&report)
    } else {
        print_text(&to_table(&report))
    }
}

fn mean_over(tasks: &[TaskFigures], figure: impl Fn(&TaskFigures) -> Option<MeanInterval>) -> f64 {
    let means: Vec<f64> = tasks.iter().filter_map(|t| Some(figure(t)?.mean)).collect();
    means.iter().sum::<f64>() / means.len().max(1) as f64
}

fn score_task(
    segmenter: &mut PromptSegmenter,
    folder: &Path,
    arguments: &EvaluatePromptsArguments,
) -> Result<TaskFigures> {
    let targets = read_targets(folder, arguments.targets, arguments.seed)?;
    if targets.is_empty() {
        return Err(Error::at_path(
            "score the model on",
            folder,
            "no mask has a connected component of at least 25 pixels",
        ));
    }
    let bar = console::progress_bar(targets.len() as u64, "{pos} of {len} targets");
    let mut scores = Vec::with_capacity(targets.len());
    for target in &targets {
        scores.push(judge_target(
            segmenter,
            target,
            usize::from(arguments.clicks),
        )?);
        if let Some(notice) = segmenter.take_notice() {
            console::print_above_bar(&bar, &notice);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(figures(folder, &scores))
}

fn figures(folder: &Path, scores: &[TargetScores]) -> TaskFigures {
    let interval = |figure: &dyn Fn(&TargetScores) -> f64| {
        MeanInterval::from_values(&scores.iter().map(figure).collect::<Vec<_>>())
    };
    let mut times: Vec<f64> = scores
        .iter()
        .flat_map(|s| s.milliseconds.iter().copied())
        .collect();
    times.sort_by(f64::total_cmp);
    TaskFigures {
        folder: folder.to_owned(),
        targets: scores.len(),
        dice: CLICKS
            .iter()
            .map(|&clicks| interval(&|s| s.dice[clicks - 1]))
            .collect(),
        dice_of_box: interval(&|s| s.dice_of_box),
        clicks_to_85: interval(&|s| s.clicks_to(0.85) as f64),
        clicks_to_90: interval(&|s| s.clicks_to(0.90) as f64),
        milliseconds_median: value_at_quantile(&times, 0.5),
        milliseconds_99_percent: value_at_quantile(&times, 0.99),
    }
}

fn to_table(report: &Report) -> String {
    let mut text = format!(
        "{:<20} {:>7} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6} {:>9}\n",
        "", "targets", "@1", "@3", "@5", "@10", "box", "NoC85", "NoC90", "ms/click"
    );
    for task in &report.tasks {
        let name = task.folder.file_name().unwrap_or_default();
        let mean = |figure: Option<MeanInterval>| figure.map_or(f64::NAN, |figure| figure.mean);
        text += &format!("{:<20} {:>7}", name.to_string_lossy(), task.targets);
        for dice in task.dice.iter().chain([&task.dice_of_box]) {
            text += &format!(" {:>6.3}", mean(*dice));
        }
        text += &format!(
            " {:>6.2} {:>6.2} {:>9.1}\n",
            mean(task.clicks_to_85),
            mean(task.clicks_to_90),
            task.milliseconds_median
        );
    }
    text += &format!("{:<28}", "mean over the tasks");
    for dice in &report.dice {
        text += &format!(" {dice:>6.3}");
    }
    text += &format!(
        " {:>6} {:>6.2} {:>6.2}",
        "", report.clicks_to_85, report.clicks_to_90
    );
    text
}

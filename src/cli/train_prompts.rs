//! `labrum train-prompts`: trains a prompt model, which takes clicks, boxes and scribbles.

use super::{
    DeviceArgument, check_model_file, command_line, console, print_above_bar, stop_on_ctrl_c,
    train::{read_state, save_model, state_path, write_state},
    usage::argument_error,
};
use crate::learning::prompts::RecipeFile;
use crate::{Error, ErrorKind, Result};
use indicatif::ProgressBar;
use labrum_core::{model_card::ModelCard, progress::Control, training::Length, whole_file};
use labrum_nn::{
    checkpoint::{self, Weights},
    prompt::{
        recipe::prompt_card,
        train::{
            JudgedPoint, PromptRun, PromptStart, PromptStep, PromptTrainingKeeper, train_prompts,
        },
    },
    train::{check_same_settings, state::TrainingState},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::{fs, time::Duration};

/// Train a model that takes clicks, boxes and scribbles, on folders of many tasks
#[derive(clap::Args, Debug)]
#[command(
    after_help = "The recipe is a JSON file. Its folders hold images/ and masks/ with the same file names:

  {
    \"name\": \"Clicks\",
    \"recipe\": {\"config\": \"S\", \"side\": 128, \"batch\": 8, \"steps\": 100000, \"made\": 0.4, \"seed\": 1},
    \"tasks\": [{\"folder\": \"heart\"}, {\"folder\": \"nuclei\", \"weight\": 0.5}],
    \"judged\": [{\"folder\": \"liver\", \"targets\": 20}]
  }

Each training episode draws a task at random (by \"weight\"), an image of it, and a target: a connected component of a label, a \
whole label, several of them, or, with probability \"made\", a region of superpixels. A simulated annotator gives prompts for the \
target and corrects the masks that the network returns. The folders in \"judged\" are for evaluation only: at regular intervals \
(\"judged-every\", by default 1000 steps) their targets are segmented with simulated clicks, and the weights with the best mean \
Dice after 1, 3 and 5 clicks are written to --out.

\"without-channels\": [\"walker\"], [\"proximity\"] or both trains a model without these input channels, to find out what they \
contribute: they are filled with 0, also when the model is used.

At each evaluation the state of the training is saved next to the log, with .state added to its name; --resume continues from it, \
with the same recipe.

Examples:
  labrum train-prompts recipe.json --out click.safetensors --log click.json
  labrum train-prompts recipe.json --out click.safetensors --log click.json --resume --minutes 60"
)]
pub(super) struct TrainPromptsArguments {
    /// JSON file with the tasks and the training options
    recipe: PathBuf,
    /// Model file to write, with the best weights
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// JSON file to log the evaluations to
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
    /// Model file for the latest weights, in addition to the best ones
    #[arg(long, value_name = "FILE")]
    last: Option<PathBuf>,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
    /// Resume the training of this log; starts from the beginning if there is nothing to resume
    #[arg(long)]
    resume: bool,
    /// Model to start from instead of random weights
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    start: Option<PathBuf>,
    /// Stop after this many minutes; --resume continues
    #[arg(long)]
    minutes: Option<f64>,
    /// Device to train on
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
}

/// The log of a training.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PromptLog {
    program: String,
    command: String,
    recipe: RecipeFile,
    points: Vec<JudgedPoint>,
}

pub(super) fn run(arguments: &TrainPromptsArguments) -> Result<()> {
    check_model_file(&arguments.out)?;
    if !arguments.resume {
        let files = [&arguments.out, &arguments.log];
        arguments
            .overwrite
            .refuse_existing(files.into_iter().chain(&arguments.last))?;
    }
    if let Some(last) = &arguments.last {
        check_model_file(last)?;
    }
    whole_file::check_writable(&arguments.log, "write the log")?;
    let file = RecipeFile::read_from_file(&arguments.recipe)?;
    let limit = arguments
        .minutes
        .map(|minutes| Duration::try_from_secs_f64(60.0 * minutes))
        .transpose()
        .map_err(|e| argument_error("read --minutes", e))?;
    let state_file = state_path(&arguments.log);
    let (start, points) = resolve_start(arguments, &file, &state_file)?;
    let tasks = file.read_tasks()?;
    let judged = file.read_judged()?;
    let images = tasks.iter().map(|task| task.images.len()).sum();
    let mut trained_on = file.trained_on.clone();
    trained_on.cases = images;
    let card = prompt_card(&file.recipe, &file.name, trained_on);
    let control = Control::with_cancel(stop_on_ctrl_c()?);
    let bar = console::progress_bar(file.recipe.steps as u64, "{pos} of {len} steps  {msg}");
    let mut files = PromptFiles {
        arguments,
        state_file,
        card,
        bar,
        log: PromptLog {
            program: format!("labrum {}", env!("CARGO_PKG_VERSION")),
            command: command_line(),
            recipe: file.clone(),
            points,
        },
    };
    let run = PromptRun {
        device: arguments.device.into(),
        length: Length::Steps(file.recipe.steps),
        limit,
        control: &control,
    };
    train_prompts(&tasks, &judged, &file.recipe, start, &run, &mut files)?;
    files.bar.finish_and_clear();
    if control.cancel.is_cancelled() {
        return Err(Error::new("finish the training", "stopped")
            .with_advice("Run the same command with --resume to continue.")
            .of_kind(ErrorKind::Cancelled));
    }
    Ok(())
}

/// The start of the training, and the evaluations so far. An error if the training to resume had another recipe.
fn resolve_start(
    arguments: &TrainPromptsArguments,
    file: &RecipeFile,
    state_file: &Path,
) -> Result<(PromptStart, Vec<JudgedPoint>)> {
    if let Some(path) = &arguments.start {
        let (_, weights) = checkpoint::read_model(path)?;
        return Ok((PromptStart::Weights(weights), Vec::new()));
    }
    if !arguments.resume || !state_file.exists() {
        return Ok((PromptStart::Random, Vec::new()));
    }
    let state = read_state(state_file)?;
    let text = fs::read(&arguments.log)
        .map_err(|e| Error::at_path("read the training log", &arguments.log, e))?;
    let log: PromptLog = serde_json::from_slice(&text)
        .map_err(|e| Error::at_path("read the training log", &arguments.log, e))?;
    let before = log.recipe.training_settings()?;
    check_same_settings(&before, &file.training_settings()?).map_err(|error| Error {
        path: Some(arguments.log.clone()),
        ..error
    })?;
    let mut points = log.points;
    points.retain(|point| point.steps <= state.steps);
    let seconds = points.last().map_or(0.0, |point| point.seconds);
    Ok((PromptStart::Resumed(Box::new(state), seconds), points))
}

/// Saves the results of a training to files.
struct PromptFiles<'a> {
    arguments: &'a TrainPromptsArguments,
    state_file: PathBuf,
    card: ModelCard,
    bar: ProgressBar,
    log: PromptLog,
}

impl PromptTrainingKeeper for PromptFiles<'_> {
    fn report_step(&mut self, step: PromptStep) {
        self.bar.set_position(step.steps as u64);
        let loss = step.loss;
        let minutes = step.remaining.as_secs() / 60;
        self.bar
            .set_message(format!("loss {loss:.3}, {minutes} min left"));
    }

    fn keep_point(
        &mut self,
        point: &JudgedPoint,
        weights: &Weights,
        is_best: bool,
        state: &TrainingState,
    ) -> Result<()> {
        if is_best {
            save_model(&self.arguments.out, &self.card, weights)?;
        }
        if let Some(last) = &self.arguments.last {
            save_model(last, &self.card, weights)?;
        }
        self.log.points.push(point.clone());
        // The log before the state: on resuming, evaluations in the log that are newer than the state are dropped.
        whole_file::write_atomically(&self.arguments.log, "write the log", |file| {
            Ok(serde_json::to_writer_pretty(file, &self.log)?)
        })?;
        write_state(&self.state_file, state)?;
        let figures: Vec<String> = [1, 3, 5]
            .iter()
            .zip(&point.dice)
            .map(|(clicks, dice)| format!("{dice:.3} after {clicks}"))
            .collect();
        print_above_bar(
            &self.bar,
            &format!(
                "step {}: loss {:.3}, Dice {} clicks",
                point.steps,
                point.loss,
                figures.join(", ")
            ),
        );
        Ok(())
    }
}

//! `labrum train`: a model from a folder of images and masks.

mod keep;
mod options;

use super::{ConfigArgument, DeviceArgument, usage::argument_error};
use crate::learning::folder;
use crate::{Error, ErrorKind, Result};
use clap::ValueEnum;
use keep::{Files, LogFile, save_model};
use labrum_core::{
    counts::count_with_noun,
    label::{Code, Label},
    model_card::ModelPurpose,
};
use labrum_nn::{cmunext::SIZE_MULTIPLE, train::Trained};
use options::options_from_arguments;
use std::path::{Path, PathBuf};

/// Train a model on a folder that holds images/ and masks/ with equal names
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A folder of nnU-Net (imagesTr/, labelsTr/, dataset.json) is read as it lies, the first channel of each case; of \
stacks and NIfTI volumes each page or slice is an image. Images are split by subject: the number that a file name begins with (010_2HC.png is of \
subject 010; dates and UIDs are none), else each image is its own; subjects.csv with the columns name and subject, or \
--subject-pattern, say otherwise. What the values of the masks mean is found over all of them: 0 and 255, 0 and 1, or the \
values as they are; labels.json beside them says it. The held-out subjects are used once, for the figures on the model card. Ctrl-C stops after the step and keeps the best model so far.
The recipe \"paper\" is that of CMUNeXt (arXiv 2308.01239): 0.5 BCE + Dice, SGD 0.01, 300 epochs, images stretched to 256x256, \
quarter turns and mirrors, the weights of the best IoU; what is given beside it counts instead.

Examples:
  labrum train data/ --out model.safetensors
  labrum train data/ --out model.safetensors --size 256x176 --channels 1 --label \"Fetal head\"
  labrum train data/ --out better.safetensors --start model.safetensors --minutes 20
  labrum train busi/ --recipe paper --split train1.txt,val1.txt --seed 1 --out s.safetensors --log s.json
  labrum train --workspace work/ --seconds 60"
)]
pub(super) struct TrainArguments {
    /// Folder with images/ and masks/
    #[arg(required_unless_present = "workspace")]
    folder: Option<PathBuf>,
    /// Model file to write
    #[arg(short, long, required_unless_present = "workspace")]
    out: Option<PathBuf>,
    /// Workspace in which a round is done on its accepted masks; the gate decides whether its model becomes active
    #[arg(long, help_heading = "A round in a workspace")]
    workspace: Option<PathBuf>,
    /// What the round starts from: none, the name of a shipped model, or a file [default: the active version]
    #[arg(long, requires = "workspace", help_heading = "A round in a workspace")]
    from: Option<String>,
    /// Length of the round, in seconds on a usual machine; equal rounds make equal models [default: 60]
    #[arg(long, requires = "workspace", help_heading = "A round in a workspace")]
    seconds: Option<f64>,
    /// Steps of the round, instead of --seconds
    #[arg(long, requires = "workspace", conflicts_with = "seconds", value_parser = parse_steps, help_heading = "A round in a workspace")]
    steps: Option<usize>,
    /// Give up a round that was cut off, and begin another on the masks as they are now
    #[arg(long, requires = "workspace", help_heading = "A round in a workspace")]
    anew: bool,
    /// Give up a round that was cut off, and begin none
    #[arg(long, requires = "workspace", conflicts_with_all = ["anew", "dry_run"], help_heading = "A round in a workspace")]
    give_up: bool,
    /// Only tell what the round would take
    #[arg(long, requires = "workspace", help_heading = "A round in a workspace")]
    dry_run: bool,
    /// Tell of the new version as JSON
    #[arg(long, requires = "workspace", help_heading = "A round in a workspace")]
    json: bool,
    #[command(flatten)]
    plan: super::plan::PlanArguments,
    /// Network
    #[arg(long, value_enum, default_value = "S", ignore_case = true)]
    config: ConfigArgument,
    /// What is taken where nothing else is said: our own way to train, or that of the paper
    #[arg(long, value_enum, default_value = "own")]
    recipe: RecipeArgument,
    /// Passes over the training images; 30, or 300 as in the paper
    #[arg(long)]
    epochs: Option<usize>,
    /// Stop after so many minutes; the learning rate falls along with the time
    #[arg(long)]
    minutes: Option<f64>,
    /// Files with the names of the images to train on, of those that choose the best epoch and, where wanted, of those held
    /// out, comma separated; instead of shares of the subjects
    #[arg(long, value_delimiter = ',', value_name = "FILES", conflicts_with_all = ["held_out", "held_out_subjects", "validation"])]
    split: Vec<PathBuf>,
    /// JSON file that tells of each epoch; FILE.state beside it lets a training that was stopped go on
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Go on from where the training of that log was stopped; from the beginning where it never began
    #[arg(long, requires = "log")]
    resume: bool,
    /// File for the weights of the last epoch, beside the best
    #[arg(long, value_name = "FILE")]
    last: Option<PathBuf>,
    /// Columns x rows of the network's input, multiples of 16
    #[arg(long, default_value = "256x256", value_parser = parse_size)]
    size: (usize, usize),
    /// Channels of the network's input: 1 for grey, 3 for colour
    #[arg(long, default_value_t = 3, value_parser = parse_channels)]
    channels: usize,
    /// Share of the subjects held out for the figures on the card
    #[arg(long, default_value_t = 0.1)]
    held_out: f64,
    /// Subjects that are held out in any case, comma separated
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    held_out_subjects: Vec<String>,
    /// Share of the other subjects that choose the best epoch
    #[arg(long, default_value_t = 0.1)]
    validation: f64,
    #[command(flatten)]
    folder_wishes: super::folder::FolderArguments,
    /// Model to start from instead of random weights
    #[arg(long)]
    start: Option<PathBuf>,
    /// Classes that no image of a batch has: as in the paper (they teach nothing), or left out of the mean
    #[arg(long, value_enum, default_value = "paper")]
    absent: AbsentArgument,
    /// Weight of a cross-entropy term added to Boundary DoU
    #[arg(long, default_value_t = 0.0)]
    cross_entropy: f64,
    /// Leave the samples as they are
    #[arg(long)]
    no_augmentation: bool,
    /// Name of the model
    #[arg(long, default_value = "Model")]
    name: String,
    /// Version of the model
    #[arg(long, default_value = "1.0.0")]
    model_version: String,
    /// Name of a label, in the order of their values in the masks; may be given again. With a coded concept:
    /// "Fetal head|123037004 SCT Anatomical Structure|69536005 SCT Head"
    #[arg(long, value_parser = parse_label)]
    label: Vec<Label>,
    /// What the model is for, as JSON: {"summary": "..", "modalities": ["US"], "body_parts": [..], "picture_words": [..]}
    #[arg(long, value_parser = parse_purpose)]
    purpose: Option<ModelPurpose>,
    /// Name of the data
    #[arg(long, default_value = "")]
    data_name: String,
    /// Licence of the data
    #[arg(long, default_value = "")]
    data_license: String,
    /// Whom to name for the data
    #[arg(long, default_value = "")]
    data_attribution: String,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum RecipeArgument {
    Own,
    Paper,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum AbsentArgument {
    Paper,
    LeaveOut,
}

pub(super) fn parse_size(text: &str) -> std::result::Result<(usize, usize), String> {
    let (columns, rows) = text
        .split_once('x')
        .ok_or("give columns x rows, like 256x176")?;
    let side = |s: &str| match s.trim().parse::<usize>() {
        Ok(n) if n > 0 && n % SIZE_MULTIPLE == 0 && n <= 4096 => Ok(n),
        _ => Err(format!("\"{s}\" is not a multiple of 16 up to 4096")),
    };
    Ok((side(columns)?, side(rows)?))
}

pub(super) fn parse_channels(text: &str) -> std::result::Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("give 1 or 3".into()),
    }
}

fn parse_steps(text: &str) -> std::result::Result<usize, String> {
    text.parse()
        .ok()
        .filter(|steps| *steps > 0)
        .ok_or_else(|| "give a whole number from 1".into())
}

/// `name`, or `name|category|concept` with codes as `value scheme meaning`.
pub(super) fn parse_label(text: &str) -> std::result::Result<Label, String> {
    let code = |text: &str| -> std::result::Result<Code, String> {
        let mut parts = text.splitn(3, ' ');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(value), Some(scheme), Some(meaning)) => Ok(Code::new(value, scheme, meaning)),
            _ => Err(format!(
                "\"{text}\" is not a code: give value, scheme and meaning, like \"69536005 SCT Head\""
            )),
        }
    };
    let parts: Vec<&str> = text.split('|').collect();
    match parts[..] {
        [name] => Ok(Label::with_name(name, 0)),
        [name, category, concept] => Ok(Label {
            category: code(category)?,
            concept: code(concept)?,
            ..Label::with_name(name, 0)
        }),
        _ => Err("give a name, or name|category|concept".into()),
    }
}

pub(super) fn parse_purpose(text: &str) -> std::result::Result<ModelPurpose, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

pub(super) fn run(arguments: TrainArguments) -> Result<()> {
    if let Some(workspace) = &arguments.workspace {
        return run_round(workspace, &arguments);
    }
    let (Some(folder), Some(out)) = (arguments.folder.clone(), arguments.out.clone()) else {
        return Err(argument_error("train", "no folder and no --out were given"));
    };
    let (last, log, resume) = (
        arguments.last.clone(),
        arguments.log.clone(),
        arguments.resume,
    );
    // Where it goes on, the files are its own.
    if !resume {
        arguments.overwrite.refuse_existing(
            [Some(&out), last.as_ref(), log.as_ref()]
                .into_iter()
                .flatten(),
        )?;
    }
    let (options, division) = options_from_arguments(arguments)?;
    for model in [Some(&out), last.as_ref()].into_iter().flatten() {
        super::check_model_file(model)?;
    }
    let log = log.map(LogFile::new).transpose()?;
    let earlier = match &log {
        Some(log) if resume => log.resumable_state()?,
        _ => None,
    };
    let (log_given, epochs_wanted) = (log.is_some(), options.epochs);
    let cancel = super::stop_on_ctrl_c()?;
    let bar = super::console::progress_bar(1000, "{msg}");
    let mut files = Files {
        out: &out,
        log: log.as_ref(),
        bar: &bar,
        any_kept: earlier.is_some(),
    };
    let mut note = |text: &str| super::print_above_bar(&bar, text);
    let trained = folder::train_model(
        &folder,
        (&options, &division),
        earlier,
        &mut files,
        &mut note,
        &cancel,
    )?;
    bar.finish_and_clear();
    if !trained.log.is_finished && !files.any_kept {
        return Err(Error::new("train", "it was stopped before the first step")
            .with_advice("No model was written.")
            .of_kind(ErrorKind::Cancelled));
    }
    save_model(&out, &trained.card, &trained.weights)?;
    if let Some(last) = &last {
        save_model(last, &trained.card, &trained.last)?;
    }
    if let Some(log) = log.filter(|_| trained.log.is_finished) {
        log.write_final(&trained.log)?;
    }
    super::print_text(&training_summary(&out, &trained))?;
    match trained.log.is_finished {
        true => Ok(()),
        false => {
            let epochs = trained.log.epochs.len();
            let advice = match log_given {
                true => "The same command with --resume goes on from there.",
                false => "Use --log to be able to resume.",
            };
            let reason = format!(
                "it was stopped after {epochs} of {}",
                count_with_noun(epochs_wanted, "epoch")
            );
            Err(Error::new("train to the end", reason)
                .with_advice(advice)
                .of_kind(ErrorKind::Cancelled))
        }
    }
}

/// A round in a workspace.
fn run_round(workspace: &Path, arguments: &TrainArguments) -> Result<()> {
    if arguments.folder.is_some() || arguments.out.is_some() {
        return Err(argument_error(
            "train",
            "either a folder and --out, or --workspace, not both",
        ));
    }
    super::round::run(&super::round::RoundRequest {
        workspace,
        from: arguments.from.as_deref(),
        seconds: arguments.seconds.map(check_seconds).transpose()?,
        steps: arguments.steps,
        plan: &arguments.plan,
        device: arguments.device.into(),
        anew: arguments.anew,
        give_up: arguments.give_up,
        dry_run: arguments.dry_run,
        json: arguments.json,
    })
}

fn training_summary(out: &Path, trained: &Trained) -> String {
    let how = if trained.log.is_finished {
        "The model is"
    } else {
        "Stopped; the best model so far is"
    };
    let mut text = format!("{how} in {}", out.display());
    if let Some(best) = &trained.log.best {
        text += &format!(" (epoch {}, weights {:.12})", best.epoch, best.hash);
    }
    if let Some(h) = &trained.card.held_out {
        let (dice, iou, boundary) = (h.dice, h.iou, h.boundary_iou);
        let hd95 = h.hd95.map_or("undefined".into(), |d| format!("{d:.2} px"));
        text += &format!(
            "\nOn {} held-out images: Dice {dice:.4}, IoU {iou:.4}, Hausdorff 95 {hd95}, boundary IoU {boundary:.4}",
            h.cases
        );
    }
    text
}

fn check_seconds(seconds: f64) -> Result<f64> {
    match seconds {
        s if s > 0.0 && s < 1e6 => Ok(s),
        s => Err(argument_error(
            "train",
            format!("--seconds {s} is not a time"),
        )),
    }
}

//! `labrum train`: trains a model on a folder of images and masks.

mod keep;
mod options;

use super::{ConfigArgument, DeviceArgument, usage::argument_error};
use crate::learning::folder;
use crate::{Error, ErrorKind, Result};
use clap::ValueEnum;
use keep::{Files, LogFile};
pub(super) use keep::{read_state, save_model, state_path, write_state};
use labrum_core::{
    counts::count_with_noun,
    label::{Code, Label},
    model_card::ModelPurpose,
    training::ClickTraining,
};
use labrum_nn::{cmunext::SIZE_MULTIPLE, train::Trained};
use options::options_from_arguments;
use std::{
    path::{Path, PathBuf},
    result,
};

/// Train a model on a folder that holds images/ and masks/ with the same file names
#[derive(clap::Args, Debug)]
#[command(
    after_help = "nnU-Net folders (imagesTr/, labelsTr/, dataset.json) can be used as they are; the first channel of \
each case is read. Each page of a stack and each slice of a NIfTI volume is an image.

Images are divided by subject: the number at the start of the file name (010_2HC.png is of subject 010; dates and \
UIDs do not count), else each image is a subject of its own. subjects.csv with the columns name and subject, or \
--subject-pattern, overrides this. The meaning of the mask values is determined from all masks: 0 and 255, 0 and 1, \
or the values as they are; labels.json in the folder of the masks overrides this. The hold-out subjects are used \
once, for the scores on the model card.

Ctrl+C stops after the current step and keeps the best model so far.

With --start, a model is trained further. From a prompt model, such as that of the Click tool (--start click), a new \
model is made: all layers are copied except the last one and the part of the first one that reads the prompts.

The recipe \"paper\" is that of CMUNeXt (arXiv 2308.01239): 0.5 BCE + Dice, SGD 0.01, 300 epochs, images stretched \
to 256x256, rotations by 90 degrees and flips, the weights with the best IoU. Other options override it.

Examples:
  labrum train data/ --out model.safetensors
  labrum train data/ --out model.safetensors --size 256x176 --channels 1 --label \"Fetal head\"
  labrum train data/ --out better.safetensors --start model.safetensors --minutes 20
  labrum train data/ --out model.safetensors --start click
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
    /// Workspace for a round of training on its accepted masks; the promotion gate decides whether the model becomes active
    #[arg(long, help_heading = "Training in a workspace")]
    workspace: Option<PathBuf>,
    /// Model to start from: none (random weights), click (a new model with the layers of the Click tool's model), the name
    /// of another shipped model, or a file [default: the active version]
    #[arg(long, requires = "workspace", help_heading = "Training in a workspace")]
    from: Option<String>,
    /// Length of the round in seconds on a typical machine; converted to a number of steps, so that equal rounds give equal
    /// models [default: 60]
    #[arg(long, requires = "workspace", help_heading = "Training in a workspace")]
    seconds: Option<f64>,
    /// Number of training steps, instead of --seconds
    #[arg(long, requires = "workspace", conflicts_with = "seconds", value_parser = parse_steps, help_heading = "Training in a workspace")]
    steps: Option<usize>,
    /// Whether the round also trains the model of the Click tool on the accepted masks [default: when-used, if prompts were
    /// used on accepted cases]
    #[arg(
        long,
        value_enum,
        requires = "workspace",
        help_heading = "Training in a workspace"
    )]
    clicks: Option<ClickArgument>,
    /// Discard an interrupted round and start a new one on the current masks
    #[arg(long, requires = "workspace", help_heading = "Training in a workspace")]
    anew: bool,
    /// Discard an interrupted round without starting a new one
    #[arg(long, requires = "workspace", conflicts_with_all = ["anew", "dry_run"], help_heading = "Training in a workspace")]
    give_up: bool,
    /// Only estimate the time and memory that the round would take
    #[arg(long, requires = "workspace", help_heading = "Training in a workspace")]
    dry_run: bool,
    /// Print the new version as JSON on stdout
    #[arg(long, requires = "workspace", help_heading = "Training in a workspace")]
    json: bool,
    #[command(flatten)]
    plan: super::plan::PlanArguments,
    /// Size of the network
    #[arg(long, value_enum, default_value = "S", ignore_case = true)]
    config: ConfigArgument,
    /// Default settings: Labrum's own, or those of the paper
    #[arg(long, value_enum, default_value = "own")]
    recipe: RecipeArgument,
    /// Passes over the training images [default: 30, or 300 with --recipe paper]
    #[arg(long)]
    epochs: Option<usize>,
    /// Stop after this many minutes; the learning rate schedule is fitted to that time
    #[arg(long)]
    minutes: Option<f64>,
    /// Files that list the training images, the images that choose the best epoch and, optionally, the hold-out images,
    /// comma-separated; replaces the division by subject
    #[arg(long, value_delimiter = ',', value_name = "FILES", conflicts_with_all = ["held_out", "held_out_subjects", "validation"])]
    split: Vec<PathBuf>,
    /// JSON file to log each epoch to; FILE.state next to it is needed to resume an interrupted training
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Resume the training of this log; starts from the beginning if there is nothing to resume
    #[arg(long, requires = "log")]
    resume: bool,
    /// Model file for the last epoch, in addition to the best one
    #[arg(long, value_name = "FILE")]
    last: Option<PathBuf>,
    /// Columns x rows of the network's input, multiples of 16
    #[arg(long, default_value = "256x256", value_parser = parse_size)]
    size: (usize, usize),
    /// Channels of the network's input: 1 for grey, 3 for colour
    #[arg(long, default_value_t = 3, value_parser = parse_channels)]
    channels: usize,
    /// Fraction of the subjects held out for the scores on the model card
    #[arg(long, default_value_t = 0.1)]
    held_out: f64,
    /// Subjects that are always held out, comma-separated
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    held_out_subjects: Vec<String>,
    /// Fraction of the other subjects used to choose the best epoch
    #[arg(long, default_value_t = 0.1)]
    validation: f64,
    #[command(flatten)]
    folder_wishes: super::folder::FolderArguments,
    /// Model to start from instead of random weights: a file, the name of a shipped model, or click (a new model with the
    /// layers of the Click tool's model)
    #[arg(long, value_name = "MODEL")]
    start: Option<PathBuf>,
    /// Classes that are in no image of a batch: counted with a loss of 1 as in the paper, or left out of the mean
    #[arg(long, value_enum, default_value = "paper")]
    absent: AbsentArgument,
    /// Weight of a cross-entropy term added to Boundary DoU
    #[arg(long, default_value_t = 0.0)]
    cross_entropy: f64,
    /// Do not augment the training images
    #[arg(long)]
    no_augmentation: bool,
    /// Name of the model
    #[arg(long, default_value = "Model")]
    name: String,
    /// Version of the model
    #[arg(long, default_value = "1.0.0")]
    model_version: String,
    /// Name of a label, in the order of the mask values; may be repeated. With a coded concept:
    /// "Fetal head|123037004 SCT Anatomical Structure|69536005 SCT Head"
    #[arg(long, value_parser = parse_label)]
    label: Vec<Label>,
    /// Images that the model is for, as JSON: {"summary": "..", "modalities": ["US"], "body_parts": [..],
    /// "picture_words": [..]}
    #[arg(long, value_parser = parse_purpose)]
    purpose: Option<ModelPurpose>,
    /// Name of the training data
    #[arg(long, default_value = "")]
    data_name: String,
    /// Licence of the training data
    #[arg(long, default_value = "")]
    data_license: String,
    /// Attribution for the training data
    #[arg(long, default_value = "")]
    data_attribution: String,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
    /// Device to run the network on
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum ClickArgument {
    WhenUsed,
    Always,
    Never,
}

impl From<ClickArgument> for ClickTraining {
    fn from(argument: ClickArgument) -> Self {
        match argument {
            ClickArgument::WhenUsed => Self::WhenUsed,
            ClickArgument::Always => Self::Always,
            ClickArgument::Never => Self::Never,
        }
    }
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

pub(super) fn parse_size(text: &str) -> result::Result<(usize, usize), String> {
    let (columns, rows) = text
        .split_once('x')
        .ok_or("expected columns x rows, such as 256x176")?;
    Ok((parse_side_length(columns)?, parse_side_length(rows)?))
}

fn parse_side_length(text: &str) -> result::Result<usize, String> {
    match text.trim().parse::<usize>() {
        Ok(n) if n > 0 && n % SIZE_MULTIPLE == 0 && n <= 4096 => Ok(n),
        _ => Err(format!("\"{text}\" is not a multiple of 16 up to 4096")),
    }
}

pub(super) fn parse_channels(text: &str) -> result::Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("must be 1 or 3".into()),
    }
}

fn parse_steps(text: &str) -> result::Result<usize, String> {
    text.parse()
        .ok()
        .filter(|steps| *steps > 0)
        .ok_or_else(|| "must be a whole number of at least 1".into())
}

/// Parses `name`, or `name|category|concept` with codes as `value scheme meaning`.
pub(super) fn parse_label(text: &str) -> result::Result<Label, String> {
    let parts: Vec<&str> = text.split('|').collect();
    match parts[..] {
        [name] => Ok(Label::with_name(name, 0)),
        [name, category, concept] => Ok(Label {
            category: parse_code(category)?,
            concept: parse_code(concept)?,
            ..Label::with_name(name, 0)
        }),
        _ => Err("expected name or name|category|concept".into()),
    }
}

/// Parses `value scheme meaning`.
fn parse_code(text: &str) -> result::Result<Code, String> {
    let mut parts = text.splitn(3, ' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(value), Some(scheme), Some(meaning)) => Ok(Code::new(value, scheme, meaning)),
        _ => Err(format!(
            "\"{text}\" is not a code: expected value, scheme and meaning, such as \"69536005 SCT Head\""
        )),
    }
}

pub(super) fn parse_purpose(text: &str) -> result::Result<ModelPurpose, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

pub(super) fn run(arguments: TrainArguments) -> Result<()> {
    if let Some(workspace) = &arguments.workspace {
        return run_round(workspace, &arguments);
    }
    let (Some(folder), Some(out)) = (arguments.folder.clone(), arguments.out.clone()) else {
        return Err(argument_error("train", "a folder and --out are required"));
    };
    let last = arguments.last.clone();
    let log = arguments.log.clone();
    let resume = arguments.resume;
    // When resuming, the existing files are its own.
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
    let log_given = log.is_some();
    let epochs_wanted = options.epochs;
    let cancel = super::stop_on_ctrl_c()?;
    let bar = super::console::progress_bar(1000, "{msg}");
    let mut files = Files {
        out: &out,
        log: log.as_ref(),
        bar: &bar,
        any_kept: earlier.is_some(),
    };
    let trained = folder::train_model(
        &folder,
        (&options, &division),
        earlier,
        &mut files,
        &mut |text| super::print_above_bar(&bar, text),
        &cancel,
    )?;
    bar.finish_and_clear();
    if !trained.log.is_finished && !files.any_kept {
        return Err(Error::new("train", "stopped before the first step")
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
                true => "Run the same command with --resume to continue.",
                false => "Use --log to make a training resumable.",
            };
            let reason = format!(
                "stopped after {epochs} of {}",
                count_with_noun(epochs_wanted, "epoch")
            );
            Err(Error::new("finish the training", reason)
                .with_advice(advice)
                .of_kind(ErrorKind::Cancelled))
        }
    }
}

/// Runs a round of training in a workspace.
fn run_round(workspace: &Path, arguments: &TrainArguments) -> Result<()> {
    if arguments.folder.is_some() || arguments.out.is_some() {
        return Err(argument_error(
            "train",
            "give either a folder and --out, or --workspace, not both",
        ));
    }
    super::round::run(&super::round::RoundRequest {
        workspace,
        from: arguments.from.as_deref(),
        seconds: arguments.seconds.map(check_seconds).transpose()?,
        steps: arguments.steps,
        plan: &arguments.plan,
        clicks: arguments.clicks.map(Into::into),
        device: arguments.device.into(),
        anew: arguments.anew,
        give_up: arguments.give_up,
        dry_run: arguments.dry_run,
        json: arguments.json,
    })
}

fn training_summary(out: &Path, trained: &Trained) -> String {
    let how = if trained.log.is_finished {
        "Wrote the model"
    } else {
        "Stopped; wrote the best model so far"
    };
    let mut text = format!("{how} to {}", out.display());
    if let Some(best) = &trained.log.best {
        text += &format!(" (epoch {}, weights {:.12})", best.epoch, best.hash);
    }
    if let Some(h) = &trained.card.held_out {
        let dice = h.dice;
        let iou = h.iou;
        let boundary = h.boundary_iou;
        let hd95 = h.hd95.map_or("undefined".into(), |d| format!("{d:.2} px"));
        text += &format!(
            "\nOn {} hold-out images: Dice {dice:.4}, IoU {iou:.4}, Hausdorff 95 {hd95}, boundary IoU {boundary:.4}",
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
            format!("--seconds must be above 0 and below 1000000, not {s}"),
        )),
    }
}

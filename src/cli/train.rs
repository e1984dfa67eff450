//! `labrum train`: a model from a folder of images and masks.

use super::{ConfigArgument, DeviceArgument};
use crate::domain::label::{Code, Label};
use crate::io::whole_file;
use crate::model::augment::AugmentConfig;
use crate::model::boundary_dou::{Absent, BoundaryDou};
use crate::model::card::{ModelCard, Purpose, TrainedOn};
use crate::model::checkpoint::{self, Weights};
use crate::model::cmunext::SIZE_MULTIPLE;
use crate::model::train::round::Plan;
use crate::model::train::{Progress, TrainOptions, train};
use crate::{Error, Result};
use clap::ValueEnum;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Train a model on a folder that holds images/ and masks/ with equal names
#[derive(clap::Args, Debug)]
#[command(after_help = "Images are split by subject: the number that a file name begins with (010_2HC.png is of \
subject 010), else each image is its own; subjects.csv with the columns name and subject says otherwise. The held-out \
subjects are used once, for the figures on the model card. Ctrl-C stops after the step and keeps the best model so far.

Examples:
  labrum train data/ --out model.safetensors
  labrum train data/ --out model.safetensors --size 256x176 --channels 1 --label \"Fetal head\"
  labrum train data/ --out better.safetensors --start model.safetensors --minutes 20
  labrum train --workspace work/ --seconds 60")]
pub(super) struct Arguments {
    /// Folder with images/ and masks/
    #[arg(required_unless_present = "workspace", conflicts_with = "workspace")]
    folder: Option<PathBuf>,
    /// Model file to write
    #[arg(long, required_unless_present = "workspace", conflicts_with = "workspace")]
    out: Option<PathBuf>,
    /// Workspace in which a round is done on its accepted masks; the gate decides whether its model becomes active
    #[arg(long, help_heading = "A round in a workspace")]
    workspace: Option<PathBuf>,
    /// What the round starts from: none, the name of a shipped model, or a file; the active version where nothing is said
    #[arg(long, requires = "workspace", help_heading = "A round in a workspace")]
    from: Option<String>,
    /// The round takes about so many seconds on a usual machine; equal rounds make equal models
    #[arg(long, requires = "workspace", default_value_t = 60.0, help_heading = "A round in a workspace")]
    seconds: f64,
    /// Steps of the round, instead of --seconds
    #[arg(long, requires = "workspace", help_heading = "A round in a workspace")]
    steps: Option<usize>,
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
    /// Passes over the training images
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// Stop after so many minutes; the learning rate falls along with the time
    #[arg(long)]
    minutes: Option<f64>,
    /// Columns x rows of the network's input, multiples of 16
    #[arg(long, default_value = "256x256", value_parser = size)]
    size: (usize, usize),
    /// Channels of the network's input: 1 for grey, 3 for colour
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    channels: u8,
    /// Share of the subjects held out for the figures on the card
    #[arg(long, default_value_t = 0.1)]
    held_out: f64,
    /// Subjects that are held out in any case, comma separated
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    held_out_subjects: Vec<String>,
    /// Share of the other subjects that choose the best epoch
    #[arg(long, default_value_t = 0.1)]
    validation: f64,
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
    /// Name of a label, in the order of their values; may be given again. With a coded concept:
    /// "Fetal head|123037004 SCT Anatomical Structure|69536005 SCT Head"
    #[arg(long, value_parser = label)]
    label: Vec<Label>,
    /// What the model is for, as JSON: {"summary": "..", "modalities": ["US"], "body_parts": [..], "picture_words": [..]}
    #[arg(long, value_parser = purpose)]
    purpose: Option<Purpose>,
    /// Name of the data
    #[arg(long, default_value = "")]
    data_name: String,
    /// Licence of the data
    #[arg(long, default_value = "")]
    data_license: String,
    /// Whom to name for the data
    #[arg(long, default_value = "")]
    data_attribution: String,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum AbsentArgument {
    Paper,
    LeaveOut,
}

pub(super) fn size(text: &str) -> std::result::Result<(usize, usize), String> {
    let (columns, rows) = text.split_once('x').ok_or("give columns x rows, like 256x176")?;
    let side = |s: &str| match s.trim().parse::<usize>() {
        Ok(n) if n > 0 && n % SIZE_MULTIPLE == 0 && n <= 4096 => Ok(n),
        _ => Err(format!("\"{s}\" is not a multiple of 16 up to 4096")),
    };
    Ok((side(columns)?, side(rows)?))
}

/// `name`, or `name|category|concept` with codes as `value scheme meaning`.
pub(super) fn label(text: &str) -> std::result::Result<Label, String> {
    let code = |text: &str| -> std::result::Result<Code, String> {
        let mut parts = text.splitn(3, ' ');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(value), Some(scheme), Some(meaning)) => Ok(Code::new(value, scheme, meaning)),
            _ => Err(format!("\"{text}\" is not a code: give value, scheme and meaning, like \"69536005 SCT Head\"")),
        }
    };
    let parts: Vec<&str> = text.split('|').collect();
    match parts[..] {
        [name] => Ok(Label::named(name, 0)),
        [name, category, concept] => {
            Ok(Label { category: code(category)?, concept: code(concept)?, ..Label::named(name, 0) })
        }
        _ => Err("give a name, or name|category|concept".into()),
    }
}

pub(super) fn purpose(text: &str) -> std::result::Result<Purpose, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    if let Some(workspace) = &arguments.workspace {
        return super::round::run(&super::round::Wish {
            workspace,
            from: arguments.from.as_deref(),
            seconds: seconds(arguments.seconds)?,
            steps: arguments.steps,
            plan: &arguments.plan,
            device: arguments.device.into(),
            dry_run: arguments.dry_run,
            json: arguments.json,
        });
    }
    let (Some(folder), Some(out)) = (arguments.folder.clone(), arguments.out.clone()) else {
        return Err(Error::new("train", "no folder and no --out were given"));
    };
    let options = options(arguments)?;
    super::check_model_file(&out)?;
    let cancel = super::stop_on_ctrl_c()?;
    let bar = ProgressBar::new(1000).with_style(super::bar_style("{msg}"));
    let mut any_kept = false;
    let mut keep = |card: &ModelCard, weights: &Weights| {
        any_kept = true;
        save(&out, card, weights)
    };
    let trained = train(&folder, &options, &mut |p| show(&bar, &p), &mut keep, &cancel)?;
    bar.finish_and_clear();
    if trained.stopped_early && !any_kept {
        return Err(Error::new("train", "it was stopped before the first step").advise("No model was written."));
    }
    save(&out, &trained.card, &trained.weights)?;
    let how = if trained.stopped_early { "Stopped; the best model so far is" } else { "The model is" };
    let mut text = format!("{how} in {}", out.display());
    if let Some(h) = &trained.card.held_out {
        let (dice, iou, boundary) = (h.dice, h.iou, h.boundary_iou);
        let hd95 = h.hd95.map_or("undefined".into(), |d| format!("{d:.2} px"));
        text += &format!(
            "\nOn {} held-out images: Dice {dice:.4}, IoU {iou:.4}, Hausdorff 95 {hd95}, boundary IoU {boundary:.4}",
            h.cases
        );
    }
    super::print(&text)
}

fn seconds(seconds: f64) -> Result<f64> {
    match seconds {
        s if s > 0.0 && s < 1e6 => Ok(s),
        s => Err(Error::new("train", format!("--seconds {s} is not a time"))),
    }
}

fn options(a: Arguments) -> Result<TrainOptions> {
    let share = |name: &str, value: f64| match value {
        v if (0.0..1.0).contains(&v) => Ok(v),
        v => Err(Error::new("train", format!("{name} {v} is not a share from 0 up to, but not including, 1"))),
    };
    let plan = a.plan.plan(Plan { batch: 8, learning_rate: 2e-3, ..Plan::default() });
    if a.epochs == 0 || plan.batch == 0 {
        return Err(Error::new("train", "--epochs and --batch must be at least 1"));
    }
    let time_limit = a.minutes.map(|m| Duration::try_from_secs_f64(m * 60.0)).transpose();
    let labels =
        a.label.into_iter().enumerate().map(|(i, l)| Label { color: Label::named("", i).color, ..l }).collect();
    Ok(TrainOptions {
        config: a.config.into(),
        epochs: a.epochs,
        batch: plan.batch,
        learning_rate: plan.learning_rate,
        columns: a.size.0,
        rows: a.size.1,
        channels: usize::from(a.channels),
        seed: plan.seed,
        held_out: share("--held-out", a.held_out)?,
        held_out_subjects: a.held_out_subjects,
        validation: share("--validation", a.validation)?,
        time_limit: time_limit.map_err(|e| Error::new("train", format!("--minutes: {e}")))?,
        loss: BoundaryDou {
            absent: match a.absent {
                AbsentArgument::Paper => Absent::Paper,
                AbsentArgument::LeaveOut => Absent::LeaveOut,
            },
            cross_entropy: a.cross_entropy,
            ..BoundaryDou::default()
        },
        augment: if a.no_augmentation { AugmentConfig::none() } else { AugmentConfig::default() },
        start: a.start,
        device: a.device.into(),
        name: a.name.clone(),
        version: a.model_version,
        labels,
        purpose: a.purpose.unwrap_or_else(|| Purpose { summary: a.name, ..Purpose::default() }),
        trained_on: TrainedOn { data: a.data_name, license: a.data_license, attribution: a.data_attribution, cases: 0 },
    })
}

fn save(out: &Path, card: &ModelCard, weights: &Weights) -> Result<()> {
    let bytes = checkpoint::to_bytes(card, weights)?;
    whole_file::write(out, "write the model", |file| file.write_all(&bytes))
}

fn show(bar: &ProgressBar, progress: &Progress) {
    match progress {
        Progress::Started { training, validation, held_out, device } => super::tell(
            bar,
            &format!(
                "{training} images to train on, {validation} to choose the best epoch, {held_out} held out; {device}"
            ),
        ),
        Progress::Step { done, epoch, loss, remaining } => {
            bar.set_position((done * 1000.0) as u64);
            let left = indicatif::HumanDuration(*remaining);
            bar.set_message(format!("epoch {epoch}, loss {loss:.4}, {left} left"));
        }
        Progress::Epoch { epoch, steps, seconds, loss, validation_dice, best } => {
            let mark = if *best { " (best so far, saved)" } else { "" };
            let text = format!(
                "epoch {epoch} ({steps} steps, {seconds:.0} s): loss {loss:.4}, validation Dice {validation_dice:.4}{mark}"
            );
            super::tell(bar, &text);
        }
    }
}

//! `labrum train`: a model from a folder of images and masks.

use super::{ConfigArgument, DeviceArgument, usage::argument_error};
use crate::io::dataset::SplitLists;
use crate::learning::folder::{self, Division};
use crate::{Error, ErrorKind, Result};
use clap::ValueEnum;
use indicatif::ProgressBar;
use labrum_core::{
    counts::count_with_noun,
    label::{Code, Label},
    model_card::{ModelCard, ModelPurpose, TrainedOn},
    training::{AugmentConfig, Loss, Plan},
    whole_file,
};
use labrum_nn::{
    boundary_dou::{Absent, BoundaryDou},
    checkpoint::{self, Weights},
    cmunext::SIZE_MULTIPLE,
    loss::Objective,
    train::{
        TrainOptions, Trained, TrainingKeeper, TrainingLog, TrainingProgress,
        state::{self, TrainingState},
    },
};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
        if arguments.folder.is_some() || arguments.out.is_some() {
            return Err(argument_error(
                "train",
                "either a folder and --out, or --workspace, not both",
            ));
        }
        return super::round::run(&super::round::RoundRequest {
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
        });
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

fn options_from_arguments(a: TrainArguments) -> Result<(TrainOptions, Division)> {
    let share = |name: &str, value: f64| match value {
        v if (0.0..1.0).contains(&v) => Ok(v),
        v => Err(argument_error(
            "train",
            format!("{name} {v} is not a share from 0 up to, but not including, 1"),
        )),
    };
    let usual = match a.recipe {
        RecipeArgument::Own => TrainOptions::labrum_recipe(),
        RecipeArgument::Paper => TrainOptions::paper_recipe(),
    };
    let plan = a.plan.override_plan(Plan {
        batch: usual.batch,
        learning_rate: usual.learning_rate,
        optimizer: usual.optimizer,
        ..Plan::default()
    });
    let epochs = a.epochs.unwrap_or(usual.epochs);
    if epochs == 0 || plan.batch == 0 {
        return Err(argument_error(
            "train",
            "--epochs and --batch must be at least 1",
        ));
    }
    let time_limit = a
        .minutes
        .map(|m| Duration::try_from_secs_f64(m * 60.0))
        .transpose();
    let wishes = a.folder_wishes.seg_options();
    let lists = (!a.split.is_empty())
        .then(|| SplitLists::read_files(&a.split))
        .transpose()?;
    let division = Division {
        subject_pattern: wishes.subject_pattern,
        lists,
    };
    let labels = a
        .label
        .into_iter()
        .enumerate()
        .map(|(i, l)| Label {
            color: Label::with_name("", i).color,
            ..l
        })
        .collect();
    let options = TrainOptions {
        config: a.config.into(),
        epochs,
        batch: plan.batch,
        learning_rate: plan.learning_rate,
        optimizer: plan.optimizer,
        objective: match a.plan.loss {
            Some(loss) => training_objective(loss.into(), a.absent, a.cross_entropy)?,
            None if matches!(a.recipe, RecipeArgument::Paper) => usual.objective,
            None => training_objective(Loss::BoundaryDou, a.absent, a.cross_entropy)?,
        },
        columns: a.size.0,
        rows: a.size.1,
        channels: a.channels,
        seed: plan.seed,
        held_out: share("--held-out", a.held_out)?,
        held_out_subjects: a.held_out_subjects,
        threshold: wishes.threshold,
        validation: share("--validation", a.validation)?,
        time_limit: time_limit.map_err(|e| argument_error("train", format!("--minutes: {e}")))?,
        augment: if a.no_augmentation {
            AugmentConfig::all_disabled()
        } else {
            usual.augment.clone()
        },
        start: a.start,
        device: a.device.into(),
        name: a.name.clone(),
        version: a.model_version,
        labels,
        purpose: a.purpose.unwrap_or_else(|| ModelPurpose {
            summary: a.name,
            ..ModelPurpose::default()
        }),
        trained_on: TrainedOn {
            data: a.data_name,
            license: a.data_license,
            attribution: a.data_attribution,
            ..TrainedOn::default()
        },
        ..usual
    };
    Ok((options, division))
}

/// The loss of a training from a folder: Boundary DoU as in its paper, with what was asked for.
fn training_objective(loss: Loss, absent: AbsentArgument, cross_entropy: f64) -> Result<Objective> {
    let absent = match absent {
        AbsentArgument::Paper => Absent::Paper,
        AbsentArgument::LeaveOut => Absent::LeaveOut,
    };
    match loss {
        Loss::BoundaryDou | Loss::BoundaryDouAlone => Ok(Objective::BoundaryDou(BoundaryDou {
            absent,
            cross_entropy,
            ..BoundaryDou::default()
        })),
        other if cross_entropy == 0.0 => Ok(Objective::from(other)),
        _ => Err(argument_error(
            "train",
            "--cross-entropy is added to Boundary DoU alone",
        )),
    }
}

/// The file of a log, with the state beside it.
struct LogFile {
    log: PathBuf,
    state: PathBuf,
    command: String,
    begun: String,
}

impl LogFile {
    fn new(log: PathBuf) -> Result<Self> {
        let mut state = log.clone().into_os_string();
        state.push(".state");
        whole_file::check_writable(&log, "write the log")?;
        let begun = jiff::Zoned::now()
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string();
        Ok(Self {
            log,
            state: state.into(),
            command: super::command_line(),
            begun,
        })
    }

    /// What a training that was stopped left; `None` where there was none. Errors: it cannot be gone on with.
    fn resumable_state(&self) -> Result<Option<(TrainingLog, TrainingState)>> {
        if !self.state.exists() {
            return match TrainingLog::read_from_file(&self.log) {
                Ok(log) if log.is_finished => Err(Error::at_path(
                    "go on with the training",
                    &self.log,
                    "it came to its end already",
                )
                .with_advice("Leave out --resume to train anew.")),
                _ => Ok(None),
            };
        }
        let bytes = std::fs::read(&self.state)
            .map_err(|e| Error::at_path("read the state", &self.state, e))?;
        let state = state::from_bytes(&bytes).map_err(|e| Error {
            path: Some(self.state.clone()),
            ..e
        })?;
        Ok(Some((TrainingLog::read_from_file(&self.log)?, state)))
    }

    fn write(&self, log: &TrainingLog) -> Result<()> {
        // Those of the beginning, where the training goes on.
        let or = |known: &str, new: &str| {
            if known.is_empty() {
                new.to_owned()
            } else {
                known.to_owned()
            }
        };
        let (begun, command) = (or(&log.begun, &self.begun), or(&log.command, &self.command));
        let log = TrainingLog {
            begun,
            command,
            ..log.clone()
        };
        whole_file::write_atomically(&self.log, "write the log", |file| {
            Ok(serde_json::to_writer_pretty(file, &log)?)
        })
    }

    fn write_final(&self, log: &TrainingLog) -> Result<()> {
        self.write(log)?;
        match std::fs::remove_file(&self.state) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::at_path("remove the state", &self.state, e))
            }
            _ => Ok(()),
        }
    }
}

/// Where a training from a folder is kept and told of.
struct Files<'a> {
    out: &'a Path,
    log: Option<&'a LogFile>,
    bar: &'a ProgressBar,
    any_kept: bool,
}

impl TrainingKeeper for Files<'_> {
    fn report_progress(&mut self, progress: TrainingProgress) {
        show_progress(self.bar, &progress);
    }

    fn keep_best(&mut self, card: &ModelCard, weights: &Weights) -> Result<()> {
        self.any_kept = true;
        save_model(self.out, card, weights)
    }

    fn keep_epoch(&mut self, log: &TrainingLog, state: &TrainingState) -> Result<()> {
        let Some(file) = self.log else { return Ok(()) };
        // In this order: what the log tells too much is cut off by the state.
        file.write(log)?;
        let bytes = state::to_bytes(state)?;
        whole_file::write_atomically(&file.state, "write the state of the training", |f| {
            f.write_all(&bytes)
        })
    }
}

fn save_model(out: &Path, card: &ModelCard, weights: &Weights) -> Result<()> {
    let bytes = checkpoint::to_bytes(card, weights)?;
    whole_file::write_atomically(out, "write the model", |file| file.write_all(&bytes))
}

fn show_progress(bar: &ProgressBar, progress: &TrainingProgress) {
    match progress {
        TrainingProgress::Started {
            images,
            device,
            epoch,
        } => {
            let (training, validation, held_out) =
                (images.training, images.validation, images.held_out);
            let again = if *epoch > 1 {
                format!("; goes on with epoch {epoch}")
            } else {
                String::new()
            };
            let choose = match validation {
                0 => "none for validation (the training images choose the best epoch)".to_owned(),
                count => format!("{count} to choose the best epoch"),
            };
            super::print_above_bar(
                bar,
                &format!(
                    "{} to train on, {choose}, {held_out} held out; {device}{again}",
                    count_with_noun(training, "image")
                ),
            );
        }
        TrainingProgress::Step {
            done,
            epoch,
            loss,
            remaining,
        } => {
            bar.set_position((done * 1000.0) as u64);
            let left = indicatif::HumanDuration(*remaining);
            bar.set_message(format!("epoch {epoch}, loss {loss:.4}, {left} left"));
        }
        TrainingProgress::Epoch {
            epoch: e,
            best,
            is_validated,
        } => {
            let mark = if *best { " (best so far, saved)" } else { "" };
            let images = if *is_validated {
                "validation"
            } else {
                "training"
            };
            let text = format!(
                "epoch {} ({}, {:.0} s): loss {:.4}, {images} Dice {:.4}, IoU {:.4}{mark}",
                e.epoch,
                count_with_noun(e.steps, "step"),
                e.seconds,
                e.loss,
                e.dice,
                e.iou
            );
            super::print_above_bar(bar, &text);
        }
    }
}

//! The commands without a window: the same engine, for scripts.

mod bench;
mod evaluate;
mod export;
mod folder;
mod format;
mod import_checkpoint;
mod import_masks;
mod info;
mod models;
mod pacs;
mod plan;
mod plot;
mod recognise;
mod rehearse;
mod round;
mod segment;
mod train;
mod unattended;

use crate::domain::progress::Cancel;
use crate::io::whole_file;
use crate::model::card::Config;
use crate::model::device::DeviceChoice;
use crate::{Error, Result};
use clap::{Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Learns a clinician's contours: open a study, see mask and boundary, export.
#[derive(Parser, Debug)]
#[command(name = "labrum", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Files and folders to open in the window
    paths: Vec<PathBuf>,
    /// Where the network runs; the settings where nothing is said
    #[arg(long, value_enum)]
    device: Option<DeviceArgument>,
    /// Threads that compute; the settings, or all cores, where nothing is said
    #[arg(long, global = true)]
    threads: Option<NonZeroUsize>,
}

const EXAMPLES: &str = "Examples:
  labrum study/                                    open a folder in the window
  labrum segment study/ --out masks --format png,seg
  labrum train data/ --out model.safetensors       data/ holds images/ and masks/
  labrum evaluate model.safetensors data/ --json
  labrum export --workspace work/ --out masks --format seg,csv
  labrum import-masks RTSTRUCT.dcm --of study/ --out masks
  labrum info study/ --json
  labrum pacs find https://pacs.example.org/dicom-web --name doe";

#[derive(Subcommand, Debug)]
enum Command {
    Segment(segment::Arguments),
    Train(Box<train::Arguments>),
    Models(models::Arguments),
    Export(Box<export::Arguments>),
    Rehearse(rehearse::Arguments),
    Recognise(recognise::Arguments),
    Evaluate(evaluate::Arguments),
    Plot(plot::Arguments),
    Info(info::Arguments),
    ImportCheckpoint(import_checkpoint::Arguments),
    Pacs(pacs::Arguments),
    ImportMasks(import_masks::Arguments),
    Bench(bench::Arguments),
}

/// `--device`
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum DeviceArgument {
    Auto,
    Cpu,
    Gpu,
}

impl From<DeviceArgument> for DeviceChoice {
    fn from(argument: DeviceArgument) -> Self {
        match argument {
            DeviceArgument::Auto => Self::Auto,
            DeviceArgument::Cpu => Self::Cpu,
            DeviceArgument::Gpu => Self::Gpu,
        }
    }
}

/// `--config`
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum ConfigArgument {
    #[value(name = "S")]
    S,
    #[value(name = "base")]
    Base,
    #[value(name = "L")]
    L,
}

impl From<ConfigArgument> for Config {
    fn from(argument: ConfigArgument) -> Self {
        match argument {
            ConfigArgument::S => Self::S,
            ConfigArgument::Base => Self::Base,
            ConfigArgument::L => Self::L,
        }
    }
}

impl Cli {
    /// Threads for the work of the network and of images; the settings, or all cores, where nothing is said.
    pub fn threads(&self) -> Option<NonZeroUsize> {
        self.threads
    }

    /// What to open in the window, and the device where one was named; `None` where a command is to be run.
    pub fn window(&self) -> Option<(Vec<PathBuf>, Option<DeviceChoice>)> {
        self.command.is_none().then(|| (self.paths.clone(), self.device.map(Into::into)))
    }
}

/// Runs the command that the arguments name; does nothing where they ask for the window.
pub fn run(cli: Cli) -> Result<()> {
    crate::model::device::use_threads(cli.threads);
    match cli.command {
        Some(Command::Segment(arguments)) => segment::run(&arguments),
        Some(Command::Train(arguments)) => train::run(*arguments),
        Some(Command::Models(arguments)) => models::run(&arguments),
        Some(Command::Export(arguments)) => export::run(&arguments),
        Some(Command::Rehearse(arguments)) => rehearse::run(&arguments),
        Some(Command::Recognise(arguments)) => recognise::run(&arguments),
        Some(Command::Evaluate(arguments)) => evaluate::run(&arguments),
        Some(Command::Plot(arguments)) => plot::run(&arguments),
        Some(Command::Info(arguments)) => info::run(&arguments),
        Some(Command::ImportCheckpoint(arguments)) => import_checkpoint::run(arguments),
        Some(Command::Pacs(arguments)) => pacs::run(arguments),
        Some(Command::ImportMasks(arguments)) => import_masks::run(&arguments),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
        None => Ok(()),
    }
}

/// Sees that what is to be opened in the window exists: a mistyped command looks like a path, too.
pub fn check_paths(paths: &[PathBuf]) -> Result<()> {
    match paths.iter().find(|path| !path.exists()) {
        None => Ok(()),
        Some(missing) => Err(Error::at("open", missing, "there is no such file or folder").advise(
            "The commands are segment, train, models, export, rehearse, recognise, evaluate, plot, info, import-checkpoint, import-masks, pacs and bench (see labrum --help).",
        )),
    }
}

/// A request to stop that Ctrl-C sets off; a second Ctrl-C ends the program at once.
fn stop_on_ctrl_c() -> Result<Cancel> {
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let stop = move || match stop.is_cancelled() {
        false => stop.cancel(),
        true => std::process::exit(130),
    };
    ctrlc::set_handler(stop).map_err(|e| Error::new("listen for Ctrl-C", e))?;
    Ok(cancel)
}

/// A mistyped folder must not become a workspace.
fn check_workspace(folder: &Path) -> Result<()> {
    match crate::workspace::summary(folder) {
        Some(_) => Ok(()),
        None => Err(Error::at("open the workspace", folder, "there is no workspace in it")
            .advise("The window shows the folder of its workspace under File, Workspace.")),
    }
}

/// A model that cannot be written is better found out before the work than after it.
fn check_model_file(path: &Path) -> Result<()> {
    let tried = "write the model";
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if ["pth", "pt", "bin"].contains(&ending.as_str()) {
        return Err(Error::at(tried, path, format!("files that end in .{ending} are read as PyTorch checkpoints"))
            .advise("Choose a name that ends in .safetensors."));
    }
    whole_file::probe(path, tried)
}

/// A bar with what follows it.
fn bar_style(text: &str) -> indicatif::ProgressStyle {
    let template = format!("{{bar:30}} {text}");
    indicatif::ProgressStyle::with_template(&template).unwrap_or_else(|_| indicatif::ProgressStyle::default_bar())
}

/// A line on stderr above the bar; a bar that is not on a terminal would swallow it.
fn tell(bar: &indicatif::ProgressBar, text: &str) {
    if bar.is_hidden() { eprintln!("{text}") } else { bar.println(text) }
}

/// The command, as a shell takes it.
fn command_line() -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,=:+@%".contains(c);
    let quoted = |word: String| match !word.is_empty() && word.chars().all(is_plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    let words: Vec<String> = std::env::args().skip(1).map(quoted).collect();
    format!("labrum {}", words.join(" "))
}

/// Text for people, on stdout.
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{text}").map_err(|e| Error::new("print the result", e))
}

/// JSON for programs, on stdout.
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value).map_err(|e| Error::new("print the result", e))?)
}

//! The command line: the same engine as in the window, for scripts.

mod bench;
mod click;
mod compact;
pub(crate) mod console;
mod evaluate;
mod evaluate_prompts;
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
mod reading;
mod recognise;
mod rehearse;
mod round;
mod segment;
mod shell;
mod train;
mod train_prompts;
pub mod usage;
mod workspace;

use crate::learning::model::shipped_named;
use crate::shipped;
use crate::{Error, ErrorKind, Result};
use clap::{Parser, Subcommand, ValueEnum};
use console::{print_above_bar, print_json, print_text};
use labrum_core::{counts::count_with_noun, model_card::Config, progress::Cancel, whole_file};
use labrum_nn::{device::DeviceChoice, infer::Segmenter};
use std::num::NonZeroUsize;
use std::{
    env,
    path::{Path, PathBuf},
    process,
};

/// Segment medical images with models that learn from corrections: open a study, correct the masks, export them.
#[derive(Parser, Debug)]
#[command(name = "labrum", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    /// Files and folders to open in the window
    paths: Vec<PathBuf>,
    /// Device to run the network on [default: from the settings]
    #[arg(long, value_enum)]
    device: Option<DeviceArgument>,
    /// Number of CPU threads [default: from the settings, else all cores]
    #[arg(long, global = true)]
    threads: Option<NonZeroUsize>,
    /// Print errors and results only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Print more details; repeat for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

const EXAMPLES: &str = "Examples:
  labrum study/                                    open a folder in the window
  labrum segment study/ --out masks --format png,seg
  labrum train data/ --out model.safetensors       data/ holds images/ and masks/
  labrum evaluate model.safetensors data/ --json
  labrum workspace create work/ --label \"Fetal head\"
  labrum workspace add images/ --workspace work/ --masks masks/
  labrum export --workspace work/ --out masks --format seg,csv
  labrum import-masks RTSTRUCT.dcm --of study/ --out masks
  labrum info study/ --json
  labrum pacs find https://pacs.example.org/dicom-web --name doe";

#[derive(Subcommand, Debug)]
enum CliCommand {
    Segment(segment::SegmentArguments),
    Click(click::ClickArguments),
    Train(Box<train::TrainArguments>),
    TrainPrompts(train_prompts::TrainPromptsArguments),
    Models(models::ModelsArguments),
    Export(Box<export::ExportArguments>),
    Rehearse(rehearse::RehearseArguments),
    Recognise(recognise::RecogniseArguments),
    Compact(compact::CompactArguments),
    Evaluate(evaluate::EvaluateArguments),
    EvaluatePrompts(evaluate_prompts::EvaluatePromptsArguments),
    Plot(plot::PlotArguments),
    Info(info::InfoArguments),
    ImportCheckpoint(import_checkpoint::ImportCheckpointArguments),
    Pacs(pacs::PacsArguments),
    ImportMasks(import_masks::ImportMasksArguments),
    Bench(bench::BenchArguments),
    Workspace(workspace::WorkspaceArguments),
    Completions(shell::CompletionsArguments),
    Man(shell::ManArguments),
}

/// Whether existing files may be overwritten.
#[derive(clap::Args, Debug, Clone, Copy, Default)]
pub(crate) struct OverwriteArgument {
    /// Overwrite existing files
    #[arg(long)]
    pub(crate) overwrite: bool,
}

impl OverwriteArgument {
    /// Fails if one of the files to write exists and `--overwrite` was not given.
    fn refuse_existing<'a>(self, files: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
        // A folder in the way is reported by the code that writes, whatever the option says.
        let there: Vec<&PathBuf> = files
            .into_iter()
            .filter(|file| !self.overwrite && file.is_file())
            .collect();
        match there.as_slice() {
            [] => Ok(()),
            [first, rest @ ..] => {
                let more = match rest.len() {
                    0 => String::new(),
                    n => format!(" (and {})", count_with_noun(n, "other file")),
                };
                let reason = format!("the file already exists{more}");
                Err(Error::at_path("write", first, reason)
                    .with_advice("Choose another location, or use --overwrite."))
            }
        }
    }
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
    /// Number of threads for the network and for images, if given; otherwise the settings decide, else all cores are used.
    pub fn thread_count(&self) -> Option<NonZeroUsize> {
        self.threads
    }

    /// How many times --verbose was given.
    pub fn verbosity(&self) -> u8 {
        self.verbose
    }

    /// Paths to open in the window, and the device if one was given; `None` if a command is to be run.
    pub fn window_request(&self) -> Option<(Vec<PathBuf>, Option<DeviceChoice>)> {
        self.command
            .is_none()
            .then(|| (self.paths.clone(), self.device.map(Into::into)))
    }
}

/// Runs the command given in the arguments; does nothing if they ask for the window.
pub fn run_command(cli: Cli) -> Result<()> {
    labrum_nn::device::use_threads(cli.threads);
    if cli.quiet {
        console::be_quiet();
    }
    match cli.command {
        Some(CliCommand::Segment(arguments)) => segment::run(&arguments),
        Some(CliCommand::Click(arguments)) => click::run(&arguments),
        Some(CliCommand::Train(arguments)) => train::run(*arguments),
        Some(CliCommand::TrainPrompts(arguments)) => train_prompts::run(&arguments),
        Some(CliCommand::Models(arguments)) => models::run(&arguments),
        Some(CliCommand::Export(arguments)) => export::run(&arguments),
        Some(CliCommand::Rehearse(arguments)) => rehearse::run(&arguments),
        Some(CliCommand::Recognise(arguments)) => recognise::run(&arguments),
        Some(CliCommand::Compact(arguments)) => compact::run(&arguments),
        Some(CliCommand::Evaluate(arguments)) => evaluate::run(&arguments),
        Some(CliCommand::EvaluatePrompts(arguments)) => evaluate_prompts::run(&arguments),
        Some(CliCommand::Plot(arguments)) => plot::run(&arguments),
        Some(CliCommand::Info(arguments)) => info::run(&arguments),
        Some(CliCommand::ImportCheckpoint(arguments)) => import_checkpoint::run(arguments),
        Some(CliCommand::Pacs(arguments)) => pacs::run(arguments),
        Some(CliCommand::ImportMasks(arguments)) => import_masks::run(&arguments),
        Some(CliCommand::Bench(arguments)) => bench::run(&arguments, cli.threads),
        Some(CliCommand::Workspace(arguments)) => workspace::run(&arguments),
        Some(CliCommand::Completions(arguments)) => shell::print_completions(&arguments),
        Some(CliCommand::Man(arguments)) => shell::generate_man_pages(&arguments),
        None => Ok(()),
    }
}

/// Checks that the paths to open in the window exist.
pub fn check_paths(paths: &[PathBuf]) -> Result<()> {
    match paths.iter().find(|path| !path.exists()) {
        None => Ok(()),
        Some(missing) => Err(Error::at_path("open", missing, "file or folder not found")
            .with_advice("Run labrum --help for a list of commands.")),
    }
}

/// A token that Ctrl+C cancels; a second Ctrl+C ends the program at once.
fn stop_on_ctrl_c() -> Result<Cancel> {
    let cancel = Cancel::default();
    let stop = cancel.clone();
    ctrlc::set_handler(move || stop_or_exit(&stop))
        .map_err(|e| Error::new("listen for Ctrl+C", e))?;
    Ok(cancel)
}

fn stop_or_exit(stop: &Cancel) {
    if stop.is_cancelled() {
        process::exit(usage::STOPPED.into());
    }
    usage::WAS_STOPPED.store(true, std::sync::atomic::Ordering::Relaxed);
    stop.cancel();
}

/// On Ctrl+C prints one line and ends the program: for commands that keep no partial results.
fn end_on_ctrl_c(text: &'static str) -> Result<()> {
    ctrlc::set_handler(move || {
        console::print_remark(format_args!("labrum: {text}"));
        process::exit(usage::STOPPED.into())
    })
    .map_err(|e| Error::new("listen for Ctrl+C", e))
}

/// Requires an existing workspace: opening a mistyped folder would create one.
fn check_workspace(folder: &Path) -> Result<()> {
    match crate::workspace::glance_at(folder) {
        Some(_) => Ok(()),
        None => Err(Error::at_path("open the workspace", folder, "no workspace found in this folder")
            .with_advice(
                "Run labrum workspace create to make one. The window shows the folder of its workspace under File, Workspace.",
            )
            .of_kind(ErrorKind::NotFound)),
    }
}

/// Loads a shipped model by its name, or a model file.
fn model_named(name: &Path, device: DeviceArgument) -> Result<Segmenter> {
    if !name.exists()
        && let Some(index) = name.to_str().map(shipped_named).transpose()?.flatten()
        && let Some(model) = shipped::all_models()?.get(index)
    {
        return Segmenter::from_bytes(model.bytes, device.into());
    }
    Segmenter::load_from_path(name, device.into())
}

/// Checks that the model can be written, before the work starts.
fn check_model_file(path: &Path) -> Result<()> {
    let tried = "write the model";
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    if ["pth", "pt", "bin"].contains(&ending.as_str()) {
        return Err(Error::at_path(
            tried,
            path,
            format!("files ending in .{ending} are read as PyTorch checkpoints"),
        )
        .with_advice("Choose a name ending in .safetensors."));
    }
    whole_file::check_writable(path, tried)
}

/// The command line of this process, quoted for a shell.
fn command_line() -> String {
    let words: Vec<String> = env::args().skip(1).map(quote_for_shell).collect();
    format!("labrum {}", words.join(" "))
}

fn quote_for_shell(word: String) -> String {
    if !word.is_empty() && word.chars().all(is_plain_in_shell) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// True for letters, digits and characters with no special meaning to a shell.
fn is_plain_in_shell(c: char) -> bool {
    c.is_alphanumeric() || "-_./,=:+@%".contains(c)
}

//! `labrum workspace`: makes workspaces and fills them, so that a person finds images, labels and masks that are there
//! already.

mod add;
mod list;

use super::{check_workspace, console, usage::argument_error};
use crate::worker::identity;
use crate::workspace::Workspace;
use crate::{Error, ErrorKind, Result};
use clap::Subcommand;
use labrum_core::{
    counts::{count_with_noun, with_verb},
    journal::{CaseEntry, StoredCase},
    label::Label,
    naming::fold_case_and_accents,
    study::Status,
};
use std::collections::HashSet;
use std::path::PathBuf;

/// Make workspaces, add images and masks to them, accept, list and remove their cases, find images that have moved
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A case is named by its number in the list, its name or the path of one of its files; all files below a \
folder are meant by the folder.

Examples:
  labrum workspace create work/ --label Polyp
  labrum workspace add polyps/images --workspace work/ --masks polyps/masks --accept
  labrum workspace add ct/ --workspace work/ --masks RTSTRUCT.dcm --proposals
  labrum workspace list --workspace work/ --json
  labrum workspace accept 3 5-9 --workspace work/
  labrum workspace remove 4 --workspace work/
  labrum workspace locate /mnt/new-disk --workspace work/"
)]
pub(super) struct WorkspaceArguments {
    #[command(subcommand)]
    what: WorkspaceCommand,
}

#[derive(Subcommand, Debug)]
enum WorkspaceCommand {
    Create(CreateArguments),
    Add(Box<add::AddCasesArguments>),
    Accept(AcceptArguments),
    Remove(RemoveArguments),
    List(ListArguments),
    Locate(LocateArguments),
}

/// The workspace that a command is about.
#[derive(clap::Args, Debug)]
struct Which {
    /// Folder of the workspace
    #[arg(short, long)]
    workspace: PathBuf,
}

impl Which {
    fn open_workspace(&self) -> Result<Workspace> {
        check_workspace(&self.workspace)?;
        Workspace::open(&self.workspace)
    }
}

/// Make a workspace in a new or empty folder
#[derive(clap::Args, Debug)]
struct CreateArguments {
    /// The folder
    folder: PathBuf,
    /// What it is called [default: as its folder]
    #[arg(long)]
    name: Option<String>,
    /// Name of a label; may be given again. With a coded concept:
    /// "Fetal head|123037004 SCT Anatomical Structure|69536005 SCT Head"
    #[arg(long, value_parser = super::train::parse_label)]
    label: Vec<Label>,
}

/// Accept the masks of cases as they are
#[derive(clap::Args, Debug)]
struct AcceptArguments {
    /// Cases: numbers (3, 5-9), names or paths
    #[arg(required_unless_present = "all")]
    cases: Vec<String>,
    /// All cases that have a mask
    #[arg(long, conflicts_with = "cases")]
    all: bool,
    #[command(flatten)]
    which: Which,
}

/// Take cases out of the list; their work is kept, and there again when they are added or opened again
#[derive(clap::Args, Debug)]
struct RemoveArguments {
    /// Cases: numbers (3, 5-9), names or paths
    #[arg(required = true)]
    cases: Vec<String>,
    #[command(flatten)]
    which: Which,
}

/// List the cases of a workspace, its labels, and whether its images are where they were
#[derive(clap::Args, Debug)]
struct ListArguments {
    #[command(flatten)]
    which: Which,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Look in folders for images of a workspace that have moved or were renamed
#[derive(clap::Args, Debug)]
struct LocateArguments {
    /// Folders in which they may be
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    #[command(flatten)]
    which: Which,
}

pub(super) fn run(arguments: &WorkspaceArguments) -> Result<()> {
    match &arguments.what {
        WorkspaceCommand::Create(arguments) => create_workspace(arguments),
        WorkspaceCommand::Add(arguments) => add::run(arguments),
        WorkspaceCommand::Accept(arguments) => accept_cases(arguments),
        WorkspaceCommand::Remove(arguments) => remove_cases(arguments),
        WorkspaceCommand::List(arguments) => list::list_cases(arguments),
        WorkspaceCommand::Locate(arguments) => locate_images(arguments),
    }
}

fn create_workspace(arguments: &CreateArguments) -> Result<()> {
    let folder = &arguments.folder;
    check_labels(&arguments.label)?;
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(
            Error::at_path("make a workspace in", folder, "there are files in it").with_advice(
                "Choose a new or empty folder; labrum workspace add works on one that is there.",
            ),
        );
    }
    let mut workspace = Workspace::open(folder)?;
    if let Some(name) = &arguments.name {
        workspace.set_name(name)?;
    }
    let colored = |(i, label): (usize, &Label)| Label {
        color: Label::with_name("", i).color,
        ..label.clone()
    };
    workspace.set_labels(
        &arguments
            .label
            .iter()
            .enumerate()
            .map(colored)
            .collect::<Vec<_>>(),
    )?;
    let text = format!("The workspace is in {}", workspace.folder().display());
    workspace.close()?;
    console::print_text(&text)
}

/// Each label has a name of its own.
fn check_labels(labels: &[Label]) -> Result<()> {
    let mut taken = HashSet::new();
    for label in labels {
        if label.name.trim().is_empty() {
            return Err(argument_error("make the workspace", "a label has no name"));
        }
        if !taken.insert(fold_case_and_accents(label.name.trim())) {
            return Err(argument_error(
                "make the workspace",
                format!("the label \"{}\" is given twice", label.name),
            ));
        }
    }
    Ok(())
}

fn accept_cases(arguments: &AcceptArguments) -> Result<()> {
    let mut workspace = arguments.which.open_workspace()?;
    let cases = workspace.list_cases()?;
    let chosen: Vec<&CaseEntry> = if arguments.all {
        cases.iter().collect()
    } else {
        chosen_cases(&cases, &arguments.cases)?
    };
    let (mut accepted, mut failed) = (0, 0);
    for entry in chosen {
        let stored = workspace.find_case(&entry.description.identity)?;
        match stored.as_ref().map_or(0, slices_with_masks) {
            0 if arguments.all => {}
            0 => {
                failed += 1;
                console::print_failure(format_args!(
                    "labrum: {}: it has no mask to accept",
                    entry.description.description
                ));
            }
            _ if entry.status == Status::Accepted => {}
            _ => {
                workspace.set_status(entry.key, Status::Accepted)?;
                accepted += 1;
            }
        }
    }
    let meter = workspace.count_progress()?;
    workspace.close()?;
    console::print_text(&format!(
        "{accepted} accepted now; {} of {} in all",
        meter.accepted,
        count_with_noun(meter.total as usize, "case")
    ))?;
    match failed {
        0 => Ok(()),
        n => {
            let reason = format!(
                "{} no mask, see above",
                with_verb(n, "case", ["has", "have"])
            );
            Err(Error::new("accept everything", reason))
        }
    }
}

fn remove_cases(arguments: &RemoveArguments) -> Result<()> {
    let mut workspace = arguments.which.open_workspace()?;
    let cases = workspace.list_cases()?;
    let chosen = chosen_cases(&cases, &arguments.cases)?;
    for entry in &chosen {
        workspace.set_listed(entry.key, false)?;
    }
    let left = workspace.count_progress()?.total;
    workspace.close()?;
    let names: Vec<&str> = chosen
        .iter()
        .map(|entry| entry.description.description.as_str())
        .collect();
    let left = with_verb(left as usize, "case", ["is", "are"]);
    console::print_text(&format!(
        "Out of the list, with their work kept: {}; {left} left",
        names.join(", ")
    ))
}

fn slices_with_masks(case: &StoredCase) -> usize {
    case.slices
        .iter()
        .filter(|slice| slice.mask.is_some())
        .count()
}

/// The cases that words mean, each once, in their order.
fn chosen_cases<'a>(cases: &'a [CaseEntry], words: &[String]) -> Result<Vec<&'a CaseEntry>> {
    let mut places: Vec<usize> = Vec::new();
    for word in words {
        let found = matching_cases(cases, word);
        if found.is_empty() {
            return Err(argument_error(
                "find the case",
                format!("the workspace has no case \"{word}\""),
            )
            .with_advice("labrum workspace list names them."));
        }
        places.extend(found);
    }
    places.sort_unstable();
    places.dedup();
    Ok(places
        .into_iter()
        .filter_map(|place| cases.get(place))
        .collect())
}

/// By number or a span of them, else by name, else by the path of a file or of a folder around it.
fn matching_cases(cases: &[CaseEntry], word: &str) -> Vec<usize> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
        return (first..=last.min(cases.len()))
            .filter_map(|number| number.checked_sub(1))
            .filter(|i| *i < cases.len())
            .collect();
    }
    let all = |is: &dyn Fn(&CaseEntry) -> bool| -> Vec<usize> {
        cases
            .iter()
            .enumerate()
            .filter(|(_, case)| is(case))
            .map(|(i, _)| i)
            .collect()
    };
    let named = all(&|case| case.description.description == word);
    if !named.is_empty() {
        return named;
    }
    let path = std::path::absolute(word).unwrap_or_default();
    all(&|case| {
        case.description
            .slices
            .iter()
            .any(|slice| slice.source.path.starts_with(&path))
    })
}

fn locate_images(arguments: &LocateArguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    if let Some(folder) = arguments.folders.iter().find(|folder| !folder.exists()) {
        return Err(
            Error::at_path("look for images in", folder, "there is no such folder")
                .of_kind(ErrorKind::NotFound),
        );
    }
    let mut workspace = arguments.which.open_workspace()?;
    let mut missing = without_images(&mut workspace)?;
    let before = missing.len();
    for folder in &arguments.folders {
        if missing.is_empty() || cancel.is_cancelled() {
            break;
        }
        let bar = console::progress_bar(0, "{pos} files looked at");
        let found = identity::find_wanted_cases(
            folder,
            &missing,
            &mut |files| bar.set_position(files as u64),
            &cancel,
        );
        bar.finish_and_clear();
        match found {
            Ok(found) => workspace.relocate_images(&found)?,
            Err(error) if error.kind == ErrorKind::Cancelled => break,
            // Another one may hold some.
            Err(error) if arguments.folders.len() > 1 => {
                console::print_failure(format_args!("labrum: {error}"))
            }
            Err(error) => return Err(error),
        }
        missing = without_images(&mut workspace)?;
    }
    let folder = workspace.folder().to_owned();
    workspace.close()?;
    let (found, left) = (before - missing.len(), missing.len());
    console::print_text(&format!(
        "{} found again, {left} still without images",
        count_with_noun(found, "case")
    ))?;
    match left {
        _ if cancel.is_cancelled() => {
            Err(
                Error::at_path("find all images of", folder, "it was stopped")
                    .with_advice("What was found is kept; the same command looks for the others.")
                    .of_kind(ErrorKind::Cancelled),
            )
        }
        0 => Ok(()),
        n => {
            let reason = format!(
                "the images of {} are in none of the folders",
                count_with_noun(n, "case")
            );
            Err(Error::at_path("find all images of", folder, reason))
        }
    }
}

/// Identities of the cases of which files are not where they were.
fn without_images(workspace: &mut Workspace) -> Result<HashSet<String>> {
    let is_missing = |case: &CaseEntry| {
        case.description
            .slices
            .iter()
            .any(|slice| !slice.source.path.exists())
    };
    Ok(workspace
        .list_cases()?
        .into_iter()
        .filter(is_missing)
        .map(|case| case.description.identity)
        .collect())
}

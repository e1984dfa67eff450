//! `labrum workspace`: creates workspaces and fills them with images, labels and existing masks.

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
use std::{
    fs,
    path::{self, PathBuf},
};

/// Create workspaces, add images and masks, accept, list and remove cases, find images that have moved
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A case is given by its number in the list, its name, or the path of one of its files; a folder \
stands for all cases with files in it.

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

/// The workspace of a command.
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

/// Create a workspace in a new or empty folder
#[derive(clap::Args, Debug)]
struct CreateArguments {
    /// Folder of the new workspace
    folder: PathBuf,
    /// Name of the workspace [default: the name of the folder]
    #[arg(long)]
    name: Option<String>,
    /// Name of a label; may be repeated. With a coded concept:
    /// "Fetal head|123037004 SCT Anatomical Structure|69536005 SCT Head"
    #[arg(long, value_parser = super::train::parse_label)]
    label: Vec<Label>,
}

/// Accept the masks of cases without changes
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

/// Remove cases from the list; their masks are kept and restored when the images are added or opened again
#[derive(clap::Args, Debug)]
struct RemoveArguments {
    /// Cases: numbers (3, 5-9), names or paths
    #[arg(required = true)]
    cases: Vec<String>,
    #[command(flatten)]
    which: Which,
}

/// List the cases and labels of a workspace, and its missing images
#[derive(clap::Args, Debug)]
struct ListArguments {
    #[command(flatten)]
    which: Which,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Search folders for images of a workspace that were moved or renamed
#[derive(clap::Args, Debug)]
struct LocateArguments {
    /// Folders to search
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
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(
            Error::at_path("create a workspace in", folder, "the folder is not empty").with_advice(
                "Choose a new or empty folder, or add images to an existing workspace with labrum workspace add.",
            ),
        );
    }
    let mut workspace = Workspace::open(folder)?;
    if let Some(name) = &arguments.name {
        workspace.set_name(name)?;
    }
    let labels: Vec<Label> = arguments
        .label
        .iter()
        .enumerate()
        .map(|(i, label)| Label {
            color: Label::with_name("", i).color,
            ..label.clone()
        })
        .collect();
    workspace.set_labels(&labels)?;
    let text = format!("Created the workspace in {}", workspace.folder().display());
    workspace.close()?;
    console::print_text(&text)
}

/// Checks that the labels have different names, none empty.
fn check_labels(labels: &[Label]) -> Result<()> {
    let mut taken = HashSet::new();
    for label in labels {
        if label.name.trim().is_empty() {
            return Err(argument_error(
                "create the workspace",
                "a label has no name",
            ));
        }
        if !taken.insert(fold_case_and_accents(label.name.trim())) {
            return Err(argument_error(
                "create the workspace",
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
                    "labrum: {}: no mask to accept",
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
        "Newly accepted: {accepted}; accepted in total: {} of {}",
        meter.accepted,
        count_with_noun(meter.total as usize, "case")
    ))?;
    match failed {
        0 => Ok(()),
        n => {
            let reason = format!(
                "{} no mask; see above",
                with_verb(n, "case", ["has", "have"])
            );
            Err(Error::new("accept all cases", reason))
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
        "Removed from the list (masks kept): {}; {left} left",
        names.join(", ")
    ))
}

fn slices_with_masks(case: &StoredCase) -> usize {
    case.slices
        .iter()
        .filter(|slice| slice.mask.is_some())
        .count()
}

/// The cases given on the command line, each once, in the order of the list.
fn chosen_cases<'a>(cases: &'a [CaseEntry], words: &[String]) -> Result<Vec<&'a CaseEntry>> {
    let mut places: Vec<usize> = Vec::new();
    for word in words {
        let found = matching_cases(cases, word);
        if found.is_empty() {
            return Err(argument_error(
                "find the case",
                format!("the workspace has no case \"{word}\""),
            )
            .with_advice("Run labrum workspace list to list the cases."));
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

/// Finds cases by number or range of numbers, else by name, else by the path of a file or folder.
fn matching_cases(cases: &[CaseEntry], word: &str) -> Vec<usize> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
        return (first..=last.min(cases.len()))
            .filter_map(|number| number.checked_sub(1))
            .filter(|i| *i < cases.len())
            .collect();
    }
    let named = places_of_cases(cases, |case| case.description.description == word);
    if !named.is_empty() {
        return named;
    }
    let path = path::absolute(word).unwrap_or_default();
    places_of_cases(cases, |case| {
        case.description
            .slices
            .iter()
            .any(|slice| slice.source.path.starts_with(&path))
    })
}

/// Indices of the cases for which `is_meant` holds.
fn places_of_cases(cases: &[CaseEntry], is_meant: impl Fn(&CaseEntry) -> bool) -> Vec<usize> {
    cases
        .iter()
        .enumerate()
        .filter(|(_, case)| is_meant(case))
        .map(|(place, _)| place)
        .collect()
}

fn locate_images(arguments: &LocateArguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    if let Some(folder) = arguments.folders.iter().find(|folder| !folder.exists()) {
        return Err(
            Error::at_path("search for images in", folder, "folder not found")
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
        let bar = console::progress_bar(0, "{pos} files checked");
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
            // The other folders may still have them.
            Err(error) if arguments.folders.len() > 1 => {
                console::print_failure(format_args!("labrum: {error}"))
            }
            Err(error) => return Err(error),
        }
        missing = without_images(&mut workspace)?;
    }
    let folder = workspace.folder().to_owned();
    workspace.close()?;
    let left = missing.len();
    let found = before - left;
    console::print_text(&format!(
        "Found the images of {}; {left} still missing",
        count_with_noun(found, "case")
    ))?;
    match left {
        _ if cancel.is_cancelled() => Err(Error::at_path("find all images of", folder, "stopped")
            .with_advice(
                "Images found so far are kept; run the same command to search for the rest.",
            )
            .of_kind(ErrorKind::Cancelled)),
        0 => Ok(()),
        n => {
            let reason = format!(
                "the images of {} were not found in these folders",
                count_with_noun(n, "case")
            );
            Err(Error::at_path("find all images of", folder, reason))
        }
    }
}

/// Identities of the cases with missing image files.
fn without_images(workspace: &mut Workspace) -> Result<HashSet<String>> {
    Ok(workspace
        .list_cases()?
        .into_iter()
        .filter(lacks_images)
        .map(|case| case.description.identity)
        .collect())
}

fn lacks_images(case: &CaseEntry) -> bool {
    case.description
        .slices
        .iter()
        .any(|slice| !slice.source.path.exists())
}

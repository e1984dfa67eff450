//! `labrum models`: the versions that a workspace has learned.

use super::{
    DeviceArgument, reading::ReadOnlyWorkspace, round::format_time, usage::argument_error,
};
use crate::learning::{compare_models, course::Model};
use crate::workspace::Workspace;
use crate::{Error, Result};
use clap::Subcommand;
use labrum_core::{
    holdout::Side,
    learning::{Version, VersionState},
    whole_file,
};
use std::{io::IsTerminal, path::PathBuf};

/// List, activate, compare and export the models that a workspace has learned
#[derive(clap::Args, Debug)]
#[command(
    after_help = "A version is named by the number of the round that made it, the one in front of the list.

Examples:
  labrum models --workspace work/
  labrum models --workspace work/ activate 3
  labrum models --workspace work/ compare 3 4 --json
  labrum models --workspace work/ export 3 --out better.safetensors"
)]
pub(super) struct ModelsArguments {
    /// Folder of the workspace
    #[arg(long, global = true)]
    workspace: Option<PathBuf>,
    /// JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: Option<ModelsCommand>,
}

#[derive(Subcommand, Debug)]
enum ModelsCommand {
    /// List all versions (the same as saying nothing)
    List,
    /// Make a version the one that proposes masks; 0 for the shipped models
    Activate {
        /// Number of the round that made it
        version: i64,
    },
    /// Turn a version down that waits for a decision
    Reject {
        /// Number of the round that made it
        version: i64,
    },
    /// Call a version something else
    Rename {
        /// Number of the round that made it
        version: i64,
        /// Its new name
        name: String,
    },
    /// Remove a version and its file, once that was confirmed
    Delete {
        /// Number of the round that made it
        version: i64,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Judge two versions on the held-out cases as they are now
    Compare {
        /// Number of the round of the one that stands for the active model
        first: i64,
        /// Number of the round of the other
        second: i64,
        /// Where the network runs
        #[arg(long, value_enum, default_value = "auto")]
        device: DeviceArgument,
    },
    /// What the work cost, case by case: CSV, or JSON with the versions; whether another round is worth it on stderr
    Report,
    /// Write a version to a model file
    Export {
        /// Number of the round that made it
        version: i64,
        /// Model file to write
        #[arg(short, long)]
        out: PathBuf,
        #[command(flatten)]
        overwrite: super::OverwriteArgument,
    },
}

pub(super) fn run(arguments: &ModelsArguments) -> Result<()> {
    let folder = arguments.workspace.as_deref();
    let folder = folder.ok_or_else(|| {
        argument_error("look at the models", "no workspace is named")
            .with_advice("Give --workspace.")
    })?;
    let what = arguments.what.as_ref().unwrap_or(&ModelsCommand::List);
    if matches!(
        what,
        ModelsCommand::List
            | ModelsCommand::Report
            | ModelsCommand::Compare { .. }
            | ModelsCommand::Export { .. }
    ) {
        return run_read_only(&mut ReadOnlyWorkspace::open(folder)?, what, arguments.json);
    }
    super::check_workspace(folder)?;
    let mut workspace = Workspace::open(folder)?;
    match what {
        ModelsCommand::Activate { version: 0 } => workspace.activate_version(None)?,
        ModelsCommand::Activate { version } => {
            let version = version_of_round(&mut workspace, *version)?;
            workspace.activate_version(Some(version.key))?;
        }
        ModelsCommand::Reject { version } => {
            let version = version_of_round(&mut workspace, *version)?;
            workspace.reject_version(version.key)?;
        }
        ModelsCommand::Rename { version, name } => {
            let version = version_of_round(&mut workspace, *version)?;
            workspace.rename_version(version.key, name)?;
        }
        ModelsCommand::Delete { version, yes } => {
            return delete_version(&mut workspace, *version, *yes);
        }
        _ => {}
    }
    workspace.sync_to_disk()?;
    print_versions(&workspace.list_versions()?, arguments.json)
}

fn print_versions(versions: &[Version], json: bool) -> Result<()> {
    if json {
        super::print_json(&versions)
    } else {
        super::print_text(&versions_table(versions))
    }
}

/// What changes nothing in the workspace.
fn run_read_only(
    workspace: &mut ReadOnlyWorkspace,
    what: &ModelsCommand,
    json: bool,
) -> Result<()> {
    match what {
        ModelsCommand::Compare {
            first,
            second,
            device,
        } => compare_versions(workspace, *first, *second, *device, json),
        ModelsCommand::Report => {
            let report = workspace.work_report()?;
            crate::cli::console::print_remark(report.next_round_advice());
            if json {
                super::print_json(&report)
            } else {
                super::print_text(report.to_csv().trim_end())
            }
        }
        ModelsCommand::Export {
            version,
            out,
            overwrite,
        } => {
            super::check_model_file(out)?;
            overwrite.refuse_existing([out])?;
            let version = version_of_round(workspace, *version)?;
            let bytes = Model::bytes_of_version(&version.file, &workspace.read_labels()?)?;
            whole_file::write_atomically(out, "export the version", |file| file.write_all(&bytes))?;
            super::print_text(&format!("{} is in {}", version.name, out.display()))
        }
        _ => print_versions(&workspace.all_versions()?, json),
    }
}

/// The version that a round made.
fn version_of_round(workspace: &mut Workspace, round: i64) -> Result<Version> {
    let versions = workspace.list_versions()?;
    if let Some(found) = versions.iter().find(|v| v.round.0 == round) {
        return Ok(found.clone());
    }
    let known: Vec<String> = versions.iter().map(|v| v.round.0.to_string()).collect();
    let reason = match known.as_slice() {
        [] => "the workspace has learned no version yet".to_owned(),
        known => format!(
            "the workspace has versions of these rounds: {}",
            known.join(", ")
        ),
    };
    let tried = format!("find the version of round {round} in the workspace");
    Err(Error::at_path(tried, workspace.folder(), reason)
        .with_advice("labrum models --workspace FOLDER lists them."))
}

/// Removes a version after a question that names it.
fn delete_version(workspace: &mut Workspace, round: i64, is_confirmed: bool) -> Result<()> {
    let version = version_of_round(workspace, round)?;
    let tried = format!("delete \"{}\"", version.name);
    if !is_confirmed {
        if !std::io::stdin().is_terminal() {
            return Err(
                Error::at_path(tried, &version.file, "this cannot be undone")
                    .with_advice("Confirm with --yes."),
            );
        }
        eprint!(
            "Delete \"{}\" and its file {}? [y/N] ",
            version.name,
            version.file.display()
        );
        let mut answer = String::new();
        std::io::stdin()
            .read_line(&mut answer)
            .map_err(|e| Error::at_path(&tried, &version.file, e))?;
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return super::print_text(&format!("\"{}\" was kept.", version.name));
        }
    }
    workspace.delete_version(version.key)?;
    workspace.sync_to_disk()?;
    super::print_text(&format!(
        "\"{}\" was deleted, with its file {}.",
        version.name,
        version.file.display()
    ))
}

fn compare_versions(
    workspace: &mut Workspace,
    first: i64,
    second: i64,
    device: DeviceArgument,
    json: bool,
) -> Result<()> {
    let (first, second) = (
        version_of_round(workspace, first)?,
        version_of_round(workspace, second)?,
    );
    let masks = workspace.accepted_masks()?;
    let held_out: Vec<_> = masks
        .into_iter()
        .filter(|s| s.side == Side::HoldOut)
        .collect();
    let labels = workspace.read_labels()?;
    let (a, b) = (
        Model::of_version(&first.file, &labels)?,
        Model::of_version(&second.file, &labels)?,
    );
    let report = compare_models(&a, &b, &held_out, &labels, device.into())?;
    if json {
        return super::print_json(&report);
    }
    let (better, worse) = report.better_and_worse();
    let mut text = format!(
        "{} against {}: {}; {better} better, {worse} worse",
        second.name,
        first.name,
        report.verdict.reason_text()
    );
    for case in &report.cases {
        let before = case.active.map_or(0.0, |s| s.dice);
        text += &format!(
            "\n{:40} {before:.4} -> {:.4} ({:+.4})",
            case.name,
            case.candidate.dice,
            case.dice_gain()
        );
    }
    super::print_text(&text)
}

fn versions_table(versions: &[Version]) -> String {
    if versions.is_empty() {
        return "This workspace has learned nothing yet: accept a few cases, then labrum train --workspace.".into();
    }
    let width = versions
        .iter()
        .map(|v| v.name.chars().count())
        .max()
        .unwrap_or(0);
    let line = |v: &Version| {
        let state = match v.state {
            _ if v.is_active => "active",
            VersionState::Accepted => "accepted",
            VersionState::Rejected => "rejected",
            VersionState::Undecided => "undecided",
        };
        let dice = v
            .report
            .mean_scores()
            .1
            .map_or("none".into(), |s| format!("{:.4}", s.dice));
        let hash: String = v.hash.chars().take(12).collect();
        format!(
            "{:4}  {:width$}  {state:9}  {}  {:5} cases  Dice {dice:6}  {hash}  from {}",
            v.round.0,
            v.name,
            format_time(v.made_at),
            v.cases,
            v.parent_name
        )
    };
    versions.iter().map(line).collect::<Vec<_>>().join("\n")
}

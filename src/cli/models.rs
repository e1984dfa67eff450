//! `labrum models`: the model versions of a workspace.

use super::{
    DeviceArgument, reading::ReadOnlyWorkspace, round::format_time, usage::argument_error,
};
use crate::io::export::work_report_csv;
use crate::learning::{compare_models, model::Model};
use crate::workspace::Workspace;
use crate::{Error, Result};
use clap::Subcommand;
use labrum_core::{
    holdout::Side,
    learning::{Version, VersionState},
    whole_file,
};
use std::{io::IsTerminal, path::PathBuf};

/// List, activate, compare and export the models trained in a workspace
#[derive(clap::Args, Debug)]
#[command(
    after_help = "VERSION is the number of the round that made the version: the first column of the list.

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
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: Option<ModelsCommand>,
}

#[derive(Subcommand, Debug)]
enum ModelsCommand {
    /// List all versions (default)
    List,
    /// Make a version the active model; 0 for the shipped models
    Activate {
        /// Number of the round that made the version
        version: i64,
    },
    /// Reject a version that needs a decision
    Reject {
        /// Number of the round that made the version
        version: i64,
    },
    /// Rename a version
    Rename {
        /// Number of the round that made the version
        version: i64,
        /// New name
        name: String,
    },
    /// Delete a version and its file, after confirmation
    Delete {
        /// Number of the round that made the version
        version: i64,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },
    /// Compare two versions on the current hold-out cases
    Compare {
        /// Number of the round of the version to compare with
        first: i64,
        /// Number of the round of the version to compare
        second: i64,
        /// Device to run the network on
        #[arg(long, value_enum, default_value = "auto")]
        device: DeviceArgument,
    },
    /// Print the work on each case as CSV, or with the versions as JSON; stderr says whether another round is worthwhile
    Report,
    /// Export a version to a model file
    Export {
        /// Number of the round that made the version
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
        argument_error("use the models", "no workspace was given").with_advice("Use --workspace.")
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

/// Runs a command that does not change the workspace.
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
                super::print_text(work_report_csv(&report)?.trim_end())
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
            super::print_text(&format!("Wrote {} to {}", version.name, out.display()))
        }
        _ => print_versions(&workspace.all_versions()?, json),
    }
}

/// The version made by the round with this number.
fn version_of_round(workspace: &mut Workspace, round: i64) -> Result<Version> {
    let versions = workspace.list_versions()?;
    if let Some(found) = versions.iter().find(|v| v.round.0 == round) {
        return Ok(found.clone());
    }
    let known: Vec<String> = versions.iter().map(|v| v.round.0.to_string()).collect();
    let reason = match known.as_slice() {
        [] => "no model has been trained in this workspace yet".to_owned(),
        known => format!(
            "the workspace has versions from rounds {}",
            known.join(", ")
        ),
    };
    let tried = format!("find a version from round {round} in the workspace");
    Err(Error::at_path(tried, workspace.folder(), reason)
        .with_advice("Run labrum models --workspace FOLDER to list them."))
}

/// Deletes a version, after asking for confirmation unless `is_confirmed`.
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
            return super::print_text(&format!("Kept \"{}\".", version.name));
        }
    }
    workspace.delete_version(version.key)?;
    workspace.sync_to_disk()?;
    super::print_text(&format!(
        "Deleted \"{}\" and its file {}.",
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
    let first = version_of_round(workspace, first)?;
    let second = version_of_round(workspace, second)?;
    let masks = workspace.accepted_masks()?;
    let held_out: Vec<_> = masks
        .into_iter()
        .filter(|s| s.side == Side::HoldOut)
        .collect();
    let labels = workspace.read_labels()?;
    let active = Model::of_version(&first.file, &labels)?;
    let candidate = Model::of_version(&second.file, &labels)?;
    let report = compare_models(&active, &candidate, &held_out, &labels, device.into())?;
    if json {
        return super::print_json(&report);
    }
    let (better, worse) = report.better_and_worse();
    let mut text = format!(
        "{} compared with {}: {}; {better} better, {worse} worse",
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
        return "No models yet. Accept a few cases, then run labrum train --workspace.".into();
    }
    let width = versions
        .iter()
        .map(|v| v.name.chars().count())
        .max()
        .unwrap_or(0);
    versions
        .iter()
        .map(|version| version_line(version, width))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A line of the list, with the name padded to `width` characters.
fn version_line(version: &Version, width: usize) -> String {
    let state = match version.state {
        _ if version.is_active => "active",
        VersionState::Accepted => "accepted",
        VersionState::Rejected => "rejected",
        VersionState::Undecided => "undecided",
    };
    let dice = version
        .report
        .mean_scores()
        .1
        .map_or("none".into(), |s| format!("{:.4}", s.dice));
    let hash: String = version.hash.chars().take(12).collect();
    format!(
        "{:4}  {:width$}  {state:9}  {}  {:5} cases  Dice {dice:6}  {hash}  from {}",
        version.round.0,
        version.name,
        format_time(version.made_at),
        version.cases,
        version.parent_name
    )
}

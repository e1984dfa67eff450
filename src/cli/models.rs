//! `labrum models`: the model versions of a workspace.

use super::{
    DeviceArgument, reading::ReadOnlyWorkspace, round::format_time, usage::argument_error,
};
use crate::io::export::work_report_csv;
use crate::learning::{clicks::compare_click_models, compare_models, model::Model};
use crate::workspace::Workspace;
use crate::{Error, Result};
use clap::Subcommand;
use labrum_core::{
    gate::GateReport,
    holdout::Side,
    learning::{ModelKind, Version, VersionState},
    whole_file,
};
use std::{
    fmt::Write,
    io::{self, IsTerminal},
    path::PathBuf,
};

/// List, activate, compare and export the models trained in a workspace
#[derive(clap::Args, Debug)]
#[command(
    after_help = "VERSION is the number of the round that made the version: the first column of the list. A round can make two \
versions: of the model that proposes masks, and, with --clicks, of the model of the Click tool.

Examples:
  labrum models --workspace work/
  labrum models --workspace work/ activate 3
  labrum models --workspace work/ --clicks activate 3
  labrum models --workspace work/ compare 3 4 --json
  labrum models --workspace work/ export 3 --out better.safetensors"
)]
pub(super) struct ModelsArguments {
    /// Folder of the workspace
    #[arg(long, global = true)]
    workspace: Option<PathBuf>,
    /// The versions of the model of the Click tool, instead of those that propose masks
    #[arg(long, global = true)]
    clicks: bool,
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
    /// Make a version the active model; 0 for the shipped models (with --clicks, for the shipped model of the Click tool)
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
    let kind = arguments.kind();
    let json = arguments.json;
    if matches!(
        what,
        ModelsCommand::List
            | ModelsCommand::Report
            | ModelsCommand::Compare { .. }
            | ModelsCommand::Export { .. }
    ) {
        return run_read_only(&mut ReadOnlyWorkspace::open(folder)?, what, kind, json);
    }
    super::check_workspace(folder)?;
    let mut workspace = Workspace::open(folder)?;
    match what {
        ModelsCommand::Activate { version: 0 } => match kind {
            ModelKind::Masks => workspace.activate_version(None)?,
            ModelKind::Clicks => workspace.use_shipped_clicks()?,
        },
        ModelsCommand::Activate { version } => {
            let version = version_of_round(&mut workspace, *version, kind)?;
            workspace.activate_version(Some(version.key))?;
        }
        ModelsCommand::Reject { version } => {
            let version = version_of_round(&mut workspace, *version, kind)?;
            workspace.reject_version(version.key)?;
        }
        ModelsCommand::Rename { version, name } => {
            let version = version_of_round(&mut workspace, *version, kind)?;
            workspace.rename_version(version.key, name)?;
        }
        ModelsCommand::Delete { version, yes } => {
            let version = version_of_round(&mut workspace, *version, kind)?;
            return delete_version(&mut workspace, &version, *yes);
        }
        _ => {}
    }
    workspace.sync_to_disk()?;
    print_versions(workspace.list_versions()?, kind, json)
}

impl ModelsArguments {
    /// Which versions the command is about.
    fn kind(&self) -> ModelKind {
        if self.clicks {
            ModelKind::Clicks
        } else {
            ModelKind::Masks
        }
    }
}

/// Prints the versions of a kind.
fn print_versions(mut versions: Vec<Version>, kind: ModelKind, json: bool) -> Result<()> {
    versions.retain(|version| version.kind == kind);
    if json {
        super::print_json(&versions)
    } else {
        super::print_text(&versions_table(&versions, kind))
    }
}

/// Runs a command that does not change the workspace.
fn run_read_only(
    workspace: &mut ReadOnlyWorkspace,
    what: &ModelsCommand,
    kind: ModelKind,
    json: bool,
) -> Result<()> {
    match what {
        ModelsCommand::Compare {
            first,
            second,
            device,
        } => {
            let first = version_of_round(workspace, *first, kind)?;
            let second = version_of_round(workspace, *second, kind)?;
            let report = compare_versions(workspace, &first, &second, *device)?;
            if json {
                return super::print_json(&report);
            }
            super::print_text(&comparison_text(&first, &second, &report))
        }
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
            let version = version_of_round(workspace, *version, kind)?;
            let bytes = Model::bytes_of_version(&version, &workspace.read_labels()?)?;
            whole_file::write_atomically(out, "export the version", |file| file.write_all(&bytes))?;
            super::print_text(&format!("Wrote {} to {}", version.name, out.display()))
        }
        _ => print_versions(workspace.all_versions()?, kind, json),
    }
}

/// The version of a kind made by the round with this number.
fn version_of_round(workspace: &mut Workspace, round: i64, kind: ModelKind) -> Result<Version> {
    let mut versions = workspace.list_versions()?;
    versions.retain(|version| version.kind == kind);
    if let Some(found) = versions.iter().find(|v| v.round.0 == round) {
        return Ok(found.clone());
    }
    let known: Vec<String> = versions.iter().map(|v| v.round.0.to_string()).collect();
    let reason = match known.as_slice() {
        [] if kind == ModelKind::Clicks => {
            "no model of the Click tool has been trained in this workspace yet".to_owned()
        }
        [] => "no model has been trained in this workspace yet".to_owned(),
        known => format!(
            "the workspace has versions from rounds {}",
            known.join(", ")
        ),
    };
    let tried = format!("find a version from round {round} in the workspace");
    let advice = match kind {
        ModelKind::Masks => "Run labrum models --workspace FOLDER to list them.",
        ModelKind::Clicks => "Run labrum models --workspace FOLDER --clicks to list them.",
    };
    Err(Error::at_path(tried, workspace.folder(), reason).with_advice(advice))
}

/// Deletes a version, after asking for confirmation unless `is_confirmed`.
fn delete_version(workspace: &mut Workspace, version: &Version, is_confirmed: bool) -> Result<()> {
    let tried = format!("delete \"{}\"", version.name);
    if !is_confirmed {
        if !io::stdin().is_terminal() {
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
        io::stdin()
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

/// Compares the second version with the first on the current hold-out cases.
fn compare_versions(
    workspace: &mut Workspace,
    first: &Version,
    second: &Version,
    device: DeviceArgument,
) -> Result<GateReport> {
    let masks = workspace.accepted_masks()?;
    let held_out: Vec<_> = masks
        .into_iter()
        .filter(|s| s.side == Side::HoldOut)
        .collect();
    if first.kind == ModelKind::Clicks {
        let first = Model::read_file(&first.file)?;
        let second = Model::read_file(&second.file)?;
        return compare_click_models(&first, &second, &held_out);
    }
    let labels = workspace.read_labels()?;
    let active = Model::of_version(&first.file, &labels)?;
    let candidate = Model::of_version(&second.file, &labels)?;
    compare_models(&active, &candidate, &held_out, &labels, device.into())
}

fn comparison_text(first: &Version, second: &Version, report: &GateReport) -> String {
    let mut text = format!(
        "{} compared with {}: {}",
        second.name,
        first.name,
        report.verdict.reason_text()
    );
    if let Some(clicks) = &report.clicks {
        for case in &clicks.cases {
            let before = case.active;
            let after = case.candidate;
            let _ = write!(
                text,
                "\n{:40} {:.1} -> {:.1} clicks, Dice {:.4} -> {:.4} after one click",
                case.name, before.clicks, after.clicks, before.dice, after.dice
            );
        }
        return text;
    }
    let (better, worse) = report.better_and_worse();
    let _ = write!(text, "; {better} better, {worse} worse");
    for case in &report.cases {
        let before = case.active.map_or(0.0, |s| s.dice);
        let after = case.candidate.dice;
        let gain = case.dice_gain();
        let _ = write!(
            text,
            "\n{:40} {before:.4} -> {after:.4} ({gain:+.4})",
            case.name
        );
    }
    text
}

fn versions_table(versions: &[Version], kind: ModelKind) -> String {
    if versions.is_empty() {
        return match kind {
            ModelKind::Masks => {
                "No models yet. Accept a few cases, then run labrum train --workspace.".into()
            }
            ModelKind::Clicks => {
                "No models yet: the Click tool uses the shipped one. Use it on at least three \
                                  cases and accept them, then run labrum train --workspace."
                    .into()
            }
        };
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
    let score = held_out_score(&version.report);
    let hash: String = version.hash.chars().take(12).collect();
    format!(
        "{:4}  {:width$}  {state:9}  {}  {:5} cases  {score}  {hash}  from {}",
        version.round.0,
        version.name,
        format_time(version.made_at),
        version.cases,
        version.parent_name
    )
}

/// The score on the hold-out cases: "Dice 0.9512", or "2.33 clicks" to Dice 0.90.
fn held_out_score(report: &GateReport) -> String {
    if let Some(clicks) = &report.clicks {
        let mean = clicks.mean_scores();
        return mean.map_or("clicks none".into(), |(_, candidate)| {
            format!("{:.2} clicks", candidate.clicks)
        });
    }
    let dice = report.mean_scores().1;
    let dice = dice.map_or("none".into(), |s| format!("{:.4}", s.dice));
    format!("Dice {dice:6}")
}

//! `labrum train --workspace`: a round of training on the accepted masks of a workspace.

mod tell;

use super::plan::PlanArguments;
use crate::learning::{
    model::{CLICK, Model, shipped_named},
    round::WorkspaceRound,
};
use crate::shipped;
use crate::workspace::Workspace;
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    counts::count_with_noun,
    learning::{ModelKind, RoundKey, RoundRecord, RoundState, SnapshotSlice, Version, VersionKey},
    progress::Control,
    training::{
        CLICK_MODEL_NAME, ClickSettings, ClickTraining, Length, NOTHING_NAME, Plan, RoundSettings,
        StartFrom,
    },
};
use labrum_nn::device::DeviceChoice;
use std::collections::BTreeSet;
use std::path::{self, Path, PathBuf};
use tell::{describe_outcome, outcome_json, show_phase, tell_effort, tell_estimate};

/// Default length of a round, in seconds.
const SECONDS: f64 = 60.0;

/// Arguments of `labrum train` for a round in a workspace.
pub(super) struct RoundRequest<'a> {
    pub(super) workspace: &'a Path,
    /// Model to start from; `None` for the active version, else the model that proposed the accepted masks, else random
    /// weights.
    pub(super) from: Option<&'a str>,
    /// Length of the round; `None` for 60 seconds.
    pub(super) seconds: Option<f64>,
    pub(super) steps: Option<usize>,
    pub(super) plan: &'a PlanArguments,
    /// When the click model is fine-tuned, too; `None` for when prompts were used.
    pub(super) clicks: Option<ClickTraining>,
    pub(super) device: DeviceChoice,
    /// Discard an interrupted round and start a new one.
    pub(super) anew: bool,
    /// Discard an interrupted round.
    pub(super) give_up: bool,
    pub(super) dry_run: bool,
    pub(super) json: bool,
}

pub(super) fn run(wish: &RoundRequest<'_>) -> Result<()> {
    super::check_workspace(wish.workspace)?;
    let mut workspace = Workspace::open(wish.workspace)?;
    let control = Control::with_cancel(super::stop_on_ctrl_c()?);
    let cut_off = workspace.running_round()?;
    if wish.give_up {
        return give_up(&mut workspace, cut_off);
    }
    if let Some(record) = cut_off.filter(|_| !wish.anew) {
        refuse_other_settings(&record, wish)?;
        let snapshot = workspace.round_snapshot(record.key)?;
        check_images(&snapshot, wish.workspace)?;
        let begun = format_time(record.started_at);
        if wish.dry_run {
            let round = round_from_record(&mut workspace, &record, snapshot, wish)?;
            return tell_estimate(&round, wish.json, Some(&begun));
        }
        crate::cli::console::print_remark(format_args!(
            "Resuming the interrupted round of {begun}."
        ));
        return run_round(&mut workspace, record, snapshot, wish, &control);
    }
    let (settings, parent) = requested_settings(&mut workspace, wish)?;
    let accepted = workspace.accepted_masks()?;
    check_images(&accepted, wish.workspace)?;
    if wish.dry_run {
        let record = RoundRecord {
            key: RoundKey(0),
            started_at: 0,
            state: RoundState::Running,
            parent,
            settings: settings.to_json()?,
            checkpoint: PathBuf::new(),
            click_checkpoint: PathBuf::new(),
        };
        let round = round_from_record(&mut workspace, &record, accepted, wish)?;
        return tell_estimate(&round, wish.json, None);
    }
    let (record, snapshot) = workspace.begin_round(&settings.to_json()?, parent)?;
    run_round(&mut workspace, record, snapshot, wish, &control)
}

/// Fails if options differ from those of the interrupted round, which is resumed with its own settings.
fn refuse_other_settings(record: &RoundRecord, wish: &RoundRequest<'_>) -> Result<()> {
    let known = RoundSettings::from_json(&record.settings)?;
    let is_other_start = match wish.from {
        Some(name) => start_named(name)?.0 != known.start,
        None => false,
    };
    let by_seconds = known.plan.length == Length::Steps(0);
    let other = [
        ("--from", is_other_start),
        (
            "--seconds",
            wish.seconds
                .is_some_and(|seconds| !by_seconds || seconds != known.seconds),
        ),
        (
            "--steps",
            wish.steps
                .is_some_and(|steps| known.plan.length != Length::Steps(steps)),
        ),
        (
            "--clicks",
            wish.clicks.is_some_and(|when| known.clicks.when != when),
        ),
    ];
    let other = other
        .into_iter()
        .find(|(_, is_other)| *is_other)
        .map(|(name, _)| name);
    let Some(option) = other.or(wish.plan.other_than(&known.plan)) else {
        return Ok(());
    };
    let reason = format!(
        "the interrupted round of {} can only be resumed with its own settings, not with another {option}",
        format_time(record.started_at)
    );
    Err(Error::new("train", reason).with_advice(format!(
        "Leave out {option} to resume it, or add --anew to discard it and start a new round."
    )))
}

fn give_up(workspace: &mut Workspace, cut_off: Option<RoundRecord>) -> Result<()> {
    let Some(record) = cut_off else {
        return Err(Error::new(
            "discard the round",
            "this workspace has no interrupted round",
        ));
    };
    workspace.end_round(record.key, RoundState::Cancelled, "discarded by the user")?;
    workspace.sync_to_disk()?;
    super::print_text(&format!(
        "Discarded the interrupted round of {}; the model is unchanged.",
        format_time(record.started_at)
    ))
}

/// Fails early if images of the snapshot are missing, rather than in the middle of the round.
fn check_images(snapshot: &[SnapshotSlice], folder: &Path) -> Result<()> {
    let gone: BTreeSet<&Path> = snapshot
        .iter()
        .map(|slice| slice.source.path.as_path())
        .filter(|path| !path.exists())
        .collect();
    let Some(first) = gone.first() else {
        return Ok(());
    };
    let reason = match gone.len() {
        1 => "file not found".to_owned(),
        n => format!(
            "file not found; also missing: {}",
            count_with_noun(n - 1, "other image")
        ),
    };
    let advice = format!(
        "Run labrum workspace locate FOLDER --workspace {} to search a folder for them.",
        folder.display()
    );
    Err(Error::at_path("train on", first, reason)
        .with_advice(advice)
        .of_kind(ErrorKind::NotFound))
}

fn round_from_record(
    workspace: &mut Workspace,
    record: &RoundRecord,
    snapshot: Vec<SnapshotSlice>,
    wish: &RoundRequest<'_>,
) -> Result<WorkspaceRound> {
    let settings = RoundSettings::from_json(&record.settings)?;
    Ok(WorkspaceRound {
        key: record.key,
        snapshot,
        labels: workspace.read_labels()?,
        settings,
        parent: record.parent,
        previous: workspace.previous_version(record.key, record.parent)?,
        name: workspace.read_name()?,
        checkpoint: record.checkpoint.clone(),
        click_checkpoint: record.click_checkpoint.clone(),
        device: wish.device,
    })
}

fn run_round(
    workspace: &mut Workspace,
    record: RoundRecord,
    snapshot: Vec<SnapshotSlice>,
    wish: &RoundRequest<'_>,
    control: &Control,
) -> Result<()> {
    let round = round_from_record(workspace, &record, snapshot, wish)?;
    let bar = super::console::progress_bar(1000, "{msg}");
    let result = round
        .estimate_cost(rayon::current_num_threads())
        .and_then(|estimate| {
            super::print_above_bar(&bar, &tell_effort(&estimate));
            estimate
                .note
                .iter()
                .for_each(|note| super::print_above_bar(&bar, note));
            round.train_versions(control, &mut |phase| show_phase(&bar, phase))
        });
    bar.finish_and_clear();
    match result {
        Ok(Some(made)) => {
            let versions = workspace.add_versions(&made.all().collect::<Vec<_>>())?;
            workspace.sync_to_disk()?;
            made.note
                .iter()
                .for_each(|note| super::console::print_remark(format_args!("labrum: {note}")));
            if wish.json {
                return super::print_json(&outcome_json(&versions)?);
            }
            let lines: Vec<String> = versions.iter().map(describe_outcome).collect();
            super::print_text(&lines.join("\n"))
        }
        // The round stays open; its last state is in the workspace.
        Ok(None) => Err(Error::new("train", "stopped; the model is unchanged")
            .with_advice("Run the same command to resume it; add --anew to start a new round, or --give-up to discard it.")
            .of_kind(ErrorKind::Cancelled)),
        Err(error) => {
            workspace.end_round(record.key, RoundState::Failed, &error.to_string())?;
            Err(error)
        }
    }
}

fn requested_settings(
    workspace: &mut Workspace,
    wish: &RoundRequest<'_>,
) -> Result<(RoundSettings, Option<VersionKey>)> {
    let usual = Plan {
        length: Length::Steps(wish.steps.unwrap_or(0)),
        ..Plan::default()
    };
    let plan = wish.plan.override_plan(usual);
    let (start, start_name, parent, is_start_active) = match wish.from {
        Some(name) => start_named(name)?,
        None => usual_start(workspace)?,
    };
    let seconds = wish.seconds.unwrap_or(SECONDS);
    let clicks = click_settings(&workspace.list_versions()?, wish.clicks.unwrap_or_default());
    Ok((
        RoundSettings {
            start,
            start_name,
            is_start_active,
            plan,
            seconds,
            clicks,
        },
        parent,
    ))
}

/// How a round treats the click model: it starts from the active version.
fn click_settings(versions: &[Version], when: ClickTraining) -> ClickSettings {
    let active = versions.iter().find(|v| v.is_active_for(ModelKind::Clicks));
    ClickSettings {
        when,
        start: active.map(|version| version.file.clone()),
        start_name: active.map_or_else(String::new, |version| version.name.clone()),
        parent: active.map(|version| version.key),
    }
}

/// What a round starts from, its name, the version of the workspace that it is, and whether it proposes masks now.
type Started = (StartFrom, String, Option<VersionKey>, bool);

/// Random weights ("none"), the Click tool's model, another shipped model by its name, or a model file.
fn start_named(name: &str) -> Result<Started> {
    let new_model = match name {
        "none" => Some((StartFrom::Nothing, NOTHING_NAME)),
        CLICK => Some((StartFrom::ClickModel, CLICK_MODEL_NAME)),
        _ => None,
    };
    if let Some((start, title)) = new_model {
        return Ok((start, title.to_owned(), None, false));
    }
    if let Some(index) = shipped_named(name)? {
        let card = Model::from_shipped(index)?.card;
        return Ok((
            StartFrom::Shipped(index),
            format!("{} {}", card.name, card.version),
            None,
            true,
        ));
    }
    let path = path::absolute(name).map_err(|e| Error::at_path("start from", name, e))?;
    if !path.is_file() {
        return Err(Error::at_path(
            "start from",
            name,
            "no shipped model or file of this name",
        ));
    }
    Ok((StartFrom::File(path), name.to_owned(), None, true))
}

/// The active version; else the shipped model that proposed accepted masks; else the last version, if it was not good enough
/// to become active; else random weights.
fn usual_start(workspace: &mut Workspace) -> Result<Started> {
    let mut report = workspace.work_report()?;
    report.versions.retain(|v| v.kind == ModelKind::Masks);
    if let Some(active) = report.versions.iter().find(|v| v.is_active) {
        return Ok((
            StartFrom::File(active.file.clone()),
            active.name.clone(),
            Some(active.key),
            true,
        ));
    }
    let models = shipped::all_models()?;
    let proposed = report.cases.iter().find_map(|case| {
        let index = models
            .iter()
            .position(|m| format!("{} {}", m.card.name, m.card.version) == case.model)?;
        Some((index, case.model.clone()))
    });
    match proposed {
        Some((index, title)) => Ok((StartFrom::Shipped(index), title, None, true)),
        None => Ok(
            match report
                .versions
                .last()
                .filter(|v| v.report.verdict.is_not_yet())
            {
                Some(version) => (
                    StartFrom::File(version.file.clone()),
                    version.name.clone(),
                    Some(version.key),
                    false,
                ),
                None => (StartFrom::Nothing, NOTHING_NAME.to_owned(), None, false),
            },
        ),
    }
}

/// A time of the workspace as local date and time.
pub(super) fn format_time(milliseconds: i64) -> String {
    let zoned = jiff::Timestamp::from_millisecond(milliseconds)
        .map(|t| t.to_zoned(jiff::tz::TimeZone::system()));
    zoned.map_or_else(
        |_| String::new(),
        |t| t.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

//! What `labrum train --workspace` says: the effort of a round, its progress, and what became of its versions.

use crate::{
    Error, Result,
    cli::{console, print_above_bar, print_json, print_text},
    learning::round::WorkspaceRound,
};
use indicatif::ProgressBar;
use labrum_core::{
    counts::count_with_noun,
    holdout::Side,
    learning::{ModelKind, Version, VersionState},
    training::{Estimate, RoundPhase, RoundProgress},
};

/// What became of a version, a sentence.
pub(super) fn describe_outcome(version: &Version) -> String {
    let Version { name, round, .. } = version;
    if version.kind == ModelKind::Clicks {
        return describe_click_outcome(version);
    }
    let is_not_yet = version.report.verdict.is_not_yet();
    let what = match version.state {
        VersionState::Rejected if is_not_yet => {
            return format!(
                "{name} is not active: {}. Accept more cases and train again; the next round continues from it.",
                version.reason
            );
        }
        VersionState::Accepted => format!("{name} is now active"),
        VersionState::Rejected => format!("{name} was rejected; the active model is unchanged"),
        VersionState::Undecided => format!(
            "{name} needs your decision (labrum models activate {})",
            round.0
        ),
    };
    let (better, worse) = version.report.better_and_worse();
    match version.report.cases.is_empty() {
        true => format!("{what}: {}.", version.reason),
        false => format!(
            "{what}: {}; {better} better, {worse} worse.",
            version.reason
        ),
    }
}

fn describe_click_outcome(version: &Version) -> String {
    let Version { name, reason, .. } = version;
    match version.state {
        VersionState::Accepted => format!("The Click tool now uses {name}: {reason}."),
        VersionState::Rejected => {
            format!("{name} was rejected; the Click tool keeps its model: {reason}.")
        }
        VersionState::Undecided => format!(
            "{name} needs your decision (labrum models --clicks activate {}): {reason}.",
            version.round.0
        ),
    }
}

/// The version for masks; the one for clicks, if there is one, under the key "clicks".
pub(super) fn outcome_json(versions: &[Version]) -> Result<serde_json::Value> {
    let to_json = |version: &Version| {
        serde_json::to_value(version).map_err(|e| Error::new("print the result", e))
    };
    let of_kind = |kind: ModelKind| versions.iter().find(|version| version.kind == kind);
    let mut value = of_kind(ModelKind::Masks)
        .map(to_json)
        .transpose()?
        .unwrap_or_default();
    if let Some(version) = of_kind(ModelKind::Clicks) {
        value["clicks"] = to_json(version)?;
    }
    Ok(value)
}

/// "12 cases (12 slices) for training, 3 held out; about 60 s and 0.7 GB of memory".
pub(super) fn tell_effort(estimate: &Estimate) -> String {
    format!(
        "{} ({}) for training, {} held out; about {}",
        count_with_noun(estimate.cases, "case"),
        count_with_noun(estimate.slices, "slice"),
        estimate.held_out,
        time_and_memory(estimate)
    )
}

/// "60 s, 30 s of them for the Click tool, and 0.7 GB of memory".
fn time_and_memory(estimate: &Estimate) -> String {
    let seconds = estimate.seconds;
    let memory = estimate.memory as f64 / 1e9;
    match estimate.click_seconds {
        Some(clicks) => format!(
            "{seconds:.0} s, {clicks:.0} s of them for the Click tool, and {memory:.1} GB of memory"
        ),
        None => format!("{seconds:.0} s and {memory:.1} GB of memory"),
    }
}

/// Prints what a round would take; `cut_off` is when it was begun, if it was interrupted.
pub(super) fn tell_estimate(
    round: &WorkspaceRound,
    json: bool,
    cut_off: Option<&str>,
) -> Result<()> {
    let estimate = round.estimate_cost(rayon::current_num_threads())?;
    let held = round
        .snapshot
        .iter()
        .filter(|s| s.side == Side::HoldOut)
        .count();
    if json {
        return print_json(&serde_json::json!({
            "cases": estimate.cases, "slices": estimate.slices, "holdout_cases": estimate.held_out,
            "holdout_slices": held, "seconds": estimate.seconds,
            "click_seconds": estimate.click_seconds, "memory_bytes": estimate.memory,
            "start": round.settings.start_name, "note": estimate.note, "goes_on": cut_off.is_some(),
        }));
    }
    estimate
        .note
        .iter()
        .for_each(|note| console::print_remark(format_args!("{note}")));
    let begins = match cut_off {
        Some(begun) => [
            format!("The interrupted round of {begun} would be resumed. It starts"),
            "trains".to_owned(),
        ],
        None => ["The round would start".to_owned(), "train".to_owned()],
    };
    let [starts, learns] = begins;
    print_text(&format!(
        "{starts} from {} and {learns} on {} ({}), {} held out; about {}.",
        round.settings.start_name,
        count_with_noun(estimate.cases, "case"),
        count_with_noun(estimate.slices, "slice"),
        estimate.held_out,
        time_and_memory(&estimate)
    ))
}

/// Shows the progress of a round.
pub(super) fn show_phase(bar: &ProgressBar, phase: RoundPhase) {
    match phase {
        RoundPhase::Reading { done, total } => {
            bar.set_message(format!("reading images: {done} of {total}"))
        }
        RoundPhase::Training(progress) => show_progress(bar, progress, ""),
        RoundPhase::Judging => bar.set_message("evaluating"),
        RoundPhase::TrainingClicks(progress) => show_progress(bar, progress, "Click tool: "),
        RoundPhase::JudgingClicks => bar.set_message("Click tool: evaluating"),
    }
}

fn show_progress(bar: &ProgressBar, progress: RoundProgress, what: &str) {
    match progress {
        RoundProgress::Step {
            done,
            loss,
            remaining,
            ..
        } => {
            bar.set_position((done * 1000.0) as u64);
            bar.set_message(format!(
                "{what}loss {loss:.3}, {} left",
                indicatif::HumanDuration(remaining)
            ));
        }
        RoundProgress::Validation { step, dice, .. } => {
            let text = format!("after {step} steps: validation Dice {dice:.4}");
            print_above_bar(bar, &text);
        }
    }
}

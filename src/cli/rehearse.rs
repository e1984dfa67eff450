//! `labrum rehearse`: simulates the learning loop to estimate how many corrections, or clicks, a task needs.

mod clicks;

use super::{DeviceArgument, usage::argument_error};
use crate::learning::{
    model::Model,
    rehearse::{Rehearsal, RehearsalEvent, RehearsalOrder, RoundResult, run_rehearsal},
};
use crate::{Error, ErrorKind, Result};
use clap::ValueEnum;
use indicatif::ProgressBar;
use labrum_core::{
    counts::count_with_noun,
    progress::Control,
    training::{Plan, RoundPhase, RoundProgress},
};
use std::path::PathBuf;

/// Simulate the learning loop on a folder with masks, to estimate how many corrections, or clicks, a task needs
#[derive(clap::Args, Debug)]
#[command(
    after_help = "FOLDER holds images/ and masks/ with the same file names; the masks stand in for the annotator. \
One fifth of the subjects is set aside as a test set that the loop never uses, and test_dice is measured on it. The \
cases of the other subjects are corrected one after the other: about one subject in five is held out to judge \
candidates, the others are used for training. After each round the promotion gate decides whether the candidate \
becomes the active model.

With --prompts, the model of the Click tool is trained instead of one that proposes masks. A simulated annotator clicks the \
objects of each case until Dice 0.90 is reached, at most ten times. After each round the figures on the test set are printed: \
the mean number of clicks to Dice 0.90 (10 where it was not reached) and the mean Dice after 1, 3 and 5 clicks.

Examples:
  labrum rehearse data/ --cases 5,10,20,40,60 --seconds 90
  labrum rehearse data/ --from fetal-head --cases 10,20 --order doubt --json
  labrum rehearse data/ --from click --cases 5,10,20
  labrum rehearse data/ --prompts --cases 10,20 --seconds 120"
)]
pub(super) struct RehearseArguments {
    /// Folder with images/ and masks/
    folder: PathBuf,
    /// Train the model of the Click tool, and count clicks
    #[arg(long)]
    prompts: bool,
    /// Number of training cases in each round, comma-separated [default: 5,10,20,40,60; with --prompts 10,20]
    #[arg(long, value_delimiter = ',')]
    cases: Vec<usize>,
    /// Seconds for each round
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Steps for each round, instead of --seconds: reproducible, however busy the machine is
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// Model to start from: none (random weights), click (a new model with the layers of the Click tool's model), the name
    /// of another shipped model, or a model file; with --prompts, a file written by labrum train-prompts, or none or click
    /// for the shipped model
    #[arg(long, default_value = "none")]
    from: String,
    /// For a new model, side of a square with the area of the network's input; the input has the aspect ratio of the images
    #[arg(long, default_value_t = 256, value_parser = parse_side, conflicts_with = "prompts")]
    size: usize,
    /// Channels of the network's input, 1 or 3 [default: those of the images]
    #[arg(long, value_parser = super::train::parse_channels, conflicts_with = "prompts")]
    channels: Option<usize>,
    /// Order in which cases are corrected
    #[arg(long, value_enum, default_value = "random", conflicts_with = "prompts")]
    order: OrderArgument,
    #[command(flatten)]
    folder_wishes: super::folder::FolderArguments,
    #[command(flatten)]
    plan: super::plan::PlanArguments,
    /// Device to run the network on
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
    /// Print one line of JSON for each round
    #[arg(long)]
    json: bool,
}

/// Training cases in each round, if not given.
const CASES: [usize; 5] = [5, 10, 20, 40, 60];
/// The same with --prompts.
const CLICK_CASES: [usize; 2] = [10, 20];

#[derive(ValueEnum, Clone, Copy, Debug)]
enum OrderArgument {
    Random,
    Doubt,
}

fn parse_side(text: &str) -> std::result::Result<usize, String> {
    super::train::parse_size(&format!("{text}x{text}")).map(|(side, _)| side)
}

pub(super) fn run(arguments: &RehearseArguments) -> Result<()> {
    let cases = requested_cases(arguments)?;
    if arguments.prompts {
        clicks::run(arguments, cases)
    } else {
        rehearse_masks(arguments, cases)
    }
}

/// The number of training cases in each round, ascending.
fn requested_cases(arguments: &RehearseArguments) -> Result<Vec<usize>> {
    let mut cases = match arguments.cases.as_slice() {
        [] if arguments.prompts => CLICK_CASES.to_vec(),
        [] => CASES.to_vec(),
        given => given.to_vec(),
    };
    cases.sort_unstable();
    cases.dedup();
    let has_time = arguments.seconds > 0.0 && arguments.seconds < 1e6;
    if cases.first() == Some(&0) || !has_time {
        let reason = "--cases and --seconds must be above 0";
        return Err(argument_error("rehearse", reason));
    }
    Ok(cases)
}

fn rehearse_masks(arguments: &RehearseArguments, cases: Vec<usize>) -> Result<()> {
    let rehearsal = Rehearsal {
        cases,
        seconds: arguments.seconds,
        steps: arguments.steps.map(|steps| steps as usize),
        model: Model::from_name(&arguments.from)?,
        size: arguments.size,
        channels: arguments.channels,
        order: match arguments.order {
            OrderArgument::Random => RehearsalOrder::Random,
            OrderArgument::Doubt => RehearsalOrder::Doubt,
        },
        wishes: arguments.folder_wishes.seg_options(),
        plan: arguments.plan.override_plan(Plan::default()),
        device: arguments.device.into(),
    };
    let control = Control::with_cancel(super::stop_on_ctrl_c()?);
    let bar = super::console::progress_bar(1000, "{msg}");
    let mut failure = None;
    let results = run_rehearsal(&arguments.folder, &rehearsal, &control, &mut |event| {
        if let Err(error) = print_event(&bar, &event, arguments.json) {
            failure.get_or_insert(error);
            control.cancel.cancel();
        }
    })?;
    bar.finish_and_clear();
    if let Some(error) = failure {
        return Err(error);
    }
    let is_shown = !arguments.json && (control.cancel.is_cancelled() || !results.is_empty());
    if is_shown {
        super::print_text(&plot_rounds(&results))?;
    }
    check_completed(arguments, &rehearsal.cases, results.len(), &control)
}

/// Fails if not all rounds were run: the rehearsal was stopped, or the folder has too few images.
fn check_completed(
    arguments: &RehearseArguments,
    cases: &[usize],
    rounds: usize,
    control: &Control,
) -> Result<()> {
    if control.cancel.is_cancelled() {
        let wanted = count_with_noun(cases.len(), "round");
        let reason = format!("stopped after {rounds} of {wanted}");
        return Err(Error::new("finish the rehearsal", reason).of_kind(ErrorKind::Cancelled));
    }
    let (tried, reason, advice) = match (cases.get(rounds), rounds) {
        (None, _) => return Ok(()),
        (Some(first), 0) => (
            "rehearse on",
            format!("the folder has fewer cases than the {first} of the first round"),
            "Lower --cases.",
        ),
        (Some(cases), _) => (
            "run all rounds on",
            format!("the folder does not have enough images for {cases} training cases"),
            "Lower --cases, or add images.",
        ),
    };
    Err(Error::at_path(tried, &arguments.folder, reason).with_advice(advice))
}

fn print_event(bar: &ProgressBar, told: &RehearsalEvent<'_>, json: bool) -> Result<()> {
    match told {
        RehearsalEvent::Note(note) => super::print_above_bar(bar, note),
        RehearsalEvent::Divided { pool, test } => super::print_above_bar(
            bar,
            &format!(
                "{} to correct, {test} for testing",
                count_with_noun(*pool, "image")
            ),
        ),
        RehearsalEvent::Start(dice) => {
            super::print_above_bar(bar, &format!("before the first round: test Dice {dice:.4}"))
        }
        RehearsalEvent::Phase(phase) => show_phase(bar, *phase),
        RehearsalEvent::Round(result) if json => {
            super::print_text(
                &serde_json::to_string(result).map_err(|e| Error::new("print the result", e))?,
            )?;
        }
        RehearsalEvent::Round(result) => {
            bar.suspend(|| super::print_text(&format_round(result)))?
        }
    }
    Ok(())
}

fn show_phase(bar: &ProgressBar, phase: RoundPhase) {
    match phase {
        RoundPhase::Reading { done, total } => {
            bar.set_message(format!("reading images: {done} of {total}"))
        }
        RoundPhase::Training(RoundProgress::Step {
            done,
            loss,
            remaining,
            ..
        }) => {
            bar.set_position((done * 1000.0) as u64);
            bar.set_message(format!(
                "loss {loss:.3}, {} left",
                indicatif::HumanDuration(remaining)
            ));
        }
        RoundPhase::Training(RoundProgress::Validation { step, dice, .. }) => {
            log::info!("after {step} steps: validation Dice {dice:.4}");
        }
        RoundPhase::TrainingClicks(_) | RoundPhase::JudgingClicks => {}
        RoundPhase::Judging => bar.set_message("evaluating"),
    }
}

fn format_round(r: &RoundResult) -> String {
    let verdict = if r.accepted { "accepted" } else { "rejected" };
    let held = r.holdout_dice.map_or("none".into(), |d| format!("{d:.4}"));
    format!(
        "{:4} cases (+{} held out): test Dice {:.4} (candidate {:.4}), hold-out {held}, {verdict}: {}; {:.0} s, {} steps; \
         {:.0} % of the mask corrected",
        r.cases,
        r.holdout_cases,
        r.test_dice,
        r.candidate_test_dice,
        r.reason,
        r.seconds,
        r.steps,
        100.0 * r.corrected_share
    )
}

/// A table of the rounds, with bars for Dice and corrections.
fn plot_rounds(results: &[RoundResult]) -> String {
    let mut text = format!(
        "\n{:>5} {:>8}  {:<32} {:<32} {:>9} {:>7}",
        "cases", "held out", "test Dice", "corrected share of mask", "pixels", "seconds"
    );
    for r in results {
        let dice = format!("{:.4} {}", r.test_dice, share_as_bar(r.test_dice));
        let corrected = format!(
            "{:4.0} % {}",
            100.0 * r.corrected_share,
            share_as_bar(r.corrected_share)
        );
        text += &format!(
            "\n{:5} {:8}  {dice:<32} {corrected:<32} {:9} {:7.0}",
            r.cases, r.holdout_cases, r.corrected_pixels, r.seconds
        );
    }
    text
}

/// A bar of up to 24 characters for a share from 0 to 1.
fn share_as_bar(share: f64) -> String {
    "#".repeat((share.clamp(0.0, 1.0) * 24.0).round() as usize)
}

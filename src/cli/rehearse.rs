//! `labrum rehearse`: simulates the learning loop to estimate how many corrections a task needs.

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

/// Simulate the learning loop on a folder with masks, to estimate how many corrections a task needs
#[derive(clap::Args, Debug)]
#[command(
    after_help = "FOLDER holds images/ and masks/ with the same file names; the masks stand in for the annotator. \
One fifth of the subjects is set aside as a test set that the loop never uses, and test_dice is measured on it. The \
cases of the other subjects are corrected one after the other: about one subject in five is held out to judge \
candidates, the others are used for training. After each round the promotion gate decides whether the candidate \
becomes the active model.

Examples:
  labrum rehearse data/ --cases 5,10,20,40,60 --seconds 90
  labrum rehearse data/ --from fetal-head --cases 10,20 --order doubt --json
  labrum rehearse data/ --from click --cases 5,10,20"
)]
pub(super) struct RehearseArguments {
    /// Folder with images/ and masks/
    folder: PathBuf,
    /// Number of training cases in each round, comma-separated
    #[arg(long, value_delimiter = ',', default_value = "5,10,20,40,60")]
    cases: Vec<usize>,
    /// Seconds for each round
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Steps for each round, instead of --seconds: reproducible, however busy the machine is
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// Model to start from: none (random weights), click (a new model with the layers of the Click tool's model), the name
    /// of another shipped model, or a model file
    #[arg(long, default_value = "none")]
    from: String,
    /// For a new model, side of a square with the area of the network's input; the input has the aspect ratio of the images
    #[arg(long, default_value_t = 256, value_parser = parse_side)]
    size: usize,
    /// Channels of the network's input, 1 or 3 [default: those of the images]
    #[arg(long, value_parser = super::train::parse_channels)]
    channels: Option<usize>,
    /// Order in which cases are corrected
    #[arg(long, value_enum, default_value = "random")]
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

#[derive(ValueEnum, Clone, Copy, Debug)]
enum OrderArgument {
    Random,
    Doubt,
}

fn parse_side(text: &str) -> std::result::Result<usize, String> {
    super::train::parse_size(&format!("{text}x{text}")).map(|(side, _)| side)
}

pub(super) fn run(arguments: &RehearseArguments) -> Result<()> {
    let mut cases = arguments.cases.clone();
    cases.sort_unstable();
    cases.dedup();
    if cases.first().is_none_or(|n| *n == 0)
        || !(arguments.seconds > 0.0 && arguments.seconds < 1e6)
    {
        return Err(argument_error(
            "rehearse",
            "--cases and --seconds must be above 0",
        ));
    }
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
    if control.cancel.is_cancelled() {
        if !arguments.json {
            super::print_text(&plot_rounds(&results))?;
        }
        let reason = format!(
            "stopped after {} of {}",
            results.len(),
            count_with_noun(rehearsal.cases.len(), "round")
        );
        return Err(Error::new("finish the rehearsal", reason).of_kind(ErrorKind::Cancelled));
    }
    if results.is_empty() && !control.cancel.is_cancelled() {
        let reason = format!(
            "the folder has fewer cases than the {} of the first round",
            rehearsal.cases[0]
        );
        return Err(
            Error::at_path("rehearse on", &arguments.folder, reason).with_advice("Lower --cases.")
        );
    }
    if !arguments.json {
        super::print_text(&plot_rounds(&results))?;
    }
    match rehearsal.cases.get(results.len()) {
        None => Ok(()),
        Some(cases) => {
            let reason =
                format!("the folder does not have enough images for {cases} training cases");
            Err(
                Error::at_path("run all rounds on", &arguments.folder, reason)
                    .with_advice("Lower --cases, or add images."),
            )
        }
    }
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
        RehearsalEvent::Phase(RoundPhase::Reading { done, total }) => {
            bar.set_message(format!("reading images: {done} of {total}"))
        }
        RehearsalEvent::Phase(RoundPhase::Training(RoundProgress::Step {
            done,
            loss,
            remaining,
            ..
        })) => {
            bar.set_position((done * 1000.0) as u64);
            bar.set_message(format!(
                "loss {loss:.3}, {} left",
                indicatif::HumanDuration(*remaining)
            ));
        }
        RehearsalEvent::Phase(RoundPhase::Training(RoundProgress::Validation {
            step,
            dice,
            ..
        })) => {
            log::info!("after {step} steps: validation Dice {dice:.4}");
        }
        RehearsalEvent::Phase(RoundPhase::Judging) => bar.set_message("evaluating"),
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

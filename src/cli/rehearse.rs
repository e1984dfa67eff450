//! `labrum rehearse`: how many corrections a task will take.

use super::{DeviceArgument, usage::argument_error};
use crate::learning::{
    course::{Model, RoundPhase},
    rehearse::{Rehearsal, RehearsalEvent, RehearsalOrder, RoundResult, run_rehearsal},
};
use crate::{Error, ErrorKind, Result};
use clap::ValueEnum;
use indicatif::ProgressBar;
use labrum_core::{counts::count_with_noun, progress::Control, training::Plan};
use labrum_nn::train::round::RoundProgress;
use std::path::PathBuf;

/// Play the learning loop on a folder with masks: how many corrections will this task take?
#[derive(clap::Args, Debug)]
#[command(
    after_help = "FOLDER holds images/ and masks/ with equal names; the masks stand in for the annotator. One fifth \
of the subjects is set aside and seen by nothing in the loop: test_dice is measured there. Of the others cases are \
corrected one after the other; about one subject in five is held out to judge candidates, the others are learned from. \
After each round the gate decides whether the candidate becomes the active model.

Examples:
  labrum rehearse data/ --cases 5,10,20,40,60 --seconds 90
  labrum rehearse data/ --from fetal-head --cases 10,20 --order doubt --json"
)]
pub(super) struct RehearseArguments {
    /// Folder with images/ and masks/
    folder: PathBuf,
    /// Cases learned from after each round
    #[arg(long, value_delimiter = ',', default_value = "5,10,20,40,60")]
    cases: Vec<usize>,
    /// Seconds for each round
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Steps for each round, instead of seconds: the same figures again, however busy the machine
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// What to start from: none (random weights), the name of a shipped model, or a model file
    #[arg(long, default_value = "none")]
    from: String,
    /// Side of a square with the area of the network's input, where it starts from random weights; the input has the
    /// shape of the images
    #[arg(long, default_value_t = 256, value_parser = parse_side)]
    size: usize,
    /// Channels of the network's input, 1 or 3 [default: as the images]
    #[arg(long, value_parser = super::train::parse_channels)]
    channels: Option<usize>,
    /// Which cases are corrected next
    #[arg(long, value_enum, default_value = "random")]
    order: OrderArgument,
    #[command(flatten)]
    folder_wishes: super::folder::FolderArguments,
    #[command(flatten)]
    plan: super::plan::PlanArguments,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
    /// One line of JSON for each round
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
            "--cases and --seconds must be more than 0",
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
    let mut show = |told: RehearsalEvent<'_>| {
        if let Err(error) = print_event(&bar, &told, arguments.json) {
            failure.get_or_insert(error);
            control.cancel.cancel();
        }
    };
    let results = run_rehearsal(&arguments.folder, &rehearsal, &control, &mut show)?;
    bar.finish_and_clear();
    if let Some(error) = failure {
        return Err(error);
    }
    if control.cancel.is_cancelled() {
        if !arguments.json {
            super::print_text(&plot_rounds(&results))?;
        }
        let reason = format!(
            "it was stopped after {} of {}",
            results.len(),
            count_with_noun(rehearsal.cases.len(), "round")
        );
        return Err(Error::new("rehearse to the end", reason).of_kind(ErrorKind::Cancelled));
    }
    if results.is_empty() && !control.cancel.is_cancelled() {
        let reason = format!(
            "it has fewer cases than the {} of the first round",
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
            let reason = format!("{cases} cases to learn from cannot be reached with its images");
            Err(
                Error::at_path("do all rounds on", &arguments.folder, reason)
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
                "{} to correct, {test} to test on",
                count_with_noun(*pool, "image")
            ),
        ),
        RehearsalEvent::Start(dice) => {
            super::print_above_bar(bar, &format!("the start: test Dice {dice:.4}"))
        }
        RehearsalEvent::Phase(RoundPhase::Reading { done, total }) => {
            bar.set_message(format!("reading {done} of {total}"))
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
        RehearsalEvent::Phase(RoundPhase::Judging) => bar.set_message("judging"),
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

/// Cases against Dice, corrections and time, as bars.
fn plot_rounds(results: &[RoundResult]) -> String {
    let bar = |share: f64| "#".repeat((share.clamp(0.0, 1.0) * 24.0).round() as usize);
    let mut text = format!(
        "\n{:>5} {:>8}  {:<32} {:<32} {:>9} {:>7}",
        "cases", "held out", "test Dice", "corrected, of the mask", "pixels", "seconds"
    );
    for r in results {
        let dice = format!("{:.4} {}", r.test_dice, bar(r.test_dice));
        let corrected = format!(
            "{:4.0} % {}",
            100.0 * r.corrected_share,
            bar(r.corrected_share)
        );
        text += &format!(
            "\n{:5} {:8}  {dice:<32} {corrected:<32} {:9} {:7.0}",
            r.cases, r.holdout_cases, r.corrected_pixels, r.seconds
        );
    }
    text
}

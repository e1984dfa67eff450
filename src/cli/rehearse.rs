//! `labrum rehearse`: simulates the learning loop to estimate how many corrections, or clicks, a task needs.

mod clicks;

use super::{DeviceArgument, usage::argument_error};
use crate::learning::{
    model::Model,
    rehearse::{
        GateDecision, Rehearsal, RehearsalEvent, RehearsalOrder, RoundResult, RoundSummary,
        SeedSpread, run_rehearsal, summarize_rounds,
    },
};
use crate::{Error, ErrorKind, Result};
use clap::ValueEnum;
use indicatif::ProgressBar;
use labrum_core::{
    counts::count_with_noun,
    progress::Control,
    training::{Blend, Plan, RoundPhase, RoundProgress},
};
use std::{path::PathBuf, result};

/// Simulate the learning loop on a folder with masks, to estimate how many corrections, or clicks, a task needs
#[derive(clap::Args, Debug)]
#[command(
    after_help = "FOLDER holds images/ and masks/ with the same file names; the masks stand in for the annotator. \
One fifth of the subjects is set aside as a test set that the loop never uses, and test_dice is measured on it. The \
cases of the other subjects are corrected one after the other: about one subject in five is held out to judge \
candidates, the others are used for training. After each round the promotion gate decides whether the candidate \
becomes the active model. For each round, the output has the decision, the Dice on the test set of the candidate and of the \
model that was active before, and how much Dice the decision lost. Where a person would be asked, the rehearsal decides by \
the probability that the candidate is better.

With --seeds N, the rehearsal is run N times, each with its own test set and order of the cases. The mean and range of each \
figure are printed at the end; with --json, as one line for each number of cases, {\"summary\": ...}.

With --prompts, the model of the Click tool is trained instead of one that proposes masks. A simulated annotator clicks the \
objects of each case until Dice 0.90 is reached, at most ten times. After each round the figures on the test set are printed: \
the mean number of clicks to Dice 0.90 (10 where it was not reached) and the mean Dice after 1, 3 and 5 clicks. With \
--proposals, each round also trains a model that proposes masks, as in a workspace, and takes twice as long; the clicks that \
correct its proposals to Dice 0.90 are counted too: none where the proposal has it, and one more to clear a proposal with Dice \
below 0.50. That model starts from random weights with the usual settings: of the training options, only --seed applies to it.

Examples:
  labrum rehearse data/ --cases 5,10,20,40,60 --seconds 90
  labrum rehearse data/ --from fetal-head --cases 10,20 --order doubt --json
  labrum rehearse data/ --from click --cases 5,10,20
  labrum rehearse data/ --cases 5,10,20 --steps 300 --seeds 3
  labrum rehearse data/ --prompts --cases 10,20 --seconds 120
  labrum rehearse data/ --prompts --proposals --cases 10,20"
)]
pub(super) struct RehearseArguments {
    /// Folder with images/ and masks/
    folder: PathBuf,
    /// Train the model of the Click tool, and count clicks
    #[arg(long)]
    prompts: bool,
    /// With --prompts, also train a model that proposes masks, and count the clicks that correct its proposals
    #[arg(long, requires = "prompts")]
    proposals: bool,
    /// Number of training cases in each round, comma-separated [default: 5,10,20,40,60; with --prompts 10,20]
    #[arg(long, value_delimiter = ',')]
    cases: Vec<usize>,
    /// Seconds for each round
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// Number of rehearsals; their seeds are --seed and the numbers that follow it
    #[arg(long, default_value_t = 1, conflicts_with = "prompts", value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Steps for each round, instead of --seconds: reproducible, however busy the machine is
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// Model to start from: none (random weights), click (a new model with the layers of the Click tool's model), the name
    /// of another shipped model, or a model file; with --prompts, a file written by labrum train-prompts, or none or click
    /// for the shipped model
    #[arg(long, default_value = "none")]
    from: String,
    /// For a new model that proposes masks, side of a square with the area of the network's input; the input has the aspect
    /// ratio of the images [default: 256]
    #[arg(long, value_parser = parse_side)]
    size: Option<usize>,
    /// Channels of that input, 1 or 3 [default: those of the images]
    #[arg(long, value_parser = super::train::parse_channels)]
    channels: Option<usize>,
    /// Mix the trained weights of candidates with those of the active model: off (trained weights alone), the share of the
    /// trained weights (above 0, up to 1), or auto (the best of 0.25, 0.5, 0.75 and 1 on the validation samples of the round;
    /// needs at least 100 samples)
    #[arg(long, default_value = "off", value_parser = parse_blend, conflicts_with = "prompts")]
    blend: Blend,
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
/// Side of the input of a new model, if not given.
const NEW_SIDE: usize = 256;

#[derive(ValueEnum, Clone, Copy, Debug)]
enum OrderArgument {
    Random,
    Doubt,
}

fn parse_side(text: &str) -> result::Result<usize, String> {
    super::train::parse_size(&format!("{text}x{text}")).map(|(side, _)| side)
}

fn parse_blend(text: &str) -> result::Result<Blend, String> {
    match text {
        "off" => Ok(Blend::Trained),
        "auto" => Ok(Blend::Validated),
        share => share
            .parse::<f32>()
            .ok()
            .filter(|share| *share > 0.0 && *share <= 1.0)
            .map(Blend::Share)
            .ok_or_else(|| "off, auto, or a share above 0 and up to 1".to_owned()),
    }
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
    let mut rehearsal = rehearsal_settings(arguments, cases)?;
    let control = Control::with_cancel(super::stop_on_ctrl_c()?);
    let bar = super::console::progress_bar(1000, "{msg}");
    let mut results = Vec::new();
    let mut outcome = Ok(());
    for _ in 0..arguments.seeds {
        if arguments.seeds > 1 {
            super::print_above_bar(&bar, &format!("seed {}", rehearsal.plan.seed));
        }
        let rounds = rehearse_once(arguments, &rehearsal, &control, &bar)?;
        outcome = check_completed(arguments, &rehearsal.cases, rounds.len(), &control);
        results.extend(rounds);
        if outcome.is_err() {
            break;
        }
        rehearsal.plan.seed = rehearsal.plan.seed.wrapping_add(1);
    }
    bar.finish_and_clear();
    if control.cancel.is_cancelled() || !results.is_empty() {
        print_results(arguments, &results)?;
    }
    outcome
}

fn rehearsal_settings(arguments: &RehearseArguments, cases: Vec<usize>) -> Result<Rehearsal> {
    Ok(Rehearsal {
        cases,
        seconds: arguments.seconds,
        steps: arguments.steps.map(|steps| steps as usize),
        model: Model::from_name(&arguments.from)?,
        size: arguments.size.unwrap_or(NEW_SIDE),
        channels: arguments.channels,
        order: match arguments.order {
            OrderArgument::Random => RehearsalOrder::Random,
            OrderArgument::Doubt => RehearsalOrder::Doubt,
        },
        wishes: arguments.folder_wishes.seg_options(),
        plan: arguments.plan.override_plan(Plan {
            blend: arguments.blend,
            ..Plan::default()
        }),
        device: arguments.device.into(),
    })
}

/// Runs a rehearsal with one seed, and prints its rounds as they end.
fn rehearse_once(
    arguments: &RehearseArguments,
    rehearsal: &Rehearsal,
    control: &Control,
    bar: &ProgressBar,
) -> Result<Vec<RoundResult>> {
    let mut failure = None;
    let results = run_rehearsal(&arguments.folder, rehearsal, control, &mut |event| {
        if let Err(error) = print_event(bar, &event, arguments.json) {
            failure.get_or_insert(error);
            control.cancel.cancel();
        }
    })?;
    match failure {
        Some(error) => Err(error),
        None => Ok(results),
    }
}

/// Prints the rounds as a table, or with several seeds their means and ranges.
fn print_results(arguments: &RehearseArguments, results: &[RoundResult]) -> Result<()> {
    if arguments.seeds == 1 {
        return match arguments.json {
            true => Ok(()),
            false => super::print_text(&plot_rounds(results)),
        };
    }
    let rounds = summarize_rounds(results);
    if !arguments.json {
        return super::print_text(&summary_table(&rounds));
    }
    for summary in rounds {
        let line = serde_json::json!({ "summary": summary });
        super::print_text(&line.to_string())?;
    }
    Ok(())
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
    let held = r.holdout_dice.map_or("none".into(), |d| format!("{d:.4}"));
    let active = r
        .active_test_dice
        .map_or("none".into(), |d| format!("{d:.4}"));
    format!(
        "{:4} cases (+{} held out): test Dice {:.4} (active before {active}, candidate {:.4}{}), hold-out {held}, {}: {}{}; \
         {:.0} s, {} steps; {:.0} % of the mask corrected",
        r.cases,
        r.holdout_cases,
        r.test_dice,
        r.candidate_test_dice,
        cost_text(r),
        decision_text(r.decision),
        r.reason,
        second_look_text(r),
        r.seconds,
        r.steps,
        100.0 * r.corrected_share
    )
}

/// What the decision lost, or the other one would have lost; empty without a model before.
fn cost_text(r: &RoundResult) -> String {
    let Some(active) = r.active_test_dice else {
        return String::new();
    };
    if r.lost_test_dice > 0.0 {
        format!("; the decision lost {:.4}", r.lost_test_dice)
    } else {
        let difference = (r.candidate_test_dice - active).abs();
        format!("; the other decision would have lost {difference:.4}")
    }
}

fn decision_text(decision: GateDecision) -> &'static str {
    match decision {
        GateDecision::Passed => "accepted",
        GateDecision::Rejected => "rejected",
        GateDecision::NotYet => "not yet good enough",
        GateDecision::AskedFor => "accepted, though a person would be asked",
        GateDecision::AskedAgainst => "rejected, though a person would be asked",
    }
}

fn second_look_text(r: &RoundResult) -> &'static str {
    if r.went_back {
        "; the second look made the model before active again"
    } else {
        ""
    }
}

/// A table of means and ranges over the seeds.
fn summary_table(rounds: &[RoundSummary]) -> String {
    let mut text = format!(
        "\nMean (lowest to highest) of {}\n{:>5}  {:<26} {:<26} {:>8} {:>5}  {:<26} {:>9}",
        count_with_noun(rounds.iter().map(|r| r.seeds).max().unwrap_or(0), "seed"),
        "cases",
        "test Dice",
        "candidate",
        "accepted",
        "wrong",
        "Dice lost by decisions",
        "corrected"
    );
    for r in rounds {
        text += &format!(
            "\n{:5}  {:<26} {:<26} {:8} {:5}  {:<26} {:7.0} %",
            r.cases,
            spread_text(&r.test_dice),
            spread_text(&r.candidate_test_dice),
            r.accepted,
            r.wrong,
            spread_text(&r.lost_test_dice),
            100.0 * r.corrected_share.mean
        );
    }
    text
}

fn spread_text(spread: &SeedSpread) -> String {
    format!(
        "{:.4} ({:.4} to {:.4})",
        spread.mean, spread.lowest, spread.highest
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

//! `labrum rehearse --prompts`: simulates the fine-tuning of the Click tool's model.

use super::{
    NEW_SIDE, RehearseArguments, check_completed, decision_text, share_as_bar, show_phase,
};
use crate::{
    Error, Result,
    cli::{console, print_above_bar, print_text, stop_on_ctrl_c, usage::argument_error},
    learning::{
        model::{CLICK, Model},
        rehearse::{
            Rehearsal, RehearsalOrder,
            clicks::{
                ClickFigures, ClickRehearsal, ClickRehearsalEvent, ClickStage, run_click_rehearsal,
            },
            proposals::ProposalStage,
        },
    },
};
use indicatif::ProgressBar;
use labrum_core::{
    counts::count_with_noun,
    progress::Control,
    training::{ClickPlan, Plan},
};
use std::path::Path;

pub(super) fn run(arguments: &RehearseArguments, cases: Vec<usize>) -> Result<()> {
    let rehearsal = ClickRehearsal {
        proposals: proposal_settings(arguments, &cases)?,
        cases,
        seconds: arguments.seconds,
        steps: arguments.steps.map(|steps| steps as usize),
        model: match arguments.from.as_str() {
            "none" | CLICK => Model::shipped_click()?,
            path => Model::read_file(Path::new(path))?,
        },
        wishes: arguments.folder_wishes.seg_options(),
        plan: arguments.plan.override_click_plan(ClickPlan::default())?,
        device: arguments.device.into(),
    };
    let control = Control::with_cancel(stop_on_ctrl_c()?);
    let bar = console::progress_bar(1000, "{msg}");
    let mut failure = None;
    let stages = run_click_rehearsal(&arguments.folder, &rehearsal, &control, &mut |event| {
        if let Err(error) = print_event(&bar, &event, arguments.json) {
            failure.get_or_insert(error);
            control.cancel.cancel();
        }
    })?;
    bar.finish_and_clear();
    if let Some(error) = failure {
        return Err(error);
    }
    if !arguments.json && !stages.is_empty() {
        print_text(&plot_stages(&stages))?;
    }
    // The first stage is the state before any round.
    let rounds = stages.len().saturating_sub(1);
    check_completed(arguments, &rehearsal.cases, rounds, &control)
}

/// Settings of the model whose proposals are clicked; `None` unless it was asked for.
fn proposal_settings(arguments: &RehearseArguments, cases: &[usize]) -> Result<Option<Rehearsal>> {
    if !arguments.proposals {
        return match (arguments.size, arguments.channels) {
            (None, None) => Ok(None),
            _ => Err(argument_error(
                "rehearse",
                "with --prompts, --size and --channels need --proposals",
            )),
        };
    }
    Ok(Some(Rehearsal {
        cases: cases.to_vec(),
        seconds: arguments.seconds,
        steps: arguments.steps.map(|steps| steps as usize),
        model: None,
        size: arguments.size.unwrap_or(NEW_SIDE),
        channels: arguments.channels,
        // The order in which the cases are clicked.
        order: RehearsalOrder::Random,
        wishes: arguments.folder_wishes.seg_options(),
        plan: arguments.plan.with_seed_only(Plan::default()),
        device: arguments.device.into(),
    }))
}

fn print_event(bar: &ProgressBar, event: &ClickRehearsalEvent<'_>, json: bool) -> Result<()> {
    match event {
        ClickRehearsalEvent::Note(note) => print_above_bar(bar, note),
        ClickRehearsalEvent::Divided { pool, test } => print_above_bar(
            bar,
            &format!(
                "{} to click, {test} for testing",
                count_with_noun(*pool, "image")
            ),
        ),
        ClickRehearsalEvent::Phase(phase) => show_phase(bar, *phase),
        ClickRehearsalEvent::Stage(stage) if json => {
            let line = serde_json::to_string(stage);
            print_text(&line.map_err(|e| Error::new("print the result", e))?)?;
        }
        ClickRehearsalEvent::Stage(stage) => bar.suspend(|| print_text(&format_stage(stage)))?,
    }
    Ok(())
}

fn format_figures(figures: &ClickFigures) -> String {
    format!(
        "{:.2} clicks to Dice 0.90; Dice {:.3}, {:.3}, {:.3} after 1, 3, 5 clicks",
        figures.clicks_to_90, figures.dice_after_1, figures.dice_after_3, figures.dice_after_5
    )
}

fn format_stage(stage: &ClickStage) -> String {
    let test = format_figures(&stage.test);
    let Some(candidate) = &stage.candidate_test else {
        return format!(
            "before any case: {test} ({})",
            count_with_noun(stage.test_objects, "test object")
        );
    };
    let verdict = stage.decision.map_or("", decision_text);
    let before = stage.active_test.map_or(String::new(), |active| {
        format!("active before {:.2} clicks, ", active.clicks_to_90)
    });
    let on_new = stage.clicks_on_new_cases.map_or(String::new(), |clicks| {
        format!("; {clicks:.2} clicks on new cases")
    });
    format!(
        "{:4} cases (+{} held out): {test}; {before}candidate {:.2} clicks, {verdict}: {}; {:.0} s, \
         {} steps{on_new}{}",
        stage.cases,
        stage.holdout_cases,
        candidate.clicks_to_90,
        stage.reason,
        stage.seconds,
        stage.steps,
        stage
            .proposals
            .as_ref()
            .map_or(String::new(), format_on_proposals)
    )
}

fn format_on_proposals(stage: &ProposalStage) -> String {
    let Some(figures) = stage.test else {
        let dice = stage.round.candidate_test_dice;
        return format!("; no model proposes masks yet (candidate: Dice {dice:.3})");
    };
    format!(
        "; on proposals (Dice {:.3}) {:.2} clicks, none for {:.0} % of the objects",
        figures.dice_before,
        figures.clicks_to_90,
        100.0 * figures.without_clicks
    )
}

/// Heading of the clicks that correct proposals to Dice 0.90.
const ON_PROPOSALS: &str = "on proposals";

/// A table of the stages, with bars for the clicks and for Dice after one click, and the clicks on proposals if they were
/// counted.
fn plot_stages(stages: &[ClickStage]) -> String {
    let has_proposals = stages.iter().any(|stage| stage.proposals.is_some());
    let mut text = format!(
        "\n{:>5} {:>8}  {:<32} {:<32} {:>7} {:>7} {:>7}",
        "cases", "held out", "clicks to Dice 0.90", "Dice after 1 click", "3", "5", "seconds"
    );
    if has_proposals {
        text += &format!(" {ON_PROPOSALS}");
    }
    for stage in stages {
        let ClickFigures {
            clicks_to_90,
            dice_after_1,
            dice_after_3,
            dice_after_5,
        } = stage.test;
        let clicks = format!("{clicks_to_90:5.2} {}", share_as_bar(clicks_to_90 / 10.0));
        let first = format!("{dice_after_1:.4} {}", share_as_bar(dice_after_1));
        text += &format!(
            "\n{:5} {:8}  {clicks:<32} {first:<32} {dice_after_3:7.4} {dice_after_5:7.4} {:7.0}",
            stage.cases, stage.holdout_cases, stage.seconds
        );
        if has_proposals {
            let figures = stage.proposals.as_ref().and_then(|stage| stage.test);
            let clicks = figures.map_or("none".to_owned(), |f| format!("{:.2}", f.clicks_to_90));
            text += &format!(" {clicks:>width$}", width = ON_PROPOSALS.len());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::rehearse::{GateDecision, RoundResult, proposals::ProposalFigures};

    fn stage(cases: usize, clicks: f64) -> ClickStage {
        let figures = ClickFigures {
            clicks_to_90: clicks,
            dice_after_1: 0.75,
            dice_after_3: 0.8,
            dice_after_5: 0.9,
        };
        ClickStage {
            cases,
            holdout_cases: cases / 4,
            test_objects: 20,
            test: figures,
            proposals: None,
            active_test: (cases > 0).then_some(figures),
            candidate_test: (cases > 0).then_some(figures),
            decision: (cases > 0).then_some(GateDecision::Passed),
            probability: (cases > 0).then_some(0.75),
            clicks_on_new_cases: (cases > 0).then_some(6.25),
            accepted: cases > 0,
            reason: "it needs fewer clicks".to_owned(),
            seconds: 59.6,
            steps: 200,
        }
    }

    #[test]
    fn a_stage_tells_clicks_dice_and_the_decision() {
        let start = format_stage(&stage(0, 5.0));
        assert_eq!(
            start,
            "before any case: 5.00 clicks to Dice 0.90; Dice 0.750, 0.800, 0.900 after 1, 3, 5 \
             clicks (20 test objects)"
        );
        let after = format_stage(&stage(20, 3.25));
        for part in [
            "20 cases (+5 held out): 3.25 clicks to Dice 0.90",
            "active before 3.25 clicks, candidate 3.25 clicks, accepted: it needs fewer clicks",
            "60 s, 200 steps; 6.25 clicks on new cases",
        ] {
            assert!(after.contains(part), "{after}");
        }
    }

    /// A round of a model that proposes masks, which is not good enough yet.
    fn proposal_stage() -> ProposalStage {
        let round = RoundResult {
            seed: 1,
            cases: 10,
            holdout_cases: 2,
            holdout_subjects: 2,
            test_dice: 0.0,
            active_test_dice: None,
            candidate_test_dice: 0.25,
            lost_test_dice: 0.0,
            decision: GateDecision::NotYet,
            probability: None,
            second_look: None,
            went_back: false,
            holdout_dice: None,
            accepted: false,
            reason: String::new(),
            seconds: 60.0,
            steps: 200,
            corrected_pixels: 0,
            corrected_share: 1.0,
        };
        ProposalStage { round, test: None }
    }

    #[test]
    fn clicks_on_proposals_are_told_once_a_model_proposes_masks() {
        let mut proposals = proposal_stage();
        assert_eq!(
            format_on_proposals(&proposals),
            "; no model proposes masks yet (candidate: Dice 0.250)"
        );
        proposals.test = Some(ProposalFigures {
            clicks_to_90: 1.25,
            without_clicks: 0.375,
            dice_before: 0.875,
            ..ProposalFigures::default()
        });
        let stage = ClickStage {
            proposals: Some(proposals),
            ..stage(20, 3.25)
        };
        let text = format_stage(&stage);
        let part = "; on proposals (Dice 0.875) 1.25 clicks, none for 38 % of the objects";
        assert!(text.contains(part), "{text}");
        let not_yet = ClickStage {
            proposals: Some(proposal_stage()),
            ..self::stage(10, 4.0)
        };
        let table = plot_stages(&[self::stage(0, 5.0), not_yet, stage]);
        let ends: Vec<&str> = table
            .lines()
            .skip(1)
            .map(|line| &line[line.len() - 13..])
            .collect();
        assert_eq!(
            ends,
            [
                " on proposals",
                "         none",
                "         none",
                "         1.25"
            ]
        );
    }

    #[test]
    fn the_table_has_a_line_for_each_stage() {
        let table = plot_stages(&[stage(0, 5.0), stage(10, 4.0), stage(20, 2.5)]);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].contains(" 5.00 ############ ") && lines[2].contains(" 2.50 ###### "));
    }
}

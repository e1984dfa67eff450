//! Fine-tuning of the click model: what it is trained and judged on, and its rehearsal on the command line.

use crate::{SIDE, Task, command_line, packed, snapshot};
use image::GrayImage;
use labrum::learning::{
    clicks::{ClickCandidate, ClickCourse, train_clicks},
    exercise::Exercise,
    model::Model,
};
use labrum_core::{
    gate::Verdict,
    holdout::Side,
    learning::SnapshotSlice,
    progress::Control,
    prompts::{Prompt, PromptedObject},
    training::{ClickPlan, Length},
};
use labrum_nn::{checkpoint, device::DeviceChoice, train::state::TrainingState};
use std::ffi::OsStr;

/// Fine-tunes the shipped model on the training cases of a snapshot; returns the states that were saved, too.
fn fine_tune(
    cases: &[SnapshotSlice],
    steps: usize,
    resume: Option<TrainingState>,
    control: &Control,
) -> (Option<ClickCandidate>, Vec<TrainingState>) {
    let exercises = |side: Side| -> Vec<Exercise> {
        let of_side = cases.iter().filter(|slice| slice.side == side);
        of_side.map(Exercise::from_slice).collect()
    };
    let plan = ClickPlan {
        length: Length::Steps(steps),
        batch: 1,
        ..ClickPlan::default()
    };
    let start = Model::shipped_click().unwrap();
    let (learned, held_out) = (exercises(Side::Training), exercises(Side::HoldOut));
    let course = ClickCourse {
        start: &start,
        version: "round-1".into(),
        exercises: &learned,
        held_out: &held_out,
        plan: &plan,
        device: DeviceChoice::Cpu,
        resume,
    };
    let mut states = Vec::new();
    let candidate = train_clicks(course, control, &mut |_| {}, &mut |state| {
        states.push(state.clone());
        Ok(())
    });
    (candidate.unwrap(), states)
}

fn run(cases: &[SnapshotSlice], steps: usize) -> ClickCandidate {
    fine_tune(cases, steps, None, &Control::default())
        .0
        .unwrap()
}

#[test]
fn equal_fine_tunings_give_equal_models_whatever_is_in_the_hold_out_set() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Bar, 0..8);
    let first = run(&cases, 3);
    assert!(first.model.weights == run(&cases, 3).model.weights);
    let mut spoilt = cases.clone();
    for slice in spoilt.iter_mut().filter(|s| s.side == Side::HoldOut) {
        let path = folder.path().join(format!("spoilt-{}.png", slice.name));
        GrayImage::from_fn(SIDE, SIDE, |x, y| image::Luma([(x * y) as u8]))
            .save(&path)
            .unwrap();
        slice.source.path = path;
        let half = |at: u32| if at < SIDE * SIDE / 2 { 2 } else { 0 };
        slice.mask = packed((0..SIDE * SIDE).map(half).collect());
    }
    let other = run(&spoilt, 3);
    assert!(first.model.weights == other.model.weights);
    assert_ne!(first.report, other.report, "the gate uses the hold-out set");
    let start = Model::shipped_click().unwrap();
    assert!(first.model.weights != start.weights);
}

#[test]
fn a_candidate_is_judged_by_the_clicks_on_the_hold_out_cases() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Bar, 0..16);
    let candidate = run(&cases, 4);
    let start = Model::shipped_click().unwrap();
    let card = &candidate.model.card;
    assert!(card.takes_prompts && card.version == "round-1");
    assert_eq!(card.parent, Some(checkpoint::weights_hash(&start.weights)));
    assert_eq!(card.trained_on.cases, start.card.trained_on.cases + 12);
    let clicks = candidate.report.clicks.as_ref().unwrap();
    let names: Vec<&str> = clicks.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["bar-3", "bar-7", "bar-11", "bar-15"]);
    for case in &clicks.cases {
        assert_eq!(case.objects, 1);
        for scores in [case.active, case.candidate] {
            assert!((1.0..=10.0).contains(&scores.clicks), "{scores:?}");
            assert!((0.0..=1.0).contains(&scores.dice), "{scores:?}");
        }
    }
    let needs_more = clicks.clicks.unwrap().mean > 0.0;
    let passes = matches!(candidate.report.verdict, Verdict::Better { .. });
    assert!(!passes || !needs_more, "{:?}", candidate.report.verdict);
}

#[test]
fn without_hold_out_cases_a_person_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let candidate = run(&snapshot(folder.path(), Task::Disc, 0..3), 1);
    assert!(matches!(candidate.report.verdict, Verdict::Ask { .. }));
}

#[test]
fn a_fine_tuning_that_was_interrupted_gives_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..3);
    let control = Control::default();
    let (whole, states) = fine_tune(&cases, 42, None, &control);
    let whole = whole.unwrap();
    assert_eq!((whole.steps, states[0].steps), (42, 40));
    let (rest, _) = fine_tune(&cases, 42, states.into_iter().next(), &control);
    assert!(rest.unwrap().model.weights == whole.model.weights);
    control.cancel.cancel();
    assert!(fine_tune(&cases, 42, None, &control).0.is_none());
}

#[test]
fn the_prompts_of_a_person_change_what_the_model_is_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let cases = snapshot(folder.path(), Task::Disc, 0..3);
    let control = Control::default();
    let plan = ClickPlan {
        length: Length::Steps(3),
        batch: 2,
        rehearsed: 0.0,
        ..ClickPlan::default()
    };
    let start = Model::shipped_click().unwrap();
    let weights = |prompted: bool| {
        let mut exercises: Vec<Exercise> = cases.iter().map(Exercise::from_slice).collect();
        for exercise in exercises.iter_mut().filter(|_| prompted) {
            let labels = exercise.mask.to_mask();
            let inside = labels.pixel_labels().iter().position(|l| *l == 1).unwrap();
            let at = [inside % SIDE as usize, inside / SIDE as usize].map(|v| v as f64 + 0.5);
            exercise.prompted = vec![PromptedObject {
                label: 1,
                prompts: vec![Prompt::Click { at, adds: true }],
            }];
        }
        let course = ClickCourse {
            start: &start,
            version: String::new(),
            exercises: &exercises,
            held_out: &[],
            plan: &plan,
            device: DeviceChoice::Cpu,
            resume: None,
        };
        let trained = train_clicks(course, &control, &mut |_| {}, &mut |_| Ok(()));
        trained.unwrap().unwrap().model.weights
    };
    assert!(weights(true) != weights(false));
}

/// The lines of JSON that the command prints.
fn stages_of(arguments: &[&dyn AsRef<OsStr>]) -> Vec<serde_json::Value> {
    let text = command_line::succeeds(arguments);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_rehearsal_with_prompts_counts_clicks_before_and_after_each_round() {
    let folder = tempfile::tempdir().unwrap();
    command_line::data(folder.path(), 24);
    let arguments: [&dyn AsRef<OsStr>; 10] = [
        &"rehearse",
        &folder.path(),
        &"--prompts",
        &"--cases",
        &"4,8",
        &"--steps",
        &"2",
        &"--device",
        &"cpu",
        &"--json",
    ];
    let stages = stages_of(&arguments);
    let cases: Vec<u64> = stages
        .iter()
        .map(|s| s["cases"].as_u64().unwrap())
        .collect();
    assert_eq!(cases, [0, 4, 8]);
    for stage in &stages {
        let clicks = stage["test"]["clicks_to_90"].as_f64().unwrap();
        assert!((1.0..=10.0).contains(&clicks), "{stage}");
        let dice = ["dice_after_1", "dice_after_3", "dice_after_5"];
        let dice = dice.map(|name| stage["test"][name].as_f64().unwrap());
        assert!(
            dice.iter().all(|dice| (0.0..=1.0).contains(dice)),
            "{stage}"
        );
        assert!(stage["test_objects"].as_u64().unwrap() >= 3, "{stage}");
        if stage["accepted"] == false {
            continue;
        }
        assert_eq!(stage["test"], stage["candidate_test"]);
    }
    assert!(stages[0]["candidate_test"].is_null());
    assert_eq!(stages[1]["steps"], 2);
    let on_new = stages[2]["clicks_on_new_cases"].as_f64().unwrap();
    assert!((1.0..=10.0).contains(&on_new), "{}", stages[2]);
    let refused = command_line::run(&[&"rehearse", &folder.path(), &"--prompts", &"--size", &"64"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn a_rehearsal_with_proposals_also_trains_a_model_that_proposes_masks() {
    let folder = tempfile::tempdir().unwrap();
    command_line::data(folder.path(), 24);
    let arguments: [&dyn AsRef<OsStr>; 13] = [
        &"rehearse",
        &folder.path(),
        &"--prompts",
        &"--proposals",
        &"--size",
        &"48",
        &"--cases",
        &"4",
        &"--steps",
        &"2",
        &"--device",
        &"cpu",
        &"--json",
    ];
    let stages = stages_of(&arguments);
    assert_eq!(stages.len(), 2);
    assert!(stages[0]["proposals"].is_null());
    let round = &stages[1]["proposals"]["round"];
    assert_eq!([&round["cases"], &round["steps"]], [4, 2]);
    for count in ["cases", "holdout_cases"] {
        assert_eq!(
            round[count], stages[1][count],
            "both learn from the same cases"
        );
    }
}

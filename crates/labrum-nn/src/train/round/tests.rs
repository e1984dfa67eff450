//! Tests of `round`.
#![allow(clippy::unwrap_used)]

use super::super::random_weights;
use super::super::samples::Pixel;
use super::*;
use crate::device::{DeviceChoice, select_available};
use labrum_core::model_card::{Aspect, Config};

/// Bright discs of different sizes on grey.
fn samples() -> Vec<TrainingSample> {
    let disc = |radius: i32| {
        let inside = |i: i32| (i % 32 - 16).pow(2) + (i / 32 - 16).pow(2) < radius.pow(2);
        TrainingSample {
            image: (0..1024)
                .map(|i| if inside(i) { 200 } else { 60 })
                .collect(),
            truth: (0..1024)
                .map(|i| Pixel {
                    label: u8::from(inside(i)),
                    stress: 0,
                })
                .collect(),
        }
    };
    (4..9).map(disc).collect()
}

fn spec() -> InputSpec {
    InputSpec {
        channels: 1,
        columns: 32,
        rows: 32,
        aspect: Aspect::Kept,
        mean: vec![0.3],
        std: vec![0.3],
    }
}

fn start_weights() -> Weights {
    random_weights(Config::S, 1, 2, 5).unwrap()
}

/// A round from random weights, always the same.
fn lesson<'a>(spec: &'a InputSpec, samples: &'a [TrainingSample]) -> Lesson<'a> {
    Lesson {
        start: start_weights(),
        spec,
        samples,
        is_new: &[],
        share: 1.0,
        resume: None,
    }
}

#[test]
fn a_resumed_round_ends_like_an_uninterrupted_one() {
    let spec = spec();
    let samples = samples();
    let plan = Plan {
        length: Length::Steps(8),
        batch: 2,
        ..Plan::default()
    };
    let device = select_available(DeviceChoice::Cpu).unwrap();
    let begin = |resume| {
        let lesson = Lesson {
            resume,
            ..lesson(&spec, &samples)
        };
        TrainingRound::from_lesson(lesson, &plan, &device).unwrap()
    };
    let steps = |round: &mut TrainingRound<'_>, to: usize| {
        while round.steps < to {
            round
                .train_step(round.steps as f64 / 8.0, &Objective::from(plan.loss))
                .unwrap();
        }
        round.current_state(to as f64 / 8.0).unwrap()
    };
    let whole = steps(&mut begin(None), 8);
    let half = steps(&mut begin(None), 4);
    let resumed = steps(&mut begin(Some(half)), 8);
    assert!(resumed.weights == whole.weights && resumed.average == whole.average);
}

#[test]
fn a_blended_candidate_lies_between_the_starting_weights_and_the_trained_ones() {
    let spec = spec();
    let (samples, device) = (samples(), select_available(DeviceChoice::Cpu).unwrap());
    let start = start_weights();
    let learned = |blend: Blend| {
        let plan = Plan {
            length: Length::Steps(4),
            batch: 2,
            blend,
            ..Plan::default()
        };
        let lesson = lesson(&spec, &samples);
        let control = Control::default();
        let learned = train_on_lesson(lesson, &plan, &device, &control, &mut |_| {}, &mut |_| {
            Ok(())
        });
        learned.unwrap().unwrap().weights
    };
    let trained = learned(Blend::Trained);
    let blended = learned(Blend::Share(0.25));
    let mut moved = 0.0f32;
    // Statistics are recomputed from the samples afterwards.
    for (name, tensor) in blended.iter().filter(|(name, _)| !name.contains("running")) {
        let (from, to) = (&start[name].values, &trained[name].values);
        for (i, value) in tensor.values.iter().enumerate() {
            let expected = from[i] + 0.25 * (to[i] - from[i]);
            assert!(
                (value - expected).abs() < 1e-6,
                "{name}: {value}, {expected}"
            );
            moved = moved.max((value - from[i]).abs());
        }
    }
    assert!(moved > 0.0);
    assert!(
        learned(Blend::Validated) == trained,
        "five samples are too few to validate"
    );
}

#[test]
fn all_samples_are_used_before_one_repeats() {
    let spec = spec();
    let (samples, device) = (samples(), select_available(DeviceChoice::Cpu).unwrap());
    let plan = Plan {
        batch: 1,
        ..Plan::default()
    };
    let lesson = lesson(&spec, &samples);
    let mut round = TrainingRound::from_lesson(lesson, &plan, &device).unwrap();
    for first in [0, 5, 10] {
        let mut pass: Vec<usize> = (first..first + 5)
            .flat_map(|step| round.pick_samples(step))
            .collect();
        pass.sort_unstable();
        assert_eq!(pass, [0, 1, 2, 3, 4]);
    }
}

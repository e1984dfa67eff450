//! `labrum bench click`: times the answers to clicks, alone or while a round of training runs.

use super::{BenchFigure, peak_mb};
use crate::session::clicked::ClickedObject;
use crate::worker::run_low_priority;
use crate::{Error, Result, shipped};
use labrum_core::{
    mask::Mask,
    model_card::{Config, InputSpec},
    progress::{Control, YIELD_TIME},
    quantile::value_at_quantile,
    training::{Length, Plan, RoundProgress},
};
use labrum_nn::{
    bench::{ClickLoad, ClickTimes, made_object, measure_clicks},
    checkpoint,
    device::{self, DeviceChoice},
    prompt::segmenter::PromptSegmenter,
    train::{
        TrainingSample, random_weights,
        round::{Lesson, train_on_lesson},
    },
};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// Number of clicks on an object after the first.
const FURTHER_CLICKS: usize = 4;
/// Number of images of the round.
const ROUND_IMAGES: usize = 8;
/// Steps of the round: more than it ever does, because it is cancelled after the last click.
const ROUND_STEPS: usize = 1_000_000;
/// Longest time that a round trains between two clicks.
const LONGEST_PAUSE: Duration = Duration::from_millis(450);

/// The clicks to measure.
pub(super) struct ClickRun {
    /// Rows and columns of the images.
    pub(super) size: usize,
    /// Number of objects.
    pub(super) objects: usize,
    /// Where the network runs; with a round, where the round runs.
    pub(super) device: DeviceChoice,
    pub(super) during_round: bool,
}

/// The size of the network of the Click tool.
pub(super) fn network_config() -> Result<Config> {
    Ok(checkpoint::read_card(shipped::CLICK)?.config)
}

pub(super) fn measure_run(run: &ClickRun) -> Result<Vec<BenchFigure>> {
    let load = ClickLoad {
        size: run.size,
        objects: run.objects,
        further: FURTHER_CLICKS,
    };
    // As in the window: while a round runs, clicks are answered on the CPU.
    let choice = if run.during_round {
        DeviceChoice::Cpu
    } else {
        run.device
    };
    let mut segmenter = PromptSegmenter::from_bytes(shipped::CLICK, choice)?;
    let (times, round_steps, names) = if run.during_round {
        let (times, steps) = time_during_round(&mut segmenter, load, run.device)?;
        let names = ["click_first_in_round", "click_further_in_round"];
        (times, Some(steps), names)
    } else {
        let times = time_clicks(&mut segmenter, load, &mut || ())?;
        (times, None, ["click_first", "click_further"])
    };
    let device = device::select_available(choice)?.name;
    let config = segmenter.model_card().config.to_string();
    let mut figures = Vec::new();
    for (what, times) in names.into_iter().zip([times.first, times.further]) {
        // There are no further clicks if all first answers are correct.
        if times.is_empty() {
            continue;
        }
        let milliseconds = sorted_milliseconds(&times);
        figures.push(BenchFigure {
            what: what.to_owned(),
            config: config.clone(),
            batch: 1,
            size: run.size,
            device: device.clone(),
            threads: rayon::current_num_threads(),
            median_ms: value_at_quantile(&milliseconds, 0.5),
            p99_ms: Some(value_at_quantile(&milliseconds, 0.99)),
            clicks: Some(milliseconds.len()),
            round_steps,
            peak_mb: peak_mb(),
            operations: None,
            counts: None,
        });
    }
    Ok(figures)
}

fn sorted_milliseconds(times: &[Duration]) -> Vec<f64> {
    let mut milliseconds: Vec<f64> = times.iter().map(|t| t.as_secs_f64() * 1e3).collect();
    milliseconds.sort_by(f64::total_cmp);
    milliseconds
}

/// Times clicks as the window answers them, with mask and outline of the object.
fn time_clicks(
    segmenter: &mut PromptSegmenter,
    load: ClickLoad,
    prepare: &mut dyn FnMut(),
) -> Result<ClickTimes> {
    measure_clicks(segmenter, load, prepare, &|probabilities| {
        ClickedObject::from_probabilities(probabilities, load.size, load.size).probabilities()
    })
}

/// As [`time_clicks`], while a round runs on `device` as it does in the window; also returns the number of its steps
/// meanwhile.
///
/// Each click comes while the round trains, and makes it yield: a step that has begun ends, and no other begins for
/// [`YIELD_TIME`].
fn time_during_round(
    segmenter: &mut PromptSegmenter,
    load: ClickLoad,
    device: DeviceChoice,
) -> Result<(ClickTimes, usize)> {
    let control = Control::default();
    let steps = AtomicUsize::new(0);
    thread::scope(|scope| -> Result<(ClickTimes, usize)> {
        let round = scope.spawn(|| run_round(device, &control, &steps));
        while steps.load(Ordering::Relaxed) == 0 && !round.is_finished() {
            thread::sleep(Duration::from_millis(20));
        }
        let before = steps.load(Ordering::Relaxed);
        let mut clicks = 0;
        let mut prepare = || {
            thread::sleep(YIELD_TIME + pause_before(clicks));
            clicks += 1;
            control.make_room(YIELD_TIME);
        };
        let times = if round.is_finished() {
            Ok(ClickTimes::default())
        } else {
            time_clicks(segmenter, load, &mut prepare)
        };
        let done = steps.load(Ordering::Relaxed) - before;
        control.cancel.cancel();
        let ended = round.join();
        ended.map_err(|_| round_error("the training ended unexpectedly"))??;
        Ok((times?, done))
    })
}

fn round_error(reason: &str) -> Error {
    Error::new("measure clicks during a round of training", reason)
}

/// How long the round trains before a click, spread evenly up to [`LONGEST_PAUSE`].
fn pause_before(click: usize) -> Duration {
    /// The golden ratio: its multiples are spread evenly.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    LONGEST_PAUSE.mul_f64((click as f64 * GOLDEN).fract())
}

/// Trains a network with the settings, the threads and the priority of a round in the window, until it is cancelled.
fn run_round(device: DeviceChoice, control: &Control, steps: &AtomicUsize) -> Result<()> {
    run_low_priority(rayon::current_num_threads(), || {
        let model = shipped::all_models()?.into_iter().next();
        let card = model.ok_or_else(|| round_error("there is no model"))?.card;
        let spec = &card.input;
        let samples: Vec<TrainingSample> = (0..ROUND_IMAGES)
            .map(|number| round_sample(number, spec))
            .collect::<Result<_>>()?;
        let plan = Plan {
            length: Length::Steps(ROUND_STEPS),
            ..Plan::default()
        };
        let lesson = Lesson {
            start: random_weights(card.config, spec.channels, 2, plan.seed)?,
            spec,
            samples: &samples,
            is_new: &[true; ROUND_IMAGES],
            share: 1.0,
            resume: None,
        };
        let mut count_step = |progress: RoundProgress| {
            if matches!(progress, RoundProgress::Step { .. }) {
                steps.fetch_add(1, Ordering::Relaxed);
            }
        };
        let device = device::select_available(device)?;
        // The state of the round is not written to a file.
        train_on_lesson(
            lesson,
            &plan,
            &device,
            control,
            &mut count_step,
            &mut |_| Ok(()),
        )
        .map(drop)
    })
}

/// A made image with an object, fitted to the input of the network.
fn round_sample(number: usize, spec: &InputSpec) -> Result<TrainingSample> {
    let object = made_object(number, spec.columns.max(spec.rows))?;
    let labels = object.truth.iter().map(|inside| u8::from(*inside));
    let mask = Mask::from_labels(object.image.columns, object.image.rows, labels.collect())
        .ok_or_else(|| round_error("an image has no pixels"))?;
    TrainingSample::new(&object.image, &mask, None, spec)
}

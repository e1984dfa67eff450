//! One round: reads the pixels, trains, judges.

mod model;

use super::exercise::Exercise;
use super::judge::{Judge, pair_scores};
use crate::{Error, Result};
use labrum_core::{
    gate::GateReport,
    label::{Label, values_in},
    model_card::{Aspect, Config, HeldOut, InputSpec, ModelCard, ModelPurpose, TrainedOn},
    progress::Control,
    training::Plan,
};
use labrum_nn::{
    checkpoint::{self, Weights},
    device::{self, DeviceChoice, NamedDevice},
    preprocess::Size,
    train::{
        TrainingSample, grey_statistics, random_weights,
        round::{self, Learned, Lesson, TrainingState},
        sample_dice, turns_that_keep, widen_head,
    },
};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub use model::{Model, shipped_named};

/// Images read, or looked at, between two questions whether to go on.
const AT_ONCE: usize = 16;

/// What a round begins with.
#[derive(Clone, Debug)]
pub enum RoundStart {
    /// The active model.
    Model(Box<Model>),
    /// Random weights of CMUNeXt-S for inputs of this size and so many channels.
    Nothing {
        /// Size of the input, multiples of 16.
        size: Size,
        /// 1 for grey, 3 for colour.
        channels: usize,
    },
}

/// All that a round needs.
pub struct Course<'a> {
    /// What it begins with.
    pub start: &'a RoundStart,
    /// The start proposes masks now; a model that was not good enough for that yet does not.
    pub is_start_active: bool,
    /// The labels of the workspace: those of the candidate.
    pub labels: &'a [Label],
    /// What the candidate is called.
    pub name: String,
    /// Its version.
    pub version: String,
    /// To learn from.
    pub exercises: &'a [Exercise],
    /// To judge on; none of it is ever learned from.
    pub held_out: &'a [Exercise],
    /// How it is done.
    pub plan: Plan,
    /// Where.
    pub device: DeviceChoice,
    /// A state to go on from.
    pub resume: Option<TrainingState>,
}

/// What a round is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RoundPhase {
    /// Reads images.
    Reading {
        /// So many are read.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// Trains.
    Training(round::RoundProgress),
    /// Judges the candidate and the active model.
    Judging,
}

/// What comes out of a round.
#[derive(Debug)]
pub struct RoundCandidate {
    /// The candidate, with its figures on the card.
    pub model: Model,
    /// How it was trained.
    pub learned: Learned,
    /// What the hold-out says.
    pub report: GateReport,
}

/// Does a round; `None` where it was cancelled.
///
/// Errors: nothing to learn from, an image that cannot be read or has another size than its mask, a device that fails.
pub fn train_candidate(
    course: Course<'_>,
    control: &Control,
    phase: &mut dyn FnMut(RoundPhase),
    checkpoint: &mut dyn FnMut(&TrainingState) -> Result<()>,
) -> Result<Option<RoundCandidate>> {
    if course.exercises.is_empty() {
        return Err(
            Error::new("train", "no accepted case is there to learn from").with_advice(
                "Accept a few corrected cases first; those that are held out do not count.",
            ),
        );
    }
    let mut spec = input_spec(course.start);
    let Some(samples) = read_samples(course.exercises, &spec, control, phase)? else {
        return Ok(None);
    };
    if matches!(course.start, RoundStart::Nothing { .. }) {
        (spec.mean, spec.std) = grey_statistics(&samples, spec.channels);
    }
    let device = device::select_available(course.device)?;
    let size = Size {
        columns: spec.columns,
        rows: spec.rows,
    };
    let mut plan = course.plan.clone();
    plan.augment = turns_that_keep(&samples, size, plan.augment);
    let (start, config, parent) =
        first_weights(course.start, course.labels, spec.channels, plan.seed)?;
    let is_new: Vec<bool> = course.exercises.iter().map(|e| e.is_new).collect();
    let cases = count_cases(course.exercises, |_| true);
    let new_cases = count_cases(course.exercises, |e| e.is_new);
    // Those learned from before are among the cases, but for what the start learned from elsewhere.
    let known = cases.max(seen_cases(course.start) + new_cases);
    let lesson = Lesson {
        start,
        spec: &spec,
        samples: &samples,
        is_new: &is_new,
        share: cases as f64 / known as f64,
        resume: course.resume.clone(),
    };
    let learned = round::train_on_lesson(
        lesson,
        &plan,
        &device,
        control,
        &mut |p| phase(RoundPhase::Training(p)),
        checkpoint,
    )?;
    let Some(learned) = learned else {
        return Ok(None);
    };
    let card = candidate_card(&course, spec, config, known, parent);
    phase(RoundPhase::Judging);
    let dice = dice_of_samples(
        &learned.weights,
        &samples,
        &card.input,
        plan.batch,
        &device,
        control,
    )?;
    let Some(dice) = dice else {
        return Ok(None);
    };
    let mut model = Model {
        card,
        weights: learned.weights.clone(),
    };
    let found = by_case(course.exercises, &dice);
    let Some(report) = judge_candidate(&course, &model, &found, control)? else {
        return Ok(None);
    };
    if let (_, Some(mean)) = report.mean_scores() {
        model.card.held_out = Some(HeldOut {
            cases: report.cases.len(),
            dice: mean.dice,
            iou: mean.iou,
            hd95: mean.hd95,
            boundary_iou: mean.boundary_iou,
        });
    }
    Ok(Some(RoundCandidate {
        model,
        learned,
        report,
    }))
}

/// How many cases have an exercise that is counted.
fn count_cases(exercises: &[Exercise], is_counted: impl Fn(&Exercise) -> bool) -> usize {
    let cases: BTreeSet<i64> = exercises
        .iter()
        .filter(|e| is_counted(e))
        .map(|e| e.case)
        .collect();
    cases.len()
}

/// The card of the candidate, which `cases` went into; its figures come later.
fn candidate_card(
    course: &Course<'_>,
    spec: InputSpec,
    config: Config,
    cases: usize,
    parent: Option<String>,
) -> ModelCard {
    let (purpose, trained_on) = match course.start {
        RoundStart::Model(model) => (model.card.purpose.clone(), model.card.trained_on.clone()),
        RoundStart::Nothing { .. } => (
            ModelPurpose {
                summary: course.name.clone(),
                ..ModelPurpose::default()
            },
            TrainedOn::default(),
        ),
    };
    ModelCard {
        name: course.name.clone(),
        version: course.version.clone(),
        config,
        labels: course.labels.iter().map(Label::for_model).collect(),
        input: spec,
        purpose,
        // It learned from other images since.
        looks: None,
        // The values of masks in a folder that it began with mean nothing here.
        trained_on: TrainedOn {
            cases,
            values: Vec::new(),
            ..trained_on
        },
        held_out: None,
        parent,
    }
}

/// The Dice of each sample; `None` where it was cancelled.
fn dice_of_samples(
    weights: &Weights,
    samples: &[TrainingSample],
    spec: &InputSpec,
    batch: usize,
    device: &NamedDevice,
    control: &Control,
) -> Result<Option<Vec<f64>>> {
    let mut dice = Vec::with_capacity(samples.len());
    for part in samples.chunks(AT_ONCE) {
        if !control.may_go_on() {
            return Ok(None);
        }
        dice.extend(sample_dice(weights, part, spec, batch, device)?);
    }
    Ok(Some(dice))
}

/// Cases that a start has learned from; a model that does not say is taken for one that has seen many.
fn seen_cases(start: &RoundStart) -> usize {
    const MANY: usize = 500;
    match start {
        RoundStart::Model(model) if model.card.trained_on.cases == 0 => MANY,
        RoundStart::Model(model) => model.card.trained_on.cases,
        RoundStart::Nothing { .. } => 0,
    }
}

/// The size of an input of about `area` pixels that images of this shape fill, in multiples of 16.
pub fn input_size(columns: usize, rows: usize, area: usize) -> Size {
    let scale = (area as f64 / (columns * rows).max(1) as f64).sqrt();
    let side = |pixels: usize| ((pixels as f64 * scale / 16.0).round() as usize).clamp(1, 256) * 16;
    Size {
        columns: side(columns),
        rows: side(rows),
    }
}

/// The input of what a round starts from, and which network it is.
pub fn network_shape(start: &RoundStart) -> (InputSpec, Config) {
    let config = match start {
        RoundStart::Model(model) => model.card.config,
        RoundStart::Nothing { .. } => Config::S,
    };
    (input_spec(start), config)
}

fn input_spec(start: &RoundStart) -> InputSpec {
    match start {
        RoundStart::Model(model) => model.card.input.clone(),
        RoundStart::Nothing { size, channels } => InputSpec {
            channels: *channels,
            columns: size.columns,
            rows: size.rows,
            aspect: Aspect::Kept,
            mean: vec![0.0; *channels],
            std: vec![1.0; *channels],
        },
    }
}

fn read_samples(
    exercises: &[Exercise],
    spec: &InputSpec,
    control: &Control,
    phase: &mut dyn FnMut(RoundPhase),
) -> Result<Option<Vec<TrainingSample>>> {
    let total = exercises.len();
    let mut samples = Vec::with_capacity(total);
    for part in exercises.chunks(AT_ONCE) {
        phase(RoundPhase::Reading {
            done: samples.len(),
            total,
        });
        if !control.may_go_on() {
            return Ok(None);
        }
        let one = |exercise: &Exercise| {
            let before = exercise.before.as_ref().map(|m| m.to_mask());
            let sample = TrainingSample::new(
                &exercise.load_image()?,
                &exercise.mask.to_mask(),
                before.as_ref(),
                spec,
            );
            sample.map_err(|e| Error {
                path: Some(exercise.source.path.clone()),
                ..e
            })
        };
        samples.extend(part.par_iter().map(one).collect::<Result<Vec<_>>>()?);
    }
    Ok(Some(samples))
}

/// Weights with a class for each label, which network they are, and the hash of what they came from.
fn first_weights(
    start: &RoundStart,
    labels: &[Label],
    channels: usize,
    seed: u64,
) -> Result<(Weights, Config, Option<String>)> {
    match start {
        RoundStart::Nothing { .. } => {
            let weights = random_weights(Config::S, channels, labels.len() + 1, seed)?;
            Ok((weights, Config::S, None))
        }
        RoundStart::Model(model) => {
            let mut weights = model.weights.clone();
            checkpoint::widen_sigmoid_head(&mut weights);
            let from: Vec<Option<usize>> = std::iter::once(Some(0))
                .chain(model_classes(&model.card.labels, labels))
                .collect();
            widen_head(&mut weights, &from)?;
            Ok((
                weights,
                model.card.config,
                Some(checkpoint::weights_hash(&model.weights)),
            ))
        }
    }
}

/// For each label of the workspace the class of the model that knows it. A label that others were merged into has its own;
/// one that is gone keeps its class, and learns to find nothing.
fn model_classes(of_model: &[Label], labels: &[Label]) -> Vec<Option<usize>> {
    let values = values_in(labels, of_model);
    let class = |(value, label): (u8, &Label)| {
        let of_value: Vec<usize> = (0..values.len()).filter(|i| values[*i] == value).collect();
        let own = |i: &usize| !label.kept.id.is_empty() && of_model[*i].kept.id == label.kept.id;
        let found = of_value
            .iter()
            .copied()
            .find(own)
            .or_else(|| of_value.first().copied());
        found
            .or_else(|| (0..of_model.len()).filter(|_| label.is_gone()).find(own))
            .map(|i| i + 1)
    };
    (1..=u8::MAX).zip(labels).map(class).collect()
}

/// The mean Dice of the slices of each case.
fn by_case(exercises: &[Exercise], dice: &[f64]) -> Vec<(String, f64)> {
    let mut cases: BTreeMap<i64, (String, f64, f64)> = BTreeMap::new();
    for (exercise, dice) in exercises.iter().zip(dice) {
        let (_, sum, count) = cases
            .entry(exercise.case)
            .or_insert_with(|| (exercise.name.clone(), 0.0, 0.0));
        *sum += dice;
        *count += 1.0;
    }
    cases
        .into_values()
        .map(|(name, sum, count)| (name, sum / count))
        .collect()
}

/// Judges candidate and active model on the hold-out; `learned` is what the candidate finds of what it learned from.
fn judge_candidate(
    course: &Course<'_>,
    candidate: &Model,
    learned: &[(String, f64)],
    control: &Control,
) -> Result<Option<GateReport>> {
    let of = |model: &Model| -> Result<_> {
        Judge::new(
            model.card.clone(),
            model.weights.clone(),
            course.labels,
            course.device,
        )?
        .score_cases(course.held_out, control)
    };
    let Some(ours) = of(candidate)? else {
        return Ok(None);
    };
    let active = match course.start {
        RoundStart::Model(model) => of(model)?,
        RoundStart::Nothing { .. } => Some(Vec::new()),
    };
    let Some(active) = active else {
        return Ok(None);
    };
    let report = GateReport::new(pair_scores(&active, ours), learned);
    let proposes = course.is_start_active && matches!(course.start, RoundStart::Model(_));
    Ok(Some(if proposes {
        report
    } else {
        report.of_first_model()
    }))
}

//! One round of training: reads the images, trains a candidate and judges it.

use super::exercise::Exercise;
use super::judge::{JudgedCase, pair_scores, score_model};
use super::model::{Model, has_same_id};
use crate::{Error, Result};
use labrum_core::{
    gate::GateReport,
    label::{Label, values_in},
    model_card::{Aspect, Config, HeldOut, InputSpec, ModelCard, ModelPurpose, TrainedOn},
    progress::Control,
    training::{Blend, Plan, RoundPhase},
};
use labrum_nn::{
    checkpoint::{self, Architecture, Weights},
    device::{self, DeviceChoice, NamedDevice},
    preprocess::Size,
    train::{
        TrainingSample, grey_statistics, random_weights,
        round::{self, Learned, Lesson, TrainingState},
        sample_dice, turns_that_keep, weights_from_prompt_model, widen_head,
    },
};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

/// Number of images read or segmented between two checks for cancellation.
const AT_ONCE: usize = 16;

/// Size of the network of a new model.
const NEW_MODEL: Config = Config::S;

/// What a round starts from.
#[derive(Clone, Debug)]
pub enum RoundStart {
    /// A model.
    Model(Box<Model>),
    /// A new CMUNeXt-S for inputs of this size.
    NewModel {
        /// Size of the input, multiples of 16.
        size: Size,
        /// 1 for grey, 3 for colour.
        channels: usize,
        /// The prompt model whose layers it takes over; `None` for random weights.
        prompt_model: Option<Box<Model>>,
    },
}

/// Input of a round.
pub struct Course<'a> {
    /// What the round starts from.
    pub start: &'a RoundStart,
    /// The start is the active model; false for a model that is not good enough to propose masks yet.
    pub is_start_active: bool,
    /// The labels of the workspace, and of the candidate.
    pub labels: &'a [Label],
    /// Name of the candidate.
    pub name: String,
    /// Version of the candidate.
    pub version: String,
    /// Slices to train on.
    pub exercises: &'a [Exercise],
    /// Slices to judge the candidate on, never used for training.
    pub held_out: &'a [Exercise],
    /// Training settings.
    pub plan: Plan,
    /// Device to train on.
    pub device: DeviceChoice,
    /// State of an interrupted round to resume.
    pub resume: Option<TrainingState>,
}

/// Result of a round.
#[derive(Debug)]
pub struct RoundCandidate {
    /// The candidate, with its scores on the card.
    pub model: Model,
    /// Details of the training.
    pub learned: Learned,
    /// Comparison with the start on the hold-out set.
    pub report: GateReport,
}

/// Runs a round; `None` if cancelled.
///
/// # Errors
/// Nothing to train on, an image that cannot be read or differs in size from its mask, a failure of the device.
pub fn train_candidate(
    course: Course<'_>,
    control: &Control,
    phase: &mut dyn FnMut(RoundPhase),
    checkpoint: &mut dyn FnMut(&TrainingState) -> Result<()>,
) -> Result<Option<RoundCandidate>> {
    if course.exercises.is_empty() {
        return Err(
            Error::new("train", "there are no accepted cases to train on")
                .with_advice("Accept a few corrected cases first; hold-out cases do not count."),
        );
    }
    let mut spec = input_spec(course.start);
    let Some(samples) = read_samples(course.exercises, &spec, control, phase)? else {
        return Ok(None);
    };
    if matches!(course.start, RoundStart::NewModel { .. }) {
        (spec.mean, spec.std) = grey_statistics(&samples, spec.channels);
    }
    let device = device::select_available(course.device)?;
    let size = Size {
        columns: spec.columns,
        rows: spec.rows,
    };
    let mut plan = course.plan.clone();
    plan.augment = turns_that_keep(&samples, size, plan.augment);
    if matches!(course.start, RoundStart::NewModel { .. }) {
        // Random weights are nothing to stay close to.
        plan.blend = Blend::Trained;
    }
    let Some((start, config, parent)) =
        first_weights(&course, (&samples, &spec), &device, control)?
    else {
        return Ok(None);
    };
    let is_new: Vec<bool> = course.exercises.iter().map(|e| e.is_new).collect();
    let cases = count_cases(course.exercises, |_| true);
    let new_cases = count_cases(course.exercises, |e| e.is_new);
    // Cases of earlier rounds are among these; the start may have been trained on others as well.
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

/// Number of cases with an exercise for which `is_counted` holds.
fn count_cases(exercises: &[Exercise], is_counted: impl Fn(&Exercise) -> bool) -> usize {
    let cases: BTreeSet<i64> = exercises
        .iter()
        .filter(|e| is_counted(e))
        .map(|e| e.case)
        .collect();
    cases.len()
}

/// The card of the candidate, trained on `cases` cases; its scores are added later.
fn candidate_card(
    course: &Course<'_>,
    spec: InputSpec,
    config: Config,
    cases: usize,
    parent: Option<String>,
) -> ModelCard {
    let (purpose, trained_on) = match course.start {
        RoundStart::Model(model) => (model.card.purpose.clone(), model.card.trained_on.clone()),
        RoundStart::NewModel { prompt_model, .. } => (
            ModelPurpose {
                summary: course.name.clone(),
                ..ModelPurpose::default()
            },
            // Its weights come from the data of the prompt model.
            prompt_model
                .as_ref()
                .map_or_else(TrainedOn::default, |model| model.card.trained_on.clone()),
        ),
    };
    ModelCard {
        name: course.name.clone(),
        version: course.version.clone(),
        config,
        labels: course.labels.iter().map(Label::for_model).collect(),
        input: spec,
        takes_prompts: false,
        without_channels: Vec::new(),
        purpose,
        // Learned from other images, so it may no longer apply.
        looks: None,
        // Mask values of the folder that the start was trained on have no meaning here.
        trained_on: TrainedOn {
            cases,
            values: Vec::new(),
            ..trained_on
        },
        held_out: None,
        parent,
    }
}

/// The Dice of each sample; `None` if cancelled.
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

/// Number of cases that the start was trained on; a model that does not say is assumed to have seen many.
fn seen_cases(start: &RoundStart) -> usize {
    const MANY: usize = 500;
    match start {
        RoundStart::Model(model) if model.card.trained_on.cases == 0 => MANY,
        RoundStart::Model(model) => model.card.trained_on.cases,
        RoundStart::NewModel { .. } => 0,
    }
}

/// Input size with about `area` pixels and the aspect ratio of the images, in multiples of 16.
pub fn input_size(columns: usize, rows: usize, area: usize) -> Size {
    let scale = (area as f64 / (columns * rows).max(1) as f64).sqrt();
    Size {
        columns: scaled_to_16(columns, scale),
        rows: scaled_to_16(rows, scale),
    }
}

/// The scaled length, rounded to a multiple of 16 in 16..=4096.
fn scaled_to_16(pixels: usize, scale: f64) -> usize {
    ((pixels as f64 * scale / 16.0).round() as usize).clamp(1, 256) * 16
}

/// Input and network size of what a round starts from.
pub fn network_shape(start: &RoundStart) -> (InputSpec, Config) {
    let config = match start {
        RoundStart::Model(model) => model.card.config,
        RoundStart::NewModel { .. } => NEW_MODEL,
    };
    (input_spec(start), config)
}

fn input_spec(start: &RoundStart) -> InputSpec {
    match start {
        RoundStart::Model(model) => model.card.input.clone(),
        RoundStart::NewModel { size, channels, .. } => InputSpec {
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
        let read = part
            .par_iter()
            .map(|exercise| read_sample(exercise, spec))
            .collect::<Result<Vec<_>>>()?;
        samples.extend(read);
    }
    Ok(Some(samples))
}

fn read_sample(exercise: &Exercise, spec: &InputSpec) -> Result<TrainingSample> {
    let image = exercise.load_image()?;
    let mask = exercise.mask.to_mask();
    let before = exercise.before.as_ref().map(|m| m.to_mask());
    TrainingSample::new(&image, &mask, before.as_ref(), spec).map_err(|e| Error {
        path: Some(exercise.source.path.clone()),
        ..e
    })
}

/// Initial weights with a class for each label, the network size, and the hash of the weights of the start, if any; `None`
/// if cancelled.
fn first_weights(
    course: &Course<'_>,
    samples: (&[TrainingSample], &InputSpec),
    device: &NamedDevice,
    control: &Control,
) -> Result<Option<(Weights, Config, Option<String>)>> {
    let seed = course.plan.seed;
    let wanted = Architecture {
        config: NEW_MODEL,
        channels: samples.1.channels,
        classes: course.labels.len() + 1,
    };
    match course.start {
        RoundStart::NewModel {
            prompt_model: None, ..
        } => {
            let weights = random_weights(NEW_MODEL, wanted.channels, wanted.classes, seed)?;
            Ok(Some((weights, NEW_MODEL, None)))
        }
        RoundStart::NewModel {
            prompt_model: Some(known),
            ..
        } => {
            let weights =
                weights_from_prompt_model(&known.weights, wanted, seed, samples, device, control)?;
            let parent = Some(checkpoint::weights_hash(&known.weights));
            Ok(weights.map(|weights| (weights, NEW_MODEL, parent)))
        }
        RoundStart::Model(model) => {
            let mut weights = model.weights.clone();
            checkpoint::widen_sigmoid_head(&mut weights);
            let from: Vec<Option<usize>> = iter::once(Some(0))
                .chain(model_classes(&model.card.labels, course.labels))
                .collect();
            widen_head(&mut weights, &from)?;
            let parent = Some(checkpoint::weights_hash(&model.weights));
            Ok(Some((weights, model.card.config, parent)))
        }
    }
}

/// For each label of the workspace, the class of the model for it, if any. A label that others were merged into keeps its own
/// class. A deleted label keeps its class, and the model learns not to find it.
fn model_classes(of_model: &[Label], labels: &[Label]) -> Vec<Option<usize>> {
    let values = values_in(labels, of_model);
    (1..=u8::MAX)
        .zip(labels)
        .map(|(value, label)| class_of_label(of_model, &values, value, label))
        .collect()
}

/// The class, from 1, for the label with this `value` in the workspace; `values` are the workspace values of the model's
/// labels.
fn class_of_label(of_model: &[Label], values: &[u8], value: u8, label: &Label) -> Option<usize> {
    let with_value: Vec<usize> = (0..values.len()).filter(|i| values[*i] == value).collect();
    let own = with_value
        .iter()
        .find(|i| has_same_id(&of_model[**i], label));
    if let Some(index) = own.or(with_value.first()) {
        return Some(index + 1);
    }
    if !label.is_gone() {
        return None;
    }
    let own = of_model.iter().position(|l| has_same_id(l, label));
    own.map(|index| index + 1)
}

/// Name and mean Dice of each case.
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

/// Scores of a model on the hold-out set; `None` if cancelled.
fn score_held_out(
    course: &Course<'_>,
    model: &Model,
    control: &Control,
) -> Result<Option<Vec<JudgedCase>>> {
    score_model(
        model,
        course.held_out,
        course.labels,
        course.device,
        control,
    )
}

/// Compares the candidate with the start on the hold-out set; `learned` has its Dice on the training cases. `None` if
/// cancelled.
fn judge_candidate(
    course: &Course<'_>,
    candidate: &Model,
    learned: &[(String, f64)],
    control: &Control,
) -> Result<Option<GateReport>> {
    let Some(ours) = score_held_out(course, candidate, control)? else {
        return Ok(None);
    };
    let active = match course.start {
        RoundStart::Model(model) => score_held_out(course, model, control)?,
        RoundStart::NewModel { .. } => Some(Vec::new()),
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

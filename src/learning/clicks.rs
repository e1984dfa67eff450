//! Fine-tunes the click model on accepted cases: reads their images, trains a candidate, and judges it on the hold-out set.

mod images;
mod judge;

use super::{exercise::Exercise, model::Model};
use crate::{Error, Result};
use judge::compare_by_clicks;
use labrum_core::{
    gate::{GateReport, clicks::ClickReport},
    learning::SnapshotSlice,
    model_card::{ModelCard, TrainedOn},
    progress::Control,
    training::{ClickPlan, RoundPhase, RoundProgress},
};
use labrum_nn::{
    checkpoint::{self, Weights},
    device::DeviceChoice,
    prompt::{
        recipe::{EpisodeStyle, PromptRecipe},
        train::{
            JudgedPoint, PromptRun, PromptStart, PromptStep, PromptTrainingKeeper, train_prompts,
        },
    },
    train::state::TrainingState,
};
use std::collections::BTreeSet;

pub(super) use images::memory_bytes;
pub use judge::{ClickJudge, OBJECTS_PER_CASE};

/// Steps until the peak learning rate is reached.
const WARM_UP: usize = 20;
/// Steps between two states to resume from. All episodes begin anew there.
const SAVED_EVERY: usize = 40;

/// Input of a fine-tuning.
pub struct ClickCourse<'a> {
    /// The active click model.
    pub start: &'a Model,
    /// Version of the candidate.
    pub version: String,
    /// Slices to train on.
    pub exercises: &'a [Exercise],
    /// Slices to judge the candidate on, never used for training.
    pub held_out: &'a [Exercise],
    /// Training settings.
    pub plan: &'a ClickPlan,
    /// Device to train on; models are judged on the CPU.
    pub device: DeviceChoice,
    /// State of an interrupted fine-tuning to resume.
    pub resume: Option<TrainingState>,
}

/// Result of a fine-tuning.
#[derive(Debug)]
pub struct ClickCandidate {
    /// The candidate.
    pub model: Model,
    /// Steps done.
    pub steps: usize,
    /// Comparison with the active click model on the hold-out set.
    pub report: GateReport,
}

/// Fine-tunes and judges; `None` if cancelled. With [`labrum_core::training::Length::Steps`] the candidate is the same
/// however often it was interrupted and resumed.
///
/// # Errors
/// No objects to train on, an image that cannot be read or differs in size from its mask, a failure of the device.
pub fn train_clicks(
    course: ClickCourse<'_>,
    control: &Control,
    phase: &mut dyn FnMut(RoundPhase),
    checkpoint: &mut dyn FnMut(&TrainingState) -> Result<()>,
) -> Result<Option<ClickCandidate>> {
    let plan = course.plan;
    let start = course.start;
    let tasks = images::read_tasks(course.exercises, plan.rehearsed, control, phase)?;
    let Some(tasks) = tasks else {
        return Ok(None);
    };
    let mut keeper = CandidateKeeper {
        phase: &mut *phase,
        checkpoint,
        steps: course.resume.as_ref().map_or(0, |state| state.steps),
        // Of a training that was interrupted after its last step.
        weights: course.resume.as_ref().map(|state| state.average.clone()),
    };
    let begin = match course.resume {
        Some(state) => PromptStart::Resumed(Box::new(state), 0.0),
        None => PromptStart::Weights(start.weights.clone()),
    };
    let run = PromptRun {
        device: course.device,
        length: plan.length,
        limit: None,
        control,
    };
    let recipe = recipe_for(&start.card, plan);
    train_prompts(&tasks, &[], &recipe, begin, &run, &mut keeper)?;
    let CandidateKeeper { steps, weights, .. } = keeper;
    if control.cancel.is_cancelled() {
        return Ok(None);
    }
    let weights = weights.ok_or_else(|| Error::new("train", "no step was done"))?;
    checkpoint::check_weights(&weights)?;
    drop(tasks);
    phase(RoundPhase::Judging);
    let model = Model {
        card: candidate_card(start, course.version, course.exercises),
        weights,
    };
    let Some(cases) = compare_by_clicks(start, &model, course.held_out, control)? else {
        return Ok(None);
    };
    Ok(Some(ClickCandidate {
        model,
        steps,
        report: GateReport::of_clicks(ClickReport::new(cases)),
    }))
}

/// Compares two click models on the same accepted masks; `first` takes the place of the active model.
///
/// # Errors
/// If a model does not take prompts, an image cannot be read, or the network fails.
pub fn compare_click_models(
    first: &Model,
    second: &Model,
    held_out: &[SnapshotSlice],
) -> Result<GateReport> {
    let exercises: Vec<Exercise> = held_out.iter().map(Exercise::from_slice).collect();
    let cases = compare_by_clicks(first, second, &exercises, &Control::default())?;
    Ok(GateReport::of_clicks(ClickReport::new(
        cases.unwrap_or_default(),
    )))
}

/// Training options for few images that are much alike: the model keeps its statistics, and the images are varied little.
fn recipe_for(card: &ModelCard, plan: &ClickPlan) -> PromptRecipe {
    PromptRecipe {
        config: card.config,
        side: card.input.columns,
        batch: plan.batch,
        learning_rate: plan.learning_rate,
        warm_up: WARM_UP,
        loss: plan.loss,
        // Regions of superpixels are a task of their own.
        made: 0.0,
        seed: plan.seed,
        judged_every: SAVED_EVERY,
        style: EpisodeStyle::Narrow,
        fixed_statistics: true,
        begins_anew: true,
        ..PromptRecipe::default()
    }
}

/// The card of the start, with the version of the candidate and the number of its cases.
fn candidate_card(start: &Model, version: String, exercises: &[Exercise]) -> ModelCard {
    let new = exercises.iter().filter(|exercise| exercise.is_new);
    let new_cases: BTreeSet<i64> = new.map(|exercise| exercise.case).collect();
    let card = start.card.clone();
    ModelCard {
        version,
        trained_on: TrainedOn {
            cases: card.trained_on.cases + new_cases.len(),
            ..card.trained_on
        },
        held_out: None,
        parent: Some(checkpoint::weights_hash(&start.weights)),
        ..card
    }
}

/// Reports the progress of a training, and keeps its newest weights.
struct CandidateKeeper<'a> {
    phase: &'a mut dyn FnMut(RoundPhase),
    checkpoint: &'a mut dyn FnMut(&TrainingState) -> Result<()>,
    steps: usize,
    weights: Option<Weights>,
}

impl PromptTrainingKeeper for CandidateKeeper<'_> {
    fn report_step(&mut self, step: PromptStep) {
        self.steps = step.steps;
        (self.phase)(RoundPhase::Training(RoundProgress::Step {
            step: step.steps,
            done: step.done,
            loss: step.loss,
            remaining: step.remaining,
        }));
    }

    fn keep_point(
        &mut self,
        _: &JudgedPoint,
        weights: &Weights,
        _: bool,
        state: &TrainingState,
    ) -> Result<()> {
        self.weights = Some(weights.clone());
        // Elsewhere, as after a cancellation, episodes are under way that a resumed training would not have.
        if state.steps.is_multiple_of(SAVED_EVERY) {
            (self.checkpoint)(state)?;
        }
        Ok(())
    }
}

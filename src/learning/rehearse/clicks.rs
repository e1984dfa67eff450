//! Simulates the use of the Click tool on a folder with masks: how many clicks an object needs, before any case and after
//! each round of fine-tuning.

use super::{
    DividedFolder, GateDecision, Rehearsal, SubjectSides, exercise_for_pair,
    proposals::{ProposalLoop, ProposalStage},
    starting_labels, too_few_cases,
};
use crate::{
    Error, Result,
    io::dataset::{DatasetPair, FolderOptions},
    learning::{
        clicks::{ClickCourse, ClickJudge, OBJECTS_PER_CASE, train_clicks},
        exercise::Exercise,
        model::Model,
        prompts::{read_targets_of, task_image},
    },
};
use labrum_core::{
    gate::clicks::ENOUGH,
    holdout::Side,
    label_table::LabelTable,
    progress::Control,
    prompts::PromptedObject,
    training::{ClickPlan, Length, RoundPhase},
};
use labrum_nn::{
    device::DeviceChoice,
    prompt::judge::{JudgedTarget, largest_targets},
};
use serde::{Deserialize, Serialize};
use std::{path::Path, time::Instant};

/// Maximum number of test images; each has one object to click.
const MOST_TESTED: usize = 100;
/// Share of the time of a round for reading images.
const READING: f64 = 0.04;

/// Settings of a rehearsal of the Click tool.
#[derive(Clone, Debug)]
pub struct ClickRehearsal {
    /// Number of training cases in each round, ascending.
    pub cases: Vec<usize>,
    /// Seconds per round, including judging.
    pub seconds: f64,
    /// Steps per round, instead of `seconds`: the same on every machine, however busy it is.
    pub steps: Option<usize>,
    /// Click model to start from.
    pub model: Model,
    /// Options for reading the folder.
    pub wishes: FolderOptions,
    /// Training settings, except for the length of the rounds.
    pub plan: ClickPlan,
    /// Settings of a model that proposes masks, which is trained in the same rounds and whose proposals are corrected with
    /// clicks; `None` to click new objects only.
    pub proposals: Option<Rehearsal>,
    /// Device to train on.
    pub device: DeviceChoice,
}

/// Scores of a click model on the test set, means over its objects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClickFigures {
    /// Number of clicks needed for Dice 0.90 (NoC90), at most 10; 10 where it was not reached.
    pub clicks_to_90: f64,
    /// Dice after one click.
    pub dice_after_1: f64,
    /// Dice after three clicks.
    pub dice_after_3: f64,
    /// Dice after five clicks.
    pub dice_after_5: f64,
}

/// The state before any case, or after one round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClickStage {
    /// Number of training cases.
    pub cases: usize,
    /// Number of hold-out cases, in addition to these.
    pub holdout_cases: usize,
    /// Number of objects in the test set.
    pub test_objects: usize,
    /// Scores of the model that is active after the round, on the test set.
    pub test: ClickFigures,
    /// The round of the model that proposes masks, and clicks on its proposals with the click model that is active after the
    /// round; `None` before the first round, and unless proposals are rehearsed.
    pub proposals: Option<ProposalStage>,
    /// Scores of the model that was active before the round, on the test set; `None` before the first round.
    pub active_test: Option<ClickFigures>,
    /// Scores of the candidate, on the test set; `None` before the first round.
    pub candidate_test: Option<ClickFigures>,
    /// What the promotion gate decided; `None` before the first round.
    pub decision: Option<GateDecision>,
    /// Probability by which it decided, that the candidate needs fewer clicks; `None` before the first round and without
    /// hold-out cases.
    pub probability: Option<f64>,
    /// Clicks that the objects of the new cases needed for Dice 0.90 with the model that was active before the round.
    pub clicks_on_new_cases: Option<f64>,
    /// The candidate became the active model.
    pub accepted: bool,
    /// Why the candidate was accepted or rejected; empty before the first round.
    pub reason: String,
    /// Seconds from the start of the round to the decision.
    pub seconds: f64,
    /// Number of training steps.
    pub steps: usize,
}

/// Progress of a rehearsal.
pub enum ClickRehearsalEvent<'a> {
    /// A remark about the folder.
    Note(&'a str),
    /// The images were divided.
    Divided {
        /// Number of images to correct.
        pool: usize,
        /// Number of test images.
        test: usize,
    },
    /// Progress of the current round.
    Phase(RoundPhase),
    /// The start, or a round, was evaluated on the test set.
    Stage(&'a ClickStage),
}

/// Simulates the use of the Click tool on `folder`. One fifth of the subjects is set aside as a test set. The objects of the
/// other images are clicked by a simulated annotator, case by case; the cases are used for training or held out by the same
/// rule as in a workspace.
///
/// # Errors
/// Those of opening the folder and of a round; a folder with a single subject, or without objects in the test set.
pub fn run_click_rehearsal(
    folder: &Path,
    rehearsal: &ClickRehearsal,
    control: &Control,
    tell: &mut dyn FnMut(ClickRehearsalEvent<'_>),
) -> Result<Vec<ClickStage>> {
    let DividedFolder { data, pool, test } =
        DividedFolder::open(folder, &rehearsal.wishes, rehearsal.plan.seed)?;
    data.notes
        .iter()
        .for_each(|note| tell(ClickRehearsalEvent::Note(note)));
    tell(ClickRehearsalEvent::Divided {
        pool: pool.len(),
        test: test.len(),
    });
    if let Some(reason) = too_few_cases(&rehearsal.cases, pool.len()) {
        tell(ClickRehearsalEvent::Note(&reason));
    }
    let targets = read_targets_of(test, folder, MOST_TESTED, rehearsal.plan.seed)?;
    if targets.is_empty() {
        let reason = "no test image has a connected component of at least 25 pixels";
        return Err(Error::at_path("rehearse on", folder, reason));
    }
    let (labels, table) = starting_labels(&data, None);
    let (tested, objects): (Vec<DatasetPair>, Vec<JudgedTarget>) = targets.into_iter().unzip();
    let mut proposals = match &rehearsal.proposals {
        Some(settings) => {
            let table = table.clone();
            Some(ProposalLoop::new(
                settings,
                pool.clone(),
                &tested,
                labels,
                table,
            )?)
        }
        None => None,
    };
    let mut stage = ClickLoop::new(rehearsal, pool, table, objects);
    let Some(start) = stage.score_start(control)? else {
        return Ok(Vec::new());
    };
    tell(ClickRehearsalEvent::Stage(&start));
    let mut results = vec![start];
    for &cases in &rehearsal.cases {
        let Some(clicks) = stage.click_until(cases, control)? else {
            break;
        };
        let mut phase = |phase| tell(ClickRehearsalEvent::Phase(phase));
        let Some(mut result) = stage.run_round(clicks, control, &mut phase)? else {
            break;
        };
        if let Some(proposals) = &mut proposals {
            let mut judge = ClickJudge::new(&stage.active)?;
            let objects = &stage.objects;
            result.proposals =
                proposals.run_round(cases, &mut judge, objects, control, &mut phase)?;
            if result.proposals.is_none() {
                break;
            }
        }
        tell(ClickRehearsalEvent::Stage(&result));
        results.push(result);
    }
    Ok(results)
}

/// State of the simulated loop.
struct ClickLoop<'a> {
    rehearsal: &'a ClickRehearsal,
    /// Pairs not clicked yet; the last one is next.
    pool: Vec<DatasetPair>,
    table: LabelTable,
    /// The objects of the test set.
    objects: Vec<JudgedTarget>,
    learned: Vec<Exercise>,
    held_out: Vec<Exercise>,
    sides: SubjectSides,
    active: Model,
    /// Scores of the active model on the test set, and seconds for each object.
    test: Option<(ClickFigures, f64)>,
    rounds: u64,
}

impl<'a> ClickLoop<'a> {
    fn new(
        rehearsal: &'a ClickRehearsal,
        pool: Vec<DatasetPair>,
        table: LabelTable,
        objects: Vec<JudgedTarget>,
    ) -> Self {
        Self {
            rehearsal,
            pool,
            table,
            objects,
            learned: Vec::new(),
            held_out: Vec::new(),
            sides: SubjectSides::default(),
            active: rehearsal.model.clone(),
            test: None,
            rounds: 0,
        }
    }

    /// Evaluates the model to start from; `None` if cancelled.
    fn score_start(&mut self, control: &Control) -> Result<Option<ClickStage>> {
        let begun = Instant::now();
        let Some(figures) = self.test_figures(&self.active, control)? else {
            return Ok(None);
        };
        let seconds = begun.elapsed().as_secs_f64() / self.objects.len() as f64;
        self.test = Some((figures, seconds));
        Ok(Some(ClickStage {
            cases: 0,
            holdout_cases: 0,
            test_objects: self.objects.len(),
            test: figures,
            proposals: None,
            active_test: None,
            candidate_test: None,
            decision: None,
            probability: None,
            clicks_on_new_cases: None,
            accepted: false,
            reason: String::new(),
            seconds: 0.0,
            steps: 0,
        }))
    }

    /// Scores of a model on the test set; `None` if cancelled.
    fn test_figures(&self, model: &Model, control: &Control) -> Result<Option<ClickFigures>> {
        let mut judge = ClickJudge::new(model)?;
        let mut sums = [0.0; 4];
        for object in &self.objects {
            if !control.may_go_on() {
                return Ok(None);
            }
            let scores = judge.score_object(object, 5)?;
            let dice = [1, 3, 5].map(|clicks| scores.dice_after(clicks));
            let figures = [scores.clicks_to(ENOUGH) as f64, dice[0], dice[1], dice[2]];
            for (sum, figure) in sums.iter_mut().zip(figures) {
                *sum += figure;
            }
        }
        let [clicks, first, third, fifth] = sums.map(|sum| sum / self.objects.len() as f64);
        Ok(Some(ClickFigures {
            clicks_to_90: clicks,
            dice_after_1: first,
            dice_after_3: third,
            dice_after_5: fifth,
        }))
    }

    /// Clicks the objects of the next cases until there are `cases` for training. Returns the mean number of clicks that
    /// an object needed; `None` if the folder has no more images, or on cancellation.
    fn click_until(&mut self, cases: usize, control: &Control) -> Result<Option<f64>> {
        let mut judge = ClickJudge::new(&self.active)?;
        let mut clicks: Vec<usize> = Vec::new();
        while self.learned.len() < cases {
            if !control.may_go_on() {
                return Ok(None);
            }
            let Some(pair) = self.pool.pop() else {
                return Ok(None);
            };
            let key = (self.learned.len() + self.held_out.len()) as i64;
            let mut exercise = exercise_for_pair(&pair, &self.table, key)?;
            clicks.extend(click_objects(&mut judge, &mut exercise)?);
            match self.sides.side_of(&pair.subject) {
                Side::HoldOut => self.held_out.push(exercise),
                Side::Training => self.learned.push(exercise),
            }
        }
        Ok(Some(
            clicks.iter().sum::<usize>() as f64 / clicks.len().max(1) as f64,
        ))
    }

    /// Runs a round; `None` if cancelled. `clicks` is the result of [`Self::click_until`].
    fn run_round(
        &mut self,
        clicks: f64,
        control: &Control,
        phase: &mut dyn FnMut(RoundPhase),
    ) -> Result<Option<ClickStage>> {
        let begun = Instant::now();
        self.rounds += 1;
        let plan = ClickPlan {
            length: self.round_length(),
            seed: self.rehearsal.plan.seed.wrapping_add(self.rounds),
            ..self.rehearsal.plan.clone()
        };
        let course = ClickCourse {
            start: &self.active,
            version: format!("round-{}", self.rounds),
            exercises: &self.learned,
            held_out: &self.held_out,
            plan: &plan,
            device: self.rehearsal.device,
            resume: None,
        };
        let Some(candidate) = train_clicks(course, control, phase, &mut |_| Ok(()))? else {
            return Ok(None);
        };
        let seconds = begun.elapsed().as_secs_f64();
        let decision = GateDecision::of_verdict(&candidate.report.verdict);
        let accepted = decision.accepts();
        let active_test = self.test.map(|(figures, _)| figures);
        let Some(figures) = self.test_figures(&candidate.model, control)? else {
            return Ok(None);
        };
        if accepted {
            self.active = candidate.model;
            self.test = self.test.map(|(_, seconds)| (figures, seconds));
        }
        self.learned.iter_mut().for_each(|e| e.is_new = false);
        Ok(Some(ClickStage {
            cases: self.learned.len(),
            holdout_cases: self.held_out.len(),
            test_objects: self.objects.len(),
            test: self.test.map_or(figures, |(active, _)| active),
            proposals: None,
            active_test,
            candidate_test: Some(figures),
            decision: Some(decision),
            probability: candidate.report.probability,
            clicks_on_new_cases: Some(clicks),
            accepted,
            reason: candidate.report.verdict.reason_text().to_owned(),
            seconds,
            steps: candidate.steps,
        }))
    }

    /// Length of the training of a round, without reading and judging.
    fn round_length(&self) -> Length {
        let ClickRehearsal { seconds, steps, .. } = self.rehearsal;
        if let Some(steps) = steps {
            return Length::Steps(*steps);
        }
        let objects = 2 * OBJECTS_PER_CASE * self.held_out.len();
        let judging = self.test.map_or(0.0, |(_, seconds)| seconds) * objects as f64;
        Length::Seconds((seconds * (1.0 - READING) - judging).max(0.5 * seconds))
    }
}

/// Clicks the largest objects of an image, which become the prompts of its case. Returns the number of clicks that each
/// needed for Dice 0.90.
fn click_objects(judge: &mut ClickJudge, exercise: &mut Exercise) -> Result<Vec<usize>> {
    let mask = exercise.mask.to_mask();
    let task = task_image(&exercise.load_image()?, &mask, &exercise.name);
    let mut needed = Vec::new();
    for object in largest_targets(&task, OBJECTS_PER_CASE) {
        let scores = judge.score_object(&object, 1)?;
        needed.push(scores.clicks_to(ENOUGH));
        let pixel = object.truth.iter().position(|inside| *inside);
        exercise.prompted.extend(pixel.map(|at| PromptedObject {
            label: mask.pixel_labels()[at],
            prompts: scores.prompts,
        }));
    }
    Ok(needed)
}

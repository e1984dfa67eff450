//! The rounds of a rehearsal: cases are corrected with the masks of the folder, then a round is trained and judged.

use super::{
    GateDecision, Rehearsal, RehearsalOrder, RoundResult, SubjectSides, exercise_for_pair,
};
use crate::io::dataset::DatasetPair;
use crate::learning::course::{self, Course, RoundCandidate, RoundStart};
use crate::learning::exercise::Exercise;
use crate::learning::judge::{Judge, dice_overlap, pair_scores, score_model};
use crate::learning::model::Model;
use crate::{Error, Result};
use labrum_core::{
    gate::{GateReport, SecondLook},
    holdout::Side,
    image::Pixels,
    label::Label,
    label_table::LabelTable,
    mask::{Mask, PackedMask},
    metrics,
    progress::Control,
    training::{Length, Plan, RoundPhase},
};
use rand::{SeedableRng, rngs::SmallRng};
use std::{collections::BTreeSet, mem, time::Instant};

/// State of the simulated loop.
pub(super) struct RehearsalLoop<'a> {
    rehearsal: &'a Rehearsal,
    /// Pairs not corrected yet; the last one is next.
    pool: Vec<DatasetPair>,
    test: Vec<Exercise>,
    learned: Vec<Exercise>,
    held_out: Vec<Exercise>,
    sides: SubjectSides,
    labels: Vec<Label>,
    table: LabelTable,
    active: RoundStart,
    /// Mean Dice of the active model on the test set, once it was measured.
    active_test: Option<f64>,
    /// The model that was active before and its mean Dice on the test set, if rounds made both it and the active one.
    previous: Option<(Box<Model>, Option<f64>)>,
    /// Number of training cases when the active model was trained; 0 if no round made it.
    trained: usize,
    /// Candidate that was not good enough to become active; the next round starts from it.
    not_yet: Option<RoundStart>,
    next_case: i64,
    new: Vec<(u64, f64)>,
    /// Seconds to read an image, and to score its mask.
    cost: (f64, f64),
}

impl<'a> RehearsalLoop<'a> {
    pub(super) fn new(
        rehearsal: &'a Rehearsal,
        pool: Vec<DatasetPair>,
        test: Vec<Exercise>,
        labels: Vec<Label>,
        table: LabelTable,
    ) -> Result<Self> {
        if !test.iter().any(has_labels) {
            return Err(Error::new(
                "rehearse",
                "the masks of the test images are all empty",
            ));
        }
        let first = test
            .first()
            .ok_or_else(|| Error::new("rehearse", "there is no test image"))?;
        let mask = first.mask.to_mask();
        let (first, reading) = measure_seconds(|| first.load_image());
        let first = first?;
        let (_, judging) = measure_seconds(|| metrics::score_masks(&mask, &mask, [1.0, 1.0]));
        let is_color = matches!(first.pixels, Pixels::Rgb8(_));
        let channels = rehearsal.channels.unwrap_or(if is_color { 3 } else { 1 });
        let size = course::input_size(first.columns, first.rows, rehearsal.size * rehearsal.size);
        let active = match &rehearsal.model {
            Some(model) if !model.card.takes_prompts => RoundStart::Model(Box::new(model.clone())),
            prompt_model => RoundStart::NewModel {
                size,
                channels,
                prompt_model: prompt_model.clone().map(Box::new),
            },
        };
        let learned = Vec::new();
        let held_out = Vec::new();
        let new = Vec::new();
        let sides = SubjectSides::default();
        let cost = (reading, judging);
        let not_yet = None;
        Ok(Self {
            rehearsal,
            pool,
            test,
            learned,
            held_out,
            sides,
            labels,
            table,
            active,
            active_test: None,
            previous: None,
            trained: 0,
            not_yet,
            next_case: 0,
            new,
            cost,
        })
    }

    fn judge_for_model(&self, model: &Model) -> Result<Judge> {
        Judge::new(
            model.card.clone(),
            model.weights.clone(),
            &self.labels,
            self.rehearsal.device,
        )
    }

    /// A judge for the active model; `None` if there is none yet.
    pub(super) fn active_judge(&self) -> Result<Option<Judge>> {
        match &self.active {
            RoundStart::Model(model) => self.judge_for_model(model).map(Some),
            RoundStart::NewModel { .. } => Ok(None),
        }
    }

    /// Corrects cases until there are `cases` for training; false if the folder has no more or on cancellation.
    pub(super) fn correct_until(&mut self, cases: usize, control: &Control) -> Result<bool> {
        let mut judge = self.active_judge()?;
        if self.rehearsal.order == RehearsalOrder::Doubt
            && let Some(judge) = &mut judge
        {
            self.sort_by_doubt(judge)?;
        }
        self.new.clear();
        while self.learned.len() < cases {
            if !control.may_go_on() {
                return Ok(false);
            }
            let Some(pair) = self.pool.pop() else {
                return Ok(false);
            };
            let mut exercise = exercise_for_pair(&pair, &self.table, self.next_case)?;
            self.next_case += 1;
            let truth = exercise.mask.to_mask();
            let proposed = match &mut judge {
                Some(judge) => judge.propose_mask(&exercise)?,
                None => Mask::new_blank(truth.columns(), truth.rows()),
            };
            let changed = truth
                .pixel_labels()
                .iter()
                .zip(proposed.pixel_labels())
                .filter(|(t, p)| t != p)
                .count();
            let drawn = truth.pixel_labels().iter().filter(|l| **l > 0).count();
            self.new
                .push((changed as u64, changed as f64 / drawn.max(1) as f64));
            if judge.is_some() {
                exercise.before = Some(PackedMask::from_mask(&proposed));
            }
            match self.sides.side_of(&pair.subject) {
                Side::HoldOut => self.held_out.push(exercise),
                Side::Training => self.learned.push(exercise),
            }
        }
        Ok(true)
    }

    /// Sorts the next pairs by decreasing uncertainty of the model, with every third one at random.
    fn sort_by_doubt(&mut self, judge: &mut Judge) -> Result<()> {
        // A part of the pool is enough to find uncertain ones.
        const LOOKED_AT: usize = 120;
        let looked_at = self
            .pool
            .split_off(self.pool.len().saturating_sub(LOOKED_AT));
        let mut doubts = Vec::with_capacity(looked_at.len());
        for pair in looked_at {
            doubts.push((judge.picture_uncertainty(&pair.image_source())?, pair));
        }
        doubts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut rng =
            SmallRng::seed_from_u64(self.rehearsal.plan.seed.wrapping_add(self.next_case as u64));
        let mut sorted: Vec<DatasetPair> = doubts.into_iter().map(|(_, pair)| pair).collect();
        let mut mixed = Vec::with_capacity(sorted.len());
        while let Some(last) = sorted.pop() {
            mixed.push(last);
            if mixed.len() % 3 == 2 && !sorted.is_empty() {
                let at = rand::RngExt::random_range(&mut rng, 0..sorted.len());
                mixed.push(sorted.remove(at));
            }
        }
        self.pool.extend(mixed.into_iter().rev());
        Ok(())
    }

    pub(super) fn run_round(
        &mut self,
        control: &Control,
        phase: &mut dyn FnMut(RoundPhase),
    ) -> Result<Option<RoundResult>> {
        let begun = Instant::now();
        let number = self
            .rehearsal
            .cases
            .iter()
            .filter(|n| **n <= self.learned.len())
            .count();
        let course = Course {
            start: self.not_yet.as_ref().unwrap_or(&self.active),
            is_start_active: self.not_yet.is_none(),
            labels: &self.labels,
            name: "Rehearsal".into(),
            version: number.to_string(),
            exercises: &self.learned,
            held_out: &self.held_out,
            plan: self.round_plan(number),
            device: self.rehearsal.device,
            resume: None,
        };
        let Some(candidate) = course::train_candidate(course, control, phase, &mut |_| Ok(()))?
        else {
            return Ok(None);
        };
        let seconds = begun.elapsed().as_secs_f64();
        let second_look = self.look_again(control)?;
        if !control.may_go_on() {
            return Ok(None);
        }
        let mut result = self.judged_result(&candidate, second_look, seconds)?;
        self.follow_decision(candidate, &result);
        result.test_dice = self.active_test_dice()?.unwrap_or(0.0);
        self.learned.iter_mut().for_each(|e| e.is_new = false);
        Ok(Some(result))
    }

    /// Settings of the training of a round.
    fn round_plan(&self, number: usize) -> Plan {
        // Time for reading before and for finishing and judging after the training.
        let aside = 0.055 * self.rehearsal.seconds + self.judging_time();
        Plan {
            length: match self.rehearsal.steps {
                Some(steps) => Length::Steps(steps),
                None => Length::Seconds(
                    (self.rehearsal.seconds - aside).max(0.5 * self.rehearsal.seconds),
                ),
            },
            seed: self.rehearsal.plan.seed.wrapping_add(number as u64),
            ..self.rehearsal.plan.clone()
        }
    }

    /// The result of a round, with the test Dice of the model that was active before it.
    fn judged_result(
        &mut self,
        candidate: &RoundCandidate,
        second_look: Option<SecondLook>,
        seconds: f64,
    ) -> Result<RoundResult> {
        let report = &candidate.report;
        let decision = GateDecision::of_verdict(&report.verdict);
        let candidate_test_dice = self.test_dice(&candidate.model)?;
        let active_test_dice = self.active_test_dice()?;
        let accepted = decision.accepts();
        let went_back = !accepted && second_look.as_ref().is_some_and(SecondLook::advises_return);
        Ok(RoundResult {
            seed: self.rehearsal.plan.seed,
            cases: self.learned.len(),
            holdout_cases: self.held_out.len(),
            holdout_subjects: report.subjects,
            test_dice: active_test_dice.unwrap_or(0.0),
            active_test_dice,
            candidate_test_dice,
            lost_test_dice: lost_by_decision(accepted, active_test_dice, candidate_test_dice),
            decision,
            probability: report.probability,
            second_look,
            went_back,
            holdout_dice: holdout_dice(report, accepted).filter(|_| !went_back),
            accepted,
            reason: report.verdict.reason_text().to_owned(),
            seconds,
            steps: candidate.learned.steps,
            corrected_pixels: self.new.iter().map(|(pixels, _)| pixels).sum(),
            corrected_share: self.new.iter().map(|(_, share)| share).sum::<f64>()
                / self.new.len().max(1) as f64,
        })
    }

    /// Makes active what the result says: the candidate, the model before, or what is active now.
    fn follow_decision(&mut self, candidate: RoundCandidate, result: &RoundResult) {
        if result.accepted {
            let next = RoundStart::Model(Box::new(candidate.model));
            self.previous = match mem::replace(&mut self.active, next) {
                RoundStart::Model(model) if self.trained > 0 => Some((model, self.active_test)),
                RoundStart::Model(_) | RoundStart::NewModel { .. } => None,
            };
            self.active_test = Some(result.candidate_test_dice);
            self.trained = self.learned.len();
            self.not_yet = None;
        } else if result.went_back {
            if let Some((model, test)) = self.previous.take() {
                self.active = RoundStart::Model(model);
                self.active_test = test;
            }
        } else if result.decision == GateDecision::NotYet {
            self.not_yet = Some(RoundStart::Model(Box::new(candidate.model)));
        }
    }

    /// Compares the active model with the one before it on cases of subjects that came in since, and on the hold-out
    /// cases; `None` without a model before or without such cases, and if cancelled.
    fn look_again(&self, control: &Control) -> Result<Option<SecondLook>> {
        let (Some((previous, _)), RoundStart::Model(active)) = (&self.previous, &self.active)
        else {
            return Ok(None);
        };
        let (known, since) = self.learned.split_at(self.trained.min(self.learned.len()));
        let known: BTreeSet<&str> = known.iter().map(|old| old.subject.as_str()).collect();
        let mut exercises: Vec<Exercise> = since
            .iter()
            .filter(|new| !known.contains(new.subject.as_str()))
            .cloned()
            .collect();
        let new_cases = exercises.len();
        if new_cases == 0 {
            return Ok(None);
        }
        exercises.extend_from_slice(&self.held_out);
        let labels = &self.labels;
        let device = self.rehearsal.device;
        let Some(before) = score_model(previous, &exercises, labels, device, control)? else {
            return Ok(None);
        };
        let Some(after) = score_model(active, &exercises, labels, device, control)? else {
            return Ok(None);
        };
        let names = ["the active model", "the model before it"];
        Ok(SecondLook::new(
            &pair_scores(&before, after),
            new_cases,
            names,
        ))
    }

    /// Seconds for reading and judging.
    fn judging_time(&self) -> f64 {
        const NETWORK: f64 = 0.03;
        let (reading, judging) = self.cost;
        // Resampling an image to the input takes about as long as reading it.
        let learned = self.learned.len() as f64
            * (2.0 * reading / rayon::current_num_threads() as f64 + NETWORK);
        learned + 2.0 * self.held_out.len() as f64 * (reading + judging + 2.0 * NETWORK)
    }

    /// Mean Dice of the active model on the test set; `None` if there is none.
    pub(super) fn active_test_dice(&mut self) -> Result<Option<f64>> {
        if self.active_test.is_none()
            && let RoundStart::Model(model) = &self.active
        {
            self.active_test = Some(self.test_dice(model)?);
        }
        Ok(self.active_test)
    }

    fn test_dice(&self, model: &Model) -> Result<f64> {
        let mut judge = self.judge_for_model(model)?;
        let mut sum = 0.0;
        for exercise in &self.test {
            sum += dice_overlap(&judge.propose_mask(exercise)?, &exercise.mask.to_mask());
        }
        Ok(sum / self.test.len().max(1) as f64)
    }
}

/// True if the mask is not empty.
fn has_labels(exercise: &Exercise) -> bool {
    let mask = exercise.mask.to_mask();
    mask.pixel_labels().iter().any(|label| *label > 0)
}

/// The result of `work` and how many seconds it took.
fn measure_seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let begun = Instant::now();
    (work(), begun.elapsed().as_secs_f64())
}

/// Mean Dice on the test set that a decision lost.
fn lost_by_decision(accepted: bool, active: Option<f64>, candidate: f64) -> f64 {
    let gain = active.map_or(0.0, |active| candidate - active);
    let lost = if accepted { -gain } else { gain };
    lost.max(0.0)
}

fn holdout_dice(report: &GateReport, accepted: bool) -> Option<f64> {
    let (active, candidate) = report.mean_scores();
    let mean = if accepted { candidate } else { active };
    mean.map(|scores| scores.dice)
}

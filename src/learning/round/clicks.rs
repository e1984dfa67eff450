//! The part of a round that fine-tunes the click model: whether there is one, what it costs, and the version that it makes.

use super::{WorkspaceRound, state_of_verdict};
use crate::{
    Error, Result,
    learning::{
        clicks::{ClickCandidate, ClickCourse, memory_bytes, train_clicks},
        cost,
        exercise::Exercise,
        model::Model,
    },
};
use labrum_core::{
    holdout::Side,
    learning::{ModelKind, NewVersion},
    progress::Control,
    training::{ClickPlan, ClickTraining, Length, RoundPhase},
};
use labrum_nn::{
    checkpoint,
    prompt::encode::CHANNELS,
    train::state::{self, TrainingState},
};
use std::time::Instant;

/// Minimum number of training cases: fewer say little about what the objects have in common.
const FEWEST_CASES: usize = 3;
/// Side of the input of the shipped click model in pixels, for estimates.
const USUAL_SIDE: usize = 96;

/// Estimated effort of fine-tuning.
pub(super) struct ClickCost {
    /// Seconds, with reading and judging.
    pub(super) seconds: f64,
    /// Peak memory in bytes.
    pub(super) memory: u64,
}

impl WorkspaceRound {
    /// True if the round also fine-tunes the click model: there are at least three training cases and, unless the settings
    /// say otherwise, prompts were used on accepted cases.
    pub fn trains_clicks(&self) -> bool {
        let is_wanted = match self.settings.clicks.when {
            ClickTraining::Always => true,
            ClickTraining::Never => false,
            ClickTraining::WhenUsed => self.snapshot.iter().any(|s| !s.prompted.is_empty()),
        };
        is_wanted && self.count_on_side(Side::Training).0 >= FEWEST_CASES
    }

    /// The effort of fine-tuning on `threads` threads; `None` if the round does not.
    pub(super) fn click_cost(&self, threads: usize) -> Option<ClickCost> {
        if !self.trains_clicks() {
            return None;
        }
        let plan = self.click_plan(USUAL_SIDE, threads);
        let step = cost::click_step_seconds(USUAL_SIDE, plan.batch, threads);
        let training = match plan.length {
            Length::Seconds(seconds) => seconds,
            Length::Steps(steps) => steps as f64 * step,
        };
        let learned = self.snapshot.iter().filter(|s| s.side == Side::Training);
        let pixels: Vec<usize> = learned
            .map(|s| pixel_count(s.mask.columns_and_rows()))
            .collect();
        Some(ClickCost {
            seconds: training + self.click_overhead(),
            memory: memory_bytes(&pixels, USUAL_SIDE, plan.batch),
        })
    }

    /// Fine-tunes the click model; `None` if the round does not, or if it was cancelled.
    ///
    /// # Errors
    /// A start that cannot be read, masks without objects, an image that cannot be read, a failure of the device.
    pub(super) fn train_click_version(
        &self,
        control: &Control,
        phase: &mut dyn FnMut(RoundPhase),
    ) -> Result<Option<NewVersion>> {
        if !self.trains_clicks() {
            return Ok(None);
        }
        let begun = Instant::now();
        let settings = &self.settings.clicks;
        let start = match &settings.start {
            Some(file) => Model::read_file(file).map_err(|error| {
                error.with_advice(
                    "Make another version, or the built-in model, of the Click tool active.",
                )
            })?,
            None => Model::shipped_click()?,
        };
        let [exercises, held_out] = [Side::Training, Side::HoldOut].map(|side| {
            let of_side = self.snapshot.iter().filter(|s| s.side == side);
            of_side.map(Exercise::from_slice).collect::<Vec<_>>()
        });
        let plan = self.click_plan(start.card.input.columns, rayon::current_num_threads());
        let file = &self.click_checkpoint;
        let config = start.card.config;
        let course = ClickCourse {
            start: &start,
            version: format!("round-{}", self.key.0),
            exercises: &exercises,
            held_out: &held_out,
            plan: &plan,
            device: self.device,
            resume: state::read_from_file(file, config, CHANNELS, 2),
        };
        let mut told = |step| phase(phase_of_clicks(step));
        let mut keep = |state: &TrainingState| self.write_state(file, state);
        let Some(candidate) = train_clicks(course, control, &mut told, &mut keep)? else {
            return Ok(None);
        };
        self.click_version(candidate, &start, &plan, begun)
            .map(Some)
    }

    fn click_version(
        &self,
        candidate: ClickCandidate,
        start: &Model,
        plan: &ClickPlan,
        begun: Instant,
    ) -> Result<NewVersion> {
        let settings = &self.settings.clicks;
        let Model { card, weights } = &candidate.model;
        let start_title = format!("{} {}", start.card.name, start.card.version);
        Ok(NewVersion {
            round: self.key,
            kind: ModelKind::Clicks,
            name: format!("{} {}", card.name, card.version),
            parent: settings.parent,
            parent_name: match settings.start_name.as_str() {
                "" => start_title,
                name => name.to_owned(),
            },
            state: state_of_verdict(&candidate.report.verdict),
            hash: checkpoint::weights_hash(weights),
            cases: self.count_on_side(Side::Training).0 as u32,
            seconds: begun.elapsed().as_secs_f64(),
            steps: candidate.steps as u32,
            settings: serde_json::to_string(&serde_json::json!({ "plan": plan }))
                .map_err(|e| Error::new("save the settings of the round", e))?,
            bytes: checkpoint::to_bytes(card, weights)?.into(),
            report: candidate.report,
        })
    }

    /// Settings of fine-tuning a model whose input has `side * side` pixels. A length that was given for the round is taken;
    /// otherwise it takes as long as the round itself.
    fn click_plan(&self, side: usize, threads: usize) -> ClickPlan {
        let plan = ClickPlan {
            seed: self.settings.plan.seed,
            ..ClickPlan::default()
        };
        let length = match self.settings.plan.length {
            Length::Steps(0) => {
                let step = cost::click_step_seconds(side, plan.batch, threads);
                let seconds = self.settings.seconds;
                let aside = self.click_overhead();
                Length::Steps(cost::click_step_count(seconds, aside, step))
            }
            given => given,
        };
        ClickPlan { length, ..plan }
    }

    /// Seconds for reading the images and judging.
    fn click_overhead(&self) -> f64 {
        let slices = self.count_on_side(Side::Training).1;
        cost::click_overhead_seconds(slices, self.count_on_side(Side::HoldOut).0)
    }
}

/// A phase of fine-tuning as a phase of the round.
fn phase_of_clicks(phase: RoundPhase) -> RoundPhase {
    match phase {
        RoundPhase::Training(progress) => RoundPhase::TrainingClicks(progress),
        RoundPhase::Judging => RoundPhase::JudgingClicks,
        other => other,
    }
}

fn pixel_count((columns, rows): (u32, u32)) -> usize {
    columns as usize * rows as usize
}

//! State of the learning loop: the running round, the versions, and open decisions.

use super::{case::Case, job::RunId};
use labrum_core::{
    gate::GateReport,
    learning::{ModelKind, NewVersion, RoundKey, Version, VersionKey, VersionState, WorkReport},
    progress::Control,
    study::Status,
    training::{Estimate, RoundPhase, RoundProgress},
};
use std::{path::PathBuf, time::Duration};

/// Maximum number of points of the loss curve.
const CURVE_POINTS: usize = 400;

/// A request about training and versions.
#[derive(Clone, Debug, PartialEq)]
pub enum LearnAction {
    /// Start a round of training.
    Start,
    /// Cancel the round.
    Cancel,
    /// Give up the resumed round and start a new one on the current masks.
    Anew,
    /// Pause or resume the round.
    Pause(bool),
    /// Make a version active; also accepts an undecided one.
    Activate(VersionKey),
    /// Reject an undecided version.
    Reject(VersionKey),
    /// Use the shipped or opened models again.
    Deactivate,
    /// Use the shipped model for clicks again.
    UseShippedClicks,
    /// Rename a version.
    Rename(VersionKey, String),
    /// Delete a version that is not active, and its file.
    Delete(VersionKey),
    /// Export a version to a folder, as safetensors with its card.
    Export(VersionKey, PathBuf),
    /// Compare two versions on the current hold-out set.
    Compare(VersionKey, VersionKey),
    /// Show a hold-out case of a report on the canvas.
    ShowCase(i64),
    /// Make the work report.
    Report,
    /// Export the work report to a folder, as CSV and JSON.
    ExportReport(PathBuf),
}

/// The phase of the running round.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Doing {
    /// Waiting for the snapshot of the accepted masks.
    #[default]
    Collecting,
    /// Reading images.
    Reading {
        /// Images read so far.
        done: usize,
        /// Images in total.
        total: usize,
    },
    /// Training.
    Training,
    /// Evaluating the candidate on the hold-out set.
    Judging,
    /// Fine-tuning the click model.
    TrainingClicks,
    /// Evaluating the candidate for the click model on the hold-out set.
    JudgingClicks,
}

/// The running round.
#[derive(Clone, Debug)]
pub struct Running {
    /// Cancels it, pauses it, or makes it yield.
    pub control: Control,
    /// Estimated effort; `None` until the snapshot is there.
    pub estimate: Option<Estimate>,
    /// Its current phase.
    pub doing: Doing,
    /// Fraction of the training that is done, 0..=1.
    pub done: f64,
    /// Estimated time left.
    pub remaining: Option<Duration>,
    /// Step and loss, subsampled.
    pub loss: Vec<[f64; 2]>,
    /// Step and Dice on the validation split.
    pub validation: Vec<[f64; 2]>,
    /// It resumes an interrupted round.
    pub is_resumed: bool,
    /// Its key in the workspace; `None` until the snapshot is there.
    pub key: Option<RoundKey>,
    /// The job that runs it; events of other jobs belong to abandoned rounds.
    pub attempt: RunId,
    /// The model that proposes masks is trained; what follows is about the click model.
    pub is_on_clicks: bool,
}

/// The learning loop.
#[derive(Clone, Debug, Default)]
pub struct Learning {
    /// The running round.
    pub running: Option<Running>,
    /// All versions of the workspace, oldest first.
    pub versions: Vec<Version>,
    /// The versions of the last round, until their reports were looked at.
    pub fresh: Vec<VersionKey>,
    /// The comparison of two versions; the first is in the place of the active model.
    pub comparison: Option<(VersionKey, VersionKey, Box<GateReport>)>,
    /// A comparison is running.
    pub is_comparing: bool,
    /// The work report.
    pub report: Option<Box<WorkReport>>,
    /// Cases accepted since the last round began.
    pub newly_accepted: u32,
    /// The user accepted a case since the last count. Cases of a workspace that was just opened start no round.
    pub(super) was_accepted: bool,
}

impl Learning {
    /// The active version that proposes masks; `None` if a shipped or opened model is used.
    pub fn active_version(&self) -> Option<&Version> {
        self.active_version_of(ModelKind::Masks)
    }

    /// The active version that answers clicks; `None` if the shipped model is used.
    pub fn active_click_version(&self) -> Option<&Version> {
        self.active_version_of(ModelKind::Clicks)
    }

    /// The active version of a kind.
    pub fn active_version_of(&self, kind: ModelKind) -> Option<&Version> {
        self.versions.iter().find(|v| v.is_active_for(kind))
    }

    /// A version by its key.
    pub fn version_by_key(&self, key: VersionKey) -> Option<&Version> {
        self.versions.iter().find(|v| v.key == key)
    }

    /// The newest version for masks, if it is not good enough yet to propose them; the next round continues from it.
    pub fn not_yet(&self) -> Option<&Version> {
        let mut newest = self.versions.iter().rev();
        newest
            .find(|v| v.kind == ModelKind::Masks)
            .filter(|v| v.state == VersionState::Rejected && v.report.verdict.is_not_yet())
    }

    /// The newest version that waits for the user's decision.
    pub fn undecided_version(&self) -> Option<&Version> {
        self.versions
            .iter()
            .rev()
            .find(|v| v.state == VersionState::Undecided)
    }
}

impl Running {
    /// Updates phase and progress.
    pub(super) fn enter_phase(&mut self, phase: RoundPhase) {
        match phase {
            RoundPhase::Reading { done, total } => self.begin(Doing::Reading { done, total }),
            RoundPhase::Judging => {
                self.is_on_clicks = true;
                self.begin(Doing::Judging);
            }
            RoundPhase::JudgingClicks => self.begin(Doing::JudgingClicks),
            RoundPhase::Training(progress) => self.add_progress(Doing::Training, progress),
            RoundPhase::TrainingClicks(progress) => {
                if self.doing != Doing::TrainingClicks {
                    // Its steps are counted from 1 again.
                    self.loss.clear();
                    self.validation.clear();
                }
                self.is_on_clicks = true;
                self.add_progress(Doing::TrainingClicks, progress);
            }
        }
    }

    fn add_progress(&mut self, doing: Doing, progress: RoundProgress) {
        match progress {
            RoundProgress::Step {
                step,
                done,
                loss,
                remaining,
            } => {
                self.doing = doing;
                self.done = done;
                self.remaining = Some(remaining);
                self.loss.push([step as f64, loss]);
                if self.loss.len() > CURVE_POINTS {
                    self.loss = self.loss.iter().step_by(2).copied().collect();
                }
            }
            RoundProgress::Validation { step, dice, .. } => {
                self.validation.push([step as f64, dice]);
            }
        }
    }

    fn begin(&mut self, doing: Doing) {
        self.doing = doing;
        self.remaining = None;
    }

    /// Time until the round ends: the estimate before the first step, later extrapolated from the steps so far.
    pub fn time_left(&self) -> Option<Duration> {
        let estimate = self.estimate.as_ref();
        let of_clicks = estimate.and_then(|estimate| estimate.click_seconds);
        match (self.doing.clone(), self.remaining) {
            (Doing::Judging | Doing::JudgingClicks, _) => None,
            (_, Some(remaining)) if self.is_on_clicks => Some(remaining),
            (_, Some(remaining)) => Some(remaining + duration(of_clicks.unwrap_or(0.0))),
            (_, None) if self.is_on_clicks => of_clicks.map(duration),
            (_, None) => estimate.map(|estimate| duration(estimate.seconds)),
        }
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

/// What a round has made, a sentence.
pub(super) fn version_message(version: &NewVersion) -> String {
    let name = &version.name;
    let verdict = &version.report.verdict;
    let reason = verdict.reason_text();
    match (version.kind, version.state) {
        (_, VersionState::Undecided) => format!("{name} needs your decision."),
        (ModelKind::Masks, VersionState::Accepted) => format!("{name} is active now: {reason}."),
        (ModelKind::Masks, VersionState::Rejected) if verdict.is_not_yet() => format!(
            "{name} cannot propose masks yet: {reason}. Accept more cases and train again; \
             the next round continues from it."
        ),
        (ModelKind::Masks, VersionState::Rejected) => {
            format!("{name} was rejected: {reason}. The active model does not change.")
        }
        (ModelKind::Clicks, VersionState::Accepted) => {
            format!("The Click tool now uses {name}: {reason}.")
        }
        (ModelKind::Clicks, VersionState::Rejected) => {
            format!("{name} was rejected: {reason}. The Click tool keeps its model.")
        }
    }
}

impl Case {
    /// True while no proposal may be shown on it.
    pub fn hides_proposals(&self) -> bool {
        self.is_blind && self.status != Status::Accepted
    }
}

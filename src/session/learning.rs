//! The learning loop as the window sees it: the round that runs, the versions, what a person is asked.

use super::{
    Fitting, Session,
    case::{Case, SliceState},
    job::RunId,
};
use labrum_core::{
    gate::GateReport,
    learning::{RoundKey, Version, VersionKey, VersionState, WorkReport},
    progress::Control,
    study::Status,
    training::{Estimate, Loss},
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// What a person asks of the learning loop.
#[derive(Clone, Debug, PartialEq)]
pub enum LearnAction {
    /// Begin a round.
    Start,
    /// Stop the round.
    Cancel,
    /// Give up the round that goes on where it was cut off, and begin another on the masks as they are now.
    Anew,
    /// Let the round wait, or go on.
    Pause(bool),
    /// Make a version active; also the answer where a person is asked.
    Activate(VersionKey),
    /// Turn an undecided version down.
    Reject(VersionKey),
    /// Go back to the shipped or opened models.
    Deactivate,
    /// Call a version something else.
    Rename(VersionKey, String),
    /// Remove a version that is not active, and its file.
    Delete(VersionKey),
    /// Write a version into a folder: safetensors with its card.
    Export(VersionKey, PathBuf),
    /// Judge two versions on the hold-out as it is now.
    Compare(VersionKey, VersionKey),
    /// Show a held-out case of a report on the canvas.
    ShowCase(i64),
    /// Work out the report on the work.
    Report,
    /// Write the report on the work into a folder, as CSV and JSON.
    ExportReport(PathBuf),
}

/// How rounds are done, as far as a person chooses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LearnSettings {
    /// A round begins by itself after so many newly accepted cases; 0 for never.
    pub after_cases: u32,
    /// A round works for about so many seconds.
    pub seconds: f64,
    /// The loss function.
    pub loss: Loss,
    /// One in so many new cases is shown without the proposal, so that the person's own drawing stays a measure; 0 for
    /// none.
    pub without_proposal: u32,
}

impl Default for LearnSettings {
    fn default() -> Self {
        Self {
            after_cases: 0,
            seconds: 60.0,
            loss: Loss::BoundaryDou,
            without_proposal: 0,
        }
    }
}

/// What a round that runs is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Doing {
    /// It waits for the snapshot of the accepted masks.
    #[default]
    Collecting,
    /// It reads images.
    Reading {
        /// So many.
        done: usize,
        /// Of so many.
        total: usize,
    },
    /// It trains.
    Training,
    /// It judges the candidate on the hold-out.
    Judging,
}

/// A round that runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// To stop it, to pause it, to make it give way.
    pub control: Control,
    /// What it will take; `None` until the snapshot is there.
    pub estimate: Option<Estimate>,
    /// What it does now.
    pub doing: Doing,
    /// Share of the training that is done, 0..=1.
    pub done: f64,
    /// Time still to go.
    pub remaining: Option<Duration>,
    /// Step and loss, thinned out.
    pub loss: Vec<[f64; 2]>,
    /// Step and Dice on the validation part.
    pub validation: Vec<[f64; 2]>,
    /// It goes on where an earlier one was cut off.
    pub is_resumed: bool,
    /// Which round of the workspace; `None` until the snapshot is there.
    pub key: Option<RoundKey>,
    /// The job that does it; what others tell is of a round that was left.
    pub attempt: RunId,
}

/// The learning loop.
#[derive(Clone, Debug, Default)]
pub struct Learning {
    /// The round that runs.
    pub running: Option<Running>,
    /// All versions of the workspace, oldest first.
    pub versions: Vec<Version>,
    /// The version whose report is to be shown: the last round's, until it was looked at.
    pub fresh: Option<VersionKey>,
    /// Two versions compared: first the one that stands for the active model.
    pub comparison: Option<(VersionKey, VersionKey, Box<GateReport>)>,
    /// A comparison goes on.
    pub is_comparing: bool,
    /// What the work cost.
    pub report: Option<Box<WorkReport>>,
    /// Cases accepted since the last round began.
    pub newly_accepted: u32,
    /// A person accepted one since that was counted: what a workspace brings along begins no round.
    pub(super) was_accepted: bool,
}

impl Learning {
    /// The version that proposes masks now; `None` where a shipped or opened model does.
    pub fn active_version(&self) -> Option<&Version> {
        self.versions.iter().find(|v| v.is_active)
    }

    /// A version by its key.
    pub fn version_by_key(&self, key: VersionKey) -> Option<&Version> {
        self.versions.iter().find(|v| v.key == key)
    }

    /// The newest version where it did not find enough to propose masks, and is what the next round goes on from.
    pub fn not_yet(&self) -> Option<&Version> {
        self.versions
            .last()
            .filter(|v| v.state == VersionState::Rejected && v.report.verdict.is_not_yet())
    }

    /// The newest version that a person has to decide about.
    pub fn undecided_version(&self) -> Option<&Version> {
        self.versions
            .iter()
            .rev()
            .find(|v| v.state == VersionState::Undecided)
    }
}

impl Session {
    /// True where a case waits with proposals of another model than the one that would run on it now.
    pub fn is_stale(&self, case: &Case) -> bool {
        self.model_against(case).is_some_and(|model| {
            case.slices
                .iter()
                .any(|slice| slice.is_proposed_by_other(&model))
        })
    }

    /// The same for one slice.
    pub fn is_stale_on(&self, case: &Case, slice: usize) -> bool {
        let slice = case.slices.get(slice);
        self.model_against(case)
            .zip(slice)
            .is_some_and(|(model, slice)| slice.is_proposed_by_other(&model))
    }

    /// The model that untouched proposals of a case should come from.
    fn model_against(&self, case: &Case) -> Option<String> {
        match self.fitting_model(case) {
            Fitting::Model { index, .. } if case.status == Status::Proposed => {
                Some(self.models.get(index)?.display_title())
            }
            _ => None,
        }
    }
}

impl Running {
    /// Time until the verdict: what was estimated before the first step, then what the steps so far say.
    pub fn time_left(&self) -> Option<Duration> {
        match self.doing {
            Doing::Judging => None,
            _ => self.remaining.or_else(|| {
                Some(Duration::from_secs_f64(
                    self.estimate.as_ref()?.seconds.max(0.0),
                ))
            }),
        }
    }
}

impl Case {
    /// True while no proposal is to be seen on it.
    pub fn hides_proposals(&self) -> bool {
        self.is_blind && self.status != Status::Accepted
    }
}

impl SliceState {
    fn is_proposed_by_other(&self, model: &str) -> bool {
        !self.is_touched
            && self
                .proposal
                .as_ref()
                .is_some_and(|proposal| *proposal.model != *model)
    }
}

//! Plain data between the session and the learning loop: rounds wished for, begun, trained and ended; versions.

use super::{DeviceChoice, RunId};
use crate::{Result, session::learning::Doing};
use labrum_core::{
    label::Label,
    learning::{NewVersion, RoundKey, SnapshotSlice, VersionKey},
    progress::Control,
    training::{Estimate, RoundSettings},
};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// A round that is wished for.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundWish {
    /// The version that it starts from, where it is one.
    pub parent: Option<VersionKey>,
    /// How it is done.
    pub settings: RoundSettings,
}

/// What came of a round.
#[derive(Clone, Debug, PartialEq)]
pub enum RoundOutcome {
    /// A version.
    Version(Box<NewVersion>),
    /// It was stopped.
    Cancelled,
    /// It could not be done; the reason.
    Failed(String),
}

/// Something with the list of versions.
#[derive(Clone, Debug, PartialEq)]
pub enum VersionJob {
    /// Make one active; `None` for the models outside of the workspace.
    Activate(Option<VersionKey>),
    /// Turn an undecided one down.
    Reject(VersionKey),
    /// Call one something else.
    Rename(VersionKey, String),
    /// Remove one and its file.
    Delete(VersionKey),
    /// Write one into a folder.
    Export(VersionKey, PathBuf),
    /// Take a snapshot to compare two on.
    Compare(VersionKey, VersionKey),
}

/// A round that has begun: all that the training needs of the workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct BegunRound {
    /// Which.
    pub key: RoundKey,
    /// The accepted masks as they are now.
    pub snapshot: Vec<SnapshotSlice>,
    /// How it is done.
    pub settings: RoundSettings,
    /// The version that it starts from.
    pub parent: Option<VersionKey>,
    /// Where states to go on from are written.
    pub checkpoint: PathBuf,
    /// It was cut off before and goes on.
    pub is_resumed: bool,
}

/// Do a round of training.
#[derive(Clone, Debug)]
pub struct TrainJob {
    /// Which job: a round that was left and is taken up again is done by a new one.
    pub attempt: RunId,
    /// What the workspace gave for it.
    pub begun: Arc<BegunRound>,
    /// The labels of the workspace.
    pub labels: Arc<[Label]>,
    /// What a model that starts from nothing is called.
    pub name: String,
    /// Where it runs.
    pub device: DeviceChoice,
    /// Threads that compute.
    pub threads: usize,
    /// To stop it, to pause it, to make it give way.
    pub control: Control,
}

/// Judge two versions on the hold-out.
#[derive(Clone, Debug)]
pub struct CompareJob {
    /// The one that stands for the active model, and its file.
    pub first: (VersionKey, PathBuf),
    /// The other.
    pub second: (VersionKey, PathBuf),
    /// The accepted masks.
    pub snapshot: Vec<SnapshotSlice>,
    /// The labels of the workspace.
    pub labels: Arc<[Label]>,
    /// Where it runs.
    pub device: DeviceChoice,
    /// Threads that compute.
    pub threads: usize,
}

/// What a round tells.
#[derive(Debug)]
pub enum RoundEvent {
    /// What it will take.
    Estimated(Estimate),
    /// What it does now.
    Doing(Doing),
    /// A step is done.
    Step {
        /// From 1.
        step: usize,
        /// Share of the training that is done, 0..=1.
        done: f64,
        /// Running mean of the loss.
        loss: f64,
        /// Time still to go.
        remaining: Duration,
    },
    /// The average of the weights was looked at.
    Validation {
        /// After so many steps.
        step: usize,
        /// Mean Dice.
        dice: f64,
    },
    /// It ended: with a version, cancelled, or failed.
    Ended(Result<Option<Box<NewVersion>>>),
}

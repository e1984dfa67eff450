//! Plain data of the learning loop: rounds requested, begun, trained and ended; versions.

use super::RunId;
use crate::Result;
use labrum_core::{
    device::DeviceChoice,
    label::Label,
    learning::{ModelKind, PreviousVersion, RoundKey, RoundVersions, SnapshotSlice, VersionKey},
    progress::Control,
    training::{Estimate, RoundPhase, RoundSettings},
};
use std::{path::PathBuf, sync::Arc};

/// A request for a round of training.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundWish {
    /// The version that it starts from, if any.
    pub parent: Option<VersionKey>,
    /// Settings of the training.
    pub settings: RoundSettings,
}

/// The outcome of a round.
#[derive(Clone, Debug, PartialEq)]
pub enum RoundOutcome {
    /// It made versions.
    Versions(Box<RoundVersions>),
    /// It was cancelled.
    Cancelled,
    /// It failed; the reason.
    Failed(String),
}

/// A change to the list of versions.
#[derive(Clone, Debug, PartialEq)]
pub enum VersionJob {
    /// Make one active; `None` for the models outside the workspace.
    Activate(Option<VersionKey>),
    /// Use the shipped model for clicks.
    UseShippedClicks,
    /// Reject an undecided one.
    Reject(VersionKey),
    /// Rename one.
    Rename(VersionKey, String),
    /// Delete one and its file.
    Delete(VersionKey),
    /// Export one to a folder.
    Export(VersionKey, PathBuf),
    /// Take a snapshot of the accepted masks to compare two versions on.
    Compare(VersionKey, VersionKey),
}

/// A round that has begun: everything that the training needs from the workspace.
#[derive(Clone, Debug, PartialEq)]
pub struct BegunRound {
    /// Its key.
    pub key: RoundKey,
    /// The accepted masks as they are now.
    pub snapshot: Vec<SnapshotSlice>,
    /// Settings of the training.
    pub settings: RoundSettings,
    /// The version that it starts from.
    pub parent: Option<VersionKey>,
    /// The version that was active before that one.
    pub previous: Option<PreviousVersion>,
    /// File for checkpoints.
    pub checkpoint: PathBuf,
    /// File for checkpoints of the fine-tuning of the click model.
    pub click_checkpoint: PathBuf,
    /// It was interrupted and is resumed.
    pub is_resumed: bool,
}

/// Run a round of training.
#[derive(Clone, Debug)]
pub struct TrainJob {
    /// Id of this job; a resumed round gets a new one.
    pub attempt: RunId,
    /// The round.
    pub begun: Arc<BegunRound>,
    /// The labels of the workspace.
    pub labels: Arc<[Label]>,
    /// Name for a model that is trained from scratch.
    pub name: String,
    /// The device.
    pub device: DeviceChoice,
    /// Number of CPU threads.
    pub threads: usize,
    /// Cancels it, pauses it, or makes it yield.
    pub control: Control,
}

/// Compare two versions on the hold-out set.
#[derive(Clone, Debug)]
pub struct CompareJob {
    /// What both are for.
    pub kind: ModelKind,
    /// The version in the place of the active model, and its file.
    pub first: (VersionKey, PathBuf),
    /// The other version, and its file.
    pub second: (VersionKey, PathBuf),
    /// The accepted masks.
    pub snapshot: Vec<SnapshotSlice>,
    /// The labels of the workspace.
    pub labels: Arc<[Label]>,
    /// The device.
    pub device: DeviceChoice,
    /// Number of CPU threads.
    pub threads: usize,
}

/// News of a round.
#[derive(Debug)]
pub enum RoundEvent {
    /// Estimated effort.
    Estimated(Estimate),
    /// Its current phase and progress.
    Phase(RoundPhase),
    /// It ended: with versions, cancelled, or failed.
    Ended(Result<Option<Box<RoundVersions>>>),
}

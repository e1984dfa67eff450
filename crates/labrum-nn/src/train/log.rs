//! The log of a training from scratch, epoch by epoch, as JSON: the source of results and plots.

use labrum_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// A training, up to its last completed epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingLog {
    /// Name and version of the program.
    pub program: String,
    /// The command line.
    pub command: String,
    /// Start time (RFC 3339).
    pub begun: String,
    /// Display name of the device.
    pub device: String,
    /// All settings that affect the weights.
    pub settings: serde_json::Value,
    /// Number of images, and a hash of their names.
    pub images: Images,
    /// Completed epochs, in order.
    pub epochs: Vec<Epoch>,
    /// The weights that were kept as the best.
    pub best: Option<KeptWeights>,
    /// The weights of the last epoch.
    pub last: Option<KeptWeights>,
    /// True if the training ran to its end and was not stopped.
    pub is_finished: bool,
}

/// Number of images in each part of a training, and a hash of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// Number of training images.
    pub training: usize,
    /// Number of validation images, which decide the best epoch. If 0, the training images do, and all figures are
    /// theirs.
    pub validation: usize,
    /// Number of hold-out images, for the final figures.
    pub held_out: usize,
    /// SHA-256 (hex) of all image names, part by part.
    pub names: String,
}

/// Figures of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Steps since the start of the training.
    pub steps: usize,
    /// Seconds since the start of the training, without interruptions.
    pub seconds: f64,
    /// Mean loss of the steps.
    pub loss: f64,
    /// Mean Dice of the validation images (without any, of the training images), at the size of the network's input.
    pub dice: f64,
    /// Mean intersection over union of the same images, at the size of the network's input.
    pub iou: f64,
}

/// Weights that were written to a file, and their figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptWeights {
    /// Epoch of the weights, from 1.
    pub epoch: usize,
    /// SHA-256 (hex) of the weights.
    pub hash: String,
    /// Mean Dice of the validation images (without any, of the training images), at the size of the network's input.
    pub dice: f64,
    /// Mean intersection over union of the same images, at the size of the network's input.
    pub iou: f64,
}

impl TrainingLog {
    /// Reads a log file.
    pub fn read_from_file(path: &Path) -> Result<Self> {
        let bytes =
            fs::read(path).map_err(|e| unreadable_log(path, &labrum_core::reason_of(&e)))?;
        serde_json::from_slice(&bytes).map_err(|e| unreadable_log(path, &e.to_string()))
    }

    /// Removes everything after `steps` steps, since these are done again.
    pub(super) fn cut_to(&mut self, steps: usize) {
        self.epochs.retain(|epoch| epoch.steps <= steps);
        let last = self.epochs.last().map_or(0, |epoch| epoch.epoch);
        self.best.take_if(|best| best.epoch > last);
    }
}

fn unreadable_log(path: &Path, reason: &str) -> Error {
    Error::at_path("read the training log", path, reason)
        .with_advice("Choose a JSON file written by labrum train --log.")
}

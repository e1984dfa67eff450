//! What a training from a folder did, epoch by epoch, as JSON: results and plots are made from it.

use labrum_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A training, from its first epoch to its last so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainingLog {
    /// Name and version of the program.
    pub program: String,
    /// The command, as it was typed.
    pub command: String,
    /// When it began, as RFC 3339 has it.
    pub begun: String,
    /// The device.
    pub device: String,
    /// All that decides about the weights but the images.
    pub settings: serde_json::Value,
    /// The images.
    pub images: Images,
    /// In order.
    pub epochs: Vec<Epoch>,
    /// The weights that were kept as the best.
    pub best: Option<KeptWeights>,
    /// The weights of the last epoch.
    pub last: Option<KeptWeights>,
    /// It came to its end, and was not stopped.
    pub is_finished: bool,
}

/// How many images a training saw, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// Trained on.
    pub training: usize,
    /// Those that chose the best epoch; where there are none, the training images did, and all figures are of these.
    pub validation: usize,
    /// For the figures at the end.
    pub held_out: usize,
    /// SHA-256 (hex) of the names of all, part by part.
    pub names: String,
}

/// An epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// Steps since the beginning.
    pub steps: usize,
    /// Seconds of training since the beginning.
    pub seconds: f64,
    /// Mean loss.
    pub loss: f64,
    /// Mean Dice of the validation images at the size of the input; of the training images where there are none.
    pub dice: f64,
    /// Mean intersection over union of the validation images at the size of the input; of the training images where there are none.
    pub iou: f64,
}

/// Weights that were written to a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptWeights {
    /// Of which epoch.
    pub epoch: usize,
    /// SHA-256 (hex) of the weights.
    pub hash: String,
    /// Mean Dice of the validation images at the size of the input; of the training images where there are none.
    pub dice: f64,
    /// Mean intersection over union of the validation images at the size of the input; of the training images where there are none.
    pub iou: f64,
}

impl TrainingLog {
    /// Reads the file of a log.
    pub fn read_from_file(path: &Path) -> Result<Self> {
        let failed = |reason: String| {
            Error::at_path("read the log of a training", path, reason)
                .with_advice("Give a JSON file that labrum train --log has written.")
        };
        let bytes = std::fs::read(path).map_err(|e| failed(labrum_core::reason_of(&e)))?;
        serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))
    }

    /// Forgets what came after `steps` steps: it is done again.
    pub(super) fn cut_to(&mut self, steps: usize) {
        self.epochs.retain(|epoch| epoch.steps <= steps);
        let last = self.epochs.last().map_or(0, |epoch| epoch.epoch);
        self.best.take_if(|best| best.epoch > last);
    }
}

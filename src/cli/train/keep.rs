//! Output of training on a folder: log, resumable state, model file and progress bar.

use crate::cli::{command_line, print_above_bar};
use crate::{Error, Result};
use indicatif::ProgressBar;
use labrum_core::{counts::count_with_noun, model_card::ModelCard, whole_file};
use labrum_nn::{
    checkpoint::{self, Weights},
    train::{
        TrainingKeeper, TrainingLog, TrainingProgress,
        state::{self, TrainingState},
    },
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A log file and the state file next to it.
pub(super) struct LogFile {
    log: PathBuf,
    state: PathBuf,
    command: String,
    begun: String,
}

impl LogFile {
    pub(super) fn new(log: PathBuf) -> Result<Self> {
        let state = state_path(&log);
        whole_file::check_writable(&log, "write the log")?;
        let begun = jiff::Zoned::now()
            .strftime("%Y-%m-%dT%H:%M:%S%:z")
            .to_string();
        Ok(Self {
            log,
            state,
            command: command_line(),
            begun,
        })
    }

    /// The log and state of an interrupted training; `None` if there is none.
    ///
    /// # Errors
    /// The training has finished, or its files cannot be read.
    pub(super) fn resumable_state(&self) -> Result<Option<(TrainingLog, TrainingState)>> {
        if !self.state.exists() {
            return match TrainingLog::read_from_file(&self.log) {
                Ok(log) if log.is_finished => {
                    Err(
                        Error::at_path("resume the training", &self.log, "it has already finished")
                            .with_advice("Leave out --resume to train again."),
                    )
                }
                _ => Ok(None),
            };
        }
        let state = read_state(&self.state)?;
        Ok(Some((TrainingLog::read_from_file(&self.log)?, state)))
    }

    fn write(&self, log: &TrainingLog) -> Result<()> {
        // When resuming, keep the start time and command of the first run.
        let log = TrainingLog {
            begun: known_or_new(&log.begun, &self.begun),
            command: known_or_new(&log.command, &self.command),
            ..log.clone()
        };
        whole_file::write_atomically(&self.log, "write the log", |file| {
            Ok(serde_json::to_writer_pretty(file, &log)?)
        })
    }

    pub(super) fn write_final(&self, log: &TrainingLog) -> Result<()> {
        self.write(log)?;
        match fs::remove_file(&self.state) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::at_path("delete the training state", &self.state, e))
            }
            _ => Ok(()),
        }
    }
}

fn known_or_new(known: &str, new: &str) -> String {
    if known.is_empty() {
        new.to_owned()
    } else {
        known.to_owned()
    }
}

/// Where a training on a folder saves its results and reports its progress.
pub(super) struct Files<'a> {
    pub(super) out: &'a Path,
    pub(super) log: Option<&'a LogFile>,
    pub(super) bar: &'a ProgressBar,
    pub(super) any_kept: bool,
}

impl TrainingKeeper for Files<'_> {
    fn report_progress(&mut self, progress: TrainingProgress) {
        show_progress(self.bar, &progress);
    }

    fn keep_best(&mut self, card: &ModelCard, weights: &Weights) -> Result<()> {
        self.any_kept = true;
        save_model(self.out, card, weights)
    }

    fn keep_epoch(&mut self, log: &TrainingLog, state: &TrainingState) -> Result<()> {
        let Some(file) = self.log else { return Ok(()) };
        // In this order: on resuming, epochs in the log beyond the state are dropped.
        file.write(log)?;
        write_state(&file.state, state)
    }
}

/// The file beside a log that holds the state to resume from.
pub(in crate::cli) fn state_path(log: &Path) -> PathBuf {
    let mut name = log.to_owned().into_os_string();
    name.push(".state");
    name.into()
}

pub(in crate::cli) fn read_state(path: &Path) -> Result<TrainingState> {
    let bytes = fs::read(path).map_err(|e| Error::at_path("read the training state", path, e))?;
    state::from_bytes(&bytes).map_err(|e| Error {
        path: Some(path.to_owned()),
        ..e
    })
}

pub(in crate::cli) fn write_state(path: &Path, state: &TrainingState) -> Result<()> {
    let bytes = state::to_bytes(state)?;
    whole_file::write_atomically(path, "write the training state", |file| {
        file.write_all(&bytes)
    })
}

pub(in crate::cli) fn save_model(out: &Path, card: &ModelCard, weights: &Weights) -> Result<()> {
    let bytes = checkpoint::to_bytes(card, weights)?;
    whole_file::write_atomically(out, "write the model", |file| file.write_all(&bytes))
}

fn show_progress(bar: &ProgressBar, progress: &TrainingProgress) {
    match progress {
        TrainingProgress::Started {
            images,
            device,
            epoch,
        } => {
            let held_out = images.held_out;
            let again = if *epoch > 1 {
                format!("; resuming at epoch {epoch}")
            } else {
                String::new()
            };
            let choose = match images.validation {
                0 => "none for validation (the training images choose the best epoch)".to_owned(),
                count => format!("{count} for validation"),
            };
            print_above_bar(
                bar,
                &format!(
                    "{} for training, {choose}, {held_out} held out; {device}{again}",
                    count_with_noun(images.training, "image")
                ),
            );
        }
        TrainingProgress::Step {
            done,
            epoch,
            loss,
            remaining,
        } => {
            bar.set_position((done * 1000.0) as u64);
            let left = indicatif::HumanDuration(*remaining);
            bar.set_message(format!("epoch {epoch}, loss {loss:.4}, {left} left"));
        }
        TrainingProgress::Epoch {
            epoch: e,
            best,
            is_validated,
        } => {
            let mark = if *best { " (best so far, saved)" } else { "" };
            let images = if *is_validated {
                "validation"
            } else {
                "training"
            };
            let text = format!(
                "epoch {} ({}, {:.0} s): loss {:.4}, {images} Dice {:.4}, IoU {:.4}{mark}",
                e.epoch,
                count_with_noun(e.steps, "step"),
                e.seconds,
                e.loss,
                e.dice,
                e.iou
            );
            print_above_bar(bar, &text);
        }
    }
}

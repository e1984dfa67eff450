//! The model that a training on a folder starts from, instead of random weights.

use super::super::checkpoint::{self, Architecture, Weights};
use super::super::device::NamedDevice;
use super::samples::TrainingSample;
use super::transfer::weights_from_prompt_model;
use labrum_core::{
    Error, ErrorKind, Result,
    counts::count_with_noun,
    model_card::{InputSpec, ModelCard},
    progress::Control,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A model that a training starts from. Serialised as its name.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct StartModel {
    /// Its file, or the name of a shipped model.
    pub name: String,
    /// Its card. A prompt model gives the layers of a new model; any other model is trained further.
    #[serde(skip)]
    pub card: ModelCard,
    /// Its weights.
    #[serde(skip)]
    pub weights: Weights,
}

impl StartModel {
    /// The mask values that the labels of the model had in its own training. Empty for a prompt model, whose object is
    /// none of the labels, and unless they include all values that `occur`.
    pub(super) fn label_values(&self, occur: &BTreeSet<u8>) -> Result<Vec<u8>> {
        if self.card.takes_prompts {
            return Ok(Vec::new());
        }
        let count = self.detect_architecture()?.classes.saturating_sub(1);
        let own = &self.card.trained_on.values;
        let values = if own.len() == count {
            own.clone()
        } else {
            (1..=255).take(count).collect()
        };
        Ok(if occur.iter().all(|value| values.contains(value)) {
            values
        } else {
            Vec::new()
        })
    }

    /// The initial weights of a training: those of the model, which must be a `wanted` network, or, of a prompt model,
    /// those of a new model for these samples.
    pub(super) fn first_weights(
        &self,
        wanted: Architecture,
        seed: u64,
        (samples, spec): (&[TrainingSample], &InputSpec),
        device: &NamedDevice,
        control: &Control,
    ) -> Result<Weights> {
        if self.card.takes_prompts {
            let of_new_model = weights_from_prompt_model(
                &self.weights,
                wanted,
                seed,
                (samples, spec),
                device,
                control,
            );
            return of_new_model
                .map_err(|error| self.with_path(error))?
                .ok_or_else(|| {
                    Error::new("start the training", "stopped by the user")
                        .of_kind(ErrorKind::Cancelled)
                });
        }
        checkpoint::check_weights(&self.weights).map_err(|error| self.with_path(error))?;
        let found = self.detect_architecture()?;
        if found != wanted {
            let reason = format!(
                "it is CMUNeXt-{} with {} and {} classes, but the training needs CMUNeXt-{} \
                 with {} and {} classes",
                found.config,
                count_with_noun(found.channels, "channel"),
                found.classes,
                wanted.config,
                count_with_noun(wanted.channels, "channel"),
                wanted.classes
            );
            return Err(self.with_path(Error::new("start the training from", reason)));
        }
        let mut weights = self.weights.clone();
        checkpoint::widen_sigmoid_head(&mut weights);
        Ok(weights)
    }

    fn detect_architecture(&self) -> Result<Architecture> {
        checkpoint::detect_architecture(&self.weights).map_err(|error| self.with_path(error))
    }

    /// The same error with the name of the model.
    fn with_path(&self, error: Error) -> Error {
        Error {
            path: Some(PathBuf::from(&self.name)),
            ..error
        }
    }
}

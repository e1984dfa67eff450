//! A model with its card and weights, from a file, a version of a workspace or the program itself.

use crate::{Error, Result, shipped};
use labrum_core::{
    label::{Label, bind_by_value},
    model_card::ModelCard,
};
use labrum_nn::{
    checkpoint::{self, Weights},
    infer,
};
use std::path::Path;

/// A model: card and weights.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is.
    pub card: ModelCard,
    /// Its weights.
    pub weights: Weights,
}

impl Model {
    /// A model file, or a PyTorch checkpoint, which gets a card that says so.
    ///
    /// Errors: what [`checkpoint::read_model`] says; weights that are not those of a CMUNeXt.
    pub fn read_file(path: &Path) -> Result<Self> {
        let (card, weights) = checkpoint::read_model(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let card = match card {
            Some(card) => card,
            None => infer::bare_card(&name, checkpoint::detect_architecture(&weights)?),
        };
        Ok(Self { card, weights })
    }

    /// The model of a version that a workspace with `labels` has learned: its classes are bound to them, also where the
    /// file is from before labels had ids.
    ///
    /// Errors: as [`Model::read_file`].
    pub fn of_version(path: &Path, labels: &[Label]) -> Result<Self> {
        let mut model = Self::read_file(path)?;
        bind_by_value(&mut model.card.labels, labels);
        Ok(model)
    }

    /// The bytes of a version's file with its labels as the workspace calls them now: what leaves it says what a person
    /// knows.
    ///
    /// Errors: as [`Model::read_file`]; a card that cannot be written.
    pub fn bytes_of_version(path: &Path, labels: &[Label]) -> Result<Vec<u8>> {
        let mut model = Self::of_version(path, labels)?;
        for own in &mut model.card.labels {
            let same = |l: &&Label| !l.kept.id.is_empty() && l.kept.id == own.kept.id;
            if let Some(now) = labels.iter().find(same) {
                *own = now.for_model();
            }
        }
        checkpoint::to_bytes(&model.card, &model.weights)
    }

    /// A model that the program carries, by its place in the list.
    pub fn from_shipped(index: usize) -> Result<Self> {
        let model = shipped::all_models()?.into_iter().nth(index);
        let model = model
            .ok_or_else(|| Error::new("load the model", "the program carries no such model"))?;
        let (_, weights) = checkpoint::from_bytes(model.bytes)?;
        Ok(Self {
            card: model.card,
            weights,
        })
    }

    /// A shipped model by its name ("fetal-head"), else a model file; `None` for "none".
    pub fn from_name(name: &str) -> Result<Option<Self>> {
        if name == "none" {
            return Ok(None);
        }
        match shipped_named(name)? {
            Some(index) => Self::from_shipped(index).map(Some),
            None => Self::read_file(Path::new(name)).map(Some),
        }
    }
}

/// The place in the list of the shipped model of this name: "fetal-head", "Fetal head".
pub fn shipped_named(name: &str) -> Result<Option<usize>> {
    let plain = |name: &str| name.to_lowercase().replace([' ', '_'], "-");
    Ok(shipped::all_models()?
        .iter()
        .position(|m| plain(&m.card.name) == plain(name)))
}

//! A model with its card and weights, loaded from a file, a version of a workspace or the program itself.

use crate::{Error, Result, shipped};
use labrum_core::{
    label::{Label, bind_by_value},
    learning::{ModelKind, Version},
    model_card::ModelCard,
};
use labrum_nn::{
    checkpoint::{self, Weights},
    infer,
};
use std::path::Path;

/// The name of the shipped model of the Click tool on the command line.
pub const CLICK: &str = "click";

/// A model: card and weights.
#[derive(Clone, Debug)]
pub struct Model {
    /// The model card.
    pub card: ModelCard,
    /// The weights of the network.
    pub weights: Weights,
}

impl Model {
    /// Reads a model file, or a PyTorch checkpoint, which gets a default card.
    ///
    /// # Errors
    /// Those of [`checkpoint::read_model`], or weights that are not those of a CMUNeXt.
    pub fn read_file(path: &Path) -> Result<Self> {
        let (card, weights) = checkpoint::read_model(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let card = match card {
            Some(card) => card,
            None => infer::bare_card(&name, checkpoint::detect_architecture(&weights)?),
        };
        Ok(Self { card, weights })
    }

    /// The model of a version of a workspace with `labels`. Its classes are bound to these labels, even if the file is
    /// from before labels had ids.
    ///
    /// # Errors
    /// Those of [`Model::read_file`].
    pub fn of_version(path: &Path, labels: &[Label]) -> Result<Self> {
        let mut model = Self::read_file(path)?;
        bind_by_value(&mut model.card.labels, labels);
        Ok(model)
    }

    /// The file of a version, for export: its labels get their current names and codes in the workspace. A click model has
    /// no labels of the workspace.
    ///
    /// # Errors
    /// Those of [`Model::read_file`], or a card that cannot be written.
    pub fn bytes_of_version(version: &Version, labels: &[Label]) -> Result<Vec<u8>> {
        if version.kind == ModelKind::Clicks {
            let model = Self::read_file(&version.file)?;
            return checkpoint::to_bytes(&model.card, &model.weights);
        }
        let mut model = Self::of_version(&version.file, labels)?;
        for own in &mut model.card.labels {
            let now = labels.iter().find(|label| has_same_id(own, label));
            if let Some(now) = now {
                *own = now.for_model();
            }
        }
        checkpoint::to_bytes(&model.card, &model.weights)
    }

    /// A shipped model, by its index.
    pub fn from_shipped(index: usize) -> Result<Self> {
        let model = shipped::all_models()?.into_iter().nth(index);
        let model =
            model.ok_or_else(|| Error::new("load the model", "there is no such shipped model"))?;
        let (_, weights) = checkpoint::from_bytes(model.bytes)?;
        Ok(Self {
            card: model.card,
            weights,
        })
    }

    /// The shipped model of the Click tool: a prompt model, from which a new model can start.
    ///
    /// # Errors
    /// Only if the program itself is damaged.
    pub fn shipped_click() -> Result<Self> {
        let (card, weights) = checkpoint::from_bytes(shipped::CLICK)?;
        let card = card.ok_or_else(|| Error::new("load the model", "it has no model card"))?;
        Ok(Self { card, weights })
    }

    /// A shipped model by its name ("fetal-head", "click"), else a model file; `None` for the name "none".
    pub fn from_name(name: &str) -> Result<Option<Self>> {
        if name == "none" {
            return Ok(None);
        }
        if name == CLICK {
            return Self::shipped_click().map(Some);
        }
        match shipped_named(name)? {
            Some(index) => Self::from_shipped(index).map(Some),
            None => Self::read_file(Path::new(name)).map(Some),
        }
    }
}

/// Index of the shipped model with this name, written "fetal-head" or "Fetal head".
pub fn shipped_named(name: &str) -> Result<Option<usize>> {
    let name = hyphenated_name(name);
    Ok(shipped::all_models()?
        .iter()
        .position(|model| hyphenated_name(&model.card.name) == name))
}

/// The name in lower case, with hyphens between words.
fn hyphenated_name(name: &str) -> String {
    name.to_lowercase().replace([' ', '_'], "-")
}

/// True if a label of a model has the id of this label of the workspace; false if the model is from before labels had ids.
pub(super) fn has_same_id(of_model: &Label, label: &Label) -> bool {
    !label.kept.id.is_empty() && of_model.kept.id == label.kept.id
}

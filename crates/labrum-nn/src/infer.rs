//! Inference: an image in, a prediction out.

use super::checkpoint::{self, Architecture, Weights};
use super::cmunext::SIZE_MULTIPLE;
use super::device::DeviceChoice;
use super::fallback::FallbackRunner;
use super::preprocess;
use labrum_core::{
    Error, Result, counts::count_with_noun, image::Image, label::Label, model_card::ModelCard,
    prediction::Prediction,
};
use std::path::Path;

/// A network with its model card on a device. Make all calls from one thread.
pub struct Segmenter {
    card: ModelCard,
    runner: FallbackRunner,
    hash: String,
}

impl Segmenter {
    /// Loads a model file: Labrum's safetensors, or a PyTorch checkpoint, which gets a default model card.
    pub fn load_from_path(path: &Path, choice: DeviceChoice) -> Result<Self> {
        let (card, weights) = checkpoint::read_model(path)?;
        let name = path
            .file_stem()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let card = match card {
            Some(card) => card,
            None => bare_card(
                &name,
                checkpoint::detect_architecture(&weights).map_err(|e| error_at(path, e))?,
            ),
        };
        Self::new(card, weights, choice).map_err(|e| error_at(path, e))
    }

    /// Loads a model that is built into the program.
    pub fn from_bytes(bytes: &[u8], choice: DeviceChoice) -> Result<Self> {
        let (card, weights) = checkpoint::from_bytes(bytes)?;
        let card = card.ok_or_else(|| Error::new("read the model", "it has no model card"))?;
        Self::new(card, weights, choice)
    }

    /// Builds a model from a model card and weights, which must match.
    pub fn new(card: ModelCard, weights: Weights, choice: DeviceChoice) -> Result<Self> {
        check_card(&card, checkpoint::detect_architecture(&weights)?)?;
        Ok(Self {
            runner: FallbackRunner::new(&weights, choice)?,
            hash: checkpoint::weights_hash(&weights),
            card,
        })
    }

    /// The model card.
    pub fn model_card(&self) -> &ModelCard {
        &self.card
    }

    /// SHA-256 of the weights, hex.
    pub fn weights_hash(&self) -> &str {
        &self.hash
    }

    /// Display name of the device in use.
    pub fn device_name(&self) -> &str {
        &self.runner.device().name
    }

    /// A message for the user, returned once: that the GPU failed and the CPU took over.
    pub fn take_notice(&mut self) -> Option<String> {
        self.runner.take_notice()
    }

    /// Labels and probabilities for one slice, at its own size. Blocks while the network runs.
    pub fn segment_slice(&mut self, image: &Image) -> Result<Prediction> {
        let (input, placement) = preprocess::fit_to_input(image, &self.card.input)?;
        let spec = &self.card.input;
        let shape = [1, spec.channels, spec.rows, spec.columns];
        let probabilities = self.runner.predict_probabilities(input, shape)?;
        preprocess::restore_to_source(&probabilities, self.card.labels.len() + 1, &placement)
    }
}

/// The same error with the path of the file.
fn error_at(path: &Path, error: Error) -> Error {
    Error {
        path: Some(path.to_owned()),
        ..error
    }
}

/// Mean and standard deviation of ImageNet's pixel values, 0..=1, for each channel.
pub fn imagenet_levels(channels: usize) -> (Vec<f32>, Vec<f32>) {
    match channels {
        3 => (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]),
        n => (vec![0.449; n], vec![0.226; n]),
    }
}

/// A default model card for weights without one: input 256 x 256, mean and standard deviation of ImageNet, as the
/// authors used.
pub fn bare_card(name: &str, found: Architecture) -> ModelCard {
    let (mean, std) = imagenet_levels(found.channels);
    ModelCard {
        name: name.to_owned(),
        version: "imported".into(),
        config: found.config,
        labels: (0..found.classes - 1)
            .map(|i| Label::with_name(format!("Label {}", i + 1), i))
            .collect(),
        input: labrum_core::model_card::InputSpec {
            channels: found.channels,
            columns: 256,
            rows: 256,
            aspect: Default::default(),
            mean,
            std,
        },
        takes_prompts: false,
        without_channels: Vec::new(),
        purpose: labrum_core::model_card::ModelPurpose {
            summary: "an unknown purpose".into(),
            ..Default::default()
        },
        looks: None,
        trained_on: Default::default(),
        held_out: None,
        parent: None,
    }
}

fn check_card(card: &ModelCard, found: Architecture) -> Result<()> {
    let input = &card.input;
    if card.takes_prompts {
        return Err(Error::new(
            "use the model",
            "it needs prompts: clicks, boxes or scribbles",
        )
        .with_advice("Choose another model, or use labrum click."));
    }
    if card.config != found.config {
        return Err(card_mismatch(&format!(
            "the card says CMUNeXt-{}, the weights are CMUNeXt-{}",
            card.config, found.config
        )));
    }
    if card.labels.len() + 1 != found.classes {
        return Err(card_mismatch(&format!(
            "the card has {}, the weights have {} classes (background included)",
            count_with_noun(card.labels.len(), "label"),
            found.classes
        )));
    }
    let per_channel = input.mean.len() == input.channels && input.std.len() == input.channels;
    let sound = input.mean.iter().all(|m| m.is_finite())
        && input.std.iter().all(|s| s.is_finite() && *s > 0.0);
    if input.channels != found.channels || !per_channel || !sound {
        return Err(card_mismatch(
            "channels, mean and standard deviation are inconsistent",
        ));
    }
    let sides = [input.columns, input.rows];
    if sides
        .iter()
        .any(|s| *s == 0 || *s % SIZE_MULTIPLE != 0 || *s > 4096)
    {
        return Err(card_mismatch(&format!(
            "input size {} x {} (both must be multiples of 16, at most 4096)",
            input.columns, input.rows
        )));
    }
    Ok(())
}

fn card_mismatch(reason: &str) -> Error {
    Error::new("use the model", format!("invalid model card: {reason}"))
}

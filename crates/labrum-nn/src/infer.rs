//! A model at work: an image in, a prediction out.

use super::checkpoint::{self, Architecture, Weights};
use super::cmunext::SIZE_MULTIPLE;
use super::device::{self, DeviceChoice, NamedDevice};
use super::preprocess;
use super::runner::Runner;
use labrum_core::{
    Error, Result, image::Image, label::Label, model_card::ModelCard, prediction::Prediction,
};
use std::path::Path;

/// A network with its card, ready on a device. All calls belong on one thread.
pub struct Segmenter {
    card: ModelCard,
    weights: Weights,
    runner: Runner,
    hash: String,
    notice: Option<String>,
}

impl Segmenter {
    /// Loads a model file: our own format, or a PyTorch checkpoint (which gets a card that says so).
    pub fn load_from_path(path: &Path, choice: DeviceChoice) -> Result<Self> {
        let (card, weights) = checkpoint::read_model(path)?;
        let name = path
            .file_stem()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let at = |e: Error| Error {
            path: Some(path.to_owned()),
            ..e
        };
        let card = match card {
            Some(card) => card,
            None => bare_card(
                &name,
                checkpoint::detect_architecture(&weights).map_err(at)?,
            ),
        };
        Self::new(card, weights, choice).map_err(at)
    }

    /// Loads a model that the program carries.
    pub fn from_bytes(bytes: &[u8], choice: DeviceChoice) -> Result<Self> {
        let (card, weights) = checkpoint::from_bytes(bytes)?;
        let card = card.ok_or_else(|| Error::new("read the model", "it has no model card"))?;
        Self::new(card, weights, choice)
    }

    /// A model from its parts; they must fit each other.
    pub fn new(card: ModelCard, weights: Weights, choice: DeviceChoice) -> Result<Self> {
        check_card(&card, checkpoint::detect_architecture(&weights)?)?;
        let runner = Runner::new(&weights, device::select_available(choice)?)?;
        let hash = checkpoint::weights_hash(&weights);
        Ok(Self {
            card,
            weights,
            runner,
            hash,
            notice: None,
        })
    }

    /// What the model is.
    pub fn model_card(&self) -> &ModelCard {
        &self.card
    }

    /// SHA-256 of the weights, hex.
    pub fn weights_hash(&self) -> &str {
        &self.hash
    }

    /// The device in use, for people.
    pub fn device_name(&self) -> &str {
        &self.runner.device().name
    }

    /// What the user should know about the last calls, once: that the GPU failed and the CPU took over.
    pub fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// Labels and probabilities for one slice, at its own size. Blocks for the time of the network.
    pub fn segment_slice(&mut self, image: &Image) -> Result<Prediction> {
        let (input, placement) = preprocess::fit_to_input(image, &self.card.input)?;
        let spec = &self.card.input;
        let shape = [1, spec.channels, spec.rows, spec.columns];
        let probabilities = if self.runner.device().is_cpu() {
            self.runner.predict_probabilities(input, shape)?
        } else {
            match self.runner.predict_probabilities(input.clone(), shape) {
                Err(error) => {
                    self.fall_back(&error)?;
                    self.runner.predict_probabilities(input, shape)?
                }
                result => result?,
            }
        };
        preprocess::restore_to_source(&probabilities, self.card.labels.len() + 1, &placement)
    }

    fn fall_back(&mut self, error: &Error) -> Result<()> {
        let failed = self.device_name().to_owned();
        self.runner = Runner::new(&self.weights, NamedDevice::cpu())?;
        self.notice = Some(format!(
            "{failed} failed ({}); the model now runs on the CPU",
            error.reason
        ));
        Ok(())
    }
}

/// Mean and deviation of ImageNet's grey levels 0..=1.
pub fn imagenet_levels(channels: usize) -> (Vec<f32>, Vec<f32>) {
    match channels {
        3 => (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]),
        n => (vec![0.449; n], vec![0.226; n]),
    }
}

/// A card for weights that came without one: 256 x 256, ImageNet's mean and deviation as the authors used them.
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
    let wrong = |reason: String| {
        Err(Error::new(
            "use the model",
            format!("its card does not fit its weights: {reason}"),
        ))
    };
    if card.config != found.config {
        return wrong(format!(
            "the card says {}, the weights are {}",
            card.config, found.config
        ));
    }
    if card.labels.len() + 1 != found.classes {
        return wrong(format!(
            "{} labels for {} classes",
            card.labels.len(),
            found.classes
        ));
    }
    let per_channel = input.mean.len() == input.channels && input.std.len() == input.channels;
    let sound = input.mean.iter().all(|m| m.is_finite())
        && input.std.iter().all(|s| s.is_finite() && *s > 0.0);
    if input.channels != found.channels || !per_channel || !sound {
        return wrong("channels, mean and deviation disagree".into());
    }
    let sides = [input.columns, input.rows];
    if sides
        .iter()
        .any(|s| *s == 0 || *s % SIZE_MULTIPLE != 0 || *s > 4096)
    {
        return wrong(format!(
            "an input of {} x {} is not made of multiples of 16 up to 4096",
            input.columns, input.rows
        ));
    }
    Ok(())
}

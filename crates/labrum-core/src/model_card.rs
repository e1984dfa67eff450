//! The model card: what a model is, its intended use and its training data. Stored in the metadata of the weights.

use crate::{
    label::Label,
    looks::{Look, Looks},
    prompts::ComputedChannel,
    study::Series,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Configurations of the published networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Config {
    /// CMUNeXt-S: 0.42 M parameters.
    S,
    /// CMUNeXt: 3.15 M parameters.
    #[serde(rename = "base")]
    Base,
    /// CMUNeXt-L: 8.29 M parameters.
    L,
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S => "S",
            Self::Base => "base",
            Self::L => "L",
        })
    }
}

/// How an image with another aspect ratio than the input is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// Keeps its aspect ratio and is padded.
    #[default]
    Kept,
    /// Stretched to the size of the input, as in the CMUNeXt paper.
    Stretched,
}

impl Aspect {
    fn is_kept(&self) -> bool {
        *self == Self::Kept
    }
}

/// How an image is converted to the network's input.
///
/// The image is mapped to 0..=1 with its initial contrast (8-bit unchanged), scaled to fit `columns` x `rows`, centred
/// and padded with 0 (or stretched, see [`Aspect`]), then normalized per channel by `(value - mean) / std`. A grey
/// image fills all channels; a 1-channel network gets the luma of a colour image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputSpec {
    /// Number of channels: 1 or 3.
    pub channels: usize,
    /// Width of the input, a multiple of 16.
    pub columns: usize,
    /// Height of the input, a multiple of 16.
    pub rows: usize,
    /// How other aspect ratios are fitted.
    #[serde(default, skip_serializing_if = "Aspect::is_kept")]
    pub aspect: Aspect,
    /// Mean of each channel, subtracted.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel; the divisor.
    pub std: Vec<f32>,
}

/// Intended use of a model, which limits where it runs automatically. Empty lists mean no restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPurpose {
    /// Summary for display: "the head in fetal ultrasound".
    pub summary: String,
    /// DICOM Modalities: "US".
    #[serde(default)]
    pub modalities: Vec<String>,
    /// Values of Body Part Examined, in upper case: "HEAD", "FETUS".
    #[serde(default)]
    pub body_parts: Vec<String>,
    /// View for display: "transthalamic plane".
    #[serde(default)]
    pub view: String,
    /// Words that identify suitable image files, which have neither modality nor body part: one of them must occur in
    /// the file name, folder or series description. Used only if the card has no [`ModelCard::looks`].
    #[serde(default)]
    pub picture_words: Vec<String>,
}

impl ModelPurpose {
    /// True if one of the picture words occurs in a text, ignoring case.
    fn has_picture_word(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.picture_words
            .iter()
            .any(|word| text.contains(&word.to_lowercase()))
    }
}

/// Mean scores on subjects that were not used for training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Number of images.
    pub cases: usize,
    /// Dice coefficient.
    pub dice: f64,
    /// Intersection over union.
    pub iou: f64,
    /// Hausdorff distance (95th percentile) in source pixels; `None` if no case has one.
    #[serde(default)]
    pub hd95: Option<f64>,
    /// Boundary IoU.
    pub boundary_iou: f64,
}

/// Training data of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainedOn {
    /// Name of the dataset: "HC18".
    pub data: String,
    /// Its licence: "CC BY 4.0".
    pub license: String,
    /// Required attribution.
    pub attribution: String,
    /// Number of training images.
    pub cases: usize,
    /// Value of each label in the training masks; empty for 1, 2 and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<u8>,
}

/// Description of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name: "Fetal head".
    pub name: String,
    /// Version: "1.0.0".
    pub version: String,
    /// Network configuration.
    pub config: Config,
    /// Labels 1..=n; the network has n + 1 classes.
    pub labels: Vec<Label>,
    /// Input size and normalization.
    pub input: InputSpec,
    /// True for a prompt model, which takes clicks, boxes and scribbles as additional input channels. Its only label is the
    /// object that they indicate, of whatever kind.
    #[serde(default, skip_serializing_if = "is_false")]
    pub takes_prompts: bool,
    /// Computed input channels that a prompt model was trained without: they are filled with 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_channels: Vec<ComputedChannel>,
    /// Intended use.
    #[serde(default)]
    pub purpose: ModelPurpose,
    /// Appearance of suitable images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<Looks>,
    /// Training data.
    #[serde(default)]
    pub trained_on: TrainedOn,
    /// Scores on hold-out data.
    #[serde(default)]
    pub held_out: Option<HeldOut>,
    /// SHA-256 (hex) of the weights that training started from.
    #[serde(default)]
    pub parent: Option<String>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Whether a model is intended for a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelFit {
    /// It may run automatically.
    Fits,
    /// It may not; the reason, a clause: "the model is for US, but this series is MR".
    No(String),
}

impl ModelCard {
    /// Whether this model is intended for `series`. `look` returns that of its middle slice, or `None` if it has not
    /// been read yet; it is called only if the card has [`Self::looks`] and everything else matches.
    ///
    /// DICOM: modality and body part must be among those listed. If the card has looks, the series must resemble them
    /// too; for image files and unknown body parts, looks alone decide. Without looks, one of the picture words must
    /// occur in the description or path of an image file, or of a series with an unknown body part.
    pub fn fit_for_series<'a>(
        &self,
        series: &Series,
        look: impl FnOnce() -> Option<&'a Look>,
    ) -> ModelFit {
        match self.fit_by_name(series) {
            ModelFit::Fits => self
                .looks
                .as_ref()
                .map_or(ModelFit::Fits, |looks| self.fit_by_look(looks, look())),
            no => no,
        }
    }

    /// Why this model runs automatically on a series, a clause: "the image looks like the model's training images".
    pub fn automatic_run_reason(&self, series: &Series) -> String {
        let look = "the image looks like the model's training images";
        let purpose = &self.purpose;
        if series.modality.is_empty() {
            let name = format!("{} {}", series.description, series.id).to_lowercase();
            let word = purpose
                .picture_words
                .iter()
                .find(|word| name.contains(&word.to_lowercase()));
            return match (&self.looks, word) {
                (Some(_), _) => look.to_owned(),
                (None, Some(word)) => format!("the image name contains \"{word}\""),
                (None, None) => "the model is for all image files".to_owned(),
            };
        }
        let what = [series.modality.as_str(), series.body_part.as_str()].join(" ");
        let named = format!("the series is {}", what.trim());
        if self.looks.is_some() {
            format!("{named}, and {look}")
        } else {
            named
        }
    }

    fn fit_by_look(&self, looks: &Looks, look: Option<&Look>) -> ModelFit {
        match look {
            None => ModelFit::No("the image has not been read yet".into()),
            Some(look) if looks.is_familiar(look) => ModelFit::Fits,
            Some(_) => ModelFit::No(format!(
                "the model is for {}, but the image does not look like its training images",
                self.purpose.summary
            )),
        }
    }

    fn fit_by_name(&self, series: &Series) -> ModelFit {
        let purpose = &self.purpose;
        let unnamed = series.modality.is_empty();
        if unnamed {
            return if purpose.picture_words.is_empty() || self.may_fit_unnamed(series) {
                ModelFit::Fits
            } else {
                ModelFit::No(format!(
                    "the model is for {}, but the name of this image does not say so",
                    purpose.summary
                ))
            };
        }
        if !purpose.modalities.is_empty() && !purpose.modalities.contains(&series.modality) {
            let wanted = purpose.modalities.join(" or ");
            return ModelFit::No(format!(
                "the model is for {wanted}, but this series is {}",
                series.modality
            ));
        }
        let part = &series.body_part;
        if purpose.body_parts.is_empty()
            || purpose.body_parts.contains(part)
            || (part.is_empty() && self.may_fit_unnamed(series))
        {
            return ModelFit::Fits;
        }
        let shown = if part.is_empty() { "unknown" } else { part };
        ModelFit::No(format!(
            "the model is for {}, but the body part of this series is {shown}",
            purpose.summary
        ))
    }

    /// For series without modality or body part: true if looks decide, or if a picture word occurs in its name.
    fn may_fit_unnamed(&self, series: &Series) -> bool {
        self.looks.is_some()
            || self.purpose.has_picture_word(&series.description)
            || self.purpose.has_picture_word(&series.id)
    }
}

/// Chooses the model for a series: its index in `cards`, or for each of them why it does not match.
///
/// The first model that matches. If it is one that recognises its images by their looks, and others do so too, the one
/// whose training images are most like this series. `look` is called as in [`ModelCard::fit_for_series`].
///
/// # Errors
/// If no model matches: the reasons, one for each card, in their order.
pub fn choose_model<'a>(
    cards: &[&ModelCard],
    series: &Series,
    look: impl Fn() -> Option<&'a Look>,
) -> Result<usize, Vec<String>> {
    let (mut matching, mut reasons) = (Vec::new(), Vec::new());
    for (index, card) in cards.iter().enumerate() {
        match card.fit_for_series(series, &look) {
            ModelFit::Fits => matching.push((index, card.looks.as_ref())),
            ModelFit::No(reason) => reasons.push(reason),
        }
    }
    let Some((first, looks)) = matching.first().copied() else {
        return Err(reasons);
    };
    matching.retain(|(_, looks)| looks.is_some());
    if looks.is_none() || matching.len() == 1 {
        return Ok(first);
    }
    let Some(look) = look() else {
        return Ok(first);
    };
    let densities = matching.into_iter().map(|(index, looks)| {
        let density = looks.and_then(|looks| looks.log_density(look));
        (index, density.unwrap_or(f64::NEG_INFINITY))
    });
    // Of equal ones, the first.
    let best = densities.rev().max_by(|a, b| a.1.total_cmp(&b.1));
    Ok(best.map_or(first, |(index, _)| index))
}

#[cfg(test)]
mod tests;

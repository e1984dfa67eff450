//! The model card: what a model is, what it is for and what it was made from. Kept in the metadata of the weights.

use crate::{
    label::Label,
    looks::{Look, Looks},
    study::Series,
};
use serde::{Deserialize, Serialize};

/// Widths and depths of the published networks.
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

impl std::fmt::Display for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::S => "S",
            Self::Base => "base",
            Self::L => "L",
        })
    }
}

/// What becomes of an image whose sides are not in the proportion of the input's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// It keeps its proportions and is padded.
    #[default]
    Kept,
    /// It is stretched to the size of the input, as the authors of CMUNeXt do.
    Stretched,
}

impl Aspect {
    fn is_kept(&self) -> bool {
        *self == Self::Kept
    }
}

/// How an image becomes the network's input.
///
/// The image is windowed (its own window, 8-bit as it is) to 0..=1, scaled by one factor until it fits in
/// `columns` x `rows`, centred and padded with 0 (or stretched, see [`Aspect`]), then `(value - mean) / std` channel by
/// channel. A grey image fills all channels; of a colour image a 1-channel network sees the luma.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputSpec {
    /// 1 or 3.
    pub channels: usize,
    /// Width of the input, a multiple of 16.
    pub columns: usize,
    /// Height of the input, a multiple of 16.
    pub rows: usize,
    /// Padded or stretched.
    #[serde(default, skip_serializing_if = "Aspect::is_kept")]
    pub aspect: Aspect,
    /// Subtracted, one for each channel.
    pub mean: Vec<f32>,
    /// Divided by, one for each channel.
    pub std: Vec<f32>,
}

/// What a model is for: it runs by itself only there. An empty list says nothing about that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPurpose {
    /// One sentence for people: "the head in fetal ultrasound".
    pub summary: String,
    /// DICOM Modality: "US".
    #[serde(default)]
    pub modalities: Vec<String>,
    /// Body Part Examined, upper case: "HEAD", "FETUS".
    #[serde(default)]
    pub body_parts: Vec<String>,
    /// View, for people: "transthalamic plane".
    #[serde(default)]
    pub view: String,
    /// Words of which one stands in the file name, folder or series description of a picture that the model is for:
    /// pictures name neither modality nor body part. They count only where the card does not say what its pictures look
    /// like.
    #[serde(default)]
    pub picture_words: Vec<String>,
}

/// Figures on subjects that the training never saw, means over the cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// How many images.
    pub cases: usize,
    /// Dice coefficient.
    pub dice: f64,
    /// Intersection over union.
    pub iou: f64,
    /// Hausdorff distance, 95th percentile, pixels of the source; `None` where no case has one.
    #[serde(default)]
    pub hd95: Option<f64>,
    /// Boundary IoU.
    pub boundary_iou: f64,
}

/// What the weights were trained on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainedOn {
    /// Name of the data: "HC18".
    pub data: String,
    /// Its licence: "CC BY 4.0".
    pub license: String,
    /// Whom to name.
    pub attribution: String,
    /// Images used for training.
    pub cases: usize,
    /// The values that the labels had in the masks, one for each; empty for 1, 2 and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<u8>,
}

/// All that is known about a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// "Fetal head".
    pub name: String,
    /// "1.0.0".
    pub version: String,
    /// Which of the networks.
    pub config: Config,
    /// Labels 1..=n; the network has n + 1 classes.
    pub labels: Vec<Label>,
    /// Input size and normalisation.
    pub input: InputSpec,
    /// What it is for.
    #[serde(default)]
    pub purpose: ModelPurpose,
    /// What the pictures look like that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<Looks>,
    /// What it was made from.
    #[serde(default)]
    pub trained_on: TrainedOn,
    /// How good it is.
    #[serde(default)]
    pub held_out: Option<HeldOut>,
    /// SHA-256 (hex) of the weights that training started from.
    #[serde(default)]
    pub parent: Option<String>,
}

/// Whether a model is for a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelFit {
    /// It may run by itself.
    Fits,
    /// It may not; the reason, a clause: "it is for US, this is MR".
    No(String),
}

impl ModelCard {
    /// Whether this model is for `series`, whose middle slice has this `look`; `None` where it was not read yet. It is asked
    /// for where the card says what its pictures look like, and all else fits.
    ///
    /// DICOM: modality and body part must be among those named. Where the card says what its pictures look like, the
    /// series must look like them too; that alone decides for pictures, and for an unknown body part. Where the card does
    /// not say it, one of the picture words must stand in the description or the path of a picture, and in the
    /// description where the body part is unknown.
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

    /// Why this model runs by itself on a series that it fits, a clause: "the image looks like those that it learned from".
    pub fn automatic_run_reason(&self, series: &Series) -> String {
        let look = "the image looks like those that it learned from";
        let purpose = &self.purpose;
        if series.modality.is_empty() {
            let name = format!("{} {}", series.description, series.id).to_lowercase();
            let word = purpose
                .picture_words
                .iter()
                .find(|word| name.contains(&word.to_lowercase()));
            return match (&self.looks, word) {
                (Some(_), _) => look.to_owned(),
                (None, Some(word)) => format!("\"{word}\" stands in the name of the image"),
                (None, None) => "it is for all pictures".to_owned(),
            };
        }
        let what = [series.modality.as_str(), series.body_part.as_str()].join(" ");
        let named = format!("this is {}", what.trim());
        if self.looks.is_some() {
            format!("{named}, and {look}")
        } else {
            named
        }
    }

    fn fit_by_look(&self, looks: &Looks, look: Option<&Look>) -> ModelFit {
        match look {
            None => ModelFit::No("the image is not read yet".into()),
            Some(look) if looks.is_familiar(look) => ModelFit::Fits,
            Some(_) => ModelFit::No(format!(
                "it is for {}, and this does not look like the images that it learned from",
                self.purpose.summary
            )),
        }
    }

    fn fit_by_name(&self, series: &Series) -> ModelFit {
        let purpose = &self.purpose;
        let has_word = |text: &str| {
            let text = text.to_lowercase();
            purpose
                .picture_words
                .iter()
                .any(|w| text.contains(&w.to_lowercase()))
        };
        let words =
            || self.looks.is_some() || has_word(&series.description) || has_word(&series.id);
        let unnamed = series.modality.is_empty();
        if unnamed {
            return if purpose.picture_words.is_empty() || words() {
                ModelFit::Fits
            } else {
                ModelFit::No(format!(
                    "it is for {}, and nothing says that this picture is that",
                    purpose.summary
                ))
            };
        }
        if !purpose.modalities.is_empty() && !purpose.modalities.contains(&series.modality) {
            let wanted = purpose.modalities.join(" or ");
            return ModelFit::No(format!("it is for {wanted}, this is {}", series.modality));
        }
        let part = &series.body_part;
        if purpose.body_parts.is_empty()
            || purpose.body_parts.contains(part)
            || (part.is_empty() && words())
        {
            return ModelFit::Fits;
        }
        let shown = if part.is_empty() {
            "an unknown body part"
        } else {
            part
        };
        ModelFit::No(format!("it is for {}, this is {shown}", purpose.summary))
    }
}

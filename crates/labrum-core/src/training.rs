//! What a round of training is done with: plain data for the session, the workspace's record of it, and the training itself.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The loss function: what training makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Boundary DoU with a little cross-entropy: sharp boundaries, and a direction where nothing overlaps yet.
    #[default]
    BoundaryDou,
    /// Boundary DoU alone, as in the paper: the sharpest boundaries, slow to find small things from nothing.
    BoundaryDouAlone,
    /// Dice and cross-entropy: steady, softer boundaries.
    DiceCrossEntropy,
    /// Half the cross-entropy and Dice of each sample, as CMUNeXt was published with.
    BceDice,
}

impl Loss {
    /// Those that the settings offer, the usual one first.
    pub const OFFERED: [Self; 3] = [
        Self::BoundaryDou,
        Self::BoundaryDouAlone,
        Self::DiceCrossEntropy,
    ];

    /// What it is called.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::BoundaryDou => "Boundary DoU",
            Self::BoundaryDouAlone => "Boundary DoU alone",
            Self::DiceCrossEntropy => "Dice and cross-entropy",
            Self::BceDice => "Binary cross-entropy and Dice",
        }
    }

    /// What one wins and loses by it.
    pub fn trade_off_summary(self) -> &'static str {
        match self {
            Self::BoundaryDou => {
                "sharp boundaries; a little cross-entropy helps where nothing overlaps yet"
            }
            Self::BoundaryDouAlone => {
                "the sharpest boundaries, as published; slow to find small things from nothing"
            }
            Self::DiceCrossEntropy => "steady with few cases, softer boundaries",
            Self::BceDice => "what CMUNeXt was published with",
        }
    }
}

/// The optimizer: how weights follow gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// Learns fast from little; the usual choice. (Loshchilov and Hutter, arXiv 1711.05101.)
    #[default]
    AdamW,
    /// SGD with momentum 0.9 and weight decay 1e-4, as in the papers: slower, needs a higher learning rate.
    Sgd,
}

/// How far samples are varied. The defaults suit ultrasound: mirrored but not upside down, gain and speckle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AugmentConfig {
    /// Chance of mirroring left and right, 0..=1.
    pub flip_horizontal: f64,
    /// Chance of mirroring top and bottom, 0..=1.
    pub flip_vertical: f64,
    /// Chance of a quarter turn, 0..=1; for inputs as wide as high.
    pub quarter_turn: f64,
    /// Largest rotation either way, in degrees; 180 for any.
    pub rotation: f32,
    /// Largest factor of size, either way: 1.25 for 0.8..=1.25.
    pub scale: f32,
    /// Largest shift either way, as a share of width and height.
    pub shift: f32,
    /// Chance of each of the changes of grey levels below, 0..=1.
    pub chance: f64,
    /// Largest grey level added or taken away.
    pub brightness: f32,
    /// Largest factor of contrast, either way.
    pub contrast: f32,
    /// Largest factor of single channels of a colour image, either way.
    pub tint: f32,
    /// Largest gamma, either way: 1.5 for 1/1.5..=1.5.
    pub gamma: f32,
    /// Largest standard deviation of noise that is multiplied.
    pub speckle: f32,
    /// Largest standard deviation of noise that is added, in grey levels 0..=1.
    pub noise: f32,
    /// Largest standard deviation of the blur, in pixels.
    pub blur: f32,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            flip_horizontal: 0.5,
            flip_vertical: 0.0,
            quarter_turn: 0.0,
            rotation: 30.0,
            scale: 1.25,
            shift: 0.1,
            chance: 0.4,
            brightness: 0.1,
            contrast: 1.3,
            tint: 1.0,
            gamma: 1.5,
            speckle: 0.15,
            noise: 0.03,
            blur: 1.0,
        }
    }
}

impl AugmentConfig {
    /// Leaves every sample as it is.
    pub fn all_disabled() -> Self {
        Self {
            flip_horizontal: 0.0,
            rotation: 0.0,
            scale: 1.0,
            shift: 0.0,
            chance: 0.0,
            ..Self::default()
        }
    }

    /// Quarter turns and mirrors alone, each of the eight as often: what CMUNeXt was published with.
    pub fn turns_and_mirrors() -> Self {
        Self {
            flip_horizontal: 0.5,
            flip_vertical: 0.5,
            quarter_turn: 0.5,
            ..Self::all_disabled()
        }
    }
}

/// How long a round is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// So many steps: the same seed, samples and device give the same weights.
    Steps(usize),
    /// So many seconds of work; how many steps these are depends on what else the machine does.
    Seconds(f64),
}

/// How a round is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// How long.
    pub length: Length,
    /// Samples in a step.
    pub batch: usize,
    /// Learning rate at its height, for a start that knows nothing yet.
    pub learning_rate: f64,
    /// How weights follow gradients.
    pub optimizer: Optimizer,
    /// What is made small.
    pub loss: Loss,
    /// A pixel that a person changed weighs 1 + this.
    pub stress: f32,
    /// Samples that are new in this round come so many times as often as those learned from before.
    pub new_weight: usize,
    /// How samples are varied.
    pub augment: AugmentConfig,
    /// The same seed gives the same order and variations.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            length: Length::Steps(300),
            batch: 4,
            learning_rate: 4e-3,
            optimizer: Optimizer::AdamW,
            loss: Loss::BoundaryDou,
            stress: 1.0,
            new_weight: 2,
            augment: AugmentConfig {
                scale: 1.4,
                tint: 1.2,
                ..AugmentConfig::default()
            },
            seed: 1,
        }
    }
}

/// What a round starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartFrom {
    /// Random weights.
    Nothing,
    /// A shipped model, by its place in the list.
    Shipped(usize),
    /// A model file, a version of the workspace among them.
    File(PathBuf),
}

/// How a round of a workspace is done: kept with it, so that it can go on after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundSettings {
    /// What it starts from.
    pub start: StartFrom,
    /// Name of what it starts from.
    pub start_name: String,
    /// What it starts from proposes masks now; a version that did not find enough for that yet does not.
    #[serde(default = "proposes")]
    pub is_start_active: bool,
    /// How it is trained; its length is set by `seconds`.
    pub plan: Plan,
    /// About so many seconds on a machine of the usual speed, reading and judging included; the number of steps follows
    /// from it, so that equal rounds make equal models.
    pub seconds: f64,
}

impl RoundSettings {
    /// As the workspace keeps them.
    ///
    /// # Errors
    /// Where a number in them has no form in JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::new("begin the training", &e).caused_by(e))
    }

    /// As the workspace kept them.
    ///
    /// # Errors
    /// Where they are of a version that this one does not understand.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|e| {
            Error::new(
                "train",
                format!("the settings of the round cannot be understood ({e})"),
            )
            .caused_by(e)
        })
    }
}

/// Rounds that were begun before this was told apart started from what proposed.
fn proposes() -> bool {
    true
}

/// What a round will take.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Cases to learn from.
    pub cases: usize,
    /// Slices of these.
    pub slices: usize,
    /// Cases held out.
    pub held_out: usize,
    /// Seconds until the verdict.
    pub seconds: f64,
    /// Bytes of memory.
    pub memory: u64,
    /// What a person should know before, whole sentences.
    pub note: Option<String>,
}

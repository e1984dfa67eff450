//! Settings and progress of a round of training: plain data for the session, the workspace record and the training.

use crate::{Error, Result, learning::VersionKey};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// Loss function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Boundary DoU with some cross-entropy: sharp boundaries, and a gradient even while masks do not overlap.
    #[default]
    BoundaryDou,
    /// Boundary DoU alone, as in the paper: sharpest boundaries, slow to find small structures when training from
    /// scratch.
    BoundaryDouAlone,
    /// Dice and cross-entropy: stable, softer boundaries.
    DiceCrossEntropy,
    /// Half the cross-entropy plus Dice per sample, as in the CMUNeXt paper.
    BceDice,
}

impl Loss {
    /// Choices in the settings, the default first.
    pub const OFFERED: [Self; 3] = [
        Self::BoundaryDou,
        Self::BoundaryDouAlone,
        Self::DiceCrossEntropy,
    ];

    /// Display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::BoundaryDou => "Boundary DoU",
            Self::BoundaryDouAlone => "Boundary DoU alone",
            Self::DiceCrossEntropy => "Dice and cross-entropy",
            Self::BceDice => "Binary cross-entropy and Dice",
        }
    }

    /// Advantages and disadvantages, a clause.
    pub fn trade_off_summary(self) -> &'static str {
        match self {
            Self::BoundaryDou => {
                "sharp boundaries; some cross-entropy helps while masks do not overlap yet"
            }
            Self::BoundaryDouAlone => {
                "sharpest boundaries, as published; slow to find small structures from scratch"
            }
            Self::DiceCrossEntropy => "stable with few cases; softer boundaries",
            Self::BceDice => "as in the CMUNeXt paper",
        }
    }
}

/// Optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// AdamW (Loshchilov and Hutter, arXiv 1711.05101): learns fast from few cases; the default.
    #[default]
    AdamW,
    /// SGD with momentum 0.9 and weight decay 1e-4, as in the papers: slower, needs a higher learning rate.
    Sgd,
}

/// Data augmentation. The defaults suit ultrasound: mirrored left-right only, with changes of gain and speckle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AugmentConfig {
    /// Probability of mirroring left-right, 0..=1.
    pub flip_horizontal: f64,
    /// Probability of mirroring top-bottom, 0..=1.
    pub flip_vertical: f64,
    /// Probability of a rotation by 90°, 0..=1; for square inputs only.
    pub quarter_turn: f64,
    /// Maximum rotation in either direction, in degrees; 180 for any.
    pub rotation: f32,
    /// Maximum scale factor in either direction: 1.25 for 0.8..=1.25.
    pub scale: f32,
    /// Maximum shift in either direction, as a share of width and height.
    pub shift: f32,
    /// Probability of each of the following changes, 0..=1.
    pub chance: f64,
    /// Maximum grey level (0..=1) added or subtracted.
    pub brightness: f32,
    /// Maximum contrast factor in either direction.
    pub contrast: f32,
    /// Maximum factor for single channels of a colour image, in either direction.
    pub tint: f32,
    /// Maximum gamma in either direction: 1.5 for 1/1.5..=1.5.
    pub gamma: f32,
    /// Maximum standard deviation of multiplicative noise.
    pub speckle: f32,
    /// Maximum standard deviation of additive noise, in grey levels 0..=1.
    pub noise: f32,
    /// Maximum standard deviation of the blur, in pixels.
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
    /// No augmentation.
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

    /// Only rotations by 90° and mirroring, all eight combinations equally likely, as in the CMUNeXt paper.
    pub fn turns_and_mirrors() -> Self {
        Self {
            flip_horizontal: 0.5,
            flip_vertical: 0.5,
            quarter_turn: 0.5,
            ..Self::all_disabled()
        }
    }
}

/// Length of a round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// Number of steps: the same seed, samples and device give the same weights.
    Steps(usize),
    /// Working time in seconds; the number of steps depends on the load of the machine.
    Seconds(f64),
}

/// How far a candidate goes on the line from the weights that its round started from to those that it was trained to: a
/// share below 1 forgets less and varies less (Wortsman et al., arXiv 2109.01903).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blend {
    /// All the way.
    #[default]
    Trained,
    /// By this share, 0..=1.
    Share(f32),
    /// By the one of [`Blend::SHARES`] that has the best Dice on the validation samples of the round; all the way if there
    /// are too few samples for these, or if the difference is small. The hold-out set has no part in it.
    Validated,
}

impl Blend {
    /// The shares that are validated, apart from all the way.
    pub const SHARES: [f32; 3] = [0.25, 0.5, 0.75];
}

/// Training settings of a round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// Length of the round.
    pub length: Length,
    /// Batch size.
    pub batch: usize,
    /// Peak learning rate, for training from scratch.
    pub learning_rate: f64,
    /// Optimizer.
    pub optimizer: Optimizer,
    /// Loss function.
    pub loss: Loss,
    /// Additional weight of pixels that a person changed: they weigh 1 + this.
    pub stress: f32,
    /// How many times as often samples that are new in this round are used than older ones.
    pub new_weight: usize,
    /// How far the candidate goes from the starting weights to the trained ones; a new model always goes all the way.
    pub blend: Blend,
    /// Data augmentation.
    pub augment: AugmentConfig,
    /// Random seed for sample order and augmentation.
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
            blend: Blend::Trained,
            augment: AugmentConfig {
                scale: 1.4,
                tint: 1.2,
                ..AugmentConfig::default()
            },
            seed: 1,
        }
    }
}

/// Display name of [`StartFrom::Nothing`].
pub const NOTHING_NAME: &str = "nothing";
/// Display name of [`StartFrom::ClickModel`].
pub const CLICK_MODEL_NAME: &str = "Click model";

/// How a click model is fine-tuned on accepted cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClickPlan {
    /// Length of the training.
    pub length: Length,
    /// Batch size.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Loss function.
    pub loss: Loss,
    /// Share of the training on regions of superpixels instead of accepted masks, 0..=1, so that the model does not forget
    /// other objects.
    pub rehearsed: f64,
    /// Random seed.
    pub seed: u64,
}

impl Default for ClickPlan {
    fn default() -> Self {
        Self {
            length: Length::Steps(300),
            batch: 8,
            learning_rate: 6e-4,
            loss: Loss::BoundaryDou,
            rehearsed: 0.2,
            seed: 1,
        }
    }
}

/// Starting point of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartFrom {
    /// A new model with random weights.
    Nothing,
    /// A new model with the weights of the shipped model of the Click tool, except for the last layer.
    ClickModel,
    /// A shipped model, by its index in the list.
    Shipped(usize),
    /// A model file, which may be a version of the workspace.
    File(PathBuf),
}

/// When a round also fine-tunes the click model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClickTraining {
    /// If a person has used clicks, boxes or scribbles on accepted cases.
    #[default]
    WhenUsed,
    /// In every round.
    Always,
    /// In no round.
    Never,
}

impl ClickTraining {
    /// All choices, the default first.
    pub const ALL: [Self; 3] = [Self::WhenUsed, Self::Always, Self::Never];
}

/// The part of a round that fine-tunes the click model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClickSettings {
    /// Whether there is such a part.
    pub when: ClickTraining,
    /// File of the version that it starts from; `None` for the shipped model.
    pub start: Option<PathBuf>,
    /// Name of that version; empty for the shipped model.
    pub start_name: String,
    /// That version; `None` for the shipped model.
    pub parent: Option<VersionKey>,
}

/// Settings of a round in a workspace, stored with it so that the round can be resumed after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundSettings {
    /// Starting point.
    pub start: StartFrom,
    /// Name of the starting point.
    pub start_name: String,
    /// True if the starting model currently proposes masks; false for a version that is not accurate enough yet.
    #[serde(default = "proposes")]
    pub is_start_active: bool,
    /// Training settings; `seconds` determines their length.
    pub plan: Plan,
    /// Approximate duration in seconds on a typical machine, including reading and judging. The number of steps is
    /// derived from it, so that equal rounds give equal models. Fine-tuning the click model takes as long again.
    pub seconds: f64,
    /// The part that fine-tunes the click model.
    #[serde(default)]
    pub clicks: ClickSettings,
}

impl RoundSettings {
    /// Serializes the settings for the workspace.
    ///
    /// # Errors
    /// If a number cannot be represented in JSON.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::new("start training", &e).caused_by(e))
    }

    /// Reads settings stored in a workspace.
    ///
    /// # Errors
    /// If they are invalid or of an unknown version.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|e| {
            Error::new(
                "train",
                format!("the saved settings of the round are not valid ({e})"),
            )
            .caused_by(e)
        })
    }
}

/// Default for rounds stored before this field existed: they started from the active model.
fn proposes() -> bool {
    true
}

/// Estimated effort of a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Number of training cases.
    pub cases: usize,
    /// Number of their slices.
    pub slices: usize,
    /// Number of hold-out cases.
    pub held_out: usize,
    /// Seconds until the decision of the promotion gate.
    pub seconds: f64,
    /// Those of them for fine-tuning the click model; `None` if the round does not.
    pub click_seconds: Option<f64>,
    /// Bytes of memory.
    pub memory: u64,
    /// Remark for the user before the start, whole sentences.
    pub note: Option<String>,
}

/// Phase of a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RoundPhase {
    /// Reading images.
    Reading {
        /// Number of images read.
        done: usize,
        /// Total number of images.
        total: usize,
    },
    /// Training.
    Training(RoundProgress),
    /// Judging the candidate and the active model.
    Judging,
    /// Fine-tuning the click model.
    TrainingClicks(RoundProgress),
    /// Judging the candidate for the click model and the active one.
    JudgingClicks,
}

/// Progress report of a running round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RoundProgress {
    /// A training step was finished.
    Step {
        /// 1-based number of the step.
        step: usize,
        /// Finished share of the round, 0..=1.
        done: f64,
        /// Running mean of the loss.
        loss: f64,
        /// Estimated remaining time.
        remaining: Duration,
    },
    /// The averaged weights were evaluated on the validation set.
    Validation {
        /// Number of steps done.
        step: usize,
        /// Mean Dice on the validation set.
        dice: f64,
        /// True if it is the best so far.
        is_best: bool,
    },
}

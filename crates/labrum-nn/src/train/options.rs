//! How to train from the beginning, by our own recipe or by that of the paper.

use super::super::boundary_dou::BoundaryDou;
use super::super::device::DeviceChoice;
use super::super::loss::Objective;
use labrum_core::{
    label::Label,
    model_card::{Aspect, Config, ModelPurpose, TrainedOn},
    training::{AugmentConfig, Optimizer},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How to train. What is serialised is what decides about the weights, and goes into the log.
#[derive(Clone, Debug, Serialize)]
pub struct TrainOptions {
    /// Which network.
    pub config: Config,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images in a step.
    pub batch: usize,
    /// Learning rate at its height; it falls as (1 - done)^0.9, step by step.
    pub learning_rate: f64,
    /// Steps until the learning rate is at its height; 0 to begin with it.
    pub warm_up: usize,
    /// How weights follow gradients.
    pub optimizer: Optimizer,
    /// The loss.
    pub objective: Objective,
    /// Input columns, a multiple of 16.
    pub columns: usize,
    /// Input rows, a multiple of 16.
    pub rows: usize,
    /// Input channels, 1 or 3.
    pub channels: usize,
    /// Padded or stretched images.
    pub aspect: Aspect,
    /// Where mean and deviation of the grey levels come from.
    pub levels: LevelStatistics,
    /// What is judged and kept: the average of the weights over the last steps, or the weights themselves.
    pub averaged: bool,
    /// By which figure of the validation images, else of the training images, the best epoch is chosen.
    pub chosen_by: ValidationFigure,
    /// How samples are varied.
    pub augment: AugmentConfig,
    /// The same seed gives the same split, first weights, order and augmentation.
    pub seed: u64,
    /// Share of the subjects that were held out, for the figures at the end. This and what follows of subjects only goes
    /// into the log: who gives the images has divided them.
    pub held_out: f64,
    /// Subjects that are held out in any case.
    pub held_out_subjects: Vec<String>,
    /// Share of the remaining subjects that choose the best epoch.
    pub validation: f64,
    /// Pixels of a mask of so much and more are label 1, all others background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u16>,
    /// No step begins after so long; the learning rate falls along with the time.
    pub time_limit: Option<Duration>,
    /// Weights to start from, instead of random ones.
    pub start: Option<PathBuf>,
    /// Where to train.
    #[serde(skip)]
    pub device: DeviceChoice,
    /// Name of the model.
    #[serde(skip)]
    pub name: String,
    /// Version of the model.
    #[serde(skip)]
    pub version: String,
    /// Names of the labels in the order of their values, instead of those in `labels.json`. Where there are as many
    /// as labels that occur, they are those; else the first is that of value 1.
    #[serde(skip)]
    pub labels: Vec<Label>,
    /// What the model is for.
    #[serde(skip)]
    pub purpose: ModelPurpose,
    /// Name, licence and makers of the data.
    #[serde(skip)]
    pub trained_on: TrainedOn,
}

/// Where mean and deviation of the grey levels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LevelStatistics {
    /// The training images.
    Images,
    /// ImageNet, as usual for photographs: (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225); (0.449) and (0.226) in grey.
    ImageNet,
}

/// A figure of validation images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationFigure {
    /// Mean Dice.
    Dice,
    /// Mean intersection over union.
    Iou,
}

impl TrainOptions {
    /// Our own recipe: AdamW, Boundary DoU alone, much augmentation, averaged weights.
    pub fn labrum_recipe() -> Self {
        Self {
            config: Config::S,
            epochs: 30,
            batch: 8,
            learning_rate: 2e-3,
            warm_up: 50,
            optimizer: Optimizer::AdamW,
            objective: Objective::BoundaryDou(BoundaryDou::default()),
            columns: 256,
            rows: 256,
            channels: 3,
            aspect: Aspect::Kept,
            levels: LevelStatistics::Images,
            averaged: true,
            chosen_by: ValidationFigure::Dice,
            augment: AugmentConfig::default(),
            seed: 1,
            held_out: 0.1,
            held_out_subjects: Vec::new(),
            validation: 0.1,
            threshold: None,
            time_limit: None,
            start: None,
            device: DeviceChoice::Auto,
            name: String::new(),
            version: String::new(),
            labels: Vec::new(),
            purpose: ModelPurpose::default(),
            trained_on: TrainedOn::default(),
        }
    }

    /// As the authors of CMUNeXt trained (Tang et al., arXiv 2308.01239, and their code): half the cross-entropy and Dice,
    /// SGD, quarter turns and mirrors, images stretched to 256 x 256, the weights of the best IoU.
    pub fn paper_recipe() -> Self {
        Self {
            epochs: 300,
            learning_rate: 0.01,
            warm_up: 0,
            optimizer: Optimizer::Sgd,
            objective: Objective::BceDice,
            aspect: Aspect::Stretched,
            levels: LevelStatistics::ImageNet,
            averaged: false,
            chosen_by: ValidationFigure::Iou,
            augment: AugmentConfig::turns_and_mirrors(),
            ..Self::labrum_recipe()
        }
    }
}

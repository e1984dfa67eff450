//! Options of a training from scratch: Labrum's own recipe, and the paper's.

use super::super::boundary_dou::BoundaryDou;
use super::super::device::DeviceChoice;
use super::super::loss::Objective;
use super::start::StartModel;
use labrum_core::{
    label::Label,
    model_card::{Aspect, Config, ModelPurpose, TrainedOn},
    training::{AugmentConfig, Optimizer},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Training options. The serialised fields go into the log: they are those that affect the weights.
#[derive(Clone, Debug, Serialize)]
pub struct TrainOptions {
    /// Variant of the network: S, base or L.
    pub config: Config,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per step.
    pub batch: usize,
    /// Peak learning rate; it decays as (1 - done)^0.9, step by step.
    pub learning_rate: f64,
    /// Steps until the peak learning rate is reached; 0 to start with it.
    pub warm_up: usize,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The loss function.
    pub objective: Objective,
    /// Input columns, a multiple of 16.
    pub columns: usize,
    /// Input rows, a multiple of 16.
    pub rows: usize,
    /// Input channels, 1 or 3.
    pub channels: usize,
    /// Whether images are padded or stretched to the input.
    pub aspect: Aspect,
    /// Where mean and standard deviation for normalisation come from.
    pub levels: LevelStatistics,
    /// Validate and keep the average of the weights over the last steps, instead of the weights themselves.
    pub averaged: bool,
    /// The figure that decides the best epoch: of the validation images or, without any, of the training images.
    pub chosen_by: ValidationFigure,
    /// Data augmentation.
    pub augment: AugmentConfig,
    /// Random seed of the split, the initial weights, the order and the augmentation.
    pub seed: u64,
    /// Share of subjects in the hold-out set for the final figures, at least 0 and below 1. This and the other options
    /// on subjects are only logged: the caller has split the images.
    pub held_out: f64,
    /// Subjects that always belong to the hold-out set.
    pub held_out_subjects: Vec<String>,
    /// Share of the remaining subjects that are used for validation.
    pub validation: f64,
    /// Mask pixels with at least this value are label 1, all others background.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u16>,
    /// No step starts after this time; the learning rate decays with the time used.
    pub time_limit: Option<Duration>,
    /// Model to start from, instead of random weights.
    pub start: Option<StartModel>,
    /// The device to train on.
    #[serde(skip)]
    pub device: DeviceChoice,
    /// Name of the model.
    #[serde(skip)]
    pub name: String,
    /// Version of the model.
    #[serde(skip)]
    pub version: String,
    /// Labels in the order of their values, instead of those in `labels.json`. If there are as many as labels in the
    /// masks, they are assigned in order; else the first is that of value 1.
    #[serde(skip)]
    pub labels: Vec<Label>,
    /// What the model is for.
    #[serde(skip)]
    pub purpose: ModelPurpose,
    /// Name, licence and authors of the data.
    #[serde(skip)]
    pub trained_on: TrainedOn,
}

/// Where mean and standard deviation for normalisation come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LevelStatistics {
    /// Computed from the training images.
    Images,
    /// ImageNet's, as usual for photographs: mean (0.485, 0.456, 0.406) and standard deviation (0.229, 0.224, 0.225);
    /// in grey (0.449) and (0.226).
    ImageNet,
}

/// The figure that decides the best epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationFigure {
    /// Mean Dice.
    Dice,
    /// Mean intersection over union.
    Iou,
}

impl TrainOptions {
    /// Labrum's own recipe: AdamW, Boundary DoU alone, strong augmentation, averaged weights.
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

    /// The recipe of CMUNeXt's authors (Tang et al., arXiv 2308.01239, and their code): half the cross-entropy plus
    /// Dice, SGD, quarter turns and flips, images stretched to 256 x 256, the weights with the best IoU.
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

//! Training options that several commands share.

use crate::{Result, cli::usage::argument_error};
use clap::ValueEnum;
use labrum_core::training::{ClickPlan, Loss, Optimizer, Plan};

/// Training options.
#[derive(clap::Args, Debug)]
pub(super) struct PlanArguments {
    /// Loss function: Boundary DoU (in rounds of training, plus a little cross-entropy); Boundary DoU alone (sharpest
    /// boundaries, slow to find small structures from random weights); Dice and cross-entropy (robust, softer boundaries);
    /// half the cross-entropy plus the unsquared Dice loss of each image (as in the CMUNeXt paper)
    #[arg(long, value_enum)]
    pub(super) loss: Option<LossArgument>,
    /// Optimizer: AdamW learns quickly from few cases, SGD is used in the papers
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerArgument>,
    /// Peak learning rate
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Batch size: images in a training step
    #[arg(long)]
    batch: Option<usize>,
    /// Random seed; the same seed gives the same order and augmentation of the images
    #[arg(long, default_value_t = USUAL_SEED)]
    seed: u64,
}

/// Default seed.
const USUAL_SEED: u64 = 1;

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(super) enum LossArgument {
    BoundaryDou,
    BoundaryDouAlone,
    #[value(name = "dice-ce", alias = "dice-cross-entropy")]
    DiceCrossEntropy,
    BceDice,
}

impl From<LossArgument> for Loss {
    fn from(argument: LossArgument) -> Self {
        match argument {
            LossArgument::BoundaryDou => Self::BoundaryDou,
            LossArgument::BoundaryDouAlone => Self::BoundaryDouAlone,
            LossArgument::DiceCrossEntropy => Self::DiceCrossEntropy,
            LossArgument::BceDice => Self::BceDice,
        }
    }
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum OptimizerArgument {
    #[value(name = "adamw")]
    AdamW,
    Sgd,
}

impl From<OptimizerArgument> for Optimizer {
    fn from(argument: OptimizerArgument) -> Self {
        match argument {
            OptimizerArgument::AdamW => Self::AdamW,
            OptimizerArgument::Sgd => Self::Sgd,
        }
    }
}

impl PlanArguments {
    /// The first option that was given and differs from `plan`, if any.
    pub(super) fn other_than(&self, plan: &Plan) -> Option<&'static str> {
        let wanted = self.override_plan(plan.clone());
        let others = [
            ("--loss", wanted.loss != plan.loss),
            ("--optimizer", wanted.optimizer != plan.optimizer),
            (
                "--learning-rate",
                wanted.learning_rate != plan.learning_rate,
            ),
            ("--batch", wanted.batch != plan.batch),
            (
                "--seed",
                self.seed != USUAL_SEED && wanted.seed != plan.seed,
            ),
        ];
        others
            .into_iter()
            .find(|(_, is_other)| *is_other)
            .map(|(name, _)| name)
    }

    /// `usual` with the options that were given.
    pub(super) fn override_plan(&self, usual: Plan) -> Plan {
        Plan {
            loss: self.loss.map_or(usual.loss, Into::into),
            optimizer: self.optimizer.map_or(usual.optimizer, Into::into),
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            batch: self.batch.unwrap_or(usual.batch),
            seed: self.seed,
            ..usual
        }
    }

    /// `usual` with the given seed; the other options are ignored.
    pub(super) fn with_seed_only(&self, usual: Plan) -> Plan {
        Plan {
            seed: self.seed,
            ..usual
        }
    }

    /// `usual` with the options that were given, for the model of the Click tool.
    ///
    /// # Errors
    /// If an optimizer was given: such a model is always trained with AdamW.
    pub(super) fn override_click_plan(&self, usual: ClickPlan) -> Result<ClickPlan> {
        if self.optimizer.is_some() {
            let reason = "--optimizer cannot be used with --prompts";
            return Err(argument_error("train the model for clicks", reason));
        }
        Ok(ClickPlan {
            loss: self.loss.map_or(usual.loss, Into::into),
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            batch: self.batch.unwrap_or(usual.batch),
            seed: self.seed,
            ..usual
        })
    }
}

//! Options of a round that several commands have.

use crate::model::train::round::Plan;
use crate::model::train::{Loss, Optimizer};
use clap::ValueEnum;

/// How a round is done.
#[derive(clap::Args, Debug)]
pub(super) struct PlanArguments {
    /// What is made small: Boundary DoU with a little cross-entropy; Boundary DoU alone (sharpest boundaries, slow to find
    /// small things from nothing); Dice and cross-entropy (steady, softer boundaries)
    #[arg(long, value_enum, default_value = "boundary-dou")]
    loss: LossArgument,
    /// How weights follow gradients: AdamW learns fast from little, SGD is the paper's
    #[arg(long, value_enum, default_value = "adamw")]
    optimizer: OptimizerArgument,
    /// Learning rate at its height
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Images in a step
    #[arg(long)]
    batch: Option<usize>,
    /// The same seed gives the same order and variations
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum LossArgument {
    BoundaryDou,
    BoundaryDouAlone,
    DiceCrossEntropy,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum OptimizerArgument {
    #[value(name = "adamw")]
    AdamW,
    Sgd,
}

impl PlanArguments {
    /// `usual` with what was asked for.
    pub(super) fn plan(&self, usual: Plan) -> Plan {
        Plan {
            loss: match self.loss {
                LossArgument::BoundaryDou => Loss::BoundaryDou,
                LossArgument::BoundaryDouAlone => Loss::BoundaryDouAlone,
                LossArgument::DiceCrossEntropy => Loss::DiceCrossEntropy,
            },
            optimizer: match self.optimizer {
                OptimizerArgument::AdamW => Optimizer::AdamW,
                OptimizerArgument::Sgd => Optimizer::Sgd,
            },
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            batch: self.batch.unwrap_or(usual.batch),
            seed: self.seed,
            ..usual
        }
    }
}

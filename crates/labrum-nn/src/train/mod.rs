//! Training: from scratch, and in rounds on corrected masks.

mod full;
mod log;
mod optimizer;
mod options;
mod random;
mod resume;
pub mod round;
mod samples;
mod smooth;
mod start;
pub mod state;
mod statistics;
mod trainee;
mod transfer;
mod widen;

pub use full::{
    ImageMaskPair, Trained, TrainingKeeper, TrainingProgress, TrainingSet, train_network,
};
pub use log::{Epoch, Images, KeptWeights, TrainingLog};
pub use optimizer::OptimizerMoments;
pub(super) use optimizer::RunningMeans;
pub use options::{LevelStatistics, TrainOptions, ValidationFigure};
pub use random::random_weights;
pub(super) use random::seed_of;
pub use resume::check_same_settings;
pub use samples::{TrainingSample, grey_statistics, turns_that_keep};
pub(super) use smooth::SmoothLoss;
pub use start::StartModel;
pub use trainee::sample_dice;
pub(super) use trainee::{Trainee, may_go_on};
pub use transfer::weights_from_prompt_model;
pub use widen::widen_head;

//! Training: from the beginning, and in rounds on what people corrected.

mod full;
mod log;
mod optimizer;
mod options;
mod random;
pub mod round;
mod samples;
pub mod state;
mod statistics;
mod trainee;
mod widen;

pub use full::{ImageMaskPair, Keeper, Progress, Trained, TrainingSet, train};
pub use log::{Epoch, Images, Kept, TrainingLog};
pub(super) use optimizer::Follower;
pub use optimizer::Moments;
pub use options::{Figure, Levels, TrainOptions};
pub use random::random_weights;
pub use samples::{Sample, grey_statistics, turns_that_keep};
pub use trainee::sample_dice;
pub use widen::widen;

//! Training: from a folder, and in rounds on what people corrected.

mod folder;
mod optimizer;
mod random;
pub mod round;
mod samples;
mod statistics;
mod trainee;
mod widen;

pub use folder::{Progress, TrainOptions, Trained, train};
pub use optimizer::{Moments, Optimizer};
pub use random::random_weights;
pub use samples::{Sample, grey_statistics, turns_that_keep};
pub use trainee::{Loss, sample_dice};
pub use widen::widen;

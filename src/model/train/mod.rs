//! Training: from a folder, and in rounds on what people corrected.

mod folder;
pub mod round;
mod samples;
mod trainee;
mod widen;

pub use folder::{Progress, TrainOptions, Trained, train};
pub use samples::{Sample, grey_statistics, turns_that_keep};
pub use trainee::{Loss, Optimizer, sample_dice};
pub use widen::widen;

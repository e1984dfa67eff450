//! The learning loop: from accepted masks to a candidate, from a candidate to a verdict. The window, `labrum train` and
//! `labrum rehearse` all run this.

mod cost;
pub mod course;
pub mod exercise;
pub mod folder;
mod judge;
pub mod rehearse;
pub mod round;

pub use judge::{Judge, compare_models, dice_overlap};

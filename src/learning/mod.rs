//! The learning loop: accepted masks train a candidate, and the promotion gate judges it. Used by the window, `labrum train`
//! and `labrum rehearse`.

pub mod clicks;
mod cost;
pub mod course;
pub mod exercise;
pub mod folder;
mod judge;
pub mod model;
pub mod prompts;
pub mod rehearse;
pub mod round;

pub use judge::{Judge, compare_models, dice_overlap};

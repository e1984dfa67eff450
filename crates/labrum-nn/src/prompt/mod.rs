//! Prompt-based segmentation: a network that takes clicks, boxes and scribbles, and its training with a simulated
//! annotator.

mod blur;
mod degraded;
pub mod encode;
mod episode;
pub mod judge;
mod levels;
pub mod looks;
mod made;
pub mod person;
#[cfg(test)]
mod phantom;
mod random;
pub mod recipe;
mod scribble;
mod second_choice;
pub mod segmenter;
mod shapes;
pub mod source;
pub mod square_pixels;
pub mod train;
pub mod variation;
pub mod view;

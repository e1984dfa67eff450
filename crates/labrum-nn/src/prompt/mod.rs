//! Prompt-based segmentation: a network that takes clicks, boxes and scribbles, and how it learns to, from a simulated
//! annotator who gives prompts.

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
mod scribble;
pub mod segmenter;
mod shapes;
pub mod source;
pub mod train;
pub mod variation;
pub mod view;

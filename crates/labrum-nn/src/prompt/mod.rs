//! Segmentation by prompts: tasks that a network learns it from, with a simulated person who clicks.

mod blur;
mod degraded;
mod levels;
mod made;
pub mod person;
#[cfg(test)]
mod phantom;
mod random;
mod scribble;
mod shapes;
pub mod source;
pub mod variation;

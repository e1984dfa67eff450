//! The segmentation network CMUNeXt: model, kernels, losses (Boundary DoU and others), inference, training and
//! evaluation.
//!
//! The only crate of Labrum that uses burn.

pub mod augment;
pub mod bench;
pub mod boundary_dou;
pub mod checkpoint;
pub mod cmunext;
pub mod device;
pub mod evaluate;
pub mod fallback;
pub mod frozen;
pub mod infer;
mod kernels;
pub mod loss;
pub mod preprocess;
pub mod prompt;
pub mod runner;
pub mod train;
pub mod weights;

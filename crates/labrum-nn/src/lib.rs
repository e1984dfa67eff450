//! CMUNeXt, a network for segmentation, with all that is done with it: Boundary DoU and other losses, kernels of its own,
//! inference, training and evaluation.
//!
//! It is the only package of Labrum that names burn.

pub mod augment;
pub mod bench;
pub mod boundary_dou;
pub mod checkpoint;
pub mod cmunext;
pub mod device;
pub mod evaluate;
pub mod frozen;
pub mod infer;
mod kernels;
pub mod loss;
pub mod preprocess;
pub mod runner;
pub mod train;
pub mod weights;

//! The network and all that is done with it: the only place that names burn.

pub mod augment;
pub mod bench;
pub mod boundary_dou;
pub mod card;
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
pub mod shipped;
pub mod train;
pub mod weights;

//! The network and all that is done with it: the only place that names burn.

pub mod boundary_dou;
pub mod card;
pub mod checkpoint;
pub mod cmunext;
pub mod device;
mod kernels;

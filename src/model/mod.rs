//! The network and all that is done with it: the only place that names burn.

pub mod augment;
pub mod card;
pub mod evaluate;
pub mod preprocess;

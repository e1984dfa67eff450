//! Pure data and functions: no files, no threads, no egui, no burn.

pub mod bootstrap;
pub mod boundary;
pub mod codes;
pub mod device;
pub mod distance;
pub mod edit;
pub mod gate;
pub mod geometry;
pub mod holdout;
pub mod image;
pub mod journal;
pub mod label;
pub mod lattice;
pub mod learning;
pub mod mask;
pub mod measure;
pub mod metrics;
pub mod orientation;
pub mod pacs;
pub mod prediction;
pub mod progress;
pub mod region;
pub mod reslice;
pub mod stack;
pub mod study;
pub mod tools;

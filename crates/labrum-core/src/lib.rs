//! The core of Labrum: images, masks, labels and studies, and the editing tools that work on them.
//!
//! All but four modules are pure data and functions: they read no files and start no threads. [`file_bytes`] reads
//! ranges of a file, [`whole_file`] writes files atomically, [`guard`] turns a decoder's panic into an error, and
//! [`containment`] reads foreign files in a child process.

pub mod blur;
pub mod bootstrap;
pub mod boundary;
pub mod cine;
pub mod clock;
pub mod codes;
pub mod color_map;
pub mod containment;
pub mod counts;
pub mod device;
pub mod distance;
pub mod edit;
mod error;
pub mod export_format;
pub mod file_bytes;
pub mod gate;
pub mod geometry;
pub mod guard;
pub mod header;
pub mod hex;
pub mod holdout;
pub mod image;
pub mod import;
pub mod journal;
pub mod label;
pub mod label_table;
pub mod lattice;
pub mod learning;
pub mod looks;
pub mod mask;
pub mod measure;
pub mod measurement;
pub mod metrics;
pub mod model_card;
pub mod naming;
pub mod orientation;
pub mod pacs;
pub mod patient;
pub mod prediction;
pub mod presentation;
pub mod progress;
pub mod prompts;
pub mod quantile;
pub mod region;
pub mod reslice;
pub mod scale;
pub mod stack;
pub mod study;
pub mod tools;
pub mod training;
pub mod vector;
pub mod whole_file;

pub use error::{Error, ErrorKind, Result, reason_of};

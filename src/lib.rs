//! Labrum learns a clinician's contours: open a study, see mask and boundary, correct, retrain, export.
//!
//! ARCHITECTURE.md beside the sources is the map.

pub mod app;
pub mod cli;
pub mod io;
pub mod learning;
pub mod session;
pub mod shipped;
pub mod ui;
pub mod worker;
pub mod workspace;

pub use labrum_core::{Error, ErrorKind, Result};

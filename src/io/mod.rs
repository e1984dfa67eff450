//! Files to domain and back; every error names its path.

pub mod dicom;
pub mod info;
pub mod open;
pub mod picture;

mod guard;

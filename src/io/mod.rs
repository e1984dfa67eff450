//! Files and servers to domain and back; every error names its path.

pub mod dataset;
pub mod label_file;

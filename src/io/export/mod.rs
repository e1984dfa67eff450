//! Masks, overlays, probabilities and measurements as files that other programs read. Every file is read back and
//! compared before it appears; DICOM-SEG is in [`super::dicom::seg`].

mod measurements;
mod overlay;
mod png;
mod series;

pub use measurements::{Measurements, SliceMeasurement, VolumeMeasurement};
pub use overlay::{OverlayLook, overlay_pixels};
pub use png::{label_map, label_mask, overlay, probabilities};
pub use series::{Format, Names, SliceFiles, planned, write_series, write_slice};

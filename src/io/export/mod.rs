//! Masks, overlays, probabilities and measurements as files that other programs read. Every file is read back and
//! compared before it appears; DICOM-SEG is in [`super::dicom::seg`].

mod labels;
mod measurements;
mod originals;
mod overlay;
mod png;
mod series;

pub use labels::{labels_beside, read_labels, write_labels};
pub use measurements::{Measurements, SliceMeasurement, VolumeMeasurement};
pub use originals::refuse_originals;
pub use overlay::{OverlayLook, overlay_pixels};
pub use png::{label_map, label_mask, overlay, probabilities};
pub(crate) use series::safe as safe_name;
pub use series::{Format, Names, SeriesFiles, SliceFiles, planned, write_series, write_slice};

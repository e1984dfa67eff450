//! Exports masks, overlays, probabilities and measurements as files for other programs. Every file is verified before it
//! appears. DICOM-SEG is in [`labrum_dicom::seg`].

mod all;
mod attempts;
pub mod batch;
pub mod case;
mod coco;
mod deidentified;
mod drawn;
mod file_names;
mod label_series;
mod label_times;
mod labels;
mod manifest;
mod measurements;
mod nifti;
mod originals;
mod overlay;
mod pattern;
mod png;
mod preset;
mod series;
mod standing;
mod stored_times;
mod tables;
mod work_report;

pub use all::{ExportReport, export_all};
pub use coco::CocoWriter;
pub use deidentified::{DeidentifiedSeries, deidentify_series, planned_images};
pub use drawn::{DrawnOnSeries, DrawnRow};
pub(crate) use file_names::{NO_LABELS, common_folder, label_file_names, without_ending};
pub use label_series::LabelOverSeries;
pub use label_times::{LabelOverTime, VolumeAtTime};
pub use labels::{LabelList, labels_beside, read_labels, write_labels};
pub use manifest::Manifest;
pub use measurements::{Measurements, SliceMeasurement, VolumeMeasurement};
pub use nifti::write_nifti;
pub use originals::refuse_originals;
pub use overlay::{OverlayLook, overlay_pixels};
pub use pattern::{PLACEHOLDERS, Pattern};
pub use png::{label_map, label_mask, write_overlay, write_probabilities, write_rgb};
pub use preset::{OverlayStyle, Preset};
pub use series::{
    Names, SeriesFiles, SeriesWritten, SliceFiles, Unfit, planned_files, write_series, write_slice,
};
pub use stored_times::StoredTimes;
pub use work_report::work_report_csv;

#[cfg(test)]
mod tests;

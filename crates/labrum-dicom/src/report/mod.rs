//! Measurement reports: DICOM SR by TID 1500, with measurements in image coordinates or in the patient.
//!
//! The writer is strict: each measurement is a Measurement Group with its tracking identifier, its coordinates on the
//! image that it was drawn on, and its values in units of UCUM. The reader accepts reports of other programs as far as
//! their groups name images of the series, or lie in planes of it.

mod codes;
mod content;
mod groups;
mod place;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use place::{FoundMeasurements, measurements_in_series};
pub use read::{MeasurementReport, ReadReport, ReportCoordinates, ReportGroup, read_file};

use labrum_core::{
    Error, Result,
    measurement::{DrawnMeasurement, Measured},
    study::{Kind, Series},
    whole_file,
};
use std::path::Path;

const TRIED: &str = "write the measurement report";

/// Manufacturer of written reports.
const PRODUCT: &str = "Labrum";

/// A measurement to be reported, with its values.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'a> {
    /// The measurement.
    pub drawn: &'a DrawnMeasurement,
    /// Its values.
    pub measured: &'a Measured,
}

/// Summary of a written report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportSummary {
    /// SOP Instance UID of the file.
    pub sop_instance_uid: String,
    /// Warnings about values that were missing in the source, and about measurements that were left out.
    pub warnings: Vec<String>,
}

/// Writes measurements on `series` as a Comprehensive SR, or as a Comprehensive 3D SR if some lie across the slices.
/// `observers` are the persons who drew them; without any, the program is the observer.
///
/// # Errors
/// If there are no measurements, if the images are not DICOM or have no valid UIDs, or if the file cannot be written.
pub fn write_file(
    path: &Path,
    series: &Series,
    measurements: &[Reported<'_>],
    observers: &[String],
) -> Result<ReportSummary> {
    let reason = if measurements.is_empty() {
        Some("there are no drawn measurements")
    } else if series.kind != Kind::Dicom {
        Some("a DICOM SR refers to DICOM images, and these are image files")
    } else {
        None
    };
    if let Some(reason) = reason {
        return Err(Error::at_path(TRIED, path, reason)
            .with_advice("CSV and JSON can store measurements on any image."));
    }
    let encoded = write::encode_file(series, measurements, observers)?;
    whole_file::write_checked(
        path,
        TRIED,
        |file| file.write_all(&encoded.bytes),
        |written| verify_written(written, path, encoded.groups),
    )?;
    Ok(encoded.summary)
}

/// Reads the written file back and counts its groups; errors name `path`, its final name.
fn verify_written(written: &Path, path: &Path, groups: usize) -> Result<()> {
    let back =
        read::decode_file(written).map_err(|error| Error::at_path(TRIED, path, error.reason))?;
    if back.groups.len() == groups {
        return Ok(());
    }
    let reason = "the written file failed verification";
    Err(Error::at_path(TRIED, path, reason))
}

//! Imports measurements from DICOM SR files (TID 1500) of this and other programs.

use super::files_at;
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    counts::count_with_noun, import::ImportedMeasurements, naming::file_name_text, study::Series,
};
use labrum_dicom::report;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

const TRIED: &str = "import the measurements";

/// Reads the measurements on `series` from files or folders. From a folder, only reports are read; of several reports
/// with the same measurement, the first is taken.
///
/// # Errors
/// If a file cannot be read, if there is no report, or if none is about the series.
pub fn read_measurements(paths: &[PathBuf], series: &Series) -> Result<ImportedMeasurements> {
    let first = paths
        .first()
        .ok_or_else(|| Error::new(TRIED, "no file or folder was given"))?;
    let mut imported = ImportedMeasurements::default();
    let (mut reports, mut of_others) = (0, 0);
    let mut known = HashSet::new();
    for path in files_at(paths, TRIED)? {
        let report = match report::read_file(&path) {
            Ok(report) => report,
            // In a folder there are other files as well.
            Err(error) if error.kind == ErrorKind::NotFound && !paths.contains(&path) => continue,
            Err(error) => return Err(error),
        };
        reports += 1;
        let found = report::measurements_in_series(&report, series);
        of_others += found.of_others;
        let name = file_name_text(&path);
        let notes = found.notes.into_iter();
        imported
            .notes
            .extend(notes.map(|note| format!("\"{name}\": {note}")));
        for measurement in found.measurements {
            if known.insert(measurement.id.clone()) {
                imported.measurements.push(measurement);
            }
        }
    }
    if imported.measurements.is_empty() && imported.notes.is_empty() {
        return Err(nothing_found(first, reports));
    }
    if of_others > 0 {
        let count = count_with_noun(of_others, "measurement");
        imported
            .notes
            .push(format!("{count} of other images left out"));
    }
    Ok(imported)
}

fn nothing_found(first: &Path, reports: usize) -> Error {
    let (reason, advice) = match reports {
        0 => (
            "there is no DICOM SR",
            "Choose a DICOM SR with measurements (TID 1500).",
        ),
        _ => (
            "the measurements are of other images",
            "Open the series that they were made on.",
        ),
    };
    Error::at_path(TRIED, first, reason)
        .with_advice(advice)
        .of_kind(ErrorKind::NotFound)
}

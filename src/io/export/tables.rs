//! What the tables of measurements share: rounding, names of spacings, writing.

use crate::{Error, Result};
use labrum_core::{geometry::SpacingSource, whole_file};
use serde::Serialize;
use std::{fs, path::Path};

pub(super) const TRIED: &str = "write the measurements";

/// The name of a source of spacing in the table.
pub(super) fn source_name(source: SpacingSource) -> &'static str {
    match source {
        SpacingSource::PixelSpacing => "Pixel Spacing",
        SpacingSource::ImagerPixelSpacing => "Imager Pixel Spacing (at the detector)",
        SpacingSource::UltrasoundRegion => "Sequence of Ultrasound Regions",
        SpacingSource::AspectRatioOnly => "Pixel Aspect Ratio",
        SpacingSource::Picture => "picture",
        SpacingSource::Nifti => "NIfTI header",
    }
}

/// Rounds to four decimals, far below the precision of a pixel.
pub(super) fn round_decimals(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Writes rows as CSV with a header line, also if there are none.
pub(super) fn write_table<T: Serialize>(path: &Path, columns: &[&str], rows: &[T]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if rows.is_empty() {
        writer
            .write_record(columns)
            .map_err(|e| Error::at_path(TRIED, path, e))?;
    }
    rows.iter()
        .try_for_each(|row| writer.serialize(row))
        .map_err(|e| Error::at_path(TRIED, path, e))?;
    let text = writer
        .into_inner()
        .map_err(|e| Error::at_path(TRIED, path, e))?;
    write_text(path, &text)
}

/// Writes a text and verifies it.
pub(super) fn write_text(path: &Path, text: &[u8]) -> Result<()> {
    whole_file::write_checked(
        path,
        TRIED,
        |file| file.write_all(text),
        |written| match fs::read(written) {
            Ok(back) if back == text => Ok(()),
            Ok(_) => Err(Error::at_path(
                TRIED,
                path,
                "verification failed: the content of the file differs",
            )),
            Err(e) => Err(Error::at_path(
                TRIED,
                path,
                format!("verification failed: {e}"),
            )),
        },
    )
}

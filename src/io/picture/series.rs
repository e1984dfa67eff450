//! An image file as a series whose slices are its pages.

use super::{PageStack, Probe, probe_header, read_spacing};
use crate::Result;
use labrum_core::{
    geometry::PixelSpacing,
    naming::file_name_text,
    study::{Kind, Series, Slice, Source},
};
use std::path::Path;

/// One series for all pages, or one for each channel and time.
///
/// # Errors
/// As [`probe_header`].
pub(in crate::io) fn read_series(path: &Path) -> Result<Vec<Series>> {
    let probe = probe_header(path)?;
    let spacing = read_spacing(path);
    let series = probe
        .parts
        .iter()
        .enumerate()
        .map(|(number, part)| series_of_part(path, &probe, number, part, spacing));
    Ok(series.collect())
}

/// `number` is the 0-based number of the part in the file.
fn series_of_part(
    path: &Path,
    probe: &Probe,
    number: usize,
    part: &PageStack,
    spacing: Option<PixelSpacing>,
) -> Series {
    let slices = part.frames.iter().map(|frame| Slice {
        spacing,
        ..Slice::from_source(Source {
            path: path.to_owned(),
            frame: *frame,
        })
    });
    Series {
        id: part_id(&path.display().to_string(), number),
        description: file_name_text(path),
        number: (probe.parts.len() > 1).then_some(number as i64 + 1),
        color: probe.color,
        notes: part.note.iter().chain(&probe.notes).cloned().collect(),
        ..Series::from_slices(Kind::Picture, probe.columns, probe.rows, slices.collect())
    }
}

/// The id of a part of a file: that of the file, with a number appended from the second part on.
pub(in crate::io) fn part_id(file: &str, part: usize) -> String {
    if part == 0 {
        file.to_owned()
    } else {
        format!("{file}#{}", part + 1)
    }
}

//! A picture as series: its pages are slices.

use super::{PageStack, probe_header, read_spacing};
use crate::{Result, io::open::name_of};
use labrum_core::study::{Kind, Series, Slice, Source};
use std::path::Path;

/// A series of each part: all pages, or those of one channel and time.
///
/// # Errors
/// As [`probe`].
pub(in crate::io) fn read_series(path: &Path) -> Result<Vec<Series>> {
    let probe = probe_header(path)?;
    let spacing = read_spacing(path);
    let slice = |frame: &u32| Slice {
        spacing,
        ..Slice::from_source(Source {
            path: path.to_owned(),
            frame: *frame,
        })
    };
    let one = |(number, part): (usize, &PageStack)| Series {
        id: part_id(&path.display().to_string(), number),
        description: name_of(path),
        number: (probe.parts.len() > 1).then_some(number as i64 + 1),
        color: probe.color,
        notes: part.note.iter().chain(&probe.notes).cloned().collect(),
        ..Series::from_slices(
            Kind::Picture,
            probe.columns,
            probe.rows,
            part.frames.iter().map(slice).collect(),
        )
    };
    Ok(probe.parts.iter().enumerate().map(one).collect())
}

/// The id of a part of a file: that of the file, with a number behind it from the second part on.
pub(in crate::io) fn part_id(file: &str, part: usize) -> String {
    if part == 0 {
        file.to_owned()
    } else {
        format!("{file}#{}", part + 1)
    }
}

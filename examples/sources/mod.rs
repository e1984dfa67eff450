//! The series that an example is given, and the order of its slices.

use labrum::{Error, Result, io::open::read_catalog};
use labrum_core::{progress::Cancel, study::Series};
use std::path::{Path, PathBuf};

/// The only series of the sources.
pub(crate) fn series_at(sources: &[impl AsRef<Path>]) -> Result<Series> {
    let paths: Vec<PathBuf> = sources.iter().map(|s| s.as_ref().to_owned()).collect();
    let catalog = read_catalog(&paths, &mut |_| {}, &Cancel::default())?;
    let mut series: Vec<Series> = catalog
        .studies
        .into_iter()
        .flat_map(|study| study.series)
        .collect();
    match (series.pop(), series.len()) {
        (Some(only), 0) => Ok(only),
        _ => Err(Error::new(
            "open the sources",
            "they do not make one series",
        )),
    }
}

/// Where the pixels of its slices are, in their order: file and frame.
pub(crate) fn slice_order(series: &Series) -> Vec<(&Path, u32)> {
    let sources = series.slices.iter().map(|slice| &slice.source);
    sources.map(|s| (s.path.as_path(), s.frame)).collect()
}

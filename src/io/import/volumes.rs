//! Which NIfTI volumes are masks of a series.

use crate::io::{
    export::{Names, without_ending},
    nifti,
};
use labrum_core::study::Series;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// Of `files`, the volumes that are read as masks of `series`: those that were named (`given`), and of folders those called
/// like the series, else all.
pub(super) fn mask_volumes(files: &[PathBuf], given: &[PathBuf], series: &Series) -> Vec<PathBuf> {
    let own: HashSet<PathBuf> = series
        .slices
        .iter()
        .map(|s| s.source.path.clone())
        .collect();
    let own: HashSet<PathBuf> = own
        .into_iter()
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    let is_own = |path: &PathBuf| path.canonicalize().is_ok_and(|real| own.contains(&real));
    let volumes = files
        .iter()
        .filter(|path| nifti::is_nifti(path) && !is_own(path))
        .cloned();
    let (named, inside): (Vec<PathBuf>, Vec<PathBuf>) =
        volumes.partition(|path| given.contains(path));
    let called = |wanted: &str| {
        inside
            .iter()
            .filter(|p| without_ending(p) == wanted)
            .cloned()
            .collect::<Vec<_>>()
    };
    let like_series = volume_names(series)
        .iter()
        .map(|name| called(name))
        .find(|found| !found.is_empty());
    named
        .into_iter()
        .chain(like_series.unwrap_or(inside))
        .collect()
}

/// True where a volume is called like the series, so that it is of this one and no other.
pub(in crate::io) fn is_called_like(path: &Path, series: &Series) -> bool {
    volume_names(series).contains(&without_ending(path))
}

/// What a volume of labels of a series may be called, without its ending.
fn volume_names(series: &Series) -> Vec<String> {
    let name = Names::new(series, &mut HashSet::new()).series;
    // A channel of an image as nnU-Net numbers it: its mask has no number.
    let case = name
        .rsplit_once('_')
        .filter(|(_, n)| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()));
    let case = case.map(|(case, _)| case.to_owned());
    [Some(name), case].into_iter().flatten().collect()
}

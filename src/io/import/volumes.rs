//! Finds NIfTI volumes that are masks of a series.

use crate::io::{
    export::{Names, without_ending},
    nifti,
};
use labrum_core::study::Series;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// The volumes among `files` to read as masks of `series`: those given by path (`given`), and from folders those named like
/// the series, or all if none is.
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
    let volumes = files
        .iter()
        .filter(|path| nifti::is_nifti(path) && !is_one_of(path, &own))
        .cloned();
    let (named, inside): (Vec<PathBuf>, Vec<PathBuf>) =
        volumes.partition(|path| given.contains(path));
    let like_series = volume_names(series)
        .iter()
        .map(|name| volumes_called(&inside, name))
        .find(|found| !found.is_empty());
    named
        .into_iter()
        .chain(like_series.unwrap_or(inside))
        .collect()
}

/// True if a path leads to one of these files, also through links.
fn is_one_of(path: &Path, files: &HashSet<PathBuf>) -> bool {
    path.canonicalize().is_ok_and(|real| files.contains(&real))
}

fn volumes_called(volumes: &[PathBuf], name: &str) -> Vec<PathBuf> {
    volumes
        .iter()
        .filter(|path| without_ending(path) == name)
        .cloned()
        .collect()
}

/// True if a volume is named like the series, so that it belongs to this one and no other.
pub(in crate::io) fn is_called_like(path: &Path, series: &Series) -> bool {
    volume_names(series).contains(&without_ending(path))
}

/// Possible names of a mask volume of a series, without extension.
fn volume_names(series: &Series) -> Vec<String> {
    let name = Names::new(series, &mut HashSet::new()).series;
    // nnU-Net appends a channel number ("_0000") to images, but not to their masks.
    let case = name
        .rsplit_once('_')
        .filter(|(_, n)| n.len() == 4 && n.bytes().all(|b| b.is_ascii_digit()));
    let case = case.map(|(case, _)| case.to_owned());
    [Some(name), case].into_iter().flatten().collect()
}

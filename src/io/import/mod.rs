//! Masks from files, of this program and of others: DICOM segmentations, RT Structure Sets, NIfTI volumes and label maps,
//! told apart by content.

mod pictures;
#[cfg(test)]
mod tests;
mod volumes;

use super::{
    containment,
    dicom::{seg, structures},
    nifti, picture,
};
use crate::{
    Error, Result,
    domain::{label::Label, mask::Mask, study::Series},
};
use pictures::{Picture, Wanted};
use std::path::{Path, PathBuf};

const TRIED: &str = "import the masks";

/// Masks of a series with what their values mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Of the values 1..=n of the masks.
    pub labels: Vec<Label>,
    /// 0-based slice and its mask, in order; slices that the files say nothing of are left out.
    pub masks: Vec<(usize, Mask)>,
    /// What had to be decided or left out, for the user to read.
    pub notes: Vec<String>,
}

/// Reads masks of `series` from files or folders: one DICOM segmentation, RT Structure Set or NIfTI volume, or label maps
/// called like the slices' files.
///
/// Of a folder, what belongs to the series is taken, and a segmentation, structure set or volume before label maps. The meaning of the values of
/// label maps is read from `labels.json` beside them.
///
/// # Errors
/// Where nothing belongs to the series, several segmentations or structure sets do, sizes differ, or a file cannot be read.
pub fn masks(paths: &[PathBuf], series: &Series) -> Result<Imported> {
    containment::masks(paths, series)
}

/// As [`masks`], in this process.
pub(super) fn decode(paths: &[PathBuf], series: &Series) -> Result<Imported> {
    let first = paths.first().ok_or_else(|| Error::new(TRIED, "no file or folder was given"))?;
    let files = files_at(paths)?;
    let (mut fitting, mut refusals) = (Vec::new(), Vec::new());
    let volumes = volumes::wanted(&files, paths, series);
    for path in &files {
        let imported = match path {
            path if seg::is_segmentation(path) => seg::import(path, series),
            path if structures::is_structure_set(path) => structures::import(path, series),
            path if volumes.contains(path) => nifti::import(path, series),
            _ => continue,
        };
        match imported {
            Ok(imported) => fitting.push((path, imported)),
            Err(error) => refusals.push(error),
        }
    }
    if let [(one, _), (other, _), ..] = fitting.as_slice() {
        let reason = format!("\"{}\" and \"{}\" belong to this series", name(one), name(other));
        return Err(Error::at(TRIED, first, reason).advise("Choose one of them."));
    }
    if let Some((_, imported)) = fitting.pop() {
        return Ok(imported);
    }
    let wanted = Wanted::of(series);
    let found: Vec<Picture> = files.iter().flat_map(|path| wanted.pictures(path)).collect();
    let is_alone = matches!(paths, [only] if only.is_file()) && refusals.is_empty();
    let alone = || Picture::pages(first, series.slices.len()).filter(|_| is_alone);
    match (refusals.into_iter().next(), found.is_empty()) {
        (_, false) => pictures::import(found, series),
        (Some(refusal), true) => Err(refusal),
        (None, true) => pictures::import(alone().ok_or_else(|| nothing(first, series))?, series),
    }
}

/// The files themselves, and those that lie directly in the folders, in order of their names.
fn files_at(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            std::fs::metadata(path).map_err(|e| Error::at(TRIED, path, super::dicom::reason_of(&e)))?;
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(|e| Error::at(TRIED, path, super::dicom::reason_of(&e)))?;
        let mut inside: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn is_picture(path: &Path) -> bool {
    picture::format_at(path).is_some()
}

fn nothing(path: &Path, series: &Series) -> Error {
    let names = pictures::names(series);
    let reason = match names.as_slice() {
        [] => "the series has no slices".to_owned(),
        [one] => format!(
            "there is no DICOM segmentation, no RT Structure Set, no NIfTI volume and no label map called \"{one}.png\""
        ),
        [one, ..] => {
            format!(
                "there is no DICOM segmentation, no RT Structure Set, no NIfTI volume and no label map called like a slice (\"{one}.png\" and so on)"
            )
        }
    };
    Error::at(TRIED, path, reason)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

//! Imports masks from files of this and other programs: DICOM segmentations, RT Structure Sets, COCO files, NIfTI volumes and
//! label maps, told apart by content.

mod coco;
pub(in crate::io) mod meaning;
mod measurements;
mod pictures;
#[cfg(test)]
mod tests;
pub(in crate::io) mod volumes;

use super::{nifti, picture};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    containment,
    import::{
        Basis, ImportedMasks, MaskChoice, TakenLabel,
        choice::{Offered, Taken, tell_apart},
    },
    label::Label,
    mask::Mask,
    study::{Series, os_path},
};
use labrum_dicom::{seg, structures};
pub use measurements::read_measurements;
use pictures::{PictureNames, SlicePicture};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const TRIED: &str = "import the masks";

/// Reads masks of `series` from files or folders: one DICOM segmentation, RT Structure Set, COCO file or NIfTI volume, or
/// label maps named like the files of the slices. A single label map for a single image may have any name, unless `choice`
/// requires matching names.
///
/// From a folder, only files that belong to the series are used: those that refer to its images rather than those that only
/// match by position, and segmentations, structure sets or volumes rather than label maps. The values of label maps are
/// defined by a `labels.json` next to them; one rule applies to all of them. If labels overlap so that one has no pixels
/// left, [`ImportedMasks::loss_reason`] says so.
///
/// # Errors
/// If no file belongs to the series, several segmentations or structure sets do, sizes differ, or a file cannot be read.
pub fn read_masks(
    paths: &[PathBuf],
    series: &Series,
    choice: &MaskChoice,
) -> Result<ImportedMasks> {
    let Some(first) = paths.first() else {
        return decode_masks(paths, series, choice);
    };
    containment::read_in_child(ReadMasks {
        first: first.clone(),
        paths: paths.iter().map(Into::into).collect(),
        series: Box::new(series.clone()),
        choice: choice.clone(),
    })
}

/// Request for the masks of a series.
#[derive(Serialize, Deserialize)]
pub(super) struct ReadMasks {
    #[serde(with = "os_path")]
    first: PathBuf,
    paths: Vec<OsString>,
    series: Box<Series>,
    choice: MaskChoice,
}

impl containment::Request for ReadMasks {
    const NAME: &'static str = "masks";
    const TRIED: &'static str = TRIED;
    type Answer = ImportedMasks;

    fn path(&self) -> &Path {
        &self.first
    }

    fn time_limit(&self) -> Duration {
        containment::masks_of_slices(self.series.slices.len())
    }

    fn read_in_process(self) -> Result<ImportedMasks> {
        let paths: Vec<PathBuf> = self.paths.into_iter().map(PathBuf::from).collect();
        decode_masks(&paths, &self.series, &self.choice)
    }
}

/// As [`read_masks`], in this process.
pub(super) fn decode_masks(
    paths: &[PathBuf],
    series: &Series,
    choice: &MaskChoice,
) -> Result<ImportedMasks> {
    let first = paths
        .first()
        .ok_or_else(|| Error::new(TRIED, "no file or folder was given"))?;
    let files = files_at(paths, TRIED)?;
    let mut fitting = Vec::new();
    let mut refusals = Vec::new();
    let volumes = volumes::mask_volumes(&files, paths, series);
    for path in &files {
        match import_file(path, series, choice, &volumes) {
            Some(Ok(imported)) => fitting.push((path, imported)),
            Some(Err(error)) => refusals.push(error),
            None => {}
        }
    }
    let strongest = fitting
        .iter()
        .map(|(_, imported): &(_, ImportedMasks)| imported.basis)
        .max();
    fitting.retain(|(_, imported)| Some(imported.basis) == strongest);
    if fitting.len() > 1 && choice.by_position {
        // Of several files that match by position, prefer those that refer to these images.
        let naming = MaskChoice {
            by_position: false,
            ..choice.clone()
        };
        let bases: Vec<Option<Basis>> = fitting
            .iter()
            .map(|(path, _)| {
                let imported = import_file(path, series, &naming, &volumes)?;
                Some(imported.ok()?.basis)
            })
            .collect();
        let best = bases.iter().copied().max().flatten();
        let mut bases = bases.into_iter();
        fitting.retain(|_| bases.next().flatten() == best);
        if let Some(best) = best {
            fitting
                .iter_mut()
                .for_each(|(_, imported)| imported.basis = best);
        }
    }
    if fitting.len() > 1 {
        let names = shortest_names(
            &fitting
                .iter()
                .map(|(path, _)| path.as_path())
                .collect::<Vec<_>>(),
        );
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let reason = format!("several files match this series: {}", names.join(" and "));
        return Err(Error::at_path(TRIED, first, reason).with_advice("Choose one of these files."));
    }
    if let Some((_, imported)) = fitting.pop() {
        return Ok(imported);
    }
    let wanted = PictureNames::for_series(series);
    let found: Vec<SlicePicture> = files
        .iter()
        .flat_map(|path| wanted.match_pictures(path))
        .collect();
    let is_alone =
        !choice.by_name && matches!(paths, [only] if only.is_file()) && refusals.is_empty();
    match (refusals.into_iter().next(), found.is_empty()) {
        (_, false) => select_labels(
            pictures::import_masks(found, series, choice)?,
            choice,
            first,
        ),
        (Some(refusal), true) => Err(refusal),
        (None, true) => {
            let alone = SlicePicture::from_stack_pages(first, series.slices.len())
                .filter(|_| is_alone)
                .ok_or_else(|| no_masks_error(first, series))?;
            let mut imported = select_labels(
                pictures::import_masks(alone, series, choice)?,
                choice,
                first,
            )?;
            imported.notes.push(format!(
                "\"{}\" is not named like the image; it was used because it is the only mask",
                file_name(first)
            ));
            Ok(imported)
        }
    }
}

/// Masks from a file that can hold those of a whole series; `None` for any other file. `volumes` are the NIfTI volumes to
/// read as masks.
fn import_file(
    path: &Path,
    series: &Series,
    choice: &MaskChoice,
    volumes: &[PathBuf],
) -> Option<Result<ImportedMasks>> {
    if seg::is_segmentation(path) {
        return Some(seg::import_chosen(path, series, choice));
    }
    if structures::is_structure_set(path) {
        return Some(structures::import_masks(path, series, choice));
    }
    if coco::is_coco(path) {
        return Some(coco::import_masks(path, series, choice));
    }
    if volumes.iter().any(|volume| volume == path) {
        let imported = nifti::import_masks(path, series, choice);
        return Some(imported.and_then(|masks| select_labels(masks, choice, path)));
    }
    None
}

/// Keeps only the chosen labels of label maps, in which labels cannot overlap.
fn select_labels(
    imported: ImportedMasks,
    choice: &MaskChoice,
    path: &Path,
) -> Result<ImportedMasks> {
    let ImportedMasks {
        labels,
        masks,
        mut notes,
        basis,
        is_resampled,
        ..
    } = imported;
    let offered: Vec<Offered<'_>> = (1..)
        .zip(&labels)
        .map(|(number, label)| Offered {
            number,
            name: &label.name,
        })
        .collect();
    let taken = Taken::from_choice(&offered, choice)
        .map_err(|reason| Error::at_path(TRIED, path, reason))?;
    let mut values = [0u8; 256];
    let mut count = vec![0; taken.indices.len()];
    for (value, index) in (1..=u8::MAX).zip(&taken.indices) {
        if let Some(of) = values.get_mut(index + 1) {
            *of = value;
        }
    }
    let mut relabelled = Vec::with_capacity(masks.len());
    for (slice, mask) in masks {
        let of: Vec<u8> = mask
            .pixel_labels()
            .iter()
            .map(|old| values[usize::from(*old)])
            .collect();
        of.iter()
            .filter_map(|value| usize::from(*value).checked_sub(1))
            .for_each(|label| count[label] += 1);
        relabelled
            .extend(Mask::from_labels(mask.columns(), mask.rows(), of).map(|mask| (slice, mask)));
    }
    let report = taken
        .indices
        .iter()
        .zip(count)
        .map(|(index, pixels)| TakenLabel {
            number: u32::try_from(index + 1).unwrap_or(u32::MAX),
            in_file: pixels,
            left: pixels,
            covered: 0,
        })
        .collect();
    let mut labels: Vec<Label> = taken
        .indices
        .iter()
        .filter_map(|i| labels.get(*i).cloned())
        .collect();
    notes.extend(tell_apart(&mut labels));
    Ok(ImportedMasks {
        labels,
        masks: relabelled,
        notes,
        taken: report,
        basis,
        is_resampled,
    })
}

/// The given files, and the files directly inside the given folders, sorted by name.
fn files_at(paths: &[PathBuf], tried: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            fs::metadata(path)
                .map_err(|e| Error::at_path(tried, path, labrum_core::reason_of(&e)))?;
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path)
            .map_err(|e| Error::at_path(tried, path, labrum_core::reason_of(&e)))?;
        let mut inside: Vec<PathBuf> = entries
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.is_file())
            .collect();
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn is_picture(path: &Path) -> bool {
    picture::format_at(path).is_some()
}

fn no_masks_error(path: &Path, series: &Series) -> Error {
    let names = pictures::label_map_names(series);
    let reason = match names.as_slice() {
        [] => "the series has no slices".to_owned(),
        [one] => format!(
            "no masks found: no DICOM segmentation, RT Structure Set, COCO file or NIfTI volume, \
             and no label map named \"{one}.png\""
        ),
        [one, ..] => {
            format!(
                "no masks found: no DICOM segmentation, RT Structure Set, COCO file or NIfTI \
                 volume, and no label map named like a slice (\"{one}.png\" and so on)"
            )
        }
    };
    Error::at_path(TRIED, path, reason).of_kind(ErrorKind::NotFound)
}

/// File names, preceded by as many folder names as needed to make them distinct.
fn shortest_names(paths: &[&Path]) -> Vec<String> {
    let longest = paths
        .iter()
        .map(|path| path.components().count())
        .max()
        .unwrap_or(1);
    (1..=longest)
        .map(|count| last_parts_of_each(paths, count))
        .find(|names| are_distinct(names))
        .unwrap_or_else(|| last_parts_of_each(paths, longest))
}

fn last_parts_of_each(paths: &[&Path], count: usize) -> Vec<String> {
    paths.iter().map(|path| last_parts(path, count)).collect()
}

/// The last `count` parts of a path, or all if it has fewer.
fn last_parts(path: &Path, count: usize) -> String {
    let parts: Vec<_> = path.components().collect();
    let last: PathBuf = parts[parts.len().saturating_sub(count)..].iter().collect();
    last.display().to_string()
}

fn are_distinct(names: &[String]) -> bool {
    names.iter().collect::<HashSet<_>>().len() == names.len()
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

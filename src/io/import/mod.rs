//! Masks from files, of this program and of others: DICOM segmentations, RT Structure Sets, NIfTI volumes and label maps,
//! told apart by content.

mod coco;
pub(in crate::io) mod meaning;
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
use pictures::{PictureNames, SlicePicture};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashSet,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

const TRIED: &str = "import the masks";

/// Reads masks of `series` from files or folders: one DICOM segmentation, RT Structure Set or NIfTI volume, or label maps
/// called like the slices' files. One label map for one image may be called otherwise, unless `choice` goes by names.
///
/// Of a folder, what belongs to the series is taken: what names its images before what only lies there, and a
/// segmentation, structure set or volume before label maps. The meaning of the values of label maps is read from `labels.json`
/// beside them; how they are read is one rule for all of them. Where labels overlap so that one has no pixel left,
/// [`ImportedMasks::loss_reason`] says so.
///
/// # Errors
/// Where nothing belongs to the series, several segmentations or structure sets do, sizes differ, or a file cannot be read.
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

/// Masks of a series.
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
    let files = files_at(paths)?;
    let (mut fitting, mut refusals) = (Vec::new(), Vec::new());
    let volumes = volumes::mask_volumes(&files, paths, series);
    let read = |path: &PathBuf, choice: &MaskChoice| match path {
        path if seg::is_segmentation(path) => Some(seg::import_chosen(path, series, choice)),
        path if structures::is_structure_set(path) => {
            Some(structures::import_masks(path, series, choice))
        }
        path if coco::is_coco(path) => Some(coco::import_masks(path, series, choice)),
        path if volumes.contains(path) => Some(
            nifti::import_masks(path, series, choice).and_then(|i| select_labels(i, choice, path)),
        ),
        _ => None,
    };
    for path in &files {
        match read(path, choice) {
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
        // Of several that lie here those that name these images are meant.
        let naming = MaskChoice {
            by_position: false,
            ..choice.clone()
        };
        let basis = |path: &PathBuf| Some(read(path, &naming)?.ok()?.basis);
        let bases: Vec<Option<Basis>> = fitting.iter().map(|(path, _)| basis(path)).collect();
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
        let reason = format!("{} belong to this series", names.join(" and "));
        return Err(Error::at_path(TRIED, first, reason)
            .with_advice("Give the path of the one that is meant, without the others."));
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
    let alone = || SlicePicture::from_stack_pages(first, series.slices.len()).filter(|_| is_alone);
    match (refusals.into_iter().next(), found.is_empty()) {
        (_, false) => select_labels(
            pictures::import_masks(found, series, choice)?,
            choice,
            first,
        ),
        (Some(refusal), true) => Err(refusal),
        (None, true) => {
            let alone = alone().ok_or_else(|| no_masks_error(first, series))?;
            let mut imported = select_labels(
                pictures::import_masks(alone, series, choice)?,
                choice,
                first,
            )?;
            imported.notes.push(format!(
                "\"{}\" is called otherwise than the image, and is the only mask",
                file_name(first)
            ));
            Ok(imported)
        }
    }
}

/// Of label maps, whose values do not overlap, those that are wanted.
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
    let of = |(index, pixels): (&usize, usize)| TakenLabel {
        number: u32::try_from(index + 1).unwrap_or(u32::MAX),
        in_file: pixels,
        left: pixels,
        covered: 0,
    };
    let report = taken.indices.iter().zip(count).map(of).collect();
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

/// The files themselves, and those that lie directly in the folders, in order of their names.
fn files_at(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            std::fs::metadata(path)
                .map_err(|e| Error::at_path(TRIED, path, labrum_core::reason_of(&e)))?;
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path)
            .map_err(|e| Error::at_path(TRIED, path, labrum_core::reason_of(&e)))?;
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
            "there is no DICOM segmentation, no RT Structure Set, no COCO file, no NIfTI volume and no label map called \"{one}.png\""
        ),
        [one, ..] => {
            format!(
                "there is no DICOM segmentation, no RT Structure Set, no COCO file, no NIfTI volume and no label map called like a slice (\"{one}.png\" and so on)"
            )
        }
    };
    Error::at_path(TRIED, path, reason).of_kind(ErrorKind::NotFound)
}

/// What tells the paths apart, and no more: as many folders before the name as that takes.
fn shortest_names(paths: &[&Path]) -> Vec<String> {
    let ending = |path: &Path, count: usize| {
        let parts: Vec<_> = path.components().collect();
        parts[parts.len().saturating_sub(count)..]
            .iter()
            .collect::<PathBuf>()
            .display()
            .to_string()
    };
    let longest = paths
        .iter()
        .map(|path| path.components().count())
        .max()
        .unwrap_or(1);
    let names = |count: usize| {
        paths
            .iter()
            .map(|path| ending(path, count))
            .collect::<Vec<_>>()
    };
    let is_distinct =
        |names: &Vec<String>| names.iter().collect::<HashSet<_>>().len() == names.len();
    (1..=longest)
        .map(names)
        .find(is_distinct)
        .unwrap_or_else(|| names(longest))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

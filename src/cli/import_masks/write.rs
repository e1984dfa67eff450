//! Writes the files of one series from imported masks: first those of each slice, then those of the whole series.

use super::{ImportMasksArguments, ImportOutcome, MasksNotWritten, series_title};
use crate::cli::format::unique_formats;
use crate::io::export::{
    Names, OverlayLook, SeriesFiles, SliceFiles, planned_files, refuse_originals, write_series,
    write_slice,
};
use crate::io::open;
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    export_format::ExportFormat, import::ImportedMasks, label::Label, mask::Mask, progress::Cancel,
    study::Series, whole_file,
};
use labrum_dicom::seg::{AlgorithmType, Authorship};
use std::collections::HashSet;
use std::{fs, path::PathBuf, slice};

/// Writes all files of the masks of a series.
pub(super) fn write_masks(
    series: &Series,
    imported: ImportedMasks,
    arguments: &ImportMasksArguments,
    taken: &mut HashSet<String>,
    cancel: &Cancel,
) -> Result<ImportOutcome> {
    if let Some(loss) = imported.loss_reason() {
        let path = arguments.masks.first().cloned().unwrap_or_default();
        let advice =
            "Choose the labels to import with --only, or those that lie on top with --order.";
        return Err(Error::at_path("import the masks", path, loss).with_advice(advice));
    }
    let ImportedMasks {
        labels,
        masks,
        mut notes,
        taken: counts,
        ..
    } = imported;
    let pixels: Vec<usize> = counts.iter().map(|count| count.left).collect();
    let gaps = unused_values(&labels, &pixels);
    // Slices without a mask are left out: an empty mask would mean that nothing is there.
    let places: Vec<usize> = masks.iter().map(|(slice, _)| *slice).collect();
    let part = Series {
        slices: masks
            .iter()
            .filter_map(|(slice, _)| series.slices.get(*slice).cloned())
            .collect(),
        ..series.clone()
    };
    let masks: Vec<Mask> = masks.into_iter().map(|(_, mask)| mask).collect();
    let names = Names::of_part(series, &part.slices, taken);
    let formats = unique_formats(&arguments.format);
    let outputs = planned_files(&arguments.out, &names, &labels, &formats);
    refuse_overwriting(series, &outputs, arguments)?;
    whole_file::make_folder(&arguments.out)?;
    let slices = PartSlices {
        part: &part,
        names: &names,
        masks: &masks,
        labels: &labels,
    };
    let mut files = slices.write_files(&outputs, &formats, arguments, cancel)?;
    let author = unknown_person();
    let whole = SeriesFiles {
        series: &part,
        masks: &masks,
        probabilities: &[],
        labels: &labels,
        authors: slice::from_ref(&author),
        options: arguments.seg.seg_options(),
        places: &places,
        gaps: &gaps,
        drawn: None,
        over_time: &[],
    };
    let mut written = write_series(&arguments.out, &names.series, &whole, &formats)?;
    if files.is_empty() && written.files.is_empty() && !written.unfit.is_empty() {
        return Err(written.unfit.swap_remove(0).error);
    }
    files.extend(written.files);
    notes.extend(written.warnings);
    let not_written = written.unfit.into_iter();
    let not_written = not_written
        .map(|u| MasksNotWritten {
            format: u.format.short_name(),
            reason: u.error.to_string(),
        })
        .collect();
    let named = (1..=255u8)
        .zip(labels)
        .zip(pixels)
        .filter(|((value, _), _)| !gaps.contains(value));
    let (labels, pixels) = named
        .map(|((_, label), pixels)| (label.name, pixels))
        .unzip();
    Ok(ImportOutcome {
        series: series_title(series),
        labels,
        pixels,
        slices: masks.len(),
        files,
        notes,
        not_written,
    })
}

/// Values between those of the labels that no pixel has, because label maps keep their values.
fn unused_values(labels: &[Label], pixels: &[usize]) -> Vec<u8> {
    (1..=255u8)
        .zip(labels)
        .zip(pixels)
        .filter(|((value, label), pixels)| **pixels == 0 && is_named_by_number(label, *value))
        .map(|((value, _), _)| value)
        .collect()
}

fn is_named_by_number(label: &Label, value: u8) -> bool {
    Label::by_number(value).name == label.name
}

/// Fails if a result would replace an input image or mask, or an existing file without `--overwrite`.
fn refuse_overwriting(
    series: &Series,
    outputs: &[PathBuf],
    arguments: &ImportMasksArguments,
) -> Result<()> {
    let given = series
        .slices
        .iter()
        .map(|s| &s.source.path)
        .chain(&arguments.masks);
    refuse_originals(given.map(PathBuf::as_path), outputs)
        .map_err(|error| error.with_advice("Choose another folder with --out."))?;
    arguments.overwrite.refuse_existing(outputs)
}

/// The unknown author of imported masks, recorded as manual.
fn unknown_person() -> Authorship {
    Authorship {
        algorithm_type: AlgorithmType::Manual,
        model: String::new(),
        model_version: String::new(),
        weights: String::new(),
        person: String::new(),
    }
}

/// The slices of a series that have masks.
struct PartSlices<'a> {
    part: &'a Series,
    names: &'a Names,
    masks: &'a [Mask],
    labels: &'a [Label],
}

impl PartSlices<'_> {
    /// Writes the files of each slice. When stopped, removes those of `outputs` that did not exist before.
    fn write_files(
        &self,
        outputs: &[PathBuf],
        formats: &[ExportFormat],
        arguments: &ImportMasksArguments,
        cancel: &Cancel,
    ) -> Result<Vec<PathBuf>> {
        let mut files: Vec<PathBuf> = Vec::new();
        let new: Vec<&PathBuf> = outputs.iter().filter(|path| !path.exists()).collect();
        let slices = self.part.slices.iter().zip(&self.names.slices);
        for ((slice, name), mask) in slices.zip(self.masks) {
            if cancel.is_cancelled() {
                // An incomplete series leaves no files.
                new.iter().for_each(|file| drop(fs::remove_file(file)));
                return Err(Error::new("import the masks", "stopped").of_kind(ErrorKind::Cancelled));
            }
            let image = open::load_slice(&slice.source, self.part.kind)?;
            let slice_files = SliceFiles {
                image: &image,
                window: None,
                look: OverlayLook::for_size(image.columns, image.rows),
                mask,
                prediction: None,
                labels: self.labels,
            };
            files.extend(write_slice(&arguments.out, name, &slice_files, formats)?);
        }
        Ok(files)
    }
}

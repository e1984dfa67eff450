//! Writes all files of one series into one folder.

use super::{
    CocoWriter, DrawnOnSeries, Measurements, OverlayLook,
    file_names::{label_file_names, sanitize_name, unique_name, without_ending},
    label_map, label_mask,
    label_times::{labels_over_time, write_times},
    labels::write_labels_but,
    standing::Standing,
    write_nifti, write_overlay, write_probabilities,
};
use crate::{Error, ErrorKind, Result, io::open};
use labrum_core::{
    export_format::ExportFormat,
    image::{Image, Window},
    label::Label,
    mask::Mask,
    measurement::VolumeCurve,
    prediction::Prediction,
    study::{Kind, Series, Slice},
};
use labrum_dicom::{
    seg::{self, Authorship, Content},
    structure_set,
};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Unique names for the files of a series.
#[derive(Clone, Debug)]
pub struct Names {
    /// Name of each slice, from its file and frame.
    pub slices: Vec<String>,
    /// Name of the series, from its UID or its file.
    pub series: String,
}

impl Names {
    /// Names for `series` that are not in `taken`; they are added to it.
    pub fn new(series: &Series, taken: &mut HashSet<String>) -> Self {
        let slices = series.slices.iter().map(|slice| {
            let base = without_ending(&slice.source.path);
            let of_file = series
                .slices
                .iter()
                .filter(|other| other.source.path == slice.source.path);
            let wanted = if of_file.count() > 1 {
                format!("{base}-{:04}", slice.source.frame + 1)
            } else {
                base
            };
            unique_name(&sanitize_name(&wanted), taken)
        });
        let slices: Vec<String> = slices.collect();
        let series = match (series.kind, series.slices.first()) {
            (Kind::Picture, Some(slice)) => without_ending(&slice.source.path),
            _ => series.id.clone(),
        };
        Self {
            slices,
            series: unique_name(&format!("{}.series", sanitize_name(&series)), taken)
                .trim_end_matches(".series")
                .into(),
        }
    }
}

impl Names {
    /// Names for some slices of `series`, the same as if all were written.
    pub fn of_part(series: &Series, part: &[Slice], taken: &mut HashSet<String>) -> Self {
        let whole = Self::new(series, taken);
        let slices = part
            .iter()
            .map(|slice| {
                let place = series.slices.iter().position(|s| s.source == slice.source);
                let name = place.and_then(|i| whole.slices.get(i)).cloned();
                name.unwrap_or_else(|| unique_name("image", taken))
            })
            .collect();
        Self {
            slices,
            series: whole.series,
        }
    }
}

/// A slice to be written.
pub struct SliceFiles<'a> {
    /// The image, for overlays.
    pub image: &'a Image,
    /// Chosen window of the overlay; `None` for the default contrast of the image.
    pub window: Option<Window>,
    /// Appearance of the overlay.
    pub look: OverlayLook,
    /// The mask of the slice.
    pub mask: &'a Mask,
    /// Source of the probabilities.
    pub prediction: Option<&'a Prediction>,
    /// The labels of the mask values 1, 2 and so on.
    pub labels: &'a [Label],
}

/// All files that [`write_slice`] and [`write_series`] write for a series, except `labels.json`, which several may share.
pub fn planned_files(
    folder: &Path,
    names: &Names,
    labels: &[Label],
    formats: &[ExportFormat],
) -> Vec<PathBuf> {
    let of_slices = names
        .slices
        .iter()
        .flat_map(|name| formats.iter().map(move |f| (name, f)));
    let of_slices = of_slices.flat_map(|(name, format)| slice_paths(folder, name, labels, *format));
    let of_slices = of_slices.map(|(_, path)| path);
    of_slices
        .chain(
            formats
                .iter()
                .filter_map(|f| series_path(folder, &names.series, *f)),
        )
        .collect()
}

/// One file, or one for each label that is not gone, with the index of the label.
fn slice_paths(
    folder: &Path,
    name: &str,
    labels: &[Label],
    format: ExportFormat,
) -> Vec<(usize, PathBuf)> {
    match format {
        ExportFormat::LabelMap => vec![(0, png_path(folder, name, ""))],
        ExportFormat::PerLabel => label_paths(folder, name, labels, ""),
        ExportFormat::Overlay => vec![(0, png_path(folder, name, ".overlay"))],
        ExportFormat::Probabilities if labels.len() == 1 => {
            vec![(0, png_path(folder, name, ".probability"))]
        }
        ExportFormat::Probabilities => label_paths(folder, name, labels, ".probability"),
        format => {
            debug_assert!(format.is_of_series());
            Vec::new()
        }
    }
}

/// `part` is inserted between the name of the slice and the extension.
fn png_path(folder: &Path, name: &str, part: &str) -> PathBuf {
    folder.join(format!("{name}{part}.png"))
}

/// One file for each label that is not gone, with the index of the label; `part` follows the name of the label.
fn label_paths(folder: &Path, name: &str, labels: &[Label], part: &str) -> Vec<(usize, PathBuf)> {
    let (places, standing): (Vec<usize>, Vec<Label>) = labels
        .iter()
        .cloned()
        .enumerate()
        .filter(|(_, label)| !label.is_gone())
        .unzip();
    places
        .into_iter()
        .zip(label_file_names(&standing))
        .map(|(place, label)| {
            let path = png_path(folder, name, &format!(".{label}{part}"));
            (place, path)
        })
        .collect()
}

fn series_path(folder: &Path, name: &str, format: ExportFormat) -> Option<PathBuf> {
    let ending = match format {
        ExportFormat::DicomSeg => "seg.dcm",
        ExportFormat::SegLabelMap => "labelmap.seg.dcm",
        ExportFormat::SegFractional => "fractional.seg.dcm",
        ExportFormat::Json => "measurements.json",
        ExportFormat::Csv => "measurements.csv",
        ExportFormat::OverTimeCsv => "over-time.csv",
        ExportFormat::DrawnCsv => "drawn.csv",
        ExportFormat::StructuredReport => "sr.dcm",
        ExportFormat::StructureSet => "rtstruct.dcm",
        ExportFormat::Nifti => "nii.gz",
        ExportFormat::Coco => "coco.json",
        ExportFormat::LabelMap
        | ExportFormat::PerLabel
        | ExportFormat::Overlay
        | ExportFormat::Probabilities => {
            return None;
        }
    };
    Some(folder.join(format!("{name}.{ending}")))
}

/// Writes the files of one slice and returns their paths.
pub fn write_slice(
    folder: &Path,
    name: &str,
    files: &SliceFiles<'_>,
    formats: &[ExportFormat],
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let SliceFiles {
        image,
        window,
        look,
        mask,
        prediction,
        labels,
    } = files;
    for format in formats {
        for (i, path) in slice_paths(folder, name, labels, *format) {
            match format {
                ExportFormat::LabelMap => label_map(&path, mask, labels)?,
                ExportFormat::PerLabel => label_mask(&path, mask, i as u8 + 1)?,
                ExportFormat::Overlay => write_overlay(&path, image, *window, mask, labels, *look)?,
                ExportFormat::Probabilities => {
                    match prediction.and_then(|p| p.probabilities.get(i)) {
                        Some(map) => write_probabilities(&path, mask.columns(), mask.rows(), map)?,
                        None => continue,
                    }
                }
                _ => continue,
            }
            written.push(path);
        }
    }
    Ok(written)
}

/// A series to be written.
pub struct SeriesFiles<'a> {
    /// The series.
    pub series: &'a Series,
    /// One mask for each slice.
    pub masks: &'a [Mask],
    /// For each slice the probabilities of each label, as in [`Prediction`]; empty if unknown.
    pub probabilities: &'a [&'a [Vec<u16>]],
    /// The labels of the mask values 1, 2 and so on.
    pub labels: &'a [Label],
    /// Who made each label: one for each, or one for all.
    pub authors: &'a [Authorship],
    /// Options for DICOM-SEG.
    pub options: seg::Options,
    /// The 0-based index of each slice in the whole series, of which these may be a part.
    pub places: &'a [usize],
    /// Values of placeholder labels, which are omitted from `labels.json`.
    pub gaps: &'a [u8],
    /// The measurements that were drawn.
    pub drawn: Option<&'a DrawnOnSeries>,
    /// The volumes of labels over the times of the series, by label value.
    pub over_time: &'a [(u8, VolumeCurve)],
}

/// The result of writing a series.
#[derive(Clone, Debug, Default)]
pub struct SeriesWritten {
    /// All files.
    pub files: Vec<PathBuf>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Formats that cannot store these masks, with the reasons.
    pub unfit: Vec<Unfit>,
}

/// A format that cannot store the masks.
#[derive(Clone, Debug)]
pub struct Unfit {
    /// The format.
    pub format: ExportFormat,
    /// The error.
    pub error: Error,
}

/// Writes the files of the whole series, and `labels.json` next to label maps. A format that cannot store the masks is
/// reported in the result and does not stop the others.
///
/// # Errors
/// If a file cannot be written to disk.
pub fn write_series(
    folder: &Path,
    name: &str,
    files: &SeriesFiles<'_>,
    formats: &[ExportFormat],
) -> Result<SeriesWritten> {
    let mut written = SeriesWritten::default();
    for format in formats {
        let Some(path) = series_path(folder, name, *format) else {
            continue;
        };
        let warnings = match write_whole(&path, files, *format) {
            Ok(warnings) => warnings,
            Err(failure) if failure.kind == ErrorKind::Disk => return Err(failure),
            Err(error) => {
                written.unfit.push(Unfit {
                    format: *format,
                    error,
                });
                continue;
            }
        };
        for warning in warnings {
            if !written.warnings.contains(&warning) {
                written.warnings.push(warning);
            }
        }
        written.files.push(path);
    }
    let needs_list = formats.iter().any(|format| {
        holds_values_only(*format) && written.unfit.iter().all(|unfit| unfit.format != *format)
    });
    if needs_list {
        written
            .files
            .extend(write_labels_but(folder, name, files.labels, files.gaps)?);
    }
    Ok(written)
}

/// True for formats that store only label values, without names.
fn holds_values_only(format: ExportFormat) -> bool {
    matches!(
        format,
        ExportFormat::LabelMap | ExportFormat::PerLabel | ExportFormat::Nifti
    )
}

/// Writes one file and returns warnings.
fn write_whole(path: &Path, files: &SeriesFiles<'_>, format: ExportFormat) -> Result<Vec<String>> {
    let is_numbered = [
        ExportFormat::DicomSeg,
        ExportFormat::SegLabelMap,
        ExportFormat::SegFractional,
        ExportFormat::StructureSet,
    ]
    .contains(&format);
    if let Some(standing) = Some(files)
        .filter(|_| is_numbered)
        .and_then(Standing::from_files)
    {
        return standing.with_files(files, |files| write_whole(path, files, format));
    }
    let SeriesFiles {
        series,
        masks,
        probabilities,
        labels,
        authors,
        drawn,
        ..
    } = *files;
    match format {
        ExportFormat::DicomSeg => return write_seg(path, files, Content::Binary(masks)),
        ExportFormat::SegLabelMap => return write_seg(path, files, Content::LabelMap(masks)),
        ExportFormat::SegFractional
            if probabilities.len() < masks.len() || probabilities.iter().any(|p| p.is_empty()) =>
        {
            return Err(Error::at_path(
                "write the probabilities",
                path,
                "there are none, because the masks were drawn or imported",
            )
            .with_advice("Choose another format, or run a model on the series."));
        }
        ExportFormat::SegFractional => {
            return write_seg(path, files, Content::Fractional(probabilities));
        }
        ExportFormat::StructureSet => {
            return Ok(structure_set::write_file(path, series, masks, labels, authors)?.warnings);
        }
        ExportFormat::Nifti => return write_nifti(path, series, masks),
        ExportFormat::Coco => {
            let mut coco = CocoWriter::default();
            coco.add_series(series, &CocoWriter::file_names(series), masks, labels);
            coco.write_file(path)?;
        }
        ExportFormat::Json => {
            let mut measurements = measure_masks(files);
            measurements.drawn = drawn.map_or_else(Vec::new, DrawnOnSeries::rows);
            measurements.over_time = labels_over_time(labels, files.over_time);
            measurements.write_json(path)?;
        }
        ExportFormat::Csv => measure_masks(files).write_csv(path)?,
        ExportFormat::OverTimeCsv => {
            write_times(path, &labels_over_time(labels, files.over_time))?;
        }
        ExportFormat::DrawnCsv => given_drawn(drawn, path)?.write_csv(path)?,
        ExportFormat::StructuredReport => return given_drawn(drawn, path)?.write_report(path),
        ExportFormat::LabelMap
        | ExportFormat::PerLabel
        | ExportFormat::Overlay
        | ExportFormat::Probabilities => {}
    }
    Ok(Vec::new())
}

/// Measures all labels, with the pixels in the files as far as they can be read.
fn measure_masks(files: &SeriesFiles<'_>) -> Measurements {
    let SeriesFiles {
        series,
        masks,
        labels,
        places,
        ..
    } = *files;
    Measurements::from_masks(series, places, masks, labels, &mut |slice| {
        open::load_slice(&slice.source, series.kind).ok()
    })
}

/// The drawn measurements; an error if there are none.
fn given_drawn<'a>(drawn: Option<&'a DrawnOnSeries>, path: &Path) -> Result<&'a DrawnOnSeries> {
    let given = drawn.filter(|drawn| !drawn.measured.is_empty());
    given.ok_or_else(|| {
        let reason = "no measurements were drawn on this series";
        Error::at_path("write the drawn measurements", path, reason)
    })
}

/// Writes a DICOM-SEG and returns warnings.
fn write_seg(path: &Path, files: &SeriesFiles<'_>, content: Content<'_>) -> Result<Vec<String>> {
    let summary = seg::write_file(
        path,
        files.series,
        content,
        files.labels,
        files.authors,
        files.options,
    )?;
    Ok(summary.warnings)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use labrum_core::study::Source;

    /// The frames of one file.
    pub(in crate::io::export) fn clip(frames: u32) -> Series {
        let slice = |frame| {
            Slice::from_source(Source {
                path: "clip.dcm".into(),
                frame,
            })
        };
        Series {
            id: "1.2.3".into(),
            modality: "US".into(),
            ..Series::from_slices(Kind::Dicom, 2, 2, (0..frames).map(slice).collect())
        }
    }

    #[test]
    fn the_name_of_a_slice_does_not_depend_on_which_others_are_written() {
        let series = clip(3);
        let names = Names::of_part(&series, &series.slices[2..], &mut HashSet::new());
        assert_eq!(names.slices, ["clip-0003"]);
        assert_eq!(names.series, "1.2.3");
        assert_eq!(Names::new(&clip(1), &mut HashSet::new()).slices, ["clip"]);
        for (path, name) in [
            ("/a/head.nii.gz", "head"),
            ("head.nii", "head"),
            ("1.2.840.113", "1.2.840.113"),
            ("b", "b"),
        ] {
            assert_eq!(without_ending(Path::new(path)), name);
        }
    }
}

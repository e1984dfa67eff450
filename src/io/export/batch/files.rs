//! Writes the files of the slices and of the series of a case.

use super::Export;
use crate::{
    Error, Result,
    io::{
        export::{
            DrawnOnSeries, OverlayLook, SeriesFiles, SliceFiles, Unfit,
            case::{CaseToExport, MaskedSlice},
            series::SeriesWritten,
            write_series, write_slice,
        },
        open,
    },
};
use labrum_core::{
    export_format::ExportFormat,
    image::{Image, Pixels},
    mask::Mask,
    measurement::{DrawnMeasurement, ShapeKind},
    study::{Series, Slice},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

impl Export<'_> {
    pub(super) fn slice_files(
        &self,
        folder: &Path,
        name: &str,
        slice: &Slice,
        masked: &MaskedSlice,
        case: &CaseToExport,
    ) -> Result<Vec<PathBuf>> {
        let of_slices = [
            ExportFormat::LabelMap,
            ExportFormat::PerLabel,
            ExportFormat::Overlay,
        ];
        let formats: Vec<ExportFormat> = self
            .preset
            .formats
            .iter()
            .copied()
            .filter(|f| of_slices.contains(f))
            .collect();
        if formats.is_empty() {
            return Ok(Vec::new());
        }
        // The image is needed only for overlays.
        let image = match formats.contains(&ExportFormat::Overlay) {
            true => open::load_slice(&slice.source, case.series.kind)?,
            false => Image::new(1, 1, Pixels::U8(vec![0]))
                .ok_or_else(|| Error::new("export", "there is no image"))?,
        };
        let files = SliceFiles {
            window: self.look.window,
            look: OverlayLook {
                opacity: self.look.opacity,
                ..OverlayLook::for_size(image.columns, image.rows)
            },
            image: &image,
            mask: &masked.mask,
            prediction: None,
            labels: &case.labels,
        };
        write_slice(folder, name, &files, &formats)
    }

    /// Writes the files of a series into a folder under a name. Of the two series, the first has all slices, the second
    /// only those with masks.
    pub(super) fn series_files(
        &self,
        (folder, name): (&Path, &str),
        [whole, part]: [&Series; 2],
        case: &CaseToExport,
        formats: &[ExportFormat],
    ) -> Result<SeriesWritten> {
        let masks: Vec<Mask> = case.slices.iter().map(|s| s.mask.clone()).collect();
        let places: Vec<usize> = case.slices.iter().map(|s| s.index).collect();
        let probabilities: Vec<&[Vec<u16>]> = case
            .slices
            .iter()
            .map(|s| s.probabilities.as_slice())
            .collect();
        let mut authors = case.label_authorships();
        if self.preset.deidentify.is_some() {
            authors.iter_mut().for_each(|author| author.person.clear());
        }
        let drawn = self.drawn_on(whole, case, formats)?;
        let files = SeriesFiles {
            series: part,
            masks: &masks,
            probabilities: &probabilities,
            labels: &case.labels,
            authors: &authors,
            options: self.preset.seg,
            places: &places,
            gaps: &[],
            drawn: drawn.as_ref(),
            over_time: &case.over_time,
        };
        let is_empty = masks.iter().all(Mask::is_blank);
        let (formats, refused): (Vec<ExportFormat>, Vec<ExportFormat>) = formats
            .iter()
            .copied()
            .partition(|format| !(is_empty && cannot_be_empty(*format)));
        let mut written = write_series(folder, name, &files, &formats)?;
        written
            .unfit
            .extend(refused.into_iter().map(|format| Unfit {
                format,
                error: nothing_there(format),
            }));
        Ok(written)
    }

    /// The measurements that were drawn on a series, if a format holds them. De-identified exports omit who drew them, and
    /// have UIDs and names of their own.
    fn drawn_on(
        &self,
        whole: &Series,
        case: &CaseToExport,
        formats: &[ExportFormat],
    ) -> Result<Option<DrawnOnSeries>> {
        if case.drawn.is_empty() || !formats.iter().any(|format| format.holds_drawn()) {
            return Ok(None);
        }
        let mut drawn = case.drawn.clone();
        if let Some(how) = &self.preset.deidentify {
            for drawn in &mut drawn {
                drawn.author.clear();
                // The same UID in other exports would tell whose measurement it is.
                drawn.id = how.key.replacement_uid(&drawn.tracking_uid());
            }
            name_by_kind(&mut drawn);
        }
        DrawnOnSeries::measure(whole, &drawn).map(Some)
    }
}

/// Names measurements by their kind and number, in the order of the list: "Length 1". What a person typed may name the
/// patient.
fn name_by_kind(drawn: &mut [DrawnMeasurement]) {
    let mut counts: HashMap<ShapeKind, usize> = HashMap::new();
    for drawn in drawn {
        let kind = drawn.shape.kind();
        let number = counts.entry(kind).or_default();
        *number += 1;
        drawn.name = format!("{} {number}", kind.display_name());
    }
}

/// True for formats that cannot store empty masks.
fn cannot_be_empty(format: ExportFormat) -> bool {
    matches!(
        format,
        ExportFormat::DicomSeg | ExportFormat::SegLabelMap | ExportFormat::StructureSet
    )
}

fn nothing_there(format: ExportFormat) -> Error {
    let reason = "the masks are empty, and this format cannot store empty masks";
    Error::new(format!("write {}", format.short_name()), reason)
        .with_advice("Label maps, NIfTI, COCO and the manifest can store empty masks.")
}

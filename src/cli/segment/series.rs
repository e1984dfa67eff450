//! Segments one series and writes all its files.

use super::plan::SeriesPlan;
use super::{SegmentArguments, SeriesNotWritten, SeriesOutcome};
use crate::io::export::{OverlayLook, SeriesFiles, SliceFiles, write_series, write_slice};
use crate::io::open;
use crate::{Error, ErrorKind, Result};
use indicatif::ProgressBar;
use labrum_core::{
    export_format::ExportFormat,
    image::Image,
    looks::Look,
    model_card::{ModelCard, ModelFit},
    progress::Cancel,
    study::Series,
    whole_file,
};
use labrum_dicom::seg::Authorship;
use labrum_nn::infer::Segmenter;
use std::cell::OnceCell;
use std::{fs, path::PathBuf, slice};

/// Segments a series and writes all its files. On an error, or when stopped, removes the files that did not exist before.
pub(super) fn segment_whole(
    plan: &SeriesPlan<'_>,
    model: &mut Segmenter,
    arguments: &SegmentArguments,
    bar: &ProgressBar,
    cancel: &Cancel,
) -> Result<SeriesOutcome> {
    let new: Vec<&PathBuf> = plan.files.iter().filter(|file| !file.exists()).collect();
    let folder_is_new = !plan.folder.exists();
    let done = segment_series(plan, model, arguments, bar, cancel);
    if done.is_err() {
        new.iter().for_each(|file| drop(fs::remove_file(file)));
        if folder_is_new && !plan.below.as_os_str().is_empty() {
            // Fails for folders that are not empty, which is intended.
            let made = plan
                .folder
                .ancestors()
                .take(plan.below.components().count());
            made.for_each(|folder| drop(fs::remove_dir(folder)));
        }
    }
    done
}

fn segment_series(
    plan: &SeriesPlan<'_>,
    model: &mut Segmenter,
    arguments: &SegmentArguments,
    bar: &ProgressBar,
    cancel: &Cancel,
) -> Result<SeriesOutcome> {
    let SeriesPlan {
        series,
        names,
        formats,
        folder,
        labels,
        ..
    } = plan;
    whole_file::make_folder(folder)?;
    let card: ModelCard = model.model_card().clone();
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    let mut masks = Vec::with_capacity(series.slices.len());
    let mut probabilities: Vec<Vec<Vec<u16>>> = Vec::new();
    for (index, (slice, name)) in series.slices.iter().zip(&names.slices).enumerate() {
        if cancel.is_cancelled() {
            return Err(Error::at_path("segment", &slice.source.path, "stopped")
                .of_kind(ErrorKind::Cancelled));
        }
        let image = open::load_slice(&slice.source, series.kind)?;
        warnings.extend(
            image
                .truncated
                .iter()
                .map(|what| format!("{name} is truncated: {what}")),
        );
        if arguments.model.is_some() && index == series.slices.len() / 2 {
            warnings.extend(model_misfit(&card, series, &image));
        }
        let prediction = model.segment_slice(&image)?;
        warnings.extend(model.take_notice());
        let slice_files = SliceFiles {
            image: &image,
            window: None,
            look: OverlayLook::for_size(image.columns, image.rows),
            mask: &prediction.mask,
            prediction: Some(&prediction),
            labels,
        };
        files.extend(write_slice(folder, name, &slice_files, formats)?);
        masks.push(prediction.mask);
        if formats.contains(&ExportFormat::SegFractional) {
            probabilities.push(prediction.probabilities);
        }
        bar.inc(1);
    }
    let author =
        Authorship::from_model(&card.name, &card.version).with_weights(model.weights_hash());
    let places: Vec<usize> = (0..masks.len()).collect();
    let probabilities: Vec<&[Vec<u16>]> = probabilities.iter().map(Vec::as_slice).collect();
    let whole = SeriesFiles {
        series,
        masks: &masks,
        probabilities: &probabilities,
        labels,
        authors: slice::from_ref(&author),
        options: arguments.seg.seg_options(),
        places: &places,
        gaps: &[],
        drawn: None,
        over_time: &[],
    };
    let mut written = write_series(folder, &names.series, &whole, formats)?;
    if files.is_empty() && written.files.is_empty() && !written.unfit.is_empty() {
        return Err(written.unfit.swap_remove(0).error);
    }
    files.extend(written.files);
    warnings.extend(written.warnings);
    let not_written = written.unfit.into_iter();
    let not_written = not_written
        .map(|u| SeriesNotWritten {
            format: u.format.short_name(),
            reason: u.error.to_string(),
        })
        .collect();
    Ok(SeriesOutcome {
        series: series_title(series),
        model: card.name,
        model_version: card.version,
        model_sha256: model.weights_hash().to_owned(),
        device: model.device_name().to_owned(),
        files,
        warnings,
        not_written,
        masks,
    })
}

/// A warning if the model given with `--model` may not be for this series; `image` is its middle slice.
fn model_misfit(card: &ModelCard, series: &Series, image: &Image) -> Option<String> {
    let look = OnceCell::new();
    match card.fit_for_series(series, || {
        Some(look.get_or_init(|| Look::from_image(image)))
    }) {
        ModelFit::No(reason) => Some(format!(
            "warning: the model \"{}\" may not be suitable: {reason}",
            card.name
        )),
        ModelFit::Fits => None,
    }
}

/// The name of a series in messages.
fn series_title(series: &Series) -> String {
    match (series.description.trim(), series.slices.first()) {
        ("", Some(first)) => first.source.path.display().to_string(),
        (description, _) => description.to_owned(),
    }
}

//! Writes exports, slice by slice, with progress and cancel.

use super::Outbox;
use crate::{
    Error, Result,
    domain::{mask::Mask, study::Series},
    io::{
        dicom::seg::{AlgorithmType, Authorship},
        export::{
            Format, Names, OverlayLook, SeriesFiles, SliceFiles, planned, refuse_originals, write_series, write_slice,
        },
        import, open,
    },
    session::job::{Event, ExportFormat, ExportJob, ExportSlice, ImportedMasks, Job},
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

pub(super) fn work(job: Job, outbox: &Outbox) {
    match job {
        Job::Export(job) => {
            let result = export(&job, outbox);
            outbox.send(Event::Exported(result));
        }
        Job::Import { case, series, paths } => {
            let result = import::masks(&paths, &series);
            let result = result.map(|i| ImportedMasks { labels: i.labels, masks: i.masks, notes: i.notes });
            outbox.send(Event::Imported { case, result });
        }
        _ => {}
    }
}

/// Who made a label, by what is left of the model's proposals, one for each slice.
fn author(job: &ExportJob, proposals: &[Option<Mask>], label: u8) -> Authorship {
    let of = |mask: &Mask| mask.region(label);
    let slices = || job.slices.iter().zip(proposals).map(|(s, p)| (of(&s.mask), p.as_ref().map(of)));
    let is_proposed = slices().any(|(_, proposed)| proposed.is_some_and(|p| !p.is_empty()));
    let is_untouched = slices().all(|(now, proposed)| now == proposed.unwrap_or_default());
    let (model, model_version) = job.model.clone().unwrap_or_default();
    let algorithm_type = match (is_proposed, is_untouched) {
        (false, _) => AlgorithmType::Manual,
        (true, true) => AlgorithmType::Automatic,
        (true, false) => AlgorithmType::Semiautomatic,
    };
    // A person who accepts a model's mask has seen it and drawn nothing.
    let person = if algorithm_type == AlgorithmType::Automatic { String::new() } else { job.person.clone() };
    Authorship { algorithm_type, model, model_version, person }
}

/// For each slice the probabilities of all labels, as the model gave them.
fn probabilities(job: &ExportJob) -> Result<Vec<Vec<Vec<u16>>>> {
    let of = |slice: &ExportSlice| {
        let missing = || {
            Error::new("export the probabilities", format!("the model was not run on slice {}", slice.index + 1))
                .advise("Run it on the series (Shift+R), or choose another format.")
        };
        slice.proposal.as_ref().map(|p| p.probabilities(job.labels.len())).ok_or_else(missing)
    };
    job.slices.iter().map(of).collect()
}

pub(super) fn export(job: &ExportJob, outbox: &Outbox) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(&job.folder)
        .map_err(|e| Error::at("make the folder", &job.folder, e).advise("Choose a folder that you may write to."))?;
    // Slices without a mask are left out: an empty mask would say that nothing is there.
    let series = Series { slices: job.slices.iter().map(|s| s.slice.clone()).collect(), ..(*job.series).clone() };
    let masks: Vec<Mask> = job.slices.iter().map(|s| s.mask.clone()).collect();
    let names = Names::of_part(&job.series, &series.slices, &mut HashSet::new());
    let formats: Vec<Format> = job.formats.iter().map(|f| to_io(*f)).collect();
    let given = originals(&job.series);
    refuse_originals(given.iter().map(PathBuf::as_path), &planned(&job.folder, &names, &job.labels, &formats))?;
    let total = masks.len() + 1;
    let mut files = Vec::new();
    for (done, (slice, name)) in job.slices.iter().zip(&names.slices).enumerate() {
        stop_if_cancelled(job)?;
        outbox.send(Event::Exporting { done, total });
        files.extend(slice_files(job, &slice.mask, &series.slices[done].source, name, &formats)?);
    }
    stop_if_cancelled(job)?;
    outbox.send(Event::Exporting { done: total - 1, total });
    let proposals: Vec<Option<Mask>> = job.slices.iter().map(|s| s.proposal.as_ref().map(|p| p.mask())).collect();
    let authors: Vec<Authorship> = (1..=job.labels.len() as u8).map(|label| author(job, &proposals, label)).collect();
    let probabilities = match formats.contains(&Format::SegFractional) {
        true => probabilities(job)?,
        false => Vec::new(),
    };
    let probabilities: Vec<&[Vec<u16>]> = probabilities.iter().map(Vec::as_slice).collect();
    let whole = SeriesFiles {
        series: &series,
        masks: &masks,
        probabilities: &probabilities,
        labels: &job.labels,
        authors: &authors,
    };
    let (more, warnings) = write_series(&job.folder, &names.series, &whole, &formats)?;
    files.extend(more);
    for warning in warnings {
        outbox.send(Event::Notice(warning));
    }
    Ok(files)
}

fn slice_files(
    job: &ExportJob,
    mask: &Mask,
    source: &crate::domain::study::Source,
    name: &str,
    formats: &[Format],
) -> Result<Vec<PathBuf>> {
    let per_slice: Vec<Format> = formats
        .iter()
        .copied()
        .filter(|f| matches!(f, Format::LabelMap | Format::LabelMasks | Format::Overlay))
        .collect();
    if per_slice.is_empty() {
        return Ok(Vec::new());
    }
    let image = open::load(source, job.series.kind)?;
    let window = job.window.unwrap_or_else(|| crate::session::window::first(&image, &job.series.modality));
    let look = OverlayLook { opacity: job.opacity, ..OverlayLook::for_size(image.columns, image.rows) };
    let files = SliceFiles { image: &image, window, look, mask, prediction: None, labels: &job.labels };
    write_slice(&job.folder, name, &files, &per_slice)
}

fn stop_if_cancelled(job: &ExportJob) -> Result<()> {
    match job.cancel.is_cancelled() {
        true => Err(Error::new("export", "it was cancelled").advise("The files written before are whole.")),
        false => Ok(()),
    }
}

/// The files of the series and all that lies beside them: a label map is called like its picture, and an overlay may be
/// called like another one.
fn originals(series: &Series) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = series.slices.iter().map(|s| s.source.path.clone()).collect();
    let folders: HashSet<&Path> = series.slices.iter().filter_map(|s| s.source.path.parent()).collect();
    let entries = folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    files
}

fn to_io(format: ExportFormat) -> Format {
    match format {
        ExportFormat::LabelMap => Format::LabelMap,
        ExportFormat::PerLabel => Format::LabelMasks,
        ExportFormat::Overlay => Format::Overlay,
        ExportFormat::DicomSeg => Format::Seg,
        ExportFormat::SegLabelMap => Format::SegLabelMap,
        ExportFormat::SegFractional => Format::SegFractional,
        ExportFormat::Json => Format::Json,
        ExportFormat::Csv => Format::Csv,
    }
}

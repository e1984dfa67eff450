//! Exports with progress and cancelling, and imports of masks.

use super::Outbox;
use crate::{
    ErrorKind, Result,
    io::{
        export::{
            OverlayStyle, Preset, StoredTimes,
            batch::Export,
            case::{CaseToExport, MaskedSlice, root_of},
            export_all,
        },
        import,
    },
    session::{
        job::{CaseId, Event, ExportAcceptedJob, ExportJob, ExportSummary, MaskFileJob},
        settings::ExportOptions,
    },
};
use labrum_core::{
    export_format::ExportFormat, import::MaskChoice, journal::StoredCase, study::Series,
};
use labrum_dicom::{
    deidentify::{Dates, Deidentification, SecretKey},
    seg,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub(super) fn run_job(job: MaskFileJob, outbox: &Outbox) {
    match job {
        MaskFileJob::Export(job) => {
            let result = export_case(*job, outbox);
            outbox.send_event(Event::Exported(result));
        }
        MaskFileJob::ExportAccepted(job) => {
            let result = export_accepted(&job, outbox);
            outbox.send_event(Event::ExportedAccepted(result));
        }
        MaskFileJob::ImportMeasurements {
            case,
            series,
            paths,
        } => {
            let result = import::read_measurements(&paths, &series);
            outbox.send_event(Event::ImportedMeasurements { case, result });
        }
        MaskFileJob::Import {
            case,
            series,
            paths,
            choice,
            others,
        } => {
            let is_folder = paths.iter().any(|path| path.is_dir());
            outbox.send_event(match import::read_masks(&paths, &series, &choice) {
                Err(error) if error.kind.is_question() => Event::ImportUndecided {
                    case,
                    paths: paths.clone(),
                    choice: choice.clone(),
                    error,
                },
                result => Event::Imported {
                    case,
                    paths: paths.clone(),
                    choice,
                    result,
                },
            });
            if is_folder && !others.is_empty() {
                outbox.send_event(masks_of_others(&paths, others));
            }
        }
    }
}

/// Reads the masks in a folder for cases that are not on the screen.
fn masks_of_others(paths: &[PathBuf], others: Vec<(CaseId, Arc<Series>)>) -> Event {
    let mut cases = Vec::new();
    let mut without = 0;
    for (case, series) in others {
        match import::read_masks(paths, &series, &MaskChoice::default()) {
            Err(error) if error.kind == ErrorKind::NotFound => without += 1,
            result => cases.push((case, result)),
        }
    }
    Event::ImportedOthers { cases, without }
}

/// Converts the export options. Without `names` files are named after their sources.
fn export_preset(options: &ExportOptions, names: bool, key_file: Option<&Path>) -> Result<Preset> {
    let dates = if options.shift_dates {
        Dates::Shift
    } else {
        Dates::Remove
    };
    Ok(Preset {
        formats: options.formats.clone(),
        names: if names {
            Some(options.names.parse()?)
        } else {
            None
        },
        seg: seg::Options {
            synthetic_geometry: options.for_viewers,
            skip_empty_frames: options.leave_out_empty,
            rle: options.compress,
        },
        deidentify: if options.deidentify {
            let key = match key_file {
                Some(path) => SecretKey::in_file(path)?,
                None => SecretKey::from_system_random(),
            };
            Some(Deidentification { key, dates })
        } else {
            None
        },
        replace: options.replace,
    })
}

pub(super) fn export_case(job: ExportJob, outbox: &Outbox) -> Result<Vec<PathBuf>> {
    let preset = export_preset(&job.options, false, job.key_file.as_deref())?;
    let wants_probabilities = preset.formats.contains(&ExportFormat::SegFractional);
    let labels = job.labels.to_vec();
    let slices = job.slices.into_iter().map(|slice| MaskedSlice {
        index: slice.index,
        mask: slice.mask,
        absent: slice.absent,
        proposal: slice.proposal.as_ref().map(|p| p.to_mask()),
        probabilities: match &slice.proposal {
            Some(proposal) if wants_probabilities => proposal.label_probabilities(labels.len()),
            _ => Vec::new(),
        },
    });
    let [study, study_uid, date] = job.study;
    let case = CaseToExport {
        title: job.series.description.clone(),
        study,
        study_uid,
        date,
        slices: slices.collect(),
        drawn: job.drawn,
        over_time: job.over_time,
        series: Series::clone(&job.series),
        labels,
        model: job.model,
        person: job.person,
        root: None,
    };
    let look = OverlayStyle {
        window: job.window,
        opacity: job.opacity,
    };
    let written = Export::begin_in(&job.folder, &preset, look, &job.cancel)?
        .export_case(&case, &mut |done, total| send_progress(outbox, done, total))?;
    for warning in written.warnings {
        outbox.send_event(Event::Notice(warning));
    }
    for unfit in written.unfit {
        let rest = if written.files.is_empty() {
            ""
        } else {
            " The other formats were exported."
        };
        let reason = unfit.error.to_string();
        outbox.send_event(Event::Notice(format!(
            "{}.{rest}",
            reason.trim_end_matches('.')
        )));
    }
    Ok(written.files)
}

fn send_progress(outbox: &Outbox, done: usize, total: usize) {
    outbox.send_event(Event::Exporting { done, total });
}

fn export_accepted(job: &ExportAcceptedJob, outbox: &Outbox) -> Result<ExportSummary> {
    let preset = export_preset(&job.options, true, job.key_file.as_deref())?;
    let look = OverlayStyle {
        window: None,
        opacity: job.opacity,
    };
    let root = root_of(job.cases.iter().map(|stored| &stored.entry));
    let mut times = StoredTimes::for_formats(&preset.formats);
    let read = |stored: &StoredCase| CaseToExport::of_stored(stored, &job.labels, &job.person);
    let cases = job.cases.iter().map(|stored| {
        let about = &stored.entry.description;
        let others = job.cases.iter();
        let same_series = others.filter(|other| other.entry.description.is_time_beside(about));
        let case = read(stored).map(|case| CaseToExport {
            root: root.clone(),
            over_time: times.curves_of(stored, same_series.map(read)),
            ..case
        });
        (about.description.clone(), case)
    });
    let summary = export_all(
        &job.folder,
        &preset,
        cases,
        look,
        &mut |done, total| send_progress(outbox, done, total),
        &job.cancel,
    )?;
    Ok(ExportSummary {
        folder: job.folder.clone(),
        text: summary.summary_text(),
        failed: summary.missing_outputs(),
        warnings: summary
            .manifest
            .cases
            .iter()
            .map(|c| c.warnings.len())
            .sum(),
    })
}

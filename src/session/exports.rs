//! Starts exports and reports their results.

use super::{
    ExportRequest, Exporting, Session,
    case::Case,
    job::{
        ExportAcceptedJob, ExportJob, ExportScope, ExportSlice, ExportSummary, Job, MaskFileJob,
        SliceKey, StoreJob,
    },
    notice::Severity,
};
use crate::Result;
use labrum_core::{
    export_format::ExportFormat, journal::StoredCase, measurement::DrawnMeasurement,
    progress::Cancel, study::Kind,
};
use std::path::PathBuf;

impl Session {
    pub(super) fn start_export(&mut self, request: ExportRequest) {
        self.finish_gesture();
        let folder = request.folder.clone();
        let mut options = request.options.clone();
        // Formats that this case cannot have stay selected for the next one.
        let formats = self.settings.export.formats.iter().copied();
        let greyed = formats.filter(|format| self.cannot_export(request.scope, *format).is_some());
        options.formats.extend(greyed);
        let begun = match request.scope {
            ExportScope::Accepted => self.export_accepted(request),
            ExportScope::ThisSlice | ExportScope::ThisCase => self.export_case(request),
        };
        if begun {
            self.change_settings(|s| (s.export_folder, s.export) = (Some(folder), options));
        }
    }

    fn export_case(&mut self, request: ExportRequest) -> bool {
        let Some(job) = self.export_job(request) else {
            return false;
        };
        self.exporting = Some(Exporting {
            cancel: job.cancel.clone(),
            waiting: None,
            done: 0,
            total: 0,
        });
        self.jobs
            .push(Job::MaskFiles(MaskFileJob::Export(Box::new(job))));
        true
    }

    /// What to export of the case that is shown; `None`, and a message, if it has no mask.
    pub(super) fn export_job(&mut self, request: ExportRequest) -> Option<ExportJob> {
        self.finish_gesture();
        let case = self.cases.current_case()?;
        let this_slice_only = request.scope == ExportScope::ThisSlice;
        let wanted = (0..case.slices.len()).filter(|i| !this_slice_only || *i == case.slice);
        let slices: Vec<ExportSlice> = wanted
            .filter_map(|index| {
                let mask = self
                    .mask_of(SliceKey {
                        case: case.id,
                        slice: index,
                    })?
                    .into_owned();
                let state = case.slices.get(index)?;
                // A proposal that came after the work on the slice began was not used for its mask.
                let proposal = state
                    .proposal()
                    .cloned()
                    .filter(|_| !state.is_proposal_newer());
                let absent = state.absent.clone();
                Some(ExportSlice {
                    index,
                    slice: case.slice_info(index)?.clone(),
                    mask,
                    proposal,
                    absent,
                })
            })
            .collect();
        let drawn: Vec<DrawnMeasurement> = drawn_in(case, request.scope).cloned().collect();
        if slices.is_empty() && drawn.is_empty() {
            let text = "Nothing to export. Draw a mask or a measurement, or run a model (R).";
            self.notices.add(Severity::Warning, text);
            return None;
        }
        let proposals = slices.iter().filter_map(|s| s.proposal.as_ref());
        let model = proposals
            .map(|f| (f.model_and_version(), f.weights.to_string()))
            .next();
        Some(ExportJob {
            folder: request.folder,
            options: request.options,
            key_file: self.workspace.key_file(),
            study: [&case.study.description, &case.study.id, &case.study.date].map(String::clone),
            series: case.series.clone(),
            slices,
            drawn,
            over_time: match request.scope {
                ExportScope::ThisCase => self.volume_curves(case),
                ExportScope::ThisSlice | ExportScope::Accepted => Vec::new(),
            },
            labels: self.labels.labels_to_export(case).into(),
            model: model.map(|((name, version), weights)| [name, version, weights]),
            person: self.settings.person.clone(),
            window: case.window,
            opacity: self.settings.opacity,
            cancel: Cancel::default(),
        })
    }

    /// Why a format cannot be written, as far as that is known before the export.
    pub fn cannot_export(&self, scope: ExportScope, format: ExportFormat) -> Option<&'static str> {
        if scope == ExportScope::Accepted {
            // Other reasons are reported by the export, case by case.
            return (format == ExportFormat::SegFractional)
                .then_some("Not available for accepted masks: only proposals have probabilities");
        }
        let case = self.cases.current_case()?;
        match format {
            _ if format.is_of_drawn() && drawn_in(case, scope).next().is_none() => {
                Some(match scope {
                    ExportScope::ThisSlice => "No measurements were drawn on this slice",
                    ExportScope::ThisCase | ExportScope::Accepted => {
                        "No measurements were drawn in this case"
                    }
                })
            }
            _ if !format.holds_drawn() && !case.has_mask() => Some("This case has no mask"),
            ExportFormat::OverTimeCsv => self.lacks_times(case, scope),
            ExportFormat::StructuredReport if case.series.kind == Kind::Picture => {
                Some("DICOM SR refers to DICOM images, and these are image files")
            }
            ExportFormat::SegFractional
                if masked_slices(case, scope).any(|slice| lacks_probabilities(case, slice)) =>
            {
                Some(
                    "Needs a proposal with probabilities for each mask (Shift+R segments the series)",
                )
            }
            ExportFormat::StructureSet if case.series.kind == Kind::Picture => {
                Some("RTSTRUCT needs image position and orientation, which image files lack")
            }
            ExportFormat::StructureSet
                if masked_slices(case, scope).any(|slice| lacks_plane(case, slice)) =>
            {
                Some("RTSTRUCT needs image position and orientation, which these images lack")
            }
            _ => None,
        }
    }

    /// Why there are no volumes over time to export.
    fn lacks_times(&self, case: &Case, scope: ExportScope) -> Option<&'static str> {
        if !self.has_times(case) {
            return Some("This case has only one time");
        }
        if scope == ExportScope::ThisSlice {
            return Some("Volumes over time are those of the whole case");
        }
        let has_none = self.volume_curves(case).is_empty();
        has_none.then_some("No volume is known: pixel or slice spacing is unknown")
    }

    fn export_accepted(&mut self, request: ExportRequest) -> bool {
        self.push_store_job(StoreJob::ReadAccepted);
        self.exporting = Some(Exporting {
            cancel: Cancel::default(),
            waiting: Some(request),
            done: 0,
            total: 0,
        });
        true
    }

    pub(super) fn on_accepted_cases(&mut self, cases: Result<Vec<StoredCase>>) {
        let Some(exporting) = &mut self.exporting else {
            return;
        };
        let (Some(request), cancel) = (exporting.waiting.take(), exporting.cancel.clone()) else {
            return;
        };
        let cases = match cases {
            Ok(cases) if !cases.is_empty() => cases,
            Ok(_) => {
                self.exporting = None;
                return self.notices.add(
                    Severity::Warning,
                    "Nothing to export: no case is accepted yet.",
                );
            }
            Err(error) => {
                self.exporting = None;
                return self.show_error(&error);
            }
        };
        let job = ExportAcceptedJob {
            folder: request.folder,
            options: request.options,
            key_file: self.workspace.key_file(),
            cases,
            labels: self.labels.list.clone().into(),
            person: self.settings.person.clone(),
            opacity: self.settings.opacity,
            cancel,
        };
        self.jobs
            .push(Job::MaskFiles(MaskFileJob::ExportAccepted(Box::new(job))));
    }

    pub(super) fn on_exported(&mut self, result: Result<Vec<PathBuf>>) {
        self.exporting = None;
        match result {
            Ok(files) => {
                let folder = files.last().and_then(|f| f.parent()).map(PathBuf::from);
                let count = match files.len() {
                    1 => "1 file".to_owned(),
                    n => format!("{n} files"),
                };
                let place = folder
                    .as_ref()
                    .map_or(String::new(), |f| format!(" to {}", f.display()));
                self.notices.add(
                    Severity::Info,
                    format!("Exported {count}{place}; verified."),
                );
                if let Some(folder) = folder {
                    self.notices.with_folder(folder);
                }
            }
            Err(error) => self.show_error(&error),
        }
    }

    pub(super) fn on_exported_accepted(&mut self, result: Result<ExportSummary>) {
        self.exporting = None;
        let summary = match result {
            Ok(summary) => summary,
            Err(error) => return self.show_error(&error),
        };
        let mut text = format!(
            "Exported to {}: {}. The manifest lists all files.",
            summary.folder.display(),
            summary.text
        );
        if summary.warnings > 0 {
            text += &format!(" Warnings: {}.", summary.warnings);
        }
        let severity = if summary.failed.is_empty() {
            Severity::Info
        } else {
            Severity::Warning
        };
        if let Some(first) = summary.failed.first() {
            text += &format!(" {first}");
        }
        if summary.failed.len() > 1 {
            text += &format!(
                " {} more failed; see manifest.json.",
                summary.failed.len() - 1
            );
        }
        self.notices.add(severity, text);
        self.notices.with_folder(summary.folder);
    }
}

/// The drawn measurements of the case that is shown, or of its slice.
fn drawn_in(case: &Case, scope: ExportScope) -> impl Iterator<Item = &DrawnMeasurement> {
    let is_wanted = move |drawn: &&DrawnMeasurement| {
        scope != ExportScope::ThisSlice || drawn.slice() == Some(case.slice)
    };
    case.measurements.all().iter().filter(is_wanted)
}

/// The slices with a mask that an export of a case includes. Called with every frame of the dialog, so no mask is
/// unpacked for it.
fn masked_slices(case: &Case, scope: ExportScope) -> impl Iterator<Item = usize> {
    (0..case.slices.len())
        .filter(move |slice| scope == ExportScope::ThisCase || *slice == case.slice)
        .filter(move |slice| {
            case.slices[*slice].mask.is_some() || case.slices[*slice].finding.is_some()
        })
}

/// True if there are no probabilities of a model for the mask of a slice.
fn lacks_probabilities(case: &Case, slice: usize) -> bool {
    let state = &case.slices[slice];
    state.proposal().is_none() || state.is_proposal_newer()
}

/// True if an image has no position and orientation in the patient.
fn lacks_plane(case: &Case, slice: usize) -> bool {
    case.series.slices[slice].plane.is_none()
}

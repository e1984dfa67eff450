//! Exports as the session asks for them and hears of them.

use super::{
    ExportRequest, Exporting, Session,
    job::{
        ExportAcceptedJob, ExportJob, ExportScope, ExportSlice, ExportSummary, Job, MaskFileJob,
        SliceKey, StoreJob,
    },
    notice::Severity,
    store::WorkspaceState,
};
use crate::Result;
use labrum_core::{
    export_format::ExportFormat, journal::StoredCase, progress::Cancel, study::Kind,
};
use std::path::PathBuf;

/// The key of files that lose the patient, in the folder of the workspace: exports of today and tomorrow fit together.
const KEY_FILE: &str = "deidentification.key";

impl Session {
    pub(super) fn start_export(&mut self, request: ExportRequest) {
        self.finish_hand();
        let (folder, mut options) = (request.folder.clone(), request.options.clone());
        // What does not fit this case is remembered for the next one.
        let is_greyed =
            |format: &ExportFormat| self.cannot_export(request.scope, *format).is_some();
        options.formats.extend(
            self.settings
                .export
                .formats
                .iter()
                .copied()
                .filter(is_greyed),
        );
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

    /// What is to be written of the case that is shown; `None`, and a message, where there is no mask.
    pub(super) fn export_job(&mut self, request: ExportRequest) -> Option<ExportJob> {
        self.finish_hand();
        let case = self.current_case()?;
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
                // What came after the work on the slice began was not used for it.
                let proposal = state.proposal.clone().filter(|_| !state.is_proposal_apart);
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
        if slices.is_empty() {
            let text = "There is no mask to export here. Draw one, or run a model (R).";
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
            key_file: self.key_file(),
            study: [&case.study.description, &case.study.id, &case.study.date].map(String::clone),
            series: case.series.clone(),
            slices,
            labels: self.labels_to_export(case).into(),
            model: model.map(|((name, version), weights)| [name, version, weights]),
            person: self.settings.person.clone(),
            window: case.window,
            opacity: self.settings.opacity,
            cancel: Cancel::default(),
        })
    }

    /// Why a format cannot hold what is to be exported, as far as that can be told before.
    pub fn cannot_export(&self, scope: ExportScope, format: ExportFormat) -> Option<&'static str> {
        if scope == ExportScope::Accepted {
            // What else cannot be written of a case is told with the export.
            return (format == ExportFormat::SegFractional)
                .then_some("Probabilities belong to proposals, not to accepted masks");
        }
        let case = self.current_case()?;
        let wanted = |slice: &usize| scope == ExportScope::ThisCase || *slice == case.slice;
        // Asked for with every frame of the dialog: no mask is unpacked for it.
        let has_mask = |slice: &usize| {
            case.slices[*slice].mask.is_some() || case.slices[*slice].finding.is_some()
        };
        let lacks = |is_missing: &dyn Fn(usize) -> bool| {
            (0..case.slices.len())
                .filter(wanted)
                .filter(has_mask)
                .any(is_missing)
        };
        match format {
            ExportFormat::SegFractional
                if lacks(&|slice| {
                    case.slices[slice].proposal.is_none() || case.slices[slice].is_proposal_apart
                }) =>
            {
                Some(
                    "No model's probabilities are known for all of these masks (Shift+R runs one on the series)",
                )
            }
            ExportFormat::StructureSet if case.series.kind == Kind::Picture => {
                Some("Contours need a place in the patient, and a picture has none")
            }
            ExportFormat::StructureSet
                if lacks(&|slice| case.series.slices[slice].plane.is_none()) =>
            {
                Some("Contours need a place in the patient, and these images have none")
            }
            _ => None,
        }
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
                    "No case is accepted yet: there is nothing to export.",
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
            key_file: self.key_file(),
            cases,
            labels: self.labels.clone().into(),
            person: self.settings.person.clone(),
            opacity: self.settings.opacity,
            cancel,
        };
        self.jobs
            .push(Job::MaskFiles(MaskFileJob::ExportAccepted(Box::new(job))));
    }

    fn key_file(&self) -> Option<PathBuf> {
        match self.workspace_state() {
            WorkspaceState::Open(info) => Some(info.folder.join(KEY_FILE)),
            WorkspaceState::Opening | WorkspaceState::Failed(_) => None,
        }
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
                    format!("Exported {count}{place}; read back and compared."),
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
            text += &format!(" It has {} warnings.", summary.warnings);
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
                " {} more are named in manifest.json.",
                summary.failed.len() - 1
            );
        }
        self.notices.add(severity, text);
        self.notices.with_folder(summary.folder);
    }
}

//! Handles the events of the worker.

use super::{
    Session,
    job::{Event, ModelEntry, ModelSource},
    notice::Severity,
    to_sentence,
};
use std::path::PathBuf;

impl Session {
    /// Handles an event of the worker.
    pub fn on_event(&mut self, event: Event) {
        let changes_order = matches!(
            event,
            Event::Opened { .. }
                | Event::Restored { .. }
                | Event::RestoredSlice { .. }
                | Event::Segmented { .. }
        );
        self.take_in_event(event);
        self.carry_on();
        self.refresh_views();
        self.request_values();
        if changes_order {
            self.give_reasons();
        }
    }

    fn take_in_event(&mut self, event: Event) {
        match event {
            Event::Opening { id, files } => self.count_opened(id, files),
            Event::Opened { id, result } => self.on_opened(id, result),
            Event::IsWorkspace { id, folder } => self.open_as_workspace(id, folder),
            Event::ImagesFound { id, result } => self.on_images_found(id, result),
            Event::Relocated { paths, missing } => self.on_relocated(paths, missing),
            Event::Loaded { key, result } => self.on_loaded(key, result),
            Event::Header { key, result } => self.on_header(key, result),
            Event::Thumbnail { key, thumbnail } => self.on_thumbnail(key, thumbnail),
            Event::Models(models) => self.take_models(models),
            Event::ModelRead(Ok(model)) => self.on_model_read(model),
            Event::Device(name) => self.models.device = name,
            Event::Segmented {
                run,
                key,
                revision,
                result,
            } => self.on_segmented(run, key, revision, result),
            Event::Clicked(answer) => self.on_clicked(answer),
            Event::SecondChoice(answer) => self.on_second_choice(answer),
            Event::RunEnded { run, failure } => self.on_run_ended(run, failure),
            Event::Notice(text) => self.notices.add(Severity::Warning, to_sentence(&text)),
            Event::Written { text, folder } => {
                self.notices.add(Severity::Info, to_sentence(&text));
                self.notices.with_folder(folder);
            }
            Event::Exporting { done, total } => self.count_exported(done, total),
            Event::Exported(result) => self.on_exported(result),
            Event::AcceptedCases(cases) => self.on_accepted_cases(cases),
            Event::ExportedAccepted(result) => self.on_exported_accepted(result),
            Event::ImportedMeasurements { case, result } => {
                self.on_imported_measurements(case, result)
            }
            Event::ImportedOthers { cases, without } => self.on_imported_others(cases, without),
            Event::Imported {
                case,
                paths,
                choice,
                result,
            } => self.on_imported(case, (paths, choice), result),
            Event::ImportUndecided {
                case,
                paths,
                choice,
                error,
            } => self.on_import_undecided(case, paths, choice, error),
            Event::Surveyed {
                key,
                revision,
                finding,
            } => self.on_surveyed(key, revision, finding),
            Event::MaskValues {
                key,
                revision,
                values,
            } => self.on_mask_values(key, revision, values),
            Event::Resliced {
                case,
                plane,
                index,
                slices,
                image,
            } => {
                let of = (index, slices);
                self.viewports.on_resliced(case, plane, image, of);
            }
            Event::Interpolated(job, shapes) => self.on_interpolated(&job, shapes),
            Event::Workspace(result) => self.on_workspace(result),
            Event::HolderGone => self.on_holder_gone(),
            Event::Workspaces(summaries) => self.workspace.recent = summaries,
            Event::Restored {
                case,
                known,
                restored,
            } => self.on_restored(case, known, restored.map(|r| *r)),
            Event::RestoredSlice {
                key,
                finding,
                proposal,
            } => self.on_restored_slice(key, finding, proposal),
            Event::Stored { written, trouble } => self.on_stored(written, trouble),
            Event::Meter(meter) => self.workspace.meter = meter,
            Event::LabelUse(counted) => self.labels.usage = Some(counted),
            Event::Tasks { tasks, changed } => self.on_tasks(tasks, &changed),
            Event::OutOfList(case) => self.drop_case(case),
            Event::NewlyAccepted(count) => self.on_newly_accepted(count),
            Event::RoundBegun(begun) => self.on_round_begun(*begun),
            Event::Round { attempt, event } => self.on_round(attempt, event),
            event @ (Event::Versions { .. } | Event::ToCompare { .. } | Event::Compared { .. }) => {
                self.take_in_versions(event)
            }
            Event::WorkReport(report) => self.learning.report = Some(report),
            Event::Pacs(event) => self.on_pacs(event),
            Event::Picked { pick, result } => self.on_picked(pick, result),
            Event::NoDialog(pick) => self.on_no_dialog(pick),
            Event::ModelRead(Err(error)) | Event::Failed(error) => self.show_error(&error),
        }
    }

    /// Handles an event about the versions of models.
    fn take_in_versions(&mut self, event: Event) {
        match event {
            Event::Versions { versions, active } => self.on_versions(versions, active),
            Event::ToCompare {
                kind,
                first,
                second,
                snapshot,
            } => self.compare_versions(kind, first, second, snapshot),
            Event::Compared {
                first,
                second,
                report,
            } => self.on_compared(first, second, report),
            _ => {}
        }
    }

    /// Updates the number of files that a search has looked at.
    fn count_opened(&mut self, id: u64, files: usize) {
        if let Some(opening) = self.opening.as_mut().filter(|o| o.id == id) {
            opening.files = files;
        }
    }

    /// Opens a folder that turned out to be a workspace.
    fn open_as_workspace(&mut self, id: u64, folder: PathBuf) {
        if self.opening.take_if(|opening| opening.id == id).is_some() {
            self.open_workspace(folder);
        }
    }

    /// Replaces the models, except those that were read from files.
    fn take_models(&mut self, models: Vec<ModelEntry>) {
        let read = self
            .models
            .list
            .drain(..)
            .filter(|m| matches!(m.source, ModelSource::File(_)));
        self.models.list = models.into_iter().chain(read.collect::<Vec<_>>()).collect();
        self.auto_run();
    }

    /// Updates the number of files that an export has written.
    fn count_exported(&mut self, done: usize, total: usize) {
        if let Some(exporting) = &mut self.exporting {
            exporting.done = done;
            exporting.total = total;
        }
    }
}

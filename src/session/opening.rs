//! Opening paths, and going from case to case and from slice to slice.

mod decoding;

use super::{
    Opening, Session,
    case::{Case, StudyInfo},
    job::{CaseId, FileJob, Job, NetworkJob, Pick, SliceKey},
    notice::Severity,
    view::View,
};
use crate::{Error, Result};
use labrum_core::{progress::Cancel, study::Catalog};
use std::{
    collections::{HashMap, HashSet},
    mem,
    path::PathBuf,
    sync::Arc,
};

/// A jump of more slices than this does not count as scrolling.
const LEAP: i64 = 16;

impl Session {
    pub(super) fn open_paths(&mut self, paths: Vec<PathBuf>) {
        self.look_through(paths, false);
    }

    /// Reopens the cases of the workspace.
    pub(super) fn open_again(&mut self, paths: Vec<PathBuf>) {
        if self
            .opening
            .as_ref()
            .is_some_and(|opening| !opening.is_restoring)
        {
            // Files that the user opened meanwhile come first.
            self.workspace.restore_next = paths;
            return;
        }
        self.look_through(paths, true);
    }

    fn look_through(&mut self, paths: Vec<PathBuf>, is_restoring: bool) {
        if paths.is_empty() {
            return;
        }
        let (id, cancel) = self.begin_opening(is_restoring);
        self.jobs
            .push(Job::Files(FileJob::Open { id, paths, cancel }));
    }

    /// Starts a search for images; cancels one that is running.
    pub(super) fn begin_opening(&mut self, is_restoring: bool) -> (u64, Cancel) {
        if let Some(opening) = self.opening.take() {
            opening.cancel.cancel();
        }
        let id = self.jobs.new_id();
        let cancel = Cancel::default();
        self.opening = Some(Opening {
            id,
            cancel: cancel.clone(),
            files: 0,
            is_restoring,
        });
        (id, cancel)
    }

    pub(super) fn on_opened(&mut self, id: u64, result: Result<Catalog>) {
        let Some(opening) = self.opening.take_if(|o| o.id == id) else {
            return;
        };
        match result {
            _ if opening.cancel.is_cancelled() => {
                self.notices.add(Severity::Info, "Opening cancelled.")
            }
            Ok(catalog) => self.take_in(catalog, opening.is_restoring),
            Err(error) => self.show_error(&error),
        }
        let restore_next = mem::take(&mut self.workspace.restore_next);
        self.look_through(restore_next, true);
    }

    fn take_in(&mut self, catalog: Catalog, is_restoring: bool) {
        let task = self.current_task();
        let mut first = None;
        let mut presentations = HashSet::new();
        let mut new = HashSet::new();
        let mut known: HashMap<String, CaseId> = self
            .cases
            .iter()
            .map(|c| (c.series.id.clone(), c.id))
            .collect();
        for study in catalog.studies {
            let info = Arc::new(StudyInfo {
                id: study.id,
                description: study.description,
                date: study.date,
                time: study.time,
                patient: study.patient,
            });
            for series in study.series {
                presentations.extend(series.presentations.iter().map(|state| state.uid.clone()));
                if let Some(id) = known.get(&series.id) {
                    self.renew_presentations(*id, &series.presentations);
                }
                let id = known.get(&series.id).copied().unwrap_or_else(|| {
                    let id = self.jobs.new_id();
                    known.insert(series.id.clone(), id);
                    // Series of a study stay together in the list, even if opened one after the other.
                    let after = self.cases.iter().rposition(|c| c.study.id == info.id);
                    let at = after.map_or(self.cases.len(), |at| at + 1);
                    // New cases get the task of their study, else that of the case on the screen.
                    let task = after
                        .and_then(|at| self.cases.get(at))
                        .map_or(task, |c| c.task);
                    self.cases.list.insert(
                        at,
                        Case {
                            task,
                            ..Case::new(id, info.clone(), series)
                        },
                    );
                    new.insert(id);
                    id
                });
                first.get_or_insert(id);
            }
        }
        self.tell_passed_over(&catalog.passed_over, first.is_some());
        if first.is_some() {
            self.tell_masks_found(
                catalog
                    .passed_over
                    .iter()
                    .filter(|passed| passed.has_masks)
                    .count(),
            );
        }
        self.tell_presentations_found(presentations.len());
        self.passed_over.extend(catalog.passed_over);
        self.adopt_cases(&new, is_restoring);
        // Its index may have changed.
        let shown = self.masks.live.as_ref().map(|l| l.slice_key().case);
        self.cases.current = shown
            .and_then(|id| self.cases.index_of(id))
            .or(self.cases.current);
        if let Some(first) = first {
            self.cases.current = None;
            let stopped = self.where_work_stopped();
            self.select_case(stopped.or_else(|| self.cases.index_of(first)));
        }
    }

    /// Goes to the slice where the work in the workspace stopped, if its case was just opened; returns the case's
    /// index.
    fn where_work_stopped(&mut self) -> Option<usize> {
        let (path, slice) = self.workspace.resume.as_ref()?;
        let at = self.cases.iter().position(|case| {
            case.slice_info(*slice)
                .is_some_and(|shown| shown.source.path == *path)
        })?;
        let (_, slice) = self.workspace.resume.take()?;
        self.cases[at].slice = slice;
        Some(at)
    }

    fn tell_passed_over(
        &mut self,
        passed_over: &[labrum_core::study::PassedOver],
        found_some: bool,
    ) {
        let failures: Vec<_> = passed_over.iter().filter(|p| p.is_failure).collect();
        for failure in failures.iter().take(3) {
            let name = failure
                .path
                .file_name()
                .unwrap_or(failure.path.as_os_str())
                .to_string_lossy()
                .into_owned();
            self.notices.add(
                Severity::Error,
                format!(
                    "Cannot open \"{name}\": {}.",
                    failure.reason.trim_end_matches('.')
                ),
            );
        }
        if failures.len() > 3 {
            let more = failures.len() - 3;
            self.notices.add(
                Severity::Error,
                format!(
                    "{more} more files cannot be opened. See the skipped files at the bottom left."
                ),
            );
        }
        if found_some || !failures.is_empty() {
            return;
        }
        let looked = match passed_over {
            [] => "The folder is empty.".to_owned(),
            [one] => format!(
                "Cannot open \"{}\": {}.",
                one.path.display(),
                one.reason.trim_end_matches('.')
            ),
            all => format!("{} files were skipped.", all.len()),
        };
        self.notices.add(
            Severity::Error,
            format!(
            "No images found. {looked} Supported files: DICOM, NIfTI, PNG, JPEG, TIFF, BMP and WebP."
            ),
        );
    }

    pub(super) fn close_all(&mut self) {
        self.cancel_all();
        self.forget_held();
        self.finish_gesture();
        self.clicks = Default::default();
        self.second_choices = Default::default();
        self.cine = Default::default();
        self.note_time();
        self.workspace.activity = None;
        self.masks.live = None;
        self.history = super::history::History::default();
        self.workspace.restore_next.clear();
        self.cases.list.clear();
        self.cases.current = None;
        self.viewports.focus = None;
        self.headers = super::header::Headers::default();
        self.passed_over.clear();
        self.cases.filter = super::case_list::CaseFilter::default();
        self.notices.dismiss_all();
        self.cache.clear();
        self.jobs.push(Job::Decode(Vec::new()));
    }

    pub(super) fn select_case(&mut self, at: Option<usize>) {
        if at.is_none() || at == self.cases.current {
            return;
        }
        self.finish_gesture();
        self.note_time();
        self.cases.current = at;
        self.notices
            .forget_other_cases(self.cases.current_case().map(|c| c.id));
        self.viewports.heading = 0;
        self.viewports.focus = None;
        self.slice_changed();
        self.note_shown();
        self.auto_run();
    }

    pub(super) fn scroll_slices(&mut self, by: i64) {
        if let Some(case) = self.cases.current_case() {
            let last = case.slices.len().saturating_sub(1) as i64;
            self.go_to_slice((case.slice as i64).saturating_add(by).clamp(0, last) as usize);
        }
    }

    pub(super) fn go_to_slice(&mut self, slice: usize) {
        if self
            .cases
            .current_case()
            .is_none_or(|c| slice >= c.slices.len() || slice == c.slice)
        {
            return;
        }
        self.finish_gesture();
        if let Some(case) = self.cases.current_case_mut() {
            let by = slice as i64 - case.slice as i64;
            case.slice = slice;
            // A jump does not predict the next direction.
            self.viewports.heading = if by.abs() <= LEAP { by.signum() } else { 0 };
            self.slice_changed();
        }
    }

    pub(super) fn slice_changed(&mut self) {
        self.refresh_live();
        self.choose_standing_label();
        self.show_preview();
        if let Some(case) = self.cases.current_case() {
            let key = case.slice_key();
            self.cache.mark_used(key);
        }
        self.request_decoding();
    }

    pub(super) fn on_picked(&mut self, pick: Pick, result: Result<Vec<PathBuf>>) {
        let paths = match result {
            Ok(paths) if paths.is_empty() => return,
            Ok(paths) => paths,
            Err(error) => return self.show_error(&error),
        };
        match pick {
            Pick::Files | Pick::Folder => self.open_paths(paths),
            Pick::ExportFolder => self.questions.picked_export_folder = paths.into_iter().next(),
            Pick::Masks => self.import_masks(paths),
            Pick::Measurements => self.import_measurements(paths),
            Pick::Workspace => {
                if let Some(folder) = paths.into_iter().next() {
                    self.open_workspace(folder);
                }
            }
            Pick::MoveWorkspace | Pick::NewWorkspace | Pick::ImageFolder => {
                self.questions.picked_workspace_folder = paths.into_iter().next()
            }
            Pick::Model => self.jobs.extend(
                paths
                    .into_iter()
                    .next()
                    .map(|path| Job::Network(NetworkJob::ReadModel(path))),
            ),
        }
    }

    /// Without native dialogs the user types the path: in the field of the dialog that asked, else in a dialog for
    /// paths.
    pub(super) fn on_no_dialog(&mut self, pick: Pick) {
        self.questions.lacks_dialogs = true;
        if pick.has_field() {
            self.notices.add(
                Severity::Hint,
                "File dialogs are not available on this desktop. Type the path into the field.",
            );
        } else {
            self.questions.asked_path = Some(pick);
        }
    }

    /// Why the slice on the screen could not be read.
    pub fn current_failure(&self) -> Option<&Error> {
        self.slice_failure(self.cases.current_case()?.slice_key())
    }

    /// Why a slice could not be read.
    pub fn slice_failure(&self, key: SliceKey) -> Option<&Error> {
        self.cases.slice_state(key)?.failure.as_ref()
    }

    /// Goes to an uncertain region: shows its slice and centres the view on it.
    pub(super) fn show_place(&mut self, slice: usize, low: [f32; 2], high: [f32; 2]) {
        self.go_to_slice(slice);
        self.change_view(|view: &mut View, canvas, extent| {
            view.focus_on(low, high, canvas, extent)
        });
    }
}

/// `start`, then its neighbours on both sides with growing distance, within `0..count`.
pub(super) fn indices_outward(start: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count.max(1)).flat_map(move |distance| indices_at_distance(start, distance, count))
}

/// The indices at `distance` before and after `start`, within `0..count`.
fn indices_at_distance(start: usize, distance: usize, count: usize) -> impl Iterator<Item = usize> {
    let after = start.checked_add(distance).filter(|i| *i < count);
    let before = start
        .checked_sub(distance)
        .filter(|i| distance > 0 && *i < count);
    after.into_iter().chain(before)
}

//! Opening paths, going from slice to slice, and what has to be decoded for it.

use super::{
    Opening, Session,
    case::{Case, StudyInfo, ThumbnailState},
    job::{Job, Loaded, Pick, SliceKey, Thumbnail, Wanted, Wish},
    notice::Severity,
    view::View,
};
use crate::{
    Error, Result,
    domain::{progress::Cancel, study::Catalog},
};
use std::{path::PathBuf, sync::Arc};

/// The worker is told so many slices ahead; the list is renewed with every slice that comes in.
const WISHES_AHEAD: usize = 12;

impl Session {
    pub(super) fn open(&mut self, paths: Vec<PathBuf>) {
        if paths.is_empty() {
            return;
        }
        if let Some(opening) = self.opening.take() {
            opening.cancel.cancel();
        }
        let (id, cancel) = (self.new_id(), Cancel::default());
        self.opening = Some(Opening { id, cancel: cancel.clone(), files: 0 });
        self.jobs.push(Job::Open { id, paths, cancel });
    }

    pub(super) fn opened(&mut self, id: u64, result: Result<Catalog>) {
        let Some(opening) = self.opening.take_if(|o| o.id == id) else { return };
        if opening.cancel.is_cancelled() {
            return self.notices.add(Severity::Info, "Opening was cancelled.");
        }
        match result {
            Ok(catalog) => self.take_in(catalog),
            Err(error) => self.fail(&error),
        }
    }

    fn take_in(&mut self, catalog: Catalog) {
        let mut first = None;
        let mut new = Vec::new();
        for study in catalog.studies {
            let info = Arc::new(StudyInfo {
                id: study.id,
                description: study.description,
                date: study.date,
                patient_id: study.patient_id,
                patient_name: study.patient_name,
            });
            for series in study.series {
                let known = self.cases.iter().position(|c| c.series.id == series.id);
                let at = known.unwrap_or_else(|| {
                    let id = self.new_id();
                    // A study that was opened in parts stays together in the list.
                    let after = self.cases.iter().rposition(|c| c.study.id == info.id);
                    let at = after.map_or(self.cases.len(), |at| at + 1);
                    self.cases.insert(at, Case::new(id, info.clone(), series));
                    new.push(id);
                    at
                });
                first.get_or_insert(self.cases[at].id);
            }
        }
        self.tell_passed_over(&catalog.passed_over, first.is_some());
        self.passed_over.extend(catalog.passed_over);
        self.adopt(&new);
        // Another case may lie in its place by now.
        let shown = self.live.as_ref().map(|l| l.key().case);
        self.current = shown.and_then(|id| self.cases.iter().position(|c| c.id == id)).or(self.current);
        if let Some(first) = first {
            self.current = None;
            self.select(self.cases.iter().position(|c| c.id == first));
        }
    }

    fn tell_passed_over(&mut self, passed_over: &[crate::domain::study::PassedOver], found_some: bool) {
        let failures: Vec<_> = passed_over.iter().filter(|p| p.is_failure).collect();
        for failure in failures.iter().take(3) {
            let name = failure.path.file_name().unwrap_or(failure.path.as_os_str()).to_string_lossy().into_owned();
            self.notices
                .add(Severity::Error, format!("Cannot show \"{name}\": {}.", failure.reason.trim_end_matches('.')));
        }
        if failures.len() > 3 {
            let more = failures.len() - 3;
            self.notices.add(
                Severity::Error,
                format!("{more} more files cannot be shown: the list at the bottom left names them."),
            );
        }
        if found_some || !failures.is_empty() {
            return;
        }
        let looked = match passed_over {
            [] => "There is no file in it.".to_owned(),
            [one] => format!("\"{}\" is no image: {}.", one.path.display(), one.reason.trim_end_matches('.')),
            all => format!("None of the {} files is an image.", all.len()),
        };
        self.notices.add(
            Severity::Error,
            format!("Nothing to show. {looked} Open DICOM files, PNG, JPEG, TIFF or BMP, or a folder with them."),
        );
    }

    pub(super) fn close_all(&mut self) {
        self.cancel();
        self.drop_hand();
        self.note_time();
        self.activity = None;
        self.live = None;
        self.history = super::history::History::default();
        self.kept_labels = self.labels.len();
        self.cases.clear();
        self.current = None;
        self.focus = None;
        self.passed_over.clear();
        self.cache.clear();
        self.jobs.push(Job::Wishes(Vec::new()));
    }

    pub(super) fn select(&mut self, at: Option<usize>) {
        if at.is_none() || at == self.current {
            return;
        }
        self.drop_hand();
        self.note_time();
        self.current = at;
        self.focus = None;
        self.slice_changed();
        self.auto_run();
    }

    pub(super) fn step_case(&mut self, by: i64) {
        let order = self.ordered();
        if let Some(here) = self.current.and_then(|at| order.iter().position(|i| *i == at)) {
            self.select(Some(order[(here as i64 + by).rem_euclid(order.len() as i64) as usize]));
        }
    }

    pub(super) fn scroll(&mut self, by: i64) {
        if let Some(case) = self.case() {
            let last = case.slices.len().saturating_sub(1) as i64;
            self.go_to_slice((case.slice as i64).saturating_add(by).clamp(0, last) as usize);
        }
    }

    pub(super) fn go_to_slice(&mut self, slice: usize) {
        if self.case().is_none_or(|c| slice >= c.slices.len() || slice == c.slice) {
            return;
        }
        self.drop_hand();
        if let Some(case) = self.current.and_then(|at| self.cases.get_mut(at)) {
            case.slice = slice;
            self.slice_changed();
        }
    }

    fn slice_changed(&mut self) {
        self.refresh_live();
        self.show_preview();
        if let Some(case) = self.case() {
            let key = case.key();
            self.cache.touch(key);
        }
        self.wish();
    }

    /// Tells the worker what is wanted: the slice on the screen, its neighbours, thumbnails, the next case.
    pub(super) fn wish(&mut self) {
        let Some(at) = self.current else { return };
        let case = &self.cases[at];
        let mut wishes = Vec::new();
        let want = |case: &Case, slice: usize, what: Wanted, wishes: &mut Vec<Wish>| {
            let state = &case.slices[slice];
            let key = SliceKey { case: case.id, slice };
            if state.failure.is_none() && !self.cache.holds(key) {
                wishes.extend(wish_for(case, slice, what));
            }
        };
        want(case, case.slice, Wanted::Pixels, &mut wishes);
        if let ThumbnailState::Wanted = case.thumbnail {
            wishes.extend(wish_for(case, case.slices.len() / 2, Wanted::Thumbnail));
        }
        if self.cache.has_room() {
            for slice in outward(case.slice, case.slices.len()).skip(1) {
                if wishes.len() >= WISHES_AHEAD {
                    break;
                }
                want(case, slice, Wanted::Pixels, &mut wishes);
            }
            if let Some(next) = self.cases.get(at + 1) {
                want(next, next.slice, Wanted::Pixels, &mut wishes);
            }
        }
        let around = outward(at, self.cases.len()).map(|i| &self.cases[i]);
        let without = around.filter(|c| matches!(c.thumbnail, ThumbnailState::Wanted));
        wishes.extend(without.take(WISHES_AHEAD).filter_map(|c| wish_for(c, c.slices.len() / 2, Wanted::Thumbnail)));
        self.jobs.push(Job::Wishes(wishes));
    }

    pub(super) fn on_loaded(&mut self, key: SliceKey, result: Result<Arc<Loaded>>) {
        let Some(case) = self.cases.iter_mut().find(|c| c.id == key.case) else { return };
        match result {
            Ok(loaded) => self.cache.insert(key, loaded),
            Err(error) => {
                if let Some(state) = case.slices.get_mut(key.slice) {
                    state.failure = Some(error);
                }
            }
        }
        self.wish();
    }

    pub(super) fn on_thumbnail(&mut self, key: SliceKey, thumbnail: Option<Thumbnail>) {
        let Some(case) = self.cases.iter_mut().find(|c| c.id == key.case) else { return };
        case.thumbnail = thumbnail.map_or(ThumbnailState::Failed, |t| ThumbnailState::Ready(Arc::new(t)));
        self.wish();
    }

    pub(super) fn on_picked(&mut self, pick: Pick, result: Result<Vec<PathBuf>>) {
        let paths = match result {
            Ok(paths) if paths.is_empty() => return,
            Ok(paths) => paths,
            Err(error) => return self.fail(&error),
        };
        match pick {
            Pick::Files | Pick::Folder => self.open(paths),
            Pick::ExportFolder => self.picked_export_folder = paths.into_iter().next(),
            Pick::Masks => self.import_masks(paths),
            Pick::Workspace => {
                if let Some(folder) = paths.into_iter().next() {
                    self.open_workspace(folder);
                }
            }
            Pick::MoveWorkspace => self.picked_workspace_folder = paths.into_iter().next(),
            Pick::Model => self.jobs.extend(paths.into_iter().next().map(Job::ReadModel)),
        }
    }

    /// Why the slice on the screen cannot be shown.
    pub fn current_failure(&self) -> Option<&Error> {
        let case = self.case()?;
        case.slices.get(case.slice)?.failure.as_ref()
    }

    /// Goes to a doubtful place: its slice, and the view on it.
    pub(super) fn show_place(&mut self, slice: usize, low: [f32; 2], high: [f32; 2]) {
        self.go_to_slice(slice);
        self.change_view(|view: &mut View, canvas, extent| view.focus(low, high, canvas, extent));
    }
}

fn wish_for(case: &Case, slice: usize, what: Wanted) -> Option<Wish> {
    Some(Wish {
        key: SliceKey { case: case.id, slice },
        source: case.slice_info(slice)?.source.clone(),
        kind: case.series.kind,
        modality: case.series.modality.clone(),
        what,
    })
}

/// `start`, then its neighbours on both sides, farther and farther out, within `0..count`.
pub(super) fn outward(start: usize, count: usize) -> impl Iterator<Item = usize> {
    let both = move |d: usize| {
        let after = start.checked_add(d).filter(|i| *i < count);
        let before = (d > 0).then(|| start.checked_sub(d)).flatten().filter(|i| *i < count);
        after.into_iter().chain(before)
    };
    (0..count.max(1)).flat_map(both)
}

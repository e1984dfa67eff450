//! Opening paths, going from slice to slice, and what has to be decoded for it.

use super::{
    Opening, Session,
    cache::{Rank, outward_in, rank_of},
    case::{Case, StudyInfo, ThumbnailState},
    job::{
        CaseId, FileJob, Job, Loaded, NetworkJob, Pick, PixelWish, SliceKey, SliceNeed, Thumbnail,
    },
    notice::Severity,
    view::View,
};
use crate::{Error, Result};
use labrum_core::{looks::Look, progress::Cancel, study::Catalog};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
};

/// The worker is told so many slices ahead; the list is renewed with every slice that comes in.
const WISHES_AHEAD: usize = 12;

/// Who goes farther than so many slices at once does not scroll.
const LEAP: i64 = 16;

/// The rank of what belongs to other cases: all that belongs to this one is nearer.
const OTHER_CASES: Rank = 1 << 40;

impl Session {
    pub(super) fn open_paths(&mut self, paths: Vec<PathBuf>) {
        self.look_through(paths, false);
    }

    /// Opens what the workspace had.
    pub(super) fn open_again(&mut self, paths: Vec<PathBuf>) {
        if self
            .opening
            .as_ref()
            .is_some_and(|opening| !opening.is_restoring)
        {
            // What a person opened meanwhile comes first.
            self.restore_next = paths;
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

    /// A look through files begins; one that goes on ends.
    pub(super) fn begin_opening(&mut self, is_restoring: bool) -> (u64, Cancel) {
        if let Some(opening) = self.opening.take() {
            opening.cancel.cancel();
        }
        let (id, cancel) = (self.new_id(), Cancel::default());
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
                self.notices.add(Severity::Info, "Opening was cancelled.")
            }
            Ok(catalog) => self.take_in(catalog, opening.is_restoring),
            Err(error) => self.show_error(&error),
        }
        let restore_next = std::mem::take(&mut self.restore_next);
        self.look_through(restore_next, true);
    }

    fn take_in(&mut self, catalog: Catalog, is_restoring: bool) {
        let task = self.current_task();
        let mut first = None;
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
                patient_id: study.patient_id,
                patient_name: study.patient_name,
            });
            for series in study.series {
                let id = known.get(&series.id).copied().unwrap_or_else(|| {
                    let id = self.new_id();
                    known.insert(series.id.clone(), id);
                    // A study that was opened in parts stays together in the list.
                    let after = self.cases.iter().rposition(|c| c.study.id == info.id);
                    let at = after.map_or(self.cases.len(), |at| at + 1);
                    // New cases join those of their study, else the one on the screen.
                    let task = after
                        .and_then(|at| self.cases.get(at))
                        .map_or(task, |c| c.task);
                    self.cases.insert(
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
        self.passed_over.extend(catalog.passed_over);
        self.adopt_cases(&new, is_restoring);
        // Another case may lie in its place by now.
        let shown = self.live.as_ref().map(|l| l.slice_key().case);
        self.current = shown
            .and_then(|id| self.cases.iter().position(|c| c.id == id))
            .or(self.current);
        if let Some(first) = first {
            self.current = None;
            let stopped = self.where_work_stopped();
            self.select_case(stopped.or_else(|| self.cases.iter().position(|c| c.id == first)));
        }
    }

    /// The case, and in it the slice, at which the work in the workspace stopped, where it has just come in.
    fn where_work_stopped(&mut self) -> Option<usize> {
        let (path, slice) = self.resume.as_ref()?;
        let is_it = |case: &Case| {
            case.slice_info(*slice)
                .is_some_and(|shown| shown.source.path == *path)
        };
        let at = self.cases.iter().position(is_it)?;
        let (_, slice) = self.resume.take()?;
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
                    "Cannot show \"{name}\": {}.",
                    failure.reason.trim_end_matches('.')
                ),
            );
        }
        if failures.len() > 3 {
            let more = failures.len() - 3;
            self.notices.add(
                Severity::Error,
                format!(
                    "{more} more files cannot be shown: the list at the bottom left names them."
                ),
            );
        }
        if found_some || !failures.is_empty() {
            return;
        }
        let looked = match passed_over {
            [] => "The folder is empty.".to_owned(),
            [one] => format!(
                "\"{}\" is no image: {}.",
                one.path.display(),
                one.reason.trim_end_matches('.')
            ),
            all => format!("None of the {} files is an image.", all.len()),
        };
        self.notices.add(
            Severity::Error,
            format!("No images found. {looked} Open DICOM files, NIfTI volumes, PNG, JPEG, TIFF, BMP or WebP, or a folder with them."),
        );
    }

    pub(super) fn close_all(&mut self) {
        self.cancel_all();
        self.forget_held();
        self.finish_hand();
        self.note_time();
        self.activity = None;
        self.live = None;
        self.history = super::history::History::default();
        self.restore_next.clear();
        self.cases.clear();
        self.current = None;
        self.focus = None;
        self.passed_over.clear();
        self.case_filter = super::case_list::CaseFilter::default();
        self.notices.dismiss_all();
        self.cache.clear();
        self.jobs.push(Job::Decode(Vec::new()));
    }

    pub(super) fn select_case(&mut self, at: Option<usize>) {
        if at.is_none() || at == self.current {
            return;
        }
        self.finish_hand();
        self.note_time();
        self.current = at;
        self.notices
            .forget_other_cases(self.current_case().map(|c| c.id));
        self.heading = 0;
        self.focus = None;
        self.slice_changed();
        self.note_shown();
        self.auto_run();
    }

    pub(super) fn scroll_slices(&mut self, by: i64) {
        if let Some(case) = self.current_case() {
            let last = case.slices.len().saturating_sub(1) as i64;
            self.go_to_slice((case.slice as i64).saturating_add(by).clamp(0, last) as usize);
        }
    }

    pub(super) fn go_to_slice(&mut self, slice: usize) {
        if self
            .current_case()
            .is_none_or(|c| slice >= c.slices.len() || slice == c.slice)
        {
            return;
        }
        self.finish_hand();
        if let Some(case) = self.current.and_then(|at| self.cases.get_mut(at)) {
            let by = slice as i64 - case.slice as i64;
            case.slice = slice;
            // A leap says nothing of where one goes on.
            self.heading = if by.abs() <= LEAP { by.signum() } else { 0 };
            self.slice_changed();
        }
    }

    fn slice_changed(&mut self) {
        self.refresh_live();
        self.choose_standing_label();
        self.show_preview();
        if let Some(case) = self.current_case() {
            let key = case.slice_key();
            self.cache.mark_used(key);
        }
        self.request_decoding();
    }

    /// Tells the worker what is wanted: the slice on the screen, those that come next, thumbnails, the next case.
    pub(super) fn request_decoding(&mut self) {
        let Some(at) = self.current else { return };
        let case = &self.cases[at];
        let is_wanted = |case: &Case, slice: usize| {
            let key = SliceKey {
                case: case.id,
                slice,
            };
            case.slices.get(slice).is_some_and(|s| s.failure.is_none())
                && !self.cache.holds_slice(key)
        };
        let mut wishes = Vec::new();
        let (middle, mut lacks_thumbnail) = (
            case.slices.len() / 2,
            matches!(case.thumbnail, ThumbnailState::Wanted),
        );
        if is_wanted(case, case.slice) {
            let what = if lacks_thumbnail && case.slice == middle {
                SliceNeed::Both
            } else {
                SliceNeed::Pixels
            };
            lacks_thumbnail &= what == SliceNeed::Pixels;
            wishes.extend(wish_for(case, case.slice, what));
        }
        if lacks_thumbnail {
            wishes.extend(wish_for(case, middle, SliceNeed::Thumbnail));
        }
        // Nothing is read that would have to go again at once.
        let rank = self.slice_ranking();
        let below = |case: &Case| self.cache.rank_below(self.slice_bytes(case), &rank);
        let here = below(case);
        for (slice, rank) in outward_in(case.slice, case.slices.len(), self.heading).skip(1) {
            if wishes.len() >= WISHES_AHEAD || rank >= here {
                break;
            }
            if is_wanted(case, slice) {
                wishes.extend(wish_for(case, slice, SliceNeed::Pixels));
            }
        }
        if let Some(next) = self.cases.get(at + 1)
            && is_wanted(next, next.slice)
            && rank(SliceKey {
                case: next.id,
                slice: next.slice,
            }) < below(next)
        {
            wishes.extend(wish_for(next, next.slice, SliceNeed::Pixels));
        }
        let around = indices_outward(at, self.cases.len())
            .skip(1)
            .map(|i| &self.cases[i]);
        let without = around.filter(|c| matches!(c.thumbnail, ThumbnailState::Wanted));
        wishes.extend(
            without
                .take(WISHES_AHEAD)
                .filter_map(|c| wish_for(c, c.slices.len() / 2, SliceNeed::Thumbnail)),
        );
        self.jobs.push(Job::Decode(wishes));
    }

    /// How far slices are from the one on the screen.
    pub(super) fn slice_ranking(&self) -> impl Fn(SliceKey) -> Rank + use<> {
        let (here, heading) = (self.current_case().map(Case::slice_key), self.heading);
        move |key| match here {
            Some(here) if here.case == key.case => {
                rank_of(key.slice as i64 - here.slice as i64, heading)
            }
            // Cases have numbers in the order in which they came; the next one is nearer than the one before.
            Some(here) => OTHER_CASES + rank_of(key.case as i64 - here.case as i64, 1),
            None => OTHER_CASES,
        }
    }

    /// What a slice of a case takes in memory, from those that are there, or from what is usual.
    pub(super) fn slice_bytes(&self, case: &Case) -> usize {
        let known = self
            .loaded_slice(case.slice_key())
            .map(|l| l.image.pixels.byte_count());
        let each = if case.series.color { 3 } else { 2 };
        known.unwrap_or(case.series.columns * case.series.rows * each)
    }

    /// Takes another limit for the memory of pictures.
    pub(super) fn limit_memory(&mut self) {
        let rank = self.slice_ranking();
        self.cache.set_budget(self.settings.picture_bytes(), rank);
        self.request_decoding();
    }

    pub(super) fn on_loaded(&mut self, key: SliceKey, result: Result<Arc<Loaded>>) {
        let rank = self.slice_ranking();
        let Some(case) = self.cases.iter_mut().find(|c| c.id == key.case) else {
            return;
        };
        match result {
            Ok(loaded) => self.cache.insert(key, loaded, rank),
            Err(error) => {
                if let Some(state) = case.slices.get_mut(key.slice) {
                    state.failure = Some(error);
                }
            }
        }
        self.request_decoding();
    }

    pub(super) fn on_thumbnail(&mut self, key: SliceKey, thumbnail: Option<(Thumbnail, Look)>) {
        let Some(case) = self.cases.iter_mut().find(|c| c.id == key.case) else {
            return;
        };
        (case.thumbnail, case.look) = match thumbnail {
            Some((thumbnail, look)) => (ThumbnailState::Ready(Arc::new(thumbnail)), Some(look)),
            None => (ThumbnailState::Failed, None),
        };
        self.request_decoding();
        // Which model is for it may follow from its look.
        self.auto_run();
    }

    pub(super) fn on_picked(&mut self, pick: Pick, result: Result<Vec<PathBuf>>) {
        let paths = match result {
            Ok(paths) if paths.is_empty() => return,
            Ok(paths) => paths,
            Err(error) => return self.show_error(&error),
        };
        match pick {
            Pick::Files | Pick::Folder => self.open_paths(paths),
            Pick::ExportFolder => self.picked_export_folder = paths.into_iter().next(),
            Pick::Masks => self.import_masks(paths),
            Pick::Workspace => {
                if let Some(folder) = paths.into_iter().next() {
                    self.open_workspace(folder);
                }
            }
            Pick::MoveWorkspace | Pick::NewWorkspace | Pick::ImageFolder => {
                self.picked_workspace_folder = paths.into_iter().next()
            }
            Pick::Model => self.jobs.extend(
                paths
                    .into_iter()
                    .next()
                    .map(|path| Job::Network(NetworkJob::ReadModel(path))),
            ),
        }
    }

    /// Without native dialogs the path is typed: in the field of the dialog that asked, else in one of its own.
    pub(super) fn on_no_dialog(&mut self, pick: Pick) {
        self.lacks_dialogs = true;
        if pick.has_field() {
            self.notices.add(
                Severity::Hint,
                "There is no file dialog on this desktop: type the path into the field.",
            );
        } else {
            self.asked_path = Some(pick);
        }
    }

    /// Why the slice on the screen cannot be shown.
    pub fn current_failure(&self) -> Option<&Error> {
        let case = self.current_case()?;
        case.slices.get(case.slice)?.failure.as_ref()
    }

    /// Goes to a doubtful place: its slice, and the view on it.
    pub(super) fn show_place(&mut self, slice: usize, low: [f32; 2], high: [f32; 2]) {
        self.go_to_slice(slice);
        self.change_view(|view: &mut View, canvas, extent| {
            view.focus_on(low, high, canvas, extent)
        });
    }
}

fn wish_for(case: &Case, slice: usize, what: SliceNeed) -> Option<PixelWish> {
    Some(PixelWish {
        key: SliceKey {
            case: case.id,
            slice,
        },
        source: case.slice_info(slice)?.source.clone(),
        kind: case.series.kind,
        modality: case.series.modality.clone(),
        what,
    })
}

/// `start`, then its neighbours on both sides, farther and farther out, within `0..count`.
pub(super) fn indices_outward(start: usize, count: usize) -> impl Iterator<Item = usize> {
    let both = move |d: usize| {
        let after = start.checked_add(d).filter(|i| *i < count);
        let before = (d > 0)
            .then(|| start.checked_sub(d))
            .flatten()
            .filter(|i| *i < count);
        after.into_iter().chain(before)
    };
    (0..count.max(1)).flat_map(both)
}

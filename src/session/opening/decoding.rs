//! Requests slices for display and prefetch, in order of need, and takes the decoded ones.

use super::indices_outward;
use crate::{
    Result,
    session::{
        Session,
        cache::{Rank, outward_in, rank_of},
        case::{Case, ThumbnailState},
        job::{Job, Loaded, PixelWish, SliceKey, SliceNeed, Thumbnail},
    },
};
use labrum_core::looks::Look;
use std::sync::Arc;

/// Number of slices requested ahead; the list is renewed with every slice that arrives.
const WISHES_AHEAD: usize = 12;

/// Lowest rank of slices of other cases: all slices of the current case come before.
const OTHER_CASES: Rank = 1 << 40;

impl Session {
    /// Requests the slices on the screen, the next ones, thumbnails, and the next case.
    pub(in crate::session) fn request_decoding(&mut self) {
        let Some(at) = self.cases.current else { return };
        let case = &self.cases[at];
        let mut wishes = Vec::new();
        let middle = case.slices.len() / 2;
        let mut lacks_thumbnail = matches!(case.thumbnail, ThumbnailState::Wanted);
        if self.must_read_slice(case, case.slice) {
            let what = if lacks_thumbnail && case.slice == middle {
                SliceNeed::Both
            } else {
                SliceNeed::Pixels
            };
            lacks_thumbnail &= what == SliceNeed::Pixels;
            wishes.extend(wish_for(case, case.slice, what));
        }
        for (beside, slice) in self.cases_beside() {
            if self.must_read_slice(beside, slice) {
                add_pixels(&mut wishes, wish_for(beside, slice, SliceNeed::Pixels));
            }
        }
        if lacks_thumbnail {
            wishes.extend(wish_for(case, middle, SliceNeed::Thumbnail));
        }
        // Nothing is read that the cache would evict again at once.
        let rank = self.slice_ranking();
        let upcoming = self.upcoming_frames();
        let limit = self.cache.rank_below(self.slice_bytes(case), &rank);
        wishes.extend(
            upcoming
                .iter()
                .filter(|key| rank(**key) < limit)
                .filter_map(|key| self.wish_for_frame(*key)),
        );
        // What is played is read before what lies around it.
        if upcoming.is_empty() {
            self.wish_around(&mut wishes, &rank);
        }
        if let Some(next) = self.cases.get(at + 1)
            && self.must_read_slice(next, next.slice)
            && rank(next.slice_key()) < self.cache.rank_below(self.slice_bytes(next), &rank)
        {
            add_pixels(&mut wishes, wish_for(next, next.slice, SliceNeed::Pixels));
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

    /// The cases in the views beside the active one, with the slices that they show.
    fn cases_beside(&self) -> impl Iterator<Item = (&Case, usize)> {
        self.other_views()
            .filter_map(move |(_, view)| Some((self.cases.case_by_id(view.case)?, view.slice)))
    }

    /// Wishes for the slices around those on the screen, an equal share for each view.
    fn wish_around(&self, wishes: &mut Vec<PixelWish>, rank: &impl Fn(SliceKey) -> Rank) {
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let beside: Vec<(&Case, usize)> = self.cases_beside().collect();
        let mut room = WISHES_AHEAD.saturating_sub(wishes.len());
        let mut left = 1 + beside.len();
        let shown = [(case, case.slice, self.viewports.heading)];
        let beside = beside.into_iter().map(|(case, slice)| (case, slice, 0));
        for (case, slice, heading) in shown.into_iter().chain(beside) {
            let share = room / left;
            let before = wishes.len();
            let limit = self.cache.rank_below(self.slice_bytes(case), rank);
            let around = outward_in(slice, case.slices.len(), heading)
                .skip(1)
                .take_while(|(_, rank)| *rank < limit)
                .filter(|(slice, _)| self.must_read_slice(case, *slice));
            for (slice, _) in around.take(share) {
                add_pixels(wishes, wish_for(case, slice, SliceNeed::Pixels));
            }
            room = room.saturating_sub(wishes.len() - before);
            left -= 1;
        }
    }

    /// The wish for a frame that is played next, unless it is in memory or cannot be read.
    fn wish_for_frame(&self, key: SliceKey) -> Option<PixelWish> {
        let case = self.cases.case_by_id(key.case)?;
        let is_wanted = self.must_read_slice(case, key.slice);
        wish_for(case, key.slice, SliceNeed::Pixels).filter(|_| is_wanted)
    }

    /// True if the pixels of a slice are not in memory and reading them has not failed.
    fn must_read_slice(&self, case: &Case, slice: usize) -> bool {
        let key = SliceKey {
            case: case.id,
            slice,
        };
        case.slices.get(slice).is_some_and(|s| s.failure.is_none()) && !self.cache.holds_slice(key)
    }

    /// A function that ranks slices by their distance from the nearest one on the screen; what is played next comes before
    /// others.
    pub(in crate::session) fn slice_ranking(&self) -> impl Fn(SliceKey) -> Rank + use<> {
        let here = self.cases.current_case().map(Case::slice_key);
        let heading = self.viewports.heading;
        let beside: Vec<SliceKey> = self.other_views().map(|(_, v)| v.slice_key()).collect();
        let upcoming = self.upcoming_frames();
        let rank_at_rest = move |key: SliceKey| {
            let from_active = match here {
                Some(here) if here.case == key.case => {
                    rank_of(key.slice as i64 - here.slice as i64, heading)
                }
                // Case ids follow the order of opening; the next case ranks before the previous one.
                Some(here) => OTHER_CASES + rank_of(key.case as i64 - here.case as i64, 1),
                None => OTHER_CASES,
            };
            let in_case = beside.iter().filter(|shown| shown.case == key.case);
            in_case
                .map(|shown| rank_of(key.slice as i64 - shown.slice as i64, 0))
                .fold(from_active, Rank::min)
        };
        move |key: SliceKey| match upcoming.iter().position(|frame| *frame == key) {
            Some(ahead) => (2 * (ahead as Rank + 1)).min(rank_at_rest(key)),
            None => rank_at_rest(key),
        }
    }

    /// Memory of a slice of a case in bytes, from a loaded one, else an estimate.
    pub(in crate::session) fn slice_bytes(&self, case: &Case) -> usize {
        let known = self
            .loaded_slice(case.slice_key())
            .map(|l| l.image.pixels.byte_count());
        let each = if case.series.color { 3 } else { 2 };
        known.unwrap_or(case.series.columns * case.series.rows * each)
    }

    /// Applies a new limit for the image cache.
    pub(in crate::session) fn limit_memory(&mut self) {
        let rank = self.slice_ranking();
        self.cache.set_budget(self.settings.picture_bytes(), rank);
        self.request_decoding();
    }

    pub(in crate::session) fn on_loaded(&mut self, key: SliceKey, result: Result<Arc<Loaded>>) {
        let rank = self.slice_ranking();
        let Some(case) = self.cases.case_by_id_mut(key.case) else {
            return;
        };
        match result {
            Ok(loaded) => {
                self.cache.insert(key, loaded, rank);
                self.measure_loaded(key);
            }
            Err(error) => {
                if let Some(state) = case.slices.get_mut(key.slice) {
                    state.failure = Some(error);
                }
            }
        }
        self.request_decoding();
    }

    pub(in crate::session) fn on_thumbnail(
        &mut self,
        key: SliceKey,
        thumbnail: Option<(Thumbnail, Look)>,
    ) {
        let Some(case) = self.cases.case_by_id_mut(key.case) else {
            return;
        };
        (case.thumbnail, case.look) = match thumbnail {
            Some((thumbnail, look)) => (ThumbnailState::Ready(Arc::new(thumbnail)), Some(look)),
            None => (ThumbnailState::Failed, None),
        };
        self.request_decoding();
        // The appearance may decide which model matches.
        self.auto_run();
    }
}

/// Adds a wish for pixels unless the slice is wished for already.
fn add_pixels(wishes: &mut Vec<PixelWish>, wish: Option<PixelWish>) {
    let Some(wish) = wish else { return };
    let is_there = wishes
        .iter()
        .any(|other| other.key == wish.key && other.what != SliceNeed::Thumbnail);
    if !is_there {
        wishes.push(wish);
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

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
    /// Requests the slice on the screen, the next ones, thumbnails, and the next case.
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
        if lacks_thumbnail {
            wishes.extend(wish_for(case, middle, SliceNeed::Thumbnail));
        }
        // Nothing is read that the cache would evict again at once.
        let rank = self.slice_ranking();
        let limit = self.cache.rank_below(self.slice_bytes(case), &rank);
        for (slice, rank) in
            outward_in(case.slice, case.slices.len(), self.viewports.heading).skip(1)
        {
            if wishes.len() >= WISHES_AHEAD || rank >= limit {
                break;
            }
            if self.must_read_slice(case, slice) {
                wishes.extend(wish_for(case, slice, SliceNeed::Pixels));
            }
        }
        if let Some(next) = self.cases.get(at + 1)
            && self.must_read_slice(next, next.slice)
            && rank(next.slice_key()) < self.cache.rank_below(self.slice_bytes(next), &rank)
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

    /// True if the pixels of a slice are not in memory and reading them has not failed.
    fn must_read_slice(&self, case: &Case, slice: usize) -> bool {
        let key = SliceKey {
            case: case.id,
            slice,
        };
        case.slices.get(slice).is_some_and(|s| s.failure.is_none()) && !self.cache.holds_slice(key)
    }

    /// A function that ranks slices by their distance from the one on the screen.
    pub(in crate::session) fn slice_ranking(&self) -> impl Fn(SliceKey) -> Rank + use<> {
        let here = self.cases.current_case().map(Case::slice_key);
        let heading = self.viewports.heading;
        move |key| match here {
            Some(here) if here.case == key.case => {
                rank_of(key.slice as i64 - here.slice as i64, heading)
            }
            // Case ids follow the order of opening; the next case ranks before the previous one.
            Some(here) => OTHER_CASES + rank_of(key.case as i64 - here.case as i64, 1),
            None => OTHER_CASES,
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

//! Decoded slices in memory, within a budget: those farthest from the slices on the screen are evicted first.

use super::job::{CaseId, Loaded, SliceKey};
use std::{cmp::Reverse, collections::HashMap, iter, sync::Arc};

/// Distance of a slice from what is shown; 0 is on the screen.
pub(super) type Rank = u64;

/// The decoded slices.
#[derive(Debug)]
pub(super) struct Cache {
    budget: usize,
    bytes: usize,
    clock: u64,
    entries: HashMap<SliceKey, (Arc<Loaded>, u64)>,
}

impl Cache {
    /// An empty cache that holds at most `budget` bytes of pixels, but always at least one slice.
    pub(super) fn new(budget: usize) -> Self {
        Self {
            budget,
            bytes: 0,
            clock: 0,
            entries: HashMap::new(),
        }
    }

    /// The slice, if it is in the cache.
    pub(super) fn get(&self, key: SliceKey) -> Option<&Arc<Loaded>> {
        self.entries.get(&key).map(|(loaded, _)| loaded)
    }

    /// True if the slice is in the cache.
    pub(super) fn holds_slice(&self, key: SliceKey) -> bool {
        self.entries.contains_key(&key)
    }

    /// Maximum bytes of pixels.
    pub(super) fn byte_budget(&self) -> usize {
        self.budget
    }

    /// Bytes of pixels in the cache.
    pub(super) fn byte_size(&self) -> usize {
        self.bytes
    }

    /// Number of slices of a case in the cache.
    pub(super) fn slice_count(&self, case: CaseId) -> usize {
        self.entries.keys().filter(|key| key.case == case).count()
    }

    /// Marks a slice as just used.
    pub(super) fn mark_used(&mut self, key: SliceKey) {
        self.clock += 1;
        if let Some((_, used)) = self.entries.get_mut(&key) {
            *used = self.clock;
        }
    }

    /// Adds a slice and evicts others if there is no room.
    pub(super) fn insert(
        &mut self,
        key: SliceKey,
        loaded: Arc<Loaded>,
        rank: impl Fn(SliceKey) -> Rank,
    ) {
        self.clock += 1;
        self.bytes += loaded.image.pixels.byte_count();
        if let Some((old, _)) = self.entries.insert(key, (loaded, self.clock)) {
            self.bytes -= old.image.pixels.byte_count();
        }
        self.keep_within(rank);
    }

    /// Changes the budget and evicts slices that no longer fit.
    pub(super) fn set_budget(&mut self, budget: usize, rank: impl Fn(SliceKey) -> Rank) {
        self.budget = budget;
        self.keep_within(rank);
    }

    /// A slice of `bytes` would be kept only if its rank is below this; `Rank::MAX` while there is room for it.
    pub(super) fn rank_below(&self, bytes: usize, rank: impl Fn(SliceKey) -> Rank) -> Rank {
        if self.bytes + bytes <= self.budget {
            return Rank::MAX;
        }
        self.entries
            .keys()
            .map(|key| rank(*key))
            .max()
            .unwrap_or(Rank::MAX)
    }

    /// Empties the cache.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    fn keep_within(&mut self, rank: impl Fn(SliceKey) -> Rank) {
        while self.bytes > self.budget && self.entries.len() > 1 {
            let farthest = self
                .entries
                .iter()
                .max_by_key(|(key, (_, used))| (rank(**key), Reverse(*used)));
            let Some(farthest) = farthest.map(|(key, _)| *key) else {
                break;
            };
            if let Some((old, _)) = self.entries.remove(&farthest) {
                self.bytes -= old.image.pixels.byte_count();
            }
        }
    }
}

/// The order in which slices are prefetched from `start` on, with their ranks. While the user scrolls in one direction
/// (`heading` 1 or -1) three ahead for each one behind; otherwise the same distance on both sides.
pub(super) fn outward_in(
    start: usize,
    count: usize,
    heading: i64,
) -> impl Iterator<Item = (usize, Rank)> {
    let forward: i64 = if heading < 0 { -1 } else { 1 };
    let mut ahead = 0i64;
    let mut behind = 1i64;
    iter::from_fn(move || {
        let offset_ahead = forward * ahead;
        let offset_behind = -forward * behind;
        let slice_ahead = slice_at_offset(start, offset_ahead, count);
        let slice_behind = slice_at_offset(start, offset_behind, count);
        let rank_ahead = rank_of(offset_ahead, heading);
        let rank_behind = rank_of(offset_behind, heading);
        let is_ahead = match (slice_ahead, slice_behind) {
            (Some(_), Some(_)) => rank_ahead <= rank_behind,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_ahead {
            let slice = slice_ahead?;
            ahead += 1;
            Some((slice, rank_ahead))
        } else {
            let slice = slice_behind?;
            behind += 1;
            Some((slice, rank_behind))
        }
    })
}

/// The slice `offset` after `start`, if there is one.
fn slice_at_offset(start: usize, offset: i64, count: usize) -> Option<usize> {
    (start as i64)
        .checked_add(offset)
        .and_then(|s| usize::try_from(s).ok())
        .filter(|s| *s < count)
}

/// The rank of a slice that is `offset` slices after the one on the screen.
pub(super) fn rank_of(offset: i64, heading: i64) -> Rank {
    let distance = offset.unsigned_abs();
    match offset.signum() * heading {
        0 => 2 * distance + Rank::from(offset < 0),
        1 => 2 * distance,
        _ => 6 * distance + 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::image::{Image, Pixels, Window};

    fn loaded(bytes: usize) -> Arc<Loaded> {
        let image = Image::new(bytes, 1, Pixels::U8(vec![0; bytes])).unwrap();
        let default_window = Window::new(0.0, 1.0);
        Arc::new(Loaded {
            image: Arc::new(image),
            default_window,
            presets: Vec::new(),
        })
    }

    fn key(slice: usize) -> SliceKey {
        SliceKey { case: 1, slice }
    }

    #[test]
    fn the_farthest_slice_is_evicted_first_then_the_least_recently_used() {
        let mut cache = Cache::new(250);
        let rank = |key: SliceKey| rank_of(key.slice as i64 - 5, 1);
        cache.insert(key(5), loaded(100), rank);
        cache.insert(key(9), loaded(100), rank);
        cache.insert(key(6), loaded(100), rank);
        assert!(
            cache.holds_slice(key(5)) && cache.holds_slice(key(6)) && !cache.holds_slice(key(9))
        );
        assert_eq!(
            cache.rank_below(100, rank),
            2,
            "only the current slice may evict another"
        );
        let equal = |_| 7;
        cache.mark_used(key(5));
        cache.insert(key(7), loaded(100), equal);
        assert!(cache.holds_slice(key(5)) && !cache.holds_slice(key(6)));
    }

    #[test]
    fn a_slice_larger_than_the_budget_is_cached_alone() {
        let mut cache = Cache::new(50);
        let rank = |key: SliceKey| key.slice.abs_diff(1) as Rank;
        cache.insert(key(0), loaded(40), rank);
        cache.insert(key(1), loaded(400), rank);
        assert!(!cache.holds_slice(key(0)) && cache.holds_slice(key(1)));
    }

    #[test]
    fn lowering_the_budget_evicts_slices_at_once() {
        let mut cache = Cache::new(1000);
        (0..10).for_each(|slice| cache.insert(key(slice), loaded(100), |_| 0));
        cache.set_budget(300, |key| key.slice as Rank);
        assert_eq!(
            (
                cache.byte_size(),
                cache.holds_slice(key(2)),
                cache.holds_slice(key(3))
            ),
            (300, true, false)
        );
    }

    #[test]
    fn more_slices_are_prefetched_ahead_than_behind() {
        let order = |heading| {
            outward_in(5, 100, heading)
                .map(|(slice, _)| slice)
                .take(9)
                .collect::<Vec<_>>()
        };
        assert_eq!(order(0), [5, 6, 4, 7, 3, 8, 2, 9, 1]);
        assert_eq!(order(1), [5, 6, 7, 8, 4, 9, 10, 11, 3]);
        assert_eq!(order(-1), [5, 4, 3, 2, 6, 1, 0, 7, 8]);
        for heading in [-1, 0, 1] {
            let all: Vec<_> = outward_in(5, 9, heading).collect();
            assert_eq!(all.len(), 9);
            assert!(all.is_sorted_by_key(|(_, rank)| *rank));
            assert!(
                all.iter()
                    .all(|(slice, rank)| *rank == rank_of(*slice as i64 - 5, heading))
            );
        }
        assert_eq!(outward_in(0, 0, 0).count(), 0);
    }
}

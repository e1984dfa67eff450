//! Decoded slices in memory, within a budget: those farthest from what is looked at go first.

use super::job::{CaseId, Loaded, SliceKey};
use std::{cmp::Reverse, collections::HashMap, sync::Arc};

/// How far a slice is from what is looked at; 0 is on the screen.
pub(super) type Rank = u64;

/// Decoded slices.
#[derive(Debug)]
pub(super) struct Cache {
    budget: usize,
    bytes: usize,
    clock: u64,
    entries: HashMap<SliceKey, (Arc<Loaded>, u64)>,
}

impl Cache {
    /// An empty cache that holds at most `budget` bytes of pixels, and one slice in any case.
    pub(super) fn new(budget: usize) -> Self {
        Self {
            budget,
            bytes: 0,
            clock: 0,
            entries: HashMap::new(),
        }
    }

    /// The slice, if it is here.
    pub(super) fn get(&self, key: SliceKey) -> Option<&Arc<Loaded>> {
        self.entries.get(&key).map(|(loaded, _)| loaded)
    }

    /// True where the slice is here.
    pub(super) fn holds_slice(&self, key: SliceKey) -> bool {
        self.entries.contains_key(&key)
    }

    /// Bytes of pixels that may be held.
    pub(super) fn byte_budget(&self) -> usize {
        self.budget
    }

    /// Bytes of pixels that are held.
    pub(super) fn byte_size(&self) -> usize {
        self.bytes
    }

    /// How many slices of a case are here.
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

    /// Takes a slice in and lets others go where there is no room.
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

    /// Another budget; lets slices go where there is no room any more.
    pub(super) fn set_budget(&mut self, budget: usize, rank: impl Fn(SliceKey) -> Rank) {
        self.budget = budget;
        self.keep_within(rank);
    }

    /// The rank below which a slice of so many bytes would stay: none where there is room for it.
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

    /// Forgets all.
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

/// The order in which slices are wanted from `start` on, with their ranks: where one scrolls in one direction
/// (`heading` 1 or -1), three ahead for each behind; else as far on either side.
pub(super) fn outward_in(
    start: usize,
    count: usize,
    heading: i64,
) -> impl Iterator<Item = (usize, Rank)> {
    let at = move |offset: i64| {
        (start as i64)
            .checked_add(offset)
            .and_then(|s| usize::try_from(s).ok())
    };
    let forward = if heading < 0 { -1 } else { 1 };
    let (mut ahead, mut behind) = (0i64, 1i64);
    std::iter::from_fn(move || {
        let rank = |offset: i64| rank_of(offset, heading);
        let next_ahead = at(forward * ahead).filter(|s| *s < count);
        let next_behind = at(-forward * behind).filter(|s| *s < count);
        let is_ahead = match (next_ahead, next_behind) {
            (Some(_), Some(_)) => rank(forward * ahead) <= rank(-forward * behind),
            (ahead, _) => ahead.is_some(),
        };
        let (offset, slice) = if is_ahead {
            (forward * ahead, next_ahead?)
        } else {
            (-forward * behind, next_behind?)
        };
        if is_ahead {
            ahead += 1
        } else {
            behind += 1
        }
        Some((slice, rank(offset)))
    })
}

/// The rank of a slice so many slices after the one on the screen.
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
    fn what_is_farthest_goes_first_and_among_equals_what_was_used_longest_ago() {
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
            "only the one on the screen would take the place of another"
        );
        let equal = |_| 7;
        cache.mark_used(key(5));
        cache.insert(key(7), loaded(100), equal);
        assert!(cache.holds_slice(key(5)) && !cache.holds_slice(key(6)));
    }

    #[test]
    fn a_slice_larger_than_the_budget_is_held_alone() {
        let mut cache = Cache::new(50);
        let rank = |key: SliceKey| key.slice.abs_diff(1) as Rank;
        cache.insert(key(0), loaded(40), rank);
        cache.insert(key(1), loaded(400), rank);
        assert!(!cache.holds_slice(key(0)) && cache.holds_slice(key(1)));
    }

    #[test]
    fn a_smaller_budget_lets_slices_go_at_once() {
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
    fn more_is_read_ahead_than_behind() {
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

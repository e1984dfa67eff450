//! Decoded slices in memory, within a budget: the one used longest ago goes first.

use super::job::{Loaded, SliceKey};
use std::{collections::HashMap, sync::Arc};

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
        Self { budget, bytes: 0, clock: 0, entries: HashMap::new() }
    }

    /// The slice, if it is here.
    pub(super) fn get(&self, key: SliceKey) -> Option<&Arc<Loaded>> {
        self.entries.get(&key).map(|(loaded, _)| loaded)
    }

    /// True where the slice is here.
    pub(super) fn holds(&self, key: SliceKey) -> bool {
        self.entries.contains_key(&key)
    }

    /// Marks a slice as just used.
    pub(super) fn touch(&mut self, key: SliceKey) {
        self.clock += 1;
        if let Some((_, used)) = self.entries.get_mut(&key) {
            *used = self.clock;
        }
    }

    /// Takes a slice in and lets others go where there is no room.
    pub(super) fn insert(&mut self, key: SliceKey, loaded: Arc<Loaded>) {
        self.clock += 1;
        self.bytes += loaded.image.pixels.bytes();
        if let Some((old, _)) = self.entries.insert(key, (loaded, self.clock)) {
            self.bytes -= old.image.pixels.bytes();
        }
        while self.bytes > self.budget && self.entries.len() > 1 {
            let oldest = self.entries.iter().filter(|(k, _)| **k != key).min_by_key(|(_, (_, used))| *used);
            let Some(oldest) = oldest.map(|(k, _)| *k) else { break };
            self.remove(oldest);
        }
    }

    /// True where a few more slices like those here can come in without any having to go.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < self.budget / 10 * 9
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }

    fn remove(&mut self, key: SliceKey) {
        if let Some((old, _)) = self.entries.remove(&key) {
            self.bytes -= old.image.pixels.bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::image::{Image, Pixels, Window};

    fn loaded(bytes: usize) -> Arc<Loaded> {
        let image = Image::new(bytes, 1, Pixels::U8(vec![0; bytes])).unwrap();
        let default_window = Window::new(0.0, 1.0);
        Arc::new(Loaded { image: Arc::new(image), default_window, presets: Vec::new() })
    }

    fn key(slice: usize) -> SliceKey {
        SliceKey { case: 1, slice }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let mut cache = Cache::new(250);
        cache.insert(key(0), loaded(100));
        cache.insert(key(1), loaded(100));
        cache.touch(key(0));
        cache.insert(key(2), loaded(100));
        assert!(cache.holds(key(0)) && !cache.holds(key(1)) && cache.holds(key(2)));
    }

    #[test]
    fn a_slice_larger_than_the_budget_is_held_alone() {
        let mut cache = Cache::new(50);
        cache.insert(key(0), loaded(40));
        cache.insert(key(1), loaded(400));
        assert!(!cache.holds(key(0)) && cache.holds(key(1)));
    }
}

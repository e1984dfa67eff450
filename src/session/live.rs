//! A mask on the screen that is being edited, with a log of the parts that changed, for incremental drawing.

use super::job::SliceKey;
use labrum_core::{edit::Edit, mask::Mask, region::PixelRect};
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
};

/// Number of changes that are remembered; a reader that is further behind reads the whole mask.
const CHANGES: usize = 64;

/// Versions are unique across all slices, so that a version also identifies the mask.
static NEXT_VERSION: AtomicU64 = AtomicU64::new(1);

/// The mask of a slice with its newest changes.
#[derive(Debug)]
pub struct Live {
    key: SliceKey,
    mask: Mask,
    /// The version before the oldest change in the log.
    first: u64,
    /// The newest changes: the version after each, and the rectangle that changed.
    log: VecDeque<(u64, PixelRect)>,
}

impl Live {
    /// A mask with a new version and an empty log.
    pub fn new(key: SliceKey, mask: Mask) -> Self {
        Self {
            key,
            mask,
            first: next_version(),
            log: VecDeque::new(),
        }
    }

    /// The slice of the mask.
    pub fn slice_key(&self) -> SliceKey {
        self.key
    }

    /// The mask.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Changes with every edit; unique across masks.
    pub fn mask_version(&self) -> u64 {
        self.log.back().map_or(self.first, |(version, _)| *version)
    }

    /// The part that changed since `version`; `None` if that is too long ago or was another mask.
    pub fn dirty_since(&self, version: u64) -> Option<PixelRect> {
        let seen = match self.log.iter().position(|(v, _)| *v == version) {
            Some(at) => at + 1,
            None if version == self.first => 0,
            None => return None,
        };
        Some(
            self.log
                .iter()
                .skip(seen)
                .fold(PixelRect::default(), |all, (_, rect)| all.union(rect)),
        )
    }

    /// Edits the mask. An empty edit keeps the version.
    pub fn edit_mask(&mut self, change: impl FnOnce(&mut Mask) -> Edit) -> Edit {
        let edit = change(&mut self.mask);
        if !edit.is_empty() {
            self.log
                .push_back((next_version(), edit.changed_bounds(self.mask.columns())));
            if self.log.len() > CHANGES
                && let Some((version, _)) = self.log.pop_front()
            {
                self.first = version;
            }
        }
        edit
    }
}

fn next_version() -> u64 {
    NEXT_VERSION.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrum_core::{mask::Rule, region::Region};

    const KEY: SliceKey = SliceKey { case: 1, slice: 0 };

    fn dot(live: &mut Live, column: usize, row: usize) {
        let rect = PixelRect {
            columns: column..column + 1,
            rows: row..row + 1,
        };
        live.edit_mask(|mask| {
            mask.paint_region(&Region::from_fn(&rect, |_, _| true), 1, &Rule::FREE)
        });
    }

    #[test]
    fn the_area_changed_since_a_version_is_known() {
        let mut live = Live::new(KEY, Mask::new_blank(100, 100));
        let start = live.mask_version();
        dot(&mut live, 3, 4);
        let middle = live.mask_version();
        dot(&mut live, 50, 60);
        assert_eq!(
            live.dirty_since(middle),
            Some(PixelRect {
                columns: 50..51,
                rows: 60..61
            })
        );
        assert_eq!(
            live.dirty_since(start),
            Some(PixelRect {
                columns: 3..51,
                rows: 4..61
            })
        );
        assert_eq!(
            live.dirty_since(live.mask_version()),
            Some(PixelRect::default())
        );
    }

    #[test]
    fn an_edit_without_effect_keeps_the_version() {
        let mut live = Live::new(KEY, Mask::new_blank(100, 100));
        dot(&mut live, 3, 4);
        let version = live.mask_version();
        dot(&mut live, 3, 4);
        assert_eq!(live.mask_version(), version);
    }

    #[test]
    fn with_an_old_version_or_one_of_another_mask_everything_counts_as_changed() {
        let mut live = Live::new(KEY, Mask::new_blank(100, 100));
        let start = live.mask_version();
        for column in 0..CHANGES {
            dot(&mut live, column, 0);
        }
        assert!(
            live.dirty_since(start).is_some(),
            "all changes are still known"
        );
        dot(&mut live, 0, 1);
        assert_eq!(live.dirty_since(start), None);
        let other = Live::new(KEY, Mask::new_blank(100, 100));
        assert_eq!(other.dirty_since(live.mask_version()), None);
        assert_eq!(live.dirty_since(other.mask_version()), None);
    }
}

//! The mask of the slice on the screen, unpacked, with a log of what changed: the screen uploads only that.

use super::job::SliceKey;
use crate::domain::{edit::Edit, mask::Mask, region::PixelRect};
use std::collections::VecDeque;

/// So many changes are remembered; who has seen none of them draws everything again.
const LOG: usize = 64;

/// The mask that is being looked at and drawn on.
#[derive(Clone, Debug)]
pub struct Live {
    key: SliceKey,
    mask: Mask,
    version: u64,
    log: VecDeque<(u64, PixelRect)>,
}

impl Live {
    /// A mask that nobody has seen; `version` must differ from that of any before it.
    pub fn new(key: SliceKey, mask: Mask, version: u64) -> Self {
        Self { key, mask, version, log: VecDeque::new() }
    }

    /// Of which slice.
    pub fn key(&self) -> SliceKey {
        self.key
    }

    /// The mask.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Counts up with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What changed since `version`; `None` where that is too long ago: everything may have.
    pub fn dirty_since(&self, version: u64) -> Option<PixelRect> {
        let first = self.log.front().map_or(self.version + 1, |(v, _)| *v);
        let is_known = version <= self.version && version + 1 >= first;
        let since = self.log.iter().filter(|(v, _)| *v > version);
        is_known.then(|| since.fold(PixelRect::default(), |all, (_, rect)| all.union(rect)))
    }

    /// Writes the mask and remembers where.
    pub fn paint(&mut self, write: impl FnOnce(&mut Mask) -> Edit) -> Edit {
        let edit = write(&mut self.mask);
        if !edit.is_empty() {
            self.version += 1;
            self.log.push_back((self.version, edit.bounds(self.mask.columns())));
            if self.log.len() > LOG {
                self.log.pop_front();
            }
        }
        edit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        mask::Rule,
        region::{Region, Span},
    };

    #[test]
    fn only_what_changed_since_is_dirty() {
        let mut live = Live::new(SliceKey { case: 1, slice: 0 }, Mask::empty(8, 8), 10);
        assert_eq!(live.dirty_since(10), Some(PixelRect::default()));
        let dot = |row| Region::from_spans(vec![Span { row, start: 2, end: 3 }]);
        live.paint(|m| m.paint(&dot(1), 1, &Rule::FREE));
        live.paint(|m| m.paint(&dot(5), 1, &Rule::FREE));
        live.paint(|m| m.paint(&dot(5), 1, &Rule::FREE));
        assert_eq!(live.version(), 12, "the last one changed nothing");
        assert_eq!(live.dirty_since(11), Some(PixelRect { columns: 2..3, rows: 5..6 }));
        assert_eq!(live.dirty_since(10), Some(PixelRect { columns: 2..3, rows: 1..6 }));
        assert_eq!(live.dirty_since(9), None);
    }
}

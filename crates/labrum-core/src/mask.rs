//! The label mask of one slice. Only this module writes masks; every write returns an edit for undo.

mod packed;

pub use packed::PackedMask;

use super::{
    edit::{Edit, Run},
    region::{PixelRect, Region, Span},
};

/// Pixels that are compared at once, which the compiler vectorizes.
const BLOCK: usize = 32;

/// A set of labels 0..=255, including background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelSet([u64; 4]);

impl LabelSet {
    /// The empty set.
    pub const NONE: Self = Self([0; 4]);
    /// All labels and background.
    pub const ALL: Self = Self([u64::MAX; 4]);

    /// Adds a label.
    pub fn with_label(mut self, label: u8) -> Self {
        self.0[usize::from(label >> 6)] |= 1 << (label & 63);
        self
    }

    /// True if the label is in the set.
    pub fn contains(&self, label: u8) -> bool {
        self.0[usize::from(label >> 6)] >> (label & 63) & 1 == 1
    }
}

impl FromIterator<u8> for LabelSet {
    fn from_iter<I: IntoIterator<Item = u8>>(labels: I) -> Self {
        labels.into_iter().fold(Self::NONE, Self::with_label)
    }
}

/// Which pixels may change: those whose old and new labels are both unlocked, and whose old label may be overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Locked labels, which neither gain nor lose pixels.
    pub locked: LabelSet,
    /// Labels that may be overwritten.
    pub over: LabelSet,
}

impl Rule {
    /// No restrictions.
    pub const FREE: Self = Self {
        locked: LabelSet::NONE,
        over: LabelSet::ALL,
    };

    /// True if a pixel may change from `before` to `after`.
    pub fn allows_change(&self, before: u8, after: u8) -> bool {
        self.over.contains(before) && !self.locked.contains(before) && !self.locked.contains(after)
    }
}

/// Maximum number of pixels of a mask, as of an image.
pub const MOST_PIXELS: u64 = 1 << 28;

/// One label per pixel, row-major: 0 is background, 1..=n are labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    columns: usize,
    rows: usize,
    labels: Vec<u8>,
}

/// The labels that occur among `pixels`, in ascending order, without background.
pub fn labels_in(pixels: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let mut occurs = [false; 256];
    pixels
        .into_iter()
        .for_each(|label| occurs[usize::from(label)] = true);
    (1..=u8::MAX)
        .filter(|label| occurs[usize::from(*label)])
        .collect()
}

impl Mask {
    /// A mask with only background.
    pub fn new_blank(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            labels: vec![0; columns * rows],
        }
    }

    /// A mask from labels in row-major order. `None` if their number is not `columns * rows`.
    pub fn from_labels(columns: usize, rows: usize, labels: Vec<u8>) -> Option<Self> {
        (labels.len() == columns * rows).then_some(Self {
            columns,
            rows,
            labels,
        })
    }

    /// Width in pixels.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Height in pixels.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Width and height in pixels.
    pub fn columns_and_rows(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }

    /// All labels in row-major order.
    pub fn pixel_labels(&self) -> &[u8] {
        &self.labels
    }

    /// Renumbers the labels: label `i` becomes `values[i - 1]`, or background if there is no such value.
    pub fn remap_labels(&self, values: &[u8]) -> Self {
        let remapped = self
            .labels
            .iter()
            .map(|&label| value_of_label(label, values));
        Self {
            columns: self.columns,
            rows: self.rows,
            labels: remapped.collect(),
        }
    }

    /// The label at (`column`, `row`); 0 outside.
    pub fn label_at(&self, column: i64, row: i64) -> u8 {
        let inside = column >= 0
            && row >= 0
            && (column as usize) < self.columns
            && (row as usize) < self.rows;
        if inside {
            self.labels[row as usize * self.columns + column as usize]
        } else {
            0
        }
    }

    /// Number of pixels with `label`.
    pub fn count_pixels(&self, label: u8) -> usize {
        self.labels.iter().filter(|&&l| l == label).count()
    }

    /// True if all pixels are background.
    pub fn is_blank(&self) -> bool {
        self.labels
            .chunks(BLOCK)
            .all(|block| is_filled_with(block, 0))
    }

    /// The pixels with `label`.
    pub fn label_region(&self, label: u8) -> Region {
        Region::from_fn(&PixelRect::full_frame(self.columns, self.rows), |x, y| {
            self.labels[y * self.columns + x] == label
        })
    }

    /// The pixels of `region` that painting with `label` under `rule` would change.
    pub fn changeable_region(&self, region: &Region, label: u8, rule: &Rule) -> Region {
        let mut spans = Vec::new();
        for span in region.spans().iter().take_while(|s| s.row < self.rows) {
            let row = span.row * self.columns;
            let mut start = span.start.min(self.columns);
            let end = span.end.min(self.columns);
            while start < end {
                let before = self.labels[row + start];
                let next = start + equal_at_start(&self.labels[row + start..row + end]);
                if before != label && rule.allows_change(before, label) {
                    spans.push(Span {
                        row: span.row,
                        start,
                        end: next,
                    });
                }
                start = next;
            }
        }
        Region::from_spans(spans)
    }

    /// Paints the pixels of `region` with `label` (0 erases) where `rule` allows it. Pixels outside the mask are
    /// ignored.
    pub fn paint_region(&mut self, region: &Region, label: u8, rule: &Rule) -> Edit {
        self.relabel_runs(region, |before| {
            if rule.allows_change(before, label) {
                label
            } else {
                before
            }
        })
    }

    /// Changes all pixels of one label to another (0 erases), ignoring locks.
    pub fn move_label(&mut self, from: u8, to: u8) -> Edit {
        let whole = Region::full_frame(self.columns, self.rows);
        self.relabel_runs(&whole, |before| if before == from { to } else { before })
    }

    /// Makes `label` cover exactly `target` within `window`, where `rule` allows it: pixels that it leaves become
    /// background. Outside `window` nothing changes.
    pub fn reshape_label(
        &mut self,
        label: u8,
        target: &Region,
        window: &Region,
        rule: &Rule,
    ) -> Edit {
        // The overwrite rule applies to the pixels that the label gains, not to those that it leaves.
        let leaving = Rule {
            over: LabelSet::ALL,
            ..*rule
        };
        let gone = window.difference(target);
        let erased = self.relabel_runs(&gone, |before| {
            if before == label && leaving.allows_change(label, 0) {
                0
            } else {
                before
            }
        });
        let painted = self.paint_region(&target.intersection(window), label, rule);
        self.merge_edits(&[erased, painted])
    }

    /// Copies the labels of `other` within `region` where `rule` allows it; does nothing if the sizes differ.
    pub fn copy_region_from(&mut self, other: &Mask, region: &Region, rule: &Rule) -> Edit {
        if self.columns_and_rows() != other.columns_and_rows() {
            return Edit::default();
        }
        self.relabel_pixels(region, |i, before| {
            let after = other.labels[i];
            if rule.allows_change(before, after) {
                after
            } else {
                before
            }
        })
    }

    /// Replaces all labels by those of `other`; does nothing if the sizes differ.
    pub fn replace_with(&mut self, other: &Mask) -> Edit {
        if self.columns_and_rows() != other.columns_and_rows() {
            return Edit::default();
        }
        let edit = Edit::between(&self.labels, &other.labels);
        self.labels.copy_from_slice(&other.labels);
        edit
    }

    /// Applies an edit without checking the old labels; runs outside the mask are ignored.
    pub fn apply_edit(&mut self, edit: &Edit) {
        for Run {
            start,
            length,
            after,
            ..
        } in &edit.runs
        {
            if let Some(place) = self
                .labels
                .get_mut(*start as usize..*start as usize + *length as usize)
            {
                place.fill(*after);
            }
        }
    }

    /// Merges edits that were made on this mask one after the other, the last one most recently.
    pub fn merge_edits(&self, edits: &[Edit]) -> Edit {
        let mut changed = edits.iter().filter(|e| !e.is_empty());
        if let (Some(only), None) = (changed.next(), changed.next()) {
            return only.clone();
        }
        let first = edits
            .iter()
            .filter_map(|e| Some(e.runs.first()?.start as usize))
            .min();
        let last = edits
            .iter()
            .filter_map(|e| e.runs.last().map(|r| (r.start + r.length) as usize))
            .max();
        let Some((first, last)) = first.zip(last.map(|l| l.min(self.labels.len()))) else {
            return Edit::default();
        };
        let mut before = self.labels[first..last].to_vec();
        for run in edits.iter().rev().flat_map(|e| &e.runs) {
            let start = run.start as usize - first;
            if let Some(place) = before.get_mut(start..start + run.length as usize) {
                place.fill(run.before);
            }
        }
        let mut merged = Edit::default();
        merged.extend_between(first, &before, &self.labels[first..last]);
        merged
    }

    /// Changes labels depending only on the old label, a run of equal labels at a time.
    fn relabel_runs(&mut self, region: &Region, label: impl Fn(u8) -> u8) -> Edit {
        let mut edit = Edit::default();
        for span in region.spans().iter().take_while(|s| s.row < self.rows) {
            let row = span.row * self.columns;
            let mut start = row + span.start.min(self.columns);
            let end = row + span.end.min(self.columns);
            while start < end {
                let length = equal_at_start(&self.labels[start..end]);
                let before = self.labels[start];
                let after = label(before);
                if before != after {
                    self.labels[start..start + length].fill(after);
                    edit.push_change(start as u32, before, after);
                    edit.runs
                        .last_mut()
                        .into_iter()
                        .for_each(|run| run.length += length as u32 - 1);
                }
                start += length;
            }
        }
        edit
    }

    /// Changes labels depending on pixel index and old label.
    fn relabel_pixels(&mut self, region: &Region, label: impl Fn(usize, u8) -> u8) -> Edit {
        let mut edit = Edit::default();
        for span in region.spans().iter().take_while(|s| s.row < self.rows) {
            let row = span.row * self.columns;
            for i in row + span.start.min(self.columns)..row + span.end.min(self.columns) {
                let before = self.labels[i];
                let after = label(i, before);
                self.labels[i] = after;
                edit.push_change(i as u32, before, after);
            }
        }
        edit
    }
}

/// The new value of a label in [`Mask::remap_labels`].
#[inline]
fn value_of_label(label: u8, values: &[u8]) -> u8 {
    usize::from(label)
        .checked_sub(1)
        .and_then(|i| values.get(i))
        .copied()
        .unwrap_or(0)
}

/// Length of the initial run of equal labels.
fn equal_at_start(labels: &[u8]) -> usize {
    let Some(&first) = labels.first() else {
        return 0;
    };
    let equal_blocks = labels
        .chunks_exact(BLOCK)
        .take_while(|block| is_filled_with(block, first))
        .count();
    let blocks = equal_blocks * BLOCK;
    blocks + labels[blocks..].iter().take_while(|l| **l == first).count()
}

/// True if all labels of a block are `label`; branch-free so that it can be vectorized.
#[inline]
fn is_filled_with(block: &[u8], label: u8) -> bool {
    block.iter().fold(true, |equal, l| equal & (*l == label))
}

#[cfg(test)]
mod tests;

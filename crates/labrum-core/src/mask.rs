//! The label mask of one slice: the only place that writes it; every write returns an edit.

use super::{
    edit::{self, Edit, Run},
    region::{PixelRect, Region, Span},
};

/// A set of labels 0..=255, background among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelSet([u64; 4]);

impl LabelSet {
    /// No label.
    pub const NONE: Self = Self([0; 4]);
    /// Every label, and background.
    pub const ALL: Self = Self([u64::MAX; 4]);

    /// The set with one label more.
    pub fn with_label(mut self, label: u8) -> Self {
        self.0[usize::from(label >> 6)] |= 1 << (label & 63);
        self
    }

    /// True where the label is in it.
    pub fn contains(&self, label: u8) -> bool {
        self.0[usize::from(label >> 6)] >> (label & 63) & 1 == 1
    }
}

impl FromIterator<u8> for LabelSet {
    fn from_iter<I: IntoIterator<Item = u8>>(labels: I) -> Self {
        labels.into_iter().fold(Self::NONE, Self::with_label)
    }
}

/// Which pixels may change: one changes only where neither its old nor its new label is locked, and its old one may be
/// painted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Labels that neither gain nor lose a pixel.
    pub locked: LabelSet,
    /// What may be painted over.
    pub over: LabelSet,
}

impl Rule {
    /// Everything may change.
    pub const FREE: Self = Self {
        locked: LabelSet::NONE,
        over: LabelSet::ALL,
    };

    /// True where a pixel may change from one label to the other.
    pub fn allows_change(&self, before: u8, after: u8) -> bool {
        self.over.contains(before) && !self.locked.contains(before) && !self.locked.contains(after)
    }
}

/// No mask has more pixels: no image does.
pub const MOST_PIXELS: u64 = 1 << 28;

/// One label per pixel, row after row: 0 is background, 1..=n the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    columns: usize,
    rows: usize,
    labels: Vec<u8>,
}

/// The labels that occur among `pixels`, background left out, in order.
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
    /// A mask of background.
    pub fn new_blank(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            labels: vec![0; columns * rows],
        }
    }

    /// A mask of given labels. `None` where their number is not `columns * rows`.
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

    /// All labels, row after row.
    pub fn pixel_labels(&self) -> &[u8] {
        &self.labels
    }

    /// The same with other values for the labels: label `i` becomes `values[i - 1]`; without a value, background.
    pub fn remap_labels(&self, values: &[u8]) -> Self {
        let value = |l: &u8| {
            usize::from(*l)
                .checked_sub(1)
                .and_then(|i| values.get(i))
                .copied()
                .unwrap_or(0)
        };
        Self {
            columns: self.columns,
            rows: self.rows,
            labels: self.labels.iter().map(value).collect(),
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

    /// How many pixels carry `label`.
    pub fn count_pixels(&self, label: u8) -> usize {
        self.labels.iter().filter(|&&l| l == label).count()
    }

    /// True where all is background.
    pub fn is_blank(&self) -> bool {
        self.labels.iter().all(|&l| l == 0)
    }

    /// The pixels that carry `label`.
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
            let (mut start, end) = (span.start.min(self.columns), span.end.min(self.columns));
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

    /// Paints the pixels of `region` with `label` (0 erases) where `rule` allows it. What lies outside is left out.
    pub fn paint_region(&mut self, region: &Region, label: u8, rule: &Rule) -> Edit {
        self.relabel_runs(region, |before| {
            if rule.allows_change(before, label) {
                label
            } else {
                before
            }
        })
    }

    /// Gives what has one label another one, or none, whatever is locked.
    pub fn move_label(&mut self, from: u8, to: u8) -> Edit {
        let whole = Region::full_frame(self.columns, self.rows);
        self.relabel_runs(&whole, |before| if before == from { to } else { before })
    }

    /// Makes `label` cover exactly `target` within `window`, where `rule` allows it: what it leaves becomes
    /// background. Outside of `window` nothing changes.
    pub fn reshape_label(
        &mut self,
        label: u8,
        target: &Region,
        window: &Region,
        rule: &Rule,
    ) -> Edit {
        // Erasing what the label leaves is part of its move: "paint only over" is about what it comes to cover.
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

    /// Takes over the labels of `other`, of the same size (else nothing happens), within `region`, where `rule` allows.
    pub fn copy_region_from(&mut self, other: &Mask, region: &Region, rule: &Rule) -> Edit {
        if (self.columns, self.rows) != (other.columns, other.rows) {
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

    /// Makes this mask equal to `other` (of the same size, else nothing happens); the edit undoes it.
    pub fn replace_with(&mut self, other: &Mask) -> Edit {
        if (self.columns, self.rows) != (other.columns, other.rows) {
            return Edit::default();
        }
        let edit = Edit::between(&self.labels, &other.labels);
        self.labels.copy_from_slice(&other.labels);
        edit
    }

    /// Does what an edit says, whatever is there; runs outside of the mask are left out.
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

    /// One edit for several that were made on this mask one after the other, the last one just now.
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

    /// Changes labels by what they are alone, all neighbours of the same label in a row at once.
    fn relabel_runs(&mut self, region: &Region, label: impl Fn(u8) -> u8) -> Edit {
        let mut edit = Edit::default();
        for span in region.spans().iter().take_while(|s| s.row < self.rows) {
            let row = span.row * self.columns;
            let (mut start, end) = (
                row + span.start.min(self.columns),
                row + span.end.min(self.columns),
            );
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

    /// Changes labels by where they are, too.
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

/// How many labels from the first on are equal to it.
fn equal_at_start(labels: &[u8]) -> usize {
    // In blocks that the compiler compares at once; the rest one by one.
    const STEP: usize = 32;
    let Some(first) = labels.first() else {
        return 0;
    };
    let is_equal = |block: &&[u8]| block.iter().fold(true, |equal, l| equal & (l == first));
    let blocks = labels.chunks_exact(STEP).take_while(is_equal).count() * STEP;
    blocks + labels[blocks..].iter().take_while(|l| *l == first).count()
}

/// A mask in little memory: equal labels in a row as their number and the label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedMask {
    columns: u32,
    rows: u32,
    bytes: Vec<u8>,
}

impl PackedMask {
    /// Packs a mask.
    pub fn from_mask(mask: &Mask) -> Self {
        let mut bytes = Vec::new();
        for run in mask.labels.chunk_by(|a, b| a == b) {
            edit::write_leb128(&mut bytes, run.len() as u32);
            bytes.push(run[0]);
        }
        Self {
            columns: mask.columns as u32,
            rows: mask.rows as u32,
            bytes,
        }
    }

    /// The mask.
    pub fn to_mask(&self) -> Mask {
        let (columns, rows) = (self.columns as usize, self.rows as usize);
        let mut labels = Vec::with_capacity(columns * rows);
        let mut bytes = self.bytes.as_slice();
        while let Some((length, (&label, rest))) =
            edit::read_leb128(&mut bytes).zip(bytes.split_first())
        {
            labels.resize(labels.len() + length as usize, label);
            bytes = rest;
        }
        labels.resize(columns * rows, 0);
        Mask {
            columns,
            rows,
            labels,
        }
    }

    /// Writes the labels of a column into `line`, from the top; background is left out.
    pub fn read_column(&self, column: usize, line: &mut [u8]) {
        let columns = self.columns as usize;
        if column >= columns {
            return;
        }
        self.for_runs(|start, end, label| {
            let first = (start + columns - 1).saturating_sub(column) / columns;
            let rows = line.iter_mut().enumerate().skip(first);
            rows.take_while(|(row, _)| row * columns + column < end)
                .for_each(|(_, place)| *place = label);
        });
    }

    /// Writes the labels of a row into `line`, from the left; background is left out.
    pub fn read_row(&self, row: usize, line: &mut [u8]) {
        let columns = self.columns as usize;
        let (first, last) = (row * columns, (row + 1) * columns);
        self.for_runs(|start, end, label| {
            let (start, end) = (
                start.clamp(first, last) - first,
                end.clamp(first, last) - first,
            );
            line.iter_mut()
                .take(end)
                .skip(start)
                .for_each(|place| *place = label);
        });
    }

    /// Tells first pixel, pixel after the last and label of every run that has one.
    fn for_runs(&self, mut tell: impl FnMut(usize, usize, u8)) {
        let mut bytes = self.bytes.as_slice();
        let mut at = 0;
        while let Some((length, (&label, rest))) =
            edit::read_leb128(&mut bytes).zip(bytes.split_first())
        {
            let end = at + length as usize;
            if label != 0 {
                tell(at, end, label);
            }
            (at, bytes) = (end, rest);
        }
    }

    /// True where a pixel has the label.
    pub fn contains_label(&self, label: u8) -> bool {
        let mut found = false;
        self.for_runs(|_, _, held| found |= held == label);
        found
    }

    /// Columns and rows.
    pub fn columns_and_rows(&self) -> (u32, u32) {
        (self.columns, self.rows)
    }

    /// How many pixels have a label.
    pub fn count_labelled_pixels(&self) -> u64 {
        let mut bytes = self.bytes.as_slice();
        let mut count = 0;
        while let Some((length, (&label, rest))) =
            edit::read_leb128(&mut bytes).zip(bytes.split_first())
        {
            count += if label == 0 { 0 } else { u64::from(length) };
            bytes = rest;
        }
        count
    }

    /// For a file: columns and rows as four bytes each, lowest first, then for each run its length (LEB128) and label.
    pub fn to_bytes(&self) -> Vec<u8> {
        [
            &self.columns.to_le_bytes()[..],
            &self.rows.to_le_bytes(),
            &self.bytes,
        ]
        .concat()
    }

    /// The mask of which these are the bytes; `None` where they are those of none, or of one with more than
    /// [`MOST_PIXELS`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (columns, rest) = bytes.split_first_chunk()?;
        let (rows, runs) = rest.split_first_chunk()?;
        let (columns, rows) = (u32::from_le_bytes(*columns), u32::from_le_bytes(*rows));
        let (mut rest, mut pixels) = (runs, 0u64);
        while !rest.is_empty() {
            pixels += u64::from(edit::read_leb128(&mut rest)?);
            rest = rest.split_first()?.1;
        }
        let is_whole = pixels == u64::from(columns) * u64::from(rows) && pixels <= MOST_PIXELS;
        is_whole.then(|| Self {
            columns,
            rows,
            bytes: runs.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests;

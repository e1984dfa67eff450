//! A change of a mask as runs of pixels with labels before and after; used by undo, the journal and redrawing.

use super::region::PixelRect;

/// Consecutive pixels (in row order) that changed from one label to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Row-major index of the first pixel.
    pub start: u32,
    /// Number of pixels, at least 1.
    pub length: u32,
    /// Label before the change.
    pub before: u8,
    /// Label after the change; differs from `before`.
    pub after: u8,
}

impl Run {
    /// The run that undoes this one.
    fn inverse(&self) -> Self {
        Self {
            before: self.after,
            after: self.before,
            ..*self
        }
    }
}

/// The changes that a gesture made to the mask of one slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Sorted by `start`, not overlapping.
    pub runs: Vec<Run>,
}

impl Edit {
    /// The edit that turns one list of labels into another of the same length.
    pub fn between(before: &[u8], after: &[u8]) -> Self {
        let mut edit = Self::default();
        edit.extend_between(0, before, after);
        edit
    }

    /// Appends the changes from `before` to `after`, whose first pixel is `start`; it must lie behind all existing
    /// runs.
    pub(super) fn extend_between(&mut self, start: usize, before: &[u8], after: &[u8]) {
        // Most of a mask is unchanged, so compare eight pixels at a time first.
        const STEP: usize = 8;
        for (n, (b, a)) in before
            .chunks(STEP)
            .zip(after.chunks(STEP))
            .enumerate()
            .filter(|(_, (b, a))| b != a)
        {
            for (k, (&before, &after)) in b.iter().zip(a).enumerate() {
                self.push_change((start + n * STEP + k) as u32, before, after);
            }
        }
    }

    /// Appends one pixel, which must lie behind all existing runs; does nothing if it did not change.
    pub(super) fn push_change(&mut self, index: u32, before: u8, after: u8) {
        if before == after {
            return;
        }
        match self.runs.last_mut() {
            Some(r) if r.start + r.length == index && r.before == before && r.after == after => {
                r.length += 1
            }
            _ => self.runs.push(Run {
                start: index,
                length: 1,
                before,
                after,
            }),
        }
    }

    /// The edit that undoes this one.
    pub fn inverse(&self) -> Self {
        Self {
            runs: self.runs.iter().map(Run::inverse).collect(),
        }
    }

    /// True if nothing changed.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Number of pixels that changed.
    pub fn changed_pixel_count(&self) -> usize {
        self.runs.iter().map(|r| r.length as usize).sum()
    }

    /// Bounding rectangle of the changes in an image of `columns` width.
    pub fn changed_bounds(&self, columns: usize) -> PixelRect {
        let mut bounds = PixelRect::default();
        for run in &self.runs {
            let first = run.start as usize;
            let last = (run.start + run.length - 1) as usize;
            let rows = first / columns..last / columns + 1;
            let across = if rows.len() > 1 {
                0..columns
            } else {
                first % columns..last % columns + 1
            };
            bounds = bounds.union(&PixelRect {
                columns: across,
                rows,
            });
        }
        bounds
    }

    /// A compact encoding for history and journal. For each run: distance from the end of the previous run and length
    /// (both LEB128), then the labels before and after.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.runs.len() * 5);
        let mut end = 0;
        for run in &self.runs {
            write_leb128(&mut bytes, run.start - end);
            write_leb128(&mut bytes, run.length);
            bytes.extend([run.before, run.after]);
            end = run.start + run.length;
        }
        bytes
    }

    /// Decodes the bytes of [`Self::to_bytes`]; `None` if they are invalid.
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut runs = Vec::new();
        let mut end = 0u32;
        while !bytes.is_empty() {
            let start = end.checked_add(read_leb128(&mut bytes)?)?;
            let length = read_leb128(&mut bytes)?;
            let [before, after, rest @ ..] = bytes else {
                return None;
            };
            runs.push(Run {
                start,
                length,
                before: *before,
                after: *after,
            });
            bytes = rest;
            end = start
                .checked_add(length)
                .filter(|_| length > 0 && before != after)?;
        }
        Some(Self { runs })
    }
}

/// Writes a number as LEB128: groups of seven bits, lowest first.
pub(super) fn write_leb128(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads a number that [`write_leb128`] wrote; `None` if the bytes end or it exceeds 32 bits.
pub(super) fn read_leb128(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for shift in (0..32).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u32::from(byte & 0x7f);
        value |= part.checked_shl(shift).filter(|v| v >> shift == part)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_edit_is_read_back_from_its_bytes(
            before in proptest::collection::vec(0u8..3, 1..400),
            seed in any::<u64>(),
        ) {
            let after: Vec<u8> =
                before.iter().enumerate().map(|(i, l)| if (seed >> (i / 5 % 64)) & 1 == 0 { *l } else { 2 }).collect();
            let edit = Edit::between(&before, &after);
            prop_assert_eq!(&Edit::from_bytes(&edit.to_bytes()).unwrap(), &edit);
            prop_assert_eq!(edit.inverse(), Edit::between(&after, &before));
            prop_assert_eq!(edit.changed_pixel_count(), before.iter().zip(&after).filter(|(b, a)| b != a).count());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(edit) = Edit::from_bytes(&bytes) {
                prop_assert!(edit.runs.windows(2).all(|w| w[0].start + w[0].length <= w[1].start));
            }
        }
    }
}

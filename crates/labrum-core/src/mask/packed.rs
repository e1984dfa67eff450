//! A run-length encoded mask, for memory and files.

use super::{MOST_PIXELS, Mask};
use crate::edit;

/// A run-length encoded mask: (number of pixels, label) for each run of equal labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedMask {
    columns: u32,
    rows: u32,
    bytes: Vec<u8>,
}

impl PackedMask {
    /// Encodes a mask.
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

    /// Decodes the mask.
    pub fn to_mask(&self) -> Mask {
        let columns = self.columns as usize;
        let rows = self.rows as usize;
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

    /// Writes the labels of a column into `line`, from the top; background pixels are not written.
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

    /// Writes the labels of a row into `line`, from the left; background pixels are not written.
    pub fn read_row(&self, row: usize, line: &mut [u8]) {
        let columns = self.columns as usize;
        let first = row * columns;
        let last = first + columns;
        self.for_runs(|start, end, label| {
            let start = start.clamp(first, last) - first;
            let end = end.clamp(first, last) - first;
            line.iter_mut()
                .take(end)
                .skip(start)
                .for_each(|place| *place = label);
        });
    }

    /// Calls `tell` with first pixel, end pixel (exclusive) and label of each run that is not background.
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
            at = end;
            bytes = rest;
        }
    }

    /// True if any pixel has the label.
    pub fn contains_label(&self, label: u8) -> bool {
        let mut found = false;
        self.for_runs(|_, _, held| found |= held == label);
        found
    }

    /// Width and height in pixels.
    pub fn columns_and_rows(&self) -> (u32, u32) {
        (self.columns, self.rows)
    }

    /// Number of pixels that are not background.
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

    /// Serializes: columns and rows as 32-bit little-endian, then for each run its length (LEB128) and label.
    pub fn to_bytes(&self) -> Vec<u8> {
        [
            &self.columns.to_le_bytes()[..],
            &self.rows.to_le_bytes(),
            &self.bytes,
        ]
        .concat()
    }

    /// Decodes the bytes of [`Self::to_bytes`]; `None` if they are invalid or describe more than [`MOST_PIXELS`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (columns, rest) = bytes.split_first_chunk()?;
        let (rows, runs) = rest.split_first_chunk()?;
        let columns = u32::from_le_bytes(*columns);
        let rows = u32::from_le_bytes(*rows);
        let mut rest = runs;
        let mut pixels = 0u64;
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

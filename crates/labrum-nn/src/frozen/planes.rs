//! The tensors of the frozen network: rows of all channels, padded with zeros.

use crate::kernels::simd::MAX_LANES;
use crate::kernels::strip::padded_width;
use crate::kernels::tally;

/// One tensor `[rows][channels][columns]`. Consecutive rows of all channels are contiguous in memory: what one task
/// writes, and what fits into a cache.
///
/// Each row of a channel starts with [`MAX_LANES`] zeros and is padded with zeros to whole vectors, so that a
/// convolution may read beyond it on both sides. There are rows of zeros above and below.
#[derive(Debug, Default)]
pub(super) struct Planes {
    data: Vec<f32>,
    pub channels: usize,
    pub rows: usize,
    pub columns: usize,
    /// Rows of zeros above the first one.
    above: usize,
}

/// Extra rows of zeros below the border, since rows are computed four at a time.
const BELOW: usize = 3;

impl Planes {
    /// A tensor of zeros with at least `border` rows of zeros above and below.
    pub(super) fn new(channels: usize, rows: usize, columns: usize, border: usize) -> Self {
        let mut planes = Self {
            data: Vec::new(),
            channels,
            rows,
            columns,
            above: border,
        };
        planes.data = vec![0.0; (rows + 2 * border + BELOW) * planes.row_length() + MAX_LANES];
        tally::count_allocation(planes.data.len());
        planes
    }

    /// Number of values without padding.
    pub(super) fn value_count(&self) -> usize {
        self.channels * self.rows * self.columns
    }

    /// Columns, rounded up to whole vectors.
    pub(super) fn padded_width(&self) -> usize {
        padded_width(self.columns)
    }

    /// Distance from one channel of a row to the next.
    pub(super) fn channel_pitch(&self) -> usize {
        pitch_for_columns(self.columns)
    }

    /// Distance from one row to the next.
    pub(super) fn row_length(&self) -> usize {
        self.channels * self.channel_pitch()
    }

    /// Start of row `row`, which may be a row of padding (-1 is the one above the first).
    fn row_start(&self, row: isize) -> usize {
        (row + self.above as isize).max(0) as usize * self.row_length()
    }

    /// `count` rows from `row` on with all channels, and the zeros after them.
    pub(super) fn rows_from(&self, row: isize, count: usize) -> &[f32] {
        let start = self.row_start(row);
        &self.data[start..start + count * self.row_length() + MAX_LANES]
    }

    /// One row of all channels.
    pub(super) fn row_values(&self, row: isize) -> &[f32] {
        let start = self.row_start(row);
        &self.data[start..start + self.row_length()]
    }

    /// All rows except those of padding.
    pub(super) fn inside_mut(&mut self) -> &mut [f32] {
        let start = self.row_start(0);
        let end = self.row_start(self.rows as isize);
        &mut self.data[start..end]
    }
}

/// Distance from one channel of a row to the next.
pub(super) fn pitch_for_columns(columns: usize) -> usize {
    padded_width(columns) + MAX_LANES
}

/// Resets the values right of the last column to zero.
#[inline(always)]
pub(super) fn clear_right(rows: &mut [f32], columns: usize) {
    if columns != padded_width(columns) {
        for row in rows.chunks_exact_mut(pitch_for_columns(columns)) {
            row[MAX_LANES + columns..].fill(0.0);
        }
    }
}

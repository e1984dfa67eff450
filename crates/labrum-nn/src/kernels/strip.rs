//! Strips: some rows of all channels of an image, copied from its planes and padded with zeros.

use super::simd::MAX_LANES;

/// Columns, rounded up to whole vectors.
pub(crate) fn padded_width(columns: usize) -> usize {
    columns.next_multiple_of(MAX_LANES)
}

/// Memory layout of a strip `[rows][channels][pitch]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct StripLayout {
    pub channels: usize,
    pub columns: usize,
    /// Zeros before the first column; those after the last column belong to the next row, or end the strip.
    pub lead: usize,
}

impl StripLayout {
    /// A layout with room for windows that extend `border` columns beyond the row.
    pub(super) fn new(channels: usize, columns: usize, border: usize) -> Self {
        Self {
            channels,
            columns,
            lead: if border == 0 { 0 } else { MAX_LANES },
        }
    }

    /// Distance from one channel to the next.
    pub(super) fn channel_pitch(&self) -> usize {
        padded_width(self.columns) + self.lead
    }

    /// Distance from one row to the next.
    pub(super) fn row_length(&self) -> usize {
        self.channels * self.channel_pitch()
    }

    /// Number of values of `rows` rows, with the zeros after them.
    pub(super) fn strip_length(&self, rows: usize) -> usize {
        rows * self.row_length() + self.lead
    }

    /// Copies `count` rows from `first` on out of `planes` `[channels][rows][columns]`; rows outside are zeros.
    pub(super) fn gather_rows(
        &self,
        planes: &[f32],
        rows: usize,
        first: isize,
        count: usize,
        strip: &mut [f32],
    ) {
        let pitch = self.channel_pitch();
        let end = count * self.row_length();
        for (i, to) in strip[..end].chunks_exact_mut(pitch).enumerate() {
            let row = first + (i / self.channels) as isize;
            let channel = i % self.channels;
            if row < 0 || row >= rows as isize {
                to.fill(0.0);
                continue;
            }
            let start = (channel * rows + row as usize) * self.columns;
            to[..self.lead].fill(0.0);
            to[self.lead..self.lead + self.columns]
                .copy_from_slice(&planes[start..start + self.columns]);
            to[self.lead + self.columns..].fill(0.0);
        }
        strip[end..end + self.lead].fill(0.0);
    }
}

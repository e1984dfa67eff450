//! Signed distance to the boundary of a shape, on a frame of pixels around it.

use crate::{
    distance::distance_to,
    region::{PixelRect, Region},
};
use std::ops::Range;

/// A rectangle of pixels that may extend beyond the image.
pub(super) struct PixelFrame {
    columns: Range<i64>,
    rows: Range<i64>,
}

impl PixelFrame {
    /// The bounds of a region, expanded by one pixel on each side.
    pub(super) fn around_region(region: &Region) -> Self {
        let PixelRect { columns, rows } = region.bounds();
        Self {
            columns: widen_range(&columns),
            rows: widen_range(&rows),
        }
    }

    pub(super) fn translated_by(&self, by: [f64; 2]) -> Self {
        Self {
            columns: shift_range(&self.columns, by[0]),
            rows: shift_range(&self.rows, by[1]),
        }
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        Self {
            columns: enclosing_range(&self.columns, &other.columns),
            rows: enclosing_range(&self.rows, &other.rows),
        }
    }

    pub(super) fn clip_to_picture(&self, columns: usize, rows: usize) -> PixelRect {
        PixelRect {
            columns: clip_range(&self.columns, columns),
            rows: clip_range(&self.rows, rows),
        }
    }
}

/// Expands a range by one pixel at each end.
fn widen_range(range: &Range<usize>) -> Range<i64> {
    range.start as i64 - 1..range.end as i64 + 1
}

/// All pixels that the range touches after a shift, including partly covered ones.
fn shift_range(range: &Range<i64>, by: f64) -> Range<i64> {
    range.start + by.floor() as i64..range.end + by.ceil() as i64
}

/// The shortest range that contains both.
fn enclosing_range(a: &Range<i64>, b: &Range<i64>) -> Range<i64> {
    a.start.min(b.start)..a.end.max(b.end)
}

/// Clips a range to `0..end`.
fn clip_range(range: &Range<i64>, end: usize) -> Range<usize> {
    range.start.max(0) as usize..(range.end.max(0) as usize).min(end)
}

/// Distance to the boundary of a shape, positive inside, on a frame of pixels that may extend beyond the image.
pub(super) struct SignedDistance {
    left: i64,
    top: i64,
    columns: usize,
    rows: usize,
    values: Vec<f64>,
}

impl SignedDistance {
    pub(super) fn from_region(region: &Region, frame: &PixelFrame, spacing: [f64; 2]) -> Self {
        let (left, top) = (frame.columns.start, frame.rows.start);
        let columns = (frame.columns.end - left) as usize;
        let rows = (frame.rows.end - top) as usize;
        let mut inside = vec![false; columns * rows];
        for span in region.spans() {
            let first = (span.row as i64 - top) as usize * columns;
            let [start, end] = [span.start, span.end].map(|x| first + (x as i64 - left) as usize);
            inside[start..end].fill(true);
        }
        let outside: Vec<bool> = inside.iter().map(|i| !i).collect();
        let mut values = distance_to(&outside, columns, rows, spacing);
        // Distances are to pixel centres; the boundary is about half a pixel closer.
        let half = 0.5 * spacing[0].min(spacing[1]);
        for (value, to_shape) in values
            .iter_mut()
            .zip(distance_to(&inside, columns, rows, spacing))
        {
            *value = if to_shape > 0.0 {
                half - to_shape
            } else {
                *value - half
            };
        }
        Self {
            left,
            top,
            columns,
            rows,
            values,
        }
    }

    /// Bilinear interpolation; pixel centres are at whole numbers. Outside the frame the values at its edge are used.
    #[inline]
    pub(super) fn sample_bilinear(&self, x: f64, y: f64) -> f64 {
        let (left, across) = pixel_and_share(x - self.left as f64, self.columns);
        let (top, down) = pixel_and_share(y - self.top as f64, self.rows);
        let columns = [left, (left + 1).min(self.columns - 1)];
        let upper = self.mix_in_row(top, columns, across);
        let lower = self.mix_in_row((top + 1).min(self.rows - 1), columns, across);
        upper + down * (lower - upper)
    }

    /// Interpolates linearly between two columns of a row; `share` is 0..=1.
    #[inline]
    fn mix_in_row(&self, row: usize, [left, right]: [usize; 2], share: f64) -> f64 {
        let first = self.values[row * self.columns + left];
        let second = self.values[row * self.columns + right];
        first + share * (second - first)
    }

    /// Maximum depth inside the shape; 0 if it is empty.
    pub(super) fn greatest_depth(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }
}

/// The pixel (of `count`) at or before a position, and the fraction 0..1 of the way to the next; clamped to the ends.
#[inline]
fn pixel_and_share(place: f64, count: usize) -> (usize, f64) {
    let place = place.clamp(0.0, count.saturating_sub(1) as f64);
    (place as usize, place.fract())
}

//! Pixel sets as row spans: produced by tools, painted into masks and shown in previews.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A rectangle of pixels, for example a changed area to redraw. May be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PixelRect {
    /// Columns, from the left.
    pub columns: Range<usize>,
    /// Rows, from the top.
    pub rows: Range<usize>,
}

impl PixelRect {
    /// All pixels of an image.
    pub fn full_frame(columns: usize, rows: usize) -> Self {
        Self {
            columns: 0..columns,
            rows: 0..rows,
        }
    }

    /// True if it contains no pixels.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() || self.rows.is_empty()
    }

    /// The smallest rectangle that contains both; empty ones are ignored.
    pub fn union(&self, other: &Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => Self {
                columns: self.columns.start.min(other.columns.start)
                    ..self.columns.end.max(other.columns.end),
                rows: self.rows.start.min(other.rows.start)..self.rows.end.max(other.rows.end),
            },
        }
    }

    /// Expands by `by` pixels on each side, within an image of `columns` x `rows`.
    pub fn expand_within(&self, by: usize, columns: usize, rows: usize) -> Self {
        if self.is_empty() {
            return Self::default();
        }
        let grow = |r: &Range<usize>, end: usize| r.start.saturating_sub(by)..(r.end + by).min(end);
        Self {
            columns: grow(&self.columns, columns),
            rows: grow(&self.rows, rows),
        }
    }
}

/// Consecutive pixels of one row; never empty within a [`Region`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Row index, from the top.
    pub row: usize,
    /// First column.
    pub start: usize,
    /// Column after the last one.
    pub end: usize,
}

/// A set of pixels of an image: spans sorted by row, then column, that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Span>", into = "Vec<Span>")]
pub struct Region {
    spans: Vec<Span>,
}

impl From<Vec<Span>> for Region {
    fn from(spans: Vec<Span>) -> Self {
        Self::from_spans(spans)
    }
}

impl From<Region> for Vec<Span> {
    fn from(region: Region) -> Self {
        region.spans
    }
}

impl Region {
    /// The pixels in any of these spans, which may be unsorted, overlapping or empty.
    pub fn from_spans(mut spans: Vec<Span>) -> Self {
        spans.retain(|s| s.start < s.end);
        if !spans.is_sorted() {
            spans.sort_unstable();
        }
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(last) if last.row == span.row && span.start <= last.end => {
                    last.end = last.end.max(span.end)
                }
                _ => merged.push(span),
            }
        }
        Self { spans: merged }
    }

    /// The pixels of `window` for which `inside(column, row)` is true.
    pub fn from_fn(window: &PixelRect, mut inside: impl FnMut(usize, usize) -> bool) -> Self {
        let mut spans = Vec::new();
        for row in window.rows.clone() {
            let mut start = None;
            for column in window.columns.clone() {
                match (inside(column, row), start) {
                    (true, None) => start = Some(column),
                    (false, Some(first)) => {
                        spans.push(Span {
                            row,
                            start: first,
                            end: column,
                        });
                        start = None;
                    }
                    _ => {}
                }
            }
            if let Some(start) = start {
                spans.push(Span {
                    row,
                    start,
                    end: window.columns.end,
                });
            }
        }
        Self { spans }
    }

    /// All pixels of an image.
    pub fn full_frame(columns: usize, rows: usize) -> Self {
        Self::from_spans(
            (0..rows)
                .map(|row| Span {
                    row,
                    start: 0,
                    end: columns,
                })
                .collect(),
        )
    }

    /// The spans, sorted by row, then column.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// True if it contains no pixels.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Number of pixels.
    pub fn len(&self) -> usize {
        self.spans.iter().map(|s| s.end - s.start).sum()
    }

    /// True if it contains the pixel.
    pub fn contains(&self, column: usize, row: usize) -> bool {
        let next = self
            .spans
            .partition_point(|s| (s.row, s.start) <= (row, column));
        next.checked_sub(1)
            .is_some_and(|i| self.spans[i].row == row && column < self.spans[i].end)
    }

    /// Bounding rectangle.
    pub fn bounds(&self) -> PixelRect {
        let (Some(first), Some(last)) = (self.spans.first(), self.spans.last()) else {
            return PixelRect::default();
        };
        let start = self.spans.iter().map(|s| s.start).min().unwrap_or(0);
        let end = self.spans.iter().map(|s| s.end).max().unwrap_or(0);
        PixelRect {
            columns: start..end,
            rows: first.row..last.row + 1,
        }
    }

    /// Pixels in either region.
    pub fn union(&self, other: &Self) -> Self {
        let mut spans = Vec::with_capacity(self.spans.len() + other.spans.len());
        spans.extend_from_slice(&self.spans);
        spans.extend_from_slice(&other.spans);
        Self::from_spans(spans)
    }

    /// Pixels in both regions.
    pub fn intersection(&self, other: &Self) -> Self {
        let mut spans = Vec::new();
        let mut i = 0;
        let mut j = 0;
        while let (Some(a), Some(b)) = (self.spans.get(i), other.spans.get(j)) {
            if a.row == b.row && a.start.max(b.start) < a.end.min(b.end) {
                spans.push(Span {
                    row: a.row,
                    start: a.start.max(b.start),
                    end: a.end.min(b.end),
                });
            }
            if (a.row, a.end) <= (b.row, b.end) {
                i += 1
            } else {
                j += 1
            }
        }
        Self { spans }
    }

    /// Pixels in this region but not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        let mut spans = Vec::new();
        let mut j = 0;
        for span in &self.spans {
            let mut start = span.start;
            while other
                .spans
                .get(j)
                .is_some_and(|o| (o.row, o.end) <= (span.row, start))
            {
                j += 1;
            }
            let cuts = other.spans[j..]
                .iter()
                .take_while(|o| o.row == span.row && o.start < span.end);
            for cut in cuts {
                if start < cut.start {
                    spans.push(Span {
                        row: span.row,
                        start,
                        end: cut.start,
                    });
                }
                start = start.max(cut.end);
            }
            if start < span.end {
                spans.push(Span {
                    row: span.row,
                    start,
                    end: span.end,
                });
            }
        }
        Self { spans }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDE: usize = 12;

    fn region(cells: &[bool]) -> Region {
        Region::from_fn(&PixelRect::full_frame(SIDE, SIDE), |x, y| {
            cells[y * SIDE + x]
        })
    }

    fn cells() -> impl Strategy<Value = Vec<bool>> {
        proptest::collection::vec(any::<bool>(), SIDE * SIDE)
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_those_on_single_pixels(a in cells(), b in cells()) {
            let (ra, rb) = (region(&a), region(&b));
            let (or, and, not) = (ra.union(&rb), ra.intersection(&rb), ra.difference(&rb));
            for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                let (x, y) = (i % SIDE, i / SIDE);
                prop_assert_eq!(ra.contains(x, y), *a);
                prop_assert_eq!(or.contains(x, y), *a || *b);
                prop_assert_eq!(and.contains(x, y), *a && *b);
                prop_assert_eq!(not.contains(x, y), *a && !*b);
            }
            prop_assert_eq!(or.len() + and.len(), ra.len() + rb.len());
            prop_assert_eq!(Region::from_spans(ra.spans().to_vec()), ra);
        }
    }

    #[test]
    fn overlapping_spans_in_any_order_become_one() {
        let spans = vec![
            Span {
                row: 1,
                start: 4,
                end: 8,
            },
            Span {
                row: 0,
                start: 1,
                end: 1,
            },
            Span {
                row: 1,
                start: 2,
                end: 4,
            },
        ];
        let region = Region::from_spans(spans);
        assert_eq!(
            region.spans(),
            [Span {
                row: 1,
                start: 2,
                end: 8
            }]
        );
        assert_eq!(
            region.bounds(),
            PixelRect {
                columns: 2..8,
                rows: 1..2
            }
        );
    }
}

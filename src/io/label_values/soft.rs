//! Detects soft edges: values of a label map that are only left by smoothing between two areas.

use super::StoredLabels;
use std::collections::BTreeMap;

/// Number of intermediate values at the edges between areas, if there are enough to conclude that smoothing, scaling or
/// compression made the edges soft; else 0.
pub(super) fn soft_values(stored: &StoredLabels, counts: &BTreeMap<u16, usize>) -> usize {
    /// Fewer intermediate values may be thin structures between others.
    const FEW_BETWEEN: usize = 3;
    /// Fewer values without an area may be small structures.
    const FEW_THIN: usize = 8;
    if counts.len() < FEW_BETWEEN + 2 {
        return 0;
    }
    // By value: number of pixels between a lower and a higher neighbour, and of pixels with equal neighbours only.
    let mut between = vec![0usize; 1 << 16];
    let mut inside = vec![0usize; 1 << 16];
    for (place, &value) in stored.values.iter().enumerate() {
        let around = PixelNeighbours::at_pixel(stored, place);
        if around.all_equal(value) {
            inside[usize::from(value)] += 1;
        } else if around.lowest_value() < value && value < around.highest_value() {
            between[usize::from(value)] += 1;
        }
    }
    // Nearly every pixel of such a value has both a lower and a higher neighbour, as on a slope.
    let on_slopes = counts
        .keys()
        .filter(|value| share_of_value(&between, counts, **value) >= 0.8)
        .count();
    if on_slopes >= FEW_BETWEEN {
        return on_slopes;
    }
    // Two distant values make up most of the mask, and none of the many others covers an area of its own.
    let mut by_size: Vec<(usize, u16)> = counts
        .iter()
        .map(|(value, count)| (*count, *value))
        .collect();
    by_size.sort_unstable_by(|a, b| b.cmp(a));
    let [(first, a), (second, b), others @ ..] = by_size.as_slice() else {
        return 0;
    };
    let third = others.first().map_or(0, |(count, _)| *count);
    let dominate = a.abs_diff(*b) >= 100
        && (first + second) * 2 >= stored.values.len()
        && *second >= 3 * third;
    let are_thin = others.len() >= FEW_THIN
        && others
            .iter()
            .all(|(_, value)| share_of_value(&inside, counts, *value) < 0.3);
    if dominate && are_thin {
        others.len()
    } else {
        0
    }
}

/// The fraction (0..=1) of the pixels of a value that `some`, indexed by value, counts.
fn share_of_value(some: &[usize], counts: &BTreeMap<u16, usize>, value: u16) -> f64 {
    some[usize::from(value)] as f64 / counts[&value] as f64
}

/// The neighbours of a pixel.
struct PixelNeighbours {
    /// Above, below, left and right.
    beside: [Option<u16>; 4],
    /// The diagonal neighbours.
    across: [Option<u16>; 4],
}

impl PixelNeighbours {
    fn at_pixel(stored: &StoredLabels, place: usize) -> Self {
        let values = stored.values.as_slice();
        let columns = stored.columns.max(1);
        let column = place % columns;
        let left = column.checked_sub(1);
        let right = Some(column + 1).filter(|right| *right < columns);
        // Start offsets of the three rows.
        let here = place - column;
        let above = here.checked_sub(columns);
        let below = here + columns;
        Self {
            beside: [
                value_at(values, above, Some(column)),
                value_at(values, Some(below), Some(column)),
                value_at(values, Some(here), left),
                value_at(values, Some(here), right),
            ],
            across: [
                value_at(values, above, left),
                value_at(values, above, right),
                value_at(values, Some(below), left),
                value_at(values, Some(below), right),
            ],
        }
    }

    fn all_equal(&self, value: u16) -> bool {
        self.beside.iter().flatten().all(|v| *v == value)
    }

    fn values(&self) -> impl Iterator<Item = u16> {
        self.beside.iter().chain(&self.across).flatten().copied()
    }

    fn lowest_value(&self) -> u16 {
        self.values().min().unwrap_or(u16::MAX)
    }

    fn highest_value(&self) -> u16 {
        self.values().max().unwrap_or(0)
    }
}

/// The value in a column of the row that begins at `row_start`; `None` outside the mask.
#[inline]
fn value_at(values: &[u16], row_start: Option<usize>, column: Option<usize>) -> Option<u16> {
    values.get(row_start? + column?).copied()
}

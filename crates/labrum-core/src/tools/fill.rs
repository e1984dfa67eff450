//! Flood fill: the connected pixels around a point.

use super::super::{
    mask::Mask,
    region::{Region, Span},
};

/// The pixels that are 4-connected to `seed` (column, row) through pixels for which `same(index)` is true; empty if it
/// is false at `seed`, or `seed` is outside. `index` is row-major.
pub fn connected_region(
    columns: usize,
    rows: usize,
    seed: (usize, usize),
    same: impl Fn(usize) -> bool,
) -> Region {
    let (column, row) = seed;
    if column >= columns || row >= rows || !same(row * columns + column) {
        return Region::default();
    }
    let mut fill = Fill {
        columns,
        same,
        found: vec![Vec::new(); rows],
        open: Vec::new(),
    };
    fill.add_span(column, row, 0);
    while let Some(Span { row, start, end }) = fill.open.pop() {
        let above = row.checked_sub(1);
        let below = Some(row + 1).filter(|r| *r < rows);
        for row in above.into_iter().chain(below) {
            fill.search_row(row, start, end);
        }
    }
    Region::from_spans(fill.found.concat())
}

/// The 4-connected pixels with the same label as `seed` (column, row).
pub fn connected_label(mask: &Mask, seed: (usize, usize)) -> Region {
    let labels = mask.pixel_labels();
    let label = mask.label_at(seed.0 as i64, seed.1 as i64);
    connected_region(mask.columns(), mask.rows(), seed, |i| labels[i] == label)
}

/// State of a fill. Spans are extended as far as possible, so that each row is read about once.
struct Fill<F> {
    columns: usize,
    same: F,
    /// Spans found in each row, from left to right.
    found: Vec<Vec<Span>>,
    /// Spans whose adjacent rows have not been searched yet.
    open: Vec<Span>,
}

impl<F: Fn(usize) -> bool> Fill<F> {
    /// Finds new spans that touch `start..end` of a row.
    fn search_row(&mut self, row: usize, start: usize, end: usize) {
        let mut column = start;
        while column < end {
            let next = self.found[row].partition_point(|s| s.end <= column);
            let ahead = self.found[row].get(next).copied();
            let free_until = ahead.map_or(end, |s| s.start.min(end));
            column = match (column..free_until).find(|c| (self.same)(row * self.columns + c)) {
                Some(column) => self.add_span(column, row, next),
                None => ahead.map_or(end, |s| s.end),
            };
        }
    }

    /// Inserts the span around a pixel at index `place` of its row; returns its end.
    fn add_span(&mut self, column: usize, row: usize, place: usize) -> usize {
        let first = row * self.columns;
        let start = (0..column)
            .rev()
            .take_while(|c| (self.same)(first + c))
            .last()
            .unwrap_or(column);
        let end = (column + 1..self.columns)
            .find(|c| !(self.same)(first + c))
            .unwrap_or(self.columns);
        let span = Span { row, start, end };
        self.found[row].insert(place, span);
        self.open.push(span);
        end
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: usize = 14;
    const ROWS: usize = 11;

    /// All pixels reached from the seed by steps along rows and columns.
    fn by_steps(labels: &[u8], seed: usize) -> Vec<bool> {
        let mut reached = vec![false; labels.len()];
        let mut open = vec![seed];
        while let Some(i) = open.pop() {
            if std::mem::replace(&mut reached[i], true) {
                continue;
            }
            let (x, y) = (i % COLUMNS, i / COLUMNS);
            let beside = [(x > 0, 1), (y > 0, COLUMNS)]
                .into_iter()
                .filter(|b| b.0)
                .map(|b| i - b.1);
            let after = [(x + 1 < COLUMNS, 1), (y + 1 < ROWS, COLUMNS)]
                .into_iter()
                .filter(|b| b.0)
                .map(|b| i + b.1);
            open.extend(beside.chain(after).filter(|j| labels[*j] == labels[seed]));
        }
        reached
    }

    proptest! {
        #[test]
        fn a_fill_is_everything_4_connected_to_the_seed(
            labels in proptest::collection::vec(prop_oneof![3 => Just(1u8), 2 => Just(0u8)], COLUMNS * ROWS),
            seed in 0..COLUMNS * ROWS,
        ) {
            let expected = by_steps(&labels, seed);
            let mask = Mask::from_labels(COLUMNS, ROWS, labels).unwrap();
            let region = connected_label(&mask, (seed % COLUMNS, seed / COLUMNS));
            for (i, reached) in expected.into_iter().enumerate() {
                prop_assert_eq!(region.contains(i % COLUMNS, i / COLUMNS), reached);
            }
        }
    }

    #[test]
    fn a_seed_outside_of_the_image_or_of_the_area_fills_nothing() {
        assert!(connected_region(4, 4, (4, 0), |_| true).is_empty());
        assert!(connected_region(4, 4, (0, 4), |_| true).is_empty());
        assert!(connected_region(4, 4, (1, 1), |i| i != 5).is_empty());
        assert_eq!(
            connected_region(4, 4, (1, 1), |_| true),
            Region::full_frame(4, 4)
        );
    }
}

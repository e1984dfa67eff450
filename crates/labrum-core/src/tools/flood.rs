//! The part of a region that is connected to one pixel.

use crate::region::{PixelRect, Region};

const OUTSIDE: u8 = 0;
const INSIDE: u8 = 1;
const KEPT: u8 = 2;
const SEEN: u8 = 3;

/// The part of `region` that is 4-connected to the pixel `start` (column, row), including `start`; holes of up to
/// `hole` pixels are filled.
pub(super) fn keep_connected_part(region: &Region, start: (usize, usize), hole: usize) -> Region {
    let mut bounds = region.bounds();
    if !region.contains(start.0, start.1) {
        bounds = bounds.union(&PixelRect {
            columns: start.0..start.0 + 1,
            rows: start.1..start.1 + 1,
        });
    }
    let frame = FramedBounds::around_rect(&bounds);
    let columns = frame.columns;
    let mut cells = vec![OUTSIDE; columns * frame.rows];
    for span in region.spans() {
        let first = frame.cell_index(span.start, span.row);
        let end = frame.cell_index(span.end, span.row);
        cells[first..end].fill(INSIDE);
    }
    let seed = frame.cell_index(start.0, start.1);
    flood_cells(&mut cells, columns, seed, INSIDE, KEPT);
    cells
        .iter_mut()
        .filter(|c| **c == INSIDE)
        .for_each(|c| *c = OUTSIDE);
    flood_cells(&mut cells, columns, 0, OUTSIDE, SEEN);
    for i in 0..cells.len() {
        if cells[i] == OUTSIDE {
            let part = flood_cells(&mut cells, columns, i, OUTSIDE, SEEN);
            if part.len() <= hole {
                part.iter().for_each(|&c| cells[c] = KEPT);
            }
        }
    }
    Region::from_fn(&bounds, |x, y| cells[frame.cell_index(x, y)] == KEPT)
}

/// A rectangle of pixels with a border of one cell, which connects everything around a region.
struct FramedBounds {
    left: usize,
    top: usize,
    columns: usize,
    rows: usize,
}

impl FramedBounds {
    fn around_rect(bounds: &PixelRect) -> Self {
        Self {
            left: bounds.columns.start,
            top: bounds.rows.start,
            columns: bounds.columns.len() + 2,
            rows: bounds.rows.len() + 2,
        }
    }

    /// Row-major cell index of a pixel.
    #[inline]
    fn cell_index(&self, x: usize, y: usize) -> usize {
        (y + 1 - self.top) * self.columns + x + 1 - self.left
    }
}

/// Changes the cells that are connected to `from` and have `value` to `to`, and returns them.
fn flood_cells(cells: &mut [u8], columns: usize, from: usize, value: u8, to: u8) -> Vec<usize> {
    let mut part = vec![from];
    cells[from] = to;
    let mut next = 0;
    while let Some(&i) = part.get(next) {
        next += 1;
        let x = i % columns;
        let near = [
            (x > 0).then(|| i - 1),
            (x + 1 < columns).then_some(i + 1),
            i.checked_sub(columns),
            Some(i + columns).filter(|&below| below < cells.len()),
        ];
        for n in near.into_iter().flatten() {
            if cells[n] == value {
                cells[n] = to;
                part.push(n);
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(rows: &[&str]) -> Region {
        let window = PixelRect {
            columns: 2..2 + rows[0].len(),
            rows: 3..3 + rows.len(),
        };
        Region::from_fn(&window, |x, y| rows[y - 3].as_bytes()[x - 2] == b'#')
    }

    #[test]
    fn keeps_one_part_and_fills_its_small_holes() {
        let drawn = region(&["#####..#", "#.#..#.#", "#####..#", "#...#...", "#####.##"]);
        let small = region(&["#####...", "###..#..", "#####...", "#...#...", "#####..."]);
        let small = small.difference(&region(&[
            "........", ".....#..", "........", "........", "........",
        ]));
        assert_eq!(keep_connected_part(&drawn, (2, 3), 2), small);
        let all = region(&["#####...", "###.....", "#####...", "#####...", "#####..."]);
        assert_eq!(keep_connected_part(&drawn, (2, 3), 3), all);
    }

    #[test]
    fn a_start_outside_of_the_region_gives_one_pixel() {
        let drawn = region(&["###"]);
        assert_eq!(
            keep_connected_part(&drawn, (9, 9), 0).bounds(),
            PixelRect {
                columns: 9..10,
                rows: 9..10
            }
        );
        assert_eq!(keep_connected_part(&Region::default(), (4, 1), 5).len(), 1);
    }
}

//! Binary masks, one flag for each pixel, row by row: components, holes, depths, bounds, smoothing.

use labrum_core::{distance::distance_to, region::PixelRect};

/// True if the plane has `columns * rows` pixels, and at least one.
pub(super) fn has_size<T>(plane: &[T], columns: usize, rows: usize) -> bool {
    !plane.is_empty() && columns.checked_mul(rows) == Some(plane.len())
}

/// Number of pixels in the mask.
pub(super) fn count_pixels(inside: &[bool]) -> usize {
    inside.iter().filter(|flag| **flag).count()
}

/// A mask of `length` pixels with these set.
pub(super) fn plane_with(pixels: &[usize], length: usize) -> Vec<bool> {
    let mut plane = vec![false; length];
    for &at in pixels {
        plane[at] = true;
    }
    plane
}

/// The centre of a pixel, x then y, in pixels from the upper left corner of the first one.
pub(super) fn pixel_center(at: usize, columns: usize) -> [f64; 2] {
    [(at % columns) as f64 + 0.5, (at / columns) as f64 + 0.5]
}

/// True for pixels on the border of the image.
pub(super) fn is_on_rim(at: usize, columns: usize, rows: usize) -> bool {
    let column = at % columns;
    let row = at / columns;
    column == 0 || row == 0 || column + 1 == columns || row + 1 == rows
}

/// Bounding box of the mask; `None` if it is empty.
pub(super) fn bounds_of(inside: &[bool], columns: usize) -> Option<PixelRect> {
    let mut bounds: Option<PixelRect> = None;
    for (row, line) in inside.chunks_exact(columns.max(1)).enumerate() {
        let Some(first) = line.iter().position(|flag| *flag) else {
            continue;
        };
        let last = line.iter().rposition(|flag| *flag).unwrap_or(first);
        let of_row = PixelRect {
            columns: first..last + 1,
            rows: row..row + 1,
        };
        bounds = Some(bounds.map_or_else(|| of_row.clone(), |all| all.union(&of_row)));
    }
    bounds
}

/// The connected components (4-connected, as for background and for evaluating clicks), each as its
/// pixels, in the order of their first pixel.
pub(super) fn connected_pieces(inside: &[bool], columns: usize) -> Vec<Vec<usize>> {
    let mut open = inside.to_vec();
    let mut pieces = Vec::new();
    for first in 0..open.len() {
        if !open[first] {
            continue;
        }
        open[first] = false;
        let mut piece = vec![first];
        let mut next = 0;
        while let Some(&at) = piece.get(next) {
            next += 1;
            for beside in pixels_beside(at, columns, open.len()) {
                if open[beside] {
                    open[beside] = false;
                    piece.push(beside);
                }
            }
        }
        pieces.push(piece);
    }
    pieces
}

/// The pixels that share a side with this one.
fn pixels_beside(at: usize, columns: usize, length: usize) -> impl Iterator<Item = usize> {
    let column = at % columns;
    [
        (column > 0).then(|| at - 1),
        (column + 1 < columns).then_some(at + 1),
        at.checked_sub(columns),
        (at + columns < length).then_some(at + columns),
    ]
    .into_iter()
    .flatten()
}

/// Only the largest connected component; empty if the mask is.
pub(super) fn largest_piece(inside: &[bool], columns: usize) -> Vec<bool> {
    let pieces = connected_pieces(inside, columns);
    let largest = pieces.into_iter().max_by_key(Vec::len).unwrap_or_default();
    plane_with(&largest, inside.len())
}

/// Fills holes: background that is not 4-connected to the border of the image.
pub(super) fn fill_holes(inside: &[bool], columns: usize, rows: usize) -> Vec<bool> {
    let outside: Vec<bool> = inside.iter().map(|flag| !flag).collect();
    let mut filled = inside.to_vec();
    for piece in connected_pieces(&outside, columns) {
        if !piece.iter().any(|&at| is_on_rim(at, columns, rows)) {
            for at in piece {
                filled[at] = true;
            }
        }
    }
    filled
}

/// Majority filter over a disc of `radius` pixels; a tie keeps the pixel. Adds nothing outside the
/// bounding box.
pub(super) fn smooth_edges(inside: &[bool], columns: usize, radius: f64) -> Vec<bool> {
    let Some(bounds) = bounds_of(inside, columns) else {
        return inside.to_vec();
    };
    if radius < 1.0 {
        return inside.to_vec();
    }
    let rows = inside.len() / columns;
    let reach = radius as usize;
    let mut smooth = vec![false; inside.len()];
    for row in bounds.rows {
        for column in bounds.columns.clone() {
            let mut votes = 0;
            for y in row.saturating_sub(reach)..(row + reach + 1).min(rows) {
                let away = y.abs_diff(row) as f64;
                let half = (radius * radius - away * away).max(0.0).sqrt() as usize;
                let line = column.saturating_sub(half)..(column + half + 1).min(columns);
                for at in y * columns + line.start..y * columns + line.end {
                    votes += if inside[at] { 1 } else { -1 };
                }
            }
            let at = row * columns + column;
            smooth[at] = votes > 0 || votes == 0 && inside[at];
        }
    }
    smooth
}

/// Depth of each pixel: the Euclidean distance to the nearest pixel outside the mask, in pixels; 0
/// outside. Beyond the border of the image counts as outside.
pub(super) fn depths(inside: &[bool], columns: usize) -> Vec<f64> {
    let mut depths = vec![0.0; inside.len()];
    let Some(bounds) = bounds_of(inside, columns) else {
        return depths;
    };
    // A margin of one pixel is enough: anything farther away is never the nearest.
    let width = bounds.columns.len() + 2;
    let height = bounds.rows.len() + 2;
    let mut outside = vec![true; width * height];
    for (row, line) in bounds
        .rows
        .clone()
        .zip(outside.chunks_exact_mut(width).skip(1))
    {
        for (column, flag) in bounds.columns.clone().zip(&mut line[1..]) {
            *flag = !inside[row * columns + column];
        }
    }
    let distances = distance_to(&outside, width, height, [1.0, 1.0]);
    for (row, line) in bounds.rows.zip(distances.chunks_exact(width).skip(1)) {
        let start = row * columns + bounds.columns.start;
        let wide = bounds.columns.len();
        depths[start..start + wide].copy_from_slice(&line[1..=wide]);
    }
    depths
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{super::phantom::disc, *};
    use proptest::prelude::*;

    const COLUMNS: usize = 11;
    const ROWS: usize = 9;

    fn cells() -> impl Strategy<Value = Vec<bool>> {
        proptest::collection::vec(proptest::bool::weighted(0.5), COLUMNS * ROWS)
    }

    proptest! {
        #[test]
        fn components_are_separate_and_cover_the_mask(inside in cells()) {
            let pieces = connected_pieces(&inside, COLUMNS);
            let mut owner = vec![usize::MAX; inside.len()];
            for (number, piece) in pieces.iter().enumerate() {
                for &at in piece {
                    prop_assert_eq!(owner[at], usize::MAX);
                    owner[at] = number;
                }
            }
            for at in 0..inside.len() {
                prop_assert_eq!(owner[at] != usize::MAX, inside[at]);
                for beside in pixels_beside(at, COLUMNS, inside.len()) {
                    prop_assert!(!(inside[at] && inside[beside]) || owner[at] == owner[beside]);
                }
            }
            let largest = count_pixels(&largest_piece(&inside, COLUMNS));
            prop_assert_eq!(largest, pieces.iter().map(Vec::len).max().unwrap_or(0));
        }

        #[test]
        fn depth_is_the_distance_to_the_outside_with_a_margin_of_one_pixel(inside in cells()) {
            let mut padded = vec![true; (COLUMNS + 2) * (ROWS + 2)];
            for (at, &flag) in inside.iter().enumerate() {
                padded[(at / COLUMNS + 1) * (COLUMNS + 2) + at % COLUMNS + 1] = !flag;
            }
            let expected = distance_to(&padded, COLUMNS + 2, ROWS + 2, [1.0, 1.0]);
            for (at, &depth) in depths(&inside, COLUMNS).iter().enumerate() {
                let in_padded = (at / COLUMNS + 1) * (COLUMNS + 2) + at % COLUMNS + 1;
                prop_assert!((depth - expected[in_padded]).abs() < 1e-9);
            }
        }

        #[test]
        fn bounds_contain_all_pixels_and_are_tight(inside in cells()) {
            let pixels: Vec<usize> = (0..inside.len()).filter(|&at| inside[at]).collect();
            let bounds = bounds_of(&inside, COLUMNS);
            prop_assert_eq!(bounds.is_some(), !pixels.is_empty());
            let bounds = bounds.unwrap_or_default();
            let columns = pixels.iter().map(|at| at % COLUMNS);
            prop_assert_eq!(bounds.columns.start, columns.clone().min().unwrap_or(0));
            prop_assert_eq!(bounds.columns.end, columns.max().map_or(0, |column| column + 1));
            prop_assert_eq!(bounds.rows.start, pixels.first().map_or(0, |at| at / COLUMNS));
        }
    }

    #[test]
    fn a_ring_is_filled_and_a_bay_is_not() {
        let all = disc(20, 20, [10.0, 10.0], 8.0);
        let hole = disc(20, 20, [10.0, 10.0], 4.0);
        let ring: Vec<bool> = all.iter().zip(&hole).map(|(a, b)| *a && !b).collect();
        assert!(fill_holes(&ring, 20, 20) == all);
        let bay: Vec<bool> = (0..400)
            .map(|at| ring[at] && !(at / 20 == 10 && at % 20 > 10))
            .collect();
        assert!(fill_holes(&bay, 20, 20) == bay);
    }

    #[test]
    fn smoothing_removes_a_thin_spike_and_keeps_a_disc() {
        let all = disc(40, 40, [20.0, 20.0], 10.0);
        let with_hair: Vec<bool> = (0..1600)
            .map(|at| all[at] || at / 40 == 20 && at % 40 < 20)
            .collect();
        let smooth = smooth_edges(&with_hair, 40, 3.0);
        assert!(!smooth[20 * 40 + 3] && smooth[20 * 40 + 20]);
        assert!(count_pixels(&smooth).abs_diff(count_pixels(&all)) < 20);
        assert!(smooth_edges(&with_hair, 40, 0.0) == with_hair);
    }
}

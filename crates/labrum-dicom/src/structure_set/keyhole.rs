//! Turns each ring with holes into one closed line: a cut of zero width leads from the outer ring into each hole and
//! back.
//!
//! This is how the standard represents holes in CLOSED_PLANAR contours (PS3.3 C.8.8.6.3). A program that fills each
//! line on its own, by any rule, gets the holes right.

use labrum_core::boundary::{Contour, Point};

/// Distance of the cut below the corner of a pixel, in pixels: it must not pass through pixel centres, which programs
/// test.
const BELOW: f64 = 0.25;

/// One closed line for each outer ring of `contours`, including its holes. `contours` are the exact outlines of one
/// label.
pub(super) fn closed_lines(contours: &[Contour]) -> Vec<Vec<Point>> {
    let mut outer: Vec<Vec<Point>> = contours
        .iter()
        .filter(|c| !c.is_hole)
        .map(|c| c.points.clone())
        .collect();
    let mut holes: Vec<(usize, Point, &Contour)> = contours
        .iter()
        .filter(|c| c.is_hole)
        .filter_map(|c| leftmost_edge(&c.points).map(|(i, at)| (i, at, c)))
        .collect();
    // From left to right: a cut to the left then meets only rings that are part of a line already.
    holes.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    for (edge, at, hole) in holes {
        let met = outer
            .iter()
            .enumerate()
            .filter_map(|(i, line)| Some((i, to_the_left(line, at)?)));
        let nearest = met.max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        if let Some((line, (place, x))) = nearest {
            let n = hole.points.len();
            let around = (0..n).filter_map(|k| hole.points.get((edge + 1 + k) % n).copied());
            let cut = [x, at[1]];
            let way: Vec<Point> = [cut, at]
                .into_iter()
                .chain(around)
                .chain([at, cut])
                .collect();
            if let Some(line) = outer.get_mut(line) {
                line.splice(place + 1..place + 1, way);
            }
        }
    }
    outer
}

/// Index of the first point of the leftmost vertical edge of a ring, and the point where it is cut.
fn leftmost_edge(ring: &[Point]) -> Option<(usize, Point)> {
    let upright = ring_edges(ring).filter(|(_, a, b)| a[0] == b[0] && a[1] != b[1]);
    let (place, a, b) = upright.min_by(|x, y| x.1[0].total_cmp(&y.1[0]))?;
    Some((place, [a[0], a[1].min(b[1]) + BELOW]))
}

/// Index of the first point of the nearest vertical edge to the left of a point, and its x.
fn to_the_left(ring: &[Point], at: Point) -> Option<(usize, f64)> {
    let crossed = ring_edges(ring)
        .filter(|(_, a, b)| a[0] == b[0] && a[0] < at[0] && (a[1] < at[1]) != (b[1] < at[1]));
    crossed
        .map(|(place, a, _)| (place, a[0]))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

fn ring_edges(ring: &[Point]) -> impl Iterator<Item = (usize, Point, Point)> + '_ {
    ring.iter()
        .zip(ring.iter().cycle().skip(1))
        .enumerate()
        .map(|(i, (a, b))| (i, *a, *b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::{boundary::trace_contours, mask::Mask};
    use proptest::prelude::*;

    /// Even-odd rule for each line: the number of its crossings with a ray to the right.
    fn filled(lines: &[Vec<Point>], columns: usize, rows: usize) -> Vec<u8> {
        let inside = |line: &Vec<Point>, [x, y]: Point| {
            let crossings = ring_edges(line).filter(|(_, a, b)| {
                (a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]
            });
            crossings.count() % 2 == 1
        };
        let pixel = |i: usize| [(i % columns) as f64 + 0.5, (i / columns) as f64 + 0.5];
        (0..columns * rows)
            .map(|i| u8::from(lines.iter().any(|line| inside(line, pixel(i)))))
            .collect()
    }

    fn check(columns: usize, rows: usize, values: Vec<u8>) {
        let mask = Mask::from_labels(columns, rows, values.clone()).unwrap();
        let contours = trace_contours(&mask, 1);
        let lines = closed_lines(&contours);
        assert_eq!(lines.len(), contours.iter().filter(|c| !c.is_hole).count());
        assert_eq!(filled(&lines, columns, rows), values);
    }

    #[test]
    fn nested_rings_fill_to_the_same_mask() {
        let value = |i: usize| {
            let (x, y) = ((i % 15) as i32 - 7, (i / 15) as i32 - 7);
            u8::from(x.abs().max(y.abs()) % 2 == 1)
        };
        check(15, 15, (0..225).map(value).collect());
        check(3, 3, vec![1, 1, 1, 1, 0, 1, 1, 1, 1]);
        check(5, 3, vec![1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1]);
    }

    proptest! {
        #[test]
        fn any_mask_is_restored(values in prop::collection::vec(0u8..2, 12 * 9)) {
            check(12, 9, values);
        }
    }
}

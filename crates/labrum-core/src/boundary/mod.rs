//! The boundary of a label: exact contours, smoothed contours, the model's confidence along them, and where else they may
//! run.

mod confidence;
mod other_side;

pub use confidence::{Stretch, band_width, boundary_confidence, doubtful_stretches};
pub use other_side::{BoundaryChoice, clicks_beside, pixel_inside};

use super::{
    mask::Mask,
    vector::{point_along, signed_area, vector_between},
};
use std::array;

/// `[x, y]` in pixel coordinates: pixel (`column`, `row`) covers `[column, column + 1] x [row, row + 1]`.
pub type Point = [f64; 2];

/// A closed ring; the last point is joined to the first.
///
/// The label lies on the right when following the ring with y pointing down: outer rings run clockwise on the screen,
/// holes counter-clockwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Contour {
    /// At least three points.
    pub points: Vec<Point>,
    /// True if the ring bounds a hole in the label.
    pub is_hole: bool,
}

impl Contour {
    /// Enclosed area in square pixels: positive for outer rings, negative for holes. The areas of all exact contours of
    /// a label add up to its number of pixels.
    pub fn signed_area(&self) -> f64 {
        ring_segments(&self.points)
            .map(|(a, b)| signed_area(a, b))
            .sum::<f64>()
            / 2.0
    }

    /// Midpoints of the pixel edges that an exact contour follows: where marching squares would put its points.
    pub fn edge_midpoints(&self) -> impl Iterator<Item = Point> + '_ {
        self.pixel_edges().map(|e| e.middle)
    }

    fn pixel_edges(&self) -> impl Iterator<Item = PixelEdge> + '_ {
        ring_segments(&self.points).flat_map(|(a, b)| {
            let length = (b[0] - a[0]).abs() + (b[1] - a[1]).abs();
            let step = vector_between(a, b).map(|v| v / length);
            (0..length as usize).map(move |i| PixelEdge {
                middle: point_along(a, step, i as f64 + 0.5),
                step,
            })
        })
    }

    /// Smooths the staircase of an exact contour: one point for each pixel edge, in the same order.
    ///
    /// Binomial smoothing of the edge midpoints, then a second pass that undoes the shrinkage, as in Taubin, "Curve and
    /// surface smoothing without shrinkage" (1995). Circles with a radius of at least 3 pixels keep their size within 1
    /// %; no point moves by more than about a pixel.
    pub fn taubin_smoothed(&self) -> Contour {
        let middles: Vec<Point> = self.edge_midpoints().collect();
        // Rings of a few pixels would collapse under the full filter width.
        let rounds = (middles.len() / 8).min(4);
        let once = binomial_smooth(&middles, rounds);
        let twice = binomial_smooth(&once, rounds);
        // The second pass moved each point by about as much as the first, so subtracting it undoes the shrinkage.
        let points = once
            .iter()
            .zip(&twice)
            .map(|(a, b)| [2.0 * a[0] - b[0], 2.0 * a[1] - b[1]])
            .collect();
        Contour {
            points,
            is_hole: self.is_hole,
        }
    }
}

/// A side of a pixel that an exact contour runs along.
struct PixelEdge {
    middle: Point,
    /// Unit step along the contour.
    step: Point,
}

impl PixelEdge {
    /// The pixel `depth` steps from the edge: 0 is the first inside the label, -1 the first outside.
    fn pixel_at_depth(&self, depth: i64) -> [i64; 2] {
        let right = [-self.step[1], self.step[0]];
        array::from_fn(|i| (self.middle[i] + right[i] * (depth as f64 + 0.5)).floor() as i64)
    }
}

/// Pairs of consecutive points of a closed ring.
pub(crate) fn ring_segments(ring: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    ring.iter()
        .zip(ring.iter().cycle().skip(1))
        .map(|(a, b)| (*a, *b))
}

/// `rounds` passes of the 1-2-1 filter around a closed ring.
fn binomial_smooth(ring: &[Point], rounds: usize) -> Vec<Point> {
    let mut ring = ring.to_vec();
    for _ in 0..rounds {
        let n = ring.len();
        let first = ring[0];
        let mut before = ring[n - 1];
        for i in 0..n {
            let here = ring[i];
            let after = if i + 1 < n { ring[i + 1] } else { first };
            ring[i] = array::from_fn(|k| (before[k] + 2.0 * here[k] + after[k]) / 4.0);
            before = here;
        }
    }
    ring
}

/// The exact contours of `label`: each ring follows pixel edges, with points only where it turns.
///
/// Pixels that touch only at a corner belong to different rings. The ring with the topmost row comes first.
///
/// ```
/// use labrum_core::{boundary::trace_contours, mask::Mask};
///
/// let mask = Mask::from_labels(3, 2, vec![0, 1, 1, 0, 0, 0]).ok_or("wrong size")?;
/// let contours = trace_contours(&mask, 1);
/// assert_eq!(contours[0].points, [[1.0, 0.0], [3.0, 0.0], [3.0, 1.0], [1.0, 1.0]]);
/// # Ok::<(), &str>(())
/// ```
pub fn trace_contours(mask: &Mask, label: u8) -> Vec<Contour> {
    let columns = mask.columns();
    let pixel_count = columns * mask.rows();
    // Every ring runs to the right along the top edge of some pixel, so rings are started at such edges.
    let mut walked = vec![false; pixel_count];
    let mut contours = Vec::new();
    for start in 0..pixel_count {
        let x = (start % columns) as i64;
        let y = (start / columns) as i64;
        let is_in_label = mask.pixel_labels()[start] == label;
        if !is_in_label || walked[start] || (y > 0 && has_label(mask, label, x, y - 1)) {
            continue;
        }
        let points = walk_ring(
            x,
            y,
            |x, y| has_label(mask, label, x, y),
            |x, y| walked[y as usize * columns + x as usize] = true,
        );
        let mut contour = Contour {
            points,
            is_hole: false,
        };
        contour.is_hole = contour.signed_area() < 0.0;
        contours.push(contour);
    }
    contours
}

/// True if the pixel has the label. Outside the image no pixel has any label, not even background.
#[inline]
fn has_label(mask: &Mask, label: u8, x: i64, y: i64) -> bool {
    is_within_image(mask, x, y) && mask.label_at(x, y) == label
}

/// True if (`x`, `y`) is within the mask.
#[inline]
fn is_within_image(mask: &Mask, x: i64, y: i64) -> bool {
    x >= 0 && y >= 0 && x < mask.columns() as i64 && y < mask.rows() as i64
}

/// Follows a ring that starts to the right along the top edge of pixel (`x0`, `y0`); calls `passed_top` for each pixel
/// whose top edge it passes.
fn walk_ring(
    x0: i64,
    y0: i64,
    is_in: impl Fn(i64, i64) -> bool,
    mut passed_top: impl FnMut(i64, i64),
) -> Vec<Point> {
    // Right, down, left, up.
    const STEPS: [(i64, i64); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];
    let mut x = x0;
    let mut y = y0;
    let mut direction = 0;
    let mut points = vec![[x as f64, y as f64]];
    loop {
        if direction == 0 {
            passed_top(x, y);
        }
        x += STEPS[direction].0;
        y += STEPS[direction].1;
        let [right, left] = match direction {
            0 => [(x, y), (x, y - 1)],
            1 => [(x - 1, y), (x, y)],
            2 => [(x - 1, y - 1), (x - 1, y)],
            _ => [(x, y - 1), (x - 1, y - 1)],
        };
        let turned = match (is_in(right.0, right.1), is_in(left.0, left.1)) {
            (false, _) => (direction + 1) % 4,
            (true, false) => direction,
            (true, true) => (direction + 3) % 4,
        };
        if (x, y, turned) == (x0, y0, 0) {
            return points;
        }
        if turned != direction {
            points.push([x as f64, y as f64]);
        }
        direction = turned;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A mask drawn with `#` for label 1.
    fn mask(drawing: &[&str]) -> Mask {
        let labels = drawing
            .iter()
            .flat_map(|row| row.bytes().map(|b| u8::from(b == b'#')))
            .collect();
        Mask::from_labels(drawing[0].len(), drawing.len(), labels).unwrap()
    }

    pub(super) fn disc(size: usize, radius: f64) -> Mask {
        let c = size as f64 / 2.0;
        let inside = |i: usize| {
            let (x, y) = ((i % size) as f64 + 0.5 - c, (i / size) as f64 + 0.5 - c);
            u8::from(x * x + y * y < radius * radius)
        };
        Mask::from_labels(size, size, (0..size * size).map(inside).collect()).unwrap()
    }

    #[test]
    fn a_square_has_four_corners() {
        let contours = trace_contours(&mask(&["....", ".##.", ".##.", "...."]), 1);
        assert_eq!(contours.len(), 1);
        assert_eq!(
            contours[0].points,
            [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]]
        );
    }

    #[test]
    fn a_hole_is_a_ring_of_its_own() {
        let ring = mask(&["#####", "#...#", "#.#.#", "#...#", "#####"]);
        let contours = trace_contours(&ring, 1);
        assert_eq!(
            contours.iter().map(|c| c.is_hole).collect::<Vec<_>>(),
            [false, false, true]
        );
        assert_eq!(contours.iter().map(Contour::signed_area).sum::<f64>(), 17.0);
    }

    #[test]
    fn pixels_that_touch_at_a_corner_are_two_rings() {
        assert_eq!(trace_contours(&mask(&["#.", ".#"]), 1).len(), 2);
        assert_eq!(trace_contours(&mask(&[".#", "#."]), 1).len(), 2);
    }

    #[test]
    fn an_object_may_fill_the_image() {
        let contours = trace_contours(&mask(&["##", "##"]), 1);
        assert_eq!(
            contours[0].points,
            [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]
        );
        assert_eq!(
            trace_contours(&Mask::new_blank(2, 2), 0).len(),
            1,
            "background can be traced too"
        );
    }

    #[test]
    fn rings_of_any_mask_enclose_its_pixels() {
        let mut state = 1u32;
        for size in [1, 2, 7, 16] {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 30) as u8 & 1
            };
            let m =
                Mask::from_labels(size, size, (0..size * size).map(|_| next()).collect()).unwrap();
            let area: f64 = trace_contours(&m, 1).iter().map(Contour::signed_area).sum();
            assert_eq!(area, m.count_pixels(1) as f64);
        }
    }

    #[test]
    fn smoothing_keeps_the_size_of_a_disc_and_the_number_of_edges() {
        let exact = trace_contours(&disc(50, 20.0), 1).remove(0);
        let smooth = exact.taubin_smoothed();
        assert_eq!(smooth.points.len(), exact.pixel_edges().count());
        for [x, y] in smooth.points {
            let radius = (x - 25.0).hypot(y - 25.0);
            assert!((radius - 20.0).abs() < 0.8, "{radius}");
        }
        let single = trace_contours(&mask(&["#"]), 1).remove(0).taubin_smoothed();
        assert_eq!(single.points.len(), 4);
        assert!(single.signed_area() > 0.4, "a single pixel stays visible");
    }
}

//! The area of several contours in one plane: their union, with holes for contours within others.

use labrum_core::{region::Region, tools::polygon::rasterize_polygon};
use std::cmp;

/// Outlines that differ nowhere by more than this, in pixels, are the same outline stored twice.
const SAME_OUTLINE: f64 = 0.3;
/// Maximum number of comparisons of points with sides when two outlines are compared.
const MOST_STEPS: usize = 4_000_000;

/// A contour in pixels, with the region that it encloses.
pub(super) struct ContourArea {
    points: Vec<[f64; 2]>,
    /// Left, top, right, bottom.
    bounds: [f64; 4],
    region: Region,
    is_xor: bool,
}

impl ContourArea {
    /// Makes it from points in pixels, for an image of this size.
    pub(super) fn new(points: Vec<[f64; 2]>, is_xor: bool, columns: usize, rows: usize) -> Self {
        let nothing = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
        let bounds = points.iter().fold(nothing, |b, p| {
            [
                b[0].min(p[0]),
                b[1].min(p[1]),
                b[2].max(p[0]),
                b[3].max(p[1]),
            ]
        });
        let region = rasterize_polygon(&points, columns, rows);
        Self {
            points,
            bounds,
            region,
            is_xor,
        }
    }

    /// True if both are the same line, whatever its start, direction and rounding.
    fn is_same(&self, other: &Self) -> bool {
        let close = self
            .bounds
            .iter()
            .zip(other.bounds)
            .all(|(a, b)| (a - b).abs() <= SAME_OUTLINE);
        close
            && (self.region == other.region
                || (follows_outline(self, other) && follows_outline(other, self)))
    }

    /// True if `inner`, which is not larger, lies within this outline; they may touch.
    fn contains_outline(&self, inner: &Self) -> bool {
        let [left, top, right, bottom] = self.bounds;
        let b = inner.bounds;
        let reaches = left <= b[0] + SAME_OUTLINE && top <= b[1] + SAME_OUTLINE;
        if !reaches || right < b[2] - SAME_OUTLINE || bottom < b[3] - SAME_OUTLINE {
            return false;
        }
        let outside = inner.region.difference(&self.region).len();
        if outside == 0 {
            return true;
        }
        // If they touch, rounding may put pixels of the border outside.
        let steps = inner.points.len().saturating_mul(self.points.len());
        outside * 2 < inner.region.len()
            && steps <= MOST_STEPS
            && inner.points.iter().all(|p| self.contains_point(*p))
    }

    /// True if the point is inside by the even-odd rule, or on the line.
    fn contains_point(&self, p: [f64; 2]) -> bool {
        let mut is_inside = false;
        for (a, b) in outline_sides(&self.points) {
            if distance_to_side(p, a, b) <= SAME_OUTLINE {
                return true;
            }
            if (a[1] > p[1]) != (b[1] > p[1])
                && p[0] < (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0]
            {
                is_inside = !is_inside;
            }
        }
        is_inside
    }
}

/// The area that the contours of one region enclose in one plane.
///
/// Contours that partly overlap are united; a contour within another is a hole, and one within a hole is an island.
/// Contours stored twice count once. Contours of type CLOSEDPLANAR_XOR are combined by the even-odd rule.
pub(super) fn enclosed_region(outlines: Vec<ContourArea>) -> Region {
    let (xor, closed): (Vec<ContourArea>, Vec<ContourArea>) =
        outlines.into_iter().partition(|o| o.is_xor);
    let even_odd = xor.iter().fold(Region::default(), |all, outline| {
        all.union(&outline.region)
            .difference(&all.intersection(&outline.region))
    });
    unite_outlines(closed).union(&even_odd)
}

fn unite_outlines(mut outlines: Vec<ContourArea>) -> Region {
    outlines.retain(|o| !o.region.is_empty());
    outlines.sort_by_key(|o| cmp::Reverse(o.region.len()));
    let mut distinct: Vec<ContourArea> = Vec::with_capacity(outlines.len());
    for outline in outlines {
        if !distinct.iter().any(|other| other.is_same(&outline)) {
            distinct.push(outline);
        }
    }
    // Nesting depth of each outline: 0 outermost, 1 a hole, 2 an island in a hole.
    let mut depths: Vec<usize> = Vec::with_capacity(distinct.len());
    let mut holes: Vec<Vec<usize>> = vec![Vec::new(); distinct.len()];
    for (i, outline) in distinct.iter().enumerate() {
        let around: Vec<usize> = (0..i)
            .filter(|j| distinct[*j].contains_outline(outline))
            .collect();
        let depth = around.iter().map(|j| depths[*j] + 1).max().unwrap_or(0);
        if depth % 2 == 1 {
            around
                .iter()
                .filter(|j| depths[**j] + 1 == depth)
                .for_each(|j| holes[*j].push(i));
        }
        depths.push(depth);
    }
    let mut all = Region::default();
    for (i, outline) in distinct
        .iter()
        .enumerate()
        .filter(|(i, _)| depths[*i].is_multiple_of(2))
    {
        let own = holes[i].iter().fold(outline.region.clone(), |own, hole| {
            own.difference(&distinct[*hole].region)
        });
        all = all.union(&own);
    }
    all
}

/// True if every point of `one` lies on `other`. Follows both outlines together, so that equal outlines need few steps.
fn follows_outline(one: &ContourArea, other: &ContourArea) -> bool {
    let points = &other.points;
    let count = points.len();
    if count == 0 {
        return false;
    }
    let mut steps = 8 * (one.points.len() + count) + 1000;
    let mut at = 0;
    for p in &one.points {
        // Search in both directions from the last side found.
        let found = (0..=count / 2).find_map(|k| {
            steps = steps.saturating_sub(1);
            if steps == 0 {
                return Some(None);
            }
            let ahead = (at + k) % count;
            let behind = (at + count - k) % count;
            [ahead, behind]
                .into_iter()
                .find(|side| is_on_side(*p, points, *side))
                .map(Some)
        });
        match found.flatten() {
            Some(side) => at = side,
            None => return false,
        }
    }
    true
}

/// True if a point lies on the side of an outline that starts at its point `side`.
#[inline]
fn is_on_side(point: [f64; 2], outline: &[[f64; 2]], side: usize) -> bool {
    let start = outline[side % outline.len()];
    let end = outline[(side + 1) % outline.len()];
    distance_to_side(point, start, end) <= SAME_OUTLINE
}

fn outline_sides(points: &[[f64; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> {
    points
        .iter()
        .copied()
        .zip(points.iter().copied().cycle().skip(1))
}

/// Distance from a point to a side.
fn distance_to_side(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 {
        ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length
    } else {
        0.0
    };
    let along = along.clamp(0.0, 1.0);
    (a[0] + along * dx - p[0]).hypot(a[1] + along * dy - p[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels `first..last` of columns and rows.
    fn square(first: f64, last: f64) -> Vec<[f64; 2]> {
        vec![[first, first], [last, first], [last, last], [first, last]]
    }

    fn pixels(contours: &[Vec<[f64; 2]>]) -> usize {
        enclosed_region(
            contours
                .iter()
                .map(|c| ContourArea::new(c.clone(), false, 40, 40))
                .collect(),
        )
        .len()
    }

    #[test]
    fn overlapping_contours_are_united() {
        assert_eq!(
            pixels(&[square(2.0, 12.0), square(8.0, 18.0)]),
            100 + 100 - 16
        );
    }

    #[test]
    fn a_contour_inside_another_is_a_hole_and_one_inside_the_hole_an_island() {
        let [outer, hole, island] = [square(2.0, 30.0), square(5.0, 20.0), square(10.0, 13.0)];
        assert_eq!(
            pixels(&[island.clone(), outer.clone(), hole.clone()]),
            28 * 28 - 225 + 9
        );
        // A hole in the overlap of two contours is cut out of both, and a hole may touch the
        // outline.
        let both = [square(0.0, 20.0), square(10.0, 30.0), square(12.0, 16.0)];
        assert_eq!(pixels(&both), 400 + 400 - 100 - 16);
        let touching = [
            square(0.0, 20.0),
            vec![[0.0, 4.0], [6.0, 4.0], [6.0, 9.0], [0.0, 9.0]],
        ];
        assert_eq!(pixels(&touching), 400 - 30);
    }

    #[test]
    fn a_duplicate_contour_counts_once_however_it_is_stored() {
        let round = |turn: f64, by: f64| -> Vec<[f64; 2]> {
            let at = |i: usize| (i as f64 / 60.0 + turn) * std::f64::consts::TAU;
            (0..60)
                .map(|i| [20.0 + by + 9.0 * at(i).cos(), 20.0 + 9.0 * at(i).sin()])
                .collect()
        };
        let once = pixels(&[round(0.0, 0.0)]);
        assert!(once > 200);
        let mut reversed = round(0.0, 0.0);
        reversed.reverse();
        let rounded: Vec<[f64; 2]> = round(0.0, 0.0)
            .iter()
            .map(|p| p.map(|v| (v * 5.0).round() / 5.0))
            .collect();
        for copy in [
            round(0.0, 0.0),
            round(0.5, 0.0),
            reversed,
            rounded,
            round(0.0, 0.02),
        ] {
            let both = pixels(&[round(0.0, 0.0), copy]);
            assert!(both.abs_diff(once) <= 6, "{both} instead of {once}");
        }
        // Squares whose sides run through pixel centres: rounding moves whole rows.
        let (a, b) = (square(3.5, 12.5), square(3.4999, 12.5001));
        assert!(pixels(&[a.clone(), b.clone()]) >= pixels(&[a]));
        // A hole that is stored twice is one hole.
        let hole = square(10.0, 14.0);
        assert_eq!(
            pixels(&[square(2.0, 30.0), hole.clone(), hole]),
            28 * 28 - 16
        );
    }

    #[test]
    fn xor_contours_exclude_their_overlap() {
        let xor = |c: Vec<[f64; 2]>| ContourArea::new(c, true, 40, 40);
        assert_eq!(
            enclosed_region(vec![xor(square(2.0, 12.0)), xor(square(8.0, 18.0))]).len(),
            200 - 2 * 16
        );
        let closed = ContourArea::new(square(20.0, 22.0), false, 40, 40);
        assert_eq!(
            enclosed_region(vec![xor(square(2.0, 12.0)), xor(square(4.0, 6.0)), closed]).len(),
            100 - 4 + 4
        );
    }
}

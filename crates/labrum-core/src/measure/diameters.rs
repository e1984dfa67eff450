//! The longest diameter of a piece of a label, and its largest width perpendicular to that.

use crate::{
    boundary::{Point, ring_segments},
    vector::{
        divided_vector, dot_product, pixel_distance, scaled_vector, signed_area, vector_between,
        vector_sum,
    },
};

/// The longest straight line between two boundary points of one piece of a label, or across it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diameter {
    /// Length in the unit of the measurement.
    pub length: f64,
    /// End points in pixel coordinates, at midpoints of pixel edges; between pixel corners discs would measure a pixel
    /// too wide.
    pub ends: [Point; 2],
}

/// A side of the rim in coordinates along the longest diameter and across it.
#[derive(Clone, Copy)]
struct RimSide {
    from: [f64; 2],
    to: [f64; 2],
}

impl RimSide {
    fn start(&self) -> f64 {
        self.from[0].min(self.to[0])
    }

    fn end(&self) -> f64 {
        self.from[0].max(self.to[0])
    }

    /// The lowest and the highest coordinate across at `along`, which lies within the side.
    fn across_at(&self, along: f64) -> [f64; 2] {
        let run = self.to[0] - self.from[0];
        if run == 0.0 {
            return [self.from[1].min(self.to[1]), self.from[1].max(self.to[1])];
        }
        let t = ((along - self.from[0]) / run).clamp(0.0, 1.0);
        [self.from[1] + t * (self.to[1] - self.from[1]); 2]
    }
}

/// The largest distance between two points of the rim on a line perpendicular to the longest diameter; parts of the
/// line that leave the label count, as with a ruler.
pub(super) fn short_axis(rim: &[Point], longest: &Diameter, size: [f64; 2]) -> Diameter {
    let [from, to] = longest.ends;
    let none = Diameter {
        length: 0.0,
        ends: [from, from],
    };
    if longest.length <= 0.0 {
        return none;
    }
    let axis = scaled_vector(vector_between(from, to), size).map(|v| v / longest.length);
    let turned: Vec<[f64; 2]> = rim
        .iter()
        .map(|p| {
            let vector = scaled_vector(vector_between(from, *p), size);
            [dot_product(vector, axis), signed_area(axis, vector)]
        })
        .collect();
    let Some((along, [low, high])) = widest_place(&turned) else {
        return none;
    };
    let place = |across: f64| {
        let vector = [
            along * axis[0] - across * axis[1],
            along * axis[1] + across * axis[0],
        ];
        vector_sum(from, divided_vector(vector, size))
    };
    Diameter {
        length: high - low,
        ends: [place(low), place(high)],
    }
}

/// Where a closed ring is widest across its first coordinate: that coordinate, and the lowest and highest second one
/// there. The width changes linearly between the points of the ring, so it is largest at one of them.
fn widest_place(ring: &[[f64; 2]]) -> Option<(f64, [f64; 2])> {
    let mut sides: Vec<RimSide> = ring_segments(ring)
        .map(|(from, to)| RimSide { from, to })
        .collect();
    sides.sort_by(|a, b| a.start().total_cmp(&b.start()));
    let mut places: Vec<f64> = ring.iter().map(|p| p[0]).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let mut waiting = sides.into_iter().peekable();
    let mut crossed: Vec<RimSide> = Vec::new();
    let mut widest: Option<(f64, [f64; 2])> = None;
    for along in places {
        while let Some(side) = waiting.next_if(|side| side.start() <= along) {
            crossed.push(side);
        }
        crossed.retain(|side| side.end() >= along);
        let ends = crossed.iter().map(|side| side.across_at(along));
        let [low, high] = ends.fold([f64::INFINITY, f64::NEG_INFINITY], |all, at| {
            [all[0].min(at[0]), all[1].max(at[1])]
        });
        if low <= high && widest.is_none_or(|(_, [a, b])| high - low > b - a) {
            widest = Some((along, [low, high]));
        }
    }
    widest
}

/// Maximum Feret diameter: the farthest pair of points of the convex hull, by rotating calipers (Shamos 1978).
pub(super) fn longest_diameter(points: &[Point], size: [f64; 2]) -> Option<Diameter> {
    let hull = convex_hull(points);
    let n = hull.len();
    let mut best: Option<Diameter> = None;
    let mut far = 1 % n.max(1);
    for i in 0..n {
        let a = hull[i];
        let b = hull[(i + 1) % n];
        // Scaling the axes changes neither the hull nor the antipodal pairs, as all areas grow by the same factor.
        while twice_area(a, b, hull[(far + 1) % n]) > twice_area(a, b, hull[far]) {
            far = (far + 1) % n;
        }
        // If two corners are equally far from an edge, both are antipodal to it.
        for other in [hull[far], hull[(far + 1) % n]] {
            best = longer_diameter(best, [a, other], size);
            best = longer_diameter(best, [b, other], size);
        }
    }
    best
}

/// The longer one of `best` and the line between `ends`.
#[inline]
fn longer_diameter(best: Option<Diameter>, ends: [Point; 2], size: [f64; 2]) -> Option<Diameter> {
    let length = pixel_distance(ends[0], ends[1], size);
    if best.is_none_or(|best| length > best.length) {
        Some(Diameter { length, ends })
    } else {
        best
    }
}

/// Twice the area of a triangle.
#[inline]
fn twice_area(a: Point, b: Point, c: Point) -> f64 {
    twice_signed_area(a, b, c).abs()
}

/// Twice the signed area of a triangle.
fn twice_signed_area(a: Point, b: Point, c: Point) -> f64 {
    signed_area(vector_between(a, b), vector_between(a, c))
}

/// Corners of the convex hull, without points on its sides (Andrew's monotone chain, 1979).
fn convex_hull(points: &[Point]) -> Vec<Point> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let mut hull = half_hull(points.iter().copied());
    hull.extend(half_hull(points.iter().rev().copied()));
    hull
}

/// One half of the hull of sorted points, without its last corner, which starts the other half.
fn half_hull(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut chain: Vec<Point> = Vec::new();
    for p in points {
        while chain.len() >= 2
            && twice_signed_area(chain[chain.len() - 2], chain[chain.len() - 1], p) <= 0.0
        {
            chain.pop();
        }
        chain.push(p);
    }
    chain.pop();
    chain
}

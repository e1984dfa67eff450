//! Polygon and lasso: the pixels inside a closed line.

use super::{
    super::region::{Region, Span},
    first_at_or_after,
};

/// The pixels whose centre is inside the polygon, by the even-odd rule: areas enclosed twice are outside. The last
/// point is joined to the first. Points may lie outside the image; points that are not finite are ignored; fewer than
/// three points give an empty region. Centres exactly on the line count as inside on left and upper sides only, so
/// polygons with a common side share no pixels.
pub fn rasterize_polygon(points: &[[f64; 2]], columns: usize, rows: usize) -> Region {
    let edges = sorted_edges(points, rows);
    let mut waiting = edges.iter().peekable();
    let mut active: Vec<&PolygonEdge> = Vec::new();
    let mut spans = Vec::new();
    let mut crossings = Vec::new();
    let first = edges.first().map_or(rows, |e| e.rows.0);
    let end = edges.iter().map(|e| e.rows.1).max().unwrap_or(0);
    for row in first..end {
        active.retain(|e| row < e.rows.1);
        while let Some(edge) = waiting.next_if(|e| e.rows.0 <= row) {
            active.push(edge);
        }
        crossings.clear();
        crossings.extend(
            active
                .iter()
                .map(|e| first_at_or_after(e.x_at(row), columns)),
        );
        crossings.sort_unstable();
        let pairs = crossings.chunks_exact(2).filter(|p| p[0] < p[1]);
        spans.extend(pairs.map(|p| Span {
            row,
            start: p[0],
            end: p[1],
        }));
    }
    Region::from_spans(spans)
}

/// A side of the polygon that crosses the centre line of at least one row.
struct PolygonEdge {
    /// First row, and the row after the last.
    rows: (usize, usize),
    top: [f64; 2],
    bottom: [f64; 2],
}

impl PolygonEdge {
    /// The side between two points; `None` if it crosses no centre line of an image with `rows` rows.
    fn between_points(a: [f64; 2], b: [f64; 2], rows: usize) -> Option<Self> {
        let (top, bottom) = if a[1] <= b[1] { (a, b) } else { (b, a) };
        let first = first_at_or_after(top[1], rows);
        let end = first_at_or_after(bottom[1], rows);
        (first < end).then_some(Self {
            rows: (first, end),
            top,
            bottom,
        })
    }

    fn x_at(&self, row: usize) -> f64 {
        let ([x0, y0], [x1, y1]) = (self.top, self.bottom);
        x0 + (row as f64 + 0.5 - y0) / (y1 - y0) * (x1 - x0)
    }
}

/// The sides, sorted by first row. The same half-open rule for both ends ensures that each row is crossed an even
/// number of times, and horizontal sides are never crossed.
fn sorted_edges(points: &[[f64; 2]], rows: usize) -> Vec<PolygonEdge> {
    let points: Vec<[f64; 2]> = points
        .iter()
        .copied()
        .filter(|p| p.iter().all(|v| v.is_finite()))
        .collect();
    let next = points.iter().cycle().skip(1);
    let mut edges: Vec<PolygonEdge> = points
        .iter()
        .zip(next)
        .filter_map(|(a, b)| PolygonEdge::between_points(*a, *b, rows))
        .collect();
    edges.sort_unstable_by_key(|e| e.rows.0);
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: usize = 30;
    const ROWS: usize = 24;

    /// Points in and around the image; half of them exactly on pixel centres and corners.
    fn point() -> impl Strategy<Value = [f64; 2]> {
        let free = (-15.0..45.0f64, -15.0..40.0f64).prop_map(|(x, y)| [x, y]);
        let grid =
            (-10..70i32, -10..60i32).prop_map(|(x, y)| [f64::from(x) / 2.0, f64::from(y) / 2.0]);
        prop_oneof![free, grid]
    }

    /// How often a ray from `p` to the right crosses the polygon; `None` where a side passes through `p`.
    fn crossings(p: [f64; 2], points: &[[f64; 2]]) -> Option<usize> {
        let mut count = 0;
        for (i, a) in points.iter().enumerate() {
            let b = points[(i + 1) % points.len()];
            if (a[1] > p[1]) != (b[1] > p[1]) {
                let x = (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0];
                if (x - p[0]).abs() < 1e-9 {
                    return None;
                }
                count += usize::from(x > p[0]);
            }
        }
        Some(count)
    }

    proptest! {
        #[test]
        fn a_polygon_agrees_with_ray_casting(points in proptest::collection::vec(point(), 0..12)) {
            let region = rasterize_polygon(&points, COLUMNS, ROWS);
            for (x, y) in (0..ROWS).flat_map(|y| (0..COLUMNS).map(move |x| (x, y))) {
                if let Some(count) = crossings([x as f64 + 0.5, y as f64 + 0.5], &points) {
                    prop_assert_eq!(region.contains(x, y), count % 2 == 1, "{} {}", x, y);
                }
            }
            let bounds = region.bounds();
            prop_assert!(bounds.columns.end <= COLUMNS && bounds.rows.end <= ROWS);
            prop_assert!(points.len() > 2 || region.is_empty());
        }

        #[test]
        fn polygons_with_a_common_side_neither_overlap_nor_leave_a_gap(
            a in point(), b in point(), c in point(), d in point(),
        ) {
            let all = rasterize_polygon(&[a, b, c, d], COLUMNS, ROWS);
            let (one, other) = (rasterize_polygon(&[a, b, c], COLUMNS, ROWS), rasterize_polygon(&[a, c, d], COLUMNS, ROWS));
            let either = one.union(&other).difference(&one.intersection(&other));
            prop_assert_eq!(either, all);
        }
    }

    #[test]
    fn a_square_on_pixel_borders_is_its_pixels() {
        let region = rasterize_polygon(
            &[[2.0, 1.0], [5.0, 1.0], [5.0, 3.0], [2.0, 3.0]],
            COLUMNS,
            ROWS,
        );
        assert_eq!(
            region.spans(),
            [
                Span {
                    row: 1,
                    start: 2,
                    end: 5
                },
                Span {
                    row: 2,
                    start: 2,
                    end: 5
                }
            ]
        );
    }

    #[test]
    fn points_that_are_not_finite_are_ignored() {
        let with = [
            [2.0, 1.0],
            [f64::NAN, 4.0],
            [9.0, 1.0],
            [5.0, f64::INFINITY],
            [2.0, 9.0],
        ];
        assert_eq!(
            rasterize_polygon(&with, COLUMNS, ROWS),
            rasterize_polygon(&[with[0], with[2], with[4]], COLUMNS, ROWS)
        );
        assert!(rasterize_polygon(&[[f64::NAN; 2]; 9], COLUMNS, ROWS).is_empty());
        let far = rasterize_polygon(
            &[[-1e300, -1e300], [1e300, -1e300], [0.0, 1e300]],
            COLUMNS,
            ROWS,
        );
        assert_eq!(far.len(), COLUMNS * ROWS);
    }
}

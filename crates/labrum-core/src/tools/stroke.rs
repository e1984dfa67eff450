//! Brush and eraser: the pixels under a round brush moved along a line.

use super::{
    super::region::{Region, Span},
    first_after, first_at_or_after,
};

/// The pixels under a brush at rest.
pub fn disc_region(center: [f64; 2], radii: [f64; 2], columns: usize, rows: usize) -> Region {
    capsule_region(center, center, radii, columns, rows)
}

/// The pixels under a brush moved straight from one point to another: all whose centre it covers on the way, so lines
/// of any length have no gaps, and those that the brush centre passes over, which matters only for brushes smaller than
/// a pixel. Points that are not finite give an empty region.
pub fn capsule_region(
    from: [f64; 2],
    to: [f64; 2],
    radii: [f64; 2],
    columns: usize,
    rows: usize,
) -> Region {
    if !from.iter().chain(&to).all(|v| v.is_finite()) {
        return Region::default();
    }
    let radii = radii.map(|r| r.max(SMALLEST));
    let swept = Swept::new(from, to, radii);
    let may_miss_its_pixel = (0.5 / radii[0]).powi(2) + (0.5 / radii[1]).powi(2) > 1.0;
    let top = (from[1].min(to[1]) - radii[1]).floor().max(0.0) as usize;
    let bottom = ((from[1].max(to[1]) + radii[1]).floor() + 1.0) as usize;
    let mut spans = Vec::with_capacity(bottom.min(rows).saturating_sub(top));
    for row in top..bottom.min(rows) {
        if let Some([left, right]) = swept.across_shape(row as f64 + 0.5) {
            spans.push(Span {
                row,
                start: first_at_or_after(left, columns),
                end: first_after(right, columns),
            });
        }
        if may_miss_its_pixel {
            spans.extend(under_line(from, to, row, columns));
        }
    }
    Region::from_spans(spans)
}

/// Minimum brush radius in pixels.
const SMALLEST: f64 = 1e-6;

/// The area swept by a round brush along a line, scaled so that the brush is the unit circle.
struct Swept {
    from: [f64; 2],
    to: [f64; 2],
    /// Unit direction and length of the line; `None` for a point.
    line: Option<([f64; 2], f64)>,
    radii: [f64; 2],
}

impl Swept {
    fn new(from: [f64; 2], to: [f64; 2], radii: [f64; 2]) -> Self {
        let from = divide_by_radii(from, radii);
        let to = divide_by_radii(to, radii);
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length = dx.hypot(dy);
        Self {
            from,
            to,
            line: (length > 0.0).then(|| ([dx / length, dy / length], length)),
            radii,
        }
    }

    /// Where the horizontal line at `y` enters and leaves the shape. As the shape is convex, these are the outermost
    /// ends over its three parts: two circles and the rectangle between them.
    fn across_shape(&self, y: f64) -> Option<[f64; 2]> {
        let y = y / self.radii[1];
        [
            across_circle(self.from, y),
            across_circle(self.to, y),
            self.across_rectangle(y),
        ]
        .into_iter()
        .flatten()
        .reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])])
        .map(|ends| ends.map(|x| x * self.radii[0]))
    }

    fn across_rectangle(&self, y: f64) -> Option<[f64; 2]> {
        let ([ux, uy], length) = self.line?;
        let dy = y - self.from[1];
        let along = solve_interval(ux, dy * uy, 0.0, length)?;
        let aside = solve_interval(-uy, dy * ux, -1.0, 1.0)?;
        let ends = [along[0].max(aside[0]), along[1].min(aside[1])];
        (ends[0] <= ends[1]).then(|| ends.map(|x| x + self.from[0]))
    }
}

/// Converts a point from pixels to brush radii.
fn divide_by_radii(point: [f64; 2], radii: [f64; 2]) -> [f64; 2] {
    [point[0] / radii[0], point[1] / radii[1]]
}

fn across_circle(center: [f64; 2], y: f64) -> Option<[f64; 2]> {
    let half = 1.0 - (y - center[1]).powi(2);
    (half >= 0.0).then(|| [center[0] - half.sqrt(), center[0] + half.sqrt()])
}

/// The interval of x for which `slope * x + offset` lies between `low` and `high`.
fn solve_interval(slope: f64, offset: f64, low: f64, high: f64) -> Option<[f64; 2]> {
    if slope == 0.0 {
        return (low <= offset && offset <= high).then_some([f64::NEG_INFINITY, f64::INFINITY]);
    }
    let a = (low - offset) / slope;
    let b = (high - offset) / slope;
    Some([a.min(b), a.max(b)])
}

/// The pixels of `row` that a line of zero width passes through.
fn under_line(from: [f64; 2], to: [f64; 2], row: usize, columns: usize) -> Option<Span> {
    let ([x0, y0], [x1, y1]) = if from[1] <= to[1] {
        (from, to)
    } else {
        (to, from)
    };
    let top = row as f64;
    let bottom = row as f64 + 1.0;
    if y1 < top || y0 >= bottom {
        return None;
    }
    let (left, right) = if y0 == y1 {
        (x0.min(x1), x0.max(x1))
    } else {
        let a = x_on_line([x0, y0], [x1, y1], top);
        let b = x_on_line([x0, y0], [x1, y1], bottom);
        (a.min(b), a.max(b))
    };
    let end = right.ceil().max(left.floor() + 1.0);
    Some(Span {
        row,
        start: left.floor().max(0.0) as usize,
        end: (end.max(0.0) as usize).min(columns),
    })
}

/// The x of a line at height `y`, clamped to its ends; its first point must be the upper one.
#[inline]
fn x_on_line([x0, y0]: [f64; 2], [x1, y1]: [f64; 2], y: f64) -> f64 {
    if y <= y0 {
        x0
    } else if y >= y1 {
        x1
    } else {
        x0 + (y - y0) * ((x1 - x0) / (y1 - y0))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::components::connected_components, *};
    use proptest::prelude::*;

    const COLUMNS: usize = 40;
    const ROWS: usize = 30;

    /// Distance to the segment between two points, in brush radii.
    fn distance(p: [f64; 2], a: [f64; 2], b: [f64; 2], radii: [f64; 2]) -> f64 {
        let scaled = |p: [f64; 2]| [p[0] / radii[0], p[1] / radii[1]];
        let (p, a, b) = (scaled(p), scaled(a), scaled(b));
        let (ab, ap) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
        let square = ab[0] * ab[0] + ab[1] * ab[1];
        let t = if square > 0.0 {
            ((ap[0] * ab[0] + ap[1] * ab[1]) / square).clamp(0.0, 1.0)
        } else {
            0.0
        };
        (ap[0] - t * ab[0]).hypot(ap[1] - t * ab[1])
    }

    /// Points in and around the image, half of them on corners and centres of pixels.
    fn point() -> impl Strategy<Value = [f64; 2]> {
        let free = (-15.0..55.0f64, -15.0..45.0f64).prop_map(|(x, y)| [x, y]);
        let grid =
            (-10..90i32, -10..70i32).prop_map(|(x, y)| [f64::from(x) / 2.0, f64::from(y) / 2.0]);
        prop_oneof![free, grid]
    }

    fn centers() -> impl Iterator<Item = (usize, usize, [f64; 2])> {
        (0..ROWS).flat_map(|y| (0..COLUMNS).map(move |x| (x, y, [x as f64 + 0.5, y as f64 + 0.5])))
    }

    proptest! {
        #[test]
        fn a_stroke_is_every_pixel_within_the_brush_of_its_path(
            path in proptest::collection::vec(point(), 1..6), rx in 0.75..14.0f64, ry in 0.75..14.0f64,
        ) {
            let radii = [rx, ry];
            let mut stroke = disc_region(path[0], radii, COLUMNS, ROWS);
            for leg in path.windows(2) {
                stroke = stroke.union(&capsule_region(leg[0], leg[1], radii, COLUMNS, ROWS));
            }
            let legs: Vec<_> = path.iter().zip(path.iter().skip(1).chain(path.last())).collect();
            for (x, y, center) in centers() {
                let d = legs.iter().map(|(a, b)| distance(center, **a, **b, radii)).fold(f64::INFINITY, f64::min);
                // Exactly on the boundary rounding decides.
                if (d - 1.0).abs() > 1e-9 {
                    prop_assert_eq!(stroke.contains(x, y), d < 1.0, "{} {} at {}", x, y, d);
                }
            }
        }

        #[test]
        fn a_brush_smaller_than_a_pixel_paints_only_the_pixels_on_its_path(
            from in point(), to in point(), radius in 0.0..0.7f64,
        ) {
            let stroke = capsule_region(from, to, [radius; 2], COLUMNS, ROWS);
            for t in (0..=1000).map(|i| f64::from(i) / 1000.0) {
                let [x, y] = [0, 1].map(|i| from[i] + t * (to[i] - from[i]));
                // A point on the border of pixels belongs to either.
                let off_grid = (x - x.round()).abs() > 1e-9 && (y - y.round()).abs() > 1e-9;
                if off_grid && x > 0.0 && y > 0.0 && (x as usize) < COLUMNS && (y as usize) < ROWS {
                    prop_assert!(stroke.contains(x as usize, y as usize), "{} {}", x, y);
                }
            }
            for (x, y, center) in centers().filter(|(x, y, _)| stroke.contains(*x, *y)) {
                prop_assert!(distance(center, from, to, [1.0; 2]) < 0.7072, "{} {}", x, y);
            }
        }

        #[test]
        fn a_stroke_is_connected_at_any_speed(from in point(), to in point(), radius in 0.0..3.0f64) {
            let inside = |p: [f64; 2]| [p[0].clamp(0.1, COLUMNS as f64 - 0.1), p[1].clamp(0.1, ROWS as f64 - 0.1)];
            let stroke = capsule_region(inside(from), inside(to), [radius; 2], COLUMNS, ROWS);
            prop_assert_eq!(connected_components(&stroke).len(), 1);
        }
    }

    #[test]
    fn the_smallest_brush_paints_one_pixel() {
        let dot = disc_region([3.99, 7.01], [0.0, 0.0], COLUMNS, ROWS);
        assert_eq!(
            dot.spans(),
            [Span {
                row: 7,
                start: 3,
                end: 4
            }]
        );
    }

    #[test]
    fn invalid_points_and_an_empty_image_give_nothing() {
        assert!(capsule_region([f64::NAN, 1.0], [2.0, 2.0], [3.0; 2], COLUMNS, ROWS).is_empty());
        assert!(
            capsule_region([1.0, 1.0], [f64::INFINITY, 2.0], [3.0; 2], COLUMNS, ROWS).is_empty()
        );
        assert!(disc_region([1.0, 1.0], [f64::INFINITY; 2], 0, 0).is_empty());
        assert_eq!(
            disc_region([1.0, 1.0], [f64::NAN; 2], COLUMNS, ROWS).len(),
            1
        );
    }
}

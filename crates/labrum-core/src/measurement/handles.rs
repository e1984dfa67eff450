//! Drawing shapes and changing them by their handles.
//!
//! `size` is the width and the height of a pixel, in mm or relative: right angles are right in the patient, not on the
//! grid of pixels.

use super::{Point, Shape, ShapeKind};
use crate::vector::{
    divided_vector, dot_product, middle_point, pixel_distance, scaled_vector, signed_area,
    vector_between, vector_sum,
};

/// Length of the short axis of a new bidirectional measurement, relative to its long axis.
const NEW_SHORT_AXIS: f64 = 0.5;

impl Shape {
    /// The shape of this kind that is drawn by pointing at these places: both ends of the long axis for bidirectional,
    /// opposite corners of the box around it for an ellipse, and its own points for any other. `None` if there are too
    /// few or too many, or if nothing lies between them.
    pub fn drawn(kind: ShapeKind, places: &[Point], size: [f64; 2]) -> Option<Self> {
        let points = match (kind, places) {
            (ShapeKind::Bidirectional, [a, b]) => two_axes(*a, *b, size)?,
            (ShapeKind::Ellipse, [a, b]) => ellipse_in_box(*a, *b),
            _ => places.to_vec(),
        };
        let shape = Self::new(kind, points)?;
        (!shape.is_degenerate()).then_some(shape)
    }

    /// How many places have to be pointed at to draw this kind; `None` for a line that is drawn in one go.
    pub fn places_to_draw(kind: ShapeKind) -> Option<usize> {
        match kind {
            ShapeKind::Point => Some(1),
            ShapeKind::Length | ShapeKind::Bidirectional => Some(2),
            ShapeKind::Ellipse | ShapeKind::Rectangle => Some(2),
            ShapeKind::Angle => Some(3),
            ShapeKind::CobbAngle => Some(4),
            ShapeKind::Freehand => None,
        }
    }

    /// True if there is nothing to measure: ends that coincide, or a region without an inside.
    fn is_degenerate(&self) -> bool {
        match (self.kind, self.points.as_slice()) {
            (ShapeKind::Point, _) => false,
            (ShapeKind::Length, [a, b]) => a == b,
            (ShapeKind::Angle, [a, vertex, b]) => a == vertex || vertex == b,
            (ShapeKind::CobbAngle | ShapeKind::Bidirectional, [a, b, c, d]) => a == b || c == d,
            _ => self.area([1.0; 2]).is_none_or(|area| area == 0.0),
        }
    }

    /// The points that can be dragged.
    pub fn handles(&self) -> Vec<Point> {
        match self.rectangle_corners() {
            Some(corners) => corners.to_vec(),
            None => self.points.clone(),
        }
    }

    /// The shape after a handle was dragged to a place. The axes of a bidirectional measurement and of an ellipse stay
    /// perpendicular. `None` if there is no such handle, or if nothing would be left to measure.
    pub fn with_moved_handle(&self, index: usize, to: Point, size: [f64; 2]) -> Option<Self> {
        let mut points = self.points.clone();
        match (self.kind, points.as_mut_slice()) {
            (ShapeKind::Bidirectional, [a, b, c, d]) => {
                move_axis_end([a, b, c, d], index, to, size)?
            }
            (ShapeKind::Ellipse, [a, b, c, d]) => {
                move_ellipse_end([a, b, c, d], index, to, size)?;
            }
            // The other two corners follow.
            (ShapeKind::Rectangle, [a, c]) => match index {
                0 => *a = to,
                1 => (c[0], a[1]) = (to[0], to[1]),
                2 => *c = to,
                3 => (a[0], c[1]) = (to[0], to[1]),
                _ => return None,
            },
            (_, points) => *points.get_mut(index)? = to,
        }
        let shape = Self::new(self.kind, points)?;
        (!shape.is_degenerate()).then_some(shape)
    }

    /// The shape moved by some pixels, but no handle beyond the edge of an image of this size.
    pub fn moved_within(&self, by: Point, columns: usize, rows: usize) -> Self {
        let ends = [columns as f64, rows as f64];
        let by: Point = [0, 1].map(|i| {
            let low = self
                .points
                .iter()
                .map(|p| p[i])
                .fold(f64::INFINITY, f64::min);
            let high = self
                .points
                .iter()
                .map(|p| p[i])
                .fold(f64::NEG_INFINITY, f64::max);
            // Where a shape already reaches beyond an edge, it may still move back.
            by[i].clamp((-low).min(0.0), (ends[i] - high).max(0.0))
        });
        self.shifted(by).unwrap_or_else(|| self.clone())
    }

    /// The shape moved by some pixels; `None` if it would leave what can be a position on an image.
    pub fn shifted(&self, by: Point) -> Option<Self> {
        let moved = self.points.iter().map(|point| vector_sum(*point, by));
        Self::new(self.kind, moved.collect())
    }

    /// The nearest handle within `reach`, in the unit of `size`.
    pub fn handle_near(&self, at: Point, reach: f64, size: [f64; 2]) -> Option<usize> {
        let handles = self.handles().into_iter().enumerate();
        let distances = handles.map(|(index, handle)| (index, pixel_distance(handle, at, size)));
        let (index, nearest) = distances.min_by(|a, b| a.1.total_cmp(&b.1))?;
        (nearest <= reach).then_some(index)
    }

    /// Distance of a place from the nearest line of the shape, in the unit of `size`.
    pub fn distance_from(&self, at: Point, size: [f64; 2]) -> f64 {
        let lines = self.outlines();
        let segments = lines.iter().flat_map(|line| line.windows(2));
        let nearest = segments
            .map(|pair| distance_from_segment(at, [pair[0], pair[1]], size))
            .fold(f64::INFINITY, f64::min);
        let to_points = self.points.iter().map(|p| pixel_distance(*p, at, size));
        to_points.fold(nearest, f64::min)
    }
}

/// Both axes of a new bidirectional measurement from the ends of the long one; `None` if these coincide.
fn two_axes(a: Point, b: Point, size: [f64; 2]) -> Option<Vec<Point>> {
    let axis = LongAxis::between(a, b, size)?;
    let half = axis.length * NEW_SHORT_AXIS / 2.0;
    Some(vec![a, b, axis.place(0.5, half), axis.place(0.5, -half)])
}

/// The ends of the axes of the ellipse in a box: left, right, top, bottom.
fn ellipse_in_box(a: Point, b: Point) -> Vec<Point> {
    let middle = middle_point(a, b);
    let [left, right] = [a[0].min(b[0]), a[0].max(b[0])];
    let [top, bottom] = [a[1].min(b[1]), a[1].max(b[1])];
    vec![
        [left, middle[1]],
        [right, middle[1]],
        [middle[0], top],
        [middle[0], bottom],
    ]
}

/// A line with a coordinate along it (0 to 1) and one across it, in the unit of `size`.
struct LongAxis {
    from: Point,
    /// Unit vector along the line, in the unit of `size`.
    along: [f64; 2],
    length: f64,
    size: [f64; 2],
}

impl LongAxis {
    /// `None` if the ends coincide.
    fn between(a: Point, b: Point, size: [f64; 2]) -> Option<Self> {
        let length = pixel_distance(a, b, size);
        (length > 0.0).then(|| Self {
            from: a,
            along: scaled_vector(vector_between(a, b), size).map(|v| v / length),
            length,
            size,
        })
    }

    /// Coordinates of a place: along the line and across it.
    fn coordinates(&self, place: Point) -> (f64, f64) {
        let vector = scaled_vector(vector_between(self.from, place), self.size);
        let along = dot_product(vector, self.along) / self.length;
        (along, signed_area(self.along, vector))
    }

    /// The place with these coordinates.
    fn place(&self, along: f64, across: f64) -> Point {
        let [x, y] = self.along;
        let vector = [
            x * along * self.length - y * across,
            y * along * self.length + x * across,
        ];
        vector_sum(self.from, divided_vector(vector, self.size))
    }
}

/// Moves an end of one of two perpendicular axes. The short axis keeps its place on the long one and its length when
/// the long one changes; an end of the short axis takes the whole short axis along the long one. `None` if there is no
/// such end, or if the ends of the long axis coincide.
fn move_axis_end(
    [a, b, c, d]: [&mut Point; 4],
    index: usize,
    to: Point,
    size: [f64; 2],
) -> Option<()> {
    let axis = LongAxis::between(*a, *b, size)?;
    let [(along_c, across_c), (along_d, across_d)] = [axis.coordinates(*c), axis.coordinates(*d)];
    let (axis, along, across) = match index {
        0 | 1 => {
            *(if index == 0 { &mut *a } else { &mut *b }) = to;
            let along = (along_c + along_d) / 2.0;
            (
                LongAxis::between(*a, *b, size)?,
                along,
                [across_c, across_d],
            )
        }
        2 | 3 => {
            let (along, across) = axis.coordinates(to);
            let both = if index == 2 {
                [across, across_d]
            } else {
                [across_c, across]
            };
            (axis, along, both)
        }
        _ => return None,
    };
    let along = along.clamp(0.0, 1.0);
    *c = axis.place(along, across[0]);
    *d = axis.place(along, across[1]);
    Some(())
}

/// Moves an end of an axis of an ellipse. The other end of that axis stays; the other axis turns with it and keeps its
/// length. An end of the second axis only changes the length of that axis. `None` if there is no such end, or if an
/// axis would have no length.
fn move_ellipse_end(
    [a, b, c, d]: [&mut Point; 4],
    index: usize,
    to: Point,
    size: [f64; 2],
) -> Option<()> {
    let half = pixel_distance(*c, *d, size) / 2.0;
    // On which side of the first axis the third point lies must not change.
    let side = LongAxis::between(*a, *b, size)?.coordinates(*c).1.signum();
    match index {
        0 => *a = to,
        1 => *b = to,
        2 | 3 => {}
        _ => return None,
    }
    let axis = LongAxis::between(*a, *b, size)?;
    let half = match index {
        2 | 3 => axis.coordinates(to).1.abs(),
        _ => half,
    };
    if half == 0.0 {
        return None;
    }
    *c = axis.place(0.5, side * half);
    *d = axis.place(0.5, -side * half);
    Some(())
}

fn distance_from_segment(at: Point, [a, b]: [Point; 2], size: [f64; 2]) -> f64 {
    match LongAxis::between(a, b, size) {
        None => pixel_distance(a, at, size),
        Some(axis) => {
            let (along, _) = axis.coordinates(at);
            pixel_distance(axis.place(along.clamp(0.0, 1.0), 0.0), at, size)
        }
    }
}

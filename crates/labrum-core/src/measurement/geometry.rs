//! Lines, axes and pixels of shapes.

use super::{Point, Shape, ShapeKind};
use crate::{
    boundary::ring_segments,
    measure::ellipse_perimeter,
    region::{PixelRect, Region},
    tools::polygon::rasterize_polygon,
    vector::{
        dot_product, pixel_distance, point_along, scaled_vector, signed_area, vector_between,
    },
};
use std::f64::consts::{PI, TAU};

/// Corners of the polygon that an ellipse is drawn as.
const CORNERS: usize = 96;

/// A line of a shape, to be drawn. The first point of a closed line is repeated at its end.
pub type Outline = Vec<Point>;

/// An ellipse by its centre and two half axes, in pixels. The half axes may be any pair of conjugate half diameters:
/// the ellipse is `centre + first * cos t + second * sin t`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EllipseAxes {
    /// The centre.
    pub center: Point,
    /// From the centre to an end of the first axis.
    pub first: [f64; 2],
    /// From the centre to an end of the second axis.
    pub second: [f64; 2],
}

impl EllipseAxes {
    /// Lengths of the half axes, the longer first, in the unit of `size` (width and height of a pixel).
    pub fn half_axes(&self, size: [f64; 2]) -> [f64; 2] {
        let [a, b] = [self.first, self.second].map(|axis| scaled_vector(axis, size));
        // The singular values of the matrix with these columns: the half axes even if a and b are not perpendicular.
        let [[ax, ay], [bx, by]] = [a, b];
        let squares = ax * ax + ay * ay + bx * bx + by * by;
        let double_area = 2.0 * signed_area(a, b).abs();
        let [sum, difference] = [
            (squares + double_area).max(0.0).sqrt(),
            (squares - double_area).max(0.0).sqrt(),
        ];
        [(sum + difference) / 2.0, (sum - difference) / 2.0]
    }

    /// True if the point is inside or on the line.
    fn contains(&self, point: Point) -> bool {
        let away = vector_between(self.center, point);
        let area = signed_area(self.first, self.second);
        if area == 0.0 {
            return false;
        }
        let along_first = signed_area(away, self.second) / area;
        let along_second = signed_area(self.first, away) / area;
        along_first * along_first + along_second * along_second <= 1.0
    }

    /// The point at parameter `t` in radians.
    fn point_at(&self, t: f64) -> Point {
        let across = point_along(self.center, self.first, t.cos());
        point_along(across, self.second, t.sin())
    }
}

impl Shape {
    /// Centre and axes of an ellipse; `None` for other kinds.
    pub fn ellipse_axes(&self) -> Option<EllipseAxes> {
        match (self.kind, self.points.as_slice()) {
            (ShapeKind::Ellipse, [a, b, c, d]) => Some(EllipseAxes {
                center: [0, 1].map(|i| (a[i] + b[i] + c[i] + d[i]) / 4.0),
                first: vector_between(*a, *b).map(|v| v / 2.0),
                second: vector_between(*c, *d).map(|v| v / 2.0),
            }),
            _ => None,
        }
    }

    /// The four corners of a rectangle, in order around it; `None` for other kinds.
    pub fn rectangle_corners(&self) -> Option<[Point; 4]> {
        match (self.kind, self.points.as_slice()) {
            (ShapeKind::Rectangle, [a, b]) => Some([*a, [b[0], a[1]], *b, [a[0], b[1]]]),
            _ => None,
        }
    }

    /// Its lines, to be drawn and pointed at; none for a point.
    pub fn outlines(&self) -> Vec<Outline> {
        match (self.kind, self.points.as_slice()) {
            (ShapeKind::Point, _) => Vec::new(),
            (ShapeKind::CobbAngle | ShapeKind::Bidirectional, [a, b, c, d]) => {
                vec![vec![*a, *b], vec![*c, *d]]
            }
            (ShapeKind::Ellipse | ShapeKind::Rectangle | ShapeKind::Freehand, _) => {
                vec![closed_line(self.border())]
            }
            (_, points) => vec![points.to_vec()],
        }
    }

    /// The border of a region as a polygon; empty for other kinds.
    pub fn border(&self) -> Vec<Point> {
        if let Some(ellipse) = self.ellipse_axes() {
            let turn = TAU / CORNERS as f64;
            return (0..CORNERS)
                .map(|i| ellipse.point_at(turn * i as f64))
                .collect();
        }
        match self.rectangle_corners() {
            Some(corners) => corners.to_vec(),
            None if self.kind == ShapeKind::Freehand => self.points.clone(),
            None => Vec::new(),
        }
    }

    /// The pixels whose centre is inside a region; for a point, its pixel; empty for other kinds.
    pub fn pixels_inside(&self, columns: usize, rows: usize) -> Region {
        if let Some(ellipse) = self.ellipse_axes() {
            let window = window_of(&self.border(), columns, rows);
            return Region::from_fn(&window, |column, row| {
                ellipse.contains([column as f64 + 0.5, row as f64 + 0.5])
            });
        }
        match (self.kind, self.points.first()) {
            (ShapeKind::Point, Some(at)) => {
                let pixel = pixel_at(*at, columns, rows);
                let window = pixel.map(|(column, row)| PixelRect {
                    columns: column..column + 1,
                    rows: row..row + 1,
                });
                Region::from_fn(&window.unwrap_or_default(), |_, _| true)
            }
            _ => rasterize_polygon(&self.border(), columns, rows),
        }
    }

    /// All pixels that the shape lies on, its lines and its inside; pixels may occur several times. Parts outside of
    /// the image count as its nearest pixels.
    pub(super) fn pixels_touched(&self, columns: usize, rows: usize) -> Vec<(usize, usize)> {
        if columns == 0 || rows == 0 {
            return Vec::new();
        }
        let mut pixels = Vec::new();
        let outlines = match self.kind {
            ShapeKind::Point => vec![self.points.clone()],
            _ => self.outlines(),
        };
        for line in outlines {
            pixels.extend(line.first().map(|p| nearest_pixel(*p, columns, rows)));
            for pair in line.windows(2) {
                let way = vector_between(pair[0], pair[1]);
                let steps = (2.0 * way[0].hypot(way[1])).ceil();
                pixels.extend((1..=steps as usize).map(|i| {
                    let at = point_along(pair[0], way, i as f64 / steps);
                    nearest_pixel(at, columns, rows)
                }));
            }
        }
        let inside = self.pixels_inside(columns, rows);
        let rows_of_pixels = inside.spans().iter();
        pixels.extend(rows_of_pixels.flat_map(|s| (s.start..s.end).map(|column| (column, s.row))));
        pixels
    }

    /// Area in the unit of `size` squared (width and height of a pixel); `None` for kinds without an area. Areas that a
    /// freehand line encloses twice, in opposite directions, cancel out.
    pub fn area(&self, size: [f64; 2]) -> Option<f64> {
        if let Some(ellipse) = self.ellipse_axes() {
            let [a, b] = ellipse.half_axes(size);
            return Some(PI * a * b);
        }
        let border = self.kind.is_region().then(|| self.border())?;
        let doubled: f64 = ring_segments(&border).map(|(a, b)| signed_area(a, b)).sum();
        Some((doubled / 2.0 * size[0] * size[1]).abs())
    }

    /// Length of the border in the unit of `size`; `None` for kinds without an area.
    pub fn perimeter(&self, size: [f64; 2]) -> Option<f64> {
        if let Some(ellipse) = self.ellipse_axes() {
            return Some(ellipse_perimeter(ellipse.half_axes(size)));
        }
        let border = self.kind.is_region().then(|| self.border())?;
        let lengths = ring_segments(&border).map(|(a, b)| pixel_distance(a, b, size));
        Some(lengths.sum())
    }
}

/// Angle between two directions in degrees, 0 to 180; 0 if one has no length.
pub(super) fn angle_between(a: [f64; 2], b: [f64; 2]) -> f64 {
    let area = signed_area(a, b);
    area.abs().atan2(dot_product(a, b)).to_degrees()
}

/// The pixel at a position; `None` outside of the image.
fn pixel_at([x, y]: Point, columns: usize, rows: usize) -> Option<(usize, usize)> {
    let is_inside = x >= 0.0 && y >= 0.0 && x < columns as f64 && y < rows as f64;
    is_inside.then_some((x as usize, y as usize))
}

/// The pixel of the image that is nearest to a position; the image has at least one.
fn nearest_pixel([x, y]: Point, columns: usize, rows: usize) -> (usize, usize) {
    (
        (x.max(0.0) as usize).min(columns - 1),
        (y.max(0.0) as usize).min(rows - 1),
    )
}

/// The part of the image around some points, with a margin of one pixel.
fn window_of(points: &[Point], columns: usize, rows: usize) -> PixelRect {
    let range = |axis: usize, end: usize| {
        let values = points.iter().map(|p| p[axis]);
        let low = values.clone().fold(f64::INFINITY, f64::min) - 1.0;
        let high = values.fold(f64::NEG_INFINITY, f64::max) + 2.0;
        (low.max(0.0) as usize).min(end)..(high.max(0.0) as usize).min(end)
    };
    PixelRect {
        columns: range(0, columns),
        rows: range(1, rows),
    }
}

fn closed_line(mut border: Vec<Point>) -> Outline {
    border.extend(border.first().copied());
    border
}

//! Measurements that a person draws on an image: lengths, angles, two diameters, regions and points.
//!
//! Points are in pixels of the image, x to the right and y down, with (0, 0) at the upper left corner of the first
//! pixel, as in the Graphic Data of a DICOM SCOORD. They are kept in steps of 1/1024 pixel, which every file format
//! here stores without rounding.

mod geometry;
mod handles;
mod measured;
mod over_series;
mod place;
mod quantity;
mod statistics;
mod volume_curve;

pub use geometry::{EllipseAxes, Outline};
pub use measured::{Measured, Surface, measure_on_view, measure_shape};
pub use over_series::{SeriesMeasurement, measure_series};
pub use place::{DrawnMeasurement, MeasurementChange, MeasurementPlace, ViewFrame, apply_change};
pub use quantity::{Channel, Quantity, QuantityKind, QuantityUnit, format_value};
pub use statistics::{ValueStatistics, merge_statistics, region_statistics, value_unit};
pub use volume_curve::{CardiacPhase, MarkedPhases, PhaseChange, TimedVolume, VolumeCurve};

use super::boundary::Point;
use serde::{Deserialize, Serialize};

/// Steps per pixel in which points are kept.
const STEPS: f64 = 1024.0;

/// Points beyond this are no position on an image.
const FARTHEST: f64 = 1e6;

/// The largest number of points of a freehand region.
const MOST_POINTS: usize = 100_000;

/// What a shape measures.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeKind {
    /// The distance between two points.
    #[default]
    Length,
    /// The angle at the second of three points, 0° to 180°.
    Angle,
    /// The angle between two lines (Cobb), 0° to 180°.
    CobbAngle,
    /// The longest diameter and the longest one perpendicular to it (RECIST).
    Bidirectional,
    /// An ellipse.
    Ellipse,
    /// A rectangle along rows and columns.
    Rectangle,
    /// A closed line.
    Freehand,
    /// The value of one pixel.
    Point,
}

impl ShapeKind {
    /// All kinds, in display order.
    pub const ALL: [Self; 8] = [
        Self::Length,
        Self::Angle,
        Self::CobbAngle,
        Self::Bidirectional,
        Self::Ellipse,
        Self::Rectangle,
        Self::Freehand,
        Self::Point,
    ];

    /// Display name: "Cobb angle".
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Length => "Length",
            Self::Angle => "Angle",
            Self::CobbAngle => "Cobb angle",
            Self::Bidirectional => "Bidirectional",
            Self::Ellipse => "Ellipse",
            Self::Rectangle => "Rectangle",
            Self::Freehand => "Freehand region",
            Self::Point => "Point",
        }
    }

    /// Name in tables and files: "cobb-angle".
    pub fn storage_name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Angle => "angle",
            Self::CobbAngle => "cobb-angle",
            Self::Bidirectional => "bidirectional",
            Self::Ellipse => "ellipse",
            Self::Rectangle => "rectangle",
            Self::Freehand => "freehand",
            Self::Point => "point",
        }
    }

    /// True for kinds with an area, whose pixels have a mean.
    pub fn is_region(self) -> bool {
        matches!(self, Self::Ellipse | Self::Rectangle | Self::Freehand)
    }

    /// True if a shape of this kind can have this many points.
    fn takes_points(self, count: usize) -> bool {
        match self {
            Self::Point => count == 1,
            Self::Length | Self::Rectangle => count == 2,
            Self::Angle => count == 3,
            Self::CobbAngle | Self::Bidirectional | Self::Ellipse => count == 4,
            Self::Freehand => (3..=MOST_POINTS).contains(&count),
        }
    }
}

/// A shape on an image. The meaning of its points depends on its kind:
///
/// - length: the two ends;
/// - angle: an end, the vertex, the other end;
/// - Cobb angle: both ends of the first line, both ends of the second;
/// - bidirectional: both ends of the long axis, both ends of the short axis;
/// - ellipse: both ends of one axis, both ends of the other, as in a DICOM SCOORD;
/// - rectangle: two opposite corners;
/// - freehand: the corners of a polygon; the last is joined to the first;
/// - point: the point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ShapeFields")]
pub struct Shape {
    kind: ShapeKind,
    points: Vec<Point>,
}

/// A shape as it is stored, before it is checked.
#[derive(Deserialize)]
struct ShapeFields {
    kind: ShapeKind,
    points: Vec<Point>,
}

impl TryFrom<ShapeFields> for Shape {
    type Error = String;

    fn try_from(fields: ShapeFields) -> Result<Self, String> {
        let kind = fields.kind;
        let count = fields.points.len();
        Self::new(kind, fields.points)
            .ok_or_else(|| format!("{count} points are no {}", kind.storage_name()))
    }
}

impl Shape {
    /// A shape with these points; `None` if their number does not fit the kind, or if one is no position on an image.
    pub fn new(kind: ShapeKind, points: Vec<Point>) -> Option<Self> {
        let are_places = points
            .iter()
            .flatten()
            .all(|v| v.is_finite() && v.abs() <= FARTHEST);
        let points: Vec<Point> = points.into_iter().map(|p| p.map(round_to_step)).collect();
        (kind.takes_points(points.len()) && are_places).then_some(Self { kind, points })
    }

    /// What it measures.
    pub fn kind(&self) -> ShapeKind {
        self.kind
    }

    /// Its points; see [`Shape`].
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

/// The nearest coordinate that is kept.
fn round_to_step(value: f64) -> f64 {
    (value * STEPS).round() / STEPS
}

#[cfg(test)]
mod tests;

//! Places measurements of a report on a series: on the slices that they name, or on planes across them.

use super::{
    codes::{self, is_term},
    read::{MeasurementReport, ReportCoordinates, ReportGroup},
};
use labrum_core::{
    boundary::Point,
    hex::hex_text,
    label::new_id,
    measurement::{DrawnMeasurement, MeasurementPlace, Shape, ShapeKind, ViewFrame},
    stack::{Stack, ViewPlane},
    study::Series,
};
use sha2::{Digest, Sha256};

/// Beginning of UIDs that hold a number, PS3.5 B.2.
const NUMBERED: &str = "2.25.";

/// How far points may lie from a plane of the series, in cells.
const ON_PLANE: f64 = 0.5;

/// Distances from the middle of a cell that differ by less than this, in cells, are the same: files round coordinates.
const SAME_DISTANCE: f64 = 0.01;

/// Coordinates that differ by less than this, in pixels, are the same.
const SAME_PLACE: f64 = 1e-3;

/// The measurements of a report that lie on a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundMeasurements {
    /// The measurements.
    pub measurements: Vec<DrawnMeasurement>,
    /// Number of groups about images that are not in the series.
    pub of_others: usize,
    /// What was left out, and why, as clauses.
    pub notes: Vec<String>,
}

/// Places the measurements of a report on `series`. Identifiers follow from the Tracking Unique Identifiers, so that
/// reading a report twice gives the same measurements.
pub fn measurements_in_series(report: &MeasurementReport, series: &Series) -> FoundMeasurements {
    let mut found = FoundMeasurements::default();
    let stack = Stack::from_series(series).ok();
    let target = Target {
        series,
        stack: stack.as_ref(),
        is_own: report.is_own,
    };
    let author = report.observers.join(", ");
    for group in &report.groups {
        let name = match group.name.trim() {
            "" => "a measurement",
            name => name,
        };
        match place_group(group, &target) {
            Ok((place, shape)) => found.measurements.push(DrawnMeasurement {
                id: id_of_group(group),
                name: measurement_name(group, shape.kind()),
                finding: group.finding.clone(),
                author: author.clone(),
                place,
                shape,
            }),
            Err(Misfit::OfOthers) => found.of_others += 1,
            Err(Misfit::Unsupported(reason)) => found.notes.push(format!("{name}: {reason}")),
        }
    }
    found
}

/// What the groups of a report are placed on.
struct Target<'a> {
    series: &'a Series,
    /// `None` if the series is not a volume.
    stack: Option<&'a Stack>,
    /// See [`MeasurementReport::is_own`].
    is_own: bool,
}

/// Why a group has no place on the series.
enum Misfit {
    /// It is about other images.
    OfOthers,
    /// It cannot be shown.
    Unsupported(&'static str),
}

/// The ID of a measurement: the number in its UID, or a hash of its UID.
fn id_of_group(group: &ReportGroup) -> String {
    let Some(uid) = &group.uid else {
        return new_id();
    };
    let number = uid.strip_prefix(NUMBERED).map(str::parse::<u128>);
    match number {
        Some(Ok(number)) => format!("{number:032x}"),
        _ => {
            let hash = Sha256::digest(uid.as_bytes());
            let first: Vec<u8> = hash.iter().take(16).copied().collect();
            hex_text(&first)
        }
    }
}

fn measurement_name(group: &ReportGroup, kind: ShapeKind) -> String {
    let finding = group.finding.as_ref().map(|code| code.meaning.as_str());
    let name = [group.name.as_str(), finding.unwrap_or_default()]
        .into_iter()
        .map(str::trim)
        .find(|name| !name.is_empty());
    let name = name.unwrap_or(kind.display_name());
    name.chars().take(64).collect()
}

fn place_group(
    group: &ReportGroup,
    target: &Target<'_>,
) -> Result<(MeasurementPlace, Shape), Misfit> {
    let (kind, parts) = parts_of_shape(&group.coordinates)?;
    let joined = joined_in_patient(&parts);
    let parts = joined.as_ref().map_or(parts, |all| vec![all]);
    let mut place = None;
    let mut points = Vec::new();
    for part in parts {
        let (here, more) = place_coordinates(part, target)?;
        if place.is_some_and(|place| place != here) {
            return Err(Misfit::Unsupported("its parts lie on different images"));
        }
        place = Some(here);
        points.extend(more);
    }
    let place = place.ok_or(Misfit::Unsupported("it has no coordinates"))?;
    let shape = shape_from_points(kind, points);
    let shape = shape.ok_or(Misfit::Unsupported("its coordinates make no known shape"))?;
    Ok((place, shape))
}

/// What a shape of a report becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A line or a point: its kind follows from the number of points.
    Line,
    CobbAngle,
    Bidirectional,
    Ellipse,
    Circle,
    /// A closed line.
    Region,
}

/// The coordinates that make the shape of a group. Both axes together are one shape; else the first region, else the
/// first line is taken.
fn parts_of_shape(all: &[ReportCoordinates]) -> Result<(Found, Vec<&ReportCoordinates>), Misfit> {
    let of_concept = |term| all.iter().find(|c| is_term(&c.concept, term));
    let axes = [codes::LONG_AXIS, codes::SHORT_AXIS].map(of_concept);
    if let [Some(long), Some(short)] = axes {
        return Ok((Found::Bidirectional, vec![long, short]));
    }
    let first = of_concept(codes::IMAGE_REGION).or_else(|| all.first());
    let first = first.ok_or(Misfit::Unsupported("it has no coordinates"))?;
    let found = match first.graphic.as_str() {
        "ELLIPSE" => Found::Ellipse,
        "CIRCLE" => Found::Circle,
        "POLYGON" => Found::Region,
        "POLYLINE" if is_closed(first) => Found::Region,
        "POLYLINE" if is_term(&first.concept, codes::COBB_ANGLE) => Found::CobbAngle,
        "POLYLINE" | "POINT" => Found::Line,
        _ => return Err(Misfit::Unsupported("its graphic type is not supported")),
    };
    Ok((found, vec![first]))
}

/// The parts of a shape in the patient as one, so that one plane is found for all: a line along the rows lies on a slice and
/// on an orthogonal view. `None` if there is only one part, or if one lies on an image.
fn joined_in_patient(parts: &[&ReportCoordinates]) -> Option<ReportCoordinates> {
    let (first, more) = parts.split_first()?;
    let are_together = parts
        .iter()
        .all(|part| part.dimensions == 3 && part.frame_of_reference == first.frame_of_reference);
    (are_together && !more.is_empty()).then(|| ReportCoordinates {
        values: parts.iter().flat_map(|part| part.values.clone()).collect(),
        ..(*first).clone()
    })
}

/// True for a line that ends where it begins.
fn is_closed(coordinates: &ReportCoordinates) -> bool {
    let points = coordinates.values.chunks_exact(coordinates.dimensions);
    points.len() > 3 && points.clone().next() == points.last()
}

/// Where coordinates lie, and their points there.
fn place_coordinates(
    coordinates: &ReportCoordinates,
    target: &Target<'_>,
) -> Result<(MeasurementPlace, Vec<Point>), Misfit> {
    if coordinates.dimensions == 3 {
        return place_in_patient(coordinates, target);
    }
    let (uid, frames) = coordinates.image.as_ref().ok_or(Misfit::OfOthers)?;
    let mut slices = target
        .series
        .slices
        .iter()
        .enumerate()
        .filter(|(_, slice)| {
            let is_frame = frames.is_empty() || frames.contains(&(slice.source.frame + 1));
            slice.uid_in_file() == Some(uid.as_str()) && is_frame
        });
    let (index, slice) = slices.next().ok_or(Misfit::OfOthers)?;
    if slice.shares_its_uid() {
        return Err(Misfit::Unsupported(
            "several images have the UID that it names",
        ));
    }
    if frames.is_empty() && slices.next().is_some() {
        return Err(Misfit::Unsupported(
            "it does not say on which frame it lies",
        ));
    }
    let points = coordinates.values.as_chunks::<2>().0.to_vec();
    Ok((MeasurementPlace::Slice(index as u32), points))
}

/// Coordinates in the patient: on a slice, or on a plane of columns or rows of the series.
fn place_in_patient(
    coordinates: &ReportCoordinates,
    target: &Target<'_>,
) -> Result<(MeasurementPlace, Vec<Point>), Misfit> {
    let own = target.series.frame_of_reference_uid.as_deref();
    if own.is_none() || coordinates.frame_of_reference.as_deref() != own {
        return Err(Misfit::OfOthers);
    }
    let stack = target.stack.ok_or(Misfit::Unsupported(
        "it lies in the patient, and the series is not a volume",
    ))?;
    let places = coordinates.values.as_chunks::<3>().0.iter();
    let grid: Vec<[f64; 3]> = places.map(|p| stack.grid_from_patient(*p)).collect();
    let first = grid
        .first()
        .ok_or(Misfit::Unsupported("it has no coordinates"))?;
    let plane = plane_of_points(&grid, target.is_own);
    let plane = plane.ok_or(Misfit::Unsupported(
        "it lies on a plane that is neither a slice nor an orthogonal view",
    ))?;
    let axis = plane.normal_axis();
    if first[axis] < 0.0 || first[axis] > stack.size[axis] as f64 {
        return Err(Misfit::OfOthers);
    }
    if plane == ViewPlane::Slice {
        let slice = stack.slice_near(first[2] as usize);
        let points = grid.iter().map(|at| stack.slice_from_grid(slice, *at));
        return Ok((MeasurementPlace::Slice(slice as u32), points.collect()));
    }
    let pane = stack.view_pane(plane);
    // The middle of the cell, where views are drawn: files round coordinates.
    let mut at = *first;
    at[axis] = at[axis].floor() + 0.5;
    let frame = ViewFrame::of_view(stack, &pane, at);
    let points = grid.iter().map(|at| pane.from_grid(*at));
    Ok((MeasurementPlace::View(frame), points.collect()))
}

/// The plane that points of the grid lie on. Of several, as for a line within one slice, it is the one whose middle they are
/// nearest to, since views and slices are drawn there; in reports of this program an orthogonal view. `None` if they lie on
/// no plane.
fn plane_of_points(grid: &[[f64; 3]], is_own: bool) -> Option<ViewPlane> {
    let planes = ViewPlane::ALL.into_iter();
    planes
        .filter(|plane| lie_together(grid, plane.normal_axis()))
        .min_by_key(|plane| {
            let distance = distance_from_middle(grid, plane.normal_axis());
            let steps = (distance / SAME_DISTANCE).round() as i64;
            (is_own && *plane == ViewPlane::Slice, steps)
        })
}

/// True if all points lie on one plane across an axis of the grid.
fn lie_together(grid: &[[f64; 3]], axis: usize) -> bool {
    let first = grid.first().map_or(0.0, |at| at[axis]);
    grid.iter().all(|at| (at[axis] - first).abs() < ON_PLANE)
}

/// The largest distance of points from the middle of the cell of the first one, along an axis, in cells.
fn distance_from_middle(grid: &[[f64; 3]], axis: usize) -> f64 {
    let middle = grid.first().map_or(0.0, |at| at[axis].floor() + 0.5);
    grid.iter()
        .map(|at| (at[axis] - middle).abs())
        .fold(0.0, f64::max)
}

fn shape_from_points(found: Found, mut points: Vec<Point>) -> Option<Shape> {
    let kind = match (found, points.len()) {
        (Found::Line, 1) => ShapeKind::Point,
        (Found::Line, 2) => ShapeKind::Length,
        (Found::Line, 3) => ShapeKind::Angle,
        // Two lines that meet at the vertex.
        (Found::Line, 4) if points[1] == points[2] => {
            points.remove(2);
            ShapeKind::Angle
        }
        (Found::Line, _) => return None,
        (Found::CobbAngle, _) => ShapeKind::CobbAngle,
        (Found::Bidirectional, _) => ShapeKind::Bidirectional,
        (Found::Ellipse, _) => ShapeKind::Ellipse,
        (Found::Circle, 2) => {
            points = circle_axes(points[0], points[1]);
            ShapeKind::Ellipse
        }
        (Found::Circle, _) => return None,
        (Found::Region, _) => {
            if points.len() > 1 && points.first() == points.last() {
                points.pop();
            }
            return region_from_corners(points);
        }
    };
    Shape::new(kind, points)
}

/// The ends of two axes of a circle, from its centre and a point on it.
fn circle_axes(center: Point, on: Point) -> Vec<Point> {
    let [dx, dy] = [on[0] - center[0], on[1] - center[1]];
    vec![
        [center[0] - dx, center[1] - dy],
        [center[0] + dx, center[1] + dy],
        [center[0] + dy, center[1] - dx],
        [center[0] - dy, center[1] + dx],
    ]
}

/// True if a side keeps the coordinate of an axis, but for rounding in the file.
fn keeps_axis(a: &Point, b: &Point, axis: usize) -> bool {
    (a[axis] - b[axis]).abs() < SAME_PLACE && (a[1 - axis] - b[1 - axis]).abs() >= SAME_PLACE
}

fn is_level(a: &Point, b: &Point) -> bool {
    keeps_axis(a, b, 1)
}

fn is_upright(a: &Point, b: &Point) -> bool {
    keeps_axis(a, b, 0)
}

/// A rectangle if four corners lie along rows and columns, else a freehand region.
fn region_from_corners(corners: Vec<Point>) -> Option<Shape> {
    if let [a, b, c, d] = corners.as_slice() {
        let starts_level = is_level(a, b) && is_upright(b, c) && is_level(c, d) && is_upright(d, a);
        let starts_upright =
            is_upright(a, b) && is_level(b, c) && is_upright(c, d) && is_level(d, a);
        if starts_level || starts_upright {
            return Shape::new(ShapeKind::Rectangle, vec![*a, *c]);
        }
    }
    Shape::new(ShapeKind::Freehand, corners)
}

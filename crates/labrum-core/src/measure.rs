//! Area, perimeter, longest diameter and volume of labels, in mm if the scale is known, else in pixels.
//!
//! Area, perimeter and volume cover all pieces of a label together; the diameter is the longest within one piece. A
//! label that spans ultrasound regions with different scales is measured in pixels. To measure pieces separately, give
//! them labels of their own.

use super::{
    boundary::{Point, ring_segments, trace_contours},
    geometry::PixelSpacing,
    mask::Mask,
    region::{PixelRect, Region},
    scale::{NoLength, Scale},
    tools::components,
};
use std::f64::consts::PI;

/// Unit of lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Millimetres; areas are in mm², volumes in mm³.
    Millimetre,
    /// Pixels, as no physical spacing is known.
    Pixel,
}

impl Unit {
    /// "mm" or "px".
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Millimetre => "mm",
            Self::Pixel => "px",
        }
    }
}

/// The longest straight line between two boundary points of one piece of a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diameter {
    /// Length in the unit of the measurement.
    pub length: f64,
    /// End points in pixel coordinates, at midpoints of pixel edges; between pixel corners discs would measure a pixel
    /// too wide.
    pub ends: [Point; 2],
}

/// Measurements of one label on one slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// Label value.
    pub label: u8,
    /// Number of pixels.
    pub pixels: usize,
    /// Pixel spacing, or why it is unknown.
    pub spacing: Result<PixelSpacing, NoLength>,
    /// Unit of the following values.
    pub unit: Unit,
    /// Number of pixels times the area of a pixel.
    pub area: f64,
    /// Length of the smoothed contours ([`super::boundary::Contour::taubin_smoothed`]), including holes. Within 1 % for
    /// discs with a radius of at least 3 pixels, where the pixel staircase would be 27 % too long.
    pub perimeter: f64,
    /// Maximum Feret diameter over all pieces.
    pub longest_diameter: Diameter,
}

/// Measures `label`; `None` if the mask has no pixels of it.
pub fn measure_label(mask: &Mask, label: u8, scale: &Scale) -> Option<Measurement> {
    let pixels = mask.count_pixels(label);
    if pixels == 0 {
        return None;
    }
    let spacing = scale.of_label(mask, label);
    let unit = if spacing.is_ok() {
        Unit::Millimetre
    } else {
        Unit::Pixel
    };
    // An aspect ratio alone gives no length, so lengths stay in stored pixels.
    let [width, height] = spacing.map_or([1.0, 1.0], |s| [s.column, s.row]);
    let contours = trace_contours(mask, label);
    let pieces = contours.iter().filter(|c| !c.is_hole);
    let diameters = pieces.filter_map(|piece| {
        let rim: Vec<Point> = piece.edge_midpoints().collect();
        longest_diameter(&rim, [width, height])
    });
    Some(Measurement {
        label,
        pixels,
        spacing,
        unit,
        area: pixels as f64 * width * height,
        perimeter: contours
            .iter()
            .map(|c| ring_length(&c.taubin_smoothed().points, [width, height]))
            .sum(),
        longest_diameter: diameters.max_by(|a, b| a.length.total_cmp(&b.length))?,
    })
}

/// Measures every label in 1..=`labels` that occurs in the mask.
pub fn measure_all(mask: &Mask, labels: u8, scale: &Scale) -> Vec<Measurement> {
    (1..=labels)
        .filter_map(|label| measure_label(mask, label, scale))
        .collect()
}

/// Volume of `label` over the slices of a series, in mm³: areas times the distance between slices (`slice_spacing`,
/// mm). `None` if either is not known in mm.
pub fn label_volume<'a>(
    slices: impl IntoIterator<Item = (&'a Mask, Scale)>,
    label: u8,
    slice_spacing: Option<f64>,
) -> Option<f64> {
    let slice_spacing = slice_spacing?;
    let mut volume = 0.0;
    for (mask, scale) in slices {
        let pixels = mask.count_pixels(label);
        if pixels > 0 {
            let spacing = scale.of_label(mask, label).ok()?;
            volume += pixels as f64 * spacing.row * spacing.column * slice_spacing;
        }
    }
    Some(volume)
}

/// Circumference of the ellipse with the same second moments as the largest piece of `label`; used for head
/// circumference, where the skull outline may be incomplete. `spacing` is the distance between rows, then between
/// columns; the result is in its unit. `None` if the mask has no pixels of the label.
///
/// Ramanujan's second approximation, accurate to 1e-5 for ellipses as round as a head.
pub fn ellipse_circumference(mask: &Mask, label: u8, spacing: [f64; 2]) -> Option<f64> {
    let (columns, labels) = (mask.columns(), mask.pixel_labels());
    let window = PixelRect::full_frame(columns, mask.rows());
    let inside = Region::from_fn(&window, |column, row| {
        labels[row * columns + column] == label
    });
    let piece = components::largest_component(&inside);
    if piece.is_empty() {
        return None;
    }
    let x = mean_over_pixels(&piece, spacing, |p| p[0]);
    let y = mean_over_pixels(&piece, spacing, |p| p[1]);
    // Each pixel is a square, not a point, so its own moment is added.
    let xx = mean_over_pixels(&piece, spacing, |p| (p[0] - x).powi(2)) + spacing[1].powi(2) / 12.0;
    let yy = mean_over_pixels(&piece, spacing, |p| (p[1] - y).powi(2)) + spacing[0].powi(2) / 12.0;
    let xy = mean_over_pixels(&piece, spacing, |p| (p[0] - x) * (p[1] - y));
    let middle = (xx + yy) / 2.0;
    let apart = ((xx - yy) / 2.0).hypot(xy);
    // The second moment of a filled ellipse along a semi-axis a is a² / 4.
    let a = 2.0 * (middle + apart).sqrt();
    let b = 2.0 * (middle - apart).max(0.0).sqrt();
    let h = ((a - b) / (a + b)).powi(2);
    Some(PI * (a + b) * (1.0 + 3.0 * h / (10.0 + (4.0 - 3.0 * h).sqrt())))
}

/// Mean of `value` over the pixel positions (x, y) of a region, in the unit of `spacing` (rows, columns).
#[inline]
fn mean_over_pixels(region: &Region, spacing: [f64; 2], value: impl Fn([f64; 2]) -> f64) -> f64 {
    let pixels = region
        .spans()
        .iter()
        .flat_map(|span| (span.start..span.end).map(|column| (column, span.row)));
    let places = pixels.map(|(column, row)| [column as f64 * spacing[1], row as f64 * spacing[0]]);
    places.map(value).sum::<f64>() / region.len() as f64
}

fn ring_length(ring: &[Point], size: [f64; 2]) -> f64 {
    ring_segments(ring)
        .map(|(a, b)| scaled_distance(a, b, size))
        .sum()
}

fn scaled_distance(a: Point, b: Point, size: [f64; 2]) -> f64 {
    ((a[0] - b[0]) * size[0]).hypot((a[1] - b[1]) * size[1])
}

/// Maximum Feret diameter: the farthest pair of points of the convex hull, by rotating calipers (Shamos 1978).
fn longest_diameter(points: &[Point], size: [f64; 2]) -> Option<Diameter> {
    let hull = convex_hull(points);
    let n = hull.len();
    let mut best: Option<Diameter> = None;
    let mut far = 1 % n.max(1);
    for i in 0..n {
        let (a, b) = (hull[i], hull[(i + 1) % n]);
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
    let length = scaled_distance(ends[0], ends[1], size);
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
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::geometry::SpacingSource;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    fn draw(columns: usize, rows: usize, inside: impl Fn(f64, f64) -> bool) -> Mask {
        let label = |i: usize| {
            u8::from(inside(
                (i % columns) as f64 + 0.5,
                (i / columns) as f64 + 0.5,
            ))
        };
        Mask::from_labels(columns, rows, (0..columns * rows).map(label).collect()).unwrap()
    }

    fn mm(row: f64, column: f64) -> Scale {
        Some(PixelSpacing {
            row,
            column,
            source: SpacingSource::PixelSpacing,
        })
        .into()
    }

    #[test]
    fn discs_measure_like_circles() {
        for radius in [3.0, 5.5, 10.0, 25.0, 60.0] {
            let centre = 70.2;
            let disc = draw(140, 140, |x, y| (x - centre).hypot(y - centre) < radius);
            let m = measure_label(&disc, 1, &Scale::default()).unwrap();
            let off = m.perimeter / (2.0 * PI * radius) - 1.0;
            assert!(off.abs() < 0.03, "radius {radius}: {off}");
            if radius > 8.0 {
                assert!(off.abs() < 0.01, "radius {radius}: {off}");
            }
            assert!(
                (m.longest_diameter.length - 2.0 * radius).abs() < 1.0,
                "radius {radius}: {:?}",
                m.longest_diameter
            );
        }
    }

    #[test]
    fn the_circumference_of_an_ellipse_is_right_despite_other_components() {
        // Semi-axes 30 and 20, rotated by 30 degrees: circumference 158.65 (elliptic integral).
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let inside = |x: f64, y: f64| {
            let (u, v) = (
                (x - 50.0) * cos + (y - 50.0) * sin,
                (y - 50.0) * cos - (x - 50.0) * sin,
            );
            (u / 30.0).hypot(v / 20.0) < 1.0
        };
        let whole = draw(100, 100, |x, y| inside(x, y) || (x < 5.0 && y < 5.0));
        let around = ellipse_circumference(&whole, 1, [1.0, 1.0]).unwrap();
        assert!((around - 158.65).abs() < 0.5, "{around}");
        let flat = draw(100, 100, |x, y| inside(x, 2.0 * y));
        let around = ellipse_circumference(&flat, 1, [2.0, 1.0]).unwrap();
        assert!((around - 158.65).abs() < 0.8, "{around}");
        assert_eq!(ellipse_circumference(&whole, 2, [1.0, 1.0]), None);
    }

    #[test]
    fn lengths_use_anisotropic_pixel_spacing() {
        // An ellipse in pixels that is a circle with a radius of 20 mm.
        let disc = draw(120, 120, |x, y| {
            ((x - 60.0) * 0.5).hypot((y - 60.0) * 0.8) < 20.0
        });
        let m = measure_label(&disc, 1, &mm(0.8, 0.5)).unwrap();
        assert_eq!(m.unit, Unit::Millimetre);
        assert!((m.area / (PI * 400.0) - 1.0).abs() < 0.01);
        assert!(
            (m.perimeter / (2.0 * PI * 20.0) - 1.0).abs() < 0.015,
            "{}",
            m.perimeter
        );
        assert!((m.longest_diameter.length / 40.0 - 1.0).abs() < 0.03);
    }

    #[test]
    fn a_square_has_its_diagonal_as_longest_diameter() {
        let square = draw(20, 20, |x, y| x > 5.0 && x < 15.0 && y > 5.0 && y < 15.0);
        let m = measure_label(&square, 1, &Scale::default()).unwrap();
        assert_eq!((m.pixels, m.area, m.unit), (100, 100.0, Unit::Pixel));
        assert!((m.longest_diameter.length - 181f64.sqrt()).abs() < 1e-9);
        assert!(
            (m.perimeter / 40.0 - 1.0).abs() < 0.06,
            "corners are rounded: {}",
            m.perimeter
        );
    }

    #[test]
    fn the_longest_diameter_is_that_of_one_component() {
        let head = |x: f64, y: f64| (x - 50.0).hypot(y - 50.0) < 20.0;
        let alone = measure_label(&draw(160, 100, head), 1, &Scale::default()).unwrap();
        let with_dot = draw(160, 100, |x, y| {
            head(x, y) || (x - 150.0).hypot(y - 10.0) < 3.0
        });
        let beside = measure_label(&with_dot, 1, &Scale::default()).unwrap();
        assert_eq!(alone.longest_diameter, beside.longest_diameter);
        assert!(beside.area > alone.area && beside.perimeter > alone.perimeter);
    }

    #[test]
    fn a_hole_adds_to_the_perimeter_and_not_to_the_area() {
        let ring = draw(80, 80, |x, y| {
            (10.0..30.0).contains(&(x - 40.0).hypot(y - 40.0))
        });
        let m = measure_label(&ring, 1, &Scale::default()).unwrap();
        assert!((m.area / (PI * 800.0) - 1.0).abs() < 0.01);
        assert!((m.perimeter / (2.0 * PI * 40.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn areas_of_separate_components_add_up_and_their_diameters_do_not() {
        let two = draw(9, 9, |x, y| (x < 1.0 && y < 1.0) || (x > 8.0 && y > 8.0));
        let one = draw(9, 9, |x, y| x < 1.0 && y < 1.0);
        let [two, one] = [two, one].map(|mask| measure_label(&mask, 1, &Scale::default()).unwrap());
        assert_eq!(
            (two.area, two.longest_diameter.length),
            (2.0 * one.area, one.longest_diameter.length)
        );
    }

    #[test]
    fn an_absent_label_has_no_measurement() {
        assert_eq!(
            measure_label(&Mask::new_blank(4, 4), 1, &Scale::default()),
            None
        );
        assert_eq!(
            measure_all(&Mask::new_blank(4, 4), 3, &Scale::default()),
            []
        );
    }

    #[test]
    fn an_aspect_ratio_gives_no_lengths() {
        let ratio: Scale = Some(PixelSpacing {
            row: 2.0,
            column: 1.0,
            source: SpacingSource::AspectRatioOnly,
        })
        .into();
        let dot = draw(3, 3, |x, y| x == 1.5 && y == 1.5);
        let measured = measure_label(&dot, 1, &ratio).unwrap();
        assert_eq!(
            (measured.unit, measured.spacing),
            (Unit::Pixel, Err(NoLength::ShapeOnly))
        );
        assert_eq!(label_volume([(&dot, ratio)], 1, Some(1.0)), None);
    }

    #[test]
    fn volume_is_area_times_slice_distance() {
        let dot = draw(3, 3, |x, y| x == 1.5 && y == 1.5);
        assert_eq!(
            label_volume([(&dot, mm(0.5, 0.5)), (&dot, mm(0.5, 0.5))], 1, Some(4.0)),
            Some(2.0)
        );
        assert_eq!(label_volume([(&dot, mm(0.5, 0.5))], 1, None), None);
    }

    proptest! {
        #[test]
        fn the_longest_diameter_agrees_with_an_exhaustive_search(
            labels in prop::collection::vec(0u8..2, 70), row in 0.2f64..3.0
        ) {
            let mask = Mask::from_labels(10, 7, labels).unwrap();
            let Some(m) = measure_label(&mask, 1, &mm(row, 1.0)) else { return Ok(()) };
            let farthest_in = |rim: Vec<Point>| {
                let pairs = rim.iter().flat_map(|a| rim.iter().map(move |b| scaled_distance(*a, *b, [1.0, row])));
                pairs.fold(0.0, f64::max)
            };
            let farthest = trace_contours(&mask, 1).iter().map(|c| farthest_in(c.edge_midpoints().collect())).fold(0.0, f64::max);
            prop_assert!((farthest - m.longest_diameter.length).abs() < 1e-9);
        }
    }
}

//! Area, perimeter, diameters, ellipse and volume of labels, in mm if the scale is known, else in pixels.
//!
//! Area, perimeter and volume cover all pieces of a label together; the diameters are those of the piece with the
//! longest one, the ellipse is that of the largest piece. A label that spans ultrasound regions with different scales
//! is measured in pixels. To measure pieces separately, give them labels of their own.

mod diameters;
mod ellipse;

pub use diameters::Diameter;
pub(crate) use ellipse::ellipse_perimeter;
pub use ellipse::{FittedEllipse, ellipse_circumference, fit_ellipse};

use super::{
    boundary::{Point, ring_segments, trace_contours},
    geometry::PixelSpacing,
    mask::Mask,
    scale::{NoLength, Scale},
    vector::pixel_distance,
};
use diameters::{longest_diameter, short_axis};
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
    /// The largest width of the same piece perpendicular to its longest diameter.
    pub short_axis: Diameter,
    /// The ellipse with the same second moments as the largest piece.
    pub ellipse: FittedEllipse,
}

impl Measurement {
    /// 4 pi area / perimeter²: 1 for a disc, less for any other shape; holes and further pieces count as well.
    pub fn circularity(&self) -> f64 {
        if self.perimeter > 0.0 {
            // A staircase of few pixels can be smoothed to a line that is a little too short.
            (4.0 * PI * self.area / self.perimeter.powi(2)).min(1.0)
        } else {
            0.0
        }
    }
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
    let size = spacing.map_or([1.0, 1.0], |s| [s.column, s.row]);
    let contours = trace_contours(mask, label);
    let (longest_diameter, rim) = contours
        .iter()
        .filter(|c| !c.is_hole)
        .filter_map(|piece| {
            let rim: Vec<Point> = piece.edge_midpoints().collect();
            Some((longest_diameter(&rim, size)?, rim))
        })
        .max_by(|(a, _), (b, _)| a.length.total_cmp(&b.length))?;
    Some(Measurement {
        label,
        pixels,
        spacing,
        unit,
        area: pixels as f64 * size[0] * size[1],
        perimeter: contours
            .iter()
            .map(|c| ring_length(&c.taubin_smoothed().points, size))
            .sum(),
        longest_diameter,
        short_axis: short_axis(&rim, &longest_diameter, size),
        ellipse: fit_ellipse(mask, label, [size[1], size[0]])?,
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

fn ring_length(ring: &[Point], size: [f64; 2]) -> f64 {
    ring_segments(ring)
        .map(|(a, b)| pixel_distance(a, b, size))
        .sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::geometry::SpacingSource;
    use proptest::prelude::*;

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

    #[test]
    fn a_fitted_ellipse_has_the_axes_that_were_drawn() {
        // Half axes 30 and 20 mm, turned by 30 degrees, rows 0.8 mm and columns 0.5 mm apart.
        let (sin, cos) = 30f64.to_radians().sin_cos();
        let head = draw(160, 120, |x, y| {
            let (x, y) = ((x - 80.0) * 0.5, (y - 60.0) * 0.8);
            ((x * cos + y * sin) / 30.0).hypot((y * cos - x * sin) / 20.0) < 1.0
        });
        let m = measure_label(&head, 1, &mm(0.8, 0.5)).unwrap();
        let [long, short] = m.ellipse.axes;
        assert!(
            (long - 60.0).abs() < 0.2 && (short - 40.0).abs() < 0.2,
            "{m:?}"
        );
        assert!((m.ellipse.angle - 30f64.to_radians()).abs() < 0.01);
        assert!((m.ellipse.center[0] - 80.0).abs() < 0.1);
        assert!((m.ellipse.center[1] - 60.0).abs() < 0.1);
        // By the complete elliptic integral.
        assert!((m.ellipse.circumference() - 158.654).abs() < 0.5);
        // The width perpendicular to the longest diameter is the short axis.
        assert!((m.short_axis.length - 40.0).abs() < 1.0, "{m:?}");
        // 4 pi x 600 pi / 158.654².
        assert!(
            (m.circularity() - 0.941).abs() < 0.03,
            "{}",
            m.circularity()
        );
    }

    #[test]
    fn a_disc_is_circular_and_as_wide_as_it_is_long() {
        let disc = draw(100, 100, |x, y| (x - 50.0).hypot(y - 50.0) < 40.0);
        let m = measure_label(&disc, 1, &Scale::default()).unwrap();
        assert!((m.short_axis.length - 80.0).abs() < 1.0, "{m:?}");
        assert!(m.circularity() > 0.97, "{}", m.circularity());
        let line = draw(100, 100, |x, y| {
            y as usize == 50 && (10.0..90.0).contains(&x)
        });
        let m = measure_label(&line, 1, &Scale::default()).unwrap();
        assert!(m.circularity() < 0.1, "{}", m.circularity());
        assert!(m.short_axis.length <= 1.0 + 1e-9, "{m:?}");
    }

    proptest! {
        #[test]
        fn the_longest_diameter_agrees_with_an_exhaustive_search(
            labels in prop::collection::vec(0u8..2, 70), row in 0.2f64..3.0
        ) {
            let mask = Mask::from_labels(10, 7, labels).unwrap();
            let Some(m) = measure_label(&mask, 1, &mm(row, 1.0)) else { return Ok(()) };
            let farthest_in = |rim: Vec<Point>| {
                let pairs = rim.iter().flat_map(|a| rim.iter().map(move |b| pixel_distance(*a, *b, [1.0, row])));
                pairs.fold(0.0, f64::max)
            };
            let farthest = trace_contours(&mask, 1).iter().map(|c| farthest_in(c.edge_midpoints().collect())).fold(0.0, f64::max);
            prop_assert!((farthest - m.longest_diameter.length).abs() < 1e-9);
        }

        #[test]
        fn the_short_axis_is_the_widest_of_many_perpendicular_lines(
            labels in prop::collection::vec(0u8..2, 70), row in 0.2f64..3.0
        ) {
            let mask = Mask::from_labels(10, 7, labels).unwrap();
            let Some(m) = measure_label(&mask, 1, &mm(row, 1.0)) else { return Ok(()) };
            let rims = trace_contours(&mask, 1);
            let rims: Vec<Vec<Point>> = rims.iter().map(|c| c.edge_midpoints().collect()).collect();
            let [from, to] = m.longest_diameter.ends;
            let rim = rims.iter().find(|rim| rim.contains(&from) && rim.contains(&to)).unwrap();
            let axis = [(to[0] - from[0]) / m.longest_diameter.length, (to[1] - from[1]) * row / m.longest_diameter.length];
            let turned: Vec<Point> = rim.iter().map(|p| {
                let (x, y) = (p[0] - from[0], (p[1] - from[1]) * row);
                [x * axis[0] + y * axis[1], y * axis[0] - x * axis[1]]
            }).collect();
            let mut widest = 0.0f64;
            for along in turned.iter().map(|p| p[0]) {
                let mut ends = [f64::INFINITY, f64::NEG_INFINITY];
                for (a, b) in ring_segments(&turned) {
                    let t = if a[0] == b[0] { 0.0 } else { (along - a[0]) / (b[0] - a[0]) };
                    if (0.0..=1.0).contains(&t) && (a[0] != b[0] || a[0] == along) {
                        let across = a[1] + t * (b[1] - a[1]);
                        ends = [ends[0].min(across), ends[1].max(across)];
                    }
                }
                widest = widest.max(ends[1] - ends[0]);
            }
            prop_assert!((widest - m.short_axis.length).abs() < 1e-6, "{} {}", widest, m.short_axis.length);
        }
    }
}

//! The ellipse that fits a label: for fetal heads its circumference, and its short axis as biparietal diameter.

use crate::{
    boundary::Point,
    mask::Mask,
    region::{PixelRect, Region},
    tools::components,
};
use std::f64::consts::PI;

/// The ellipse with the same centre and second moments as the largest piece of a label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FittedEllipse {
    /// Its centre in pixel coordinates.
    pub center: Point,
    /// Full lengths of its axes, the longer first, in the unit of the spacing.
    pub axes: [f64; 2],
    /// Direction of the longer axis, from the direction of rows towards that of columns, in radians, in the unit of the
    /// spacing.
    pub angle: f64,
}

impl FittedEllipse {
    /// Its circumference.
    pub fn circumference(&self) -> f64 {
        ellipse_perimeter(self.axes.map(|axis| axis / 2.0))
    }
}

/// Fits an ellipse to the largest piece of `label` by its second moments: the skull outline may be incomplete.
/// `spacing` is the distance between rows, then between columns; lengths are in its unit. `None` if the mask has no
/// pixels of the label.
pub fn fit_ellipse(mask: &Mask, label: u8, spacing: [f64; 2]) -> Option<FittedEllipse> {
    let columns = mask.columns();
    let labels = mask.pixel_labels();
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
    Some(FittedEllipse {
        center: [x / spacing[1] + 0.5, y / spacing[0] + 0.5],
        axes: [
            4.0 * (middle + apart).sqrt(),
            4.0 * (middle - apart).max(0.0).sqrt(),
        ],
        angle: (2.0 * xy).atan2(xx - yy) / 2.0,
    })
}

/// Circumference of the ellipse of [`fit_ellipse`]. `spacing` is the distance between rows, then between columns; the
/// result is in its unit. `None` if the mask has no pixels of the label.
pub fn ellipse_circumference(mask: &Mask, label: u8, spacing: [f64; 2]) -> Option<f64> {
    fit_ellipse(mask, label, spacing).map(|ellipse| ellipse.circumference())
}

/// Circumference of an ellipse from its half axes: Ramanujan's second approximation, accurate to 1e-5 for ellipses as
/// round as a head, and to 4e-4 for a line.
pub(crate) fn ellipse_perimeter([a, b]: [f64; 2]) -> f64 {
    if a + b == 0.0 {
        return 0.0;
    }
    let h = ((a - b) / (a + b)).powi(2);
    PI * (a + b) * (1.0 + 3.0 * h / (10.0 + (4.0 - 3.0 * h).sqrt()))
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

//! Pixel spacing, and the position of the image plane in the patient.

use crate::vector::{cross_product, dot_product, vector_length};
use serde::{Deserialize, Serialize};
use std::array;

/// Source of a pixel spacing; measurements name it unless it is calibrated in the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpacingSource {
    /// Pixel Spacing (0028,0030): calibrated in the patient.
    PixelSpacing,
    /// Imager Pixel Spacing (0018,1164): at the detector, not corrected for magnification.
    ImagerPixelSpacing,
    /// Sequence of Ultrasound Regions (0018,6011): physical delta of a region.
    UltrasoundRegion,
    /// Pixel Aspect Ratio (0028,0034): a ratio without a length.
    AspectRatioOnly,
    /// pHYs chunk, EXIF or sidecar file of an image file such as PNG.
    Picture,
    /// The header of a NIfTI volume.
    Nifti,
}

impl SpacingSource {
    /// Its display name: "Pixel Spacing", "ultrasound region".
    pub fn display_name(self) -> &'static str {
        match self {
            Self::PixelSpacing => "Pixel Spacing",
            Self::ImagerPixelSpacing => "Imager Pixel Spacing",
            Self::UltrasoundRegion => "ultrasound region",
            Self::AspectRatioOnly => "Pixel Aspect Ratio",
            Self::Picture => "pixel_spacing_mm.csv",
            Self::Nifti => "NIfTI header",
        }
    }
}

/// Distance between the centres of adjacent pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PixelSpacing {
    /// Between rows, down the image, in mm (or relative for [`SpacingSource::AspectRatioOnly`]).
    pub row: f64,
    /// Between columns, along a row, in mm (or relative).
    pub column: f64,
    /// Where the spacing comes from.
    pub source: SpacingSource,
}

impl PixelSpacing {
    /// True if lengths can be given in mm.
    pub fn is_physical(&self) -> bool {
        self.source != SpacingSource::AspectRatioOnly
    }
}

/// The plane of one slice in patient coordinates (LPS, mm), DICOM PS3.3 C.7.6.2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// Image Position (Patient): centre of the first pixel.
    pub position: [f64; 3],
    /// Image Orientation (Patient): direction of a row (increasing x), then of a column (increasing y).
    pub orientation: [f64; 6],
}

impl Plane {
    /// Unit normal: row direction x column direction.
    pub fn unit_normal(&self) -> [f64; 3] {
        let [a, b, c, d, e, f] = self.orientation;
        let n = cross_product([a, b, c], [d, e, f]);
        let length = vector_length(n);
        if length > 0.0 {
            n.map(|v| v / length)
        } else {
            n
        }
    }

    /// Position of the slice along its normal in mm, for sorting slices.
    pub fn distance_along_normal(&self) -> f64 {
        dot_product(self.unit_normal(), self.position)
    }

    /// Patient coordinates (mm) of pixel (`column`, `row`).
    pub fn patient_from_pixel(&self, spacing: PixelSpacing, column: f64, row: f64) -> [f64; 3] {
        array::from_fn(|i| {
            self.position[i]
                + self.orientation[i] * spacing.column * column
                + self.orientation[i + 3] * spacing.row * row
        })
    }
}

/// A patient coordinate with the letter of its side: "R 32.4" for -32.4 along `axis` 0 (LPS, mm).
///
/// An axis other than 0, 1 or 2 counts as 2.
pub fn side_position(axis: usize, value: f64) -> String {
    let sides = [["L", "R"], ["P", "A"], ["H", "F"]];
    let [positive, negative] = sides[axis.min(2)];
    let figure = format!("{:.1}", value.abs());
    let side = if value < 0.0 && figure != "0.0" {
        negative
    } else {
        positive
    };
    format!("{side} {figure}")
}

#[cfg(test)]
mod tests {
    use super::side_position;

    #[test]
    fn a_coordinate_is_given_by_its_side() {
        assert_eq!(side_position(0, -32.4), "R 32.4");
        assert_eq!(side_position(1, 5.8), "P 5.8");
        assert_eq!(side_position(2, -0.01), "H 0.0");
        assert_eq!(side_position(2, -90.2), "F 90.2");
    }
}

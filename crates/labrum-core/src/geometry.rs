//! Where pixels lie: spacing in the image plane and the plane's place in the patient.

use serde::{Deserialize, Serialize};

/// Which DICOM attribute a spacing was taken from; measurements name it when it is not the patient's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpacingSource {
    /// Pixel Spacing (0028,0030): in the patient.
    PixelSpacing,
    /// Imager Pixel Spacing (0018,1164): at the detector, not corrected for magnification.
    ImagerPixelSpacing,
    /// Sequence of Ultrasound Regions (0018,6011): physical delta of a region.
    UltrasoundRegion,
    /// Pixel Aspect Ratio (0028,0034): a shape, not a length.
    AspectRatioOnly,
    /// The pHYs chunk, EXIF or a side file of an ordinary picture.
    Picture,
    /// The header of a NIfTI volume.
    Nifti,
}

/// The distance between the centres of neighbouring pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PixelSpacing {
    /// Between rows, down the image, in mm (or relative for [`SpacingSource::AspectRatioOnly`]).
    pub row: f64,
    /// Between columns, along a row, in mm (or relative).
    pub column: f64,
    /// Where it was found.
    pub source: SpacingSource,
}

impl PixelSpacing {
    /// True where lengths in mm may be told.
    pub fn is_physical(&self) -> bool {
        self.source != SpacingSource::AspectRatioOnly
    }
}

/// The plane of one slice in the patient coordinate system (LPS, mm), DICOM PS3.3 C.7.6.2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plane {
    /// Image Position (Patient): centre of the first pixel.
    pub position: [f64; 3],
    /// Image Orientation (Patient): direction of a row (x grows), then of a column (y grows).
    pub orientation: [f64; 6],
}

impl Plane {
    /// Unit normal: row direction x column direction.
    pub fn unit_normal(&self) -> [f64; 3] {
        let [a, b, c, d, e, f] = self.orientation;
        let n = [b * f - c * e, c * d - a * f, a * e - b * d];
        let length = (n[0] * n[0] + n[1] * n[1] + n[2] * n[2]).sqrt();
        if length > 0.0 {
            n.map(|v| v / length)
        } else {
            n
        }
    }

    /// The slice's place along its normal, in mm: what slices are ordered by.
    pub fn distance_along_normal(&self) -> f64 {
        let n = self.unit_normal();
        (0..3).map(|i| n[i] * self.position[i]).sum()
    }

    /// Patient coordinates (mm) of pixel (`column`, `row`).
    pub fn patient_from_pixel(&self, spacing: PixelSpacing, column: f64, row: f64) -> [f64; 3] {
        std::array::from_fn(|i| {
            self.position[i]
                + self.orientation[i] * spacing.column * column
                + self.orientation[i + 3] * spacing.row * row
        })
    }
}

//! Geometry of the frames of a segmentation: that of the source, a synthetic one for programs that require one, or
//! none.

use super::{element::new_uid, origin::Origin};
use labrum_core::{
    geometry::{PixelSpacing, Plane},
    study::Series,
};

/// Pixel Measures of a frame, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measures {
    /// Between rows and between columns.
    pub(super) spacing: [f64; 2],
    pub(super) thickness: f64,
    pub(super) between_slices: Option<f64>,
}

/// Geometry of all slices.
#[derive(Clone, Debug)]
pub(super) struct SeriesGeometry {
    pub(super) frame_of_reference: String,
    /// One for each slice.
    pub(super) planes: Vec<Plane>,
    /// One for each slice.
    pub(super) measures: Vec<Measures>,
    /// True if it does not come from the source.
    pub(super) is_synthetic: bool,
}

impl SeriesGeometry {
    /// The geometry to write for `series`; `None` for images without one.
    ///
    /// A SEG needs references to its source or a geometry (PS3.3 A.51.5), so image files that are not DICOM get a
    /// synthetic one.
    pub(super) fn from_series(
        series: &Series,
        origin: &Origin,
        wants_geometry: bool,
        warnings: &mut Vec<String>,
    ) -> Option<Self> {
        if let Some(space) = Self::of_patient(series, origin, warnings) {
            return Some(space);
        }
        (wants_geometry || origin.references.is_none()).then(|| Self::synthetic_stack(series))
    }

    fn of_patient(series: &Series, origin: &Origin, warnings: &mut Vec<String>) -> Option<Self> {
        let planes: Vec<Plane> = series
            .slices
            .iter()
            .map(|s| s.plane)
            .collect::<Option<_>>()?;
        let spacings: Vec<PixelSpacing> = series
            .slices
            .iter()
            .map(|s| s.spacing.filter(|s| s.is_physical()))
            .collect::<Option<_>>()?;
        let first = planes.first()?;
        // Slice spacing is defined only for parallel slices.
        let parallel = planes.iter().all(|p| same_direction(p, first));
        let between_slices = if parallel {
            series.slice_spacing()
        } else {
            None
        };
        let frame_of_reference = series
            .frame_of_reference_uid
            .clone()
            .filter(|uid| super::clean::is_uid(uid));
        let frame_of_reference = frame_of_reference.unwrap_or_else(|| {
            warnings.push(
                "the source has no valid Frame of Reference UID; a new one was created".into(),
            );
            new_uid()
        });
        let thickness = origin
            .slice_thickness
            .or(between_slices)
            .unwrap_or_else(|| {
                warnings.push("the source has no Slice Thickness; 1 mm is assumed".into());
                1.0
            });
        let measures = spacings
            .iter()
            .map(|s| Measures {
                spacing: [s.row, s.column],
                thickness,
                between_slices,
            })
            .collect();
        Some(Self {
            frame_of_reference,
            planes,
            measures,
            is_synthetic: false,
        })
    }

    /// A straight stack of slices 1 mm apart, with the known pixel spacing or 1 mm.
    fn synthetic_stack(series: &Series) -> Self {
        Self {
            frame_of_reference: new_uid(),
            planes: (0..series.slices.len()).map(synthetic_plane).collect(),
            measures: series
                .slices
                .iter()
                .map(|slice| synthetic_measures(slice.spacing))
                .collect(),
            is_synthetic: true,
        }
    }

    /// True if all slices have the same orientation.
    pub(super) fn has_one_orientation(&self) -> bool {
        self.planes
            .iter()
            .all(|p| p.orientation == self.planes[0].orientation)
    }

    /// True if all slices have the same measures.
    pub(super) fn has_one_measure(&self) -> bool {
        self.measures.iter().all(|m| *m == self.measures[0])
    }

    /// True if no two slices have the same position, so that positions identify slices.
    pub(super) fn has_distinct_positions(&self) -> bool {
        let mut positions: Vec<[i64; 3]> =
            self.planes.iter().map(position_in_micrometres).collect();
        positions.sort_unstable();
        positions.windows(2).all(|pair| pair[0] != pair[1])
    }
}

/// The plane of the slice at this index, 1 mm above the previous one.
fn synthetic_plane(index: usize) -> Plane {
    Plane {
        position: [0.0, 0.0, index as f64],
        orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    }
}

/// The known pixel spacing, or 1 mm; slices 1 mm thick and 1 mm apart.
fn synthetic_measures(spacing: Option<PixelSpacing>) -> Measures {
    Measures {
        spacing: spacing
            .filter(|s| s.is_physical())
            .map_or([1.0; 2], |s| [s.row, s.column]),
        thickness: 1.0,
        between_slices: Some(1.0),
    }
}

fn position_in_micrometres(plane: &Plane) -> [i64; 3] {
    plane.position.map(|mm| (mm * 1000.0).round() as i64)
}

fn same_direction(a: &Plane, b: &Plane) -> bool {
    a.orientation
        .iter()
        .zip(b.orientation)
        .all(|(x, y)| (x - y).abs() < 1e-3)
}

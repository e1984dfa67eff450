//! Where the frames of a segmentation lie: the source's geometry, one made up for programs that insist, or none.

use super::{element::new_uid, origin::Origin};
use labrum_core::{
    geometry::{PixelSpacing, Plane},
    study::Series,
};

/// Pixel Measures of a frame, mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measures {
    /// Between rows, between columns.
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
    /// True where nothing of it comes from the source.
    pub(super) is_synthetic: bool,
}

impl SeriesGeometry {
    /// The space that the segmentation of `series` is written in; `None` for images without geometry.
    ///
    /// A SEG needs references to its source or a geometry (PS3.3 A.51.5), so pictures get a synthetic one.
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
        // Distances along a normal mean something only where it is the same for all.
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
            warnings
                .push("the source has no valid Frame of Reference UID; a new one was made".into());
            new_uid()
        });
        let thickness = origin
            .slice_thickness
            .or(between_slices)
            .unwrap_or_else(|| {
                warnings.push(
                    "the source does not say how thick its slices are; 1 mm is assumed".into(),
                );
                1.0
            });
        let measures = |s: &PixelSpacing| Measures {
            spacing: [s.row, s.column],
            thickness,
            between_slices,
        };
        let measures = spacings.iter().map(measures).collect();
        Some(Self {
            frame_of_reference,
            planes,
            measures,
            is_synthetic: false,
        })
    }

    /// Slices 1 mm apart, straight above each other; pixels of the known size or of 1 mm.
    fn synthetic_stack(series: &Series) -> Self {
        let plane = |i: usize| Plane {
            position: [0.0, 0.0, i as f64],
            orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        };
        let spacing = |s: Option<PixelSpacing>| {
            s.filter(|s| s.is_physical())
                .map_or([1.0; 2], |s| [s.row, s.column])
        };
        let measures = |s| Measures {
            spacing: spacing(s),
            thickness: 1.0,
            between_slices: Some(1.0),
        };
        Self {
            frame_of_reference: new_uid(),
            planes: (0..series.slices.len()).map(plane).collect(),
            measures: series.slices.iter().map(|s| measures(s.spacing)).collect(),
            is_synthetic: true,
        }
    }

    /// True where all slices have one orientation.
    pub(super) fn has_one_orientation(&self) -> bool {
        self.planes
            .iter()
            .all(|p| p.orientation == self.planes[0].orientation)
    }

    /// True where all slices have the same measures.
    pub(super) fn has_one_measure(&self) -> bool {
        self.measures.iter().all(|m| *m == self.measures[0])
    }

    /// True where no two slices lie at the same place, so that the position tells them apart.
    pub(super) fn has_distinct_positions(&self) -> bool {
        let key = |p: &Plane| p.position.map(|v| (v * 1000.0).round() as i64);
        let mut keys: Vec<_> = self.planes.iter().map(key).collect();
        keys.sort_unstable();
        keys.windows(2).all(|w| w[0] != w[1])
    }
}

fn same_direction(a: &Plane, b: &Plane) -> bool {
    a.orientation
        .iter()
        .zip(b.orientation)
        .all(|(x, y)| (x - y).abs() < 1e-3)
}

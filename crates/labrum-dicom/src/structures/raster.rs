//! Rasterises contours in mm to the pixels of slices.

use super::{
    area::{ContourArea, enclosed_region},
    read::{RegionContour, RegionOfInterest},
};
use crate::references::{Named, Refused};
use labrum_core::{
    geometry::{PixelSpacing, Plane},
    quantile::lowest_and_highest,
    region::Region,
    study::{Series, Slice},
    vector::{dot_product, vector_between},
};
use std::collections::BTreeMap;

/// A contour lies in the plane of a slice if no point is further from it than this fraction of the slice spacing.
const IN_PLANE: f64 = 0.5;
/// The same for a single slice, mm.
const IN_PLANE_ALONE: f64 = 1.0;
/// Contours whose depths differ by no more than this, mm, are in the same plane; so are slices.
const SAME_DEPTH: f64 = 0.01;

/// Positions of the slices of a series.
pub(super) struct Slices {
    slices: Vec<(Plane, PixelSpacing)>,
    normal: [f64; 3],
    /// Depth along `normal`, mm, and index of each slice, in order of depth.
    by_depth: Vec<(f64, usize)>,
    /// Maximum distance of a contour from the plane of its slice, mm.
    pub(super) reach: f64,
}

/// The result of rasterising a region.
#[derive(Default)]
pub(super) struct FoundRegion {
    /// Its pixels on each slice, never empty.
    pub(super) regions: BTreeMap<usize, Region>,
    /// Number of contours that lie in the plane of none of the possible slices.
    pub(super) elsewhere: usize,
    /// Number of contours that lie in the plane of another image than the one they refer to.
    pub(super) misnamed: usize,
    /// Maximum distance of a contour from the slice that it was assigned to, mm.
    pub(super) distance: f64,
}

impl Slices {
    /// The error is the reason why contours cannot be placed by position.
    pub(super) fn from_series(series: &Series) -> Result<Self, String> {
        let slices: Option<Vec<_>> = series.slices.iter().map(plane_and_spacing).collect();
        let slices = slices.filter(|all| !all.is_empty()).ok_or(
            "contours need image position and pixel spacing, which the opened series lacks",
        )?;
        let reach = series
            .slice_spacing()
            .map_or(IN_PLANE_ALONE, |between| IN_PLANE * between + SAME_DEPTH);
        let normal = slices
            .first()
            .map_or([0.0; 3], |(plane, _)| plane.unit_normal());
        let mut by_depth: Vec<(f64, usize)> = slices
            .iter()
            .enumerate()
            .map(|(i, (plane, _))| (dot_product(plane.position, normal), i))
            .collect();
        by_depth.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Self {
            slices,
            normal,
            by_depth,
            reach,
        })
    }

    /// Among the slices that `is_meant` accepts, those at the nearest position whose plane contains all points, and the
    /// signed distance of the contour from them, mm.
    fn nearest_in_plane(
        &self,
        contour: &RegionContour,
        is_meant: impl Fn(usize) -> bool,
    ) -> Option<(Vec<usize>, f64)> {
        let points = contour.points.iter();
        let (low, high) = lowest_and_highest(points.map(|p| dot_product(*p, self.normal)));
        let from = self
            .by_depth
            .partition_point(|(d, _)| *d < low - self.reach);
        let to = self
            .by_depth
            .partition_point(|(d, _)| *d <= high + self.reach);
        let close = self
            .by_depth
            .get(from..to)?
            .iter()
            .filter(|(_, slice)| is_meant(*slice));
        let least = close
            .clone()
            .map(|(d, _)| offset_of_farther_end(*d, low, high).abs())
            .min_by(f64::total_cmp)?;
        // Halfway between two slices, always choose the first, regardless of rounding in the file.
        let nearest = close
            .clone()
            .find(|(d, _)| offset_of_farther_end(*d, low, high).abs() <= least + SAME_DEPTH)?;
        let depth = offset_of_farther_end(nearest.0, low, high);
        let here = close
            .filter(|(d, _)| (d - nearest.0).abs() <= SAME_DEPTH)
            .map(|(_, slice)| *slice);
        let mut here: Vec<usize> = here.collect();
        here.sort_unstable();
        (depth.abs() <= self.reach).then_some((here, depth))
    }

    /// Converts points to pixels; the centre of the first pixel is at (0.5, 0.5), as in the drawing tools.
    fn to_pixel_points(&self, slice: usize, contour: &[[f64; 3]]) -> Vec<[f64; 2]> {
        let Some((plane, spacing)) = self.slices.get(slice) else {
            return Vec::new();
        };
        contour
            .iter()
            .map(|point| pixel_of_point(point, plane, *spacing))
            .collect()
    }
}

/// Plane and pixel spacing of a slice; `None` if one of them is unknown.
fn plane_and_spacing(slice: &Slice) -> Option<(Plane, PixelSpacing)> {
    let spacing = slice.spacing.filter(|s| s.is_physical())?;
    Some((slice.plane?, spacing))
}

/// Signed distance from a slice at depth `slice` to the farther end of a contour that spans `low` to `high`, mm.
fn offset_of_farther_end(slice: f64, low: f64, high: f64) -> f64 {
    if (low - slice).abs() > (high - slice).abs() {
        low - slice
    } else {
        high - slice
    }
}

/// Column and row of a point in patient coordinates (mm); the centre of the first pixel is at (0.5, 0.5).
#[inline]
fn pixel_of_point(point: &[f64; 3], plane: &Plane, spacing: PixelSpacing) -> [f64; 2] {
    let [a, b, c, d, e, f] = plane.orientation;
    let from_first = vector_between(plane.position, *point);
    [
        dot_product(from_first, [a, b, c]) / spacing.column + 0.5,
        dot_product(from_first, [d, e, f]) / spacing.row + 0.5,
    ]
}

/// Signed distance of a contour from the plane of its slice, mm, and the contour.
type Lying<'a> = (f64, &'a RegionContour);

/// The pixels of a region on each slice.
///
/// # Errors
/// If several images lie at the same position and it is not clear which one a contour belongs to.
pub(super) fn rasterize_contours(
    structure: &RegionOfInterest,
    slices: &Slices,
    named: &Named<'_>,
    series: &Series,
) -> Result<FoundRegion, Refused> {
    let mut found = FoundRegion::default();
    let mut on_slice: BTreeMap<usize, Vec<Lying<'_>>> = BTreeMap::new();
    for contour in &structure.contours {
        if named.are_elsewhere(&contour.sources) {
            found.elsewhere += 1;
            continue;
        }
        let own = named.source_slices(&contour.sources);
        let of_own = slices.nearest_in_plane(contour, |slice| own.contains(&slice));
        found.misnamed += usize::from(of_own.is_none() && !own.is_empty());
        let Some((here, depth)) = of_own
            .or_else(|| slices.nearest_in_plane(contour, |slice| named.allowed.contains(&slice)))
        else {
            found.elsewhere += 1;
            found.misnamed -= usize::from(!own.is_empty());
            continue;
        };
        found.distance = found.distance.max(depth.abs());
        for slice in named.at_place(&here, &own)? {
            on_slice.entry(slice).or_default().push((depth, contour));
        }
    }
    for (slice, contours) in on_slice {
        // Contours from several planes near a slice must not cancel each other out: use only the nearest plane.
        let depths = contours.iter().map(|(depth, _)| *depth);
        let nearest = depths
            .min_by(|a, b| a.abs().total_cmp(&b.abs()))
            .unwrap_or_default();
        let outlines = contours
            .iter()
            .filter(|(depth, _)| (depth - nearest).abs() <= SAME_DEPTH)
            .map(|(_, contour)| {
                let points = slices.to_pixel_points(slice, &contour.points);
                ContourArea::new(points, contour.is_xor, series.columns, series.rows)
            });
        let region = enclosed_region(outlines.collect());
        if !region.is_empty() {
            found.regions.insert(slice, region);
        }
    }
    Ok(found)
}

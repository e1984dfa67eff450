//! From contours in mm to the pixels of slices.

use super::{
    area::{ContourArea, enclosed_region},
    read::{RegionContour, RegionOfInterest},
};
use crate::references::{Named, Refused};
use labrum_core::{
    geometry::{PixelSpacing, Plane},
    region::Region,
    study::Series,
};
use std::collections::BTreeMap;

/// A contour lies in the plane of a slice where no point is further from it than this part of the distance of slices.
const IN_PLANE: f64 = 0.5;
/// The same in mm for a slice that has no neighbour.
const IN_PLANE_ALONE: f64 = 1.0;
/// Contours of a region whose depths differ by less, in mm, were drawn on one plane; so do slices of one place.
const SAME_DEPTH: f64 = 0.01;

/// Where the slices of a series lie.
pub(super) struct Slices {
    slices: Vec<(Plane, PixelSpacing)>,
    normal: [f64; 3],
    /// Depth along `normal` and slice, in order of depth.
    by_depth: Vec<(f64, usize)>,
    /// Farther than this from its plane, in mm, nothing belongs to a slice.
    pub(super) reach: f64,
}

/// What was found of a region.
#[derive(Default)]
pub(super) struct FoundRegion {
    /// Its pixels on each slice, never empty.
    pub(super) regions: BTreeMap<usize, Region>,
    /// Contours that lie in the plane of no slice that is meant.
    pub(super) elsewhere: usize,
    /// Contours that lie in the plane of another image than they name.
    pub(super) misnamed: usize,
    /// How far contours lie from the slices that they were laid on at most, mm.
    pub(super) distance: f64,
}

impl Slices {
    /// The error is the reason why positions do not help.
    pub(super) fn from_series(series: &Series) -> Result<Self, String> {
        let place = |s: &labrum_core::study::Slice| {
            Some((s.plane?, s.spacing.filter(|s| s.is_physical())?))
        };
        let slices: Option<Vec<_>> = series.slices.iter().map(place).collect();
        let slices = slices.filter(|all| !all.is_empty()).ok_or(
            "its contours are places in the patient, and the series does not say where its slices lie or how large its pixels are",
        )?;
        let reach = series
            .slice_spacing()
            .map_or(IN_PLANE_ALONE, |between| IN_PLANE * between + SAME_DEPTH);
        let normal = slices
            .first()
            .map_or([0.0; 3], |(plane, _)| plane.unit_normal());
        let depth = |(i, (plane, _)): (usize, &(Plane, PixelSpacing))| {
            (dot_product(&plane.position, normal), i)
        };
        let mut by_depth: Vec<(f64, usize)> = slices.iter().enumerate().map(depth).collect();
        by_depth.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Self {
            slices,
            normal,
            by_depth,
            reach,
        })
    }

    /// The slices of the nearest place in whose plane all points lie, of those that `is_meant`, and how far above it the
    /// contour lies, mm.
    fn nearest_in_plane(
        &self,
        contour: &RegionContour,
        is_meant: impl Fn(usize) -> bool,
    ) -> Option<(Vec<usize>, f64)> {
        let depths = contour.points.iter().map(|p| dot_product(p, self.normal));
        let (low, high) = depths.fold((f64::MAX, f64::MIN), |(low, high), d| {
            (low.min(d), high.max(d))
        });
        let farthest = |slice: f64| {
            if (low - slice).abs() > (high - slice).abs() {
                low - slice
            } else {
                high - slice
            }
        };
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
            .map(|(d, _)| farthest(*d).abs())
            .min_by(f64::total_cmp)?;
        // Halfway between two slices it is always the first of them, whatever the rounding of the file.
        let nearest = close
            .clone()
            .find(|(d, _)| farthest(*d).abs() <= least + SAME_DEPTH)?;
        let depth = farthest(nearest.0);
        let here = close
            .filter(|(d, _)| (d - nearest.0).abs() <= SAME_DEPTH)
            .map(|(_, slice)| *slice);
        let mut here: Vec<usize> = here.collect();
        here.sort_unstable();
        (depth.abs() <= self.reach).then_some((here, depth))
    }

    /// Points in pixels; the centre of the first pixel is at half a pixel, as tools count.
    fn to_pixel_points(&self, slice: usize, contour: &[[f64; 3]]) -> Vec<[f64; 2]> {
        let Some((plane, spacing)) = self.slices.get(slice) else {
            return Vec::new();
        };
        let [a, b, c, d, e, f] = plane.orientation;
        let pixel = |p: &[f64; 3]| {
            let from: [f64; 3] = std::array::from_fn(|i| p[i] - plane.position[i]);
            [
                dot_product(&from, [a, b, c]) / spacing.column + 0.5,
                dot_product(&from, [d, e, f]) / spacing.row + 0.5,
            ]
        };
        contour.iter().map(pixel).collect()
    }
}

fn dot_product(p: &[f64; 3], axis: [f64; 3]) -> f64 {
    (0..3).map(|i| p[i] * axis[i]).sum()
}

/// How far above the plane of its slice a contour lies, mm, and the contour.
type Lying<'a> = (f64, &'a RegionContour);

/// The pixels of a region on each slice.
///
/// # Errors
/// Where several images lie at one place, and nothing says which is meant.
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
        // Contours of planes between two slices must not cancel each other: the nearest plane counts.
        let depths = contours.iter().map(|(depth, _)| *depth);
        let nearest = depths
            .min_by(|a, b| a.abs().total_cmp(&b.abs()))
            .unwrap_or_default();
        let of_plane = contours
            .iter()
            .filter(|(depth, _)| (depth - nearest).abs() <= SAME_DEPTH);
        let outline = |(_, contour): &Lying<'_>| {
            let points = slices.to_pixel_points(slice, &contour.points);
            ContourArea::new(points, contour.is_xor, series.columns, series.rows)
        };
        let region = enclosed_region(of_plane.map(outline).collect());
        if !region.is_empty() {
            found.regions.insert(slice, region);
        }
    }
    Ok(found)
}

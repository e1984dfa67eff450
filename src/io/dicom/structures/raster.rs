//! From contours in mm to the pixels of slices.

use super::read::Structure;
use crate::domain::{
    geometry::{PixelSpacing, Plane},
    region::Region,
    study::Series,
    tools::polygon::polygon,
};
use std::collections::BTreeMap;

/// A contour lies in the plane of a slice where no point is further from it than this part of the distance of slices.
const IN_PLANE: f64 = 0.5;
/// The same in mm for a slice that has no neighbour.
const IN_PLANE_ALONE: f64 = 1.0;
/// Contours of a region whose depths differ by less, in mm, were drawn on one plane.
const SAME_DEPTH: f64 = 0.01;

/// Where the slices of a series lie.
pub(super) struct Slices {
    slices: Vec<(Plane, PixelSpacing)>,
    /// Farther than this from its plane, in mm, nothing belongs to a slice.
    reach: f64,
}

/// What was found of a region.
#[derive(Default)]
pub(super) struct Found {
    /// Its pixels on each slice, never empty.
    pub(super) regions: BTreeMap<usize, Region>,
    /// Contours that lie in the plane of no slice.
    pub(super) elsewhere: usize,
}

impl Slices {
    /// The error is the reason why positions do not help.
    pub(super) fn of(series: &Series) -> Result<Self, String> {
        let place = |s: &crate::domain::study::Slice| Some((s.plane?, s.spacing.filter(|s| s.is_physical())?));
        let slices: Option<Vec<_>> = series.slices.iter().map(place).collect();
        let slices = slices.filter(|all| !all.is_empty()).ok_or(
            "its contours are places in the patient, and the series does not say where its slices lie or how large its pixels are",
        )?;
        let reach = series.slice_spacing().map_or(IN_PLANE_ALONE, |between| IN_PLANE * between + SAME_DEPTH);
        Ok(Self { slices, reach })
    }

    /// The slice in whose plane all points lie, and how far above it the contour lies, mm.
    fn slice_of(&self, contour: &[[f64; 3]]) -> Option<(usize, f64)> {
        let farthest = |(plane, _): &(Plane, PixelSpacing)| {
            let (normal, own) = (plane.normal(), plane.distance_along_normal());
            let depth = |p: &[f64; 3]| (0..3).map(|i| normal[i] * p[i]).sum::<f64>() - own;
            contour.iter().map(depth).max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or(f64::MAX)
        };
        let all = self.slices.iter().map(farthest).enumerate();
        all.min_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).filter(|(_, depth)| depth.abs() <= self.reach)
    }

    /// Points in pixels; the centre of the first pixel is at half a pixel, as tools count.
    fn pixels(&self, slice: usize, contour: &[[f64; 3]]) -> Vec<[f64; 2]> {
        let Some((plane, spacing)) = self.slices.get(slice) else { return Vec::new() };
        let [a, b, c, d, e, f] = plane.orientation;
        let along = |p: &[f64; 3], [x, y, z]: [f64; 3]| {
            (p[0] - plane.position[0]) * x + (p[1] - plane.position[1]) * y + (p[2] - plane.position[2]) * z
        };
        let pixel =
            |p: &[f64; 3]| [along(p, [a, b, c]) / spacing.column + 0.5, along(p, [d, e, f]) / spacing.row + 0.5];
        contour.iter().map(pixel).collect()
    }
}

/// How far above the plane of its slice a contour lies, mm, and its points.
type Lying<'a> = (f64, &'a [[f64; 3]]);

/// The pixels of a region on each slice.
pub(super) fn regions(structure: &Structure, slices: &Slices, series: &Series) -> Found {
    let mut found = Found::default();
    let mut on_slice: BTreeMap<usize, Vec<Lying<'_>>> = BTreeMap::new();
    for contour in &structure.contours {
        match slices.slice_of(contour) {
            Some((slice, depth)) => on_slice.entry(slice).or_default().push((depth, contour)),
            None => found.elsewhere += 1,
        }
    }
    for (slice, contours) in on_slice {
        // Contours of planes between two slices must not cancel each other: the nearest plane counts.
        let depths = contours.iter().map(|(depth, _)| *depth);
        let nearest = depths.min_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap_or_default();
        let of_plane = contours.iter().filter(|(depth, _)| (depth - nearest).abs() <= SAME_DEPTH);
        let mut region = Region::default();
        for (_, contour) in of_plane {
            let area = polygon(&slices.pixels(slice, contour), series.columns, series.rows);
            // Even-odd over all contours: what an even number of them encloses is a hole.
            region = region.union(&area).difference(&region.intersection(&area));
        }
        if !region.is_empty() {
            found.regions.insert(slice, region);
        }
    }
    found
}

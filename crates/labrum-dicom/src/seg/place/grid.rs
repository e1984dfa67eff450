//! The slices of a series by position, and the frames near them.

use super::{SAME_DEPTH, SegFrame, Segmentation};
use crate::references::Named;
use labrum_core::{
    geometry::{PixelSpacing, Plane},
    lattice::GridMap,
    study::{Series, Slice},
    vector::dot_product,
};
use std::collections::BTreeSet;

/// Assumed extent of a slice without neighbours, mm.
const ALONE: f64 = 1.0;

/// Positions of the slices of a series.
pub(super) struct SliceGrid<'a> {
    series: &'a Series,
    normal: [f64; 3],
    /// Depth along `normal`, mm, and index of each slice, in order of depth.
    by_depth: Vec<(f64, usize)>,
    /// Distance between slices, mm.
    between: Option<f64>,
    /// Distance between the frames of the segmentation, mm.
    frames_between: f64,
    /// Frames halfway between two slices belong to the slice above them along `normal`, because fewer frames are lost
    /// than with the slice below.
    halfway_is_above: bool,
}

impl<'a> SliceGrid<'a> {
    /// `None` if the slices or the frames have no positions.
    pub(super) fn for_segmentation(seg: &Segmentation, series: &'a Series) -> Option<Self> {
        let normal = series.slices.iter().find_map(|s| s.plane)?.unit_normal();
        let mut by_depth: Vec<(f64, usize)> = series
            .slices
            .iter()
            .enumerate()
            .filter_map(|(i, slice)| Some((depth_of_slice(slice, normal)?, i)))
            .collect();
        by_depth.sort_by(|a, b| a.0.total_cmp(&b.0));
        let depths: Vec<f64> = seg
            .frames
            .iter()
            .filter_map(|f| f.plane.as_ref())
            .map(|plane| depth_along(normal, plane))
            .collect();
        if by_depth.is_empty() || depths.is_empty() {
            return None;
        }
        let between = series.slice_spacing();
        let frames_between = frames_between(seg, depths.clone(), between);
        let half = frames_between / 2.0;
        let above = count_met(&depths, half, &by_depth);
        let below = count_met(&depths, -half, &by_depth);
        Some(Self {
            series,
            normal,
            by_depth,
            between,
            frames_between,
            halfway_is_above: above > below,
        })
    }

    /// The slices that a frame may belong to, with the map from their pixels to those of the frame; `own` are the
    /// slices that the frame refers to.
    pub(super) fn candidate_slices(
        &self,
        seg: &Segmentation,
        frame: &SegFrame,
        own: &BTreeSet<usize>,
    ) -> Vec<(usize, GridMap)> {
        let Some(plane) = frame.plane else {
            return Vec::new();
        };
        // A frame that refers to a single image may be as far from it as the slice spacing.
        let between = if own.len() == 1 {
            self.frames_between.max(self.between.unwrap_or(ALONE))
        } else {
            self.frames_between
        };
        let reach = between / 2.0 + SAME_DEPTH;
        let depth = depth_along(self.normal, &plane);
        // The depth is that of the first pixel; a slightly tilted plane may be nearer in the middle.
        let low = self
            .by_depth
            .partition_point(|(d, _)| *d < depth - 2.0 * reach);
        let high = self
            .by_depth
            .partition_point(|(d, _)| *d <= depth + 2.0 * reach);
        let close = self.by_depth.get(low..high).unwrap_or_default();
        let mut near = Vec::new();
        for (_, slice) in close {
            let Some(map) = self.pixel_map(seg, frame, *slice) else {
                continue;
            };
            let is_possible = own.contains(slice) || !self.is_on_other_side(&map);
            if is_possible && map.max_plane_distance() <= reach {
                near.push((*slice, map));
            }
        }
        near
    }

    /// A frame halfway between two slices belongs to only one of them: true for the other.
    fn is_on_other_side(&self, map: &GridMap) -> bool {
        self.is_halfway(map) && (map.depth < 0.0) != self.halfway_is_above
    }

    /// True if a frame lies halfway between two slices.
    pub(super) fn is_halfway(&self, map: &GridMap) -> bool {
        (map.depth.abs() - self.frames_between / 2.0).abs() <= SAME_DEPTH
    }

    /// Maps the pixels of a slice to those of a frame.
    fn pixel_map(&self, seg: &Segmentation, frame: &SegFrame, slice: usize) -> Option<GridMap> {
        let place = self.series.slices.get(slice)?;
        let own = frame.plane?;
        let target = (place.plane?, place.spacing?);
        let size = [self.series.columns, self.series.rows];
        let own_size = [seg.columns, seg.rows];
        // Without pixel spacing, use that of the image if the size is equal.
        let spacing = frame
            .spacing
            .or_else(|| (size == own_size).then_some(target.1))?;
        GridMap::onto_frame(target, size, (own, spacing), own_size)
    }

    /// The reason why none of the frames belongs to a slice.
    pub(super) fn why_nowhere(&self, seg: &Segmentation, named: &Named<'_>) -> String {
        let count = self.series.slices.len();
        let planes: Vec<&Plane> = seg.frames.iter().filter_map(|f| f.plane.as_ref()).collect();
        let tilted = planes
            .iter()
            .map(|plane| self.angle_to_slices(plane))
            .find(|angle| *angle > 0.5);
        if let Some(angle) = tilted {
            return format!("its frames are at an angle of {angle:.0}° to the slices");
        }
        let nearest = planes
            .iter()
            .map(|plane| self.distance_to_allowed(plane, named))
            .fold(f64::MAX, f64::min);
        format!(
            "none of its frames lies on one of the {count} slices; the nearest is {nearest:.1} mm \
             away"
        )
    }

    /// Angle between the normals of a plane and of the slices, degrees, ignoring their sign.
    fn angle_to_slices(&self, plane: &Plane) -> f64 {
        let along: f64 = plane
            .unit_normal()
            .iter()
            .zip(self.normal)
            .map(|(a, b)| a * b)
            .sum();
        along.abs().min(1.0).acos().to_degrees()
    }

    /// Distance from a plane to the nearest of the possible slices, mm.
    fn distance_to_allowed(&self, plane: &Plane, named: &Named<'_>) -> f64 {
        let depth = depth_along(self.normal, plane);
        let allowed = self
            .by_depth
            .iter()
            .filter(|(_, slice)| named.allowed.contains(slice));
        allowed
            .map(|(d, _)| (d - depth).abs())
            .fold(f64::MAX, f64::min)
    }
}

/// Position of a plane along `normal`, mm.
fn depth_along(normal: [f64; 3], plane: &Plane) -> f64 {
    dot_product(normal, plane.position)
}

/// Position of a slice along `normal`, mm; `None` if its plane or pixel spacing is unknown.
fn depth_of_slice(slice: &Slice, normal: [f64; 3]) -> Option<f64> {
    slice.spacing.filter(PixelSpacing::is_physical)?;
    Some(depth_along(normal, &slice.plane?))
}

/// Number of `depths` at which a slice lies after they are shifted by `shift`, mm.
fn count_met(depths: &[f64], shift: f64, by_depth: &[(f64, usize)]) -> usize {
    depths
        .iter()
        .filter(|depth| is_met(**depth + shift, by_depth))
        .count()
}

/// True if a slice lies at this depth.
fn is_met(depth: f64, by_depth: &[(f64, usize)]) -> bool {
    let first = by_depth.partition_point(|(d, _)| *d < depth - SAME_DEPTH);
    by_depth
        .get(first)
        .is_some_and(|(d, _)| *d <= depth + SAME_DEPTH)
}

/// Distance between frames, mm: the stated value or, if there is none, an estimate from their positions.
fn frames_between(seg: &Segmentation, mut depths: Vec<f64>, slices: Option<f64>) -> f64 {
    if let Some(said) = seg.frames.iter().find_map(|f| f.between) {
        return said;
    }
    depths.sort_by(f64::total_cmp);
    let gaps = depths
        .windows(2)
        .map(|w| w[1] - w[0])
        .filter(|gap| *gap > SAME_DEPTH);
    let gap = gaps.fold(f64::MAX, f64::min);
    let thickness = seg.frames.iter().find_map(|f| f.thickness);
    match (thickness, slices) {
        // Contiguous frames.
        (Some(thickness), _) if (thickness - gap).abs() <= 0.01 * gap => gap,
        // Empty frames may have been omitted, so gaps may be too large.
        (_, Some(slices)) => gap.min(slices),
        (Some(thickness), None) => gap.min(thickness),
        (None, None) => gap.min(ALONE),
    }
}

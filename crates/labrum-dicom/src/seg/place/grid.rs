//! The slices of a series by their place, and the frames that lie near them.

use super::{SAME_DEPTH, SegFrame, Segmentation};
use crate::references::Named;
use labrum_core::{
    geometry::{PixelSpacing, Plane},
    lattice::GridMap,
    study::Series,
};
use std::collections::BTreeSet;

/// What a slice without neighbours is taken to reach, mm.
const ALONE: f64 = 1.0;

/// Where the slices of a series lie.
pub(super) struct SliceGrid<'a> {
    series: &'a Series,
    normal: [f64; 3],
    /// Depth along `normal` and slice, in order of depth.
    by_depth: Vec<(f64, usize)>,
    /// Distance between slices, mm.
    between: Option<f64>,
    /// Distance between the frames of the segmentation, mm.
    frames_between: f64,
    /// Frames that lie halfway between two slices belong to the one above them, along `normal`: so fewer are lost than on
    /// the ones below.
    halfway_is_above: bool,
}

impl<'a> SliceGrid<'a> {
    /// `None` where the slices, or the frames, do not say where they lie.
    pub(super) fn for_segmentation(seg: &Segmentation, series: &'a Series) -> Option<Self> {
        let normal = series.slices.iter().find_map(|s| s.plane)?.unit_normal();
        let depth_of = |plane: &Plane| (0..3).map(|i| normal[i] * plane.position[i]).sum::<f64>();
        let place = |(i, s): (usize, &labrum_core::study::Slice)| {
            s.spacing.filter(PixelSpacing::is_physical)?;
            Some((depth_of(&s.plane?), i))
        };
        let mut by_depth: Vec<(f64, usize)> =
            series.slices.iter().enumerate().filter_map(place).collect();
        by_depth.sort_by(|a, b| a.0.total_cmp(&b.0));
        let depths: Vec<f64> = seg
            .frames
            .iter()
            .filter_map(|f| f.plane.as_ref())
            .map(depth_of)
            .collect();
        if by_depth.is_empty() || depths.is_empty() {
            return None;
        }
        let between = series.slice_spacing();
        let frames_between = frames_between(seg, depths.clone(), between);
        let met = |way: f64| {
            depths
                .iter()
                .filter(|d| is_met(**d + way * frames_between / 2.0, &by_depth))
                .count()
        };
        let halfway_is_above = met(1.0) > met(-1.0);
        Some(Self {
            series,
            normal,
            by_depth,
            between,
            frames_between,
            halfway_is_above,
        })
    }

    /// The slices that a frame may lie on, with the way from their pixels to its own; `own` are those that it names.
    pub(super) fn candidate_slices(
        &self,
        seg: &Segmentation,
        frame: &SegFrame,
        own: &BTreeSet<usize>,
    ) -> Vec<(usize, GridMap)> {
        let Some(plane) = frame.plane else {
            return Vec::new();
        };
        // One that names its only image may lie as far from it as slices lie apart.
        let between = if own.len() == 1 {
            self.frames_between.max(self.between.unwrap_or(ALONE))
        } else {
            self.frames_between
        };
        let reach = between / 2.0 + SAME_DEPTH;
        let depth = self.plane_depth(&plane);
        // Planes that are a little tilted are nearer in the middle than at their first pixel.
        let low = self
            .by_depth
            .partition_point(|(d, _)| *d < depth - 2.0 * reach);
        let high = self
            .by_depth
            .partition_point(|(d, _)| *d <= depth + 2.0 * reach);
        let close = self.by_depth.get(low..high).unwrap_or_default();
        let map = |(_, slice): &(f64, usize)| Some((*slice, self.pixel_map(seg, frame, *slice)?));
        // Of two slices that lie as far from it on both sides one is its own, not both.
        let is_other_side =
            |map: &GridMap| self.is_halfway(map) && (map.depth < 0.0) != self.halfway_is_above;
        let is_near = |(slice, map): &(usize, GridMap)| {
            map.max_plane_distance() <= reach && (own.contains(slice) || !is_other_side(map))
        };
        close.iter().filter_map(map).filter(is_near).collect()
    }

    /// True where a frame lies as far from a slice as the next one does on its other side.
    pub(super) fn is_halfway(&self, map: &GridMap) -> bool {
        (map.depth.abs() - self.frames_between / 2.0).abs() <= SAME_DEPTH
    }

    /// From the pixels of a slice to those of a frame.
    fn pixel_map(&self, seg: &Segmentation, frame: &SegFrame, slice: usize) -> Option<GridMap> {
        let place = self.series.slices.get(slice)?;
        let (own, target) = (frame.plane?, (place.plane?, place.spacing?));
        let size = [self.series.columns, self.series.rows];
        let own_size = [seg.columns, seg.rows];
        // Without a distance of its own, pixels are those of the image if there are as many.
        let spacing = frame
            .spacing
            .or_else(|| (size == own_size).then_some(target.1))?;
        GridMap::onto_frame(target, size, (own, spacing), own_size)
    }

    fn plane_depth(&self, plane: &Plane) -> f64 {
        (0..3).map(|i| self.normal[i] * plane.position[i]).sum()
    }

    /// Why none of the frames found a slice.
    pub(super) fn why_nowhere(&self, seg: &Segmentation, named: &Named<'_>) -> String {
        let count = self.series.slices.len();
        let planes = || seg.frames.iter().filter_map(|f| f.plane.as_ref());
        let angle = |plane: &Plane| {
            let along: f64 = plane
                .unit_normal()
                .iter()
                .zip(self.normal)
                .map(|(a, b)| a * b)
                .sum();
            along.abs().min(1.0).acos().to_degrees()
        };
        if let Some(angle) = planes().map(angle).find(|angle| *angle > 0.5) {
            return format!("its frames lie at an angle of {angle:.0}° to the slices");
        }
        let to_slices = |plane: &Plane| {
            let depth = self.plane_depth(plane);
            let allowed = self
                .by_depth
                .iter()
                .filter(|(_, slice)| named.allowed.contains(slice));
            allowed
                .map(|(d, _)| (d - depth).abs())
                .fold(f64::MAX, f64::min)
        };
        let nearest = planes().map(to_slices).fold(f64::MAX, f64::min);
        format!(
            "none of its frames lies where one of the {count} slices lies: the nearest is {nearest:.1} mm from one"
        )
    }
}

/// Whether a slice lies at this depth.
fn is_met(depth: f64, by_depth: &[(f64, usize)]) -> bool {
    let first = by_depth.partition_point(|(d, _)| *d < depth - SAME_DEPTH);
    by_depth
        .get(first)
        .is_some_and(|(d, _)| *d <= depth + SAME_DEPTH)
}

/// How far apart the frames lie: as they say or, where they do not, as they lie.
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
        // Frames that touch: what lies between their middles is theirs.
        (Some(thickness), _) if (thickness - gap).abs() <= 0.01 * gap => gap,
        // Empty frames may have been left out, so that gaps tell nothing.
        (_, Some(slices)) => gap.min(slices),
        (Some(thickness), None) => gap.min(thickness),
        (None, None) => gap.min(ALONE),
    }
}

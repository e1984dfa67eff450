//! Finds the slices of an opened series that the frames of a segmentation belong to, and maps their pixels.
//!
//! If both have positions in the patient, these decide; references only limit which images are possible.

mod grid;
mod remarks;

use self::grid::SliceGrid;
use self::remarks::{halfway_remark, placement_remarks, worst_misfit};
use super::{
    clean::is_uid,
    read::{SegFrame, Segmentation},
};
use crate::references::{Named, ReferencedSeries, Refused};
use labrum_core::{
    import::{Basis, MaskChoice},
    lattice::GridMap,
    study::{Kind, Series},
};
use std::collections::{BTreeMap, BTreeSet};

/// Depths that differ by no more than this, mm, are equal.
const SAME_DEPTH: f64 = 0.01;
/// A frame on a slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lying {
    pub(super) frame: usize,
    /// Maps the pixels of the slice to those of the frame; `None` if there are no positions and the pixels correspond.
    pub(super) map: Option<GridMap>,
}

/// The slices of the frames.
#[derive(Clone, Debug, Default)]
pub(super) struct FramePlaces {
    /// The frames of each slice, in order of their segments.
    pub(super) on: BTreeMap<usize, Vec<Lying>>,
    /// Frames that lie on no slice of the series.
    pub(super) elsewhere: Vec<usize>,
    /// Slices that the segmentation covers, with or without frames.
    pub(super) covered: BTreeSet<usize>,
    /// How it was matched with the series.
    pub(super) basis: Basis,
    /// True if pixels do not correspond one to one.
    pub(super) is_resampled: bool,
    /// Remarks for the user.
    pub(super) notes: Vec<String>,
}

/// Finds the slices of each frame.
///
/// A frame that refers to images is applied to those in whose plane it lies; if it lies in none of them, to another
/// image that the segmentation refers to. Without references all slices are possible, if they share its frame of
/// reference. Without positions only the references decide, and sources that cannot be referenced (image files) are
/// matched by the order of the frames.
///
/// # Errors
/// The reason why the segmentation cannot be applied to `series`.
pub(super) fn find_frame_slices(
    seg: &Segmentation,
    series: &Series,
    choice: &MaskChoice,
) -> Result<FramePlaces, Refused> {
    let sources = seg.frames.iter().flat_map(|f| &f.sources);
    let refers = seg.series.iter().any(ReferencedSeries::names_something)
        || sources.clone().next().is_some();
    let named = Named::from_references(series, &seg.series, sources, choice)?;
    let grid = SliceGrid::for_segmentation(seg, series);
    if !refers && !is_named(series) && grid.is_none() {
        check_size(seg, series)?;
        return in_order(seg, series);
    }
    let space = SharedSpace::from_frames_of_reference(seg, series);
    if named.basis == Basis::Position && (grid.is_none() || !space.is_common(choice)) {
        return Err(Refused::lies_elsewhere(no_position_reason(seg, series)));
    }
    let mut found = FoundPlaces::default();
    for (index, frame) in seg.frames.iter().enumerate() {
        found.place_frame(index, frame, &named, grid.as_ref(), (seg, series))?;
    }
    let mut places = found.choose_nearest(seg, &named, choice.time)?;
    if places.on.is_empty() {
        return Err(grid
            .map_or_else(
                || no_position_reason(seg, series),
                |grid| grid.why_nowhere(seg, &named),
            )
            .into());
    }
    let remarks = placement_remarks(seg, series, &places, choice);
    places.notes.extend(remarks);
    places
        .notes
        .extend(grid.as_ref().and_then(|grid| halfway_remark(grid, &places)));
    if found.misnamed > 0 {
        places.notes.push(format!(
            "frames placed by position because they refer to images in other planes: {}",
            found.misnamed
        ));
    }
    places.is_resampled = worst_misfit(&places, series).is_resampled();
    if space == SharedSpace::Other && grid_used(&places) {
        if places.is_resampled {
            return Err(Refused::lies_elsewhere(no_position_reason(seg, series)));
        }
        places.notes.push(
            "its frame of reference differs from that of the images, but the positions match"
                .into(),
        );
    }
    places.covered = places.on.keys().chain(&named.listed).copied().collect();
    places.basis = named.basis;
    Ok(places)
}

/// Whether the positions of segmentation and series can be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SharedSpace {
    /// Both have the same frame of reference.
    Same,
    /// They have different frames of reference.
    Other,
    /// One of them has no frame of reference.
    Unknown,
}

impl SharedSpace {
    fn from_frames_of_reference(seg: &Segmentation, series: &Series) -> Self {
        match (&seg.frame_of_reference, &series.frame_of_reference_uid) {
            (Some(a), Some(b)) if a == b => Self::Same,
            (Some(_), Some(_)) => Self::Other,
            _ => Self::Unknown,
        }
    }

    fn is_common(self, choice: &MaskChoice) -> bool {
        self == Self::Same || (self == Self::Unknown && choice.by_position)
    }
}

fn check_size(seg: &Segmentation, series: &Series) -> Result<(), Refused> {
    if (seg.columns, seg.rows) == series.columns_and_rows() {
        return Ok(());
    }
    let (columns, rows) = series.columns_and_rows();
    let reason = format!(
        "it is {} x {} pixels, but the series is {columns} x {rows}",
        seg.columns, seg.rows
    );
    Err(Refused::lies_elsewhere(reason))
}

/// True if all slices have valid UIDs that a segmentation can refer to.
fn is_named(series: &Series) -> bool {
    series.kind == Kind::Dicom
        && series
            .slices
            .iter()
            .all(|slice| slice.sop_instance_uid.as_deref().is_some_and(is_uid))
}

/// A frame that may belong to a slice, before the nearest frame of each segment is chosen.
#[derive(Clone, Copy)]
struct SliceCandidate {
    lying: Lying,
    is_named: bool,
}

impl SliceCandidate {
    /// Signed distance of the frame from the slice along its normal, mm; 0 without positions.
    fn depth(&self) -> f64 {
        self.lying.map.map_or(0.0, |map| map.depth)
    }

    /// Orders frames at the same position; 0 if the frame has no time.
    fn time_position(&self, seg: &Segmentation) -> f64 {
        seg.frames
            .get(self.lying.frame)
            .and_then(|f| f.time)
            .unwrap_or(0.0)
    }
}

#[derive(Default)]
struct FoundPlaces {
    on: BTreeMap<(usize, Option<u16>), Vec<SliceCandidate>>,
    elsewhere: Vec<usize>,
    misnamed: usize,
}

impl FoundPlaces {
    fn place_frame(
        &mut self,
        index: usize,
        frame: &SegFrame,
        named: &Named<'_>,
        grid: Option<&SliceGrid<'_>>,
        (seg, series): (&Segmentation, &Series),
    ) -> Result<(), Refused> {
        let own = named.source_slices(&frame.sources);
        let mut candidates: Vec<(usize, Option<GridMap>)> = Vec::new();
        if named.are_elsewhere(&frame.sources) {
            // It refers to images that are not in the series.
        } else if let (Some(grid), Some(_)) = (grid, frame.plane) {
            let near = grid.candidate_slices(seg, frame, &own);
            let (of_own, others): (Vec<_>, Vec<_>) =
                near.into_iter().partition(|(slice, _)| own.contains(slice));
            let is_misnamed = of_own.is_empty() && !own.is_empty();
            let possible = if of_own.is_empty() { others } else { of_own };
            let possible = possible
                .into_iter()
                .filter(|(slice, _)| named.allowed.contains(slice));
            for place in at_one_depth(possible.collect()) {
                let here: Vec<usize> = place.iter().map(|(slice, _)| *slice).collect();
                let meant = named.at_place(&here, &own)?;
                candidates.extend(
                    place
                        .into_iter()
                        .filter(|(slice, _)| meant.contains(slice))
                        .map(|(s, m)| (s, Some(m))),
                );
            }
            self.misnamed += usize::from(is_misnamed && !candidates.is_empty());
        } else if own.len() == 1 {
            check_size(seg, series)?;
            candidates.extend(own.iter().map(|slice| (*slice, None)));
        }
        if candidates.is_empty() {
            self.elsewhere.push(index);
        }
        for (slice, map) in candidates {
            let lying = Lying { frame: index, map };
            let candidate = SliceCandidate {
                lying,
                is_named: own.contains(&slice),
            };
            self.on
                .entry((slice, frame.segment))
                .or_default()
                .push(candidate);
        }
        Ok(())
    }

    /// Chooses for every slice the nearest frame of each segment; of several at the same position the one of this time.
    fn choose_nearest(
        &self,
        seg: &Segmentation,
        named: &Named<'_>,
        time: Option<usize>,
    ) -> Result<FramePlaces, Refused> {
        let mut places = FramePlaces {
            elsewhere: self.elsewhere.clone(),
            ..FramePlaces::default()
        };
        let mut of_time = None;
        for ((slice, segment), candidates) in &self.on {
            let nearest = candidates
                .iter()
                .map(SliceCandidate::depth)
                .min_by(|a, b| a.abs().total_cmp(&b.abs()))
                .unwrap_or(0.0);
            let here: Vec<&SliceCandidate> = candidates
                .iter()
                .filter(|c| (c.depth() - nearest).abs() <= SAME_DEPTH)
                .collect();
            let of_names: Vec<&SliceCandidate> =
                here.iter().copied().filter(|c| c.is_named).collect();
            let mut meant = if of_names.is_empty() { here } else { of_names };
            let count = meant.len();
            if count > 1 && !meant.iter().all(|c| c.is_named) {
                meant = vec![at_time(seg, meant, *segment, time)?];
                of_time = of_time.max(Some(count));
            }
            places
                .on
                .entry(*slice)
                .or_default()
                .extend(meant.iter().map(|c| c.lying));
        }
        if let (Some(count), Some(time)) = (of_time, time) {
            places.notes.push(format!(
                "up to {count} of its frames lie at the same position; those of time point {time} \
                 were used"
            ));
        }
        debug_assert!(places.on.keys().all(|slice| named.allowed.contains(slice)));
        Ok(places)
    }
}

/// Of several frames of a segment at the same position, the one of the chosen time, in order of their times or else as
/// stored.
///
/// # Errors
/// If no time was chosen, or there are fewer frames.
fn at_time<'a>(
    seg: &Segmentation,
    mut here: Vec<&'a SliceCandidate>,
    segment: Option<u16>,
    time: Option<usize>,
) -> Result<&'a SliceCandidate, Refused> {
    here.sort_by(|a, b| {
        a.time_position(seg)
            .total_cmp(&b.time_position(seg))
            .then(a.lying.frame.cmp(&b.lying.frame))
    });
    if let Some(one) = time.and_then(|time| here.get(time.checked_sub(1)?)) {
        return Ok(one);
    }
    let what = segment.map_or_else(
        || "frames".to_owned(),
        |number| format!("frames of segment {number}"),
    );
    let first = here.iter().map(|c| c.lying.frame + 1).min().unwrap_or(1);
    let but = time.map_or_else(String::new, |time| {
        format!("; there is no time point {time}")
    });
    let reason = format!(
        "{} {what} lie at the same position (the first is frame {first} of {}), and they do not \
         say which images they belong to{but}",
        here.len(),
        seg.frames.len()
    );
    Err(Refused::wants_time(reason, here.len()))
}

/// Groups slices at the same position, in order of depth.
fn at_one_depth(mut near: Vec<(usize, GridMap)>) -> Vec<Vec<(usize, GridMap)>> {
    near.sort_by(|a, b| a.1.depth.total_cmp(&b.1.depth).then(a.0.cmp(&b.0)));
    let mut places: Vec<Vec<(usize, GridMap)>> = Vec::new();
    for (slice, map) in near {
        match places.last_mut() {
            Some(place) if (place[0].1.depth - map.depth).abs() <= SAME_DEPTH => {
                place.push((slice, map))
            }
            _ => places.push(vec![(slice, map)]),
        }
    }
    places
        .iter_mut()
        .for_each(|place| place.sort_by_key(|(slice, _)| *slice));
    places
}

fn grid_used(places: &FramePlaces) -> bool {
    places
        .on
        .values()
        .flatten()
        .any(|lying| lying.map.is_some())
}

/// For sources without UIDs: matches the frames of each segment with the slices by their order.
fn in_order(seg: &Segmentation, series: &Series) -> Result<FramePlaces, Refused> {
    let by_stack: Option<Vec<usize>> = seg
        .frames
        .iter()
        .map(|f| f.stack_position.map(|p| p as usize - 1))
        .collect();
    let count = series.slices.len();
    let slices = by_stack
        .or_else(|| slices_by_depth(seg, count))
        .filter(|s| s.iter().all(|slice| *slice < count));
    let Some(slices) = slices else {
        let frames = seg.frames.len();
        return Err(format!(
            "its {frames} frames do not say which of the {count} images they belong to"
        )
        .into());
    };
    let mut places = FramePlaces {
        covered: slices.iter().copied().collect(),
        notes: vec!["it refers to no images; it was matched by size only".into()],
        ..FramePlaces::default()
    };
    for (frame, slice) in slices.into_iter().enumerate() {
        places
            .on
            .entry(slice)
            .or_default()
            .push(Lying { frame, map: None });
    }
    Ok(places)
}

/// The slice of each frame, in order of depth; `None` if a frame has no position, or if the number of positions differs
/// from the number of slices.
fn slices_by_depth(seg: &Segmentation, slices: usize) -> Option<Vec<usize>> {
    let depths: Vec<f64> = seg
        .frames
        .iter()
        .map(|f| f.plane.map(|p| p.distance_along_normal()))
        .collect::<Option<_>>()?;
    let mut distinct = depths.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup_by(|a, b| (*a - *b).abs() < 1e-3);
    if distinct.len() != slices {
        return None;
    }
    depths
        .iter()
        .map(|depth| {
            distinct
                .iter()
                .position(|other| (other - depth).abs() < 1e-3)
        })
        .collect()
}

/// The reason why positions cannot be used.
fn no_position_reason(seg: &Segmentation, series: &Series) -> String {
    let refers = seg.series.iter().any(ReferencedSeries::names_something);
    let what = if refers {
        "it can only be placed by position"
    } else {
        "it refers to no images"
    };
    match (&seg.frame_of_reference, &series.frame_of_reference_uid) {
        (Some(a), Some(b)) if a != b => {
            format!("{what}, and its frame of reference {a} differs from that of the series, {b}")
        }
        _ => format!("{what}, and its position relative to the series is unknown"),
    }
}

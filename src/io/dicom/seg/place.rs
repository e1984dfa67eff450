//! Which slice of an opened series each frame of a segmentation belongs to.

use super::{
    clean::is_uid,
    read::{ReferencedSeries, SegFrame, Segmentation},
};
use crate::domain::{
    geometry::Plane,
    study::{Kind, Series, Slice},
};
use dicom_dictionary_std::uids;
use std::collections::{BTreeSet, HashMap};

/// Directions that differ by less are one.
const SAME_DIRECTION: f64 = 1e-3;
/// Distances between pixels that differ by less, relative to their size, are one.
const SAME_SPACING: f64 = 1e-2;
/// A position may be off by this part of a pixel, and of the distance between slices.
const SAME_PLACE: f64 = 0.1;

/// Where the frames belong.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Places {
    /// 0-based slice of each frame; `None` for those that lie on no slice of the series.
    pub(super) slices: Vec<Option<usize>>,
    /// Slices that the segmentation speaks of, with frames or without.
    pub(super) covered: BTreeSet<usize>,
    /// What a user should know.
    pub(super) notes: Vec<String>,
}

/// Finds the slice of each frame: by source instance and frame, else by position in the same frame of reference.
/// Sources that cannot be named (pictures) are laid out by the order of the frames.
///
/// # Errors
/// The reason why the segmentation does not belong to `series`.
pub(super) fn places(seg: &Segmentation, series: &Series) -> Result<Places, String> {
    let by_uid = by_uid(series);
    let own = own_uid(series);
    let refers = seg.series.iter().any(|s| !s.uid.is_empty()) || seg.frames.iter().any(|f| !f.sources.is_empty());
    let names_a_slice = |f: &SegFrame| f.sources.iter().any(|(uid, _)| by_uid.contains_key(uid.as_str()));
    let is_ours = seg.series.iter().any(|s| s.uid == own) || seg.frames.iter().any(names_a_slice);
    if refers && !is_ours {
        return Err(other_series(seg, series));
    }
    if (seg.columns, seg.rows) != (series.columns, series.rows) {
        return Err(format!(
            "it is {} x {} pixels, the series {} x {}",
            seg.columns, seg.rows, series.columns, series.rows
        ));
    }
    if !refers && !is_named(series) {
        return in_order(seg, series);
    }
    let same_space = match (&seg.frame_of_reference, &series.frame_of_reference_uid) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    };
    let mut places = Places::default();
    let mut by_position = 0;
    for frame in &seg.frames {
        let slice = by_source(frame, &by_uid).or_else(|| {
            let slice = if same_space { at_position(frame, series) } else { None };
            by_position += usize::from(slice.is_some());
            slice
        });
        places.slices.push(slice);
    }
    places.covered = places.slices.iter().flatten().copied().collect();
    if places.covered.is_empty() {
        return Err(nowhere(seg, series, same_space));
    }
    if by_position > 0 {
        places.notes.push(format!("{by_position} of {} frames were placed by their position", seg.frames.len()));
    }
    places.covered.extend(named_without_frames(seg, series, &by_uid, own));
    Ok(places)
}

/// Slices of each instance, with their 1-based frames.
type ByUid<'a> = HashMap<&'a str, Vec<(u32, usize)>>;

fn by_uid(series: &Series) -> ByUid<'_> {
    let mut by_uid: ByUid<'_> = HashMap::new();
    for (i, slice) in series.slices.iter().enumerate() {
        if let Some(uid) = &slice.sop_instance_uid {
            by_uid.entry(uid).or_default().push((slice.source.frame.saturating_add(1), i));
        }
    }
    by_uid
}

/// The Series Instance UID: parts of a split series have a number behind it.
fn own_uid(series: &Series) -> &str {
    series.id.split('#').next().unwrap_or_default()
}

/// Whether a segmentation could refer to all slices.
fn is_named(series: &Series) -> bool {
    let named = |slice: &Slice| slice.sop_instance_uid.as_deref().is_some_and(is_uid);
    series.kind == Kind::Dicom && series.slices.iter().all(named)
}

/// The only slice that the frame was derived from.
fn by_source(frame: &SegFrame, by_uid: &ByUid<'_>) -> Option<usize> {
    let mut slices = frame.sources.iter().flat_map(|(uid, frames)| {
        let all = by_uid.get(uid.as_str()).map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |(number, _)| frames.is_empty() || frames.contains(number)).map(|(_, slice)| *slice)
    });
    let first = slices.next()?;
    slices.all(|other| other == first).then_some(first)
}

fn at_position(frame: &SegFrame, series: &Series) -> Option<usize> {
    let plane = frame.plane?;
    let between = series.slice_spacing().unwrap_or(1.0);
    let distance = |slice: &Slice| {
        let (other, spacing) = (slice.plane?, slice.spacing?);
        let same_spacing = frame.spacing.is_none_or(|own| {
            let close = |a: f64, b: f64| (a - b).abs() <= SAME_SPACING * b;
            close(own.row, spacing.row) && close(own.column, spacing.column)
        });
        let off = offset(&plane, &other);
        let along = off.iter().zip(other.normal()).map(|(o, n)| o * n).sum::<f64>().abs();
        let whole = off.iter().map(|o| o * o).sum::<f64>();
        let across = (whole - along * along).max(0.0).sqrt();
        let close = along <= SAME_PLACE * between && across <= SAME_PLACE * spacing.row.min(spacing.column);
        (same_spacing && close && same_direction(&plane, &other)).then_some(along)
    };
    let all = series.slices.iter().enumerate().filter_map(|(i, slice)| Some((i, distance(slice)?)));
    all.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(i, _)| i)
}

fn offset(a: &Plane, b: &Plane) -> [f64; 3] {
    std::array::from_fn(|i| a.position[i] - b.position[i])
}

fn same_direction(a: &Plane, b: &Plane) -> bool {
    a.orientation.iter().zip(b.orientation).all(|(x, y)| (x - y).abs() < SAME_DIRECTION)
}

/// Single-frame instances that the segmentation refers to without a frame for them: nothing is there.
fn named_without_frames(seg: &Segmentation, series: &Series, by_uid: &ByUid<'_>, own: &str) -> Vec<usize> {
    let instances = seg.series.iter().filter(|s| s.uid == own).flat_map(|s| &s.instances);
    let slices = instances.filter_map(|uid| by_uid.get(uid.as_str()));
    let single = slices.filter(|all| all.len() == 1).map(|all| all[0].1);
    single.filter(|slice| series.slices[*slice].source.frame == 0).collect()
}

/// For sources that have no UIDs: the frames of each segment, in the order of their place.
fn in_order(seg: &Segmentation, series: &Series) -> Result<Places, String> {
    let depth = |f: &SegFrame| f.plane.map(|p| p.distance_along_normal());
    let depths: Option<Vec<f64>> = seg.frames.iter().map(depth).collect();
    let by_stack: Option<Vec<usize>> = seg.frames.iter().map(|f| f.stack_position.map(|p| p as usize - 1)).collect();
    let by_depth = || {
        let depths = depths?;
        let mut distinct = depths.clone();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup_by(|a, b| (*a - *b).abs() < 1e-3);
        let place = |d: &f64| distinct.iter().position(|other| (other - d).abs() < 1e-3);
        depths.iter().map(place).collect::<Option<Vec<usize>>>().filter(|_| distinct.len() == series.slices.len())
    };
    let slices = by_stack.or_else(by_depth).filter(|s| s.iter().all(|slice| *slice < series.slices.len()));
    let Some(slices) = slices else {
        let (frames, count) = (seg.frames.len(), series.slices.len());
        return Err(format!("its {frames} frames do not say which of the {count} pictures they belong to"));
    };
    Ok(Places {
        covered: slices.iter().copied().collect(),
        slices: slices.into_iter().map(Some).collect(),
        notes: vec!["it refers to no image, only its size says that it belongs here".into()],
    })
}

/// Why a segmentation that refers to something else is refused.
fn other_series(seg: &Segmentation, series: &Series) -> String {
    let here = match series.kind {
        Kind::Picture => "this is a picture that is no DICOM".to_owned(),
        Kind::Dicom if series.modality.is_empty() => format!("this is {}", own_uid(series)),
        Kind::Dicom => format!("this is {} ({})", own_uid(series), series.modality),
    };
    let name = |s: &ReferencedSeries| match class_name(&s.class) {
        Some(class) => format!("{} ({class})", s.uid),
        None => s.uid.clone(),
    };
    let instance = || seg.frames.iter().find_map(|f| f.sources.first()).map(|(uid, _)| uid.clone()).unwrap_or_default();
    match seg.series.iter().filter(|s| !s.uid.is_empty()).map(name).collect::<Vec<_>>().as_slice() {
        [] => format!("it refers to the instance {}, {here}, which does not hold it", instance()),
        [one] => format!("it refers to series {one}, {here}"),
        [one, more @ ..] => format!("it refers to series {one} and {} more, {here}", more.len()),
    }
}

/// The modality of a SOP class of images: "CT" for CT Image Storage.
fn class_name(uid: &str) -> Option<&'static str> {
    Some(match uid {
        uids::CT_IMAGE_STORAGE | uids::ENHANCED_CT_IMAGE_STORAGE => "CT",
        uids::MR_IMAGE_STORAGE | uids::ENHANCED_MR_IMAGE_STORAGE => "MR",
        uids::ULTRASOUND_IMAGE_STORAGE | uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE => "US",
        uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE | uids::ENHANCED_PET_IMAGE_STORAGE => "PT",
        uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE => "CR",
        uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION => "DX",
        uids::DIGITAL_MAMMOGRAPHY_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION => "MG",
        uids::X_RAY_ANGIOGRAPHIC_IMAGE_STORAGE => "XA",
        uids::NUCLEAR_MEDICINE_IMAGE_STORAGE => "NM",
        uids::SECONDARY_CAPTURE_IMAGE_STORAGE => "secondary capture",
        _ => return None,
    })
}

/// Why none of the frames found a slice.
fn nowhere(seg: &Segmentation, series: &Series, same_space: bool) -> String {
    let count = series.slices.len();
    if same_space && seg.frames.iter().any(|f| f.plane.is_some()) {
        return format!("none of its frames lies where one of the {count} slices lies, in the same direction");
    }
    if seg.series.iter().any(|s| s.uid == own_uid(series)) {
        return format!("it refers to this series, but to none of the {count} slices that are here");
    }
    match (&seg.frame_of_reference, &series.frame_of_reference_uid) {
        (Some(a), Some(b)) => format!("it refers to no image and lies in frame of reference {a}, the series in {b}"),
        _ => "it refers to no image, and has no place in space in common with the series".into(),
    }
}

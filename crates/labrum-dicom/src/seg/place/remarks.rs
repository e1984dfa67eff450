//! What a user should know of how the frames of a segmentation were laid on the slices.

use super::{FramePlaces, Lying, Segmentation, SliceGrid};
use crate::references::ReferencedSeries;
use labrum_core::{import::MaskChoice, lattice::GridFit, study::Series};

/// A frame within this part of the distance between slices lies on the slice, without a word.
const SAME_PLACE: f64 = 0.1;

/// The least that can be said of how pixels meet, over all frames.
#[derive(Default)]
pub(super) struct Worst {
    is_rearranged: bool,
    /// Of a pixel.
    shift: f64,
    has_other_pixels: bool,
    /// mm.
    distance: f64,
}

impl Worst {
    pub(super) fn is_resampled(&self) -> bool {
        self.has_other_pixels || self.shift > 0.0 || self.distance > 0.0
    }
}

pub(super) fn worst_misfit(places: &FramePlaces, series: &Series) -> Worst {
    let between = series.slice_spacing().unwrap_or(1.0);
    let mut worst = Worst::default();
    for map in places.on.values().flatten().filter_map(|lying| lying.map) {
        match map.fit {
            GridFit::Same => {}
            GridFit::Rearranged => worst.is_rearranged = true,
            GridFit::Shifted(by) => worst.shift = worst.shift.max(by),
            GridFit::Other => worst.has_other_pixels = true,
        }
        if map.max_plane_distance() > SAME_PLACE * between {
            worst.distance = worst.distance.max(map.max_plane_distance());
        }
    }
    worst
}

/// What a user should know of how it was laid.
pub(super) fn placement_remarks(
    seg: &Segmentation,
    series: &Series,
    places: &FramePlaces,
    choice: &MaskChoice,
) -> Vec<String> {
    let mut notes = Vec::new();
    let refers = seg.series.iter().any(ReferencedSeries::names_something)
        || seg.frames.iter().any(|f| !f.sources.is_empty());
    if !refers {
        notes.push("it names no image: its frames were placed by their position".into());
    } else if choice.by_position {
        notes.push(
            "as asked for, its frames were placed by their position, whichever images they name"
                .into(),
        );
    }
    let worst = worst_misfit(places, series);
    if worst.has_other_pixels {
        let own = seg
            .frames
            .iter()
            .find_map(|f| f.spacing)
            .map(|s| format!(" ({:.3} x {:.3} mm)", s.row, s.column));
        let images = series.slices.iter().find_map(|s| s.spacing);
        let images = images.map(|s| format!(" ({:.3} x {:.3} mm)", s.row, s.column));
        notes.push(format!(
            "its grid of pixels{} is another one than that of the images{}: it was resampled, each pixel from the nearest",
            own.unwrap_or_default(),
            images.unwrap_or_default()
        ));
    } else if worst.shift > 0.0 {
        notes.push(format!(
            "its pixels lie up to {:.2} of a pixel beside those of the images: each was taken from the nearest",
            worst.shift
        ));
    } else if worst.is_rearranged {
        notes.push(
            "its rows and columns are mirrored, turned or cropped against those of the images: it was laid by its place, pixel by pixel"
                .into(),
        );
    }
    if worst.distance > 0.0 {
        notes.push(format!(
            "its frames lie up to {:.2} mm from the slices: of each slice the nearest was taken",
            worst.distance
        ));
    }
    notes
}

/// Slices that have frames equally far on both sides, or frames that have slices so.
pub(super) fn halfway_remark(grid: &SliceGrid<'_>, places: &FramePlaces) -> Option<String> {
    let is_halfway = |lying: &&Lying| lying.map.is_some_and(|map| grid.is_halfway(&map));
    let mut sides = places
        .on
        .values()
        .flatten()
        .filter(is_halfway)
        .filter_map(|lying| lying.map)
        .map(|m| m.depth < 0.0);
    let is_below = sides.next()?;
    let side = if is_below {
        "the frame before it"
    } else {
        "the frame after it"
    };
    Some(format!(
        "its frames lie halfway between slices: each slice took {side}, so that all may be half a slice off"
    ))
}

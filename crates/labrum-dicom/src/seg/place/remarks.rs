//! Remarks about how the frames of a segmentation were matched with slices.

use super::{FramePlaces, Segmentation, SliceGrid};
use crate::references::ReferencedSeries;
use labrum_core::{import::MaskChoice, lattice::GridFit, study::Series};

/// No remark is made about frames closer to their slice than this fraction of the slice spacing.
const SAME_PLACE: f64 = 0.1;

/// The worst mismatch between pixels of frames and slices, over all frames.
#[derive(Default)]
pub(super) struct Worst {
    is_rearranged: bool,
    /// In-plane shift, as a fraction of a pixel.
    shift: f64,
    has_other_pixels: bool,
    /// Distance from the slice, mm.
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

/// Remarks about how the segmentation was placed.
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
        notes.push("it refers to no images; its frames were placed by position".into());
    } else if choice.by_position {
        notes.push(
            "its frames were placed by position as requested, not by the images they refer to"
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
            "its pixel grid{} differs from that of the images{}; it was resampled (nearest \
             neighbour)",
            own.unwrap_or_default(),
            images.unwrap_or_default()
        ));
    } else if worst.shift > 0.0 {
        notes.push(format!(
            "its pixel grid is shifted by up to {:.2} of a pixel; it was resampled (nearest \
             neighbour)",
            worst.shift
        ));
    } else if worst.is_rearranged {
        notes.push(
            "its pixel grid is mirrored, rotated or cropped relative to the images; it was mapped \
             pixel by pixel"
                .into(),
        );
    }
    if worst.distance > 0.0 {
        notes.push(format!(
            "its frames lie up to {:.2} mm from the slices; the nearest frame was used for each \
             slice",
            worst.distance
        ));
    }
    notes
}

/// Remark about frames that lie halfway between slices.
pub(super) fn halfway_remark(grid: &SliceGrid<'_>, places: &FramePlaces) -> Option<String> {
    let mut sides = places
        .on
        .values()
        .flatten()
        .filter_map(|lying| lying.map)
        .filter(|map| grid.is_halfway(map))
        .map(|map| map.depth < 0.0);
    let is_below = sides.next()?;
    let side = if is_below {
        "the frame before it"
    } else {
        "the frame after it"
    };
    Some(format!(
        "its frames lie halfway between slices; each slice uses {side}, so masks may be half a \
         slice off"
    ))
}

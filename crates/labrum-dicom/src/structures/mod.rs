//! Imports RT Structure Sets, PS3.3 A.19, as masks: their regions are closed contours in patient coordinates.

mod area;
mod raster;
mod read;
#[cfg(test)]
mod tests;

pub use read::is_structure_set;

use crate::references::{Named, ReferencedSeries, Refused};
use labrum_core::{
    Result,
    import::{
        Basis, ImportedMasks, MaskChoice,
        choice::{Offered, Taken, tell_apart},
        overlap::Painter,
    },
    label::Label,
    mask::Mask,
    region::Region,
    study::Series,
};
use raster::{FoundRegion, Slices};
use read::{RegionOfInterest, StructureSet};
use std::{collections::BTreeMap, mem, path::Path, result};

/// No remark is made about contours closer to their slice than this fraction of the maximum distance.
const IN_PLANE: f64 = 0.2;
/// Maximum number of labels of a mask.
const MOST_LABELS: usize = 255;

/// Reads the structure set `path` as masks of `series`. A pixel belongs to a region if its centre lies within its
/// contours; contours within others are holes. Each contour is applied to the slice in whose plane it lies, among the
/// images that it refers to; if it refers to none, among all slices in the same frame of reference. Smaller regions lie
/// over larger ones, unless the user chose an order.
///
/// # Errors
/// If the file cannot be read, refers to other images or has another frame of reference, or if none of its contours
/// lies on a slice.
pub fn import_masks(path: &Path, series: &Series, choice: &MaskChoice) -> Result<ImportedMasks> {
    let set = read::read_regions(path)?;
    apply_regions(set, series, choice)
        .map_err(|refusal| refusal.on_series("structure set", path, series))
}

/// Converts a structure set to masks.
fn apply_regions(
    mut set: StructureSet,
    series: &Series,
    choice: &MaskChoice,
) -> Result<ImportedMasks, Refused> {
    let slices = Slices::from_series(series).map_err(Refused::lies_elsewhere)?;
    check_frame(&set, series).map_err(Refused::lies_elsewhere)?;
    let mut notes = mem::take(&mut set.notes);
    select_regions(&mut set, series, choice, &mut notes).map_err(|reason| Refused {
        advice: "Choose by name or number.",
        ..reason.into()
    })?;
    let sources = set
        .structures
        .iter()
        .flat_map(|s| &s.contours)
        .flat_map(|c| &c.sources);
    let refers = set.series.iter().any(ReferencedSeries::names_something)
        || sources.clone().next().is_some();
    let named = Named::from_references(series, &set.series, sources, choice)?;
    let mut laid = Vec::new();
    let mut elsewhere = 0;
    let mut misnamed = 0;
    let mut distance = 0.0f64;
    for structure in &set.structures {
        let found = raster::rasterize_contours(structure, &slices, &named, series)?;
        elsewhere += found.elsewhere;
        misnamed += found.misnamed;
        distance = distance.max(found.distance);
        notes.extend(without_area(structure, &found));
        if !found.regions.is_empty() {
            laid.push((structure, found.regions));
        }
    }
    if laid.is_empty() {
        return Err(Refused::lies_elsewhere(no_pixels_reason(&set, elsewhere)));
    }
    if laid.len() > MOST_LABELS {
        let reason = format!("it has more than {MOST_LABELS} regions, the maximum for a mask");
        return Err(Refused {
            advice: "Choose regions with --only.",
            ..reason.into()
        });
    }
    notes.extend(placement_notes(elsewhere, misnamed, refers, named.basis));
    if distance > IN_PLANE * slices.reach {
        notes.push(format!(
            "its contours lie up to {distance:.2} mm from the slices; each was assigned to the \
             nearest slice"
        ));
    }
    paint_regions(&laid, series, choice, notes, named.basis).map_err(Refused::from)
}

/// A region with its pixels on each slice.
type Laid<'a> = (&'a RegionOfInterest, BTreeMap<usize, Region>);

/// Paints the regions over each other.
fn paint_regions(
    laid: &[Laid<'_>],
    series: &Series,
    choice: &MaskChoice,
    mut notes: Vec<String>,
    basis: Basis,
) -> result::Result<ImportedMasks, String> {
    let offered: Vec<Offered<'_>> = laid
        .iter()
        .map(|(structure, _)| offered_region(structure))
        .collect();
    // Regions that were not chosen are removed already, and those without an area have no order: ignore their names.
    let order: Vec<String> = choice
        .order
        .iter()
        .filter(|word| all_in_order(&offered, vec![(*word).clone()]).is_ok())
        .cloned()
        .collect();
    let taken = all_in_order(&offered, order)?;
    let sizes: Vec<usize> = laid
        .iter()
        .map(|(_, regions)| regions.values().map(Region::len).sum())
        .collect();
    let mut labels: Vec<Label> = laid
        .iter()
        .map(|(structure, _)| structure.label.clone())
        .collect();
    notes.extend(tell_apart(&mut labels));
    let mut painter = Painter::default();
    let mut masks: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for index in taken.lowest_first(|i| sizes[i]) {
        for (slice, region) in &laid[index].1 {
            let mask = masks
                .entry(*slice)
                .or_insert_with(|| vec![0; series.columns * series.rows]);
            for span in region.spans() {
                let row = mask.get_mut(
                    span.row * series.columns + span.start..span.row * series.columns + span.end,
                );
                row.into_iter()
                    .flatten()
                    .for_each(|pixel| painter.paint_pixel(pixel, index as u8 + 1));
            }
        }
    }
    notes.extend(painter.overlap_notes(&labels));
    let numbers: Vec<u32> = laid.iter().map(|(structure, _)| structure.number).collect();
    let taken = painter.taken_labels(&numbers, &sizes);
    let masks = masks
        .into_iter()
        .filter_map(|(slice, values)| {
            let mask = Mask::from_labels(series.columns, series.rows, values)?;
            Some((slice, mask))
        })
        .collect();
    Ok(ImportedMasks {
        labels,
        masks,
        notes,
        taken,
        basis,
        is_resampled: false,
    })
}

/// Selects all regions, with those of these names or numbers on top.
fn all_in_order(offered: &[Offered<'_>], order: Vec<String>) -> result::Result<Taken, String> {
    let choice = MaskChoice {
        order,
        ..MaskChoice::default()
    };
    Taken::from_choice(offered, &choice)
}

fn offered_region(structure: &RegionOfInterest) -> Offered<'_> {
    Offered {
        number: structure.number,
        name: &structure.label.name,
    }
}

/// Keeps only the chosen regions in the frame of reference of the series.
fn select_regions(
    set: &mut StructureSet,
    series: &Series,
    choice: &MaskChoice,
    notes: &mut Vec<String>,
) -> result::Result<(), String> {
    let offered: Vec<Offered<'_>> = set.structures.iter().map(offered_region).collect();
    let taken = Taken::from_choice(&offered, choice)?;
    let mut index = 0;
    set.structures.retain(|_| {
        index += 1;
        taken.indices.contains(&(index - 1))
    });
    let Some(own) = series.frame_of_reference_uid.as_deref() else {
        return Ok(());
    };
    set.structures.retain(|structure| {
        let stays = structure
            .frame_of_reference
            .as_deref()
            .is_none_or(|frame| frame == own);
        if !stays {
            let name = &structure.label.name;
            notes.push(format!(
                "\"{name}\" has another frame of reference than the images and was skipped"
            ));
        }
        stays
    });
    Ok(())
}

/// Checks that structure set and series share a frame of reference: otherwise positions cannot be compared.
fn check_frame(set: &StructureSet, series: &Series) -> result::Result<(), String> {
    let Some(own) = series.frame_of_reference_uid.as_deref() else {
        return Ok(());
    };
    let frames = &set.frames_of_reference;
    if frames.is_empty() || frames.iter().any(|frame| frame == own) {
        return Ok(());
    }
    Err(format!(
        "its frame of reference {} differs from that of the series, {own}",
        frames.join(", ")
    ))
}

fn no_pixels_reason(set: &StructureSet, elsewhere: usize) -> String {
    let contours: usize = set.structures.iter().map(|s| s.contours.len()).sum();
    match (contours, elsewhere) {
        (0, _) => "it contains no closed contours".into(),
        (_, 0) => "none of its contours encloses the centre of a pixel".into(),
        (_, n) => format!("none of its {n} contours lies on a matching slice"),
    }
}

/// Remarks about the contours of a region that do not contribute to its mask.
fn without_area(structure: &RegionOfInterest, found: &FoundRegion) -> Vec<String> {
    let name = &structure.label.name;
    let kinds = structure
        .without_area
        .iter()
        .map(|(kind, count)| match kind.as_str() {
            "CLOSED_PLANAR" | "CLOSEDPLANAR_XOR" => {
                format!("{count} closed with fewer than three points")
            }
            kind => format!("{count} of type {kind}"),
        });
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    match (
        kinds.is_empty(),
        structure.contours.is_empty(),
        found.regions.is_empty(),
    ) {
        (false, true, _) => vec![format!(
            "\"{name}\" has only contours without an area ({kinds}) and was skipped"
        )],
        (is_whole, false, is_empty) => {
            let mut notes = Vec::new();
            if !is_whole {
                notes.push(format!(
                    "contours of \"{name}\" without an area were skipped: {kinds}"
                ));
            }
            if is_empty {
                notes.push(format!(
                    "\"{name}\" has no pixels on these slices and was skipped"
                ));
            }
            notes
        }
        _ => Vec::new(),
    }
}

fn placement_notes(elsewhere: usize, misnamed: usize, refers: bool, basis: Basis) -> Vec<String> {
    let mut notes = Vec::new();
    match (basis, refers) {
        (Basis::Position, false) => {
            notes.push("it refers to no images; its contours were placed by position".into())
        }
        (Basis::Position, true) => {
            notes.push(
                "its contours were placed by position as requested, not by the images they refer to"
                    .into(),
            );
        }
        _ => {}
    }
    if elsewhere > 0 {
        notes.push(format!(
            "contours skipped because they lie on no slice of the opened series: {elsewhere}"
        ));
    }
    if misnamed > 0 {
        notes.push(format!(
            "contours placed by position because they refer to images in other planes: {misnamed}"
        ));
    }
    notes
}

//! RT Structure Sets, PS3.3 A.19: regions as closed contours in the patient, read as masks of an opened series.

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
use std::{collections::BTreeMap, path::Path};

/// Contours within this part of the farthest that belongs to a slice lie on it, without a word.
const IN_PLANE: f64 = 0.2;
/// A mask holds no more labels.
const MOST_LABELS: usize = 255;

/// Reads the structure set `path` as masks of `series`: a pixel belongs to a region where its centre lies within its
/// contours, of which those within others are holes. Contours are laid on the images that they name, on the slice in
/// whose plane they lie; where nothing is named, on any slice of the same frame of reference. Smaller regions lie over
/// larger ones, unless the user gave an order.
///
/// # Errors
/// Where the file cannot be read, belongs to other images or lies in another frame of reference, or none of its contours
/// lies on a slice.
pub fn import_masks(path: &Path, series: &Series, choice: &MaskChoice) -> Result<ImportedMasks> {
    let mut set = read::read_regions(path)?;
    let refused = |refusal: Refused| refusal.on_series("structure set", path, series);
    let slices =
        Slices::from_series(series).map_err(|reason| refused(Refused::lies_elsewhere(reason)))?;
    check_frame(&set, series).map_err(|reason| refused(Refused::lies_elsewhere(reason)))?;
    let mut notes = std::mem::take(&mut set.notes);
    select_regions(&mut set, series, choice, &mut notes).map_err(|reason| {
        refused(Refused {
            advice: "Choose by name or number.",
            ..reason.into()
        })
    })?;
    let sources = set
        .structures
        .iter()
        .flat_map(|s| &s.contours)
        .flat_map(|c| &c.sources);
    let refers = set.series.iter().any(ReferencedSeries::names_something)
        || sources.clone().next().is_some();
    let named = Named::from_references(series, &set.series, sources, choice).map_err(refused)?;
    let mut laid = Vec::new();
    let (mut elsewhere, mut misnamed, mut distance) = (0, 0, 0.0f64);
    for structure in &set.structures {
        let found =
            raster::rasterize_contours(structure, &slices, &named, series).map_err(refused)?;
        elsewhere += found.elsewhere;
        misnamed += found.misnamed;
        distance = distance.max(found.distance);
        notes.extend(without_area(structure, &found));
        if !found.regions.is_empty() {
            laid.push((structure, found.regions));
        }
    }
    if laid.is_empty() {
        return Err(refused(Refused::lies_elsewhere(no_pixels_reason(
            &set, elsewhere,
        ))));
    }
    if laid.len() > MOST_LABELS {
        let reason = format!("it has more than {MOST_LABELS} regions, the most that a mask holds");
        return Err(refused(Refused {
            advice: "Choose some of them with --only.",
            ..reason.into()
        }));
    }
    notes.extend(placement_notes(elsewhere, misnamed, refers, named.basis));
    if distance > IN_PLANE * slices.reach {
        notes.push(format!(
            "its contours lie up to {distance:.2} mm from the slices: each was laid on the nearest"
        ));
    }
    paint_regions(&laid, series, choice, notes, named.basis)
        .map_err(|reason| refused(reason.into()))
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
) -> std::result::Result<ImportedMasks, String> {
    let offered: Vec<Offered<'_>> = laid
        .iter()
        .map(|(structure, _)| offered_region(structure))
        .collect();
    // What was not wanted is gone already, and what has no area cannot be put in order.
    let of_order = |order| {
        Taken::from_choice(
            &offered,
            &MaskChoice {
                order,
                ..MaskChoice::default()
            },
        )
    };
    let known = |word: &&String| of_order(vec![(*word).clone()]).is_ok();
    let taken = of_order(choice.order.iter().filter(known).cloned().collect())?;
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
    let mask = |(slice, values)| {
        Some((
            slice,
            Mask::from_labels(series.columns, series.rows, values)?,
        ))
    };
    let masks = masks.into_iter().filter_map(mask).collect();
    Ok(ImportedMasks {
        labels,
        masks,
        notes,
        taken,
        basis,
        is_resampled: false,
    })
}

fn offered_region(structure: &RegionOfInterest) -> Offered<'_> {
    Offered {
        number: structure.number,
        name: &structure.label.name,
    }
}

/// Leaves what is wanted and lies in the frame of reference of the series.
fn select_regions(
    set: &mut StructureSet,
    series: &Series,
    choice: &MaskChoice,
    notes: &mut Vec<String>,
) -> std::result::Result<(), String> {
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
                "\"{name}\" lies in another frame of reference than the images and was left out"
            ));
        }
        stays
    });
    Ok(())
}

/// Positions mean something only in one frame of reference.
fn check_frame(set: &StructureSet, series: &Series) -> std::result::Result<(), String> {
    let own = series.frame_of_reference_uid.as_deref();
    let is_other =
        |frames: &[String]| !frames.is_empty() && !frames.iter().any(|f| Some(f.as_str()) == own);
    match own {
        Some(own) if is_other(&set.frames_of_reference) => Err(format!(
            "it lies in frame of reference {}, the series in {own}",
            set.frames_of_reference.join(", ")
        )),
        _ => Ok(()),
    }
}

fn no_pixels_reason(set: &StructureSet, elsewhere: usize) -> String {
    let contours: usize = set.structures.iter().map(|s| s.contours.len()).sum();
    match (contours, elsewhere) {
        (0, _) => "it holds no closed contours".into(),
        (_, 0) => "none of its contours encloses the centre of a pixel".into(),
        (_, n) => format!("none of its {n} contours lies in the plane of a slice that is meant"),
    }
}

/// What of a region is no mask.
fn without_area(structure: &RegionOfInterest, found: &FoundRegion) -> Vec<String> {
    let name = &structure.label.name;
    let kinds = structure
        .without_area
        .iter()
        .map(|(kind, count)| match kind.as_str() {
            "CLOSED_PLANAR" | "CLOSEDPLANAR_XOR" => {
                format!("{count} closed ones of fewer than three points")
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
            "\"{name}\" has only contours without an area ({kinds}) and was left out"
        )],
        (is_whole, false, is_empty) => {
            let mut notes = Vec::new();
            if !is_whole {
                notes.push(format!(
                    "contours of \"{name}\" that enclose no area were left out: {kinds}"
                ));
            }
            if is_empty {
                notes.push(format!(
                    "\"{name}\" has no pixel on these slices and was left out"
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
            notes.push("it names no image: its contours were laid by their place".into())
        }
        (Basis::Position, true) => {
            notes.push(
                "as asked for, its contours were laid by their place, whichever images they name"
                    .into(),
            );
        }
        _ => {}
    }
    if elsewhere > 0 {
        notes.push(format!(
            "{elsewhere} contours lie on no slice that is here and were left out"
        ));
    }
    if misnamed > 0 {
        notes.push(format!(
            "{misnamed} contours name other images than those in whose plane they lie: they were laid by their place"
        ));
    }
    notes
}

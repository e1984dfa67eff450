//! RT Structure Sets, PS3.3 A.19: regions as closed contours in the patient, read as masks of an opened series.

mod raster;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use read::is_structure_set;

use crate::{
    Error, Result,
    domain::{mask::Mask, region::Region, study::Series},
    io::import::Imported,
};
use raster::Slices;
use read::StructureSet;
use std::{collections::BTreeMap, path::Path};

/// A mask holds no more labels.
const MOST_LABELS: usize = 255;

/// Reads the structure set `path` as masks of `series`: a pixel belongs to a region where its centre lies within an odd
/// number of its contours, so that contours within others are holes and keyholes close. Contours are laid on the slice
/// in whose plane they lie; whether the set names the very instances of the series does not matter as long as both
/// share a frame of reference.
///
/// # Errors
/// Where the file cannot be read, lies in another frame of reference, or none of its contours lies on a slice.
pub(crate) fn import(path: &Path, series: &Series) -> Result<Imported> {
    let set = read::read(path)?;
    let refused = |reason: String| {
        Error::at("lay the structure set over the series", path, reason)
            .advise("Open the series that it was drawn on, then import it.")
    };
    let slices = Slices::of(series).map_err(refused)?;
    check_frame(&set, series).map_err(refused)?;
    let mut notes = set.notes.clone();
    let mut laid: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut labels = Vec::new();
    let (mut elsewhere, mut open, mut overlapping) = (0, 0, 0);
    for structure in &set.structures {
        let found = raster::regions(structure, &slices, series);
        elsewhere += found.elsewhere;
        open += structure.open_contours;
        if found.regions.is_empty() {
            notes.push(format!("\"{}\" has no area on these slices and was left out", structure.label.name));
            continue;
        }
        if labels.len() == MOST_LABELS {
            return Err(refused(format!("it has more than {MOST_LABELS} regions, the most that a mask holds")));
        }
        labels.push(structure.label.clone());
        for (slice, region) in found.regions {
            let mask = laid.entry(slice).or_insert_with(|| vec![0; series.columns * series.rows]);
            overlapping += paint(mask, series.columns, &region, labels.len() as u8);
        }
    }
    if labels.is_empty() {
        return Err(refused(nowhere(&set, elsewhere)));
    }
    notes.extend(decisions(elsewhere, open, overlapping));
    let mask = |(slice, values)| Some((slice, Mask::from_labels(series.columns, series.rows, values)?));
    Ok(Imported { labels, masks: laid.into_iter().filter_map(mask).collect(), notes })
}

/// Paints a region; returns how many pixels belonged to another one.
fn paint(mask: &mut [u8], columns: usize, region: &Region, label: u8) -> usize {
    let mut taken = 0;
    for span in region.spans() {
        let Some(row) = mask.get_mut(span.row * columns + span.start..span.row * columns + span.end) else { continue };
        taken += row.iter().filter(|old| **old != 0).count();
        row.fill(label);
    }
    taken
}

/// Positions mean something only in one frame of reference.
fn check_frame(set: &StructureSet, series: &Series) -> std::result::Result<(), String> {
    let own = series.frame_of_reference_uid.as_deref();
    let is_other = |frames: &[String]| !frames.is_empty() && !frames.iter().any(|f| Some(f.as_str()) == own);
    match own {
        Some(own) if is_other(&set.frames_of_reference) => {
            Err(format!("it lies in frame of reference {}, the series in {own}", set.frames_of_reference.join(", ")))
        }
        _ => Ok(()),
    }
}

fn nowhere(set: &StructureSet, elsewhere: usize) -> String {
    match (set.structures.len(), elsewhere) {
        (0, _) => "it holds no closed contours".into(),
        (_, 0) => "none of its contours encloses the centre of a pixel".into(),
        (_, n) => format!("none of its {n} contours lies in the plane of a slice"),
    }
}

fn decisions(elsewhere: usize, open: usize, overlapping: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if elsewhere > 0 {
        notes.push(format!("{elsewhere} contours lie on no slice that is here and were left out"));
    }
    if open > 0 {
        notes.push(format!("{open} points and open lines enclose no area and were left out"));
    }
    if overlapping > 0 {
        notes.push(format!("its regions overlap in {overlapping} pixels, the later region was taken there"));
    }
    notes
}

//! RT Structure Sets (PS3.3 A.19): masks as closed planar contours on the planes of their source.
//!
//! Contours run along the edges of pixels, so that a program that asks which middles of pixels lie inside gets exactly the
//! mask. Holes are cut into their ring (see `keyhole`).

mod keyhole;
mod write;

use super::seg::Authorship;
use labrum_core::{
    Error, Result,
    label::Label,
    mask::Mask,
    study::{Kind, Series},
    whole_file,
};
use std::path::Path;

const TRIED: &str = "write the structure set";

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureSetSummary {
    /// SOP Instance UID of the file.
    pub sop_instance_uid: String,
    /// Number of contours in all.
    pub contours: usize,
    /// What was missing in the source and how it was filled, for the user to read.
    pub warnings: Vec<String>,
}

/// Writes `masks`, one for each slice of `series`, as the RT Structure Set `path`; label n becomes ROI n. `authors` says who
/// made each label: one for each, or one for all.
///
/// # Errors
/// Where the source has no geometry or cannot be referred to, where masks and slices do not fit each other, and where the
/// file cannot be written.
pub fn write_file(
    path: &Path,
    series: &Series,
    masks: &[Mask],
    labels: &[Label],
    authors: &[Authorship],
) -> Result<StructureSetSummary> {
    check_masks(series, masks, labels, authors).map_err(|reason| {
        Error::at_path(TRIED, path, reason)
            .with_advice("Choose DICOM-SEG or another format for these images.")
    })?;
    let encoded = write::encode_file(series, masks, labels, authors)?;
    let same = |written: &Path| {
        let back = std::fs::read(written).map_err(|e| Error::at_path(TRIED, path, e))?;
        match back == encoded.bytes {
            true => Ok(()),
            false => Err(Error::at_path(
                TRIED,
                path,
                "reading it back gave something else",
            )),
        }
    };
    whole_file::write_checked(path, TRIED, |file| file.write_all(&encoded.bytes), same)?;
    Ok(encoded.summary)
}

fn check_masks(
    series: &Series,
    masks: &[Mask],
    labels: &[Label],
    authors: &[Authorship],
) -> std::result::Result<(), String> {
    let fits = |mask: &Mask| (mask.columns(), mask.rows()) == (series.columns, series.rows);
    if masks.len() != series.slices.len() || !masks.iter().all(fits) {
        return Err("the masks do not fit the series".into());
    }
    if labels.is_empty() || authors.is_empty() {
        return Err("there are no labels".into());
    }
    let has_geometry = |s: &labrum_core::study::Slice| {
        s.plane.is_some() && s.spacing.is_some_and(|s| s.is_physical())
    };
    if series.kind != Kind::Dicom || !series.slices.iter().all(has_geometry) {
        return Err("these images do not say where in the patient they lie, and contours have no other place".into());
    }
    Ok(())
}

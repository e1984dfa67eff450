//! Writes masks as RT Structure Sets (PS3.3 A.19): closed planar contours in the planes of the source images.
//!
//! Contours follow pixel edges, so that a program that tests pixel centres gets exactly the mask. Holes are joined to
//! their ring (see `keyhole`).

mod keyhole;
mod write;

use super::seg::Authorship;
use labrum_core::{
    Error, Result,
    label::Label,
    mask::Mask,
    study::{Kind, Series, Slice},
    whole_file,
};
use std::{fs, path::Path, result};

const TRIED: &str = "write the structure set";

/// Summary of a written structure set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureSetSummary {
    /// SOP Instance UID of the file.
    pub sop_instance_uid: String,
    /// Total number of contours.
    pub contours: usize,
    /// Warnings about values that were missing in the source and how they were filled.
    pub warnings: Vec<String>,
}

/// Writes `masks`, one for each slice of `series`, as the RT Structure Set `path`; label n becomes ROI n. `authors`
/// says who made each label: one entry per label, or one for all.
///
/// # Errors
/// If the source has no geometry or no valid UIDs, if the masks do not match the slices, or if the file cannot be
/// written.
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
    whole_file::write_checked(
        path,
        TRIED,
        |file| file.write_all(&encoded.bytes),
        |written| verify_written(written, path, &encoded.bytes),
    )?;
    Ok(encoded.summary)
}

/// Verifies the file `written`; errors name `path`, its final name.
fn verify_written(written: &Path, path: &Path, expected: &[u8]) -> Result<()> {
    let back = fs::read(written).map_err(|e| Error::at_path(TRIED, path, e))?;
    if back == expected {
        return Ok(());
    }
    let reason = "the written file failed verification";
    Err(Error::at_path(TRIED, path, reason))
}

fn check_masks(
    series: &Series,
    masks: &[Mask],
    labels: &[Label],
    authors: &[Authorship],
) -> result::Result<(), String> {
    let have_size = masks
        .iter()
        .all(|mask| mask.columns() == series.columns && mask.rows() == series.rows);
    if masks.len() != series.slices.len() || !have_size {
        return Err("the masks do not match the slices of the series".into());
    }
    if labels.is_empty() || authors.is_empty() {
        return Err("there are no labels".into());
    }
    if series.kind != Kind::Dicom || !series.slices.iter().all(has_geometry) {
        return Err(
            "RTSTRUCT needs image position, orientation and pixel spacing, which these images lack"
                .into(),
        );
    }
    Ok(())
}

/// True if the plane and the pixel spacing of a slice are known.
fn has_geometry(slice: &Slice) -> bool {
    slice.plane.is_some() && slice.spacing.is_some_and(|s| s.is_physical())
}

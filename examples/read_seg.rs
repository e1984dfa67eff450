//! Imports masks over a series: what the peer tests give it from other programs.
//!
//! `read_seg MASKS LABELS.raw SOURCE...`
//!
//! The sources must make one series. MASKS is a DICOM segmentation, or a label map or a folder of them. LABELS.raw
//! becomes one byte for each pixel, slice after slice; slices that MASKS says nothing of are 0. Prints as JSON the
//! labels, the order of the slices `[[path, frame], ..]` and the notes.

mod sources;

use labrum::{Error, Result, io::import};
use labrum_core::{import::MaskChoice, mask::Mask};
use sources::{series_at, slice_order};
use std::path::PathBuf;

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<()> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [masks, out, sources @ ..] = paths.as_slice() else {
        return Err(Error::new(
            "import the masks",
            "give MASKS, LABELS.raw and sources",
        ));
    };
    let series = series_at(sources)?;
    let imported = import::read_masks(&[PathBuf::from(masks)], &series, &MaskChoice::default())?;
    let mut all = vec![Mask::new_blank(series.columns, series.rows); series.slices.len()];
    imported
        .masks
        .into_iter()
        .for_each(|(slice, mask)| all[slice] = mask);
    let bytes: Vec<u8> = all
        .iter()
        .flat_map(|mask| mask.pixel_labels().iter().copied())
        .collect();
    std::fs::write(out, bytes).map_err(|e| Error::at_path("write the labels", out, e))?;
    let order = slice_order(&series);
    let report =
        serde_json::json!({ "labels": imported.labels, "order": order, "notes": imported.notes });
    println!("{report}");
    Ok(())
}

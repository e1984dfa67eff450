//! Imports masks over a series: what the peer tests give it from other programs.
//!
//! `read_seg MASKS LABELS.raw SOURCE...`
//!
//! The sources must make one series. MASKS is a DICOM segmentation, or a label map or a folder of them. LABELS.raw
//! becomes one byte for each pixel, slice after slice; slices that MASKS says nothing of are 0. Prints as JSON the
//! labels, the order of the slices `[[path, frame], ..]` and the notes.

use labrum::{
    Error, Result,
    io::{import, open::read_catalog},
};
use labrum_core::{import::MaskChoice, mask::Mask, progress::Cancel};
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
    let sources: Vec<PathBuf> = sources.iter().map(PathBuf::from).collect();
    let catalog = read_catalog(&sources, &mut |_| {}, &Cancel::default())?;
    let series: Vec<_> = catalog.studies.iter().flat_map(|s| &s.series).collect();
    let [series] = series.as_slice() else {
        return Err(Error::new(
            "import the masks",
            format!("there are {} series, not one", series.len()),
        ));
    };
    let imported = import::read_masks(&[PathBuf::from(masks)], series, &MaskChoice::default())?;
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
    let order: Vec<_> = series
        .slices
        .iter()
        .map(|s| (&s.source.path, s.source.frame))
        .collect();
    let report =
        serde_json::json!({ "labels": imported.labels, "order": order, "notes": imported.notes });
    println!("{report}");
    Ok(())
}

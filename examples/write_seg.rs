//! Writes given masks as a DICOM segmentation: what the peer tests check with other programs.
//!
//! `write_seg OUT.dcm LABELS.raw [--synthetic-geometry] [--skip-empty-frames] [--manual] SOURCE...`
//!
//! The sources must make one series. LABELS.raw holds one byte for each pixel, slice after slice in the order of the
//! series. Prints the order as JSON: `[[path, frame], ..]`.

use labrum::{
    Error, Result,
    domain::{label::Label, mask::Mask, progress::Cancel},
    io::{
        dicom::seg::{AlgorithmType, Authorship, Options, write},
        open::catalog,
    },
};
use std::path::PathBuf;

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<()> {
    let (flags, paths): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|f| f == flag);
    let [out, labels, sources @ ..] = paths.as_slice() else {
        return Err(Error::new("write the segmentation", "give OUT.dcm, LABELS.raw and sources"));
    };
    let sources: Vec<PathBuf> = sources.iter().map(PathBuf::from).collect();
    let catalog = catalog(&sources, &mut |_| {}, &Cancel::default())?;
    let series: Vec<_> = catalog.studies.iter().flat_map(|s| &s.series).collect();
    let [series] = series.as_slice() else {
        return Err(Error::new("write the segmentation", format!("there are {} series, not one", series.len())));
    };
    let values = std::fs::read(labels).map_err(|e| Error::at("read the labels", labels, e))?;
    let mask = |chunk: &[u8]| Mask::from_labels(series.columns, series.rows, chunk.to_vec());
    let masks: Option<Vec<Mask>> = values.chunks(series.columns * series.rows).map(mask).collect();
    let masks = masks.ok_or_else(|| Error::at("read the labels", labels, "there are too few"))?;
    let count = values.iter().copied().max().unwrap_or(0).max(1);
    let names: Vec<Label> = (0..count).map(|i| Label::named(format!("Label {}", i + 1), i.into())).collect();
    let mut author = Authorship::automatic("Test", "1.0.0");
    if has("--manual") {
        author.algorithm_type = AlgorithmType::Manual;
    }
    let options =
        Options { synthetic_geometry: has("--synthetic-geometry"), skip_empty_frames: has("--skip-empty-frames") };
    let summary = write(out.as_ref(), series, &masks, &names, &author, options)?;
    summary.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let order: Vec<_> = series.slices.iter().map(|s| (&s.source.path, s.source.frame)).collect();
    println!("{}", serde_json::to_string(&order).map_err(|e| Error::new("print the order", e))?);
    Ok(())
}

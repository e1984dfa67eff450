//! Writes given masks as a DICOM segmentation or as label maps: what the peer tests check with other programs.
//!
//! `write_seg OUT LABELS.raw [--labelmap] [--fractional] [--png] [--synthetic-geometry] [--skip-empty-frames] [--manual]
//! [--rle] [--rtstruct] [--nifti] [--coco] SOURCE...`
//!
//! The sources must make one series. LABELS.raw holds one byte for each pixel, slice after slice in the order of the
//! series. With `--fractional` these are probabilities in steps of 1/255, all slices of one label after those of
//! another. With `--png` OUT is a folder. Labels have the codes of CODES; the third one is MANUAL. Prints the order as
//! JSON: `[[path, frame], ..]`.

mod sources;

use labrum::{
    Error, Result,
    io::export::{CocoWriter, Names, label_map, write_labels, write_nifti},
};
use labrum_core::{
    codes,
    label::{Code, Label},
    mask::Mask,
    study::Series,
};
use labrum_dicom::{
    seg::{AlgorithmType, Authorship, Content, Options, write_file},
    structure_set,
};
use sources::{series_at, slice_order};
use std::path::Path;

/// What labels 1, 2, 3 and so on mean.
const CODES: [&str; 4] = ["mass", "kidney", "liver", "cyst"];

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<()> {
    let (flags, paths): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let has = |flag: &str| flags.iter().any(|f| f == flag);
    let [out, labels, sources @ ..] = paths.as_slice() else {
        return Err(Error::new(
            "write the segmentation",
            "give OUT, LABELS.raw and sources",
        ));
    };
    let series = &series_at(sources)?;
    let values = std::fs::read(labels).map_err(|e| Error::at_path("read the labels", labels, e))?;
    let options = Options {
        synthetic_geometry: has("--synthetic-geometry"),
        skip_empty_frames: has("--skip-empty-frames"),
        rle: has("--rle"),
    };
    let seg = |content: Content<'_>, count: usize| {
        let authors: Vec<Authorship> = (0..count)
            .map(|i| author(has("--manual") || i == 2))
            .collect();
        let summary = write_file(
            out.as_ref(),
            series,
            content,
            &named(count),
            &authors,
            options,
        )?;
        summary
            .warnings
            .iter()
            .for_each(|warning| eprintln!("warning: {warning}"));
        Ok::<(), labrum::Error>(())
    };
    if has("--fractional") {
        let maps = maps(&values, series);
        let maps: Vec<&[Vec<u16>]> = maps.iter().map(Vec::as_slice).collect();
        seg(
            Content::Fractional(&maps),
            maps.first().map_or(0, |m| m.len()),
        )?;
    } else {
        let masks = masks(&values, series, labels)?;
        let count = usize::from(values.iter().copied().max().unwrap_or(0).max(1));
        match () {
            () if has("--rtstruct") => structure_set(out.as_ref(), series, &masks, count)?,
            () if has("--nifti") => write_nifti(out.as_ref(), series, &masks)?
                .iter()
                .for_each(|w| eprintln!("warning: {w}")),
            () if has("--coco") => {
                let mut coco = CocoWriter::default();
                coco.add_series(
                    series,
                    &CocoWriter::file_names(series),
                    &masks,
                    &named(count),
                );
                coco.write_file(out.as_ref())?;
            }
            () if has("--png") => pictures(out.as_ref(), series, &masks, &named(count))?,
            () if has("--labelmap") => seg(Content::LabelMap(&masks), count)?,
            () => seg(Content::Binary(&masks), count)?,
        }
    }
    let order = slice_order(series);
    println!(
        "{}",
        serde_json::to_string(&order).map_err(|e| Error::new("print the order", e))?
    );
    Ok(())
}

fn structure_set(out: &Path, series: &Series, masks: &[Mask], count: usize) -> Result<()> {
    let authors: Vec<Authorship> = (0..count).map(|i| author(i == 2)).collect();
    let summary = structure_set::write_file(out, series, masks, &named(count), &authors)?;
    summary
        .warnings
        .iter()
        .for_each(|warning| eprintln!("warning: {warning}"));
    Ok(())
}

fn author(is_manual: bool) -> Authorship {
    let mut author = Authorship::from_model("Test", "1.0.0").with_weights("ab".repeat(32));
    if is_manual {
        author.algorithm_type = AlgorithmType::Manual;
    }
    author
}

/// Labels with codes; the second one is on the left.
fn named(count: usize) -> Vec<Label> {
    let label = |i: usize| {
        let plain = Label::with_name(format!("Label {}", i + 1), i);
        let found = codes::search_concepts(CODES[i % CODES.len()])
            .into_iter()
            .next();
        let left = Code::new("7771000", "SCT", "Left");
        match found {
            Some(found) => Label {
                category: found.category.clone(),
                concept: found.concept.clone(),
                modifiers: if i == 1 { vec![left] } else { Vec::new() },
                ..plain
            },
            None => plain,
        }
    };
    (0..count).map(label).collect()
}

fn masks(values: &[u8], series: &Series, path: &str) -> Result<Vec<Mask>> {
    let mask = |chunk: &[u8]| Mask::from_labels(series.columns, series.rows, chunk.to_vec());
    let masks: Option<Vec<Mask>> = values
        .chunks(series.columns * series.rows)
        .map(mask)
        .collect();
    masks.ok_or_else(|| Error::at_path("read the labels", path, "there are too few"))
}

/// For each slice the probabilities of each label.
fn maps(values: &[u8], series: &Series) -> Vec<Vec<Vec<u16>>> {
    let (pixels, slices) = (series.columns * series.rows, series.slices.len());
    let frames: Vec<Vec<u16>> = values
        .chunks(pixels)
        .map(|frame| frame.iter().map(|v| u16::from(*v) * 257).collect())
        .collect();
    (0..slices)
        .map(|slice| frames.iter().skip(slice).step_by(slices).cloned().collect())
        .collect()
}

fn pictures(folder: &Path, series: &Series, masks: &[Mask], labels: &[Label]) -> Result<()> {
    let names = Names::new(series, &mut Default::default());
    for (name, mask) in names.slices.iter().zip(masks) {
        label_map(&folder.join(format!("{name}.png")), mask, labels)?;
    }
    write_labels(folder, &names.series, labels).map(drop)
}

//! Writes screenshots as DICOM: what the peer tests check with other programs.
//!
//! `screenshot OUT RGB COLUMNS ROWS SLICES yes|no SOURCE...`
//!
//! RGB is a file of COLUMNS x ROWS x 3 bytes, SLICES are 0-based and separated by commas; yes or no: patient or study can be
//! read on the picture. The sources must make one series. Prints as JSON the slices `[[path, frame], ..]` and the warnings.

mod sources;

use labrum::{Error, Result};
use labrum_dicom::capture::{self, CapturedPicture};
use sources::{series_at, slice_order};
use std::path::Path;

const TRIED: &str = "write a screenshot";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [out, rgb, columns, rows, slices, patient, sources @ ..] => write_screenshot(
            out,
            rgb,
            [columns, rows],
            slices,
            *patient == "yes",
            sources,
        ),
        _ => Err(Error::new(
            TRIED,
            "give OUT RGB COLUMNS ROWS SLICES yes|no SOURCE...",
        )),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn write_screenshot(
    out: &str,
    rgb: &str,
    size: [&str; 2],
    slices: &str,
    shows_patient: bool,
    sources: &[&str],
) -> Result<()> {
    let bytes = std::fs::read(rgb).map_err(|e| Error::at_path("read the picture", rgb, e))?;
    let [columns, rows] = size.map(parse_number);
    let slices: Vec<usize> = slices.split(',').map(parse_number).collect::<Result<_>>()?;
    let series = series_at(sources)?;
    let picture = CapturedPicture {
        columns: columns?,
        rows: rows?,
        rgb: &bytes,
        slices: &slices,
        shows_patient,
        description: "Screenshot",
    };
    let summary = capture::write_file(Path::new(out), &series, &picture)?;
    let order = slice_order(&series);
    println!(
        "{}",
        serde_json::json!({ "order": order, "warnings": summary.warnings })
    );
    Ok(())
}

fn parse_number(text: &str) -> Result<usize> {
    text.parse()
        .map_err(|_| Error::new(TRIED, format!("\"{text}\" is not a whole number")))
}

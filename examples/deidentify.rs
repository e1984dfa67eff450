//! Writes DICOM files without the patient: what the peer tests check with other programs.
//!
//! `deidentify KEY_FILE [--shift] FOLDER SOURCE...`
//!
//! The files are called 0001.dcm and so on, in the order of the sources. Prints for each its warnings, or why it could not be
//! written, as JSON: `[{"warnings": [..]}, {"error": ".."}, ..]`.

use labrum::{Error, Result};
use labrum_dicom::deidentify::{Dates, Deidentification, SecretKey};
use std::path::Path;

fn main() {
    if let Err(error) = run() {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn run() -> Result<()> {
    let (flags, paths): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let [key, folder, sources @ ..] = paths.as_slice() else {
        return Err(Error::new(
            "remove the patient",
            "give KEY_FILE, FOLDER and sources",
        ));
    };
    let dates = if flags.iter().any(|f| f == "--shift") {
        Dates::Shift
    } else {
        Dates::Remove
    };
    let how = Deidentification {
        key: SecretKey::in_file(Path::new(key))?,
        dates,
    };
    let one = |(number, source): (usize, &String)| match how.write_file(
        Path::new(source),
        &Path::new(folder).join(format!("{number:04}.dcm")),
    ) {
        Ok(done) => serde_json::json!({ "warnings": done.warnings }),
        Err(error) => serde_json::json!({ "error": error.reason }),
    };
    let all: Vec<_> = (1..).zip(sources).map(one).collect();
    println!(
        "{}",
        serde_json::to_string(&all).map_err(|e| Error::new("print the result", e))?
    );
    Ok(())
}

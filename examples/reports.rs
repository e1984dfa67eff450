//! Writes and reads measurement reports: what the peer tests check with other programs.
//!
//! `reports write OUT MEASUREMENTS.json SOURCE...`
//! `reports read REPORT SOURCE...`
//!
//! The sources must make one series. MEASUREMENTS.json is a list of measurements in the form in which workspaces keep
//! them. `write` prints as JSON their values, the order of the slices `[[path, frame], ..]` and the warnings; `read` prints
//! the measurements that lie on the series, and notes.

mod sources;

use labrum::{
    Error, Result,
    io::{export::DrawnOnSeries, import},
};
use labrum_core::measurement::DrawnMeasurement;
use sources::{series_at, slice_order};
use std::path::{Path, PathBuf};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["write", out, measurements, sources @ ..] => write_report(out, measurements, sources),
        ["read", report, sources @ ..] => read_report(report, sources),
        _ => Err(Error::new(
            "write or read a report",
            "give write OUT MEASUREMENTS.json SOURCE... or read REPORT SOURCE...",
        )),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn write_report(out: &str, measurements: &str, sources: &[&str]) -> Result<()> {
    let tried = "read the measurements";
    let text = std::fs::read(measurements).map_err(|e| Error::at_path(tried, measurements, e))?;
    let drawn: Vec<DrawnMeasurement> =
        serde_json::from_slice(&text).map_err(|e| Error::at_path(tried, measurements, e))?;
    let series = series_at(sources)?;
    let measured = DrawnOnSeries::measure(&series, &drawn)?;
    let warnings = measured.write_report(Path::new(out))?;
    let order = slice_order(&series);
    let report =
        serde_json::json!({ "rows": measured.rows(), "order": order, "warnings": warnings });
    println!("{report}");
    Ok(())
}

fn read_report(report: &str, sources: &[&str]) -> Result<()> {
    let series = series_at(sources)?;
    let found = import::read_measurements(&[PathBuf::from(report)], &series)?;
    let found = serde_json::json!({ "measurements": found.measurements, "notes": found.notes });
    println!("{found}");
    Ok(())
}

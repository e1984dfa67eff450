//! The time, corrections and prompts that each accepted case took, as CSV.

use crate::{Error, Result};
use labrum_core::learning::WorkReport;

const TRIED: &str = "write the work report";

/// The columns of the table.
const COLUMNS: [&str; 10] = [
    "case",
    "accepted_at_ms",
    "seconds",
    "pixels",
    "pixels_changed",
    "model",
    "held_out",
    "prompts",
    "objects",
    "click_model",
];

/// The cases of a report as CSV with a header line.
///
/// # Errors
/// If the table cannot be encoded.
pub fn work_report_csv(report: &WorkReport) -> Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table
        .write_record(COLUMNS)
        .map_err(|e| Error::new(TRIED, e))?;
    for case in &report.cases {
        let row = (
            &case.name,
            case.accepted_at,
            format!("{:.1}", case.seconds),
            case.pixels,
            case.pixels_changed,
            &case.model,
            case.held_out,
            case.prompts,
            case.objects,
            &case.click_model,
        );
        table.serialize(row).map_err(|e| Error::new(TRIED, e))?;
    }
    let text = table.into_inner().map_err(|e| Error::new(TRIED, e))?;
    String::from_utf8(text).map_err(|e| Error::new(TRIED, e))
}

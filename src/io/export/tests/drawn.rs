//! Exports of measurements that were drawn, with and without masks.

use super::*;
use crate::io::export::DrawnOnSeries;
use labrum_core::measurement::{DrawnMeasurement, MeasurementPlace, Shape, ShapeKind};
use std::collections::HashMap;

fn drawn(kind: ShapeKind, name: &str, points: &[[f64; 2]]) -> DrawnMeasurement {
    let shape = Shape::new(kind, points.to_vec()).unwrap();
    let place = MeasurementPlace::Slice(0);
    DrawnMeasurement::new(name.into(), "R. Reader".into(), place, shape)
}

/// A case with a mask of one pixel and these measurements.
fn with_drawn(folder: &Path, drawn: Vec<DrawnMeasurement>) -> CaseToExport {
    let mut pixels = [0; 64];
    pixels[9] = 1;
    let labels = vec![Label::with_name("Polyp", 0)];
    CaseToExport {
        drawn,
        ..case(folder, &pixels, labels, Vec::new())
    }
}

fn rows(path: &Path) -> Vec<HashMap<String, String>> {
    csv::Reader::from_path(path)
        .unwrap()
        .deserialize()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The endings of the files of the first case.
fn endings(manifest: &Manifest) -> Vec<&str> {
    let files = manifest.cases[0].files.iter();
    let names = files.map(|file| file.path.rsplit('/').next().unwrap());
    let mut endings: Vec<&str> = names
        .map(|name| name.split_once('.').map_or(name, |(_, ending)| ending))
        .collect();
    endings.sort_unstable();
    endings
}

#[test]
fn the_table_has_a_row_for_each_measurement_with_lengths_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let all = vec![
        drawn(ShapeKind::Length, "Stalk", &[[1.0, 1.0], [4.0, 5.0]]),
        drawn(ShapeKind::Rectangle, "Cap", &[[2.0, 2.0], [4.0, 4.0]]),
    ];
    let ids: Vec<String> = all.iter().map(DrawnMeasurement::tracking_uid).collect();
    let formats = [
        ExportFormat::DrawnCsv,
        ExportFormat::Json,
        ExportFormat::StructuredReport,
    ];
    let manifest = export(&out, with_drawn(folder.path(), all), &formats);
    let table = manifest.cases[0]
        .files
        .iter()
        .find(|file| file.path.ends_with(".drawn.csv"))
        .unwrap();
    let rows = rows(&out.join(&table.path));
    let text = |row: usize, column: &str| rows[row][column].as_str();
    let number = |row: usize, column: &str| rows[row][column].parse::<f64>().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((text(0, "name"), text(0, "kind")), ("Stalk", "length"));
    assert_eq!((text(0, "file"), text(0, "slice")), ("a.png", "1"));
    assert_eq!((number(0, "length"), text(0, "unit")), (5.0, "px"));
    assert_eq!(text(0, "author"), "R. Reader");
    assert_eq!(text(0, "points"), "1 1 4 5");
    assert_eq!((text(0, "mean"), text(0, "area")), ("", ""));
    assert_eq!(text(0, "unit_reason"), "the pixel spacing is unknown");
    // The pixels at (2, 2), (3, 2), (2, 3) and (3, 3) have the values 52, 61, 69 and 78.
    assert_eq!((number(1, "area"), number(1, "perimeter")), (4.0, 8.0));
    assert_eq!(number(1, "mean"), 65.0);
    assert_eq!((number(1, "minimum"), number(1, "maximum")), (52.0, 78.0));
    assert!((number(1, "standard_deviation") - 92.5f64.sqrt()).abs() < 1e-4);
    assert_eq!(
        [text(0, "tracking_uid"), text(1, "tracking_uid")],
        [&*ids[0], &*ids[1]]
    );

    let measured = manifest.cases[0]
        .files
        .iter()
        .find(|file| file.path.ends_with(".measurements.json"))
        .unwrap();
    let measured = json(&out.join(&measured.path));
    assert_eq!(measured["drawn"][0]["length"], 5.0);
    assert_eq!(measured["drawn"][1]["name"], "Cap");
    assert_eq!(measured["slices"][0]["name"], "Polyp");
    let [refused] = manifest.cases[0].not_written.as_slice() else {
        unreachable!("{:?}", manifest.cases[0].not_written)
    };
    assert_eq!(refused.format, "sr");
    assert!(refused.reason.contains("image files"), "{}", refused.reason);
}

#[test]
fn formats_of_drawn_measurements_are_left_out_where_none_were_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let formats = [ExportFormat::Csv, ExportFormat::DrawnCsv];
    let manifest = export(&out, with_drawn(folder.path(), Vec::new()), &formats);
    assert_eq!(endings(&manifest), ["measurements.csv"]);
    assert!(manifest.complete, "{:?}", manifest.cases[0].not_written);

    let out = folder.path().join("other");
    let none = with_drawn(folder.path(), Vec::new());
    let manifest = export(&out, none, &[ExportFormat::DrawnCsv]);
    assert_eq!(endings(&manifest), Vec::<&str>::new());
    let warnings = &manifest.cases[0].warnings;
    assert!(
        warnings[0].contains("no measurements were drawn"),
        "{warnings:?}"
    );
}

#[test]
fn measurements_are_exported_without_any_mask() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let length = drawn(ShapeKind::Length, "Stalk", &[[1.0, 1.0], [4.0, 5.0]]);
    let mut case = with_drawn(folder.path(), vec![length]);
    case.slices.clear();
    let formats = [
        ExportFormat::LabelMap,
        ExportFormat::Csv,
        ExportFormat::Json,
        ExportFormat::DrawnCsv,
    ];
    let manifest = export(&out, case, &formats);
    assert_eq!(endings(&manifest), ["drawn.csv", "measurements.json"]);
    assert!(manifest.complete, "{:?}", manifest.cases[0].not_written);
}

#[test]
fn values_are_read_from_the_files_and_a_lost_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let point = drawn(ShapeKind::Point, "Spot", &[[3.5, 2.5]]);
    let series = case(folder.path(), &[0; 64], Vec::new(), Vec::new()).series;
    let measured = DrawnOnSeries::measure(&series, std::slice::from_ref(&point)).unwrap();
    assert_eq!(measured.rows()[0].mean.as_deref(), Some("61"));
    std::fs::remove_file(folder.path().join("a.png")).unwrap();
    assert!(DrawnOnSeries::measure(&series, &[point]).is_err());
}

//! Measurements are imported from DICOM SR files on the slices of their images, each once.

use super::*;
use crate::io::{export::DrawnOnSeries, open};
use labrum_core::{
    measurement::{DrawnMeasurement, MeasurementPlace, Shape, ShapeKind},
    progress::Cancel,
};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples/cardiac-mr");

fn cardiac() -> Series {
    let catalog = open::read_catalog(&[SAMPLE.into()], &mut |_| {}, &Cancel::default()).unwrap();
    catalog.studies[0].series[0].clone()
}

fn length(name: &str, slice: u32) -> DrawnMeasurement {
    let shape = Shape::new(ShapeKind::Length, vec![[10.0, 10.0], [40.0, 50.0]]).unwrap();
    let place = MeasurementPlace::Slice(slice);
    DrawnMeasurement::new(name.into(), "R. Reader".into(), place, shape)
}

fn write_report(path: &Path, series: &Series, drawn: &[DrawnMeasurement]) {
    let measured = DrawnOnSeries::measure(series, drawn).unwrap();
    measured.write_report(path).unwrap();
}

#[test]
fn reports_in_a_folder_are_read_and_other_files_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let series = cardiac();
    let (wall, lumen) = (length("Wall", 2), length("Lumen", 0));
    write_report(
        &folder.path().join("1.dcm"),
        &series,
        std::slice::from_ref(&wall),
    );
    write_report(
        &folder.path().join("2.dcm"),
        &series,
        &[lumen.clone(), wall.clone()],
    );
    std::fs::write(folder.path().join("notes.txt"), "words").unwrap();
    std::fs::copy(
        &series.slices[0].source.path,
        folder.path().join("image.dcm"),
    )
    .unwrap();
    let got = read_measurements(&at(&folder), &series).unwrap();
    assert_eq!(got.measurements, [wall, lumen]);
    assert_eq!(got.notes, Vec::<String>::new());
}

#[test]
fn measurements_of_other_images_are_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let series = cardiac();
    let path = folder.path().join("report.dcm");
    let (there, other) = (length("Wall", 0), length("Lumen", 1));
    write_report(&path, &series, &[there.clone(), other]);
    let first_only = Series {
        slices: series.slices[..1].to_vec(),
        ..series.clone()
    };
    let got = read_measurements(std::slice::from_ref(&path), &first_only).unwrap();
    assert_eq!(got.measurements, [there]);
    assert_eq!(got.notes, ["1 measurement of other images left out"]);
    let last_only = Series {
        slices: series.slices[5..].to_vec(),
        ..series
    };
    let error = read_measurements(&[path], &last_only).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.reason.contains("of other images"), "{error}");
}

#[test]
fn files_that_are_no_reports_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let series = cardiac();
    let error = read_measurements(&at(&folder), &series).unwrap_err();
    assert!(error.reason.contains("no DICOM SR"), "{error}");
    let image = series.slices[0].source.path.clone();
    let error = read_measurements(std::slice::from_ref(&image), &series).unwrap_err();
    assert_eq!(error.path.as_deref(), Some(image.as_path()));
    assert!(read_measurements(&[], &series).is_err());
}

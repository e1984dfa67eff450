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

#[test]
fn measurements_of_another_program_are_placed_on_their_frames() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let image = fixtures.join("syntaxes/explicit-little-endian.dcm");
    let catalog = open::read_catalog(&[image], &mut |_| {}, &Cancel::default()).unwrap();
    let series = &catalog.studies[0].series[0];
    let report = fixtures.join("reports/highdicom.dcm");
    let got = read_measurements(&[report], series).unwrap();
    assert_eq!(got.notes, Vec::<String>::new());
    let found: Vec<(&str, Option<usize>, ShapeKind)> = got
        .measurements
        .iter()
        .map(|m| (m.name.as_str(), m.slice(), m.shape.kind()))
        .collect();
    assert_eq!(
        found,
        [
            ("Polygon", Some(0), ShapeKind::Freehand),
            ("Box", Some(0), ShapeKind::Rectangle),
            ("Ellipse", Some(0), ShapeKind::Ellipse),
            ("Circle", Some(0), ShapeKind::Ellipse),
            ("Line", Some(1), ShapeKind::Length),
            ("Corner", Some(1), ShapeKind::Angle),
        ]
    );
    let points = |at: usize| got.measurements[at].shape.points();
    assert_eq!(points(0), [[3.0, 4.0], [20.0, 5.0], [12.0, 22.0]]);
    assert_eq!(points(1), [[5.0, 6.0], [15.0, 26.0]]);
    assert_eq!(points(4), [[1.5, 2.25], [3.0, 4.0]]);
    // A circle of radius 6 around (14, 14).
    for corner in points(3) {
        let radius = (corner[0] - 14.0).hypot(corner[1] - 14.0);
        assert!((radius - 6.0).abs() < 1e-2, "{corner:?}");
    }
    let polygon = &got.measurements[0];
    assert_eq!(polygon.author, "Olga Other");
    assert_eq!(polygon.finding.as_ref().unwrap().scheme, "SCT");
}

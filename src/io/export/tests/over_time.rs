//! Exports of volumes over the times of a series.

use super::*;
use labrum_core::measurement::{MarkedPhases, TimedVolume, VolumeCurve};

/// A case with a mask of one pixel, and the volumes of its label at these times.
fn with_times(folder: &Path, times: &[usize]) -> CaseToExport {
    let mut pixels = [0; 64];
    pixels[9] = 1;
    let labels = vec![Label::with_name("Ventricle", 0)];
    let points = times.iter().map(|time| TimedVolume {
        time: *time,
        ml: 10.0 + *time as f64,
        slices: 1,
    });
    let curve = VolumeCurve::new(points.collect(), MarkedPhases::default());
    CaseToExport {
        over_time: curve.map(|curve| (1, curve)).into_iter().collect(),
        ..case(folder, &pixels, labels, Vec::new())
    }
}

/// The names of the files of the only case.
fn names(manifest: &Manifest) -> Vec<&str> {
    let mut names: Vec<&str> = manifest.cases[0]
        .files
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn the_table_is_written_where_there_are_several_times() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let formats = [ExportFormat::Json, ExportFormat::OverTimeCsv];
    let manifest = export(&out, with_times(folder.path(), &[0, 3]), &formats);
    assert_eq!(names(&manifest), ["a.measurements.json", "a.over-time.csv"]);
    assert!(manifest.complete, "{:?}", manifest.cases[0].not_written);
    let table = std::fs::read_to_string(out.join("a.over-time.csv")).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    let measured = json(&out.join("a.measurements.json"));
    assert_eq!(measured["over_time"][0]["stroke_volume_ml"], 3.0);
}

#[test]
fn the_table_is_left_out_where_there_are_no_times() {
    let folder = tempfile::tempdir().unwrap();
    let formats = [ExportFormat::Csv, ExportFormat::OverTimeCsv];
    let out = folder.path().join("out");
    let manifest = export(&out, with_times(folder.path(), &[]), &formats);
    assert_eq!(names(&manifest), ["a.measurements.csv"]);
    assert!(manifest.complete, "{:?}", manifest.cases[0].not_written);
    let out = folder.path().join("other");
    let manifest = export(&out, with_times(folder.path(), &[]), &formats[1..]);
    assert_eq!(names(&manifest), Vec::<&str>::new());
    let warnings = &manifest.cases[0].warnings;
    assert!(warnings[0].contains("no volumes over time"), "{warnings:?}");
}

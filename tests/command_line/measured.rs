//! `labrum export`: the measurements that were drawn, as tables and as DICOM SR.

use super::{
    export::{series_of, workspace},
    export_arguments, files, run, sample, succeeds,
};
use labrum::workspace::Workspace;
use labrum_core::{
    journal::{Also, Author, JournalStep, StepState},
    measurement::{DrawnMeasurement, MeasurementChange, MeasurementPlace, Shape, ShapeKind},
    study::Status,
};
use labrum_dicom::report;
use std::ffi::OsStr;
use std::path::Path;

/// Who drew the measurements.
const READER: &str = "Qwertzina Reader";

fn drawn(kind: ShapeKind, name: &str, slice: u32, points: &[[f64; 2]]) -> DrawnMeasurement {
    let shape = Shape::new(kind, points.to_vec()).unwrap();
    let place = MeasurementPlace::Slice(slice);
    DrawnMeasurement::new(name.into(), READER.into(), place, shape)
}

fn wall_and_lumen() -> [DrawnMeasurement; 2] {
    [
        drawn(ShapeKind::Length, "Wall", 2, &[[10.0, 10.0], [40.0, 50.0]]),
        drawn(
            ShapeKind::Ellipse,
            "Lumen",
            3,
            &[
                [90.0, 120.0],
                [150.0, 120.0],
                [120.0, 100.0],
                [120.0, 140.0],
            ],
        ),
    ]
}

/// Adds measurements to the only case of a workspace.
fn draw(work: &Path, measurements: &[DrawnMeasurement]) {
    let mut workspace = Workspace::open(work).unwrap();
    let case = workspace.list_cases().unwrap().remove(0).key;
    for measurement in measurements {
        let change = MeasurementChange {
            before: None,
            after: Some(measurement.clone()),
        };
        let step = JournalStep {
            seq: workspace.next_seq().unwrap(),
            case,
            at: 0,
            author: Author::Person(READER.into()),
            tool: "measure".into(),
            edits: Vec::new(),
            also: Also {
                measurements: vec![change],
                ..Also::default()
            },
            state: StepState::Done,
        };
        workspace.append_step(&step, &[]).unwrap();
    }
    workspace.close().unwrap();
}

/// The text of the only file with an ending.
fn text_of(out: &Path, ending: &str) -> String {
    let listed = files(out);
    let name = listed.iter().find(|name| name.ends_with(ending)).unwrap();
    std::fs::read_to_string(out.join(name)).unwrap()
}

#[test]
fn drawn_measurements_are_exported_as_tables_and_as_a_report_that_can_be_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out] = ["work", "out"].map(|name| folder.path().join(name));
    workspace(&work, &sample("cardiac-mr"), Status::Accepted);
    draw(&work, &wall_and_lumen());
    succeeds(&export_arguments(&work, &out, &"json,drawn-csv,sr", &[]));
    let table = text_of(&out, ".drawn.csv");
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 3, "{table}");
    // 50 pixels of 1.367188 mm.
    let wall = ",Wall,length,,Qwertzina Reader,mm,68.3594,";
    assert!(rows[1].contains(wall), "{table}");
    assert!(rows[1].contains(",Pixel Spacing,"), "{table}");
    assert!(rows[2].contains(",Lumen,ellipse,"), "{table}");

    let json: serde_json::Value =
        serde_json::from_str(&text_of(&out, ".measurements.json")).unwrap();
    assert_eq!(json["drawn"][0]["length"], 68.3594);
    assert_eq!(json["drawn"][0]["slice"], 3);
    assert!(json["drawn"][1]["mean"].is_string(), "{json}");
    assert!(json["labels"][0]["mean"].is_number(), "{json}");

    let name = files(&out)
        .into_iter()
        .find(|name| name.ends_with(".sr.dcm"))
        .unwrap();
    let report = report::read_file(&out.join(name)).unwrap();
    assert_eq!(report.observers, [READER]);
    let (_, _, series) = series_of(&sample("cardiac-mr"));
    let found = report::measurements_in_series(&report, &series);
    assert_eq!(found.measurements, wall_and_lumen_as(&found.measurements));
    assert_eq!((found.of_others, found.notes.len()), (0, 0));
}

/// The measurements with the IDs of others.
fn wall_and_lumen_as(others: &[DrawnMeasurement]) -> Vec<DrawnMeasurement> {
    let with_id = |(drawn, other): (DrawnMeasurement, &DrawnMeasurement)| DrawnMeasurement {
        id: other.id.clone(),
        ..drawn
    };
    wall_and_lumen()
        .into_iter()
        .zip(others)
        .map(with_id)
        .collect()
}

#[test]
fn a_deidentified_export_omits_who_drew_and_replaces_uids_and_names() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out] = ["work", "out"].map(|name| folder.path().join(name));
    workspace(&work, &sample("cardiac-mr"), Status::Accepted);
    let mut all = wall_and_lumen().to_vec();
    all.push(drawn(
        ShapeKind::Length,
        "Zyxwvut's second line",
        0,
        &[[10.0, 10.0], [20.0, 10.0]],
    ));
    all[1].name = "Lumen of Mrs Zyxwvut".into();
    draw(&work, &all);
    succeeds(&export_arguments(
        &work,
        &out,
        &"json,drawn-csv,sr",
        &[&"--deidentify"],
    ));
    let uid = series_of(&sample("cardiac-mr")).2.id;
    for name in files(&out) {
        let bytes = std::fs::read(out.join(&name)).unwrap();
        let holds = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!holds("Qwertzina"), "{name}");
        assert!(!holds("Zyxwvut") && !holds("Wall"), "{name}");
        assert!(!holds(&uid), "{name}");
        let mut own = all.iter().map(DrawnMeasurement::tracking_uid);
        assert!(!own.any(|uid| holds(&uid)), "{name}");
    }
    let report = files(&out)
        .into_iter()
        .find(|name| name.ends_with(".sr.dcm"))
        .unwrap();
    let report = report::read_file(&out.join(report)).unwrap();
    let (_, _, copies) = series_of(&out.join("images"));
    let found = report::measurements_in_series(&report, &copies);
    assert_eq!(found.notes, Vec::<String>::new());
    // In the order of slices; numbered in the order in which they were drawn.
    let names: Vec<&str> = found.measurements.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["Length 2", "Length 1", "Ellipse 1"]);
    let table = text_of(&out, ".drawn.csv");
    assert!(table.contains(",Length 2,length,"), "{table}");
}

#[test]
fn measurements_of_cases_that_are_not_accepted_are_exported_on_request_without_masks() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out] = ["work", "out"].map(|name| folder.path().join(name));
    workspace(&work, &sample("cardiac-mr"), Status::Corrected);
    let export = |format: &str, measured: bool| {
        let measured_too: [&dyn AsRef<OsStr>; 1] = [&"--measured"];
        let more = &measured_too[..usize::from(measured)];
        run(&export_arguments(&work, &out, &format, more))
    };
    let none = export("drawn-csv", true);
    assert!(none.err.contains("no drawn measurements"), "{}", none.err);
    draw(&work, &wall_and_lumen());
    let none = export("drawn-csv", false);
    assert!(none.err.contains("no accepted cases"), "{}", none.err);
    let masks_only = export("seg,png", true);
    assert_eq!(masks_only.code, Some(2), "{}", masks_only.err);
    assert!(!out.exists());
    let done = export("seg,drawn-csv,sr", true);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let endings: Vec<bool> = [".drawn.csv", ".sr.dcm", ".seg.dcm"]
        .map(|ending| files(&out).iter().any(|name| name.ends_with(ending)))
        .into();
    assert_eq!(endings, [true, true, false]);
}

#[test]
fn commands_that_know_no_drawn_measurements_do_not_offer_their_formats() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(&[
        &"segment",
        &sample("cardiac-mr"),
        &"--out",
        &folder.path(),
        &"--format",
        &"sr",
    ]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("'sr'"), "{}", refused.err);
}

//! Measurements that were drawn: kept by steps, undone and redone after a restart.

use super::*;
use labrum_core::{
    label::Code,
    measurement::{
        DrawnMeasurement, MeasurementChange, MeasurementPlace, Shape, ShapeKind, ViewFrame,
    },
};
use std::collections::HashSet;

fn length(slice: u32, end: f64) -> DrawnMeasurement {
    let shape = Shape::new(ShapeKind::Length, vec![[1.25, 2.5], [end, 9.0625]]).unwrap();
    let place = MeasurementPlace::Slice(slice);
    DrawnMeasurement::new("Length 1".into(), "R. Reader".into(), place, shape)
}

fn change(
    before: Option<&DrawnMeasurement>,
    after: Option<&DrawnMeasurement>,
) -> MeasurementChange {
    MeasurementChange {
        before: before.cloned(),
        after: after.cloned(),
    }
}

/// Appends a step that changes a measurement.
fn append(workspace: &mut Workspace, case: CaseKey, change: MeasurementChange) -> JournalStep {
    let seq = workspace.next_seq().unwrap();
    let also = Also {
        measurements: vec![change],
        ..Also::default()
    };
    let step = JournalStep {
        also,
        ..step(seq, case, Vec::new())
    };
    workspace.append_step(&step, &[]).unwrap();
    step
}

#[test]
fn measurements_are_what_the_newest_done_steps_made_of_them() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let first = length(1, 7.5);
    let named = DrawnMeasurement {
        name: "Lesion".into(),
        finding: Some(Code::new("52988006", "SCT", "Lesion")),
        ..first.clone()
    };
    let other = length(0, 12.0);
    let steps = [
        append(&mut workspace, knee, change(None, Some(&first))),
        append(&mut workspace, knee, change(None, Some(&other))),
        append(&mut workspace, knee, change(Some(&first), Some(&named))),
        append(&mut workspace, knee, change(Some(&other), None)),
    ];
    let mut workspace = reopened(workspace);
    let kept = |workspace: &mut Workspace| stored(workspace, "k").measurements;
    assert_eq!(kept(&mut workspace), std::slice::from_ref(&named));
    assert_eq!(workspace.recent_steps(&[knee], 10).unwrap(), steps);
    assert_eq!(
        stored(&mut workspace, "k").entry.status,
        Status::New,
        "no mask was drawn"
    );

    workspace.set_undone(steps[3].seq, true).unwrap();
    let mut workspace = reopened(workspace);
    assert_eq!(kept(&mut workspace), [named.clone(), other.clone()]);
    workspace.set_undone(steps[2].seq, true).unwrap();
    assert_eq!(kept(&mut workspace), [first.clone(), other.clone()]);
    // Another measurement may be redone first.
    workspace.set_undone(steps[3].seq, false).unwrap();
    workspace.set_undone(steps[3].seq, true).unwrap();
    workspace.set_undone(steps[1].seq, true).unwrap();
    workspace.set_undone(steps[0].seq, true).unwrap();
    assert_eq!(kept(&mut workspace), []);
    let error = workspace.set_undone(steps[2].seq, false).unwrap_err();
    assert!(
        error
            .reason
            .contains("an undone step on the same measurement"),
        "{error}"
    );
    workspace.set_undone(steps[0].seq, false).unwrap();
    workspace.set_undone(steps[2].seq, false).unwrap();
    let error = workspace.set_undone(steps[0].seq, true).unwrap_err();
    assert!(
        error
            .reason
            .contains("another step on the same measurement"),
        "{error}"
    );
    assert_eq!(kept(&mut workspace), [named]);
}

#[test]
fn a_measurement_follows_its_slice_and_waits_where_the_slice_is_missing() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let drawn = length(1, 7.5);
    let step = append(&mut workspace, knee, change(None, Some(&drawn)));
    // A file came before the first one.
    let longer = described("k", &["new", "a", "b", "c"]);
    workspace.adopt_case(&longer).unwrap();
    let found = stored(&mut workspace, "k").measurements;
    assert_eq!(found[0].place, MeasurementPlace::Slice(2));
    assert_eq!(found[0].shape, drawn.shape);
    // The slice with the measurement is gone.
    workspace
        .adopt_case(&described("k", &["new", "a", "c"]))
        .unwrap();
    assert_eq!(stored(&mut workspace, "k").measurements, []);
    assert_eq!(workspace.recent_steps(&[knee], 10).unwrap(), []);
    workspace
        .adopt_case(&described("k", &["a", "b", "c"]))
        .unwrap();
    assert_eq!(stored(&mut workspace, "k").measurements, [drawn]);
    assert_eq!(workspace.recent_steps(&[knee], 10).unwrap(), [step]);
}

#[test]
fn a_measurement_across_the_slices_belongs_to_its_case() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    case(&mut workspace, "other");
    assert_eq!(workspace.measured_cases().unwrap(), HashSet::new());
    let frame = ViewFrame {
        corner: [-3.5, 12.25, 100.125],
        right: [0.0, 0.5, 0.0],
        down: [0.0, 0.0, -3.0],
    };
    let drawn = DrawnMeasurement {
        place: MeasurementPlace::View(frame),
        ..length(0, 7.5)
    };
    append(&mut workspace, knee, change(None, Some(&drawn)));
    let mut workspace = reopened(workspace);
    assert_eq!(
        stored(&mut workspace, "k").measurements,
        std::slice::from_ref(&drawn)
    );
    assert_eq!(stored(&mut workspace, "other").measurements, []);
    assert_eq!(workspace.measured_cases().unwrap(), HashSet::from([knee]));
    append(&mut workspace, knee, change(Some(&drawn), None));
    assert_eq!(workspace.measured_cases().unwrap(), HashSet::new());
}

#[test]
fn images_with_measurements_must_keep_their_size() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    append(&mut workspace, knee, change(None, Some(&length(0, 7.5))));
    let mut larger = described("k", &["a", "b", "c"]);
    larger.columns = 2 * SIDE;
    assert!(workspace.adopt_case(&larger).is_err());
}

#[test]
fn a_damaged_measurement_is_reported_and_the_masks_are_restored() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    paint(&mut workspace, knee, 0, &mut blank(), &square(0, 0, 4), 1);
    append(&mut workspace, knee, change(None, Some(&length(0, 7.5))));
    let damage = "UPDATE measurement_change SET after = '{\"id\": 7}'";
    workspace
        .write_transaction("damage", |t| Ok(t.execute(damage, ())?))
        .unwrap();
    let case = stored(&mut workspace, "k");
    assert_eq!(case.measurements, []);
    assert_eq!(case.problems.len(), 1, "{:?}", case.problems);
    assert!(case.problems[0].tried.contains("measurements"));
    assert!(case.slices[0].mask.is_some());
}

#[test]
fn rows_of_measurements_are_never_deleted() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    append(&mut workspace, knee, change(None, Some(&length(0, 7.5))));
    let deleted = workspace.write_transaction("delete", |t| {
        Ok(t.execute("DELETE FROM measurement_change", ())?)
    });
    assert!(deleted.is_err());
    assert_eq!(stored(&mut workspace, "k").measurements.len(), 1);
}

#[test]
fn a_workspace_from_before_measurements_is_migrated_with_its_steps() {
    let folder = tempfile::tempdir().unwrap();
    // The four versions before there were measurements.
    let mut old = Workspace::open_with(folder.path(), &schema::MIGRATIONS[..4]).unwrap();
    old.set_name("Hips").unwrap();
    old.close().unwrap();
    let mut workspace = Workspace::open(folder.path()).unwrap();
    let knee = case(&mut workspace, "k");
    append(&mut workspace, knee, change(None, Some(&length(0, 7.5))));
    assert_eq!(workspace.read_name().unwrap(), "Hips");
    assert_eq!(stored(&mut workspace, "k").measurements.len(), 1);
    assert!(folder.path().join("workspace-version-4.sqlite").exists());
}

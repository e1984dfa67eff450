//! Measurements that were drawn: kept by steps, undone and redone after a restart.

use super::*;
use labrum_core::{
    label::Code,
    measurement::{
        DrawnMeasurement, MeasurementChange, MeasurementPlace, Shape, ShapeKind, ViewFrame,
        apply_change,
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

/// A shape of any kind.
fn any_shape() -> impl Strategy<Value = Shape> {
    let points = prop::collection::vec(prop::array::uniform2(-4.0..20.0f64), 5..9);
    (0usize..8, points).prop_map(|(kind, mut points)| {
        let kind = ShapeKind::ALL[kind];
        points.truncate(match kind {
            ShapeKind::Point => 1,
            ShapeKind::Length | ShapeKind::Rectangle => 2,
            ShapeKind::Angle => 3,
            ShapeKind::CobbAngle | ShapeKind::Bidirectional | ShapeKind::Ellipse => 4,
            ShapeKind::Freehand => points.len(),
        });
        Shape::new(kind, points).unwrap()
    })
}

/// By their IDs: a measurement that was deleted and came back is the last one of a list.
fn sorted(mut all: Vec<DrawnMeasurement>) -> Vec<DrawnMeasurement> {
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// 0 and 1 draw, 2 changes, 3 deletes, 4 undoes, 5 redoes; where `at` is 0 or 4 the workspace is closed and opened.
    #[test]
    fn measurements_survive_undo_redo_and_restarts_bit_by_bit(
        deeds in prop::collection::vec((0u8..6, any_shape(), 0usize..8), 1..16)
    ) {
        let (_folder, mut workspace) = workspace();
        let knee = case(&mut workspace, "k");
        let mut expected: Vec<DrawnMeasurement> = Vec::new();
        let mut done: Vec<(i64, MeasurementChange)> = Vec::new();
        let mut undone: Vec<(i64, MeasurementChange)> = Vec::new();
        for (deed, shape, at) in deeds {
            let old = expected.get(at % expected.len().max(1)).cloned();
            let made = match (deed, &old) {
                (0 | 1, _) => {
                    let place = MeasurementPlace::Slice(at as u32 % 3);
                    let new = DrawnMeasurement::new(format!("Mass {at}"), "R. Reader".into(), place, shape);
                    Some(change(None, Some(&new)))
                }
                (2, Some(old)) => {
                    let new = DrawnMeasurement { shape, ..old.clone() };
                    Some(change(Some(old), Some(&new)))
                }
                (3, Some(old)) => Some(change(Some(old), None)),
                _ => None,
            };
            if let Some(made) = made {
                let seq = append(&mut workspace, knee, made.clone()).seq;
                apply_change(&mut expected, &made);
                done.push((seq, made));
                undone.clear();
            } else if deed == 4 && let Some((seq, made)) = done.pop() {
                workspace.set_undone(seq, true).unwrap();
                apply_change(&mut expected, &made.inverse());
                undone.push((seq, made));
            } else if deed == 5 && let Some((seq, made)) = undone.pop() {
                workspace.set_undone(seq, false).unwrap();
                apply_change(&mut expected, &made);
                done.push((seq, made));
            }
            if at % 4 == 0 {
                workspace = reopened(workspace);
            }
            let kept = stored(&mut workspace, "k").measurements;
            prop_assert_eq!(sorted(kept), sorted(expected.clone()));
        }
    }
}

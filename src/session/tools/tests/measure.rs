//! The Measure tool: drawing, values, handles, undo and redo, what is kept on leaving.

use super::*;
use crate::session::{
    ExportRequest,
    job::{ExportScope, MaskFileJob, Restored},
    measurements::MeasureAction,
    settings::ExportOptions,
    tests::known,
};
use labrum_core::{
    export_format::ExportFormat,
    import::ImportedMeasurements,
    measurement::{DrawnMeasurement, Measured, MeasurementPlace, QuantityKind, Shape, ShapeKind},
};

fn drawn(session: &Session) -> &[DrawnMeasurement] {
    session.cases[0].measurements.all()
}

fn values(session: &Session, at: usize) -> &Measured {
    let measurements = &session.cases[0].measurements;
    measurements.values_of(&measurements.all()[at].id).unwrap()
}

fn value(session: &Session, kind: QuantityKind) -> f64 {
    values(session, 0).value_of(kind).unwrap()
}

/// A session with two loaded slices, a bright square from 16 to 48, and the tool for a kind.
fn measuring(tool: UserCommand) -> Session {
    let mut session = drawing(2);
    command(&mut session, tool);
    session
}

#[test]
fn a_length_is_drawn_by_dragging_and_is_one_step_without_pixels() {
    let mut session = measuring(UserCommand::MeasureLength);
    drag(
        &mut session,
        &[[10.0, 10.0], [20.0, 10.0], [13.0, 14.0]],
        false,
    );
    assert_eq!(drawn(&session).len(), 1);
    let made = drawn(&session)[0].clone();
    assert_eq!(made.name, "Length 1");
    assert_eq!(made.place, MeasurementPlace::Slice(1));
    assert_eq!(made.shape.points(), [[10.0, 10.0], [13.0, 14.0]]);
    assert_eq!(value(&session, QuantityKind::Length), 5.0);
    assert_eq!(session.next_undo(), Some("Length"));
    assert_eq!(session.cases[0].status, Status::New);
    let steps: Vec<_> = session
        .take_jobs()
        .into_iter()
        .filter_map(|job| match job {
            Job::Store(StoreJob::Append { step, .. }) => Some(step),
            _ => None,
        })
        .collect();
    assert_eq!((steps.len(), steps[0].edits.len()), (1, 0));
    assert_eq!(steps[0].also.measurements[0].after.as_ref(), Some(&made));

    command(&mut session, UserCommand::Undo);
    assert_eq!(drawn(&session), []);
    command(&mut session, UserCommand::Redo);
    assert_eq!(drawn(&session), [made]);
    assert_eq!(value(&session, QuantityKind::Length), 5.0);
    drag(&mut session, &[[30.0, 30.0], [40.0, 30.0]], false);
    assert_eq!(drawn(&session)[1].name, "Length 2");
}

#[test]
fn places_can_be_set_by_single_clicks() {
    let mut session = measuring(UserCommand::MeasureAngle);
    for at in [[30.0, 20.0], [20.0, 20.0], [20.0, 30.0]] {
        assert_eq!(drawn(&session), []);
        point(&mut session, PointerPhase::Hover, at, false);
        click(&mut session, at, false);
    }
    assert_eq!(value(&session, QuantityKind::Angle), 90.0);

    command(&mut session, UserCommand::MeasureCobb);
    drag(&mut session, &[[10.0, 40.0], [30.0, 40.0]], false);
    drag(&mut session, &[[10.0, 50.0], [30.0, 60.0]], false);
    let angle = values(&session, 1)
        .value_of(QuantityKind::CobbAngle)
        .unwrap();
    assert!((angle - 0.5f64.atan().to_degrees()).abs() < 1e-9, "{angle}");
}

#[test]
fn a_measurement_can_be_drawn_with_the_keyboard() {
    let mut session = measuring(UserCommand::MeasureLength);
    command(&mut session, UserCommand::DrawAtPointer);
    for _ in 0..7 {
        command(&mut session, UserCommand::PointerRight);
    }
    command(&mut session, UserCommand::DrawAtPointer);
    assert_eq!(value(&session, QuantityKind::Length), 7.0);
}

#[test]
fn a_region_has_the_values_of_its_pixels() {
    let mut session = measuring(UserCommand::MeasureEllipse);
    drag(&mut session, &[[20.0, 20.0], [40.0, 36.0]], false);
    assert_eq!(value(&session, QuantityKind::Mean), 200.0);
    assert_eq!(value(&session, QuantityKind::Deviation), 0.0);
    let area = std::f64::consts::PI * 10.0 * 8.0;
    assert!((value(&session, QuantityKind::Area) - area).abs() < 1e-9);

    command(&mut session, UserCommand::MeasureFreehand);
    let around = [[2.0, 2.0], [14.0, 2.0], [14.0, 14.0], [2.0, 14.0]];
    drag(&mut session, &around, false);
    let region = values(&session, 1);
    assert_eq!(region.value_of(QuantityKind::Area), Some(144.0));
    assert_eq!(region.value_of(QuantityKind::Maximum), Some(40.0));

    command(&mut session, UserCommand::MeasurePoint);
    drag(&mut session, &[[50.0, 50.0], [47.5, 47.5]], false);
    assert_eq!(
        values(&session, 2).value_of(QuantityKind::Value),
        Some(200.0),
        "where the button was released"
    );
}

#[test]
fn handles_and_lines_are_dragged_and_a_click_only_selects() {
    let mut session = measuring(UserCommand::MeasureRectangle);
    drag(&mut session, &[[20.0, 20.0], [30.0, 30.0]], false);
    let steps = session.history.len();
    drag(&mut session, &[[30.4, 30.3], [40.4, 34.3]], false);
    assert_eq!(
        drawn(&session)[0].shape.points(),
        [[20.0, 20.0], [40.0, 34.0]]
    );
    assert_eq!(session.next_undo(), Some("Change rectangle"));
    // On the upper side, away from the corners.
    drag(&mut session, &[[30.0, 20.2], [33.0, 23.2]], false);
    assert_eq!(
        drawn(&session)[0].shape.points(),
        [[23.0, 23.0], [43.0, 37.0]]
    );
    assert_eq!(session.history.len(), steps + 2);
    click(&mut session, [33.0, 23.2], false);
    click(&mut session, [43.2, 37.0], false);
    assert_eq!(session.history.len(), steps + 2);
    assert!(session.selected_measurement().is_some());

    click(&mut session, [60.0, 60.0], false);
    assert!(session.selected_measurement().is_none());
    assert_eq!(drawn(&session).len(), 1, "a click draws no rectangle");
    command(&mut session, UserCommand::Cancel);
    let shown = session.shown_measurements(ViewPlane::Slice, 1);
    assert_eq!((shown.len(), shown[0].handles.len()), (1, 0));
    point(&mut session, PointerPhase::Hover, [33.0, 23.2], false);
    let shown = session.shown_measurements(ViewPlane::Slice, 1);
    assert_eq!(shown[0].handles.len(), 4, "the pointer is on it");
    assert_eq!(session.shown_measurements(ViewPlane::Slice, 0), []);
}

#[test]
fn the_selected_measurement_is_renamed_and_deleted_with_undo() {
    let mut session = measuring(UserCommand::MeasureLength);
    drag(&mut session, &[[10.0, 10.0], [20.0, 10.0]], false);
    let id = drawn(&session)[0].id.clone();
    session.apply_action(Action::Measure(MeasureAction::Describe {
        id: id.clone(),
        name: " Cyst ".into(),
        finding: None,
    }));
    assert_eq!(drawn(&session)[0].name, "Cyst");
    command(&mut session, UserCommand::DeleteMeasurement);
    assert_eq!(drawn(&session), []);
    assert_eq!(
        session.command_refusal(UserCommand::DeleteMeasurement),
        Some("Select a measurement first")
    );
    for _ in 0..2 {
        command(&mut session, UserCommand::Undo);
    }
    assert_eq!(
        (drawn(&session)[0].name.as_str(), &drawn(&session)[0].id),
        ("Length 1", &id)
    );
    command(&mut session, UserCommand::Undo);
    assert!(session.next_undo().is_none_or(|tool| tool != "Length"));
    assert_eq!(drawn(&session), []);
}

#[test]
fn undo_goes_to_the_slice_of_the_measurement() {
    let mut session = measuring(UserCommand::MeasureLength);
    drag(&mut session, &[[10.0, 10.0], [20.0, 10.0]], false);
    session.apply_action(Action::SetSlice(0));
    command(&mut session, UserCommand::Undo);
    assert_eq!(session.cases[0].slice, 1);
    command(&mut session, UserCommand::Redo);
    session.apply_action(Action::SetSlice(0));
    let id = drawn(&session)[0].id.clone();
    session.apply_action(Action::Measure(MeasureAction::GoTo(id)));
    assert_eq!(session.cases[0].slice, 1);
    session.apply_action(Action::SetSlice(0));
    command(&mut session, UserCommand::NextMeasurement);
    assert_eq!(session.cases[0].slice, 1);
}

#[test]
fn leaving_the_slice_keeps_what_is_being_dragged_and_drops_what_lacks_places() {
    let mut session = measuring(UserCommand::MeasureAngle);
    click(&mut session, [10.0, 10.0], false);
    click(&mut session, [20.0, 10.0], false);
    point(&mut session, PointerPhase::Hover, [30.0, 30.0], false);
    session.apply_action(Action::SetSlice(0));
    assert_eq!(drawn(&session), [], "the third place was not set");

    command(&mut session, UserCommand::MeasureLength);
    point(&mut session, PointerPhase::Press, [10.0, 10.0], false);
    point(&mut session, PointerPhase::Drag, [20.0, 10.0], false);
    session.apply_action(Action::SetSlice(1));
    assert_eq!(drawn(&session)[0].place, MeasurementPlace::Slice(0));

    click(&mut session, [10.0, 10.0], false);
    command(&mut session, UserCommand::Cancel);
    click(&mut session, [30.0, 30.0], false);
    click(&mut session, [40.0, 30.0], false);
    assert_eq!(
        drawn(&session)[1].shape.points(),
        [[30.0, 30.0], [40.0, 30.0]],
        "Esc has dropped the first place"
    );
}

#[test]
fn enter_does_not_accept_the_case_while_a_measurement_is_drawn() {
    let mut session = measuring(UserCommand::ToolBrush);
    drag(&mut session, &[[30.0, 30.0], [31.0, 30.0]], false);
    command(&mut session, UserCommand::MeasureAngle);
    click(&mut session, [10.0, 10.0], false);
    command(&mut session, UserCommand::Accept);
    assert_eq!(session.cases[0].status, Status::Corrected);
    command(&mut session, UserCommand::Accept);
    assert_eq!(session.cases[0].status, Status::Accepted);
}

#[test]
fn values_of_pixels_follow_when_the_slice_is_loaded() {
    let mut session = opened(&[("a", 2)], None);
    let case = session.cases[0].id;
    let shape = Shape::new(ShapeKind::Rectangle, vec![[20.0, 20.0], [30.0, 30.0]]).unwrap();
    let stored = DrawnMeasurement::new(
        "Nodule".into(),
        String::new(),
        MeasurementPlace::Slice(0),
        shape,
    );
    session.on_event(Event::Restored {
        case,
        known: known(1),
        restored: Some(Box::new(Restored {
            measurements: vec![stored.clone()],
            ..Restored::default()
        })),
    });
    assert_eq!(drawn(&session), [stored]);
    assert_eq!(value(&session, QuantityKind::Area), 100.0);
    assert_eq!(values(&session, 0).value_of(QuantityKind::Mean), None);
    load_all(&mut session, 2);
    assert_eq!(value(&session, QuantityKind::Mean), 200.0);
    assert_eq!(values(&session, 0).summary(), "100.0 px²  200");
}

fn length_on(slice: u32, name: &str) -> DrawnMeasurement {
    let shape = Shape::new(ShapeKind::Length, vec![[20.0, 20.0], [30.0, 20.0]]).unwrap();
    let place = MeasurementPlace::Slice(slice);
    DrawnMeasurement::new(name.into(), "Others".into(), place, shape)
}

fn notice_texts(session: &Session) -> Vec<&str> {
    let notices = session.notices.list.iter();
    notices.map(|notice| notice.text.as_str()).collect()
}

#[test]
fn imported_measurements_are_added_once_as_one_step() {
    let mut session = measuring(UserCommand::MeasureLength);
    let case = session.cases[0].id;
    session.apply_action(Action::Measure(MeasureAction::Import(vec![
        "/reports".into(),
    ])));
    let is_import = |job: &Job| matches!(job, Job::MaskFiles(MaskFileJob::ImportMeasurements { case: of, .. }) if *of == case);
    assert!(session.take_jobs().iter().any(is_import));
    let imported = ImportedMeasurements {
        measurements: vec![length_on(0, "Wall"), length_on(1, "Lumen")],
        notes: vec!["1 measurement of other images left out".into()],
    };
    let event = || Event::ImportedMeasurements {
        case,
        result: Ok(imported.clone()),
    };
    session.on_event(event());
    assert_eq!(drawn(&session), imported.measurements);
    assert_eq!(value(&session, QuantityKind::Length), 10.0);
    assert_eq!(session.next_undo(), Some("Import measurements"));
    let texts = notice_texts(&session);
    assert!(texts.contains(&"Imported 2 measurements."), "{texts:?}");
    assert!(
        texts.contains(&"1 measurement of other images left out."),
        "{texts:?}"
    );

    let steps = session.history.len();
    session.on_event(event());
    assert_eq!(session.history.len(), steps);
    let texts = notice_texts(&session);
    assert!(
        texts.contains(&"No new measurements. 2 measurements are already in this case."),
        "{texts:?}"
    );
    command(&mut session, UserCommand::Undo);
    assert_eq!(drawn(&session), []);
    command(&mut session, UserCommand::Redo);
    assert_eq!(drawn(&session).len(), 2);
}

#[test]
fn measurements_are_exported_also_without_a_mask() {
    let mut session = measuring(UserCommand::MeasureLength);
    assert_eq!(
        session.command_refusal(UserCommand::Export),
        Some("No mask or measurement to export yet")
    );
    drag(&mut session, &[[10.0, 10.0], [20.0, 10.0]], false);
    session.apply_action(Action::SetSlice(0));
    assert_eq!(session.command_refusal(UserCommand::Export), None);
    let refusal = |session: &Session, scope, format| session.cannot_export(scope, format);
    let (slice, case) = (ExportScope::ThisSlice, ExportScope::ThisCase);
    assert_eq!(
        refusal(&session, case, ExportFormat::LabelMap),
        Some("This case has no mask")
    );
    assert_eq!(
        refusal(&session, slice, ExportFormat::DrawnCsv),
        Some("No measurements were drawn on this slice")
    );
    for format in [ExportFormat::DrawnCsv, ExportFormat::Json] {
        assert_eq!(refusal(&session, case, format), None);
    }
    session.apply_action(Action::Export(ExportRequest {
        folder: "/out".into(),
        scope: case,
        options: ExportOptions {
            formats: vec![ExportFormat::DrawnCsv],
            ..ExportOptions::default()
        },
    }));
    let job = session.take_jobs().into_iter().find_map(|job| match job {
        Job::MaskFiles(MaskFileJob::Export(job)) => Some(job),
        _ => None,
    });
    let job = job.unwrap();
    assert_eq!(job.drawn, drawn(&session));
    assert!(job.slices.is_empty());
}

proptest! {
    /// Whatever is drawn, changed and deleted: undoing all and redoing all ends where it began.
    #[test]
    fn undo_and_redo_restore_measurements_bit_by_bit(
        strokes in prop::collection::vec((0usize..8, prop::array::uniform4(1.0..63.0f64), any::<bool>()), 1..8)
    ) {
        let mut session = drawing(2);
        for (kind, [x, y, u, v], deletes) in strokes {
            let tool = UserCommand::for_measure_kind(ShapeKind::ALL[kind]);
            command(&mut session, tool);
            drag(&mut session, &[[x, y], [u, y], [u, v]], false);
            click(&mut session, [v, u], false);
            click(&mut session, [y, x], false);
            if deletes {
                command(&mut session, UserCommand::DeleteMeasurement);
            }
            command(&mut session, UserCommand::Cancel);
        }
        let after = drawn(&session).to_vec();
        while session.next_undo().is_some() {
            command(&mut session, UserCommand::Undo);
        }
        prop_assert_eq!(drawn(&session), []);
        while session.next_redo().is_some() {
            command(&mut session, UserCommand::Redo);
        }
        let mut redone = drawn(&session).to_vec();
        redone.sort_by(|a, b| a.id.cmp(&b.id));
        let mut after = after;
        after.sort_by(|a, b| a.id.cmp(&b.id));
        prop_assert_eq!(redone, after);
    }
}

//! Measurements on reformatted views: in mm, on their plane only, found again by the list.

use super::*;
use crate::session::measurements::MeasureAction;
use labrum_core::measurement::{DrawnMeasurement, MeasurementPlace, QuantityKind};

fn drawn(session: &Session) -> &[DrawnMeasurement] {
    session.cases[0].measurements.all()
}

/// A length on the view across columns. Moves are 8 screen points long for each pixel.
fn draw_length(session: &mut Session, places: [Place; 2]) {
    command(session, UserCommand::MeasureLength);
    for (phase, at) in [
        (PointerPhase::Press, places[0]),
        (PointerPhase::Drag, places[1]),
        (PointerPhase::Release, places[1]),
    ] {
        let input = PointerInput {
            scale: 8.0,
            ..input(phase, at)
        };
        act(session, OrthoAction::Pointer(ViewPlane::Column, input));
    }
}

#[test]
fn a_length_across_the_slices_is_in_mm_and_lies_on_its_plane() {
    let mut session = shown();
    draw_length(&mut session, [[1.0, 1.0], [5.0, 4.0]]);
    let made = drawn(&session)[0].clone();
    assert!(matches!(made.place, MeasurementPlace::View(_)));
    let measured = session.cases[0].measurements.values_of(&made.id).unwrap();
    // Rows are 0.5 mm apart and slices 2 mm; the view shows rows across and slices down.
    let length = (4.0f64 * 0.5).hypot(3.0 * 2.0);
    let found = measured.value_of(QuantityKind::Length).unwrap();
    assert!((found - length).abs() < 1e-9, "{found}");
    assert_eq!(session.next_undo(), Some("Length"));

    let on = |session: &Session, plane| session.shown_measurements(plane, 2).len();
    assert_eq!(on(&session, ViewPlane::Column), 1);
    assert_eq!(on(&session, ViewPlane::Row), 0);
    assert_eq!(on(&session, ViewPlane::Slice), 0);
    act(&mut session, OrthoAction::Scroll(ViewPlane::Column, 2));
    assert_eq!(on(&session, ViewPlane::Column), 0, "another column");
    session.apply_action(Action::Measure(MeasureAction::GoTo(made.id.clone())));
    assert_eq!(on(&session, ViewPlane::Column), 1);
    let lines = &session.shown_measurements(ViewPlane::Column, 2)[0].lines;
    assert_eq!(lines[0], [[1.0, 1.0], [5.0, 4.0]], "where it was drawn");

    command(&mut session, UserCommand::Undo);
    assert_eq!(drawn(&session), []);
    command(&mut session, UserCommand::Redo);
    assert_eq!(drawn(&session), [made]);
}

#[test]
fn a_measurement_without_orthogonal_views_is_found_by_opening_them() {
    let mut session = shown();
    draw_length(&mut session, [[1.0, 1.0], [5.0, 4.0]]);
    command(&mut session, UserCommand::ToggleOrtho);
    assert!(session.viewports.ortho_views().is_none());
    let id = drawn(&session)[0].id.clone();
    session.apply_action(Action::Measure(MeasureAction::GoTo(id)));
    assert!(session.viewports.ortho_views().is_some());
    assert_eq!(session.shown_measurements(ViewPlane::Column, 2).len(), 1);
}

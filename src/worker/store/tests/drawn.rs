//! Drawn measurements from the session to the database and back after a restart.

use super::*;
use labrum_core::measurement::{DrawnMeasurement, Measured};

/// Drags with the tool of a command.
fn drag(desk: &mut Desk, tool: UserCommand, from: [f64; 2], to: [f64; 2]) {
    desk.command(tool);
    for (phase, at) in [
        (PointerPhase::Press, from),
        (PointerPhase::Drag, to),
        (PointerPhase::Release, to),
    ] {
        desk.session.apply_action(Action::Pointer(PointerInput {
            phase,
            at,
            erases: false,
            is_shifted: false,
            scale: 4.0,
        }));
    }
    desk.handle_events();
}

/// The measurements of the case with their values.
fn measured(desk: &Desk) -> Vec<(DrawnMeasurement, Measured)> {
    let measurements = &desk.session.cases.current_case().unwrap().measurements;
    let all = measurements.all().iter();
    all.map(|drawn| {
        let values = measurements.values_of(&drawn.id).unwrap();
        (drawn.clone(), Measured::clone(values))
    })
    .collect()
}

#[test]
fn measurements_and_their_values_are_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    drag(
        &mut desk,
        UserCommand::MeasureEllipse,
        [60.0, 60.0],
        [90.3, 80.7],
    );
    drag(
        &mut desk,
        UserCommand::MeasureLength,
        [20.0, 20.0],
        [33.3, 41.1],
    );
    drag(
        &mut desk,
        UserCommand::MeasureRectangle,
        [100.0, 20.0],
        [120.0, 40.0],
    );
    desk.command(UserCommand::Undo);
    desk.until("the journal", |s| s.workspace.unsaved_count() == 0);
    let before = measured(&desk);
    assert_eq!(before.len(), 2);
    assert!(before[0].1.has_values && before[0].1.unit() == labrum_core::measure::Unit::Millimetre);
    drop(desk);

    let mut desk = Desk::open(folder.path(), samples("sarcoma-ct"));
    assert_eq!(measured(&desk), before);
    desk.command(UserCommand::Redo);
    assert_eq!(measured(&desk).len(), 3);
    for _ in 0..3 {
        desk.command(UserCommand::Undo);
    }
    assert_eq!(measured(&desk), []);
    assert!(desk.session.next_undo().is_none());
}

//! Strokes on slices that are still loading, interrupted gestures, and proposals that arrive
//! during one.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    Error,
    session::{
        job::{CaseId, Event, Loaded},
        tests::{answer, command, model, segment_jobs, session as opened, with_pictures},
        tools::{Place, PointerInput},
    },
};
use labrum_core::{mask::Mask, study::Status};

fn point(session: &mut Session, phase: PointerPhase, at: Place) {
    session.apply_action(Action::Pointer(PointerInput {
        phase,
        at,
        erases: false,
        is_shifted: false,
        scale: 8.0,
    }));
}

fn stroke(session: &mut Session, at: Place) {
    point(session, PointerPhase::Press, at);
    point(session, PointerPhase::Drag, [at[0] + 6.0, at[1]]);
    point(session, PointerPhase::Release, [at[0] + 6.0, at[1]]);
}

fn click(session: &mut Session, at: Place) {
    point(session, PointerPhase::Press, at);
    point(session, PointerPhase::Release, at);
}

fn mask(session: &Session, case: usize, slice: usize) -> Mask {
    let key = SliceKey {
        case: session.cases[case].id,
        slice,
    };
    session
        .mask_of(key)
        .map_or_else(|| Mask::new_blank(64, 64), |mask| mask.into_owned())
}

fn picture() -> Arc<Loaded> {
    let session = with_pictures(&[("a", 1)]);
    session.current_loaded().unwrap().clone()
}

fn load(session: &mut Session, case: CaseId, slice: usize) {
    session.on_event(Event::Loaded {
        key: SliceKey { case, slice },
        result: Ok(picture()),
    });
}

/// A series of four slices of which only the third is loaded; the brush is active.
fn partly_loaded() -> Session {
    let mut session = opened(&[("a", 4)], None);
    let case = session.cases[0].id;
    load(&mut session, case, 2);
    command(&mut session, UserCommand::ToolBrush);
    session
}

#[test]
fn a_stroke_on_a_loading_slice_is_drawn_there_and_later_keys_wait_for_it() {
    let mut session = partly_loaded();
    let case = session.cases[0].id;
    stroke(&mut session, [20.0, 20.0]);
    command(&mut session, UserCommand::PreviousSlice);
    stroke(&mut session, [40.0, 40.0]);
    command(&mut session, UserCommand::NextSlice);
    command(&mut session, UserCommand::Undo);
    assert!(
        mask(&session, 0, 1).is_blank(),
        "nothing is drawn on a slice that is not loaded"
    );
    assert_eq!(
        session.cases.current_case().unwrap().slice,
        1,
        "the second key waits for the stroke"
    );
    load(&mut session, case, 1);
    assert_eq!(
        session.cases.current_case().unwrap().slice,
        1,
        "undo goes to the slice that it changed"
    );
    assert!(mask(&session, 0, 1).is_blank() && !mask(&session, 0, 2).is_blank());
    command(&mut session, UserCommand::Redo);
    assert_eq!(
        mask(&session, 0, 1).label_at(40, 40),
        1,
        "the stroke is where it was drawn"
    );
}

#[test]
fn waiting_input_is_dropped_by_escape_and_by_a_slice_that_cannot_be_read() {
    let mut session = partly_loaded();
    let case = session.cases[0].id;
    command(&mut session, UserCommand::NextSlice);
    stroke(&mut session, [20.0, 20.0]);
    command(&mut session, UserCommand::Cancel);
    assert_eq!(
        session.tools.active_tool(),
        ToolKind::Brush,
        "the tool stays active"
    );
    load(&mut session, case, 3);
    assert!(mask(&session, 0, 3).is_blank());

    let mut session = partly_loaded();
    command(&mut session, UserCommand::PreviousSlice);
    stroke(&mut session, [20.0, 20.0]);
    command(&mut session, UserCommand::PreviousSlice);
    let failed = Event::Loaded {
        key: SliceKey { case, slice: 1 },
        result: Err(Error::new("read the slice", "it is cut off")),
    };
    session.on_event(failed);
    assert_eq!(
        session.cases.current_case().unwrap().slice,
        0,
        "the waiting key is applied"
    );
}

#[test]
fn changing_slice_case_or_tool_finishes_the_gesture_and_keeps_it() {
    let goes_on: [fn(&mut Session); 4] = [
        |s| s.apply_action(Action::ScrollSlices(1)),
        |s| command(s, UserCommand::NextCase),
        |s| command(s, UserCommand::ToolEraser),
        |s| s.apply_action(Action::SelectCase(s.cases[1].id)),
    ];
    for (number, go_on) in goes_on.into_iter().enumerate() {
        for tool in [UserCommand::ToolBrush, UserCommand::ToolPolygon] {
            let mut session = with_pictures(&[("a", 4), ("b", 2)]);
            command(&mut session, tool);
            if tool == UserCommand::ToolBrush {
                point(&mut session, PointerPhase::Press, [20.0, 20.0]);
                point(&mut session, PointerPhase::Drag, [30.0, 20.0]);
            } else {
                [[10.0, 10.0], [40.0, 10.0], [40.0, 40.0]]
                    .into_iter()
                    .for_each(|at| click(&mut session, at));
            }
            go_on(&mut session);
            assert!(!session.tools.is_drawing());
            let kept = mask(&session, 0, 2);
            assert_eq!(kept.label_at(25, 20), 1, "{tool:?}, {number}");
            point(&mut session, PointerPhase::Drag, [35.0, 35.0]);
            point(&mut session, PointerPhase::Release, [35.0, 35.0]);
            assert_eq!(
                mask(&session, 0, 2),
                kept,
                "further moves of the mouse draw nothing"
            );
            assert!(
                (0..2).all(|slice| mask(&session, 1, slice).is_blank())
                    && mask(&session, 0, 3).is_blank()
            );
        }
    }
}

#[test]
fn accepting_in_the_middle_of_a_stroke_keeps_it() {
    let mut session = with_pictures(&[("a", 1), ("b", 1)]);
    command(&mut session, UserCommand::ToolBrush);
    point(&mut session, PointerPhase::Press, [20.0, 20.0]);
    command(&mut session, UserCommand::Accept);
    assert_eq!(
        (session.cases[0].status, session.cases.current),
        (Status::Accepted, Some(1))
    );
    assert_eq!(mask(&session, 0, 0).label_at(20, 20), 1);
}

#[test]
fn a_polygon_of_one_corner_is_not_closed_by_a_second_click() {
    let mut session = with_pictures(&[("a", 1)]);
    command(&mut session, UserCommand::ToolPolygon);
    click(&mut session, [10.0, 10.0]);
    click(&mut session, [10.0, 10.0]);
    point(&mut session, PointerPhase::DoubleClick, [10.0, 10.0]);
    assert!(session.tools.is_drawing());
    click(&mut session, [40.0, 10.0]);
    click(&mut session, [40.0, 40.0]);
    click(&mut session, [40.0, 40.0]);
    point(&mut session, PointerPhase::DoubleClick, [40.0, 40.0]);
    assert!(!session.tools.is_drawing() && mask(&session, 0, 0).count_pixels(1) > 300);
}

#[test]
fn a_proposal_that_arrives_during_a_stroke_is_applied_after_it() {
    let mut session = opened(&[("a", 1)], Some(model("US")));
    let case = session.cases[0].id;
    load(&mut session, case, 0);
    let job = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::ToolBrush);
    point(&mut session, PointerPhase::Press, [5.0, 5.0]);
    point(&mut session, PointerPhase::Drag, [9.0, 5.0]);
    answer(&mut session, &job);
    assert!(session.tools.is_drawing(), "the stroke continues");
    point(&mut session, PointerPhase::Release, [9.0, 5.0]);
    assert_eq!(
        (
            mask(&session, 0, 0).label_at(5, 5),
            mask(&session, 0, 0).label_at(32, 32)
        ),
        (1, 0)
    );
    assert!(
        session.cases[0].slices[0].is_proposal_newer(),
        "the proposal is kept separately"
    );

    let mut session = opened(&[("a", 1)], Some(model("US")));
    load(&mut session, case, 0);
    let job = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::ToolBrush);
    point(&mut session, PointerPhase::Press, [5.0, 5.0]);
    answer(&mut session, &job);
    command(&mut session, UserCommand::Cancel);
    assert_eq!(
        mask(&session, 0, 0).label_at(32, 32),
        1,
        "without the stroke the proposal is the mask"
    );
}

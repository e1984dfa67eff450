//! Tools in the session, without a window: results are compared with analytic shapes, and can
//! be undone.

#![allow(clippy::unwrap_used, clippy::panic)]

mod click;
mod gestures;
mod looks;
mod measure;
mod operations;
mod outlines;
mod values;

use super::*;
use crate::session::{
    Action,
    command::UserCommand,
    job::{Event, Job, Loaded, ShapeJob, StoreJob},
    labels::LabelAction,
    tests::{answer, command, model, segment_jobs, session as opened},
    workspace_labels::PaintOver,
};
use labrum_core::{
    image::{Image, Pixels},
    label::Label,
    mask::Mask,
    study::Status,
};
use proptest::prelude::*;
use std::sync::Arc;

const SIDE: usize = 64;

/// A session with a series of `slices` loaded slices (a bright square on a dark background) and
/// three labels.
fn drawing(slices: usize) -> Session {
    let mut session = opened(&[("a", slices)], None);
    load_all(&mut session, slices);
    for name in ["One", "Two", "Three"] {
        session.apply_action(Action::Label(LabelAction::Add(Label::with_name(name, 0))));
    }
    session.apply_action(Action::Label(LabelAction::Choose(1)));
    session.take_jobs();
    session
}

fn load_all(session: &mut Session, slices: usize) {
    let bright = |i: usize| (16..48).contains(&(i % SIDE)) && (16..48).contains(&(i / SIDE));
    let pixels = (0..SIDE * SIDE)
        .map(|i| if bright(i) { 200 } else { 40 })
        .collect();
    let image = Arc::new(Image::new(SIDE, SIDE, Pixels::U8(pixels)).unwrap());
    let case = session.cases[0].id;
    for slice in 0..slices {
        let default_window = image.default_window();
        let loaded = Loaded {
            image: image.clone(),
            default_window,
            presets: Vec::new(),
        };
        session.on_event(Event::Loaded {
            key: SliceKey { case, slice },
            result: Ok(Arc::new(loaded)),
        });
    }
}

fn point(session: &mut Session, phase: PointerPhase, at: Place, erases: bool) {
    session.apply_action(Action::Pointer(PointerInput {
        phase,
        at,
        erases,
        is_shifted: false,
        scale: 8.0,
    }));
}

/// Press, moves, release.
fn drag(session: &mut Session, places: &[Place], erases: bool) {
    point(session, PointerPhase::Press, places[0], erases);
    places[1..]
        .iter()
        .for_each(|at| point(session, PointerPhase::Drag, *at, erases));
    point(
        session,
        PointerPhase::Release,
        places[places.len() - 1],
        erases,
    );
}

fn click(session: &mut Session, at: Place, erases: bool) {
    drag(session, &[at], erases);
}

fn take(session: &mut Session, tool: UserCommand, radius: f64) {
    command(session, tool);
    let options = ToolOptions {
        radius,
        ..session.settings.tools.clone()
    };
    session.apply_action(Action::SetTools(options));
}

fn mask(session: &Session) -> Mask {
    session.live_mask().unwrap().mask().clone()
}

/// A mask of label 1 where `inside` holds for the centres of pixels.
fn shape(inside: impl Fn(f64, f64) -> bool) -> Mask {
    let at = |i: usize| u8::from(inside((i % SIDE) as f64 + 0.5, (i / SIDE) as f64 + 0.5));
    Mask::from_labels(SIDE, SIDE, (0..SIDE * SIDE).map(at).collect()).unwrap()
}

fn distance_to_segment([x, y]: Place, a: Place, b: Place) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx * dx + dy * dy;
    let t = if length > 0.0 {
        (((x - a[0]) * dx + (y - a[1]) * dy) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (x - a[0] - t * dx).hypot(y - a[1] - t * dy)
}

#[test]
fn a_stroke_covers_its_whole_path_however_fast_the_mouse_moves() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 5.0);
    let path = [[10.0, 10.0], [50.0, 20.0], [20.0, 55.0]];
    drag(&mut session, &path, false);
    let swept = |x, y| {
        path.windows(2)
            .any(|w| distance_to_segment([x, y], w[0], w[1]) <= 5.0)
    };
    assert_eq!(mask(&session), shape(swept));
    assert_eq!(
        session.cases.current_case().unwrap().status,
        Status::Corrected
    );

    drag(&mut session, &[[30.0, 5.0], [30.0, 60.0]], true);
    let left = |x, y| swept(x, y) && distance_to_segment([x, y], [30.0, 5.0], [30.0, 60.0]) > 5.0;
    assert_eq!(mask(&session), shape(left), "with Alt or Ctrl it erases");
}

#[test]
fn fill_covers_an_enclosed_area_and_erases_it_with_alt() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolLasso, 5.0);
    drag(
        &mut session,
        &[[10.0, 10.0], [50.0, 10.0], [50.0, 50.0], [10.0, 50.0]],
        false,
    );
    drag(
        &mut session,
        &[[20.0, 20.0], [30.0, 20.0], [30.0, 30.0], [20.0, 30.0]],
        true,
    );
    command(&mut session, UserCommand::ToolFill);
    click(&mut session, [25.0, 25.0], false);
    let square = shape(|x, y| (10.0..50.0).contains(&x) && (10.0..50.0).contains(&y));
    assert_eq!(mask(&session), square);
    click(&mut session, [2.0, 2.0], false);
    assert_eq!(mask(&session), square, "the outer background is not filled");
    click(&mut session, [40.0, 40.0], true);
    assert!(mask(&session).is_blank());
}

#[test]
fn a_threshold_limits_the_brush_to_its_intensity_range() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 10.0);
    let options = ToolOptions {
        threshold: Some([100.0, 255.0]),
        ..session.settings.tools.clone()
    };
    session.apply_action(Action::SetTools(options));
    click(&mut session, [16.0, 32.0], false);
    assert_eq!(
        mask(&session),
        shape(|x, y| (x - 16.0).hypot(y - 32.0) <= 10.0 && x > 16.0)
    );
}

#[test]
fn a_smart_brush_stops_at_edges_in_the_image() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolSmartBrush, 10.0);
    drag(&mut session, &[[22.0, 30.0], [22.0, 34.0]], false);
    let painted = mask(&session);
    let outside = (0..SIDE * SIDE)
        .filter(|i| painted.pixel_labels()[*i] == 1 && i % SIDE < 15)
        .count();
    assert!(
        painted.count_pixels(1) > 150 && outside == 0,
        "{} pixels, {outside} beyond the edge",
        painted.count_pixels(1)
    );
}

#[test]
fn escape_cancels_a_stroke_and_leaves_no_step() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 5.0);
    point(&mut session, PointerPhase::Press, [10.0, 10.0], false);
    point(&mut session, PointerPhase::Drag, [40.0, 40.0], false);
    assert!(!mask(&session).is_blank());
    command(&mut session, UserCommand::Cancel);
    assert!(mask(&session).is_blank() && session.next_undo().is_none());
    assert_eq!(
        session.tools.active_tool(),
        ToolKind::Brush,
        "the tool stays active"
    );
}

#[test]
fn a_gesture_is_one_step_of_the_journal() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 5.0);
    session.take_jobs();
    drag(
        &mut session,
        &[[10.0, 10.0], [30.0, 10.0], [30.0, 40.0]],
        false,
    );
    let jobs = session.take_jobs();
    let steps: Vec<_> = jobs
        .iter()
        .filter_map(|j| {
            if let Job::Store(StoreJob::Append { step, .. }) = j {
                Some(step)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(steps.len(), 1);
    assert_eq!(&*steps[0].tool, "Brush");
    let mut again = Mask::new_blank(SIDE, SIDE);
    steps[0]
        .decoded_edits(false)
        .for_each(|(_, edit)| again.apply_edit(&edit));
    assert_eq!(
        again,
        mask(&session),
        "the journal holds all that was drawn"
    );
}

#[test]
fn undo_goes_back_across_slices_and_shows_the_changed_one() {
    let mut session = drawing(3);
    take(&mut session, UserCommand::ToolBrush, 4.0);
    for slice in 0..3 {
        session.apply_action(Action::SetSlice(slice));
        click(&mut session, [20.0, 20.0], false);
    }
    for slice in (0..3).rev() {
        command(&mut session, UserCommand::Undo);
        assert_eq!(session.cases.current_case().unwrap().slice, slice);
        assert!(mask(&session).is_blank());
    }
    assert_eq!(session.cases.current_case().unwrap().status, Status::New);
    for _ in 0..3 {
        command(&mut session, UserCommand::Redo);
    }
    session.apply_action(Action::SetSlice(0));
    assert!(!mask(&session).is_blank());
}

#[test]
fn a_proposal_never_replaces_a_drawn_mask_unless_accepted() {
    let mut session = opened(&[("a", 1)], Some(model("US")));
    load_all(&mut session, 1);
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    click(&mut session, [5.0, 5.0], false);
    let drawn = mask(&session);
    command(&mut session, UserCommand::SegmentSlice);
    let again = segment_jobs(&mut session).remove(0);
    answer(&mut session, &again);
    assert_eq!(mask(&session), drawn);
    assert!(session.cases.current_case().unwrap().slices[0].is_proposal_newer());

    command(&mut session, UserCommand::AcceptProposal);
    assert_ne!(mask(&session), drawn);
    command(&mut session, UserCommand::Undo);
    assert_eq!(mask(&session), drawn, "accepting a proposal can be undone");
}

#[test]
fn nothing_is_drawn_with_a_locked_or_hidden_label() {
    for change in [
        |l: &mut Label| l.locked = true,
        |l: &mut Label| l.visible = false,
    ] {
        let mut session = drawing(1);
        let mut label = session.labels.all_labels()[0].clone();
        change(&mut label);
        session.apply_action(Action::Label(LabelAction::Change(1, label)));
        take(&mut session, UserCommand::ToolBrush, 6.0);
        click(&mut session, [20.0, 20.0], false);
        assert!(mask(&session).is_blank());
        assert!(!session.notices.list.is_empty(), "a notice says why");
    }
}

#[test]
fn the_keyboard_alone_can_draw() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 3.0);
    command(&mut session, UserCommand::DrawAtPointer);
    for _ in 0..4 {
        command(&mut session, UserCommand::PointerRight);
    }
    command(&mut session, UserCommand::DrawAtPointer);
    let dab = |x: f64, y: f64, at: f64| (x - at).hypot(y - 32.0) <= 3.0;
    assert_eq!(
        mask(&session),
        shape(|x, y| dab(x, y, 32.0) || dab(x, y, 36.0))
    );
}

#[test]
fn a_stroke_takes_less_than_5000_bytes_in_the_history() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 8.0);
    for i in 0..200 {
        let at = [f64::from(i * 7 % 60), f64::from(i * 13 % 60)];
        drag(&mut session, &[at, [60.0 - at[1], at[0]]], i % 3 == 0);
    }
    let per_step = session.history.byte_size() / session.history.len();
    assert!(per_step < 5000, "{per_step} bytes a step");
}

#[test]
fn a_pointer_moved_by_keys_stays_until_the_mouse_moves() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 0.5);
    point(&mut session, PointerPhase::Hover, [20.5, 20.5], false);
    command(&mut session, UserCommand::PointerRight);
    assert_eq!(session.tools.keyed_pointer(), Some([21.5, 20.5]));
    point(&mut session, PointerPhase::Hover, [21.5, 20.5], true);
    point(&mut session, PointerPhase::Leave, [21.5, 20.5], false);
    command(&mut session, UserCommand::PointerRight);
    command(&mut session, UserCommand::DrawAtPointer);
    assert_eq!(
        mask(&session).label_at(22, 20),
        1,
        "a held key or an open dialog does not move it"
    );
    point(&mut session, PointerPhase::Hover, [40.5, 40.5], false);
    assert_eq!(session.tools.keyed_pointer(), None, "the mouse moved");
}

#[test]
fn fill_explains_why_it_does_not_fill_the_outer_background() {
    let mut session = drawing(1);
    command(&mut session, UserCommand::ToolFill);
    click(&mut session, [-3.0, 5.0], false);
    assert!(
        session.notices.list.is_empty(),
        "no hint for a click outside of the image"
    );
    click(&mut session, [5.0, 5.0], false);
    assert!(mask(&session).is_blank());
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.severity == Severity::Hint && n.text.contains("enclosed"))
    );
}

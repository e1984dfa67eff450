//! Tools in the session, without a window: results are compared with analytic shapes, and can
//! be undone.

#![allow(clippy::unwrap_used, clippy::panic)]

mod click;
mod looks;
mod measure;
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
fn a_polygon_fills_its_inside_and_its_corners_can_be_moved_before_closing() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolPolygon, 5.0);
    for at in [[10.0, 10.0], [50.0, 10.0], [55.0, 55.0], [10.0, 50.0]] {
        click(&mut session, at, false);
    }
    drag(
        &mut session,
        &[[55.0, 55.0], [52.0, 52.0], [50.0, 50.0]],
        false,
    );
    assert!(
        mask(&session).is_blank(),
        "nothing is painted before the polygon is closed"
    );
    assert_eq!(
        session.tools.tool_preview().region.as_ref().unwrap().len(),
        40 * 40,
        "the preview shows the result"
    );
    click(&mut session, [10.0, 10.0], false);
    assert_eq!(
        mask(&session),
        shape(|x, y| (10.0..50.0).contains(&x) && (10.0..50.0).contains(&y))
    );
    assert!(!session.tools.is_drawing());
}

#[test]
fn enter_and_a_double_click_close_a_polygon_and_escape_drops_it() {
    for how in 0..3 {
        let mut session = drawing(1);
        take(&mut session, UserCommand::ToolPolygon, 5.0);
        for at in [[10.0, 10.0], [50.0, 10.0], [50.0, 50.0]] {
            click(&mut session, at, false);
        }
        match how {
            0 => command(&mut session, UserCommand::Accept),
            1 => {
                click(&mut session, [50.0, 50.0], false);
                point(&mut session, PointerPhase::DoubleClick, [50.0, 50.0], false);
            }
            _ => command(&mut session, UserCommand::Cancel),
        }
        assert!(!session.tools.is_drawing());
        assert_eq!(mask(&session).is_blank(), how == 2);
        assert_ne!(
            session.cases.current_case().unwrap().status,
            Status::Accepted,
            "Enter closed the polygon and did not accept the case"
        );
    }
}

#[test]
fn a_lasso_with_alt_erases_its_inside() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 40.0);
    click(&mut session, [32.0, 32.0], false);
    take(&mut session, UserCommand::ToolLasso, 5.0);
    drag(
        &mut session,
        &[[20.0, 20.0], [40.0, 20.0], [40.0, 40.0], [20.0, 40.0]],
        true,
    );
    let left = |x: f64, y: f64| {
        (x - 32.0).hypot(y - 32.0) <= 40.0
            && !((20.0..40.0).contains(&x) && (20.0..40.0).contains(&y))
    };
    assert_eq!(mask(&session), shape(left));
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
fn an_outline_can_restore_the_proposal_inside_it() {
    let mut session = opened(&[("a", 1)], Some(model("US")));
    load_all(&mut session, 1);
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    let proposed = mask(&session);
    command(&mut session, UserCommand::EmptyLabel);
    let options = ToolOptions {
        outline_does: OutlineDoes::TakeProposal,
        ..session.settings.tools.clone()
    };
    session.apply_action(Action::SetTools(options));
    command(&mut session, UserCommand::ToolLasso);
    drag(
        &mut session,
        &[[0.0, 0.0], [32.0, 0.0], [32.0, 64.0], [0.0, 64.0]],
        false,
    );
    let half = mask(&session);
    for i in 0..SIDE * SIDE {
        let expected = if i % SIDE < 32 {
            proposed.pixel_labels()[i]
        } else {
            0
        };
        assert_eq!(half.pixel_labels()[i], expected);
    }
}

#[test]
fn copies_and_operations_change_only_the_active_label() {
    let mut session = drawing(2);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    session.apply_action(Action::SetSlice(0));
    click(&mut session, [20.0, 20.0], false);
    let first = mask(&session);
    session.apply_action(Action::Label(LabelAction::Choose(2)));
    session.apply_action(Action::SetSlice(1));
    click(&mut session, [40.0, 40.0], false);
    session.apply_action(Action::Label(LabelAction::Choose(1)));
    command(&mut session, UserCommand::CopyFromPrevious);
    assert_eq!(mask(&session).label_region(1), first.label_region(1));
    let two = mask(&session).label_region(2);
    for operation in [
        UserCommand::Grow,
        UserCommand::Smooth,
        UserCommand::Shrink,
        UserCommand::FillHoles,
    ] {
        command(&mut session, operation);
        assert_eq!(mask(&session).label_region(2), two, "{operation:?}");
    }
    session.apply_action(Action::PreviewCommand(Some(UserCommand::Grow)));
    let (before, shown) = (
        mask(&session).label_region(1),
        session.tools.tool_preview().region.clone().unwrap(),
    );
    command(&mut session, UserCommand::Grow);
    assert_eq!(
        mask(&session).label_region(1).difference(&before),
        shown,
        "the preview shows what changes"
    );
}

#[test]
fn interpolation_fills_the_slices_between_and_is_one_step() {
    let mut session = drawing(5);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    for slice in [0, 4] {
        session.apply_action(Action::SetSlice(slice));
        click(&mut session, [20.0, 20.0], false);
    }
    command(&mut session, UserCommand::Interpolate);
    let job = session.take_jobs().into_iter().find_map(|j| {
        if let Job::Shapes(ShapeJob::Interpolate(j)) = j {
            Some(j)
        } else {
            None
        }
    });
    let job = job.unwrap();
    assert_eq!(
        job.shapes
            .iter()
            .map(|(a, _, b, _)| (*a, *b))
            .collect::<Vec<_>>(),
        [(0, 4)]
    );
    let shape = job.shapes[0].1.clone();
    session.on_event(Event::Interpolated(
        job,
        (1..4).map(|s| (s, shape.clone())).collect(),
    ));
    assert!((0..5).all(|slice| {
        session
            .mask_of(SliceKey {
                case: session.cases[0].id,
                slice,
            })
            .is_some()
    }));
    command(&mut session, UserCommand::Undo);
    let case = session.cases[0].id;
    assert!(
        session
            .mask_of(SliceKey { case, slice: 2 })
            .is_none_or(|mask| mask.is_blank())
    );
}

#[test]
fn interpolation_skips_a_slice_with_a_stroke_in_progress() {
    let mut session = drawing(3);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    for slice in [0, 2, 1] {
        session.apply_action(Action::SetSlice(slice));
        if slice != 1 {
            click(&mut session, [20.0, 20.0], false);
        }
    }
    command(&mut session, UserCommand::Interpolate);
    let job = session.take_jobs().into_iter().find_map(|j| {
        if let Job::Shapes(ShapeJob::Interpolate(j)) = j {
            Some(j)
        } else {
            None
        }
    });
    let shape = job.as_ref().unwrap().shapes[0].1.clone();
    session.apply_action(Action::Label(LabelAction::Choose(2)));
    point(&mut session, PointerPhase::Press, [24.0, 20.0], false);
    session.on_event(Event::Interpolated(job.unwrap(), vec![(1, shape)]));
    point(&mut session, PointerPhase::Release, [24.0, 20.0], false);
    let drawn = mask(&session);
    command(&mut session, UserCommand::Undo);
    assert!(
        mask(&session).is_blank(),
        "the stroke was the only step on this slice"
    );
    command(&mut session, UserCommand::Redo);
    assert_eq!(mask(&session), drawn);
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

#[derive(Clone, Debug)]
enum ToolGesture {
    Drag(UserCommand, Vec<Place>, bool),
    Do(UserCommand),
    Label(u8),
    Over(PaintOver),
}

fn gesture() -> impl Strategy<Value = ToolGesture> {
    use UserCommand as C;
    let place = || [-5.0..70.0f64, -5.0..70.0f64];
    let tools = prop::sample::select(vec![
        C::ToolBrush,
        C::ToolEraser,
        C::ToolSmartBrush,
        C::ToolLasso,
        C::ToolPolygon,
        C::ToolLiveWire,
        C::ToolFill,
        C::ToolPull,
    ]);
    let operations = prop::sample::select(vec![
        C::Grow,
        C::Shrink,
        C::Smooth,
        C::FillHoles,
        C::RemoveIslands,
        C::KeepLargest,
        C::EmptyLabel,
        C::CopyFromPrevious,
        C::CopyFromNext,
        C::NextSlice,
        C::PreviousSlice,
    ]);
    prop_oneof![
        6 => (tools, prop::collection::vec(place(), 1..6), any::<bool>()).prop_map(|(t, p, e)| ToolGesture::Drag(t, p, e)),
        2 => operations.prop_map(ToolGesture::Do),
        1 => (1u8..4).prop_map(ToolGesture::Label),
        1 => prop_oneof![
            Just(PaintOver::Everything),
            Just(PaintOver::Background),
            (1u8..4).prop_map(PaintOver::Label)
        ].prop_map(ToolGesture::Over),
    ]
}

fn play(session: &mut Session, gesture: &ToolGesture) {
    match gesture {
        ToolGesture::Drag(tool, places, erases) => {
            take(session, *tool, 6.0);
            if matches!(tool, UserCommand::ToolPolygon | UserCommand::ToolLiveWire) {
                places.iter().for_each(|at| click(session, *at, *erases));
                // Without an open polygon, the command would accept the case.
                if session.tools.is_drawing() {
                    command(session, UserCommand::Accept);
                }
            } else {
                drag(session, places, *erases);
            }
        }
        ToolGesture::Do(operation) => command(session, *operation),
        ToolGesture::Label(label) => {
            session.apply_action(Action::Label(LabelAction::Choose(*label)))
        }
        ToolGesture::Over(over) => {
            session.apply_action(Action::Label(LabelAction::PaintOver(*over)))
        }
    }
}

fn masks(session: &Session) -> Vec<Mask> {
    let case = session.cases[0].id;
    let of = |slice| {
        session
            .mask_of(SliceKey { case, slice })
            .map_or_else(|| Mask::new_blank(SIDE, SIDE), |m| m.into_owned())
    };
    (0..session.cases[0].slices.len()).map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_edit_can_be_undone_and_redone_and_locked_labels_never_change(
        before in prop::collection::vec(gesture(), 1..6),
        after in prop::collection::vec(gesture(), 1..8),
        locked in 1u8..4,
    ) {
        let mut session = drawing(3);
        before.iter().for_each(|g| play(&mut session, g));
        let mut label = session.labels.all_labels()[usize::from(locked) - 1].clone();
        label.locked = true;
        session.apply_action(Action::Label(LabelAction::Change(locked, label)));
        let (start, steps) = (masks(&session), session.history.len());
        let mut states = vec![start.clone()];
        for gesture in &after {
            play(&mut session, gesture);
            prop_assert!(!session.tools.is_drawing());
            let now = masks(&session);
            for (now, start) in now.iter().zip(&start) {
                prop_assert_eq!(now.label_region(locked), start.label_region(locked), "a locked label changed by {:?}", gesture);
                prop_assert!(now.pixel_labels().iter().all(|l| *l <= 3));
            }
            if states.last() != Some(&now) {
                states.push(now);
            }
        }
        prop_assert_eq!(session.history.len() - steps, states.len() - 1, "one step for each change");
        for state in states.iter().rev().skip(1) {
            command(&mut session, UserCommand::Undo);
            prop_assert_eq!(&masks(&session), state);
        }
        for state in &states[1..] {
            command(&mut session, UserCommand::Redo);
            prop_assert_eq!(&masks(&session), state);
        }
    }
}

#[test]
fn the_preview_shows_exactly_what_would_change() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    click(&mut session, [20.0, 20.0], false);
    command(&mut session, UserCommand::ToolFill);
    point(&mut session, PointerPhase::Hover, [20.0, 20.0], false);
    assert!(
        session
            .tools
            .tool_preview()
            .region
            .as_ref()
            .unwrap()
            .is_empty(),
        "it has the label already"
    );
    session.apply_action(Action::Label(LabelAction::Choose(2)));
    point(&mut session, PointerPhase::Hover, [20.5, 20.0], false);
    assert_eq!(
        session.tools.tool_preview().region,
        Some(mask(&session).label_region(1))
    );
    let locked = Label {
        locked: true,
        ..session.labels.all_labels()[0].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(1, locked)));
    point(&mut session, PointerPhase::Hover, [20.0, 20.0], false);
    assert!(
        session
            .tools
            .tool_preview()
            .region
            .as_ref()
            .unwrap()
            .is_empty(),
        "it is locked"
    );
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
fn undo_and_backspace_remove_only_the_last_corner() {
    for (tool, back) in [
        (UserCommand::ToolPolygon, UserCommand::Undo),
        (UserCommand::ToolLiveWire, UserCommand::Skip),
    ] {
        let mut session = drawing(1);
        take(&mut session, tool, 5.0);
        for at in [[10.0, 10.0], [50.0, 10.0], [50.0, 50.0], [5.0, 60.0]] {
            click(&mut session, at, false);
        }
        command(&mut session, back);
        assert_eq!(session.tools.tool_preview().points.len(), 3);
        command(&mut session, back);
        command(&mut session, back);
        assert!(session.tools.is_drawing(), "the first corner remains");
        command(&mut session, back);
        assert!(!session.tools.is_drawing());
        assert_eq!(
            session.cases.current_case().unwrap().status,
            Status::New,
            "the case is not skipped"
        );
    }
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

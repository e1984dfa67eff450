//! Mouse events on one view and their results, in order.

mod habits;
mod wheel;

use super::*;
use crate::session::view::ViewPlacement;
use PointerPhase::{DoubleClick, Drag, Hover, Leave, Press, Release};
use egui::{MouseWheelUnit, pos2};
use labrum_core::stack::ViewPlane;

/// A view left of x = 100; one pixel is two points wide.
fn context(tool: ToolKind, time: f64) -> EventContext {
    let placement = ViewPlacement::upright([2.0, 2.0], [10.0, 0.0]);
    EventContext {
        plane: ViewPlane::Slice,
        placement,
        tool,
        habit: MouseHabit::Labrum,
        is_linked: false,
        keyed: None,
        time,
        notch: 1.0,
    }
}

fn window_event(what: WindowEvent, x: f32) -> Heard {
    let over = (x < 100.0).then_some(ViewPlane::Slice);
    Heard {
        what,
        at: Some(pos2(x, 20.0)),
        over,
        inactive: None,
        modifiers: Modifiers::NONE,
        has_space: false,
    }
}

fn moved(x: f32) -> Heard {
    window_event(WindowEvent::Moved, x)
}

fn down(x: f32) -> Heard {
    window_event(WindowEvent::Pressed(PointerButton::Primary), x)
}

fn up(x: f32) -> Heard {
    window_event(WindowEvent::Released(PointerButton::Primary), x)
}

fn event_without_position(what: WindowEvent) -> Heard {
    Heard {
        at: None,
        over: None,
        ..window_event(what, 0.0)
    }
}

fn dispatch(input: &mut ToolInput, all: &[Heard], around: &EventContext) -> Vec<EventResult> {
    let mut told = Vec::new();
    all.iter()
        .for_each(|heard| input.dispatch_event(heard, around, &mut told));
    told
}

fn phases(told: &[EventResult]) -> Vec<(PointerPhase, f64)> {
    told.iter()
        .filter_map(|t| {
            if let EventResult::Input(i) = t {
                Some((i.phase, i.at[0]))
            } else {
                None
            }
        })
        .collect()
}

/// The input that a tool receives from one frame with the events `all`.
fn frame(input: &mut ToolInput, all: &[Heard], around: &EventContext) -> Vec<(PointerPhase, f64)> {
    let mut out = dispatch(input, all, around);
    let now = all.last().copied().unwrap_or_else(|| match input.last {
        Some(at) => moved(at.x),
        None => event_without_position(WindowEvent::Moved),
    });
    input.update_hover(&now, around, &mut out);
    phases(&out)
}

#[test]
fn all_moves_are_passed_on_in_order() {
    let mut input = ToolInput::default();
    let all = [
        moved(20.0),
        down(20.0),
        moved(30.0),
        moved(50.0),
        moved(130.0),
        up(130.0),
    ];
    let out = dispatch(&mut input, &all, &context(ToolKind::Brush, 0.0));
    let expected = [
        (Press, 5.0),
        (Drag, 10.0),
        (Drag, 20.0),
        (Drag, 60.0),
        (Release, 60.0),
    ];
    assert_eq!(
        phases(&out),
        expected,
        "moves outside of the canvas count too"
    );
    assert_eq!(input.gesture, Gesture::None);
}

#[test]
fn a_press_outside_of_the_canvas_draws_nothing() {
    let mut input = ToolInput::default();
    assert_eq!(
        dispatch(
            &mut input,
            &[down(120.0), moved(50.0)],
            &context(ToolKind::Brush, 0.0)
        ),
        []
    );
}

#[test]
fn two_clicks_at_one_point_are_a_double_click_however_slow_the_window_is() {
    let mut input = ToolInput::default();
    let click = |input: &mut ToolInput, x: f32, time: f64| {
        phases(&dispatch(
            input,
            &[down(x), up(x)],
            &context(ToolKind::Polygon, time),
        ))
    };
    assert_eq!(click(&mut input, 20.0, 0.0), [(Press, 5.0), (Release, 5.0)]);
    assert_eq!(
        click(&mut input, 60.0, 0.0),
        [(Press, 25.0), (Release, 25.0)],
        "at another point"
    );
    assert_eq!(
        click(&mut input, 60.0, 3.0),
        [(Press, 25.0), (Release, 25.0), (DoubleClick, 25.0)]
    );
    assert_eq!(
        click(&mut input, 60.0, 3.0),
        [(Press, 25.0), (Release, 25.0)],
        "the third click starts again"
    );
    let key = window_event(
        WindowEvent::Command(crate::session::command::UserCommand::NextSlice),
        60.0,
    );
    dispatch(&mut input, &[key], &context(ToolKind::Polygon, 3.0));
    assert_eq!(
        click(&mut input, 60.0, 3.0),
        [(Press, 25.0), (Release, 25.0)],
        "another action came between"
    );
}

#[test]
fn middle_button_and_space_pan_and_the_right_button_changes_the_window() {
    for (which, has_space) in [
        (PointerButton::Middle, false),
        (PointerButton::Primary, true),
    ] {
        let mut input = ToolInput::default();
        let press = Heard {
            has_space,
            ..window_event(WindowEvent::Pressed(which), 20.0)
        };
        let out = dispatch(
            &mut input,
            &[press, moved(30.0), moved(45.0)],
            &context(ToolKind::Brush, 0.0),
        );
        assert_eq!(
            out,
            [
                EventResult::Pressed,
                EventResult::Panned(Vec2::X * 10.0),
                EventResult::Panned(Vec2::X * 15.0)
            ]
        );
    }
    let mut input = ToolInput::default();
    let press = window_event(WindowEvent::Pressed(PointerButton::Secondary), 20.0);
    let out = dispatch(
        &mut input,
        &[press, moved(30.0)],
        &context(ToolKind::Brush, 0.0),
    );
    assert_eq!(
        out,
        [EventResult::Pressed, EventResult::Windowed(Vec2::X * 10.0)]
    );
}

#[test]
fn with_the_click_tool_a_right_click_takes_away_and_a_right_drag_still_changes_the_window() {
    let right = |x| window_event(WindowEvent::Pressed(PointerButton::Secondary), x);
    let released = |x| window_event(WindowEvent::Released(PointerButton::Secondary), x);
    let around = context(ToolKind::Click, 0.0);
    let mut input = ToolInput::default();
    let out = dispatch(
        &mut input,
        &[right(20.0), moved(22.0), released(22.0)],
        &around,
    );
    assert_eq!(phases(&out), [(Press, 5.0), (Release, 5.0)]);
    let erases = |told: &EventResult| !matches!(told, EventResult::Input(i) if !i.erases);
    assert!(out.iter().all(erases));
    assert!(!out.iter().any(|t| matches!(t, EventResult::Windowed(_))));
    assert!(input.menu.is_none());

    let all = [right(20.0), moved(23.0), moved(45.0), released(21.0)];
    let out = dispatch(&mut input, &all, &around);
    assert_eq!(
        out,
        [EventResult::Pressed, EventResult::Windowed(Vec2::X * 22.0)]
    );
    assert!(input.menu.is_none(), "it was a drag");

    let brush = context(ToolKind::Brush, 0.0);
    dispatch(&mut input, &[right(20.0), released(20.0)], &brush);
    assert!(input.menu.is_some(), "other tools have the context menu");
}

#[test]
fn a_right_drag_with_shift_marks_a_region_for_the_window_and_without_a_drag_it_is_a_right_click() {
    let right = |x| Heard {
        modifiers: Modifiers::SHIFT,
        ..window_event(WindowEvent::Pressed(PointerButton::Secondary), x)
    };
    let released = |x| window_event(WindowEvent::Released(PointerButton::Secondary), x);
    for tool in [ToolKind::Look, ToolKind::Brush, ToolKind::Click] {
        let around = context(tool, 0.0);
        let mut input = ToolInput::default();
        let out = dispatch(&mut input, &[right(20.0), moved(45.0)], &around);
        assert_eq!(out, [EventResult::Pressed]);
        let marked = Rect::from_min_max(pos2(20.0, 20.0), pos2(45.0, 20.0));
        assert_eq!(input.dragged_region(), Some(marked));
        let out = dispatch(&mut input, &[released(50.0)], &around);
        let region = EventResult::WindowRegion(pos2(20.0, 20.0), pos2(50.0, 20.0));
        assert_eq!(out, [region]);
        assert!(input.menu.is_none() && input.dragged_region().is_none());
    }
    let around = context(ToolKind::Brush, 0.0);
    let mut input = ToolInput::default();
    dispatch(&mut input, &[right(20.0), released(21.0)], &around);
    assert!(input.menu.is_some());
}

#[test]
fn shift_reaches_the_tool() {
    let press = Heard {
        modifiers: Modifiers::SHIFT,
        ..down(20.0)
    };
    let around = context(ToolKind::Click, 0.0);
    let out = dispatch(&mut ToolInput::default(), &[press], &around);
    assert!(
        out.iter()
            .any(|told| matches!(told, EventResult::Input(input) if input.is_shifted))
    );
}

#[test]
fn in_linked_views_a_drag_without_a_tool_or_with_shift_moves_the_crosshair() {
    let linked = |tool| EventContext {
        is_linked: true,
        ..context(tool, 0.0)
    };
    for (tool, modifiers) in [
        (ToolKind::Look, Modifiers::NONE),
        (ToolKind::Brush, Modifiers::SHIFT),
    ] {
        let mut input = ToolInput::default();
        let press = Heard {
            modifiers,
            ..down(20.0)
        };
        let out = dispatch(&mut input, &[press, moved(30.0)], &linked(tool));
        assert_eq!(
            out,
            [
                EventResult::Pressed,
                EventResult::Crossed(pos2(20.0, 20.0)),
                EventResult::Crossed(pos2(30.0, 20.0))
            ]
        );
    }
    let mut input = ToolInput::default();
    let out = dispatch(
        &mut input,
        &[down(20.0), moved(30.0)],
        &linked(ToolKind::Brush),
    );
    assert_eq!(phases(&out).len(), 2, "a brush paints");
    let press = Heard {
        modifiers: Modifiers::SHIFT,
        ..down(20.0)
    };
    let mut input = ToolInput::default();
    let out = dispatch(&mut input, &[press, moved(30.0)], &linked(ToolKind::Click));
    assert_eq!(phases(&out).len(), 2, "the Click tool scribbles");
}

#[test]
fn with_the_click_tool_a_right_click_on_an_orthogonal_view_removes() {
    let around = EventContext {
        plane: ViewPlane::Column,
        is_linked: true,
        ..context(ToolKind::Click, 0.0)
    };
    let on_view = |what| Heard {
        over: Some(ViewPlane::Column),
        ..window_event(what, 20.0)
    };
    let mut input = ToolInput::default();
    let all = [
        on_view(WindowEvent::Pressed(PointerButton::Secondary)),
        on_view(WindowEvent::Released(PointerButton::Secondary)),
    ];
    let out = dispatch(&mut input, &all, &around);
    assert_eq!(phases(&out), [(Press, 5.0), (Release, 5.0)]);
    let removes = |told: &EventResult| !matches!(told, EventResult::Input(i) if !i.erases);
    assert!(out.iter().all(removes) && input.menu.is_none());
}

#[test]
fn alt_and_ctrl_erase() {
    for modifiers in [Modifiers::ALT, Modifiers::CTRL] {
        let mut input = ToolInput::default();
        let out = dispatch(
            &mut input,
            &[Heard {
                modifiers,
                ..down(20.0)
            }],
            &context(ToolKind::Brush, 0.0),
        );
        assert!(
            out.iter()
                .any(|told| matches!(told, EventResult::Input(input) if input.erases))
        );
    }
}

#[test]
fn every_stroke_ends() {
    let begin = || {
        let mut input = ToolInput::default();
        dispatch(
            &mut input,
            &[down(20.0), moved(30.0)],
            &context(ToolKind::Brush, 0.0),
        );
        input
    };
    let mut input = begin();
    let out = dispatch(
        &mut input,
        &[event_without_position(WindowEvent::Unfocused)],
        &context(ToolKind::Brush, 0.1),
    );
    assert_eq!(
        phases(&out),
        [(Release, 10.0)],
        "the window lost the keyboard focus"
    );

    let mut input = begin();
    let out = dispatch(&mut input, &[down(40.0)], &context(ToolKind::Brush, 0.1));
    assert_eq!(
        phases(&out),
        [(Release, 10.0), (Press, 15.0)],
        "a second press without a release"
    );

    let mut input = begin();
    dispatch(
        &mut input,
        &[event_without_position(WindowEvent::Gone), moved(50.0)],
        &context(ToolKind::Brush, 0.1),
    );
    assert_eq!(
        frame(&mut input, &[], &context(ToolKind::Brush, 1.0)),
        [],
        "the pointer came back"
    );
    dispatch(
        &mut input,
        &[event_without_position(WindowEvent::Gone)],
        &context(ToolKind::Brush, 1.0),
    );
    assert_eq!(
        frame(&mut input, &[], &context(ToolKind::Brush, 1.6))[0],
        (Release, 20.0),
        "the pointer stayed away"
    );
}

#[test]
fn hover_and_leave_are_each_reported_once() {
    let mut input = ToolInput::default();
    let mut frame = |all: &[Heard], tool| frame(&mut input, all, &context(tool, 0.0));
    assert_eq!(frame(&[moved(20.0)], ToolKind::Look), []);
    assert_eq!(
        frame(&[], ToolKind::Brush),
        [(Hover, 5.0)],
        "a tool was chosen under the pointer"
    );
    assert_eq!(frame(&[], ToolKind::Brush), []);
    assert_eq!(frame(&[moved(120.0)], ToolKind::Brush), [(Leave, 5.0)]);
    assert_eq!(frame(&[], ToolKind::Brush), []);
}

#[test]
fn the_pointer_stays_where_keys_moved_it_until_the_mouse_moves() {
    let mut input = ToolInput::default();
    let mut frame = |all: &[Heard], keyed| {
        let around = EventContext {
            keyed,
            ..context(ToolKind::Brush, 0.0)
        };
        frame(&mut input, all, &around)
    };
    assert_eq!(frame(&[moved(20.0)], None), [(Hover, 5.0)]);
    let keyed = Some([30.0, 10.0]);
    assert_eq!(frame(&[], keyed), [(Hover, 30.0)]);
    assert_eq!(frame(&[moved(20.0)], keyed), [], "the mouse has not moved");
    assert_eq!(
        frame(&[moved(24.0)], keyed),
        [(Hover, 7.0)],
        "the mouse takes over"
    );
}

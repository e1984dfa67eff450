//! One view and the mouse: what comes of each event, in order.

use super::*;
use PointerPhase::{DoubleClick, Drag, Hover, Leave, Press, Release};
use egui::pos2;

/// A view that lies left of x = 100; two points make a pixel.
fn around(tool: ToolKind, time: f64) -> EventContext {
    let placement = ViewPlacement {
        scale: [2.0, 2.0],
        origin: [10.0, 0.0],
    };
    EventContext {
        plane: ViewPlane::Slice,
        placement,
        tool,
        is_linked: false,
        keyed: None,
        time,
        notch: 1.0,
    }
}

fn heard(what: WindowEvent, x: f32) -> Heard {
    let over = (x < 100.0).then_some(ViewPlane::Slice);
    Heard {
        what,
        at: Some(pos2(x, 20.0)),
        over,
        modifiers: Modifiers::NONE,
        has_space: false,
    }
}

fn moved(x: f32) -> Heard {
    heard(WindowEvent::Moved, x)
}

fn down(x: f32) -> Heard {
    heard(WindowEvent::Pressed(PointerButton::Primary), x)
}

fn up(x: f32) -> Heard {
    heard(WindowEvent::Released(PointerButton::Primary), x)
}

fn lost(what: WindowEvent) -> Heard {
    Heard {
        at: None,
        over: None,
        ..heard(what, 0.0)
    }
}

fn told(input: &mut ToolInput, all: &[Heard], around: &EventContext) -> Vec<EventResult> {
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

/// What a tool hears once all of `all` is done.
fn frame(input: &mut ToolInput, all: &[Heard], around: &EventContext) -> Vec<(PointerPhase, f64)> {
    let mut out = told(input, all, around);
    let now = all.last().copied().unwrap_or_else(|| match input.last {
        Some(at) => moved(at.x),
        None => lost(WindowEvent::Moved),
    });
    input.update_hover(&now, around, &mut out);
    phases(&out)
}

#[test]
fn all_moves_come_in_their_order() {
    let mut input = ToolInput::default();
    let all = [
        moved(20.0),
        down(20.0),
        moved(30.0),
        moved(50.0),
        moved(130.0),
        up(130.0),
    ];
    let out = told(&mut input, &all, &around(ToolKind::Brush, 0.0));
    let expected = [
        (Press, 5.0),
        (Drag, 10.0),
        (Drag, 20.0),
        (Drag, 60.0),
        (Release, 60.0),
    ];
    assert_eq!(phases(&out), expected, "also outside of the canvas");
    assert_eq!(input.gesture, Gesture::None);
}

#[test]
fn a_press_beside_the_canvas_draws_nothing() {
    let mut input = ToolInput::default();
    assert_eq!(
        told(
            &mut input,
            &[down(120.0), moved(50.0)],
            &around(ToolKind::Brush, 0.0)
        ),
        []
    );
}

#[test]
fn two_clicks_on_one_place_are_a_double_click_however_slow_the_window_is() {
    let mut input = ToolInput::default();
    let click = |input: &mut ToolInput, x: f32, time: f64| {
        phases(&told(
            input,
            &[down(x), up(x)],
            &around(ToolKind::Polygon, time),
        ))
    };
    assert_eq!(click(&mut input, 20.0, 0.0), [(Press, 5.0), (Release, 5.0)]);
    assert_eq!(
        click(&mut input, 60.0, 0.0),
        [(Press, 25.0), (Release, 25.0)],
        "somewhere else"
    );
    assert_eq!(
        click(&mut input, 60.0, 3.0),
        [(Press, 25.0), (Release, 25.0), (DoubleClick, 25.0)]
    );
    assert_eq!(
        click(&mut input, 60.0, 3.0),
        [(Press, 25.0), (Release, 25.0)],
        "the third begins anew"
    );
    let key = heard(
        WindowEvent::Command(crate::session::command::UserCommand::NextSlice),
        60.0,
    );
    told(&mut input, &[key], &around(ToolKind::Polygon, 3.0));
    assert_eq!(
        click(&mut input, 60.0, 3.0),
        [(Press, 25.0), (Release, 25.0)],
        "something else was done between"
    );
}

#[test]
fn middle_and_space_move_the_picture_and_the_right_button_its_greys() {
    for (which, has_space) in [
        (PointerButton::Middle, false),
        (PointerButton::Primary, true),
    ] {
        let mut input = ToolInput::default();
        let press = Heard {
            has_space,
            ..heard(WindowEvent::Pressed(which), 20.0)
        };
        let out = told(
            &mut input,
            &[press, moved(30.0), moved(45.0)],
            &around(ToolKind::Brush, 0.0),
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
    let press = heard(WindowEvent::Pressed(PointerButton::Secondary), 20.0);
    let out = told(
        &mut input,
        &[press, moved(30.0)],
        &around(ToolKind::Brush, 0.0),
    );
    assert_eq!(
        out,
        [EventResult::Pressed, EventResult::Windowed(Vec2::X * 10.0)]
    );
}

#[test]
fn in_linked_views_a_drag_without_a_tool_or_with_shift_moves_the_place_they_go_through() {
    let linked = |tool| EventContext {
        is_linked: true,
        ..around(tool, 0.0)
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
        let out = told(&mut input, &[press, moved(30.0)], &linked(tool));
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
    let out = told(
        &mut input,
        &[down(20.0), moved(30.0)],
        &linked(ToolKind::Brush),
    );
    assert_eq!(phases(&out).len(), 2, "a brush paints");
}

#[test]
fn alt_and_ctrl_erase() {
    for modifiers in [Modifiers::ALT, Modifiers::CTRL] {
        let mut input = ToolInput::default();
        let out = told(
            &mut input,
            &[Heard {
                modifiers,
                ..down(20.0)
            }],
            &around(ToolKind::Brush, 0.0),
        );
        assert!(
            out.iter()
                .any(|told| matches!(told, EventResult::Input(input) if input.erases))
        );
    }
}

#[test]
fn no_stroke_is_left_hanging() {
    let begin = || {
        let mut input = ToolInput::default();
        told(
            &mut input,
            &[down(20.0), moved(30.0)],
            &around(ToolKind::Brush, 0.0),
        );
        input
    };
    let mut input = begin();
    let out = told(
        &mut input,
        &[lost(WindowEvent::Unfocused)],
        &around(ToolKind::Brush, 0.1),
    );
    assert_eq!(
        phases(&out),
        [(Release, 10.0)],
        "the window lost the keyboard"
    );

    let mut input = begin();
    let out = told(&mut input, &[down(40.0)], &around(ToolKind::Brush, 0.1));
    assert_eq!(
        phases(&out),
        [(Release, 10.0), (Press, 15.0)],
        "the button went down again and nobody said that it was up"
    );

    let mut input = begin();
    told(
        &mut input,
        &[lost(WindowEvent::Gone), moved(50.0)],
        &around(ToolKind::Brush, 0.1),
    );
    assert_eq!(
        frame(&mut input, &[], &around(ToolKind::Brush, 1.0)),
        [],
        "it came back"
    );
    told(
        &mut input,
        &[lost(WindowEvent::Gone)],
        &around(ToolKind::Brush, 1.0),
    );
    assert_eq!(
        frame(&mut input, &[], &around(ToolKind::Brush, 1.6))[0],
        (Release, 20.0),
        "it stayed away"
    );
}

#[test]
fn a_tool_hears_of_the_pointer_once_and_when_it_leaves() {
    let mut input = ToolInput::default();
    let mut frame = |all: &[Heard], tool| frame(&mut input, all, &around(tool, 0.0));
    assert_eq!(frame(&[moved(20.0)], ToolKind::Look), []);
    assert_eq!(
        frame(&[], ToolKind::Brush),
        [(Hover, 5.0)],
        "a tool was taken where the pointer is"
    );
    assert_eq!(frame(&[], ToolKind::Brush), []);
    assert_eq!(frame(&[moved(120.0)], ToolKind::Brush), [(Leave, 5.0)]);
    assert_eq!(frame(&[], ToolKind::Brush), []);
}

#[test]
fn a_tool_stays_where_keys_moved_it_until_the_mouse_moves() {
    let mut input = ToolInput::default();
    let mut frame = |all: &[Heard], keyed| {
        let around = EventContext {
            keyed,
            ..around(ToolKind::Brush, 0.0)
        };
        frame(&mut input, all, &around)
    };
    assert_eq!(frame(&[moved(20.0)], None), [(Hover, 5.0)]);
    let keyed = Some([30.0, 10.0]);
    assert_eq!(frame(&[], keyed), [(Hover, 30.0)]);
    assert_eq!(
        frame(&[moved(20.0)], keyed),
        [],
        "it was told again where it is"
    );
    assert_eq!(
        frame(&[moved(24.0)], keyed),
        [(Hover, 7.0)],
        "the mouse takes over"
    );
}

fn turn(unit: MouseWheelUnit, y: f32) -> Heard {
    heard(
        WindowEvent::Wheel {
            unit,
            delta: egui::vec2(0.0, y),
        },
        20.0,
    )
}

#[test]
fn a_notch_of_a_wheel_is_one_slice_and_one_step_of_the_brush() {
    let [around, twice] = [1.0, 2.0].map(|notch| EventContext {
        notch,
        ..around(ToolKind::Brush, 0.0)
    });
    let mut input = ToolInput::default();
    let line = turn(MouseWheelUnit::Line, -1.0);
    assert_eq!(
        told(&mut input, &[line, line], &around),
        [EventResult::Slices(1), EventResult::Slices(1)]
    );
    let sized = Heard {
        modifiers: Modifiers::SHIFT,
        ..turn(MouseWheelUnit::Line, 1.0)
    };
    assert_eq!(
        told(&mut input, &[sized], &around),
        [EventResult::Notches(1)]
    );
    let none = heard(
        WindowEvent::Wheel {
            unit: MouseWheelUnit::Line,
            delta: Vec2::X,
        },
        20.0,
    );
    assert_eq!(
        told(&mut input, &[none], &around),
        [],
        "sideways is no slice"
    );
    assert_eq!(
        told(&mut input, &[line, line], &twice),
        [EventResult::Slices(1)],
        "a display that tells each notch twice"
    );
    let zoomed = Heard {
        modifiers: Modifiers::COMMAND,
        ..turn(MouseWheelUnit::Line, 1.0)
    };
    assert_eq!(
        told(&mut input, &[zoomed], &around),
        [EventResult::Zoomed(ZOOM_PER_NOTCH, pos2(20.0, 20.0))]
    );
}

#[test]
fn parts_of_a_notch_add_up() {
    let around = around(ToolKind::Brush, 0.0);
    let slices = |unit, parts: &[f32]| {
        let all: Vec<Heard> = parts.iter().map(|y| turn(unit, *y)).collect();
        let slices = told(&mut ToolInput::default(), &all, &around);
        slices
            .iter()
            .map(|t| {
                if let EventResult::Slices(by) = t {
                    *by
                } else {
                    0
                }
            })
            .sum::<i64>()
    };
    assert_eq!(
        slices(MouseWheelUnit::Line, &[-0.1; 10]),
        1,
        "a wheel with fine notches"
    );
    assert_eq!(slices(MouseWheelUnit::Line, &[-0.125; 15]), 1);
    assert_eq!(slices(MouseWheelUnit::Point, &[-4.0; 15]), 2, "a touchpad");
    assert_eq!(
        slices(MouseWheelUnit::Point, &[-20.0, 20.0, -20.0]),
        0,
        "who turns back begins anew"
    );
}

//! The wheel of the mouse.

use super::*;

fn wheel_event(unit: MouseWheelUnit, y: f32) -> Heard {
    window_event(
        WindowEvent::Wheel {
            unit,
            delta: egui::vec2(0.0, y),
        },
        20.0,
    )
}

#[test]
fn a_notch_of_the_wheel_is_one_slice_or_one_brush_step() {
    let [around, twice] = [1.0, 2.0].map(|notch| EventContext {
        notch,
        ..context(ToolKind::Brush, 0.0)
    });
    let mut input = ToolInput::default();
    let line = wheel_event(MouseWheelUnit::Line, -1.0);
    assert_eq!(
        dispatch(&mut input, &[line, line], &around),
        [EventResult::Slices(1), EventResult::Slices(1)]
    );
    let sized = Heard {
        modifiers: Modifiers::SHIFT,
        ..wheel_event(MouseWheelUnit::Line, 1.0)
    };
    assert_eq!(
        dispatch(&mut input, &[sized], &around),
        [EventResult::Notches(1)]
    );
    let none = window_event(
        WindowEvent::Wheel {
            unit: MouseWheelUnit::Line,
            delta: Vec2::X,
        },
        20.0,
    );
    assert_eq!(
        dispatch(&mut input, &[none], &around),
        [],
        "horizontal scrolling is ignored"
    );
    assert_eq!(
        dispatch(&mut input, &[line, line], &twice),
        [EventResult::Slices(1)],
        "a display server that reports each notch twice"
    );
    let zoomed = Heard {
        modifiers: Modifiers::COMMAND,
        ..wheel_event(MouseWheelUnit::Line, 1.0)
    };
    assert_eq!(
        dispatch(&mut input, &[zoomed], &around),
        [EventResult::Zoomed(ZOOM_PER_NOTCH, pos2(20.0, 20.0))]
    );
}

#[test]
fn fractions_of_a_notch_add_up() {
    let around = context(ToolKind::Brush, 0.0);
    let slices = |unit, parts: &[f32]| {
        let all: Vec<Heard> = parts.iter().map(|y| wheel_event(unit, *y)).collect();
        let slices = dispatch(&mut ToolInput::default(), &all, &around);
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
        "a high-resolution wheel"
    );
    assert_eq!(slices(MouseWheelUnit::Line, &[-0.125; 15]), 1);
    assert_eq!(slices(MouseWheelUnit::Point, &[-4.0; 15]), 2, "a touchpad");
    assert_eq!(
        slices(MouseWheelUnit::Point, &[-20.0, 20.0, -20.0]),
        0,
        "changing direction starts again"
    );
}

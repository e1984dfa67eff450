//! What each button of the mouse does with the habits of Labrum and of other programs.

use super::*;

/// What a drag came to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Came {
    Pan,
    ZoomIn,
    ZoomOut,
    Window,
    Region,
    Cross,
    Draw,
}

const LEFT: PointerButton = PointerButton::Primary;
const MIDDLE: PointerButton = PointerButton::Middle;
const RIGHT: PointerButton = PointerButton::Secondary;

/// A drag with this button and these keys, and what it comes to.
type Row = (PointerButton, Modifiers, Came);

/// What a drag down and to the right comes to.
fn drag(around: &EventContext, button: PointerButton, modifiers: Modifiers, space: bool) -> Came {
    let heard = |what, at| Heard {
        what,
        at: Some(at),
        over: Some(ViewPlane::Slice),
        inactive: None,
        modifiers,
        has_space: space,
    };
    let [from, to] = [pos2(20.0, 20.0), pos2(50.0, 60.0)];
    let all = [
        heard(WindowEvent::Pressed(button), from),
        heard(WindowEvent::Moved, to),
        heard(WindowEvent::Released(button), to),
    ];
    let mut input = ToolInput::default();
    let told = dispatch(&mut input, &all, around);
    assert!(input.menu.is_none(), "a drag opens no menu");
    assert_eq!(told[0], EventResult::Pressed);
    match told[1] {
        EventResult::Panned(by) => {
            assert_eq!(by, to - from);
            Came::Pan
        }
        EventResult::Zoomed(factor, at) => {
            assert_eq!(at, from, "around the place of the press");
            if factor > 1.0 {
                Came::ZoomIn
            } else {
                Came::ZoomOut
            }
        }
        EventResult::Windowed(by) => {
            assert_eq!(by, to - from);
            Came::Window
        }
        EventResult::WindowRegion(a, b) => {
            assert_eq!((a, b), (from, to));
            Came::Region
        }
        EventResult::Crossed(at) => {
            assert_eq!((at, told[2]), (from, EventResult::Crossed(to)));
            Came::Cross
        }
        EventResult::Input(_) => Came::Draw,
        other => unreachable!("{other:?}"),
    }
}

fn with_habit(habit: MouseHabit, tool: ToolKind, is_linked: bool) -> EventContext {
    EventContext {
        habit,
        is_linked,
        ..context(tool, 0.0)
    }
}

#[test]
fn the_pan_tool_has_the_buttons_of_the_chosen_program() {
    use Came::{Cross, Pan, Region, Window, ZoomIn, ZoomOut};
    let [none, shift, ctrl, alt] = [
        Modifiers::NONE,
        Modifiers::SHIFT,
        Modifiers::CTRL,
        Modifiers::ALT,
    ];
    let tables: [(MouseHabit, &[Row]); 4] = [
        (
            MouseHabit::Labrum,
            &[
                (LEFT, none, Cross),
                (LEFT, shift, Cross),
                (LEFT, alt, Cross),
                (MIDDLE, none, Pan),
                (MIDDLE, ctrl, Pan),
                (RIGHT, none, Window),
                (RIGHT, shift, Region),
                (RIGHT, ctrl, Window),
            ],
        ),
        (
            MouseHabit::Pacs,
            &[
                (LEFT, none, Window),
                (LEFT, shift, Cross),
                (LEFT, ctrl, Pan),
                (LEFT, alt, Window),
                (MIDDLE, none, Pan),
                (RIGHT, none, ZoomIn),
                (RIGHT, shift, Region),
                (RIGHT, ctrl, Window),
            ],
        ),
        (
            MouseHabit::Slicer,
            &[
                (LEFT, none, Window),
                (LEFT, shift, Pan),
                (LEFT, ctrl, Cross),
                (MIDDLE, none, Pan),
                (RIGHT, none, ZoomIn),
                (RIGHT, shift, Region),
                (RIGHT, ctrl, Window),
            ],
        ),
        (
            MouseHabit::ItkSnap,
            &[
                (LEFT, none, Cross),
                (LEFT, ctrl, ZoomOut),
                (LEFT, alt, Pan),
                (MIDDLE, none, Pan),
                (RIGHT, none, ZoomOut),
                (RIGHT, shift, Region),
                (RIGHT, ctrl, Window),
            ],
        ),
    ];
    for (habit, rows) in tables {
        for (button, modifiers, expected) in rows {
            let linked = with_habit(habit, ToolKind::Look, true);
            let came = drag(&linked, *button, *modifiers, false);
            assert_eq!(came, *expected, "{habit:?}, {button:?}, {modifiers:?}");
            // A single view has no crosshair.
            let single = with_habit(habit, ToolKind::Look, false);
            let expected = match expected {
                Cross => Pan,
                other => *other,
            };
            let came = drag(&single, *button, *modifiers, false);
            assert_eq!(came, expected, "{habit:?}, {button:?}, {modifiers:?}");
        }
    }
}

#[test]
fn with_every_habit_tools_draw_with_the_left_button_and_space_pans() {
    for habit in MouseHabit::ALL {
        for tool in ToolKind::ALL {
            let around = with_habit(habit, tool, true);
            let came = drag(&around, LEFT, Modifiers::NONE, true);
            assert_eq!(came, Came::Pan, "{habit:?}, {tool:?}, with Space");
            if tool == ToolKind::Look {
                continue;
            }
            for modifiers in [Modifiers::NONE, Modifiers::CTRL, Modifiers::ALT] {
                let came = drag(&around, LEFT, modifiers, false);
                assert_eq!(came, Came::Draw, "{habit:?}, {tool:?}, {modifiers:?}");
            }
            let shifted = match tool {
                ToolKind::Click => Came::Draw,
                _ => Came::Cross,
            };
            let came = drag(&around, LEFT, Modifiers::SHIFT, false);
            assert_eq!(came, shifted, "{habit:?}, {tool:?}");
            let came = drag(&around, MIDDLE, Modifiers::NONE, false);
            assert_eq!(came, Came::Pan, "{habit:?}, {tool:?}");
        }
    }
}

#[test]
fn with_every_habit_a_right_click_opens_the_menu_or_takes_away_with_the_click_tool() {
    let right = |x| window_event(WindowEvent::Pressed(PointerButton::Secondary), x);
    let released = |x| window_event(WindowEvent::Released(PointerButton::Secondary), x);
    for habit in MouseHabit::ALL {
        let mut input = ToolInput::default();
        let around = with_habit(habit, ToolKind::Look, false);
        dispatch(&mut input, &[right(20.0), released(20.0)], &around);
        assert!(input.menu.is_some(), "{habit:?}");
        let mut input = ToolInput::default();
        let around = with_habit(habit, ToolKind::Click, false);
        let all = [right(20.0), moved(22.0), released(22.0)];
        let told = dispatch(&mut input, &all, &around);
        assert_eq!(phases(&told), [(Press, 5.0), (Release, 5.0)], "{habit:?}");
        assert!(input.menu.is_none(), "{habit:?}");
    }
}

#[test]
fn a_left_click_with_the_pan_tool_opens_no_menu() {
    for habit in MouseHabit::ALL {
        let mut input = ToolInput::default();
        let around = with_habit(habit, ToolKind::Look, false);
        dispatch(&mut input, &[down(20.0), up(20.0)], &around);
        assert!(input.menu.is_none(), "{habit:?}");
    }
}

#[test]
fn the_zoom_is_the_same_in_one_move_and_in_many() {
    let around = with_habit(MouseHabit::Pacs, ToolKind::Look, false);
    let at = |what, y| Heard {
        at: Some(pos2(20.0, y)),
        ..window_event(what, 20.0)
    };
    let factor = |places: &[f32]| {
        let mut all = vec![at(WindowEvent::Pressed(PointerButton::Secondary), 20.0)];
        all.extend(places.iter().map(|y| at(WindowEvent::Moved, *y)));
        let told = dispatch(&mut ToolInput::default(), &all, &around);
        told.iter().fold(1.0f32, |factor, told| match told {
            EventResult::Zoomed(by, _) => factor * by,
            _ => factor,
        })
    };
    let (once, often) = (factor(&[90.0]), factor(&[40.0, 10.0, 60.0, 90.0]));
    assert!((once / often - 1.0).abs() < 1e-4, "{once}, {often}");
    // 70 points of 1 %.
    assert!((1.9..2.1).contains(&once), "{once}");
    assert_eq!(factor(&[20.0]), 1.0);
}

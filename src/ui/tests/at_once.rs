//! Several inputs within one frame of a slow window: a stroke and a key, a dialog and typed text.

use super::{
    sessions::{Bench, Dice, Person, bench},
    *,
};
use crate::session::{job::SliceKey, tool_options::ToolKind};
use egui::{Event as Input, Key, Modifiers, MouseWheelUnit, PointerButton, vec2};
use labrum_core::mask::Mask;

/// A window with all panels that receives all `events` in one frame.
fn in_one_frame(events: impl FnOnce(&mut Person)) -> Harness<'static, Bench> {
    let mut harness = bench(vec2(1100.0, 700.0), true);
    let canvas = harness.get_by_label_contains("Image:").rect();
    let label = harness.get_by_label("Add a label").rect().center();
    let (controls, at) = (vec![label], canvas.center());
    let mut person = Person {
        dice: Dice(1),
        canvas,
        controls,
        at,
        events: Vec::new(),
    };
    events(&mut person);
    harness.input_mut().events.extend(person.events);
    harness.step();
    while !stream::EventStream::is_idle(&harness.ctx) {
        harness.step();
    }
    harness.run_steps(2);
    harness.state_mut().look();
    harness
}

fn mask(harness: &Harness<'static, Bench>, case: usize, slice: usize) -> Mask {
    let case = &harness.state().session.cases[case];
    let mask = harness.state().session.mask_of(SliceKey {
        case: case.id,
        slice,
    });
    mask.map_or_else(|| Mask::new_blank(64, 64), |mask| mask.into_owned())
}

fn stroke(person: &mut Person) {
    person.move_to(person.canvas.center());
    person.button(PointerButton::Primary, true);
    person.move_to(person.canvas.center() + vec2(30.0, 20.0));
    person.button(PointerButton::Primary, false);
}

#[test]
fn a_stroke_followed_by_a_key_in_the_same_frame_stays_on_its_slice() {
    let harness = in_one_frame(|person| {
        stroke(person);
        person.key(Key::ArrowUp, Modifiers::NONE);
        person.key(Key::ArrowUp, Modifiers::NONE);
        stroke(person);
    });
    let drawn: Vec<bool> = (0..5)
        .map(|slice| !mask(&harness, 0, slice).is_blank())
        .collect();
    assert_eq!(
        drawn,
        [true, false, true, false, false],
        "one stroke on the first slice, one where the keys led"
    );

    let harness = in_one_frame(|person| {
        stroke(person);
        person.key(Key::Enter, Modifiers::NONE);
    });
    let session = &harness.state().session;
    assert_eq!(
        (session.cases[0].status, session.cases.current),
        (labrum_core::study::Status::Accepted, Some(1))
    );
    assert!(!mask(&harness, 0, 2).is_blank() && mask(&harness, 1, 1).is_blank());

    let harness = in_one_frame(|person| {
        stroke(person);
        person.key(Key::Z, Modifiers::COMMAND);
    });
    assert!(mask(&harness, 0, 2).is_blank(), "the stroke is undone");
    assert_eq!(harness.state().session.next_redo(), Some("Brush"));
}

#[test]
fn the_last_corner_of_a_polygon_counts_if_enter_follows_in_the_same_frame() {
    let harness = in_one_frame(|person| {
        person.key(Key::P, Modifiers::NONE);
        for (x, y) in [(0.0, 0.0), (120.0, 0.0), (120.0, 120.0), (0.0, 120.0)] {
            person.click(person.canvas.center() + vec2(x, y));
        }
        person.key(Key::Enter, Modifiers::NONE);
    });
    assert!(!harness.state().session.tools.is_drawing());
    let per_pixel = {
        let session = &harness.state().session;
        let canvas = harness.get_by_label_contains("Image:").rect();
        let canvas = crate::session::view::Canvas {
            min: canvas.min.into(),
            size: canvas.size().into(),
        };
        session.cases[0]
            .view
            .place_picture(canvas, session.picture_extent(&session.cases[0]))
            .scale[0]
    };
    let side = f64::from(120.0 / per_pixel);
    let area = mask(&harness, 0, 2).count_pixels(1) as f64;
    assert!(
        (area - side * side).abs() < 2.5 * side,
        "{area} of {:.0} pixels: not a square",
        side * side
    );
}

#[test]
fn a_stroke_that_ends_on_a_button_is_kept_and_clicks_nothing() {
    let harness = in_one_frame(|person| {
        person.move_to(person.canvas.center());
        person.button(PointerButton::Primary, true);
        person.move_to(person.controls[0]);
        person.button(PointerButton::Primary, false);
    });
    assert!(
        !harness.state().window.has_dialog(),
        "the button is not clicked"
    );
    assert!(!mask(&harness, 0, 2).is_blank());
}

#[test]
fn text_typed_right_after_opening_a_dialog_goes_to_its_field() {
    let harness = in_one_frame(|person| {
        person.click(person.controls[0]);
        for key in [Key::B, Key::O, Key::N, Key::E] {
            person.key(key, Modifiers::NONE);
        }
        person.key(Key::Enter, Modifiers::NONE);
        stroke(person);
    });
    let session = &harness.state().session;
    assert_eq!(
        session
            .labels
            .all_labels()
            .last()
            .map(|label| label.name.as_str()),
        Some("bone")
    );
    assert_eq!(
        session.tools.active_tool(),
        ToolKind::Brush,
        "no letter was taken for a shortcut"
    );
    assert!(
        !mask(&harness, 0, 2).is_blank(),
        "the stroke after the dialog is drawn"
    );

    let mut harness = in_one_frame(|person| {
        person.key(Key::P, Modifiers::COMMAND);
        for key in [Key::E, Key::R, Key::A, Key::S] {
            person.key(key, Modifiers::NONE);
        }
        person.key(Key::Enter, Modifiers::NONE);
    });
    harness.run_steps(2);
    assert_eq!(
        harness.state().session.tools.active_tool(),
        ToolKind::Eraser
    );
}

#[test]
fn the_pixel_value_follows_the_slice_under_a_resting_pointer() {
    let mut harness = bench(vec2(1100.0, 700.0), true);
    let at = harness.get_by_label_contains("Image:").rect().center();
    harness.event(Input::PointerMoved(at));
    harness.run_steps(2);
    let value = |harness: &Harness<'static, Bench>| {
        let session = &harness.state().session;
        let image = &session.current_loaded().unwrap().image;
        // The centre of the image.
        let value = image.modality_value(32 * image.columns + 32);
        harness
            .query_by_label_contains(&format!("Value {value:.0}"))
            .is_some()
    };
    for _ in 0..2 {
        harness.input_mut().events.push(Input::MouseWheel {
            unit: MouseWheelUnit::Line,
            delta: vec2(0.0, -1.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers: Modifiers::NONE,
        });
        let slice = harness.state().session.cases.current_case().unwrap().slice;
        harness.step();
        assert_eq!(
            harness.state().session.cases.current_case().unwrap().slice,
            slice + 1,
            "one notch, one slice"
        );
        assert!(value(&harness), "updated in the same frame");
    }
}

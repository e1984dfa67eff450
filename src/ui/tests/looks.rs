//! The look of images in the window: flips, rotations, and drawing on what is flipped or rotated.

use super::*;
use crate::session::{job::Loaded, tests::with_pictures};
use egui::{Event as Input, Key, Modifiers, PointerButton, Pos2, Vec2, vec2};
use labrum_core::image::{Window, WindowPreset};
use std::sync::Arc;

/// The middle of a side of the test images, in pixels.
const MIDDLE: f64 = 32.0;

/// The window on one loaded image, with the brush.
fn drawing() -> Harness<'static, App> {
    let mut harness = window(with_pictures(&[("a", 1)]));
    press(&mut harness, Modifiers::NONE, Key::B);
    harness
}

fn press(harness: &mut Harness<'static, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(3);
}

fn canvas_center(harness: &Harness<'static, App>) -> Pos2 {
    harness.get_by_label_contains("Image:").rect().center()
}

/// A click with the active tool, `by` points away from the middle of the canvas.
fn dab(harness: &mut Harness<'static, App>, by: Vec2) {
    let pos = canvas_center(harness) + by;
    let button = |pressed| Input::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    for event in [Input::PointerMoved(pos), button(true), button(false)] {
        harness.event(event);
        harness.step();
    }
    harness.run_steps(2);
}

/// The middle of what is drawn, in pixels from the middle of the image; it is undone.
fn take_drawn(harness: &mut Harness<'static, App>) -> [f64; 2] {
    let session = &harness.state().session;
    let mask = session.live_mask().unwrap().mask();
    let all: Vec<[f64; 2]> = (0..64 * 64)
        .map(|i| [i % 64, i / 64])
        .filter(|[x, y]| mask.label_at(*x, *y) != 0)
        .map(|at| at.map(|v| v as f64 + 0.5 - MIDDLE))
        .collect();
    assert!(!all.is_empty(), "nothing is drawn");
    let mean = [0, 1].map(|i| all.iter().map(|at| at[i]).sum::<f64>() / all.len() as f64);
    press(harness, Modifiers::COMMAND, Key::Z);
    mean
}

#[track_caller]
fn assert_near(found: [f64; 2], expected: [f64; 2]) {
    let off = (found[0] - expected[0]).hypot(found[1] - expected[1]);
    assert!(off < 0.8, "{found:?}, expected {expected:?}");
}

#[test]
fn a_click_draws_at_the_pixel_under_the_pointer_however_the_image_is_turned() {
    let mut harness = drawing();
    let by = vec2(90.0, 40.0);
    dab(&mut harness, by);
    let [x, y] = take_drawn(&mut harness);
    assert!(x > 2.0 && y > 1.0 && x > 1.5 * y, "{x} {y}");
    for (modifiers, key, expected) in [
        (Modifiers::SHIFT, Key::H, [-x, y]),
        (Modifiers::SHIFT, Key::V, [-x, -y]),
        (Modifiers::SHIFT, Key::H, [x, -y]),
        (Modifiers::SHIFT, Key::V, [x, y]),
        (Modifiers::COMMAND, Key::ArrowRight, [y, -x]),
        (Modifiers::COMMAND, Key::ArrowRight, [-x, -y]),
        (Modifiers::COMMAND, Key::ArrowLeft, [y, -x]),
        (Modifiers::COMMAND, Key::ArrowLeft, [x, y]),
    ] {
        press(&mut harness, modifiers, key);
        dab(&mut harness, by);
        assert_near(take_drawn(&mut harness), expected);
    }
}

#[test]
fn flips_and_rotations_are_found_by_their_names() {
    let mut harness = drawing();
    for (typed, name) in [
        ("flip h", "Flip horizontally"),
        ("flip v", "Flip vertically"),
        ("rotate r", "Rotate right"),
        ("rotate l", "Rotate left"),
    ] {
        let before = harness.state().session.cases[0].appearance;
        press(&mut harness, Modifiers::COMMAND, Key::P);
        harness.get_by_label("Find a command").type_text(typed);
        harness.run_steps(2);
        harness.get_by_label(name).click();
        harness.run_steps(3);
        assert_ne!(
            harness.state().session.cases[0].appearance,
            before,
            "{name}"
        );
    }
}

#[test]
fn a_region_for_the_window_is_dragged_with_shift_and_the_right_button() {
    let mut harness = drawing();
    let from = canvas_center(&harness);
    let to = from + vec2(60.0, 40.0);
    let button = |pos, pressed| Input::PointerButton {
        pos,
        button: PointerButton::Secondary,
        pressed,
        modifiers: Modifiers::SHIFT,
    };
    for event in [
        Input::PointerMoved(from),
        button(from, true),
        Input::PointerMoved(to),
        button(to, false),
    ] {
        harness.event_modifiers(event, Modifiers::SHIFT);
        harness.step();
    }
    harness.run_steps(2);
    let window = harness.state().session.cases[0].window;
    // The middle of the image is bright: 180 to 186.
    assert_eq!(window.map(|w| w.center), Some(183.0));
    press(&mut harness, Modifiers::SHIFT, Key::A);
    assert_eq!(harness.state().session.cases[0].window, None);
}

#[test]
fn window_presets_are_in_the_menu_by_their_names_and_only_those_of_the_image() {
    let mut harness = drawing();
    let key = harness.state().session.cases[0].slice_key();
    let loaded = harness.state().session.current_loaded().unwrap().clone();
    let preset = |name: &str, center| WindowPreset {
        name: name.into(),
        window: Window::new(center, 100.0),
    };
    let with_presets = Loaded {
        image: loaded.image.clone(),
        default_window: loaded.default_window,
        presets: vec![preset("Lung", 1.0), preset("Bone", 2.0)],
    };
    harness.state_mut().session.on_event(Event::Loaded {
        key,
        result: Ok(Arc::new(with_presets)),
    });
    press(&mut harness, Modifiers::COMMAND, Key::P);
    harness.get_by_label("Find a command").type_text("window:");
    harness.run_steps(2);
    assert!(harness.query_by_label("Window preset 2").is_some());
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    let pos = canvas_center(&harness);
    for pressed in [true, false] {
        harness.event(Input::PointerMoved(pos));
        harness.event(Input::PointerButton {
            pos,
            button: PointerButton::Secondary,
            pressed,
            modifiers: Modifiers::NONE,
        });
        harness.step();
    }
    harness.run_steps(4);
    assert!(harness.query_by_label("Window preset 2").is_some());
    assert!(harness.query_by_label("Window preset 3").is_none());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    press(&mut harness, Modifiers::NONE, Key::Num2);
    let window = harness.state().session.cases[0].window;
    assert_eq!(window, Some(Window::new(2.0, 100.0)));
}

#[test]
fn tools_draw_at_the_same_pixel_through_the_magnifier() {
    let mut harness = drawing();
    let by = vec2(90.0, 40.0);
    dab(&mut harness, by);
    let without = take_drawn(&mut harness);
    press(&mut harness, Modifiers::SHIFT, Key::Z);
    assert!(harness.state().session.viewports.magnifier);
    dab(&mut harness, by);
    assert_near(take_drawn(&mut harness), without);
    press(&mut harness, Modifiers::SHIFT, Key::Z);
    assert!(!harness.state().session.viewports.magnifier);
}

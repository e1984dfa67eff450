//! The look of images in the window: flips, rotations, and drawing on what is flipped or rotated.

use super::*;
use crate::session::tests::with_pictures;
use egui::{Event as Input, Key, Modifiers, PointerButton, Pos2, Vec2, vec2};

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

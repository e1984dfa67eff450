//! What must not move while drawing.

use super::*;

#[test]
fn the_image_does_not_move_while_drawing() {
    for (width, height) in [(1100.0, 700.0), (1280.0, 720.0), (1024.0, 640.0)] {
        let mut harness = bench(vec2(width, height), true);
        let place = |harness: &Harness<'_, Bench>| harness.get_by_label_contains("Image:").rect();
        let before = place(&harness);
        let button = |pressed, pos| Input::PointerButton {
            pos,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: egui::Modifiers::NONE,
        };
        let (from, to) = (
            before.center() - vec2(60.0, 40.0),
            before.center() + vec2(60.0, 40.0),
        );
        let moved = Input::PointerMoved;
        for event in [
            moved(from),
            button(true, from),
            moved(to),
            button(false, to),
        ] {
            harness.input_mut().events.push(event);
            harness.run_steps(2);
        }
        harness.run_steps(6);
        assert!(
            !harness.state().seen.journal.is_empty(),
            "nothing was drawn"
        );
        assert_eq!(place(&harness), before, "at {width} x {height}");
    }
}

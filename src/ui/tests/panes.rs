//! Views beside each other in the window: chosen by key and menu, made active by a click, filled from the list, linked.

use super::*;
use crate::session::{ortho::tests::shown, panes::PaneView, tests::with_pictures, view::View};
use egui::{
    Event as Input, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, TextureId, Vec2, vec2,
};
use egui_kittest::kittest::NodeT;

/// The window with two views side by side, of the first two of three cases.
fn two_views() -> Harness<'static, App> {
    let mut harness = window(with_pictures(&[("a", 5), ("b", 3), ("c", 1)]));
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    harness
}

fn press(harness: &mut Harness<'static, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run_steps(3);
}

fn is_there(harness: &Harness<'static, App>, name: &str) -> bool {
    harness.query_by_label_contains(name).is_some()
}

fn center(harness: &Harness<'static, App>, name: &str) -> Pos2 {
    harness.get_by_label_contains(name).rect().center()
}

/// Presses the button at a point and releases it `by` points away, with one event in each frame.
fn drag(harness: &mut Harness<'static, App>, from: Pos2, by: Vec2) {
    let button = |pos, pressed| Input::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    for event in [
        Input::PointerMoved(from),
        button(from, true),
        Input::PointerMoved(from + by * 0.3),
        Input::PointerMoved(from + by),
        button(from + by, false),
    ] {
        harness.event(event);
        harness.run_steps(2);
    }
    harness.run_steps(2);
}

fn view(harness: &Harness<'static, App>, pane: usize) -> PaneView {
    harness.state().session.pane_view(pane).unwrap()
}

#[test]
fn keys_and_the_menu_choose_how_many_views_there_are() {
    let mut harness = two_views();
    assert!(is_there(
        &harness,
        "View 1 of 2: a, slice 3 of 5, no mask, active view"
    ));
    assert!(is_there(&harness, "View 2 of 2: b, slice 2 of 3, no mask"));
    let [first, second] =
        ["View 1 of 2", "View 2 of 2"].map(|name| harness.get_by_label_contains(name).rect());
    assert!(first.right() < second.left() && first.height() == second.height());

    press(&mut harness, Modifiers::COMMAND, Key::Num3);
    let [first, second] =
        ["View 1 of 2", "View 2 of 2"].map(|name| harness.get_by_label_contains(name).rect());
    assert!(first.bottom() < second.top() && first.width() == second.width());

    harness.get_all_by_label("View").next().unwrap().click();
    harness.run_steps(4);
    harness.get_by_label_contains("Layout").click();
    harness.run_steps(4);
    harness.get_by_label("Four views").click();
    harness.run_steps(4);
    assert_eq!(harness.query_all_by_label_contains(" of 4: ").count(), 4);
    press(&mut harness, Modifiers::COMMAND, Key::Num1);
    assert!(is_there(&harness, "Image: a, slice 3 of 5"));
    assert!(!is_there(&harness, " of 4: "));
}

#[test]
fn a_click_into_another_view_makes_it_active_and_only_the_next_one_draws() {
    let mut harness = two_views();
    press(&mut harness, Modifiers::NONE, Key::B);
    let at = center(&harness, "View 2 of 2");
    drag(&mut harness, at, Vec2::ZERO);
    assert!(is_there(
        &harness,
        "View 2 of 2: b, slice 2 of 3, no mask, active view"
    ));
    let session = &harness.state().session;
    assert_eq!(session.cases.current, Some(1));
    assert_eq!(session.next_undo(), None, "the first press only activates");

    drag(&mut harness, at, Vec2::ZERO);
    let session = &harness.state().session;
    assert_eq!(session.next_undo(), Some("Brush"));
    let masks = [0, 1].map(|pane| session.mask_of(view(&harness, pane).slice_key()));
    assert!(masks[0].as_ref().is_none_or(|mask| mask.is_blank()));
    assert!(masks[1].as_ref().is_some_and(|mask| !mask.is_blank()));
}

#[test]
fn a_drag_that_does_not_draw_pans_the_view_under_the_pointer_at_once() {
    let mut harness = two_views();
    let at = center(&harness, "View 2 of 2");
    drag(&mut harness, at, vec2(40.0, 0.0));
    assert_eq!(harness.state().session.panes.active_index(), 1);
    assert!(matches!(view(&harness, 1).view, View::Free { .. }));
    assert_eq!(view(&harness, 0).view, View::Fit);
}

#[test]
fn the_wheel_scrolls_the_view_under_the_pointer() {
    let mut harness = two_views();
    let at = center(&harness, "View 2 of 2");
    let wheel = Input::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: vec2(0.0, -1.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    };
    for event in [Input::PointerMoved(at), wheel] {
        harness.event(event);
        harness.run_steps(2);
    }
    let second = "View 2 of 2: b, slice 3 of 3, no mask, active view";
    assert!(is_there(&harness, second));
    assert!(is_there(&harness, "View 1 of 2: a, slice 3 of 5, no mask"));
}

#[test]
fn a_case_is_dragged_from_the_list_into_a_view() {
    let mut harness = two_views();
    let (from, to) = (center(&harness, "Case c,"), center(&harness, "View 2 of 2"));
    drag(&mut harness, from, to - from);
    let second = "View 2 of 2: c, slice 1 of 1, no mask, active view";
    assert!(is_there(&harness, second), "{:?}", harness.state().actions);
    assert!(is_there(&harness, "View 1 of 2: a"));

    harness.get_by_label_contains("Case b,").click();
    harness.run_steps(3);
    let second = "View 2 of 2: b, slice 2 of 3, no mask, active view";
    assert!(is_there(&harness, second), "a click fills the active view");
}

/// The views beside the active one in which a case is shown, as its row in the case list says.
fn shown_in(harness: &Harness<'static, App>, case: &str) -> Option<String> {
    let row = harness.get_by_label_contains(case);
    let name = row.accesskit_node().label().unwrap();
    let (_, views) = name.split_once(", shown in ")?;
    Some(views.to_owned())
}

#[test]
fn the_case_list_marks_the_cases_in_other_views() {
    let mut harness = window(with_pictures(&[("a", 5), ("b", 3)]));
    assert_eq!(shown_in(&harness, "Case b,"), None);
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    assert_eq!(shown_in(&harness, "Case a,"), None, "in the active view");
    assert_eq!(shown_in(&harness, "Case b,").as_deref(), Some("view 2"));
    press(&mut harness, Modifiers::NONE, Key::F6);
    assert_eq!(shown_in(&harness, "Case a,").as_deref(), Some("view 1"));
    assert_eq!(shown_in(&harness, "Case b,"), None);
    harness.get_by_label_contains("Case a,").hover();
    harness.run_steps(60);
    assert!(is_there(&harness, "Shown in view 1"));

    // There are more views than cases.
    press(&mut harness, Modifiers::COMMAND, Key::Num4);
    let views = shown_in(&harness, "Case b,");
    assert_eq!(views.as_deref(), Some("views 3, 4"), "and the active one");
    press(&mut harness, Modifiers::COMMAND, Key::Num1);
    assert_eq!(shown_in(&harness, "Case a,"), None);
}

#[test]
fn a_key_makes_the_next_view_active_and_a_key_links_the_views() {
    let mut harness = two_views();
    press(&mut harness, Modifiers::NONE, Key::F6);
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    let second = "View 2 of 2: b, slice 3 of 3, no mask, active view";
    assert!(is_there(&harness, second));
    press(&mut harness, Modifiers::SHIFT, Key::F6);
    assert!(is_there(&harness, "View 1 of 2: a, slice 3 of 5, no mask"));
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    assert!(is_there(&harness, "View 1 of 2: a, slice 2 of 5, no mask"));
    assert!(harness.state().session.settings.linked);
}

#[test]
fn orthogonal_views_replace_the_layout_until_they_are_closed() {
    let mut harness = window(shown());
    press(&mut harness, Modifiers::COMMAND, Key::Num2);
    assert!(is_there(&harness, "View 1 of 2: volume, slice 3 of 5"));
    assert!(is_there(&harness, "View 2 of 2: volume, slice 3 of 5"));
    assert!(!is_there(&harness, "View: Sagittal"));
    let patients = harness.query_all_by_label_contains("Doe, Jane; ID MRN-17");
    assert_eq!(patients.count(), 2, "the corners of both views");
    press(&mut harness, Modifiers::NONE, Key::F2);
    assert!(is_there(&harness, "View: Sagittal"));
    assert!(!is_there(&harness, " of 2: volume"));
    press(&mut harness, Modifiers::NONE, Key::F2);
    assert!(is_there(&harness, "View 2 of 2: volume, slice 3 of 5"));
}

/// Counts the textures, besides that of the fonts, that the newest frame changed.
struct UploadCounter(usize);

impl egui::Plugin for UploadCounter {
    fn debug_name(&self) -> &'static str {
        "uploads"
    }

    fn output_hook(&mut self, _: &egui::Context, output: &mut egui::FullOutput) {
        let changed = output.textures_delta.set.keys();
        self.0 = changed.filter(|id| **id != TextureId::default()).count();
    }
}

fn uploads(harness: &Harness<'static, App>) -> usize {
    let count = |counter: &mut UploadCounter| counter.0;
    harness.ctx.with_plugin(count).unwrap()
}

#[test]
fn only_the_views_that_changed_are_painted_anew() {
    let mut harness = two_views();
    harness.ctx.add_plugin(UploadCounter(usize::MAX));
    harness.step();
    assert_eq!(uploads(&harness), 0);
    harness.input_mut().events.push(Input::Key {
        key: Key::ArrowDown,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: Modifiers::NONE,
    });
    harness.step();
    assert!(is_there(&harness, "View 1 of 2: a, slice 4 of 5"));
    assert_eq!(uploads(&harness), 1, "the other view stays as it is");
}

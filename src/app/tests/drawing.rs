//! Correcting in the window: with the mouse on the canvas, with keys, and with the panels.

mod keys;

use super::*;
use crate::session::{
    command::UserCommand, settings::CaseOrder, store::WorkspaceState, tool_options::ToolKind,
};
use egui::{Event as Input, Modifiers, MouseWheelUnit, PointerButton, Pos2, pos2, vec2};

/// A sample case with the proposal of the model as its mask.
pub(super) fn with_proposal() -> Bench {
    let mut bench = Bench::new(vec![samples().join("fetal-head")]);
    bench.until("the mask", |s| {
        s.cases
            .current_case()
            .is_some_and(|c| c.measured_slice_count() >= 1)
            && s.current_loaded().is_some()
    });
    bench.until("the workspace", |s| {
        matches!(s.workspace.state(), WorkspaceState::Open(_))
    });
    bench.until("the proposal in the mask", |s| {
        s.live_mask().is_some_and(|l| !l.mask().is_blank())
    });
    bench.harness.run_steps(4);
    bench
}

impl Bench {
    /// A point relative to the centre of the canvas.
    pub(super) fn at(&self, across: f32, down: f32) -> Pos2 {
        self.harness.get_by_label_contains("Image:").rect().center() + vec2(across, down)
    }

    pub(super) fn moved(&mut self, at: Pos2) {
        self.harness.event(Input::PointerMoved(at));
    }

    pub(super) fn button(
        &mut self,
        at: Pos2,
        button: PointerButton,
        pressed: bool,
        modifiers: Modifiers,
    ) {
        self.harness.event_modifiers(
            Input::PointerButton {
                pos: at,
                button,
                pressed,
                modifiers,
            },
            modifiers,
        );
    }

    /// Drags with a button from the first to the last of some points.
    pub(super) fn drag(&mut self, button: PointerButton, modifiers: Modifiers, points: &[Pos2]) {
        self.moved(points[0]);
        self.button(points[0], button, true, modifiers);
        for point in &points[1..] {
            self.moved(*point);
        }
        self.button(points[points.len() - 1], button, false, modifiers);
        self.harness.run_steps(2);
    }

    pub(super) fn draw(&mut self, points: &[Pos2]) {
        self.drag(PointerButton::Primary, Modifiers::NONE, points);
    }

    pub(super) fn click_at(&mut self, at: Pos2) {
        self.draw(&[at, at]);
    }

    pub(super) fn key(&mut self, key: Key, modifiers: Modifiers) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(2);
    }

    pub(super) fn wheel(&mut self, lines: f32, modifiers: Modifiers) {
        let (unit, delta) = (MouseWheelUnit::Line, vec2(0.0, lines));
        let event = Input::MouseWheel {
            unit,
            delta,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers,
        };
        self.harness.event_modifiers(event, modifiers);
        self.harness.run_steps(2);
    }

    /// The pixel under a point of the screen.
    pub(super) fn pixel(&self, at: Pos2) -> [i64; 2] {
        let rect = self.harness.get_by_label_contains("Image:").rect();
        let canvas = crate::session::view::Canvas {
            min: [rect.min.x, rect.min.y],
            size: rect.size().into(),
        };
        let case = self.session().cases.current_case().unwrap();
        let placement = case
            .view
            .place_picture(canvas, self.session().picture_extent(case));
        placement
            .image_from_screen([at.x, at.y])
            .map(|v| v.floor() as i64)
    }

    /// The label under a point of the screen.
    pub(super) fn label(&self, at: Pos2) -> u8 {
        let [column, row] = self.pixel(at);
        self.session()
            .live_mask()
            .unwrap()
            .mask()
            .label_at(column, row)
    }

    /// The proposed label under a point of the screen.
    pub(super) fn proposed(&self, at: Pos2) -> u8 {
        let [column, row] = self.pixel(at).map(|v| v as usize);
        let case = self.session().cases.current_case().unwrap();
        case.slices[case.slice]
            .proposal()
            .unwrap()
            .label_at(column, row)
    }

    pub(super) fn tool(&self) -> ToolKind {
        self.session().tools.active_tool()
    }
}

#[test]
fn a_brush_chosen_by_key_paints_without_gaps_and_is_undone() {
    let mut bench = with_proposal();
    bench.key(Key::B, Modifiers::NONE);
    assert_eq!(bench.tool(), ToolKind::Brush);
    let points = [
        bench.at(-250.0, -200.0),
        bench.at(-100.0, -220.0),
        bench.at(60.0, -200.0),
    ];
    assert_eq!(bench.label(points[0]), 0);
    bench.draw(&points);
    for t in 0..=20 {
        let at = points[0] + (points[1] - points[0]) * (t as f32 / 20.0);
        assert_eq!(bench.label(at), 1, "{t} of 20 along the path");
    }
    assert_eq!(
        bench.session().cases.current_case().unwrap().status,
        Status::Corrected
    );
    assert_eq!(bench.session().next_undo(), Some("Brush"));
    bench.key(Key::Z, Modifiers::COMMAND);
    assert!(
        points.iter().all(|p| bench.label(*p) == bench.proposed(*p)),
        "undo restores the proposal"
    );
    bench.key(Key::Y, Modifiers::COMMAND);
    assert_eq!(bench.label(points[0]), 1);
}

#[test]
fn alt_erases_and_a_stroke_continues_outside_of_the_canvas() {
    let mut bench = with_proposal();
    bench.click("Brush");
    let middle = bench.at(0.0, 0.0);
    assert_eq!(bench.label(middle), 1);
    bench.drag(
        PointerButton::Primary,
        Modifiers::ALT,
        &[middle, bench.at(40.0, 0.0)],
    );
    assert_eq!(
        [bench.label(middle), bench.label(bench.at(40.0, 0.0))],
        [0, 0]
    );

    let outside = pos2(1200.0, 400.0);
    bench.moved(middle);
    bench.button(middle, PointerButton::Primary, true, Modifiers::NONE);
    bench.moved(outside);
    bench.harness.run_steps(2);
    assert!(bench.session().tools.is_drawing());
    bench.button(outside, PointerButton::Primary, false, Modifiers::NONE);
    bench.harness.run_steps(2);
    assert!(
        !bench.session().tools.is_drawing(),
        "released outside of the canvas"
    );
    assert_eq!(
        bench.label(bench.at(200.0, 0.0)),
        1,
        "painted up to the edge"
    );
}

#[test]
fn losing_the_keyboard_focus_ends_the_stroke() {
    let mut bench = with_proposal();
    bench.key(Key::B, Modifiers::NONE);
    let (from, to) = (bench.at(-250.0, -200.0), bench.at(-200.0, -200.0));
    bench.moved(from);
    bench.button(from, PointerButton::Primary, true, Modifiers::NONE);
    bench.moved(to);
    bench.harness.event(Input::WindowFocused(false));
    bench.harness.run_steps(2);
    assert!(!bench.session().tools.is_drawing());
    assert_eq!(
        bench.session().next_undo(),
        Some("Brush"),
        "the stroke is kept"
    );
}

#[test]
fn a_polygon_is_closed_by_a_double_click() {
    let mut bench = with_proposal();
    bench.click("Polygon");
    let corners = [
        [-280.0, -220.0],
        [-120.0, -220.0],
        [-120.0, -160.0],
        [-280.0, -160.0],
    ];
    for [x, y] in corners {
        bench.click_at(bench.at(x, y));
    }
    assert!(bench.session().tools.is_drawing());
    assert_eq!(bench.session().tools.tool_preview().points.len(), 4);
    let inside = bench.at(-270.0, -190.0);
    assert_eq!(
        bench.label(inside),
        0,
        "nothing is painted before the polygon is closed"
    );
    bench.click_at(bench.at(-280.0, -160.0));
    assert!(!bench.session().tools.is_drawing());
    assert_eq!(bench.label(inside), 1);
}

#[test]
fn all_mouse_buttons_and_the_wheel_work_with_an_active_tool() {
    let mut bench = Bench::new(vec![samples().join("sarcoma-ct")]);
    bench.until("the image", |s| {
        s.current_loaded().is_some() && s.cases.current_case().is_some_and(|c| c.is_restored)
    });
    bench.harness.run_steps(4);
    bench.key(Key::B, Modifiers::NONE);
    let middle = bench.at(0.0, 0.0);
    bench.moved(middle);
    bench.harness.step();

    let slice = bench.session().cases.current_case().unwrap().slice;
    bench.wheel(-1.0, Modifiers::NONE);
    assert_eq!(
        bench.session().cases.current_case().unwrap().slice,
        slice + 1
    );
    bench.until("the next slice", |s| s.current_loaded().is_some());
    let radius = bench.session().settings.tools.radius;
    bench.wheel(2.0, Modifiers::SHIFT);
    assert!(bench.session().settings.tools.radius > radius);

    let before = bench.pixel(middle);
    bench.drag(
        PointerButton::Middle,
        Modifiers::NONE,
        &[middle, bench.at(50.0, 0.0)],
    );
    let after_middle = bench.pixel(middle);
    assert!(
        after_middle[0] < before[0],
        "the middle button pans the image"
    );
    bench.harness.key_down(Key::Space);
    bench.draw(&[middle, bench.at(50.0, 0.0)]);
    bench.harness.key_up(Key::Space);
    assert!(
        bench.pixel(middle)[0] < after_middle[0],
        "dragging with Space pans the image"
    );
    assert!(bench.session().next_undo().is_none(), "nothing was drawn");

    bench.drag(
        PointerButton::Secondary,
        Modifiers::NONE,
        &[middle, bench.at(60.0, 30.0)],
    );
    assert!(
        bench
            .session()
            .cases
            .current_case()
            .unwrap()
            .window
            .is_some(),
        "the right button changes the grey window"
    );
}

#[test]
fn a_label_is_added_and_a_locked_one_is_not_painted_over() {
    let mut bench = with_proposal();
    bench.click("Add a label");
    bench.harness.get_by_label("Find a concept").focus();
    bench.harness.step();
    bench
        .harness
        .get_by_label("Find a concept")
        .type_text("liver");
    bench.harness.run_steps(2);
    bench
        .harness
        .get_all_by_label("Liver")
        .next()
        .unwrap()
        .click();
    bench.harness.run_steps(2);
    bench.click("Add");
    let labels = bench.session().labels.all_labels();
    assert_eq!(
        (
            labels.len(),
            labels[1].name.as_str(),
            labels[1].concept.value.as_str()
        ),
        (2, "Liver", "10200004")
    );
    assert_eq!(bench.session().labels.active_label(), 2);

    let name = bench.session().labels.all_labels()[0].name.clone();
    bench.click(&format!("Lock {name}"));
    assert!(bench.session().labels.all_labels()[0].locked);
    bench.key(Key::B, Modifiers::NONE);
    let (inside, outside) = (bench.at(0.0, 0.0), bench.at(-260.0, -210.0));
    bench.draw(&[outside, inside]);
    assert_eq!((bench.label(inside), bench.label(outside)), (1, 2));

    bench.click(&format!("Unlock {name}"));
    bench.draw(&[inside, inside]);
    assert_eq!(bench.label(inside), 2);
    bench.key(Key::Q, Modifiers::NONE);
    assert_eq!(bench.session().labels.active_label(), 1);
}

#[test]
fn a_new_label_is_named_by_typing_at_once() {
    let mut bench = with_proposal();
    bench.click("Add a label");
    bench.harness.run_steps(2);
    bench.harness.event(Input::Text("bone".into()));
    bench.harness.run_steps(2);
    bench.key(Key::Enter, Modifiers::NONE);
    let labels = bench.session().labels.all_labels();
    assert_eq!((labels.len(), labels[1].name.as_str()), (2, "bone"));
    assert_ne!(labels[0].color, labels[1].color);
    assert_eq!(
        bench.tool(),
        ToolKind::Look,
        "B was typed and did not choose the brush"
    );
}

#[test]
fn hovering_over_a_command_previews_its_effect() {
    let mut bench = with_proposal();
    bench.harness.key_press(Key::B);
    bench.harness.run_steps(2);
    bench.harness.get_by_label("Grow").hover();
    bench.harness.run_steps(3);
    let region = bench.session().tools.tool_preview().region.clone().unwrap();
    assert!(region.len() > 100);
    let count = |bench: &Bench| bench.session().live_mask().unwrap().mask().count_pixels(1);
    let before = count(&bench);
    bench.click("Grow");
    assert_eq!(
        count(&bench),
        before + region.len(),
        "the effect is the previewed one"
    );
    bench.moved(bench.at(0.0, 0.0));
    bench.harness.run_steps(3);
    assert!(bench.session().tools.tool_preview().region.is_none());
}

#[test]
fn cases_are_sorted_by_name() {
    let mut bench = with_proposal();
    bench.click("Order of cases");
    bench.click("Name");
    assert_eq!(bench.session().settings.case_order, CaseOrder::Name);
    let names: Vec<String> = bench
        .session()
        .ordered_cases()
        .into_iter()
        .map(|i| bench.session().cases[i].display_title().to_lowercase())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    let top = |name: &str| bench.harness.get_by_label_contains(name).rect().top();
    let shown: Vec<f32> = bench
        .session()
        .ordered_cases()
        .into_iter()
        .map(|i| {
            top(&format!(
                "Case {},",
                bench.session().cases[i].display_title()
            ))
        })
        .collect();
    assert!(shown.is_sorted(), "{shown:?}");
}

#[test]
fn the_difference_to_the_proposal_is_shown() {
    let mut bench = with_proposal();
    bench.click("Difference");
    assert_eq!(bench.session().settings.view_mode, ViewMode::Difference);
    assert!(
        bench
            .harness
            .query_by_label_contains("shown as difference")
            .is_some()
    );
    bench.key(Key::D, Modifiers::NONE);
    assert_eq!(
        bench.session().settings.view_mode,
        ViewMode::Fill,
        "the same key goes back to the previous view"
    );
    bench.key(Key::D, Modifiers::NONE);
    assert_eq!(bench.session().settings.view_mode, ViewMode::Difference);
}

#[test]
fn the_proposal_is_previewed_before_it_is_accepted() {
    let mut bench = with_proposal();
    bench.key(Key::B, Modifiers::NONE);
    let at = bench.at(-260.0, -210.0);
    bench.click_at(at);
    let mask = |bench: &Bench| bench.session().live_mask().unwrap().mask().clone();
    let proposed = {
        let case = bench.session().cases.current_case().unwrap();
        case.slices[case.slice].proposal().unwrap().to_mask()
    };
    let drawn = mask(&bench).count_pixels(1) - proposed.count_pixels(1);
    assert!(drawn > 50);
    bench
        .harness
        .get_by_label("Accept proposal on slice")
        .hover();
    bench.harness.run_steps(3);
    assert_eq!(
        bench
            .session()
            .tools
            .tool_preview()
            .region
            .as_ref()
            .unwrap()
            .len(),
        drawn
    );
    bench.click("Accept proposal on slice");
    assert_eq!(mask(&bench), proposed);
    bench.key(Key::Z, Modifiers::COMMAND);
    assert_eq!(bench.label(at), 1);
}

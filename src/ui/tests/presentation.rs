//! Presentation states in the window: chosen in the menu or by the key, and seen on the image.

use super::*;
use crate::session::{
    screenshot::{ScreenshotAction, ScreenshotContent, ScreenshotTarget, ScreenshotWish},
    tests::with_pictures,
};
use egui::{Color32, Key, Rect, Shape, pos2};
use labrum_core::{
    presentation::{
        Annotation, Graphic, GraphicShape, GraphicText, GraphicUnit, PresentationState,
        ReferencedImage, Scoped, Shutter, TextAnchor,
    },
    study::Series,
};
use std::sync::Arc;

/// A presentation state of the image, with a text, a line and a shutter.
fn state() -> PresentationState {
    let annotation = Annotation {
        graphics: vec![Graphic {
            unit: GraphicUnit::Pixel,
            shape: GraphicShape::Line(vec![[10.0, 10.0], [40.0, 40.0]]),
        }],
        texts: vec![GraphicText {
            text: "look here".into(),
            text_box: None,
            anchor: Some(TextAnchor {
                unit: GraphicUnit::Pixel,
                point: [20.0, 30.0],
                is_visible: true,
            }),
        }],
    };
    PresentationState {
        label: "REPORT".into(),
        images: vec![ReferencedImage {
            uid: "1.2.3".into(),
            frames: Vec::new(),
        }],
        shutters: vec![Shutter::Rectangle {
            low: [8.0; 2],
            high: [56.0; 2],
        }],
        shutter_level: 1.0,
        annotations: vec![Scoped {
            images: Vec::new(),
            content: annotation,
        }],
        ..PresentationState::default()
    }
}

/// The window on an image with a presentation state.
fn with_state() -> Harness<'static, App> {
    let mut session = with_pictures(&[("a", 1)]);
    let case = &mut session.cases[0];
    let mut series = Series::clone(&case.series);
    series.slices[0].sop_instance_uid = Some("1.2.3".into());
    case.series = Arc::new(series);
    case.presentations = vec![Arc::new(state())];
    window(session)
}

/// True if a text is painted.
fn is_written(harness: &Harness<'static, App>, words: &str) -> bool {
    harness
        .output()
        .shapes
        .iter()
        .any(|clipped| match &clipped.shape {
            Shape::Text(text) => text.galley.text().contains(words),
            _ => false,
        })
}

/// The colour of the pixels that are hidden in the middle of the left edge of the image; `None` if they are not.
fn shutter_color(harness: &Harness<'static, App>) -> Option<Color32> {
    let case = harness.state().session.cases.current_case().unwrap();
    let canvas = harness.state().window.canvases[0].drawn_canvas().unwrap();
    let extent = harness.state().session.picture_extent(case);
    let [x, y] = case
        .view
        .place_picture(canvas, extent)
        .screen_from_image([4.0, 32.2]);
    harness.output().shapes.iter().find_map(|clipped| {
        let Shape::Mesh(mesh) = &clipped.shape else {
            return None;
        };
        let is_hit = mesh.texture_id == egui::TextureId::default()
            && mesh.vertices.as_chunks::<4>().0.iter().any(|corners| {
                let corners = corners.map(|vertex| vertex.pos);
                Rect::from_points(&corners).contains(pos2(x, y))
            });
        is_hit.then(|| mesh.vertices[0].color)
    })
}

#[test]
fn a_state_is_chosen_in_the_menu() {
    let mut harness = with_state();
    harness.get_all_by_label("View").next().unwrap().click();
    harness.run_steps(4);
    harness
        .query_all_by_label_contains("Presentation state")
        .next()
        .unwrap()
        .click();
    harness.run_steps(4);
    harness.get_by_label("REPORT").click();
    harness.run_steps(4);
    assert_eq!(harness.state().session.cases[0].presentation, Some(0));
}

#[test]
fn a_screenshot_has_texts_of_others_only_with_the_patient() {
    let mut harness = with_state();
    harness.run_steps(2);
    harness.key_press(Key::F12);
    harness.run_steps(4);
    for information in [true, false] {
        let wish = ScreenshotWish {
            content: ScreenshotContent {
                masks: true,
                drawn: true,
                information,
            },
            target: ScreenshotTarget::Clipboard,
        };
        let session = &mut harness.state_mut().session;
        session.apply_action(Action::Screenshot(ScreenshotAction::Take(wish)));
        harness.step();
        for words in ["look here", "REPORT"] {
            assert_eq!(is_written(&harness, words), information, "{words}");
        }
        assert!(is_written(&harness, "Its shutter hides parts"));
        harness.run_steps(2);
    }
    assert!(is_written(&harness, "look here"), "the screen has them");
}

/// Number of lines between two points.
fn line_count(harness: &Harness<'static, App>) -> usize {
    let shapes = harness.output().shapes.iter();
    let is_line = |shape: &Shape| matches!(shape, Shape::Path(path) if path.points.len() == 2);
    shapes.filter(|clipped| is_line(&clipped.shape)).count()
}

#[test]
fn the_magnifier_shows_the_lines_of_a_state() {
    let mut harness = with_state();
    harness.run_steps(2);
    harness.key_press(Key::F12);
    let at = harness.get_by_label_contains("Image: a").rect().center();
    harness.event(egui::Event::PointerMoved(at));
    harness.run_steps(4);
    let before = line_count(&harness);
    let session = &mut harness.state_mut().session;
    session.apply_action(Action::Command(UserCommand::ToggleMagnifier));
    harness.run_steps(2);
    assert_eq!(line_count(&harness), before + 2, "with its dark rim");
}

#[test]
fn texts_and_shutter_are_on_the_image_and_texts_can_be_hidden() {
    let mut harness = with_state();
    harness.run_steps(2);
    assert!(!is_written(&harness, "look here"));
    assert_eq!(shutter_color(&harness), None);
    harness.key_press(Key::F12);
    harness.run_steps(4);
    assert!(is_written(&harness, "look here"));
    assert!(is_written(&harness, "Presentation state \"REPORT\"."));
    assert_eq!(shutter_color(&harness), Some(Color32::WHITE));
    let session = &mut harness.state_mut().session;
    session.apply_action(Action::Command(UserCommand::ToggleAnnotations));
    harness.run_steps(2);
    assert!(!is_written(&harness, "look here"));
    assert_eq!(
        shutter_color(&harness),
        Some(Color32::WHITE),
        "the shutter stays"
    );
    harness.key_press(Key::F12);
    harness.run_steps(4);
    assert_eq!(shutter_color(&harness), None, "after the last one, none");
}

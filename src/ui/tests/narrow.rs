//! The window with large text on small screens: nothing is out of reach, cut off or overlapping.

use super::{learning::open, *};
use crate::session::ortho;
use egui::{
    Key, Modifiers, Rect,
    accesskit::{Role, Toggled},
};
use egui_kittest::kittest::NodeT;
use labrum_core::{
    geometry::{PixelSpacing, SpacingSource},
    holdout::Side,
    study::{PassedOver, Status},
};
use std::sync::Arc;

/// Windows on a screen of 1280x800 at 100, 150 and 200 %, and on one of 1024x768 at 150 %.
const SIZES: [[f32; 2]; 4] = [
    [1280.0, 720.0],
    [848.0, 475.0],
    [683.0, 480.0],
    [636.0, 356.0],
];

fn sized(session: Session, size: [f32; 2]) -> Harness<'static, App> {
    let mut harness = window(session);
    harness.set_size(size.into());
    harness.run_steps(3);
    harness
}

#[test]
fn all_tools_and_the_slice_slider_are_visible_at_every_size() {
    for size in SIZES {
        let harness = sized(ortho::tests::shown(), size);
        let room = Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(size[0], size[1] - STATUS));
        let mut places = Vec::new();
        for command in crate::session::command::COMMANDS
            .iter()
            .filter(|c| c.command.tool_kind().is_some() && c.command.measure_kind().is_none())
        {
            places.push(
                harness
                    .get_by_role_and_label(Role::Button, command.label)
                    .rect(),
            );
        }
        places.push(harness.get_by_role_and_label(Role::Button, "Undo").rect());
        places.push(harness.get_by_role_and_label(Role::Button, "Redo").rect());
        assert_eq!(places.len(), 13);
        for (at, place) in places.iter().enumerate() {
            assert!(room.contains_rect(*place), "{place:?} at {size:?}");
            assert!(
                place.width() >= 26.0 && place.height() >= 26.0,
                "{place:?} at {size:?}"
            );
            assert!(
                places[at + 1..]
                    .iter()
                    .all(|other| !other.shrink(0.5).intersects(place.shrink(0.5))),
                "{size:?}"
            );
        }
        let slider = harness.get_by_role_and_label(Role::Slider, "Slice").rect();
        assert!(
            slider.width() >= 60.0 && room.contains_rect(slider),
            "{slider:?} at {size:?}"
        );
    }
}

/// A session whose average time per case is a long text.
fn accepted() -> Session {
    let mut session = open();
    session.workspace.meter.seconds_of_accepted = 184.0;
    session.cases[0].status = Status::Accepted;
    session.cases[0].side = Some(Side::HoldOut);
    session
}

#[test]
fn texts_of_the_case_list_do_not_overlap() {
    for size in SIZES {
        let harness = sized(accepted(), size);
        let accepted = harness
            .get_all_by_label("1 of 4 accepted")
            .last()
            .unwrap()
            .rect();
        let pace = harness.get_by_label("1 min 32 s per case").rect();
        assert!(
            !accepted.intersects(pace),
            "{accepted:?}, {pace:?} at {size:?}"
        );
        let status = harness
            .get_all_by_label("Accepted")
            .find(|node| node.rect().left() < 200.0);
        assert!(
            status.is_some_and(|status| status.rect().width() > 45.0),
            "the status is not cut at {size:?}"
        );
    }
}

#[test]
fn the_export_dialog_opens_at_its_top_and_shows_deidentification() {
    for size in SIZES {
        let mut harness = sized(accepted(), size);
        let room = Rect::from_min_size(egui::Pos2::ZERO, size.into());
        for _ in 0..2 {
            harness.key_press_modifiers(Modifiers::COMMAND, Key::S);
            harness.run_steps(4);
            let title = harness.get_by_label("Masks and measurements").rect();
            let patient = harness.get_by_label("De-identify").rect();
            let button = harness.get_all_by_label("Export").last().unwrap().rect();
            assert!(
                title.top() > 40.0 && room.contains_rect(patient),
                "{title:?}, {patient:?} at {size:?}"
            );
            assert!(
                patient.bottom() < button.top(),
                "{patient:?}, {button:?} at {size:?}"
            );
            // Scroll down, close, and open it again.
            harness.get_by_label("Measurements as CSV").scroll_to_me();
            harness.run_steps(10);
            harness.key_press(Key::Escape);
            harness.run_steps(3);
            assert!(!harness.state().window.has_dialog());
        }
    }
}

#[test]
fn a_dialog_closes_popups_and_enter_presses_its_button() {
    let mut session = open();
    let path = "/scans/liver.seg.dcm".into();
    session.passed_over = vec![PassedOver {
        path,
        reason: "masks".into(),
        is_failure: false,
        has_masks: true,
    }];
    let mut harness = window(session);
    harness.get_by_label("1 file with masks").click();
    harness.run_steps(3);
    assert!(egui::Popup::is_any_open(&harness.ctx));
    harness
        .state_mut()
        .session
        .on_event(Event::NoDialog(crate::session::job::Pick::Masks));
    harness.run_steps(3);
    assert!(!egui::Popup::is_any_open(&harness.ctx));
    harness.get_by_label("Path").type_text("/masks");
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    harness.run_steps(3);
    assert!(
        harness
            .state()
            .actions
            .iter()
            .any(|a| a == "Picked(Masks, \"/masks\")"),
        "{:?}",
        harness.state().actions
    );
    assert!(!harness.state().window.has_dialog());
}

#[test]
fn enabled_options_have_a_tick_in_the_menu() {
    let mut session = open();
    session.settings.measurements = true;
    session.settings.overlays = false;
    let mut harness = window(session);
    harness.get_all_by_label("View").next().unwrap().click();
    harness.run_steps(4);
    for (name, is_on) in [
        ("Diameter on the image", Toggled::True),
        ("Overlays", Toggled::False),
    ] {
        let line = harness
            .get_all_by_label(name)
            .find(|node| node.rect().left() < 400.0)
            .unwrap();
        assert_eq!(line.accesskit_node().toggled(), Some(is_on), "{name}");
    }
}

#[test]
fn the_intensity_range_of_a_brush_starts_as_the_displayed_range() {
    let mut harness = window(ortho::tests::shown());
    let seen = {
        let session = &harness.state().session;
        let window = session.window_of(
            session.cases.current_case().unwrap(),
            session.current_loaded().unwrap(),
        );
        [
            window.center - window.width / 2.0,
            window.center + window.width / 2.0,
        ]
        .map(f64::round)
    };
    assert_ne!(seen, [0.0, 255.0]);
    harness.run_steps(2);
    for (name, value) in ["Lowest value", "Highest value"].into_iter().zip(seen) {
        let shown = harness
            .get_by_role_and_label(Role::SpinButton, name)
            .value();
        let shown: Option<f64> = shown.and_then(|shown| shown.replace('−', "-").parse().ok());
        assert_eq!(shown, Some(value), "{name}");
    }
}

#[test]
fn a_case_shows_the_source_of_its_pixel_spacing() {
    let spacing = |source| {
        Some(PixelSpacing {
            row: 0.1,
            column: 0.1,
            source,
        })
    };
    for (spacing, words) in [
        (
            spacing(SpacingSource::Picture),
            "Lengths: mm from pixel_spacing_mm.csv",
        ),
        (
            spacing(SpacingSource::PixelSpacing),
            "Lengths: mm from the header",
        ),
        (None, "Lengths: pixels (no pixel spacing)"),
    ] {
        let mut session = open();
        Arc::make_mut(&mut session.cases[1].series).slices[0].spacing = spacing;
        let mut harness = window(session);
        harness.get_by_label_contains("Case Head 2").hover();
        harness.run_steps(60);
        assert!(harness.query_by_label_contains(words).is_some(), "{words}");
    }
}

//! How images look on the screen. None of it changes a mask, a measurement or an export.

use super::*;
use crate::session::ortho::OrthoAction;
use labrum_core::{
    color_map::ColorMap,
    presentation::{PresentationState, ReferencedImage, Scoped},
    stack::ViewPlane,
};

/// A dab on the first slice of the first case, not symmetric in any way.
fn draw(session: &mut Session) {
    let key = SliceKey {
        case: session.cases[0].id,
        slice: 0,
    };
    let whole = PixelRect::full_frame(64, 64);
    let dot = Region::from_fn(&whole, |x, y| x > 5 && y > 9 && 2 * x + 3 * y < 90);
    let edit = session.write_mask(key, |mask| mask.paint_region(&dot, 1, &Rule::FREE));
    session.commit_edits("Brush", key.case, vec![(0, edit)]);
}

/// Everything that an export of the case would get, and what the store was told.
fn outcome(session: &mut Session) -> String {
    let request = ExportRequest {
        folder: "/out".into(),
        scope: ExportScope::ThisCase,
        options: ExportOptions::default(),
    };
    let export = session.export_job(request).unwrap();
    let stored: Vec<String> = session
        .take_jobs()
        .iter()
        .filter(|job| matches!(job, Job::Store(_)))
        .map(|job| format!("{job:?}"))
        .collect();
    format!("{export:?} {stored:?}")
}

#[test]
fn the_look_of_an_image_changes_neither_masks_nor_exports() {
    let mut session = with_pictures(&[("a", 1)]);
    draw(&mut session);
    session.take_jobs();
    let before = outcome(&mut session);
    for look in [
        UserCommand::FlipHorizontally,
        UserCommand::RotateRight,
        UserCommand::FlipVertically,
        UserCommand::RotateLeft,
        UserCommand::RotateLeft,
        UserCommand::InvertGrey,
        UserCommand::NextColorMap,
        UserCommand::ColorViridis,
        UserCommand::ToggleInterpolation,
    ] {
        command(&mut session, look);
        assert!(outcome(&mut session) == before, "{look:?}");
    }
    let appearance = session.cases[0].appearance;
    assert!(!appearance.turn.is_upright() && appearance.is_inverted);
    assert_eq!(appearance.color_map, ColorMap::Viridis);
}

#[test]
fn a_presentation_state_changes_neither_masks_nor_exports() {
    let mut session = with_pictures(&[("a", 1)]);
    let case = &mut session.cases[0];
    let mut series = Series::clone(&case.series);
    series.slices[0].sop_instance_uid = Some("1.2.3".into());
    case.series = Arc::new(series);
    case.presentations = vec![Arc::new(PresentationState {
        images: vec![ReferencedImage {
            uid: "1.2.3".into(),
            frames: Vec::new(),
        }],
        windows: vec![Scoped {
            images: Vec::new(),
            content: Window::new(100.0, 50.0),
        }],
        is_inverted: true,
        quarter_turns: 1,
        ..PresentationState::default()
    })];
    draw(&mut session);
    session.take_jobs();
    let before = outcome(&mut session);
    session.apply_action(Action::ChoosePresentation(Some(0)));
    assert!(!session.cases[0].appearance.turn.is_upright());
    assert!(outcome(&mut session) == before);
}

#[test]
fn a_reset_shows_the_case_as_when_it_was_opened() {
    let mut session = crate::session::ortho::tests::shown();
    for look in [
        UserCommand::RotateRight,
        UserCommand::InvertGrey,
        UserCommand::NextColorMap,
        UserCommand::ZoomIn,
        UserCommand::WindowAuto,
        UserCommand::NextView,
        UserCommand::FlipVertically,
        UserCommand::ZoomIn,
    ] {
        command(&mut session, look);
    }
    assert!(session.cases[0].window.is_some());
    command(&mut session, UserCommand::ResetView);
    let case = &session.cases[0];
    assert_eq!(case.appearance, Default::default());
    assert_eq!((case.view, case.window), (view::View::Fit, None));
    let views = session.viewports.ortho_views().unwrap();
    let across = views.across(ViewPlane::Column).unwrap();
    assert_eq!(across.view, view::View::Fit);
    assert!(across.turn.is_upright());
}

#[test]
fn the_view_zooms_to_the_active_label_or_else_to_the_whole_mask() {
    let mut session = with_pictures(&[("a", 1)]);
    let refusal = |session: &Session| session.command_refusal(UserCommand::ZoomMask);
    assert_eq!(refusal(&session), Some("No mask in this view"));
    let key = session.cases[0].slice_key();
    for (label, columns) in [(1, 4..8), (2, 40..60)] {
        let rect = PixelRect {
            columns,
            rows: 10..20,
        };
        let part = Region::from_fn(&rect, |_, _| true);
        session.write_mask(key, |mask| mask.paint_region(&part, label, &Rule::FREE));
    }
    assert_eq!(refusal(&session), None);
    let center = |session: &Session| match session.cases[0].view {
        view::View::Free { center, .. } => center,
        view::View::Fit => panic!("not zoomed"),
    };
    command(&mut session, UserCommand::ZoomMask);
    assert_eq!(center(&session), [6.0, 15.0]);
    session.apply_action(Action::Label(LabelAction::Choose(2)));
    command(&mut session, UserCommand::ZoomMask);
    assert_eq!(center(&session), [50.0, 15.0]);
    // A label that is not on the slice: all labels are shown.
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Three", 0,
    ))));
    session.apply_action(Action::Label(LabelAction::Choose(3)));
    command(&mut session, UserCommand::ZoomMask);
    assert_eq!(center(&session), [32.0, 15.0]);
}

#[test]
fn the_window_is_set_from_the_values_under_the_mask_or_in_a_rectangle() {
    let mut session = with_pictures(&[("a", 1)]);
    let refusal = |session: &Session| session.command_refusal(UserCommand::WindowMask);
    assert_eq!(refusal(&session), Some("No mask on this slice"));
    let key = session.cases[0].slice_key();
    // Within the bright square, whose values are 180 to 186.
    let rect = PixelRect {
        columns: 20..40,
        rows: 20..40,
    };
    let part = Region::from_fn(&rect, |_, _| true);
    session.write_mask(key, |mask| mask.paint_region(&part, 1, &Rule::FREE));
    command(&mut session, UserCommand::WindowMask);
    let bright = Window::from_range(180.0, 186.0);
    assert_eq!(session.cases[0].window, Some(bright));
    // In the dark corner, whose values are 40 to 44.
    session.apply_action(Action::WindowOfRegion {
        from: [8.5, 7.0],
        to: [0.0, 0.5],
    });
    let dark = Window::from_range(40.0, 44.0);
    assert_eq!(session.cases[0].window, Some(dark));
    // Outside of the image there are no values.
    session.apply_action(Action::WindowOfRegion {
        from: [-9.0, 3.0],
        to: [-2.0, 5.0],
    });
    assert_eq!(session.cases[0].window, Some(dark));
}

#[test]
fn a_rectangle_on_a_reformatted_view_sets_the_window() {
    let mut session = crate::session::ortho::tests::shown();
    let image = Image::new(2, 2, Pixels::I16(vec![1, 2, 3, 4])).unwrap();
    session.on_event(Event::Resliced {
        case: session.cases[0].id,
        plane: ViewPlane::Row,
        index: 4,
        image: Some(Arc::new(image)),
        slices: 0,
    });
    session.apply_action(Action::Ortho(OrthoAction::WindowOfRegion(
        ViewPlane::Row,
        [0.0, 1.0],
        [2.0, 2.0],
    )));
    let window = Window::from_range(3.0, 4.0);
    assert_eq!(session.cases[0].window, Some(window));
}

#[test]
fn nine_window_presets_have_commands() {
    let mut session = with_pictures(&[("a", 1)]);
    let key = session.cases[0].slice_key();
    let image = Image::new(64, 64, Pixels::I16(vec![0; 64 * 64])).unwrap();
    let default_window = Window::new(50.0, 351.0);
    let presets = window::presets_for_image(&image, "CT", default_window);
    let loaded = Loaded {
        image: Arc::new(image),
        default_window,
        presets: presets.clone(),
    };
    session.on_event(Event::Loaded {
        key,
        result: Ok(Arc::new(loaded)),
    });
    let commands = (0..9).map(|index| {
        let mut all = crate::session::command::COMMANDS.iter().map(|e| e.command);
        all.find(|c| c.preset_index() == Some(index)).unwrap()
    });
    for (preset, shortcut) in presets.iter().zip(commands) {
        assert_eq!(session.preset_name(shortcut), Some(preset.name.as_str()));
        command(&mut session, shortcut);
        assert_eq!(session.cases[0].window, Some(preset.window));
    }
    assert!(presets.len() >= 9, "{presets:?}");
}

#[test]
fn a_colour_image_has_no_colour_map() {
    let mut session = with_pictures(&[("a", 1)]);
    let refusal = |session: &Session| session.command_refusal(UserCommand::NextColorMap);
    assert_eq!(refusal(&session), None);
    let image = Image::new(64, 64, Pixels::Rgb8(vec![[1, 2, 3]; 64 * 64])).unwrap();
    let default_window = image.default_window();
    let loaded = Loaded {
        image: Arc::new(image),
        default_window,
        presets: Vec::new(),
    };
    let key = session.cases[0].slice_key();
    session.on_event(Event::Loaded {
        key,
        result: Ok(Arc::new(loaded)),
    });
    assert_eq!(refusal(&session), Some("This is a colour image"));
}

#[test]
fn the_keyboard_cursor_moves_on_the_screen() {
    let mut session = with_pictures(&[("a", 1)]);
    command(&mut session, UserCommand::ToolBrush);
    command(&mut session, UserCommand::PointerRight);
    assert_eq!(session.tools.keyed_pointer(), Some([33.0, 32.0]));
    command(&mut session, UserCommand::FlipHorizontally);
    command(&mut session, UserCommand::PointerRight);
    assert_eq!(session.tools.keyed_pointer(), Some([32.0, 32.0]));
    // What is below on the screen is further along the rows now.
    command(&mut session, UserCommand::FlipHorizontally);
    command(&mut session, UserCommand::RotateRight);
    command(&mut session, UserCommand::PointerDown);
    assert_eq!(session.tools.keyed_pointer(), Some([33.0, 32.0]));
}

#[test]
fn each_view_and_each_case_is_turned_alone() {
    let mut session = with_pictures(&[("a", 1), ("b", 1)]);
    command(&mut session, UserCommand::RotateRight);
    let turns = |session: &Session| {
        let all = session.cases.iter().map(|c| c.appearance.turn.is_upright());
        all.collect::<Vec<_>>()
    };
    assert_eq!(turns(&session), [false, true]);

    let mut session = crate::session::ortho::tests::shown();
    command(&mut session, UserCommand::NextView);
    command(&mut session, UserCommand::FlipVertically);
    assert!(session.cases[0].appearance.turn.is_upright());
    let views = session.viewports.ortho_views().unwrap();
    let turned = [ViewPlane::Column, ViewPlane::Row]
        .map(|plane| !views.across(plane).unwrap().turn.is_upright());
    assert_eq!(turned, [true, false]);
}

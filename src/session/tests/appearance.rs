//! How images look on the screen. None of it changes a mask, a measurement or an export.

use super::*;
use labrum_core::{color_map::ColorMap, stack::ViewPlane};

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

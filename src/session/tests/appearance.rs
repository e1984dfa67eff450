//! How images look on the screen. None of it changes a mask, a measurement or an export.

use super::*;
use labrum_core::stack::ViewPlane;

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
fn flips_and_rotations_change_neither_masks_nor_exports() {
    let mut session = with_pictures(&[("a", 1)]);
    draw(&mut session);
    session.take_jobs();
    let before = outcome(&mut session);
    for turn in [
        UserCommand::FlipHorizontally,
        UserCommand::RotateRight,
        UserCommand::FlipVertically,
        UserCommand::RotateLeft,
        UserCommand::RotateLeft,
    ] {
        command(&mut session, turn);
        assert!(outcome(&mut session) == before, "{turn:?}");
    }
    assert!(!session.cases[0].appearance.turn.is_upright());
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

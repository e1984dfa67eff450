//! The first prompt corrects an island, and what locked labels and protected pixels keep.

use super::*;

/// A session with two discs of label 1, and the Click tool.
fn with_two_discs() -> Session {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    click(&mut session, [20.0, 20.0], false);
    click(&mut session, [50.0, 50.0], false);
    command(&mut session, UserCommand::ToolClick);
    session.take_jobs();
    session
}

#[test]
fn the_first_click_corrects_a_piece_that_it_lies_on_or_beside() {
    let is_other = |x: f64, y: f64| (x - 50.0).hypot(y - 50.0) <= 6.0;
    // 12 points on the screen are 1.5 pixels here.
    for (at, erases, corrects) in [
        ([20.5, 20.5], true, true),
        ([27.0, 20.5], false, true),
        ([29.0, 20.5], false, false),
        ([20.5, 20.5], false, false),
    ] {
        let mut session = with_two_discs();
        let before = mask(&session);
        let piece = shape(|x, y| (x - 20.0).hypot(y - 20.0) <= 6.0).label_region(1);
        click(&mut session, at, erases);
        let job = question(&mut session);
        let earlier = job.earlier.as_ref().map(|found| found.region().clone());
        assert_eq!(earlier.is_some_and(|r| r == piece), corrects, "{at:?}");
        reply(&mut session, &job, 17, 23);
        let is_square = |x: f64, y: f64| (17.0..23.0).contains(&x) && (17.0..23.0).contains(&y);
        let expected = if corrects {
            shape(|x, y| is_square(x, y) || is_other(x, y))
        } else {
            before.clone()
        };
        assert_eq!(mask(&session), expected, "{at:?}");
        command(&mut session, UserCommand::Undo);
        assert_eq!(mask(&session), before, "{at:?}");
    }
}

/// Clicks on an image that is shown at half its size.
fn click_when_small(session: &mut Session, at: Place) {
    for phase in [PointerPhase::Press, PointerPhase::Release] {
        session.apply_action(Action::Pointer(PointerInput {
            phase,
            at,
            erases: false,
            is_shifted: false,
            scale: 0.5,
        }));
    }
}

#[test]
fn where_the_image_is_shown_small_only_a_click_within_8_pixels_is_beside_an_island() {
    // 5 and 11 pixels away, which are 2.5 and 5.5 points.
    for (at, corrects) in [([31.0, 20.5], true), ([37.0, 20.5], false)] {
        let mut session = with_two_discs();
        click_when_small(&mut session, at);
        let job = question(&mut session);
        assert_eq!(job.earlier.is_some(), corrects, "{at:?}");
    }
}

#[test]
fn a_first_click_that_takes_away_from_nothing_says_so() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], true);
    assert!(questions(&mut session).is_empty() && state(&session).is_none());
    assert!(
        session
            .notices
            .list
            .iter()
            .any(|n| n.severity == Severity::Hint && n.text.contains("here to remove"))
    );
}

#[test]
fn locked_labels_stay_and_other_labels_come_back() {
    for locked in [false, true] {
        let mut session = drawing(1);
        session.apply_action(Action::Label(LabelAction::Choose(2)));
        take(&mut session, UserCommand::ToolBrush, 5.0);
        click(&mut session, [32.0, 32.0], false);
        let two = mask(&session).label_region(2);
        let label = Label {
            locked,
            ..session.labels.all_labels()[1].clone()
        };
        session.apply_action(Action::Label(LabelAction::Change(2, label)));
        session.apply_action(Action::Label(LabelAction::Choose(1)));
        command(&mut session, UserCommand::ToolClick);
        session.take_jobs();
        click_and_reply(&mut session, [15.0, 15.0], false, 10, 50);
        let covered = mask(&session);
        assert_eq!(covered.label_region(2) == two, locked);
        assert_eq!(
            covered.count_pixels(1),
            40 * 40 - if locked { two.len() } else { 0 }
        );
        click_and_reply(&mut session, [45.0, 45.0], true, 10, 20);
        assert_eq!(mask(&session).label_region(2), two, "locked: {locked}");
        assert_eq!(mask(&session).count_pixels(1), 10 * 10);
    }
}

#[test]
fn a_protected_object_can_still_be_corrected() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 6.0);
    click(&mut session, [20.0, 20.0], false);
    let over = Action::Label(LabelAction::PaintOver(PaintOver::Label(2)));
    session.apply_action(over);
    command(&mut session, UserCommand::ToolClick);
    session.take_jobs();
    click_and_reply(&mut session, [20.5, 20.5], true, 18, 40);
    let inside = |x: f64, y: f64| (x - 20.0).hypot(y - 20.0) <= 6.0 && x > 18.0 && y > 18.0;
    assert_eq!(mask(&session), shape(inside));
}

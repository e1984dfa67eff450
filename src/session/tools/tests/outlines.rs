//! Outlines: polygon and lasso.

use super::*;

#[test]
fn a_polygon_fills_its_inside_and_its_corners_can_be_moved_before_closing() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolPolygon, 5.0);
    for at in [[10.0, 10.0], [50.0, 10.0], [55.0, 55.0], [10.0, 50.0]] {
        click(&mut session, at, false);
    }
    drag(
        &mut session,
        &[[55.0, 55.0], [52.0, 52.0], [50.0, 50.0]],
        false,
    );
    assert!(
        mask(&session).is_blank(),
        "nothing is painted before the polygon is closed"
    );
    assert_eq!(
        session.tools.tool_preview().region.as_ref().unwrap().len(),
        40 * 40,
        "the preview shows the result"
    );
    click(&mut session, [10.0, 10.0], false);
    assert_eq!(
        mask(&session),
        shape(|x, y| (10.0..50.0).contains(&x) && (10.0..50.0).contains(&y))
    );
    assert!(!session.tools.is_drawing());
}

#[test]
fn enter_and_a_double_click_close_a_polygon_and_escape_drops_it() {
    for how in 0..3 {
        let mut session = drawing(1);
        take(&mut session, UserCommand::ToolPolygon, 5.0);
        for at in [[10.0, 10.0], [50.0, 10.0], [50.0, 50.0]] {
            click(&mut session, at, false);
        }
        match how {
            0 => command(&mut session, UserCommand::Accept),
            1 => {
                click(&mut session, [50.0, 50.0], false);
                point(&mut session, PointerPhase::DoubleClick, [50.0, 50.0], false);
            }
            _ => command(&mut session, UserCommand::Cancel),
        }
        assert!(!session.tools.is_drawing());
        assert_eq!(mask(&session).is_blank(), how == 2);
        assert_ne!(
            session.cases.current_case().unwrap().status,
            Status::Accepted,
            "Enter closed the polygon and did not accept the case"
        );
    }
}

#[test]
fn a_lasso_with_alt_erases_its_inside() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 40.0);
    click(&mut session, [32.0, 32.0], false);
    take(&mut session, UserCommand::ToolLasso, 5.0);
    drag(
        &mut session,
        &[[20.0, 20.0], [40.0, 20.0], [40.0, 40.0], [20.0, 40.0]],
        true,
    );
    let left = |x: f64, y: f64| {
        (x - 32.0).hypot(y - 32.0) <= 40.0
            && !((20.0..40.0).contains(&x) && (20.0..40.0).contains(&y))
    };
    assert_eq!(mask(&session), shape(left));
}

#[test]
fn an_outline_can_restore_the_proposal_inside_it() {
    let mut session = opened(&[("a", 1)], Some(model("US")));
    load_all(&mut session, 1);
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    let proposed = mask(&session);
    command(&mut session, UserCommand::EmptyLabel);
    let options = ToolOptions {
        outline_does: OutlineDoes::TakeProposal,
        ..session.settings.tools.clone()
    };
    session.apply_action(Action::SetTools(options));
    command(&mut session, UserCommand::ToolLasso);
    drag(
        &mut session,
        &[[0.0, 0.0], [32.0, 0.0], [32.0, 64.0], [0.0, 64.0]],
        false,
    );
    let half = mask(&session);
    for i in 0..SIDE * SIDE {
        let expected = if i % SIDE < 32 {
            proposed.pixel_labels()[i]
        } else {
            0
        };
        assert_eq!(half.pixel_labels()[i], expected);
    }
}

#[test]
fn undo_and_backspace_remove_only_the_last_corner() {
    for (tool, back) in [
        (UserCommand::ToolPolygon, UserCommand::Undo),
        (UserCommand::ToolLiveWire, UserCommand::Skip),
    ] {
        let mut session = drawing(1);
        take(&mut session, tool, 5.0);
        for at in [[10.0, 10.0], [50.0, 10.0], [50.0, 50.0], [5.0, 60.0]] {
            click(&mut session, at, false);
        }
        command(&mut session, back);
        assert_eq!(session.tools.tool_preview().points.len(), 3);
        command(&mut session, back);
        command(&mut session, back);
        assert!(session.tools.is_drawing(), "the first corner remains");
        command(&mut session, back);
        assert!(!session.tools.is_drawing());
        assert_eq!(
            session.cases.current_case().unwrap().status,
            Status::New,
            "the case is not skipped"
        );
    }
}

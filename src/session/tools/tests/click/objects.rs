//! Which prompts belong to one object: Enter, the option for the next click, and what finishes an object.

use super::*;

#[test]
fn enter_takes_the_object_and_the_next_click_begins_another_one() {
    let mut session = clicking(1);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    command(&mut session, UserCommand::Accept);
    assert!(state(&session).is_none());
    assert_ne!(
        session.cases.current_case().unwrap().status,
        Status::Accepted
    );
    let job = click_and_reply(&mut session, [50.0, 50.0], false, 45, 55);
    assert_eq!((job.prompts.len(), job.earlier.is_none()), (1, true));
    assert!(state(&session).unwrap().1.starts_with("Object 2: 1 click"));
    assert_eq!(mask(&session).count_pixels(1), 20 * 20 + 10 * 10);
}

#[test]
fn an_object_that_was_taken_before_its_answer_is_painted_all_the_same() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    command(&mut session, UserCommand::Accept);
    click(&mut session, [50.0, 50.0], false);
    let first = question(&mut session);
    reply(&mut session, &first, 10, 30);
    let second = question(&mut session);
    assert!(second.object != first.object && second.earlier.is_none());
    reply(&mut session, &second, 45, 55);
    assert_eq!(mask(&session).count_pixels(1), 20 * 20 + 10 * 10);
    command(&mut session, UserCommand::Undo);
    assert_eq!(mask(&session), square_mask(10, 30));
}

#[test]
fn with_the_option_a_click_outside_begins_the_next_object() {
    let mut session = clicking(1);
    choose_next(&mut session, NextClick::NewObject);
    let first = click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    let inside = click_and_reply(&mut session, [28.0, 28.0], false, 10, 32);
    let removing = click_and_reply(&mut session, [50.0, 50.0], true, 10, 31);
    assert_eq!(
        [inside.object, removing.object],
        [first.object; 2],
        "clicks inside and negative clicks correct it"
    );
    let next = click_and_reply(&mut session, [50.0, 50.0], false, 45, 55);
    assert_eq!(next.prompts.len(), 1);
    assert_ne!(next.object, first.object);
    drag_shifted(&mut session, &[[40.0, 40.0], [42.0, 40.0]], false);
    let line = question(&mut session);
    assert_eq!(
        (line.object, line.prompts.len()),
        (next.object, 2),
        "Shift stays with the object"
    );
}

#[test]
fn leaving_takes_the_object_and_its_late_answer_stays_on_its_slice() {
    let mut session = clicking(2);
    let key = session.cases.current_case().unwrap().slice_key();
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    session.apply_action(Action::SetSlice(1 - key.slice));
    assert!(state(&session).is_none());
    reply(&mut session, &job, 10, 30);
    assert!(mask(&session).is_blank(), "it is of the other slice");
    assert_eq!(*session.mask_of(key).unwrap(), square_mask(10, 30));
    command(&mut session, UserCommand::Undo);
    assert_eq!(
        session.cases.current_case().unwrap().slice_key(),
        key,
        "undo shows where"
    );
    assert!(mask(&session).is_blank());
}

#[test]
fn another_label_tool_or_edit_takes_the_object() {
    let leave: [fn(&mut Session); 4] = [
        |s| s.apply_action(Action::Label(LabelAction::Choose(2))),
        |s| command(s, UserCommand::ToolBrush),
        |s| command(s, UserCommand::Grow),
        |s| command(s, UserCommand::NextLabel),
    ];
    for leave in leave {
        let mut session = clicking(1);
        click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
        assert!(state(&session).is_some());
        leave(&mut session);
        assert!(state(&session).is_none());
        assert!(mask(&session).count_pixels(1) >= 20 * 20, "it is kept");
    }
}

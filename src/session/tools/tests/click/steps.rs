//! Each prompt is a step: undo, redo, Esc, and what is kept of old answers.

use super::*;
use labrum_core::prompts::Prompt;

#[test]
fn one_prompt_is_one_step() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    let first = Prompt::Click {
        at: [20.0, 20.0],
        adds: true,
    };
    assert_eq!(job.prompts, std::slice::from_ref(&first));
    assert!(job.earlier.is_none() && mask(&session).is_blank());
    assert_eq!(
        state(&session).unwrap(),
        (1, "Object 1: 1 click, computing...".into())
    );
    reply(&mut session, &job, 10, 30);
    assert_eq!(mask(&session), square_mask(10, 30));
    assert_eq!(session.next_undo(), Some("Click"));
    assert_eq!(
        session.cases.current_case().unwrap().status,
        Status::Corrected
    );

    click(&mut session, [28.0, 28.0], true);
    let job = question(&mut session);
    let second = Prompt::Click {
        at: [28.0, 28.0],
        adds: false,
    };
    assert_eq!(job.prompts, [first, second]);
    assert!(job.earlier.as_deref() == Some(&square(10..30, 10..30)));
    reply(&mut session, &job, 10, 25);
    assert_eq!(mask(&session), square_mask(10, 25));
    assert_eq!(session.history.len(), 2);
    assert_eq!(
        state(&session).unwrap(),
        (2, "Object 1: 2 clicks, confidence 90 %".into())
    );
}

#[test]
fn undo_takes_back_the_last_prompt_and_redo_gives_it_again() {
    let mut session = clicking(1);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    click_and_reply(&mut session, [35.0, 35.0], false, 10, 40);
    command(&mut session, UserCommand::Undo);
    assert_eq!(mask(&session), square_mask(10, 30));
    assert_eq!(state(&session).unwrap().0, 1);
    command(&mut session, UserCommand::Undo);
    assert!(mask(&session).is_blank() && state(&session).is_none());
    for (count, end) in [(1, 30), (2, 40)] {
        command(&mut session, UserCommand::Redo);
        assert_eq!(mask(&session), square_mask(10, end));
        assert_eq!(state(&session).unwrap().0, count);
    }
    let job = click_and_reply(&mut session, [45.0, 45.0], false, 10, 50);
    assert_eq!(job.prompts.len(), 3);
    assert!(job.earlier.as_deref() == Some(&square(10..40, 10..40)));
}

#[test]
fn a_click_after_undo_begins_where_undo_left_off() {
    let mut session = clicking(1);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    click_and_reply(&mut session, [35.0, 35.0], false, 10, 40);
    command(&mut session, UserCommand::Undo);
    let job = click_and_reply(&mut session, [28.0, 28.0], true, 10, 25);
    assert!(job.earlier.as_deref() == Some(&square(10..30, 10..30)));
    assert_eq!(mask(&session), square_mask(10, 25));
    assert!(session.next_redo().is_none());
    command(&mut session, UserCommand::Undo);
    assert_eq!(mask(&session), square_mask(10, 30));
}

#[test]
fn escape_drops_the_object_and_keeps_what_was_there_before() {
    let mut session = drawing(1);
    take(&mut session, UserCommand::ToolBrush, 3.0);
    click(&mut session, [55.0, 55.0], false);
    let before = mask(&session);
    command(&mut session, UserCommand::ToolClick);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    click_and_reply(&mut session, [35.0, 35.0], false, 10, 40);
    click(&mut session, [45.0, 45.0], false);
    let late = question(&mut session);
    command(&mut session, UserCommand::Cancel);
    reply(&mut session, &late, 10, 50);
    assert_eq!(mask(&session), before);
    assert!(state(&session).is_none());
    assert_eq!(session.next_undo(), Some("Brush"));
    assert_eq!(session.tools.active_tool(), ToolKind::Click);
    command(&mut session, UserCommand::Redo);
    command(&mut session, UserCommand::Redo);
    assert_eq!(state(&session).unwrap().0, 2, "redo brings it back");
}

#[test]
fn nothing_is_redone_after_a_click_that_waits() {
    let mut session = clicking(1);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    command(&mut session, UserCommand::Undo);
    click(&mut session, [40.0, 40.0], false);
    assert!(session.command_refusal(UserCommand::Redo).is_some());
    command(&mut session, UserCommand::Redo);
    assert!(mask(&session).is_blank());
}

#[test]
fn only_the_newest_answers_keep_their_probabilities() {
    let mut session = clicking(1);
    for end in 20..32 {
        click_and_reply(&mut session, [15.0, 15.0], false, 10, end);
    }
    for _ in 0..11 {
        command(&mut session, UserCommand::Undo);
    }
    let job = click_and_reply(&mut session, [30.0, 30.0], false, 10, 40);
    let earlier = job.earlier.unwrap();
    assert_eq!(earlier.region(), square(10..20, 10..20).region());
    let mut probabilities = earlier.probabilities().into_iter();
    assert!(probabilities.all(|p| p == 0.0 || p == 1.0));
}

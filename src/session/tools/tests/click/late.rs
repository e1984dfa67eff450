//! Answers that arrive after something else has changed: the case, the label, the mask, the workspace.

use super::*;
use crate::{
    Error,
    session::{job::WorkspaceInfo, tests::known},
};

fn says(session: &Session, words: &str) -> bool {
    let mut notices = session.notices.list.iter();
    notices.any(|notice| notice.text.contains(words))
}

fn status(session: &Session) -> Status {
    session.cases.current_case().unwrap().status
}

fn set_lock(session: &mut Session, value: u8, locked: bool) {
    let label = Label {
        locked,
        ..session.labels.all_labels()[usize::from(value) - 1].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(value, label)));
}

#[test]
fn a_case_is_not_accepted_while_a_click_waits_for_its_answer() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    command(&mut session, UserCommand::Accept);
    assert!(says(&session, "The object is finished"));
    command(&mut session, UserCommand::Accept);
    assert!(says(&session, "still being computed"));
    assert_eq!(status(&session), Status::New);
    reply(&mut session, &job, 10, 30);
    command(&mut session, UserCommand::Accept);
    assert_eq!(status(&session), Status::Accepted);
}

#[test]
fn a_skipped_case_is_not_changed_by_a_late_answer() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    command(&mut session, UserCommand::Skip);
    reply(&mut session, &job, 10, 30);
    assert_eq!(status(&session), Status::Skipped);
    assert!(mask(&session).is_blank());
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    reply(&mut session, &job, 10, 30);
    assert_eq!(
        mask(&session),
        square_mask(10, 30),
        "later clicks are answered"
    );
}

#[test]
fn undo_of_a_click_on_another_slice_shows_the_slice() {
    let mut session = clicking(2);
    let key = session.cases.current_case().unwrap().slice_key();
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    session.apply_action(Action::SetSlice(1 - key.slice));
    assert_eq!(session.next_undo(), Some("Click"));
    command(&mut session, UserCommand::Undo);
    assert_eq!(session.cases.current_case().unwrap().slice_key(), key);
    assert!(says(&session, "still being computed"));
    reply(&mut session, &job, 10, 30);
    assert!(mask(&session).is_blank());
}

#[test]
fn undo_in_any_case_removes_a_click_that_waits_before_the_steps_of_its_object() {
    let mut session = opened(&[("a", 1), ("b", 1)], None);
    load_all(&mut session, 1);
    command(&mut session, UserCommand::ToolClick);
    session.take_jobs();
    let first = session.cases[0].id;
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    click(&mut session, [35.0, 35.0], false);
    let late = question(&mut session);
    command(&mut session, UserCommand::NextCase);
    assert_eq!(session.cases.current, Some(1));
    assert_eq!(
        session.next_undo_anywhere(),
        Some(("Click", session.cases.title_of(first)))
    );
    command(&mut session, UserCommand::UndoAnywhere);
    assert_eq!(session.cases.current, Some(0));
    reply(&mut session, &late, 10, 40);
    assert_eq!(mask(&session), square_mask(10, 30));
    command(&mut session, UserCommand::UndoAnywhere);
    assert!(mask(&session).is_blank());
}

#[test]
fn an_undone_prompt_can_be_redone_after_a_click_without_an_answer_was_undone() {
    let mut session = clicking(1);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    click_and_reply(&mut session, [35.0, 35.0], false, 10, 40);
    command(&mut session, UserCommand::Undo);
    click(&mut session, [45.0, 45.0], false);
    command(&mut session, UserCommand::Redo);
    assert!(says(&session, "still being computed"));
    command(&mut session, UserCommand::Undo);
    command(&mut session, UserCommand::Redo);
    assert_eq!(mask(&session), square_mask(10, 40));
    assert_eq!(state(&session).unwrap().0, 2, "both prompts are back");
}

#[test]
fn a_label_that_was_locked_meanwhile_gets_nothing() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    set_lock(&mut session, 1, true);
    reply(&mut session, &job, 10, 30);
    assert!(mask(&session).is_blank() && state(&session).is_none());
    assert!(says(&session, "One was locked"));
    set_lock(&mut session, 1, false);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 40);
    assert_eq!(mask(&session), square_mask(10, 40), "all of it is painted");
}

#[test]
fn a_label_that_was_removed_meanwhile_does_not_come_back() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    session.apply_action(Action::Label(LabelAction::Remove {
        label: 1,
        into: None,
    }));
    reply(&mut session, &job, 10, 30);
    assert!(mask(&session).is_blank());
    assert!(says(&session, "One was removed"));
}

#[test]
fn nothing_of_an_object_comes_back_after_its_label_was_cleared() {
    let mut session = clicking(1);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    click(&mut session, [35.0, 35.0], false);
    let job = question(&mut session);
    command(&mut session, UserCommand::EmptyLabel);
    assert!(mask(&session).is_blank());
    reply(&mut session, &job, 10, 40);
    assert!(mask(&session).is_blank());
    assert!(says(&session, "the object was removed"));
}

#[test]
fn an_answer_waits_until_the_workspace_has_restored_the_case() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    session.cases[0].is_restored = false;
    reply(&mut session, &job, 10, 30);
    assert!(session.history.is_empty());
    session.on_event(Event::Restored {
        case: session.cases[0].id,
        known: known(1),
        restored: None,
    });
    assert_eq!(mask(&session), square_mask(10, 30));
}

#[test]
fn a_late_answer_does_not_change_a_workspace_that_became_read_only() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    session.on_event(Event::Workspace(Ok(WorkspaceInfo {
        holder: Some("another window".into()),
        ..WorkspaceInfo::default()
    })));
    reply(&mut session, &job, 10, 30);
    assert!(session.history.is_empty() && mask(&session).is_blank());
}

#[test]
fn an_answer_without_a_change_does_not_blame_a_locked_label() {
    let mut session = clicking(1);
    set_lock(&mut session, 2, true);
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    click_and_reply(&mut session, [22.0, 22.0], false, 10, 30);
    assert!(!says(&session, "locked"));
}

#[test]
fn a_late_answer_is_dropped() {
    for how in [
        UserCommand::Undo,
        UserCommand::Cancel,
        UserCommand::CloseAll,
    ] {
        let mut session = clicking(1);
        click(&mut session, [20.0, 20.0], false);
        let job = question(&mut session);
        command(&mut session, how);
        assert!(state(&session).is_none(), "{how:?}");
        reply(&mut session, &job, 10, 30);
        assert!(session.history.is_empty(), "{how:?}");
        assert!(session.live_mask().is_none_or(|l| l.mask().is_blank()));
    }
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    command(&mut session, UserCommand::Undo);
    click(&mut session, [40.0, 40.0], false);
    reply(&mut session, &job, 10, 30);
    assert!(mask(&session).is_blank(), "it answers another click");
    let job = question(&mut session);
    reply(&mut session, &job, 35, 45);
    assert_eq!(mask(&session), square_mask(35, 45));
}

#[test]
fn a_failure_is_told_once_and_its_prompts_are_gone() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    click(&mut session, [35.0, 35.0], false);
    let job = question(&mut session);
    session.on_event(Event::Clicked(ClickAnswer {
        case: job.case,
        object: job.object,
        revision: job.revision,
        prompts: 1,
        model: String::new(),
        result: Err(Error::new("find the clicked object", "the device is gone")),
    }));
    assert_eq!(session.notices.errors.len(), 1);
    assert!(state(&session).is_none() && questions(&mut session).is_empty());
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    assert_eq!(mask(&session), square_mask(10, 30));
}

#[test]
fn an_answer_in_the_middle_of_a_stroke_waits_for_its_end() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    let job = question(&mut session);
    take(&mut session, UserCommand::ToolBrush, 3.0);
    point(&mut session, PointerPhase::Press, [50.0, 50.0], false);
    reply(&mut session, &job, 10, 30);
    assert_eq!(mask(&session).label_at(15, 15), 0);
    point(&mut session, PointerPhase::Release, [50.0, 50.0], false);
    assert_eq!(mask(&session).label_at(15, 15), 1);
    assert_eq!(session.history.len(), 2);
    command(&mut session, UserCommand::Undo);
    assert_eq!(
        [(15, 15), (50, 50)].map(|(x, y)| mask(&session).label_at(x, y)),
        [0, 1]
    );
}

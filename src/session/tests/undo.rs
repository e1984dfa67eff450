//! Undo and redo stay in the case, and restore acceptances and label names.

use super::*;
use crate::session::{
    history::{HistoryStep, StepId},
    store::stored_step,
};
use labrum_core::{
    edit::Edit,
    journal::{Also, StatusChange},
    mask::{Mask, PackedMask},
};

/// A dab on the first slice of a case.
fn draw(session: &mut Session, at: usize) {
    let key = SliceKey {
        case: session.cases[at].id,
        slice: 0,
    };
    let side = 3 + session.history.len() % 20;
    let dot = Region::from_fn(
        &PixelRect {
            columns: 3..3 + side,
            rows: 3..9,
        },
        |_, _| true,
    );
    let edit = session.write_mask(key, |mask| mask.paint_region(&dot, 1, &Rule::FREE));
    session.commit_edits("Brush", key.case, vec![(0, edit)]);
}

fn pixels(session: &Session, at: usize) -> usize {
    let key = SliceKey {
        case: session.cases[at].id,
        slice: 0,
    };
    session.mask_of(key).map_or(0, |m| m.count_pixels(1))
}

fn last(session: &Session) -> &str {
    &session.notices.list.last().unwrap().text
}

#[test]
fn redo_does_not_cross_to_another_case() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    draw(&mut session, 0);
    draw(&mut session, 0);
    command(&mut session, UserCommand::Undo);
    command(&mut session, UserCommand::Accept);
    assert_eq!(
        (session.cases.current, session.cases[0].status),
        (Some(1), Status::Accepted)
    );
    let before = pixels(&session, 0);
    command(&mut session, UserCommand::Redo);
    command(&mut session, UserCommand::Undo);
    assert_eq!(
        (session.cases.current, session.cases[0].status),
        (Some(1), Status::Accepted)
    );
    assert_eq!(pixels(&session, 0), before);
    assert!(
        last(&session).contains("\"Undo in any case\" goes to \"one\" (accept)"),
        "{}",
        last(&session)
    );
}

#[test]
fn undo_in_any_case_goes_there_and_names_case_and_action() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    draw(&mut session, 0);
    command(&mut session, UserCommand::Accept);
    assert_eq!(session.next_undo(), None);
    assert_eq!(session.next_undo_anywhere(), Some(("Accept", "one".into())));
    command(&mut session, UserCommand::UndoAnywhere);
    assert_eq!(
        (session.cases.current, session.cases[0].status),
        (Some(0), Status::Corrected)
    );
    assert_eq!(
        last(&session),
        "Undo in \"one\": accept. Status of the case: Edited."
    );
    command(&mut session, UserCommand::NextCase);
    command(&mut session, UserCommand::RedoAnywhere);
    assert_eq!(
        (session.cases.current, session.cases[0].status),
        (Some(0), Status::Accepted)
    );
    assert_eq!(
        last(&session),
        "Redo in \"one\": accept. Status of the case: Accepted."
    );
}

#[test]
fn a_step_in_another_case_does_not_discard_redo() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    draw(&mut session, 0);
    command(&mut session, UserCommand::Undo);
    draw(&mut session, 1);
    command(&mut session, UserCommand::Redo);
    assert!(pixels(&session, 0) > 0);
}

#[test]
fn a_stroke_on_an_accepted_case_is_reported_and_undo_restores_the_acceptance() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    draw(&mut session, 0);
    command(&mut session, UserCommand::Accept);
    command(&mut session, UserCommand::PreviousCase);
    draw(&mut session, 0);
    assert_eq!(session.cases[0].status, Status::Corrected);
    assert!(
        last(&session).contains("Accept it again"),
        "{}",
        last(&session)
    );
    command(&mut session, UserCommand::Undo);
    assert_eq!(session.cases[0].status, Status::Accepted);
    assert!(
        last(&session).contains("Status of the case: Accepted"),
        "{}",
        last(&session)
    );
    command(&mut session, UserCommand::Redo);
    assert_eq!(session.cases[0].status, Status::Corrected);
}

#[test]
fn undoing_a_skip_takes_newer_proposals_into_account() {
    let mut session = session(&[("one", 1), ("two", 1)], Some(model("US")));
    command(&mut session, UserCommand::Skip);
    command(&mut session, UserCommand::PreviousCase);
    assert_eq!(session.cases[0].status, Status::Skipped);
    command(&mut session, UserCommand::Undo);
    assert_eq!(session.cases[0].status, Status::New);
    segment_jobs(&mut session);
    command(&mut session, UserCommand::SegmentSlice);
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    assert_eq!(session.cases[0].status, Status::Proposed);
    command(&mut session, UserCommand::Redo);
    assert_eq!(session.cases[0].status, Status::Skipped);
    command(&mut session, UserCommand::Undo);
    assert_eq!(session.cases[0].status, Status::Proposed);
}

#[test]
fn undo_and_redo_restore_the_acceptance_from_an_older_journal() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    let case = session.cases[0].id;
    session.cases[0].is_restored = false;
    let mut mask = Mask::new_blank(64, 64);
    let dot = Region::from_fn(
        &PixelRect {
            columns: 3..9,
            rows: 3..9,
        },
        |_, _| true,
    );
    let edit: Edit = mask.paint_region(&dot, 1, &Rule::FREE);
    let slice = RestoredSlice {
        mask: Some(PackedMask::from_mask(&mask)),
        is_touched: true,
        ..RestoredSlice::default()
    };
    let done = vec![stored_step(
        4,
        case,
        "Brush",
        vec![(0, edit.to_bytes())],
        Also::default(),
    )];
    let restored = Restored {
        status: Status::Accepted,
        slices: vec![slice],
        done,
        ..Restored::default()
    };
    session.on_event(Event::Restored {
        case,
        known: known(1),
        restored: Some(Box::new(restored)),
    });
    session.take_jobs();
    command(&mut session, UserCommand::Undo);
    assert_eq!(
        (session.cases[0].status, pixels(&session, 0)),
        (Status::Corrected, 0)
    );
    assert!(
        last(&session).contains("in \"one\": brush. Status of the case: Edited"),
        "{}",
        last(&session)
    );
    let told = session.take_jobs().into_iter().find_map(|j| match j {
        Job::Store(StoreJob::SetUndone {
            step: StepId::Stored(4),
            undone: true,
            status,
        }) => status,
        _ => None,
    });
    assert_eq!(
        told,
        Some(StatusChange {
            before: Status::Corrected,
            after: Status::Accepted
        })
    );
    command(&mut session, UserCommand::Redo);
    assert_eq!(
        (session.cases[0].status, pixels(&session, 0)),
        (Status::Accepted, 36)
    );
}

#[test]
fn an_acceptance_without_a_step_follows_undo_and_redo_of_the_last_stroke() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    draw(&mut session, 0);
    // As `labrum workspace accept` does: without a step.
    session.cases[0].status = Status::Accepted;
    command(&mut session, UserCommand::Undo);
    assert_eq!(session.cases[0].status, Status::New);
    assert!(
        last(&session).contains("Status of the case: New"),
        "{}",
        last(&session)
    );
    command(&mut session, UserCommand::Redo);
    assert_eq!(session.cases[0].status, Status::Accepted);
}

#[test]
fn renaming_a_label_is_a_step() {
    let mut session = session(&[("one", 1)], None);
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name(
        "Polyp", 0,
    ))));
    let renamed = Label {
        name: "Adenoma".into(),
        ..session.labels.all_labels()[0].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(1, renamed)));
    assert_eq!(session.next_undo(), Some("Rename label"));
    let hidden = Label {
        visible: false,
        ..session.labels.all_labels()[0].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(1, hidden)));
    assert_eq!(
        session.next_undo(),
        Some("Rename label"),
        "changing the visibility is not a step"
    );
    session.take_jobs();
    command(&mut session, UserCommand::Undo);
    assert_eq!(session.labels.all_labels()[0].name, "Polyp");
    assert!(!session.labels.all_labels()[0].visible);
    assert!(
        last(&session).contains("The label is now called Polyp"),
        "{}",
        last(&session)
    );
    let saved =
        |j: &Job| matches!(j, Job::Store(StoreJob::Labels(labels)) if labels[0].name == "Polyp");
    assert!(session.take_jobs().iter().any(saved));
    command(&mut session, UserCommand::Redo);
    assert_eq!(session.labels.all_labels()[0].name, "Adenoma");
}

#[test]
fn next_and_previous_case_stop_at_the_ends_of_the_list() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    command(&mut session, UserCommand::PreviousCase);
    assert_eq!(session.cases.current, Some(0));
    assert_eq!(last(&session), "This is the first case in the list.");
    command(&mut session, UserCommand::NextCase);
    command(&mut session, UserCommand::NextCase);
    assert_eq!(session.cases.current, Some(1));
    assert_eq!(last(&session), "This is the last case in the list.");
}

#[test]
fn restoring_a_case_again_does_not_duplicate_its_steps() {
    let mut session = session(&[("one", 1)], None);
    let case = session.cases[0].id;
    let done: Vec<HistoryStep> = vec![stored_step(
        4,
        case,
        "Brush",
        vec![(0, Edit::default().to_bytes())],
        Also::default(),
    )];
    for _ in 0..2 {
        let restored = Restored {
            is_anew: true,
            done: done.clone(),
            ..Restored::default()
        };
        session.on_event(Event::Restored {
            case,
            known: known(1),
            restored: Some(Box::new(restored)),
        });
    }
    assert_eq!(session.history.len(), 1);
}

#[test]
fn skipping_an_accepted_case_is_reported() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    draw(&mut session, 0);
    command(&mut session, UserCommand::Accept);
    command(&mut session, UserCommand::PreviousCase);
    command(&mut session, UserCommand::Skip);
    assert!(
        last(&session).contains("\"one\" was accepted and is now skipped"),
        "{}",
        last(&session)
    );
}

#[test]
fn a_notice_about_a_case_disappears_with_the_case_and_the_next_step() {
    let mut session = session(&[("one", 1), ("two", 1)], None);
    let said = |session: &Session| {
        session
            .notices
            .list
            .iter()
            .filter(|n| n.text.contains("Accept it again"))
            .count()
    };
    let draw_on_accepted = |session: &mut Session| {
        draw(session, 0);
        command(session, UserCommand::Accept);
        command(session, UserCommand::PreviousCase);
        draw(session, 0);
    };
    draw_on_accepted(&mut session);
    assert_eq!(said(&session), 1);
    command(&mut session, UserCommand::NextCase);
    assert_eq!(said(&session), 0, "another case is on the screen");
    command(&mut session, UserCommand::PreviousCase);
    draw_on_accepted(&mut session);
    command(&mut session, UserCommand::Accept);
    assert_eq!(said(&session), 0, "it is accepted again");
}

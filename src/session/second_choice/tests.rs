//! Second choices with answers from the test: what is asked, steps, the other choice, undo, and what is dropped.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
    Error,
    session::{
        Action,
        command::UserCommand,
        finding::Finding,
        job::{Event, ShapeJob},
        labels::LabelAction,
        tests::{answer, command, model, segment_jobs, session as opened, with_pictures},
        tool_options::ToolOptions,
        tools::{Place, PointerInput, PointerPhase},
        workspace_labels::PaintOver,
    },
};
use labrum_core::{
    label::Label,
    mask::{Mask, Rule},
    region::PixelRect,
    study::Status,
};

/// A series of `slices` slices, each with the proposal of a disc that is blurred on its right side.
fn with_proposals(slices: usize) -> Session {
    let mut session = opened(&[("a", slices)], Some(model("US")));
    let picture = with_pictures(&[("b", 1)]).current_loaded().unwrap().clone();
    let case = session.cases[0].id;
    for slice in 0..slices {
        session.on_event(Event::Loaded {
            key: SliceKey { case, slice },
            result: Ok(picture.clone()),
        });
    }
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    session
}

/// A session with one slice, of which an uncertain stretch of the proposal's boundary is selected.
pub(crate) fn at_stretch() -> Session {
    let mut session = with_proposals(1);
    command(&mut session, UserCommand::NextDoubtful);
    session.take_jobs();
    session
}

/// The questions to the network since the last call.
fn questions(session: &mut Session) -> Vec<SecondChoiceJob> {
    let jobs = session.take_jobs().into_iter();
    jobs.filter_map(|job| match job {
        Job::Network(NetworkJob::SecondChoice(job)) => Some(job),
        _ => None,
    })
    .collect()
}

/// Asks for the second choice; returns the question.
fn ask(session: &mut Session) -> SecondChoiceJob {
    command(session, UserCommand::SecondChoice);
    let mut all = questions(session);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn reply(session: &mut Session, job: &SecondChoiceJob, choices: &[BoundaryChoice]) {
    session.on_event(Event::SecondChoice(SecondChoiceAnswer {
        id: job.id,
        result: Ok(choices.to_vec()),
    }));
}

/// 12 pixels right of the disc.
pub(crate) fn larger() -> BoundaryChoice {
    choice(true, 53..56)
}

/// 8 pixels at the right side of the disc.
fn smaller() -> BoundaryChoice {
    choice(false, 49..51)
}

fn choice(adds: bool, columns: std::ops::Range<usize>) -> BoundaryChoice {
    let rectangle = PixelRect {
        columns,
        rows: 30..34,
    };
    BoundaryChoice {
        adds,
        change: Region::from_fn(&rectangle, |_, _| true),
        margin: 0.5,
    }
}

fn mask(session: &Session) -> Mask {
    session.live_mask().unwrap().mask().clone()
}

/// The mask with a choice painted.
fn with_choice(before: &Mask, choice: &BoundaryChoice) -> Mask {
    let mut mask = before.clone();
    mask.paint_region(&choice.change, u8::from(choice.adds), &Rule::FREE);
    mask
}

fn says(session: &Session, words: &str) -> bool {
    let mut notices = session.notices.list.iter();
    notices.any(|notice| notice.text.contains(words))
}

/// Draws a dab with the brush.
fn dab(session: &mut Session, at: Place) {
    command(session, UserCommand::ToolBrush);
    let options = ToolOptions {
        radius: 2.0,
        ..session.settings.tools.clone()
    };
    session.apply_action(Action::SetTools(options));
    for phase in [PointerPhase::Press, PointerPhase::Release] {
        session.apply_action(Action::Pointer(PointerInput {
            phase,
            at,
            erases: false,
            is_shifted: false,
            scale: 8.0,
        }));
    }
}

/// Does what the worker would do for outlines of edited masks.
fn survey(session: &mut Session) {
    for job in session.take_jobs() {
        if let Job::Shapes(ShapeJob::Survey(job)) = job {
            let finding = Finding::of_drawn(
                &job.mask,
                job.proposal.as_deref(),
                job.labels.clone(),
                &job.scale,
            );
            session.on_event(Event::Surveyed {
                key: job.key,
                revision: job.revision,
                finding: Arc::new(finding),
            });
        }
    }
}

#[test]
fn the_network_is_asked_about_the_island_at_the_selected_stretch() {
    let mut session = at_stretch();
    let job = ask(&mut session);
    assert!(session.second_choices.is_waiting());
    assert_eq!(job.object.region(), &mask(&session).label_region(1));
    assert!(job.stretch.len() >= 4);
    assert!(
        job.stretch.iter().all(|[x, _]| *x > 32.0),
        "the right side of the disc is blurred"
    );
    command(&mut session, UserCommand::SecondChoice);
    assert!(questions(&mut session).is_empty(), "it is asked once");
}

#[test]
fn the_choice_is_one_step_and_the_key_changes_to_the_other_one_and_back() {
    let mut session = at_stretch();
    let before = mask(&session);
    let job = ask(&mut session);
    reply(&mut session, &job, &[larger(), smaller()]);
    assert!(!session.second_choices.is_waiting());
    assert_eq!(mask(&session), with_choice(&before, &larger()));
    assert_eq!(session.next_undo(), Some("Second choice"));
    assert!(says(
        &session,
        "Second choice along this stretch: 12 pixels added. Press the key again for the other one."
    ));

    command(&mut session, UserCommand::SecondChoice);
    assert_eq!(mask(&session), with_choice(&before, &smaller()));
    assert!(says(
        &session,
        "Other choice along this stretch: 8 pixels removed."
    ));
    assert!(!says(&session, "12 pixels added"));
    command(&mut session, UserCommand::SecondChoice);
    assert_eq!(mask(&session), with_choice(&before, &larger()));
    assert_eq!(session.history.len(), 3);

    for expected in [&smaller(), &larger()] {
        command(&mut session, UserCommand::Undo);
        assert_eq!(mask(&session), with_choice(&before, expected));
    }
    command(&mut session, UserCommand::Undo);
    assert_eq!(mask(&session), before);
    assert!(questions(&mut session).is_empty(), "it is asked once");
}

#[test]
fn after_undo_the_key_shows_the_other_choice() {
    let mut session = at_stretch();
    let before = mask(&session);
    let job = ask(&mut session);
    reply(&mut session, &job, &[larger(), smaller()]);
    command(&mut session, UserCommand::Undo);
    assert_eq!(mask(&session), before);
    command(&mut session, UserCommand::SecondChoice);
    assert_eq!(mask(&session), with_choice(&before, &smaller()));
}

#[test]
fn a_single_choice_has_no_other() {
    let mut session = at_stretch();
    let job = ask(&mut session);
    reply(&mut session, &job, &[larger()]);
    assert!(says(&session, "12 pixels added."));
    assert!(!says(&session, "Press the key again"));
    let shown = mask(&session);
    command(&mut session, UserCommand::SecondChoice);
    assert_eq!(mask(&session), shown);
    assert!(says(&session, "no other choice along this stretch"));
    assert_eq!(session.history.len(), 1);
}

#[test]
fn without_another_boundary_nothing_is_painted_and_a_message_says_so() {
    let mut session = at_stretch();
    let before = mask(&session);
    let job = ask(&mut session);
    reply(&mut session, &job, &[]);
    assert!(says(&session, "finds no other boundary"));
    assert!(mask(&session) == before && session.history.is_empty());
    ask(&mut session);
}

#[test]
fn a_late_answer_is_dropped_if_the_mask_has_changed() {
    let mut session = at_stretch();
    let job = ask(&mut session);
    dab(&mut session, [10.0, 10.0]);
    let drawn = mask(&session);
    reply(&mut session, &job, &[larger()]);
    assert_eq!(mask(&session), drawn);
    assert_eq!(session.next_undo(), Some("Brush"));
    assert!(!session.second_choices.is_waiting());
}

#[test]
fn a_late_answer_is_dropped_if_another_slice_is_shown() {
    let mut session = with_proposals(2);
    command(&mut session, UserCommand::NextDoubtful);
    session.take_jobs();
    let key = session.cases.current_case().unwrap().slice_key();
    let before = mask(&session);
    let job = ask(&mut session);
    session.apply_action(Action::SetSlice(1 - key.slice));
    reply(&mut session, &job, &[larger()]);
    assert!(session.history.is_empty());
    assert_eq!(*session.mask_of(key).unwrap(), before);
}

#[test]
fn a_late_answer_is_dropped_if_the_case_was_accepted() {
    let mut session = at_stretch();
    let job = ask(&mut session);
    command(&mut session, UserCommand::Accept);
    assert_eq!(session.cases[0].status, Status::Accepted);
    let before = mask(&session);
    reply(&mut session, &job, &[larger()]);
    assert_eq!(mask(&session), before);
    assert_eq!(session.cases[0].status, Status::Accepted);
    assert!(!session.second_choices.is_waiting());
}

#[test]
fn the_answer_to_an_older_question_is_dropped() {
    let mut session = at_stretch();
    let before = mask(&session);
    let older = ask(&mut session);
    dab(&mut session, [10.0, 10.0]);
    command(&mut session, UserCommand::Undo);
    survey(&mut session);
    command(&mut session, UserCommand::NextDoubtful);
    let newer = ask(&mut session);
    reply(&mut session, &older, &[smaller()]);
    assert_eq!(mask(&session), before);
    reply(&mut session, &newer, &[larger()]);
    assert_eq!(mask(&session), with_choice(&before, &larger()));
}

#[test]
fn it_works_on_a_mask_that_was_drawn_on() {
    let mut session = with_proposals(1);
    dab(&mut session, [10.0, 10.0]);
    survey(&mut session);
    command(&mut session, UserCommand::NextDoubtful);
    session.take_jobs();
    let before = mask(&session);
    let job = ask(&mut session);
    assert!(
        !job.object.region().contains(10, 10),
        "the dab is another island"
    );
    reply(&mut session, &job, &[larger()]);
    assert_eq!(mask(&session), with_choice(&before, &larger()));
}

#[test]
fn a_stretch_has_to_be_selected_first() {
    let mut session = with_proposals(1);
    assert!(session.command_refusal(UserCommand::SecondChoice).is_some());
    command(&mut session, UserCommand::NextDoubtful);
    assert!(session.command_refusal(UserCommand::SecondChoice).is_none());
    let job = ask(&mut session);
    reply(&mut session, &job, &[larger()]);
    dab(&mut session, [10.0, 10.0]);
    session.take_jobs();
    command(&mut session, UserCommand::SecondChoice);
    assert!(questions(&mut session).is_empty());
    assert!(says(&session, "Go to an uncertain boundary first"));
    assert_eq!(session.next_undo(), Some("Brush"));
}

#[test]
fn locked_labels_and_protected_pixels_stay() {
    let mut session = at_stretch();
    let locked = Label {
        locked: true,
        ..session.labels.all_labels()[0].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(1, locked)));
    session.take_jobs();
    command(&mut session, UserCommand::SecondChoice);
    assert!(questions(&mut session).is_empty());
    assert!(says(&session, "Disc is locked"));

    let mut session = at_stretch();
    let before = mask(&session);
    let job = ask(&mut session);
    session.apply_action(Action::Label(LabelAction::PaintOver(PaintOver::Label(1))));
    reply(&mut session, &job, &[larger(), smaller()]);
    assert!(says(&session, "locked or protected from overwriting"));
    assert!(mask(&session) == before && session.history.is_empty());
    command(&mut session, UserCommand::SecondChoice);
    assert_eq!(mask(&session), with_choice(&before, &smaller()));
}

#[test]
fn a_failure_of_the_network_is_told_and_nothing_waits() {
    let mut session = at_stretch();
    let job = ask(&mut session);
    session.on_event(Event::SecondChoice(SecondChoiceAnswer {
        id: job.id,
        result: Err(Error::new("find another boundary", "the device is gone")),
    }));
    assert_eq!(session.notices.errors.len(), 1);
    assert!(!session.second_choices.is_waiting());
}

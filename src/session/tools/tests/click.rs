//! The Click tool with answers from the test: steps, undo, boxes and scribbles, corrections,
//! locked labels.

mod late;

use super::*;
use crate::{
    Error,
    session::{
        clicked::ClickedObject,
        job::{ClickAnswer, ClickJob, NetworkJob},
        tool_options::NextClick,
    },
};
use labrum_core::prompts::Prompt;
use std::ops::Range;

/// As [`drawing`], with the Click tool.
fn clicking(slices: usize) -> Session {
    let mut session = drawing(slices);
    command(&mut session, UserCommand::ToolClick);
    session.take_jobs();
    session
}

/// The questions to the network since the last call.
fn questions(session: &mut Session) -> Vec<ClickJob> {
    let jobs = session.take_jobs().into_iter();
    jobs.filter_map(|job| {
        if let Job::Network(NetworkJob::Click(job)) = job {
            Some(job)
        } else {
            None
        }
    })
    .collect()
}

fn question(session: &mut Session) -> ClickJob {
    let mut all = questions(session);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn square(columns: Range<usize>, rows: Range<usize>) -> ClickedObject {
    let is_in = |i: usize| columns.contains(&(i % SIDE)) && rows.contains(&(i / SIDE));
    let at = |i: usize| if is_in(i) { 0.9 } else { 0.1 };
    let probabilities: Vec<f32> = (0..SIDE * SIDE).map(at).collect();
    ClickedObject::from_probabilities(&probabilities, SIDE, SIDE)
}

/// Answers a question with a square from `first` to `end` in both directions.
fn reply(session: &mut Session, job: &ClickJob, first: usize, end: usize) {
    session.on_event(Event::Clicked(ClickAnswer {
        case: job.case,
        object: job.object,
        revision: job.revision,
        prompts: job.prompts.len(),
        result: Ok(Arc::new(square(first..end, first..end))),
    }));
}

/// A click that is answered with a square; returns the question.
fn click_and_reply(
    session: &mut Session,
    at: Place,
    erases: bool,
    first: usize,
    end: usize,
) -> ClickJob {
    click(session, at, erases);
    let job = question(session);
    reply(session, &job, first, end);
    job
}

fn square_mask(first: usize, end: usize) -> Mask {
    let (first, end) = (first as f64, end as f64);
    shape(|x, y| (first..end).contains(&x) && (first..end).contains(&y))
}

/// Number of prompts of the current object, and its status.
fn state(session: &Session) -> Option<(usize, String)> {
    let object = session.clicks.object()?;
    Some((object.prompts().count(), object.summary()))
}

/// Press, moves and release with Shift.
fn drag_shifted(session: &mut Session, places: &[Place], erases: bool) {
    let last = places[places.len() - 1];
    let first = (PointerPhase::Press, places[0]);
    let moves = places[1..].iter().map(|at| (PointerPhase::Drag, *at));
    let all = [first].into_iter().chain(moves);
    for (phase, at) in all.chain([(PointerPhase::Release, last)]) {
        session.apply_action(Action::Pointer(PointerInput {
            phase,
            at,
            erases,
            is_shifted: true,
            scale: 8.0,
        }));
    }
}

fn choose_next(session: &mut Session, next_click: NextClick) {
    let options = ToolOptions {
        next_click,
        ..session.settings.tools.clone()
    };
    session.apply_action(Action::SetTools(options));
}

#[test]
fn choosing_the_tool_loads_the_network() {
    let mut session = drawing(1);
    command(&mut session, UserCommand::ToolClick);
    let jobs = session.take_jobs();
    assert!(
        jobs.iter()
            .any(|job| matches!(job, Job::Network(NetworkJob::PrepareClicks(_))))
    );
}

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
fn prompts_are_answered_one_after_the_other() {
    let mut session = clicking(1);
    click(&mut session, [20.0, 20.0], false);
    click(&mut session, [35.0, 35.0], false);
    let first = question(&mut session);
    assert_eq!(first.prompts.len(), 1);
    reply(&mut session, &first, 10, 30);
    let second = question(&mut session);
    assert_eq!(second.prompts.len(), 2);
    assert!(second.earlier.as_deref() == Some(&square(10..30, 10..30)));
    reply(&mut session, &second, 10, 40);
    assert_eq!(session.history.len(), 2, "each prompt is a step");
}

/// What the network is asked after `draw`, with an object that was clicked before.
fn second_prompt(draw: impl Fn(&mut Session)) -> Prompt {
    let mut session = clicking(1);
    click_and_reply(&mut session, [50.0, 50.0], false, 5, 60);
    draw(&mut session);
    question(&mut session).prompts.remove(1)
}

#[test]
fn a_drag_is_a_box_and_a_stroke_with_shift_is_a_line() {
    let path = [[10.0, 10.0], [20.0, 12.0], [30.0, 40.0]];
    let points = path.to_vec();
    let [adding, removing] = [true, false].map(|adds| Prompt::Scribble {
        points: points.clone(),
        adds,
    });
    assert_eq!(
        second_prompt(|s| drag(s, &path, false)),
        Prompt::Box {
            from: path[0],
            to: path[2]
        }
    );
    assert_eq!(second_prompt(|s| drag_shifted(s, &path, false)), adding);
    assert_eq!(second_prompt(|s| drag_shifted(s, &path, true)), removing);
    assert_eq!(
        second_prompt(|s| drag(s, &path, true)),
        removing,
        "there are no negative boxes"
    );
    assert_eq!(
        second_prompt(|s| drag(s, &[[10.0, 10.0], [10.5, 10.0]], false)),
        Prompt::Click {
            at: [10.0, 10.0],
            adds: true
        },
        "a small movement does not draw a box"
    );
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
        result: Err(Error::new("find the clicked object", "the device is gone")),
    }));
    assert_eq!(session.notices.errors.len(), 1);
    assert!(state(&session).is_none() && questions(&mut session).is_empty());
    click_and_reply(&mut session, [20.0, 20.0], false, 10, 30);
    assert_eq!(mask(&session), square_mask(10, 30));
}

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

#[test]
fn nothing_is_asked_for_a_locked_label_or_outside_of_the_image() {
    let mut session = clicking(1);
    click(&mut session, [-3.0, 20.0], false);
    click(&mut session, [64.0, 20.0], false);
    let locked = Label {
        locked: true,
        ..session.labels.all_labels()[0].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(1, locked)));
    click(&mut session, [20.0, 20.0], false);
    assert!(questions(&mut session).is_empty());
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

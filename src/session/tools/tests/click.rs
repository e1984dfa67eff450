//! The Click tool with answers from the test, by theme.

mod corrections;
mod late;
mod objects;
mod prompts;
mod steps;
mod stored;

use super::*;
use crate::session::{
    clicked::ClickedObject,
    job::{ClickAnswer, ClickJob, NetworkJob},
    tool_options::NextClick,
};
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
        model: "Clicks 1.0.0".to_owned(),
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

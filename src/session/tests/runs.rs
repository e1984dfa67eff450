//! Runs of the models: which begin, in which order, and which results count.

use super::*;

#[test]
fn a_matching_model_runs_automatically_starting_with_the_current_slice() {
    let mut session = session(&[("a", 5)], Some(model("US")));
    let jobs = segment_jobs(&mut session);
    assert_eq!(jobs.len(), 1);
    let order: Vec<usize> = jobs[0].targets.iter().map(|t| t.key.slice).collect();
    assert_eq!(order, [2, 3, 1, 4, 0]);
    answer(&mut session, &jobs[0]);
    assert_eq!(
        session.cases.current_case().unwrap().status,
        Status::Proposed
    );
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        5
    );
}

#[test]
fn a_model_that_does_not_match_runs_only_if_the_user_chooses_it() {
    let mut session = session(&[("a", 1)], Some(model("CT")));
    assert!(segment_jobs(&mut session).is_empty());
    assert!(session.command_refusal(UserCommand::SegmentSlice).is_some());
    session.apply_action(Action::ChooseModel(Some(ModelSource::Shipped(0))));
    command(&mut session, UserCommand::SegmentSlice);
    assert_eq!(segment_jobs(&mut session).len(), 1);
    let warnings = |session: &mut Session| {
        let all = session.notices.list.drain(..);
        all.filter(|notice| notice.text.contains("may not be suitable"))
            .count()
    };
    assert_eq!(warnings(&mut session), 1);
    command(&mut session, UserCommand::SegmentSlice);
    assert_eq!(warnings(&mut session), 0, "the user is warned only once");
    let fitting = session
        .models
        .fitting_model(session.cases.current_case().unwrap());
    assert!(
        matches!(
            fitting,
            Fitting::Model {
                warning: Some(_),
                ..
            }
        ),
        "{fitting:?}"
    );
}

#[test]
fn the_result_of_an_older_run_is_dropped() {
    let mut session = session(&[("a", 1)], Some(model("US")));
    let first = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::SegmentSlice);
    let second = segment_jobs(&mut session).remove(0);
    answer(&mut session, &first);
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        0,
        "the user has started a newer run"
    );
    answer(&mut session, &second);
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        1
    );
}

#[test]
fn a_result_for_a_closed_case_is_dropped() {
    let mut session = session(&[("a", 1)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::CloseAll);
    answer(&mut session, &job);
    assert!(session.cases.is_empty() && session.notices.list.is_empty());
}

#[test]
fn results_after_a_cancel_are_dropped_and_no_run_is_restarted() {
    let mut session = session(&[("a", 3), ("b", 3)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::Cancel);
    assert!(job.cancel.is_cancelled() && !session.is_busy());
    answer(&mut session, &job);
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        0
    );
    assert!(segment_jobs(&mut session).is_empty());
}

#[test]
fn an_accepted_case_is_not_changed_by_late_results() {
    let mut session = session(&[("a", 2), ("b", 1)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    let t = &job.targets[0];
    let (run, key, revision) = (job.run, t.key, t.revision);
    session.on_event(Event::Segmented {
        run,
        key,
        revision,
        result: Ok(finding()),
    });
    command(&mut session, UserCommand::Accept);
    answer(&mut session, &job);
    assert_eq!(session.cases[0].status, Status::Accepted);
    assert_eq!(session.cases[0].measured_slice_count(), 1);
    assert_eq!(session.cases.current, Some(1), "the next case is shown");
}

#[test]
fn the_next_cases_are_segmented_ahead() {
    let mut session = session(&[("a", 1), ("b", 1)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    answer(&mut session, &job);
    let ahead = segment_jobs(&mut session);
    assert_eq!(ahead.len(), 1);
    assert_eq!(ahead[0].targets[0].key.case, session.cases[1].id);
}

#[test]
fn the_current_case_does_not_wait_for_runs_on_others() {
    let mut session = session(&[("a", 5), ("b", 5)], Some(model("US")));
    segment_jobs(&mut session);
    command(&mut session, UserCommand::NextCase);
    let jobs = segment_jobs(&mut session);
    assert_eq!(
        jobs.iter()
            .map(|j| (j.is_urgent, j.targets.len()))
            .collect::<Vec<_>>(),
        [(true, 1), (false, 4)]
    );
    answer(&mut session, &jobs[1]);
    answer(&mut session, &jobs[0]);
    assert_eq!(
        session.cases.current_case().unwrap().measured_slice_count(),
        5
    );
}

#[test]
fn a_run_that_was_replaced_starts_again_when_the_user_returns_to_the_case() {
    let mut session = session(&[("a", 1), ("b", 1)], Some(model("US")));
    let first = segment_jobs(&mut session).remove(0);
    command(&mut session, UserCommand::NextCase);
    segment_jobs(&mut session);
    session.on_event(Event::RunEnded {
        run: first.run,
        failure: None,
    });
    command(&mut session, UserCommand::PreviousCase);
    assert_eq!(segment_jobs(&mut session).len(), 1);
}

#[test]
fn a_failing_run_is_reported_once() {
    let mut session = session(&[("a", 3)], Some(model("US")));
    let job = segment_jobs(&mut session).remove(0);
    for t in &job.targets {
        let result = Err(Error::new(
            "run the model",
            format!("slice {} is odd", t.key.slice),
        ));
        session.on_event(Event::Segmented {
            run: job.run,
            key: t.key,
            revision: t.revision,
            result,
        });
    }
    assert_eq!(session.notices.list.len(), 1);
}

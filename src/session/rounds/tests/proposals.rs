//! Proposals of versions of the model, and what arrives too late.

use super::*;

/// Starts the model on case `at`; no result has arrived yet.
fn pending_run(session: &mut Session, at: usize) -> SegmentJob {
    session.select_case(Some(at));
    session.take_jobs();
    command(session, UserCommand::SegmentSlice);
    segment_jobs(session).pop().unwrap()
}

#[test]
fn a_proposal_that_arrives_after_acceptance_is_dropped() {
    let mut session = ready();
    let id = session.cases[0].id;
    let job = pending_run(&mut session, 0);
    draw(&mut session, id);
    let drawn = mask_of(&session, id);
    command(&mut session, UserCommand::Accept);
    answer(&mut session, &job);
    let case = &session.cases[0];
    assert_eq!(
        (case.status, case.slices[0].is_proposal_newer()),
        (Status::Accepted, false)
    );
    assert_eq!(mask_of(&session, id), drawn);
}

#[test]
fn a_proposal_that_arrives_after_drawing_does_not_change_the_mask() {
    let mut session = ready();
    let id = session.cases[0].id;
    let job = pending_run(&mut session, 0);
    draw(&mut session, id);
    let drawn = mask_of(&session, id);
    answer(&mut session, &job);
    assert_eq!(mask_of(&session, id), drawn);
    assert!(
        session.cases[0].slices[0].is_proposal_newer(),
        "the proposal can be accepted"
    );
}

#[test]
fn a_proposal_of_the_previous_version_is_dropped_if_the_new_one_was_started() {
    let mut session = ready();
    let old = pending_run(&mut session, 0);
    activate(&mut session, 4);
    let new = pending_run(&mut session, 0);
    assert_eq!(new.model.display_title(), "US model round-4");
    answer(&mut session, &old);
    assert!(
        session.cases[0].slices[0].proposal().is_none(),
        "the old proposal is dropped"
    );
}

#[test]
fn accepting_a_proposal_does_not_change_locked_labels() {
    let mut session = ready();
    let id = session.cases[0].id;
    let job = pending_run(&mut session, 0);
    draw(&mut session, id);
    session.apply_action(Action::Label(LabelAction::Add(Label::with_name("Bone", 1))));
    let locked = u8::try_from(session.labels.all_labels().len()).unwrap();
    let key = SliceKey { case: id, slice: 0 };
    let place = Region::from_fn(
        &PixelRect {
            columns: 20..44,
            rows: 20..44,
        },
        |_, _| true,
    );
    let edit = session.write_mask(key, |mask| mask.paint_region(&place, locked, &Rule::FREE));
    session.commit_edits("Brush", id, vec![(0, edit)]);
    let bone = Label {
        locked: true,
        ..session.labels.all_labels()[usize::from(locked) - 1].clone()
    };
    session.apply_action(Action::Label(LabelAction::Change(locked, bone)));
    answer(&mut session, &job);
    let before = mask_of(&session, id).label_region(locked);
    command(&mut session, UserCommand::AcceptProposal);
    assert_eq!(mask_of(&session, id).label_region(locked), before);
}

#[test]
fn a_new_version_is_used_first_and_renews_proposals_of_open_cases() {
    let mut session = ready();
    session.cases[1].auto_run_done = true;
    for at in [0, 1] {
        let job = pending_run(&mut session, at);
        answer(&mut session, &job);
    }
    assert!(!session.models.is_stale(&session.cases[0]));
    let accepted = session.cases[1].id;
    session.select_case(Some(1));
    command(&mut session, UserCommand::Accept);
    let mask = mask_of(&session, accepted);
    session.take_jobs();
    activate(&mut session, 4);
    assert_eq!(
        session
            .models
            .model_for(&session.cases[0])
            .unwrap()
            .display_title(),
        "US model round-4"
    );
    assert!(
        session.models.is_stale(&session.cases[0]),
        "its proposal is from the previous model"
    );
    assert!(
        !session.models.is_stale(&session.cases[1]),
        "accepted cases are never stale"
    );
    session.select_case(Some(1));
    session.select_case(Some(0));
    let jobs = segment_jobs(&mut session);
    assert!(
        !jobs.is_empty()
            && jobs
                .iter()
                .all(|j| j.model.display_title() == "US model round-4")
    );
    assert!(
        jobs.iter()
            .flat_map(|j| &j.targets)
            .all(|t| t.key.case != accepted)
    );
    assert_eq!(mask_of(&session, accepted), mask);
}

#[test]
fn without_an_active_version_the_shipped_model_is_used_again() {
    let mut session = ready();
    activate(&mut session, 4);
    session.on_event(Event::Versions {
        versions: vec![version(4, false)],
        active: None,
    });
    assert_eq!(
        session
            .models
            .model_for(&session.cases[0])
            .unwrap()
            .display_title(),
        "US model 1"
    );
}

#[test]
fn a_case_shown_without_a_proposal_gets_one_only_on_request() {
    let mut session = ready();
    session.cases[0].is_blind = true;
    session.select_case(Some(1));
    session.take_jobs();
    session.select_case(Some(0));
    let is_of = |job: &SegmentJob, id: CaseId| job.targets.iter().any(|t| t.key.case == id);
    let id = session.cases[0].id;
    assert!(segment_jobs(&mut session).iter().all(|job| !is_of(job, id)));
    command(&mut session, UserCommand::SegmentSlice);
    assert!(segment_jobs(&mut session).iter().any(|job| is_of(job, id)));
    assert!(!session.cases[0].is_blind);
}

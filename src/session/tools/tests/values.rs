//! Values of the pixels under masks: requested when a mask was measured, on slices and over the series.

use super::*;
use crate::session::{finding::Finding, job::ValuesJob, mask_values::MaskValues};

/// Answers all surveys; returns the requests for values meanwhile.
fn answer_surveys(session: &mut Session) -> Vec<ValuesJob> {
    let mut wanted = Vec::new();
    loop {
        let mut has_surveys = false;
        for job in session.take_jobs() {
            match job {
                Job::Shapes(ShapeJob::Survey(job)) => {
                    has_surveys = true;
                    let proposal = job.proposal.as_deref();
                    let finding = Finding::of_drawn(&job.mask, proposal, job.labels, &job.scale);
                    session.on_event(Event::Surveyed {
                        key: job.key,
                        revision: job.revision,
                        finding: Arc::new(finding),
                    });
                }
                Job::Shapes(ShapeJob::Values(job)) => wanted.push(job),
                _ => {}
            }
        }
        if !has_surveys {
            return wanted;
        }
    }
}

fn answer_values(session: &mut Session, job: &ValuesJob) {
    session.on_event(Event::MaskValues {
        key: job.key,
        revision: job.revision,
        values: Arc::new(MaskValues::of_mask(&job.mask, &job.image)),
    });
}

/// A session with two slices and a disc of the first label on the bright square of slice 1.
fn with_disc() -> Session {
    let mut session = drawing(2);
    take(&mut session, UserCommand::ToolBrush, 5.0);
    drag(&mut session, &[[30.0, 30.0], [31.0, 30.0]], false);
    session
}

#[test]
fn values_follow_the_mask_on_a_slice_and_over_the_series() {
    let mut session = with_disc();
    let wanted = answer_surveys(&mut session);
    let [job] = wanted.as_slice() else {
        panic!("{wanted:?}")
    };
    assert_eq!(job.key.slice, 1);
    assert_eq!(session.mask_values(&session.cases[0], 1), None);
    answer_values(&mut session, job);
    let values = session.mask_values(&session.cases[0], 1).unwrap();
    let bright = values.of_label(1)[0];
    assert_eq!((bright.mean, bright.deviation), (200.0, 0.0));

    // The same disc on the dark background of the other slice.
    session.apply_action(Action::SetSlice(0));
    drag(&mut session, &[[7.0, 7.0], [8.0, 7.0]], false);
    for job in answer_surveys(&mut session) {
        answer_values(&mut session, &job);
    }
    let series = session.series_measurements(&session.cases[0]);
    let [label] = series.as_slice() else {
        panic!("{series:?}")
    };
    assert_eq!((label.slices, label.valued_slices), (2, 2));
    assert_eq!(label.pixels, 2 * bright.count);
    let all = label.values[0];
    assert_eq!((all.mean, all.minimum, all.maximum), (120.0, 40.0, 200.0));
    assert_eq!(all.deviation, 80.0);
}

#[test]
fn values_of_an_older_mask_are_dropped_and_requested_again() {
    let mut session = with_disc();
    let old = answer_surveys(&mut session).remove(0);
    drag(&mut session, &[[40.0, 40.0], [41.0, 40.0]], false);
    assert!(
        answer_surveys(&mut session).is_empty(),
        "one request at a time"
    );
    answer_values(&mut session, &old);
    assert_eq!(session.mask_values(&session.cases[0], 1), None);
    let new = answer_surveys(&mut session).remove(0);
    assert!(new.revision > old.revision);
    answer_values(&mut session, &new);
    let values = session.mask_values(&session.cases[0], 1).unwrap();
    assert_eq!(values.of_label(1)[0].count, mask(&session).count_pixels(1));
    assert!(answer_surveys(&mut session).is_empty(), "nothing is left");
}

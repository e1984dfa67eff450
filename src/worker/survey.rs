//! Computes outlines, measurements and pixel values of masks, and interpolates shapes between slices.

use super::Outbox;
use crate::session::{
    finding::Finding,
    job::{Event, InterpolateJob, ShapeJob, SurveyJob, ValuesJob},
    mask_values::MaskValues,
};
use crossbeam_channel::Receiver;
use labrum_core::{region::Region, tools::interpolate};
use std::{collections::VecDeque, sync::Arc};

/// Runs jobs until the channel is closed: of several surveys of a slice only the newest, pixel values after all others.
pub(super) fn run_jobs(jobs: &Receiver<ShapeJob>, outbox: &Outbox) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let Ok(job) = jobs.recv() else { return };
            waiting.push_back(job);
        }
        waiting.extend(jobs.try_iter());
        let next = waiting.iter().position(|job| !is_about_values(job));
        let Some(job) = waiting.remove(next.unwrap_or(0)) else {
            continue;
        };
        let event = match job {
            ShapeJob::Survey(job) if is_outdated(&job, &waiting) => continue,
            ShapeJob::Survey(job) => survey_mask(job),
            ShapeJob::Values(job) => mask_values(job),
            ShapeJob::Interpolate(job) => {
                let shapes = interpolate_shapes(&job);
                Event::Interpolated(job, shapes)
            }
        };
        if !outbox.send_event(event) {
            return;
        }
    }
}

fn is_outdated(job: &SurveyJob, waiting: &VecDeque<ShapeJob>) -> bool {
    waiting
        .iter()
        .any(|later| matches!(later, ShapeJob::Survey(later) if later.key == job.key))
}

fn is_about_values(job: &ShapeJob) -> bool {
    matches!(job, ShapeJob::Values(_))
}

fn mask_values(job: ValuesJob) -> Event {
    Event::MaskValues {
        key: job.key,
        revision: job.revision,
        values: Arc::new(MaskValues::of_mask(&job.mask, &job.image)),
    }
}

fn survey_mask(job: SurveyJob) -> Event {
    let SurveyJob {
        key,
        revision,
        mask,
        labels,
        proposal,
        scale,
    } = job;
    let finding = Arc::new(Finding::of_drawn(
        &mask,
        proposal.as_deref(),
        labels,
        &scale,
    ));
    Event::Surveyed {
        key,
        revision,
        finding,
    }
}

fn interpolate_shapes(job: &InterpolateJob) -> Vec<(usize, Region)> {
    job.shapes
        .iter()
        .flat_map(|pair| shapes_between(job, pair))
        .collect()
}

/// Shapes for the slices between two drawn ones, given as slice, shape, slice, shape.
fn shapes_between(
    job: &InterpolateJob,
    (first, a, last, b): &(usize, Region, usize, Region),
) -> Vec<(usize, Region)> {
    let count = last - first;
    let places: Vec<f64> = (1..count).map(|n| n as f64 / count as f64).collect();
    let shapes = interpolate::between_many(a, b, &places, job.columns, job.rows, job.spacing);
    (first + 1..*last).zip(shapes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrum_core::tools::stroke::disc_region;

    #[test]
    fn slices_in_between_get_interpolated_shapes() {
        let (a, b) = (
            disc_region([20.0, 20.0], [6.0, 6.0], 64, 64),
            disc_region([40.0, 20.0], [12.0, 12.0], 64, 64),
        );
        let shapes = [(2, a, 6, b)].into();
        let job = InterpolateJob {
            case: 1,
            label: 1,
            shapes,
            columns: 64,
            rows: 64,
            spacing: [1.0; 2],
            edits_seen: 0,
        };
        let shapes = super::interpolate_shapes(&job);
        assert_eq!(
            shapes.iter().map(|(slice, _)| *slice).collect::<Vec<_>>(),
            [3, 4, 5]
        );
        assert!(
            shapes.windows(2).all(|w| w[0].1.len() < w[1].1.len()),
            "the shapes must grow from one to the other"
        );
    }
}

//! Computes the images of orthogonal views; for each view only the newest request.

use super::Outbox;
use crate::session::job::{Event, ResliceJob};
use crossbeam_channel::Receiver;
use labrum_core::reslice;
use std::sync::Arc;

/// Runs jobs until the channel is closed.
pub(super) fn run_jobs(wanted: &Receiver<ResliceJob>, outbox: &Outbox) {
    let mut waiting: Vec<ResliceJob> = Vec::new();
    loop {
        if waiting.is_empty() {
            let Ok(job) = wanted.recv() else { return };
            waiting.push(job);
        }
        for job in wanted.try_iter() {
            waiting.retain(|w| w.case == job.case && w.plane != job.plane);
            waiting.push(job);
        }
        let job = waiting.remove(0);
        let pane = job.stack.view_pane(job.plane);
        let image = reslice::view_image(&job.stack, &pane, job.index, &job.images).map(Arc::new);
        if !outbox.send_event(Event::Resliced {
            case: job.case,
            plane: job.plane,
            index: job.index,
            slices: job.images.iter().flatten().count(),
            image,
        }) {
            return;
        }
    }
}

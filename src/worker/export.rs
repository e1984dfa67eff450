//! Writes exports.

use super::Outbox;
use crate::session::job::{Event, Job};

pub(super) fn work(job: Job, outbox: &Outbox) {
    let Job::Export(_job) = job else { return };
    outbox.send(Event::Exported(Err(crate::Error::new("export", "not wired yet"))));
}

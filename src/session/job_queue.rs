//! Jobs for the worker until it takes them.

use super::job::{Job, RunId};
use std::mem;

/// Waiting jobs, and the counter for ids.
#[derive(Debug, Default)]
pub(super) struct JobQueue {
    waiting: Vec<Job>,
    next_id: u64,
}

impl JobQueue {
    /// Queues a job.
    pub(super) fn push(&mut self, job: Job) {
        self.waiting.push(job);
    }

    /// Queues several jobs.
    pub(super) fn extend(&mut self, jobs: impl IntoIterator<Item = Job>) {
        self.waiting.extend(jobs);
    }

    /// Removes and returns all waiting jobs.
    pub(super) fn take_all(&mut self) -> Vec<Job> {
        mem::take(&mut self.waiting)
    }
}

impl JobQueue {
    pub(super) fn new_id(&mut self) -> RunId {
        self.next_id += 1;
        self.next_id
    }
}

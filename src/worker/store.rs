//! Writes to the workspace, step by step and in order, on the thread `labrum-workspace`.
//!
//! No work of the user is dropped: what cannot be written stays in the queue and is retried. Cases are looked up after
//! all steps are written; the user can only draw on cases that were looked up.

mod keeper;
mod learning;

use super::{AppFolders, Outbox};
use crate::{
    Error, Result,
    session::job::{CaseToAdopt, Event, SliceKey, StoreJob},
};
use keeper::{WorkspaceKeeper, WriteTrouble};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    mem, result,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Delay before writing is retried.
const RETRY: Duration = Duration::from_secs(2);

/// Idle time after which the journal is compacted.
const REST: Duration = Duration::from_secs(3);

/// Work that can wait.
enum Later {
    Adopt(CaseToAdopt),
    Findings(SliceKey),
}

#[derive(Default)]
struct StoreQueue {
    /// In order of execution, each with a unique number.
    jobs: VecDeque<(u64, StoreJob)>,
    next_number: u64,
    later: VecDeque<Later>,
    is_working: bool,
    is_stuck: bool,
    is_closed: bool,
    retry_now: bool,
    has_workspace: bool,
    /// Number of jobs written that must not be lost.
    written: u64,
}

impl StoreQueue {
    /// True if a job that must not be lost is not written yet.
    fn has_work(&self) -> bool {
        self.jobs.iter().any(|(_, job)| must_not_be_lost(job))
    }

    fn next_job_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn put_job(&mut self, job: StoreJob) {
        match job {
            StoreJob::Retry if self.has_workspace => self.retry_now = true,
            // Before the waiting steps: these go to the new place, even if the old disk was too full for them.
            StoreJob::Retry | StoreJob::Move(_) => self.put_first(job),
            StoreJob::Adopt(cases) => self.later.extend(cases.into_iter().map(Later::Adopt)),
            StoreJob::Open { .. } if self.has_workspace => {
                // The cases of the previous workspace were closed.
                self.later.clear();
                self.put_last(job);
            }
            // Waiting steps go to this workspace, not to one that was to be opened before it.
            StoreJob::Open { .. } => {
                self.jobs
                    .retain(|(_, waiting)| !matches!(waiting, StoreJob::Open { .. }));
                self.put_first(job);
            }
            job => self.put_last(job),
        }
    }

    fn put_last(&mut self, job: StoreJob) {
        let number = self.next_job_number();
        self.jobs.push_back((number, job));
    }

    /// Before all others, including those that cannot be written now.
    fn put_first(&mut self, job: StoreJob) {
        let number = self.next_job_number();
        self.jobs.push_front((number, job));
        self.retry_now = true;
    }
}

fn must_not_be_lost(job: &StoreJob) -> bool {
    !matches!(
        job,
        StoreJob::Open { .. } | StoreJob::Retry | StoreJob::Adopt(_) | StoreJob::Move(_)
    ) && !matches!(job, StoreJob::Relocate(_) | StoreJob::Shown { .. })
}

#[derive(Default)]
struct SharedQueue {
    queue: Mutex<StoreQueue>,
    changed: Condvar,
}

/// The window's side of the thread.
pub(super) struct StoreHandle {
    shared: Arc<SharedQueue>,
    thread: Option<JoinHandle<()>>,
}

impl StoreHandle {
    pub(super) fn start_thread(outbox: Outbox, places: AppFolders) -> Result<Self> {
        let shared = Arc::new(SharedQueue::default());
        let mine = shared.clone();
        let thread = thread::Builder::new()
            .name("labrum-workspace".into())
            .spawn(move || {
                StoreThread {
                    shared: mine,
                    outbox,
                    keeper: WorkspaceKeeper::new(places),
                    told: None,
                }
                .run_loop()
            })
            .map_err(|e| {
                Error::new("start a thread", e).with_advice("Close other programs and try again.")
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub(super) fn submit_job(&self, job: StoreJob) {
        self.shared.queue.lock().put_job(job);
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written, at most `limit`; does not wait if writing is failing.
    pub(super) fn wait_until_stored(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let mut queue = self.shared.queue.lock();
        while (queue.is_working || !queue.jobs.is_empty()) && !queue.is_stuck {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            self.shared.changed.wait_for(&mut queue, left);
        }
    }

    /// Lets the thread write what it can, and waits for its end.
    pub(super) fn close_and_join(&mut self) {
        let mut queue = self.shared.queue.lock();
        // Try once more, whatever failed before.
        queue.is_closed = true;
        queue.retry_now = true;
        drop(queue);
        self.shared.changed.notify_all();
        if self.thread.take().is_some_and(|t| t.join().is_err()) {
            log::error!("the workspace thread panicked");
        }
    }
}

/// The next action of the thread.
enum Next {
    Job(u64, StoreJob),
    Later(Later),
    Fold,
    /// Check whether the other window has closed the workspace.
    LookAround,
    End,
}

struct StoreThread {
    shared: Arc<SharedQueue>,
    outbox: Outbox,
    keeper: WorkspaceKeeper,
    /// The last error that the window was told.
    told: Option<String>,
}

impl StoreThread {
    fn run_loop(mut self) {
        loop {
            match self.wait_for_next() {
                Next::End => return self.keeper.close_workspace(),
                Next::Fold => self.keeper.fold_journal(),
                Next::LookAround => {
                    if self.keeper.is_holder_gone() {
                        self.send_event(Event::HolderGone);
                    }
                }
                Next::Later(later) => self.look_up(later),
                Next::Job(number, job) => self.write_job(number, &job),
            }
        }
    }

    fn wait_for_next(&self) -> Next {
        let mut queue = self.shared.queue.lock();
        loop {
            if !queue.is_stuck || mem::take(&mut queue.retry_now) {
                if let Some((number, job)) = queue.jobs.front().cloned() {
                    queue.is_working = true;
                    return Next::Job(number, job);
                }
                if !queue.is_closed
                    && self.keeper.is_open()
                    && let Some(later) = queue.later.pop_front()
                {
                    return Next::Later(later);
                }
            }
            if queue.is_closed {
                return Next::End;
            }
            let rest = if queue.is_stuck { RETRY } else { REST };
            let slept = self.shared.changed.wait_for(&mut queue, rest);
            if slept.timed_out() {
                if queue.is_stuck {
                    queue.retry_now = true;
                } else if self.keeper.has_to_fold() {
                    return Next::Fold;
                } else if self.keeper.is_looking() {
                    return Next::LookAround;
                }
            }
        }
    }

    /// Runs a job; it stays in the queue if it has to be retried.
    fn write_job(&mut self, number: u64, job: &StoreJob) {
        let result = self.prepare_workspace(job).and_then(|()| {
            let has_work = self.shared.queue.lock().has_work();
            self.keeper.run_job(job, has_work)
        });
        let is_done = !matches!(result, Err(WriteTrouble::Later(_)));
        let was_stuck = {
            let mut queue = self.shared.queue.lock();
            if is_done {
                // It may not be the first any more.
                queue.jobs.retain(|(n, _)| *n != number);
                queue.written += u64::from(must_not_be_lost(job));
            }
            queue.is_working = false;
            queue.has_workspace = self.keeper.is_open();
            mem::replace(&mut queue.is_stuck, !is_done)
        };
        self.shared.changed.notify_all();
        match result {
            Ok(events) => events.into_iter().for_each(|event| self.send_event(event)),
            Err(WriteTrouble::Never(error)) => self.send_event(Event::Failed(error)),
            Err(WriteTrouble::Later(error)) => return self.tell_trouble(error),
        }
        if must_not_be_lost(job) || (was_stuck && self.keeper.is_open()) {
            self.tell_written();
        }
        // Written data already survives the end of the program; after this sync also a power cut.
        if self.shared.queue.lock().jobs.is_empty()
            && let Err(error) = self.keeper.sync_to_disk()
        {
            self.send_event(Event::Failed(error));
        }
    }

    /// Makes sure that a workspace is open and knows the case of the job: there may have been neither when it was
    /// queued.
    fn prepare_workspace(&mut self, job: &StoreJob) -> result::Result<(), WriteTrouble> {
        if must_not_be_lost(job) && !self.keeper.is_open() {
            let events = self.keeper.open_again()?;
            events.into_iter().for_each(|event| self.send_event(event));
        }
        let unknown = keeper::case_of(job)
            .filter(|case| self.keeper.is_open() && !self.keeper.knows_case(*case));
        let Some(case) = unknown else { return Ok(()) };
        let mut queue = self.shared.queue.lock();
        let at = queue
            .later
            .iter()
            .position(|l| matches!(l, Later::Adopt(c) if c.case == case));
        let found = at.and_then(|at| queue.later.remove(at));
        drop(queue);
        match found {
            Some(Later::Adopt(adopt)) => self.adopt_case(adopt),
            _ => Ok(()),
        }
    }

    /// Sends an event. If the receiver is gone, queued jobs are still written.
    fn send_event(&self, event: Event) {
        self.outbox.send_event(event);
    }

    /// Reports an error; the same one only once.
    fn tell_trouble(&mut self, error: Error) {
        if self.told.replace(error.to_string()) != Some(error.to_string()) {
            let written = self.shared.queue.lock().written;
            self.send_event(Event::Stored {
                written,
                trouble: Some(error),
            });
        }
    }

    fn tell_written(&mut self) {
        self.told = None;
        let written = self.shared.queue.lock().written;
        self.send_event(Event::Stored {
            written,
            trouble: None,
        });
    }

    fn look_up(&mut self, later: Later) {
        match later {
            Later::Adopt(case) => {
                let result = self.adopt_case(case);
                let is_stuck = matches!(result, Err(WriteTrouble::Later(_)));
                let was_stuck = mem::replace(&mut self.shared.queue.lock().is_stuck, is_stuck);
                match result {
                    Err(WriteTrouble::Later(error)) => self.tell_trouble(error),
                    // The case stays blocked for drawing, because its work could not be saved.
                    Err(WriteTrouble::Never(error)) => self.send_event(Event::Failed(error)),
                    Ok(()) if was_stuck => self.tell_written(),
                    Ok(()) => {}
                }
            }
            Later::Findings(key) => {
                if let Some(event) = self.keeper.take_finding_event(key) {
                    self.send_event(event);
                }
            }
        }
    }

    /// Looks up or adds a case; it stays queued if that has to be retried.
    fn adopt_case(&mut self, case: CaseToAdopt) -> result::Result<(), WriteTrouble> {
        match self.keeper.adopt_case(case.clone()) {
            Ok((restored, slices)) => {
                self.send_event(restored);
                let mut queue = self.shared.queue.lock();
                queue.later.extend(slices.into_iter().map(Later::Findings));
                let is_last = !queue
                    .later
                    .iter()
                    .any(|later| matches!(later, Later::Adopt(_)));
                drop(queue);
                if is_last {
                    // The total number of cases is now known.
                    self.keeper
                        .meter_event()
                        .into_iter()
                        .for_each(|event| self.send_event(event));
                }
                Ok(())
            }
            Err(trouble) => {
                if matches!(trouble, WriteTrouble::Later(_)) {
                    self.shared
                        .queue
                        .lock()
                        .later
                        .push_front(Later::Adopt(case));
                }
                Err(trouble)
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Writes to the workspace, step by step and in order, on the thread `labrum-workspace`.
//!
//! Nothing that a person did is dropped: what cannot be written stays in the queue and is tried again. Looking up cases
//! comes after all steps: a person draws only on cases that were looked up.

mod keeper;
mod learning;

use super::{AppFolders, Outbox};
use crate::{
    Error, Result,
    session::job::{CaseToAdopt, Event, SliceKey, StoreJob},
};
use keeper::{WorkspaceKeeper, WriteTrouble};
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What could not be written is tried again after this.
const RETRY: Duration = Duration::from_secs(2);

/// The journal is folded after so long a rest.
const REST: Duration = Duration::from_secs(3);

/// Work that can wait.
enum Later {
    Adopt(CaseToAdopt),
    Findings(SliceKey),
}

#[derive(Default)]
struct StoreQueue {
    /// In the order in which they are done, each with a number of its own.
    jobs: VecDeque<(u64, StoreJob)>,
    next_number: u64,
    later: VecDeque<Later>,
    is_working: bool,
    is_stuck: bool,
    is_closed: bool,
    retry_now: bool,
    has_workspace: bool,
    /// How many things that must not be lost were written so far.
    written: u64,
}

impl StoreQueue {
    /// True where something that must not be lost is not written yet.
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
            // The steps go with the workspace: also those that its full disk did not take.
            StoreJob::Retry | StoreJob::Move(_) => self.put_first(job),
            StoreJob::Adopt(cases) => self.later.extend(cases.into_iter().map(Later::Adopt)),
            StoreJob::Open { .. } if self.has_workspace => {
                // The cases of the one before were closed.
                self.later.clear();
                self.put_last(job);
            }
            // What waits for a workspace goes to this one, and not to another that was to be opened before it.
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

    /// Before all others, those that cannot be done now included.
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

impl SharedQueue {
    fn lock_queue(&self) -> MutexGuard<'_, StoreQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        self.shared.lock_queue().put_job(job);
        self.shared.changed.notify_all();
    }

    /// Waits until all is written, `limit` at the longest, and not where that cannot be done now.
    pub(super) fn wait_until_stored(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let mut queue = self.shared.lock_queue();
        while (queue.is_working || !queue.jobs.is_empty()) && !queue.is_stuck {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue = self
                .shared
                .changed
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Lets the thread write what it still can, and waits for it.
    pub(super) fn close_and_join(&mut self) {
        let mut queue = self.shared.lock_queue();
        // Once more, whatever failed before.
        (queue.is_closed, queue.retry_now) = (true, true);
        drop(queue);
        self.shared.changed.notify_all();
        if self.thread.take().is_some_and(|t| t.join().is_err()) {
            log::error!("the thread of the workspace has failed");
        }
    }
}

/// What the thread does next.
enum Next {
    Job(u64, StoreJob),
    Later(Later),
    Fold,
    /// The window that has the workspace open may be closed.
    LookAround,
    End,
}

struct StoreThread {
    shared: Arc<SharedQueue>,
    outbox: Outbox,
    keeper: WorkspaceKeeper,
    /// The trouble that the window knows of.
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
        let mut queue = self.shared.lock_queue();
        loop {
            if !queue.is_stuck || std::mem::take(&mut queue.retry_now) {
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
            let (woken, slept) = self
                .shared
                .changed
                .wait_timeout(queue, rest)
                .unwrap_or_else(PoisonError::into_inner);
            queue = woken;
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

    /// Does a job; it stays in the queue where that has to be tried again.
    fn write_job(&mut self, number: u64, job: &StoreJob) {
        let result = self.prepare_workspace(job).and_then(|()| {
            let has_work = self.shared.lock_queue().has_work();
            self.keeper.run_job(job, has_work)
        });
        let is_done = !matches!(result, Err(WriteTrouble::Later(_)));
        let was_stuck = {
            let mut queue = self.shared.lock_queue();
            if is_done {
                // Others may have come before it meanwhile.
                queue.jobs.retain(|(n, _)| *n != number);
                queue.written += u64::from(must_not_be_lost(job));
            }
            queue.is_working = false;
            queue.has_workspace = self.keeper.is_open();
            std::mem::replace(&mut queue.is_stuck, !is_done)
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
        // Nobody waits for this: what is written survives the program, and the power a moment later.
        if self.shared.lock_queue().jobs.is_empty()
            && let Err(error) = self.keeper.sync_to_disk()
        {
            self.send_event(Event::Failed(error));
        }
    }

    /// What a job needs: a workspace that is open and knows the case. Neither may have been there when it was made.
    fn prepare_workspace(&mut self, job: &StoreJob) -> std::result::Result<(), WriteTrouble> {
        if must_not_be_lost(job) && !self.keeper.is_open() {
            let events = self.keeper.open_again()?;
            events.into_iter().for_each(|event| self.send_event(event));
        }
        let unknown = keeper::case_of(job)
            .filter(|case| self.keeper.is_open() && !self.keeper.knows_case(*case));
        let Some(case) = unknown else { return Ok(()) };
        let mut queue = self.shared.lock_queue();
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

    /// Where nobody listens any more, what is queued is written all the same.
    fn send_event(&self, event: Event) {
        self.outbox.send_event(event);
    }

    /// The same trouble is told once.
    fn tell_trouble(&mut self, error: Error) {
        if self.told.replace(error.to_string()) != Some(error.to_string()) {
            let written = self.shared.lock_queue().written;
            self.send_event(Event::Stored {
                written,
                trouble: Some(error),
            });
        }
    }

    fn tell_written(&mut self) {
        self.told = None;
        let written = self.shared.lock_queue().written;
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
                let was_stuck = std::mem::replace(&mut self.shared.lock_queue().is_stuck, is_stuck);
                match result {
                    Err(WriteTrouble::Later(error)) => self.tell_trouble(error),
                    // Nobody can draw on a case whose work could not be kept.
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

    /// Finds or enters a case; it waits on where that has to be tried again.
    fn adopt_case(&mut self, case: CaseToAdopt) -> std::result::Result<(), WriteTrouble> {
        match self.keeper.adopt_case(case.clone()) {
            Ok((restored, slices)) => {
                self.send_event(restored);
                let mut queue = self.shared.lock_queue();
                queue.later.extend(slices.into_iter().map(Later::Findings));
                let is_last = !queue
                    .later
                    .iter()
                    .any(|later| matches!(later, Later::Adopt(_)));
                drop(queue);
                if is_last {
                    // How many there are in all.
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
                        .lock_queue()
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

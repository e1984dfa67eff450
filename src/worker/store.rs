//! Writes to the workspace, step by step and in order, on the thread `labrum-workspace`.
//!
//! Nothing that a person did is dropped: what cannot be written stays in the queue and is tried again. Looking up cases
//! comes after all steps: a person draws only on cases that were looked up.

mod keeper;

use super::{Outbox, Places};
use crate::{
    Error, Result,
    session::job::{CaseToAdopt, Event, SliceKey, StoreJob},
};
use keeper::{Keeper, Trouble};
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
struct Queue {
    jobs: VecDeque<StoreJob>,
    later: VecDeque<Later>,
    is_working: bool,
    is_stuck: bool,
    is_closed: bool,
    retry_now: bool,
    has_workspace: bool,
    /// How many things that must not be lost were written so far.
    written: u64,
}

impl Queue {
    /// True where something that must not be lost is not written yet.
    fn has_work(&self) -> bool {
        self.jobs.iter().any(must_not_be_lost)
    }
}

fn must_not_be_lost(job: &StoreJob) -> bool {
    !matches!(job, StoreJob::Open { .. } | StoreJob::Retry | StoreJob::Adopt(_) | StoreJob::Move(_))
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The window's side of the thread.
pub(super) struct Handle {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Handle {
    pub(super) fn start(outbox: Outbox, places: Places) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let mine = shared.clone();
        let thread = thread::Builder::new()
            .name("labrum-workspace".into())
            .spawn(move || Thread { shared: mine, outbox, keeper: Keeper::new(places) }.run())
            .map_err(|e| Error::new("start a thread", e).advise("Close other programs and try again."))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn submit(&self, job: StoreJob) {
        let mut queue = self.shared.lock();
        match job {
            StoreJob::Retry => queue.retry_now = true,
            StoreJob::Adopt(cases) => queue.later.extend(cases.into_iter().map(Later::Adopt)),
            StoreJob::Open { .. } if queue.has_workspace => {
                // The cases of the one before were closed.
                queue.later.clear();
                queue.jobs.push_back(job);
            }
            StoreJob::Open { .. } => {
                // What waits for a workspace goes to this one.
                queue.jobs.push_front(job);
                queue.retry_now = true;
            }
            job => queue.jobs.push_back(job),
        }
        self.shared.changed.notify_all();
    }

    /// Waits until all is written, `limit` at the longest, and not where that cannot be done now.
    pub(super) fn settle(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let mut queue = self.shared.lock();
        while (queue.is_working || !queue.jobs.is_empty()) && !queue.is_stuck {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue = self.shared.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets the thread write what it still can, and waits for it.
    pub(super) fn close(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
        if self.thread.take().is_some_and(|t| t.join().is_err()) {
            log::error!("the thread of the workspace has failed");
        }
    }
}

/// What the thread does next.
enum Next {
    Job(StoreJob),
    Later(Later),
    Fold,
    End,
}

struct Thread {
    shared: Arc<Shared>,
    outbox: Outbox,
    keeper: Keeper,
}

impl Thread {
    fn run(mut self) {
        let mut told = None;
        loop {
            match self.next() {
                Next::End => return self.keeper.close(),
                Next::Fold => self.keeper.fold(),
                Next::Later(later) => self.look_up(later),
                Next::Job(job) => self.write(job, &mut told),
            }
        }
    }

    fn next(&self) -> Next {
        let mut queue = self.shared.lock();
        loop {
            let may_try = !queue.is_stuck || std::mem::take(&mut queue.retry_now);
            if may_try && let Some(job) = queue.jobs.front().cloned() {
                queue.is_working = true;
                return Next::Job(job);
            }
            if queue.is_closed {
                return Next::End;
            }
            if !queue.is_stuck
                && self.keeper.is_open()
                && let Some(later) = queue.later.pop_front()
            {
                return Next::Later(later);
            }
            let rest = if queue.is_stuck { RETRY } else { REST };
            let (woken, slept) = self.shared.changed.wait_timeout(queue, rest).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            if slept.timed_out() {
                if queue.is_stuck {
                    queue.retry_now = true;
                } else if self.keeper.has_to_fold() {
                    return Next::Fold;
                }
            }
        }
    }

    /// Does the first job of the queue; it stays there where that has to be tried again.
    fn write(&mut self, job: StoreJob, told: &mut Option<String>) {
        self.adopt_before(&job);
        let has_work = self.shared.lock().has_work();
        let result = self.keeper.work(&job, has_work);
        let is_done = !matches!(result, Err(Trouble::Later(_)));
        let (written, was_stuck) = {
            let mut queue = self.shared.lock();
            if is_done {
                queue.jobs.pop_front();
                queue.written += u64::from(must_not_be_lost(&job));
            }
            queue.is_working = false;
            queue.has_workspace = self.keeper.is_open();
            let was_stuck = std::mem::replace(&mut queue.is_stuck, !is_done);
            (queue.written, was_stuck)
        };
        self.shared.changed.notify_all();
        match result {
            Ok(events) => events.into_iter().for_each(|event| self.tell(event)),
            Err(Trouble::Never(error)) => self.tell(Event::Failed(error)),
            Err(Trouble::Later(error)) => {
                // The same trouble is told once.
                if told.replace(error.to_string()) != Some(error.to_string()) {
                    self.tell(Event::Stored { written, trouble: Some(error) });
                }
                return;
            }
        }
        *told = None;
        if must_not_be_lost(&job) || was_stuck {
            self.tell(Event::Stored { written, trouble: None });
        }
    }

    /// A step on a case that was not looked up yet: no workspace could be opened when it was drawn.
    fn adopt_before(&mut self, job: &StoreJob) {
        let unknown = keeper::case_of(job).filter(|case| self.keeper.is_open() && !self.keeper.knows(*case));
        let Some(case) = unknown else { return };
        let mut queue = self.shared.lock();
        let at = queue.later.iter().position(|l| matches!(l, Later::Adopt(c) if c.case == case));
        if let Some(Later::Adopt(adopt)) = at.and_then(|at| queue.later.remove(at)) {
            drop(queue);
            self.look_up(Later::Adopt(adopt));
        }
    }

    /// Where nobody listens any more, what is queued is written all the same.
    fn tell(&self, event: Event) {
        self.outbox.send(event);
    }

    fn look_up(&mut self, later: Later) {
        match later {
            Later::Adopt(case) => match self.keeper.adopt(case) {
                Ok((restored, slices)) => {
                    self.tell(restored);
                    self.shared.lock().later.extend(slices.into_iter().map(Later::Findings));
                }
                // Nobody can draw on a case whose work could not be kept.
                Err(error) => self.tell(Event::Failed(error)),
            },
            Later::Findings(key) => {
                if let Some(event) = self.keeper.findings(key) {
                    self.tell(event);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

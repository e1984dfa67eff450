//! Kills children whose time is up.

use super::child::ChildProcess;
use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Between two looks.
const TICK: Duration = Duration::from_millis(250);

/// A thread that sleeps while nothing is watched.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<SharedWatch>);

#[derive(Default)]
struct SharedWatch {
    state: Mutex<WatchState>,
    begun: Condvar,
}

#[derive(Default)]
struct WatchState {
    is_running: bool,
    is_asleep: bool,
    next: u64,
    watched: HashMap<u64, Watched>,
}

struct Watched {
    process: ChildProcess,
    until: Instant,
    is_over: bool,
}

/// One request while it is watched.
pub(super) struct WatchedRequest {
    watch: Watch,
    number: u64,
}

impl Watch {
    /// Kills `process` after `limit`, unless the turn ends before.
    pub(super) fn kill_after(
        &self,
        process: &ChildProcess,
        limit: Duration,
    ) -> std::io::Result<WatchedRequest> {
        let mut state = self.lock_state();
        if !state.is_running {
            let watch = self.clone();
            thread::Builder::new()
                .name("labrum-watch".into())
                .spawn(move || watch.run_watchdog())?;
            state.is_running = true;
        }
        state.next += 1;
        let number = state.next;
        let until = Instant::now() + limit;
        state.watched.insert(
            number,
            Watched {
                process: process.clone(),
                until,
                is_over: false,
            },
        );
        if std::mem::take(&mut state.is_asleep) {
            self.0.begun.notify_one();
        }
        Ok(WatchedRequest {
            watch: self.clone(),
            number,
        })
    }

    fn run_watchdog(&self) {
        let mut state = self.lock_state();
        loop {
            let now = Instant::now();
            for watched in state
                .watched
                .values_mut()
                .filter(|w| !w.is_over && w.until <= now)
            {
                watched.is_over = true;
                watched.process.kill();
            }
            let wait = |state| {
                self.0
                    .begun
                    .wait_timeout(state, TICK)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            };
            if state.watched.is_empty() {
                // A while longer: reading a series is one request after the other.
                state = wait(state);
                if state.watched.is_empty() {
                    state.is_asleep = true;
                    state = self
                        .0
                        .begun
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            } else {
                state = wait(state);
            }
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, WatchState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WatchedRequest {
    /// Ends it; true where the time was up before.
    pub(super) fn finish_request(self) -> bool {
        self.watch
            .lock_state()
            .watched
            .remove(&self.number)
            .is_some_and(|watched| watched.is_over)
    }
}

impl Drop for WatchedRequest {
    fn drop(&mut self) {
        self.watch.lock_state().watched.remove(&self.number);
    }
}

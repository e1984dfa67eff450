//! Kills children that exceed their time limit.

use super::child::ChildProcess;
use parking_lot::{Condvar, Mutex};
use std::{
    collections::HashMap,
    io, mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Time between two checks.
const TICK: Duration = Duration::from_millis(250);

/// A watcher thread, asleep while no request is running.
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

/// A request being watched.
pub(super) struct WatchedRequest {
    watch: Watch,
    number: u64,
}

impl Watch {
    /// Kills `process` after `limit`, unless the request is finished before.
    pub(super) fn kill_after(
        &self,
        process: &ChildProcess,
        limit: Duration,
    ) -> io::Result<WatchedRequest> {
        let mut state = self.0.state.lock();
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
        if mem::take(&mut state.is_asleep) {
            self.0.begun.notify_one();
        }
        Ok(WatchedRequest {
            watch: self.clone(),
            number,
        })
    }

    fn run_watchdog(&self) {
        let mut state = self.0.state.lock();
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
            if state.watched.is_empty() {
                // Keep the thread for another tick: reading a series sends one request after the other.
                self.0.begun.wait_for(&mut state, TICK);
                if state.watched.is_empty() {
                    state.is_asleep = true;
                    self.0.begun.wait(&mut state);
                }
            } else {
                self.0.begun.wait_for(&mut state, TICK);
            }
        }
    }
}

impl WatchedRequest {
    /// Stops watching; true if the time limit was exceeded.
    pub(super) fn finish_request(self) -> bool {
        self.watch
            .0
            .state
            .lock()
            .watched
            .remove(&self.number)
            .is_some_and(|watched| watched.is_over)
    }
}

impl Drop for WatchedRequest {
    fn drop(&mut self) {
        self.watch.0.state.lock().watched.remove(&self.number);
    }
}

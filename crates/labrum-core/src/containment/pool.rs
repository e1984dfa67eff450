//! Children that wait for the next file: started when all are busy, up to the number of cores, replaced when they die.

use super::{
    Request,
    child::{Child, ChildProcess},
    watch::Watch,
};
use std::{
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

/// How long a child may take to start on a machine that does much else.
const START: Duration = Duration::from_secs(9);

/// The children of this process.
pub(super) struct ChildPool {
    program: PathBuf,
    most: usize,
    watch: Watch,
    state: Mutex<PoolState>,
    freed: Condvar,
}

#[derive(Default)]
struct PoolState {
    idle: Vec<Child>,
    /// Those that are asked something, or are being started.
    busy: usize,
    processes: Vec<ChildProcess>,
    /// One was started and greeted.
    can_start: bool,
    /// None could be started: it is not tried again.
    cannot_start: bool,
}

/// Why there is no answer.
pub(super) enum ReadTrouble {
    /// The system starts no children, and never did.
    CannotStart,
    /// The child died of the request, or none could be started this time: a clause.
    Lost(String),
}

impl ChildPool {
    /// Of children of `program`.
    pub(super) fn new(program: PathBuf) -> Self {
        let most = available_parallelism().map_or(2, usize::from).clamp(2, 8);
        Self {
            program,
            most,
            watch: Watch::default(),
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// Asks one of the children; waits while all are busy.
    pub(super) fn send_to_child<R: Request>(
        &self,
        request: &R,
        limit: Duration,
    ) -> Result<crate::Result<R::Answer>, ReadTrouble> {
        // A child that had nothing to do may end in the moment in which it is asked.
        for _ in 0..3 {
            let seat = self.sit_down()?;
            let Some(answer) = self.ask_once(seat, request, limit) else {
                continue;
            };
            return answer.map_err(ReadTrouble::Lost);
        }
        Err(ReadTrouble::Lost(
            "the processes that read files end before they are asked".into(),
        ))
    }

    /// `None` where the child had ended before.
    fn ask_once<R: Request>(
        &self,
        mut seat: Seat<'_>,
        request: &R,
        limit: Duration,
    ) -> Option<Result<crate::Result<R::Answer>, String>> {
        let mut child = seat.child.take()?;
        let turn = match self.watch.kill_after(&child.process, limit) {
            Ok(turn) => turn,
            Err(error) => return Some(Err(format!("reading it cannot be watched over ({error})"))),
        };
        let answer = child.request_answer(request);
        let is_over = turn.finish_request();
        match answer {
            Ok(answer) if !is_over => {
                seat.child = Some(child);
                Some(Ok(answer))
            }
            _ if is_over => {
                self.forget_child(&child);
                let seconds = limit.as_secs() + 1;
                Some(Err(format!(
                    "it was not read within {seconds} s, so reading was stopped; it may be damaged"
                )))
            }
            _ => {
                self.forget_child(&child);
                child.end_with_reason().map(Err)
            }
        }
    }

    /// Waits for a child that is free, or starts one.
    fn sit_down(&self) -> Result<Seat<'_>, ReadTrouble> {
        let mut state = self.lock_state();
        loop {
            if state.cannot_start {
                return Err(ReadTrouble::CannotStart);
            }
            while let Some(child) = state.idle.pop() {
                if child.is_alive() {
                    state.busy += 1;
                    return Ok(Seat {
                        pool: self,
                        child: Some(child),
                    });
                }
                remove_process(&mut state, &child);
            }
            if state.busy < self.most {
                break;
            }
            state = self
                .freed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.busy += 1;
        let mut seat = Seat {
            pool: self,
            child: None,
        };
        drop(state);
        match self.start_child() {
            Ok(child) => {
                let mut state = self.lock_state();
                state.can_start = true;
                state.processes.push(child.process.clone());
                seat.child = Some(child);
                Ok(seat)
            }
            Err(error) => Err(self.not_started(&error)),
        }
    }

    fn start_child(&self) -> std::io::Result<Child> {
        let mut child = Child::spawn_program(&self.program)?;
        let turn = self.watch.kill_after(&child.process, START)?;
        child.await_greeting()?;
        turn.finish_request();
        Ok(child)
    }

    fn not_started(&self, error: &std::io::Error) -> ReadTrouble {
        let mut state = self.lock_state();
        if state.can_start {
            return ReadTrouble::Lost(format!(
                "the process that reads files cannot be started ({error})"
            ));
        }
        if !state.cannot_start {
            state.cannot_start = true;
            log::warn!(
                "no process can be started to read files in ({error}): they are read in this one, which a damaged file \
                 could bring down"
            );
        }
        self.freed.notify_all();
        ReadTrouble::CannotStart
    }

    /// Process numbers of all that live.
    pub(super) fn child_process_ids(&self) -> Vec<u32> {
        self.lock_state()
            .processes
            .iter()
            .map(ChildProcess::id)
            .collect()
    }

    fn forget_child(&self, child: &Child) {
        remove_process(&mut self.lock_state(), child);
    }

    fn lock_state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove_process(state: &mut PoolState, child: &Child) {
    let id = child.process.id();
    state.processes.retain(|process| process.id() != id);
}

/// The right to have one child busy; gives the child back, if it is still there, when it is dropped.
struct Seat<'a> {
    pool: &'a ChildPool,
    child: Option<Child>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock_state();
        state.busy -= 1;
        state.idle.extend(self.child.take());
        drop(state);
        self.pool.freed.notify_one();
    }
}

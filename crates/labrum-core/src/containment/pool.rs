//! A pool of children: another one is started when all are busy, up to the number of cores; dead ones are replaced.

use super::{
    Request,
    child::{Child, ChildProcess},
    watch::Watch,
};
use parking_lot::{Condvar, Mutex};
use std::{io, path::PathBuf, thread::available_parallelism, time::Duration};

/// Time limit for starting a child, generous enough for a busy machine.
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
    /// Number of children that are working or being started.
    busy: usize,
    processes: Vec<ChildProcess>,
    /// A child was started successfully before.
    can_start: bool,
    /// No child could be started; no further attempts are made.
    cannot_start: bool,
}

/// Why a child gave no answer.
pub(super) enum ReadTrouble {
    /// No child could ever be started.
    CannotStart,
    /// The child died during the request, or none could be started this time; the reason as a clause.
    Lost(String),
}

impl ChildPool {
    /// A pool of child processes of `program`.
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

    /// Sends a request to a child; waits while all are busy.
    pub(super) fn send_to_child<R: Request>(
        &self,
        request: &R,
        limit: Duration,
    ) -> Result<crate::Result<R::Answer>, ReadTrouble> {
        // An idle child may exit just as the request is sent.
        for _ in 0..3 {
            let seat = self.sit_down()?;
            let Some(answer) = self.ask_once(seat, request, limit) else {
                continue;
            };
            return answer.map_err(ReadTrouble::Lost);
        }
        Err(ReadTrouble::Lost(
            "the processes that read files exit before they can be used".into(),
        ))
    }

    /// `None` if the child had already exited.
    fn ask_once<R: Request>(
        &self,
        mut seat: Seat<'_>,
        request: &R,
        limit: Duration,
    ) -> Option<Result<crate::Result<R::Answer>, String>> {
        let mut child = seat.child.take()?;
        let turn = match self.watch.kill_after(&child.process, limit) {
            Ok(turn) => turn,
            Err(error) => {
                return Some(Err(format!(
                    "no time limit can be set for reading it ({error})"
                )));
            }
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
                    "reading took longer than {seconds} s and was stopped; the file may be damaged"
                )))
            }
            _ => {
                self.forget_child(&child);
                child.end_with_reason().map(Err)
            }
        }
    }

    /// Waits for an idle child, or starts one.
    fn sit_down(&self) -> Result<Seat<'_>, ReadTrouble> {
        let mut state = self.state.lock();
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
            self.freed.wait(&mut state);
        }
        state.busy += 1;
        let mut seat = Seat {
            pool: self,
            child: None,
        };
        drop(state);
        match self.start_child() {
            Ok(child) => {
                let mut state = self.state.lock();
                state.can_start = true;
                state.processes.push(child.process.clone());
                seat.child = Some(child);
                Ok(seat)
            }
            Err(error) => Err(self.not_started(&error)),
        }
    }

    fn start_child(&self) -> io::Result<Child> {
        let mut child = Child::spawn_program(&self.program)?;
        let turn = self.watch.kill_after(&child.process, START)?;
        child.await_greeting()?;
        turn.finish_request();
        Ok(child)
    }

    fn not_started(&self, error: &io::Error) -> ReadTrouble {
        let mut state = self.state.lock();
        if state.can_start {
            return ReadTrouble::Lost(format!(
                "the process that reads files cannot be started ({error})"
            ));
        }
        if !state.cannot_start {
            state.cannot_start = true;
            log::warn!(
                "cannot start the process that reads files ({error}); files are read in the main process, \
                 which a damaged file could crash"
            );
        }
        self.freed.notify_all();
        ReadTrouble::CannotStart
    }

    /// Process IDs of all running children.
    pub(super) fn child_process_ids(&self) -> Vec<u32> {
        self.state
            .lock()
            .processes
            .iter()
            .map(ChildProcess::id)
            .collect()
    }

    fn forget_child(&self, child: &Child) {
        remove_process(&mut self.state.lock(), child);
    }
}

fn remove_process(state: &mut PoolState, child: &Child) {
    let id = child.process.id();
    state.processes.retain(|process| process.id() != id);
}

/// Permission to keep one child busy; on drop it returns the child to the pool, if it is still usable.
struct Seat<'a> {
    pool: &'a ChildPool,
    child: Option<Child>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        state.busy -= 1;
        state.idle.extend(self.child.take());
        drop(state);
        self.pool.freed.notify_one();
    }
}

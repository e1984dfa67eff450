//! How far a long piece of work is, and the wish to stop it.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Shared wish to stop: cheap to clone and to ask.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once it was asked to.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Shared wishes about work in the background: to stop, to pause, to make room for a moment.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// The wish to stop.
    pub cancel: Cancel,
    wishes: Arc<(Mutex<StopWishes>, Condvar)>,
}

#[derive(Debug, Default)]
struct StopWishes {
    is_paused: bool,
    /// Somebody draws or scrolls until then.
    busy_until: Option<Instant>,
}

/// How often work that waits looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(50);

impl Control {
    /// Stops where `cancel` says so.
    pub fn with_cancel(cancel: Cancel) -> Self {
        Self {
            cancel,
            ..Self::default()
        }
    }

    /// Asks the work to wait until it is asked to go on.
    pub fn set_paused(&self, is_paused: bool) {
        self.lock_wishes().is_paused = is_paused;
        self.wishes.1.notify_all();
    }

    /// True while the work is asked to wait.
    pub fn is_paused(&self) -> bool {
        self.lock_wishes().is_paused
    }

    /// Asks the work to begin nothing for so long: the machine is needed for what is on the screen.
    pub fn make_room(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut wishes = self.lock_wishes();
        wishes.busy_until = wishes.busy_until.max(Some(until));
    }

    /// Waits as long as it is asked to; false where the work is to stop.
    pub fn may_go_on(&self) -> bool {
        let mut wishes = self.lock_wishes();
        loop {
            if self.cancel.is_cancelled() {
                return false;
            }
            let now = Instant::now();
            let rest = wishes
                .busy_until
                .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
            if !wishes.is_paused && rest.is_zero() {
                return true;
            }
            let wait = if wishes.is_paused {
                LOOK
            } else {
                rest.min(LOOK)
            };
            wishes = self
                .wishes
                .1
                .wait_timeout(wishes, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock_wishes(&self) -> MutexGuard<'_, StopWishes> {
        self.wishes.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

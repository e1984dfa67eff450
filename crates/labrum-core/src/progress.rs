//! Cancelling and pausing background work.

use parking_lot::{Condvar, Mutex};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Shared cancellation flag; cheap to clone and to check.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once the work was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Shared control of background work: cancel, pause, or yield for a moment.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Cancellation flag.
    pub cancel: Cancel,
    wishes: Arc<(Mutex<StopWishes>, Condvar)>,
}

#[derive(Debug, Default)]
struct StopWishes {
    is_paused: bool,
    /// Start no work before this time, as the user is drawing or scrolling.
    busy_until: Option<Instant>,
}

/// How long background work starts nothing after an action of the user ([`Control::make_room`]).
pub const YIELD_TIME: Duration = Duration::from_millis(250);

/// How often waiting work checks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

impl Control {
    /// A control that uses this cancellation flag.
    pub fn with_cancel(cancel: Cancel) -> Self {
        Self {
            cancel,
            ..Self::default()
        }
    }

    /// Pauses or resumes the work.
    pub fn set_paused(&self, is_paused: bool) {
        self.wishes.0.lock().is_paused = is_paused;
        self.wishes.1.notify_all();
    }

    /// True while paused.
    pub fn is_paused(&self) -> bool {
        self.wishes.0.lock().is_paused
    }

    /// Asks the work to start nothing for this long, to keep the display responsive.
    pub fn make_room(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut wishes = self.wishes.0.lock();
        wishes.busy_until = wishes.busy_until.max(Some(until));
    }

    /// Waits while paused or asked to yield; false if the work was cancelled.
    pub fn may_go_on(&self) -> bool {
        let mut wishes = self.wishes.0.lock();
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
            self.wishes.1.wait_for(&mut wishes, wait);
        }
    }
}

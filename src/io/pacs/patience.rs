//! Waits for servers in a way that can be cancelled at once: an exchange runs on a thread of its own, which is abandoned when
//! cancelled. Such a thread ends by itself, at the latest at the time limit of its connection.

use super::failure::cancelled_error;
use crate::{Error, Result};
use crossbeam_channel::{RecvTimeoutError, bounded};
use labrum_core::{pacs::Server, progress::Cancel};
use std::{
    io::{self, Read},
    thread,
    time::{Duration, Instant},
};

/// How often a waiting thread checks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// Runs `work` on a thread and returns its result, or an error soon after `cancel` is requested.
pub(super) fn run_cancellable<T: Send + 'static>(
    server: &Server,
    tried: &str,
    cancel: &Cancel,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if cancel.is_cancelled() {
        return Err(cancelled_error(server, tried));
    }
    let (answer, answers) = bounded(1);
    let spawned = thread::Builder::new()
        .name("labrum-pacs-line".into())
        .spawn(move || drop(answer.send(work())));
    spawned.map_err(|e| {
        Error::new("start a thread", e).with_advice("Close other programs and try again.")
    })?;
    loop {
        match answers.recv_timeout(LOOK) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                return Err(cancelled_error(server, tried));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::new(
                    tried,
                    "internal error: the network thread ended without an answer",
                ));
            }
        }
    }
}

/// A reader that fails once it is cancelled, so that an abandoned exchange sends and receives nothing more.
pub(super) struct Guarded<R> {
    pub(super) inner: R,
    pub(super) cancel: Cancel,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.inner.read(buffer)
    }
}

/// Sleeps; returns false if it was cancelled.
pub(super) fn sleep_cancellable(time: Duration, cancel: &Cancel) -> bool {
    let until = Instant::now() + time;
    while !cancel.is_cancelled() {
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return true;
        }
        thread::sleep(rest.min(LOOK));
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_hanging_exchange_is_cancelled_at_once() {
        let cancel = Cancel::default();
        let stop = cancel.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            stop.cancel();
        });
        let begun = Instant::now();
        let hang = || {
            thread::sleep(Duration::from_secs(3));
            Ok(())
        };
        let failure =
            run_cancellable(&Server::default(), "find studies", &cancel, hang).unwrap_err();
        assert_eq!(failure.kind, crate::ErrorKind::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn reading_and_sleeping_stop_after_a_cancel() {
        let cancel = Cancel::default();
        let mut reader = Guarded {
            inner: &b"abc"[..],
            cancel: cancel.clone(),
        };
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 1);
        cancel.cancel();
        assert!(reader.read(&mut [0; 1]).is_err());
        assert!(!sleep_cancellable(Duration::from_secs(5), &cancel));
    }
}

//! A place for one request: a newer one takes the place of an older one that nobody has begun.

use std::sync::{Condvar, Mutex, PoisonError};

/// Room for one request.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    state: Mutex<(Option<T>, bool)>,
    changed: Condvar,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self { state: Mutex::new((None, false)), changed: Condvar::new() }
    }
}

impl<T> Mailbox<T> {
    /// Puts a request in; the one that was there is forgotten.
    pub(super) fn put(&self, request: T) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(request);
        self.changed.notify_all();
    }

    /// Waits for a request; `None` once the mailbox is closed.
    pub(super) fn take(&self) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if state.1 {
                return None;
            }
            if let Some(request) = state.0.take() {
                return Some(request);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the one who waits go.
    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_request_is_done() {
        let mailbox = Mailbox::default();
        mailbox.put(1);
        mailbox.put(2);
        assert_eq!(mailbox.take(), Some(2));
        mailbox.close();
        assert_eq!(mailbox.take(), None);
    }
}

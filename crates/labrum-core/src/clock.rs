//! Time stamps as workspaces and queues store them.

use std::time::SystemTime;

/// Milliseconds since 1970-01-01 UTC; 0 if the system clock is set before that.
pub fn now_millis() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

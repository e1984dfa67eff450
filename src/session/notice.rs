//! Messages to the user: they go by themselves unless they are errors.

use std::time::{Duration, Instant};

/// How long a message stays that is no error.
const STAYS: Duration = Duration::from_secs(6);

/// How many messages are kept.
const MOST: usize = 5;

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something went well.
    Info,
    /// Why nothing was done; the newest takes the place of the one before.
    Hint,
    /// Something to know.
    Warning,
    /// Something failed; stays until it is dismissed.
    Error,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Tells it from the others.
    pub id: u64,
    /// How serious it is.
    pub severity: Severity,
    /// What happened and what can be done.
    pub text: String,
    /// A folder that can be shown with it.
    pub folder: Option<std::path::PathBuf>,
    born: Instant,
}

/// The messages that are shown.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    next: u64,
    /// Oldest first.
    pub list: Vec<Notice>,
}

impl Notices {
    /// Shows a message; the same text twice is shown once.
    pub fn add(&mut self, severity: Severity, text: impl Into<String>) {
        let text = text.into();
        self.list.retain(|n| n.text != text && !(severity == Severity::Hint && n.severity == Severity::Hint));
        self.next += 1;
        self.list.push(Notice { id: self.next, severity, text, folder: None, born: Instant::now() });
        if self.list.len() > MOST {
            self.list.remove(0);
        }
    }

    /// Says where the files are that the newest message is about.
    pub fn with_folder(&mut self, folder: std::path::PathBuf) {
        if let Some(notice) = self.list.last_mut() {
            notice.folder = Some(folder);
        }
    }

    /// Takes a message away.
    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|n| n.id != id);
    }

    /// Lets old ones go; tells when to ask again.
    pub fn expire(&mut self, now: Instant) -> Option<Duration> {
        self.list.retain(|n| n.severity == Severity::Error || now.duration_since(n.born) < STAYS);
        let fading = self.list.iter().filter(|n| n.severity != Severity::Error);
        fading.map(|n| STAYS.saturating_sub(now.duration_since(n.born))).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_do_not_pile_up() {
        let mut notices = Notices::default();
        notices.add(Severity::Info, "done");
        notices.add(Severity::Hint, "nothing to undo");
        notices.add(Severity::Hint, "nothing to fill");
        let texts: Vec<_> = notices.list.iter().map(|n| n.text.as_str()).collect();
        assert_eq!(texts, ["done", "nothing to fill"]);
    }

    #[test]
    fn errors_stay_and_other_messages_go() {
        let mut notices = Notices::default();
        notices.add(Severity::Info, "done");
        notices.add(Severity::Error, "failed");
        notices.expire(Instant::now() + STAYS);
        assert_eq!(notices.list.len(), 1);
        assert_eq!(notices.list[0].text, "failed");
    }
}

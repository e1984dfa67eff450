//! Messages to the user. All disappear after a while; errors also stay in a list until it is cleared.

use super::job::CaseId;
use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

/// How long a message stays on the screen.
const STAYS: Duration = Duration::from_secs(6);

/// How long an error stays on the screen: there is more to read.
const ERROR_STAYS: Duration = Duration::from_secs(20);

/// Maximum number of messages on the screen.
const MOST: usize = 4;

/// Maximum number of errors in the list.
const KEPT: usize = 200;

/// How serious a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Something succeeded.
    Info,
    /// Why nothing was done; a new hint replaces the one before.
    Hint,
    /// Something to know.
    Warning,
    /// Something failed; also goes to the list of errors.
    Error,
}

/// What a message is about, if the message can become obsolete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Work that cannot be saved.
    Saving,
    /// The last edit of a case.
    Case(CaseId),
    /// The second choice that is shown along a boundary.
    SecondChoice,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Its id.
    pub id: u64,
    /// How serious it is.
    pub severity: Severity,
    /// What happened and what can be done.
    pub text: String,
    /// A folder that can be shown in the file manager from the message.
    pub folder: Option<PathBuf>,
    /// What it is about.
    topic: Option<Topic>,
    /// When it was made.
    pub at: SystemTime,
    born: Instant,
}

impl Notice {
    /// How much longer it stays on the screen.
    fn time_left(&self, now: Instant) -> Duration {
        let stays = if self.severity == Severity::Error {
            ERROR_STAYS
        } else {
            STAYS
        };
        stays.saturating_sub(now.duration_since(self.born))
    }
}

/// The messages that are shown.
#[derive(Clone, Debug, Default)]
pub struct Notices {
    next: u64,
    /// Messages on the screen, oldest first.
    pub list: Vec<Notice>,
    /// All errors, oldest first, until the user clears them.
    pub errors: Vec<Notice>,
}

impl Notices {
    /// Shows a message. It replaces one with the same text.
    pub fn add(&mut self, severity: Severity, text: impl Into<String>) {
        self.push_unique(severity, text, None);
    }

    /// Shows a message about a topic. It replaces the one before on the same topic.
    pub fn add_about(&mut self, topic: Topic, severity: Severity, text: impl Into<String>) {
        self.retract_topic(topic);
        self.push_unique(severity, text, Some(topic));
    }

    fn push_unique(&mut self, severity: Severity, text: impl Into<String>, topic: Option<Topic>) {
        let text = text.into();
        self.list.retain(|n| {
            n.text != text && !(severity == Severity::Hint && n.severity == Severity::Hint)
        });
        self.next += 1;
        let at = SystemTime::now();
        let born = Instant::now();
        let notice = Notice {
            id: self.next,
            severity,
            text,
            folder: None,
            topic,
            at,
            born,
        };
        if severity == Severity::Error {
            self.errors.retain(|n| n.text != notice.text);
            self.errors.push(notice.clone());
            let too_many = self.errors.len().saturating_sub(KEPT);
            self.errors.drain(..too_many);
        }
        self.list.push(notice);
        if self.list.len() > MOST {
            // Other messages make room before errors do.
            let first = self
                .list
                .iter()
                .position(|n| n.severity != Severity::Error)
                .unwrap_or(0);
            self.list.remove(first.min(self.list.len() - 2));
        }
    }

    /// Attaches a folder to the newest message.
    pub fn with_folder(&mut self, folder: PathBuf) {
        if let Some(notice) = self.list.last_mut() {
            notice.folder = Some(folder);
        }
    }

    /// Removes a message from the screen.
    pub fn dismiss(&mut self, id: u64) {
        self.list.retain(|n| n.id != id);
    }

    /// Removes all messages from the screen.
    pub fn dismiss_all(&mut self) {
        self.list.clear();
    }

    /// Clears the list of errors, and removes them from the screen.
    pub fn clear_errors(&mut self) {
        self.errors.clear();
        self.list.retain(|n| n.severity != Severity::Error);
    }

    /// Removes messages about a topic that are obsolete.
    pub fn retract_topic(&mut self, topic: Topic) {
        self.list.retain(|n| n.topic != Some(topic));
        self.errors.retain(|n| n.topic != Some(topic));
    }

    /// Removes messages about cases other than the one on the screen.
    pub fn forget_other_cases(&mut self, shown: Option<CaseId>) {
        self.list
            .retain(|n| !matches!(n.topic, Some(Topic::Case(case)) if Some(case) != shown));
    }

    /// Removes expired messages; returns the time until the next one expires.
    pub fn drop_expired(&mut self, now: Instant) -> Option<Duration> {
        self.list.retain(|n| !n.time_left(now).is_zero());
        self.list.iter().map(|n| n.time_left(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(notices: &[Notice]) -> Vec<&str> {
        notices.iter().map(|n| n.text.as_str()).collect()
    }

    #[test]
    fn a_new_hint_replaces_the_previous_one() {
        let mut notices = Notices::default();
        notices.add(Severity::Info, "done");
        notices.add(Severity::Hint, "nothing to undo");
        notices.add(Severity::Hint, "nothing to fill");
        assert_eq!(texts(&notices.list), ["done", "nothing to fill"]);
    }

    #[test]
    fn all_messages_expire_and_errors_stay_in_their_list() {
        let mut notices = Notices::default();
        notices.add(Severity::Info, "done");
        notices.add(Severity::Error, "failed");
        notices.drop_expired(Instant::now() + STAYS);
        assert_eq!(texts(&notices.list), ["failed"], "an error stays longer");
        assert_eq!(notices.drop_expired(Instant::now() + ERROR_STAYS), None);
        assert!(notices.list.is_empty());
        assert_eq!(texts(&notices.errors), ["failed"]);
        notices.clear_errors();
        assert!(notices.errors.is_empty());
    }

    #[test]
    fn errors_push_out_other_messages() {
        let mut notices = Notices::default();
        for text in ["first", "second", "third"] {
            notices.add(Severity::Error, text);
        }
        for text in ["done", "and this"] {
            notices.add(Severity::Info, text);
        }
        assert_eq!(
            texts(&notices.list),
            ["first", "second", "third", "and this"]
        );
        for text in ["fourth", "fifth"] {
            notices.add(Severity::Error, text);
        }
        assert_eq!(texts(&notices.list), ["second", "third", "fourth", "fifth"]);
        assert_eq!(notices.errors.len(), 5);
    }

    #[test]
    fn a_resolved_problem_is_removed_from_messages_and_errors() {
        let mut notices = Notices::default();
        notices.add(Severity::Error, "cannot read it");
        notices.add_about(Topic::Saving, Severity::Error, "the disk is full");
        notices.add_about(Topic::Saving, Severity::Error, "the disk is gone");
        assert_eq!(texts(&notices.list), ["cannot read it", "the disk is gone"]);
        notices.retract_topic(Topic::Saving);
        assert_eq!(
            (texts(&notices.list), texts(&notices.errors)),
            (vec!["cannot read it"], vec!["cannot read it"])
        );
    }
}

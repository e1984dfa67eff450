//! Why the store could not do something, in a user's words, and whether trying again can help.

use crate::Error;
use rusqlite::ErrorCode;
use std::path::Path;

/// A call of the store that failed. Nothing of it was written, and the store can still be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was tried, on which workspace, why it failed and what can be done.
    pub error: Error,
    /// True where the same call can succeed later: the disk was full or could not be written to.
    pub can_retry: bool,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}

/// What goes wrong within a transaction.
#[derive(Debug)]
pub(super) enum Cause {
    /// SQLite could not do it.
    Sql(rusqlite::Error),
    /// The call makes no sense, or what is stored does not.
    Refused(String),
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Cause {
    /// The failure to do what was `tried` ("save the step in the workspace") in the workspace `folder`.
    pub(super) fn explain(self, tried: &str, folder: &Path) -> Failure {
        let error = match self {
            Self::Refused(reason) => return Failure { error: Error::at(tried, folder, reason), can_retry: false },
            Self::Sql(error) => error,
        };
        let failure = |reason: &str, advice: &str, can_retry: bool| Failure {
            error: Error::at(tried, folder, reason).advise(advice),
            can_retry,
        };
        let other = "Move the workspace to another disk.";
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => failure("the disk is full", "Free some space.", true),
            Some(ErrorCode::ReadOnly) => failure("it may not be written to", other, true),
            Some(ErrorCode::CannotOpen) => {
                failure("its database can be neither opened nor made", "See that the folder may be written to.", true)
            }
            Some(ErrorCode::PermissionDenied) => failure("access is denied", other, true),
            Some(ErrorCode::SystemIoFailure) => {
                let reason = format!("the disk failed ({error})");
                failure(&reason, "See that the disk is still there; if so, save your work on another one.", true)
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                failure("another program is using it", "Close it there first.", true)
            }
            Some(ErrorCode::DatabaseCorrupt) => damaged(tried, folder, &error.to_string()),
            Some(ErrorCode::NotADatabase) => damaged(tried, folder, "workspace.sqlite is no database"),
            _ => Failure { error: Error::at(tried, folder, error), can_retry: false },
        }
    }
}

/// The failure where the file is not what it should be.
pub(super) fn damaged(tried: &str, folder: &Path, reason: &str) -> Failure {
    let reason = format!("its database is damaged ({reason})");
    let advice = "Nothing was changed. Put back a copy of the folder, or choose another one.";
    Failure { error: Error::at(tried, folder, reason).advise(advice), can_retry: false }
}

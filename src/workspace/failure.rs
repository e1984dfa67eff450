//! Errors of the store, in the user's words, and whether a retry can succeed.

use crate::{Error, ErrorKind};
use rusqlite::ErrorCode;
use std::path::Path;

/// A failure within a transaction.
#[derive(Debug)]
pub(super) enum Cause {
    /// An error of SQLite.
    Sql(rusqlite::Error),
    /// The call or the stored data is invalid.
    Refused(String),
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Cause {
    /// The error for what was `tried` ("save the step in the workspace") in the workspace `folder`. Nothing was
    /// written, and the workspace can still be used. Its kind is [`ErrorKind::Disk`] if a retry can succeed.
    pub(super) fn into_error(self, tried: &str, folder: &Path) -> Error {
        let error = match self {
            Self::Refused(reason) => return Error::at_path(tried, folder, reason),
            Self::Sql(error) => error,
        };
        let explained = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) => damaged_error(tried, folder, &error.to_string()),
            Some(ErrorCode::NotADatabase) => {
                damaged_error(tried, folder, "workspace.sqlite is not a database")
            }
            _ => match disk_trouble(&error) {
                Some((reason, advice)) => Error::at_path(tried, folder, reason)
                    .with_advice(advice)
                    .of_kind(ErrorKind::Disk),
                None => Error::at_path(tried, folder, &error),
            },
        };
        explained.caused_by(error)
    }
}

/// Reason and advice if SQLite failed because of the disk or another program; `None` for other errors.
fn disk_trouble(error: &rusqlite::Error) -> Option<(String, &'static str)> {
    let other_disk = "Move the workspace to another disk.";
    let (reason, advice) = match error.sqlite_error_code()? {
        ErrorCode::DiskFull => ("the disk is full", "Free some space."),
        ErrorCode::ReadOnly => ("the workspace is read-only", other_disk),
        ErrorCode::CannotOpen => (
            "its database cannot be opened or created",
            "Check that the folder is writable.",
        ),
        ErrorCode::PermissionDenied => ("permission denied", other_disk),
        ErrorCode::SystemIoFailure => {
            return Some((
                format!("disk error ({error})"),
                "Check that the disk is connected. If it is, move the workspace to another disk.",
            ));
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            ("another program is using it", "Close it there first.")
        }
        _ => return None,
    };
    Some((reason.to_owned(), advice))
}

/// The error if SQLite failed at what was `tried` in the workspace `folder`.
pub(super) fn sql_error(error: rusqlite::Error, tried: &str, folder: &Path) -> Error {
    Cause::from(error).into_error(tried, folder)
}

/// The error for a damaged database.
pub(super) fn damaged_error(tried: &str, folder: &Path, reason: &str) -> Error {
    let reason = format!("its database is damaged ({reason})");
    let advice = "Nothing was changed. Restore the folder from a backup, or choose another one.";
    Error::at_path(tried, folder, reason).with_advice(advice)
}

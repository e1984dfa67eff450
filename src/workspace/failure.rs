//! Why the store could not do something, in a user's words, and whether the same can succeed later.

use crate::{Error, ErrorKind};
use rusqlite::ErrorCode;
use std::path::Path;

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
    /// The error in doing what was `tried` ("save the step in the workspace") in the workspace `folder`. Nothing of it was
    /// written, and the workspace can still be used; of the kind [`ErrorKind::Disk`] where the same can succeed later.
    pub(super) fn into_error(self, tried: &str, folder: &Path) -> Error {
        let error = match self {
            Self::Refused(reason) => return Error::at_path(tried, folder, reason),
            Self::Sql(error) => error,
        };
        let disk = |reason: &str, advice: &str| {
            Error::at_path(tried, folder, reason)
                .with_advice(advice)
                .of_kind(ErrorKind::Disk)
        };
        let other = "Move the workspace to another disk.";
        let explained = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => disk("the disk is full", "Free some space."),
            Some(ErrorCode::ReadOnly) => disk("it may not be written to", other),
            Some(ErrorCode::CannotOpen) => disk(
                "its database can be neither opened nor made",
                "See that the folder may be written to.",
            ),
            Some(ErrorCode::PermissionDenied) => disk("access is denied", other),
            Some(ErrorCode::SystemIoFailure) => {
                let reason = format!("the disk failed ({error})");
                disk(
                    &reason,
                    "See that the disk is still there; if so, save your work on another one.",
                )
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                disk("another program is using it", "Close it there first.")
            }
            Some(ErrorCode::DatabaseCorrupt) => damaged_error(tried, folder, &error.to_string()),
            Some(ErrorCode::NotADatabase) => {
                damaged_error(tried, folder, "workspace.sqlite is no database")
            }
            _ => Error::at_path(tried, folder, &error),
        };
        explained.caused_by(error)
    }
}

/// The error where the file is not what it should be.
pub(super) fn damaged_error(tried: &str, folder: &Path, reason: &str) -> Error {
    let reason = format!("its database is damaged ({reason})");
    let advice = "Nothing was changed. Put back a copy of the folder, or choose another one.";
    Error::at_path(tried, folder, reason).with_advice(advice)
}

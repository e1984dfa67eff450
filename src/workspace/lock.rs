//! The lock of a workspace, so that only one window has it open: a locked file that says who holds it.

use crate::{Error, Result};
use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, Write},
    path::Path,
    process,
};

/// Name of the lock file.
pub(super) const FILE: &str = "workspace.lock";

/// The lock; held until dropped. The system releases it whenever the program ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone is not enough: a process that another thread is just starting may still have a copy of the
        // file handle.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Acquires the lock of the workspace `folder`.
    ///
    /// # Errors
    /// If another window holds it (the error says who), or if the file cannot be written.
    pub(super) fn acquire_in(folder: &Path) -> Result<Self> {
        let tried = "open the workspace";
        let path = folder.join(FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| explain_io_error(tried, folder, &e))?;
        match file.try_lock() {
            Ok(()) => {}
            // If this disk has no file locks, the lock of the database remains.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(explain_io_error(tried, folder, &e)),
            Err(TryLockError::WouldBlock) => {
                let reason = format!("{} has it open", read_holder(&mut file));
                return Err(Error::at_path(tried, folder, reason)
                    .with_advice("Close it there, or choose another workspace."));
            }
        }
        // The holder is only information: a full disk must not keep anyone from opening their work.
        let _ = write_holder(&mut file);
        Ok(Self { file })
    }
}

/// Who else has the workspace `folder` open; `None` if nobody does or if that is unknown.
pub fn holder_of(folder: &Path) -> Option<String> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join(FILE))
        .ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Some(read_holder(&mut file)),
        Ok(()) => {
            let _ = file.unlock();
            None
        }
        Err(TryLockError::Error(_)) => None,
    }
}

/// Writes who holds the lock and since when.
fn write_holder(file: &mut File) -> io::Result<()> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{} on {} since {time}", process::id(), host_name())?;
    file.flush()
}

/// "another Labrum process (12 on tower since 2026-01-01 10:00 UTC)"; shorter if the file cannot be read.
fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("another Labrum process ({})", text.trim()),
        _ => "another Labrum process".into(),
    }
}

fn host_name() -> String {
    let name = host_name_of_environment()
        .or_else(host_name_in_file)
        .unwrap_or_default();
    if name.trim().is_empty() {
        "this computer".into()
    } else {
        name.trim().to_owned()
    }
}

fn host_name_of_environment() -> Option<String> {
    env::var("COMPUTERNAME")
        .or_else(|_| env::var("HOSTNAME"))
        .ok()
}

fn host_name_in_file() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| fs::read_to_string("/etc/hostname"))
        .ok()
}

/// The error for a failure to create, read or write something in the folder.
pub(super) fn explain_io_error(tried: &str, folder: &Path, error: &io::Error) -> Error {
    let (reason, advice) = match error.kind() {
        ErrorKind::PermissionDenied => ("permission denied", "Choose another folder."),
        ErrorKind::ReadOnlyFilesystem => {
            ("the disk is read-only", "Choose a folder on another disk.")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ("the disk is full", "Free some space.")
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => (
            "the path, or a part of it, is a file, not a folder",
            "Choose another folder.",
        ),
        _ => return Error::at_path(tried, folder, error),
    };
    Error::at_path(tried, folder, reason).with_advice(advice)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn locking_an_open_workspace_fails_and_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::acquire_in(folder.path()).unwrap();
        let error = Lock::acquire_in(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&folder.path().display().to_string()),
            "{error}"
        );
        assert!(
            error.contains("another Labrum process") && error.contains("Close it there"),
            "{error}"
        );
        // On Windows a locked file cannot be read.
        let who = format!("process ({} on", std::process::id());
        assert!(error.contains(&who) || cfg!(windows), "{error}");
        let holder = holder_of(folder.path()).unwrap();
        assert!(holder.starts_with("another Labrum process"), "{holder}");
        drop(first);
        assert_eq!(holder_of(folder.path()), None);
        assert!(Lock::acquire_in(folder.path()).is_ok());
    }
}

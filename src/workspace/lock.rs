//! One window at a time: a locked file in the workspace that says who holds it.

use crate::{Error, Result};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{ErrorKind, Read, Seek, Write},
    path::Path,
};

/// The name of the file.
pub(super) const FILE: &str = "workspace.lock";

/// Held for as long as it lives; the system lets go of it when the program ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone leaves it with a process that is just being started by another thread and has not let go of
        // its copy yet.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of the workspace `folder`.
    ///
    /// # Errors
    /// Where another window holds it, with who that is, and where the file cannot be written.
    pub(super) fn acquire_in(folder: &Path) -> Result<Self> {
        let tried = "open the workspace";
        let failed = |e: std::io::Error| explain_io_error(tried, folder, &e);
        let path = folder.join(FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            // Without locks on this disk, that of the database remains.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(failed(e)),
            Err(TryLockError::WouldBlock) => {
                let reason = format!("{} has it open", read_holder(&mut file));
                return Err(Error::at_path(tried, folder, reason)
                    .with_advice("Close it there, or choose another workspace."));
            }
        }
        // Who holds it is a help only: a full disk must not keep anyone from reading their work.
        let _ = write_holder(&mut file);
        Ok(Self { file })
    }
}

/// Who else holds the workspace `folder`, if anybody does. What cannot be found out counts as nobody.
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
fn write_holder(file: &mut File) -> std::io::Result<()> {
    let time = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    file.set_len(0)?;
    file.rewind()?;
    writeln!(
        file,
        "{} on {} since {time}",
        std::process::id(),
        host_name()
    )?;
    file.flush()
}

/// "another Labrum process (12 on tower since 2026-01-01 10:00 UTC)"; less where it cannot be read.
fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("another Labrum process ({})", text.trim()),
        _ => "another Labrum process".into(),
    }
}

fn host_name() -> String {
    let by_file = || {
        std::fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| std::fs::read_to_string("/etc/hostname"))
    };
    let by_environment = || std::env::var("COMPUTERNAME").or_else(|_| std::env::var("HOSTNAME"));
    let name = by_environment().or_else(|_| by_file()).unwrap_or_default();
    if name.trim().is_empty() {
        "this computer".into()
    } else {
        name.trim().to_owned()
    }
}

/// A failure to make, read or write something in the folder, in a user's words.
pub(super) fn explain_io_error(tried: &str, folder: &Path, error: &std::io::Error) -> Error {
    let at = |reason: &str, advice: &str| Error::at_path(tried, folder, reason).with_advice(advice);
    match error.kind() {
        ErrorKind::PermissionDenied => {
            at("the folder may not be written to", "Choose another folder.")
        }
        ErrorKind::ReadOnlyFilesystem => {
            at("its disk is read-only", "Choose a folder on another disk.")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            at("the disk is full", "Free some space.")
        }
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => at(
            "a file is in the place of the folder",
            "Choose another folder.",
        ),
        _ => Error::at_path(tried, folder, error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_second_window_is_told_who_holds_the_workspace() {
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
        // Windows lets nobody read a locked file.
        let who = format!("process ({} on", std::process::id());
        assert!(error.contains(&who) || cfg!(windows), "{error}");
        let holder = holder_of(folder.path()).unwrap();
        assert!(holder.starts_with("another Labrum process"), "{holder}");
        drop(first);
        assert_eq!(holder_of(folder.path()), None);
        assert!(Lock::acquire_in(folder.path()).is_ok());
    }
}

//! What the desktop environment provides: file dialogs, and a file manager that shows a folder.

use crate::{Error, Result};
use std::{
    path::{self, Path},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// The program that shows a folder in the file manager of the desktop.
const FILE_MANAGER: &str = if cfg!(windows) {
    "explorer"
} else if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// How long that program may take to fail; one that runs for longer is the file manager itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shows a folder in the file manager, and does not wait until that is closed. May block for up to three seconds.
///
/// # Errors
/// If the folder does not exist, or no file manager can be started.
pub fn show_folder(folder: &Path) -> Result<()> {
    show_with(FILE_MANAGER, folder)
}

fn show_with(program: &str, folder: &Path) -> Result<()> {
    const TRIED: &str = "show the folder";
    if !folder.is_dir() {
        return Err(Error::at_path(TRIED, folder, "folder not found"));
    }
    let failed = |reason: &str| {
        Error::at_path(TRIED, folder, format!("{program} {reason}"))
            .with_advice("Copy the path and open it yourself.")
    };
    // A relative path could begin with a dash, which would be an option.
    let place = path::absolute(folder).map_err(|e| failed("needs a full path").caused_by(e))?;
    let mut child = Command::new(program)
        .arg(place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| failed("could not be started").caused_by(e))?;
    let (sender, end) = mpsc::channel();
    thread::Builder::new()
        .name("labrum-folder".into())
        // Nobody listens to a file manager that stays open.
        .spawn(move || drop(sender.send(child.wait())))
        .map_err(|e| failed("could not be watched").caused_by(e))?;
    match end.recv_timeout(PATIENCE) {
        // The Windows Explorer always reports a failure.
        Ok(Ok(status)) if !status.success() && !cfg!(windows) => Err(failed("could not show it")),
        _ => Ok(()),
    }
}

/// True if the desktop can show a file dialog, on Linux through its portal or `zenity`. May block for up to two seconds.
pub fn has_file_dialogs() -> bool {
    has_dialogs()
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn has_dialogs() -> bool {
    true
}

#[cfg(all(unix, not(target_os = "macos")))]
fn has_dialogs() -> bool {
    has_portal() || is_in_path("zenity")
}

/// True if the desktop portal has a file chooser: only then does it report the version of that interface.
#[cfg(all(unix, not(target_os = "macos")))]
fn has_portal() -> bool {
    use std::time::Duration;
    const PORTAL: &str = "org.freedesktop.portal.Desktop";
    const ROOT: &str = "/org/freedesktop/portal/desktop";
    pollster::block_on(async {
        let connection = zbus::connection::Builder::session()?
            .method_timeout(Duration::from_secs(2))
            .build()
            .await?;
        let properties =
            zbus::Proxy::new(&connection, PORTAL, ROOT, "org.freedesktop.DBus.Properties").await?;
        let asked = ("org.freedesktop.portal.FileChooser", "version");
        properties
            .call::<_, _, (zbus::zvariant::OwnedValue,)>("Get", &asked)
            .await
            .map(drop)
    })
    .is_ok()
}

#[cfg(all(unix, not(target_os = "macos")))]
fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_is_shown_or_the_reason_is_given_why_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(show_with("true", folder.path()), Ok(()));
        for (program, reason) in [
            ("false", "false could not show it"),
            (
                "no-such-program-as-this",
                "no-such-program-as-this could not be started",
            ),
        ] {
            let error = show_with(program, folder.path()).unwrap_err();
            assert_eq!(error.reason, reason);
            assert_eq!(error.path.as_deref(), Some(folder.path()));
        }
        let missing = folder.path().join("missing");
        let error = show_with("true", &missing).unwrap_err();
        assert_eq!(error.reason, "folder not found");
    }

    #[test]
    fn programs_are_found_where_a_shell_finds_them() {
        assert!(is_in_path("sh"));
        assert!(!is_in_path("no-such-program-as-this"));
    }
}

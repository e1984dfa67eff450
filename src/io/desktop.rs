//! Whether the desktop environment provides file dialogs.

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
    use super::is_in_path;

    #[test]
    fn programs_are_found_where_a_shell_finds_them() {
        assert!(is_in_path("sh"));
        assert!(!is_in_path("no-such-program-as-this"));
    }
}

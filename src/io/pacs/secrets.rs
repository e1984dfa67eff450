//! Passwords and tokens in the system's key store: Secret Service, Keychain or Credential Manager. Never in a file, never
//! in a log.

#[cfg(any(windows, target_os = "macos"))]
#[path = "secrets/native.rs"]
mod store;

#[cfg(all(unix, not(target_os = "macos")))]
#[path = "secrets/secret_service.rs"]
mod store;

use crate::{Error, Result};
use labrum_core::pacs::{Secret, Server, SignIn};

const APPLICATION: &str = "Labrum PACS";

/// Why the key store cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoStore {
    Missing,
    Locked,
    NoText,
}

/// The secret that is kept for a server; `None` where there is none, or the server asks for none.
///
/// May wait for a person who unlocks the store.
///
/// # Errors
/// Where the system has no key store, or does not open it.
pub fn kept_secret(server: &Server) -> Result<Option<Secret>> {
    if server.sign_in == SignIn::None {
        return Ok(None);
    }
    let kept = store::get(APPLICATION, &secret_owner(server));
    Ok(kept
        .map_err(|why| store_error("read the key store of the system", why))?
        .map(Secret::new))
}

/// Keeps the secret of a server.
///
/// # Errors
/// As [`kept_secret`].
pub fn keep_secret(server: &Server, secret: &Secret) -> Result<()> {
    let kept = store::set(APPLICATION, &secret_owner(server), secret.expose_secret());
    kept.map_err(|why| store_error("keep the secret in the key store of the system", why))
}

/// Removes the secret of a server; there may be none.
///
/// # Errors
/// As [`kept_secret`].
pub fn forget_secret(server: &Server) -> Result<()> {
    if server.sign_in == SignIn::None {
        return Ok(());
    }
    let gone = store::forget(APPLICATION, &secret_owner(server));
    gone.map_err(|why| store_error("remove the secret from the key store of the system", why))
}

/// A server and its user: another user has another secret.
fn secret_owner(server: &Server) -> String {
    format!("{} {}", server.file_key(), server.user.trim())
        .trim()
        .to_owned()
}

fn store_error(tried: &str, why: NoStore) -> Error {
    let reason = match why {
        NoStore::Missing => "no key store is available",
        NoStore::Locked => "the store is locked or refuses",
        NoStore::NoText => "what is kept there is no text",
    };
    Error::new(tried, reason)
        .with_advice("The secret is asked for each time, and kept in memory only.")
}

//! Passwords and tokens in the system key store: Secret Service, Keychain or Credential Manager. They are never written to a
//! file or a log.

use crate::{Error, Result};
use crossbeam_channel::bounded;
use keyring::v1::{Entry, Error as KeyringError};
use labrum_core::pacs::{Secret, Server, SignIn};
use std::{thread, time::Duration};

/// Name of the entries in the key store.
const APPLICATION: &str = "Labrum PACS";

/// Time limit for unlocking the key store, so that the program does not hang on a machine that cannot show a prompt.
const UNLOCK_TIME: Duration = Duration::from_secs(60);

/// Why the key store cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoStore {
    Missing,
    Locked,
    NoText,
}

/// Keeps only the kind of error: its message may quote the secret.
impl From<KeyringError> for NoStore {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::NoStorageAccess(_) => Self::Locked,
            KeyringError::BadEncoding(_) | KeyringError::BadDataFormat(..) => Self::NoText,
            _ => Self::Missing,
        }
    }
}

/// The stored secret of a server; `None` if there is none or the server does not require one.
///
/// May block until a person unlocks the key store.
///
/// # Errors
/// If the system has no key store or it cannot be unlocked.
pub fn kept_secret(server: &Server) -> Result<Option<Secret>> {
    if server.sign_in == SignIn::None {
        return Ok(None);
    }
    let kept = with_entry(server, |entry| match entry.get_password() {
        Ok(secret) => Ok(Some(secret)),
        Err(KeyringError::NoEntry) => Ok(None),
        Err(error) => Err(error),
    });
    Ok(kept
        .map_err(|why| store_error("read the password from the system key store", why))?
        .map(Secret::new))
}

/// Stores the secret of a server.
///
/// # Errors
/// As [`kept_secret`].
pub fn keep_secret(server: &Server, secret: &Secret) -> Result<()> {
    let secret = secret.clone();
    with_entry(server, move |entry| {
        entry.set_password(secret.expose_secret())
    })
    .map_err(|why| store_error("save the password in the system key store", why))
}

/// Removes the secret of a server, if there is one.
///
/// # Errors
/// As [`kept_secret`].
pub fn forget_secret(server: &Server) -> Result<()> {
    if server.sign_in == SignIn::None {
        return Ok(());
    }
    with_entry(server, |entry| match entry.delete_credential() {
        Ok(()) | Err(KeyringError::NoEntry) => Ok(()),
        Err(error) => Err(error),
    })
    .map_err(|why| store_error("remove the password from the system key store", why))
}

/// Runs `work` on the entry of a server, for at most [`UNLOCK_TIME`].
fn with_entry<T: Send + 'static>(
    server: &Server,
    work: impl FnOnce(&Entry) -> keyring::v1::Result<T> + Send + 'static,
) -> std::result::Result<T, NoStore> {
    let owner = secret_owner(server);
    let (sender, answer) = bounded(1);
    let started = thread::Builder::new()
        .name("labrum-key-store".into())
        .spawn(move || {
            let result = Entry::new(APPLICATION, &owner).and_then(|entry| work(&entry));
            // After the time limit nobody receives the result.
            let _ = sender.send(result);
        });
    if started.is_err() {
        return Err(NoStore::Missing);
    }
    match answer.recv_timeout(UNLOCK_TIME) {
        Ok(result) => Ok(result?),
        Err(_) => Err(NoStore::Locked),
    }
}

/// Identifies a secret by server and user.
fn secret_owner(server: &Server) -> String {
    format!("{} {}", server.file_key(), server.user.trim())
        .trim()
        .to_owned()
}

fn store_error(tried: &str, why: NoStore) -> Error {
    let reason = match why {
        NoStore::Missing => "no key store is available",
        NoStore::Locked => "the key store is locked or denies access",
        NoStore::NoText => "the stored entry is not text",
    };
    Error::new(tried, reason).with_advice(
        "You will be asked for the password or token each time; it is kept in memory only.",
    )
}

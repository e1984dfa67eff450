//! Passwords and tokens in the system key store: Secret Service, Keychain or Credential Manager. They are never written to a
//! file or a log.

use crate::{Error, Result};
use crossbeam_channel::{RecvTimeoutError, bounded};
use keyring_core::{Entry, Error as KeyringError};
use labrum_core::pacs::{Secret, Server, SignIn};
use std::{result, thread, time::Duration};

/// Name of the application in the key store.
const APPLICATION: &str = "Labrum PACS";

/// How long a person has to unlock the key store, so that the program does not hang if nobody can answer.
const UNLOCK_TIME: Duration = Duration::from_secs(60);

/// Why the key store cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoStore {
    Missing,
    Locked,
    NoText,
}

/// Keeps only the kind of error: its text could quote the stored secret.
impl From<KeyringError> for NoStore {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::NoStorageAccess(_) => Self::Locked,
            KeyringError::BadEncoding(_) | KeyringError::BadDataFormat(..) => Self::NoText,
            _ => Self::Missing,
        }
    }
}

/// The entry of a server and a user, and entries that earlier versions of the program made for them.
struct KeptEntries {
    entry: Entry,
    earlier: Vec<Entry>,
}

impl KeptEntries {
    /// The secret; that of an earlier version if there is no other.
    fn read_secret(&self) -> keyring_core::Result<Option<String>> {
        match self.entry.get_password() {
            Ok(secret) => Ok(Some(secret)),
            Err(KeyringError::NoEntry) => self.earlier.first().map(Entry::get_password).transpose(),
            // Several with the same attributes: made by other programs, or by hand.
            Err(KeyringError::Ambiguous(entries)) => {
                entries.first().map(Entry::get_password).transpose()
            }
            Err(error) => Err(error),
        }
    }

    fn write_secret(&self, secret: &str) -> keyring_core::Result<()> {
        self.entry.set_password(secret)?;
        self.remove_earlier()
    }

    fn remove_secret(&self) -> keyring_core::Result<()> {
        match self.entry.delete_credential() {
            Ok(()) | Err(KeyringError::NoEntry) => self.remove_earlier(),
            Err(error) => Err(error),
        }
    }

    fn remove_earlier(&self) -> keyring_core::Result<()> {
        self.earlier.iter().try_for_each(Entry::delete_credential)
    }
}

/// Opens the Secret Service anew for each request: the service may start, stop or be unlocked at any time, and a request that
/// nobody answers must not hold up the next one.
#[cfg(all(unix, not(target_os = "macos")))]
fn open_entries(owner: &str) -> keyring_core::Result<KeptEntries> {
    use keyring_core::api::CredentialStoreApi as _;
    use std::collections::HashMap;

    let store = zbus_secret_service_keyring_store::Store::new()?;
    let label = format!("{APPLICATION}: {owner}");
    let label = HashMap::from([("label", label.as_str())]);
    // The attributes of version 0.1.0.
    let earlier = HashMap::from([("application", APPLICATION), ("who", owner)]);
    Ok(KeptEntries {
        entry: store.build(APPLICATION, owner, Some(&label))?,
        earlier: store.search(&earlier)?,
    })
}

#[cfg(any(windows, target_os = "macos"))]
fn open_entries(owner: &str) -> keyring_core::Result<KeptEntries> {
    Ok(KeptEntries {
        entry: keyring::v1::Entry::new(APPLICATION, owner)?.inner,
        earlier: Vec::new(),
    })
}

/// The stored secret of a server; `None` if there is none, or if the server does not require one.
///
/// May wait for the user to unlock the key store.
///
/// # Errors
/// If the system has no key store, or it denies access.
pub fn kept_secret(server: &Server) -> Result<Option<Secret>> {
    if server.sign_in == SignIn::None {
        return Ok(None);
    }
    let kept = with_entries(server, |entries| entries.read_secret());
    Ok(kept
        .map_err(|why| store_error("read the key store of the system", why))?
        .map(Secret::new))
}

/// Stores the secret of a server.
///
/// # Errors
/// As [`kept_secret`].
pub fn keep_secret(server: &Server, secret: &Secret) -> Result<()> {
    let secret = secret.clone();
    with_entries(server, move |entries| {
        entries.write_secret(secret.expose_secret())
    })
    .map_err(|why| store_error("store the secret in the key store of the system", why))
}

/// Removes the secret of a server; it is no error if there is none.
///
/// # Errors
/// As [`kept_secret`].
pub fn forget_secret(server: &Server) -> Result<()> {
    if server.sign_in == SignIn::None {
        return Ok(());
    }
    with_entries(server, |entries| entries.remove_secret())
        .map_err(|why| store_error("remove the secret from the key store of the system", why))
}

/// Works on the entries of a server. On Linux, where a prompt may never be shown, it gives up after [`UNLOCK_TIME`].
fn with_entries<T: Send + 'static>(
    server: &Server,
    work: impl FnOnce(&KeptEntries) -> keyring_core::Result<T> + Send + 'static,
) -> result::Result<T, NoStore> {
    let owner = secret_owner(server);
    let (sender, answer) = bounded(1);
    let (permit, is_waited_for) = bounded::<()>(1);
    thread::Builder::new()
        .name("labrum-key-store".into())
        .spawn(move || {
            let entries = open_entries(&owner);
            // A store that is unlocked after the program has given up is not changed.
            if is_waited_for.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected) {
                return;
            }
            // Nobody waits for the result after the time limit.
            let _ = sender.send(entries.and_then(|entries| work(&entries)));
        })
        .map_err(|_| NoStore::Missing)?;
    let result = if cfg!(any(windows, target_os = "macos")) {
        answer.recv().map_err(|_| NoStore::Missing)?
    } else {
        answer.recv_timeout(UNLOCK_TIME).map_err(|why| match why {
            RecvTimeoutError::Timeout => NoStore::Locked,
            RecvTimeoutError::Disconnected => NoStore::Missing,
        })?
    };
    drop(permit);
    Ok(result?)
}

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

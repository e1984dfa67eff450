//! The key stores of Windows and macOS.

use super::NoStore;
use keyring::v1::{Entry, Error};

pub(super) fn get(application: &str, who: &str) -> Result<Option<String>, NoStore> {
    match entry(application, who)?.get_password() {
        Ok(secret) => Ok(Some(secret)),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn set(application: &str, who: &str, secret: &str) -> Result<(), NoStore> {
    Ok(entry(application, who)?.set_password(secret)?)
}

pub(super) fn forget(application: &str, who: &str) -> Result<(), NoStore> {
    match entry(application, who)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn entry(application: &str, who: &str) -> Result<Entry, NoStore> {
    Ok(Entry::new(application, who)?)
}

/// Only what kind of error it is: its own words may quote what was stored.
impl From<Error> for NoStore {
    fn from(error: Error) -> Self {
        match error {
            Error::NoStorageAccess(_) => Self::Locked,
            Error::BadEncoding(_) | Error::BadDataFormat(..) => Self::NoText,
            _ => Self::Missing,
        }
    }
}

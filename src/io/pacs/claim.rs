//! Lock files that divide work among several programs sharing a folder, also over a network: one file per piece of work.
//!
//! A claim is a file created only if it does not exist, which is atomic on local disks, NFS (version 3 and later) and SMB.
//! Its owner updates the modification time while it works. A claim that was not updated for long belongs to a program that
//! has ended; it is taken over by renaming it, which also succeeds for one program only.
//!
//! Guarantee: two running programs never hold the same claim. Limit: a program that was suspended for longer than [`STALE`]
//! may have lost its claim, and must check [`Claim::is_held`] before it does anything permanent.

use crate::{Error, Result};
use std::{
    fs::{self, File, FileTimes},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

/// How often the modification time of a claim is updated.
const TOUCH: Duration = Duration::from_secs(5);
/// A claim that was not updated for this long may be taken over.
pub const STALE: Duration = Duration::from_secs(60);

/// The exclusive right to do a piece of work; released when dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    owner: String,
    is_over: Arc<AtomicBool>,
}

impl Claim {
    /// Claims the work with this name, which must be a valid file name; `None` if another program holds it.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn try_acquire(folder: &Path, name: &str) -> Result<Option<Self>> {
        labrum_core::whole_file::make_folder(folder)?;
        let path = folder.join(format!("{name}.claim"));
        let owner = format!("{} {}", process::id(), uuid::Uuid::new_v4());
        if let Some(claim) = Self::try_create(&path, &owner)? {
            return Ok(Some(claim));
        }
        if !is_stale(&path)? {
            return Ok(None);
        }
        let away = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
        // Only one program succeeds in renaming it; for the others it no longer exists.
        match fs::rename(&path, &away) {
            Ok(()) => {
                let _ = fs::remove_file(&away);
                Self::try_create(&path, &owner)
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::at_path("take over the lock file", &path, e)),
        }
    }

    fn try_create(path: &Path, owner: &str) -> Result<Option<Self>> {
        let mut file = match File::create_new(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(None),
            Err(e) => return Err(claim_error(path, e)),
        };
        file.write_all(owner.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|e| claim_error(path, e))?;
        let claim = Self {
            path: path.to_owned(),
            owner: owner.to_owned(),
            is_over: Arc::default(),
        };
        claim.keep_alive()?;
        Ok(Some(claim))
    }

    /// Starts a thread that updates the modification time until the claim is dropped.
    fn keep_alive(&self) -> Result<()> {
        let path = self.path.clone();
        let owner = self.owner.clone();
        let is_over = self.is_over.clone();
        let spawned = thread::Builder::new()
            .name("labrum-claim".into())
            .spawn(move || touch_until_over(&path, &owner, &is_over));
        spawned
            .map(drop)
            .map_err(|e| Error::new("start a thread", e))
    }

    /// True if this program still holds the claim.
    pub fn is_held(&self) -> bool {
        is_owned_by(&self.path, &self.owner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if self.is_held() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn claim_error(path: &Path, error: io::Error) -> Error {
    Error::at_path("create the lock file", path, error)
}

/// The body of the thread of a claim.
fn touch_until_over(path: &Path, owner: &str, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        thread::park_timeout(TOUCH);
        // The claim of another owner must be able to become stale.
        if !is_over.load(Ordering::Relaxed) && is_owned_by(path, owner) {
            touch_file(path);
        }
    }
}

fn is_owned_by(path: &Path, owner: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text == owner)
}

fn touch_file(path: &Path) {
    let now = FileTimes::new().set_modified(SystemTime::now());
    if let Err(error) = File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_times(now))
    {
        log::warn!("cannot update the lock file {}: {error}", path.display());
    }
}

/// True if the file is older than [`STALE`], which is generous because the clocks of two computers may differ.
fn is_stale(path: &Path) -> Result<bool> {
    let modified = match fs::metadata(path).and_then(|about| about.modified()) {
        Ok(modified) => modified,
        // Just released.
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::at_path("read the lock file", path, e)),
    };
    Ok(SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age > STALE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_claim_is_exclusive_until_it_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let claim = Claim::try_acquire(folder.path(), "1.2.3").unwrap().unwrap();
        assert!(claim.is_held());
        assert!(
            Claim::try_acquire(folder.path(), "1.2.3")
                .unwrap()
                .is_none()
        );
        assert!(
            Claim::try_acquire(folder.path(), "1.2.4")
                .unwrap()
                .is_some()
        );
        drop(claim);
        assert!(
            Claim::try_acquire(folder.path(), "1.2.3")
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn only_one_of_many_threads_gets_a_claim() {
        let folder = tempfile::tempdir().unwrap();
        let (path, claims) = (folder.path(), std::sync::Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    claims
                        .lock()
                        .unwrap()
                        .extend(Claim::try_acquire(path, "1").unwrap())
                });
            }
        });
        assert_eq!(claims.into_inner().unwrap().len(), 1);
    }

    #[test]
    fn a_stale_claim_is_taken_over_and_its_owner_notices() {
        let folder = tempfile::tempdir().unwrap();
        let old = Claim::try_acquire(folder.path(), "1").unwrap().unwrap();
        let long_ago = FileTimes::new().set_modified(SystemTime::now() - 2 * STALE);
        File::options()
            .write(true)
            .open(&old.path)
            .unwrap()
            .set_times(long_ago)
            .unwrap();
        let new = Claim::try_acquire(folder.path(), "1").unwrap().unwrap();
        assert!(new.is_held() && !old.is_held());
        drop(old);
        assert!(
            new.is_held(),
            "dropping a lost claim does not remove the new one"
        );
    }
}

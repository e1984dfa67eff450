//! Who works on what, for several programs that share a folder, also over a network: one file for each piece of work.
//!
//! A claim is a file that could be made because it was not there, which local disks, NFS (from version 3) and SMB do for
//! one only. Its owner touches it while at work; one that nobody has touched for long belongs to a program that is gone,
//! and is taken over by moving it away, which again only one can do.
//!
//! What this promises: two programs that are at work never have the same claim. What it does not: a program that was
//! stopped for longer than [`STALE`] and then goes on finds its claim taken; it has to ask ([`Claim::is_held`]) before it
//! does anything that lasts.

use crate::{Error, Result};
use std::{
    fs::{self, File, FileTimes},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

/// A claim is touched so often.
const TOUCH: Duration = Duration::from_secs(5);
/// A claim that nobody has touched for so long may be taken over.
pub const STALE: Duration = Duration::from_secs(60);

/// The right to do a piece of work; given back when dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    owner: String,
    is_over: Arc<AtomicBool>,
}

impl Claim {
    /// Claims the work of this name (letters that a file's name may have); `None` where another program has it.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub fn try_acquire(folder: &Path, name: &str) -> Result<Option<Self>> {
        labrum_core::whole_file::make_folder(folder)?;
        let path = folder.join(format!("{name}.claim"));
        let owner = format!("{} {}", std::process::id(), uuid::Uuid::new_v4());
        if let Some(claim) = Self::try_create(&path, &owner)? {
            return Ok(Some(claim));
        }
        if !is_stale(&path)? {
            return Ok(None);
        }
        let away = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
        // Only one program can move it; for the others it is not there any more.
        match fs::rename(&path, &away) {
            Ok(()) => {
                let _ = fs::remove_file(&away);
                Self::try_create(&path, &owner)
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::at_path("take over the claim", &path, e)),
        }
    }

    fn try_create(path: &Path, owner: &str) -> Result<Option<Self>> {
        let failed = |e: std::io::Error| Error::at_path("claim the work", path, e);
        let mut file = match File::create_new(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        file.write_all(owner.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        let claim = Self {
            path: path.to_owned(),
            owner: owner.to_owned(),
            is_over: Arc::default(),
        };
        claim.keep_alive()?;
        Ok(Some(claim))
    }

    /// Touches the file until the claim is over.
    fn keep_alive(&self) -> Result<()> {
        let (path, owner, is_over) = (self.path.clone(), self.owner.clone(), self.is_over.clone());
        let beat = move || {
            while !is_over.load(Ordering::Relaxed) {
                thread::park_timeout(TOUCH);
                // A file of another owner is not kept alive.
                if !is_over.load(Ordering::Relaxed) && is_owned_by(&path, &owner) {
                    touch_file(&path);
                }
            }
        };
        let spawned = thread::Builder::new()
            .name("labrum-claim".into())
            .spawn(beat);
        spawned
            .map(drop)
            .map_err(|e| Error::new("start a thread", e))
    }

    /// Whether it is still ours.
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
        log::warn!("cannot keep the claim {} alive: {error}", path.display());
    }
}

/// By the age of the file; clocks of two computers may differ, which is why the limit is generous.
fn is_stale(path: &Path) -> Result<bool> {
    let modified = match fs::metadata(path).and_then(|about| about.modified()) {
        Ok(modified) => modified,
        // Just given back.
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::at_path("look at the claim", path, e)),
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
    fn work_is_claimed_by_one_and_given_back() {
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
    fn of_many_one_gets_it() {
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
    fn a_claim_of_a_program_that_is_gone_is_taken_over_and_its_owner_notices() {
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
        assert!(new.is_held(), "what is not ours is not removed");
    }
}

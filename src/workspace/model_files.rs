//! Model files: written atomically, and removed when nothing refers to them any more.

use super::{MODELS, Workspace, failure::Cause, rounds};
use crate::Result;
use labrum_core::learning::RoundKey;
use rusqlite::Connection;
use std::{
    collections::HashSet,
    fs::{self, DirEntry, File},
    io::{self, Write},
    path::Path,
    time::Duration,
};

/// Prefix and suffix of the name of a file that is being written.
const PART: (&str, &str) = (".labrum-", ".part");
/// Age after which a file with that name is a leftover.
const STALE: Duration = Duration::from_secs(3600);
/// Number of hex digits of the weights hash in the name of a model file.
const DIGITS: usize = 12;

/// Path of the file with the weights of a round, relative to the workspace folder.
pub(super) fn file_name(round: RoundKey, hash: &str) -> String {
    let digits: String = hash
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(DIGITS)
        .collect();
    format!("{MODELS}/{}-{digits:0<DIGITS$}.safetensors", round.0)
}

/// Writes a file atomically.
///
/// # Errors
/// If it cannot be written, or if verification fails: nothing is left then.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PART.0).suffix(PART.1);
    // Temporary files are private by default; use the permissions of the user's umask instead.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    if fs::read(file.path())? != bytes {
        return Err(io::Error::other(
            "verification failed: the file differs from what was written",
        ));
    }
    file.persist(path).map_err(|e| e.error)?;
    // Sync the folder too, to make the rename durable. Not all systems can sync folders.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

impl Workspace {
    /// Removes a file that the database no longer needs, after syncing that to the disk. If it cannot be removed now,
    /// it is removed when the workspace is opened again.
    pub(super) fn remove_model_file(&mut self, path: &Path) {
        if path.exists() && self.sync_to_disk().is_ok() {
            let _ = fs::remove_file(path);
        }
    }

    /// Removes model files that nothing refers to, left by a program that ended too early. Files with other names are
    /// not touched. Failures are ignored; the next opening tries again.
    pub(super) fn sweep_models(&mut self) {
        // Remove nothing if it is unknown which files are needed.
        let Ok(named) = self.read_database("read the models of the workspace", needed_files) else {
            return;
        };
        let Ok(entries) = fs::read_dir(self.models_folder()) else {
            return;
        };
        let left_over: Vec<DirEntry> = entries
            .flatten()
            .filter(|entry| is_left_over(entry, &named))
            .collect();
        for entry in left_over {
            self.remove_model_file(&entry.path());
        }
    }
}

/// True for a model that is not among the `named` files, and for a leftover of an unfinished write.
fn is_left_over(entry: &DirEntry, named: &HashSet<String>) -> bool {
    entry.file_name().to_str().is_some_and(|name| {
        is_ours(name) && !named.contains(&format!("{MODELS}/{name}"))
            || is_part(name) && is_stale(entry)
    })
}

/// The files that versions and the running round need.
fn needed_files(connection: &Connection) -> Result<HashSet<String>, Cause> {
    let mut models = connection.prepare_cached("SELECT file FROM version")?;
    let mut named: HashSet<String> = models
        .query_map((), |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut running = connection.prepare_cached("SELECT id FROM round WHERE state = 'running'")?;
    for id in running.query_map((), |r| r.get(0))? {
        let models = Path::new(MODELS);
        let round = RoundKey(id?);
        for path in [
            rounds::checkpoint_path(models, round),
            rounds::click_checkpoint_path(models, round),
        ] {
            named.insert(path.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(named)
}

/// True for names of models and checkpoints: "3-0123456789ab.safetensors", "round-3.state", "round-3-clicks.state".
fn is_ours(name: &str) -> bool {
    let is_model = name
        .strip_suffix(".safetensors")
        .and_then(|n| n.split_once('-'))
        .is_some_and(|(round, hash)| {
            is_number(round) && hash.len() == DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit())
        });
    is_model
        || name
            .strip_prefix("round-")
            .and_then(|n| n.strip_suffix(".state"))
            .is_some_and(|n| is_number(n.strip_suffix("-clicks").unwrap_or(n)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_part(name: &str) -> bool {
    name.starts_with(PART.0) && name.ends_with(PART.1)
}

fn is_stale(entry: &DirEntry) -> bool {
    let written = entry.metadata().and_then(|m| m.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn model_files_are_recognised_by_name() {
        let name = file_name(RoundKey(3), "0123456789abcdef0123");
        assert_eq!(name, "models/3-0123456789ab.safetensors");
        assert!(is_ours(name.strip_prefix("models/").unwrap()));
        // Whatever the hash is, the result is a file name within the folder.
        assert_eq!(
            file_name(RoundKey(3), "../ab/x"),
            "models/3-ab0000000000.safetensors"
        );
        assert!(is_ours("round-12.state") && is_ours("round-12-clicks.state"));
        for other in [
            "1.labrum",
            "3-head.safetensors",
            "x-0123456789ab.safetensors",
            "round-.state",
            "round-1.state.x",
            "round--clicks.state",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn a_failed_write_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("models/1.safetensors");
        std::fs::create_dir_all(path.join("in the way")).unwrap();
        assert!(write_whole(&path, b"weights").is_err());
        assert_eq!(
            std::fs::read_dir(folder.path().join("models"))
                .unwrap()
                .count(),
            1
        );
    }
}

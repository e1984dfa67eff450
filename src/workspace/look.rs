//! Read-only copies of a workspace that another window has open, made without disturbing that window.

use super::{DATABASE, MODELS, folder::check_files_equal, lock};
use crate::{Error, Result};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::Path,
    thread,
    time::Duration,
};

/// Number of attempts to copy while the other window writes, and the delay between them.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// Length of the log header, which changes when the log is restarted, in bytes.
const LOG_HEADER: usize = 32;

/// Copies database and models of the workspace in `folder` to the empty folder `into`, to be opened there. Takes no
/// lock and writes nothing in `folder`; models are linked if possible.
///
/// # Errors
/// If a file cannot be read or written, or if the other window keeps writing.
pub fn copy_for_looking(folder: &Path, into: &Path) -> Result<()> {
    let tried = "open a read-only copy of the workspace";
    for _ in 0..TRIES {
        if try_copy(folder, into).map_err(|e| lock::explain_io_error(tried, folder, &e))? {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    Err(
        Error::at_path(tried, folder, "another window keeps writing to it")
            .with_advice("Try again."),
    )
}

/// Copies the database and, if it is consistent, the models; false if it is not.
fn try_copy(folder: &Path, into: &Path) -> io::Result<bool> {
    let is_whole = copy_database(folder, into)?;
    if is_whole {
        link_models(folder, into)?;
    }
    Ok(is_whole)
}

/// Copies database and log; false if the other window moved its log into the database meanwhile, so that the copies are
/// not consistent.
///
/// Steps appended to the log while it is copied do no harm: an incomplete end of a log is ignored.
fn copy_database(folder: &Path, into: &Path) -> io::Result<bool> {
    let database = folder.join(DATABASE);
    let log = folder.join(format!("{DATABASE}-wal"));
    let before = read_log_header(&log)?;
    fs::copy(&database, into.join(DATABASE))?;
    let copied = match fs::copy(&log, into.join(format!("{DATABASE}-wal"))) {
        Ok(_) => true,
        Err(e) if e.kind() == ErrorKind::NotFound => false,
        Err(e) => return Err(e),
    };
    let is_same_log = copied == before.is_some() && read_log_header(&log)? == before;
    let is_same_database = match check_files_equal(&database, &into.join(DATABASE)) {
        Ok(()) => true,
        Err(e) if e.kind() == ErrorKind::Other => false,
        Err(e) => return Err(e),
    };
    Ok(is_same_log && is_same_database)
}

/// The header of the log; `None` if there is no log.
fn read_log_header(log: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(LOG_HEADER);
    match File::open(log) {
        Ok(file) => file
            .take(LOG_HEADER as u64)
            .read_to_end(&mut bytes)
            .map(|_| Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Links or copies the weights of models. A link is enough because these files never change.
fn link_models(folder: &Path, into: &Path) -> io::Result<()> {
    fs::create_dir_all(into.join(MODELS))?;
    let entries = match fs::read_dir(folder.join(MODELS)) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries.flatten() {
        let source = entry.path();
        let target = into.join(MODELS).join(entry.file_name());
        if source.extension().is_some_and(|e| e == "safetensors") {
            let linked =
                fs::hard_link(&source, &target).or_else(|_| fs::copy(&source, &target).map(drop));
            match linked {
                // It was deleted since the folder was listed.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                linked => linked?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::workspace::Workspace;
    use labrum_core::label::Label;

    #[test]
    fn a_read_only_copy_is_complete_and_independent() {
        let (folder, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut open = Workspace::open(folder.path()).unwrap();
        open.set_name("Hips").unwrap();
        let weights = format!("{MODELS}/1-0123456789ab.safetensors");
        std::fs::write(folder.path().join(&weights), "weights").unwrap();
        std::fs::write(open.models_folder().join("round-1.state"), "state").unwrap();
        copy_for_looking(folder.path(), into.path()).unwrap();
        assert!(
            into.path().join(&weights).exists()
                && !into.path().join(MODELS).join("round-1.state").exists()
        );

        // From now on they are independent.
        let mut copy = Workspace::open(into.path()).unwrap();
        assert_eq!(copy.read_name().unwrap(), "Hips");
        copy.set_labels(&[Label::with_name("Only here", 0)])
            .unwrap();
        open.set_name("Knees").unwrap();
        assert!(open.read_labels().unwrap().is_empty());
        assert_eq!(copy.read_name().unwrap(), "Hips");
        copy.close().unwrap();
        assert!(
            folder.path().join(&weights).exists(),
            "the copy must remove unused files only from itself"
        );
        open.close().unwrap();
        assert_eq!(
            Workspace::open(folder.path()).unwrap().read_name().unwrap(),
            "Knees"
        );
    }

    #[test]
    fn the_log_header_is_read_if_there_is_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert_eq!(read_log_header(&log).unwrap(), None);
        std::fs::write(&log, vec![1; 100]).unwrap();
        assert_eq!(
            read_log_header(&log).unwrap().map(|h| h.len()),
            Some(LOG_HEADER)
        );
    }
}

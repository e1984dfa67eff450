//! Receives a study into the cache, object by object. Objects that are already there are not fetched again, so an interrupted
//! transfer resumes where it stopped.

use super::{
    Archive,
    failure::{cancelled_error, server_error},
    patience,
};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    hex::hex_text,
    pacs::{Receiving, RemoteInstance, Server, is_uid},
    progress::Cancel,
    whole_file,
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Pauses before each retry of a lost connection; after any progress they start from the first one again.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];

/// Partial files older than this were left by a program that was terminated.
const STALE: Duration = Duration::from_secs(3600);

/// A study, or some of its series, in the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// One folder per series, with one file per object.
    pub folders: Vec<PathBuf>,
    /// Total number of objects.
    pub objects: usize,
    /// Number of objects that were already in the cache.
    pub kept: usize,
    /// Bytes received over the network.
    pub bytes: u64,
}

/// The folder of a server's study in the cache.
///
/// # Errors
/// If the UID is not valid.
pub fn folder_of_study(cache: &Path, server: &Server, study_uid: &str) -> Result<PathBuf, Error> {
    if !is_uid(study_uid) {
        return Err(Error::new(
            "receive a study",
            format!("\"{study_uid}\" is not a valid UID"),
        ));
    }
    let digest = Sha256::digest(server.file_key().as_bytes());
    Ok(cache
        .join("pacs")
        .join(hex_text(&digest[..8]))
        .join(study_uid))
}

/// Receives a study, or only some of its `series`, as `folder/SERIES/OBJECT.dcm`.
///
/// A lost connection is retried for half a minute.
///
/// # Errors
/// If the server cannot be reached, an object is not received, or `cancel` was requested. Received objects are kept, and the
/// next call resumes from there.
pub fn receive_study(
    archive: &Archive,
    study_uid: &str,
    series: Option<&[String]>,
    folder: &Path,
    progress: &mut dyn FnMut(Receiving),
    cancel: &Cancel,
) -> Result<Received> {
    let mut work = Work {
        archive,
        study_uid,
        progress,
        cancel,
        state: Receiving::default(),
    };
    let listed = match series {
        Some(series) => series.to_vec(),
        None => work
            .with_patience(|work| archive.find_series(work.study_uid, cancel))?
            .into_iter()
            .map(|s| s.series_uid)
            .collect(),
    };
    if listed.is_empty() {
        return Err(server_error(
            ErrorKind::Refused,
            archive.server(),
            "receive a study",
            "the server has no such study, or it has no series",
        ));
    }
    let mut wanted = Vec::new();
    for series in listed {
        let instances =
            work.with_patience(|work| archive.find_instances(work.study_uid, &series, cancel))?;
        work.state.total += instances.len();
        (work.progress)(work.state);
        wanted.push((series, instances));
    }
    let mut received = Received::default();
    for (series, instances) in wanted {
        if !is_uid(&series) {
            return Err(server_error(
                ErrorKind::Refused,
                archive.server(),
                "receive a series",
                "the Series Instance UID is not valid",
            ));
        }
        let into = folder.join(&series);
        received.objects += instances.len();
        received.kept += work.receive_series(&series, instances, &into)?;
        received.folders.push(into);
    }
    received.bytes = work.state.bytes;
    Ok(received)
}

struct Work<'a> {
    archive: &'a Archive,
    study_uid: &'a str,
    progress: &'a mut dyn FnMut(Receiving),
    cancel: &'a Cancel,
    state: Receiving,
}

impl Work<'_> {
    /// Receives the missing objects of a series; returns how many were already in the cache.
    fn receive_series(
        &mut self,
        series: &str,
        instances: Vec<RemoteInstance>,
        folder: &Path,
    ) -> Result<usize> {
        whole_file::make_folder(folder)?;
        remove_partial_files(folder);
        let (here, mut missing): (Vec<_>, Vec<_>) = instances
            .into_iter()
            .partition(|i| folder.join(format!("{}.dcm", i.sop_uid)).is_file());
        self.state.done += here.len();
        (self.progress)(self.state);
        let mut failures = 0;
        while !missing.is_empty() {
            let mut came = HashSet::new();
            let mut failure = None;
            let archive = self.archive;
            let study_uid = self.study_uid;
            let cancel = self.cancel;
            let fetched = archive.fetch_instances(
                study_uid,
                series,
                &missing,
                folder,
                &mut |instance, result| match result {
                    Ok(bytes) => {
                        came.insert(instance.sop_uid.clone());
                        self.count_arrival(bytes);
                    }
                    Err(error) => keep_worst(&mut failure, error),
                },
                cancel,
            );
            fetched.unwrap_or_else(|error| keep_worst(&mut failure, error));
            missing.retain(|i| !came.contains(&i.sop_uid));
            if missing.is_empty() {
                break;
            }
            let failure = failure.unwrap_or_else(|| {
                let reason = format!("{} objects were not received", missing.len());
                server_error(
                    ErrorKind::ConnectionLost,
                    self.archive.server(),
                    "receive a series",
                    reason,
                )
            });
            failures = if came.is_empty() { failures + 1 } else { 1 };
            self.wait_or(failure, failures)?;
        }
        Ok(here.len())
    }

    /// Counts one more received object.
    fn count_arrival(&mut self, bytes: u64) {
        self.state.done += 1;
        self.state.bytes += bytes;
        self.state.is_waiting = false;
        (self.progress)(self.state);
    }

    /// Repeats a query if the connection is lost.
    fn with_patience<T>(&mut self, ask: impl Fn(&Self) -> Result<T>) -> Result<T> {
        let mut failures = 0;
        loop {
            match ask(self) {
                Ok(answer) => {
                    self.state.is_waiting = false;
                    return Ok(answer);
                }
                Err(failure) => {
                    failures += 1;
                    self.wait_or(failure, failures)?;
                }
            }
        }
    }

    /// Waits before the next retry, or returns the failure if there is none.
    fn wait_or(&mut self, failure: Error, failures: usize) -> Result<()> {
        let Some(pause) = PAUSES
            .get(failures - 1)
            .filter(|_| failure.kind.is_passing())
        else {
            return Err(failure);
        };
        self.state.is_waiting = true;
        (self.progress)(self.state);
        match patience::sleep_cancellable(*pause, self.cancel) {
            true => Ok(()),
            false => Err(cancelled_error(self.archive.server(), "receive a study")),
        }
    }
}

/// Keeps the first failure, but prefers one that retrying cannot solve.
fn keep_worst(kept: &mut Option<Error>, failure: Error) {
    if kept
        .as_ref()
        .is_none_or(|kept| kept.kind.is_passing() && !failure.kind.is_passing())
    {
        *kept = Some(failure);
    }
}

/// Removes partial files left by a program that was terminated.
fn remove_partial_files(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_part = name.starts_with(".labrum-") && name.ends_with(".part");
        let age = entry
            .metadata()
            .and_then(|m| m.modified())
            .ok()
            .and_then(|t| SystemTime::now().duration_since(t).ok());
        if is_part && age.is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_study_has_one_folder_per_server() {
        let server = |address: &str| Server {
            address: address.into(),
            ..Server::default()
        };
        let place = |s: &Server, uid| folder_of_study(Path::new("/cache"), s, uid);
        let (a, b) = (server("https://a/dicom-web"), server("https://b/dicom-web"));
        assert_eq!(
            place(&a, "1.2").unwrap(),
            place(&server("https://A/dicom-web/"), "1.2").unwrap()
        );
        assert_ne!(place(&a, "1.2").unwrap(), place(&b, "1.2").unwrap());
        assert!(place(&a, "../../etc").is_err());
    }
}

//! Receives a study into the cache, object by object: what is there is not fetched again, so that whatever broke off
//! goes on where it was.

use super::{
    Archive,
    failure::{cancelled_error, server_error},
    patience,
};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    pacs::{Receiving, RemoteInstance, Server, is_uid},
    progress::Cancel,
    whole_file,
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Pauses before a lost connection is tried again; one that brought something begins anew.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];

/// Parts of files that nobody has touched for so long belong to a program that was cut off.
const STALE: Duration = Duration::from_secs(3600);

/// A study, or some series of it, that is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// A folder for each series, with a file for each object.
    pub folders: Vec<PathBuf>,
    /// Objects that are here, in all.
    pub objects: usize,
    /// Of them, those that were here before.
    pub kept: usize,
    /// Bytes that came over the network.
    pub bytes: u64,
}

/// Where a study of a server lies in the cache.
///
/// # Errors
/// Where the UID is none.
pub fn folder_of_study(cache: &Path, server: &Server, study_uid: &str) -> Result<PathBuf, Error> {
    if !is_uid(study_uid) {
        return Err(Error::new(
            "receive a study",
            format!("\"{study_uid}\" is no UID"),
        ));
    }
    let digest = Sha256::digest(server.file_key().as_bytes());
    let name: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    Ok(cache.join("pacs").join(name).join(study_uid))
}

/// Receives a study, or those of its `series`, below `folder`: `folder/SERIES/OBJECT.dcm`.
///
/// A connection that is lost is tried again for half a minute; what came until then stays.
///
/// # Errors
/// Where the server cannot be asked, an object does not come, or it is cancelled. What came stays, and the next call goes
/// on from there.
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
            "it has no study of this name",
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
                "its UID is none",
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
    /// Receives what a series lacks; how many objects were there before.
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
            let (state, progress) = (&mut self.state, &mut self.progress);
            let mut arrived = |instance: &RemoteInstance, result: Result<u64>| match result {
                Ok(bytes) => {
                    came.insert(instance.sop_uid.clone());
                    state.done += 1;
                    state.bytes += bytes;
                    state.is_waiting = false;
                    progress(*state);
                }
                Err(error) => keep_worst(&mut failure, error),
            };
            let fetched = self.archive.fetch_instances(
                self.study_uid,
                series,
                &missing,
                folder,
                &mut arrived,
                self.cancel,
            );
            fetched.unwrap_or_else(|error| keep_worst(&mut failure, error));
            missing.retain(|i| !came.contains(&i.sop_uid));
            if missing.is_empty() {
                break;
            }
            let failure = failure.unwrap_or_else(|| {
                let reason = format!("{} objects did not come", missing.len());
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

    /// Asks again where the connection was lost.
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

    /// Waits before another try, or gives up.
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

/// Of several failures the one that no patience helps against.
fn keep_worst(kept: &mut Option<Error>, failure: Error) {
    if kept
        .as_ref()
        .is_none_or(|kept| kept.kind.is_passing() && !failure.kind.is_passing())
    {
        *kept = Some(failure);
    }
}

/// Removes parts of files that a program left behind which was cut off.
fn remove_partial_files(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
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
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_study_has_one_place_for_each_server() {
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

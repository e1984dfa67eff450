//! Looks through folders, unpacks samples, writes the settings down.

use super::{Outbox, Places, samples};
use crate::{
    io,
    session::job::{Event, Job, Pick, WorkspaceSummary},
    workspace,
};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// How often the window is told how far a search is.
const EVERY: Duration = Duration::from_millis(100);

pub(super) fn work(job: Job, places: &Places, outbox: &Outbox) {
    match job {
        Job::Open { id, paths, cancel } => {
            let mut told = Instant::now();
            let mut progress = |files: usize| {
                if told.elapsed() >= EVERY {
                    told = Instant::now();
                    outbox.send(Event::Opening { id, files });
                }
            };
            let result = io::open::catalog(&paths, &mut progress, &cancel);
            outbox.send(Event::Opened { id, result });
        }
        Job::OpenSample(name) => {
            let result = samples::unpack(name, &places.cache).map(|folder| vec![folder]);
            outbox.send(Event::Picked { pick: Pick::Folder, result });
        }
        Job::SaveSettings(settings) => {
            if let Err(error) = places.save_settings(&settings) {
                outbox.send(Event::Failed(error));
            }
        }
        Job::LookAtWorkspaces(folders) => {
            let look = |folder: PathBuf| {
                let name = folder.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
                match workspace::summary(&folder) {
                    Some(found) => {
                        let cases = found.cases.zip(found.accepted);
                        WorkspaceSummary { folder, name: found.name, cases, is_missing: false }
                    }
                    None => WorkspaceSummary { folder, name, cases: None, is_missing: true },
                }
            };
            outbox.send(Event::Workspaces(folders.into_iter().map(look).collect()));
        }
        _ => {}
    }
}

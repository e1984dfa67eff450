//! Looks through folders, unpacks samples, writes the settings down.

use super::{AppFolders, Outbox, identity, samples};
use crate::{
    Error, Result,
    io::{self},
    session::job::{Event, FileJob, Pick, WorkspaceSummary},
    workspace,
};
use labrum_core::{learning::WorkReport, whole_file};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How often the window is told how far a search is.
const EVERY: Duration = Duration::from_millis(100);

pub(super) fn run_job(job: FileJob, places: &AppFolders, outbox: &Outbox) {
    match job {
        FileJob::Open { id, paths, cancel } => {
            let mut told = Instant::now();
            let mut progress = |files: usize| {
                if told.elapsed() >= EVERY {
                    told = Instant::now();
                    outbox.send_event(Event::Opening { id, files });
                }
            };
            let paths = identity::absolute_paths(paths);
            let event = match paths.as_slice() {
                [folder] if workspace::glance_at(folder).is_some() => Event::IsWorkspace {
                    id,
                    folder: folder.clone(),
                },
                paths => Event::Opened {
                    id,
                    result: io::open::read_catalog(paths, &mut progress, &cancel),
                },
            };
            outbox.send_event(event);
        }
        FileJob::FindImages {
            id,
            folder,
            wanted,
            cancel,
        } => {
            let mut progress = |files: usize| {
                outbox.send_event(Event::Opening { id, files });
            };
            let result = identity::find_wanted_cases(
                &folder,
                &wanted.into_iter().collect(),
                &mut progress,
                &cancel,
            );
            outbox.send_event(Event::ImagesFound { id, result });
        }
        FileJob::OpenSample(name) => {
            let result = samples::unpack_to_cache(name, &places.cache).map(|folder| vec![folder]);
            outbox.send_event(Event::Picked {
                pick: Pick::Folder,
                result,
            });
        }
        FileJob::SaveSettings(settings) => {
            if let Err(error) = places.save_settings(&settings) {
                outbox.send_event(Event::Failed(error));
            }
        }
        FileJob::LookAtWorkspaces(folders) => {
            let look = |folder: PathBuf| {
                let name = folder
                    .file_name()
                    .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
                match workspace::glance_at(&folder) {
                    Some(found) => {
                        let cases = found.cases.zip(found.accepted);
                        WorkspaceSummary {
                            folder,
                            name: found.name,
                            cases,
                            is_missing: false,
                        }
                    }
                    None => WorkspaceSummary {
                        folder,
                        name,
                        cases: None,
                        is_missing: true,
                    },
                }
            };
            outbox.send_event(Event::Workspaces(folders.into_iter().map(look).collect()));
        }
        FileJob::ExportReport(report, folder) => {
            let event = export_report(&report, &folder).map_or_else(Event::Failed, Event::Notice);
            outbox.send_event(event);
        }
    }
}

/// Writes the report on the work as CSV and JSON; what a person is told.
fn export_report(report: &WorkReport, folder: &Path) -> Result<String> {
    whole_file::make_folder(folder)?;
    let json =
        serde_json::to_string_pretty(report).map_err(|e| Error::new("write the work report", e))?;
    for (name, text) in [
        ("work-report.csv", report.to_csv()),
        ("work-report.json", json),
    ] {
        whole_file::write_atomically(&folder.join(name), "write the work report", |file| {
            file.write_all(text.as_bytes())
        })?;
    }
    Ok(format!(
        "work-report.csv and work-report.json are in {}",
        folder.display()
    ))
}

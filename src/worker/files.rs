//! Searches folders, unpacks samples, saves settings.

use super::{AppFolders, Outbox, identity, samples};
use crate::{
    Error, Result,
    io::{self},
    session::job::{Event, FileJob, Pick, WorkspaceSummary},
    workspace,
};
use labrum_core::{learning::WorkReport, progress::Cancel, whole_file};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Interval of progress events.
const EVERY: Duration = Duration::from_millis(100);

pub(super) fn run_job(job: FileJob, places: &AppFolders, outbox: &Outbox) {
    match job {
        FileJob::Open { id, paths, cancel } => {
            outbox.send_event(open_paths(id, paths, &cancel, outbox));
        }
        FileJob::FindImages {
            id,
            folder,
            wanted,
            cancel,
        } => {
            let result = identity::find_wanted_cases(
                &folder,
                &wanted.into_iter().collect(),
                &mut |files| send_progress(outbox, id, files),
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
            let summaries = folders.into_iter().map(summarise_workspace).collect();
            outbox.send_event(Event::Workspaces(summaries));
        }
        FileJob::ExportReport(report, folder) => {
            let written = |text| Event::Written {
                text,
                folder: folder.clone(),
            };
            let event = export_report(&report, &folder).map_or_else(Event::Failed, written);
            outbox.send_event(event);
        }
    }
}

/// Searches paths for studies, unless they are the folder of a workspace.
fn open_paths(id: u64, paths: Vec<PathBuf>, cancel: &Cancel, outbox: &Outbox) -> Event {
    let mut told = Instant::now();
    let paths = identity::absolute_paths(paths);
    match paths.as_slice() {
        [folder] if workspace::glance_at(folder).is_some() => Event::IsWorkspace {
            id,
            folder: folder.clone(),
        },
        paths => {
            let result = io::open::read_catalog(
                paths,
                &mut |files| {
                    if told.elapsed() >= EVERY {
                        told = Instant::now();
                        send_progress(outbox, id, files);
                    }
                },
                cancel,
            );
            Event::Opened { id, result }
        }
    }
}

fn send_progress(outbox: &Outbox, id: u64, files: usize) {
    outbox.send_event(Event::Opening { id, files });
}

/// Summary of a workspace for the list of workspaces.
fn summarise_workspace(folder: PathBuf) -> WorkspaceSummary {
    match workspace::glance_at(&folder) {
        Some(found) => WorkspaceSummary {
            folder,
            name: found.name,
            cases: found.cases.zip(found.accepted),
            is_missing: false,
        },
        None => {
            let name = folder
                .file_name()
                .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            WorkspaceSummary {
                folder,
                name,
                cases: None,
                is_missing: true,
            }
        }
    }
}

/// Exports the work report as CSV and JSON; returns a message for the user.
fn export_report(report: &WorkReport, folder: &Path) -> Result<String> {
    whole_file::make_folder(folder)?;
    let json =
        serde_json::to_string_pretty(report).map_err(|e| Error::new("write the work report", e))?;
    for (name, text) in [
        ("work-report.csv", io::export::work_report_csv(report)?),
        ("work-report.json", json),
    ] {
        whole_file::write_atomically(&folder.join(name), "write the work report", |file| {
            file.write_all(text.as_bytes())
        })?;
    }
    Ok(format!(
        "Exported work-report.csv and work-report.json to {}",
        folder.display()
    ))
}

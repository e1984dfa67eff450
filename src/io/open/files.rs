//! Lists all files at the paths that a user opens.

use super::{TRIED, cancelled_error, natural_order};
use crate::{Error, Result};
use labrum_core::{progress::Cancel, study::PassedOver};
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

/// All files, each once, in natural order of their paths; folders that cannot be read are added to `passed_over`.
pub(super) fn files_at(
    paths: &[PathBuf],
    passed_over: &mut Vec<PassedOver>,
    cancel: &Cancel,
) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let about = match fs::metadata(path) {
            Ok(about) => about,
            Err(e) => {
                let missing = e.kind() == io::ErrorKind::NotFound;
                let reason = if missing {
                    "file or folder not found".into()
                } else {
                    labrum_core::reason_of(&e)
                };
                if paths.len() == 1 {
                    return Err(Error::at_path(TRIED, path, reason));
                }
                passed_over.push(PassedOver {
                    path: path.clone(),
                    reason,
                    is_failure: true,
                    has_masks: false,
                });
                continue;
            }
        };
        if !about.is_dir() {
            files.push(path.clone());
            continue;
        }
        let start = files.len();
        for entry in walkdir::WalkDir::new(path) {
            if cancel.is_cancelled() {
                return Err(cancelled_error());
            }
            match entry {
                Ok(entry) if !entry.file_type().is_dir() && !is_hidden(entry.path()) => {
                    files.push(entry.into_path())
                }
                Ok(_) => {}
                Err(e) if e.depth() > 0 => passed_over.push(PassedOver {
                    path: e.path().unwrap_or(path).to_owned(),
                    reason: e
                        .io_error()
                        .map_or_else(|| e.to_string(), labrum_core::reason_of),
                    is_failure: true,
                    has_masks: false,
                }),
                Err(e) => return Err(Error::at_path(TRIED, path, e)),
            }
        }
        files[start..].sort_by(|a, b| natural_order(&a.to_string_lossy(), &b.to_string_lossy()));
    }
    let mut seen = HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

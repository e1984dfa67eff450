//! Unfinished exports, which the next export into the same folder resumes. A journal lists the files of a case before the
//! first of them is written, and the case once it is complete; at the end the manifest replaces the journal.

use super::{
    case::CaseToExport,
    manifest::{FileEntry, Manifest, ManifestCase, sha256_and_length},
    preset::{OverlayStyle, Preset},
    series::Names,
};
use crate::{Error, ErrorKind, Result};
use labrum_core::hex::hex_text;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Component, Path, PathBuf},
};

/// File name of the journal in the export folder.
const JOURNAL: &str = "manifest.unfinished";

/// What earlier unfinished exports wrote into a folder.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// True if there is an unfinished export.
    pub(super) is_any: bool,
    /// Its unchanged files, which the next export may overwrite.
    pub(super) files: HashSet<PathBuf>,
    /// Its complete cases, by [`made_from`].
    pub(super) cases: HashMap<String, ManifestCase>,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
enum JournalLine {
    /// Files that are about to be written and did not exist before.
    Begun(Vec<String>),
    /// A case that is complete.
    Done(Box<ManifestCase>),
}

impl Unfinished {
    /// Finds an unfinished export in `folder`; empty if the export is complete or its manifest cannot be read.
    pub(super) fn in_folder(folder: &Path) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct KnownFile {
            complete: Option<bool>,
            cases: Vec<ManifestCase>,
            earlier: Vec<FileEntry>,
        }
        let [json, _] = Manifest::file_paths(folder);
        let known = fs::read(&json)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<KnownFile>(&bytes).ok());
        let journal = fs::read_to_string(folder.join(JOURNAL)).ok();
        let is_unfinished = match &known {
            Some(known) => known.complete == Some(false),
            None => journal.is_some() && !json.exists(),
        };
        if !is_unfinished {
            return Self::default();
        }
        let KnownFile {
            mut cases, earlier, ..
        } = known.unwrap_or_default();
        let mut begun = HashSet::new();
        // The last line may be truncated.
        for line in journal
            .unwrap_or_default()
            .lines()
            .map_while(|line| serde_json::from_str(line).ok())
        {
            match line {
                JournalLine::Begun(files) => begun.extend(files),
                JournalLine::Done(case) => cases.push(*case),
            }
        }
        let mut unfinished = Self {
            is_any: true,
            ..Self::default()
        };
        // A file that was changed since must not be overwritten. Of several attempts the last one counts.
        let written: HashMap<String, FileEntry> = earlier
            .into_iter()
            .chain(cases.iter().flat_map(|case| case.files.clone()))
            .map(|f| (f.path.clone(), f))
            .collect();
        let unchanged: HashSet<&str> = written
            .values()
            .filter(|file| is_unchanged(file, folder))
            .map(|file| file.path.as_str())
            .collect();
        begun.retain(|path| !written.contains_key(path) && is_below(path));
        unfinished.files = unchanged.iter().map(|path| folder.join(path)).collect();
        unfinished
            .files
            .extend(begun.iter().map(|path| folder.join(path)));
        unfinished.cases = cases
            .iter()
            .filter(|case| is_case_whole(case, &written, &unchanged))
            .map(|case| (case.made_from.clone(), case.clone()))
            .collect();
        unfinished
    }
}

/// True for a file inside the export folder that has not been changed since it was written.
fn is_unchanged(file: &FileEntry, folder: &Path) -> bool {
    is_below(&file.path)
        && sha256_and_length(&folder.join(&file.path))
            .is_ok_and(|(sha256, _)| sha256 == file.sha256)
}

/// True if all files of a case are unchanged and were not replaced by a later attempt. `written` holds the last entry of each
/// path, `unchanged` the paths of files that still match their entry.
fn is_case_whole(
    case: &ManifestCase,
    written: &HashMap<String, FileEntry>,
    unchanged: &HashSet<&str>,
) -> bool {
    !case.made_from.is_empty()
        && case.files.iter().all(|file| {
            let is_last = written
                .get(&file.path)
                .is_some_and(|last| last.sha256 == file.sha256);
            is_last && unchanged.contains(file.path.as_str())
        })
}

/// True for a relative path that stays inside the export folder.
fn is_below(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// The journal of a running export.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Creates a journal in `folder`, or continues that of an unfinished export.
    pub(super) fn open_in(folder: &Path) -> Result<Self> {
        let path = folder.join(JOURNAL);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|e| journal_error(&path, &e))?;
        Ok(Self { file, path })
    }

    /// Records files that are about to be written.
    pub(super) fn note_started_files(&mut self, folder: &Path, files: &[PathBuf]) -> Result<()> {
        self.append_line(&JournalLine::Begun(
            files
                .iter()
                .map(|file| FileEntry::relative_path(folder, file))
                .collect(),
        ))
    }

    /// Records a complete case.
    pub(super) fn note_finished_case(&mut self, case: &ManifestCase) -> Result<()> {
        self.append_line(&JournalLine::Done(Box::new(case.clone())))
    }

    fn append_line(&mut self, line: &JournalLine) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)
            .map_err(|e| Error::at_path("write the export journal", &self.path, e))?;
        bytes.push(b'\n');
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data());
        written.map_err(|e| journal_error(&self.path, &e))
    }

    /// Deletes the journal after the manifest was written.
    pub(super) fn delete_file(self) {
        // A leftover journal is harmless: a complete manifest takes precedence.
        let _ = fs::remove_file(&self.path);
    }
}

fn journal_error(path: &Path, error: &io::Error) -> Error {
    Error::at_path("write the export journal", path, error).of_kind(ErrorKind::Disk)
}

/// A hash of everything that determines the files of a case.
pub(super) fn made_from(
    preset: &Preset,
    look: OverlayStyle,
    case: &CaseToExport,
    folder: &Path,
    names: &Names,
) -> String {
    let mut hash = Sha256::new();
    let how = (
        env!("CARGO_PKG_VERSION"),
        &preset.formats,
        &preset.seg,
        look,
        folder,
        names,
    );
    let what = (
        &case.title,
        &case.study,
        &case.study_uid,
        &case.date,
        &case.series.id,
        case.series.slices.len(),
    );
    hash.update(format!(
        "{how:?} {what:?} {:?} {:?} {:?}",
        (&case.labels, &case.model, &case.person),
        case.drawn,
        case.over_time
    ));
    for slice in &case.slices {
        let source = case
            .series
            .slices
            .get(slice.index)
            .map(|s| (s.source.frame, s.sop_instance_uid.as_deref()));
        hash.update(format!(
            "{:?}",
            (
                slice.index,
                source,
                slice.mask.columns(),
                slice.mask.rows(),
                &slice.absent
            )
        ));
        hash.update(slice.mask.pixel_labels());
        if let Some(proposal) = &slice.proposal {
            hash.update(proposal.pixel_labels());
        }
        hash.update(format!("{}", slice.proposal.is_some()));
        slice
            .probabilities
            .iter()
            .flatten()
            .for_each(|value| hash.update(value.to_le_bytes()));
    }
    hex_text(&hash.finalize())
}

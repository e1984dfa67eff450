//! Exports that did not come to their end: what they wrote, so that the next one into the same folder goes on. A journal names
//! the files of a case before the first of them is written, and the case once it is whole; at the end the manifest takes its
//! place.

use super::{
    batch::{OverlayStyle, Preset},
    case::CaseToExport,
    manifest::{FileEntry, Manifest, ManifestCase, sha256_and_length, to_hex},
    series::Names,
};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions},
    io::Write,
    path::{Component, Path, PathBuf},
};

/// Name of the journal in the folder of the export.
const JOURNAL: &str = "manifest.unfinished";

/// What exports before wrote into a folder and did not bring to an end.
#[derive(Debug, Default)]
pub(super) struct Unfinished {
    /// True where there was one.
    pub(super) is_any: bool,
    /// Its files that are as they were written: the next one may put its own in their place.
    pub(super) files: HashSet<PathBuf>,
    /// Its cases of which all files are there, by what they were made of.
    pub(super) cases: HashMap<String, ManifestCase>,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
enum JournalLine {
    /// These files are about to be written, and were not there.
    Begun(Vec<String>),
    /// This case is whole.
    Done(Box<ManifestCase>),
}

impl Unfinished {
    /// Nothing where the export in `folder` is complete, or its manifest cannot be understood.
    pub(super) fn in_folder(folder: &Path) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct KnownFile {
            complete: Option<bool>,
            cases: Vec<ManifestCase>,
            earlier: Vec<FileEntry>,
        }
        let [json, _] = Manifest::file_paths(folder);
        let known = std::fs::read(&json)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<KnownFile>(&bytes).ok());
        let journal = std::fs::read_to_string(folder.join(JOURNAL)).ok();
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
        // The last line may have been cut off.
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
        // A file that was changed since is not ours any more. Of several attempts the last one counts.
        let written: HashMap<String, FileEntry> = earlier
            .into_iter()
            .chain(cases.iter().flat_map(|case| case.files.clone()))
            .map(|f| (f.path.clone(), f))
            .collect();
        let is_unchanged = |file: &FileEntry| {
            is_below(&file.path)
                && sha256_and_length(&folder.join(&file.path))
                    .is_ok_and(|(sha256, _)| sha256 == file.sha256)
        };
        let unchanged: HashSet<&str> = written
            .values()
            .filter(|file| is_unchanged(file))
            .map(|file| file.path.as_str())
            .collect();
        let is_whole = |case: &ManifestCase| {
            let is_last = |file: &FileEntry| {
                written
                    .get(&file.path)
                    .is_some_and(|last| last.sha256 == file.sha256)
            };
            !case.made_from.is_empty()
                && case
                    .files
                    .iter()
                    .all(|f| is_last(f) && unchanged.contains(f.path.as_str()))
        };
        begun.retain(|path| !written.contains_key(path) && is_below(path));
        unfinished.files = unchanged.iter().map(|path| folder.join(path)).collect();
        unfinished
            .files
            .extend(begun.iter().map(|path| folder.join(path)));
        unfinished.cases = cases
            .iter()
            .filter(|case| is_whole(case))
            .map(|case| (case.made_from.clone(), case.clone()))
            .collect();
        unfinished
    }
}

/// True for a path that leads to a place below the folder of the export.
fn is_below(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// The journal of an export.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Begins one in `folder`, or goes on with that of an export that was cut off.
    pub(super) fn open_in(folder: &Path) -> Result<Self> {
        let path = folder.join(JOURNAL);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|e| journal_error(&path, &e))?;
        Ok(Self { file, path })
    }

    /// These files will be written.
    pub(super) fn note_started_files(&mut self, folder: &Path, files: &[PathBuf]) -> Result<()> {
        self.append_line(&JournalLine::Begun(
            files
                .iter()
                .map(|file| FileEntry::relative_path(folder, file))
                .collect(),
        ))
    }

    /// This case is whole.
    pub(super) fn note_finished_case(&mut self, case: &ManifestCase) -> Result<()> {
        self.append_line(&JournalLine::Done(Box::new(case.clone())))
    }

    fn append_line(&mut self, line: &JournalLine) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)
            .map_err(|e| Error::at_path("note the export in", &self.path, e))?;
        bytes.push(b'\n');
        let written = self
            .file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_data());
        written.map_err(|e| journal_error(&self.path, &e))
    }

    /// The manifest says it all now.
    pub(super) fn delete_file(self) {
        // What is left of it does no harm: a complete manifest counts for more.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn journal_error(path: &Path, error: &std::io::Error) -> Error {
    Error::at_path("note the export in", path, error).of_kind(ErrorKind::Disk)
}

/// What tells whether the files of a case would be the same once more.
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
        "{how:?} {what:?} {:?}",
        (&case.labels, &case.model, &case.person)
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
    to_hex(&hash.finalize())
}

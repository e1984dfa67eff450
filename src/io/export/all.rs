//! Exports all cases of a workspace, with a manifest.

use super::{
    CocoWriter,
    attempts::{Journal, Unfinished},
    batch::{Export, Progress},
    case::CaseToExport,
    manifest::{COCO, FailedCase, FileEntry, Manifest, ManifestCase},
    preset::{OverlayStyle, Preset},
};
use crate::{Error, Result};
use labrum_core::{
    counts::{count_with_noun, with_verb},
    export_format::ExportFormat,
    mask::Mask,
    naming::file_name_text,
    progress::Cancel,
    study::{Series, Slice},
};
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

/// The result of an export of many cases.
#[derive(Clone, Debug)]
pub struct ExportReport {
    /// The content of the manifest.
    pub manifest: Manifest,
    /// The manifest files, and the file with all COCO annotations.
    pub files: Vec<PathBuf>,
    /// Number of complete cases kept from an earlier, unfinished export.
    pub kept: usize,
}

impl ExportReport {
    /// The cases and formats that were not written, with the reasons.
    pub fn missing_outputs(&self) -> Vec<String> {
        let failed = self
            .manifest
            .failed
            .iter()
            .map(|failed| format!("{}: {}", failed.case, failed.reason));
        self.manifest
            .cases
            .iter()
            .flat_map(missing_formats)
            .chain(failed)
            .collect()
    }

    /// A summary such as "12 cases, 36 files; 1 case could not be written".
    pub fn summary_text(&self) -> String {
        let files = self
            .manifest
            .cases
            .iter()
            .map(|c| c.files.len())
            .sum::<usize>()
            + self.files.len();
        let mut text = format!(
            "{}, {}",
            count_with_noun(self.manifest.cases.len(), "case"),
            count_with_noun(files, "file")
        );
        match self.kept {
            0 => {}
            n => {
                text += &format!(
                    "; {} already exported",
                    with_verb(n, "case", ["was", "were"])
                )
            }
        }
        match self.manifest.failed.len() {
            0 => {}
            n => text += &format!("; {} could not be written", count_with_noun(n, "case")),
        }
        match self
            .manifest
            .cases
            .iter()
            .filter(|case| !case.not_written.is_empty())
            .count()
        {
            0 => {}
            n => {
                text += &format!(
                    "; {} not written in all formats",
                    count_with_noun(n, "case")
                )
            }
        }
        if self.manifest.stopped {
            text += "; cancelled before the end";
        }
        text
    }
}

/// The formats in which a case was not written, with the reasons.
fn missing_formats(case: &ManifestCase) -> Vec<String> {
    let name = if case.case.is_empty() {
        &case.series
    } else {
        &case.case
    };
    case.not_written
        .iter()
        .map(|not| format!("{name} as {}: {}", not.format, not.reason))
        .collect()
}

/// Writes cases one after the other, then the manifest. A failed case does not stop the others. `cases` yields titles, each
/// with its case or the error, as they are needed. `progress` receives the finished and the total number of cases, both
/// times 1000. If no case can be written, there is no manifest either and the folder is left as it was. Complete cases of an
/// earlier, unfinished export are kept if they would be the same, and written again otherwise.
///
/// # Errors
/// If the folder or the manifest cannot be written, or the folder contains the manifest of a complete export and existing
/// files are not to be overwritten.
pub fn export_all(
    folder: &Path,
    preset: &Preset,
    cases: impl ExactSizeIterator<Item = (String, Result<CaseToExport>)>,
    look: OverlayStyle,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<ExportReport> {
    // All cases share one COCO file.
    let wants_coco = preset.formats.contains(&ExportFormat::Coco);
    let each = without_coco(preset);
    let coco_path = folder.join(COCO);
    let mut own: Vec<PathBuf> = Manifest::file_paths(folder).into();
    own.extend(wants_coco.then(|| coco_path.clone()));
    let was_there = folder.exists();
    let unfinished = Unfinished::in_folder(folder);
    if !preset.replace {
        refuse_existing(folder, &own, &unfinished)?;
    }
    let mut export = Export::begin_in(folder, &each, look, cancel)?;
    export.journal = Some(Journal::open_in(folder)?);
    let mut manifest = empty_manifest(preset);
    let mut coco = CocoWriter::default();
    let total = cases.len() * 1000;
    let mut kept = 0;
    for (number, (title, case)) in cases.enumerate() {
        if cancel.is_cancelled() {
            manifest.stopped = true;
            break;
        }
        let done = case.and_then(|case| {
            let written = export.export_case(&case, &mut |done, all| {
                progress(number * 1000 + done * 1000 / all.max(1), total);
            })?;
            Ok((export.manifest_case(&case, &written)?, case, written))
        });
        match done {
            Ok((entry, case, written)) => {
                let masks: Vec<Mask> = case.slices.iter().map(|s| s.mask.clone()).collect();
                let names = image_paths(folder, case.root.as_deref(), &written.series);
                coco.add_series(&written.series, &names, &masks, &case.labels);
                match (&written.kept, &mut export.journal) {
                    (Some(_), _) => kept += 1,
                    (None, Some(journal)) => journal.note_finished_case(&entry)?,
                    (None, None) => {}
                }
                manifest.cases.push(entry);
            }
            Err(_) if cancel.is_cancelled() => {
                manifest.stopped = true;
                break;
            }
            Err(error) => {
                let is_private = preset.deidentify.is_some();
                manifest
                    .failed
                    .push(failed_case(is_private, number, title, error));
            }
        }
        progress((number + 1) * 1000, total);
    }
    let journal = export.journal.take();
    if manifest.cases.is_empty() {
        // The journal of an earlier export is still needed.
        let of_this_one = journal.filter(|_| !unfinished.is_any);
        of_this_one.into_iter().for_each(Journal::delete_file);
        if !was_there {
            // Fails, as intended, if the folder is not empty.
            let _ = fs::remove_dir(folder);
        }
        return Ok(ExportReport {
            manifest,
            files: Vec::new(),
            kept,
        });
    }
    if wants_coco {
        coco.write_file(&coco_path)?;
    }
    let are_whole = manifest
        .cases
        .iter()
        .all(|case| case.not_written.is_empty());
    manifest.complete = !manifest.stopped && manifest.failed.is_empty() && are_whole;
    if !manifest.complete {
        manifest.earlier = earlier_files(folder, &unfinished, &manifest)?;
    }
    manifest.write_files(folder)?;
    journal.into_iter().for_each(Journal::delete_file);
    Ok(ExportReport {
        manifest,
        files: own,
        kept,
    })
}

fn without_coco(preset: &Preset) -> Preset {
    let formats = preset.formats.iter().copied();
    Preset {
        formats: formats.filter(|f| *f != ExportFormat::Coco).collect(),
        ..preset.clone()
    }
}

/// Refuses if a manifest or COCO file already exists, unless an unfinished export wrote it.
fn refuse_existing(folder: &Path, own: &[PathBuf], unfinished: &Unfinished) -> Result<()> {
    let in_the_way = own.iter().find(|path| path.exists() && !unfinished.is_any);
    match in_the_way {
        None => Ok(()),
        Some(there) => {
            let reason = format!(
                "the folder contains the {} of another export",
                file_name_text(there)
            );
            Err(Error::at_path("export to", folder, reason).with_advice(
                "Choose another folder, or overwrite existing files (on the command line: \
                 --overwrite).",
            ))
        }
    }
}

fn empty_manifest(preset: &Preset) -> Manifest {
    Manifest {
        program: concat!("Labrum ", env!("CARGO_PKG_VERSION")).into(),
        made_at: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        deidentified: preset.deidentify.is_some(),
        ..Manifest::default()
    }
}

/// The manifest entry of a failed case. If `is_private`, title and paths are omitted, as they may name the patient.
fn failed_case(is_private: bool, number: usize, title: String, error: Error) -> FailedCase {
    let (case, reason) = match is_private {
        true => (format!("case {}", number + 1), error.reason),
        false => (title, error.to_string()),
    };
    FailedCase { case, reason }
}

/// Files of earlier unfinished exports that belong to no case of this one.
fn earlier_files(
    folder: &Path,
    unfinished: &Unfinished,
    manifest: &Manifest,
) -> Result<Vec<FileEntry>> {
    let listed: HashSet<PathBuf> = manifest
        .cases
        .iter()
        .flat_map(|case| &case.files)
        .map(|file| folder.join(&file.path))
        .collect();
    let mut left: Vec<&PathBuf> = unfinished
        .files
        .iter()
        .filter(|path| !listed.contains(*path) && path.is_file())
        .collect();
    left.sort();
    left.into_iter()
        .map(|path| FileEntry::for_file(folder, path))
        .collect()
}

/// Paths of the image files relative to the export folder if they are inside it, else relative to their common folder, else
/// only their names.
fn image_paths(folder: &Path, root: Option<&Path>, series: &Series) -> Vec<String> {
    series
        .slices
        .iter()
        .map(|slice| image_path(slice, folder, root))
        .collect()
}

/// As [`image_paths`], for one slice.
fn image_path(slice: &Slice, folder: &Path, root: Option<&Path>) -> String {
    let path = &slice.source.path;
    let below = path
        .strip_prefix(folder)
        .ok()
        .or_else(|| path.strip_prefix(root?).ok());
    match below {
        Some(below) => FileEntry::relative_path(Path::new(""), below),
        None => file_name_text(path),
    }
}

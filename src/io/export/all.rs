//! All cases of a workspace in one go, with their manifest.

use super::{
    CocoWriter,
    attempts::{Journal, Unfinished},
    batch::{Export, OverlayStyle, Preset, Progress},
    case::CaseToExport,
    manifest::{COCO, FailedCase, FileEntry, Manifest, ManifestCase},
};
use crate::{Error, Result};
use labrum_core::{
    counts::{count_with_noun, with_verb},
    export_format::ExportFormat,
    mask::Mask,
    progress::Cancel,
    study::{Series, Slice},
};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// What came of an export of many cases.
#[derive(Clone, Debug)]
pub struct ExportReport {
    /// All that stands in the manifest.
    pub manifest: Manifest,
    /// The manifest's own files, and that of all COCO annotations.
    pub files: Vec<PathBuf>,
    /// Cases of an export before that were whole and are kept.
    pub kept: usize,
}

impl ExportReport {
    /// Each case of which something is missing, and why.
    pub fn missing_outputs(&self) -> Vec<String> {
        let of_case = |case: &ManifestCase| -> Vec<String> {
            let name = if case.case.is_empty() {
                &case.series
            } else {
                &case.case
            };
            case.not_written
                .iter()
                .map(|not| format!("{name} as {}: {}", not.format, not.reason))
                .collect()
        };
        let failed = self
            .manifest
            .failed
            .iter()
            .map(|failed| format!("{}: {}", failed.case, failed.reason));
        self.manifest
            .cases
            .iter()
            .flat_map(of_case)
            .chain(failed)
            .collect()
    }

    /// "12 cases, 36 files; 1 case could not be written".
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
            n => text += &format!("; {} already there", with_verb(n, "case", ["was", "were"])),
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
            n => text += &format!("; {} not in all formats", count_with_noun(n, "case")),
        }
        if self.manifest.stopped {
            text += "; stopped before the end";
        }
        text
    }
}

/// Writes cases one after the other, then the manifest. A case that fails does not stop the others. `cases` are fetched as
/// they are needed: a title, and the case or why there is none. `progress` is told cases done and all cases in thousandths.
/// Where no case at all can be written, no manifest is either: the folder is as it was. What an export before wrote that did not
/// come to its end is kept where it is whole and would be the same, and else written anew.
///
/// # Errors
/// Where the folder or the manifest cannot be written, or that of an export that is complete is there already and is not
/// to be replaced.
pub fn export_all(
    folder: &Path,
    preset: &Preset,
    cases: impl ExactSizeIterator<Item = (String, Result<CaseToExport>)>,
    look: OverlayStyle,
    progress: Progress<'_>,
    cancel: &Cancel,
) -> Result<ExportReport> {
    // One file of annotations for all.
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
    let (total, mut kept) = (cases.len() * 1000, 0);
    for (number, (title, case)) in cases.enumerate() {
        if cancel.is_cancelled() {
            manifest.stopped = true;
            break;
        }
        let mut steps =
            |done: usize, all: usize| progress(number * 1000 + done * 1000 / all.max(1), total);
        let done = case.and_then(|case| {
            let written = export.export_case(&case, &mut steps)?;
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
        // That of an export before is still needed.
        let of_this_one = journal.filter(|_| !unfinished.is_any);
        of_this_one.into_iter().for_each(Journal::delete_file);
        if !was_there {
            // Fails, as it should, where there is something in it.
            let _ = std::fs::remove_dir(folder);
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
    let is_whole = |case: &ManifestCase| case.not_written.is_empty();
    manifest.complete =
        !manifest.stopped && manifest.failed.is_empty() && manifest.cases.iter().all(is_whole);
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

/// None of the export's own files may be there already, unless an export that did not come to its end wrote them.
fn refuse_existing(folder: &Path, own: &[PathBuf], unfinished: &Unfinished) -> Result<()> {
    let is_in_the_way = |path: &&PathBuf| path.exists() && !unfinished.is_any;
    match own.iter().find(is_in_the_way) {
        None => Ok(()),
        Some(there) => {
            let reason = format!("it holds the {} of another export", name_of(there));
            Err(Error::at_path("export to", folder, reason).with_advice(
                "Choose another folder, or have existing files replaced (at the command line: --overwrite).",
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

/// Without the title and paths where these may name the patient.
fn failed_case(is_private: bool, number: usize, title: String, error: Error) -> FailedCase {
    let (case, reason) = match is_private {
        true => (format!("case {}", number + 1), error.reason),
        false => (title, error.to_string()),
    };
    FailedCase { case, reason }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Files of exports before that stand in no case of this one.
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

/// The images' files as seen from the folder of the export, where they lie below it, else from the folder that all have in
/// common; else their names.
fn image_paths(folder: &Path, root: Option<&Path>, series: &Series) -> Vec<String> {
    let name = |slice: &Slice| {
        let path = &slice.source.path;
        let below = path
            .strip_prefix(folder)
            .ok()
            .or_else(|| path.strip_prefix(root?).ok());
        below.map_or_else(
            || name_of(path),
            |below| FileEntry::relative_path(Path::new(""), below),
        )
    };
    series.slices.iter().map(name).collect()
}

//! Exports cases with a preset, in the same way for one case and a whole workspace, in the window and on the command line.

mod files;

use super::{
    Names, Unfit,
    attempts::{Journal, Unfinished, made_from},
    case::{CaseToExport, MaskedSlice},
    deidentify_series,
    manifest::{FileEntry, LabelEntry, ManifestCase, NotWritten},
    pattern::PatternValues,
    planned_files, planned_images,
    preset::{OverlayStyle, Preset},
    refuse_originals,
    series::SeriesWritten,
};
use crate::{Error, Result};
use labrum_core::{
    export_format::ExportFormat,
    progress::Cancel,
    study::{Kind, Series},
    whole_file,
};
use std::{
    borrow::Cow,
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

/// Receives the number of finished steps and of all steps known so far.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// An export into one folder, case by case.
pub struct Export<'a> {
    folder: &'a Path,
    preset: &'a Preset,
    look: OverlayStyle,
    /// Names used by previous cases.
    taken: HashSet<String>,
    /// What earlier unfinished exports left in the folder.
    pub(super) unfinished: Unfinished,
    /// `None` for the export of a single case.
    pub(super) journal: Option<Journal>,
    cancel: &'a Cancel,
}

/// The result of exporting a case.
#[derive(Clone, Debug)]
pub struct Written {
    /// All files.
    pub files: Vec<PathBuf>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Formats that cannot store the masks, with the reasons.
    pub unfit: Vec<Unfit>,
    /// The series as written, de-identified if requested.
    pub(super) series: Series,
    /// See [`made_from`].
    made_from: String,
    /// The entry of the same case from an earlier export, if its files are kept.
    pub(super) kept: Option<ManifestCase>,
}

impl<'a> Export<'a> {
    /// Begins an export and creates the folder if it is missing.
    ///
    /// # Errors
    /// If the folder cannot be created or written to.
    pub fn begin_in(
        folder: &'a Path,
        preset: &'a Preset,
        look: OverlayStyle,
        cancel: &'a Cancel,
    ) -> Result<Self> {
        let unfinished = Unfinished::in_folder(folder);
        whole_file::make_folder(folder)?;
        Ok(Self {
            folder,
            preset,
            look,
            taken: HashSet::new(),
            unfinished,
            journal: None,
            cancel,
        })
    }

    /// Writes a case in all formats that can store it, and reports those that cannot. On an error or cancellation, all new
    /// files of the case are removed.
    ///
    /// # Errors
    /// If a file already exists and is not to be overwritten, an output would replace an input file, a file cannot be
    /// written, or no format can store the masks.
    pub fn export_case(&mut self, case: &CaseToExport, progress: Progress<'_>) -> Result<Written> {
        let mut new = Vec::new();
        let done = self.write_formats(case, progress, &mut new);
        if done.is_err() {
            self.remove_files(&new);
        }
        done
    }

    /// Removes files, and folders inside the export folder that become empty.
    fn remove_files(&self, files: &[PathBuf]) {
        files.iter().for_each(|file| drop(fs::remove_file(file)));
        let folders: HashSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        for folder in folders {
            for made in folder.ancestors().take_while(|above| self.is_below(above)) {
                // Fails, as intended, if the folder is not empty.
                let _ = fs::remove_dir(made);
            }
        }
    }

    /// True for a folder inside the export folder.
    fn is_below(&self, folder: &Path) -> bool {
        folder.starts_with(self.folder) && folder != self.folder
    }

    fn write_formats(
        &mut self,
        case: &CaseToExport,
        progress: Progress<'_>,
        new: &mut Vec<PathBuf>,
    ) -> Result<Written> {
        let formats = formats_for_case(&self.preset.formats, case);
        let images = self
            .preset
            .deidentify
            .as_ref()
            .map(|how| planned_images(self.folder, &case.series, how));
        let total = case.slices.len() + 1 + images.as_ref().map_or(0, Vec::len);
        let mut done = 0;
        let mut step = || {
            done += 1;
            progress(done, total);
        };
        self.refuse_overwrites(case, images.as_deref().unwrap_or_default(), new)?;
        let (whole, mut files, mut warnings) = match &self.preset.deidentify {
            None => (Cow::Borrowed(&case.series), Vec::new(), Vec::new()),
            Some(how) => {
                let made =
                    deidentify_series(self.folder, &case.series, how, &mut step, self.cancel)?;
                (Cow::Owned(made.series), made.files, made.warnings)
            }
        };
        let part = annotated_series(&whole, case);
        let (folder, names) = self.output_names(case, &whole, &part);
        let outputs = planned_files(&folder, &names, &case.labels, &formats);
        let made_from = match self.preset.deidentify {
            None => made_from(
                self.preset,
                self.look,
                case,
                folder.strip_prefix(self.folder).unwrap_or(&folder),
                &names,
            ),
            Some(_) => String::new(),
        };
        if let Some(entry) = self
            .unfinished
            .cases
            .get(&made_from)
            .filter(|_| !self.preset.replace)
        {
            return Ok(self.kept_case(entry, part));
        }
        self.refuse_overwrites(case, &outputs, new)?;
        warnings.extend(self.rename_note(case, &names));
        warnings.extend(self.empty_note(case, &formats));
        whole_file::make_folder(&folder)?;
        for ((masked, slice), name) in case.slices.iter().zip(&part.slices).zip(&names.slices) {
            self.stop_if_cancelled()?;
            files.extend(self.slice_files(&folder, name, slice, masked, case)?);
            step();
        }
        self.stop_if_cancelled()?;
        let SeriesWritten {
            files: more,
            warnings: notes,
            unfit,
        } = self.series_files(
            (folder.as_path(), names.series.as_str()),
            [&*whole, &part],
            case,
            &formats,
        )?;
        if unfit.len() == formats.len()
            && let Some(first) = unfit.first()
        {
            return Err(first.error.clone());
        }
        files.extend(more);
        for note in notes {
            if !warnings.contains(&note) {
                warnings.push(note);
            }
        }
        step();
        Ok(Written {
            files,
            warnings,
            unfit,
            series: part,
            made_from,
            kept: None,
        })
    }

    /// The result for a case whose files an earlier export has already written.
    fn kept_case(&self, entry: &ManifestCase, series: Series) -> Written {
        let files = entry.files.iter();
        Written {
            files: files.map(|file| self.folder.join(&file.path)).collect(),
            warnings: entry.warnings.clone(),
            unfit: Vec::new(),
            series,
            made_from: entry.made_from.clone(),
            kept: Some(entry.clone()),
        }
    }

    /// Refuses outputs that would replace an input file or, unless overwriting is allowed, any other file. New files are
    /// added to `new` and to the journal.
    fn refuse_overwrites(
        &mut self,
        case: &CaseToExport,
        outputs: &[PathBuf],
        new: &mut Vec<PathBuf>,
    ) -> Result<()> {
        let given = protected_files(&case.series);
        refuse_originals(given.iter().map(PathBuf::as_path), outputs)?;
        let in_the_way = outputs
            .iter()
            .find(|path| path.exists() && !self.unfinished.files.contains(*path));
        if let Some(there) = in_the_way.filter(|_| !self.preset.replace) {
            return Err(
                Error::at_path("write", there, "the file already exists").with_advice(
                    "Choose another folder or other names, or overwrite existing files (on the \
                 command line: --overwrite).",
                ),
            );
        }
        let missing: Vec<PathBuf> = outputs
            .iter()
            .filter(|path| !path.exists())
            .cloned()
            .collect();
        if let Some(journal) = self.journal.as_mut().filter(|_| !missing.is_empty()) {
            journal.note_started_files(self.folder, &missing)?;
        }
        new.extend(missing);
        Ok(())
    }

    /// A warning for an image file whose outputs had to be renamed because another case has the same name.
    fn rename_note(&self, case: &CaseToExport, names: &Names) -> Option<String> {
        let pattern = self.preset.names.as_ref()?;
        if case.series.kind != Kind::Picture || self.preset.deidentify.is_some() {
            return None;
        }
        let (_, wanted) = pattern.output_location(
            &self.pattern_values(case, &case.series, &case.study_uid),
            &mut HashSet::new(),
        );
        (wanted != names.series).then(|| {
            format!(
                "another case already uses the name \"{wanted}\"; the files of this case are \
                 named \"{}\"",
                names.series
            )
        })
    }

    /// A warning for a case with nothing to write in the formats that were chosen.
    fn empty_note(&self, case: &CaseToExport, formats: &[ExportFormat]) -> Option<String> {
        let is_empty = formats.is_empty() && !self.preset.formats.is_empty();
        let mut wanted = self.preset.formats.iter();
        let wants_times = !case.slices.is_empty() && wanted.any(|format| format.is_over_time());
        is_empty.then(|| match case.drawn.is_empty() {
            _ if wants_times => "nothing was written: there are no volumes over time".to_owned(),
            true => "nothing was written: no measurements were drawn".to_owned(),
            false => "nothing was written: there are no masks".to_owned(),
        })
    }

    fn output_names(
        &mut self,
        case: &CaseToExport,
        whole: &Series,
        part: &Series,
    ) -> (PathBuf, Names) {
        let Some(pattern) = &self.preset.names else {
            return (
                self.folder.to_owned(),
                Names::of_part(whole, &part.slices, &mut self.taken),
            );
        };
        let study_uid = match &self.preset.deidentify {
            Some(how) => how.key.replacement_uid(&case.study_uid),
            None => case.study_uid.clone(),
        };
        let values = self.pattern_values(case, whole, &study_uid);
        let (below, name) = pattern.output_location(&values, &mut self.taken);
        let total = whole.slices.len();
        let slices = case
            .slices
            .iter()
            .map(|slice| numbered_name(&name, slice, total))
            .collect();
        let names = Names {
            slices,
            series: name,
        };
        (self.folder.join(below), names)
    }

    fn pattern_values<'b>(
        &self,
        case: &'b CaseToExport,
        whole: &'b Series,
        study_uid: &'b str,
    ) -> PatternValues<'b> {
        let is_private = self.preset.deidentify.is_some();
        let labels = (1..=255u8)
            .zip(&case.labels)
            .filter(|(value, _)| case.holds_label(*value));
        PatternValues {
            study: if is_private { "" } else { &case.study },
            tree: if is_private {
                Vec::new()
            } else {
                case.folder_names()
            },
            study_uid,
            date: if is_private { "" } else { &case.date },
            series: whole,
            labels: labels.map(|(_, label)| label.name.as_str()).collect(),
        }
    }

    fn stop_if_cancelled(&self) -> Result<()> {
        match self.cancel.is_cancelled() {
            true => {
                Err(Error::new("export", "cancelled")
                    .with_advice("Files written before are complete."))
            }
            false => Ok(()),
        }
    }

    /// The manifest entry of an exported case.
    pub(super) fn manifest_case(
        &self,
        case: &CaseToExport,
        written: &Written,
    ) -> Result<ManifestCase> {
        if let Some(kept) = &written.kept {
            return Ok(kept.clone());
        }
        let is_private = self.preset.deidentify.is_some();
        let authors = case.label_authorships();
        let labels = (1..=255u8).zip(case.labels.iter().zip(&authors));
        Ok(ManifestCase {
            case: if is_private {
                String::new()
            } else {
                case.title.clone()
            },
            series: written.series.id.clone(),
            modality: case.series.modality.clone(),
            slices: case.slices.len(),
            labels: labels
                .filter(|(_, (label, _))| !label.is_gone())
                .map(|(value, (label, author))| LabelEntry::new(value, &label.name, author))
                .collect(),
            nothing_of: case.nothing_of(),
            files: written
                .files
                .iter()
                .map(|path| FileEntry::for_file(self.folder, path))
                .collect::<Result<_>>()?,
            warnings: written.warnings.clone(),
            not_written: written
                .unfit
                .iter()
                .map(|unfit| self.not_written(unfit))
                .collect(),
            made_from: written.made_from.clone(),
        })
    }

    /// The manifest entry of a format that was not written. De-identified exports omit paths, which may name the patient.
    fn not_written(&self, unfit: &Unfit) -> NotWritten {
        let reason = match self.preset.deidentify {
            Some(_) => unfit.error.reason.clone(),
            None => unfit.error.to_string(),
        };
        NotWritten {
            format: unfit.format.short_name().to_owned(),
            reason,
        }
    }
}

/// The formats to write: those of masks only if there are any, and those of drawn measurements and of volumes over time
/// likewise.
fn formats_for_case(formats: &[ExportFormat], case: &CaseToExport) -> Vec<ExportFormat> {
    let is_wanted = |format: &ExportFormat| match case.slices.is_empty() {
        true => format.holds_drawn(),
        false if format.is_over_time() => !case.over_time.is_empty(),
        false => !case.drawn.is_empty() || !format.is_of_drawn(),
    };
    formats.iter().copied().filter(is_wanted).collect()
}

/// The beginning of the file names of a slice; `total` is the number of slices in the series.
fn numbered_name(name: &str, slice: &MaskedSlice, total: usize) -> String {
    match total {
        1 => name.to_owned(),
        _ => format!("{name}_{:04}", slice.index + 1),
    }
}

/// The series with only the slices that have masks: an empty mask would mean that a slice contains nothing.
fn annotated_series(whole: &Series, case: &CaseToExport) -> Series {
    let slices = case
        .slices
        .iter()
        .filter_map(|s| whole.slices.get(s.index).cloned());
    Series {
        slices: slices.collect(),
        ..whole.clone()
    }
}

/// The files of the series and all files next to them: a label map has the name of its image, and an overlay could have the
/// name of another image.
fn protected_files(series: &Series) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = series
        .slices
        .iter()
        .map(|s| s.source.path.clone())
        .collect();
    let folders: HashSet<&Path> = series
        .slices
        .iter()
        .filter_map(|s| s.source.path.parent())
        .collect();
    let entries = folders
        .into_iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten();
    files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    files
}

//! Cases to files by a preset: the same for one case and for all of a workspace, in the window and at the command line.

mod files;

use super::{
    Names, Unfit,
    attempts::{Journal, Unfinished, made_from},
    case::{CaseToExport, MaskedSlice},
    deidentify_series,
    manifest::{FileEntry, LabelEntry, ManifestCase, NotWritten},
    pattern::PatternValues,
    planned_files, planned_images, refuse_originals,
    series::SeriesWritten,
};
use crate::{Error, Result};
use labrum_core::{
    export_format::ExportFormat,
    image::Window,
    label::Label,
    progress::Cancel,
    study::{Kind, Series},
    whole_file,
};
use labrum_dicom::{deidentify::Deidentification, seg};
use std::{
    borrow::Cow,
    collections::HashSet,
    path::{Path, PathBuf},
};

pub use super::{
    all::ExportReport, all::export_all, manifest::Manifest, pattern::PLACEHOLDERS, pattern::Pattern,
};

/// How cases are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// What is written of each case.
    pub formats: Vec<ExportFormat>,
    /// What the files are called; `None` for the names of the source files, all in one folder.
    pub names: Option<Pattern>,
    /// How DICOM-SEG is written.
    pub seg: seg::Options,
    /// Where the files lose the patient: how. Images are written, too.
    pub deidentify: Option<Deidentification>,
    /// Whether files that are there already are replaced; else they stop the export of their case.
    pub replace: bool,
}

/// How overlays look.
#[derive(Clone, Copy, Debug)]
pub struct OverlayStyle {
    /// The window that was chosen; `None` for how each slice is first shown.
    pub window: Option<Window>,
    /// 0..=1.
    pub opacity: f32,
}

/// How far an export is: steps done, and how many there are of what is known so far.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// An export that goes on, case after case, into one folder.
pub struct Export<'a> {
    folder: &'a Path,
    preset: &'a Preset,
    look: OverlayStyle,
    /// Names that cases before have.
    taken: HashSet<String>,
    /// What exports before did not bring to an end.
    pub(super) unfinished: Unfinished,
    /// What is noted of the files; none where one case is written.
    pub(super) journal: Option<Journal>,
    cancel: &'a Cancel,
}

/// What was written of a case.
#[derive(Clone, Debug)]
pub struct Written {
    /// All files.
    pub files: Vec<PathBuf>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Formats that cannot hold the masks, and why.
    pub unfit: Vec<Unfit>,
    /// The series as it was written: without the patient where that was wanted.
    pub(super) series: Series,
    /// What the files were made of.
    made_from: String,
    /// What an export before wrote of the very same case, where that is kept.
    pub(super) kept: Option<ManifestCase>,
}

impl<'a> Export<'a> {
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made or written to.
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

    /// Writes a case in all formats that can hold it, and tells which cannot; on an error, or where it is stopped, none of
    /// its files that were not there before is left.
    ///
    /// # Errors
    /// Where a file is there already and is not to be replaced, or would take the place of an original; where the disk does
    /// not take one; where no format can hold the masks.
    pub fn export_case(&mut self, case: &CaseToExport, progress: Progress<'_>) -> Result<Written> {
        let mut new = Vec::new();
        let done = self.write_formats(case, progress, &mut new);
        if done.is_err() {
            new.iter().for_each(|file| drop(std::fs::remove_file(file)));
            // Folders that are empty now; one that holds something stays.
            let folders: HashSet<&Path> = new.iter().filter_map(|file| file.parent()).collect();
            let below = |folder: &&Path| folder.starts_with(self.folder) && *folder != self.folder;
            let made = folders
                .into_iter()
                .flat_map(|folder| folder.ancestors().take_while(below));
            made.for_each(|folder| drop(std::fs::remove_dir(folder)));
        }
        done
    }

    fn write_formats(
        &mut self,
        case: &CaseToExport,
        progress: Progress<'_>,
        new: &mut Vec<PathBuf>,
    ) -> Result<Written> {
        let formats: Vec<ExportFormat> = self.preset.formats.clone();
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
        } = self.series_files(&folder, &names.series, &part, case, &formats)?;
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

    /// A case of which an export before wrote the very same files.
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

    /// No output may take the place of an original, nor, unasked, of any other file. Those that are new are noted.
    fn refuse_overwrites(
        &mut self,
        case: &CaseToExport,
        outputs: &[PathBuf],
        new: &mut Vec<PathBuf>,
    ) -> Result<()> {
        let given = protected_files(&case.series);
        refuse_originals(given.iter().map(PathBuf::as_path), outputs)?;
        let is_in_the_way =
            |path: &&PathBuf| path.exists() && !self.unfinished.files.contains(*path);
        if let Some(there) = outputs
            .iter()
            .find(is_in_the_way)
            .filter(|_| !self.preset.replace)
        {
            return Err(Error::at_path("write", there, "a file of that name is there already").with_advice(
                "Choose another folder or other names, or have existing files replaced (at the command line: --overwrite).",
            ));
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

    /// A word about a picture that is called like another one of the export.
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
                "another case has files called \"{wanted}\": those of this one are called \"{}\"",
                names.series
            )
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
        let slice = |masked: &MaskedSlice| match whole.slices.len() {
            1 => name.clone(),
            _ => format!("{name}_{:04}", masked.index + 1),
        };
        (
            self.folder.join(below),
            Names {
                slices: case.slices.iter().map(slice).collect(),
                series: name.clone(),
            },
        )
    }

    fn pattern_values<'b>(
        &self,
        case: &'b CaseToExport,
        whole: &'b Series,
        study_uid: &'b str,
    ) -> PatternValues<'b> {
        let is_private = self.preset.deidentify.is_some();
        let present = |label: &(u8, &Label)| {
            case.slices
                .iter()
                .any(|s| s.mask.pixel_labels().contains(&label.0))
        };
        let labels = (1..=255u8).zip(&case.labels).filter(present);
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
            true => Err(Error::new("export", "it was cancelled")
                .with_advice("The files written before are whole.")),
            false => Ok(()),
        }
    }

    /// The manifest's words about a case that was written.
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
        let file = |path: &PathBuf| FileEntry::for_file(self.folder, path);
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
            files: written.files.iter().map(file).collect::<Result<_>>()?,
            warnings: written.warnings.clone(),
            not_written: written
                .unfit
                .iter()
                .map(|unfit| self.not_written(unfit))
                .collect(),
            made_from: written.made_from.clone(),
        })
    }

    /// Without paths where these may name the patient.
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

/// The slices with masks. Those without are left out: an empty mask would say that nothing is there.
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

/// The files of the series and all that lies beside them: a label map is called like its picture, and an overlay may be
/// called like another one.
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
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten();
    files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    files
}

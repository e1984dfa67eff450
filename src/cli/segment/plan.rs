//! Plans what `labrum segment` will write: the series, the names of their files, and which of them exist.

use super::{SegmentArguments, all_series, models::Models};
use crate::cli::{console, format};
use crate::io::export::{Names, common_folder, planned_files, refuse_originals};
use crate::shipped::Shipped;
use crate::workspace;
use crate::{Error, Result};
use labrum_core::{
    export_format::ExportFormat,
    label::Label,
    study::{Catalog, Kind, Series},
};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Name of the file with the COCO annotations of all images.
const COCO: &str = "coco.json";

/// A series and the files to write for it.
pub(super) struct SeriesPlan<'a> {
    pub(super) series: &'a Series,
    /// The shipped model for the series; `None` if one was given with `--model`.
    pub(super) model: Option<Shipped>,
    /// Path of the results below the output folder, the same as that of the images below the input folder.
    pub(super) below: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) names: Names,
    pub(super) formats: Vec<ExportFormat>,
    pub(super) files: Vec<PathBuf>,
    pub(super) labels: Vec<Label>,
}

impl SeriesPlan<'_> {
    /// True if all files exist; each is written completely or not at all.
    pub(super) fn is_done(&self) -> bool {
        !self.files.is_empty() && self.files.iter().all(|file| file.is_file())
    }
}

/// Everything that a run will write.
pub(super) struct Plans<'a> {
    pub(super) series: Vec<SeriesPlan<'a>>,
    /// The file with the COCO annotations of all images, if wanted.
    pub(super) coco: Option<PathBuf>,
    /// Why the other series are left out.
    pub(super) errors: Vec<Error>,
}

impl<'a> Plans<'a> {
    /// Makes a plan for each series with a matching model, and an error for each of the others.
    pub(super) fn new(catalog: &'a Catalog, models: &Models, arguments: &SegmentArguments) -> Self {
        let mut taken: HashMap<PathBuf, HashSet<String>> = HashMap::new();
        let mut plans = Vec::new();
        let mut errors = Vec::new();
        let mut wants_coco = false;
        let root = common_input_folder(&arguments.input);
        for series in all_series(catalog) {
            let model = match models.shipped_for(series) {
                Ok(model) => model,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let labels = models.labels_for(model.as_ref());
            let below = if arguments.is_flat {
                PathBuf::new()
            } else {
                folder_below_root(series, root.as_deref())
            };
            let names = Names::new(series, taken.entry(below.clone()).or_default());
            tell_of_another_name(series, &names);
            let mut formats = formats_for_series(arguments, series);
            // One COCO file for all series.
            wants_coco |= formats.contains(&ExportFormat::Coco);
            formats.retain(|format| *format != ExportFormat::Coco);
            let folder = arguments.out.join(&below);
            let files = planned_files(&folder, &names, &labels, &formats);
            plans.push(SeriesPlan {
                series,
                model,
                below,
                folder,
                names,
                formats,
                files,
                labels,
            });
        }
        let coco = (wants_coco && !plans.is_empty()).then(|| arguments.out.join(COCO));
        Self {
            series: plans,
            coco,
            errors,
        }
    }

    /// All files that will be written.
    fn all_files(&self) -> Vec<PathBuf> {
        self.series
            .iter()
            .flat_map(|plan| plan.files.clone())
            .chain(self.coco.clone())
            .collect()
    }

    /// Fails if a result would replace an input or another result, or an existing file without `--overwrite`.
    pub(super) fn refuse_overwriting(
        &self,
        catalog: &Catalog,
        arguments: &SegmentArguments,
    ) -> Result<()> {
        let slices = all_series(catalog)
            .flat_map(|s| &s.slices)
            .map(|s| &s.source.path);
        let given = slices
            .chain(catalog.passed_over.iter().map(|p| &p.path))
            .chain(&arguments.model);
        let files = self.all_files();
        refuse_originals(given.map(PathBuf::as_path), &files).map_err(|error| {
            error.with_advice("Choose another folder with --out, or rename the image or the label.")
        })?;
        if arguments.resume {
            return Ok(());
        }
        arguments.overwrite.refuse_existing(&files).map_err(|error| {
            error.with_advice("Choose another folder, or use --resume to keep finished series and do the rest, or --overwrite.")
        })
    }
}

/// The folder that all inputs have in common, where a file stands for the folder it is in.
fn common_input_folder(given: &[PathBuf]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = given
        .iter()
        .map(|path| workspace::absolute_path(path))
        .filter_map(|path| {
            if path.is_dir() {
                Some(path)
            } else {
                path.parent().map(Path::to_owned)
            }
        })
        .collect();
    common_folder(folders.iter().map(PathBuf::as_path))
}

/// The folder of the images of a series, relative to `root`.
fn folder_below_root(series: &Series, root: Option<&Path>) -> PathBuf {
    let path = series
        .slices
        .first()
        .map(|slice| workspace::absolute_path(&slice.source.path));
    let folder = path.as_deref().and_then(Path::parent);
    let below = folder
        .zip(root)
        .and_then(|(folder, root)| folder.strip_prefix(root).ok());
    below.map_or_else(PathBuf::new, Path::to_owned)
}

/// Reports that the files of a series get another name, because an image that differs only in its extension took the first.
fn tell_of_another_name(series: &Series, names: &Names) {
    let usual = Names::new(series, &mut HashSet::new());
    let differs = usual
        .slices
        .iter()
        .zip(&names.slices)
        .find(|(usual, now)| usual != now);
    if let (Some((usual, now)), Some(slice)) = (differs, series.slices.first()) {
        let path = slice.source.path.display();
        console::print_remark(format_args!(
            "labrum: {path}: the name \"{usual}\" is taken by another image; using \"{now}\""
        ));
    }
}

fn formats_for_series(arguments: &SegmentArguments, series: &Series) -> Vec<ExportFormat> {
    let is_dicom = series.kind == Kind::Dicom;
    let mut formats: Vec<ExportFormat> = match arguments.format.as_slice() {
        [] if is_dicom => vec![ExportFormat::LabelMap, ExportFormat::DicomSeg],
        [] => vec![ExportFormat::LabelMap],
        given => format::unique_formats(given),
    };
    if arguments.probabilities {
        formats.push(ExportFormat::Probabilities);
    }
    formats
}

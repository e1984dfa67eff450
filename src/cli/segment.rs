//! `labrum segment`: runs a model on files and folders and writes the masks.

mod models;
mod plan;
mod series;
mod unattended;

use super::format::{SegArguments, mask_format_parser};
use super::{DeviceArgument, OverwriteArgument, console};
use crate::io::export::CocoWriter;
use crate::io::{label_file, label_values::ValueReading, open};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    counts::count_with_noun,
    export_format::ExportFormat,
    mask::Mask,
    progress::Cancel,
    study::{Catalog, Series},
    whole_file,
};
use models::Models;
use plan::{Plans, SeriesPlan};
use series::segment_whole;
use std::{
    fs, mem,
    path::{Path, PathBuf},
};

/// Run a model on images and series and write the masks
#[derive(clap::Args, Debug)]
#[command(
    after_help = "For each image, DIR/<name>.png is written: a label map of the size of the image (0 background, \
1..n the labels). For each DICOM series, DIR/<series UID>.seg.dcm is written, too. The frames of a multi-frame file \
are <name>-0001.png and so on. DIR repeats the folders below the input folder, or below the folder that all inputs \
have in common. COCO annotations of all images go to DIR/coco.json. Without --model, the shipped model for the kind \
of image is used. If a format cannot hold the masks of a series, that is reported and the other formats are written.

Ctrl+C stops after the current slice: finished series are kept, and the same command with --resume does the rest.

Examples:
  labrum segment scan.png --out masks
  labrum segment study/ --out masks --format png,seg,overlay,csv
  labrum segment study/ --out masks --model my.safetensors --device cpu --probabilities
  labrum segment archive/ --out masks --resume
  labrum segment scan.png --out masks --model fetal-head
  labrum segment --from-pacs hospital --to-pacs hospital --modality CT --model my.safetensors --out shared/

With --from-pacs, studies are received, segmented and sent one after the other. Several instances may share the \
folder --out: each study is processed by one of them, and finished studies are not processed again. The UIDs of the \
results depend only on the weights and the images, so an archive that receives a result twice stores it once."
)]
pub(super) struct SegmentArguments {
    /// Files and folders: DICOM, NIfTI, PNG, JPEG, TIFF, BMP, WebP
    #[arg(required_unless_present = "from_pacs")]
    input: Vec<PathBuf>,
    /// Output folder; created if missing
    #[arg(short, long)]
    pub(super) out: PathBuf,
    /// Model: the name of a shipped model (fetal-head, left-ventricle,
    /// soft-tissue-sarcoma) or a file (.safetensors of Labrum, or .pth of PyTorch)
    #[arg(long)]
    model: Option<PathBuf>,
    /// Device to run the network on
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
    /// Formats to write, comma-separated [default: png, and also seg for DICOM series]
    #[arg(short, long, value_parser = mask_format_parser(), value_delimiter = ',')]
    format: Vec<ExportFormat>,
    #[command(flatten)]
    seg: SegArguments,
    /// Also write the probability of each label as a 16-bit PNG
    #[arg(long)]
    probabilities: bool,
    /// Print what was written as JSON on stdout
    #[arg(long)]
    pub(super) json: bool,
    /// Keep finished series and segment the rest
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    #[command(flatten)]
    overwrite: OverwriteArgument,
    /// Write all files to one folder, without the folders of the images.
    #[arg(skip)]
    is_flat: bool,
    #[command(flatten)]
    unattended: unattended::ArchiveArguments,
}

/// What a run on files produced.
pub(super) struct Produced {
    /// DICOM-SEG files, each with the hash of the weights that made it.
    pub(super) objects: Vec<(PathBuf, String)>,
    /// What is missing, and why.
    pub(super) notes: Vec<String>,
}

impl SegmentArguments {
    /// These arguments for other images, writing one DICOM-SEG for each series.
    pub(super) fn of_files(&self, input: &Path, out: &Path) -> Self {
        Self {
            input: vec![input.to_owned()],
            out: out.to_owned(),
            model: self.model.clone(),
            device: self.device,
            format: vec![ExportFormat::DicomSeg],
            seg: self.seg,
            probabilities: false,
            json: false,
            resume: false,
            overwrite: OverwriteArgument { overwrite: true },
            is_flat: true,
            unattended: Default::default(),
        }
    }

    /// What the results depend on besides the images: the hash of the given model, or the version of the shipped ones.
    pub(super) fn what_with(&self) -> Result<String> {
        match &self.model {
            Some(name) => Ok(super::model_named(name, self.device)?
                .weights_hash()
                .to_owned()),
            None => Ok(format!(
                "the shipped models of labrum {}",
                env!("CARGO_PKG_VERSION")
            )),
        }
    }
}

/// Result for one series.
#[derive(serde::Serialize)]
struct SeriesOutcome {
    series: String,
    model: String,
    model_version: String,
    model_sha256: String,
    device: String,
    files: Vec<PathBuf>,
    warnings: Vec<String>,
    not_written: Vec<SeriesNotWritten>,
    #[serde(skip)]
    masks: Vec<Mask>,
}

impl SeriesOutcome {
    /// The warnings, each with the name of the series.
    fn named_warnings(&self) -> Vec<(String, String)> {
        self.warnings
            .iter()
            .map(|warning| (self.series.clone(), warning.clone()))
            .collect()
    }
}

/// A format that cannot hold the masks of a series.
#[derive(serde::Serialize)]
struct SeriesNotWritten {
    format: &'static str,
    reason: String,
}

/// Results for all series.
struct SegmentTotals {
    outcomes: Vec<SeriesOutcome>,
    /// The COCO file with the annotations of all series.
    coco: Option<PathBuf>,
    /// Number of series that were already segmented.
    kept: usize,
    /// Number of series that a model is for.
    wanted: usize,
    errors: Vec<Error>,
    /// Number of files that could not be read.
    unreadable: usize,
}

pub(super) fn run(arguments: &SegmentArguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    if arguments.unattended.from_pacs.is_some() {
        if !arguments.input.is_empty() {
            return Err(super::usage::argument_error(
                "segment",
                "give either files or --from-pacs, not both",
            ));
        }
        return unattended::run(arguments, &cancel);
    }
    let done = segment_all(arguments, &cancel)?;
    print_totals(&done, arguments)?;
    report_missing(done, cancel.is_cancelled())
}

/// Segments files and returns the DICOM-SEG files written. Series without a matching model are left out.
pub(super) fn produce_masks(arguments: &SegmentArguments, cancel: &Cancel) -> Result<Produced> {
    let mut done = segment_all(arguments, cancel)?;
    let objects = done.outcomes.iter().flat_map(|o| {
        o.files
            .iter()
            .map(|file| (file.clone(), o.model_sha256.clone()))
    });
    let objects: Vec<_> = objects
        .filter(|(file, _)| file.extension().is_some_and(|e| e == "dcm"))
        .collect();
    let mut notes: Vec<String> = done
        .outcomes
        .iter()
        .flat_map(|o| o.warnings.clone())
        .collect();
    let (no_model, other): (Vec<Error>, Vec<Error>) = done
        .errors
        .into_iter()
        .partition(|e| e.kind == ErrorKind::NoModel);
    notes.extend(no_model.iter().map(ToString::to_string));
    done.errors = other;
    report_missing(done, false)?;
    Ok(Produced { objects, notes })
}

fn segment_all(arguments: &SegmentArguments, cancel: &Cancel) -> Result<SegmentTotals> {
    let mut catalog = open::read_catalog(&arguments.input, &mut |_| {}, cancel)?;
    leave_out_results(&mut catalog, arguments);
    let unreadable: Vec<_> = catalog
        .passed_over
        .iter()
        .filter(|p| p.is_failure)
        .collect();
    for failure in &unreadable {
        console::print_failure(format_args!(
            "labrum: {}",
            Error::at_path("read the image", &failure.path, &failure.reason)
        ));
    }
    let mut models = Models::new(arguments)?;
    let plans = Plans::new(&catalog, &models, arguments);
    plans.refuse_overwriting(&catalog, arguments)?;
    let folder_is_new = !arguments.out.exists();
    if !plans.series.is_empty() {
        whole_file::make_folder(&arguments.out)?;
    }
    let slices = plans
        .series
        .iter()
        .map(|p| p.series.slices.len() as u64)
        .sum();
    let bar = console::progress_bar(slices, "{pos}/{len} slices, {eta} left");
    let mut coco = plans.coco.as_ref().map(|_| CocoWriter::default());
    let mut done = SegmentTotals {
        outcomes: Vec::new(),
        coco: None,
        kept: 0,
        wanted: plans.series.len(),
        errors: plans.errors,
        unreadable: unreadable.len(),
    };
    for plan in plans.series.iter().take_while(|_| !cancel.is_cancelled()) {
        let kept = if arguments.resume {
            previous_masks(plan, coco.is_some())
        } else {
            None
        };
        let masks = match kept {
            Some(masks) => {
                done.kept += 1;
                bar.inc(plan.series.slices.len() as u64);
                masks
            }
            None => {
                let model = models.ready_segmenter(plan.model.as_ref());
                match model.and_then(|model| segment_whole(plan, model, arguments, &bar, cancel)) {
                    Ok(mut outcome) => {
                        let masks = mem::take(&mut outcome.masks);
                        done.outcomes.push(outcome);
                        masks
                    }
                    Err(error) if error.kind == ErrorKind::Cancelled => break,
                    Err(error) => {
                        done.errors.push(error);
                        continue;
                    }
                }
            }
        };
        if let Some(coco) = &mut coco {
            coco.add_series(plan.series, &names_below(plan), &masks, &plan.labels);
        }
    }
    bar.finish_and_clear();
    let any_done = done.kept + done.outcomes.len() > 0;
    if let (Some(coco), Some(path), true) = (coco, plans.coco, any_done) {
        coco.write_file(&path)?;
        done.coco = Some(path);
    }
    if !any_done && folder_is_new {
        // Fails, as it should, if the folder is not empty.
        let _ = fs::remove_dir(&arguments.out);
    }
    Ok(done)
}

/// The masks of a series that is already segmented, empty unless `wants_masks`. `None` if the series is not finished, or if
/// its masks are wanted but not stored as label maps.
fn previous_masks(plan: &SeriesPlan<'_>, wants_masks: bool) -> Option<Vec<Mask>> {
    let has_maps = plan.formats.contains(&ExportFormat::LabelMap);
    match (plan.is_done(), wants_masks) {
        (false, _) => None,
        (true, false) => Some(Vec::new()),
        (true, true) if !has_maps => None,
        (true, true) => plan
            .names
            .slices
            .iter()
            .map(|name| {
                let path = plan.folder.join(format!("{name}.png"));
                label_file::read_mask(&path, ValueReading::Values).ok()
            })
            .collect(),
    }
}

/// The image files of a series, relative to the input folder.
fn names_below(plan: &SeriesPlan<'_>) -> Vec<String> {
    let folders: Vec<_> = plan
        .below
        .components()
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    CocoWriter::file_names(plan.series)
        .into_iter()
        .map(|name| name_in_folders(&folders, name))
        .collect()
}

/// A path with slashes on all systems.
fn name_in_folders(folders: &[String], name: String) -> String {
    let parts: Vec<String> = folders.iter().cloned().chain([name]).collect();
    parts.join("/")
}

/// Returns an error if something is missing; prints all such errors but the last.
fn report_missing(done: SegmentTotals, is_stopped: bool) -> Result<()> {
    let SegmentTotals {
        outcomes,
        kept,
        wanted,
        mut errors,
        unreadable,
        ..
    } = done;
    let unfit = outcomes
        .iter()
        .map(|outcome| outcome.not_written.len())
        .sum::<usize>();
    let last = match (is_stopped, unreadable, unfit) {
        (true, ..) => {
            let reason = format!("stopped after {} of {wanted} series", outcomes.len() + kept);
            Some(
                Error::new("segment all series", reason)
                    .with_advice("Run the same command with --resume to do the rest.")
                    .of_kind(ErrorKind::Cancelled),
            )
        }
        (_, 0, 0) => errors.pop(),
        (_, 0, n) => Some(Error::new(
            "write all files",
            format!(
                "{} could not be written; see above",
                count_with_noun(n, "file")
            ),
        )),
        (_, n, _) if errors.is_empty() => Some(Error::new(
            "segment all series",
            format!(
                "{} could not be read; see above",
                count_with_noun(n, "file")
            ),
        )),
        _ => errors.pop(),
    };
    errors
        .iter()
        .for_each(|e| console::print_failure(format_args!("labrum: {e}")));
    last.map_or(Ok(()), Err)
}

/// Prints warnings on stderr and results on stdout.
fn print_totals(done: &SegmentTotals, arguments: &SegmentArguments) -> Result<()> {
    let warnings = done.outcomes.iter().flat_map(SeriesOutcome::named_warnings);
    console::print_remarks(warnings, "series");
    for outcome in &done.outcomes {
        let name = &outcome.series;
        for SeriesNotWritten { format, reason } in &outcome.not_written {
            console::print_failure(format_args!("labrum: {name} as {format}: {reason}"));
        }
    }
    if arguments.json {
        return console::print_json(&done.outcomes);
    }
    if done.outcomes.is_empty() && done.kept == 0 {
        return Ok(());
    }
    let files = done.outcomes.iter().map(|o| o.files.len()).sum::<usize>()
        + usize::from(done.coco.is_some());
    let kept = match done.kept {
        0 => String::new(),
        1 => "; 1 series was already done".to_owned(),
        n => format!("; {n} series were already done"),
    };
    let files = count_with_noun(files, "file");
    let count = done.outcomes.len();
    let folder = arguments.out.display();
    console::print_text(&format!(
        "Wrote {files} for {count} series to {folder}{kept}"
    ))
}

fn all_series(catalog: &Catalog) -> impl Iterator<Item = &Series> {
    catalog.studies.iter().flat_map(|s| &s.series)
}

/// Leaves out results of an earlier run if the output folder is inside an input folder.
fn leave_out_results(catalog: &mut Catalog, arguments: &SegmentArguments) {
    let Ok(out) = arguments.out.canonicalize() else {
        return;
    };
    if !arguments.input.iter().any(|input| lies_around(input, &out)) {
        return;
    }
    for study in &mut catalog.studies {
        study.series.retain(|series| {
            !series
                .slices
                .iter()
                .all(|slice| is_earlier_result(&slice.source.path, &out, &arguments.input))
        });
    }
    catalog
        .passed_over
        .retain(|passed| !is_earlier_result(&passed.path, &out, &arguments.input));
}

/// True if the folder `out`, a canonical path, is inside `folder`.
fn lies_around(folder: &Path, out: &Path) -> bool {
    folder
        .canonicalize()
        .is_ok_and(|folder| folder != out && out.starts_with(folder))
}

/// True for a file in the folder `out`, a canonical path, that was not itself given as input.
fn is_earlier_result(path: &Path, out: &Path, input: &[PathBuf]) -> bool {
    !input.iter().any(|given| given == path)
        && path.canonicalize().is_ok_and(|path| path.starts_with(out))
}

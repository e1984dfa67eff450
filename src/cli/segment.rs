//! `labrum segment`: masks for files and folders.

mod models;
mod plan;
mod series;

use super::format::{SegArguments, format_parser};
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
use std::path::{Path, PathBuf};

/// Write masks for images and series
#[derive(clap::Args, Debug)]
#[command(
    after_help = "For each image DIR/<name>.png: a label map of the image's size (0 background, 1..n the labels). \
For each DICOM series DIR/<series UID>.seg.dcm. Frames of a multi-frame file are <name>-0001.png and so on. Folders below \
the folder that is given, or below the one that all inputs have in common, are made below DIR, too; COCO annotations of all \
images are DIR/coco.json. Without --model the shipped \
model that is for the images is taken. A format that cannot hold the masks of a series is told of, and the others are \
written.

Ctrl+C stops after the slice: series that are done stay, and with --resume the same command does the rest.

Examples:
  labrum segment scan.png --out masks
  labrum segment study/ --out masks --format png,seg,overlay,csv
  labrum segment study/ --out masks --model my.safetensors --device cpu --probabilities
  labrum segment archive/ --out masks --resume
  labrum segment scan.png --out masks --model fetal-head
  labrum segment --from-pacs hospital --to-pacs hospital --modality CT --model my.safetensors --out shared/

With --from-pacs one study after the other is received, segmented and sent. Any number of programs may share the folder \
--out: each study is done by one of them, and what was done is not done again. Names of results follow from the weights \
and the images, so that an archive that ever gets one twice keeps one."
)]
pub(super) struct SegmentArguments {
    /// Files and folders: DICOM, NIfTI, PNG, JPEG, TIFF, BMP, WebP
    #[arg(required_unless_present = "from_pacs")]
    input: Vec<PathBuf>,
    /// Folder to write to; it is made where it is missing
    #[arg(short, long)]
    pub(super) out: PathBuf,
    /// Model: the name of a shipped one (fetal-head), or a file: .safetensors of Labrum, or a PyTorch checkpoint (.pth)
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
    /// What to write, comma separated [default: png, and seg for DICOM series]
    #[arg(short, long, value_parser = format_parser(), value_delimiter = ',')]
    format: Vec<ExportFormat>,
    #[command(flatten)]
    seg: SegArguments,
    /// Write the probability of each label as a 16-bit PNG too
    #[arg(long)]
    probabilities: bool,
    /// Print what was written as JSON on stdout
    #[arg(long)]
    pub(super) json: bool,
    /// Keep what is there already, and do the rest
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    #[command(flatten)]
    overwrite: OverwriteArgument,
    /// All files lie side by side.
    #[arg(skip)]
    is_flat: bool,
    #[command(flatten)]
    pub(super) unattended: super::unattended::ArchiveArguments,
}

/// What came of files.
pub(super) struct Produced {
    /// DICOM-SEG objects, each with the hash of the weights that made it.
    pub(super) objects: Vec<(PathBuf, String)>,
    /// What was left out, and why.
    pub(super) notes: Vec<String>,
}

impl SegmentArguments {
    /// The same for these images: one DICOM-SEG for each series.
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

    /// What the results depend on besides the images: the weights that were named, or those that are shipped.
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

/// What became of one series.
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

/// A format that cannot hold the masks of a series.
#[derive(serde::Serialize)]
struct SeriesNotWritten {
    format: &'static str,
    reason: String,
}

/// What came of all series.
struct SegmentTotals {
    outcomes: Vec<SeriesOutcome>,
    /// The file of all annotations.
    coco: Option<PathBuf>,
    /// Series that were there already.
    kept: usize,
    /// Series that a model is for.
    wanted: usize,
    errors: Vec<Error>,
    /// Files that could not be read.
    unreadable: usize,
}

pub(super) fn run(arguments: &SegmentArguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    if arguments.unattended.from_pacs.is_some() {
        if !arguments.input.is_empty() {
            return Err(super::usage::argument_error(
                "segment",
                "either files or --from-pacs, not both",
            ));
        }
        return super::unattended::run(arguments, &cancel);
    }
    let done = segment_all(arguments, &cancel)?;
    print_totals(&done, arguments)?;
    report_missing(done, cancel.is_cancelled())
}

/// Masks for files, for who sends them on. Series that no model is for are left out.
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
                        let masks = std::mem::take(&mut outcome.masks);
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
        // Fails, as it should, where there is something in it.
        let _ = std::fs::remove_dir(&arguments.out);
    }
    Ok(done)
}

/// The masks of a series that was done before; none are read where nobody wants them. `None` where it is not done, or
/// wants masks that no label map of it holds.
fn previous_masks(plan: &SeriesPlan<'_>, wants_masks: bool) -> Option<Vec<Mask>> {
    let has_maps = plan.formats.contains(&ExportFormat::LabelMap);
    match (plan.is_done(), wants_masks) {
        (false, _) => None,
        (true, false) => Some(Vec::new()),
        (true, true) if !has_maps => None,
        (true, true) => {
            let read = |name: &String| {
                label_file::read_mask(
                    &plan.folder.join(format!("{name}.png")),
                    ValueReading::Values,
                )
                .ok()
            };
            plan.names.slices.iter().map(read).collect()
        }
    }
}

/// The files of the images as they lie below the folder that was given.
fn names_below(plan: &SeriesPlan<'_>) -> Vec<String> {
    let folders: Vec<_> = plan
        .below
        .components()
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    let name = |name: String| {
        folders
            .iter()
            .cloned()
            .chain([name])
            .collect::<Vec<_>>()
            .join("/")
    };
    CocoWriter::file_names(plan.series)
        .into_iter()
        .map(name)
        .collect()
}

/// Names what is missing; an error where something is.
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
            let reason = format!(
                "it was stopped after {} of {wanted} series",
                outcomes.len() + kept
            );
            Some(
                Error::new("segment everything", reason)
                    .with_advice("The same command with --resume does the others.")
                    .of_kind(ErrorKind::Cancelled),
            )
        }
        (_, 0, 0) => errors.pop(),
        (_, 0, n) => Some(Error::new(
            "write everything",
            format!(
                "{} cannot be written, see above",
                count_with_noun(n, "file")
            ),
        )),
        (_, n, _) if errors.is_empty() => Some(Error::new(
            "segment everything",
            format!(
                "{} could not be read, see above",
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

/// Warnings on stderr, results on stdout.
fn print_totals(done: &SegmentTotals, arguments: &SegmentArguments) -> Result<()> {
    let said = |outcome: &SeriesOutcome| {
        outcome
            .warnings
            .iter()
            .map(|w| (outcome.series.clone(), w.clone()))
            .collect::<Vec<_>>()
    };
    console::print_remarks(done.outcomes.iter().flat_map(said), "series");
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
        1 => "; 1 was there already".to_owned(),
        n => format!("; {n} were there already"),
    };
    let (files, count, folder) = (
        count_with_noun(files, "file"),
        done.outcomes.len(),
        arguments.out.display(),
    );
    console::print_text(&format!("{files} for {count} series in {folder}{kept}"))
}

fn all_series(catalog: &Catalog) -> impl Iterator<Item = &Series> {
    catalog.studies.iter().flat_map(|s| &s.series)
}

/// Results of an earlier run that lie in a folder within the input are no images to segment.
fn leave_out_results(catalog: &mut Catalog, arguments: &SegmentArguments) {
    let Ok(out) = arguments.out.canonicalize() else {
        return;
    };
    let holds_results = |input: &PathBuf| {
        input
            .canonicalize()
            .is_ok_and(|i| i != out && out.starts_with(i))
    };
    if !arguments.input.iter().any(holds_results) {
        return;
    }
    let is_result = |path: &PathBuf| {
        !arguments.input.contains(path) && path.canonicalize().is_ok_and(|p| p.starts_with(&out))
    };
    for study in &mut catalog.studies {
        study.series.retain(|series| {
            !series
                .slices
                .iter()
                .all(|slice| is_result(&slice.source.path))
        });
    }
    catalog
        .passed_over
        .retain(|passed| !is_result(&passed.path));
}

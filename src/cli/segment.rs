//! `labrum segment`: masks for files and folders.

use super::DeviceArgument;
use super::format::{self, FormatArgument, SegArguments};
use crate::domain::label::Label;
use crate::domain::looks::Look;
use crate::domain::progress::Cancel;
use crate::domain::study::{Catalog, Series};
use crate::io::dicom::seg::Authorship;
use crate::io::export::{
    Format, Names, OverlayLook, SeriesFiles, SliceFiles, planned, refuse_originals, write_series, write_slice,
};
use crate::io::{open, whole_file};
use crate::model::card::{Fit, ModelCard};
use crate::model::infer::Segmenter;
use crate::model::shipped;
use crate::{Error, Result};
use indicatif::ProgressBar;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Write masks for images and series
#[derive(clap::Args, Debug)]
#[command(
    after_help = "For each image DIR/<name>.png: a label map of the image's size (0 background, 1..n the labels). \
For each DICOM series DIR/<series UID>.seg.dcm. Frames of a multi-frame file are <name>-0001.png and so on. Without \
--model the shipped model that is for the images is taken.

Examples:
  labrum segment scan.png --out masks
  labrum segment study/ --out masks --format png,seg,overlay,csv
  labrum segment study/ --out masks --model my.safetensors --device cpu --probabilities
  labrum segment --from-pacs hospital --to-pacs hospital --modality CT --model my.safetensors --out shared/

With --from-pacs one study after the other is received, segmented and sent. Any number of programs may share the folder \
--out: each study is done by one of them, and what was done is not done again. Names of results follow from the weights \
and the images, so that an archive that ever gets one twice keeps one."
)]
pub(super) struct Arguments {
    /// Files and folders: DICOM, NIfTI, PNG, JPEG, TIFF, BMP, WebP
    #[arg(required_unless_present = "from_pacs")]
    input: Vec<PathBuf>,
    /// Folder to write to; it is made where it is missing
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Model file: .safetensors of Labrum or a PyTorch checkpoint (.pth)
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
    /// What to write, comma separated; png, and seg for DICOM series, where nothing is said
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<FormatArgument>,
    #[command(flatten)]
    seg: SegArguments,
    /// Write the probability of each label as a 16-bit PNG too
    #[arg(long)]
    probabilities: bool,
    /// Print what was written as JSON on stdout
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) unattended: super::unattended::Arguments,
}

/// What came of files.
pub(super) struct Produced {
    /// DICOM-SEG objects, each with the hash of the weights that made it.
    pub(super) objects: Vec<(PathBuf, String)>,
    /// What was left out, and why.
    pub(super) notes: Vec<String>,
}

impl Arguments {
    /// The same for these images: one DICOM-SEG for each series.
    pub(super) fn of_files(&self, input: &Path, out: &Path) -> Self {
        Self {
            input: vec![input.to_owned()],
            out: out.to_owned(),
            model: self.model.clone(),
            device: self.device,
            format: vec![FormatArgument::Seg],
            seg: self.seg,
            probabilities: false,
            json: false,
            unattended: Default::default(),
        }
    }

    /// What the results depend on besides the images: the weights that were named, or those that are shipped.
    pub(super) fn what_with(&self) -> Result<String> {
        match &self.model {
            Some(path) => Ok(Segmenter::load(path, self.device.into())?.hash().to_owned()),
            None => Ok(format!("the shipped models of labrum {}", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// What became of one series.
#[derive(serde::Serialize)]
struct Outcome {
    series: String,
    model: String,
    model_version: String,
    model_sha256: String,
    device: String,
    files: Vec<PathBuf>,
    warnings: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let cancel = super::stop_on_ctrl_c()?;
    if arguments.unattended.from_pacs.is_some() {
        return super::unattended::run(arguments, &cancel);
    }
    let (outcomes, errors, failures) = segment_all(arguments, &cancel)?;
    tell(&outcomes, arguments)?;
    end(errors, failures)
}

/// Masks for files, for who sends them on. Series that no model is for are left out.
pub(super) fn produce(arguments: &Arguments, cancel: &Cancel) -> Result<Produced> {
    let (outcomes, errors, failures) = segment_all(arguments, cancel)?;
    let objects = outcomes.iter().flat_map(|o| o.files.iter().map(|file| (file.clone(), o.model_sha256.clone())));
    let objects: Vec<_> = objects.filter(|(file, _)| file.extension().is_some_and(|e| e == "dcm")).collect();
    let mut notes: Vec<String> = outcomes.iter().flat_map(|o| o.warnings.clone()).collect();
    let (no_model, other): (Vec<Error>, Vec<Error>) = errors.into_iter().partition(is_without_model);
    notes.extend(no_model.iter().map(ToString::to_string));
    end(other, failures)?;
    Ok(Produced { objects, notes })
}

/// What came of each series, what went wrong, and how many files could not be read.
fn segment_all(arguments: &Arguments, cancel: &Cancel) -> Result<(Vec<Outcome>, Vec<Error>, usize)> {
    let mut catalog = open::catalog(&arguments.input, &mut |_| {}, cancel)?;
    leave_out_results(&mut catalog, arguments);
    let failures: Vec<_> = catalog.passed_over.iter().filter(|p| p.is_failure).collect();
    for failure in &failures {
        eprintln!("labrum: {}", Error::at("read the image", &failure.path, &failure.reason));
    }
    let mut models = Models::new(arguments, &catalog)?;
    let (plans, mut errors) = plan(&catalog, &models, arguments);
    refuse_overwriting(&catalog, arguments, &plans)?;
    let folder_is_new = !arguments.out.exists();
    if !plans.is_empty() {
        whole_file::make_folder(&arguments.out)?;
    }
    let slices = plans.iter().map(|p| p.series.slices.len() as u64).sum();
    let bar = ProgressBar::new(slices).with_style(super::bar_style("{pos}/{len} slices, {eta} left"));
    let mut outcomes = Vec::new();
    for plan in &plans {
        let model = models.for_series(plan.series);
        match model.and_then(|model| segment_whole(plan, model, arguments, &bar, cancel)) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => errors.push(error),
        }
        if cancel.is_cancelled() {
            break;
        }
    }
    bar.finish_and_clear();
    if outcomes.is_empty() && folder_is_new {
        // Fails, as it should, where there is something in it.
        let _ = std::fs::remove_dir(&arguments.out);
    }
    Ok((outcomes, errors, failures.len()))
}

fn end(mut errors: Vec<Error>, failures: usize) -> Result<()> {
    match (errors.pop(), failures) {
        (None, 0) => Ok(()),
        (None, n) => Err(Error::new("segment everything", format!("{n} files could not be read, see above"))),
        (Some(last), _) => {
            errors.iter().for_each(|e| eprintln!("labrum: {e}"));
            Err(last)
        }
    }
}

/// Warnings on stderr, results on stdout.
fn tell(outcomes: &[Outcome], arguments: &Arguments) -> Result<()> {
    for outcome in outcomes {
        outcome.warnings.iter().for_each(|w| eprintln!("labrum: {}: {w}", outcome.series));
    }
    if arguments.json {
        return super::print_json(&outcomes);
    }
    if outcomes.is_empty() {
        return Ok(());
    }
    let files: usize = outcomes.iter().map(|o| o.files.len()).sum();
    super::print(&format!("{files} files for {} series are in {}", outcomes.len(), arguments.out.display()))
}

fn series(catalog: &Catalog) -> impl Iterator<Item = &Series> {
    catalog.studies.iter().flat_map(|s| &s.series)
}

/// A series, and the files that are to come of it.
struct Plan<'a> {
    series: &'a Series,
    names: Names,
    formats: Vec<Format>,
    files: Vec<PathBuf>,
}

/// A plan for each series that a model is for, an error for each other one.
fn plan<'a>(catalog: &'a Catalog, models: &Models, arguments: &Arguments) -> (Vec<Plan<'a>>, Vec<Error>) {
    let mut taken = HashSet::new();
    let (mut plans, mut errors) = (Vec::new(), Vec::new());
    for series in series(catalog) {
        match models.labels(series) {
            Ok(labels) => {
                let (names, formats) = (Names::new(series, &mut taken), formats(arguments, series));
                let files = planned(&arguments.out, &names, &labels, &formats);
                plans.push(Plan { series, names, formats, files });
            }
            Err(error) => errors.push(error),
        }
    }
    (plans, errors)
}

/// Results of an earlier run that lie in a folder within the input are no images to segment.
fn leave_out_results(catalog: &mut Catalog, arguments: &Arguments) {
    let Ok(out) = arguments.out.canonicalize() else { return };
    let holds_results = |input: &PathBuf| input.canonicalize().is_ok_and(|i| i != out && out.starts_with(i));
    if !arguments.input.iter().any(holds_results) {
        return;
    }
    let is_result =
        |path: &PathBuf| !arguments.input.contains(path) && path.canonicalize().is_ok_and(|p| p.starts_with(&out));
    for study in &mut catalog.studies {
        study.series.retain(|series| !series.slices.iter().all(|slice| is_result(&slice.source.path)));
    }
    catalog.passed_over.retain(|passed| !is_result(&passed.path));
}

/// No file may take the place of one that was given, nor of another of this run.
fn refuse_overwriting(catalog: &Catalog, arguments: &Arguments, plans: &[Plan<'_>]) -> Result<()> {
    let slices = series(catalog).flat_map(|s| &s.slices).map(|s| &s.source.path);
    let given = slices.chain(catalog.passed_over.iter().map(|p| &p.path)).chain(&arguments.model);
    let files: Vec<PathBuf> = plans.iter().flat_map(|p| p.files.clone()).collect();
    refuse_originals(given.map(PathBuf::as_path), &files)
        .map_err(|error| error.advise("Choose another folder with --out, or rename an image or a label."))
}

/// The model that was named, or the shipped ones as they are needed.
struct Models {
    named: bool,
    device: DeviceArgument,
    loaded: Option<Segmenter>,
}

impl Models {
    fn new(arguments: &Arguments, catalog: &Catalog) -> Result<Self> {
        let device = arguments.device;
        let Some(path) = &arguments.model else {
            return Ok(Self { named: false, device, loaded: None });
        };
        let model = Segmenter::load(path, device.into())?;
        let misfit = series(catalog).find_map(|s| match model.card().fit(s, look(s).ok().flatten().as_ref()) {
            Fit::No(reason) => Some(reason),
            Fit::Fits => None,
        });
        if let Some(reason) = misfit {
            eprintln!("labrum: warning: the model \"{}\" may not be for these images: {reason}", model.card().name);
        }
        Ok(Self { named: true, device, loaded: Some(model) })
    }

    /// The labels that the model for this series gives.
    fn labels(&self, series: &Series) -> Result<Vec<Label>> {
        match &self.loaded {
            Some(model) if self.named => Ok(model.card().labels.clone()),
            _ => Ok(shipped::fitting(series, look(series)?.as_ref())?
                .map_err(|reasons| no_model(series, &reasons))?
                .card
                .labels),
        }
    }

    fn for_series(&mut self, series: &Series) -> Result<&mut Segmenter> {
        if !self.named {
            let model =
                shipped::fitting(series, look(series)?.as_ref())?.map_err(|reasons| no_model(series, &reasons))?;
            if self.loaded.as_ref().is_none_or(|l| *l.card() != model.card) {
                self.loaded = Some(Segmenter::from_bytes(model.bytes, self.device.into())?);
            }
        }
        self.loaded.as_mut().ok_or_else(|| Error::new("segment", "no model is loaded"))
    }
}

/// What the middle slice looks like.
fn look(series: &Series) -> Result<Option<Look>> {
    let middle = series.slices.get(series.slices.len() / 2);
    middle.map(|slice| Ok(Look::of(&open::load(&slice.source, series.kind)?))).transpose()
}

const NO_MODEL: &str = "no shipped model is for it";

fn is_without_model(error: &Error) -> bool {
    error.reason.starts_with(NO_MODEL)
}

fn no_model(series: &Series, reasons: &[String]) -> Error {
    let what = if series.modality.is_empty() { "picture" } else { &series.modality };
    let tried = match series.slices.len() {
        1 => format!("segment the {what}"),
        _ => format!("segment the {what} series that begins with"),
    };
    let first = series.slices.first().map(|slice| slice.source.path.clone());
    let reason = format!("{NO_MODEL} ({})", reasons.join("; "));
    Error { path: first, ..Error::new(tried, reason) }
        .advise("Name a model with --model FILE, or train one with labrum train.")
}

/// What a series is called in messages.
fn title(series: &Series) -> String {
    match (series.description.trim(), series.slices.first()) {
        ("", Some(first)) => first.source.path.display().to_string(),
        (description, _) => description.to_owned(),
    }
}

/// All files of a series; on an error, or where it is stopped, none of those that were not there before.
fn segment_whole(
    plan: &Plan<'_>,
    model: &mut Segmenter,
    arguments: &Arguments,
    bar: &ProgressBar,
    cancel: &Cancel,
) -> Result<Outcome> {
    let new: Vec<&PathBuf> = plan.files.iter().filter(|file| !file.exists()).collect();
    let done = segment(plan, model, arguments, bar, cancel);
    if done.is_err() {
        new.iter().for_each(|file| drop(std::fs::remove_file(file)));
    }
    done
}

fn segment(
    plan: &Plan<'_>,
    model: &mut Segmenter,
    arguments: &Arguments,
    bar: &ProgressBar,
    cancel: &Cancel,
) -> Result<Outcome> {
    let Plan { series, names, formats, .. } = plan;
    let card: ModelCard = model.card().clone();
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    let mut masks = Vec::with_capacity(series.slices.len());
    let mut probabilities: Vec<Vec<Vec<u16>>> = Vec::new();
    for (slice, name) in series.slices.iter().zip(&names.slices) {
        if cancel.is_cancelled() {
            return Err(Error::at("segment", &slice.source.path, "it was stopped"));
        }
        let image = open::load(&slice.source, series.kind)?;
        warnings.extend(image.truncated.iter().map(|what| format!("{name} is not whole: {what}")));
        let prediction = model.segment(&image)?;
        warnings.extend(model.take_notice());
        let slice_files = SliceFiles {
            image: &image,
            window: None,
            look: OverlayLook::for_size(image.columns, image.rows),
            mask: &prediction.mask,
            prediction: Some(&prediction),
            labels: &card.labels,
        };
        files.extend(write_slice(&arguments.out, name, &slice_files, formats)?);
        masks.push(prediction.mask);
        if formats.contains(&Format::SegFractional) {
            probabilities.push(prediction.probabilities);
        }
        bar.inc(1);
    }
    let author = Authorship::automatic(&card.name, &card.version).with_weights(model.hash());
    let out: &Path = &arguments.out;
    let probabilities: Vec<&[Vec<u16>]> = probabilities.iter().map(Vec::as_slice).collect();
    let whole = SeriesFiles {
        series,
        masks: &masks,
        probabilities: &probabilities,
        labels: &card.labels,
        authors: std::slice::from_ref(&author),
        options: arguments.seg.options(),
    };
    let (more, notes) = write_series(out, &names.series, &whole, formats)?;
    files.extend(more);
    warnings.extend(notes);
    Ok(Outcome {
        series: title(series),
        model: card.name,
        model_version: card.version,
        model_sha256: model.hash().to_owned(),
        device: model.device_name().to_owned(),
        files,
        warnings,
    })
}

fn formats(arguments: &Arguments, series: &Series) -> Vec<Format> {
    let is_dicom = series.kind == crate::domain::study::Kind::Dicom;
    let mut formats: Vec<Format> = match arguments.format.as_slice() {
        [] if is_dicom => vec![Format::LabelMap, Format::Seg],
        [] => vec![Format::LabelMap],
        given => format::formats(given),
    };
    if arguments.probabilities {
        formats.push(Format::Probabilities);
    }
    formats
}

//! `labrum segment`: masks for files and folders.

use super::DeviceArgument;
use crate::domain::progress::Cancel;
use crate::domain::study::{Catalog, Series};
use crate::io::dicom::seg::Authorship;
use crate::io::export::{Format, Names, OverlayLook, SliceFiles, write_series, write_slice};
use crate::io::open;
use crate::model::card::{Fit, ModelCard};
use crate::model::infer::Segmenter;
use crate::model::shipped;
use crate::{Error, Result};
use clap::ValueEnum;
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
  labrum segment study/ --out masks --model my.safetensors --device cpu --probabilities"
)]
pub(super) struct Arguments {
    /// Files and folders: PNG, JPEG, TIFF, BMP, DICOM
    #[arg(required = true)]
    input: Vec<PathBuf>,
    /// Folder to write to; it is made where it is missing
    #[arg(long)]
    out: PathBuf,
    /// Model file: .safetensors of Labrum or a PyTorch checkpoint (.pth)
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
    /// What to write, comma separated; png, and seg for DICOM series, where nothing is said
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<FormatArgument>,
    /// Write the probability of each label as a 16-bit PNG too
    #[arg(long)]
    probabilities: bool,
    /// Print what was written as JSON on stdout
    #[arg(long)]
    json: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum FormatArgument {
    /// Label map for each image
    Png,
    /// Black and white mask for each image and label
    Labels,
    /// DICOM-SEG for each series
    Seg,
    /// The image with the mask over it
    Overlay,
    /// Measurements as a table
    Csv,
    /// Measurements as JSON
    Json,
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
    let catalog = open::catalog(&arguments.input, &mut |_| {}, &Cancel::default())?;
    let failures: Vec<_> = catalog.passed_over.iter().filter(|p| p.is_failure).collect();
    for failure in &failures {
        eprintln!("labrum: {}", Error::at("read the image", &failure.path, &failure.reason));
    }
    let mut models = Models::new(arguments, &catalog)?;
    std::fs::create_dir_all(&arguments.out).map_err(|e| {
        Error::at("make the folder", &arguments.out, e).advise("Choose a folder that you may write to.")
    })?;
    let slices = series(&catalog).map(|s| s.slices.len() as u64).sum();
    let bar = ProgressBar::new(slices).with_style(super::bar_style("{pos}/{len} slices, {eta} left"));
    let mut taken = HashSet::new();
    let (mut outcomes, mut errors) = (Vec::new(), Vec::new());
    for series in series(&catalog) {
        let done = models.for_series(series).and_then(|model| segment(series, model, arguments, &mut taken, &bar));
        match done {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => errors.push(error),
        }
    }
    bar.finish_and_clear();
    for outcome in &outcomes {
        outcome.warnings.iter().for_each(|w| eprintln!("labrum: {}: {w}", outcome.series));
    }
    if arguments.json {
        super::print_json(&outcomes)?;
    } else {
        let files: usize = outcomes.iter().map(|o| o.files.len()).sum();
        super::print(&format!("{files} files for {} series are in {}", outcomes.len(), arguments.out.display()))?;
    }
    match (errors.pop(), failures.len()) {
        (None, 0) => Ok(()),
        (None, n) => Err(Error::new("segment everything", format!("{n} images could not be read, see above"))),
        (Some(last), _) => {
            errors.iter().for_each(|e| eprintln!("labrum: {e}"));
            Err(last)
        }
    }
}

fn series(catalog: &Catalog) -> impl Iterator<Item = &Series> {
    catalog.studies.iter().flat_map(|s| &s.series)
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
        let misfit = series(catalog).find_map(|s| match model.card().fit(s) {
            Fit::No(reason) => Some(reason),
            Fit::Fits => None,
        });
        if let Some(reason) = misfit {
            eprintln!("labrum: warning: the model \"{}\" may not be for these images: {reason}", model.card().name);
        }
        Ok(Self { named: true, device, loaded: Some(model) })
    }

    fn for_series(&mut self, series: &Series) -> Result<&mut Segmenter> {
        if !self.named {
            let model = shipped::fitting(series)?.map_err(|reasons| no_model(series, &reasons))?;
            if self.loaded.as_ref().is_none_or(|l| *l.card() != model.card) {
                self.loaded = Some(Segmenter::from_bytes(model.bytes, self.device.into())?);
            }
        }
        self.loaded.as_mut().ok_or_else(|| Error::new("segment", "no model is loaded"))
    }
}

fn no_model(series: &Series, reasons: &[String]) -> Error {
    let what = if series.modality.is_empty() { String::new() } else { format!("{} ", series.modality) };
    let reason = format!("no shipped model is for it ({})", reasons.join("; "));
    Error::new(format!("segment {what}\"{}\"", series.description), reason)
        .advise("Name a model with --model FILE, or train one with labrum train.")
}

fn segment(
    series: &Series,
    model: &mut Segmenter,
    arguments: &Arguments,
    taken: &mut HashSet<String>,
    bar: &ProgressBar,
) -> Result<Outcome> {
    let names = Names::new(series, taken);
    let formats = formats(arguments, series);
    let card: ModelCard = model.card().clone();
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    let mut masks = Vec::with_capacity(series.slices.len());
    for (slice, name) in series.slices.iter().zip(&names.slices) {
        let image = open::load(&slice.source, series.kind)?;
        let prediction = model.segment(&image)?;
        warnings.extend(model.take_notice());
        let slice_files = SliceFiles {
            image: &image,
            window: image.default_window(),
            look: OverlayLook::for_size(image.columns, image.rows),
            mask: &prediction.mask,
            prediction: Some(&prediction),
            labels: &card.labels,
        };
        files.extend(write_slice(&arguments.out, name, &slice_files, &formats)?);
        masks.push(prediction.mask);
        bar.inc(1);
    }
    let author = Authorship::automatic(&card.name, &card.version);
    let out: &Path = &arguments.out;
    let (more, notes) = write_series(out, &names.series, series, &masks, &card.labels, &author, &formats)?;
    files.extend(more);
    warnings.extend(notes);
    Ok(Outcome {
        series: series.description.clone(),
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
        given => given.iter().map(|f| (*f).into()).collect(),
    };
    if arguments.probabilities {
        formats.push(Format::Probabilities);
    }
    formats
}

impl From<FormatArgument> for Format {
    fn from(argument: FormatArgument) -> Self {
        match argument {
            FormatArgument::Png => Self::LabelMap,
            FormatArgument::Labels => Self::LabelMasks,
            FormatArgument::Seg => Self::Seg,
            FormatArgument::Overlay => Self::Overlay,
            FormatArgument::Csv => Self::Csv,
            FormatArgument::Json => Self::Json,
        }
    }
}

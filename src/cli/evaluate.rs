//! `labrum evaluate`: how good a model is on a folder with masks.

use super::DeviceArgument;
use crate::io::dataset;
use crate::model::evaluate::{CaseScores, Report};
use crate::model::infer::Segmenter;
use crate::{Error, Result};
use indicatif::ProgressBar;
use std::path::PathBuf;

/// Score a model on a folder that holds images/ and masks/ with equal names
#[derive(clap::Args, Debug)]
#[command(after_help = "Scores are of the mask at the size of the image; Hausdorff distances are in its pixels.

Examples:
  labrum evaluate fetal-head.safetensors hc18/
  labrum evaluate model.safetensors data/ --json > scores.json
  labrum evaluate model.safetensors data/ --subjects 010,100")]
pub(super) struct Arguments {
    /// Model file: .safetensors of Labrum or a PyTorch checkpoint (.pth)
    model: PathBuf,
    /// Folder with images/ and masks/
    folder: PathBuf,
    /// Only these subjects, comma separated
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    subjects: Vec<String>,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let mut pairs = dataset::list(&arguments.folder)?;
    if !arguments.subjects.is_empty() {
        pairs.retain(|p| arguments.subjects.contains(&p.subject));
        if pairs.is_empty() {
            let reason = format!("no image in it is of subject {}", arguments.subjects.join(", "));
            return Err(Error::at("evaluate on", &arguments.folder, reason));
        }
    }
    let mut model = Segmenter::load(&arguments.model, arguments.device.into())?;
    let bar = ProgressBar::new(pairs.len() as u64).with_style(super::bar_style("{pos}/{len} images"));
    let mut cases = Vec::with_capacity(pairs.len());
    for pair in &pairs {
        let (image, truth) = pair.read()?;
        let predicted = model.segment(&image)?.mask;
        if let Some(notice) = model.take_notice() {
            super::tell(&bar, &notice);
        }
        cases.push(CaseScores::new(&pair.name, &predicted, &truth, [1.0, 1.0])?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = Report::new(cases)?;
    if arguments.json { super::print_json(&report) } else { super::print(&report.to_string()) }
}

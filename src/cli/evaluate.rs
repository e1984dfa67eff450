//! `labrum evaluate`: scores a model on a folder of images and masks.

use super::DeviceArgument;
use crate::io::dataset::{self, Dataset, DatasetPair};
use crate::{Error, Result};
use labrum_core::reason_of;
use labrum_nn::evaluate::{CaseScores, EvaluationReport};
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Score a model on a folder that holds images/ and masks/ with the same file names
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Masks are scored at the size of the image: Dice (F1), intersection over union, the 95th percentile \
of the Hausdorff distance and boundary IoU, with 95 % confidence intervals of the means (bootstrap). The scores are \
for all images, and for large and small structures separately: large ones have less than a fifth of their pixels on \
the boundary at the size of the network's input (C/S below 0.2).

If the folder has a file pixel_spacing_mm.csv (columns name and pixel_spacing_mm), Hausdorff distances are in mm, \
else in pixels. A third column head_circumference_mm is compared with an ellipse fitted to the mask.

Examples:
  labrum evaluate fetal-head.safetensors hc18/
  labrum evaluate model.safetensors data/ --json > scores.json
  labrum evaluate model.safetensors busi/ --list busi_val1.txt --against other.json"
)]
pub(super) struct EvaluateArguments {
    /// Model: the name of a shipped model (fetal-head, left-ventricle,
    /// soft-tissue-sarcoma) or a file (.safetensors of Labrum, or .pth of PyTorch)
    model: PathBuf,
    /// Folder with images/ and masks/
    folder: PathBuf,
    /// Only these subjects, comma-separated
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    subjects: Vec<String>,
    /// Only the images listed in this file, one per line
    #[arg(long, value_name = "FILE", conflicts_with = "subjects")]
    list: Option<PathBuf>,
    #[command(flatten)]
    folder_wishes: super::folder::FolderArguments,
    /// Compare with another model's report (printed by --json): paired differences with confidence intervals
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
    /// Device to run the network on
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceArgument,
}

pub(super) fn run(arguments: &EvaluateArguments) -> Result<()> {
    super::end_on_ctrl_c(
        "evaluate was stopped without printing anything; run it again, or score fewer images with --subjects or --list",
    )?;
    let data = dataset::open_folder(&arguments.folder, &arguments.folder_wishes.seg_options())?;
    data.notes
        .iter()
        .for_each(|note| crate::cli::console::print_remark(format_args!("labrum: {note}")));
    let pairs = pairs_to_score(&data, arguments)?;
    let lengths = dataset::read_lengths(&arguments.folder)?;
    let other = arguments.against.as_deref().map(read_report).transpose()?;
    let in_mm = pairs.iter().all(|pair| lengths.contains_key(&pair.name));
    let mut model = super::model_named(&arguments.model, arguments.device)?;
    let card = model.model_card();
    let table = data
        .labels
        .label_table(&card.labels, &card.trained_on.values);
    let bar = super::console::progress_bar(pairs.len() as u64, "{pos}/{len} images");
    let mut cases = Vec::with_capacity(pairs.len());
    for pair in &pairs {
        let (image, truth) = pair.load_image_and_mask()?;
        let truth = table.map_mask(&truth);
        let predicted = model.segment_slice(&image)?.mask;
        if let Some(notice) = model.take_notice() {
            super::print_above_bar(&bar, &notice);
        }
        let known = lengths.get(&pair.name).filter(|_| in_mm);
        let spacing = known.map_or([1.0, 1.0], |l| [l.pixel_spacing, l.pixel_spacing]);
        let case = CaseScores::new(
            &pair.name,
            &predicted,
            &truth,
            spacing,
            &model.model_card().input,
        )?;
        cases.push(match known.and_then(|l| l.circumference) {
            Some(truth) => case.with_circumference(&predicted, truth, spacing),
            None => case,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut report =
        EvaluationReport::new(model.weights_hash(), if in_mm { "mm" } else { "px" }, cases)?;
    if let Some(other) = other {
        report.compare_with(&other)?;
    }
    if !arguments.json {
        return super::print_text(&report.to_string());
    }
    #[derive(Serialize)]
    struct WithCommand {
        command: String,
        #[serde(flatten)]
        report: EvaluationReport,
    }
    super::print_json(&WithCommand {
        command: super::command_line(),
        report,
    })
}

/// The images to score.
fn pairs_to_score(data: &Dataset, arguments: &EvaluateArguments) -> Result<Vec<DatasetPair>> {
    if let Some(list) = &arguments.list {
        return dataset::only_listed(&data.pairs, list);
    }
    let wanted = data.check_subjects("evaluate on", &arguments.subjects)?;
    Ok(data
        .pairs
        .iter()
        .filter(|pair| wanted.is_empty() || wanted.contains(&pair.subject))
        .cloned()
        .collect())
}

fn read_report(path: &Path) -> Result<EvaluationReport> {
    let bytes = fs::read(path).map_err(|e| read_report_error(path, reason_of(&e)))?;
    serde_json::from_slice(&bytes).map_err(|e| read_report_error(path, e.to_string()))
}

fn read_report_error(path: &Path, reason: String) -> Error {
    Error::at_path("read the other report", path, reason)
        .with_advice("Give a file with the output of labrum evaluate --json.")
}

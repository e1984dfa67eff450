//! `labrum import-checkpoint`: converts a PyTorch checkpoint to a model file with a card.

use crate::{Error, Result};
use labrum_core::{
    counts::count_with_noun,
    label::Label,
    model_card::{InputSpec, ModelCard, ModelPurpose, TrainedOn},
    whole_file,
};
use labrum_nn::{checkpoint, device::DeviceChoice, infer};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Convert a PyTorch checkpoint of CMUNeXt to a model file with a card
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Reads .pth files: a state_dict, or one under the key \"state_dict\", with or without the prefix \
\"module.\". A sigmoid head with one channel is converted to a head with two classes.

Examples:
  labrum import-checkpoint cmunext.pth --out cmunext.safetensors --label Lesion
  labrum import-checkpoint cmunext.pth --out cmunext.safetensors --mean 0.5 --std 0.25"
)]
pub(super) struct ImportCheckpointArguments {
    /// Checkpoint (.pth)
    checkpoint: PathBuf,
    /// Model file to write
    #[arg(short, long)]
    out: PathBuf,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
    /// Name of the model [default: the name of the file]
    #[arg(long)]
    name: Option<String>,
    /// Name of a label, in the order of their values; may be repeated
    #[arg(long, value_parser = super::train::parse_label)]
    label: Vec<Label>,
    /// Columns x rows of the network's input, multiples of 16
    #[arg(long, default_value = "256x256", value_parser = super::train::parse_size)]
    size: (usize, usize),
    /// Mean to subtract from the grey levels 0..1: one number, or one for each channel
    #[arg(long, value_delimiter = ',')]
    mean: Vec<f32>,
    /// Standard deviation to divide by after that: one number, or one for each channel
    #[arg(long, value_delimiter = ',')]
    std: Vec<f32>,
    /// Images that the model is for, as JSON (see labrum train --help)
    #[arg(long, value_parser = super::train::parse_purpose)]
    purpose: Option<ModelPurpose>,
    /// Licence of the training data
    #[arg(long, default_value = "")]
    data_license: String,
    /// Name of the training data
    #[arg(long, default_value = "")]
    data_name: String,
}

pub(super) fn run(a: ImportCheckpointArguments) -> Result<()> {
    super::check_model_file(&a.out)?;
    if real_path(&a.out).is_some_and(|out| Some(out) == real_path(&a.checkpoint)) {
        return Err(
            Error::at_path("write the model", &a.out, "this is the checkpoint itself")
                .with_advice("Choose another name."),
        );
    }
    a.overwrite.refuse_existing([&a.out])?;
    let (card, mut weights) = checkpoint::read_model(&a.checkpoint)?;
    let found = checkpoint::detect_architecture(&weights)
        .map_err(|error| with_path(error, &a.checkpoint))?;
    let file_name = a
        .checkpoint
        .file_stem()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let bare = card.unwrap_or_else(|| infer::bare_card(&file_name, found));
    let mut labels = bare.labels.clone();
    for (i, label) in a.label.into_iter().enumerate() {
        match labels.get_mut(i) {
            Some(place) => {
                *place = Label {
                    color: place.color,
                    ..label
                }
            }
            None => {
                let reason = format!(
                    "it has only {}, but more names were given",
                    count_with_noun(found.classes - 1, "label")
                );
                return Err(Error::at_path(
                    "import the checkpoint",
                    &a.checkpoint,
                    reason,
                ));
            }
        }
    }
    let name = a.name.unwrap_or(bare.name);
    let card = ModelCard {
        labels,
        input: InputSpec {
            channels: found.channels,
            columns: a.size.0,
            rows: a.size.1,
            aspect: bare.input.aspect,
            mean: value_per_channel(a.mean, &bare.input.mean, found.channels),
            std: value_per_channel(a.std, &bare.input.std, found.channels),
        },
        takes_prompts: false,
        without_channels: Vec::new(),
        purpose: a.purpose.unwrap_or(bare.purpose),
        trained_on: TrainedOn {
            data: a.data_name,
            license: a.data_license,
            ..bare.trained_on
        },
        parent: Some(checkpoint::weights_hash(&weights)),
        name,
        ..bare
    };
    checkpoint::widen_sigmoid_head(&mut weights);
    // Builds the network, to check that the model can be used.
    infer::Segmenter::new(card.clone(), weights.clone(), DeviceChoice::Cpu)
        .map_err(|error| with_path(error, &a.checkpoint))?;
    let bytes = checkpoint::to_bytes(&card, &weights)?;
    whole_file::write_atomically(&a.out, "write the model", |file| file.write_all(&bytes))?;
    super::print_text(&format!(
        "Wrote CMUNeXt-{} with {} to {}",
        found.config,
        count_with_noun(card.labels.len(), "label"),
        a.out.display()
    ))
}

/// The canonical path of an existing file.
fn real_path(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

/// The same error with this path.
fn with_path(error: Error, path: &Path) -> Error {
    Error {
        path: Some(path.to_owned()),
        ..error
    }
}

/// One value for each channel: those given, the single one given for all, or the defaults if none was given.
fn value_per_channel(given: Vec<f32>, usual: &[f32], channels: usize) -> Vec<f32> {
    match given.len() {
        0 => usual.to_vec(),
        1 => vec![given[0]; channels],
        _ => given,
    }
}

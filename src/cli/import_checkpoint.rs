//! `labrum import-checkpoint`: a PyTorch checkpoint becomes a model file with a card.

use crate::{Error, Result};
use labrum_core::{
    counts::count_with_noun,
    label::Label,
    model_card::{InputSpec, ModelCard, ModelPurpose, TrainedOn},
    whole_file,
};
use labrum_nn::{checkpoint, device::DeviceChoice, infer};
use std::path::{Path, PathBuf};

/// Turn a published PyTorch checkpoint of CMUNeXt into a model file with a card
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Reads .pth files: a bare state_dict or one under \"state_dict\", with or without \"module.\" \
before the names. A sigmoid head of one channel becomes a head of two classes.

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
    /// Name of the model; that of the file where none is given
    #[arg(long)]
    name: Option<String>,
    /// Name of a label, in the order of their values; may be given again
    #[arg(long, value_parser = super::train::parse_label)]
    label: Vec<Label>,
    /// Columns x rows of the network's input, multiples of 16
    #[arg(long, default_value = "256x256", value_parser = super::train::parse_size)]
    size: (usize, usize),
    /// Subtracted from the grey levels 0..1: one number, or one for each channel
    #[arg(long, value_delimiter = ',')]
    mean: Vec<f32>,
    /// Divided by after that: one number, or one for each channel
    #[arg(long, value_delimiter = ',')]
    std: Vec<f32>,
    /// What the model is for, as JSON (see labrum train --help)
    #[arg(long, value_parser = super::train::parse_purpose)]
    purpose: Option<ModelPurpose>,
    /// Licence of the data it was trained on
    #[arg(long, default_value = "")]
    data_license: String,
    /// Name of the data it was trained on
    #[arg(long, default_value = "")]
    data_name: String,
}

pub(super) fn run(a: ImportCheckpointArguments) -> Result<()> {
    super::check_model_file(&a.out)?;
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    if real(&a.out).is_some_and(|out| Some(out) == real(&a.checkpoint)) {
        return Err(
            Error::at_path("write the model", &a.out, "it is the checkpoint itself")
                .with_advice("Choose another name."),
        );
    }
    a.overwrite.refuse_existing([&a.out])?;
    let (card, mut weights) = checkpoint::read_model(&a.checkpoint)?;
    let at = |e: Error| Error {
        path: Some(a.checkpoint.clone()),
        ..e
    };
    let found = checkpoint::detect_architecture(&weights).map_err(at)?;
    let file_name = a
        .checkpoint
        .file_stem()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let bare = card.unwrap_or_else(|| infer::bare_card(&file_name, found));
    let spread = |given: Vec<f32>, otherwise: &[f32]| match given.len() {
        0 => otherwise.to_vec(),
        1 => vec![given[0]; found.channels],
        _ => given,
    };
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
                    "it has {}, and more are named",
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
            mean: spread(a.mean, &bare.input.mean),
            std: spread(a.std, &bare.input.std),
        },
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
    // Builds the network: what is saved can be used.
    infer::Segmenter::new(card.clone(), weights.clone(), DeviceChoice::Cpu).map_err(at)?;
    let bytes = checkpoint::to_bytes(&card, &weights)?;
    whole_file::write_atomically(&a.out, "write the model", |file| file.write_all(&bytes))?;
    super::print_text(&format!(
        "CMUNeXt-{} with {} is in {}",
        found.config,
        count_with_noun(card.labels.len(), "label"),
        a.out.display()
    ))
}

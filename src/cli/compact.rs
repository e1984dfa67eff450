//! `labrum compact`: stores the weights of a model at half precision.

use crate::{Error, Result};
use labrum_core::whole_file;
use labrum_nn::checkpoint::{self, Precision};
use std::path::PathBuf;

/// Store the weights of a model at half precision, which halves the size of its file
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Each weight is rounded to 11 significant bits. The network still computes in single precision. \
Compare the scores before and after with labrum evaluate.

Example:
  labrum compact model.safetensors --out small.safetensors"
)]
pub(super) struct CompactArguments {
    /// Labrum model file
    model: PathBuf,
    /// Model file to write
    #[arg(long, short)]
    out: PathBuf,
    #[command(flatten)]
    overwrite: super::OverwriteArgument,
}

pub(super) fn run(arguments: &CompactArguments) -> Result<()> {
    super::check_model_file(&arguments.out)?;
    arguments.overwrite.refuse_existing([&arguments.out])?;
    let (card, weights) = checkpoint::read_model(&arguments.model)?;
    let card = card.ok_or_else(|| {
        Error::at_path("compact the model", &arguments.model, "it has no card")
            .with_advice("Run labrum import-checkpoint to add one.")
    })?;
    let bytes = checkpoint::to_bytes_with_precision(&card, &weights, Precision::Half)?;
    whole_file::write_atomically(&arguments.out, "write the model", |file| {
        file.write_all(&bytes)
    })?;
    super::print_text(&format!(
        "Wrote {} with {:.1} MB to {}",
        card.name,
        bytes.len() as f64 / 1e6,
        arguments.out.display()
    ))
}

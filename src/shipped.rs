//! The models that come with the program.

use crate::{Error, Result};
use labrum_core::{
    device::DeviceChoice,
    looks::Look,
    model_card::{self, ModelCard},
    study::Series,
};
use labrum_nn::{checkpoint, prompt::segmenter::PromptSegmenter};
use std::{path::Path, result};

/// A model that is built into the program.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// What the model is and which images it is for.
    pub card: ModelCard,
    /// The model file, for [`labrum_nn::infer::Segmenter::from_bytes`].
    pub bytes: &'static [u8],
}

/// Contents of the model files, in the order in which they are offered.
static FILES: [&[u8]; 3] = [
    include_bytes!("../assets/models/fetal-head.safetensors"),
    include_bytes!("../assets/models/left-ventricle.safetensors"),
    include_bytes!("../assets/models/soft-tissue-sarcoma.safetensors"),
];

/// The model file of the Click tool, for [`labrum_nn::prompt::segmenter::PromptSegmenter::from_bytes`]. It is not offered
/// with the others, because it finds nothing without prompts.
pub static CLICK: &[u8] = include_bytes!("../assets/models/click.safetensors");

/// Loads a version of the Click tool's model. If its file cannot be used, it is the built-in model, with the reason.
///
/// # Errors
/// If the device fails, or the program itself is damaged.
pub fn load_click_version(
    file: &Path,
    device: DeviceChoice,
) -> Result<(PromptSegmenter, Option<Error>)> {
    match PromptSegmenter::load_from_path(file, device) {
        Ok(segmenter) => Ok((segmenter, None)),
        Err(error) => Ok((PromptSegmenter::from_bytes(CLICK, device)?, Some(error))),
    }
}

/// All shipped models.
///
/// # Errors
/// Only if the program itself is damaged.
pub fn all_models() -> Result<Vec<Shipped>> {
    let one = |bytes: &&'static [u8]| {
        let card = checkpoint::read_card(bytes)?;
        Ok(Shipped { card, bytes })
    };
    FILES.iter().map(one).collect()
}

/// The shipped model for `series`, the likeliest of several ([`model_card::choose_model`]); else the reasons why there is
/// none, one for each model. `look` gives the appearance of the middle slice and is called only if a model needs it.
pub fn find_fitting_model<'a>(
    series: &Series,
    look: impl Fn() -> Option<&'a Look>,
) -> Result<result::Result<Shipped, Vec<String>>> {
    let mut models = all_models()?;
    let cards: Vec<&ModelCard> = models.iter().map(|model| &model.card).collect();
    Ok(match model_card::choose_model(&cards, series, look) {
        Ok(index) => Ok(models.swap_remove(index)),
        Err(reasons) => Err(cards
            .iter()
            .zip(reasons)
            .map(|(card, reason)| format!("\"{}\": {reason}", card.name))
            .collect()),
    })
}

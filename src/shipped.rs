//! The models that come with the program.

use crate::Result;
use labrum_core::{
    looks::Look,
    model_card::{ModelCard, ModelFit},
    study::Series,
};
use labrum_nn::checkpoint;

/// A model that is built into the program.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// What the model is and which images it is for.
    pub card: ModelCard,
    /// The model file, for [`labrum_nn::infer::Segmenter::from_bytes`].
    pub bytes: &'static [u8],
}

/// Contents of the model files, in the order in which they are offered.
const FILES: [&[u8]; 1] = [include_bytes!("../assets/models/fetal-head.safetensors")];

/// The model file of the Click tool, for [`labrum_nn::prompt::segmenter::PromptSegmenter::from_bytes`]. It is not offered
/// with the others, because it finds nothing without prompts.
pub const CLICK: &[u8] = include_bytes!("../assets/models/click.safetensors");

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

/// The first shipped model that is for `series`; else the reasons why none is, one for each model. `look` gives the
/// appearance of the middle slice and is called only if a model needs it.
pub fn find_fitting_model<'a>(
    series: &Series,
    look: impl Fn() -> Option<&'a Look>,
) -> Result<std::result::Result<Shipped, Vec<String>>> {
    let mut reasons = Vec::new();
    for model in all_models()? {
        match model.card.fit_for_series(series, &look) {
            ModelFit::Fits => return Ok(Ok(model)),
            ModelFit::No(reason) => reasons.push(format!("\"{}\": {reason}", model.card.name)),
        }
    }
    Ok(Err(reasons))
}

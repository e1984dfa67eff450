//! The models that the program carries.

use crate::Result;
use labrum_core::{
    looks::Look,
    model_card::{ModelCard, ModelFit},
    study::Series,
};
use labrum_nn::checkpoint;

/// A model inside the program.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// What it is and what it is for.
    pub card: ModelCard,
    /// The model file, for [`labrum_nn::infer::Segmenter::from_bytes`].
    pub bytes: &'static [u8],
}

/// Model files, in the order in which they are offered.
const FILES: [&[u8]; 1] = [include_bytes!("../assets/models/fetal-head.safetensors")];

/// All shipped models. Fails only where the program itself is damaged.
pub fn all_models() -> Result<Vec<Shipped>> {
    let one = |bytes: &&'static [u8]| {
        let card = checkpoint::read_card(bytes)?;
        Ok(Shipped { card, bytes })
    };
    FILES.iter().map(one).collect()
}

/// The first shipped model that is for `series`, whose middle slice has this look, asked for where a model
/// wants to know; else why none is, one reason for each
/// model.
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

//! Training options of a prompt model, and its model card.

use super::encode::CHANNELS;
use labrum_core::{
    Error, Result,
    label::Label,
    model_card::{Config, InputSpec, ModelCard, TrainedOn},
    prompts::ComputedChannel,
    training::Loss,
};
use serde::{Deserialize, Serialize};

/// Training options of a prompt model, all of which affect the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PromptRecipe {
    /// Variant of the network.
    pub config: Config,
    /// Side of the square input in pixels, a multiple of 16.
    pub side: usize,
    /// Samples per step, each from a different episode.
    pub batch: usize,
    /// Total number of steps.
    pub steps: usize,
    /// Peak learning rate of AdamW; it decays as (1 - done)^0.9.
    pub learning_rate: f64,
    /// Steps until the peak learning rate is reached.
    pub warm_up: usize,
    /// The loss.
    pub loss: Loss,
    /// Share of episodes whose target is a region of superpixels, 0..=1. Images without labels have only such targets.
    pub made: f64,
    /// Random seed.
    pub seed: u64,
    /// Number of steps between evaluations. The training is saved after each evaluation.
    pub judged_every: usize,
    /// Computed channels to train without, to find out what they contribute: they are filled with 0, in the training and by
    /// the model.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_channels: Vec<ComputedChannel>,
    /// Which targets the episodes have, and how much the images are varied.
    pub style: EpisodeStyle,
    /// The statistics of batch norm stay those of the weights that the training starts from.
    pub fixed_statistics: bool,
    /// All episodes begin anew after each evaluation: a training that is resumed there gives the same weights as one that
    /// was not interrupted.
    pub begins_anew: bool,
}

impl Default for PromptRecipe {
    fn default() -> Self {
        Self {
            config: Config::S,
            side: 128,
            batch: 8,
            steps: 100_000,
            learning_rate: 1e-3,
            warm_up: 500,
            loss: Loss::BoundaryDou,
            made: 0.4,
            seed: 1,
            judged_every: 1000,
            without_channels: Vec::new(),
            style: EpisodeStyle::Broad,
            fixed_statistics: false,
            begins_anew: false,
        }
    }
}

impl PromptRecipe {
    /// Checks the options that a network cannot be trained with.
    ///
    /// # Errors
    /// If there are no samples in a step, or the side is not a multiple of 16 up to 1024.
    pub(super) fn check(&self) -> Result<()> {
        let has_side = self.side > 0 && self.side.is_multiple_of(16) && self.side <= 1024;
        if self.batch > 0 && has_side {
            return Ok(());
        }
        let reason = "the batch must be at least 1 and the side a multiple of 16 up to 1024";
        Err(Error::new("train", reason))
    }
}

/// Targets and variation of training episodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpisodeStyle {
    /// For a model of many tasks: connected components, whole labels and several of them, in any orientation, with strong
    /// changes of grey levels.
    #[default]
    Broad,
    /// For the images of one workspace: mostly connected components, mostly upright, with mild changes of grey levels.
    Narrow,
}

/// The model card for weights of a training with this recipe.
pub fn prompt_card(recipe: &PromptRecipe, name: &str, trained_on: TrainedOn) -> ModelCard {
    ModelCard {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        config: recipe.config,
        labels: vec![Label::with_name("Object", 0)],
        input: InputSpec {
            channels: CHANNELS,
            columns: recipe.side,
            rows: recipe.side,
            aspect: Default::default(),
            mean: vec![0.0; CHANNELS],
            std: vec![1.0; CHANNELS],
        },
        takes_prompts: true,
        without_channels: recipe.without_channels.clone(),
        purpose: Default::default(),
        looks: None,
        trained_on,
        held_out: None,
        parent: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn channels_that_a_recipe_leaves_out_are_on_the_model_card() {
        let read = serde_json::from_str::<PromptRecipe>;
        let recipe = read(r#"{"without-channels": ["walker"]}"#).unwrap();
        let card = prompt_card(&recipe, "Test", TrainedOn::default());
        assert_eq!(card.without_channels, [ComputedChannel::Walker]);
        let text = serde_json::to_string(&card).unwrap();
        assert_eq!(serde_json::from_str::<ModelCard>(&text).unwrap(), card);
        assert!(read(r#"{"without-channels": ["grey"]}"#).is_err());
    }
}

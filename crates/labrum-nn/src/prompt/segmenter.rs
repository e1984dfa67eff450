//! Runs a prompt model: for a new object first on the whole image, then on a close view of the result.

use super::{
    encode::{CHANNELS, ViewPlanes},
    looks::{
        WIDER, bounds_of_all, keep_prompted_pieces, merge_changes, obey_prompts, round_to_levels,
        to_mask, touches_border,
    },
    view::View,
};
use crate::{
    checkpoint::{self, Weights},
    device::DeviceChoice,
    fallback::FallbackRunner,
};
use labrum_core::{
    Error, Result,
    model_card::ModelCard,
    prompts::{ComputedChannel, Prompt},
};
use std::path::Path;

/// Maximum number of times that the view is widened because the mask touches its border.
const MOST_WIDER: usize = 2;

/// A grey image to segment with prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptImage {
    /// Luma, 0..=1, `columns * rows` values, row after row.
    pub grey: Vec<f32>,
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
}

impl PromptImage {
    /// The network's input for a view; the channels in `without` are filled with 0.
    pub(super) fn encode_view(
        &self,
        view: &View,
        prompts: &[Prompt],
        earlier: Option<&[f32]>,
        side: usize,
        without: &[ComputedChannel],
    ) -> Vec<f32> {
        let sample = |plane: &[f32]| view.sample_plane(plane, self.columns, self.rows, side);
        ViewPlanes {
            grey: &sample(&self.grey),
            shown: &view.shows_image(self.columns, self.rows, side),
            earlier: &earlier.map_or_else(|| vec![0.0; side * side], sample),
            prompts: &view.prompts_to_input(prompts, side),
            side,
            without,
        }
        .encode()
    }

    /// The view around prompts and mask; the whole image if there are neither.
    pub(super) fn close_view(
        &self,
        prompts: &[Prompt],
        mask: &[bool],
        wider: f64,
        side: usize,
    ) -> View {
        bounds_of_all(prompts, mask, self.columns).map_or_else(
            || View::whole_image(self.columns, self.rows),
            |bounds| View::around(bounds, wider, self.columns, self.rows, side),
        )
    }
}

/// A prompt model on a device. All calls must come from the same thread.
pub struct PromptSegmenter {
    card: ModelCard,
    runner: FallbackRunner,
    hash: String,
}

impl PromptSegmenter {
    /// Loads a model file written by `labrum train-prompts`.
    ///
    /// # Errors
    /// If the file cannot be read, or the model does not take prompts.
    pub fn load_from_path(path: &Path, choice: DeviceChoice) -> Result<Self> {
        let (card, weights) = checkpoint::read_model(path)?;
        Self::with_optional_card(card, weights, choice).map_err(|error| Error {
            path: Some(path.to_owned()),
            ..error
        })
    }

    /// Loads a model that is built into the program.
    ///
    /// # Errors
    /// See [`Self::load_from_path`].
    pub fn from_bytes(bytes: &[u8], choice: DeviceChoice) -> Result<Self> {
        let (card, weights) = checkpoint::from_bytes(bytes)?;
        Self::with_optional_card(card, weights, choice)
    }

    fn with_optional_card(
        card: Option<ModelCard>,
        weights: Weights,
        choice: DeviceChoice,
    ) -> Result<Self> {
        let card = card.ok_or_else(|| Error::new("read the model", "it has no model card"))?;
        Self::new(card, &weights, choice)
    }

    /// Builds a prompt model from a model card and weights, which must match.
    ///
    /// # Errors
    /// If the model does not take prompts, or the weights belong to another network.
    pub fn new(card: ModelCard, weights: &Weights, choice: DeviceChoice) -> Result<Self> {
        let found = checkpoint::detect_architecture(weights)?;
        let side = card.input.columns;
        let is_square =
            side == card.input.rows && side > 0 && side.is_multiple_of(16) && side <= 1024;
        if !card.takes_prompts || found.channels != CHANNELS || found.classes != 2 || !is_square {
            return Err(
                Error::new("use the model for clicks", "it does not take prompts")
                    .with_advice("Choose a model written by labrum train-prompts."),
            );
        }
        Ok(Self {
            runner: FallbackRunner::new(weights, choice)?,
            hash: checkpoint::weights_hash(weights),
            card,
        })
    }

    /// The model card.
    pub fn model_card(&self) -> &ModelCard {
        &self.card
    }

    /// SHA-256 of the weights, hex.
    pub fn weights_hash(&self) -> &str {
        &self.hash
    }

    /// A message for the user, returned once: that the GPU failed and the CPU took over.
    pub fn take_notice(&mut self) -> Option<String> {
        self.runner.take_notice()
    }

    /// Applies the prompts one after the other. Returns the probability of each pixel, 0..=1 in steps of 1/255, to belong to
    /// the object. Each prompt after the first changes the mask only in connected components of the change that it touches.
    ///
    /// `earlier` is the mask before the first prompt, as probabilities; it is returned unchanged if there are no prompts.
    ///
    /// # Errors
    /// If the device fails.
    pub fn segment(
        &mut self,
        image: &PromptImage,
        prompts: &[Prompt],
        earlier: Option<&[f32]>,
    ) -> Result<Vec<f32>> {
        let mut found = earlier.map(<[f32]>::to_vec);
        for given in 1..=prompts.len() {
            found = Some(self.answer(image, &prompts[..given], found.as_deref())?);
        }
        Ok(found.unwrap_or_else(|| vec![0.0; image.columns * image.rows]))
    }

    /// Applies the last of `prompts`, and returns the probabilities as [`Self::segment`] does. `earlier` are the
    /// probabilities before it; `None` for the first prompt of a new object.
    ///
    /// # Errors
    /// If the device fails.
    pub fn answer(
        &mut self,
        image: &PromptImage,
        prompts: &[Prompt],
        earlier: Option<&[f32]>,
    ) -> Result<Vec<f32>> {
        let (columns, rows) = (image.columns, image.rows);
        let Some(newest) = prompts.last() else {
            return Ok(earlier.map_or_else(|| vec![0.0; columns * rows], <[f32]>::to_vec));
        };
        let mut found = match earlier {
            Some(earlier) => self.look_closely(image, prompts, earlier)?,
            None => {
                let whole = View::whole_image(columns, rows);
                let mut first = vec![0.0; columns * rows];
                self.look(image, &whole, prompts, &mut first)?;
                keep_prompted_pieces(&mut first, prompts, columns, rows);
                self.look_closely(image, prompts, &first)?
            }
        };
        match earlier {
            Some(earlier) => found = merge_changes(earlier, &found, newest, columns, rows),
            None => keep_prompted_pieces(&mut found, prompts, columns, rows),
        }
        obey_prompts(&mut found, prompts, columns, rows);
        round_to_levels(&mut found);
        Ok(found)
    }

    /// Runs the network on the view around prompts and mask, and again on wider views while the mask touches the border.
    pub(super) fn look_closely(
        &mut self,
        image: &PromptImage,
        prompts: &[Prompt],
        earlier: &[f32],
    ) -> Result<Vec<f32>> {
        let (columns, rows) = (image.columns, image.rows);
        let side = self.card.input.columns;
        let mut found = earlier.to_vec();
        let mut wider = 1.0;
        for _ in 0..=MOST_WIDER {
            let view = image.close_view(prompts, &to_mask(&found), wider, side);
            let inside = self.look(image, &view, prompts, &mut found)?;
            if !touches_border(&to_mask(&inside), side, &view, columns, rows) {
                break;
            }
            wider *= WIDER;
        }
        Ok(found)
    }

    /// Runs the network on a view, pastes the probabilities into `mask`, and returns them at the size of the input.
    fn look(
        &mut self,
        image: &PromptImage,
        view: &View,
        prompts: &[Prompt],
        mask: &mut [f32],
    ) -> Result<Vec<f32>> {
        let side = self.card.input.columns;
        let without = &self.card.without_channels;
        let input = image.encode_view(view, prompts, Some(mask), side, without);
        let mut both = self
            .runner
            .predict_probabilities(input, [1, CHANNELS, side, side])?;
        let object = both.split_off(side * side);
        view.paste_into(&object, mask, image.columns, image.rows, side);
        Ok(object)
    }
}

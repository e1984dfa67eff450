//! For tests: images of discs and squares whose grey levels, labels and pieces are known, and a model with random weights.

#![allow(clippy::unwrap_used)]

use super::{
    encode::CHANNELS,
    recipe::{PromptRecipe, prompt_card},
    segmenter::PromptSegmenter,
    source::TaskImage,
};
use crate::{device::DeviceChoice, train::random_weights};
use labrum_core::model_card::TrainedOn;

/// Columns of the image for tests.
pub(super) const COLUMNS: usize = 96;
/// Rows of the image for tests.
pub(super) const ROWS: usize = 80;

/// The pixels whose centre is within `radius` of a place in pixels.
pub(super) fn disc(columns: usize, rows: usize, center: [f64; 2], radius: f64) -> Vec<bool> {
    (0..columns * rows)
        .map(|at| {
            let x = (at % columns) as f64 + 0.5 - center[0];
            let y = (at / columns) as f64 + 0.5 - center[1];
            x.hypot(y) <= radius
        })
        .collect()
}

/// Label 1 is a disc, label 2 three squares of 7x7, 6x6 and 2x2 pixels; 0 elsewhere.
pub(super) fn labels() -> Vec<u16> {
    let round = disc(COLUMNS, ROWS, [34.0, 40.0], 15.0);
    (0..COLUMNS * ROWS)
        .map(|at| {
            let column = at % COLUMNS;
            let row = at / COLUMNS;
            let in_square = (70..77).contains(&column) && (20..27).contains(&row)
                || (70..76).contains(&column) && (50..56).contains(&row)
                || (85..87).contains(&column) && (70..72).contains(&row);
            match (round[at], in_square) {
                (true, _) => 1,
                (_, true) => 2,
                _ => 0,
            }
        })
        .collect()
}

/// 0.3, brighter in label 1, darker in label 2.
pub(super) fn grey() -> Vec<f32> {
    labels()
        .iter()
        .map(|label| [0.3, 0.8, 0.1][usize::from(*label)])
        .collect()
}

/// The image with its labels, to draw targets from.
pub(super) fn task_image() -> TaskImage {
    TaskImage {
        grey: grey(),
        columns: COLUMNS,
        rows: ROWS,
        labels: Some(labels()),
        task: "phantom".to_owned(),
        prompted: Vec::new(),
    }
}

/// A model with random weights, for inputs of 32x32 pixels.
pub(super) fn untrained() -> PromptSegmenter {
    let recipe = PromptRecipe {
        side: 32,
        ..PromptRecipe::default()
    };
    let weights = random_weights(recipe.config, CHANNELS, 2, 1).unwrap();
    let card = prompt_card(&recipe, "Test", TrainedOn::default());
    PromptSegmenter::new(card, &weights, DeviceChoice::Cpu).unwrap()
}

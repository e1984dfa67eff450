//! Times clicks: from the grey levels of an image to what is kept of the network's answer.

use crate::{
    preprocess,
    prompt::{
        looks::to_mask,
        segmenter::{PromptImage, PromptSegmenter},
    },
};
use labrum_core::{
    Error, Result,
    image::{Image, Pixels},
    prompts::next_click,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use std::{
    f64::consts::TAU,
    time::{Duration, Instant},
};

/// Objects in a row and in a column of a made image.
const ACROSS: usize = 3;
/// Differences between the grey levels of objects and background.
const TONES: [f64; 4] = [-50.0, 55.0, 85.0, 115.0];

/// The clicks to time.
#[derive(Clone, Copy, Debug)]
pub struct ClickLoad {
    /// Rows and columns of the images, in pixels.
    pub size: usize,
    /// Number of objects, each on an image of its own. The clicks on one more, the first, are not timed.
    pub objects: usize,
    /// Number of clicks on each object after the first; fewer if its mask is correct before.
    pub further: usize,
}

/// Times of clicks.
#[derive(Clone, Debug, Default)]
pub struct ClickTimes {
    /// The first click on each object, which includes the grey levels of the image.
    pub first: Vec<Duration>,
    /// All other clicks.
    pub further: Vec<Duration>,
}

/// An image with an object.
#[derive(Clone, Debug)]
pub struct MadeObject {
    /// A square image with 8 bits per pixel: nine irregular objects and noise.
    pub image: Image,
    /// True for the pixels of one of the objects, row after row.
    pub truth: Vec<bool>,
}

/// Times the clicks of a simulated annotator on made objects, each click at the centre of the largest error.
///
/// `prepare` is called before each click and is not timed. `keep` is timed: from the probabilities of the answer it makes
/// those that are kept until the next click.
///
/// # Errors
/// If the device fails, or the images have no pixels.
pub fn measure_clicks(
    segmenter: &mut PromptSegmenter,
    load: ClickLoad,
    prepare: &mut dyn FnMut(),
    keep: &dyn Fn(&[f32]) -> Vec<f32>,
) -> Result<ClickTimes> {
    let mut times = ClickTimes::default();
    for number in 0..=load.objects {
        let object = made_object(number, load.size)?;
        let of_object = time_object(segmenter, &object, load.further, prepare, keep)?;
        if number > 0 {
            times.first.extend(of_object.iter().take(1));
            times.further.extend(of_object.iter().skip(1));
        }
    }
    Ok(times)
}

/// The times of all clicks on an object.
fn time_object(
    segmenter: &mut PromptSegmenter,
    object: &MadeObject,
    further: usize,
    prepare: &mut dyn FnMut(),
    keep: &dyn Fn(&[f32]) -> Vec<f32>,
) -> Result<Vec<Duration>> {
    let (columns, rows) = (object.image.columns, object.image.rows);
    let mut image: Option<PromptImage> = None;
    let mut kept: Option<Vec<f32>> = None;
    let mut prompts = Vec::new();
    let mut times = Vec::new();
    for _ in 0..=further {
        let mask = kept
            .as_deref()
            .map_or_else(|| vec![false; columns * rows], to_mask);
        let Some(click) = next_click(&object.truth, &mask, columns, rows) else {
            break;
        };
        prompts.push(click);
        prepare();
        let begun = Instant::now();
        let image = image.get_or_insert_with(|| PromptImage {
            grey: preprocess::grey_levels(&object.image),
            columns,
            rows,
        });
        let answer = segmenter.answer(image, &prompts, kept.as_deref())?;
        kept = Some(keep(&answer));
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Makes an image of `size` x `size` pixels; the same number gives the same image and object.
///
/// # Errors
/// If the size is 0.
pub fn made_object(number: usize, size: usize) -> Result<MadeObject> {
    let mut rng = SmallRng::seed_from_u64(number as u64);
    let shapes: Vec<Shape> = (0..ACROSS * ACROSS)
        .map(|cell| Shape::draw(cell, &mut rng))
        .collect();
    let wanted = number % shapes.len();
    let mut pixels = Vec::with_capacity(size * size);
    let mut truth = Vec::with_capacity(size * size);
    for index in 0..size * size {
        let x = ((index % size) as f64 + 0.5) / size as f64;
        let y = ((index / size) as f64 + 0.5) / size as f64;
        let cell = cell_at(y) * ACROSS + cell_at(x);
        let is_inside = shapes[cell].contains(x, y);
        let tone = if is_inside { shapes[cell].tone } else { 0.0 };
        let noise = rng.random_range(-12.0..12.0);
        pixels.push((90.0 + 15.0 * (7.0 * x).sin() + tone + noise) as u8);
        truth.push(is_inside && cell == wanted);
    }
    let image = Image::new(size, size, Pixels::U8(pixels))
        .ok_or_else(|| Error::new("make an image", "it has no pixels"))?;
    Ok(MadeObject { image, truth })
}

/// The row or column of objects at a place, 0..1, along an axis.
fn cell_at(place: f64) -> usize {
    ((place * ACROSS as f64) as usize).min(ACROSS - 1)
}

/// An object of irregular outline; lengths are shares of the image.
struct Shape {
    center: [f64; 2],
    radius: f64,
    /// Phases of the waves along the outline.
    phases: [f64; 2],
    /// Added to the grey level of the background.
    tone: f64,
}

impl Shape {
    fn draw(cell: usize, rng: &mut SmallRng) -> Self {
        let center = [cell % ACROSS, cell / ACROSS]
            .map(|at| (at as f64 + 0.5) / ACROSS as f64 + rng.random_range(-0.015..0.015));
        Self {
            center,
            radius: rng.random_range(0.07..0.11),
            phases: [rng.random_range(0.0..TAU), rng.random_range(0.0..TAU)],
            tone: TONES[rng.random_range(0..TONES.len())],
        }
    }

    fn contains(&self, x: f64, y: f64) -> bool {
        let (right, down) = (x - self.center[0], y - self.center[1]);
        let angle = down.atan2(right);
        let waves = 0.2 * (3.0 * angle + self.phases[0]).cos()
            + 0.12 * (5.0 * angle + self.phases[1]).cos();
        right.hypot(down) < self.radius * (1.0 + waves)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        device::DeviceChoice,
        prompt::{
            encode::CHANNELS,
            recipe::{PromptRecipe, prompt_card},
        },
        train::random_weights,
    };
    use labrum_core::model_card::TrainedOn;

    #[test]
    fn a_number_gives_the_same_object_again() {
        let [first, again, other] = [3, 3, 4].map(|number| made_object(number, 64).unwrap());
        assert!(first.truth == again.truth && first.image.pixels == again.image.pixels);
        assert!(first.truth != other.truth);
        let count = first.truth.iter().filter(|inside| **inside).count();
        assert!((30..300).contains(&count), "{count}");
        assert!(made_object(0, 0).is_err());
    }

    #[test]
    fn first_and_further_clicks_are_timed_apart_and_those_on_the_first_object_not_at_all() {
        let recipe = PromptRecipe {
            side: 32,
            ..PromptRecipe::default()
        };
        let weights = random_weights(recipe.config, CHANNELS, 2, 1).unwrap();
        let card = prompt_card(&recipe, "Test", TrainedOn::default());
        let mut segmenter = PromptSegmenter::new(card, &weights, DeviceChoice::Cpu).unwrap();
        let load = ClickLoad {
            size: 48,
            objects: 2,
            further: 2,
        };
        let mut prepared = 0;
        let nothing = |found: &[f32]| vec![0.0f32; found.len()];
        let times = measure_clicks(&mut segmenter, load, &mut || prepared += 1, &nothing).unwrap();
        assert_eq!((times.first.len(), times.further.len()), (2, 4));
        assert_eq!(prepared, 9);
    }
}

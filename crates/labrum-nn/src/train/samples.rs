//! Training samples: images and masks in memory, at the size of the network's input.

use super::super::preprocess::{self, Size};
use labrum_core::{
    Result, distance::distance_to, image::Image, mask::Mask, model_card::InputSpec,
    training::AugmentConfig,
};

/// Distance from a changed pixel at which stress (extra weight) becomes 0, in pixels of the input.
const STRESS_REACH: f64 = 5.0;

/// Ground truth of one pixel of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pixel {
    /// The label.
    pub label: u8,
    /// Closeness to a pixel that a person changed: 255 at the changed pixel, 0 far from it.
    pub stress: u8,
}

/// One sample: grey levels 0..=255 `[channels, rows, columns]` and ground truth `[rows, columns]`.
#[derive(Clone, Debug)]
pub struct TrainingSample {
    /// Grey levels 0..=255.
    pub image: Vec<u8>,
    /// Ground truth of each pixel.
    pub truth: Vec<Pixel>,
}

impl TrainingSample {
    /// Fits an image and its mask to the input; `before` is the model's proposal, if there was one.
    ///
    /// Errors: an image without pixels, a mask of a different size.
    pub fn new(
        image: &Image,
        mask: &Mask,
        before: Option<&Mask>,
        spec: &InputSpec,
    ) -> Result<Self> {
        let (grey, placement) = preprocess::fit_raw(image, spec)?;
        let labels = preprocess::fit_mask(mask, &placement)?;
        let mut truth: Vec<Pixel> = labels
            .into_iter()
            .map(|label| Pixel { label, stress: 0 })
            .collect();
        if let Some(before) = before {
            let before = preprocess::fit_mask(before, &placement)?;
            let changed: Vec<bool> = truth
                .iter()
                .zip(&before)
                .map(|(now, before)| now.label != *before)
                .collect();
            if changed.contains(&true) {
                let away = distance_to(&changed, spec.columns, spec.rows, [1.0, 1.0]);
                for (pixel, distance) in truth.iter_mut().zip(away) {
                    pixel.stress = stress_at_distance(distance);
                }
            }
        }
        Ok(Self {
            image: grey.iter().map(|v| (v * 255.0).round() as u8).collect(),
            truth,
        })
    }

    /// Grey levels scaled to 0..=1.
    pub(super) fn grey_levels(&self) -> Vec<f32> {
        self.image.iter().map(|v| f32::from(*v) / 255.0).collect()
    }
}

/// Stress of a pixel at this distance from the nearest changed one, in pixels of the input.
#[inline]
fn stress_at_distance(distance: f64) -> u8 {
    (255.0 * (1.0 - distance / STRESS_REACH).max(0.0)) as u8
}

/// Mean and standard deviation of the grey levels, scaled to 0..=1, for each channel.
pub fn grey_statistics(samples: &[TrainingSample], channels: usize) -> (Vec<f32>, Vec<f32>) {
    (0..channels)
        .map(|channel| mean_and_deviation(samples, channel))
        .unzip()
}

fn mean_and_deviation(samples: &[TrainingSample], channel: usize) -> (f32, f32) {
    let mut n = 0.0f64;
    let mut sum = 0.0f64;
    let mut squares = 0.0f64;
    for sample in samples {
        let plane = sample.truth.len();
        for &v in &sample.image[channel * plane..(channel + 1) * plane] {
            let v = f64::from(v) / 255.0;
            n += 1.0;
            sum += v;
            squares += v * v;
        }
    }
    let mean = sum / n.max(1.0);
    let variance = (squares / n.max(1.0) - mean * mean).max(1e-6);
    (mean as f32, variance.sqrt() as f32)
}

/// Enables only the flips and quarter turns that leave labels where they usually are.
///
/// Lungs in a chest X-ray have a top and a bottom; a polyp has not. Each mask is compared with the masks of all other
/// samples, as it is and flipped. If the flipped mask overlaps clearly less with its own labels, the flip is left out,
/// so that the network can learn the position.
pub fn turns_that_keep(
    samples: &[TrainingSample],
    size: Size,
    config: AugmentConfig,
) -> AugmentConfig {
    let Size { columns, rows } = size;
    let meets = Meeting::from_samples(samples);
    let flip_horizontal = meets.keeps_label_overlap(&|x, y| [columns - 1 - x, y], columns);
    let flip_vertical = meets.keeps_label_overlap(&|x, y| [x, rows - 1 - y], columns);
    let quarter_turn = columns == rows
        && flip_vertical
        && meets.keeps_label_overlap(&|x, y| [y, columns - 1 - x], columns);
    AugmentConfig {
        flip_horizontal: chance_of_turn(flip_horizontal),
        flip_vertical: chance_of_turn(flip_vertical),
        quarter_turn: chance_of_turn(quarter_turn),
        ..config
    }
}

fn chance_of_turn(keeps_labels: bool) -> f64 {
    if keeps_labels { 0.5 } else { 0.0 }
}

/// How often each label occurs at each pixel.
struct Meeting<'a> {
    samples: &'a [TrainingSample],
    /// `[labels + 1][pixels]`
    counts: Vec<Vec<u32>>,
}

impl<'a> Meeting<'a> {
    fn from_samples(samples: &'a [TrainingSample]) -> Self {
        let highest = samples
            .iter()
            .flat_map(|s| s.truth.iter().map(|p| p.label))
            .max()
            .unwrap_or(0);
        let pixels = samples.first().map_or(0, |s| s.truth.len());
        let mut counts = vec![vec![0; pixels]; usize::from(highest) + 1];
        for sample in samples {
            sample
                .truth
                .iter()
                .enumerate()
                .for_each(|(i, pixel)| counts[usize::from(pixel.label)][i] += 1);
        }
        Self { samples, counts }
    }

    /// True if masks moved by `to` (pixel to pixel) overlap equal labels of other masks about as much as unmoved masks
    /// do.
    fn keeps_label_overlap(&self, to: &dyn Fn(usize, usize) -> [usize; 2], columns: usize) -> bool {
        // Two masks are too few to tell where labels usually are.
        const FEW: usize = 3;
        const ALIKE: f64 = 0.9;
        if self.samples.len() < FEW {
            return true;
        }
        let (mut as_it_is, mut moved) = (0u64, 0u64);
        for sample in self.samples {
            for (i, pixel) in sample
                .truth
                .iter()
                .enumerate()
                .filter(|(_, pixel)| pixel.label > 0)
            {
                let [x, y] = to(i % columns, i / columns);
                let count = &self.counts[usize::from(pixel.label)];
                let there = y * columns + x;
                // The sample itself does not count.
                as_it_is += u64::from(count[i] - 1);
                moved +=
                    u64::from(count[there] - u32::from(sample.truth[there].label == pixel.label));
            }
        }
        as_it_is == 0 || moved as f64 / as_it_is as f64 > ALIKE
    }
}

//! Images and masks in memory, at the size of the network's input.

use super::super::preprocess::{self, Size};
use labrum_core::{
    Result, distance::distance_to, image::Image, mask::Mask, model_card::InputSpec,
    training::AugmentConfig,
};

/// How far from a changed pixel the stress ends, in pixels of the input.
const STRESS_REACH: f64 = 5.0;

/// What is true at a pixel of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pixel {
    /// The label.
    pub label: u8,
    /// How near a person changed something: 255 at the changed pixel, 0 far from it.
    pub stress: u8,
}

/// One image in memory: grey levels 0..=255 `[channels, rows, columns]` and what is true `[rows, columns]`.
#[derive(Clone, Debug)]
pub struct TrainingSample {
    /// Grey levels.
    pub image: Vec<u8>,
    /// What the network should find.
    pub truth: Vec<Pixel>,
}

impl TrainingSample {
    /// An image and its mask, fitted to the input; `before` is what a model had proposed, where it had.
    ///
    /// Errors: images without pixels, masks of another size than the image.
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
                let stress = |d: f64| (255.0 * (1.0 - d / STRESS_REACH).max(0.0)) as u8;
                truth
                    .iter_mut()
                    .zip(away)
                    .for_each(|(pixel, d)| pixel.stress = stress(d));
            }
        }
        Ok(Self {
            image: grey.iter().map(|v| (v * 255.0).round() as u8).collect(),
            truth,
        })
    }

    /// Grey levels 0..=1.
    pub(super) fn grey_levels(&self) -> Vec<f32> {
        self.image.iter().map(|v| f32::from(*v) / 255.0).collect()
    }
}

/// Mean and deviation of the grey levels 0..=1, channel by channel.
pub fn grey_statistics(samples: &[TrainingSample], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let of = |channel: usize| {
        let (mut n, mut sum, mut squares) = (0.0f64, 0.0f64, 0.0f64);
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
        (
            mean as f32,
            ((squares / n.max(1.0) - mean * mean).max(1e-6)).sqrt() as f32,
        )
    };
    (0..channels).map(of).unzip()
}

/// Which mirrors and turns leave the labels where they usually are: only those are used as variations.
///
/// Lungs in a chest X-ray have an upper and a lower end, a polyp has not. Each mask is laid over those of all other
/// samples, as it is and mirrored: where it meets clearly fewer pixels of its own labels mirrored than as it is, the
/// network shall learn the place instead.
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
    let chance = |kept: bool| if kept { 0.5 } else { 0.0 };
    AugmentConfig {
        flip_horizontal: chance(flip_horizontal),
        flip_vertical: chance(flip_vertical),
        quarter_turn: chance(quarter_turn),
        ..config
    }
}

/// How often each label is at each pixel.
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

    /// True where masks moved by `to` (pixel to pixel) meet about as many equal labels of other masks as unmoved ones.
    fn keeps_label_overlap(&self, to: &dyn Fn(usize, usize) -> [usize; 2], columns: usize) -> bool {
        // With two masks there is nothing to learn about the usual.
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
                let (count, there) = (&self.counts[usize::from(pixel.label)], y * columns + x);
                // Less its own.
                as_it_is += u64::from(count[i] - 1);
                moved +=
                    u64::from(count[there] - u32::from(sample.truth[there].label == pixel.label));
            }
        }
        as_it_is == 0 || moved as f64 / as_it_is as f64 > ALIKE
    }
}

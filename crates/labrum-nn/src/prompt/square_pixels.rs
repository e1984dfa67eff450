//! Images whose pixels are not square, such as views across the slices of a series: the network sees them resampled to square
//! pixels, as it has learned from.

use super::{
    looks::{keep_prompted_pieces, merge_changes, obey_prompts},
    segmenter::{PromptImage, PromptSegmenter},
    view::resample_plane,
};
use labrum_core::{Result, prompts::Prompt};
use std::ops::RangeInclusive;

/// Pixels with a height in this range, in widths, count as square.
const SQUARE: RangeInclusive<f64> = 0.95..=1.05;
/// Maximum side of a resampled image, in pixels.
const LONGEST: f64 = 2048.0;

/// An image, resampled to square pixels.
pub struct SquareImage {
    /// Columns and rows of the original.
    size: [usize; 2],
    square: PromptImage,
}

impl SquareImage {
    /// Resamples an image whose pixels have this height divided by their width. The finer of both directions keeps its
    /// pixels, unless a side would be longer than 2048 pixels. An image with square pixels stays as it is.
    pub fn new(image: PromptImage, pixel_aspect: f64) -> Self {
        let size = [image.columns, image.rows];
        let [columns, rows] = square_size(size, pixel_aspect);
        let square = if [columns, rows] == size {
            image
        } else {
            PromptImage {
                grey: resample_plane(&image.grey, size, [columns, rows]),
                columns,
                rows,
            }
        };
        Self { size, square }
    }

    /// The image with square pixels.
    pub fn square(&self) -> &PromptImage {
        &self.square
    }

    fn square_size(&self) -> [usize; 2] {
        [self.square.columns, self.square.rows]
    }

    /// The same prompt in pixels of the resampled image.
    fn to_square(&self, prompt: &Prompt) -> Prompt {
        let square = self.square_size();
        let scale = [0, 1].map(|axis| square[axis] as f64 / self.size[axis].max(1) as f64);
        prompt.map_places(|at| [0, 1].map(|axis| at[axis] * scale[axis]))
    }
}

impl PromptSegmenter {
    /// As [`PromptSegmenter::answer`], for an image whose pixels may not be square: prompts, `earlier` and the result are in
    /// pixels of the original.
    ///
    /// # Errors
    /// If the device fails.
    pub fn answer_on(
        &mut self,
        image: &SquareImage,
        prompts: &[Prompt],
        earlier: Option<&[f32]>,
    ) -> Result<Vec<f32>> {
        let size = image.size;
        let square = image.square_size();
        if size == square {
            return self.answer(image.square(), prompts, earlier);
        }
        let in_square: Vec<Prompt> = prompts.iter().map(|p| image.to_square(p)).collect();
        let before = earlier.map(|plane| resample_plane(plane, size, square));
        let found = self.answer(image.square(), &in_square, before.as_deref())?;
        let mut found = resample_plane(&found, square, size);
        // Resampling there and back moves the boundary a little: not where the prompt changed nothing, and not across a
        // click.
        let [columns, rows] = size;
        match earlier.zip(prompts.last()) {
            Some((earlier, newest)) => {
                found = merge_changes(earlier, &found, newest, columns, rows);
            }
            None => keep_prompted_pieces(&mut found, prompts, columns, rows),
        }
        obey_prompts(&mut found, prompts, columns, rows);
        Ok(found)
    }
}

/// Columns and rows of an image that covers the same area with square pixels.
fn square_size(size: [usize; 2], pixel_aspect: f64) -> [usize; 2] {
    let is_known = pixel_aspect.is_finite() && pixel_aspect > 0.0;
    if !is_known || SQUARE.contains(&pixel_aspect) || size.contains(&0) {
        return size;
    }
    // In widths of a pixel.
    let extent = [size[0] as f64, size[1] as f64 * pixel_aspect];
    let pixel = pixel_aspect
        .min(1.0)
        .max(extent[0].max(extent[1]) / LONGEST);
    extent.map(|length| (length / pixel).round().max(1.0) as usize)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::{looks::to_mask, phantom},
        *,
    };

    /// Probabilities that are 0.9 in a rectangle and 0.1 elsewhere, in 40 columns and 12 rows.
    fn rectangle() -> Vec<f32> {
        (0..40 * 12)
            .map(|at| {
                let is_in = (8..31).contains(&(at % 40)) && (3..7).contains(&(at / 40));
                if is_in { 0.9 } else { 0.1 }
            })
            .collect()
    }

    #[test]
    fn the_finer_direction_keeps_its_pixels() {
        assert_eq!(square_size([512, 100], 7.0), [512, 700]);
        assert_eq!(square_size([100, 512], 0.25), [400, 512]);
        assert_eq!(square_size([512, 100], 100.0), [105, 2048]);
        for aspect in [1.0, 1.04, 0.0, -2.0, f64::NAN, f64::INFINITY] {
            assert_eq!(square_size([512, 100], aspect), [512, 100]);
        }
    }

    #[test]
    fn a_mask_survives_resampling_there_and_back() {
        for aspect in [0.3, 1.7, 5.0] {
            let square = square_size([40, 12], aspect);
            let there = resample_plane(&rectangle(), [40, 12], square);
            let back = resample_plane(&there, square, [40, 12]);
            assert_eq!(to_mask(&back), to_mask(&rectangle()), "{aspect}");
        }
    }

    #[test]
    fn an_image_with_square_pixels_is_not_resampled() {
        let image = || PromptImage {
            grey: rectangle(),
            columns: 40,
            rows: 12,
        };
        assert_eq!(SquareImage::new(image(), 1.0).square(), &image());
        let stretched = SquareImage::new(image(), 4.0);
        assert_eq!(stretched.square_size(), [40, 48]);
        let click = Prompt::Click {
            at: [10.5, 4.5],
            adds: true,
        };
        let moved = Prompt::Click {
            at: [10.5, 18.0],
            adds: true,
        };
        assert_eq!(stretched.to_square(&click), moved);
    }

    /// Whatever the network answers: its weights are random here.
    #[test]
    fn a_click_sets_its_own_pixel_of_the_original() {
        let image = PromptImage {
            grey: rectangle(),
            columns: 40,
            rows: 12,
        };
        let image = SquareImage::new(image, 6.0);
        let mut segmenter = phantom::untrained();
        for earlier in [None, Some(rectangle())] {
            for adds in [true, false] {
                let prompts = [Prompt::Click {
                    at: [20.5, 6.2],
                    adds,
                }];
                let found = segmenter.answer_on(&image, &prompts, earlier.as_deref());
                let found = found.unwrap();
                assert_eq!(found.len(), 40 * 12);
                assert_eq!(to_mask(&found)[6 * 40 + 20], adds);
            }
        }
    }
}

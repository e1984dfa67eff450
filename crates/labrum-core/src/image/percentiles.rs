//! Windows from percentiles of the values: of a whole image, or of a region.

use super::{Image, Window};
use crate::{quantile::value_at_quantile, region::Region};

/// The quantiles of the values that become black and white.
const BLACK: f64 = 0.005;
const WHITE: f64 = 0.995;

/// About this many values are enough for percentiles.
const ENOUGH: usize = 60_000;

impl Image {
    /// A window from the 0.5th to the 99.5th percentile of the values, without padding.
    pub fn auto_window(&self) -> Window {
        let count = self.pixels.len();
        self.window_of_pixels((0..count).step_by(sampling_step(count)))
            .unwrap_or_else(|| Window::from_range(0.0, 255.0))
    }

    /// A window from the 0.5th to the 99.5th percentile of the values in a region, without padding; `None` if there are none.
    pub fn window_of_region(&self, region: &Region) -> Option<Window> {
        let spans = region.spans().iter().filter(|span| span.row < self.rows);
        let pixels = spans.flat_map(|span| {
            let row = span.row * self.columns;
            row + span.start.min(self.columns)..row + span.end.min(self.columns)
        });
        self.window_of_pixels(pixels.step_by(sampling_step(region.len())))
    }

    /// The same for pixels by their index.
    fn window_of_pixels(&self, pixels: impl Iterator<Item = usize>) -> Option<Window> {
        let mut values: Vec<f64> = pixels
            .map(|i| self.modality_value(i))
            .filter(|v| v.is_finite() && !self.is_padding(*v))
            .collect();
        if values.is_empty() {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let low = value_at_quantile(&values, BLACK);
        let high = value_at_quantile(&values, WHITE);
        Some(if high > low {
            Window::from_range(low, high)
        } else {
            Window::from_range(low - 0.5, low + 0.5)
        })
    }

    /// True for the values that fill up an image where nothing was measured.
    fn is_padding(&self, value: f64) -> bool {
        self.padding
            .is_some_and(|(low, high)| (low..=high).contains(&value))
    }
}

/// Every how many-th of `count` pixels is looked at.
fn sampling_step(count: usize) -> usize {
    (count / ENOUGH).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        image::{Pixels, Rescale},
        region::PixelRect,
    };

    /// 10 x 10 pixels of the values 0 to 99, shifted to -50 to 49.
    fn ramp() -> Image {
        let mut image = Image::new(10, 10, Pixels::U16((0..100).collect())).unwrap();
        image.rescale = Rescale {
            slope: 1.0,
            intercept: -50.0,
        };
        image
    }

    fn rect(columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> Region {
        Region::from_fn(&PixelRect { columns, rows }, |_, _| true)
    }

    #[test]
    fn the_window_of_a_region_covers_its_values_alone() {
        let window = ramp().window_of_region(&rect(2..5, 3..4)).unwrap();
        assert_eq!(window, Window::from_range(-18.0, -16.0));
        let one = ramp().window_of_region(&rect(0..1, 0..1)).unwrap();
        assert_eq!(one, Window::from_range(-50.5, -49.5));
        let all = ramp().window_of_region(&rect(0..10, 0..10)).unwrap();
        assert_eq!(all, ramp().auto_window());
    }

    #[test]
    fn what_lies_outside_of_the_image_and_padding_do_not_count() {
        let image = ramp();
        assert_eq!(image.window_of_region(&rect(20..30, 20..30)), None);
        assert_eq!(image.window_of_region(&Region::default()), None);
        let beyond = image.window_of_region(&rect(8..30, 9..30)).unwrap();
        assert_eq!(beyond, Window::from_range(48.0, 49.0));
        let padded = Image {
            padding: Some((40.0, 60.0)),
            ..image
        };
        assert_eq!(padded.window_of_region(&rect(8..10, 9..10)), None);
        assert!(padded.auto_window().center < 0.0);
    }
}

//! Statistics of the pixel values in a region.

use super::Channel;
use crate::{image::Image, region::Region};

/// Statistics of the values in a region, for a colour image of one channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueStatistics {
    /// The channel of a colour image; `None` for grey images.
    pub channel: Option<Channel>,
    /// Number of pixels with a finite value.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation, with the number of pixels as divisor.
    pub deviation: f64,
    /// Lowest value.
    pub minimum: f64,
    /// Highest value.
    pub maximum: f64,
}

impl ValueStatistics {
    /// Statistics of two sets of pixels together (Chan, Golub and LeVeque 1979). Both are of the same channel.
    pub fn merged(self, other: Self) -> Self {
        let [a, b] = [self.count, other.count].map(|count| count as f64);
        let count = a + b;
        let apart = other.mean - self.mean;
        let squares = a * self.deviation.powi(2)
            + b * other.deviation.powi(2)
            + apart * apart * a * b / count;
        Self {
            channel: self.channel,
            count: self.count + other.count,
            mean: self.mean + apart * b / count,
            deviation: (squares / count).sqrt(),
            minimum: self.minimum.min(other.minimum),
            maximum: self.maximum.max(other.maximum),
        }
    }
}

/// Adds statistics, channel by channel, to those of other pixels.
pub fn merge_statistics(all: &mut Vec<ValueStatistics>, more: &[ValueStatistics]) {
    for one in more {
        match all.iter_mut().find(|known| known.channel == one.channel) {
            Some(known) => *known = known.merged(*one),
            None => all.push(*one),
        }
    }
}

/// Statistics of the pixels of a region: modality values (HU for CT, SUV for PET) in the unit of [`value_unit`], or 0..=255
/// for each channel of a colour image. Pixels outside of the image and values that are not finite are left out; empty if
/// no pixel remains.
pub fn region_statistics(image: &Image, region: &Region) -> Vec<ValueStatistics> {
    if !image.is_color() {
        let factor = image.suv_factor.unwrap_or(1.0);
        let values = pixel_indices(image, region).map(|i| factor * image.modality_value(i));
        return statistics_of(values, None).into_iter().collect();
    }
    let mut all = Vec::new();
    for (place, channel) in Channel::ALL.into_iter().enumerate() {
        let colors = pixel_indices(image, region).filter_map(|i| image.rgb_at(i));
        let values = colors.map(|rgb| f64::from(rgb[place]));
        all.extend(statistics_of(values, Some(channel)));
    }
    all
}

/// Row-major indices of the pixels of a region, without those outside of the image.
fn pixel_indices<'a>(image: &'a Image, region: &'a Region) -> impl Iterator<Item = usize> + 'a {
    let (columns, rows) = image.columns_and_rows();
    let spans = region.spans().iter().filter(move |span| span.row < rows);
    spans.flat_map(move |span| {
        let first = span.row * columns;
        first + span.start.min(columns)..first + span.end.min(columns)
    })
}

/// The unit of the values of an image in statistics: "SUV" where the header gives standardized uptake values, else that of
/// the modality values; empty if they have none.
pub fn value_unit(image: &Image) -> &str {
    match (&image.unit, image.suv_factor) {
        _ if image.is_color() => "",
        (_, Some(_)) => "SUV",
        (Some(unit), None) => unit,
        (None, None) => "",
    }
}

/// `None` if no value is finite.
fn statistics_of(
    values: impl Iterator<Item = f64>,
    channel: Option<Channel>,
) -> Option<ValueStatistics> {
    let mut values = values.filter(|value| value.is_finite());
    let first = values.next()?;
    let (mut count, mut sum, mut squares) = (1usize, 0.0, 0.0);
    let (mut minimum, mut maximum) = (first, first);
    // Distances from the first value: exact for whole numbers, and no digits are lost where all values are large.
    for value in values {
        count += 1;
        sum += value - first;
        squares += (value - first).powi(2);
        minimum = minimum.min(value);
        maximum = maximum.max(value);
    }
    let mean = sum / count as f64;
    Some(ValueStatistics {
        channel,
        count,
        mean: first + mean,
        deviation: (squares / count as f64 - mean * mean).max(0.0).sqrt(),
        minimum,
        maximum,
    })
}

//! Resamples the image, one screen row at a time: counterpart of the first half of `gpu/canvas.wgsl`.

use crate::ui::look::{GreyLevels, table_of};
use labrum_core::image::{Image, Pixels};
use std::array;

/// Maximum number of image pixels per screen pixel along one axis; beyond that the image is sampled.
const TAPS: usize = 8;

/// Precomputed grey levels of all 8- or 16-bit stored values.
#[derive(Debug, Default)]
pub struct Tones {
    made_for: Option<GreyLevels>,
    levels: Vec<f32>,
    table: Vec<f32>,
}

impl Tones {
    /// Recomputes the levels if image type or window have changed.
    pub fn fit_to_image(&mut self, image: &Image, levels: &GreyLevels) {
        let count = match image.pixels {
            Pixels::U8(_) | Pixels::Rgb8(_) => 1 << 8,
            Pixels::U16(_) | Pixels::I16(_) => 1 << 16,
            Pixels::F32(_) => 0,
        };
        let table = table_of(image).unwrap_or_default();
        if self.made_for == Some(*levels) && self.levels.len() == count && self.table == table {
            return;
        }
        self.made_for = Some(*levels);
        self.table = table.to_vec();
        let is_signed = matches!(image.pixels, Pixels::I16(_));
        self.levels = (0..count)
            .map(|bits| levels.displayed_level(stored_value(bits, is_signed), table))
            .collect();
    }
}

/// The image pixels under each screen pixel along one axis, with weights that add up to 1.
#[derive(Debug, Default)]
pub(super) struct Taps {
    /// Index of the first tap of each place, followed by the total number of taps.
    starts: Vec<u32>,
    /// Index into `pixels`, and weight.
    taps: Vec<(u32, f32)>,
    /// All pixels with a tap, in ascending order.
    pixels: Vec<u32>,
}

impl Taps {
    /// Taps for image positions along an axis of `end` pixels, in boxes that are `width` image pixels wide.
    pub(super) fn for_places(places: impl Iterator<Item = f32>, width: f32, end: usize) -> Self {
        let mut all = Self {
            starts: vec![0],
            ..Self::default()
        };
        for place in places {
            let low = place - width / 2.0;
            let begin = all.taps.len();
            if width > TAPS as f32 {
                for k in 0..TAPS {
                    all.push_tap(
                        (low + (k as f32 + 0.5) * width / TAPS as f32).floor(),
                        1.0,
                        end,
                    );
                }
            } else {
                for k in 0..=((low + width).floor() - low.floor()) as usize {
                    let at = low.floor() + k as f32;
                    all.push_tap(
                        at,
                        ((at + 1.0).min(low + width) - at.max(low)).max(0.0),
                        end,
                    );
                }
            }
            let sum: f32 = all.taps[begin..].iter().map(|t| t.1).sum();
            all.taps[begin..].iter_mut().for_each(|t| t.1 /= sum);
            all.starts.push(all.taps.len() as u32);
        }
        all.pixels = all.taps.iter().map(|t| t.0).collect();
        all.pixels.sort_unstable();
        all.pixels.dedup();
        for tap in &mut all.taps {
            tap.0 = all.pixels.partition_point(|p| *p < tap.0) as u32;
        }
        all
    }

    fn push_tap(&mut self, at: f32, weight: f32, end: usize) {
        self.taps
            .push((at.clamp(0.0, end as f32 - 1.0) as u32, weight));
    }

    fn of_place(&self, place: usize) -> &[(u32, f32)] {
        &self.taps[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// Fills screen rows one by one, for images with `N` channels: 1 for grey, 3 for RGB.
pub(super) struct ToneRows<'a, const N: usize> {
    image: &'a Image,
    tones: &'a Tones,
    across: Taps,
    down: Taps,
    /// Weighted mean of image rows at the pixels of `across`, and the taps it was computed for.
    mean: Vec<[f32; N]>,
    made_for: Vec<(u32, f32)>,
}

impl<'a, const N: usize> ToneRows<'a, N> {
    pub(super) fn new(image: &'a Image, tones: &'a Tones, across: Taps, down: Taps) -> Self {
        let mean = vec![[0.0; N]; across.pixels.len()];
        Self {
            image,
            tones,
            across,
            down,
            mean,
            made_for: Vec::new(),
        }
    }

    /// Writes the colours of a screen row, one for each place of `across`.
    pub(super) fn fill_row(&mut self, row: usize, out: &mut [[f32; 3]]) {
        let taps = self.down.of_place(row);
        // When enlarged, consecutive rows are often the same.
        if self.made_for != taps {
            self.made_for = taps.to_vec();
            self.mean.fill([0.0; N]);
            for (at, weight) in &self.made_for {
                add_row(
                    self.image,
                    self.tones,
                    self.down.pixels[*at as usize] as usize,
                    &self.across.pixels,
                    *weight,
                    &mut self.mean,
                );
            }
        }
        for (place, color) in out.iter_mut().enumerate() {
            let mut sum = [0.0; N];
            for (at, weight) in self.across.of_place(place) {
                let mean = self.mean[*at as usize];
                (0..N).for_each(|c| sum[c] += weight * mean[c]);
            }
            *color = array::from_fn(|c| sum[c.min(N - 1)]);
        }
    }
}

/// The stored value for an index; signed values are indexed by their bit pattern.
#[inline]
fn stored_value(bits: usize, is_signed: bool) -> f32 {
    if is_signed && bits >= 1 << 15 {
        bits as f32 - 65536.0
    } else {
        bits as f32
    }
}

/// Adds a grey value to all channels.
#[inline]
fn add_to_all<const N: usize>(sum: &mut [f32; N], value: f32) {
    for channel in sum {
        *channel += value;
    }
}

/// Adds the weighted levels of the given pixels of an image row.
fn add_row<const N: usize>(
    image: &Image,
    tones: &Tones,
    row: usize,
    pixels: &[u32],
    weight: f32,
    out: &mut [[f32; N]],
) {
    let row = row * image.columns..(row + 1) * image.columns;
    let sums = pixels.iter().map(|p| *p as usize).zip(out);
    match &image.pixels {
        Pixels::U8(v) => sums.for_each(|(p, sum)| {
            add_to_all(sum, weight * tones.levels[usize::from(v[row.start + p])])
        }),
        Pixels::U16(v) => sums.for_each(|(p, sum)| {
            add_to_all(sum, weight * tones.levels[usize::from(v[row.start + p])])
        }),
        Pixels::I16(v) => sums.for_each(|(p, sum)| {
            add_to_all(
                sum,
                weight * tones.levels[usize::from(v[row.start + p] as u16)],
            )
        }),
        Pixels::F32(v) => {
            let Some(levels) = tones.made_for else { return };
            sums.for_each(|(p, sum)| {
                let level = levels.displayed_level(v[row.start + p], &tones.table);
                add_to_all(sum, weight * level)
            });
        }
        Pixels::Rgb8(v) => sums.for_each(|(p, sum)| {
            let rgb = v[row.start + p];
            (0..N).for_each(|c| sum[c] += weight * tones.levels[usize::from(rgb[c % 3])]);
        }),
    }
}

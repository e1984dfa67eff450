//! The picture itself, reduced or enlarged: twin of the first half of `gpu/canvas.wgsl`, one row of the screen at a time.

use crate::ui::look::{GreyLevels, filter_width, table_of};
use labrum_core::image::{Image, Pixels};

/// Most pixels of the picture, across or down, that one of the screen is made of: very small pictures are sampled.
const TAPS: usize = 8;

/// The level of every stored value of 8 or 16 bits, so that none is worked out twice.
#[derive(Debug, Default)]
pub struct Tones {
    made_for: Option<GreyLevels>,
    levels: Vec<f32>,
    table: Vec<f32>,
}

impl Tones {
    /// Makes them fit an image.
    pub fn fit_to_image(&mut self, image: &Image, levels: &GreyLevels) {
        let count = match image.pixels {
            Pixels::U8(_) | Pixels::Rgb8(_) => 1 << 8,
            Pixels::U16(_) | Pixels::I16(_) => 1 << 16,
            Pixels::F32(_) => 0,
        };
        let first = if matches!(image.pixels, Pixels::I16(_)) {
            f32::from(i16::MIN)
        } else {
            0.0
        };
        let table = table_of(image).unwrap_or_default();
        if self.made_for == Some(*levels) && self.levels.len() == count && self.table == table {
            return;
        }
        self.made_for = Some(*levels);
        self.table = table.to_vec();
        // Those of signed values are kept in the order of their bits.
        let half = if first < 0.0 { 1 << 15 } else { 0 };
        let stored = |bits: usize| {
            if bits >= 1 << 15 && half > 0 {
                bits as f32 - 65536.0
            } else {
                bits as f32
            }
        };
        self.levels = (0..count)
            .map(|bits| levels.displayed_level(stored(bits), table))
            .collect();
    }
}

/// The pixels that boxes about places along one axis lie on, with their weights, which add up to 1.
#[derive(Debug, Default)]
pub(super) struct Taps {
    /// Where the taps of each place begin, and where the last ones end.
    starts: Vec<u32>,
    /// Place in `pixels`, and weight.
    taps: Vec<(u32, f32)>,
    /// All pixels that have a tap, in order.
    pixels: Vec<u32>,
}

impl Taps {
    /// For places on the picture (in its pixels) at `scale` screen pixels for one of `end` pixels.
    pub(super) fn for_places(places: impl Iterator<Item = f32>, scale: f32, end: usize) -> Self {
        let width = filter_width(scale);
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

/// Rows of the screen, filled one after the other, of pictures with `N` channels: 1 is grey, 3 are colours.
pub(super) struct ToneRows<'a, const N: usize> {
    image: &'a Image,
    tones: &'a Tones,
    across: Taps,
    down: Taps,
    /// The mean of some rows of the picture at the pixels of `across`, and the taps that it was made for.
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

    /// The colours of a row of the screen, one for each place of `across`.
    pub(super) fn fill_row(&mut self, row: usize, out: &mut [[f32; 3]]) {
        let taps = self.down.of_place(row);
        // Enlarged rows are often the same as the ones above.
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
            *color = std::array::from_fn(|c| sum[c.min(N - 1)]);
        }
    }
}

/// Adds the levels of some pixels of a row of the picture.
fn add_row<const N: usize>(
    image: &Image,
    tones: &Tones,
    row: usize,
    pixels: &[u32],
    weight: f32,
    out: &mut [[f32; N]],
) {
    let row = row * image.columns..(row + 1) * image.columns;
    let grey = |sum: &mut [f32; N], level: f32| sum.iter_mut().for_each(|c| *c += weight * level);
    let sums = pixels.iter().map(|p| *p as usize).zip(out);
    match &image.pixels {
        Pixels::U8(v) => {
            sums.for_each(|(p, sum)| grey(sum, tones.levels[usize::from(v[row.start + p])]))
        }
        Pixels::U16(v) => {
            sums.for_each(|(p, sum)| grey(sum, tones.levels[usize::from(v[row.start + p])]))
        }
        Pixels::I16(v) => {
            sums.for_each(|(p, sum)| grey(sum, tones.levels[usize::from(v[row.start + p] as u16)]))
        }
        Pixels::F32(v) => {
            let Some(levels) = tones.made_for else { return };
            sums.for_each(|(p, sum)| {
                grey(sum, levels.displayed_level(v[row.start + p], &tones.table))
            });
        }
        Pixels::Rgb8(v) => sums.for_each(|(p, sum)| {
            let rgb = v[row.start + p];
            (0..N).for_each(|c| sum[c] += weight * tones.levels[usize::from(rgb[c % 3])]);
        }),
    }
}

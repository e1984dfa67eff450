//! A view: the square of an image that the network sees, resampled to its input, and the result pasted back.

use labrum_core::prompts::Prompt;

/// Margin on each side of prompts and mask, as a share of the longer side of their bounds.
const MARGIN: f64 = 0.35;
/// Minimum side of a view, as a share of the input's side: smaller objects are not enlarged further.
const SHORTEST_SHARE: f64 = 0.375;

/// A square of an image, in pixels of the image from its upper left corner; it may reach beyond the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// x of the left side.
    pub left: f64,
    /// y of the upper side.
    pub top: f64,
    /// Length of a side.
    pub side: f64,
}

/// A rectangle in pixels of an image: the smallest and the largest x and y.
pub type Bounds = ([f64; 2], [f64; 2]);

impl View {
    /// The smallest square that contains the image, centred on it.
    pub fn whole_image(columns: usize, rows: usize) -> Self {
        let side = columns.max(rows) as f64;
        Self {
            left: 0.5 * (columns as f64 - side),
            top: 0.5 * (rows as f64 - side),
            side,
        }
    }

    /// A square around `bounds`, for an input of `input * input` pixels. The margin on each side is 35 % of the longer
    /// side of `bounds`, times `wider`. The square lies within [`Self::whole_image`], and its side is at least 0.375
    /// times `input`, unless the image is smaller.
    pub fn around(bounds: Bounds, wider: f64, columns: usize, rows: usize, input: usize) -> Self {
        let whole = Self::whole_image(columns, rows);
        let (low, high) = bounds;
        let longer = (high[0] - low[0]).max(high[1] - low[1]).max(1.0);
        let side = (longer * (1.0 + 2.0 * MARGIN * wider))
            .max(SHORTEST_SHARE * input as f64)
            .min(whole.side);
        let place = |axis: usize, whole_start: f64| {
            let centred = 0.5 * (low[axis] + high[axis] - side);
            centred.clamp(whole_start, whole_start + whole.side - side)
        };
        Self {
            left: place(0, whole.left),
            top: place(1, whole.top),
            side,
        }
    }

    /// Pixels of the image per pixel of an input with `input` pixels a side.
    pub fn scale(&self, input: usize) -> f64 {
        self.side / input as f64
    }

    /// Converts a position in the image to one in the input.
    pub fn to_input(&self, [x, y]: [f64; 2], input: usize) -> [f64; 2] {
        let scale = self.scale(input);
        [(x - self.left) / scale, (y - self.top) / scale]
    }

    /// Converts prompts to pixels of the input.
    pub fn prompts_to_input(&self, prompts: &[Prompt], input: usize) -> Vec<Prompt> {
        prompts
            .iter()
            .map(|prompt| prompt.map_places(|at| self.to_input(at, input)))
            .collect()
    }

    /// Resamples a plane of the image to the input, `input * input` values, row after row. Bilinear; when downsampling,
    /// every pixel of the image contributes. 0 outside the image.
    pub fn sample_plane(
        &self,
        plane: &[f32],
        columns: usize,
        rows: usize,
        input: usize,
    ) -> Vec<f32> {
        let scale = self.scale(input);
        let across = taps(self.left, scale, input, columns);
        let down = taps(self.top, scale, input, rows);
        weigh_pixels(plane, columns, &across, &down)
    }

    /// True for the pixels of the input that lie in the image; `input * input`, row after row.
    pub fn shows_image(&self, columns: usize, rows: usize, input: usize) -> Vec<bool> {
        let scale = self.scale(input);
        let is_within = |start: f64, at: usize, end: usize| {
            let place = start + (at as f64 + 0.5) * scale;
            place >= 0.0 && place < end as f64
        };
        (0..input * input)
            .map(|at| {
                is_within(self.left, at % input, columns) && is_within(self.top, at / input, rows)
            })
            .collect()
    }

    /// Resamples values of the input (`input * input`) bilinearly to the pixels of the image whose centres lie in this view,
    /// and writes them into `plane`.
    pub fn paste_into(
        &self,
        values: &[f32],
        plane: &mut [f32],
        columns: usize,
        rows: usize,
        input: usize,
    ) {
        let across = between(self.left, self.side, columns, input);
        for (row, upper, lower, lower_share) in between(self.top, self.side, rows, input) {
            let upper = &values[upper * input..(upper + 1) * input];
            let lower = &values[lower * input..(lower + 1) * input];
            let line = &mut plane[row * columns..(row + 1) * columns];
            for &(column, left, right, right_share) in &across {
                let above = upper[left] + right_share * (upper[right] - upper[left]);
                let below = lower[left] + right_share * (lower[right] - lower[left]);
                line[column] = above + lower_share * (below - above);
            }
        }
    }
}

/// Resamples a plane to another size that covers the same area, both as columns and rows. Bilinear; when downsampling, every
/// pixel contributes.
pub(super) fn resample_plane(plane: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    let [across, down] = [0, 1].map(|axis| {
        let scale = from[axis] as f64 / to[axis].max(1) as f64;
        taps(0.0, scale, to[axis], from[axis])
    });
    weigh_pixels(plane, from[0], &across, &down)
}

/// The weighted means of the pixels of a plane with `columns` columns: one for each pair of `across` and `down`, row after
/// row.
fn weigh_pixels(plane: &[f32], columns: usize, across: &[Taps], down: &[Taps]) -> Vec<f32> {
    let width = across.len();
    let mut out = vec![0.0; width * down.len()];
    let mut line = vec![0.0; columns];
    for (taps, out) in down.iter().zip(out.chunks_exact_mut(width.max(1))) {
        if taps.weights.is_empty() {
            continue;
        }
        line.fill(0.0);
        for (weight, row) in taps.weights.iter().zip(taps.first..) {
            let pixels = &plane[row * columns..(row + 1) * columns];
            for (sum, pixel) in line.iter_mut().zip(pixels) {
                *sum += weight * pixel;
            }
        }
        for (out, taps) in out.iter_mut().zip(across) {
            let pixels = line[taps.first..].iter();
            *out = taps.weights.iter().zip(pixels).map(|(w, p)| w * p).sum();
        }
    }
    out
}

/// The source pixels of one pixel of the input, along one axis, with their weights.
struct Taps {
    first: usize,
    /// Empty outside the image.
    weights: Vec<f32>,
}

/// The source pixels of each pixel of the input, along one axis: a triangle filter with a radius of one pixel of the
/// input or of the image, whichever is larger.
fn taps(start: f64, scale: f64, input: usize, pixels: usize) -> Vec<Taps> {
    let reach = scale.max(1.0);
    (0..input)
        .map(|at| {
            let centre = start + (at as f64 + 0.5) * scale;
            if centre < 0.0 || centre >= pixels as f64 {
                return Taps {
                    first: 0,
                    weights: Vec::new(),
                };
            }
            let first = (centre - reach - 0.5).ceil().max(0.0) as usize;
            let last = ((centre + reach - 0.5).floor().max(0.0) as usize).min(pixels - 1);
            let mut weights: Vec<f32> = (first..=last)
                .map(|pixel| {
                    let away = (pixel as f64 + 0.5 - centre).abs();
                    (1.0 - away / reach).max(0.0) as f32
                })
                .collect();
            let sum: f32 = weights.iter().sum();
            for weight in &mut weights {
                *weight /= sum.max(f32::MIN_POSITIVE);
            }
            Taps { first, weights }
        })
        .collect()
}

/// For each pixel of the image that lies in the view, along one axis: its index, the two nearest pixels of the input, and
/// the weight of the second.
fn between(start: f64, side: f64, pixels: usize, input: usize) -> Vec<(usize, usize, usize, f32)> {
    (0..pixels)
        .filter_map(|pixel| {
            let place = (pixel as f64 + 0.5 - start) / side;
            if !(0.0..1.0).contains(&place) {
                return None;
            }
            let at = (place * input as f64 - 0.5).clamp(0.0, (input - 1) as f64);
            let before = at.floor() as usize;
            let after = (before + 1).min(input - 1);
            Some((pixel, before, after, (at - before as f64) as f32))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_image_is_centred_in_its_view() {
        let view = View::whole_image(60, 40);
        assert_eq!((view.left, view.top, view.side), (0.0, -10.0, 60.0));
        assert_eq!(view.to_input([30.0, 20.0], 30), [15.0, 15.0]);
        let seen = view.shows_image(60, 40, 30);
        assert_eq!(seen.iter().filter(|shown| **shown).count(), 30 * 20);
    }

    #[test]
    fn a_close_view_stays_within_the_view_of_the_whole_image() {
        let corner = View::around(([0.0, 0.0], [40.0, 20.0]), 1.0, 200, 150, 64);
        assert_eq!(corner.left, 0.0);
        assert!((corner.top + 24.0).abs() < 1e-9);
        assert!((corner.side - 68.0).abs() < 1e-9);
        let dot = View::around(([50.0, 70.0], [50.0, 70.0]), 1.0, 200, 150, 64);
        assert_eq!((dot.left, dot.top, dot.side), (38.0, 58.0, 24.0));
        let all = View::around(([0.0, 0.0], [200.0, 150.0]), 3.0, 200, 150, 64);
        assert_eq!(all, View::whole_image(200, 150));
    }

    /// A plane that increases linearly is unchanged after resampling there and back, except at the border.
    #[test]
    fn a_linear_plane_survives_resampling_there_and_back() {
        let (columns, rows, input) = (50, 30, 32);
        let plane: Vec<f32> = (0..columns * rows)
            .map(|at| (at % columns) as f32 + 2.0 * (at / columns) as f32)
            .collect();
        let view = View {
            left: 10.3,
            top: 4.7,
            side: 20.0,
        };
        let seen = view.sample_plane(&plane, columns, rows, input);
        let mut back = vec![-1.0; plane.len()];
        view.paste_into(&seen, &mut back, columns, rows, input);
        for (at, (back, value)) in back.iter().zip(&plane).enumerate() {
            let (x, y) = ((at % columns) as f64 + 0.5, (at / columns) as f64 + 0.5);
            let inside = x > 11.0 && x < 30.0 && y > 5.5 && y < 24.0;
            let outside = !(10.3..30.3).contains(&x) || !(4.7..24.7).contains(&y);
            assert!(!inside || (back - value).abs() < 1e-3, "{back} {value}");
            assert!(!outside || *back == -1.0);
        }
    }

    #[test]
    fn shrinking_averages_all_pixels() {
        let view = View::whole_image(64, 64);
        let board: Vec<f32> = (0..64 * 64)
            .map(|at| ((at % 64 + at / 64) % 2) as f32)
            .collect();
        let seen = view.sample_plane(&board, 64, 64, 16);
        assert!(seen.iter().all(|value| (value - 0.5).abs() < 0.02));
    }
}

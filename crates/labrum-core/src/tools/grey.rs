//! Grey values of a part of an image, averaged over blocks of pixels, and the box filter and quantile of the edge tools.

use crate::{blur::row_values, image::Image, region::PixelRect};

/// `columns * rows` values, row-major, each the mean of a block of `block * block` pixels of `window`.
#[derive(Clone, Debug)]
pub(super) struct GreyBlocks {
    pub(super) window: PixelRect,
    pub(super) block: usize,
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) values: Vec<f32>,
}

impl GreyBlocks {
    /// Modality values (luma for colour) of `window`, which must lie within the image; values that are not finite count
    /// as 0.
    pub(super) fn from_image(image: &Image, window: &PixelRect, block: usize) -> Self {
        let columns = window.columns.len().div_ceil(block);
        let rows = window.rows.len().div_ceil(block);
        let mut values = Vec::with_capacity(columns * rows);
        for top in window.rows.clone().step_by(block) {
            for left in window.columns.clone().step_by(block) {
                if block == 1 {
                    values.push(finite_value(image, left, top));
                    continue;
                }
                let right = (left + block).min(window.columns.end);
                let bottom = (top + block).min(window.rows.end);
                let sum: f32 = (top..bottom)
                    .map(|y| {
                        (left..right)
                            .map(|x| finite_value(image, x, y))
                            .sum::<f32>()
                    })
                    .sum();
                values.push(sum / ((right - left) * (bottom - top)) as f32);
            }
        }
        Self {
            window: window.clone(),
            block,
            columns,
            rows,
            values,
        }
    }

    /// Converts a length from pixels to blocks.
    pub(super) fn blocks_from_pixels(&self, pixels: f64) -> f64 {
        pixels / self.block as f64
    }
}

/// Modality value of a pixel; 0 if it is not finite.
#[inline]
fn finite_value(image: &Image, x: usize, y: usize) -> f32 {
    let value = image.modality_value(y * image.columns + x) as f32;
    if value.is_finite() { value } else { 0.0 }
}

/// Mean over a square of side `2 * reach + 1`, applied twice (close to a Gaussian); outside counts as 0.
pub(super) fn double_box_mean(values: &mut [f32], columns: usize, reach: usize) {
    if columns == 0 || values.is_empty() {
        return;
    }
    let rows = values.len() / columns;
    let scale = 1.0 / (2 * reach + 1) as f32;
    let mut sums = vec![0.0; columns];
    let mut source = vec![0.0; values.len()];
    for _ in 0..2 {
        for row in values.chunks_exact_mut(columns) {
            source[..columns].copy_from_slice(row);
            let mut sum: f32 = source[..reach.min(columns)].iter().sum();
            for x in 0..columns {
                sum += if x + reach < columns {
                    source[x + reach]
                } else {
                    0.0
                };
                row[x] = sum * scale;
                sum -= if x >= reach { source[x - reach] } else { 0.0 };
            }
        }
        source.copy_from_slice(values);
        sums.fill(0.0);
        for y in 0..reach.min(rows) {
            sums.iter_mut()
                .zip(row_values(&source, columns, y))
                .for_each(|(s, v)| *s += v);
        }
        for y in 0..rows {
            if y + reach < rows {
                sums.iter_mut()
                    .zip(row_values(&source, columns, y + reach))
                    .for_each(|(s, v)| *s += v);
            }
            let out = &mut values[y * columns..(y + 1) * columns];
            out.iter_mut()
                .zip(&sums)
                .for_each(|(out, s)| *out = s * scale);
            if y >= reach {
                sums.iter_mut()
                    .zip(row_values(&source, columns, y - reach))
                    .for_each(|(s, v)| *s -= v);
            }
        }
    }
}

/// The quantile `share` (0..=1) of the values; 0 if there are none. Reorders them.
pub(super) fn select_quantile(values: &mut [f32], share: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * share).round() as usize;
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::image::Pixels;

    fn whole(columns: usize, rows: usize, block: usize, values: Vec<u8>) -> GreyBlocks {
        let image = Image::new(columns, rows, Pixels::U8(values)).expect("size");
        GreyBlocks::from_image(&image, &PixelRect::full_frame(columns, rows), block)
    }

    #[test]
    fn blocks_are_means_of_their_pixels() {
        let grey = whole(3, 3, 2, vec![0, 4, 10, 8, 12, 20, 1, 3, 7]);
        assert_eq!(
            (grey.columns, grey.rows, grey.values),
            (2, 2, vec![6.0, 15.0, 2.0, 7.0])
        );
    }

    #[test]
    fn the_box_filter_keeps_the_sum() {
        let mut point = vec![0.0; 31 * 31];
        point[15 * 31 + 15] = 1.0;
        double_box_mean(&mut point, 31, 3);
        assert!((point.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(point.iter().all(|v| *v <= point[15 * 31 + 15] + 1e-7));
        assert!((point[15 * 31 + 12] - point[12 * 31 + 15]).abs() < 1e-6);
    }

    #[test]
    fn quantiles_of_a_row() {
        let mut values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(
            (
                select_quantile(&mut values, 0.5),
                select_quantile(&mut values, 1.0),
                select_quantile(&mut [], 0.5)
            ),
            (3.0, 5.0, 0.0)
        );
    }
}

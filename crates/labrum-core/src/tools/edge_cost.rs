//! Path costs for the live wire: low along edges, high elsewhere; computed lazily per tile.

use super::grey::{GreyBlocks, select_quantile};
use crate::{
    blur::{convolve_separable, half_gaussian},
    image::{Image, Window},
    region::PixelRect,
};
use std::sync::Arc;

/// Side of a tile in pixels.
const TILE: usize = 128;
/// Standard deviation in pixels of the blur before the gradient: reduces noise, hardly shifts tight curves.
const SIGMA: f32 = 1.8;
/// Margin around a tile, in pixels, that its costs depend on (blur, difference and ridge detection).
const MARGIN: usize = 8;
/// Number of tiles sampled to estimate the typical edge strength.
const SAMPLE: usize = 6;
/// Cost of a pixel away from all edges.
pub(super) const FLAT: u8 = 63;
/// Additional cost of a step straight across a strong edge.
const ACROSS: f32 = 20.0;
/// Lower bound of the cost of a step: a straight one along the strongest edge costs 5 * 6.
pub(super) const CHEAPEST_STEP: u32 = 30;
/// Upper bound (exclusive) of the cost of a step.
pub(super) const COSTLIEST_STEP: usize = 1024;

/// Costs of steps between pixels of an image as displayed with a window; values clipped by the window have no edges.
pub(super) struct EdgeCost {
    image: Arc<Image>,
    window: Window,
    tile_columns: usize,
    pixels: Vec<PixelCost>,
    /// Gradient length at which an edge counts half.
    half: f32,
}

/// Cost of passing a pixel, from 6 on a strong edge to [`FLAT`], or 0 if not computed yet; then the gradient (x, y),
/// scaled to a length from 0 to [`ACROSS`] by its strength. An array, as zeroed arrays take no memory until touched.
type PixelCost = [i8; 3];

/// Gradient of grey levels 0..=1 per pixel.
struct Gradient {
    columns: usize,
    vectors: Vec<[f32; 2]>,
    lengths: Vec<f32>,
}

impl EdgeCost {
    pub(super) fn new(image: Arc<Image>, window: Window) -> Self {
        let tile_columns = image.columns.div_ceil(TILE);
        let tile_rows = image.rows.div_ceil(TILE);
        let tiles = tile_columns * tile_rows;
        let pixels = vec![[0; 3]; image.columns * image.rows];
        let mut costs = Self {
            image,
            window,
            tile_columns,
            pixels,
            half: 1.0,
        };
        let mut lengths = Vec::new();
        for tile in (0..tiles).step_by(tiles.div_ceil(SAMPLE).max(1)) {
            lengths.extend(
                costs
                    .compute_gradient(&costs.with_margin(&costs.tile_bounds(tile)))
                    .lengths,
            );
        }
        // Uniform areas say nothing about the strength of edges.
        lengths.retain(|&length| length > 1e-5);
        costs.half = select_quantile(&mut lengths, 0.9).max(1e-4);
        costs
    }

    pub(super) fn columns(&self) -> usize {
        self.image.columns
    }

    pub(super) fn rows(&self) -> usize {
        self.image.rows
    }

    /// Cost of passing a pixel, 0..=[`FLAT`].
    pub(super) fn pixel_cost(&mut self, x: usize, y: usize) -> u8 {
        self.computed_cost(x, y)[0].unsigned_abs()
    }

    /// Cost of the step (`dx`, `dy`), each -1, 0 or 1, onto the pixel (`x`, `y`): positive, less than
    /// [`COSTLIEST_STEP`].
    #[inline]
    pub(super) fn step_cost(&mut self, x: usize, y: usize, dx: i32, dy: i32) -> u32 {
        let [through, gx, gy] = self.computed_cost(x, y);
        let across = (dx * i32::from(gx) + dy * i32::from(gy)).unsigned_abs();
        // 7 / 5 approximates the length of a diagonal; `across` already includes it.
        let length = if dx != 0 && dy != 0 { 7 } else { 5 };
        length * u32::from(through.unsigned_abs()) + 5 * across
    }

    #[inline]
    fn computed_cost(&mut self, x: usize, y: usize) -> PixelCost {
        let i = y * self.image.columns + x;
        if self.pixels[i][0] == 0 {
            self.compute_tile(y / TILE * self.tile_columns + x / TILE);
        }
        self.pixels[i]
    }

    #[cold]
    fn compute_tile(&mut self, tile: usize) {
        let pixels = self.tile_bounds(tile);
        let around = self.with_margin(&pixels);
        let gradient = self.compute_gradient(&around);
        for y in pixels.rows.clone() {
            for x in pixels.columns.clone() {
                let at = (y - around.rows.start) * gradient.columns + x - around.columns.start;
                let i = y * self.image.columns + x;
                let length = gradient.lengths[at];
                let weakness = 1.0 / (1.0 + (length / self.half).powi(2));
                let beside = if gradient.is_ridge(at) { 0.0 } else { 1.0 };
                let through = f32::from(FLAT) * (0.1 + 0.65 * weakness + 0.25 * beside) + 0.5;
                let scale = ACROSS * (1.0 - weakness) / length.max(f32::MIN_POSITIVE);
                let [x, y] = gradient.vectors[at].map(|v| (v * scale) as i8);
                self.pixels[i] = [through as i8, x, y];
            }
        }
    }

    fn tile_bounds(&self, tile: usize) -> PixelRect {
        let x = tile % self.tile_columns * TILE;
        let y = tile / self.tile_columns * TILE;
        PixelRect {
            columns: x..(x + TILE).min(self.image.columns),
            rows: y..(y + TILE).min(self.image.rows),
        }
    }

    fn with_margin(&self, pixels: &PixelRect) -> PixelRect {
        pixels.expand_within(MARGIN, self.image.columns, self.image.rows)
    }

    fn compute_gradient(&self, pixels: &PixelRect) -> Gradient {
        let GreyBlocks {
            columns,
            rows,
            mut values,
            ..
        } = GreyBlocks::from_image(&self.image, pixels, 1);
        values
            .iter_mut()
            .for_each(|v| *v = self.window.grey_level(f64::from(*v)) as f32);
        convolve_separable(&mut values, columns, &half_gaussian(SIGMA));
        let mut vectors = Vec::with_capacity(values.len());
        for y in 0..rows {
            let above = y.saturating_sub(1) * columns;
            let below = (y + 1).min(rows - 1) * columns;
            for x in 0..columns {
                let left = x.saturating_sub(1);
                let right = (x + 1).min(columns - 1);
                let across = values[y * columns + right] - values[y * columns + left];
                vectors.push([0.5 * across, 0.5 * (values[below + x] - values[above + x])]);
            }
        }
        let lengths = vectors
            .iter()
            .map(|[x, y]| (x * x + y * y).sqrt())
            .collect();
        Gradient {
            columns,
            vectors,
            lengths,
        }
    }
}

impl Gradient {
    /// True if the gradient has its maximum along its own direction here, in the middle of an edge.
    fn is_ridge(&self, at: usize) -> bool {
        let [x, y] = self.vectors[at];
        let offset = step_towards(y, x) * self.columns as isize + step_towards(x, y);
        let ahead = self.length_at(at.checked_add_signed(offset));
        let behind = self.length_at(at.checked_add_signed(-offset));
        self.lengths[at] > 1e-5 && self.lengths[at] >= ahead && self.lengths[at] >= behind
    }

    /// Length of the gradient at a pixel; 0 outside.
    #[inline]
    fn length_at(&self, index: Option<usize>) -> f32 {
        index
            .and_then(|i| self.lengths.get(i))
            .copied()
            .unwrap_or(0.0)
    }
}

/// Step (-1, 0 or 1) along the axis of `v` to the neighbour in the direction (`v`, `other`).
#[inline]
fn step_towards(v: f32, other: f32) -> isize {
    // tan 22.5° separates straight from diagonal directions.
    if v.abs() > 0.414 * other.abs() {
        v.signum() as isize
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::phantom::noisy_picture;

    #[test]
    fn an_edge_is_cheap_to_follow_and_expensive_to_cross() {
        let image = noisy_picture(300, 5, 2.0, |x, _| if x < 130.0 { 20.0 } else { 80.0 });
        let window = image.auto_window();
        let mut costs = EdgeCost::new(Arc::new(image), window);
        for y in [3, 127, 128, 290] {
            let edge = [129, 130].map(|x| costs.pixel_cost(x, y));
            assert!(
                edge.iter().any(|c| *c < 15) && costs.pixel_cost(60, y) > 25,
                "{edge:?} {}",
                costs.pixel_cost(60, y)
            );
            let (along, across) = (costs.step_cost(130, y, 0, 1), costs.step_cost(130, y, 1, 0));
            assert!(along + 60 < across, "{along} {across}");
        }
    }

    #[test]
    fn steps_stay_within_their_limits_and_tiles_have_no_seams() {
        let image = noisy_picture(140, 8, 30.0, |x, y| if x + y < 140.0 { 0.0 } else { 50.0 });
        let window = image.auto_window();
        let whole = Arc::new(image);
        let mut costs = EdgeCost::new(Arc::clone(&whole), window);
        let all = costs.compute_gradient(&PixelRect::full_frame(140, 140));
        for y in 0..140 {
            for x in 0..140 {
                for (dx, dy) in [(1, 0), (0, -1), (-1, 1), (1, 1)] {
                    let step = costs.step_cost(x, y, dx, dy);
                    assert!(
                        step >= CHEAPEST_STEP && (step as usize) < COSTLIEST_STEP,
                        "{step}"
                    );
                }
            }
        }
        let tile = costs.tile_bounds(1);
        let around = costs.with_margin(&tile);
        let part = costs.compute_gradient(&around);
        for (x, y) in [(128, 0), (129, 64), (139, 127)] {
            let at = (y - around.rows.start) * part.columns + x - around.columns.start;
            assert!((part.lengths[at] - all.lengths[y * 140 + x]).abs() < 1e-6);
        }
    }
}

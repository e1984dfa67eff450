//! What a path through each pixel costs: little along edges, much elsewhere; found tile by tile where a path looks.

use super::grey::{Grey, gaussian, quantile, smooth};
use crate::domain::{
    image::{Image, Window},
    region::PixelRect,
};
use std::sync::Arc;

/// Side of a tile in pixels.
const TILE: usize = 64;
/// Standard deviation of the blur before the gradient, in pixels: takes noise, moves tight curves little.
const SIGMA: f32 = 1.8;
/// How many pixels around a tile its gradients depend on: the blur, the difference, the ridge.
const MARGIN: usize = 8;
/// Tiles from which the usual strength of an edge is told.
const SAMPLE: usize = 16;
/// The cost of a pixel away from all edges.
pub(super) const FLAT: u8 = 63;
/// The cost of a step straight across a strong edge, on top of that of the pixel.
const ACROSS: f32 = 20.0;
/// More than any step costs.
pub(super) const COSTLIEST_STEP: usize = 1024;

/// Costs of the steps between the pixels of an image as it is shown by a window: what is clipped there has no edges.
pub(super) struct EdgeCost {
    image: Arc<Image>,
    window: Window,
    tile_columns: usize,
    ready: Vec<bool>,
    /// 6 on a strong edge to [`FLAT`].
    cost: Vec<u8>,
    /// Direction of the gradient, its length 0 to [`ACROSS`] by its strength.
    across: Vec<[i8; 2]>,
    /// Gradient of an edge that counts half.
    half: f32,
}

/// Gradient of grey levels 0..=1 per pixel.
struct Gradient {
    columns: usize,
    vectors: Vec<[f32; 2]>,
    lengths: Vec<f32>,
}

impl EdgeCost {
    pub(super) fn new(image: Arc<Image>, window: Window) -> Self {
        let (tile_columns, tile_rows) = (image.columns.div_ceil(TILE), image.rows.div_ceil(TILE));
        let (tiles, pixels) = (tile_columns * tile_rows, image.columns * image.rows);
        let (cost, across) = (vec![0; pixels], vec![[0; 2]; pixels]);
        let mut costs = Self { image, window, tile_columns, ready: vec![false; tiles], cost, across, half: 1.0 };
        let mut lengths = Vec::new();
        for tile in (0..tiles).step_by(tiles.div_ceil(SAMPLE).max(1)) {
            lengths.extend(costs.gradient(&costs.with_margin(&costs.tile(tile))).lengths);
        }
        // Empty parts, where all is equal, say nothing about the strength of edges.
        lengths.retain(|&length| length > 1e-5);
        costs.half = quantile(&mut lengths, 0.9).max(1e-4);
        costs
    }

    pub(super) fn columns(&self) -> usize {
        self.image.columns
    }

    pub(super) fn rows(&self) -> usize {
        self.image.rows
    }

    /// Cost of going through a pixel, 0..=[`FLAT`].
    pub(super) fn pixel(&mut self, x: usize, y: usize) -> u8 {
        self.prepare(x, y);
        self.cost[y * self.image.columns + x]
    }

    /// Cost of the step (`dx`, `dy`), each -1, 0 or 1, onto the pixel (`x`, `y`): positive, less than
    /// [`COSTLIEST_STEP`].
    #[inline]
    pub(super) fn step(&mut self, x: usize, y: usize, dx: i32, dy: i32) -> u32 {
        self.prepare(x, y);
        let i = y * self.image.columns + x;
        let [gx, gy] = self.across[i];
        let across = (dx * i32::from(gx) + dy * i32::from(gy)).unsigned_abs();
        // 7 / 5 is about the length of a diagonal; `across` has that length in it.
        let length = if dx != 0 && dy != 0 { 7 } else { 5 };
        length * u32::from(self.cost[i]) + 5 * across
    }

    #[inline]
    fn prepare(&mut self, x: usize, y: usize) {
        let tile = y / TILE * self.tile_columns + x / TILE;
        if !self.ready[tile] {
            self.fill(tile);
        }
    }

    #[cold]
    fn fill(&mut self, tile: usize) {
        self.ready[tile] = true;
        let pixels = self.tile(tile);
        let around = self.with_margin(&pixels);
        let gradient = self.gradient(&around);
        for y in pixels.rows.clone() {
            for x in pixels.columns.clone() {
                let at = (y - around.rows.start) * gradient.columns + x - around.columns.start;
                let i = y * self.image.columns + x;
                let strength = (gradient.lengths[at] / self.half).powi(2);
                let weakness = 1.0 / (1.0 + strength);
                let beside = if gradient.is_ridge(at) { 0.0 } else { 1.0 };
                self.cost[i] = (f32::from(FLAT) * (0.1 + 0.65 * weakness + 0.25 * beside)).round() as u8;
                let scale = ACROSS * (1.0 - weakness) / gradient.lengths[at].max(f32::MIN_POSITIVE);
                self.across[i] = gradient.vectors[at].map(|v| (v * scale).round() as i8);
            }
        }
    }

    fn tile(&self, tile: usize) -> PixelRect {
        let (x, y) = (tile % self.tile_columns * TILE, tile / self.tile_columns * TILE);
        PixelRect { columns: x..(x + TILE).min(self.image.columns), rows: y..(y + TILE).min(self.image.rows) }
    }

    fn with_margin(&self, pixels: &PixelRect) -> PixelRect {
        pixels.grown(MARGIN, self.image.columns, self.image.rows)
    }

    fn gradient(&self, pixels: &PixelRect) -> Gradient {
        let Grey { columns, rows, mut values, .. } = Grey::read(&self.image, pixels, 1);
        values.iter_mut().for_each(|v| *v = self.window.level(f64::from(*v)) as f32);
        smooth(&mut values, columns, &gaussian(SIGMA));
        let mut vectors = Vec::with_capacity(values.len());
        for y in 0..rows {
            let (above, below) = (y.saturating_sub(1) * columns, (y + 1).min(rows - 1) * columns);
            for x in 0..columns {
                let (left, right) = (x.saturating_sub(1), (x + 1).min(columns - 1));
                let across = values[y * columns + right] - values[y * columns + left];
                vectors.push([0.5 * across, 0.5 * (values[below + x] - values[above + x])]);
            }
        }
        let lengths = vectors.iter().map(|[x, y]| x.hypot(*y)).collect();
        Gradient { columns, vectors, lengths }
    }
}

impl Gradient {
    /// True where the gradient is at its longest along its own direction: the middle of an edge.
    fn is_ridge(&self, at: usize) -> bool {
        let [x, y] = self.vectors[at];
        // The neighbour nearest to the direction: tan 22.5 degrees parts straight from diagonal.
        let towards = |v: f32, other: f32| if v.abs() > 0.414 * other.abs() { v.signum() as isize } else { 0 };
        let offset = towards(y, x) * self.columns as isize + towards(x, y);
        let length = |i: Option<usize>| i.and_then(|i| self.lengths.get(i)).copied().unwrap_or(0.0);
        let (ahead, behind) = (length(at.checked_add_signed(offset)), length(at.checked_add_signed(-offset)));
        self.lengths[at] > 1e-5 && self.lengths[at] >= ahead && self.lengths[at] >= behind
    }
}

//! Windows around blocks of 2x2 pixels: what a 3x3 convolution reads for them.

use super::quad::Quad;
use cubecl::prelude::*;

/// Rows and columns of a window: the block with one pixel around it.
const WINDOW: usize = 4;

/// A block of 2x2 pixels of an image; the last ones may extend beyond its border.
#[derive(CubeType)]
pub(super) struct Block {
    /// Index of the image in the batch.
    pub sample: usize,
    /// Row of the block, in blocks.
    pub row: usize,
    /// Column of the block, in blocks.
    pub column: usize,
    /// Rows of the image, in pixels.
    pub rows: usize,
    /// Columns of the image, in pixels.
    pub columns: usize,
}

/// Block number `index` of a batch of images.
#[cube]
pub(super) fn block_at(index: usize, rows: usize, columns: usize) -> Block {
    let down = rows.div_ceil(2);
    let along = columns.div_ceil(2);
    Block {
        sample: index / along / down,
        row: index / along % down,
        column: index % along,
        rows,
        columns,
    }
}

/// Reads the window of a block: pixels of x [B,H,W,C], four channels from 4 `quad` on, zero beyond the border.
#[cube]
pub(super) fn read_window(x: &Tensor<Quad>, block: &Block, quad: usize, window: &mut Array<Quad>) {
    let quads = x.shape(3) / 4;
    #[unroll]
    for i in 0..WINDOW {
        // Rows and columns are counted from the border of zeros.
        let row = 2 * block.row + i;
        #[unroll]
        for j in 0..WINDOW {
            let column = 2 * block.column + j;
            let mut value = Quad::new(0.0f32);
            if row >= 1 && row <= block.rows && column >= 1 && column <= block.columns {
                let pixel = (block.sample * block.rows + row - 1) * block.columns + column - 1;
                value = x[pixel * quads + quad];
            }
            window[comptime!(i * WINDOW + j)] = value;
        }
    }
}

/// Reads the window of a block from one channel of x [B,C,H,W].
#[cube]
pub(super) fn read_plane_window(
    x: &Tensor<f32>,
    block: &Block,
    channel: usize,
    window: &mut Array<f32>,
) {
    let first_row = (block.sample * x.shape(1) + channel) * block.rows;
    #[unroll]
    for i in 0..WINDOW {
        let row = 2 * block.row + i;
        #[unroll]
        for j in 0..WINDOW {
            let column = 2 * block.column + j;
            let mut value = 0.0f32;
            if row >= 1 && row <= block.rows && column >= 1 && column <= block.columns {
                value = x[(first_row + row - 1) * block.columns + column - 1];
            }
            window[comptime!(i * WINDOW + j)] = value;
        }
    }
}

/// Reads the window of a block from x [B,H/2,W/2,C], upsampled x2 bilinearly with half-pixel centres: 3x3 pixels of x
/// make a window.
#[cube]
pub(super) fn read_doubled_window(
    x: &Tensor<Quad>,
    block: &Block,
    quad: usize,
    window: &mut Array<Quad>,
) {
    let quads = x.shape(3) / 4;
    let rows = x.shape(1);
    let columns = x.shape(2);
    let first = block.sample * rows;
    let mut above = block.row;
    if block.row > 0 {
        above = block.row - 1;
    }
    let mut below = block.row;
    if block.row + 1 < rows {
        below = block.row + 1;
    }
    // The four rows of the window, at three columns of x.
    let mut tall = Array::<Quad>::new(comptime!(WINDOW * 3));
    #[unroll]
    for j in 0..3usize {
        let mut column = block.column;
        if comptime!(j == 0) && block.column > 0 {
            column = block.column - 1;
        }
        if comptime!(j == 2) && block.column + 1 < columns {
            column = block.column + 1;
        }
        let upper = x[((first + above) * columns + column) * quads + quad];
        let near = x[((first + block.row) * columns + column) * quads + quad];
        let lower = x[((first + below) * columns + column) * quads + quad];
        tall[j] = mix(upper, near);
        tall[comptime!(3 + j)] = mix(near, upper);
        tall[comptime!(6 + j)] = mix(near, lower);
        tall[comptime!(9 + j)] = mix(lower, near);
    }
    #[unroll]
    for i in 0..WINDOW {
        let left = tall[comptime!(3 * i)];
        let near = tall[comptime!(3 * i + 1)];
        let right = tall[comptime!(3 * i + 2)];
        window[comptime!(i * WINDOW)] = mix(left, near);
        window[comptime!(i * WINDOW + 1)] = mix(near, left);
        window[comptime!(i * WINDOW + 2)] = mix(near, right);
        window[comptime!(i * WINDOW + 3)] = mix(right, near);
    }
    clear_border(block, window);
}

/// A pixel between two: the one at a quarter of the distance from `near` to `far`.
#[cube]
fn mix(near: Quad, far: Quad) -> Quad {
    near * Quad::new(0.75f32) + far * Quad::new(0.25f32)
}

/// Sets what lies beyond the border of the image to zero. The image has even sides.
#[cube]
fn clear_border(block: &Block, window: &mut Array<Quad>) {
    #[unroll]
    for i in 0..WINDOW {
        if block.row == 0 {
            window[i] = Quad::new(0.0f32);
        }
        if 2 * block.row + 2 == block.rows {
            window[comptime!(3 * WINDOW + i)] = Quad::new(0.0f32);
        }
        if block.column == 0 {
            window[comptime!(i * WINDOW)] = Quad::new(0.0f32);
        }
        if 2 * block.column + 2 == block.columns {
            window[comptime!(i * WINDOW + 3)] = Quad::new(0.0f32);
        }
    }
}

/// Adds the products of a window of four channels to the sums of a block's four pixels. `weight` has a row of outputs for
/// each channel and tap; `first` is the place of the first one, `pitch` the distance between them.
#[cube]
pub(super) fn add_products(
    window: &Array<Quad>,
    weight: &Tensor<Quad>,
    first: usize,
    pitch: usize,
    sums: &mut Array<Quad>,
) {
    #[unroll]
    for channel in 0..4usize {
        #[unroll]
        for tap in 0..9usize {
            let factors = weight[first + comptime!(channel * 9 + tap) * pitch];
            #[unroll]
            for pixel in 0..4usize {
                let at = comptime!((pixel / 2 + tap / 3) * WINDOW + pixel % 2 + tap % 3);
                let values = window[at];
                sums[pixel] += factors * Quad::new(values.extract(channel));
            }
        }
    }
}

/// [`add_products`] for a window of one channel.
#[cube]
pub(super) fn add_plane_products(
    window: &Array<f32>,
    weight: &Tensor<Quad>,
    first: usize,
    pitch: usize,
    sums: &mut Array<Quad>,
) {
    #[unroll]
    for tap in 0..9usize {
        let factors = weight[first + comptime!(tap) * pitch];
        #[unroll]
        for pixel in 0..4usize {
            let at = comptime!((pixel / 2 + tap / 3) * WINDOW + pixel % 2 + tap % 3);
            sums[pixel] += factors * Quad::new(window[at]);
        }
    }
}

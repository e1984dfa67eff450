//! Convolutions with one group, as matrix products whose tiles are in shared memory. The windows of the input are
//! assembled tile by tile.

use super::{THREADS, channels_first, channels_last, empty_on_device, sum_of_parts};
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};
use cubecl::prelude::*;

/// Number of products of each sum between two loads of tiles.
const STEP: usize = 16;
/// Each thread computes SIDE x SIDE results.
const SIDE: usize = 4;
/// Number of results of all threads of a cube.
const TILE: usize = THREADS * SIDE * SIDE;
/// Number of tiles, over all parts of a weight gradient, that keeps a GPU busy.
const BUSY: usize = 1024;

/// Number of columns of a tile for this many channels: 16, 32 or 64.
fn tile_width(channels: usize) -> usize {
    channels.next_power_of_two().clamp(16, 64)
}

/// x [B,Ci,H,W] with weight [Co,Ci,k,k], stride 1 and zero padding k/2, plus bias [Co].
pub(super) fn forward(x: CubeTensor, weight: CubeTensor, bias: Option<CubeTensor>) -> CubeTensor {
    let [batch, _, rows, columns] = x.meta.shape().dims();
    let [out_channels, _, k, _] = weight.meta.shape().dims();
    let x = channels_last(x);
    // As a matrix: a row for each tap and input channel, a column for each output channel.
    let weight = into_contiguous(CubeBackend::float_permute(weight, &[2, 3, 1, 0]));
    let has_bias = bias.is_some();
    let bias = bias.unwrap_or_else(|| empty_on_device(&x, [1]));
    let out = empty_on_device(&x, [batch, rows, columns, out_channels]);
    let wide = tile_width(out_channels);
    let pixels = batch * rows * columns;
    let client = x.client.clone();
    conv_kernel::launch(
        &client,
        CubeCount::Static(
            pixels.div_ceil(TILE / wide) as u32,
            out_channels.div_ceil(wide) as u32,
            1,
        ),
        CubeDim::new_1d(THREADS as u32),
        x.into_tensor_arg(),
        weight.into_tensor_arg(),
        bias.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        k,
        wide,
        has_bias,
    );
    channels_first(out)
}

/// dW [Co,Ci,k,k] from x [B,Ci,H,W] and the output gradient [B,Co,H,W].
pub(super) fn weight_gradient(x: CubeTensor, grad: CubeTensor, k: usize) -> CubeTensor {
    let [batch, in_channels, rows, columns] = x.meta.shape().dims();
    let [_, out_channels, _, _] = grad.meta.shape().dims();
    let x = channels_last(x);
    let grad = channels_last(grad);
    let depth = k * k * in_channels;
    let wide = tile_width(out_channels);
    let pixels = batch * rows * columns;
    let tiles = [depth.div_ceil(TILE / wide), out_channels.div_ceil(wide)];
    let parts = (BUSY / (tiles[0] * tiles[1])).clamp(1, pixels.div_ceil(THREADS));
    let sums = empty_on_device(&x, [parts, depth, out_channels]);
    let client = x.client.clone();
    conv_weight_kernel::launch(
        &client,
        CubeCount::Static(tiles[0] as u32, tiles[1] as u32, parts as u32),
        CubeDim::new_1d(THREADS as u32),
        x.into_tensor_arg(),
        grad.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        k,
        wide,
    );
    let sum = sum_of_parts(sums, Shape::new([k, k, in_channels, out_channels]));
    CubeBackend::float_permute(sum, &[3, 2, 0, 1])
}

/// x [B,H,W,Ci]; weight [k,k,Ci,Co]; bias [Co]; out [B,H,W,Co]. A cube computes TILE / wide pixels by `wide` channels.
#[cube(launch)]
fn conv_kernel(
    x: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    out: &mut Tensor<f32>,
    #[comptime] k: usize,
    #[comptime] wide: usize,
    #[comptime] has_bias: bool,
) {
    let high = comptime!(TILE / wide);
    // One extra value per row avoids bank conflicts between threads that write to the same column.
    let pitch = comptime!(high + 1);
    let id = UNIT_POS_X as usize;
    let rows = x.shape(1);
    let columns = x.shape(2);
    let in_channels = x.shape(3);
    let out_channels = out.shape(3);
    let pixels = x.shape(0) * rows * columns;
    let depth = in_channels * comptime!(k * k);
    let first_pixel = CUBE_POS_X as usize * high;
    let first_channel = CUBE_POS_Y as usize * wide;

    let mut at_row = Shared::<[u32]>::new_slice(high);
    let mut at_column = Shared::<[u32]>::new_slice(high);
    let mut left = Shared::<[f32]>::new_slice(comptime!(STEP * (TILE / wide + 1)));
    let mut right = Shared::<[f32]>::new_slice(comptime!(STEP * wide));
    if id < high {
        let pixel = first_pixel + id;
        at_row[id] = ((pixel / columns) % rows) as u32;
        at_column[id] = (pixel % columns) as u32;
    }
    let mut sums = Array::<f32>::new(comptime!(SIDE * SIDE));
    #[unroll]
    for i in 0..comptime!(SIDE * SIDE) {
        sums[i] = 0.0f32;
    }
    let inner = id % STEP;
    let steps = depth.div_ceil(STEP);
    for step in 0..steps {
        sync_cube();
        let at = step * STEP + inner;
        let tap = at / in_channels;
        let channel = at % in_channels;
        let down = tap / k;
        let along = tap % k;
        #[unroll]
        for turn in 0..comptime!(TILE / wide * STEP / THREADS) {
            let m = id / STEP + comptime!(turn * (THREADS / STEP));
            let pixel = first_pixel + m;
            let place = (at_row[m] as usize + down, at_column[m] as usize + along);
            let is_there = at < depth && pixel < pixels;
            left[inner * pitch + m] = seen(
                x,
                place,
                pixel + down * columns + along,
                channel,
                is_there,
                k,
            );
        }
        fill(
            &mut right,
            weight,
            (step * STEP, depth),
            (first_channel, out_channels),
            id,
            wide,
        );
        sync_cube();
        multiply(&left, &right, &mut sums, id, wide, pitch);
    }

    let n = id % comptime!(wide / SIDE);
    let m = id / comptime!(wide / SIDE);
    #[unroll]
    for j in 0..SIDE {
        let channel = first_channel + n + comptime!(j * (wide / SIDE));
        if channel < out_channels {
            let mut offset = 0.0f32;
            if has_bias {
                offset = bias[channel];
            }
            #[unroll]
            for i in 0..SIDE {
                let pixel = first_pixel + m + comptime!(i * (TILE / wide / SIDE));
                if pixel < pixels {
                    out[pixel * out_channels + channel] = sums[comptime!(i * SIDE + j)] + offset;
                }
            }
        }
    }
}

/// x [B,H,W,Ci]; grad [B,H,W,Co]; sums [parts,k*k*Ci,Co]. A cube computes TILE / wide rows of sums by `wide` channels,
/// for its part of the pixels.
#[cube(launch)]
fn conv_weight_kernel(
    x: &Tensor<f32>,
    grad: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    #[comptime] k: usize,
    #[comptime] wide: usize,
) {
    let high = comptime!(TILE / wide);
    let id = UNIT_POS_X as usize;
    let rows = x.shape(1);
    let columns = x.shape(2);
    let in_channels = x.shape(3);
    let out_channels = grad.shape(3);
    let pixels = x.shape(0) * rows * columns;
    let depth = in_channels * comptime!(k * k);
    let part = CUBE_POS_Z as usize;
    let share = pixels.div_ceil(STEP).div_ceil(CUBE_COUNT_Z as usize) * STEP;
    let first_row = CUBE_POS_X as usize * high;
    let first_channel = CUBE_POS_Y as usize * wide;

    let mut at_row = Shared::<[u32]>::new_slice(STEP);
    let mut at_column = Shared::<[u32]>::new_slice(STEP);
    let mut left = Shared::<[f32]>::new_slice(comptime!(STEP * (TILE / wide)));
    let mut right = Shared::<[f32]>::new_slice(comptime!(STEP * wide));
    let mut all = Array::<f32>::new(comptime!(SIDE * SIDE));
    #[unroll]
    for i in 0..comptime!(SIDE * SIDE) {
        all[i] = 0.0f32;
    }
    let m = id % high;
    let tap = (first_row + m) / in_channels;
    let channel = (first_row + m) % in_channels;
    let down = tap / k;
    let along = tap % k;
    let mut at = part * share;
    let mut end = at + share;
    if end > pixels {
        end = pixels;
    }
    while at < end {
        sync_cube();
        if id < STEP {
            at_row[id] = (((at + id) / columns) % rows) as u32;
            at_column[id] = ((at + id) % columns) as u32;
        }
        sync_cube();
        #[unroll]
        for turn in 0..comptime!(TILE / wide * STEP / THREADS) {
            let inner = id / high + comptime!(turn * (THREADS * wide / TILE));
            let pixel = at + inner;
            let place = (
                at_row[inner] as usize + down,
                at_column[inner] as usize + along,
            );
            let is_there = first_row + m < depth && pixel < end;
            left[inner * high + m] = seen(
                x,
                place,
                pixel + down * columns + along,
                channel,
                is_there,
                k,
            );
        }
        fill(
            &mut right,
            grad,
            (at, end),
            (first_channel, out_channels),
            id,
            wide,
        );
        sync_cube();
        multiply(&left, &right, &mut all, id, wide, high);
        at += STEP;
    }

    let n = id % comptime!(wide / SIDE);
    let m = id / comptime!(wide / SIDE);
    #[unroll]
    for i in 0..SIDE {
        let row = first_row + m + comptime!(i * (TILE / wide / SIDE));
        #[unroll]
        for j in 0..SIDE {
            let channel = first_channel + n + comptime!(j * (wide / SIDE));
            if row < depth && channel < out_channels {
                sums[(part * depth + row) * out_channels + channel] = all[comptime!(i * SIDE + j)];
            }
        }
    }
}

/// The value that a tap reads from one channel of x [B,H,W,C]. `place` and `pixel` are those of the window's centre
/// plus the tap's offset from the window's first corner. Zero beyond the image border, and where `is_there` is false.
#[cube]
fn seen(
    x: &Tensor<f32>,
    place: (usize, usize),
    pixel: usize,
    channel: usize,
    is_there: bool,
    #[comptime] k: usize,
) -> f32 {
    let border = comptime!(k / 2);
    let columns = x.shape(2);
    let (row, column) = place;
    let is_inside =
        row >= border && row < x.shape(1) + border && column >= border && column < columns + border;
    let mut value = 0.0f32;
    if is_there && is_inside {
        value = x[(pixel - border * columns - border) * x.shape(3) + channel];
    }
    value
}

/// Copies STEP rows of a matrix, and `wide` of its columns, into `tile`. `rows` and `columns` are each the first index
/// and the end of the matrix; values beyond the end are zeros.
#[cube]
fn fill(
    tile: &mut Shared<[f32]>,
    matrix: &Tensor<f32>,
    rows: (usize, usize),
    columns: (usize, usize),
    id: usize,
    #[comptime] wide: usize,
) {
    let (first_row, end_row) = rows;
    let (first_column, end_column) = columns;
    #[unroll]
    for turn in 0..comptime!(STEP * wide / THREADS) {
        let place = id + comptime!(turn * THREADS);
        let row = first_row + place / wide;
        let column = first_column + place % wide;
        let mut value = 0.0f32;
        if row < end_row && column < end_column {
            value = matrix[row * end_column + column];
        }
        tile[place] = value;
    }
}

/// Adds `left` [STEP,pitch] transposed times `right` [STEP,wide] to the sums of each thread.
#[cube]
fn multiply(
    left: &Shared<[f32]>,
    right: &Shared<[f32]>,
    sums: &mut Array<f32>,
    id: usize,
    #[comptime] wide: usize,
    #[comptime] pitch: usize,
) {
    let n = id % comptime!(wide / SIDE);
    let m = id / comptime!(wide / SIDE);
    let mut a = Array::<f32>::new(SIDE);
    let mut b = Array::<f32>::new(SIDE);
    #[unroll]
    for inner in 0..STEP {
        #[unroll]
        for i in 0..SIDE {
            a[i] = left[comptime!(inner * pitch + i * (TILE / wide / SIDE)) + m];
            b[i] = right[comptime!(inner * wide + i * (wide / SIDE)) + n];
        }
        #[unroll]
        for i in 0..SIDE {
            #[unroll]
            for j in 0..SIDE {
                sums[comptime!(i * SIDE + j)] += a[i] * b[j];
            }
        }
    }
}

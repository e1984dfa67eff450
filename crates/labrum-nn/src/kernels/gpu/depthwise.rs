//! Depthwise convolution, forward and back to the weights. burn's weight gradient is a convolution whose kernel is the
//! whole output gradient, and its forward pass would link all of its matrix products.

use super::{
    THREADS, channels_first, channels_last, empty_on_device, lane_count, launch_size, sum_of_parts,
};
use burn_wgpu::{CubeTensor, into_contiguous};
use cubecl::prelude::*;

/// Maximum number of partial sums for each tap of a channel.
const PARTS: usize = 128;
/// Number of neighbouring columns of one channel that a thread computes, so that it reads values once for several.
const WIDE: usize = 4;

/// x [B,C,H,W] with weight [C,1,k,k], stride 1 and zero padding k/2, plus bias [C].
pub(super) fn forward(x: CubeTensor, weight: CubeTensor, bias: Option<CubeTensor>) -> CubeTensor {
    let [batch, channels, rows, columns] = x.meta.shape().dims();
    let [_, _, k, _] = weight.meta.shape().dims();
    let x = channels_last(x);
    let out = empty_on_device(&x, [batch, rows, columns, channels]);
    let client = x.client.clone();
    let (cubes, threads) = launch_size(&x, batch * rows * columns.div_ceil(WIDE) * channels);
    let has_bias = bias.is_some();
    let bias = bias.unwrap_or_else(|| empty_on_device(&x, [1]));
    depthwise_kernel::launch(
        &client,
        cubes,
        threads,
        x.into_tensor_arg(),
        into_contiguous(weight).into_tensor_arg(),
        bias.into_tensor_arg(),
        out.clone().into_tensor_arg(),
        k,
        has_bias,
    );
    channels_first(out)
}

/// x and out [B,H,W,C], weight [C,1,k,k], bias [C]. Threads divide batch, rows, groups of columns, and channels.
#[cube(launch)]
fn depthwise_kernel(
    x: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    out: &mut Tensor<f32>,
    #[comptime] k: usize,
    #[comptime] has_bias: bool,
) {
    let border = comptime!(k / 2);
    let rows = x.shape(1);
    let columns = x.shape(2);
    let channels = x.shape(3);
    let groups = columns.div_ceil(WIDE);
    let channel = ABSOLUTE_POS % channels;
    let first = ABSOLUTE_POS / channels % groups * WIDE;
    // Rows are numbered through all samples.
    let row = ABSOLUTE_POS / channels / groups;
    if row < x.shape(0) * rows {
        let mut sum = Array::<f32>::new(WIDE);
        let mut window = Array::<f32>::new(comptime!(WIDE + k - 1));
        #[unroll]
        for i in 0..WIDE {
            sum[i] = 0.0f32;
            if has_bias {
                sum[i] = bias[channel];
            }
        }
        for tap_row in 0..k {
            let under = row % rows + tap_row;
            if under >= border && under < rows + border {
                let from = (row + tap_row - border) * columns * channels + channel;
                #[unroll]
                for i in 0..comptime!(WIDE + k - 1) {
                    let column = first + i;
                    window[i] = 0.0f32;
                    if column >= border && column < columns + border {
                        window[i] = x[from + (column - border) * channels];
                    }
                }
                #[unroll]
                for tap in 0..k {
                    let tap_weight = weight[(channel * k + tap_row) * k + tap];
                    #[unroll]
                    for i in 0..WIDE {
                        sum[i] += tap_weight * window[i + tap];
                    }
                }
            }
        }
        #[unroll]
        for i in 0..WIDE {
            if first + i < columns {
                out[(row * columns + first + i) * channels + channel] = sum[i];
            }
        }
    }
}

/// dW [C,1,k,k] from x and the output gradient, both [B,C,H,W].
///
/// A thread handles one channel and one row of taps. It walks along rows of the image and keeps the k values of x in
/// its window, so that every value is read k times and not k * k times.
pub(super) fn weight_gradient(x: CubeTensor, grad: CubeTensor, k: usize) -> CubeTensor {
    let [batch, channels, rows, _] = x.meta.shape().dims();
    let lanes = lane_count(channels);
    let walkers = THREADS / lanes;
    let parts = (batch * rows).div_ceil(walkers).min(PARTS);
    let x = channels_last(x);
    let grad = channels_last(grad);
    let sums = empty_on_device(&x, [parts, channels, k, k]);
    let client = x.client.clone();
    depthwise_weight_kernel::launch(
        &client,
        CubeCount::Static(channels.div_ceil(lanes) as u32, k as u32, parts as u32),
        CubeDim::new_2d(lanes as u32, walkers as u32),
        x.into_tensor_arg(),
        grad.into_tensor_arg(),
        sums.clone().into_tensor_arg(),
        k,
        lanes,
    );
    sum_of_parts(sums, [channels, 1, k, k])
}

/// x and grad [B,H,W,C]; sums [parts,C,k,k]. Cubes divide channels, rows of taps and parts; threads divide channels and
/// rows of the image.
#[cube(launch)]
fn depthwise_weight_kernel(
    x: &Tensor<f32>,
    grad: &Tensor<f32>,
    sums: &mut Tensor<f32>,
    #[comptime] k: usize,
    #[comptime] lanes: usize,
) {
    let walkers = comptime!(THREADS / lanes);
    let border = comptime!(k / 2);
    let lane = UNIT_POS_X as usize;
    let walker = UNIT_POS_Y as usize;
    let channel = CUBE_POS_X as usize * lanes + lane;
    let tap_row = CUBE_POS_Y as usize;
    let part = CUBE_POS_Z as usize;
    let rows = x.shape(1);
    let columns = x.shape(2);
    let channels = x.shape(3);

    let mut sum = Array::<f32>::new(k);
    let mut window = Array::<f32>::new(k);
    #[unroll]
    for tap in 0..k {
        sum[tap] = 0.0f32;
    }
    if channel < channels {
        let mut at = part * walkers + walker;
        let step = CUBE_COUNT_Z as usize * walkers;
        let all = x.shape(0) * rows;
        while at < all {
            let under = at % rows + tap_row;
            if under >= border && under < rows + border {
                let from_x = (at + tap_row - border) * columns * channels + channel;
                let from_grad = at * columns * channels + channel;
                // The window starts one column before the first: it is moved before it is used.
                #[unroll]
                for tap in 0..k {
                    window[tap] = 0.0f32;
                    if comptime!(tap > border) {
                        let column = comptime!(tap - border - 1).runtime();
                        if column < columns {
                            window[tap] = x[from_x + column * channels];
                        }
                    }
                }
                for column in 0..columns {
                    #[unroll]
                    for tap in 1..k {
                        window[tap - 1] = window[tap];
                    }
                    let next = column + border;
                    window[k - 1] = 0.0f32;
                    if next < columns {
                        window[k - 1] = x[from_x + next * channels];
                    }
                    let g = grad[from_grad + column * channels];
                    #[unroll]
                    for tap in 0..k {
                        sum[tap] += g * window[tap];
                    }
                }
            }
            at += step;
        }
    }

    // Adds up the sums of all walkers of a channel.
    let mut shared = Shared::<[f32]>::new_slice(comptime!(THREADS * k));
    #[unroll]
    for tap in 0..k {
        shared[(walker * lanes + lane) * k + tap] = sum[tap];
    }
    sync_cube();
    let mut tap = walker;
    while tap < k && channel < channels {
        let mut total = 0.0f32;
        for other in 0..walkers {
            total += shared[(other * lanes + lane) * k + tap];
        }
        sums[((part * channels + channel) * k + tap_row) * k + tap] = total;
        tap += walkers;
    }
}

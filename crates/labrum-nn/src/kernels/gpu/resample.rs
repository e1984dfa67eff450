//! Bilinear x2 and 2x2 max pooling, forward and back: one thread per value of the result.

use super::{channels_last, compute_values};
use burn_wgpu::CubeTensor;
use cubecl::prelude::*;

/// Bilinear x2 with half-pixel centres: [B,C,H,W] to [B,C,2H,2W].
pub(super) fn upsample_bilinear_x2(x: CubeTensor) -> CubeTensor {
    let [batch, channels, rows, columns] = x.meta.shape().dims();
    let x = channels_last(x);
    let shape = [batch, 2 * rows, 2 * columns, channels];
    compute_values(&x, shape, |out, count, threads| {
        let of_x = x.clone().into_tensor_arg();
        upsample_kernel::launch(&x.client, count, threads, of_x, out.into_tensor_arg());
    })
}

/// The gradient of the input of [`upsample_bilinear_x2`] from that of its output.
pub(super) fn upsample_backward(grad: CubeTensor) -> CubeTensor {
    let [batch, channels, rows, columns] = grad.meta.shape().dims();
    let grad = channels_last(grad);
    let shape = [batch, rows / 2, columns / 2, channels];
    compute_values(&grad, shape, |out, count, threads| {
        let of_grad = grad.clone().into_tensor_arg();
        upsample_backward_kernel::launch(
            &grad.client,
            count,
            threads,
            of_grad,
            out.into_tensor_arg(),
        );
    })
}

/// The maximum of each 2x2 block: [B,C,2H,2W] to [B,C,H,W].
pub(super) fn max_pool_2x2(x: CubeTensor) -> CubeTensor {
    let [batch, channels, rows, columns] = x.meta.shape().dims();
    let x = channels_last(x);
    let shape = [batch, rows / 2, columns / 2, channels];
    compute_values(&x, shape, |out, count, threads| {
        let of_x = x.clone().into_tensor_arg();
        pool_kernel::launch(&x.client, count, threads, of_x, out.into_tensor_arg());
    })
}

/// The gradient of the input of [`max_pool_2x2`]: all of it goes to the first maximum of a block.
pub(super) fn pool_backward(x: CubeTensor, grad: CubeTensor) -> CubeTensor {
    let x = channels_last(x);
    let grad = channels_last(grad);
    compute_values(&x, x.meta.shape().clone(), |out, count, threads| {
        pool_backward_kernel::launch(
            &x.client,
            count,
            threads,
            x.clone().into_tensor_arg(),
            grad.into_tensor_arg(),
            out.into_tensor_arg(),
        );
    })
}

/// The source row (or column) with weight 1/4 of row `at` of the larger plane; that with weight 3/4 is `at / 2`.
#[cube]
fn far_source(at: usize, count: usize) -> usize {
    let near = at / 2;
    let mut far = near;
    if at % 2 == 1 {
        if near + 1 < count {
            far = near + 1;
        }
    } else if near > 0 {
        far = near - 1;
    }
    far
}

/// Weight of row `source` in row `at` of the larger plane.
#[cube]
fn source_share(source: usize, at: usize, count: usize) -> f32 {
    let mut share = 0.0f32;
    if at / 2 == source {
        share += 0.75f32;
    }
    if far_source(at, count) == source {
        share += 0.25f32;
    }
    share
}

#[cube(launch)]
fn upsample_kernel(x: &Tensor<f32>, out: &mut Tensor<f32>) {
    if ABSOLUTE_POS < out.len() {
        let rows = x.shape(1);
        let columns = x.shape(2);
        let channels = x.shape(3);
        let channel = ABSOLUTE_POS % channels;
        let column = ABSOLUTE_POS / channels % (2 * columns);
        let row = ABSOLUTE_POS / channels / (2 * columns) % (2 * rows);
        let first_row = ABSOLUTE_POS / channels / (2 * columns) / (2 * rows) * rows;
        let near = (first_row + row / 2) * columns;
        let far = (first_row + far_source(row, rows)) * columns;
        let near_column = column / 2;
        let far_column = far_source(column, columns);
        let upper = 0.75f32 * x[(near + near_column) * channels + channel]
            + 0.25f32 * x[(far + near_column) * channels + channel];
        let lower = 0.75f32 * x[(near + far_column) * channels + channel]
            + 0.25f32 * x[(far + far_column) * channels + channel];
        out[ABSOLUTE_POS] = 0.75f32 * upper + 0.25f32 * lower;
    }
}

#[cube(launch)]
fn upsample_backward_kernel(grad: &Tensor<f32>, out: &mut Tensor<f32>) {
    if ABSOLUTE_POS < out.len() {
        let rows = out.shape(1);
        let columns = out.shape(2);
        let channels = out.shape(3);
        let channel = ABSOLUTE_POS % channels;
        let column = ABSOLUTE_POS / channels % columns;
        let row = ABSOLUTE_POS / channels / columns % rows;
        let first_row = ABSOLUTE_POS / channels / columns / rows * (2 * rows);
        let mut sum = 0.0f32;
        // Rows 2 row - 1 to 2 row + 2 have a share in this one, likewise columns.
        for i in 0..4usize {
            let from_row = 2 * row + i;
            if from_row >= 1 && from_row <= 2 * rows {
                let row_share = source_share(row, from_row - 1, rows);
                for j in 0..4usize {
                    let from_column = 2 * column + j;
                    if from_column >= 1 && from_column <= 2 * columns {
                        let share = row_share * source_share(column, from_column - 1, columns);
                        let at = (first_row + from_row - 1) * 2 * columns + from_column - 1;
                        sum += share * grad[at * channels + channel];
                    }
                }
            }
        }
        out[ABSOLUTE_POS] = sum;
    }
}

#[cube(launch)]
fn pool_kernel(x: &Tensor<f32>, out: &mut Tensor<f32>) {
    if ABSOLUTE_POS < out.len() {
        let columns = out.shape(2);
        let channels = out.shape(3);
        let channel = ABSOLUTE_POS % channels;
        let column = ABSOLUTE_POS / channels % columns;
        // Rows are numbered through all samples.
        let row = ABSOLUTE_POS / channels / columns;
        let first = (2 * row * 2 * columns + 2 * column) * channels + channel;
        let below = first + 2 * columns * channels;
        let upper = f32::max(x[first], x[first + channels]);
        let lower = f32::max(x[below], x[below + channels]);
        out[ABSOLUTE_POS] = f32::max(upper, lower);
    }
}

#[cube(launch)]
fn pool_backward_kernel(x: &Tensor<f32>, grad: &Tensor<f32>, out: &mut Tensor<f32>) {
    if ABSOLUTE_POS < out.len() {
        let columns = x.shape(2);
        let channels = x.shape(3);
        let channel = ABSOLUTE_POS % channels;
        let column = ABSOLUTE_POS / channels % columns;
        let row = ABSOLUTE_POS / channels / columns;
        let first = (row / 2 * 2 * columns + column / 2 * 2) * channels + channel;
        let own = x[ABSOLUTE_POS];
        // Earlier values of the block have to be smaller, later ones at most as large.
        let place = row % 2 * 2 + column % 2;
        let mut is_first_maximum = true;
        for other in 0..4usize {
            let value = x[first + (other / 2 * columns + other % 2) * channels];
            if value > own {
                is_first_maximum = false;
            }
            if other < place && value == own {
                is_first_maximum = false;
            }
        }
        let mut slope = 0.0f32;
        if is_first_maximum {
            let from = (row / 2 * (columns / 2) + column / 2) * channels + channel;
            slope = grad[from];
        }
        out[ABSOLUTE_POS] = slope;
    }
}

//! Bilinear x2 and 2x2 max pooling on the CPU, plane by plane, forward and backward.

use super::buffers::take_buffer;
use super::scratch::with_scratch;
use super::simd::detected_arch;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Size of the smaller of the two planes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Half {
    pub rows: usize,
    pub columns: usize,
}

impl Half {
    fn pixel_count(&self) -> usize {
        self.rows * self.columns
    }
}

/// Bilinear x2 with half-pixel centres: planes `[rows, columns]` to `[2 rows, 2 columns]`.
pub(super) fn upsample_bilinear_x2(x: &[f32], half: Half) -> Vec<f32> {
    let mut out = take_buffer(4 * x.len());
    let planes = out
        .par_chunks_mut(4 * half.pixel_count())
        .zip(x.par_chunks(half.pixel_count()));
    planes.for_each(|(out, x)| {
        with_scratch(half.columns, |mixed, _| {
            detected_arch().dispatch(Double {
                half,
                x,
                mixed,
                out,
            })
        });
    });
    out
}

/// The gradient of the input of [`upsample_bilinear_x2`] from that of its output.
pub(super) fn double_backward(grad: &[f32], half: Half) -> Vec<f32> {
    let mut out = take_buffer(grad.len() / 4);
    let planes = out
        .par_chunks_mut(half.pixel_count())
        .zip(grad.par_chunks(4 * half.pixel_count()));
    planes.for_each(|(out, grad)| {
        with_scratch(2 * half.columns, |mixed, _| {
            detected_arch().dispatch(DoubleBackward {
                half,
                grad,
                mixed,
                out,
            })
        });
    });
    out
}

/// The maximum of each 2x2 block: planes `[2 rows, 2 columns]` to `[rows, columns]`.
pub(super) fn max_pool_2x2(x: &[f32], half: Half) -> Vec<f32> {
    let mut out = take_buffer(x.len() / 4);
    let planes = out
        .par_chunks_mut(half.pixel_count())
        .zip(x.par_chunks(4 * half.pixel_count()));
    planes.for_each(|(out, x)| detected_arch().dispatch(MaxPool { half, x, out }));
    out
}

/// The gradient of the input of [`max_pool_2x2`]: all of it goes to the first maximum of a block.
pub(super) fn pool_backward(x: &[f32], grad: &[f32], half: Half) -> Vec<f32> {
    let mut out = take_buffer(x.len());
    let inputs = x
        .par_chunks(4 * half.pixel_count())
        .zip(grad.par_chunks(half.pixel_count()));
    out.par_chunks_mut(4 * half.pixel_count())
        .zip(inputs)
        .for_each(|(out, (x, grad))| {
            detected_arch().dispatch(PoolBackward { half, x, grad, out });
        });
    out
}

/// The two source rows of an output row: the one with weight 3/4, and the one with weight 1/4.
fn source_rows(row: usize, rows: usize) -> (usize, usize) {
    let near = row / 2;
    let far = if row.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(rows - 1)
    };
    (near, far)
}

struct Double<'a> {
    half: Half,
    x: &'a [f32],
    mixed: &'a mut [f32],
    out: &'a mut [f32],
}

impl WithSimd for Double<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Half { rows, columns } = self.half;
        let mixed = self.mixed;
        for (row, out) in self.out.chunks_exact_mut(2 * columns).enumerate() {
            let (near, far) = source_rows(row, rows);
            let near = &self.x[near * columns..(near + 1) * columns];
            let far = &self.x[far * columns..(far + 1) * columns];
            for ((mixed, near), far) in mixed.iter_mut().zip(near).zip(far) {
                *mixed = 0.75 * near + 0.25 * far;
            }
            out[0] = mixed[0];
            out[2 * columns - 1] = mixed[columns - 1];
            let between = out[1..2 * columns - 1].chunks_exact_mut(2);
            for (pair, (left, right)) in between.zip(mixed.iter().zip(&mixed[1..])) {
                pair[0] = 0.75 * left + 0.25 * right;
                pair[1] = 0.25 * left + 0.75 * right;
            }
        }
    }
}

struct DoubleBackward<'a> {
    half: Half,
    grad: &'a [f32],
    mixed: &'a mut [f32],
    out: &'a mut [f32],
}

impl WithSimd for DoubleBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Half { rows, columns } = self.half;
        let mixed = self.mixed;
        for (row, out) in self.out.chunks_exact_mut(columns).enumerate() {
            mixed.fill(0.0);
            let first = (2 * row).saturating_sub(1);
            for from in first..(2 * row + 3).min(2 * rows) {
                let (near, far) = source_rows(from, rows);
                let share = 0.75 * f32::from(u8::from(near == row))
                    + 0.25 * f32::from(u8::from(far == row));
                let grad = &self.grad[from * 2 * columns..][..2 * columns];
                mixed
                    .iter_mut()
                    .zip(grad)
                    .for_each(|(mixed, grad)| *mixed += share * grad);
            }
            for (out, pair) in out.iter_mut().zip(mixed.chunks_exact(2)) {
                *out = 0.75 * (pair[0] + pair[1]);
            }
            // A neighbouring column contributes a quarter of its nearer half; at the edges, the outermost half
            // contributes its quarter here as well.
            for (out, pair) in out.iter_mut().zip(mixed[2..].chunks_exact(2)) {
                *out += 0.25 * pair[0];
            }
            for (out, pair) in out[1..].iter_mut().zip(mixed.chunks_exact(2)) {
                *out += 0.25 * pair[1];
            }
            out[0] += 0.25 * mixed[0];
            out[columns - 1] += 0.25 * mixed[2 * columns - 1];
        }
    }
}

struct MaxPool<'a> {
    half: Half,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let columns = self.half.columns;
        for (out, rows) in self
            .out
            .chunks_exact_mut(columns)
            .zip(self.x.chunks_exact(4 * columns))
        {
            let (upper, lower) = rows.split_at(2 * columns);
            for (out, (a, b)) in out
                .iter_mut()
                .zip(upper.chunks_exact(2).zip(lower.chunks_exact(2)))
            {
                *out = a[0].max(a[1]).max(b[0].max(b[1]));
            }
        }
    }
}

struct PoolBackward<'a> {
    half: Half,
    x: &'a [f32],
    grad: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for PoolBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let columns = self.half.columns;
        let rows = self
            .x
            .chunks_exact(4 * columns)
            .zip(self.out.chunks_exact_mut(4 * columns));
        for (grad, (x, out)) in self.grad.chunks_exact(columns).zip(rows) {
            let (upper, lower) = x.split_at(2 * columns);
            let (upper_out, lower_out) = out.split_at_mut(2 * columns);
            let inputs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            let outputs = upper_out
                .chunks_exact_mut(2)
                .zip(lower_out.chunks_exact_mut(2));
            for ((grad, (a, b)), (to_a, to_b)) in grad.iter().zip(inputs).zip(outputs) {
                let largest = a[0].max(a[1]).max(b[0].max(b[1]));
                let is = [
                    a[0] == largest,
                    a[1] == largest,
                    b[0] == largest,
                    b[1] == largest,
                ];
                to_a[0] = value_or_zero(is[0], *grad);
                to_a[1] = value_or_zero(is[1] && !is[0], *grad);
                to_b[0] = value_or_zero(is[2] && !is[0] && !is[1], *grad);
                to_b[1] = value_or_zero(is[3] && !is[0] && !is[1] && !is[2], *grad);
            }
        }
    }
}

#[inline(always)]
fn value_or_zero(is_taken: bool, value: f32) -> f32 {
    if is_taken { value } else { 0.0 }
}

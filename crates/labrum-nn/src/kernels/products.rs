//! Sums of the products of an input strip with the output gradient of the same rows.

use super::simd::{MAX_LANES, load_vector, panic_outside_window, store_vector};
use super::strip::{StripLayout, padded_width};
use pulp::{Simd, WithSimd};
use std::ops::Range;

/// An input strip, and the gradient of the corresponding output.
struct StripPair<'a> {
    input: &'a [f32],
    gradient: &'a [f32],
    /// Number of output channels.
    channels: usize,
    /// Distance from one output channel's gradient to the next.
    channel_step: usize,
    /// Start of each window.
    windows: &'a [usize],
    rows: StripRows,
}

/// Rows of a strip and of its gradient.
#[derive(Clone, Copy)]
struct StripRows {
    count: usize,
    /// Number of values, a multiple of the vector length.
    width: usize,
    /// Start of the first row of the input.
    lead: usize,
    /// Distance from one row of the input to the next.
    input_step: usize,
    /// The same of the gradient.
    gradient_step: usize,
}

/// Maximum number of sums in a block, one vector each.
const SUMS: usize = 24;

/// Number of output channels whose gradients stay in the L2 cache while all windows are processed.
const TILE: usize = 32;

/// `out[c][t] += sum over i of gradient[c][i] * input[windows[t] + i]`
#[inline(always)]
fn accumulate_products<S: Simd>(simd: S, pair: StripPair<'_>, out: &mut [f32]) {
    let count = pair.windows.len();
    for first in (0..pair.channels).step_by(TILE) {
        let channels = first..(first + TILE).min(pair.channels);
        let mut t = 0;
        while t < count {
            // 4 and 4 windows are faster than 6 and 2.
            let step = match count - t {
                6 | 7 | 9.. => 6,
                4.. => 4,
                n => n,
            };
            match step {
                6 => channel_blocks::<S, 6>(simd, &pair, channels.clone(), t, out),
                4 => channel_blocks::<S, 4>(simd, &pair, channels.clone(), t, out),
                3 => channel_blocks::<S, 3>(simd, &pair, channels.clone(), t, out),
                2 => channel_blocks::<S, 2>(simd, &pair, channels.clone(), t, out),
                _ => channel_blocks::<S, 1>(simd, &pair, channels.clone(), t, out),
            }
            t += step;
        }
    }
}

/// Processes all of `channels` with T windows, which stay in the L1 cache.
#[inline(always)]
fn channel_blocks<S: Simd, const T: usize>(
    simd: S,
    pair: &StripPair<'_>,
    channels: Range<usize>,
    first: usize,
    out: &mut [f32],
) {
    let mut channel = channels.start;
    // 24 sums and their operands fill 32 registers, 12 fill 16.
    while S::REGISTER_COUNT >= 32 && channel + 4 <= channels.end {
        accumulate_block::<S, 4, T>(simd, pair, channel, first, out);
        channel += 4;
    }
    while channel + 2 <= channels.end {
        accumulate_block::<S, 2, T>(simd, pair, channel, first, out);
        channel += 2;
    }
    while channel < channels.end {
        accumulate_block::<S, 1, T>(simd, pair, channel, first, out);
        channel += 1;
    }
}

/// Processes C channels with T windows.
#[inline(always)]
fn accumulate_block<S: Simd, const C: usize, const T: usize>(
    simd: S,
    pair: &StripPair<'_>,
    channel: usize,
    first: usize,
    out: &mut [f32],
) {
    let rows = pair.rows;
    let length = rows.width / S::F32_LANES;
    let mut sum = [[simd.splat_f32s(0.0); T]; C];
    let mut is_inside = true;
    'rows: for row in 0..rows.count {
        let mut gradients: [&[S::f32s]; C] = [&[]; C];
        for c in 0..C {
            let start = (channel + c) * pair.channel_step + row * rows.gradient_step;
            let Some(vectors) = vectors_from::<S>(pair.gradient, start, length) else {
                is_inside = false;
                break 'rows;
            };
            gradients[c] = vectors;
        }
        let mut values: [&[S::f32s]; T] = [&[]; T];
        for t in 0..T {
            let start = pair.windows[first + t] + rows.lead + row * rows.input_step;
            let Some(vectors) = vectors_from::<S>(pair.input, start, length) else {
                is_inside = false;
                break 'rows;
            };
            values[t] = vectors;
        }
        for i in 0..length {
            for t in 0..T {
                for c in 0..C {
                    sum[c][t] = simd.mul_add_e_f32s(gradients[c][i], values[t][i], sum[c][t]);
                }
            }
        }
    }
    if !is_inside {
        panic_outside_window();
    }
    // By way of memory: adding up the lanes takes too many instructions for the compiler to unroll it for all sums, and it
    // would then keep them in memory during the loop.
    let mut kept = [0.0; SUMS * MAX_LANES];
    for c in 0..C {
        for t in 0..T {
            store_vector::<S>(&mut kept, (c * T + t) * S::F32_LANES, sum[c][t]);
        }
    }
    for c in 0..C {
        let out = &mut out[(channel + c) * pair.windows.len() + first..][..T];
        for (t, value) in out.iter_mut().enumerate() {
            let sum = load_vector::<S>(&kept, (c * T + t) * S::F32_LANES);
            *value += simd.reduce_sum_f32s(sum);
        }
    }
}

/// `count` vectors that follow each other from `start` on; `None` if they do not lie within `values`.
#[inline(always)]
fn vectors_from<S: Simd>(values: &[f32], start: usize, count: usize) -> Option<&[S::f32s]> {
    S::as_simd_f32s(values.get(start..)?).0.get(..count)
}

/// Sums the products of a strip and its gradient.
pub(super) struct PairJob<'a> {
    pub input: StripLayout,
    pub output: StripLayout,
    /// Number of rows of the gradient.
    pub rows: usize,
    /// How far windows start left of the output's column.
    pub border: usize,
    pub strip: &'a [f32],
    pub gradient: &'a [f32],
    /// Start of each window.
    pub windows: &'a [usize],
    /// `[channels][windows]`
    pub out: &'a mut [f32],
}

impl WithSimd for PairJob<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            input,
            output,
            rows,
            border,
            strip,
            gradient,
            windows,
            out,
        } = self;
        let pair = StripPair {
            input: strip,
            gradient,
            channels: output.channels,
            channel_step: output.channel_pitch(),
            windows,
            rows: StripRows {
                count: rows,
                width: padded_width(input.columns),
                lead: input.lead - border,
                input_step: input.row_length(),
                gradient_step: output.row_length(),
            },
        };
        accumulate_products(simd, pair, out);
    }
}

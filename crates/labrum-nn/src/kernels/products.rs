//! Sums of the products of an input strip with the output gradient of the same rows.

use super::scratch::StripVectors;
use super::simd::{panic_outside_window, vector_within};
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
    /// Windows, and the start of each vector in the input and in the gradient.
    lists: &'a StripVectors,
}

/// Number of output channels whose gradients stay in the L2 cache while all windows are processed.
const TILE: usize = 32;

/// `out[c][t] += sum over i of gradient[c][i] * input[windows[t] + i]`
#[inline(always)]
fn accumulate_products<S: Simd>(simd: S, pair: StripPair<'_>, out: &mut [f32]) {
    let count = pair.lists.windows.len();
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
    let StripVectors {
        windows,
        inputs,
        outputs,
    } = pair.lists;
    let mut sum = [[simd.splat_f32s(0.0); T]; C];
    let mut starts = [0; T];
    starts.copy_from_slice(&windows[first..first + T]);
    let mut rows = [0; C];
    for c in 0..C {
        rows[c] = (channel + c) * pair.channel_step;
    }
    let mut is_inside = true;
    let zero = simd.splat_f32s(0.0);
    'vectors: for (input, output) in inputs.iter().zip(outputs) {
        let mut gradients = [&zero; C];
        for c in 0..C {
            let Some(gradient) = vector_within::<S>(pair.gradient, rows[c] + output) else {
                is_inside = false;
                break 'vectors;
            };
            gradients[c] = gradient;
        }
        let mut values = [&zero; T];
        for t in 0..T {
            let Some(value) = vector_within::<S>(pair.input, starts[t] + input) else {
                is_inside = false;
                break 'vectors;
            };
            values[t] = value;
        }
        for t in 0..T {
            for c in 0..C {
                sum[c][t] = simd.mul_add_e_f32s(*gradients[c], *values[t], sum[c][t]);
            }
        }
    }
    if !is_inside {
        panic_outside_window();
    }
    for c in 0..C {
        for t in 0..T {
            out[(channel + c) * windows.len() + first + t] += simd.reduce_sum_f32s(sum[c][t]);
        }
    }
}

/// Sums the products of a strip and its gradient; the windows must be listed already.
pub(super) struct PairJob<'a> {
    pub input: StripLayout,
    pub output: StripLayout,
    /// Number of rows of the gradient.
    pub rows: usize,
    /// How far windows start left of the output's column.
    pub border: usize,
    pub strip: &'a [f32],
    pub gradient: &'a [f32],
    pub lists: &'a mut StripVectors,
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
            lists,
            out,
        } = self;
        lists.list_vectors(
            [rows, padded_width(input.columns), S::F32_LANES],
            |row, column| row * input.row_length() + input.lead - border + column,
            |row, column| row * output.row_length() + column,
        );
        let channels = output.channels;
        let channel_step = output.channel_pitch();
        accumulate_products(
            simd,
            StripPair {
                input: strip,
                gradient,
                channels,
                channel_step,
                lists,
            },
            out,
        );
    }
}

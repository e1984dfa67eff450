//! The weight gradient of a convolution: products of the output gradient with the shifted input.

use super::conv_sizes::ConvSizes;
use super::scratch::{StripVectors, with_scratch};
use super::simd::{MAX_LANES, panic_outside_window, vector_within};
use super::strip::{StripLayout, padded_width};
use super::winograd::{A, B, POINTS, ROWS, tap_gradients};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::{array, ops::Range};

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

/// Number of values of a strip pair that should stay in the L2 cache.
const STRIP: usize = 96 * 1024;
/// Minimum number of vectors of a strip: with fewer, adding up the lanes takes longer than the products.
const VECTORS: usize = 64;
/// Number of separate sums for each point, among which the strips are divided. It does not depend on the number of
/// threads, so that results do not either.
const SHARES: usize = 4;

/// The gradient of the weights [Co,Ci/groups,k,k] from x [B,Ci,H,W] and the output gradient [B,Co,H,W].
pub(super) fn for_dense(x: &[f32], grad: &[f32], s: ConvSizes) -> Vec<f32> {
    let s = s.flattened_rows();
    let for_group = if s.kernel == 3 {
        at_points
    } else {
        for_plain_kernel
    };
    (0..s.groups)
        .flat_map(|group| for_group(x, grad, s, group))
        .collect()
}

/// Strips of up to `rows` rows, as (sample, first row), divided into shares.
fn split_into_shares(s: ConvSizes, rows: usize) -> Vec<Vec<(usize, usize)>> {
    let strips: Vec<_> = (0..s.batch)
        .flat_map(|b| (0..s.rows).step_by(rows).map(move |first| (b, first)))
        .collect();
    let share = strips.len().div_ceil(SHARES).max(1);
    strips.chunks(share).map(<[_]>::to_vec).collect()
}

/// The input planes of a group in one sample.
fn input_of_group(x: &[f32], s: ConvSizes, sample: usize, group: usize) -> &[f32] {
    let first = sample * s.in_channels + group * s.in_per_group();
    &x[first * s.pixel_count()..][..s.in_per_group() * s.pixel_count()]
}

/// The planes of the output gradient of a group in one sample.
fn gradient_of_group(grad: &[f32], s: ConvSizes, sample: usize, group: usize) -> &[f32] {
    let first = sample * s.out_channels + group * s.out_per_group();
    &grad[first * s.pixel_count()..][..s.out_per_group() * s.pixel_count()]
}

fn add_up(parts: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = parts[0].clone();
    for part in &parts[1..] {
        sum.iter_mut()
            .zip(part)
            .for_each(|(sum, value)| *sum += value);
    }
    sum
}

/// Weight gradient of a group, for any kernel size.
fn for_plain_kernel(x: &[f32], grad: &[f32], s: ConvSizes, group: usize) -> Vec<f32> {
    let input = StripLayout::new(s.in_per_group(), s.columns, s.border_width());
    let output = StripLayout::new(s.out_per_group(), s.columns, 0);
    let least = (VECTORS * MAX_LANES).div_ceil(padded_width(s.columns));
    let rows = (STRIP / (input.row_length() + output.row_length()))
        .max(least)
        .min(s.rows);
    let sums: Vec<Vec<f32>> = split_into_shares(s, rows)
        .into_par_iter()
        .map(|strips| {
            let mut out = vec![0.0; s.out_per_group() * s.tap_count()];
            let room = input.strip_length(rows + 2 * s.border_width());
            with_scratch(room + output.strip_length(rows), |values, lists| {
                let (strip, gradient) = values.split_at_mut(room);
                let k = s.kernel;
                lists.windows.clear();
                lists.windows.extend((0..s.tap_count()).map(|t| {
                    t / (k * k) * input.channel_pitch() + t / k % k * input.row_length() + t % k
                }));
                for (sample, first) in strips {
                    let count = rows.min(s.rows - first);
                    let x = input_of_group(x, s, sample, group);
                    let grad = gradient_of_group(grad, s, sample, group);
                    let above = first as isize - s.border_width() as isize;
                    input.gather_rows(x, s.rows, above, count + 2 * s.border_width(), strip);
                    output.gather_rows(grad, s.rows, first as isize, count, gradient);
                    let job = PairJob {
                        input,
                        output,
                        rows: count,
                        border: s.border_width(),
                        strip,
                        gradient,
                        lists,
                        out: &mut out,
                    };
                    Arch::new().dispatch(job);
                }
            });
            out
        })
        .collect();
    add_up(&sums)
}

/// Weight gradient of a group, for 3x3 at Winograd's points: three products for each of six points instead of nine for
/// each of four rows.
fn at_points(x: &[f32], grad: &[f32], s: ConvSizes, group: usize) -> Vec<f32> {
    let input = StripLayout::new(s.in_per_group(), s.columns, 1);
    let output = StripLayout::new(s.out_per_group(), s.columns, 0);
    let most = (STRIP / (input.row_length() + output.row_length())).max(1);
    let least = (VECTORS * MAX_LANES).div_ceil(padded_width(s.columns));
    // Groups of four rows, numbered through all samples.
    let quads_of_sample = s.rows.div_ceil(ROWS);
    let all = s.batch * quads_of_sample;
    let quads = most.max(least).min(all);
    let starts: Vec<usize> = (0..all).step_by(quads).collect();
    let share = starts.len().div_ceil(SHARES);
    let tasks: Vec<(usize, &[usize])> = (0..POINTS)
        .flat_map(|point| starts.chunks(share).map(move |starts| (point, starts)))
        .collect();
    let depth = s.in_per_group() * 3;
    let sums: Vec<Vec<f32>> = tasks
        .into_par_iter()
        .map(|(point, starts)| {
            let mut out = vec![0.0; s.out_per_group() * depth];
            let room = input.strip_length(quads);
            with_scratch(room + output.strip_length(quads), |values, lists| {
                let (strip, gradient) = values.split_at_mut(room);
                lists.list_columns(s.in_per_group(), input.channel_pitch());
                for &start in starts {
                    let count = quads.min(all - start);
                    for quad in 0..count {
                        let sample = (start + quad) / quads_of_sample;
                        let first = (start + quad) % quads_of_sample * ROWS;
                        let x = input_of_group(x, s, sample, group);
                        let grad = gradient_of_group(grad, s, sample, group);
                        let to =
                            &mut strip[quad * input.row_length()..(quad + 1) * input.row_length()];
                        let mix = Mix {
                            shares: B[point],
                            first: first as isize - 1,
                            rows: s.rows,
                        };
                        mix_rows(mix, x, input, to);
                        let to = &mut gradient
                            [quad * output.row_length()..(quad + 1) * output.row_length()];
                        let mix = Mix {
                            shares: array::from_fn(|row| A.get(row).map_or(0.0, |row| row[point])),
                            first: first as isize,
                            rows: s.rows,
                        };
                        mix_rows(mix, grad, output, to);
                    }
                    strip[count * input.row_length()..][..input.lead].fill(0.0);
                    let job = PairJob {
                        input,
                        output,
                        rows: count,
                        border: 1,
                        strip,
                        gradient,
                        lists,
                        out: &mut out,
                    };
                    Arch::new().dispatch(job);
                }
            });
            out
        })
        .collect();
    let of_point: Vec<Vec<f32>> = sums.chunks(sums.len() / POINTS).map(add_up).collect();
    taps_from_points(&of_point, s)
}

/// The gradients of the taps of a group, `[out][in][3][3]`, from those at the points, `[out][in][3]` each.
fn taps_from_points(of_point: &[Vec<f32>], s: ConvSizes) -> Vec<f32> {
    let depth = s.in_per_group() * 3;
    let mut out = vec![0.0; s.out_per_group() * s.tap_count()];
    for channel in 0..s.out_per_group() {
        for i in 0..depth {
            let from = i / 3;
            let column = i % 3;
            let taps = tap_gradients(array::from_fn(|point| of_point[point][channel * depth + i]));
            for (row, tap) in taps.into_iter().enumerate() {
                out[channel * s.tap_count() + (from * 3 + row) * 3 + column] = tap;
            }
        }
    }
    out
}

/// A weighted sum of six rows from `first` on; rows outside `rows` are zeros.
struct Mix {
    shares: [f32; POINTS],
    first: isize,
    rows: usize,
}

/// Computes the sum for every channel of `planes`, into one row of a strip.
fn mix_rows(mix: Mix, planes: &[f32], layout: StripLayout, strip: &mut [f32]) {
    let terms: Vec<(f32, usize)> = (0..POINTS)
        .map(|i| (mix.shares[i], mix.first + i as isize))
        .filter(|(share, row)| *share != 0.0 && (0..mix.rows as isize).contains(row))
        .map(|(share, row)| (share, row as usize * layout.columns))
        .collect();
    Arch::new().dispatch(MixJob {
        terms: &terms,
        planes,
        pixels: mix.rows * layout.columns,
        layout,
        strip,
    });
}

struct MixJob<'a> {
    /// Weight of each row, and its start in the plane.
    terms: &'a [(f32, usize)],
    planes: &'a [f32],
    pixels: usize,
    layout: StripLayout,
    strip: &'a mut [f32],
}

impl WithSimd for MixJob<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            terms,
            planes,
            pixels,
            layout,
            strip,
        } = self;
        let columns = layout.columns;
        for (plane, to) in planes
            .chunks_exact(pixels)
            .zip(strip.chunks_exact_mut(layout.channel_pitch()))
        {
            to[..layout.lead].fill(0.0);
            to[layout.lead + columns..].fill(0.0);
            let to = &mut to[layout.lead..layout.lead + columns];
            // One term after another: the row is in the L1 cache, and each pass vectorises well.
            to.fill(0.0);
            for (share, row) in terms {
                to.iter_mut()
                    .zip(&plane[*row..])
                    .for_each(|(to, value)| *to += share * value);
            }
        }
    }
}

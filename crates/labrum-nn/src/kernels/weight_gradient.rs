//! The weight gradient of a convolution: products of the output gradient with the shifted input.

use super::conv_sizes::ConvSizes;
use super::scratch::{StripVectors, with_scratch};
use super::simd::{MAX_LANES, panic_outside_window, sum_values, vector_within};
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
/// The same at Winograd's points, where the rows that all points are mixed from have to stay there as well.
const POINT_STRIP: usize = STRIP / 3;
/// Minimum number of vectors of a strip: with fewer, adding up the lanes takes longer than the products.
const VECTORS: usize = 64;
/// Number of separate sums for each point, among which the strips are divided. It does not depend on the number of
/// threads, so that results do not either.
const SHARES: usize = 4;

/// Gradients of the weights [Co,Ci/groups,k,k] and of the bias [Co].
pub(super) struct ParameterGradients {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// The gradients of weights and bias from x [B,Ci,H,W] and the output gradient [B,Co,H,W].
pub(super) fn for_dense(x: &[f32], grad: &[f32], s: ConvSizes) -> ParameterGradients {
    let s = s.flattened_rows();
    let mut all = ParameterGradients {
        weight: Vec::with_capacity(s.out_channels * s.tap_count()),
        bias: Vec::with_capacity(s.out_channels),
    };
    for group in 0..s.groups {
        let planes = GroupPlanes { x, grad, s, group };
        let of_group = if s.kernel == 3 {
            planes.gradients_at_points()
        } else {
            planes.plain_gradients()
        };
        all.weight.extend(of_group.weight);
        all.bias.extend(of_group.bias);
    }
    all
}

/// The input and the output gradient of one group.
#[derive(Clone, Copy)]
struct GroupPlanes<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    s: ConvSizes,
    group: usize,
}

/// Sums over some strips: products, for each point where there are several, and the output gradient of each channel.
struct Sums {
    products: Vec<Vec<f32>>,
    channels: Vec<f64>,
}

impl<'a> GroupPlanes<'a> {
    /// The input planes in one sample.
    fn input(&self, sample: usize) -> &'a [f32] {
        let s = self.s;
        let first = sample * s.in_channels + self.group * s.in_per_group();
        &self.x[first * s.pixel_count()..][..s.in_per_group() * s.pixel_count()]
    }

    /// The planes of the output gradient in one sample.
    fn gradient(&self, sample: usize) -> &'a [f32] {
        let s = self.s;
        let first = sample * s.out_channels + self.group * s.out_per_group();
        &self.grad[first * s.pixel_count()..][..s.out_per_group() * s.pixel_count()]
    }

    /// Adds the sums of `count` rows of the output gradient to those of each channel.
    fn add_channel_sums(&self, sample: usize, first: usize, count: usize, sums: &mut [f64]) {
        let columns = self.s.columns;
        let planes = self.gradient(sample).chunks_exact(self.s.pixel_count());
        for (sum, plane) in sums.iter_mut().zip(planes) {
            *sum += sum_of_plane(&plane[first * columns..(first + count) * columns]);
        }
    }

    /// The gradients for any kernel size.
    fn plain_gradients(&self) -> ParameterGradients {
        let s = self.s;
        let input = StripLayout::new(s.in_per_group(), s.columns, s.border_width());
        let output = StripLayout::new(s.out_per_group(), s.columns, 0);
        let least = (VECTORS * MAX_LANES).div_ceil(padded_width(s.columns));
        let rows = (STRIP / (input.row_length() + output.row_length()))
            .max(least)
            .min(s.rows);
        let strips: Vec<(usize, usize)> = (0..s.batch)
            .flat_map(|b| (0..s.rows).step_by(rows).map(move |first| (b, first)))
            .collect();
        let sums: Vec<Sums> = strips
            .par_chunks(strips.len().div_ceil(SHARES).max(1))
            .map(|strips| self.sum_plain_strips([input, output], rows, strips))
            .collect();
        ParameterGradients {
            weight: add_up(sums.iter().map(|sums| &sums.products[0])),
            bias: add_up_channels(&sums),
        }
    }

    /// Sums over strips of up to `rows` rows, given as (sample, first row).
    fn sum_plain_strips(
        &self,
        [input, output]: [StripLayout; 2],
        rows: usize,
        strips: &[(usize, usize)],
    ) -> Sums {
        let (s, k) = (self.s, self.s.kernel);
        let mut out = vec![0.0; s.out_per_group() * s.tap_count()];
        let mut channels = vec![0.0; s.out_per_group()];
        let room = input.strip_length(rows + 2 * s.border_width());
        with_scratch(room + output.strip_length(rows), |values, lists| {
            let (strip, gradient) = values.split_at_mut(room);
            lists.windows.clear();
            lists.windows.extend((0..s.tap_count()).map(|t| {
                t / (k * k) * input.channel_pitch() + t / k % k * input.row_length() + t % k
            }));
            for &(sample, first) in strips {
                let count = rows.min(s.rows - first);
                let above = first as isize - s.border_width() as isize;
                let with_border = count + 2 * s.border_width();
                input.gather_rows(self.input(sample), s.rows, above, with_border, strip);
                let below = self.gradient(sample);
                output.gather_rows(below, s.rows, first as isize, count, gradient);
                self.add_channel_sums(sample, first, count, &mut channels);
                Arch::new().dispatch(PairJob {
                    input,
                    output,
                    rows: count,
                    border: s.border_width(),
                    strip,
                    gradient,
                    lists,
                    out: &mut out,
                });
            }
        });
        Sums {
            products: vec![out],
            channels,
        }
    }

    /// The gradients for 3x3 at Winograd's points: three products for each of six points instead of nine for each of
    /// four rows.
    fn gradients_at_points(&self) -> ParameterGradients {
        let s = self.s;
        let layouts = [
            StripLayout::new(s.in_per_group(), s.columns, 1),
            StripLayout::new(s.out_per_group(), s.columns, 0),
        ];
        let row_length: usize = layouts.iter().map(StripLayout::row_length).sum();
        let least = (VECTORS * MAX_LANES).div_ceil(padded_width(s.columns));
        // Groups of four rows, numbered through all samples.
        let all = s.batch * s.rows.div_ceil(ROWS);
        let quads = (POINT_STRIP / row_length).max(least).min(all).max(1);
        let strips: Vec<Range<usize>> = (0..all)
            .step_by(quads)
            .map(|first| first..(first + quads).min(all))
            .collect();
        let share = strips.len().div_ceil(SHARES).max(1);
        let together = points_together(strips.len().div_ceil(share));
        let tasks: Vec<(&[Range<usize>], usize)> = strips
            .chunks(share)
            .flat_map(|strips| {
                (0..POINTS)
                    .step_by(together)
                    .map(move |first| (strips, first))
            })
            .collect();
        let sums: Vec<Sums> = tasks
            .into_par_iter()
            .map(|(strips, first)| {
                self.sum_strips_at_points(layouts, quads, strips, first..first + together)
            })
            .collect();
        let of_point: Vec<Vec<f32>> = (0..POINTS)
            .map(|point| {
                let of_tasks = sums[point / together..].iter().step_by(POINTS / together);
                add_up(of_tasks.map(|sums| &sums.products[point % together]))
            })
            .collect();
        ParameterGradients {
            weight: taps_from_points(&of_point, s),
            bias: add_up_channels(&sums),
        }
    }

    /// Sums over strips of up to `quads` groups of four rows at these points; only the task of the first point adds up
    /// the channels.
    fn sum_strips_at_points(
        &self,
        [input, output]: [StripLayout; 2],
        quads: usize,
        strips: &[Range<usize>],
        points: Range<usize>,
    ) -> Sums {
        let s = self.s;
        let length = s.out_per_group() * s.in_per_group() * 3;
        let mut products = vec![vec![0.0; length]; points.len()];
        let mut channels = vec![0.0; s.out_per_group()];
        let room = input.strip_length(quads);
        with_scratch(room + output.strip_length(quads), |values, lists| {
            let (strip, gradient) = values.split_at_mut(room);
            lists.list_columns(s.in_per_group(), input.channel_pitch());
            for range in strips {
                // One point after the other, while the rows that they are mixed from are in the cache.
                for (point, out) in points.clone().zip(&mut products) {
                    for (i, quad) in range.clone().enumerate() {
                        let to_input = &mut strip[i * input.row_length()..][..input.row_length()];
                        self.mix_input(point, quad, input, to_input);
                        let to_gradient =
                            &mut gradient[i * output.row_length()..][..output.row_length()];
                        self.mix_gradient(point, quad, output, to_gradient);
                    }
                    strip[range.len() * input.row_length()..][..input.lead].fill(0.0);
                    Arch::new().dispatch(PairJob {
                        input,
                        output,
                        rows: range.len(),
                        border: 1,
                        strip: &*strip,
                        gradient: &*gradient,
                        lists: &mut *lists,
                        out,
                    });
                }
                if points.start == 0 {
                    for quad in range.clone() {
                        let (sample, first) = self.quad_start(quad);
                        let count = ROWS.min(s.rows - first);
                        self.add_channel_sums(sample, first, count, &mut channels);
                    }
                }
            }
        });
        Sums { products, channels }
    }

    /// Sample and first row of a group of four rows.
    fn quad_start(&self, quad: usize) -> (usize, usize) {
        let of_sample = self.s.rows.div_ceil(ROWS);
        (quad / of_sample, quad % of_sample * ROWS)
    }

    fn mix_input(&self, point: usize, quad: usize, layout: StripLayout, to: &mut [f32]) {
        let (sample, first) = self.quad_start(quad);
        let mix = Mix {
            shares: B[point],
            first: first as isize - 1,
            rows: self.s.rows,
        };
        mix_rows(mix, self.input(sample), layout, to);
    }

    fn mix_gradient(&self, point: usize, quad: usize, layout: StripLayout, to: &mut [f32]) {
        let (sample, first) = self.quad_start(quad);
        let mix = Mix {
            shares: array::from_fn(|row| A.get(row).map_or(0.0, |row| row[point])),
            first: first as isize,
            rows: self.s.rows,
        };
        mix_rows(mix, self.gradient(sample), layout, to);
    }
}

/// Number of points of one task: as many as leave two tasks for each thread. It does not change the sums.
fn points_together(shares: usize) -> usize {
    let wanted = 2 * rayon::current_num_threads();
    [POINTS, 3, 2]
        .into_iter()
        .find(|together| shares * (POINTS / together) >= wanted)
        .unwrap_or(1)
}

fn add_up<'a>(mut parts: impl Iterator<Item = &'a Vec<f32>>) -> Vec<f32> {
    let mut sum = parts.next().cloned().unwrap_or_default();
    for part in parts {
        sum.iter_mut()
            .zip(part)
            .for_each(|(sum, value)| *sum += value);
    }
    sum
}

fn add_up_channels(parts: &[Sums]) -> Vec<f32> {
    let count = parts.first().map_or(0, |part| part.channels.len());
    (0..count)
        .map(|channel| parts.iter().map(|part| part.channels[channel]).sum::<f64>() as f32)
        .collect()
}

/// Summed in parts: a running sum of all pixels in f32 would lose digits.
pub(super) fn sum_of_plane(plane: &[f32]) -> f64 {
    let parts = plane.chunks(1024);
    parts
        .map(|part| f64::from(Arch::new().dispatch(PlaneSum(part))))
        .sum()
}

struct PlaneSum<'a>(&'a [f32]);

impl WithSimd for PlaneSum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        sum_values(simd, self.0)
    }
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

//! Forward convolution with few groups, strip by strip: Winograd's products for 3x3, direct ones for other kernels.

use super::buffers::take_buffer;
use super::conv_sizes::ConvSizes;
use super::conv3::{PointInputs, PointWeights, RowSink, SUMS, multiply_points};
use super::scratch::{StripVectors, with_scratch};
use super::simd::{MAX_LANES, detected_arch, store_first, store_vector};
use super::strip::{StripLayout, padded_width};
use super::tile::{Packed, Sink, multiply_all};
use super::windows::{ChannelWindows, ColumnWindows, PACK, Windows};
use super::winograd::{POINTS, ROWS, fill_points};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Number of values of a strip that should stay in the L2 cache.
const STRIP: usize = 96 * 1024;

/// Weights in the layout that the product needs.
enum Weights {
    Points(PointWeights),
    Plain(Packed),
}

/// Some output channels of one group.
struct ChannelPart {
    group: usize,
    /// First channel in the whole output.
    first: usize,
    channels: usize,
    weights: Weights,
}

/// out [B,Co,H,W] = conv(x [B,Ci,H,W], weight [Co,Ci/groups,k,k]) + bias [Co].
pub(super) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, s: ConvSizes) -> Vec<f32> {
    let s = s.flattened_rows();
    let parts = split_output_channels(weight, s);
    let none = vec![0.0; s.out_channels];
    let bias = bias.unwrap_or(&none);
    let mut out = take_buffer(s.batch * s.out_channels * s.pixel_count());
    let mut tasks = Vec::with_capacity(s.batch * parts.len());
    let mut rest = out.as_mut_slice();
    for sample in 0..s.batch {
        for part in &parts {
            let (planes, after) = rest.split_at_mut(part.channels * s.pixel_count());
            rest = after;
            tasks.push((sample, part, planes));
        }
    }
    tasks.into_par_iter().for_each(|(sample, part, out)| {
        let in_group = s.in_per_group();
        let start = (sample * s.in_channels + part.group * in_group) * s.pixel_count();
        let input = &x[start..start + in_group * s.pixel_count()];
        let bias = &bias[part.first..part.first + part.channels];
        let layout = StripLayout::new(in_group, s.columns, s.border_width());
        let rows = strip_rows(&layout, s);
        let gathered = layout.strip_length(rows + 2 * s.border_width());
        let points = POINTS * point_length(&layout, rows);
        with_scratch(gathered + points + SUMS, |values, lists| {
            let (strip, points) = values.split_at_mut(gathered);
            for first in (0..s.rows).step_by(rows) {
                let count = rows.min(s.rows - first);
                // The points give four rows at a time, even where fewer are left.
                let made = if s.kernel == 3 {
                    count.next_multiple_of(ROWS)
                } else {
                    count
                };
                layout.gather_rows(
                    input,
                    s.rows,
                    first as isize - s.border_width() as isize,
                    made + 2 * s.border_width(),
                    strip,
                );
                let out = Output {
                    bias,
                    planes: &mut *out,
                    pixels: s.pixel_count(),
                    columns: s.columns,
                };
                let job = StripJob {
                    weights: &part.weights,
                    layout,
                    s,
                    first,
                    rows: made,
                    strip,
                    points: &mut *points,
                    lists,
                    out,
                };
                detected_arch().dispatch(job);
            }
        });
    });
    out
}

/// Splits the output channels of each group into as many parts as keep all threads busy.
fn split_output_channels(weight: &[f32], s: ConvSizes) -> Vec<ChannelPart> {
    let per_group = s.out_per_group();
    let wanted = rayon::current_num_threads().div_ceil(s.batch * s.groups);
    let channels = per_group.div_ceil(wanted).next_multiple_of(2 * PACK);
    let mut parts = Vec::new();
    for group in 0..s.groups {
        for first in (0..per_group).step_by(channels) {
            let channels = channels.min(per_group - first);
            let first = group * per_group + first;
            let of_part = &weight[first * s.tap_count()..(first + channels) * s.tap_count()];
            let weights = if s.kernel == 3 {
                Weights::Points(PointWeights::new(of_part, channels, s.in_per_group()))
            } else {
                Weights::Plain(Packed::new(channels, s.tap_count(), |out, t| {
                    of_part[out * s.tap_count() + t]
                }))
            };
            parts.push(ChannelPart {
                group,
                first,
                channels,
                weights,
            });
        }
    }
    parts
}

/// Rows per strip, a multiple of four for 3x3.
fn strip_rows(layout: &StripLayout, s: ConvSizes) -> usize {
    let per_row = if s.kernel == 3 {
        layout.row_length() * 5 / 2
    } else {
        layout.row_length()
    };
    // At least six vectors, so that weights are read once for several of them.
    let least = (6 * MAX_LANES).div_ceil(padded_width(s.columns));
    let rows = (STRIP / per_row).max(least).min(s.rows);
    if s.kernel == 3 {
        rows.next_multiple_of(ROWS)
    } else {
        rows
    }
}

/// Number of values of one point for a strip, with the zeros after them.
fn point_length(layout: &StripLayout, rows: usize) -> usize {
    layout.strip_length(rows.div_ceil(ROWS))
}

/// Output planes of some channels.
struct Output<'a> {
    bias: &'a [f32],
    planes: &'a mut [f32],
    pixels: usize,
    columns: usize,
}

/// The convolution of one strip.
struct StripJob<'a> {
    weights: &'a Weights,
    layout: StripLayout,
    s: ConvSizes,
    first: usize,
    rows: usize,
    strip: &'a [f32],
    points: &'a mut [f32],
    lists: &'a mut StripVectors,
    out: Output<'a>,
}

impl WithSimd for StripJob<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.weights {
            Weights::Points(weights) => self.at_points(simd, weights),
            Weights::Plain(weights) => self.convolve_plain(simd, weights),
        }
    }
}

impl StripJob<'_> {
    #[inline(always)]
    fn convolve_plain<S: Simd>(self, simd: S, weights: &Packed) {
        let Self {
            layout,
            s,
            first,
            rows,
            strip,
            lists,
            out,
            ..
        } = self;
        let row_length = layout.row_length();
        let pitch = layout.channel_pitch();
        let k = s.kernel;
        lists.list_vectors(
            [rows, s.columns, S::F32_LANES],
            |row, column| row * row_length + layout.lead - s.border_width() + column,
            |row, column| (first + row) * s.columns + column,
        );
        if k == 1 {
            let windows = ChannelWindows { step: pitch };
            multiply_rows(simd, weights, windows, strip, lists, out, s.columns);
            return;
        }
        lists.windows.clear();
        lists.windows.extend((0..s.tap_count()).map(|t| {
            let channel = t / (k * k);
            let row = t / k % k;
            let column = t % k;
            channel * pitch + row * row_length + column
        }));
        let windows = &lists.windows[..];
        multiply_rows(simd, weights, windows, strip, lists, out, s.columns);
    }

    #[inline(always)]
    fn at_points<S: Simd>(self, simd: S, weights: &PointWeights) {
        let Self {
            layout,
            s,
            first,
            rows,
            strip,
            points,
            lists,
            out,
            ..
        } = self;
        let row_length = layout.row_length();
        let quads = rows / ROWS;
        lists.list_vectors(
            [quads, s.columns, S::F32_LANES],
            |quad, column| quad * row_length + layout.lead - 1 + column,
            |quad, column| (first + quad * ROWS) * s.columns + column,
        );
        let point_length = layout.strip_length(quads);
        let (points, values) = points.split_at_mut(POINTS * point_length);
        for quad in 0..quads {
            let mut rows: [&[f32]; POINTS] = [&[]; POINTS];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = &strip[(quad * ROWS + i) * row_length..][..row_length];
            }
            fill_points(simd, rows, points, quad * row_length);
        }
        for point in points.chunks_exact_mut(point_length) {
            point[quads * row_length..].fill(0.0);
        }
        let inputs = PointInputs {
            values: points,
            windows: ColumnWindows {
                step: layout.channel_pitch(),
            },
            positions: &lists.inputs,
        };
        let sums = &mut values[..SUMS];
        let vectors = &lists.outputs[..];
        if s.columns.is_multiple_of(MAX_LANES) {
            multiply_points(
                simd,
                weights,
                inputs,
                sums,
                &mut PlaneRows::<false> { out, vectors },
            );
        } else {
            multiply_points(
                simd,
                weights,
                inputs,
                sums,
                &mut PlaneRows::<true> { out, vectors },
            );
        }
    }
}

/// Multiplies at all positions of `lists`, and writes into planes with rows of `columns` pixels.
#[inline(always)]
fn multiply_rows<S: Simd>(
    simd: S,
    weights: &Packed,
    windows: impl Windows,
    strip: &[f32],
    lists: &StripVectors,
    out: Output<'_>,
    columns: usize,
) {
    let StripVectors {
        inputs,
        outputs: vectors,
        ..
    } = lists;
    if columns.is_multiple_of(MAX_LANES) {
        let mut sink = PlaneRows::<false> { out, vectors };
        multiply_all(simd, weights, windows, strip, inputs, &mut sink);
    } else {
        let mut sink = PlaneRows::<true> { out, vectors };
        multiply_all(simd, weights, windows, strip, inputs, &mut sink);
    }
}

/// Writes into planes `[channels][rows][columns]`; with RAGGED, the last vector of a row may extend beyond it.
struct PlaneRows<'a, const RAGGED: bool> {
    out: Output<'a>,
    /// Start of each vector in its plane.
    vectors: &'a [usize],
}

impl<const RAGGED: bool> PlaneRows<'_, RAGGED> {
    #[inline(always)]
    fn write_vector<S: Simd>(&mut self, simd: S, channel: usize, at: usize, value: S::f32s) {
        let Output {
            bias,
            planes,
            pixels,
            columns,
        } = &mut self.out;
        let value = simd.add_f32s(value, simd.splat_f32s(bias[channel]));
        let start = channel * *pixels + at;
        if RAGGED {
            let room = (*columns - at % *columns).min(S::F32_LANES);
            store_first::<S>(&mut planes[start..start + room], value);
        } else {
            store_vector::<S>(planes, start, value);
        }
    }
}

impl<S: Simd, const RAGGED: bool> Sink<S> for PlaneRows<'_, RAGGED> {
    const BY_MEMORY: bool = true;

    #[inline(always)]
    fn take_sums<const N: usize>(
        &mut self,
        simd: S,
        channel: usize,
        position: usize,
        sums: [S::f32s; N],
    ) {
        for n in 0..N {
            self.write_vector(simd, channel, self.vectors[position + n], sums[n]);
        }
    }
}

impl<S: Simd, const RAGGED: bool> RowSink<S> for PlaneRows<'_, RAGGED> {
    #[inline(always)]
    fn take_rows(&mut self, simd: S, channel: usize, position: usize, rows: [S::f32s; ROWS]) {
        let at = self.vectors[position];
        for (r, row) in rows.into_iter().enumerate() {
            if at + r * self.out.columns < self.out.pixels {
                self.write_vector(simd, channel, at + r * self.out.columns, row);
            }
        }
    }
}

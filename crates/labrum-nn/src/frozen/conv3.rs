//! 3x3 convolution of the frozen network with its activation: Winograd's products, strip by strip.

use super::planes::{self, Planes, clear_right};
use crate::kernels::conv3::{PointInputs, PointWeights, RowSink, SUMS, multiply_points};
use crate::kernels::scratch::{StripVectors, with_scratch};
use crate::kernels::simd::{MAX_LANES, detected_arch, gelu, load_vector, relu, store_vector};
use crate::kernels::strip::padded_width;
use crate::kernels::windows::ColumnWindows;
use crate::kernels::winograd::{B, POINTS, ROWS, fill_points};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::array;

/// Activation after a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    Relu,
    Gelu,
}

/// One group of a 3x3 convolution: every output channel depends on every input channel.
#[derive(Debug)]
pub(super) struct Conv3 {
    weights: PointWeights,
    bias: Vec<f32>,
    in_channels: usize,
    activation: Activation,
}

/// Input of a group.
#[derive(Clone, Copy)]
pub(super) enum GroupInput<'a> {
    /// At its own size.
    Same(&'a Planes),
    /// Upsampled x2 first, bilinearly with half-pixel centres.
    Doubled(&'a Planes),
}

impl GroupInput<'_> {
    pub(super) fn source_planes(&self) -> &Planes {
        match self {
            Self::Same(planes) | Self::Doubled(planes) => planes,
        }
    }
}

/// Minimum number of vectors per row of points of a strip, so that weights are read once for several vectors.
const VECTORS: usize = 6;

impl Conv3 {
    /// From weights `[out][in][3][3]`.
    pub(super) fn new(weight: &[f32], bias: Vec<f32>, activation: Activation) -> Self {
        let in_channels = weight.len() / (bias.len() * 9);
        Self {
            weights: PointWeights::new(weight, bias.len(), in_channels),
            bias,
            in_channels,
            activation,
        }
    }

    pub(super) fn in_channels(&self) -> usize {
        self.in_channels
    }

    pub(super) fn output_channels(&self) -> usize {
        self.bias.len()
    }

    /// Number of weights, bias included.
    pub(super) fn weight_count(&self) -> usize {
        self.bias.len() * (self.in_channels * 9 + 1)
    }
}

/// Runs the groups of a convolution, each on its own source. Their output channels follow each other in `out`.
pub(super) fn run_groups(groups: &[Conv3], sources: &[GroupInput<'_>], out: &mut Planes) {
    let rows = out.rows;
    let columns = out.columns;
    let row_length = out.row_length();
    let strips = rows.div_ceil(ROWS);
    let vectors = out.padded_width() / MAX_LANES;
    let together = VECTORS
        .div_ceil(vectors)
        .min(strips.div_ceil(rayon::current_num_threads()));
    let strip_rows = together * ROWS;
    out.inside_mut()
        .par_chunks_mut(strip_rows * row_length)
        .enumerate()
        .for_each(|(index, out)| {
            let mut first_channel = 0;
            for (layer, source) in groups.iter().zip(sources) {
                let strip = Strip {
                    layer,
                    source,
                    first_row: index * strip_rows,
                    columns,
                    first_channel,
                    row_length,
                };
                with_scratch(
                    strip.buffer_length(out.len() / row_length),
                    |values, lists| {
                        detected_arch().dispatch(ConvTask {
                            strip: &strip,
                            out: &mut *out,
                            values,
                            lists,
                        });
                    },
                );
                first_channel += layer.bias.len();
            }
            clear_right(out, columns);
        });
}

struct Strip<'a> {
    layer: &'a Conv3,
    source: &'a GroupInput<'a>,
    first_row: usize,
    columns: usize,
    /// First channel of the group in the output.
    first_channel: usize,
    /// Length of a row of the output.
    row_length: usize,
}

impl Strip<'_> {
    fn channel_pitch(&self) -> usize {
        planes::pitch_for_columns(self.columns)
    }

    /// Number of values of one point for `quads` times four rows, with the zeros after them.
    fn point_length(&self, quads: usize) -> usize {
        quads * self.layer.in_channels * self.channel_pitch() + MAX_LANES
    }

    /// Number of values of a source row at one point, before upsampling.
    fn half_length(&self) -> usize {
        match self.source {
            GroupInput::Same(_) => 0,
            GroupInput::Doubled(planes) => planes.row_length(),
        }
    }

    /// Number of scratch values for the strip.
    fn buffer_length(&self, rows: usize) -> usize {
        POINTS * self.point_length(rows.div_ceil(ROWS)) + self.half_length() + SUMS
    }
}

struct ConvTask<'a> {
    strip: &'a Strip<'a>,
    out: &'a mut [f32],
    values: &'a mut [f32],
    lists: &'a mut StripVectors,
}

impl WithSimd for ConvTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            strip,
            out,
            values,
            lists,
        } = self;
        let rows = out.len() / strip.row_length;
        let quads = rows.div_ceil(ROWS);
        let channels = strip.layer.in_channels;
        let pitch = strip.channel_pitch();
        let point_length = strip.point_length(quads);
        // The tap left of the first column reads the last of the zeros before it.
        lists.list_vectors(
            [quads, padded_width(strip.columns), S::F32_LANES],
            |quad, column| quad * channels * pitch + MAX_LANES - 1 + column,
            |quad, column| quad * ROWS * strip.row_length + MAX_LANES + column,
        );
        let StripVectors {
            inputs, outputs, ..
        } = lists;
        let (points, values) = values.split_at_mut(POINTS * point_length);
        let (half, values) = values.split_at_mut(strip.half_length());
        for quad in 0..quads {
            let first_row = strip.first_row + quad * ROWS;
            fill_quad(simd, strip, first_row, points, point_length, quad, half);
        }
        for point in points.chunks_exact_mut(point_length) {
            point[point_length - MAX_LANES..].fill(0.0);
        }
        let inputs = PointInputs {
            values: points,
            windows: ColumnWindows { step: pitch },
            positions: inputs,
        };
        let mut sink = Finish {
            strip,
            outputs,
            out,
        };
        multiply_points(
            simd,
            &strip.layer.weights,
            inputs,
            &mut values[..SUMS],
            &mut sink,
        );
    }
}

/// Computes the six points of four output rows.
#[inline(always)]
fn fill_quad<S: Simd>(
    simd: S,
    strip: &Strip<'_>,
    first_row: usize,
    points: &mut [f32],
    point_length: usize,
    quad: usize,
    half: &mut [f32],
) {
    let length = strip.layer.in_channels * strip.channel_pitch();
    let planes = strip.source.source_planes();
    match strip.source {
        GroupInput::Same(_) => {
            let mut rows: [&[f32]; POINTS] = [&[]; POINTS];
            for (i, row) in rows.iter_mut().enumerate() {
                *row = planes.row_values(first_row as isize + i as isize - 1);
            }
            fill_points(simd, rows, points, quad * length);
        }
        GroupInput::Doubled(_) => {
            let (matrix, sources) = doubled_points(first_row, planes.rows);
            for (shares, point) in matrix.iter().zip(points.chunks_exact_mut(point_length)) {
                combine_rows(
                    simd,
                    shares,
                    sources.map(|row| planes.row_values(row as isize)),
                    half,
                );
                let out = &mut point[quad * length..(quad + 1) * length];
                double_columns(half, planes.columns, out, strip.columns);
            }
        }
    }
}

/// For a source that is upsampled x2: the coefficients of four source rows at each point, for the output rows from
/// `first_row` on, and the indices of these source rows.
fn doubled_points(first_row: usize, source_rows: usize) -> ([[f32; 4]; POINTS], [usize; 4]) {
    let first_source = first_row as isize / 2 - 1;
    let last = source_rows as isize - 1;
    let sources = array::from_fn(|i| (first_source + i as isize).clamp(0, last) as usize);
    let mut matrix = [[0.0; 4]; POINTS];
    for input in 0..POINTS {
        let row = first_row as isize + input as isize - 1;
        if row < 0 || row >= 2 * source_rows as isize {
            continue;
        }
        // Half-pixel centres: odd rows lie a quarter below a source row, even ones a quarter above.
        let (near, far) = if row % 2 == 0 {
            (row / 2, row / 2 - 1)
        } else {
            (row / 2, row / 2 + 1)
        };
        for (source, share) in [(near, 0.75), (far, 0.25)] {
            for point in 0..POINTS {
                matrix[point][(source - first_source) as usize] += share * B[point][input];
            }
        }
    }
    (matrix, sources)
}

/// out = sum of shares[i] * rows[i]
#[inline(always)]
fn combine_rows<S: Simd>(simd: S, shares: &[f32; 4], rows: [&[f32]; 4], out: &mut [f32]) {
    let mut splats = [simd.splat_f32s(0.0); 4];
    for (splat, share) in splats.iter_mut().zip(shares) {
        *splat = simd.splat_f32s(*share);
    }
    let mut i = 0;
    while i + S::F32_LANES <= out.len() {
        let mut sum = simd.mul_f32s(splats[0], load_vector::<S>(rows[0], i));
        for r in 1..4 {
            sum = simd.mul_add_e_f32s(splats[r], load_vector::<S>(rows[r], i), sum);
        }
        store_vector::<S>(out, i, sum);
        i += S::F32_LANES;
    }
}

/// Upsamples the row of each channel x2; the values at its ends are repeated beyond them.
#[inline(always)]
fn double_columns(rows: &mut [f32], columns: usize, out: &mut [f32], out_columns: usize) {
    let pitches = (
        planes::pitch_for_columns(columns),
        planes::pitch_for_columns(out_columns),
    );
    for (row, out) in rows
        .chunks_exact_mut(pitches.0)
        .zip(out.chunks_exact_mut(pitches.1))
    {
        row[MAX_LANES - 1] = row[MAX_LANES];
        let row = &row[MAX_LANES - 1..MAX_LANES + columns];
        out[..MAX_LANES].fill(0.0);
        let pairs = out[MAX_LANES..MAX_LANES + out_columns].chunks_exact_mut(2);
        for (pair, ((before, here), after)) in pairs.zip(row.iter().zip(&row[1..]).zip(&row[2..])) {
            pair[0] = 0.75 * here + 0.25 * before;
            pair[1] = 0.75 * here + 0.25 * after;
        }
        let end = MAX_LANES + out_columns;
        out[end - 2] = 0.75 * row[columns] + 0.25 * row[columns - 1];
        out[end - 1] = row[columns];
        out[end..].fill(0.0);
    }
}

/// Adds the bias, applies the activation and writes the result to the strip.
struct Finish<'a> {
    strip: &'a Strip<'a>,
    /// Start of each vector in the output, in the first of its four rows.
    outputs: &'a [usize],
    out: &'a mut [f32],
}

impl<S: Simd> RowSink<S> for Finish<'_> {
    #[inline(always)]
    fn take_rows(&mut self, simd: S, channel: usize, position: usize, rows: [S::f32s; ROWS]) {
        let Strip {
            layer,
            first_channel,
            row_length,
            ..
        } = self.strip;
        let bias = simd.splat_f32s(layer.bias[channel]);
        let start = self.outputs[position] + (first_channel + channel) * self.strip.channel_pitch();
        // The last four rows of the strip may be incomplete.
        for (row, at) in rows
            .into_iter()
            .zip((start..self.out.len()).step_by(*row_length))
        {
            let value = simd.add_f32s(row, bias);
            let value = match layer.activation {
                Activation::Relu => relu(simd, value),
                Activation::Gelu => gelu(simd, value),
            };
            store_vector::<S>(self.out, at, value);
        }
    }
}

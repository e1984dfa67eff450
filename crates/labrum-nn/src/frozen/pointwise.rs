//! The 1x1 convolutions of the frozen network: to a wider layer and back without leaving the cache, and the head.

use super::planes::{self, Planes, clear_right};
use crate::kernels::scratch::{StripVectors, with_scratch};
use crate::kernels::simd::{MAX_LANES, detected_arch, gelu, store_vector};
use crate::kernels::strip::padded_width;
use crate::kernels::tile::{Packed, Sink, multiply_all};
use crate::kernels::windows::ChannelWindows;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// 1x1 to a wider layer, GELU, 1x1 to a narrower one, GELU, scale and shift (batch norm).
#[derive(Debug)]
pub(super) struct WidenNarrow {
    pub widen: Packed,
    pub widen_bias: Vec<f32>,
    pub narrow: Packed,
    pub narrow_bias: Vec<f32>,
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

/// Number of values of a strip that should stay in the L2 cache.
pub(super) const STRIP: usize = 64 * 1024;

/// Rows per strip: as many as fit into the cache with `numbers_per_row` values each, at least one, and few enough to
/// keep all threads busy.
pub(super) fn strip_rows(rows: usize, numbers_per_row: usize) -> usize {
    let fair = rows.div_ceil(2 * rayon::current_num_threads());
    (STRIP / numbers_per_row.max(1)).clamp(1, fair.max(1))
}

impl WidenNarrow {
    /// Applies the layer to `input`, planes of the same size as `out`.
    pub(super) fn run_layer(&self, input: &Planes, out: &mut Planes) {
        let columns = out.columns;
        let row_length = out.row_length();
        let rows = strip_rows(
            out.rows,
            (input.channels + self.widen.output_channels()) * out.padded_width(),
        );
        out.inside_mut()
            .par_chunks_mut(rows * row_length)
            .enumerate()
            .for_each(|(index, out)| {
                let count = out.len() / row_length;
                with_scratch(self.buffer_length(count, columns), |hidden, lists| {
                    let input_rows = input.rows_from((index * rows) as isize, count);
                    let row = input.row_length();
                    let channel = input.channel_pitch();
                    let layout = InputStripLayout {
                        rows: count,
                        columns,
                        row,
                        channel,
                        lead: MAX_LANES,
                    };
                    detected_arch().dispatch(PointwiseTask {
                        layer: self,
                        input: input_rows,
                        layout,
                        out: &mut *out,
                        hidden,
                        lists,
                    });
                });
                clear_right(out, columns);
            });
    }

    /// Number of weights, with biases, scale and shift.
    pub(super) fn weight_count(&self) -> usize {
        let vectors = [
            &self.widen_bias,
            &self.narrow_bias,
            &self.scale,
            &self.shift,
        ];
        self.widen.weight_count()
            + self.narrow.weight_count()
            + vectors.into_iter().map(Vec::len).sum::<usize>()
    }

    /// Number of values of the wide layer for a strip.
    pub(super) fn buffer_length(&self, rows: usize, columns: usize) -> usize {
        self.widen.output_channels() * hidden_stride(rows, columns)
    }
}

/// Distance from one wide channel to the next: an odd number of cache lines, so that channels do not compete for the
/// same lines of the cache.
fn hidden_stride(rows: usize, columns: usize) -> usize {
    rows * padded_width(columns) + MAX_LANES
}

/// Layout of an input strip in memory.
#[derive(Clone, Copy)]
pub(super) struct InputStripLayout {
    pub rows: usize,
    pub columns: usize,
    /// Distance from one row to the next.
    pub row: usize,
    /// Distance from one channel to the next.
    pub channel: usize,
    /// Values before the first column.
    pub lead: usize,
}

struct PointwiseTask<'a> {
    layer: &'a WidenNarrow,
    input: &'a [f32],
    layout: InputStripLayout,
    out: &'a mut [f32],
    hidden: &'a mut [f32],
    lists: &'a mut StripVectors,
}

impl WithSimd for PointwiseTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        widen_narrow(
            simd,
            self.layer,
            self.input,
            self.layout,
            self.out,
            self.hidden,
            self.lists,
        );
    }
}

/// Runs both layers on a strip: `input` is laid out as in `layout`, `out` holds rows of planes, and `hidden` has
/// [`WidenNarrow::buffer_length`] values.
#[inline(always)]
pub(super) fn widen_narrow<S: Simd>(
    simd: S,
    layer: &WidenNarrow,
    input: &[f32],
    layout: InputStripLayout,
    out: &mut [f32],
    hidden: &mut [f32],
    lists: &mut StripVectors,
) {
    let width = padded_width(layout.columns);
    let pitch = planes::pitch_for_columns(layout.columns);
    let out_row = layer.narrow.output_channels() * pitch;
    let stride = hidden_stride(layout.rows, layout.columns);
    lists.list_vectors(
        [layout.rows, width, S::F32_LANES],
        |row, column| row * layout.row + layout.lead + column,
        |row, column| row * out_row + MAX_LANES + column,
    );
    let StripVectors {
        inputs, outputs, ..
    } = lists;
    let bias = &layer.widen_bias;
    multiply_all(
        simd,
        &layer.widen,
        ChannelWindows {
            step: layout.channel,
        },
        input,
        inputs,
        &mut Wide {
            bias,
            stride,
            out: &mut *hidden,
        },
    );
    inputs
        .iter_mut()
        .enumerate()
        .for_each(|(i, input)| *input = i * S::F32_LANES);
    multiply_all(
        simd,
        &layer.narrow,
        ChannelWindows { step: stride },
        hidden,
        inputs,
        &mut Narrow {
            layer,
            outputs,
            pitch,
            out,
        },
    );
}

/// Receives the wide layer: adds the bias and applies GELU.
struct Wide<'a> {
    bias: &'a [f32],
    stride: usize,
    out: &'a mut [f32],
}

impl<S: Simd> Sink<S> for Wide<'_> {
    const BY_MEMORY: bool = false;

    #[inline(always)]
    fn take_sums<const N: usize>(
        &mut self,
        simd: S,
        channel: usize,
        position: usize,
        sums: [S::f32s; N],
    ) {
        let bias = simd.splat_f32s(self.bias[channel]);
        let mut values = sums;
        for n in 0..N {
            values[n] = gelu(simd, simd.add_f32s(sums[n], bias));
        }
        for n in 0..N {
            store_vector::<S>(
                self.out,
                channel * self.stride + (position + n) * S::F32_LANES,
                values[n],
            );
        }
    }
}

/// Receives the narrow layer: adds the bias, applies GELU, scale and shift.
struct Narrow<'a> {
    layer: &'a WidenNarrow,
    outputs: &'a [usize],
    pitch: usize,
    out: &'a mut [f32],
}

impl<S: Simd> Sink<S> for Narrow<'_> {
    const BY_MEMORY: bool = false;

    #[inline(always)]
    fn take_sums<const N: usize>(
        &mut self,
        simd: S,
        channel: usize,
        position: usize,
        sums: [S::f32s; N],
    ) {
        let bias = simd.splat_f32s(self.layer.narrow_bias[channel]);
        let scale = simd.splat_f32s(self.layer.scale[channel]);
        let shift = simd.splat_f32s(self.layer.shift[channel]);
        let mut values = sums;
        for n in 0..N {
            values[n] = simd.mul_add_e_f32s(scale, gelu(simd, simd.add_f32s(sums[n], bias)), shift);
        }
        for n in 0..N {
            store_vector::<S>(
                self.out,
                self.outputs[position + n] + channel * self.pitch,
                values[n],
            );
        }
    }
}

/// The last layer: 1x1 convolution to the classes.
#[derive(Debug)]
pub(super) struct ClassHead {
    pub weights: Packed,
    pub bias: Vec<f32>,
}

impl ClassHead {
    /// Number of weights, bias included.
    pub(super) fn weight_count(&self) -> usize {
        self.weights.weight_count() + self.bias.len()
    }

    /// Applies the layer to `input`, planes of the same size as `out`.
    pub(super) fn run_layer(&self, input: &Planes, out: &mut Planes) {
        let row_length = out.row_length();
        let rows = strip_rows(
            out.rows,
            (input.channels + out.channels) * out.padded_width(),
        );
        let pitch = out.channel_pitch();
        let width = out.padded_width();
        out.inside_mut()
            .par_chunks_mut(rows * row_length)
            .enumerate()
            .for_each(|(index, out)| {
                let count = out.len() / row_length;
                with_scratch(0, |_, lists| {
                    let input_rows = input.rows_from((index * rows) as isize, count);
                    let task = HeadTask {
                        head: self,
                        input: input_rows,
                        planes: input,
                        rows: count,
                        width,
                        pitch,
                        out,
                        lists,
                    };
                    detected_arch().dispatch(task);
                });
            });
    }
}

struct HeadTask<'a> {
    head: &'a ClassHead,
    input: &'a [f32],
    planes: &'a Planes,
    rows: usize,
    width: usize,
    pitch: usize,
    out: &'a mut [f32],
    lists: &'a mut StripVectors,
}

impl WithSimd for HeadTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            head,
            input,
            planes,
            rows,
            width,
            pitch,
            out,
            lists,
        } = self;
        let in_row = planes.row_length();
        let out_row = head.bias.len() * pitch;
        lists.list_vectors(
            [rows, width, S::F32_LANES],
            |row, column| row * in_row + MAX_LANES + column,
            |row, column| row * out_row + MAX_LANES + column,
        );
        let mut sink = ClassStrip {
            bias: &head.bias,
            outputs: &lists.outputs,
            pitch,
            out,
        };
        multiply_all(
            simd,
            &head.weights,
            ChannelWindows { step: pitch },
            input,
            &lists.inputs,
            &mut sink,
        );
    }
}

struct ClassStrip<'a> {
    bias: &'a [f32],
    outputs: &'a [usize],
    pitch: usize,
    out: &'a mut [f32],
}

impl<S: Simd> Sink<S> for ClassStrip<'_> {
    const BY_MEMORY: bool = false;

    #[inline(always)]
    fn take_sums<const N: usize>(
        &mut self,
        simd: S,
        channel: usize,
        position: usize,
        sums: [S::f32s; N],
    ) {
        let bias = simd.splat_f32s(self.bias[channel]);
        for n in 0..N {
            store_vector::<S>(
                self.out,
                self.outputs[position + n] + channel * self.pitch,
                simd.add_f32s(sums[n], bias),
            );
        }
    }
}

//! A CMUNeXt unit of the frozen network: depthwise k x k with its residual, then 1x1 to a wider layer and back, strip
//! by strip.

use super::planes::{Planes, clear_right};
use super::pointwise::{InputStripLayout, WidenNarrow, strip_rows, widen_narrow};
use crate::kernels::depthwise::sum_taps;
use crate::kernels::scratch::{StripVectors, with_scratch};
use crate::kernels::simd::{MAX_LANES, detected_arch, gelu, load_vector, store_vector};
use crate::kernels::strip::padded_width;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// x + BN(GELU(depthwise(x))), then 1x1 to a wider layer and back.
#[derive(Debug)]
pub(super) struct FrozenUnit {
    pub kernel: usize,
    /// `[channels][kernel][kernel]`
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
    pub mixer: WidenNarrow,
}

impl FrozenUnit {
    /// Number of weights, with bias, scale and shift.
    pub(super) fn weight_count(&self) -> usize {
        let vectors = [&self.weight, &self.bias, &self.scale, &self.shift];
        vectors.into_iter().map(Vec::len).sum::<usize>() + self.mixer.weight_count()
    }

    /// Applies the unit to `input`, which has at least half a kernel of zero rows above and below.
    pub(super) fn run_layer(&self, input: &Planes, out: &mut Planes) {
        let columns = out.columns;
        let row_length = out.row_length();
        let rows = strip_rows(
            out.rows,
            (2 * input.channels + self.mixer.widen.output_channels()) * out.padded_width(),
        );
        out.inside_mut()
            .par_chunks_mut(rows * row_length)
            .enumerate()
            .for_each(|(index, out)| {
                let count = out.len() / row_length;
                let mixed = count * input.channels * padded_width(columns);
                with_scratch(
                    mixed + self.mixer.buffer_length(count, columns),
                    |values, lists| {
                        let (mixed, hidden) = values.split_at_mut(mixed);
                        let first_row = index * rows;
                        let task = UnitTask {
                            unit: self,
                            input,
                            first_row,
                            rows: count,
                            out: &mut *out,
                            mixed,
                            hidden,
                            lists,
                        };
                        detected_arch().dispatch(task);
                    },
                );
                clear_right(out, columns);
            });
    }
}

struct UnitTask<'a> {
    unit: &'a FrozenUnit,
    input: &'a Planes,
    first_row: usize,
    rows: usize,
    out: &'a mut [f32],
    /// The sum with the residual.
    mixed: &'a mut [f32],
    hidden: &'a mut [f32],
    lists: &'a mut StripVectors,
}

impl WithSimd for UnitTask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            unit,
            input,
            first_row,
            rows,
            out,
            mixed,
            hidden,
            lists,
        } = self;
        let columns = input.columns;
        let width = input.padded_width();
        let channels = input.channels;
        let row_length = input.row_length();
        let border = unit.kernel / 2;
        lists.list_vectors(
            [rows, width, S::F32_LANES],
            |row, column| row * row_length + MAX_LANES - border + column,
            |row, column| row * channels * width + column,
        );
        lists.windows.clear();
        let kernel = unit.kernel;
        let taps = (0..kernel * kernel).map(|t| t / kernel * row_length + t % kernel);
        lists.windows.extend(taps);
        let source = input.rows_from(first_row as isize - border as isize, rows + 2 * border);
        for channel in 0..channels {
            let source = &source[channel * input.channel_pitch()..];
            convolve_channel(
                simd,
                unit,
                channel,
                source,
                &mut mixed[channel * width..],
                lists,
            );
        }
        let layout = InputStripLayout {
            rows,
            columns,
            row: channels * width,
            channel: width,
            lead: 0,
        };
        widen_narrow(simd, &unit.mixer, mixed, layout, out, hidden, lists);
    }
}

/// Depthwise convolution of one channel of a strip.
#[inline(always)]
fn convolve_channel<S: Simd>(
    simd: S,
    unit: &FrozenUnit,
    channel: usize,
    source: &[f32],
    out: &mut [f32],
    lists: &StripVectors,
) {
    let mut at = 0;
    while at < lists.inputs.len() {
        match lists.inputs.len() - at {
            8.. => {
                convolve_vectors::<S, 8>(simd, unit, channel, source, out, lists, at);
                at += 8;
            }
            4.. => {
                convolve_vectors::<S, 4>(simd, unit, channel, source, out, lists, at);
                at += 4;
            }
            _ => {
                convolve_vectors::<S, 1>(simd, unit, channel, source, out, lists, at);
                at += 1;
            }
        }
    }
}

/// Depthwise convolution of N vectors.
#[inline(always)]
fn convolve_vectors<S: Simd, const N: usize>(
    simd: S,
    unit: &FrozenUnit,
    channel: usize,
    source: &[f32],
    out: &mut [f32],
    lists: &StripVectors,
    at: usize,
) {
    let mut offsets = [0; N];
    offsets.copy_from_slice(&lists.inputs[at..at + N]);
    let weights = &unit.weight[channel * lists.windows.len()..(channel + 1) * lists.windows.len()];
    let sum = sum_taps::<S, N>(
        simd,
        weights,
        &lists.windows,
        source,
        offsets,
        unit.bias[channel],
    );
    let scale = simd.splat_f32s(unit.scale[channel]);
    let shift = simd.splat_f32s(unit.shift[channel]);
    let centre = lists.windows[lists.windows.len() / 2];
    for n in 0..N {
        let normed = simd.mul_add_e_f32s(scale, gelu(simd, sum[n]), shift);
        store_vector::<S>(
            out,
            lists.outputs[at + n],
            simd.add_f32s(load_vector::<S>(source, centre + offsets[n]), normed),
        );
    }
}

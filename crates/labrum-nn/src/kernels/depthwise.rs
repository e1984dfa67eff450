//! Depthwise convolution, one kernel per plane: forward pass and weight gradient.

use super::buffers::take_buffer;
use super::conv_sizes::ConvSizes;
use super::products::PairJob;
use super::scratch::{StripVectors, with_scratch};
use super::simd::{
    MAX_LANES, detected_arch, panic_outside_window, store_first, store_vector, vector_within,
};
use super::strip::StripLayout;
use super::weight_gradient::{ParameterGradients, sum_of_plane};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// out [B,C,H,W] = conv(x [B,C,H,W], weight [C,1,k,k]) + bias [C].
pub(super) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, s: ConvSizes) -> Vec<f32> {
    let mut out = take_buffer(x.len());
    let layout = StripLayout::new(1, s.columns, s.border_width());
    let planes = out
        .par_chunks_mut(s.pixel_count())
        .zip(x.par_chunks(s.pixel_count()))
        .enumerate();
    planes.for_each(|(plane, (out, x))| {
        let channel = plane % s.in_channels;
        let rows = s.rows + 2 * s.border_width();
        with_scratch(layout.strip_length(rows), |strip, lists| {
            layout.gather_rows(x, s.rows, -(s.border_width() as isize), rows, strip);
            let weights = &weight[channel * s.tap_count()..(channel + 1) * s.tap_count()];
            let bias = bias.map_or(0.0, |bias| bias[channel]);
            detected_arch().dispatch(ChannelPlane {
                layout,
                s,
                strip,
                weights,
                bias,
                lists,
                out,
            });
        });
    });
    out
}

struct ChannelPlane<'a> {
    layout: StripLayout,
    s: ConvSizes,
    strip: &'a [f32],
    weights: &'a [f32],
    bias: f32,
    lists: &'a mut StripVectors,
    out: &'a mut [f32],
}

impl WithSimd for ChannelPlane<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self { layout, s, .. } = self;
        self.lists.list_vectors(
            [s.rows, s.columns, S::F32_LANES],
            |row, column| row * layout.channel_pitch() + layout.lead - s.border_width() + column,
            |row, column| row * s.columns + column,
        );
        list_taps(self.lists, layout, s);
        let vectors = self.lists.inputs.len();
        let mut at = 0;
        while at + 8 <= vectors {
            self.convolve_vectors::<S, 8>(simd, at);
            at += 8;
        }
        while at + 4 <= vectors {
            self.convolve_vectors::<S, 4>(simd, at);
            at += 4;
        }
        while at < vectors {
            self.convolve_vectors::<S, 1>(simd, at);
            at += 1;
        }
    }
}

/// Lists one window for each tap of the kernel.
fn list_taps(lists: &mut StripVectors, layout: StripLayout, s: ConvSizes) {
    lists.windows.clear();
    lists
        .windows
        .extend((0..s.tap_count()).map(|t| t / s.kernel * layout.channel_pitch() + t % s.kernel));
}

impl ChannelPlane<'_> {
    #[inline(always)]
    fn convolve_vectors<S: Simd, const N: usize>(&mut self, simd: S, at: usize) {
        let mut offsets = [0; N];
        offsets.copy_from_slice(&self.lists.inputs[at..at + N]);
        let sums = sum_taps::<S, N>(
            simd,
            self.weights,
            &self.lists.windows,
            self.strip,
            offsets,
            self.bias,
        );
        for n in 0..N {
            let start = self.lists.outputs[at + n];
            if self.s.columns.is_multiple_of(MAX_LANES) {
                store_vector::<S>(self.out, start, sums[n]);
            } else {
                let room = (self.s.columns - start % self.s.columns).min(S::F32_LANES);
                store_first::<S>(&mut self.out[start..start + room], sums[n]);
            }
        }
    }
}

/// The weighted sums of all taps for N vectors.
#[inline(always)]
pub(crate) fn sum_taps<S: Simd, const N: usize>(
    simd: S,
    weights: &[f32],
    windows: &[usize],
    input: &[f32],
    offsets: [usize; N],
    bias: f32,
) -> [S::f32s; N] {
    let mut sum = [simd.splat_f32s(bias); N];
    let mut is_inside = true;
    'taps: for (weight, window) in weights.iter().zip(windows) {
        let mut values = [simd.splat_f32s(0.0); N];
        for n in 0..N {
            let Some(value) = vector_within::<S>(input, window + offsets[n]) else {
                is_inside = false;
                break 'taps;
            };
            values[n] = *value;
        }
        let weight = simd.splat_f32s(*weight);
        for n in 0..N {
            sum[n] = simd.mul_add_e_f32s(weight, values[n], sum[n]);
        }
    }
    if !is_inside {
        panic_outside_window();
    }
    sum
}

/// The gradients of the weights [C,1,k,k] and the bias [C] from x and the gradient of the output, both [B,C,H,W].
pub(super) fn parameter_gradients(x: &[f32], grad: &[f32], s: ConvSizes) -> ParameterGradients {
    let mut weight = vec![0.0; s.in_channels * s.tap_count()];
    let mut bias = vec![0.0; s.in_channels];
    let input = StripLayout::new(1, s.columns, s.border_width());
    let output = StripLayout::new(1, s.columns, 0);
    let rows = s.rows + 2 * s.border_width();
    weight
        .par_chunks_mut(s.tap_count())
        .zip(&mut bias)
        .enumerate()
        .for_each(|(channel, (out, bias))| {
            let mut sum = 0.0;
            let room = input.strip_length(rows);
            with_scratch(room + output.strip_length(s.rows), |values, lists| {
                let (padded, gradient) = values.split_at_mut(room);
                list_taps(lists, input, s);
                for sample in 0..s.batch {
                    let start = (sample * s.in_channels + channel) * s.pixel_count();
                    input.gather_rows(
                        &x[start..],
                        s.rows,
                        -(s.border_width() as isize),
                        rows,
                        padded,
                    );
                    output.gather_rows(&grad[start..], s.rows, 0, s.rows, gradient);
                    let job = PairJob {
                        input,
                        output,
                        rows: s.rows,
                        border: s.border_width(),
                        strip: padded,
                        gradient,
                        windows: &lists.windows,
                        out: &mut *out,
                    };
                    detected_arch().dispatch(job);
                    sum += sum_of_plane(&grad[start..start + s.pixel_count()]);
                }
            });
            *bias = sum as f32;
        });
    ParameterGradients { weight, bias }
}

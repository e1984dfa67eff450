//! Convolution on the CPU, stride 1, zero padding k/2, any groups; forward and both gradients.
//!
//! With a zero border around each plane, tap (ky, kx) of input channel c is the same plane read from another offset.
//! So the input is a matrix of *windows* that overlap in memory (im2col without the copy), one for each channel and
//! tap, and forward is `out = W windows`, the weight gradient `dW = dout windows^T`: two products that stay in
//! registers. The input gradient is a forward pass with turned weights. Positions between the rows (in the border) are
//! computed and dropped, or meet zeros.

use super::pad::Padded;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub batch: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub groups: usize,
    pub rows: usize,
    pub columns: usize,
    pub kernel: usize,
}

impl Sizes {
    /// The convolution that takes the output gradient back to the input.
    fn transposed(self) -> Self {
        Self { in_channels: self.out_channels, out_channels: self.in_channels, ..self }
    }

    fn border(&self) -> usize {
        self.kernel / 2
    }

    fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    fn in_per_group(&self) -> usize {
        self.in_channels / self.groups
    }

    fn out_per_group(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Weights of one output channel.
    fn taps(&self) -> usize {
        self.in_per_group() * self.kernel * self.kernel
    }

    /// Where each window of a group begins, in the order of the weights.
    fn windows(&self, pitch: usize, plane: usize) -> Vec<usize> {
        let k = self.kernel;
        let tap = move |c: usize| (0..k * k).map(move |t| c * plane + (t / k) * pitch + t % k);
        (0..self.in_per_group()).flat_map(tap).collect()
    }

    /// The first output channels of blocks of up to `block` channels that stay within a group, and their sizes.
    fn blocks(&self, block: usize) -> Vec<(usize, usize)> {
        let per_group = self.out_per_group();
        let in_group =
            |g: usize| (0..per_group).step_by(block).map(move |c| (g * per_group + c, block.min(per_group - c)));
        (0..self.groups).flat_map(in_group).collect()
    }
}

/// Output channels that one pass computes together.
const BLOCK: usize = 4;

/// out [B,Co,H,W] = conv(x [B,Ci,H,W], weight [Co,Ci/groups,k,k]) + bias [Co].
pub(super) fn forward(x: &[f32], weight: &[f32], bias: Option<&[f32]>, s: Sizes) -> Vec<f32> {
    let input = Padded::new(x, s.rows, s.columns, s.border());
    forward_padded(&input, weight, bias, s)
}

fn forward_padded(input: &Padded<'_>, weight: &[f32], bias: Option<&[f32]>, s: Sizes) -> Vec<f32> {
    let windows = s.windows(input.pitch, input.plane);
    let blocks = s.blocks(BLOCK);
    let taps = s.taps();
    // Weights of a block side by side, so that a tap's are neighbours.
    let packed: Vec<Vec<f32>> = blocks
        .iter()
        .map(|&(first, n)| (0..taps).flat_map(|t| (0..n).map(move |c| weight[(first + c) * taps + t])).collect())
        .collect();
    let mut out = vec![0.0; s.batch * s.out_channels * s.pixels()];
    let mut tasks = Vec::with_capacity(s.batch * blocks.len());
    let mut rest = out.as_mut_slice();
    for b in 0..s.batch {
        for (i, &(first, n)) in blocks.iter().enumerate() {
            let (planes, after) = rest.split_at_mut(n * s.pixels());
            rest = after;
            tasks.push((b, i, first, planes));
        }
    }
    // A few thousand values of each channel at a time stay in the first-level cache.
    let rows_at_once = (2048 / input.pitch).clamp(1, s.rows);
    tasks.into_par_iter().for_each(|(b, i, first, planes)| {
        let n = blocks[i].1;
        let group = first / s.out_per_group();
        let start = (b * s.in_channels + group * s.in_per_group()) * input.plane;
        let group_input = &input.data[start..start + s.in_per_group() * input.plane];
        let bias: [f32; BLOCK] =
            std::array::from_fn(|c| bias.map_or(0.0, |v| v.get(first + c).copied().unwrap_or(0.0)));
        let mut strip = vec![0.0; n * rows_at_once * input.pitch];
        for top in (0..s.rows).step_by(rows_at_once) {
            let rows = rows_at_once.min(s.rows - top);
            let length = (rows - 1) * input.pitch + s.columns;
            let job = Accumulate {
                input: &group_input[top * input.pitch..],
                windows: &windows,
                weights: &packed[i],
                bias,
                channels: n,
                length,
                out: &mut strip,
            };
            Arch::new().dispatch(job);
            for c in 0..n {
                for row in 0..rows {
                    let from = &strip[c * length + row * input.pitch..][..s.columns];
                    planes[c * s.pixels() + (top + row) * s.columns..][..s.columns].copy_from_slice(from);
                }
            }
        }
    });
    out
}

/// `out[c][i] = bias[c] + sum over windows t of weights[t][c] * input[windows[t] + i]`, for `i < length`.
struct Accumulate<'a> {
    input: &'a [f32],
    windows: &'a [usize],
    weights: &'a [f32],
    bias: [f32; BLOCK],
    channels: usize,
    length: usize,
    out: &'a mut [f32],
}

impl WithSimd for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match self.channels {
            1 => self.run::<S, 1, 8>(simd),
            2 => self.run::<S, 2, 4>(simd),
            3 => self.run::<S, 3, 2>(simd),
            _ => self.run::<S, 4, 2>(simd),
        }
    }
}

impl Accumulate<'_> {
    /// C channels by V vectors at a time, then single vectors, then what is left of one.
    #[inline(always)]
    fn run<S: Simd, const C: usize, const V: usize>(&mut self, simd: S) {
        let lanes = S::F32_LANES;
        let mut i = 0;
        while i + V * lanes <= self.length {
            self.step::<S, C, V>(simd, i);
            i += V * lanes;
        }
        while i + lanes <= self.length {
            self.step::<S, C, 1>(simd, i);
            i += lanes;
        }
        if i < self.length {
            self.last::<S, C>(simd, i);
        }
    }

    #[inline(always)]
    fn step<S: Simd, const C: usize, const V: usize>(&mut self, simd: S, i: usize) {
        let width = V * S::F32_LANES;
        let mut sum: [[S::f32s; V]; C] = std::array::from_fn(|c| [simd.splat_f32s(self.bias[c]); V]);
        for (&window, weights) in self.windows.iter().zip(self.weights.chunks_exact(C)) {
            let values = S::as_simd_f32s(&self.input[window + i..window + i + width]).0;
            let values: [S::f32s; V] = std::array::from_fn(|v| values[v]);
            for c in 0..C {
                let weight = simd.splat_f32s(weights[c]);
                for v in 0..V {
                    sum[c][v] = simd.mul_add_e_f32s(weight, values[v], sum[c][v]);
                }
            }
        }
        for c in 0..C {
            let start = c * self.length + i;
            let out = S::as_mut_simd_f32s(&mut self.out[start..start + width]).0;
            out.copy_from_slice(&sum[c]);
        }
    }

    #[inline(always)]
    fn last<S: Simd, const C: usize>(&mut self, simd: S, i: usize) {
        let width = self.length - i;
        let mut sum: [S::f32s; C] = std::array::from_fn(|c| simd.splat_f32s(self.bias[c]));
        for (&window, weights) in self.windows.iter().zip(self.weights.chunks_exact(C)) {
            let values = simd.partial_load_f32s(&self.input[window + i..window + i + width]);
            for c in 0..C {
                sum[c] = simd.mul_add_e_f32s(simd.splat_f32s(weights[c]), values, sum[c]);
            }
        }
        for c in 0..C {
            let start = c * self.length + i;
            simd.partial_store_f32s(&mut self.out[start..start + width], sum[c]);
        }
    }
}

/// What a convolution hands back: the gradients of input, weight and bias, each where it is wanted.
pub(super) struct Gradients {
    pub input: Option<Vec<f32>>,
    pub weight: Option<Vec<f32>>,
    pub bias: Option<Vec<f32>>,
}

/// Gradients from `grad` [B,Co,H,W]; `wanted` says which: input, weight, bias.
pub(super) fn backward(x: &[f32], weight: &[f32], grad: &[f32], s: Sizes, wanted: [bool; 3]) -> Gradients {
    let padded_grad = Padded::new(grad, s.rows, s.columns, s.border());
    Gradients {
        input: wanted[0].then(|| forward_padded(&padded_grad, &turned(weight, s), None, s.transposed())),
        weight: wanted[1].then(|| weight_gradient(x, &padded_grad, s)),
        bias: wanted[2].then(|| bias_gradient(grad, s)),
    }
}

/// Weights with input and output channels exchanged within each group, and the taps in reverse order.
fn turned(weight: &[f32], s: Sizes) -> Vec<f32> {
    let (ci, co, kk) = (s.in_per_group(), s.out_per_group(), s.kernel * s.kernel);
    let mut out = vec![0.0; weight.len()];
    for g in 0..s.groups {
        for o in 0..co {
            for i in 0..ci {
                let from = &weight[((g * co + o) * ci + i) * kk..][..kk];
                let to = &mut out[((g * ci + i) * co + o) * kk..][..kk];
                to.iter_mut().zip(from.iter().rev()).for_each(|(t, f)| *t = *f);
            }
        }
    }
    out
}

fn bias_gradient(grad: &[f32], s: Sizes) -> Vec<f32> {
    let of_plane = |b: usize, c: usize| -> f64 {
        let plane = &grad[(b * s.out_channels + c) * s.pixels()..][..s.pixels()];
        plane.chunks(256).map(|part| f64::from(part.iter().sum::<f32>())).sum()
    };
    (0..s.out_channels).into_par_iter().map(|c| (0..s.batch).map(|b| of_plane(b, c)).sum::<f64>() as f32).collect()
}

fn weight_gradient(x: &[f32], grad: &Padded<'_>, s: Sizes) -> Vec<f32> {
    let input = Padded::new(x, s.rows, s.columns, s.border());
    let windows = s.windows(input.pitch, input.plane);
    let taps = s.taps();
    let length = (s.rows - 1) * input.pitch + s.columns;
    // The gradient from its first pixel on: between its rows are zeros, which cancel what the windows hold there.
    let first_pixel = s.border() * grad.pitch + s.border();
    let mut out = vec![0.0; s.out_channels * taps];
    let mut tasks = Vec::new();
    let mut rest = out.as_mut_slice();
    for (first, n) in s.blocks(BLOCK) {
        let (part, after) = rest.split_at_mut(n * taps);
        rest = after;
        tasks.push((first, n, part));
    }
    tasks.into_par_iter().for_each(|(first, n, part)| {
        let group = first / s.out_per_group();
        for b in 0..s.batch {
            let start = (b * s.in_channels + group * s.in_per_group()) * input.plane;
            let group_input = &input.data[start..start + s.in_per_group() * input.plane];
            let grads: [&[f32]; BLOCK] = std::array::from_fn(|c| {
                let channel = first + c.min(n - 1);
                &grad.data[(b * s.out_channels + channel) * grad.plane + first_pixel..][..length]
            });
            // In strips, so that the gradients stay in the first-level cache while all windows pass.
            for from in (0..length).step_by(STRIP) {
                let to = (from + STRIP).min(length);
                let job = Products {
                    grads: std::array::from_fn(|c| &grads[c][from..to]),
                    input: &group_input[from..],
                    windows: &windows,
                    kernel: s.kernel,
                    channels: n,
                    out: &mut *part,
                };
                Arch::new().dispatch(job);
            }
        }
    });
    out
}

/// Values of each channel that a strip of the weight gradient holds.
const STRIP: usize = 1024;

/// `out[c][t] += sum over i of grads[c][i] * input[windows[t] + i]`.
struct Products<'a> {
    grads: [&'a [f32]; BLOCK],
    input: &'a [f32],
    windows: &'a [usize],
    kernel: usize,
    channels: usize,
    out: &'a mut [f32],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        match (self.channels, self.kernel) {
            (1, 7) => self.run::<S, 1, 7>(simd),
            (1, 3 | 9) => self.run::<S, 1, 9>(simd),
            (1, 5) => self.run::<S, 1, 5>(simd),
            (1, _) => self.run::<S, 1, 4>(simd),
            (2, _) => self.run::<S, 2, 3>(simd),
            (3, _) => self.run::<S, 3, 3>(simd),
            _ => self.run::<S, 4, 3>(simd),
        }
    }
}

impl Products<'_> {
    /// C channels by T windows at a time.
    #[inline(always)]
    fn run<S: Simd, const C: usize, const T: usize>(&mut self, simd: S) {
        let whole = self.windows.len() / T * T;
        for t in (0..whole).step_by(T) {
            self.step::<S, C, T>(simd, t);
        }
        for t in whole..self.windows.len() {
            self.step::<S, C, 1>(simd, t);
        }
    }

    #[inline(always)]
    fn step<S: Simd, const C: usize, const T: usize>(&mut self, simd: S, first: usize) {
        let length = self.grads[0].len();
        let windows: [&[f32]; T] = std::array::from_fn(|t| {
            let start = self.windows[first + t];
            &self.input[start..start + length]
        });
        let mut sum = [[simd.splat_f32s(0.0); T]; C];
        let heads: [&[S::f32s]; C] = std::array::from_fn(|c| S::as_simd_f32s(self.grads[c]).0);
        let values: [&[S::f32s]; T] = std::array::from_fn(|t| S::as_simd_f32s(windows[t]).0);
        let vectors = length / S::F32_LANES;
        for i in 0..vectors {
            let grads: [S::f32s; C] = std::array::from_fn(|c| heads[c][i]);
            for t in 0..T {
                let value = values[t][i];
                for c in 0..C {
                    sum[c][t] = simd.mul_add_e_f32s(grads[c], value, sum[c][t]);
                }
            }
        }
        let done = vectors * S::F32_LANES;
        if done < length {
            for t in 0..T {
                let value = simd.partial_load_f32s(&windows[t][done..]);
                for c in 0..C {
                    let grad = simd.partial_load_f32s(&self.grads[c][done..]);
                    sum[c][t] = simd.mul_add_e_f32s(grad, value, sum[c][t]);
                }
            }
        }
        for c in 0..C {
            for t in 0..T {
                self.out[c * self.windows.len() + first + t] += simd.reduce_sum_f32s(sum[c][t]);
            }
        }
    }
}

//! The products of a 3x3 convolution at Winograd's points, for training and for the frozen network.

use super::simd::{MAX_LANES, load_vector, store_vector};
use super::tile::{Packed, next_group_size};
use super::windows::{ColumnWindows, PACK, Windows};
use super::winograd::{POINTS, ROWS, to_rows, weight_at};
use pulp::Simd;
use std::array;

/// Weights of a dense 3x3 convolution at Winograd's points.
#[derive(Debug)]
pub(crate) struct PointWeights {
    points: [Packed; POINTS],
}

impl PointWeights {
    /// From weights `[out][in][3][3]`.
    pub(crate) fn new(weight: &[f32], out_channels: usize, in_channels: usize) -> Self {
        let points = array::from_fn(|point| {
            Packed::new(out_channels, in_channels * 3, |out, t| {
                let channel = t / 3;
                let column = t % 3;
                let first = (out * in_channels + channel) * 9 + column;
                let taps = [weight[first], weight[first + 3], weight[first + 6]];
                weight_at(point, taps)
            })
        });
        Self { points }
    }

    /// Number of output channels.
    pub(crate) fn output_channels(&self) -> usize {
        self.points[0].output_channels()
    }
}

/// Receives finished rows: of `channel`, the vector at `position` in [`ROWS`] consecutive rows.
pub(crate) trait RowSink<S: Simd> {
    fn take_rows(&mut self, simd: S, channel: usize, position: usize, rows: [S::f32s; ROWS]);
}

/// Number of values that [`multiply_points`] needs for its sums: two packs by three vectors at all points.
pub(crate) const SUMS: usize = POINTS * 2 * PACK * 3 * MAX_LANES;

/// Inputs at the points: `values` holds one point after the other, all of the same length.
#[derive(Clone, Copy)]
pub(crate) struct PointInputs<'a> {
    pub values: &'a [f32],
    /// The columns of the kernel, channel by channel.
    pub windows: ColumnWindows,
    /// Start of each vector, one column left of the output's column.
    pub positions: &'a [usize],
}

/// Computes all channels at all positions.
#[inline(always)]
pub(crate) fn multiply_points<S: Simd>(
    simd: S,
    weights: &PointWeights,
    inputs: PointInputs<'_>,
    sums: &mut [f32],
    sink: &mut impl RowSink<S>,
) {
    let packs = weights.points[0].pack_count();
    let mut pack = 0;
    while S::REGISTER_COUNT >= 32 && pack + 2 <= packs {
        multiply_packs::<S, 2>(simd, weights, pack, inputs, sums, sink);
        pack += 2;
    }
    while pack < packs {
        multiply_packs::<S, 1>(simd, weights, pack, inputs, sums, sink);
        pack += 1;
    }
}

/// Computes all vectors of P packs of channels.
#[inline(always)]
fn multiply_packs<S: Simd, const P: usize>(
    simd: S,
    weights: &PointWeights,
    pack: usize,
    inputs: PointInputs<'_>,
    sums: &mut [f32],
    sink: &mut impl RowSink<S>,
) {
    let mut at = 0;
    while at < inputs.positions.len() {
        let together = next_group_size(inputs.positions.len() - at);
        match together {
            3 => multiply_vectors::<S, P, 3>(simd, weights, pack, inputs, at, sums, sink),
            2 => multiply_vectors::<S, P, 2>(simd, weights, pack, inputs, at, sums, sink),
            _ => multiply_vectors::<S, P, 1>(simd, weights, pack, inputs, at, sums, sink),
        }
        at += together;
    }
}

#[inline(always)]
fn multiply_vectors<S: Simd, const P: usize, const N: usize>(
    simd: S,
    weights: &PointWeights,
    pack: usize,
    inputs: PointInputs<'_>,
    at: usize,
    kept: &mut [f32],
    sink: &mut impl RowSink<S>,
) {
    let mut offsets = [0; N];
    offsets.copy_from_slice(&inputs.positions[at..at + N]);
    let stride = P * PACK * N * S::F32_LANES;
    let values = inputs.values.chunks_exact(inputs.values.len() / POINTS);
    for ((weights, values), kept) in weights
        .points
        .iter()
        .zip(values)
        .zip(kept.chunks_exact_mut(stride))
    {
        let mut packs: [&[[f32; PACK]]; P] = [&[]; P];
        for (p, slot) in packs.iter_mut().enumerate() {
            *slot = weights.pack_weights(pack + p);
        }
        let tiles = inputs
            .windows
            .sum_packs::<S, P, N>(simd, packs, values, offsets);
        for p in 0..P {
            for c in 0..PACK {
                for n in 0..N {
                    store_vector::<S>(
                        kept,
                        ((p * PACK + c) * N + n) * S::F32_LANES,
                        tiles[p][c][n],
                    );
                }
            }
        }
    }
    for i in 0..(P * PACK).min(weights.output_channels() - pack * PACK) {
        for n in 0..N {
            let mut m = [simd.splat_f32s(0.0); POINTS];
            for (point, value) in m.iter_mut().enumerate() {
                *value = load_vector::<S>(kept, point * stride + (i * N + n) * S::F32_LANES);
            }
            sink.take_rows(simd, pack * PACK + i, at + n, to_rows(simd, m));
        }
    }
}

//! The matrix product of dense convolutions: tiles of output channels by vectors of pixels, kept in registers.
//!
//! An output channel is `out[o][i] = sum over t of weights[o][t] * input[windows[t] + i]`. `windows[t]` is where the
//! values for weight `t` start. Windows may overlap: taps of a convolution are the same row, shifted.

use super::simd::{MAX_LANES, load_vector, store_vector};
use super::windows::{PACK, Windows};
use pulp::Simd;
use std::array;

/// Weights of all output channels in packs of `PACK` channels: `[ceil(channels / PACK)][depth][PACK]`, with zeros for
/// missing channels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed {
    values: Vec<[f32; PACK]>,
    depth: usize,
    channels: usize,
}

impl Packed {
    /// Packs `weight(channel, t)` for `depth` windows.
    pub(crate) fn new(channels: usize, depth: usize, weight: impl Fn(usize, usize) -> f32) -> Self {
        let mut values = Vec::with_capacity(channels.div_ceil(PACK) * depth);
        for first in (0..channels).step_by(PACK) {
            values.extend((0..depth).map(|t| {
                array::from_fn(|i| {
                    if first + i < channels {
                        weight(first + i, t)
                    } else {
                        0.0
                    }
                })
            }));
        }
        Self {
            values,
            depth,
            channels,
        }
    }

    /// Number of output channels.
    pub(crate) fn output_channels(&self) -> usize {
        self.channels
    }

    /// Number of weights, without the zeros of missing channels.
    pub(crate) fn weight_count(&self) -> usize {
        self.channels * self.depth
    }

    /// Number of packs.
    pub(crate) fn pack_count(&self) -> usize {
        self.channels.div_ceil(PACK)
    }

    #[inline(always)]
    pub(crate) fn pack_weights(&self, index: usize) -> &[[f32; PACK]] {
        &self.values[index * self.depth..(index + 1) * self.depth]
    }
}

/// Receives finished sums.
pub(crate) trait Sink<S: Simd> {
    /// Whether sums are written to memory before they are passed on. Needed by sinks of more than a few instructions:
    /// the compiler does not unroll these for all sums of a step, and would then keep the sums in memory all the time.
    const BY_MEMORY: bool;

    /// Takes the sums of `channel` for the vectors from `position` on.
    fn take_sums<const N: usize>(
        &mut self,
        simd: S,
        channel: usize,
        position: usize,
        sums: [S::f32s; N],
    );
}

/// Memory for the sums of a step on their way to the sink.
type Kept = [f32; 2 * PACK * 3 * MAX_LANES];

/// Computes all channels of `weights` at all `positions` (offsets into `input` that are added to the windows).
#[inline(always)]
pub(crate) fn multiply_all<S: Simd>(
    simd: S,
    weights: &Packed,
    windows: impl Windows,
    input: &[f32],
    positions: &[usize],
    sink: &mut impl Sink<S>,
) {
    let mut kept = [0.0; 2 * PACK * 3 * MAX_LANES];
    let mut pack = 0;
    // 24 sums and their operands fill 32 registers, 12 fill 16.
    while S::REGISTER_COUNT >= 32 && pack + 2 <= weights.pack_count() {
        multiply_packs::<S, _, _, 2>(
            simd, weights, pack, windows, input, positions, &mut kept, sink,
        );
        pack += 2;
    }
    while pack < weights.pack_count() {
        multiply_packs::<S, _, _, 1>(
            simd, weights, pack, windows, input, positions, &mut kept, sink,
        );
        pack += 1;
    }
}

#[inline(always)]
fn multiply_packs<S: Simd, W: Windows, K: Sink<S>, const P: usize>(
    simd: S,
    weights: &Packed,
    pack: usize,
    windows: W,
    input: &[f32],
    positions: &[usize],
    kept: &mut Kept,
    sink: &mut K,
) {
    let mut packs: [&[[f32; PACK]]; P] = [&[]; P];
    for (p, slot) in packs.iter_mut().enumerate() {
        *slot = weights.pack_weights(pack + p);
    }
    let mut at = 0;
    while at < positions.len() {
        match next_group_size(positions.len() - at) {
            3 => multiply_vectors::<S, W, K, P, 3>(
                simd,
                packs,
                (pack, weights.output_channels()),
                windows,
                input,
                positions,
                at,
                kept,
                sink,
            ),
            2 => multiply_vectors::<S, W, K, P, 2>(
                simd,
                packs,
                (pack, weights.output_channels()),
                windows,
                input,
                positions,
                at,
                kept,
                sink,
            ),
            _ => multiply_vectors::<S, W, K, P, 1>(
                simd,
                packs,
                (pack, weights.output_channels()),
                windows,
                input,
                positions,
                at,
                kept,
                sink,
            ),
        }
        at += next_group_size(positions.len() - at);
    }
}

/// Number of vectors to process next: three, but two and two instead of three and one at the end.
#[inline(always)]
pub(crate) fn next_group_size(left: usize) -> usize {
    match left {
        4 => 2,
        n => n.min(3),
    }
}

#[inline(always)]
fn multiply_vectors<S: Simd, W: Windows, K: Sink<S>, const P: usize, const N: usize>(
    simd: S,
    packs: [&[[f32; PACK]]; P],
    (pack, channels): (usize, usize),
    windows: W,
    input: &[f32],
    positions: &[usize],
    at: usize,
    kept: &mut Kept,
    sink: &mut K,
) {
    let mut offsets = [0; N];
    offsets.copy_from_slice(&positions[at..at + N]);
    let sums = windows.sum_packs::<S, P, N>(simd, packs, input, offsets);
    let first = pack * PACK;
    if !K::BY_MEMORY {
        for p in 0..P {
            for c in 0..PACK {
                if first + p * PACK + c < channels {
                    sink.take_sums(simd, first + p * PACK + c, at, sums[p][c]);
                }
            }
        }
        return;
    }
    for p in 0..P {
        for c in 0..PACK {
            for n in 0..N {
                store_vector::<S>(kept, ((p * PACK + c) * N + n) * S::F32_LANES, sums[p][c][n]);
            }
        }
    }
    for channel in first..(first + P * PACK).min(channels) {
        let mut sums = [simd.splat_f32s(0.0); N];
        for n in 0..N {
            sums[n] = load_vector::<S>(kept, ((channel - first) * N + n) * S::F32_LANES);
        }
        sink.take_sums(simd, channel, at, sums);
    }
}

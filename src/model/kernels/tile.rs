//! The product under every dense convolution: tiles of output channels by vectors of pixels that stay in registers.
//!
//! An output channel is `out[o][i] = sum over t of weights[o][t] * input[windows[t] + i]`. A window is where the values
//! that belong to weight `t` begin, so windows may overlap: taps of a convolution are the same row, shifted.

use super::simd::load;
use pulp::Simd;

/// Output channels whose weights lie side by side.
pub(crate) const PACK: usize = 4;

/// Weights of all output channels, `PACK` channels together: `[ceil(channels / PACK)][depth][PACK]`, zeros where there is
/// no channel.
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
            let at = |t: usize| std::array::from_fn(|i| if first + i < channels { weight(first + i, t) } else { 0.0 });
            values.extend((0..depth).map(at));
        }
        Self { values, depth, channels }
    }

    /// Output channels.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Weights of one output channel.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// How many packs there are.
    pub(crate) fn packs(&self) -> usize {
        self.channels.div_ceil(PACK)
    }

    #[inline(always)]
    pub(crate) fn pack(&self, index: usize) -> &[[f32; PACK]] {
        &self.values[index * self.depth..(index + 1) * self.depth]
    }
}

/// Sums of one pack of channels for V vectors.
pub(crate) type Tile<V, const N: usize> = [[V; N]; PACK];

/// What takes the finished tiles.
pub(crate) trait Sink<S: Simd> {
    /// Takes the sums of the channels from `channel` on, for the vectors from `position` on.
    fn take<const N: usize>(&mut self, simd: S, channel: usize, position: usize, tile: &Tile<S::f32s, N>);
}

/// All channels of `weights` at all `positions` (offsets into `input` that are added to the windows).
#[inline(always)]
pub(crate) fn product<S: Simd>(
    simd: S,
    weights: &Packed,
    windows: &[usize],
    input: &[f32],
    positions: &[usize],
    sink: &mut impl Sink<S>,
) {
    let mut pack = 0;
    // 24 sums and what they are made of fill 32 registers, 12 fill 16.
    while S::REGISTER_COUNT >= 32 && pack + 2 <= weights.packs() {
        along::<S, 2>(simd, weights, pack, windows, input, positions, sink);
        pack += 2;
    }
    while pack < weights.packs() {
        along::<S, 1>(simd, weights, pack, windows, input, positions, sink);
        pack += 1;
    }
}

#[inline(always)]
fn along<S: Simd, const P: usize>(
    simd: S,
    weights: &Packed,
    pack: usize,
    windows: &[usize],
    input: &[f32],
    positions: &[usize],
    sink: &mut impl Sink<S>,
) {
    let mut packs: [&[[f32; PACK]]; P] = [&[]; P];
    for (p, slot) in packs.iter_mut().enumerate() {
        *slot = weights.pack(pack + p);
    }
    let mut at = 0;
    while at < positions.len() {
        match group(positions.len() - at) {
            3 => step::<S, P, 3>(simd, packs, pack, windows, input, positions, at, sink),
            2 => step::<S, P, 2>(simd, packs, pack, windows, input, positions, at, sink),
            _ => step::<S, P, 1>(simd, packs, pack, windows, input, positions, at, sink),
        }
        at += group(positions.len() - at);
    }
}

/// How many of the vectors that are left come next: threes, with twos at the end rather than a single one.
#[inline(always)]
pub(crate) fn group(left: usize) -> usize {
    match left {
        4 => 2,
        n => n.min(3),
    }
}

#[inline(always)]
fn step<S: Simd, const P: usize, const N: usize>(
    simd: S,
    packs: [&[[f32; PACK]]; P],
    pack: usize,
    windows: &[usize],
    input: &[f32],
    positions: &[usize],
    at: usize,
    sink: &mut impl Sink<S>,
) {
    let mut offsets = [0; N];
    offsets.copy_from_slice(&positions[at..at + N]);
    let sums = sums::<S, P, N>(simd, packs, windows, input, offsets);
    for p in 0..P {
        sink.take(simd, (pack + p) * PACK, at, &sums[p]);
    }
}

/// The sums of P packs for N vectors.
#[inline(always)]
pub(crate) fn sums<S: Simd, const P: usize, const N: usize>(
    simd: S,
    packs: [&[[f32; PACK]]; P],
    windows: &[usize],
    input: &[f32],
    offsets: [usize; N],
) -> [Tile<S::f32s, N>; P] {
    let mut sum = [[[simd.splat_f32s(0.0); N]; PACK]; P];
    // One length for all, so that it is checked once.
    let mut weights = packs;
    for pack in &mut weights {
        *pack = &pack[..windows.len()];
    }
    for (t, &window) in windows.iter().enumerate() {
        let mut values = [simd.splat_f32s(0.0); N];
        for n in 0..N {
            values[n] = load::<S>(input, window + offsets[n]);
        }
        for p in 0..P {
            for c in 0..PACK {
                let weight = simd.splat_f32s(weights[p][t][c]);
                for n in 0..N {
                    sum[p][c][n] = simd.mul_add_e_f32s(weight, values[n], sum[p][c][n]);
                }
            }
        }
    }
    sum
}

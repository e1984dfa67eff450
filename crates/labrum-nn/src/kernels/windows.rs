//! The innermost sums of dense convolutions: over the windows of the input that the weights of an output channel are
//! multiplied with.

use super::simd::{panic_outside_window, vector_within};
use pulp::Simd;

/// Number of output channels whose weights are stored together.
pub(crate) const PACK: usize = 4;

/// Sums of one pack of channels for N vectors.
pub(crate) type Tile<V, const N: usize> = [[V; N]; PACK];

/// Number of input channels whose bounds are checked together.
const TOGETHER: usize = 4;

/// Where the values for the weights of an output channel start in the input.
pub(crate) trait Windows: Copy {
    /// The sums of P packs for the N vectors at `offsets` from the start of each window.
    fn sum_packs<S: Simd, const P: usize, const N: usize>(
        self,
        simd: S,
        packs: [&[[f32; PACK]]; P],
        input: &[f32],
        offsets: [usize; N],
    ) -> [Tile<S::f32s, N>; P];
}

/// One window for each input channel, and that of the next channel `step` values further.
#[derive(Clone, Copy)]
pub(crate) struct ChannelWindows {
    pub step: usize,
}

/// Three adjacent windows for each input channel, the columns of a 3x3 kernel; those of the next channel start `step`
/// values further.
#[derive(Clone, Copy)]
pub(crate) struct ColumnWindows {
    pub step: usize,
}

/// Any windows, one for each weight.
impl Windows for &[usize] {
    #[inline(always)]
    fn sum_packs<S: Simd, const P: usize, const N: usize>(
        self,
        simd: S,
        packs: [&[[f32; PACK]]; P],
        input: &[f32],
        offsets: [usize; N],
    ) -> [Tile<S::f32s, N>; P] {
        let mut sum = zero_sums(simd);
        let mut is_inside = true;
        'windows: for (t, &window) in self.iter().enumerate() {
            let mut values = [simd.splat_f32s(0.0); N];
            for n in 0..N {
                let Some(value) = vector_within::<S>(input, window + offsets[n]) else {
                    is_inside = false;
                    break 'windows;
                };
                values[n] = *value;
            }
            let mut weights = [&[0.0; PACK]; P];
            for p in 0..P {
                let Some(found) = packs[p].get(t) else {
                    is_inside = false;
                    break 'windows;
                };
                weights[p] = found;
            }
            add_products(simd, weights, values, &mut sum);
        }
        if !is_inside {
            panic_outside_window();
        }
        sum
    }
}

impl Windows for ChannelWindows {
    #[inline(always)]
    fn sum_packs<S: Simd, const P: usize, const N: usize>(
        self,
        simd: S,
        packs: [&[[f32; PACK]]; P],
        input: &[f32],
        offsets: [usize; N],
    ) -> [Tile<S::f32s, N>; P] {
        let step = self.step;
        let whole = packs[0].len() / TOGETHER * TOGETHER;
        let (mut groups, mut rest) = (packs, packs);
        for p in 0..P {
            (groups[p], rest[p]) = packs[p].split_at(whole);
        }
        let mut sum = zero_sums(simd);
        let steps = [TOGETHER * step, step];
        add_groups::<S, P, N, TOGETHER>(simd, groups, steps, input, offsets, &mut sum);
        let input = &input[whole * step..];
        add_groups::<S, P, N, 1>(simd, rest, [step, step], input, offsets, &mut sum);
        sum
    }
}

impl Windows for ColumnWindows {
    #[inline(always)]
    fn sum_packs<S: Simd, const P: usize, const N: usize>(
        self,
        simd: S,
        packs: [&[[f32; PACK]]; P],
        input: &[f32],
        offsets: [usize; N],
    ) -> [Tile<S::f32s, N>; P] {
        let mut sum = zero_sums(simd);
        add_groups::<S, P, N, 3>(simd, packs, [self.step, 1], input, offsets, &mut sum);
        sum
    }
}

#[inline(always)]
fn zero_sums<S: Simd, const P: usize, const N: usize>(simd: S) -> [Tile<S::f32s, N>; P] {
    [[[simd.splat_f32s(0.0); N]; PACK]; P]
}

/// Adds the products for groups of T windows. The windows of a group are `window_step` values apart, and the groups
/// `group_step` values. The bounds of a group are checked once; the checks of its vectors are the same for all groups, so
/// that the compiler can do them before the loop. With checks for each vector, a processor that multiplies two vectors of
/// 16 values at a time is busier with them than with products.
#[inline(always)]
fn add_groups<S: Simd, const P: usize, const N: usize, const T: usize>(
    simd: S,
    packs: [&[[f32; PACK]]; P],
    [group_step, window_step]: [usize; 2],
    input: &[f32],
    offsets: [usize; N],
    sum: &mut [Tile<S::f32s, N>; P],
) {
    let mut groups: [&[[[f32; PACK]; T]]; P] = [&[]; P];
    for p in 0..P {
        groups[p] = packs[p].as_chunks::<T>().0;
    }
    let mut reach = 0;
    for offset in offsets {
        reach = reach.max(offset + (T - 1) * window_step + S::F32_LANES);
    }
    // Kept in registers only in a variable of this function.
    let mut kept = *sum;
    let mut is_inside = true;
    let mut start = 0;
    'groups: for index in 0..groups[0].len() {
        let Some(part) = input.get(start..start + reach) else {
            is_inside = false;
            break;
        };
        start += group_step;
        let mut group = [&[[0.0; PACK]; T]; P];
        for p in 0..P {
            let Some(found) = groups[p].get(index) else {
                is_inside = false;
                break 'groups;
            };
            group[p] = found;
        }
        for t in 0..T {
            let mut values = [simd.splat_f32s(0.0); N];
            for n in 0..N {
                let Some(value) = vector_within::<S>(part, offsets[n] + t * window_step) else {
                    is_inside = false;
                    break 'groups;
                };
                values[n] = *value;
            }
            let mut weights = [&[0.0; PACK]; P];
            for p in 0..P {
                weights[p] = &group[p][t];
            }
            add_products(simd, weights, values, &mut kept);
        }
    }
    if !is_inside {
        panic_outside_window();
    }
    *sum = kept;
}

/// Adds the product of each weight with each vector.
#[inline(always)]
fn add_products<S: Simd, const P: usize, const N: usize>(
    simd: S,
    weights: [&[f32; PACK]; P],
    values: [S::f32s; N],
    sum: &mut [Tile<S::f32s, N>; P],
) {
    for p in 0..P {
        for c in 0..PACK {
            let weight = simd.splat_f32s(weights[p][c]);
            for n in 0..N {
                sum[p][c][n] = simd.mul_add_e_f32s(weight, values[n], sum[p][c][n]);
            }
        }
    }
}

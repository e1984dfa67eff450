//! What the kernels share: four channels as one vector, activations, and sums that several threads make together.

use cubecl::prelude::*;

/// Number of threads of a cube.
pub(super) const THREADS: usize = 64;
/// Maximum number of threads that share the sums of one tile.
const MAX_PARTS: usize = 8;
/// Number of threads that keeps a GPU busy.
const BUSY: usize = 32 * 1024;

/// Four neighbouring channels of a pixel, or the weights of four neighbouring output channels.
pub(super) type Quad = Vector<f32, Const<4>>;
/// The bits of four values.
type QuadBits = Vector<u32, Const<4>>;

/// The bits of -0; those of negative numbers down to minus infinity follow them.
const SIGN: u32 = 0x8000_0000;
/// The bits of the first NaN, after those of infinity.
const ABOVE_INFINITY: u32 = 0x7f80_0001;

/// Number of threads that share the sums of each tile, a power of two: more than one where there are too few tiles to
/// keep a GPU busy. `depth` is the number of terms that they can divide.
pub(super) fn part_count(tiles: usize, depth: usize) -> usize {
    let wanted = (BUSY / tiles.max(1)).min(depth).clamp(1, MAX_PARTS);
    1 << wanted.ilog2()
}

/// Sums of zero.
#[cube]
pub(super) fn zero_sums(#[comptime] count: usize) -> Array<Quad> {
    let mut sums = Array::<Quad>::new(count);
    #[unroll]
    for i in 0..count {
        sums[i] = Quad::new(0.0f32);
    }
    sums
}

/// Adds up the sums of the `parts` threads that share a tile; the first of them gets the total. Threads of one part
/// follow each other, and all threads of a cube make this call.
#[cube]
pub(super) fn add_parts(
    sums: &mut Array<Quad>,
    #[comptime] count: usize,
    #[comptime] parts: usize,
) {
    if comptime!(parts > 1) {
        let id = UNIT_POS_X as usize;
        let mut shared = Shared::<[Quad]>::new_slice(comptime!(THREADS / 2 * count));
        #[unroll]
        for round in 0..comptime!(parts.ilog2() as usize) {
            let receivers = comptime!(THREADS >> (round + 1));
            if id >= receivers && id < comptime!(2 * receivers) {
                #[unroll]
                for i in 0..count {
                    shared[comptime!(i * receivers) + id - receivers] = sums[i];
                }
            }
            sync_cube();
            if id < receivers {
                #[unroll]
                for i in 0..count {
                    sums[i] += shared[comptime!(i * receivers) + id];
                }
            }
            sync_cube();
        }
    }
}

/// max(x, 0); NaN stays NaN. Decided by the bits, because shaders may assume that there is no NaN, and take a comparison of
/// numbers for a maximum.
#[cube]
pub(super) fn relu(x: Quad) -> Quad {
    let from_sign = QuadBits::reinterpret(x) - QuadBits::new(SIGN);
    let is_negative = from_sign.less_than(&QuadBits::new(ABOVE_INFINITY));
    select_many(is_negative, Quad::new(0.0f32), x)
}

/// GELU(x) = x Phi(x), as on the CPU.
#[cube]
pub(super) fn gelu(x: Quad) -> Quad {
    let half = Quad::new(0.5f32);
    x * (erf(x * Quad::new(0.707_106_77f32)) * half + half)
}

/// erf(x) as x P(x^2) / Q(x^2) on [-4, 4], clamped outside: the coefficients of the CPU's.
#[cube]
fn erf(x: Quad) -> Quad {
    let x = max(min(x, Quad::new(3.832_507f32)), Quad::new(-3.832_507f32));
    let s = x * x;
    let p = Quad::new(-2.726_142_3e-10f32);
    let p = p * s + Quad::new(2.770_681_4e-8f32);
    let p = p * s + Quad::new(-2.101_024e-6f32);
    let p = p * s + Quad::new(-5.692_506_4e-5f32);
    let p = p * s + Quad::new(-7.349_906_3e-4f32);
    let p = p * s + Quad::new(-2.954_6e-3f32);
    let p = p * s + Quad::new(-1.609_603_3e-2f32);
    let q = Quad::new(-1.456_607_2e-5f32);
    let q = q * s + Quad::new(-2.133_740_6e-4f32);
    let q = q * s + Quad::new(-1.682_827e-3f32);
    let q = q * s + Quad::new(-7.373_329e-3f32);
    let q = q * s + Quad::new(-1.426_473_9e-2f32);
    x * p / q
}

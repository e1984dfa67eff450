//! Noisy test images for the edge tools.

#![allow(clippy::expect_used)]

use crate::image::{Image, Pixels};

/// Sums of four uniform numbers: approximately normal, with a standard deviation of 1.
fn normal_noise(seed: u32) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    move || {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            f64::from(state) / f64::from(u32::MAX) - 0.5
        };
        (next() + next() + next() + next()) * 3f64.sqrt()
    }
}

/// An image of `side` x `side` pixels with value `level(x, y)` and noise of standard deviation `sigma`.
pub(super) fn noisy_picture(
    side: usize,
    seed: u32,
    sigma: f64,
    level: impl Fn(f64, f64) -> f64,
) -> Image {
    let mut noise = normal_noise(seed);
    let at = |i: usize| ((i % side) as f64 + 0.5, (i / side) as f64 + 0.5);
    let value = |i: usize| (level(at(i).0, at(i).1) + sigma * noise()) as f32;
    Image::new(
        side,
        side,
        Pixels::F32((0..side * side).map(value).collect()),
    )
    .expect("size")
}

//! Softmax over the classes of each pixel.

use crate::kernels::simd::{detected_arch, exp};
use pulp::{Simd, WithSimd};

/// Turns finite logits `[classes, pixels]` into probabilities, in place.
pub(super) fn softmax_in_place(values: &mut [f32], classes: usize) {
    let pixels = values.len() / classes;
    detected_arch().dispatch(Softmax {
        values,
        classes,
        pixels,
    });
}

struct Softmax<'a> {
    values: &'a mut [f32],
    classes: usize,
    pixels: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            values,
            classes,
            pixels,
        } = self;
        for at in (0..pixels).step_by(S::F32_LANES) {
            let lanes = S::F32_LANES.min(pixels - at);
            let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
            for class in 0..classes {
                let start = class * pixels + at;
                let value = simd.partial_load_f32s(&values[start..start + lanes]);
                largest = simd.max_f32s(largest, value);
            }
            let mut sum = simd.splat_f32s(0.0);
            for class in 0..classes {
                let start = class * pixels + at;
                let vector = &mut values[start..start + lanes];
                let value = simd.partial_load_f32s(vector);
                let power = exp(simd, simd.sub_f32s(value, largest));
                sum = simd.add_f32s(sum, power);
                simd.partial_store_f32s(vector, power);
            }
            let share = simd.div_f32s(simd.splat_f32s(1.0), sum);
            for class in 0..classes {
                let start = class * pixels + at;
                let vector = &mut values[start..start + lanes];
                let power = simd.partial_load_f32s(vector);
                simd.partial_store_f32s(vector, simd.mul_f32s(power, share));
            }
        }
    }
}

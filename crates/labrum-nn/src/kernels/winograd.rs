//! Winograd's minimal filtering F(4, 3) along the columns of a plane: four rows of a 3x3 convolution from six products
//! for each column of its kernel instead of twelve (Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", arXiv 1509.09308). The points are 0, ±√½, ±√2 and infinity, which lose the least precision in float32.
//!
//! ```text
//! rows = A^T [ (G taps) * (B^T inputs) ]       six inputs, three taps, four rows
//! ```
//!
//! Only the vertical direction is transformed, which saves half of the multiplications. Horizontally the products
//! remain sums over shifted windows, which need no shuffling of lanes.

use super::simd::{load_vector, store_vector};
use pulp::Simd;
use std::{array, f32::consts::FRAC_1_SQRT_2};

/// Number of points at which the polynomials are multiplied.
pub(crate) const POINTS: usize = 6;
/// Number of rows that one transform yields.
pub(crate) const ROWS: usize = 4;

const SQRT_2: f32 = std::f32::consts::SQRT_2;
const SQRT_HALF: f32 = FRAC_1_SQRT_2;

/// G: coefficients of the taps at each point.
const G: [[f64; 3]; POINTS] = {
    let r = std::f64::consts::SQRT_2;
    [
        [1.0, 0.0, 0.0],
        [-2.0 / 3.0, -r / 3.0, -1.0 / 3.0],
        [-2.0 / 3.0, r / 3.0, -1.0 / 3.0],
        [1.0 / 6.0, r / 6.0, 1.0 / 3.0],
        [1.0 / 6.0, -r / 6.0, 1.0 / 3.0],
        [0.0, 0.0, 1.0],
    ]
};

/// B^T: coefficients of the input rows at each point.
pub(crate) const B: [[f32; POINTS]; POINTS] = [
    [1.0, 0.0, -2.5, 0.0, 1.0, 0.0],
    [0.0, -SQRT_2, -2.0, SQRT_HALF, 1.0, 0.0],
    [0.0, SQRT_2, -2.0, -SQRT_HALF, 1.0, 0.0],
    [0.0, -SQRT_HALF, -0.5, SQRT_2, 1.0, 0.0],
    [0.0, SQRT_HALF, -0.5, -SQRT_2, 1.0, 0.0],
    [0.0, 1.0, 0.0, -2.5, 0.0, 1.0],
];

/// A^T: coefficients of the points in each output row.
pub(super) const A: [[f32; POINTS]; ROWS] = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    [0.0, SQRT_HALF, -SQRT_HALF, SQRT_2, -SQRT_2, 0.0],
    [0.0, 0.5, 0.5, 2.0, 2.0, 0.0],
    [
        0.0,
        0.5 * SQRT_HALF,
        -0.5 * SQRT_HALF,
        2.0 * SQRT_2,
        -2.0 * SQRT_2,
        1.0,
    ],
];

/// The weight at `point` of three taps in a column of the kernel.
pub(crate) fn weight_at(point: usize, taps: [f32; 3]) -> f32 {
    (0..3)
        .map(|i| G[point][i] * f64::from(taps[i]))
        .sum::<f64>() as f32
}

/// The gradients of three taps from the gradients of the weights at the points.
pub(super) fn tap_gradients(points: [f32; POINTS]) -> [f32; 3] {
    array::from_fn(|i| {
        (0..POINTS)
            .map(|p| G[p][i] * f64::from(points[p]))
            .sum::<f64>() as f32
    })
}

/// Computes the points of six rows. `values` holds one point after the other, all of the same length; the result starts
/// at `at` within each.
#[inline(always)]
pub(crate) fn fill_points<S: Simd>(simd: S, rows: [&[f32]; POINTS], values: &mut [f32], at: usize) {
    let mut slots: [&mut [f32]; POINTS] = Default::default();
    let point_length = values.len() / POINTS;
    for (slot, point) in slots.iter_mut().zip(values.chunks_exact_mut(point_length)) {
        *slot = &mut point[at..at + rows[0].len()];
    }
    to_points(simd, rows, slots);
}

/// Computes the points of six rows: `points[p][i] = sum over r of B[p][r] * rows[r][i]`. All slices have the same
/// length, a multiple of the vector length.
#[inline(always)]
fn to_points<S: Simd>(simd: S, rows: [&[f32]; POINTS], points: [&mut [f32]; POINTS]) {
    let length = rows[0].len();
    let [p0, p1, p2, p3, p4, p5] = points;
    let mut i = 0;
    while i + S::F32_LANES <= length {
        let mut r = [simd.splat_f32s(0.0); POINTS];
        for (value, row) in r.iter_mut().zip(rows) {
            *value = load_vector::<S>(row, i);
        }
        let even = simd.mul_add_e_f32s(simd.splat_f32s(-2.5), r[2], simd.add_f32s(r[0], r[4]));
        store_vector::<S>(p0, i, even);
        let even = simd.mul_add_e_f32s(simd.splat_f32s(-2.0), r[2], r[4]);
        let odd = simd.mul_add_e_f32s(
            simd.splat_f32s(SQRT_HALF),
            r[3],
            simd.mul_f32s(simd.splat_f32s(-SQRT_2), r[1]),
        );
        store_vector::<S>(p1, i, simd.add_f32s(even, odd));
        store_vector::<S>(p2, i, simd.sub_f32s(even, odd));
        let even = simd.mul_add_e_f32s(simd.splat_f32s(-0.5), r[2], r[4]);
        let odd = simd.mul_add_e_f32s(
            simd.splat_f32s(SQRT_2),
            r[3],
            simd.mul_f32s(simd.splat_f32s(-SQRT_HALF), r[1]),
        );
        store_vector::<S>(p3, i, simd.add_f32s(even, odd));
        store_vector::<S>(p4, i, simd.sub_f32s(even, odd));
        store_vector::<S>(
            p5,
            i,
            simd.mul_add_e_f32s(simd.splat_f32s(-2.5), r[3], simd.add_f32s(r[1], r[5])),
        );
        i += S::F32_LANES;
    }
}

/// Computes four rows from the sums at the points.
#[inline(always)]
pub(crate) fn to_rows<S: Simd>(simd: S, m: [S::f32s; POINTS]) -> [S::f32s; ROWS] {
    let near = simd.add_f32s(m[1], m[2]);
    let far = simd.add_f32s(m[3], m[4]);
    let near_odd = simd.sub_f32s(m[1], m[2]);
    let far_odd = simd.sub_f32s(m[3], m[4]);
    [
        simd.add_f32s(m[0], simd.add_f32s(near, far)),
        simd.mul_add_e_f32s(
            simd.splat_f32s(SQRT_HALF),
            near_odd,
            simd.mul_f32s(simd.splat_f32s(SQRT_2), far_odd),
        ),
        simd.mul_add_e_f32s(simd.splat_f32s(0.5), near, simd.add_f32s(far, far)),
        simd.mul_add_e_f32s(
            simd.splat_f32s(0.5 * SQRT_HALF),
            near_odd,
            simd.mul_add_e_f32s(simd.splat_f32s(2.0 * SQRT_2), far_odd, m[5]),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_matrices_give_a_convolution_with_three_taps() {
        // By linearity it is enough to check each tap and input separately.
        for tap in 0..3 {
            for input in 0..POINTS {
                let taps = std::array::from_fn(|i| f32::from(u8::from(i == tap)));
                for row in 0..ROWS {
                    let sum: f32 = (0..POINTS)
                        .map(|p| A[row][p] * weight_at(p, taps) * B[p][input])
                        .sum();
                    let expected = f32::from(u8::from(input == row + tap));
                    assert!(
                        (sum - expected).abs() < 1e-6,
                        "row {row}, tap {tap}, input {input}: {sum}"
                    );
                }
            }
        }
    }
}

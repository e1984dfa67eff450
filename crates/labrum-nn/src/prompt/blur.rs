//! Gaussian blur of one plane of grey levels.

use labrum_core::blur::{convolve_rows, half_gaussian};

/// Gaussian blur with a standard deviation of `sigma` pixels, truncated at three of them. Border
/// pixels are repeated outside the image. A `sigma` below 0.1 does nothing.
pub(super) fn blur_plane(plane: &mut [f32], columns: usize, sigma: f32) {
    if sigma < 0.1 || columns == 0 || plane.is_empty() {
        return;
    }
    let weights = half_gaussian(sigma);
    let rows = plane.len() / columns;
    let mut across = plane.to_vec();
    convolve_rows(&mut across, columns, &weights);
    // `convolve_separable` rounds these sums differently, and a seed must go on giving the same tasks.
    for (row, to) in plane.chunks_exact_mut(columns).enumerate() {
        to.fill(0.0);
        add_row(&across, columns, row, weights[0], to);
        for (away, &weight) in weights.iter().enumerate().skip(1) {
            add_row(&across, columns, row.saturating_sub(away), weight, to);
            add_row(&across, columns, (row + away).min(rows - 1), weight, to);
        }
    }
}

/// Adds a row of the plane, times a weight, to `to`.
fn add_row(plane: &[f32], columns: usize, row: usize, weight: f32, to: &mut [f32]) {
    for (out, value) in to.iter_mut().zip(&plane[row * columns..]) {
        *out += weight * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_plane_is_unchanged_and_a_dot_becomes_a_gaussian_of_the_same_sum() {
        let mut flat = vec![0.4; 12 * 9];
        blur_plane(&mut flat, 12, 2.0);
        assert!(flat.iter().all(|v| (v - 0.4).abs() < 1e-5));
        let mut dot = vec![0.0; 31 * 31];
        dot[15 * 31 + 15] = 1.0;
        blur_plane(&mut dot, 31, 2.0);
        assert!((dot.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        let ratio = dot[15 * 31 + 17] / dot[15 * 31 + 15];
        assert!((ratio - (-0.5f32).exp()).abs() < 1e-3, "{ratio}");
        assert_eq!(dot[13 * 31 + 15], dot[15 * 31 + 17]);
    }

    #[test]
    fn a_sigma_of_zero_changes_nothing() {
        let mut plane = vec![0.0, 1.0, 0.5, 0.25];
        blur_plane(&mut plane, 2, 0.0);
        assert_eq!(plane, [0.0, 1.0, 0.5, 0.25]);
    }
}

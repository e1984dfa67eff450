//! Blur of row-major values: half of a Gaussian kernel, and convolution with a symmetric kernel.

/// One half of a Gaussian kernel, from its centre to 3 `sigma`, normalized so that the whole kernel sums to 1. `sigma` is
/// a standard deviation in pixels, above 0.
pub fn half_gaussian(sigma: f32) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as usize;
    let mut half: Vec<f32> = (0..=reach)
        .map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp())
        .collect();
    let sum = 2.0 * half.iter().sum::<f32>() - half[0];
    half.iter_mut().for_each(|w| *w /= sum);
    half
}

/// Convolves rows and columns with a symmetric kernel, given from its centre; border values are repeated. The kernel has
/// at least one weight.
pub fn convolve_separable(values: &mut [f32], columns: usize, half: &[f32]) {
    if columns == 0 || values.is_empty() {
        return;
    }
    convolve_rows(values, columns, half);
    let source = values.to_vec();
    let rows = values.len() / columns;
    for (y, out) in values.chunks_exact_mut(columns).enumerate() {
        out.iter_mut().for_each(|v| *v *= half[0]);
        for (k, weight) in half.iter().enumerate().skip(1) {
            let above = row_values(&source, columns, y.saturating_sub(k));
            let below = row_values(&source, columns, (y + k).min(rows - 1));
            let pairs = above.iter().zip(below);
            out.iter_mut()
                .zip(pairs)
                .for_each(|(out, (a, b))| *out += weight * (a + b));
        }
    }
}

/// As [`convolve_separable`], along the rows only.
pub fn convolve_rows(values: &mut [f32], columns: usize, half: &[f32]) {
    if columns == 0 {
        return;
    }
    let reach = half.len() - 1;
    let mut padded = vec![0.0; columns + 2 * reach];
    for row in values.chunks_exact_mut(columns) {
        padded[..reach].fill(row[0]);
        padded[reach..reach + columns].copy_from_slice(row);
        padded[reach + columns..].fill(row[columns - 1]);
        row.iter_mut()
            .zip(&padded[reach..])
            .for_each(|(out, v)| *out = half[0] * v);
        for (k, weight) in half.iter().enumerate().skip(1) {
            let pairs = padded[reach - k..].iter().zip(&padded[reach + k..]);
            row.iter_mut()
                .zip(pairs)
                .for_each(|(out, (a, b))| *out += weight * (a + b));
        }
    }
}

/// Row `y` of row-major values.
#[inline]
pub(crate) fn row_values(values: &[f32], columns: usize, y: usize) -> &[f32] {
    &values[y * columns..(y + 1) * columns]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_what_is_constant_and_the_sum() {
        let mut flat = vec![3.0; 35];
        convolve_separable(&mut flat, 7, &half_gaussian(1.5));
        assert!(flat.iter().all(|v| (v - 3.0).abs() < 1e-5));
        let mut point = vec![0.0; 31 * 31];
        point[15 * 31 + 15] = 1.0;
        convolve_separable(&mut point, 31, &half_gaussian(2.0));
        assert!((point.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        assert!(point.iter().all(|v| *v <= point[15 * 31 + 15] + 1e-7));
        assert!((point[15 * 31 + 12] - point[12 * 31 + 15]).abs() < 1e-6);
    }

    #[test]
    fn border_values_are_repeated() {
        let mut values = [1.0, 3.0, 5.0, 1.0, 1.0, 1.0];
        convolve_rows(&mut values, 3, &[0.5, 0.25]);
        assert_eq!(values, [1.5, 3.0, 4.5, 1.0, 1.0, 1.0]);
    }
}

//! A quantile of sorted values.

/// The `q` quantile (0..=1) of sorted values, not interpolated; needs at least one value.
pub(crate) fn value_at_quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_value_counts() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let of = |q| value_at_quantile(&values, q);
        assert_eq!([of(0.0), of(0.3), of(0.6), of(1.0)], [1.0, 2.0, 3.0, 4.0]);
    }
}

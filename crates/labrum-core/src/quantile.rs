//! A quantile of sorted values.

/// The `q` quantile of values in ascending order, not interpolated: the value nearest to the rank `q * (n - 1)`. Thus 0 is the
/// lowest, 0.5 the median, 0.99 the 99th percentile and 1 the highest; `q` outside of 0..=1 counts as the nearer of these. In
/// the unit of the values; NaN without values.
pub fn value_at_quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let rank = (last as f64 * q.clamp(0.0, 1.0)).round() as usize;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_value_counts() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let of = |q| value_at_quantile(&values, q);
        assert_eq!([of(0.0), of(0.3), of(0.6), of(1.0)], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!([of(-0.5), of(1.5)], [1.0, 4.0]);
    }

    #[test]
    fn there_is_no_quantile_without_values() {
        assert!(value_at_quantile(&[], 0.5).is_nan());
    }
}

//! A quantile of sorted values, and the range of values in any order.

/// The `q` quantile of values in ascending order, not interpolated: the value nearest to the rank `q * (n - 1)`. Thus 0 is the
/// lowest, 0.5 the median, 0.99 the 99th percentile and 1 the highest; `q` outside of 0..=1 counts as the nearer of these. In
/// the unit of the values; NaN without values.
pub fn value_at_quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let rank = (last as f64 * q.clamp(0.0, 1.0)).round() as usize;
    sorted.get(rank).copied().unwrap_or(f64::NAN)
}

/// The lowest and the highest value; [`f64::MAX`] and [`f64::MIN`] without values. Those that are not numbers do not count.
pub fn lowest_and_highest(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    })
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
    fn the_range_of_values_leaves_out_what_is_not_a_number() {
        let values = [3.0, f64::NAN, -1.0, 2.0];
        assert_eq!(lowest_and_highest(values.into_iter()), (-1.0, 3.0));
        assert_eq!(lowest_and_highest([].into_iter()), (f64::MAX, f64::MIN));
    }

    #[test]
    fn there_is_no_quantile_without_values() {
        assert!(value_at_quantile(&[], 0.5).is_nan());
    }
}

//! Threshold: the pixels of a region whose value lies in a range.

use super::super::region::{Region, Span};
use std::ops::RangeInclusive;

/// The pixels of `region`, in an image `columns` wide, whose `value(index)` lies in `range`; `index` is row-major. NaN
/// lies in no range.
pub fn within_range(
    region: &Region,
    value: impl Fn(usize) -> f64,
    range: RangeInclusive<f64>,
    columns: usize,
) -> Region {
    let mut spans = Vec::new();
    for &Span { row, end, start } in region.spans() {
        let inside = |column: &usize| range.contains(&value(row * columns + column));
        let mut column = start;
        while let Some(start) = (column..end).find(inside) {
            column = (start + 1..end).find(|c| !inside(c)).unwrap_or(end);
            spans.push(Span {
                row,
                start,
                end: column,
            });
        }
    }
    Region::from_spans(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::PixelRect;
    use proptest::prelude::*;

    const SIDE: usize = 9;

    proptest! {
        #[test]
        fn exactly_the_pixels_of_the_region_in_the_range_are_found(
            values in proptest::collection::vec(prop_oneof![4 => 0.0..10.0f64, 1 => Just(f64::NAN)], SIDE * SIDE),
            cells in proptest::collection::vec(any::<bool>(), SIDE * SIDE),
            low in 0.0..10.0f64,
            width in -1.0..8.0f64,
        ) {
            let region = Region::from_fn(&PixelRect::full_frame(SIDE, SIDE), |x, y| cells[y * SIDE + x]);
            let found = within_range(&region, |i| values[i], low..=low + width, SIDE);
            for (i, v) in values.iter().enumerate() {
                let expected = cells[i] && *v >= low && *v <= low + width;
                prop_assert_eq!(found.contains(i % SIDE, i / SIDE), expected);
            }
        }
    }
}

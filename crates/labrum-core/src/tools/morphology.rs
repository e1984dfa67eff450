//! Grow, shrink and smooth regions.

use super::{
    super::region::{Region, Span},
    expand_rect, subtract_from_window,
};
use std::iter;

/// Dilation by an ellipse: adds all pixels whose centre is within the radii of the centre of a pixel in the region.
///
/// Exact; the cost is the number of spans times the number of rows of the ellipse.
pub fn dilate_region(region: &Region, radii: [f64; 2], columns: usize, rows: usize) -> Region {
    let reach = half_widths(radii, rows);
    let mut grown: Vec<Vec<Span>> = vec![Vec::new(); rows];
    for span in region.spans() {
        let up = reach.len() - 1;
        for row in span.row.saturating_sub(up)..(span.row + up + 1).min(rows) {
            let wider = reach[row.abs_diff(span.row)];
            let start = span.start.saturating_sub(wider);
            let end = span.end.saturating_add(wider).min(columns);
            add_span(&mut grown[row], Span { row, start, end });
        }
    }
    grown.iter_mut().for_each(|spans| spans.sort_unstable());
    Region::from_spans(grown.concat())
}

/// Erosion by an ellipse: removes all pixels whose centre is within the radii of the centre of a pixel outside.
///
/// Beyond the image border counts as inside, so a region that touches the border does not shrink away from it.
pub fn erode_region(region: &Region, radii: [f64; 2], columns: usize, rows: usize) -> Region {
    // One pixel of margin is enough: pixels farther out are never nearer to the region than those of the margin.
    let window = expand_rect(&region.bounds(), [1, 1], columns, rows);
    region.difference(&dilate_region(
        &subtract_from_window(&window, region),
        radii,
        columns,
        rows,
    ))
}

/// Smooths the boundary: corners are rounded, and parts and gaps thinner than about the radii disappear. Straight
/// stretches stay in place, and the area stays about the same.
///
/// Keeps pixels with a value above one half after three box blurs with these half-widths, rounded to pixels, which
/// approximate a Gaussian with that standard deviation (Wells 1986). Border pixels are repeated outside the image.
pub fn smooth_region(region: &Region, radii: [f64; 2], columns: usize, rows: usize) -> Region {
    let half = radii.map(|r| (r.round().max(0.0) as usize).min(WIDEST_BLUR));
    let blurred = box_blur_region(region, half, [columns, rows]);
    // A product of odd numbers, so that no pixel has a value of exactly one half.
    let all = half
        .iter()
        .map(|h| (2 * *h as u64 + 1).pow(PASSES as u32))
        .product::<u64>();
    // Less than half of a symmetric kernel lies on one side, so no pixel outside the bounds is kept.
    let bounds = region.bounds();
    let left = bounds.columns.start;
    let top = bounds.rows.start;
    let width = bounds.columns.len();
    Region::from_fn(&bounds, |x, y| {
        2 * blurred[(y - top) * width + x - left] > all
    })
}

const PASSES: usize = 3;

/// Maximum half-width; with wider blurs the sums would exceed 64 bits.
const WIDEST_BLUR: usize = 512;

/// Half-widths of the ellipse in columns, 0, 1, 2... rows away from its centre.
fn half_widths(radii: [f64; 2], rows: usize) -> Vec<usize> {
    // Tolerance for rounding: distances equal to the radius are within it.
    let [rx, ry] = radii.map(|r| r.max(0.0) * (1.0 + 1e-12));
    let away = 1..=(ry as usize).min(rows);
    iter::once(rx as usize)
        .chain(away.map(|dy| half_width_at(dy, rx, ry)))
        .collect()
}

/// Half-width in columns of an ellipse, `dy` rows away from its centre.
fn half_width_at(dy: usize, rx: f64, ry: f64) -> usize {
    (rx * (1.0 - (dy as f64 / ry).powi(2)).max(0.0).sqrt()) as usize
}

/// Adds a span to those of its row. Extends one of the latest spans if they overlap, as they mostly do, to keep the
/// list short.
fn add_span(spans: &mut Vec<Span>, span: Span) {
    let overlapping = spans
        .iter_mut()
        .rev()
        .take(4)
        .find(|s| span.start <= s.end && s.start <= span.end);
    match overlapping {
        Some(s) => {
            s.start = s.start.min(span.start);
            s.end = s.end.max(span.end);
        }
        None => spans.push(span),
    }
}

/// The region after three box blurs with these half-widths, unnormalized, for the pixels of its bounds.
fn box_blur_region(region: &Region, half: [usize; 2], [columns, rows]: [usize; 2]) -> Vec<u64> {
    let bounds = region.bounds();
    let width = bounds.columns.len();
    let height = bounds.rows.len();
    let [beside, above] = half.map(|h| PASSES * h);
    let mut values = vec![0; width * (height + 2 * above)];
    let mut line = vec![0; width + 2 * beside];
    let mut old = line.clone();
    for spans in region.spans().chunk_by(|a, b| a.row == b.row) {
        line.fill(0);
        for span in spans {
            let start = if span.start == 0 {
                0
            } else {
                span.start - bounds.columns.start + beside
            };
            let end = if span.end == columns {
                line.len()
            } else {
                span.end - bounds.columns.start + beside
            };
            line[start..end].fill(1);
        }
        for _ in 0..PASSES {
            old.copy_from_slice(&line);
            blur_line(&old, &mut line, half[0]);
        }
        let row = spans[0].row - bounds.rows.start + above;
        values[row * width..][..width].copy_from_slice(&line[beside..][..width]);
    }
    if bounds.rows.start == 0 {
        (0..above)
            .for_each(|row| values.copy_within(above * width..(above + 1) * width, row * width));
    }
    if bounds.rows.end == rows {
        let last = above + height;
        (last..last + above)
            .for_each(|row| values.copy_within((last - 1) * width..last * width, row * width));
    }
    for _ in 0..PASSES {
        values = blurred_columns(&values, width, half[1]);
    }
    values[above * width..][..width * height].to_vec()
}

/// Sums of the values up to `half` positions away; end values are repeated.
fn blur_line(old: &[u64], new: &mut [u64], half: usize) {
    let last = old.len() - 1;
    let mut sum = (half as u64 + 1) * old[0] + (1..=half).map(|i| old[i.min(last)]).sum::<u64>();
    for (i, value) in new.iter_mut().enumerate() {
        *value = sum;
        sum = sum + old[(i + half + 1).min(last)] - old[i.saturating_sub(half)];
    }
}

/// Like [`blur_line`] along all columns at once.
fn blurred_columns(old: &[u64], width: usize, half: usize) -> Vec<u64> {
    if width == 0 || old.len() < width {
        return Vec::new();
    }
    let first = row_or_last(old, width, 0);
    let mut sums: Vec<u64> = first.iter().map(|v| (half as u64 + 1) * v).collect();
    for y in 1..=half {
        sums.iter_mut()
            .zip(row_or_last(old, width, y))
            .for_each(|(sum, v)| *sum += v);
    }
    let mut new = Vec::with_capacity(old.len());
    for y in 0..old.len() / width {
        new.extend_from_slice(&sums);
        let entering = row_or_last(old, width, y + half + 1);
        let leaving = row_or_last(old, width, y.saturating_sub(half));
        for ((sum, entering), leaving) in sums.iter_mut().zip(entering).zip(leaving) {
            *sum = *sum + entering - leaving;
        }
    }
    new
}

/// Row `y` of row-major values, clamped to the last row.
#[inline]
fn row_or_last(values: &[u64], width: usize, y: usize) -> &[u64] {
    let last = values.len() - width;
    &values[(y * width).min(last)..][..width]
}

#[cfg(test)]
mod tests {
    use super::{super::stroke::disc_region, *};
    use crate::region::PixelRect;
    use proptest::prelude::*;

    const COLUMNS: usize = 17;
    const ROWS: usize = 14;

    fn region() -> impl Strategy<Value = Region> {
        let cells = (0.05..0.95f64).prop_flat_map(|share| {
            proptest::collection::vec(proptest::bool::weighted(share), COLUMNS * ROWS)
        });
        cells.prop_map(|c| {
            Region::from_fn(&PixelRect::full_frame(COLUMNS, ROWS), |x, y| {
                c[y * COLUMNS + x]
            })
        })
    }

    /// All pixels of the image within the radii of a pixel of the region.
    fn near(region: &Region, [rx, ry]: [f64; 2]) -> Region {
        Region::from_fn(&PixelRect::full_frame(COLUMNS, ROWS), |x, y| {
            region
                .spans()
                .iter()
                .flat_map(|s| (s.start..s.end).map(|c| (c, s.row)))
                .any(|(c, r)| {
                    let (dx, dy) = (c.abs_diff(x) as f64, r.abs_diff(y) as f64);
                    (dx == 0.0 && dy == 0.0) || (dx / rx).powi(2) + (dy / ry).powi(2) <= 1.0 + 1e-9
                })
        })
    }

    fn radius() -> impl Strategy<Value = f64> {
        prop_oneof![0.1..6.0f64, (1..6i32).prop_map(f64::from)]
    }

    fn is_within(a: &Region, b: &Region) -> bool {
        a.difference(b).is_empty()
    }

    proptest! {
        #[test]
        fn dilation_and_erosion_agree_with_a_search_over_all_pixels(region in region(), rx in radius(), ry in radius()) {
            let all = Region::full_frame(COLUMNS, ROWS);
            prop_assert_eq!(dilate_region(&region, [rx, ry], COLUMNS, ROWS), near(&region, [rx, ry]));
            let expected = all.difference(&near(&all.difference(&region), [rx, ry]));
            prop_assert_eq!(erode_region(&region, [rx, ry], COLUMNS, ROWS), expected);
        }

        #[test]
        fn closing_contains_the_region_and_opening_is_contained_in_it(region in region(), rx in radius(), ry in radius()) {
            let change = |f: fn(&Region, [f64; 2], usize, usize) -> Region, r: &Region| f(r, [rx, ry], COLUMNS, ROWS);
            let (more, less) = (change(dilate_region, &region), change(erode_region, &region));
            prop_assert!(is_within(&region, &more) && is_within(&less, &region));
            prop_assert!(is_within(&region, &change(erode_region, &more)));
            prop_assert!(is_within(&change(dilate_region, &less), &region));
        }

        #[test]
        fn smoothing_treats_inside_and_outside_alike(region in region(), rx in 0.0..4.0f64, ry in 0.0..4.0f64) {
            let all = Region::full_frame(COLUMNS, ROWS);
            let smooth = |r: &Region| smooth_region(r, [rx, ry], COLUMNS, ROWS);
            prop_assert_eq!(all.difference(&smooth(&region)), smooth(&all.difference(&region)));
        }

        #[test]
        fn smoothing_keeps_a_straight_boundary(at in 0..COLUMNS, radius in 0.0..8.0f64) {
            let left = Region::from_fn(&PixelRect::full_frame(COLUMNS, ROWS), |x, _| x < at);
            prop_assert_eq!(smooth_region(&left, [radius; 2], COLUMNS, ROWS), left);
        }
    }

    #[test]
    fn a_disc_stays_a_disc() {
        let of = |radius: f64| disc_region([100.3, 90.8], [radius; 2], 200, 200);
        let larger = dilate_region(&of(40.0), [6.0; 2], 200, 200);
        assert!(is_within(&larger, &of(46.0)) && is_within(&of(44.5), &larger));
        let smaller = erode_region(&of(40.0), [6.0; 2], 200, 200);
        assert!(is_within(&smaller, &of(35.5)) && is_within(&of(34.0), &smaller));
        let smooth = smooth_region(&of(40.0), [3.0; 2], 200, 200);
        assert!(is_within(&smooth, &of(40.5)) && is_within(&of(39.0), &smooth));
        assert!(smooth.len().abs_diff(of(40.0).len()) < of(40.0).len() / 50);
    }

    #[test]
    fn smoothing_removes_a_thin_spike_and_closes_a_thin_gap() {
        let block = PixelRect {
            columns: 30..90,
            rows: 30..90,
        };
        let hair = |x: usize, y: usize| x == 60 && y < 30;
        let crack = |x: usize, y: usize| x == 60 && y < 75;
        let all = PixelRect::full_frame(120, 120);
        let inside = |x: usize, y: usize| block.columns.contains(&x) && block.rows.contains(&y);
        let rough = Region::from_fn(&all, |x, y| hair(x, y) || inside(x, y) && !crack(x, y));
        let smooth = smooth_region(&rough, [2.0; 2], 120, 120);
        assert!(!smooth.contains(60, 20) && smooth.contains(60, 45) && !smooth.contains(30, 30));
    }

    #[test]
    fn erosion_does_not_shrink_a_region_from_the_image_border() {
        let left = Region::from_fn(&PixelRect::full_frame(COLUMNS, ROWS), |x, _| x < 9);
        let expected = Region::from_fn(&PixelRect::full_frame(COLUMNS, ROWS), |x, _| x < 6);
        assert_eq!(erode_region(&left, [3.0; 2], COLUMNS, ROWS), expected);
    }

    #[test]
    fn an_infinite_radius_covers_everything_and_a_zero_radius_changes_nothing() {
        let dot = disc_region([3.0, 3.0], [1.5; 2], COLUMNS, ROWS);
        assert_eq!(
            dilate_region(&dot, [f64::INFINITY; 2], COLUMNS, ROWS),
            Region::full_frame(COLUMNS, ROWS)
        );
        assert!(erode_region(&dot, [f64::INFINITY; 2], COLUMNS, ROWS).is_empty());
        for radius in [0.0, -1.0, f64::NAN] {
            for change in [dilate_region, erode_region, smooth_region] {
                assert_eq!(change(&dot, [radius; 2], COLUMNS, ROWS), dot);
            }
        }
        assert!(smooth_region(&dot, [f64::INFINITY; 2], COLUMNS, ROWS).is_empty());
        assert!(smooth_region(&Region::default(), [3.0; 2], COLUMNS, ROWS).is_empty());
    }
}

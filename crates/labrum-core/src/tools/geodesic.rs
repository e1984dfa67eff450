//! Geodesic distance to a set of pixels: path length with a penalty for changes of grey.

/// Maximum number of forward and of backward scans.
const ROUNDS: usize = 4;
/// Smaller improvements of a path, in pixels, cause no further scan: they may be rounding errors.
const TRIFLE: f32 = 1e-3;

/// Cost of the cheapest 8-connected path from each pixel to one of `seeds`, in pixels; infinite
/// without seeds.
///
/// A step costs `sqrt(length^2 + (edge_weight * change)^2)`, with its length in pixels (1, or the
/// root of 2) and the change of `grey` (0..=1) along it: with an `edge_weight` of 0 only the length
/// counts, with 100 an edge from black to white is as far as 100 pixels. `grey` and `seeds` hold
/// `columns * rows` pixels, row by row; paths avoid grey values that are NaN. Criminisi et al.
/// 2008, "GeoS: Geodesic Image Segmentation"; Wang et al. 2018, "DeepIGeoS".
///
/// The image is scanned forward and backward in turn until no path becomes shorter, at most four
/// times each. The result is then an approximation: a path that winds more often is not found, so
/// the distance may be too long, but never too short.
pub fn geodesic_distance(
    grey: &[f32],
    columns: usize,
    rows: usize,
    seeds: &[bool],
    edge_weight: f32,
) -> Vec<f32> {
    let mut distance: Vec<f32> = seeds
        .iter()
        .take(columns * rows)
        .map(|&seed| if seed { 0.0 } else { f32::INFINITY })
        .collect();
    let width = columns.max(1);
    for round in 0..ROUNDS {
        let pixels = row_pairs(&mut distance, grey, width);
        // After a scan its own steps cannot shorten a path. If it changed nothing, neither can
        // those of the scan before it, and the result is final. The first scan has none before it.
        if !scan_rows(pixels, true, edge_weight) && round > 0 {
            break;
        }
        let pixels = row_pairs(&mut distance, grey, width);
        if !scan_rows(pixels.rev(), false, edge_weight) {
            break;
        }
    }
    distance
}

/// The rows of distances, each with its row of grey values.
fn row_pairs<'a>(
    distance: &'a mut [f32],
    grey: &'a [f32],
    width: usize,
) -> impl DoubleEndedIterator<Item = (&'a mut [f32], &'a [f32])> {
    distance
        .chunks_exact_mut(width)
        .zip(grey.chunks_exact(width))
}

/// Shortens paths by steps from each row to the next and along it, to the right or to the left.
/// True if any path became shorter.
fn scan_rows<'a>(
    rows: impl Iterator<Item = (&'a mut [f32], &'a [f32])>,
    to_the_right: bool,
    edge_weight: f32,
) -> bool {
    let mut last: Option<(&[f32], &[f32])> = None;
    let mut changed = false;
    for (distance, grey) in rows {
        if let Some(last) = last {
            changed |= step_from_row(last, (&mut *distance, grey), edge_weight);
        }
        let pixels = distance.iter_mut().zip(grey);
        changed |= if to_the_right {
            step_along(pixels, edge_weight)
        } else {
            step_along(pixels.rev(), edge_weight)
        };
        last = Some((distance, grey));
    }
    changed
}

/// Shortens paths by the three steps to each pixel of a row (distances and grey values) from the
/// adjacent row.
fn step_from_row(
    (from, from_grey): (&[f32], &[f32]),
    (to, to_grey): (&mut [f32], &[f32]),
    edge_weight: f32,
) -> bool {
    let inner = to.len() - 1;
    let straight = step_each((from, from_grey), (&mut *to, to_grey), 1.0, edge_weight);
    let rightward = step_each(
        (&from[..inner], &from_grey[..inner]),
        (&mut to[1..], &to_grey[1..]),
        2.0,
        edge_weight,
    );
    let leftward = step_each(
        (&from[1..], &from_grey[1..]),
        (&mut to[..inner], &to_grey[..inner]),
        2.0,
        edge_weight,
    );
    straight | rightward | leftward
}

/// Shortens paths by a step from each pixel of `from` to the one at the same index of `to`.
#[inline]
fn step_each(
    (from, from_grey): (&[f32], &[f32]),
    (to, to_grey): (&mut [f32], &[f32]),
    squared_length: f32,
    edge_weight: f32,
) -> bool {
    let mut changed = false;
    let sources = from.iter().zip(from_grey);
    for ((distance, grey), (start, start_grey)) in to.iter_mut().zip(to_grey).zip(sources) {
        let path = start + step_cost(squared_length, edge_weight * (grey - start_grey));
        changed |= shorten_path(distance, path);
    }
    changed
}

/// Shortens paths by a step from each pixel (distance and grey value) to the next.
#[inline]
fn step_along<'a>(pixels: impl Iterator<Item = (&'a mut f32, &'a f32)>, edge_weight: f32) -> bool {
    let mut changed = false;
    let mut start = f32::INFINITY;
    let mut start_grey = 0.0;
    for (distance, &grey) in pixels {
        let path = start + step_cost(1.0, edge_weight * (grey - start_grey));
        changed |= shorten_path(distance, path);
        start = *distance;
        start_grey = grey;
    }
    changed
}

/// Keeps the shorter one; true if `path` is shorter by more than [`TRIFLE`].
#[inline]
fn shorten_path(distance: &mut f32, path: f32) -> bool {
    let changed = *distance - path > TRIFLE;
    // One instruction, unlike `f32::min`, and NaN is never taken.
    *distance = if path < *distance { path } else { *distance };
    changed
}

/// Cost of a step: its length and the weighted change of grey are the legs of a right triangle.
#[inline]
fn step_cost(squared_length: f32, weighted_change: f32) -> f32 {
    (squared_length + weighted_change * weighted_change).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: usize = 11;
    const ROWS: usize = 9;

    /// Reference: steps between all neighbours until nothing changes.
    fn by_search(grey: &[f32], columns: usize, seeds: &[bool], edge_weight: f32) -> Vec<f64> {
        let mut distance: Vec<f64> = seeds
            .iter()
            .map(|s| if *s { 0.0 } else { f64::INFINITY })
            .collect();
        loop {
            let old = distance.clone();
            for i in 0..grey.len() {
                for j in 0..grey.len() {
                    let x = (i % columns).abs_diff(j % columns);
                    let y = (i / columns).abs_diff(j / columns);
                    if x.max(y) == 1 {
                        let change = f64::from(edge_weight * (grey[i] - grey[j]));
                        let cost = ((x * x + y * y) as f64 + change * change).sqrt();
                        distance[i] = distance[i].min(distance[j] + cost);
                    }
                }
            }
            if distance == old {
                return distance;
            }
        }
    }

    fn one_seed(pixels: usize, at: usize) -> Vec<bool> {
        (0..pixels).map(|i| i == at).collect()
    }

    fn grey() -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(0.0f32..=1.0, COLUMNS * ROWS)
    }

    fn seeds() -> impl Strategy<Value = Vec<bool>> {
        proptest::collection::vec(proptest::bool::weighted(0.05), COLUMNS * ROWS)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_path_is_too_short_and_few_are_too_long(grey in grey(), seeds in seeds(), weight in 0.0f32..20.0) {
            let found = geodesic_distance(&grey, COLUMNS, ROWS, &seeds, weight);
            let exact = by_search(&grey, COLUMNS, &seeds, weight);
            for (a, b) in found.iter().zip(&exact) {
                prop_assert!(f64::from(*a) >= b * 0.9999, "{a} {b}");
            }
            let longer = found.iter().zip(&exact).filter(|(a, b)| f64::from(**a) > *b * 1.0001);
            prop_assert!(longer.count() <= COLUMNS * ROWS / 4);
        }

        #[test]
        fn heavier_edges_never_shorten_a_path(
            grey in grey(),
            seeds in seeds(),
            light in 0.0f32..20.0,
            more in 0.0f32..20.0,
        ) {
            let light_paths = geodesic_distance(&grey, COLUMNS, ROWS, &seeds, light);
            let heavy_paths = geodesic_distance(&grey, COLUMNS, ROWS, &seeds, light + more);
            prop_assert!(light_paths.iter().zip(&heavy_paths).all(|(a, b)| a <= &(b + 0.01)));
        }

        #[test]
        fn with_an_edge_weight_of_0_it_is_the_octile_distance(grey in grey(), seed in 0..COLUMNS * ROWS) {
            let seeds = one_seed(COLUMNS * ROWS, seed);
            let found = geodesic_distance(&grey, COLUMNS, ROWS, &seeds, 0.0);
            for (i, distance) in found.into_iter().enumerate() {
                let x = (i % COLUMNS).abs_diff(seed % COLUMNS) as f32;
                let y = (i / COLUMNS).abs_diff(seed / COLUMNS) as f32;
                let octile = x.max(y) + (2f32.sqrt() - 1.0) * x.min(y);
                prop_assert!((distance - octile).abs() < 1e-4, "{distance} {octile}");
                prop_assert!(distance < 1.083 * x.hypot(y) + 1e-4);
            }
        }
    }

    /// A white wall in column 10, from `top` down.
    fn wall(columns: usize, rows: usize, top: usize) -> Vec<f32> {
        (0..columns * rows)
            .map(|i| f32::from(u8::from(i % columns == 10 && i / columns >= top)))
            .collect()
    }

    #[test]
    fn the_far_side_of_a_wall_is_distant_unless_there_is_a_gap() {
        let (columns, rows) = (21, 15);
        let seeds = one_seed(columns * rows, 7 * columns + 5);
        let closed = geodesic_distance(&wall(columns, rows, 0), columns, rows, &seeds, 50.0);
        let open = geodesic_distance(&wall(columns, rows, 1), columns, rows, &seeds, 50.0);
        let far_side = 7 * columns + 15;
        assert!(closed[7 * columns + 9] < 4.001 && closed[far_side] > 100.0);
        // Up to the gap and down again.
        assert!(open[far_side] > 14.0 && open[far_side] < 20.0);
    }

    #[test]
    fn without_seeds_or_pixels_there_is_no_path() {
        let found = geodesic_distance(&[0.5; 6], 3, 2, &[false; 6], 1.0);
        assert!(found.iter().all(|d| *d == f32::INFINITY));
        assert!(geodesic_distance(&[], 0, 4, &[], 1.0).is_empty());
        assert_eq!(
            geodesic_distance(&[0.0; 3], 1, 3, &[false, true, false], 1.0),
            [1.0, 0.0, 1.0]
        );
    }

    #[test]
    fn no_path_crosses_nan() {
        let grey = [0.0, f32::NAN, 0.0];
        let found = geodesic_distance(&grey, 3, 1, &[true, false, false], 1.0);
        assert_eq!(found, [0.0, f32::INFINITY, f32::INFINITY]);
    }
}

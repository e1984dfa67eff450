//! Exact Euclidean distance from every pixel to the nearest pixel of a set.

/// Distance of each pixel to the nearest pixel of `set`, in the unit of the spacing; infinite if `set` is empty.
///
/// `set` holds `columns * rows` pixels, row after row; `spacing` is the distance between rows, then between columns.
/// Felzenszwalb and Huttenlocher 2012, "Distance Transforms of Sampled Functions": exact, in linear time.
pub fn distance_to(set: &[bool], columns: usize, rows: usize, spacing: [f64; 2]) -> Vec<f64> {
    let mut distance = distance_down_columns(set, columns, rows, spacing[0]);
    let mut row_of_squares = vec![0.0; columns];
    let mut envelope = Vec::with_capacity(columns);
    for row in distance.chunks_exact_mut(columns.max(1)) {
        row_of_squares
            .iter_mut()
            .zip(&*row)
            .for_each(|(square, d)| *square = d * d);
        lower_envelope(&row_of_squares, spacing[1], &mut envelope);
        read_envelope(&envelope, spacing[1], row);
    }
    distance
}

/// Distance of each pixel to the nearest one of `set` in its own column.
fn distance_down_columns(set: &[bool], columns: usize, rows: usize, step: f64) -> Vec<f64> {
    let mut distance: Vec<f64> = set
        .iter()
        .map(|&inside| if inside { 0.0 } else { f64::INFINITY })
        .collect();
    for i in columns..columns * rows {
        distance[i] = distance[i].min(distance[i - columns] + step);
    }
    for i in (0..columns * rows.saturating_sub(1)).rev() {
        distance[i] = distance[i].min(distance[i + columns] + step);
    }
    distance
}

/// A parabola `height + (step * (x - at))^2`, which is the lowest one from `from` on.
struct Parabola {
    at: f64,
    height: f64,
    from: f64,
}

/// The lower envelope: the parabolas over `heights` that are lowest somewhere, from left to right.
fn lower_envelope(heights: &[f64], step: f64, envelope: &mut Vec<Parabola>) {
    envelope.clear();
    for (q, &height) in heights.iter().enumerate().filter(|(_, h)| h.is_finite()) {
        let at = q as f64;
        let mut from = f64::NEG_INFINITY;
        while let Some(last) = envelope.last() {
            let rise = (height - last.height) / (step * step);
            from = (rise + at * at - last.at * last.at) / (2.0 * (at - last.at));
            if from > last.from {
                break;
            }
            envelope.pop();
            from = f64::NEG_INFINITY;
        }
        envelope.push(Parabola { at, height, from });
    }
}

fn read_envelope(envelope: &[Parabola], step: f64, row: &mut [f64]) {
    let mut k = 0;
    for (x, out) in row.iter_mut().enumerate() {
        while envelope.get(k + 1).is_some_and(|next| next.from < x as f64) {
            k += 1;
        }
        *out = envelope.get(k).map_or(f64::INFINITY, |p| {
            let run = step * (x as f64 - p.at);
            (p.height + run * run).sqrt()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_search(set: &[bool], columns: usize, spacing: [f64; 2]) -> Vec<f64> {
        let place = |i: usize| {
            [
                (i / columns) as f64 * spacing[0],
                (i % columns) as f64 * spacing[1],
            ]
        };
        let between = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
        let nearest = |i: usize| {
            (0..set.len())
                .filter(|&j| set[j])
                .map(|j| between(place(i), place(j)))
                .fold(f64::INFINITY, f64::min)
        };
        (0..set.len()).map(nearest).collect()
    }

    proptest! {
        #[test]
        fn agrees_with_a_search_over_all_pixels(
            columns in 1usize..14,
            cells in proptest::collection::vec(proptest::bool::weighted(0.15), 1..150),
            row_spacing in 0.2f64..3.0,
            column_spacing in 0.2f64..3.0,
        ) {
            let rows = cells.len() / columns;
            let set = &cells[..rows * columns];
            let spacing = [row_spacing, column_spacing];
            let found = distance_to(set, columns, rows, spacing);
            for (a, b) in found.iter().zip(by_search(set, columns, spacing)) {
                prop_assert!(*a == b || (a - b).abs() < 1e-9, "{a} {b}");
            }
        }
    }
}

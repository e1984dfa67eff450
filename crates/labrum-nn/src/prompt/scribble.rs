//! Scribbles of the simulated annotator along the middle of a region.

use super::{random::pick_weighted, shapes::pixel_center};
use rand::{RngExt, rngs::SmallRng};
use std::{cmp::Reverse, collections::BinaryHeap};

/// Distance between points, in pixels along the path.
const PIXELS_PER_POINT: usize = 2;
/// Maximum distance of a point from its pixel's centre, along x and y, in pixels.
const UNSTEADINESS: f64 = 0.4;

/// A line inside a region, as points in pixels: from a random place to a distant one, along the
/// middle of the region rather than its border, and of at most `longest` pixels.
///
/// `depths` is the distance to the outside, 0 outside the region. The line stays in one component
/// (8-connected). Empty for an empty region, one point for a component of one pixel.
pub(super) fn draw_scribble(
    depths: &[f64],
    columns: usize,
    longest: usize,
    rng: &mut SmallRng,
) -> Vec<[f64; 2]> {
    let Some(start) = pick_weighted(depths, rng) else {
        return Vec::new();
    };
    let before = ways_along_middle(depths, columns, start);
    let weights: Vec<f64> = before
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let away = squared_distance(pixel_center(at, columns), pixel_center(start, columns));
            step.map_or(0.0, |_| away * depths[at])
        })
        .collect();
    let mut at = pick_weighted(&weights, rng).unwrap_or(start);
    let mut way = vec![at];
    while let Some(step) = before[at].filter(|_| at != start) {
        at = step;
        way.push(at);
    }
    way.truncate(longest.max(1));
    let last = way.len() - 1;
    way.iter()
        .enumerate()
        .filter(|(index, _)| index % PIXELS_PER_POINT == 0 || *index == last)
        .map(|(_, &at)| {
            pixel_center(at, columns)
                .map(|middle| middle + rng.random_range(-UNSTEADINESS..=UNSTEADINESS))
        })
        .collect()
}

/// The predecessor of each pixel on the cheapest path from `start` (Dijkstra 1959); `start` is its
/// own, unreachable pixels have none. The cost of a step is proportional to the inverse square of
/// the depth where it ends, so paths follow the middle.
fn ways_along_middle(depths: &[f64], columns: usize, start: usize) -> Vec<Option<usize>> {
    let deepest = depths.iter().copied().fold(0.0, f64::max);
    let mut before = vec![None; depths.len()];
    let mut costs = vec![u64::MAX; depths.len()];
    let mut open = BinaryHeap::from([Reverse((0, start))]);
    before[start] = Some(start);
    costs[start] = 0;
    while let Some(Reverse((cost, at))) = open.pop() {
        if cost > costs[at] {
            continue;
        }
        for (next, length) in pixels_around(at, columns, depths.len()) {
            if depths[next] > 0.0 {
                let step = length * (deepest / depths[next]).powi(2);
                // Integers, because floats are not `Ord`.
                let new_cost = cost + (16.0 * step) as u64;
                if new_cost < costs[next] {
                    costs[next] = new_cost;
                    before[next] = Some(at);
                    open.push(Reverse((new_cost, next)));
                }
            }
        }
    }
    before
}

/// The eight neighbours of a pixel, each with its distance.
fn pixels_around(at: usize, columns: usize, length: usize) -> impl Iterator<Item = (usize, f64)> {
    let column = at % columns;
    let row = at / columns;
    let lines = row.saturating_sub(1)..(row + 2).min(length / columns);
    lines.flat_map(move |y| {
        (column.saturating_sub(1)..(column + 2).min(columns)).filter_map(move |x| {
            let is_diagonal = x != column && y != row;
            let distance = if is_diagonal { 2f64.sqrt() } else { 1.0 };
            (x != column || y != row).then_some((y * columns + x, distance))
        })
    })
}

/// The square of the distance between two places.
fn squared_distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{super::shapes::depths, *};
    use rand::SeedableRng;

    /// A horizontal bar of 30 x 9 pixels in an image of 40 x 20.
    fn bar() -> Vec<bool> {
        (0..800)
            .map(|at| (5..35).contains(&(at % 40)) && (6..15).contains(&(at / 40)))
            .collect()
    }

    #[test]
    fn a_scribble_follows_the_middle_of_the_region() {
        let depths = depths(&bar(), 40);
        let (mut depth, mut points) = (0.0, 0.0);
        for seed in 0..40 {
            let line = draw_scribble(&depths, 40, 1000, &mut SmallRng::seed_from_u64(seed));
            assert!(line.len() >= 2);
            for pair in line.windows(2) {
                let away = squared_distance(pair[0], pair[1]).sqrt();
                assert!(away < 2.0 * 2f64.sqrt() + 1.2, "{away}");
            }
            for [x, y] in line {
                let here = depths[y as usize * 40 + x as usize];
                assert!(here > 0.0);
                depth += here;
                points += 1.0;
            }
        }
        // The middle of the bar is 5 deep, its mean depth is 2.8.
        assert!(depth / points > 3.5, "{}", depth / points);
    }

    #[test]
    fn a_scribble_keeps_to_its_maximum_length_and_to_one_component() {
        let two_bars: Vec<bool> = (0..800).map(|at| bar()[at] && at / 40 != 10).collect();
        let depths = depths(&two_bars, 40);
        for seed in 0..40 {
            let line = draw_scribble(&depths, 40, 7, &mut SmallRng::seed_from_u64(seed));
            assert!((1..=4).contains(&line.len()));
            assert!(line.iter().all(|p| p[1] < 10.0) || line.iter().all(|p| p[1] > 11.0));
        }
    }

    #[test]
    fn an_empty_region_gives_no_scribble_and_a_single_pixel_one_point() {
        let mut rng = SmallRng::seed_from_u64(1);
        assert!(draw_scribble(&[0.0; 20], 5, 9, &mut rng).is_empty());
        let mut dot = [0.0; 20];
        dot[7] = 1.0;
        assert_eq!(draw_scribble(&dot, 5, 9, &mut rng).len(), 1);
    }
}

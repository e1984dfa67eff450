//! Live wire: the path along edges from a seed point to the pointer.

use super::{
    edge_cost::{CHEAPEST_STEP, COSTLIEST_STEP, EdgeCost, FLAT},
    pixel_center,
};
use crate::{
    image::{Image, Window},
    region::PixelRect,
};
use std::{mem, sync::Arc};

/// Steps to the eight neighbours of a pixel.
const STEPS: [(i32, i32); 8] = [
    (-1, -1),
    (0, -1),
    (1, -1),
    (-1, 0),
    (1, 0),
    (-1, 1),
    (0, 1),
    (1, 1),
];

/// The cheapest paths from a seed (Mortensen and Barrett 1995, "Intelligent scissors for image composition"), searched
/// only as far as the pointer: Dijkstra's algorithm in a window around both, resumed where it stopped.
///
/// Valid as long as the image and its window/level do not change. Points are in pixels; points outside the image are
/// moved to the nearest pixel.
pub struct Wire {
    cost: EdgeCost,
    seed: (usize, usize),
    /// Cost of the path to each pixel plus 1; 0 if not reached yet.
    reached: Vec<u32>,
    /// The search window; paths stay within it.
    window: PixelRect,
    queue: CostQueue,
}

impl Wire {
    /// A live wire over the image as displayed with `window`. Until a seed is set, paths start at the first pixel.
    pub fn new(image: Arc<Image>, window: Window) -> Self {
        let reached = vec![0; image.columns * image.rows];
        let cost = EdgeCost::new(image, window);
        let mut wire = Self {
            cost,
            seed: (0, 0),
            reached,
            window: PixelRect::default(),
            queue: CostQueue::default(),
        };
        wire.start_at([0.0, 0.0]);
        wire
    }

    /// Centre of the pixel with the strongest edge within `reach` pixels of `point`, preferring near ones; the centre
    /// of the pixel at `point` if there is no edge.
    pub fn snap_to_edge(&mut self, point: [f64; 2], reach: f64) -> [f64; 2] {
        let (x, y) = self.pixel_at(point);
        let by = reach.clamp(0.0, 64.0);
        let mut best = (0.0, (x, y));
        let near = PixelRect {
            columns: x..x + 1,
            rows: y..y + 1,
        };
        let near = near.expand_within(by as usize, self.cost.columns(), self.cost.rows());
        for row in near.rows {
            for column in near.columns.clone() {
                let away = (column.abs_diff(x) as f64).hypot(row.abs_diff(y) as f64);
                let edge = f64::from(FLAT - self.cost.pixel_cost(column, row));
                let score = edge * (1.0 - 0.5 * (away / by.max(1.0)).powi(2));
                if away <= by && score > best.0 {
                    best = (score, (column, row));
                }
            }
        }
        pixel_center(best.1)
    }

    /// Sets the seed from which the next paths start.
    pub fn start_at(&mut self, seed: [f64; 2]) {
        self.seed = self.pixel_at(seed);
        // Fresh memory is zeroed lazily by the system; clearing the old buffer would take milliseconds.
        self.reached = vec![0; self.reached.len()];
        self.window = PixelRect::default();
        self.queue = CostQueue::default();
        if !self.reached.is_empty() {
            let seed = self.pixel_index(self.seed);
            self.reached[seed] = 1;
            self.queue.restart_with(vec![(0, seed as u32)]);
        }
    }

    /// Centres of the pixels from the seed to `point`, inclusive; each is a neighbour of the one before.
    pub fn path_to(&mut self, point: [f64; 2]) -> Vec<[f64; 2]> {
        if self.reached.is_empty() {
            return Vec::new();
        }
        let target = self.pixel_at(point);
        self.widen_window(target);
        self.expand_search(self.pixel_index(target));
        self.trace_path(target)
    }

    fn pixel_at(&self, point: [f64; 2]) -> (usize, usize) {
        (
            nearest_pixel(point[0], self.cost.columns()),
            nearest_pixel(point[1], self.cost.rows()),
        )
    }

    fn pixel_index(&self, (x, y): (usize, usize)) -> usize {
        y * self.cost.columns() + x
    }

    fn pixel_coordinates(&self, index: usize) -> (usize, usize) {
        // 32-bit division is faster.
        let index = index as u32;
        let columns = self.cost.columns() as u32;
        ((index % columns) as usize, (index / columns) as usize)
    }

    /// Enlarges the window for paths from the seed to `target`, and continues the search in it.
    fn widen_window(&mut self, target: (usize, usize)) {
        let [from, to] = [self.seed, target].map(|(x, y)| PixelRect {
            columns: x..x + 1,
            rows: y..y + 1,
        });
        let ends = from.union(&to);
        let room = 24 + ends.columns.len().max(ends.rows.len()) / 5;
        let (columns, rows) = (self.cost.columns(), self.cost.rows());
        let needed = ends.expand_within(room, columns, rows);
        if self.window.union(&needed) == self.window {
            return;
        }
        // A margin, so that the window is not enlarged at each move.
        let old = mem::replace(&mut self.window, needed.expand_within(32, columns, rows));
        self.window = self.window.union(&old);
        let mut open = self.queue.drain_entries();
        for y in old.rows.clone() {
            let rim_row = y == old.rows.start || y + 1 == old.rows.end;
            let step = if rim_row {
                1
            } else {
                old.columns.len().saturating_sub(1).max(1)
            };
            for x in old.columns.clone().step_by(step) {
                let i = self.pixel_index((x, y));
                if self.reached[i] > 0 {
                    open.push((self.reached[i] - 1, i as u32));
                }
            }
        }
        self.queue.restart_with(open);
    }

    /// Searches until the cheapest path to `target` is known.
    fn expand_search(&mut self, target: usize) {
        while let Some((cost, i)) = self.queue.next_below(self.reached[target]) {
            let i = i as usize;
            // Outdated entry: a cheaper path was found since.
            if self.reached[i] != cost + 1 {
                continue;
            }
            let (x, y) = self.pixel_coordinates(i);
            for (dx, dy) in STEPS {
                let (nx, ny) = (
                    x.wrapping_add_signed(dx as isize),
                    y.wrapping_add_signed(dy as isize),
                );
                if !self.window.columns.contains(&nx) || !self.window.rows.contains(&ny) {
                    continue;
                }
                let n = self.pixel_index((nx, ny));
                let known = self.reached[n];
                if known != 0 && known <= cost + 1 + CHEAPEST_STEP {
                    continue;
                }
                let reached = cost + self.cost.step_cost(nx, ny, dx, dy) + 1;
                if known == 0 || reached < known {
                    self.reached[n] = reached;
                    self.queue.push_pixel(reached - 1, n as u32);
                }
            }
        }
    }

    /// The path back from `target`; among equally cheap ones (in flat areas) the one closest to the straight line.
    fn trace_path(&mut self, target: (usize, usize)) -> Vec<[f64; 2]> {
        let mut at = target;
        let mut path = vec![pixel_center(target)];
        while at != self.seed {
            let reached = self.reached[self.pixel_index(at)];
            let mut best: Option<(i64, (usize, usize))> = None;
            for (dx, dy) in STEPS {
                let before = (
                    at.0.wrapping_add_signed(-dx as isize),
                    at.1.wrapping_add_signed(-dy as isize),
                );
                if !self.window.columns.contains(&before.0) || !self.window.rows.contains(&before.1)
                {
                    continue;
                }
                let known = self.reached[self.pixel_index(before)];
                let leads_here =
                    known > 0 && known + self.cost.step_cost(at.0, at.1, dx, dy) == reached;
                if !leads_here {
                    continue;
                }
                let offset = offset_from_line(before, self.seed, target);
                if best.is_none_or(|(least, _)| offset < least) {
                    best = Some((offset, before));
                }
            }
            let Some((_, before)) = best else { break };
            at = before;
            path.push(pixel_center(at));
        }
        path.reverse();
        path
    }
}

/// The pixel (of `count`) at a position along an axis, clamped to the ends.
fn nearest_pixel(at: f64, count: usize) -> usize {
    // The cast turns negative numbers and NaN into 0.
    (at as usize).min(count.saturating_sub(1))
}

/// Distance of a pixel from the line between two others, times the length of that line.
#[inline]
fn offset_from_line(pixel: (usize, usize), from: (usize, usize), to: (usize, usize)) -> i64 {
    let along = pixel_difference(to, from);
    let away = pixel_difference(pixel, from);
    (away.0 * along.1 - away.1 * along.0).abs()
}

/// Difference `to - from` of two pixels.
#[inline]
fn pixel_difference(to: (usize, usize), from: (usize, usize)) -> (i64, i64) {
    (to.0 as i64 - from.0 as i64, to.1 as i64 - from.1 as i64)
}

/// Priority queue of pixels by path cost: a ring of buckets, one per cost, as no step costs more than the ring's
/// length.
#[derive(Default)]
struct CostQueue {
    buckets: Vec<Vec<u32>>,
    /// Lower bound of the costs in the ring.
    cost: u32,
    /// Number of pixels in the ring.
    count: usize,
    /// (cost, pixel) pairs that do not fit into the ring yet, cheapest last.
    later: Vec<(u32, u32)>,
}

impl CostQueue {
    /// Replaces the content with these (cost, pixel) pairs, in any order.
    fn restart_with(&mut self, mut open: Vec<(u32, u32)>) {
        self.buckets.resize_with(COSTLIEST_STEP, Vec::new);
        self.buckets.iter_mut().for_each(Vec::clear);
        self.count = 0;
        open.sort_unstable_by(|a, b| b.cmp(a));
        self.cost = open.last().map_or(0, |(cost, _)| *cost);
        self.later = open;
    }

    /// Removes and returns all (cost, pixel) pairs.
    fn drain_entries(&mut self) -> Vec<(u32, u32)> {
        let mut open = mem::take(&mut self.later);
        for offset in 0..self.buckets.len() as u32 {
            let cost = self.cost + offset;
            open.extend(
                self.buckets[cost as usize % COSTLIEST_STEP]
                    .drain(..)
                    .map(|pixel| (cost, pixel)),
            );
        }
        self.count = 0;
        open
    }

    /// Adds a pixel. `cost` must be at least that of the pixel taken last, and less than that plus [`COSTLIEST_STEP`].
    #[inline]
    fn push_pixel(&mut self, cost: u32, pixel: u32) {
        self.buckets[cost as usize % COSTLIEST_STEP].push(pixel);
        self.count += 1;
    }

    /// The cheapest pixel and its cost, if that plus 1 is less than `end`; 0 means no limit.
    #[inline]
    fn next_below(&mut self, end: u32) -> Option<(u32, u32)> {
        loop {
            if self.count == 0 {
                self.cost = self.cost.max(self.later.last()?.0);
            }
            if end != 0 && self.cost + 1 >= end {
                return None;
            }
            while let Some(&(cost, pixel)) =
                self.later.last().filter(|(cost, _)| *cost <= self.cost)
            {
                self.later.pop();
                self.push_pixel(cost, pixel);
            }
            if let Some(pixel) = self.buckets[self.cost as usize % COSTLIEST_STEP].pop() {
                self.count -= 1;
                return Some((self.cost, pixel));
            }
            self.cost += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::{image::Pixels, tools::phantom::noisy_picture};
    use proptest::prelude::*;
    use std::f64::consts::FRAC_PI_2;

    fn wire(image: Image) -> Wire {
        let window = image.auto_window();
        Wire::new(Arc::new(image), window)
    }

    fn assert_connected(path: &[[f64; 2]]) {
        for pair in path.windows(2) {
            let step = [
                (pair[1][0] - pair[0][0]).abs(),
                (pair[1][1] - pair[0][1]).abs(),
            ];
            assert!(step[0].max(step[1]) == 1.0, "{pair:?}");
        }
    }

    #[test]
    fn follows_the_edge_of_a_noisy_disc() {
        for (seed, sigma) in [(1, 0.0), (2, 10.0), (3, 20.0)] {
            let level = |x: f64, y: f64| {
                if (x - 100.0).hypot(y - 100.0) < 60.0 {
                    140.0
                } else {
                    100.0
                }
            };
            let mut wire = wire(noisy_picture(200, seed, sigma, level));
            let on_circle = |turn: f64| [100.0 + 60.0 * turn.cos(), 100.0 + 60.0 * turn.sin()];
            let mut away = Vec::new();
            for quarter in 0..4 {
                wire.start_at(on_circle(f64::from(quarter) * FRAC_PI_2));
                let path = wire.path_to(on_circle(f64::from(quarter + 1) * FRAC_PI_2));
                assert_connected(&path);
                away.extend(
                    path.iter()
                        .map(|p| ((p[0] - 100.0).hypot(p[1] - 100.0) - 60.0).abs()),
                );
            }
            let mean = away.iter().sum::<f64>() / away.len() as f64;
            assert!(
                mean < 1.5 && away.len() > 300,
                "{sigma}: {mean} {}",
                away.len()
            );
        }
    }

    #[test]
    fn is_straight_along_a_straight_edge_and_around_its_corner() {
        let mut wire = wire(noisy_picture(150, 4, 8.0, |x, y| {
            if x < 90.0 && y < 110.0 { 30.0 } else { 90.0 }
        }));
        wire.start_at([90.0, 10.0]);
        let path = wire.path_to([90.0, 90.0]);
        assert!(path.iter().all(|p| (p[0] - 90.0).abs() <= 2.0), "{path:?}");
        let round = wire.path_to([20.0, 110.0]);
        let off = |p: &[f64; 2]| (p[0] - 90.0).abs().min((p[1] - 110.0).abs());
        assert!(round.iter().all(|p| off(p) <= 2.5), "{round:?}");
    }

    #[test]
    fn is_nearly_a_straight_line_in_a_flat_image() {
        let mut wire = wire(noisy_picture(400, 0, 0.0, |_, _| 12.0));
        wire.start_at([20.0, 30.0]);
        for target in [[380.0, 130.0], [60.0, 390.0], [25.0, 31.0]] {
            let path = wire.path_to(target);
            assert_connected(&path);
            let ends = [path[0], path[path.len() - 1]];
            assert_eq!(ends, [[20.5, 30.5], [target[0] + 0.5, target[1] + 0.5]]);
            let along = [ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]];
            let off = |p: &[f64; 2]| {
                ((p[0] - ends[0][0]) * along[1] - (p[1] - ends[0][1]) * along[0]).abs()
                    / along[0].hypot(along[1])
            };
            assert!(path.iter().all(|p| off(p) <= 1.0));
        }
    }

    #[test]
    fn snaps_to_a_nearby_edge_if_there_is_one() {
        let mut wire = wire(noisy_picture(100, 6, 3.0, |x, _| {
            if x < 40.0 { 10.0 } else { 60.0 }
        }));
        let snapped = wire.snap_to_edge([44.2, 50.7], 8.0);
        assert!(
            (snapped[0] - 40.0).abs() <= 1.0 && (snapped[1] - 50.5).abs() <= 3.0,
            "{snapped:?}"
        );
        assert_eq!(wire.snap_to_edge([-3.0, f64::NAN], 0.0), [0.5, 0.5]);
        let mut flat = super::tests::wire(noisy_picture(30, 0, 0.0, |_, _| 1.0));
        assert_eq!(flat.snap_to_edge([12.3, 7.9], 6.0), [12.5, 7.5]);
    }

    #[test]
    fn a_single_pixel_and_a_pointer_on_the_seed_give_one_point() {
        let image = Image::new(1, 1, Pixels::U8(vec![7])).expect("size");
        let mut dot = wire(image);
        dot.start_at([0.2, 0.9]);
        assert_eq!(dot.path_to([50.0, -2.0]), [[0.5, 0.5]]);
        let mut other = wire(noisy_picture(20, 1, 5.0, |_, _| 0.0));
        other.start_at([4.0, 4.0]);
        assert_eq!(other.path_to([4.9, 4.1]), [[4.5, 4.5]]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn an_earlier_search_does_not_make_a_path_more_expensive(
            seed in any::<u32>(),
            start in [0.0f64..260.0, 0.0f64..260.0],
            moves in proptest::collection::vec([-10.0f64..270.0, -10.0f64..270.0], 1..6),
        ) {
            let image = noisy_picture(260, seed, 9.0, |x, y| 40.0 * ((x / 17.0).sin() + (y / 23.0).cos()));
            let mut moved = wire(image.clone());
            moved.start_at(start);
            let paths: Vec<_> = moves.iter().map(|m| moved.path_to(*m)).collect();
            let mut fresh = wire(image);
            fresh.start_at(start);
            let last = moves[moves.len() - 1];
            let path = fresh.path_to(last);
            let target = fresh.pixel_index(fresh.pixel_at(last));
            prop_assert!(moved.reached[target] <= fresh.reached[target]);
            // With the same window both costs are equal.
            fresh.window = PixelRect::default();
            fresh.start_at(start);
            fresh.window = moved.window.clone();
            fresh.expand_search(target);
            prop_assert_eq!(moved.reached[target], fresh.reached[target]);
            for path in paths.iter().chain([&path]) {
                assert_connected(path);
                prop_assert_eq!(path[0], [start[0].floor() + 0.5, start[1].floor() + 0.5]);
            }
        }
    }
}

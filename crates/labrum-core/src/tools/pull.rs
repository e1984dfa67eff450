//! Pull tool: deforms a label's boundary by dragging a point.

use super::pixel_center;
use crate::region::{PixelRect, Region};
use std::ops::Range;

/// Length of one step as a share of the reach. The weight falls by at most 1.54 over one reach, so steps below 0.65
/// cannot fold the image; small steps deform it evenly.
const STEP: f64 = 0.2;

/// Drags the surroundings of `grab` to `to` and returns (target, window): the label then covers `target` within
/// `window`, and does not change outside.
///
/// Points are in pixels. The displacement is full at the grabbed point and falls off smoothly to zero at `reach` (x, y,
/// in pixels) from its path; long paths are divided into small steps, so that the boundary never folds. The border of
/// the image of `columns` x `rows` is repeated outside. If nothing can move, both regions are empty.
pub fn pull_label(
    label: &Region,
    grab: [f64; 2],
    to: [f64; 2],
    reach: [f64; 2],
    columns: usize,
    rows: usize,
) -> (Region, Region) {
    let numbers = [grab, to, reach].concat();
    let way = PullVector::new(grab, to, reach);
    if numbers.iter().any(|v| !v.is_finite()) || way.steps == 0 || columns == 0 || rows == 0 {
        return (Region::default(), Region::default());
    }
    let bounds = way.affected_bounds(columns, rows);
    let window = Region::from_fn(&bounds, |x, y| way.is_near(pixel_center((x, y))));
    // Everything that moves into the window comes from within it; the extra pixel is for interpolation.
    let cover = Cover::new(label, bounds.expand_within(1, columns, rows));
    let target = Region::from_fn(&bounds, |x, y| {
        let center = pixel_center((x, y));
        way.is_near(center) && cover.coverage_at(way.source_point(center)) >= 0.5
    });
    (target, window)
}

/// Path of the grabbed point, in units of the reach.
struct PullVector {
    reach: [f64; 2],
    end: [f64; 2],
    /// Vector from the grabbed point to the end point.
    along: [f64; 2],
    steps: usize,
}

impl PullVector {
    fn new(grab: [f64; 2], to: [f64; 2], reach: [f64; 2]) -> Self {
        let reach = reach.map(|r| r.max(1.0));
        let end = [to[0] / reach[0], to[1] / reach[1]];
        let along = [end[0] - grab[0] / reach[0], end[1] - grab[1] / reach[1]];
        Self {
            reach,
            end,
            along,
            steps: (along[0].hypot(along[1]) / STEP).ceil() as usize,
        }
    }

    /// A rectangle that contains all pixels closer to the path than the reach.
    fn affected_bounds(&self, columns: usize, rows: usize) -> PixelRect {
        PixelRect {
            columns: self.affected_range(0, columns),
            rows: self.affected_range(1, rows),
        }
    }

    /// Its columns (axis 0) or rows (axis 1), clipped to `0..end`.
    fn affected_range(&self, axis: usize, end: usize) -> Range<usize> {
        let to = self.end[axis];
        let from = self.end[axis] - self.along[axis];
        let low = ((to.min(from) - 1.0) * self.reach[axis]).floor().max(0.0) as usize;
        let high = ((to.max(from) + 1.0) * self.reach[axis]).ceil().max(0.0) as usize;
        low.min(end)..high.min(end)
    }

    /// True if the point is closer to the path than the reach.
    fn is_near(&self, point: [f64; 2]) -> bool {
        let back = [
            point[0] / self.reach[0] - self.end[0],
            point[1] / self.reach[1] - self.end[1],
        ];
        let [x, y] = self.along;
        let share = (-(back[0] * x + back[1] * y) / (x * x + y * y)).clamp(0.0, 1.0);
        (back[0] + share * x).powi(2) + (back[1] + share * y).powi(2) < 1.0
    }

    /// The position before the pull of what is at `point` afterwards.
    fn source_point(&self, point: [f64; 2]) -> [f64; 2] {
        let mut at = [point[0] / self.reach[0], point[1] / self.reach[1]];
        let step = self.along.map(|v| v / self.steps as f64);
        for done in 0..self.steps {
            let center = [
                self.end[0] - done as f64 * step[0],
                self.end[1] - done as f64 * step[1],
            ];
            let away = (at[0] - center[0]).powi(2) + (at[1] - center[1]).powi(2);
            let weight = (1.0 - away).max(0.0).powi(2);
            at = [at[0] - weight * step[0], at[1] - weight * step[1]];
        }
        [at[0] * self.reach[0], at[1] * self.reach[1]]
    }
}

/// The label in a part of the image, for interpolation between pixels.
struct Cover {
    part: PixelRect,
    inside: Vec<bool>,
}

impl Cover {
    fn new(label: &Region, part: PixelRect) -> Self {
        let columns = part.columns.len();
        let mut inside = vec![false; columns * part.rows.len()];
        for span in label.spans().iter().filter(|s| part.rows.contains(&s.row)) {
            let start = span.start.max(part.columns.start);
            let end = span.end.min(part.columns.end);
            if start < end {
                let row = (span.row - part.rows.start) * columns;
                inside[row + start - part.columns.start..row + end - part.columns.start].fill(true);
            }
        }
        Self { part, inside }
    }

    /// Coverage 0..=1 at `point`, interpolated bilinearly between pixel centres.
    fn coverage_at(&self, point: [f64; 2]) -> f64 {
        let (left, right, across) = pixels_around(point[0], &self.part.columns);
        let (top, bottom, down) = pixels_around(point[1], &self.part.rows);
        let upper = self.mix_in_row(top, [left, right], across);
        let lower = self.mix_in_row(bottom, [left, right], across);
        upper * (1.0 - down) + lower * down
    }

    /// Interpolates linearly between two pixels of a row of the part; `share` and result are 0..=1.
    #[inline]
    fn mix_in_row(&self, row: usize, [left, right]: [usize; 2], share: f64) -> f64 {
        let start = row * self.part.columns.len();
        let first = f64::from(u8::from(self.inside[start + left]));
        let second = f64::from(u8::from(self.inside[start + right]));
        first * (1.0 - share) + second * share
    }
}

/// The two pixels of a range (as offsets from its start) whose centres enclose a position, and the fraction of the way
/// between them; clamped to the ends.
#[inline]
fn pixels_around(place: f64, range: &Range<usize>) -> (usize, usize, f64) {
    let last = range.len() - 1;
    let place = (place - 0.5 - range.start as f64).clamp(0.0, last as f64);
    let first = place as usize;
    (first, (first + 1).min(last), place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDE: usize = 120;

    fn disc(radius: f64) -> Region {
        let inside =
            |x: usize, y: usize| (x as f64 + 0.5 - 60.0).hypot(y as f64 + 0.5 - 60.0) <= radius;
        Region::from_fn(&PixelRect::full_frame(SIDE, SIDE), inside)
    }

    /// The label in the whole image after a pull.
    fn after(label: &Region, grab: [f64; 2], to: [f64; 2], reach: [f64; 2]) -> Region {
        let (target, window) = pull_label(label, grab, to, reach, SIDE, SIDE);
        assert!(target.difference(&window).is_empty());
        label.difference(&window).union(&target)
    }

    /// The right end of the label in a row, searched from the middle column.
    fn right_end(label: &Region, row: usize) -> usize {
        (60..SIDE)
            .take_while(|&x| label.contains(x, row))
            .last()
            .map_or(60, |x| x + 1)
    }

    /// Number of components of the label and of the background.
    fn parts(label: &Region) -> [usize; 2] {
        [true, false].map(|inside| {
            let mut open: Vec<bool> = (0..SIDE * SIDE)
                .map(|i| label.contains(i % SIDE, i / SIDE) == inside)
                .collect();
            let mut count = 0;
            while let Some(first) = open.iter().position(|o| *o) {
                count += 1;
                let mut stack = vec![first];
                while let Some(i) = stack.pop() {
                    if std::mem::take(&mut open[i]) {
                        let (x, y) = (i % SIDE, i / SIDE);
                        let near = [(x > 0, i.wrapping_sub(1)), (x + 1 < SIDE, i + 1)];
                        let rows = [(y > 0, i.wrapping_sub(SIDE)), (y + 1 < SIDE, i + SIDE)];
                        stack.extend(
                            near.iter()
                                .chain(&rows)
                                .filter(|(there, _)| *there)
                                .map(|(_, n)| *n),
                        );
                    }
                }
            }
            count
        })
    }

    #[test]
    fn the_grabbed_boundary_follows_the_pointer_and_distant_parts_stay() {
        let label = disc(30.0);
        for to in [70.0, 85.0, 98.0, 110.0] {
            let moved = after(&label, [90.0, 60.0], [to, 60.0], [20.0; 2]);
            assert!(
                (right_end(&moved, 60) as f64 - to).abs() <= 1.0,
                "{to}: {}",
                right_end(&moved, 60)
            );
            assert_eq!(moved.len() > label.len(), to > 90.0);
            let changed = moved
                .difference(&label)
                .union(&label.difference(&moved))
                .bounds();
            assert!(
                changed.rows.start >= 40 && changed.rows.end <= 80 && changed.columns.start >= 50,
                "{changed:?}"
            );
        }
    }

    #[test]
    fn the_boundary_can_be_grabbed_from_slightly_inside_or_outside() {
        for grab in [85.0, 94.0] {
            let moved = after(&disc(30.0), [grab, 60.0], [grab + 12.0, 60.0], [25.0; 2]);
            assert!(
                right_end(&moved, 60).abs_diff(102) <= 2,
                "{grab}: {}",
                right_end(&moved, 60)
            );
        }
    }

    #[test]
    fn a_long_drag_does_not_fold_or_tear() {
        let moved = after(&disc(30.0), [90.0, 60.0], [116.0, 20.0], [8.0, 8.0]);
        assert_eq!(parts(&moved), [1, 1]);
        assert!(moved.contains(114, 22));
    }

    #[test]
    fn a_label_at_the_image_border_stays_attached_to_it() {
        let label = Region::from_fn(&PixelRect::full_frame(SIDE, SIDE), |x, _| x < 10);
        let moved = after(&label, [10.0, 60.0], [20.0, 60.0], [30.0; 2]);
        assert!((0..SIDE).all(|y| moved.contains(0, y)));
        assert!(moved.contains(18, 60) && !moved.contains(21, 60));
    }

    #[test]
    fn reach_is_separate_for_x_and_y() {
        let moved = after(&disc(30.0), [90.0, 60.0], [96.0, 60.0], [20.0, 6.0]);
        let rows = moved.difference(&disc(30.0)).bounds().rows;
        assert!(rows.start >= 54 && rows.end <= 66, "{rows:?}");
    }

    #[test]
    fn an_empty_or_invalid_move_changes_nothing() {
        let nothing = (Region::default(), Region::default());
        assert_eq!(
            pull_label(&disc(9.0), [60.0, 69.0], [60.0, 69.0], [9.0; 2], SIDE, SIDE),
            nothing
        );
        assert_eq!(
            pull_label(
                &disc(9.0),
                [60.0, 69.0],
                [f64::NAN, 69.0],
                [9.0; 2],
                SIDE,
                SIDE
            ),
            nothing
        );
        assert_eq!(
            pull_label(&disc(9.0), [60.0, 69.0], [62.0, 69.0], [9.0; 2], 0, 0),
            nothing
        );
        let (target, window) = pull_label(
            &disc(9.0),
            [400.0, 69.0],
            [420.0, 69.0],
            [9.0; 2],
            SIDE,
            SIDE,
        );
        assert!(target.is_empty() && window.is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn pulling_back_restores_the_label(
            turn in 0.0f64..std::f64::consts::TAU,
            by in [-12.0f64..12.0, -12.0f64..12.0],
            reach in 14.0f64..40.0,
        ) {
            let label = disc(30.0);
            let grab = [60.0 + 30.0 * turn.cos(), 60.0 + 30.0 * turn.sin()];
            let to = [grab[0] + by[0], grab[1] + by[1]];
            let moved = after(&label, grab, to, [reach; 2]);
            prop_assert_eq!(parts(&moved), [1, 1]);
            let back = after(&moved, to, grab, [reach; 2]);
            let wrong = back.difference(&label).len() + label.difference(&back).len();
            prop_assert!(wrong as f64 <= 0.05 * label.len() as f64, "{}", wrong);
        }
    }
}

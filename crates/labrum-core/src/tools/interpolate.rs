//! Interpolation between drawn slices: the shape that lies between two shapes.

use super::super::{
    distance::distance_to,
    mask::{Mask, labels_in},
    region::{PixelRect, Region, Span},
};
use std::ops::Range;

/// The shape at `t` of the way from `a` to `b`: at 0 it is `a`, at 1 `b`. `spacing` is the distance between rows, then
/// between columns, in any unit.
///
/// Shape-based interpolation (Raya and Udupa 1990): the signed distances from both boundaries are mixed, and what is
/// positive is inside. Both shapes are first moved so that their centroids meet at `t` of the way, so that a shape that
/// shifts between the slices does not vanish; but not where they overlap more as they lie, as two parts and one of them
/// do. A shape without a partner shrinks evenly, down to nothing at the empty slice.
pub fn interpolate_region(
    a: &Region,
    b: &Region,
    t: f64,
    columns: usize,
    rows: usize,
    spacing: [f64; 2],
) -> Region {
    between_many(a, b, &[t], columns, rows, spacing)
        .pop()
        .unwrap_or_default()
}

/// The same at several places on the way: most of the work is done once.
pub fn between_many(
    a: &Region,
    b: &Region,
    places: &[f64],
    columns: usize,
    rows: usize,
    spacing: [f64; 2],
) -> Vec<Region> {
    let pair = ShapePair::from_regions(a, b, spacing);
    let at = |t: &f64| {
        let Some(pair) = &pair else {
            return Region::default();
        };
        let field = pair.depth_field_at(*t, columns, rows);
        Region::from_fn(&field.window, |x, y| field.depth_at(x, y) > 0.0)
    };
    places.iter().map(at).collect()
}

/// The same for each label of two masks of equal size (else nothing): the labels there are at `t`, in order, with their
/// pixels. Where shapes would overlap, the label wins that is deeper inside its shape.
pub fn between_masks(a: &Mask, b: &Mask, t: f64, spacing: [f64; 2]) -> Vec<(u8, Region)> {
    MaskPair::from_masks(a, b, spacing).regions_at(t)
}

/// Two masks made ready for [`between_masks`] at many places: most of the work is done once.
pub struct MaskPair {
    columns: usize,
    rows: usize,
    pairs: Vec<(u8, ShapePair)>,
}

impl MaskPair {
    /// The labels of two masks of equal size (else none); `spacing` as for [`interpolate_region`].
    pub fn from_masks(a: &Mask, b: &Mask, spacing: [f64; 2]) -> Self {
        let (columns, rows) = (a.columns(), a.rows());
        let labels = if (columns, rows) == (b.columns(), b.rows()) {
            labels_in(a.pixel_labels().iter().chain(b.pixel_labels()).copied())
        } else {
            Vec::new()
        };
        let pair = |label| {
            Some((
                label,
                ShapePair::from_regions(&a.label_region(label), &b.label_region(label), spacing)?,
            ))
        };
        Self {
            columns,
            rows,
            pairs: labels.into_iter().filter_map(pair).collect(),
        }
    }

    /// The labels there are at `t`, in order, with their pixels.
    pub fn regions_at(&self, t: f64) -> Vec<(u8, Region)> {
        let mut depths = vec![0.0; self.columns * self.rows];
        let mut labels = vec![0u8; self.columns * self.rows];
        let mut windows = Vec::new();
        for (label, pair) in &self.pairs {
            let field = pair.depth_field_at(t, self.columns, self.rows);
            for (y, x) in field
                .window
                .rows
                .clone()
                .flat_map(|y| field.window.columns.clone().map(move |x| (y, x)))
            {
                let (i, depth) = (y * self.columns + x, field.depth_at(x, y));
                if depth > depths[i] {
                    (depths[i], labels[i]) = (depth, *label);
                }
            }
            windows.push((*label, field.window));
        }
        let won = |(label, window)| {
            (
                label,
                Region::from_fn(&window, |x, y| labels[y * self.columns + x] == label),
            )
        };
        windows
            .into_iter()
            .map(won)
            .filter(|(_, region)| !region.is_empty())
            .collect()
    }
}

/// Depth inside the interpolated shape for the pixels of a window, beyond which it is negative.
struct DepthField {
    window: PixelRect,
    depths: Vec<f64>,
}

impl DepthField {
    fn depth_at(&self, column: usize, row: usize) -> f64 {
        self.depths[(row - self.window.rows.start) * self.window.columns.len() + column
            - self.window.columns.start]
    }
}

/// Two shapes, at least one of them with pixels, as distances from their boundaries.
enum ShapePair {
    /// Only one has pixels: the second where `grows`.
    One {
        shape: SignedDistance,
        around: PixelFrame,
        greatest: f64,
        grows: bool,
    },
    /// Both have; `shift` (x, y) is how far the first moves on the way.
    Two {
        shapes: [SignedDistance; 2],
        around: [PixelFrame; 2],
        shift: [f64; 2],
    },
}

impl ShapePair {
    fn from_regions(a: &Region, b: &Region, spacing: [f64; 2]) -> Option<Self> {
        let one = |region: &Region, grows| {
            let around = PixelFrame::around_region(region);
            let shape = SignedDistance::from_region(region, &around, spacing);
            let greatest = shape.values.iter().copied().fold(0.0, f64::max);
            Some(Self::One {
                shape,
                around,
                greatest,
                grows,
            })
        };
        match (a.is_empty(), b.is_empty()) {
            (true, true) => None,
            (false, true) => one(a, false),
            (true, false) => one(b, true),
            (false, false) => {
                let shift = centroid_shift(a, b);
                let around = [PixelFrame::around_region(a), PixelFrame::around_region(b)];
                // Each distance is asked for wherever one of the shapes may be after the move.
                let frames = [
                    around[0].union(&around[1].translated_by(shift.map(|s| -s))),
                    around[1].union(&around[0].translated_by(shift)),
                ];
                let shapes = [
                    SignedDistance::from_region(a, &frames[0], spacing),
                    SignedDistance::from_region(b, &frames[1], spacing),
                ];
                Some(Self::Two {
                    shapes,
                    around,
                    shift,
                })
            }
        }
    }

    fn depth_field_at(&self, t: f64, columns: usize, rows: usize) -> DepthField {
        let t = if t > 0.0 { t.min(1.0) } else { 0.0 };
        match self {
            Self::One {
                shape,
                around,
                greatest,
                grows,
            } => {
                let lost = greatest * if *grows { 1.0 - t } else { t };
                let window = around.clip_to_picture(columns, rows);
                DepthField {
                    depths: sample_window(&window, |x, y| shape.sample_bilinear(x, y) - lost),
                    window,
                }
            }
            Self::Two {
                shapes: [a, b],
                around,
                shift,
            } => {
                let (forth, back) = (shift.map(|s| s * t), shift.map(|s| s * (t - 1.0)));
                let window = around[0]
                    .translated_by(forth)
                    .union(&around[1].translated_by(back))
                    .clip_to_picture(columns, rows);
                let at = |x, y| {
                    (1.0 - t) * a.sample_bilinear(x - forth[0], y - forth[1])
                        + t * b.sample_bilinear(x - back[0], y - back[1])
                };
                DepthField {
                    depths: sample_window(&window, at),
                    window,
                }
            }
        }
    }
}

fn sample_window(window: &PixelRect, at: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let mut values = Vec::with_capacity(window.columns.len() * window.rows.len());
    for row in window.rows.clone() {
        values.extend(
            window
                .columns
                .clone()
                .map(|column| at(column as f64, row as f64)),
        );
    }
    values
}

/// What moves the centroid of `a` (x, y) onto that of `b`, in pixels; zero where they overlap more without.
fn centroid_shift(a: &Region, b: &Region) -> [f64; 2] {
    let (from, to) = (region_centroid(a), region_centroid(b));
    let shift = [to[0] - from[0], to[1] - from[1]];
    let forth = shift.map(|s| s.round().max(0.0) as usize);
    let back = shift.map(|s| (-s.round()).max(0.0) as usize);
    let overlap_after = translate_region(a, forth)
        .intersection(&translate_region(b, back))
        .len();
    if overlap_after >= a.intersection(b).len() {
        shift
    } else {
        [0.0; 2]
    }
}

fn translate_region(region: &Region, [x, y]: [usize; 2]) -> Region {
    let spans = region.spans().iter().map(|s| Span {
        row: s.row + y,
        start: s.start + x,
        end: s.end + x,
    });
    Region::from_spans(spans.collect())
}

/// The mean of the pixels' indices (column, row) of a region that has some.
fn region_centroid(region: &Region) -> [f64; 2] {
    let (mut x, mut y) = (0.0, 0.0);
    for s in region.spans() {
        let pixels = (s.end - s.start) as f64;
        x += pixels * (s.start + s.end - 1) as f64 / 2.0;
        y += pixels * s.row as f64;
    }
    [x, y].map(|sum| sum / region.len() as f64)
}

/// A rectangle of pixels that may reach beyond the picture.
struct PixelFrame {
    columns: Range<i64>,
    rows: Range<i64>,
}

impl PixelFrame {
    /// The bounds of a region with a pixel on each side that is not in it.
    fn around_region(region: &Region) -> Self {
        let PixelRect { columns, rows } = region.bounds();
        let wider = |r: Range<usize>| r.start as i64 - 1..r.end as i64 + 1;
        Self {
            columns: wider(columns),
            rows: wider(rows),
        }
    }

    fn translated_by(&self, by: [f64; 2]) -> Self {
        let moved = |r: &Range<i64>, by: f64| r.start + by.floor() as i64..r.end + by.ceil() as i64;
        Self {
            columns: moved(&self.columns, by[0]),
            rows: moved(&self.rows, by[1]),
        }
    }

    fn union(&self, other: &Self) -> Self {
        let both = |a: &Range<i64>, b: &Range<i64>| a.start.min(b.start)..a.end.max(b.end);
        Self {
            columns: both(&self.columns, &other.columns),
            rows: both(&self.rows, &other.rows),
        }
    }

    fn clip_to_picture(&self, columns: usize, rows: usize) -> PixelRect {
        let cut =
            |r: &Range<i64>, end: usize| r.start.max(0) as usize..(r.end.max(0) as usize).min(end);
        PixelRect {
            columns: cut(&self.columns, columns),
            rows: cut(&self.rows, rows),
        }
    }
}

/// Distance to the boundary of a shape, positive inside, on a grid of pixels that may reach beyond the picture.
struct SignedDistance {
    left: i64,
    top: i64,
    columns: usize,
    rows: usize,
    values: Vec<f64>,
}

impl SignedDistance {
    fn from_region(region: &Region, frame: &PixelFrame, spacing: [f64; 2]) -> Self {
        let (left, top) = (frame.columns.start, frame.rows.start);
        let columns = (frame.columns.end - left) as usize;
        let rows = (frame.rows.end - top) as usize;
        let mut inside = vec![false; columns * rows];
        for span in region.spans() {
            let first = (span.row as i64 - top) as usize * columns;
            let [start, end] = [span.start, span.end].map(|x| first + (x as i64 - left) as usize);
            inside[start..end].fill(true);
        }
        let outside: Vec<bool> = inside.iter().map(|i| !i).collect();
        let mut values = distance_to(&outside, columns, rows, spacing);
        // Distances are to centres of pixels; the boundary is about half a pixel before them.
        let half = 0.5 * spacing[0].min(spacing[1]);
        for (value, to_shape) in values
            .iter_mut()
            .zip(distance_to(&inside, columns, rows, spacing))
        {
            *value = if to_shape > 0.0 {
                half - to_shape
            } else {
                *value - half
            };
        }
        Self {
            left,
            top,
            columns,
            rows,
            values,
        }
    }

    /// Bilinear between pixels, whose centres are at whole numbers here; beyond the grid as at its edge.
    fn sample_bilinear(&self, x: f64, y: f64) -> f64 {
        let [(x, fx), (y, fy)] = [
            (x - self.left as f64, self.columns),
            (y - self.top as f64, self.rows),
        ]
        .map(|(v, end)| {
            let v = v.clamp(0.0, end.saturating_sub(1) as f64);
            (v as usize, v.fract())
        });
        let right = (x + 1).min(self.columns - 1);
        let value = |x: usize, y: usize| self.values[y * self.columns + x];
        let across = |y: usize| value(x, y) + fx * (value(right, y) - value(x, y));
        let upper = across(y);
        upper + fy * (across((y + 1).min(self.rows - 1)) - upper)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::stroke::disc_region, *};
    use crate::mask::Rule;
    use proptest::prelude::*;

    const SIDE: usize = 12;
    const SQUARE: [f64; 2] = [1.0, 1.0];

    fn labels() -> impl Strategy<Value = Mask> {
        let blocks =
            proptest::collection::vec((0..SIDE, 0..SIDE, 1..8usize, 1..8usize, 0u8..4), 0..5);
        blocks.prop_map(|blocks| {
            let mut mask = Mask::new_blank(SIDE, SIDE);
            for (x, y, width, height, label) in blocks {
                let window = PixelRect {
                    columns: x..(x + width).min(SIDE),
                    rows: y..(y + height).min(SIDE),
                };
                mask.paint_region(&Region::from_fn(&window, |_, _| true), label, &Rule::FREE);
            }
            mask
        })
    }

    fn regions(mask: &Mask) -> Vec<(u8, Region)> {
        (1..4)
            .map(|l| (l, mask.label_region(l)))
            .filter(|(_, r)| !r.is_empty())
            .collect()
    }

    proptest! {
        #[test]
        fn the_ends_are_the_drawn_slices_and_labels_never_overlap(
            a in labels(), b in labels(), t in -0.2..1.2f64, row in 0.3..3.0f64, column in 0.3..3.0f64,
        ) {
            let spacing = [row, column];
            prop_assert_eq!(between_masks(&a, &b, 0.0, spacing), regions(&a));
            prop_assert_eq!(between_masks(&a, &b, 1.0, spacing), regions(&b));
            let found = between_masks(&a, &b, t, spacing);
            let mut mask = Mask::new_blank(SIDE, SIDE);
            for (label, region) in &found {
                prop_assert!(!region.is_empty() && region.bounds().columns.end <= SIDE);
                let (x, y) = (a.label_region(*label), b.label_region(*label));
                prop_assert!(region.difference(&interpolate_region(&x, &y, t, SIDE, SIDE, spacing)).is_empty());
                mask.paint_region(region, *label, &Rule::FREE);
            }
            prop_assert_eq!(regions(&mask), found);
        }

        #[test]
        fn a_shape_that_does_not_change_stays(a in labels(), t in 0.0..1.0f64) {
            prop_assert_eq!(between_masks(&a, &a, t, SQUARE), regions(&a));
        }
    }

    /// True where `found` is `expected` but for a rim of a pixel and a half.
    fn is_about(found: &Region, expected: impl Fn(f64) -> Region) -> bool {
        found.difference(&expected(1.5)).is_empty() && expected(-1.5).difference(found).is_empty()
    }

    #[test]
    fn between_two_discs_lies_the_disc_of_mean_radius_and_centre() {
        // Far apart, beside each other, one in the other; with square pixels and such that are twice as high as wide.
        for (from, to) in [
            ([40.0, 45.0], [150.0, 130.5]),
            ([60.0, 60.0], [75.0, 52.0]),
            ([90.0, 90.0], [96.0, 90.0]),
        ] {
            for spacing in [SQUARE, [2.0, 1.0]] {
                let of = |p: [f64; 2], r: f64| {
                    disc_region(p, [r / spacing[1], r / spacing[0]], 200, 200)
                };
                let (a, b) = (of(from, 20.0), of(to, 36.0));
                for t in [0.25, 0.5, 0.8] {
                    let middle = [0, 1].map(|i| from[i] + t * (to[i] - from[i]));
                    let found = interpolate_region(&a, &b, t, 200, 200, spacing);
                    assert!(
                        is_about(&found, |rim| of(middle, 20.0 + 16.0 * t + rim * spacing[0])),
                        "{from:?} {t}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_shape_without_a_partner_shrinks_to_nothing_at_the_empty_slice() {
        let of = |r: f64| disc_region([50.0, 50.0], [r; 2], 100, 100);
        let none = Region::default();
        for t in [0.0, 0.3, 0.7, 0.95] {
            let found = interpolate_region(&of(30.0), &none, t, 100, 100, SQUARE);
            assert!(!found.is_empty() && is_about(&found, |rim| of(30.0 * (1.0 - t) + rim)));
            assert_eq!(
                interpolate_region(&none, &of(30.0), 1.0 - t, 100, 100, SQUARE),
                found
            );
        }
        assert!(interpolate_region(&of(30.0), &none, 1.0, 100, 100, SQUARE).is_empty());
        assert!(interpolate_region(&none, &none, 0.5, 100, 100, SQUARE).is_empty());
    }

    #[test]
    fn a_part_that_stays_does_not_move_when_another_goes() {
        let left = disc_region([40.0, 50.0], [20.0; 2], 200, 100);
        let both = left.union(&disc_region([150.0, 50.0], [20.0; 2], 200, 100));
        let found = interpolate_region(&both, &left, 0.5, 200, 100, SQUARE);
        assert_eq!(
            found.intersection(&disc_region([40.0, 50.0], [40.0; 2], 200, 100)),
            left
        );
    }

    #[test]
    fn masks_of_different_size_have_nothing_between() {
        let small = Mask::from_labels(2, 2, vec![1; 4]).unwrap();
        assert!(between_masks(&small, &Mask::new_blank(3, 2), 0.5, SQUARE).is_empty());
    }
}

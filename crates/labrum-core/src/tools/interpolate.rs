//! Shape-based interpolation between drawn slices.

mod signed_distance;

use super::super::{
    mask::{Mask, labels_in},
    region::{PixelRect, Region, Span},
    vector::vector_between,
};
use signed_distance::{PixelFrame, SignedDistance};

/// The shape between `a` (`t` = 0) and `b` (`t` = 1). `spacing` is the distance between rows, then between columns, in
/// any unit.
///
/// Shape-based interpolation (Raya and Udupa 1990): the signed distances from both boundaries are interpolated;
/// positive values are inside. Both shapes are first shifted so that their centroids coincide at `t`, as otherwise a
/// shape that moves between the slices would vanish. They are not shifted if they overlap more without, for example if
/// one slice shows two parts and the other only one of them. A shape without a partner shrinks evenly to nothing at the
/// empty slice.
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

/// Like [`interpolate_region`] at several positions; most of the work is shared.
pub fn between_many(
    a: &Region,
    b: &Region,
    places: &[f64],
    columns: usize,
    rows: usize,
    spacing: [f64; 2],
) -> Vec<Region> {
    let Some(pair) = ShapePair::from_regions(a, b, spacing) else {
        return vec![Region::default(); places.len()];
    };
    places
        .iter()
        .map(|t| pair.depth_field_at(*t, columns, rows).inside_region())
        .collect()
}

/// Interpolates all labels of two masks of equal size (empty if sizes differ): (label, pixels) at `t`, in label order.
/// Where shapes overlap, the label whose pixel is deeper inside its shape wins.
pub fn between_masks(a: &Mask, b: &Mask, t: f64, spacing: [f64; 2]) -> Vec<(u8, Region)> {
    MaskPair::from_masks(a, b, spacing).regions_at(t)
}

/// Two masks prepared for [`between_masks`] at many positions; most of the work is shared.
pub struct MaskPair {
    columns: usize,
    rows: usize,
    pairs: Vec<(u8, ShapePair)>,
}

impl MaskPair {
    /// Prepares two masks of equal size (no labels if sizes differ); `spacing` as for [`interpolate_region`].
    pub fn from_masks(a: &Mask, b: &Mask, spacing: [f64; 2]) -> Self {
        let (columns, rows) = a.columns_and_rows();
        let labels = if (columns, rows) == b.columns_and_rows() {
            labels_in(a.pixel_labels().iter().chain(b.pixel_labels()).copied())
        } else {
            Vec::new()
        };
        let mut pairs = Vec::new();
        for label in labels {
            let first = a.label_region(label);
            let second = b.label_region(label);
            if let Some(pair) = ShapePair::from_regions(&first, &second, spacing) {
                pairs.push((label, pair));
            }
        }
        Self {
            columns,
            rows,
            pairs,
        }
    }

    /// (label, pixels) at `t`, in label order.
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
                let i = y * self.columns + x;
                let depth = field.depth_at(x, y);
                if depth > depths[i] {
                    depths[i] = depth;
                    labels[i] = *label;
                }
            }
            windows.push((*label, field.window));
        }
        let mut regions = Vec::new();
        for (label, window) in windows {
            let won = Region::from_fn(&window, |x, y| labels[y * self.columns + x] == label);
            if !won.is_empty() {
                regions.push((label, won));
            }
        }
        regions
    }
}

/// Depth inside the interpolated shape for the pixels of a window; negative outside the window.
struct DepthField {
    window: PixelRect,
    depths: Vec<f64>,
}

impl DepthField {
    fn depth_at(&self, column: usize, row: usize) -> f64 {
        self.depths[(row - self.window.rows.start) * self.window.columns.len() + column
            - self.window.columns.start]
    }

    /// The pixels of the shape.
    fn inside_region(&self) -> Region {
        Region::from_fn(&self.window, |x, y| self.depth_at(x, y) > 0.0)
    }
}

/// Two shapes as signed distances from their boundaries; at least one has pixels.
enum ShapePair {
    /// Only one has pixels: the second if `grows`.
    One {
        shape: SignedDistance,
        around: PixelFrame,
        greatest: f64,
        grows: bool,
    },
    /// Both have pixels; `shift` (x, y) moves the first onto the second.
    Two {
        shapes: [SignedDistance; 2],
        around: [PixelFrame; 2],
        shift: [f64; 2],
    },
}

impl ShapePair {
    fn from_regions(a: &Region, b: &Region, spacing: [f64; 2]) -> Option<Self> {
        match (a.is_empty(), b.is_empty()) {
            (true, true) => None,
            (false, true) => Some(Self::without_partner(a, false, spacing)),
            (true, false) => Some(Self::without_partner(b, true, spacing)),
            (false, false) => {
                let shift = centroid_shift(a, b);
                let around = [PixelFrame::around_region(a), PixelFrame::around_region(b)];
                // Each distance is sampled wherever one of the shapes may be after the shift.
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

    /// A shape whose partner has no pixels.
    fn without_partner(region: &Region, grows: bool, spacing: [f64; 2]) -> Self {
        let around = PixelFrame::around_region(region);
        let shape = SignedDistance::from_region(region, &around, spacing);
        let greatest = shape.greatest_depth();
        Self::One {
            shape,
            around,
            greatest,
            grows,
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
                let forth = shift.map(|s| s * t);
                let back = shift.map(|s| s * (t - 1.0));
                let window = around[0]
                    .translated_by(forth)
                    .union(&around[1].translated_by(back))
                    .clip_to_picture(columns, rows);
                let depths = sample_window(&window, |x, y| {
                    (1.0 - t) * a.sample_bilinear(x - forth[0], y - forth[1])
                        + t * b.sample_bilinear(x - back[0], y - back[1])
                });
                DepthField { depths, window }
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

/// Shift (x, y) in pixels from the centroid of `a` to that of `b`; zero if the regions overlap more without it.
fn centroid_shift(a: &Region, b: &Region) -> [f64; 2] {
    let from = region_centroid(a);
    let to = region_centroid(b);
    let shift = vector_between(from, to);
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

/// Mean pixel index (column, row) of a region that is not empty.
fn region_centroid(region: &Region) -> [f64; 2] {
    let (mut x, mut y) = (0.0, 0.0);
    for s in region.spans() {
        let pixels = (s.end - s.start) as f64;
        x += pixels * (s.start + s.end - 1) as f64 / 2.0;
        y += pixels * s.row as f64;
    }
    [x, y].map(|sum| sum / region.len() as f64)
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
        fn an_unchanged_shape_stays_the_same(a in labels(), t in 0.0..1.0f64) {
            prop_assert_eq!(between_masks(&a, &a, t, SQUARE), regions(&a));
        }
    }

    /// True if `found` equals `expected` within 1.5 pixels of its boundary.
    fn is_about(found: &Region, expected: impl Fn(f64) -> Region) -> bool {
        found.difference(&expected(1.5)).is_empty() && expected(-1.5).difference(found).is_empty()
    }

    #[test]
    fn discs_are_interpolated_linearly_in_radius_and_centre() {
        // Separate, overlapping and nested discs; with square pixels and pixels twice as high as
        // wide.
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
    fn a_shape_without_a_counterpart_shrinks_to_nothing_at_the_empty_slice() {
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
    fn a_part_on_both_slices_does_not_move_when_another_part_ends() {
        let left = disc_region([40.0, 50.0], [20.0; 2], 200, 100);
        let both = left.union(&disc_region([150.0, 50.0], [20.0; 2], 200, 100));
        let found = interpolate_region(&both, &left, 0.5, 200, 100, SQUARE);
        assert_eq!(
            found.intersection(&disc_region([40.0, 50.0], [40.0; 2], 200, 100)),
            left
        );
    }

    #[test]
    fn masks_of_different_size_are_not_interpolated() {
        let small = Mask::from_labels(2, 2, vec![1; 4]).unwrap();
        assert!(between_masks(&small, &Mask::new_blank(3, 2), 0.5, SQUARE).is_empty());
    }
}

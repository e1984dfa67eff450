//! How well two masks agree: Dice, IoU, Hausdorff distance (95th percentile), boundary IoU.

use super::{
    distance::distance_to,
    mask::{Mask, labels_in},
};
use serde::{Deserialize, Serialize};

/// Width of the boundary region of boundary IoU, as a share of the image diagonal.
const BOUNDARY_WIDTH: f64 = 0.02;

/// Agreement scores of two masks.
///
/// Two empty masks agree perfectly: 1, 1, 0 and 1. If only one is empty, `hd95` is undefined (`None`); Dice is 0, so
/// the case still counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Dice coefficient, 0..=1.
    pub dice: f64,
    /// Intersection over union, 0..=1.
    pub iou: f64,
    /// 95th percentile of the Hausdorff distance, in the unit of the spacing.
    pub hd95: Option<f64>,
    /// Intersection over union of the two boundary regions, 0..=1.
    pub boundary_iou: f64,
}

impl Scores {
    /// Scores of two identical masks.
    pub const PERFECT: Self = Self {
        dice: 1.0,
        iou: 1.0,
        hd95: Some(0.0),
        boundary_iou: 1.0,
    };

    /// Mean of each score; `hd95` over those that have one. `None` without scores.
    pub fn mean_over(scores: &[Self]) -> Option<Self> {
        Some(Self {
            dice: Self::mean_of_figure(scores, |s| Some(s.dice))?,
            iou: Self::mean_of_figure(scores, |s| Some(s.iou))?,
            hd95: Self::mean_of_figure(scores, |s| s.hd95),
            boundary_iou: Self::mean_of_figure(scores, |s| Some(s.boundary_iou))?,
        })
    }

    /// Mean of one score over those that have it; `None` if none has.
    fn mean_of_figure(scores: &[Self], figure: fn(&Self) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = scores.iter().filter_map(figure).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }
}

/// Agreement of two masks, averaged over the labels that occur in either. `None` if the sizes differ.
///
/// `spacing` is the distance between rows, then between columns.
pub fn score_masks(predicted: &Mask, truth: &Mask, spacing: [f64; 2]) -> Option<Scores> {
    let labels = labels_in(
        predicted
            .pixel_labels()
            .iter()
            .chain(truth.pixel_labels())
            .copied(),
    );
    let scores = labels
        .into_iter()
        .map(|label| score_label(predicted, truth, label, spacing))
        .collect::<Option<Vec<_>>>()?;
    let same_size = predicted.columns_and_rows() == truth.columns_and_rows();
    same_size.then(|| Scores::mean_over(&scores).unwrap_or(Scores::PERFECT))
}

/// Agreement of two masks for one label. `None` if the sizes differ.
pub fn score_label(predicted: &Mask, truth: &Mask, label: u8, spacing: [f64; 2]) -> Option<Scores> {
    let (columns, rows) = truth.columns_and_rows();
    if predicted.columns_and_rows() != (columns, rows) {
        return None;
    }
    let [a, b] = [predicted, truth].map(|mask| LabelRegion::from_mask(mask, label));
    let width = boundary_width(columns, rows);
    Some(Scores {
        dice: dice_coefficient(&a.inside, &b.inside),
        iou: iou_score(&a.inside, &b.inside),
        hd95: hausdorff_95(&a, &b, spacing),
        boundary_iou: iou_score(&a.boundary_region(width), &b.boundary_region(width)),
    })
}

/// Dice coefficient of two masks of the same size, 0..=1; 1 if both are empty.
pub fn dice_coefficient(a: &[bool], b: &[bool]) -> f64 {
    let (both, either) = overlap_sizes(a, b);
    if either == 0 {
        1.0
    } else {
        2.0 * both as f64 / (both + either) as f64
    }
}

fn iou_score(a: &[bool], b: &[bool]) -> f64 {
    let (both, either) = overlap_sizes(a, b);
    if either == 0 {
        1.0
    } else {
        both as f64 / either as f64
    }
}

/// Sizes of intersection and union.
fn overlap_sizes(a: &[bool], b: &[bool]) -> (usize, usize) {
    a.iter().zip(b).fold((0, 0), |(both, either), (&a, &b)| {
        (both + usize::from(a && b), either + usize::from(a || b))
    })
}

/// 95th percentile of the distances from surface pixels to the other surface, both directions pooled, as defined by
/// `hd95` of medpy.
fn hausdorff_95(a: &LabelRegion, b: &LabelRegion, spacing: [f64; 2]) -> Option<f64> {
    let from = a.surface_pixels();
    let to = b.surface_pixels();
    match (from.contains(&true), to.contains(&true)) {
        (false, false) => return Some(0.0),
        (true, true) => {}
        _ => return None,
    }
    let mut distances = Vec::new();
    for (from, to) in [(&from, &to), (&to, &from)] {
        let away = distance_to(to, a.columns, a.rows, spacing);
        distances.extend(
            from.iter()
                .zip(away)
                .filter_map(|(&on_surface, d)| on_surface.then_some(d)),
        );
    }
    Some(interpolated_quantile(&mut distances, 0.95))
}

/// The `q` quantile (0..=1) with linear interpolation as in numpy; needs at least one value.
fn interpolated_quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = q * (values.len() - 1) as f64;
    let low = values[place.floor() as usize];
    let high = values[place.ceil() as usize];
    low + (high - low) * place.fract()
}

/// Width of the boundary region in pixels (Cheng et al. 2021, "Boundary IoU").
fn boundary_width(columns: usize, rows: usize) -> usize {
    let diagonal = (columns as f64).hypot(rows as f64);
    ((BOUNDARY_WIDTH * diagonal).round_ties_even() as usize).max(1)
}

/// The pixels of one label.
struct LabelRegion {
    columns: usize,
    rows: usize,
    inside: Vec<bool>,
}

impl LabelRegion {
    fn from_mask(mask: &Mask, label: u8) -> Self {
        let inside = mask.pixel_labels().iter().map(|&l| l == label).collect();
        Self {
            columns: mask.columns(),
            rows: mask.rows(),
            inside,
        }
    }

    fn is_inside(&self, column: usize, row: usize) -> bool {
        column < self.columns && row < self.rows && self.inside[row * self.columns + column]
    }

    /// Inside pixels with at least one of four neighbours outside; beyond the image counts as outside.
    fn surface_pixels(&self) -> Vec<bool> {
        (0..self.inside.len())
            .map(|index| self.is_on_surface(index))
            .collect()
    }

    /// True if the pixel at row-major `index` is a surface pixel.
    #[inline]
    fn is_on_surface(&self, index: usize) -> bool {
        let column = index % self.columns;
        let row = index / self.columns;
        self.inside[index]
            && !(self.is_inside(column.wrapping_sub(1), row)
                && self.is_inside(column + 1, row)
                && self.is_inside(column, row.wrapping_sub(1))
                && self.is_inside(column, row + 1))
    }

    /// Inside pixels whose Chebyshev distance to the outside is at most `width`; beyond the image counts as outside.
    fn boundary_region(&self, width: usize) -> Vec<bool> {
        let mut core = vec![false; self.inside.len()];
        let mut line = Vec::new();
        for row in 0..self.rows {
            let start = row * self.columns;
            erode_line(&self.inside[start..start + self.columns], width, &mut line);
            core[start..start + self.columns].copy_from_slice(&line);
        }
        for column in 0..self.columns {
            let down: Vec<bool> = (0..self.rows)
                .map(|row| core[row * self.columns + column])
                .collect();
            erode_line(&down, width, &mut line);
            line.iter()
                .enumerate()
                .for_each(|(row, &kept)| core[row * self.columns + column] = kept);
        }
        self.inside
            .iter()
            .zip(core)
            .map(|(&inside, core)| inside && !core)
            .collect()
    }
}

/// Keeps the pixels of a line that have `width` set pixels on each side.
fn erode_line(line: &[bool], width: usize, kept: &mut Vec<bool>) {
    kept.clear();
    kept.resize(line.len(), false);
    for stretch in line
        .iter()
        .enumerate()
        .collect::<Vec<_>>()
        .chunk_by(|a, b| a.1 == b.1)
    {
        if let [(first, true), ..] = stretch
            && stretch.len() > 2 * width
        {
            kept[first + width..first + stretch.len() - width].fill(true);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn mask(columns: usize, rows: usize, label: impl Fn(f64, f64) -> u8) -> Mask {
        let labels = (0..columns * rows)
            .map(|i| label((i % columns) as f64, (i / columns) as f64))
            .collect();
        Mask::from_labels(columns, rows, labels).unwrap()
    }

    fn disc(columns: usize, rows: usize, x: f64, y: f64, radius: f64) -> Mask {
        mask(columns, rows, |c, r| {
            u8::from((c - x).powi(2) + (r - y).powi(2) <= radius * radius)
        })
    }

    fn assert_scores(found: Scores, expected: [f64; 4]) {
        let found = [
            found.dice,
            found.iou,
            found.hd95.unwrap(),
            found.boundary_iou,
        ];
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-9, "{found:?} instead of {expected:?}");
        }
    }

    /// Expected values from numpy and scipy: medpy's `hd95` and the published code of boundary IoU.
    #[test]
    fn scores_agree_with_reference_implementations() {
        let (a, b) = (
            disc(64, 48, 30.0, 22.0, 15.0),
            disc(64, 48, 33.5, 24.0, 14.0),
        );
        let expected = [
            0.8160484481453444,
            0.6892583120204604,
            5.0,
            0.1246684350132626,
        ];
        assert_scores(score_masks(&a, &b, [1.0, 1.0]).unwrap(), expected);
        // Cropped by the lower image border, anisotropic pixels.
        let (a, b) = (
            disc(200, 150, 90.0, 140.0, 40.0),
            disc(200, 150, 96.0, 120.0, 45.0),
        );
        let expected = [
            0.7097717305746093,
            0.550113299633955,
            12.32233744059949,
            0.18810148731408574,
        ];
        assert_scores(score_masks(&a, &b, [0.4, 0.9]).unwrap(), expected);
        // Ragged masks.
        let a = mask(120, 90, |c, r| {
            u8::from((c * 7.0 + r * 3.0) % 31.0 < 20.0 && (c - 60.0).hypot(r - 45.0) <= 40.0)
        });
        let b = mask(120, 90, |c, r| {
            u8::from((c * 7.0 + r * 5.0) % 29.0 < 20.0 && (c - 58.0).hypot(r - 44.0) <= 42.0)
        });
        let expected = [
            0.6324883161025351,
            0.4625103562551781,
            1.5,
            0.4625103562551781,
        ];
        assert_scores(score_masks(&a, &b, [1.5, 1.0]).unwrap(), expected);
    }

    #[test]
    fn two_empty_masks_agree_perfectly() {
        let empty = Mask::new_blank(9, 7);
        assert_eq!(
            score_masks(&empty, &empty, [1.0, 1.0]).unwrap(),
            Scores::PERFECT
        );
    }

    #[test]
    fn an_empty_mask_against_a_full_one_has_no_distance() {
        let scores = score_masks(
            &Mask::new_blank(40, 40),
            &disc(40, 40, 20.0, 20.0, 9.0),
            [1.0, 1.0],
        )
        .unwrap();
        assert_eq!(
            scores,
            Scores {
                dice: 0.0,
                iou: 0.0,
                hd95: None,
                boundary_iou: 0.0
            }
        );
    }

    #[test]
    fn masks_of_different_sizes_have_no_scores() {
        assert!(score_masks(&Mask::new_blank(4, 4), &Mask::new_blank(4, 5), [1.0, 1.0]).is_none());
        assert!(
            score_masks(
                &disc(8, 8, 4.0, 4.0, 2.0),
                &Mask::new_blank(4, 5),
                [1.0, 1.0]
            )
            .is_none()
        );
    }

    #[test]
    fn the_mean_leaves_out_missing_distances() {
        let none = Scores {
            dice: 0.0,
            iou: 0.0,
            hd95: None,
            boundary_iou: 0.0,
        };
        let mean = Scores::mean_over(&[
            Scores {
                hd95: Some(3.0),
                ..Scores::PERFECT
            },
            none,
        ])
        .unwrap();
        assert_eq!(
            mean,
            Scores {
                dice: 0.5,
                iou: 0.5,
                hd95: Some(3.0),
                boundary_iou: 0.5
            }
        );
        assert!(Scores::mean_over(&[]).is_none());
    }

    #[test]
    fn all_labels_have_equal_weight() {
        let truth = mask(30, 30, |c, _| if c < 20.0 { 1 } else { 2 });
        let half = mask(30, 30, |c, _| u8::from(c < 20.0));
        let scores = score_masks(&half, &truth, [1.0, 1.0]).unwrap();
        assert_eq!((scores.dice, scores.hd95), (0.5, Some(0.0)));
    }

    proptest! {
        #[test]
        fn scores_are_symmetric_and_perfect_for_equal_masks(
            a in proptest::collection::vec(0u8..3, 120),
            b in proptest::collection::vec(0u8..3, 120),
        ) {
            let [a, b] = [a, b].map(|labels| Mask::from_labels(12, 10, labels).unwrap());
            let there = score_masks(&a, &b, [0.7, 1.3]).unwrap();
            prop_assert_eq!(there, score_masks(&b, &a, [0.7, 1.3]).unwrap());
            prop_assert!(there.iou <= there.dice && there.dice <= 1.0);
            prop_assert_eq!(score_masks(&a, &a, [0.7, 1.3]).unwrap(), Scores::PERFECT);
        }
    }
}

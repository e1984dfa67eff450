//! Earlier masks as from a model or another annotator: good ones, bad ones, some of another region.

use super::{
    blur::blur_plane,
    random::{SmoothField, pick_weighted, uniform},
    shapes::{count_pixels, depths, has_size, pixel_center},
};
use labrum_core::distance::distance_to;
use rand::{RngExt, rngs::SmallRng, seq::SliceRandom};
use std::f64::consts::TAU;

/// Maximum number of changes to one mask.
const MOST_CHANGES: usize = 3;
/// Number of random regions from which the one with the least overlap with the truth is taken.
const OTHER_REGIONS: usize = 6;

/// What can be wrong with a mask.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Shifted and scaled.
    Moved,
    /// Grown or shrunk unevenly.
    Edge,
    /// Without a part of it.
    PartMissing,
    /// With an extra piece.
    PieceTooMuch,
}

/// An earlier mask for the ground truth `truth` (`columns * rows`, row by row), as probabilities
/// 0..=1: in 12 % of draws `truth` itself, in 12 % another region, otherwise `truth` with up to
/// three changes: shifted and scaled, grown or shrunk, a part missing, an extra piece. Edges are
/// often soft, and probabilities sometimes less certain.
///
/// All 0 if `truth` is empty or has another size.
pub fn degraded_mask(truth: &[bool], columns: usize, rows: usize, rng: &mut SmallRng) -> Vec<f32> {
    if !has_size(truth, columns, rows) || !truth.contains(&true) {
        return vec![0.0; columns * rows];
    }
    let changed = match rng.random_range(0..100) {
        0..12 => truth.to_vec(),
        12..24 => other_region(truth, columns, rows, rng),
        _ => changed_mask(truth, columns, rows, rng),
    };
    let is_gone = !changed.contains(&true);
    let mask = if is_gone { truth } else { &changed };
    let deepest = depths(mask, columns).into_iter().fold(0.0, f64::max);
    let mut levels: Vec<f32> = mask.iter().map(|&flag| f32::from(flag)).collect();
    soften(&mut levels, columns, deepest, rng);
    levels
}

/// The ground truth after one to three different changes.
fn changed_mask(truth: &[bool], columns: usize, rows: usize, rng: &mut SmallRng) -> Vec<bool> {
    let mut changes = [
        Change::Moved,
        Change::Edge,
        Change::PartMissing,
        Change::PieceTooMuch,
    ];
    changes.shuffle(rng);
    let number = rng.random_range(1..=MOST_CHANGES);
    let size = (count_pixels(truth) as f64).sqrt();
    let mut mask = truth.to_vec();
    for change in &changes[..number] {
        mask = match change {
            Change::Moved => move_mask(&mask, columns, rows, size, rng),
            Change::Edge => move_edge(&mask, columns, rows, size, rng),
            Change::PartMissing => cut_part(&mask, columns, size, rng),
            Change::PieceTooMuch => add_piece(&mask, columns, size, rng),
        };
    }
    mask
}

/// Shifts by up to a fifth of the size and scales by 0.75 to 1.3 along x and y around the centroid.
fn move_mask(
    mask: &[bool],
    columns: usize,
    rows: usize,
    size: f64,
    rng: &mut SmallRng,
) -> Vec<bool> {
    let middle = middle_of(mask, columns);
    let shift = [0; 2].map(|_| uniform(rng, -0.2..=0.2) * size);
    let scale = [0; 2].map(|_| uniform(rng, 0.75..=1.3));
    (0..mask.len())
        .map(|at| {
            let [x, y] = pixel_center(at, columns);
            let from_x = middle[0] + (x - middle[0] - shift[0]) / scale[0];
            let from_y = middle[1] + (y - middle[1] - shift[1]) / scale[1];
            let is_within = from_x >= 0.0 && from_y >= 0.0;
            let (column, row) = (from_x as usize, from_y as usize);
            is_within && column < columns && row < rows && mask[row * columns + column]
        })
        .collect()
}

/// Grows or shrinks by up to 12 % of the size, plus a smooth random variation of up to 10 %.
fn move_edge(
    mask: &[bool],
    columns: usize,
    rows: usize,
    size: f64,
    rng: &mut SmallRng,
) -> Vec<bool> {
    let outside: Vec<bool> = mask.iter().map(|flag| !flag).collect();
    let to_mask = distance_to(mask, columns, rows, [1.0, 1.0]);
    let to_outside = distance_to(&outside, columns, rows, [1.0, 1.0]);
    let growth = uniform(rng, -0.12..=0.12) * size;
    let unevenness = uniform(rng, 0.0..=0.1) * size;
    let field = SmoothField::from_random(0.5 * size.max(4.0)..=2.0 * size.max(4.0), rng);
    (0..mask.len())
        .map(|at| {
            let [x, y] = pixel_center(at, columns);
            // The edge lies half a pixel from the centres on both sides of it.
            let beyond_edge = if mask[at] {
                0.5 - to_outside[at]
            } else {
                to_mask[at] - 0.5
            };
            beyond_edge < growth + unevenness * field.value_at(x, y)
        })
        .collect()
}

/// Removes the smaller side of a random line, or an ellipse.
fn cut_part(mask: &[bool], columns: usize, size: f64, rng: &mut SmallRng) -> Vec<bool> {
    let Some(place) = random_place(mask, columns, rng) else {
        return mask.to_vec();
    };
    if rng.random_bool(0.5) {
        let hole = Ellipse::from_random(place, [0.15 * size, 0.4 * size], rng);
        return mask
            .iter()
            .enumerate()
            .map(|(at, &flag)| flag && !hole.contains(pixel_center(at, columns)))
            .collect();
    }
    let (sin, cos) = uniform(rng, 0.0..=TAU).sin_cos();
    let (one_side, other_side): (Vec<bool>, Vec<bool>) = mask
        .iter()
        .enumerate()
        .map(|(at, &flag)| {
            let [x, y] = pixel_center(at, columns);
            let is_before = (x - place[0]) * cos + (y - place[1]) * sin < 0.0;
            (flag && is_before, flag && !is_before)
        })
        .unzip();
    if count_pixels(&one_side) > count_pixels(&other_side) {
        one_side
    } else {
        other_side
    }
}

/// Adds an ellipse centred 0.3 to 1 times the size away from a random pixel of the mask.
fn add_piece(mask: &[bool], columns: usize, size: f64, rng: &mut SmallRng) -> Vec<bool> {
    let Some(place) = random_place(mask, columns, rng) else {
        return mask.to_vec();
    };
    let (sin, cos) = uniform(rng, 0.0..=TAU).sin_cos();
    let away = uniform(rng, 0.3..=1.0) * size;
    let center = [place[0] + away * cos, place[1] + away * sin];
    let piece = Ellipse::from_random(center, [0.15 * size, 0.5 * size], rng);
    mask.iter()
        .enumerate()
        .map(|(at, &flag)| flag || piece.contains(pixel_center(at, columns)))
        .collect()
}

/// A random ellipse of about the size of the truth: of several, the one that overlaps it least.
fn other_region(truth: &[bool], columns: usize, rows: usize, rng: &mut SmallRng) -> Vec<bool> {
    let size = (count_pixels(truth) as f64).sqrt();
    let mut least: Option<(f64, Vec<bool>)> = None;
    for _ in 0..OTHER_REGIONS {
        let center = [
            uniform(rng, 0.0..=columns as f64),
            uniform(rng, 0.0..=rows as f64),
        ];
        let ellipse = Ellipse::from_random(center, [0.25 * size, 0.8 * size], rng);
        let region: Vec<bool> = (0..truth.len())
            .map(|at| ellipse.contains(pixel_center(at, columns)))
            .collect();
        let common = region.iter().zip(truth).filter(|(a, b)| **a && **b).count();
        let share = common as f64 / count_pixels(&region).max(1) as f64;
        let is_better = least.as_ref().is_none_or(|(lowest, _)| share < *lowest);
        if is_better && region.contains(&true) {
            least = Some((share, region));
        }
    }
    least.map_or_else(|| truth.to_vec(), |(_, region)| region)
}

/// In 60 % of draws blurs (at most as much as a mask `deepest` pixels deep survives) and steepens
/// the edges again; in 30 % moves the levels away from 0 and 1.
fn soften(levels: &mut [f32], columns: usize, deepest: f64, rng: &mut SmallRng) {
    if rng.random_bool(0.6) {
        let most = (0.5 * deepest).clamp(0.4, 3.0);
        blur_plane(levels, columns, uniform(rng, 0.3..=most) as f32);
        let steepness = uniform(rng, 1.0..=3.0) as f32;
        for level in levels.iter_mut() {
            *level = 0.5 + steepness * (*level - 0.5);
        }
    }
    let is_unsure = rng.random_bool(0.3);
    let lowest = uniform(rng, 0.0..=0.2) as f32;
    let highest = uniform(rng, 0.65..=1.0) as f32;
    for level in levels {
        *level = level.clamp(0.0, 1.0);
        if is_unsure {
            *level = lowest + (highest - lowest) * *level;
        }
    }
}

/// Centroid of the mask.
fn middle_of(mask: &[bool], columns: usize) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for at in (0..mask.len()).filter(|&at| mask[at]) {
        let center = pixel_center(at, columns);
        sum = [sum[0] + center[0], sum[1] + center[1]];
    }
    sum.map(|total| total / count_pixels(mask).max(1) as f64)
}

/// The centre of a random pixel of the mask.
fn random_place(mask: &[bool], columns: usize, rng: &mut SmallRng) -> Option<[f64; 2]> {
    let weights: Vec<f64> = mask.iter().map(|&flag| f64::from(flag)).collect();
    pick_weighted(&weights, rng).map(|at| pixel_center(at, columns))
}

/// An ellipse in pixels.
struct Ellipse {
    center: [f64; 2],
    /// Semi-axes.
    radii: [f64; 2],
    /// Sine and cosine of its angle.
    angle: (f64, f64),
}

impl Ellipse {
    /// With semi-axes within `least..=most`, but at least one pixel, at a random angle.
    fn from_random(center: [f64; 2], [least, most]: [f64; 2], rng: &mut SmallRng) -> Self {
        Self {
            center,
            radii: [0; 2].map(|_| uniform(rng, least..=most).max(1.0)),
            angle: uniform(rng, 0.0..=TAU).sin_cos(),
        }
    }

    fn contains(&self, [x, y]: [f64; 2]) -> bool {
        let (x, y) = (x - self.center[0], y - self.center[1]);
        let (sin, cos) = self.angle;
        let along = (x * cos + y * sin) / self.radii[0];
        let aside = (y * cos - x * sin) / self.radii[1];
        along * along + aside * aside <= 1.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{
        super::phantom::{COLUMNS, ROWS, disc},
        *,
    };
    use rand::SeedableRng;

    fn truth() -> Vec<bool> {
        disc(COLUMNS, ROWS, [40.0, 35.0], 14.0)
    }

    fn dice(truth: &[bool], mask: &[bool]) -> f64 {
        let common = truth.iter().zip(mask).filter(|(a, b)| **a && **b).count();
        2.0 * common as f64 / (count_pixels(truth) + count_pixels(mask)).max(1) as f64
    }

    #[test]
    fn masks_are_good_bad_or_of_another_region_with_levels_from_0_to_1() {
        let truth = truth();
        let mut rng = SmallRng::seed_from_u64(1);
        let mut counts = [0; 4];
        for _ in 0..300 {
            let mask = degraded_mask(&truth, COLUMNS, ROWS, &mut rng);
            assert_eq!(mask.len(), truth.len());
            assert!(mask.iter().all(|level| (0.0..=1.0).contains(level)));
            let flags: Vec<bool> = mask.iter().map(|level| *level >= 0.5).collect();
            let dice = dice(&truth, &flags);
            counts[match dice {
                0.95.. => 0,
                0.7.. => 1,
                0.2.. => 2,
                _ => 3,
            }] += 1;
        }
        assert!(counts.iter().all(|count| *count > 15), "{counts:?}");
        assert!(counts[1] > 100, "{counts:?}");
    }

    #[test]
    fn some_masks_are_soft_and_some_are_hard() {
        let truth = truth();
        let mut rng = SmallRng::seed_from_u64(2);
        let hard = (0..100)
            .filter(|_| {
                let mask = degraded_mask(&truth, COLUMNS, ROWS, &mut rng);
                mask.iter().all(|level| *level == 0.0 || *level == 1.0)
            })
            .count();
        assert!((10..60).contains(&hard), "{hard}");
    }

    #[test]
    fn each_change_does_what_its_name_says() {
        let truth = truth();
        let size = (count_pixels(&truth) as f64).sqrt();
        let mut grown = [0; 2];
        for seed in 0..30 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let cut = cut_part(&truth, COLUMNS, size, &mut rng);
            assert!((0..cut.len()).all(|at| truth[at] || !cut[at]));
            assert!(3 * count_pixels(&cut) > count_pixels(&truth));
            let added = add_piece(&truth, COLUMNS, size, &mut rng);
            assert!((0..added.len()).all(|at| added[at] || !truth[at]));
            let moved = move_mask(&truth, COLUMNS, ROWS, size, &mut rng);
            let (from, to) = (middle_of(&truth, COLUMNS), middle_of(&moved, COLUMNS));
            assert!((from[0] - to[0]).abs() < 0.2 * size + 1.0);
            assert!((from[1] - to[1]).abs() < 0.2 * size + 1.0);
            let edge = move_edge(&truth, COLUMNS, ROWS, size, &mut rng);
            grown[usize::from(count_pixels(&edge) > count_pixels(&truth))] += 1;
            let other = other_region(&truth, COLUMNS, ROWS, &mut rng);
            assert!(dice(&truth, &other) < 0.3);
        }
        assert!(grown[0].min(grown[1]) > 5, "{grown:?}");
    }

    #[test]
    fn tiny_and_full_objects_give_masks_and_an_empty_one_gives_none() {
        for seed in 0..60 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut dot = vec![false; 48];
            dot[20] = true;
            for truth in [dot, vec![true; 48]] {
                let mask = degraded_mask(&truth, 8, 6, &mut rng);
                assert!(mask.iter().all(|level| (0.0..=1.0).contains(level)));
                assert!(mask.iter().any(|level| *level > 0.0));
            }
            assert!(degraded_mask(&[false; 48], 8, 6, &mut rng) == [0.0; 48]);
            assert!(degraded_mask(&[true; 7], 8, 6, &mut rng) == [0.0; 48]);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_mask_and_another_seed_does_not() {
        let truth = truth();
        let masks = [5, 5, 6]
            .map(|seed| degraded_mask(&truth, COLUMNS, ROWS, &mut SmallRng::seed_from_u64(seed)));
        assert!(masks[0] == masks[1] && masks[0] != masks[2]);
    }
}

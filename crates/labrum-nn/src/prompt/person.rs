//! A simulated annotator: the first prompts for a target, corrections, and imperfect earlier masks.
//!
//! It errs as people do: clicks off the centre, boxes that do not fit, corrections of an error that
//! is not the largest.

use super::{
    random::{pick_weighted, uniform},
    scribble::draw_scribble,
    shapes::{bounds_of, connected_pieces, depths, has_size, pixel_center, plane_with},
};
use labrum_core::{
    distance::distance_to,
    prompts::{Prompt, next_click},
};
use rand::{RngExt, rngs::SmallRng};
use std::ops::RangeInclusive;

pub use super::degraded::degraded_mask;

/// Maximum error of each side of a box, as a share of the box's length in that direction.
const BOX_ERROR: f64 = 0.15;
/// Share of first prompts with a negative click beside the object.
const REMOVES_AT_FIRST: f64 = 0.12;
/// Minimum distance of such a click from the object, in pixels.
const NEAREST_BESIDE: f64 = 2.0;
/// Length of correcting scribbles, in pixels along the path.
const SHORT_SCRIBBLE: RangeInclusive<usize> = 6..=24;

/// First prompts for the ground truth `truth` (`columns * rows`, row by row): 1 to 3 clicks in 60 %
/// of draws, a box in 22 % (half of them with a click), otherwise a scribble; 12 % also have a
/// negative click beside the object.
///
/// Positive clicks and scribbles lie inside `truth`, negative ones outside. Each side of a box is
/// off by up to 15 % of its length, within the image. Empty if `truth` is, or has another size.
pub fn first_prompts(
    truth: &[bool],
    columns: usize,
    rows: usize,
    rng: &mut SmallRng,
) -> Vec<Prompt> {
    if !has_size(truth, columns, rows) || !truth.contains(&true) {
        return Vec::new();
    }
    let depths = depths(truth, columns);
    let mut prompts = Vec::new();
    match rng.random_range(0..100) {
        0..60 => {
            for _ in 0..draw_number_of_clicks(rng) {
                prompts.extend(click_inside(&depths, columns, true, rng));
            }
        }
        60..82 => {
            prompts.extend(rough_box(truth, columns, rows, rng));
            if rng.random_bool(0.5) {
                prompts.extend(click_inside(&depths, columns, true, rng));
            }
        }
        _ => prompts.extend(scribble_or_click(&depths, columns, truth.len(), true, rng)),
    }
    if rng.random_bool(REMOVES_AT_FIRST) {
        prompts.extend(click_beside(truth, columns, rows, rng));
    }
    prompts
}

/// A correction of the mask `found` towards the ground truth (both `columns * rows`, row by row):
/// in 60 % of draws [`next_click`], otherwise a click in the largest error component or in a random
/// one (larger ones more often), or a short scribble in the largest. Positive where `found` lacks
/// pixels, negative where it has too many.
///
/// `None` if the masks are equal or their sizes differ.
pub fn later_prompt(
    truth: &[bool],
    found: &[bool],
    columns: usize,
    rows: usize,
    rng: &mut SmallRng,
) -> Option<Prompt> {
    if !has_size(truth, columns, rows) || truth.len() != found.len() {
        return None;
    }
    let way = rng.random_range(0..100);
    if way < 60 {
        return next_click(truth, found, columns, rows);
    }
    let pieces = error_pieces(truth, found, columns);
    let sizes: Vec<f64> = pieces
        .iter()
        .map(|piece| piece.pixels.len() as f64)
        .collect();
    let piece = if way < 75 {
        &pieces[pick_weighted(&sizes, rng)?]
    } else {
        pieces.iter().max_by_key(|piece| piece.pixels.len())?
    };
    let depths = depths(&plane_with(&piece.pixels, truth.len()), columns);
    if way < 88 {
        click_inside(&depths, columns, piece.adds, rng)
    } else {
        let longest = rng.random_range(SHORT_SCRIBBLE);
        scribble_or_click(&depths, columns, longest, piece.adds, rng)
    }
}

/// A connected component of the error.
struct ErrorPiece {
    /// Pixel indices.
    pixels: Vec<usize>,
    /// True for missing pixels (false negatives), false for extra ones (false positives).
    adds: bool,
}

fn error_pieces(truth: &[bool], found: &[bool], columns: usize) -> Vec<ErrorPiece> {
    let mut pieces = Vec::new();
    for adds in [true, false] {
        let wrong: Vec<bool> = truth
            .iter()
            .zip(found)
            .map(|(truth, found)| truth != found && *truth == adds)
            .collect();
        let of_kind = connected_pieces(&wrong, columns).into_iter();
        pieces.extend(of_kind.map(|pixels| ErrorPiece { pixels, adds }));
    }
    pieces
}

/// One in 75 % of draws, otherwise two or three.
fn draw_number_of_clicks(rng: &mut SmallRng) -> usize {
    match rng.random_range(0..20) {
        0..15 => 1,
        15..18 => 2,
        _ => 3,
    }
}

/// A click in a region: at its deepest pixel, anywhere, or (most often) weighted by depth. `None`
/// if the region is empty.
fn click_inside(depths: &[f64], columns: usize, adds: bool, rng: &mut SmallRng) -> Option<Prompt> {
    let deepest = depths.iter().copied().fold(0.0, f64::max);
    let way = rng.random_range(0..100);
    let weights: Vec<f64> = depths
        .iter()
        .map(|&depth| match way {
            0..30 => f64::from(depth == deepest && depth > 0.0),
            30..55 => f64::from(depth > 0.0),
            _ => depth * depth,
        })
        .collect();
    let at = pick_weighted(&weights, rng)?;
    Some(Prompt::Click {
        at: place_in_pixel(at, columns, rng),
        adds,
    })
}

/// A random point inside a pixel, not on its border.
fn place_in_pixel(at: usize, columns: usize, rng: &mut SmallRng) -> [f64; 2] {
    pixel_center(at, columns).map(|middle| middle + rng.random_range(-0.45..=0.45))
}

/// A scribble of at most `longest` pixels along the middle of a region; a click if it has no room.
fn scribble_or_click(
    depths: &[f64],
    columns: usize,
    longest: usize,
    adds: bool,
    rng: &mut SmallRng,
) -> Option<Prompt> {
    let points = draw_scribble(depths, columns, longest, rng);
    if points.len() < 2 {
        return click_inside(depths, columns, adds, rng);
    }
    Some(Prompt::Scribble { points, adds })
}

/// The bounding box with errors: one for all sides (too wide or too tight) and one for each side.
fn rough_box(inside: &[bool], columns: usize, rows: usize, rng: &mut SmallRng) -> Option<Prompt> {
    let bounds = bounds_of(inside, columns)?;
    let spread = uniform(rng, 0.0..=BOX_ERROR);
    let alike = uniform(rng, -spread..=spread);
    let mut from = [0.0; 2];
    let mut to = [0.0; 2];
    for (axis, (range, end)) in [(bounds.columns, columns), (bounds.rows, rows)]
        .into_iter()
        .enumerate()
    {
        let length = range.len() as f64;
        from[axis] = range.start as f64 - length * side_error(alike, spread, rng);
        to[axis] = range.end as f64 + length * side_error(alike, spread, rng);
        from[axis] = from[axis].max(0.0);
        to[axis] = to[axis].min(end as f64);
    }
    Some(Prompt::Box { from, to })
}

/// Outward error of a side, as a share of the box's length: `alike` plus up to half of `spread`,
/// clamped to `spread`.
fn side_error(alike: f64, spread: f64, rng: &mut SmallRng) -> f64 {
    (alike + uniform(rng, -0.5 * spread..=0.5 * spread)).clamp(-spread, spread)
}

/// A negative click near the object but not at its border. `None` if there is no such place.
fn click_beside(truth: &[bool], columns: usize, rows: usize, rng: &mut SmallRng) -> Option<Prompt> {
    let size = (truth.iter().filter(|flag| **flag).count() as f64).sqrt();
    let farthest = (NEAREST_BESIDE + 2.0).max(0.6 * size);
    let weights: Vec<f64> = distance_to(truth, columns, rows, [1.0, 1.0])
        .iter()
        .map(|away| f64::from((NEAREST_BESIDE..=farthest).contains(away)))
        .collect();
    let at = pick_weighted(&weights, rng)?;
    Some(Prompt::Click {
        at: place_in_pixel(at, columns, rng),
        adds: false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{
        super::phantom::{COLUMNS, ROWS, disc, labels},
        *,
    };
    use rand::SeedableRng;

    fn truth() -> Vec<bool> {
        labels().iter().map(|label| *label == 2).collect()
    }

    fn is_inside(truth: &[bool], [x, y]: [f64; 2]) -> bool {
        truth[y as usize * COLUMNS + x as usize]
    }

    /// Positive prompts must lie inside the ground truth, negative ones outside, boxes in the
    /// image.
    fn is_fitting(prompt: &Prompt, truth: &[bool]) -> bool {
        match prompt {
            Prompt::Click { at, adds } => is_inside(truth, *at) == *adds,
            Prompt::Scribble { points, adds } => {
                points.len() > 1 && points.iter().all(|at| is_inside(truth, *at) == *adds)
            }
            Prompt::Box { from, to } => {
                let is_open = from[0] < to[0] && from[1] < to[1];
                is_open && from.iter().all(|v| *v >= 0.0) && to[0] <= 96.0 && to[1] <= 80.0
            }
        }
    }

    #[test]
    fn first_prompts_are_of_every_kind_and_lie_where_they_should() {
        let truth = truth();
        let mut counts = [0; 4];
        let mut rng = SmallRng::seed_from_u64(1);
        for _ in 0..400 {
            let prompts = first_prompts(&truth, COLUMNS, ROWS, &mut rng);
            assert!((1..=4).contains(&prompts.len()));
            assert!(prompts.iter().all(|prompt| is_fitting(prompt, &truth)));
            for prompt in &prompts {
                counts[match prompt {
                    Prompt::Click { adds: true, .. } => 0,
                    Prompt::Click { .. } => 1,
                    Prompt::Box { .. } => 2,
                    Prompt::Scribble { .. } => 3,
                }] += 1;
            }
        }
        assert!(counts[0] > 250 && counts[1..].iter().all(|count| *count > 20));
    }

    #[test]
    fn most_clicks_lie_well_inside_the_object() {
        let truth = disc(COLUMNS, ROWS, [40.0, 40.0], 20.0);
        let depths = depths(&truth, COLUMNS);
        let mut rng = SmallRng::seed_from_u64(2);
        let clicked: Vec<f64> = (0..400)
            .map(|_| match click_inside(&depths, COLUMNS, true, &mut rng) {
                Some(Prompt::Click { at: [x, y], .. }) => depths[y as usize * COLUMNS + x as usize],
                _ => 0.0,
            })
            .collect();
        let mean = clicked.iter().sum::<f64>() / 400.0;
        // Uniform clicks would have a mean depth of a third of the radius.
        assert!(mean > 9.0, "{mean}");
        assert!(clicked.iter().filter(|depth| **depth < 5.0).count() > 30);
    }

    #[test]
    fn box_sides_are_off_by_up_to_15_percent_in_both_directions() {
        let truth = disc(COLUMNS, ROWS, [45.0, 40.0], 20.0);
        let mut rng = SmallRng::seed_from_u64(3);
        let mut errors = Vec::new();
        for _ in 0..200 {
            let Some(Prompt::Box { from, to }) = rough_box(&truth, COLUMNS, ROWS, &mut rng) else {
                continue;
            };
            errors.extend([25.0 - from[0], 20.0 - from[1], to[0] - 65.0, to[1] - 60.0]);
        }
        assert_eq!(errors.len(), 800);
        assert!(errors.iter().all(|error| error.abs() <= 0.15 * 40.0 + 1e-9));
        assert!(
            errors.iter().any(|error| *error > 4.0) && errors.iter().any(|error| *error < -4.0)
        );
    }

    #[test]
    fn a_correction_lies_in_an_error_and_has_the_right_sign() {
        let truth = disc(COLUMNS, ROWS, [40.0, 40.0], 20.0);
        let found = disc(COLUMNS, ROWS, [55.0, 40.0], 20.0);
        let mut scribbles = 0;
        let mut rng = SmallRng::seed_from_u64(4);
        for _ in 0..100 {
            let prompt = later_prompt(&truth, &found, COLUMNS, ROWS, &mut rng).unwrap();
            let (places, adds) = match prompt {
                Prompt::Click { at, adds } => (vec![at], adds),
                Prompt::Scribble { points, adds } => (points, adds),
                Prompt::Box { .. } => (Vec::new(), true),
            };
            scribbles += usize::from(places.len() > 1);
            assert!(!places.is_empty());
            for at in places {
                assert!(is_inside(&truth, at) == adds && is_inside(&found, at) != adds);
            }
        }
        assert!((3..30).contains(&scribbles), "{scribbles}");
    }

    #[test]
    fn most_corrections_are_the_standard_next_click() {
        let truth = disc(COLUMNS, ROWS, [40.0, 40.0], 20.0);
        let found = vec![false; truth.len()];
        let usual = next_click(&truth, &found, COLUMNS, ROWS);
        let mut rng = SmallRng::seed_from_u64(5);
        let same = (0..200)
            .filter(|_| later_prompt(&truth, &found, COLUMNS, ROWS, &mut rng) == usual)
            .count();
        assert!((100..150).contains(&same), "{same}");
    }

    #[test]
    fn there_is_no_prompt_without_an_object_or_an_error() {
        let truth = truth();
        for seed in 0..30 {
            let mut rng = SmallRng::seed_from_u64(seed);
            assert_eq!(later_prompt(&truth, &truth, COLUMNS, ROWS, &mut rng), None);
            assert_eq!(
                later_prompt(&truth, &truth[1..], COLUMNS, ROWS, &mut rng),
                None
            );
            assert!(first_prompts(&[false; 20], 5, 4, &mut rng).is_empty());
            assert!(first_prompts(&[true; 20], 5, 5, &mut rng).is_empty());
            assert!(first_prompts(&[], 0, 0, &mut rng).is_empty());
        }
    }

    #[test]
    fn an_object_that_fills_the_image_gets_prompts() {
        for seed in 0..60 {
            let mut rng = SmallRng::seed_from_u64(seed);
            for (side, truth) in [(1, vec![true]), (5, vec![true; 25])] {
                assert!(!first_prompts(&truth, side, side, &mut rng).is_empty());
                let found = vec![false; truth.len()];
                assert!(later_prompt(&truth, &found, side, side, &mut rng).is_some());
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_prompts_and_another_seed_does_not() {
        let truth = truth();
        let found = disc(COLUMNS, ROWS, [70.0, 30.0], 12.0);
        let prompts: Vec<_> = [7, 7, 8]
            .into_iter()
            .map(|seed| {
                let mut rng = SmallRng::seed_from_u64(seed);
                let first: Vec<_> = (0..10)
                    .map(|_| first_prompts(&truth, COLUMNS, ROWS, &mut rng))
                    .collect();
                let later: Vec<_> = (0..10)
                    .map(|_| later_prompt(&truth, &found, COLUMNS, ROWS, &mut rng))
                    .collect();
                (first, later)
            })
            .collect();
        assert!(prompts[0] == prompts[1] && prompts[0] != prompts[2]);
    }
}

//! Where else the boundary of an object may run along a stretch: the network is asked with clicks on the other side.

use super::{
    looks::{THRESHOLD, merge_changes, to_mask},
    segmenter::{PromptImage, PromptSegmenter},
    shapes::{connected_pieces, count_pixels, plane_with},
};
use labrum_core::{
    Result,
    boundary::{BoundaryChoice, band_width, clicks_beside},
    region::{PixelRect, Region},
};
use std::{ops::Range, slice};

/// Distance of the closest clicks from the boundary, in pixels; the others are one and two [`band_width`]s away from it.
const CLOSEST: f64 = 1.5;

impl PromptSegmenter {
    /// The other courses that the boundary of an object may take along a stretch, the one of which the network is surest
    /// first: at most one that adds pixels to the object, and one that removes some.
    ///
    /// `object` holds its probabilities, 0..=1, one for each pixel of the image; `stretch` the consecutive points of its
    /// contour, in pixels of the image, with the object on the right. The network is asked with single clicks beside the
    /// middle of the stretch, and with the object as the previous mask. Of each answer only the connected components of
    /// the change count that both the click and the stretch touch.
    ///
    /// # Errors
    /// If the device fails.
    pub fn second_choices(
        &mut self,
        image: &PromptImage,
        object: &[f32],
        stretch: &[[f64; 2]],
    ) -> Result<Vec<BoundaryChoice>> {
        let (columns, rows) = (image.columns, image.rows);
        let beside = pixels_beside_stretch(stretch, columns, rows);
        let band = band_width(columns, rows) as f64;
        let inside = region_of(&to_mask(object), columns);
        let distances = [CLOSEST, band, 2.0 * band];
        let mut choices = Vec::new();
        for click in clicks_beside(stretch, &inside, [columns, rows], &distances) {
            let found = self.look_closely(image, slice::from_ref(&click), object)?;
            let found = merge_changes(object, &found, &click, columns, rows);
            if let Some(choice) = choice_between(object, &found, click.adds(), &beside, columns) {
                keep_best(&mut choices, choice);
            }
        }
        choices.sort_by(|a, b| b.margin.total_cmp(&a.margin));
        Ok(choices)
    }
}

/// The choice between two results: the pixels that the object gains (`adds`) or loses in connected components of the change
/// that touch the pixels `beside` the stretch. `None` if there are none, or if nothing of the object would be left.
fn choice_between(
    before: &[f32],
    after: &[f32],
    adds: bool,
    beside: &[bool],
    columns: usize,
) -> Option<BoundaryChoice> {
    let inside = to_mask(before);
    let changed: Vec<bool> = inside
        .iter()
        .zip(after)
        .map(|(was_in, probability)| *was_in != adds && (*probability >= THRESHOLD) == adds)
        .collect();
    let pixels: Vec<usize> = connected_pieces(&changed, columns)
        .into_iter()
        .filter(|piece| piece.iter().any(|at| beside[*at]))
        .flatten()
        .collect();
    let is_all_lost = !adds && pixels.len() == count_pixels(&inside);
    if pixels.is_empty() || is_all_lost {
        return None;
    }
    let margins = pixels.iter().map(|at| (2.0 * after[*at] - 1.0).abs());
    Some(BoundaryChoice {
        adds,
        change: region_of(&plane_with(&pixels, inside.len()), columns),
        margin: margins.sum::<f32>() / pixels.len() as f32,
    })
}

/// Adds a choice, unless one in the same direction corrects more pixels; one that corrects fewer is replaced. The mean
/// margin alone would favour small changes right beside the click.
fn keep_best(choices: &mut Vec<BoundaryChoice>, choice: BoundaryChoice) {
    match choices.iter_mut().find(|known| known.adds == choice.adds) {
        Some(known) if expected_gain(known) >= expected_gain(&choice) => {}
        Some(known) => *known = choice,
        None => choices.push(choice),
    }
}

/// Expected number of pixels that become right, less those that become wrong.
fn expected_gain(choice: &BoundaryChoice) -> f32 {
    choice.margin * choice.change.len() as f32
}

fn region_of(plane: &[bool], columns: usize) -> Region {
    let frame = PixelRect::full_frame(columns, plane.len() / columns.max(1));
    Region::from_fn(&frame, |column, row| plane[row * columns + column])
}

/// True for the pixels on both sides of a stretch.
fn pixels_beside_stretch(stretch: &[[f64; 2]], columns: usize, rows: usize) -> Vec<bool> {
    let mut beside = vec![false; columns * rows];
    for [x, y] in stretch {
        for row in within_a_pixel(*y, rows) {
            for column in within_a_pixel(*x, columns) {
                beside[row * columns + column] = true;
            }
        }
    }
    beside
}

/// The pixels along an axis of `end` pixels that lie within one pixel of a place.
fn within_a_pixel(place: f64, end: usize) -> Range<usize> {
    let low = (place - 1.0).floor().clamp(0.0, end as f64) as usize;
    low..(place + 1.0).ceil().clamp(0.0, end as f64) as usize
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{
        super::phantom::{self, COLUMNS, ROWS},
        *,
    };
    use labrum_core::{boundary::trace_contours, mask::Mask};

    /// Probabilities that are `level` in some columns and 0 elsewhere.
    fn stripe(columns: Range<usize>, level: f32) -> Vec<f32> {
        (0..COLUMNS * ROWS)
            .map(|at| f32::from(u8::from(columns.contains(&(at % COLUMNS)))) * level)
            .collect()
    }

    /// The choice for an object in columns 10..20 along its right side.
    fn choice_for(after: &[f32], adds: bool) -> Option<BoundaryChoice> {
        let side: Vec<[f64; 2]> = (20..40).map(|y| [20.0, f64::from(y) + 0.5]).collect();
        let beside = pixels_beside_stretch(&side, COLUMNS, ROWS);
        choice_between(&stripe(10..20, 1.0), after, adds, &beside, COLUMNS)
    }

    #[test]
    fn only_the_change_at_the_stretch_counts() {
        let mut grown = stripe(10..25, 0.9);
        for (grown, far) in grown.iter_mut().zip(stripe(30..34, 0.9)) {
            *grown += far;
        }
        let choice = choice_for(&grown, true).unwrap();
        assert!(choice.adds && (choice.margin - 0.8).abs() < 1e-3);
        assert_eq!(
            choice.change,
            region_of(&to_mask(&stripe(20..25, 1.0)), COLUMNS)
        );

        let shrunk = choice_for(&stripe(12..17, 0.75), false).unwrap();
        assert!(!shrunk.adds);
        assert_eq!(
            shrunk.change,
            region_of(&to_mask(&stripe(17..20, 1.0)), COLUMNS),
            "the left side of the object is elsewhere"
        );
    }

    #[test]
    fn a_boundary_that_stays_or_an_object_that_vanishes_is_no_choice() {
        for adds in [true, false] {
            assert_eq!(choice_for(&stripe(10..20, 0.8), adds), None);
        }
        assert_eq!(choice_for(&stripe(0..0, 1.0), false), None);
        assert_eq!(choice_for(&stripe(12..30, 0.8), false), None);
    }

    #[test]
    fn of_two_choices_in_one_direction_the_one_that_corrects_more_is_kept() {
        let grown = |columns, level| choice_for(&stripe(columns, level), true).unwrap();
        let (unsure, sure) = (grown(10..22, 0.6), grown(10..22, 0.9));
        let less = choice_for(&stripe(10..18, 0.9), false).unwrap();
        let mut choices = Vec::new();
        for choice in [&unsure, &sure, &less, &unsure] {
            keep_best(&mut choices, choice.clone());
        }
        assert_eq!(choices, [sure.clone(), less.clone()]);
        let wide = grown(10..30, 0.8);
        assert!(wide.margin < sure.margin);
        keep_best(&mut choices, wide.clone());
        assert_eq!(choices, [wide, less]);
    }

    /// Whatever the network answers: its weights are random here.
    #[test]
    fn the_network_is_asked_for_a_larger_and_for_a_smaller_object() {
        let disc = phantom::labels()
            .iter()
            .map(|label| u8::from(*label == 1))
            .collect();
        let mask = Mask::from_labels(COLUMNS, ROWS, disc).unwrap();
        let ring = trace_contours(&mask, 1).remove(0).taubin_smoothed().points;
        let object: Vec<f32> = mask.pixel_labels().iter().map(|l| f32::from(*l)).collect();
        let image = PromptImage {
            grey: phantom::grey(),
            columns: COLUMNS,
            rows: ROWS,
        };
        let mut segmenter = phantom::untrained();
        let choices = segmenter
            .second_choices(&image, &object, &ring[..12])
            .unwrap();
        assert!(choices.len() <= 2);
        assert!(choices.is_sorted_by(|a, b| a.margin >= b.margin && a.adds != b.adds));
        let inside = mask.label_region(1);
        for choice in choices {
            let in_object = choice.change.intersection(&inside).len();
            assert!(!choice.change.is_empty());
            assert_eq!(in_object, if choice.adds { 0 } else { choice.change.len() });
        }
        let none = segmenter.second_choices(&image, &object, &[]).unwrap();
        assert!(none.is_empty());
    }
}

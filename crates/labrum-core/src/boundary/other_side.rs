//! Where else a boundary may run along a stretch, and the clicks that ask a model about it.

use super::Point;
use crate::{
    prompts::Prompt,
    region::Region,
    vector::{point_along, vector_between},
};

/// How many points on each side of the middle of a stretch give its direction there: fewer would follow the staircase of
/// the pixels.
const BESIDE: usize = 3;

/// Another course of a boundary along a stretch, as a model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundaryChoice {
    /// True if the object gains the pixels of `change`, false if it loses them.
    pub adds: bool,
    /// The pixels between the two courses of the boundary; never empty.
    pub change: Region,
    /// How sure the model is of these pixels, 0..=1: the mean difference between the probabilities of object and
    /// background.
    pub margin: f32,
}

/// Clicks beside the middle of a stretch of the boundary of `object`, at each of `distances` (in pixels) across it: a
/// positive click outside and a negative click inside. Left out are clicks outside of the image, which has
/// `columns * rows` pixels, and those that another part of the boundary separates from the stretch.
///
/// `stretch` holds consecutive points of a contour of the object, in the direction of [`super::Contour`].
pub fn clicks_beside(
    stretch: &[Point],
    object: &Region,
    [columns, rows]: [usize; 2],
    distances: &[f64],
) -> Vec<Prompt> {
    let Some((middle, outward)) = middle_and_normal(stretch) else {
        return Vec::new();
    };
    let mut clicks = Vec::with_capacity(2 * distances.len());
    for distance in distances {
        for adds in [true, false] {
            let at = point_along(middle, outward, if adds { *distance } else { -*distance });
            let is_within =
                at[0] >= 0.0 && at[1] >= 0.0 && at[0] < columns as f64 && at[1] < rows as f64;
            if is_within && object.contains(at[0] as usize, at[1] as usize) != adds {
                clicks.push(Prompt::Click { at, adds });
            }
        }
    }
    clicks
}

/// A pixel (column, row) of an object just inside the middle of a stretch of its boundary; `None` if the pixels there are
/// not in the object. `is_in` tells for a column and a row whether the pixel is in the object.
pub fn pixel_inside(stretch: &[Point], is_in: impl Fn(i64, i64) -> bool) -> Option<(usize, usize)> {
    let (middle, outward) = middle_and_normal(stretch)?;
    // A smooth contour runs up to a pixel beside the pixel edges.
    [0.75, 1.5, 0.25].into_iter().find_map(|depth| {
        let [x, y] = point_along(middle, outward, -depth).map(f64::floor);
        let is_pixel = x >= 0.0 && y >= 0.0 && is_in(x as i64, y as i64);
        is_pixel.then_some((x as usize, y as usize))
    })
}

/// The middle of a stretch, and the unit vector there that points out of the object; `None` without a direction.
fn middle_and_normal(stretch: &[Point]) -> Option<(Point, Point)> {
    let at = stretch.len() / 2;
    let middle = *stretch.get(at)?;
    let before = stretch[at.saturating_sub(BESIDE)];
    let after = stretch[(at + BESIDE).min(stretch.len() - 1)];
    let along = vector_between(before, after);
    let length = along[0].hypot(along[1]);
    // The object is on the right, and y points down.
    (length > 0.0).then(|| (middle, [along[1] / length, -along[0] / length]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::PixelRect;

    const SIZE: [usize; 2] = [60, 40];

    fn rectangle(columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> Region {
        Region::from_fn(&PixelRect { columns, rows }, |_, _| true)
    }

    /// The upper side of a rectangle, from left to right.
    fn upper_side(row: f64) -> Vec<Point> {
        (10..=30).map(|x| [f64::from(x), row]).collect()
    }

    fn click(x: f64, y: f64, adds: bool) -> Prompt {
        Prompt::Click { at: [x, y], adds }
    }

    #[test]
    fn clicks_outside_are_positive_and_clicks_inside_are_negative() {
        let object = rectangle(10..30, 10..30);
        assert_eq!(
            clicks_beside(&upper_side(10.0), &object, SIZE, &[1.5, 4.0]),
            [
                click(20.0, 8.5, true),
                click(20.0, 11.5, false),
                click(20.0, 6.0, true),
                click(20.0, 14.0, false),
            ]
        );
        let lower_side: Vec<Point> = (10..=30).rev().map(|x| [f64::from(x), 30.0]).collect();
        assert_eq!(
            clicks_beside(&lower_side, &object, SIZE, &[2.0]),
            [click(20.0, 32.0, true), click(20.0, 28.0, false)]
        );
    }

    #[test]
    fn clicks_beyond_the_image_or_another_boundary_are_left_out() {
        let thin = rectangle(10..30, 3..6);
        assert_eq!(
            clicks_beside(&upper_side(3.0), &thin, SIZE, &[2.0, 5.0]),
            [click(20.0, 1.0, true), click(20.0, 5.0, false)]
        );
        let two = rectangle(10..30, 10..30).union(&rectangle(10..30, 2..8));
        assert_eq!(
            clicks_beside(&upper_side(10.0), &two, SIZE, &[4.0]),
            [click(20.0, 14.0, false)],
            "the pixel outside belongs to another part of the object"
        );
    }

    #[test]
    fn a_pixel_inside_is_found_from_the_stretch() {
        let object = rectangle(10..30, 10..30);
        let is_in = |x: i64, y: i64| object.contains(x as usize, y as usize);
        assert_eq!(pixel_inside(&upper_side(10.0), is_in), Some((20, 10)));
        assert_eq!(pixel_inside(&upper_side(35.0), is_in), None);
    }

    #[test]
    fn a_stretch_without_a_direction_has_no_clicks() {
        let object = rectangle(10..30, 10..30);
        let stretches: [&[Point]; 3] = [&[], &[[20.0, 10.0]], &[[20.0, 10.0]; 5]];
        for stretch in stretches {
            assert!(clicks_beside(stretch, &object, SIZE, &[2.0]).is_empty());
            assert_eq!(pixel_inside(stretch, |_, _| true), None);
        }
    }
}
